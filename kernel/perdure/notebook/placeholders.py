"""What stands in a restored notebook for a value that could not be kept."""

from __future__ import annotations

from typing import Any, NoReturn

from perdure.codec.paths import with_article
from perdure.errors import NotKept


class Placeholder:
    """Says, on every use, which step made the value that belongs here, and how to get it."""

    __slots__ = ("_perdure_fields",)

    def __init__(self, name: str, step: str, type_name: str, cause: str) -> None:
        object.__setattr__(
            self, "_perdure_fields", {"name": name, "step": step, "type": type_name, "cause": cause}
        )

    def __repr__(self) -> str:
        return f"<not kept: {str(_error(self)).splitlines()[0]}>"

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith(("_repr_", "_ipython_")):  # what the display looks for: there is none
            raise AttributeError(name)
        raise _error(self)

    def __reduce__(self) -> tuple[Any, ...]:
        fields = object.__getattribute__(self, "_perdure_fields")
        return Placeholder, (fields["name"], fields["step"], fields["type"], fields["cause"])


def _error(placeholder: Placeholder) -> NotKept:
    fields = object.__getattribute__(placeholder, "_perdure_fields")
    return NotKept(**{**fields, "type": with_article(fields["type"])})


def _refuse(self: Placeholder, *_args: Any, **_kwargs: Any) -> NoReturn:
    raise _error(self)


_USES = (
    "call len iter next bool getitem setitem delitem contains enter aenter exit aexit aiter anext await "
    "int float index str format bytes add sub mul truediv floordiv mod pow matmul and or xor lshift rshift "
    "lt le gt ge eq ne hash setattr delattr radd rsub rmul rtruediv rmatmul neg abs"
)
for _use in _USES.split():
    setattr(Placeholder, f"__{_use}__", _refuse)
