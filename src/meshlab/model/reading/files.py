"""Bytes and text of a file that a person named: a regular one, no larger than the limits, UTF-8."""

from __future__ import annotations

import os
import select
import stat
import time
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

from meshlab.model.errors import InputError, Problem
from meshlab.model.reading.limits import TEXT, Limits, beyond, told

STDIN = "-"
_CHUNK = 1 << 20
_OWN_STREAMS = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")
_KINDS = {
    stat.S_IFIFO: "a pipe that has a name",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def read_text(path: str | Path, limits: Limits = TEXT, hint: str = "") -> str:
    """Gives the text of a file.

    Parameters
    ----------
    path
        A regular file; ``-`` is standard input, and what the shell gives for ``<(…)`` is read as well.
    hint
        What to do where the file cannot be had, in place of the general word.

    Raises
    ------
    InputError
        It is not there, is no regular file, is beyond the limits or is not UTF-8 (names the line).
    """
    return text_of(read_bytes(path, limits, hint), str(path))


def read_bytes(path: str | Path, limits: Limits = TEXT, hint: str = "") -> bytes:
    """Gives the bytes of a file; see `read_text`."""
    limits = limits.raised()
    name = str(path)
    try:
        if name == STDIN:
            return _stream(os.dup(0), name, limits)
        return _file(Path(path), name, limits)
    except FileNotFoundError:
        raise InputError.single(name, "there is no such file", hint or near_file(Path(path))) from None
    except IsADirectoryError:
        raise InputError.single(name, "is a folder, not a file", hint or "name a file in it") from None
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL in it
        why = getattr(error, "strerror", None) or str(error)
        raise InputError.single(name, f"cannot be read: {why.lower()}", hint or "check the path") from None


def text_of(data: bytes, file: str) -> str:
    """Gives bytes as text; what is not UTF-8 is named with its line."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        start = data.rfind(b"\n", 0, error.start) + 1
        message = f"not UTF-8 text: the byte 0x{data[error.start]:02x}"
        raise InputError(
            [Problem(file, line, error.start - start + 1, message, "save the file as UTF-8")]
        ) from None


def file_lines(path: str | Path, limits: Limits = TEXT, hint: str = "") -> Iterator[tuple[int, str]]:
    """Gives the lines of a text file with their numbers; a byte that is not UTF-8 is shown as such (logs have them)."""
    text = read_bytes(path, limits, hint).decode("utf-8", errors="replace")
    return enumerate(text.split("\n"), 1)


def near_file(path: Path) -> str:
    """Gives a file of nearly that name, or says that even the folder is not there."""
    try:
        if not path.parent.is_dir():
            return f"nor is there a folder {path.parent}"
        names = [entry.name for entry, _ in zip(os.scandir(path.parent), range(2_000), strict=False)]
    except (OSError, ValueError):
        return "check the path"
    near = get_close_matches(path.name[:255], names, n=1)
    return f"did you mean {path.parent / near[0]}?" if near else "check the path"


def _file(path: Path, name: str, limits: Limits) -> bytes:
    own = name.startswith(_OWN_STREAMS)
    _refuse_what_is_no_file(path.stat().st_mode, name, own)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    found = os.fstat(descriptor)
    if stat.S_ISFIFO(found.st_mode) and own:
        return _stream(descriptor, name, limits)
    try:
        _refuse_what_is_no_file(found.st_mode, name, own)
        if found.st_size > limits.size:
            raise _too_large(name, limits, f"is {told(found.st_size)} large")
        return _all(descriptor, name, limits)
    finally:
        os.close(descriptor)


def _refuse_what_is_no_file(mode: int, name: str, own: bool) -> None:
    if stat.S_ISREG(mode) or (own and stat.S_ISFIFO(mode)):
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError
    what = _KINDS.get(stat.S_IFMT(mode), "no regular file")
    raise InputError.single(name, f"is {what}, not a file", "name a regular file")


def _all(descriptor: int, name: str, limits: Limits) -> bytes:
    """All that a file holds: some (of /proc) are longer than they say."""
    parts: list[bytes] = []
    count = 0
    while part := os.read(descriptor, _CHUNK):
        parts.append(part)
        count += len(part)
        if count > limits.size:
            raise _too_large(name, limits, f"is longer than {told(limits.size)}")
    return b"".join(parts)


def _stream(descriptor: int, name: str, limits: Limits) -> bytes:
    """All that comes through a pipe until its other end closes it."""
    parts: list[bytes] = []
    count = 0
    deadline = time.monotonic() + limits.time
    try:
        while True:
            ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise beyond(name, f"did not end within {limits.time:g} s", "time")
            part = os.read(descriptor, _CHUNK)
            if not part:
                return b"".join(parts)
            parts.append(part)
            count += len(part)
            if count > limits.size:
                raise _too_large(name, limits, f"is longer than {told(limits.size)}")
    finally:
        os.close(descriptor)


def _too_large(name: str, limits: Limits, message: str) -> InputError:
    return beyond(name, f"{message}; at most {told(limits.size)} are read", "size")
