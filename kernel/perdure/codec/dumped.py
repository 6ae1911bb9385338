"""What is refused inside the data of a dump function, told as a fault of that function."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .model import Refusal
from .paths import described, locate
from .registry import functions_of


def within_data(refusal: Refusal, dumped: Iterable[tuple[Any, Any]]) -> Refusal:
    """The refusal of a part, told as one of the object in whose data it lies; else as it was.

    Args:
        refusal: what was refused.
        dumped: objects with the data that their dump functions gave.
    """
    for value, data in dumped:
        path = locate(data, "", refusal.part)
        if path is not None:
            part = described(refusal.part)
            returned = f"data with {part} at `{path}`" if path else part
            cause = f"{functions_of(type(value))[0]} returned {returned}. {refusal.cause}"
            return Refusal(value, cause, refusal.advice)
    return refusal
