"""The one place where secrets of a cluster rest: a single encrypted file, replaced whole and made durable."""

from __future__ import annotations

import base64
import json
import os
import threading
from pathlib import Path

from meshlab.live.secret import Secret
from meshlab.model import InputError, LiveError
from meshlab.model.reading import read_bytes

_MAGIC = b"meshlab strongbox 1\n"
_NONCE = 12
_TAG = 16
"""Bytes of the seal at the end; what is shorter was cut off."""


class StrongboxError(LiveError):
    """The strongbox cannot be opened or written; the text says why and holds no secret."""


class Strongbox:
    """Named secrets of one cluster in one file, encrypted with AES-256-GCM.

    The key is 32 random bytes in a file of mode 0600, or comes from a passphrase through scrypt. Each write makes a
    new file beside the old one, syncs it, renames it over and syncs the directory: a crash leaves the old or the new.

    Parameters
    ----------
    path
        The encrypted file; made at the first write.
    key_file
        Where the key is; made when neither it nor the box exists.
    passphrase
        Used instead of a key file where given.
    """

    def __init__(
        self, path: Path, key_file: Path | None = None, passphrase: Secret[str] | None = None
    ) -> None:
        if (key_file is None) == (passphrase is None):
            raise ValueError("a strongbox needs either a key file or a passphrase")
        self._path = path
        self._key_file = key_file
        self._passphrase = passphrase
        self._lock = threading.Lock()

    def names(self) -> tuple[str, ...]:
        """Gives the names of what is in it; names are not secret."""
        with self._lock:
            return tuple(sorted(self._read()))

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def get(self, name: str) -> Secret[bytes] | None:
        """Gives a secret, or None where there is none of that name."""
        with self._lock:
            value = self._read().get(name)
        return None if value is None else Secret(value, name=name)

    def need(self, name: str) -> Secret[bytes]:
        """Gives a secret that must be there.

        Raises
        ------
        StrongboxError
            It is not.
        """
        found = self.get(name)
        if found is None:
            raise StrongboxError(
                f"the strongbox {self._path.name} holds no {name!r}; the step that makes it has not run"
            )
        return found

    def put(self, name: str, secret: Secret[str] | Secret[bytes], *, replace: bool = False) -> None:
        """Puts a secret in; when this returns it is on disk. A name that is taken is refused unless `replace`."""
        with self._lock:
            content = self._read()
            value = secret.reveal_bytes()
            if name in content and not replace and content[name] != value:
                raise StrongboxError(f"the strongbox already holds {name!r}; it is not overwritten")
            content[name] = value
            self._write(content)

    def retire(self, names: tuple[str, ...], life: int) -> None:
        """Moves secrets of a cluster that is gone out of the way, under ``retired/<life>/``; nothing is lost."""
        with self._lock:
            content = self._read()
            for name in names:
                if name in content:
                    content[f"retired/{life}/{name}"] = content.pop(name)
            self._write(content)

    def prove_writable(self) -> None:
        """Writes, syncs and reads back a mark: what is asked before a call whose reply is the only copy of a key.

        Raises
        ------
        StrongboxError
            The box cannot be written now.
        """
        mark = os.urandom(16)
        with self._lock:
            content = self._read()
            content[".proof"] = mark
            self._write(content)
            if self._read().get(".proof") != mark:
                raise StrongboxError(f"the strongbox {self._path.name} did not keep what was written to it")
            del content[".proof"]
            self._write(content)

    def _read(self) -> dict[str, bytes]:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if not os.path.lexists(self._path):
            return {}
        try:
            raw = read_bytes(self._path)
        except InputError as error:
            raise StrongboxError(f"the strongbox cannot be read: {error}") from error
        if not raw.startswith(_MAGIC):
            raise StrongboxError(f"{self._path.name} is not a strongbox of this version")
        head = len(_MAGIC) + 16
        salt, nonce, sealed = raw[len(_MAGIC) : head], raw[head : head + _NONCE], raw[head + _NONCE :]
        if len(sealed) < _TAG:
            raise StrongboxError(f"the strongbox {self._path.name} is cut off: restore it from a copy")
        try:
            content = json.loads(AESGCM(self._key(salt)).decrypt(nonce, sealed, _MAGIC))
            return {name: base64.b64decode(value, validate=True) for name, value in content.items()}
        except InvalidTag:
            raise StrongboxError(
                f"the strongbox {self._path.name} does not open with this key:"
                " the key is another one, or the file is damaged"
            ) from None
        except (ValueError, AttributeError, TypeError):
            raise StrongboxError(
                f"the strongbox {self._path.name} opens, but what is in it is none"
            ) from None

    def _write(self, content: dict[str, bytes]) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        salt, nonce = os.urandom(16), os.urandom(_NONCE)
        text = json.dumps(
            {name: base64.b64encode(value).decode() for name, value in content.items()}
        ).encode()
        sealed = _MAGIC + salt + nonce + AESGCM(self._key(salt)).encrypt(nonce, text, _MAGIC)
        scratch = self._path.with_name(self._path.name + ".new")
        try:
            write_durably(scratch, sealed)
            scratch.replace(self._path)
            sync_directory(self._path.parent)
        except OSError as error:
            raise StrongboxError(f"the strongbox {self._path.name} cannot be written: {error}") from error

    def _key(self, salt: bytes) -> bytes:
        if self._passphrase is not None:
            from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

            return Scrypt(salt=salt, length=32, n=2**15, r=8, p=1).derive(self._passphrase.reveal_bytes())
        assert self._key_file is not None
        if not self._key_file.exists():
            if self._path.exists():
                raise StrongboxError(
                    f"the key file {self._key_file.name} of the strongbox is gone; without it the box stays shut"
                )
            write_durably(self._key_file, os.urandom(32))
            sync_directory(self._key_file.parent)
        if not self._key_file.is_file():
            raise StrongboxError(f"the key file {self._key_file.name} is no regular file")
        mode = self._key_file.stat().st_mode & 0o077
        if mode:
            raise StrongboxError(f"the key file {self._key_file.name} can be read by others: chmod 600 it")
        try:
            key = read_bytes(self._key_file)
        except InputError as error:
            raise StrongboxError(f"the key of the strongbox cannot be read: {error}") from error
        if len(key) != 32:
            raise StrongboxError(f"the key file {self._key_file.name} does not hold a key of 32 bytes")
        return key


def write_durably(path: Path, data: bytes) -> None:
    """Writes a private file (mode 0600) and syncs it to disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Makes a rename in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
