"""What all errors have in common."""

from __future__ import annotations

import inspect
from typing import Any

_PACKAGE = __name__.rpartition(".")[0]


def _rebuild(cls: type[PerdureError], fields: dict[str, Any]) -> PerdureError:
    """Make the error again from its fields (the inverse of `PerdureError.__reduce__`)."""
    return cls(**fields)


AGAIN = "Run its step again with `--redo` (a function: `using(redo=...)`)."
"""What to do about a value that cannot be had any more."""


class PerdureError(Exception):
    """Perdure cannot go on."""

    def __init_subclass__(cls) -> None:
        """Name the class as it is imported, whichever file it stands in."""
        if cls.__module__.startswith(f"{_PACKAGE}."):
            cls.__module__ = _PACKAGE

    def __init__(self, **fields: Any) -> None:
        self.fields = fields
        for name, value in fields.items():
            setattr(self, name, value)
        super().__init__(inspect.cleandoc(type(self).__doc__ or "").format(**fields))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as class and fields, not as a finished message."""
        return _rebuild, (type(self), self.fields)

    def _render_traceback_(self) -> list[str]:
        """The lines that IPython shows in place of a traceback."""
        return f"{type(self).__name__}: {self}".splitlines()
