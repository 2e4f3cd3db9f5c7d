"""The command line as the base alone runs it: what only extras bring cannot be found.

    python base_only.py < commands.json > answers.json

One process runs all commands: a list of argument lists comes in, a list of [exit code, stdout, stderr] goes out.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import sys
import traceback
from collections.abc import Sequence
from importlib import metadata
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any


def installed_with(extras: set[str]) -> set[str]:
    """The distributions that meshlab brings with these extras, by the metadata of what is installed here."""
    from packaging.requirements import Requirement

    found: set[str] = set()
    waiting = [("meshlab", extra) for extra in ("", *extras)]
    seen = set(waiting)
    while waiting:
        name, extra = waiting.pop()
        try:
            asked = [Requirement(each) for each in metadata.requires(name) or []]
        except metadata.PackageNotFoundError:
            continue
        found.add(_normal(name))
        for requirement in asked:
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                more = {(_normal(requirement.name), each) for each in ("", *requirement.extras)}
                waiting += more - seen
                seen |= more
    return found


def hidden_modules() -> set[str]:
    """The modules that are installed here and that the base does not bring."""
    base = installed_with(set())
    return {
        module
        for module, homes in metadata.packages_distributions().items()
        if not base & {_normal(home) for home in homes}
    }


def hide(hidden: set[str]) -> None:
    """Make the import system find these modules no more than if they were not installed."""

    class Finder(PathFinder):
        @classmethod
        def find_spec(
            cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
        ) -> ModuleSpec | None:
            return None if fullname.partition(".")[0] in hidden else super().find_spec(fullname, path, target)

    sys.meta_path[sys.meta_path.index(PathFinder)] = Finder
    for name in [name for name in sys.modules if name.partition(".")[0] in hidden]:
        del sys.modules[name]


def run(arguments: list[str]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of one command; 1 and a traceback where it raised."""
    from meshlab import cli

    out, err = io.StringIO(), io.StringIO()
    sys.argv = ["meshlab", *arguments]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli.main()
            code: Any = 0
        except SystemExit as left:
            code = left.code
        except BaseException:
            traceback.print_exc()
            code = 1
    return int(code or 0), out.getvalue(), err.getvalue()


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    commands = json.load(sys.stdin)
    hide(hidden_modules())
    print(json.dumps([run(command) for command in commands]))
