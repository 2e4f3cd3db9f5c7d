"""Files that only their owner may read, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from meshlab.model.errors import InputError


def write(path: Path, text: str) -> None:
    """Writes a file of mode 0600 in place of what was there; a link is replaced, not followed.

    Raises
    ------
    InputError
        There is a folder or another thing that is no file, or it cannot be written; nothing is changed then.
    """
    if not path.is_symlink() and path.exists() and not path.is_file():
        what = "a folder" if path.is_dir() else "no ordinary file"
        raise InputError.single(path, f"this is {what}, and a file is to be written", "name a file in it")
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(fresh, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        fresh.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise InputError.single(path, f"this cannot be written: {error.strerror or error}") from None
