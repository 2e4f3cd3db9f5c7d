"""A value that must not be seen: it masks itself everywhere and is opened only on purpose."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any, Generic, NoReturn, TypeVar

MASK = "********"

T = TypeVar("T", bound=str | bytes)


class SecretLeak(TypeError):
    """Something tried to write a secret where it does not belong (JSON, iteration, concatenation)."""


class Secret(Generic[T]):
    """A secret string or byte string that shows ``********`` wherever it is shown.

    ``repr``, ``str``, ``format``, ``%s``, f-strings, tracebacks, ``vars`` and dataclass reprs give the mask.
    ``pickle`` carries the mask in place of the value. ``json`` refuses it by itself; pass ``default=Secret.mask``
    to write the mask instead. Only :meth:`reveal` gives the value.

    Parameters
    ----------
    value
        The secret, text or bytes. Another Secret is taken over as it is.
    name
        What it is, in a few words ("Vault root token"); shown with the mask, so it must not be secret itself.

    Examples
    --------
    >>> token = Secret("s.abc123", name="root token")
    >>> token
    Secret(root token: ********)
    >>> f"the token is {token}"
    'the token is ********'
    >>> token.reveal()
    's.abc123'
    """

    __slots__ = ("__name", "__open")

    def __init__(self, value: T | Secret[T], *, name: str = "") -> None:
        if isinstance(value, Secret):
            name = name or value.name
            value = value.reveal()
        if not isinstance(value, (str, bytes)):
            raise TypeError(f"a Secret holds text or bytes, not {type(value).__name__}")
        self.__name = name
        # A closure, not an attribute: debuggers and object dumpers that walk slots meet a function, not the value.
        self.__open: Callable[[], T] = _closed(value)

    @property
    def name(self) -> str:
        """What this secret is; never the secret."""
        return self.__name

    def reveal(self) -> T:
        """Give the value itself. Call it at the last moment, where the value leaves the process."""
        return self.__open()

    def reveal_bytes(self) -> bytes:
        """Give the value as bytes (text is encoded as UTF-8)."""
        value: str | bytes = self.__open()
        return value.encode() if isinstance(value, str) else value

    def reveal_text(self) -> str:
        """Give the value as text (bytes are decoded as UTF-8)."""
        value: str | bytes = self.__open()
        return value.decode() if isinstance(value, bytes) else value

    @staticmethod
    def mask(value: object = None) -> str:
        """Give the mask for a Secret; for use as ``json.dumps(…, default=Secret.mask)``."""
        if value is None or isinstance(value, Secret):
            return MASK
        raise TypeError(f"{type(value).__name__} is not JSON serializable")

    def __repr__(self) -> str:
        return f"Secret({self.__name}: {MASK})" if self.__name else f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __bool__(self) -> bool:
        return bool(self.__open())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.reveal_bytes(), other.reveal_bytes())

    # A hash would let a secret be guessed from a dump of hashes, and makes it a dictionary key by accident.
    __hash__ = None  # type: ignore[assignment]

    def __iter__(self) -> NoReturn:
        raise SecretLeak(f"{self!r} cannot be iterated; call reveal() where the value leaves the process")

    def __add__(self, other: object) -> NoReturn:
        raise SecretLeak(f"{self!r} cannot be concatenated; call reveal() where the value leaves the process")

    __radd__ = __add__

    def __reduce__(self) -> tuple[Any, ...]:
        return (_masked, (self.__name,))

    def __copy__(self) -> Secret[T]:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Secret[T]:
        return self

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> Any:
        """Let a pydantic model hold a Secret: plain values are wrapped, dumps and error texts show the mask."""
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, Secret) else cls(value),
            serialization=core_schema.plain_serializer_function_ser_schema(lambda _: MASK),
        )

    def _ipython_display_(self) -> None:
        print(repr(self))


def _closed(value: T) -> Callable[[], T]:
    return lambda: value


def _masked(name: str) -> Secret[str]:
    return Secret(MASK, name=name)
