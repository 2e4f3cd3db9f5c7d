"""What goes wrong for a user, said so that they can mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


class MeshlabError(Exception):
    """The root of every error that meshlab raises on purpose.

    ``exit_code`` is what the command line answers with: 1 a check did not hold, 2 bad input,
    3 the live side failed and the run can be resumed.
    """

    exit_code = 2


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in a file: where, what, and what to do about it.

    ``line`` and ``column`` count from 1; 0 means that the place is not known.
    """

    file: str
    line: int
    column: int
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = self.file if not self.line else f"{self.file}:{self.line}"
        return f"{place}: {self.message}" + (f" - {self.hint}" if self.hint else "")


class InputError(MeshlabError):
    """Bad input: every problem found in it at once, sorted by place."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))

    @classmethod
    def single(cls, file: str | Path, message: str, hint: str = "", line: int = 0) -> InputError:
        return cls([Problem(str(file), line, 0, message, hint)])


class CheckFailed(MeshlabError):
    """A check did not hold: a drift, a failed verification."""

    exit_code = 1


class LiveError(MeshlabError):
    """The live side failed; what was done is in the journal and the run can be resumed."""

    exit_code = 3
