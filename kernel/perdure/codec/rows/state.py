"""What pickle does with the state of an object, and what it forgets."""

from __future__ import annotations

from typing import Any


def fill_attributes(made: Any, state: tuple[Any, dict[str, Any] | None]) -> None:
    """Give an object its state as pickle would, then the attributes that pickle forgets."""
    set_state(made, state[0])
    for name, value in (state[1] or {}).items():
        object.__setattr__(made, name, value)


def set_state(made: Any, state: Any) -> None:
    """What pickle does with a state."""
    if state is None:
        return
    if hasattr(made, "__setstate__"):
        made.__setstate__(state)
        return
    attributes, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)  # noqa: PLR2004
    made.__dict__.update(attributes or {})
    for name, value in (slots or {}).items():
        setattr(made, name, value)


def reducing_class(cls: type) -> type | None:
    """The class that says how its objects are pickled; None where that is `object`."""
    return next(
        (
            base
            for base in cls.__mro__
            if base is not object and ("__reduce_ex__" in vars(base) or "__reduce__" in vars(base))
        ),
        None,
    )


def hung_on(obj: Any) -> dict[str, Any]:
    """Attributes that a user hung on an object of a package: public names that its class does not know."""
    known = {*dir(type(obj)), *_KNOWN.get(type(obj).__module__, ())}
    return {
        name: value
        for name, value in (getattr(obj, "__dict__", None) or {}).items()
        if not name.startswith("_") and name not in known
    }


_KNOWN = {"ipaddress": ("network_address", "netmask")}
"""What objects of a module hold though their classes do not tell it."""


def with_attributes(obj: Any, form: Any) -> Any:
    """A reduced form with what a user hung on the object, where its package's own form forgets that."""
    hung = hung_on(obj)
    if not hung or form is NotImplemented:
        return form
    make, args, state, *items = (*form, None, None, None)[:5]
    return make, args, (state, hung), *items, fill_attributes
