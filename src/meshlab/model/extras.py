"""Which extra of meshlab brings a package that is not installed; the package's own metadata decides."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec

from meshlab.model.errors import MeshlabError

_DISTRIBUTIONS = {"google": "protobuf", "grpc": "grpcio"}
"""Packages that are imported under another name than they are installed."""
_BROUGHT = re.compile(r"""^(?P<package>[\w.-]+).*;.*\bextra == ["'](?P<extra>[\w-]+)["']""")


class MissingExtra(MeshlabError):
    """What was asked for takes a package that an extra of meshlab brings; the message says what to install."""


def require(*modules: str) -> None:
    """Raise `MissingExtra` for the first of these modules that is not installed."""
    for module in modules:
        if find_spec(module) is None:
            raise missing(ModuleNotFoundError(name=module))


def missing(error: ModuleNotFoundError) -> MissingExtra:
    """Gives the word for an import that failed; raises the error itself again where no extra brings the module."""
    module = (error.name or "").partition(".")[0]
    extra = _extra(module, rooms=set(_rooms(error)))
    if extra is None:
        raise error
    return MissingExtra(
        f"this takes the package {module}, which is not installed: pip install 'meshlab[{extra}]'"
    )


def _extra(module: str, rooms: set[str]) -> str | None:
    """The extra named like a room that the import was for, else the smallest that brings the module."""
    found = sorted(_bringing(module), key=lambda extra: (extra not in rooms, len(_extras()[extra]), extra))
    return found[0] if found else None


def _bringing(module: str) -> list[str]:
    package = _normal(_DISTRIBUTIONS.get(module, module))
    return [extra for extra, packages in _extras().items() if package in packages]


def _extras() -> dict[str, set[str]]:
    """The packages of each extra, those of the extras it includes too."""
    from importlib import metadata

    try:
        requirements = metadata.requires("meshlab") or []
    except metadata.PackageNotFoundError:
        return {}
    found: dict[str, set[str]] = {}
    for requirement in requirements:
        if match := _BROUGHT.match(requirement):
            found.setdefault(match["extra"], set()).add(_normal(match["package"]))
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _rooms(error: ModuleNotFoundError) -> Iterator[str]:
    """The rooms of meshlab that the failed import was on the way through."""
    step = error.__traceback__
    while step is not None:
        home, _, inside = step.tb_frame.f_globals.get("__name__", "").partition(".")
        if home == "meshlab":
            yield inside.partition(".")[0]
        step = step.tb_next
