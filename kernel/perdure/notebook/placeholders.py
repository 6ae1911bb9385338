"""What stands in a restored notebook for a value that could not be kept."""

from __future__ import annotations

from typing import Any, NoReturn

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

    def __reduce__(self) -> tuple[Any, ...]:
        fields = object.__getattribute__(self, "_perdure_fields")
        return Placeholder, (fields["name"], fields["step"], fields["type"], fields["cause"])


def _error(placeholder: Placeholder) -> NotKept:
    return NotKept(**object.__getattribute__(placeholder, "_perdure_fields"))


def _refuse(self: Placeholder, *_args: Any, **_kwargs: Any) -> NoReturn:
    raise _error(self)


def _refuse_attribute(self: Placeholder, name: str) -> NoReturn:
    if name.startswith(("_repr_", "_ipython_")):  # what the display looks for: there is none
        raise AttributeError(name)
    raise _error(self)


for _name in [
    "__call__",
    "__len__",
    "__iter__",
    "__next__",
    "__bool__",
    "__getitem__",
    "__setitem__",
    "__delitem__",
    "__contains__",
    "__enter__",
    "__aenter__",
    "__exit__",
    "__aexit__",
    "__aiter__",
    "__anext__",
    "__await__",
    "__int__",
    "__float__",
    "__index__",
    "__str__",
    "__format__",
    "__bytes__",
    "__add__",
    "__sub__",
    "__mul__",
    "__truediv__",
    "__floordiv__",
    "__mod__",
    "__pow__",
    "__matmul__",
    "__and__",
    "__or__",
    "__xor__",
    "__lshift__",
    "__rshift__",
    "__lt__",
    "__le__",
    "__gt__",
    "__ge__",
    "__setattr__",
    "__delattr__",
    "__radd__",
    "__rsub__",
    "__rmul__",
    "__rtruediv__",
    "__rmatmul__",
    "__neg__",
    "__abs__",
]:
    setattr(Placeholder, _name, _refuse)
Placeholder.__getattr__ = _refuse_attribute  # type: ignore[attr-defined]  uses that no slot answers
