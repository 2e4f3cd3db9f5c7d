"""One thing that the review has to say."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from meshlab.model.components import Component

Severity = Literal["error", "warning", "info"]
ORDER: tuple[Severity, ...] = ("error", "warning", "info")


@dataclass(frozen=True)
class Finding:
    """A finding about a design.

    ``error``: it does not work, or loses data, as it is; ``warning``: it works until a foreseeable thing
    happens, or it is not stated; ``info``: it was checked and holds, and what would break it.
    """

    rule: str
    severity: Severity
    components: tuple[str, ...]
    message: str
    why: str
    evidence: str
    fix: str

    def as_json(self) -> dict[str, Any]:
        """Gives the finding as ``meshlab review --json`` prints it."""
        return asdict(self) | {"components": list(self.components)}


def stated(component: Component, field: str) -> bool:
    """Whether a field says what the design said, and not what an import had to assume."""
    return not any(gap.partition(":")[0] == field for gap in component.gaps)


def names(given: tuple[str, ...] | list[str]) -> str:
    """Gives names as a person lists them: ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(given[:-1]), *given[-1:]]))
