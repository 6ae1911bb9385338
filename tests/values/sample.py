"""What the tests of values are made of: a named value, made anew whenever it is needed, and how to compare it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from values.alike import alike


@dataclass(frozen=True)
class Sample:
    """One value by the name of its type, as the reference page lists it."""

    name: str
    make: Callable[[], Any]
    """Makes the value; alike each time, in any process."""
    same: Callable[[Any, Any], None] = alike
    """Raises AssertionError where the second value is not as the first was."""
    digests: bool = True
    """False where the type has no content that a digest could read (it is weak)."""


AREAS = sorted(path.stem for path in (Path(__file__).parent / "samples").glob("*.py"))


def samples(area: str) -> list[Sample]:
    """The samples of `samples/<area>.py`; their names differ."""
    found: list[Sample] = import_module(f"values.samples.{area}").SAMPLES
    assert len({sample.name for sample in found}) == len(found), f"two samples in {area} have one name"
    return found


def placed(sample: Sample) -> Iterator[tuple[str, Any, Callable[[Any], list[Any]]]]:
    """The value at each place where it may stand: the place, the whole, and how to find it in there again."""
    yield "alone", sample.make(), lambda whole: [whole]
    value = sample.make()
    yield "list item, twice", [value, [value], 1], lambda whole: [whole[0], whole[1][0]]
    yield "dict value", {"a": {"b": sample.make()}, 1: ()}, lambda whole: [whole["a"]["b"]]
    try:
        hash(sample.make())
    except (TypeError, ValueError):  # a view of memory raises the second
        return
    yield "dict key", {sample.make(): 1}, list
    yield "set element", {sample.make()}, list
    yield "tuple item", (sample.make(), None), lambda whole: [whole[0]]
