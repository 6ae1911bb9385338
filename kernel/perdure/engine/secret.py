"""`Secret`: a text that is shown nowhere, and kept encrypted.

1. Neither `repr`, `str`, `format`, a preview nor an error shows it; only `.reveal()` gives it.
2. It is stored encrypted with this user's key, or not at all; other ways to pickle it are refused. A copy
   that no store sees needs no encryption.
3. As an input it counts by its content: by a code that nobody without this user's key can compute.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, final

from perdure.codec.model import Refusal
from perdure.errors import NeedsPackage

from .process import cipher

_CONTEXT = b"perdure Secret"
_KINDS = {"str": str, "bytes": bytes}
_copied: ContextVar[list[Secret] | None] = ContextVar("perdure_copied", default=None)


@contextmanager
def copying(secrets: list[Secret]) -> Iterator[None]:
    """In the block, values are encoded or decoded for a copy inside this process, and stored nowhere.

    The bytes hold no secret, but its place in this list: both blocks need the same one.
    """
    token = _copied.set(secrets)
    try:
        yield
    finally:
        _copied.reset(token)


@final
class Secret:
    """A password, a token or a key, as text or bytes; `.reveal()` gives it."""

    __slots__ = ("_value",)

    _value: str | bytes

    def __init__(self, value: str | bytes) -> None:
        if type(value) not in (str, bytes):
            raise TypeError(
                f"a Secret holds a str or bytes, not a {type(value).__name__}: give each part its own Secret"
            )
        object.__setattr__(self, "_value", value)

    def reveal(self) -> Any:
        """The text or bytes."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(•••)"

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("a Secret cannot be changed; make another one")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a Secret cannot be changed; make another one")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return type(self._value) is type(other._value) and hmac.compare_digest(self._bytes(), other._bytes())

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: Any) -> Secret:
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("a Secret is not pickled: pass `.reveal()` where its text is needed")

    def __perdure_dump__(self) -> dict[str, Any]:
        copied = _copied.get()
        if copied is not None:
            copied.append(self)
            return {"copied": len(copied) - 1}
        try:
            # Equal bytes for equal secrets, as their digests are: what holds one is stored once.
            sealed = cipher().seal(self._bytes(), self._context(), same=True)
        except NeedsPackage as error:
            cause = "A secret is kept encrypted only, which needs the package `cryptography`."
            raise Refusal(self, cause, 'Install it with `pip install "perdure[encrypt]"`.') from error
        return {"kind": type(self._value).__name__, "sealed": sealed}

    def __perdure_digest__(self) -> bytes:
        return cipher().mac(self._context() + b"\0" + self._bytes())

    @classmethod
    def __perdure_load__(cls, data: dict[str, Any]) -> Secret:
        copied = _copied.get()
        if copied is not None:
            place: int = data["copied"]
            return copied[place]
        kind = data["kind"]
        plain = cipher().open(data["sealed"], b"%s %s" % (_CONTEXT, kind.encode()))
        return cls(plain.decode("utf-8", "surrogatepass") if _KINDS[kind] is str else plain)

    def _bytes(self) -> bytes:
        value = self._value
        return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value

    def _context(self) -> bytes:
        return b"%s %s" % (_CONTEXT, type(self._value).__name__.encode())
