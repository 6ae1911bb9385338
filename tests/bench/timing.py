"""Times of all contenders for one value: interleaved rounds in one process, medians."""

from __future__ import annotations

import copy
import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench.contenders import Contender
from bench.difference import difference

SHARE = 0.004
"""Seconds for which a small act is repeated in each round."""


@dataclass(slots=True)
class Cell:
    """What one contender did with one value: its times, or why there are none."""

    failed: str = ""
    act: Callable[[], Any] | None = None
    repeats: int = 1
    times: list[float] = field(default_factory=list)

    @property
    def seconds(self) -> float | None:
        """The median; None where the act failed, or gave a wrong answer."""
        return statistics.median(self.times) if self.times and not self.failed else None


Cells = dict[tuple[str, str], Cell]
"""By contender and act (`encode`, `decode`, `digest`)."""


def measured(value: Any, contenders: list[Contender], rounds: int) -> Cells:
    """The cells of one value. What fails or changes the value is not timed."""
    cells: Cells = {}
    for contender in contenders:
        cells.update(_prepared(value, contender))
    gc.collect()
    gc.freeze()  # or looking through the value and all modules takes longer than what is measured
    for _ in range(rounds):
        for cell in cells.values():
            if cell.act is not None and not cell.failed:
                _go(cell, cell.act)
    gc.unfreeze()
    return cells


def _go(cell: Cell, act: Callable[[], Any]) -> None:
    """One more time; the first says how often a quick act is repeated from then on."""
    seconds = _timed(act, cell.repeats)
    if not cell.times and seconds < SHARE:
        cell.repeats = round(SHARE / seconds)
        seconds = _timed(act, cell.repeats)
    cell.times.append(seconds)


def _prepared(value: Any, contender: Contender) -> Cells:
    """Its acts, each seen to give the right answer once."""
    made: Cells = {}
    encode, decode, digest = contender.encode, contender.decode, contender.digest
    if encode is not None and decode is not None:
        failed, data = _wrong(value, encode, decode)
        made[contender.name, "encode"] = Cell(failed, lambda: encode(value))
        made[contender.name, "decode"] = Cell(failed, lambda: decode(data))
    if digest is not None:
        made[contender.name, "digest"] = Cell(_unstable(value, digest), lambda: digest(value))
    return made


def _wrong(value: Any, encode: Callable[[Any], Any], decode: Callable[[Any], Any]) -> tuple[str, Any]:
    """What is wrong with the value that comes back, and the bytes."""
    try:
        data = encode(value)
        changed = difference(value, decode(data))
    except Exception as error:  # noqa: BLE001  whatever it is, there is no value
        return f"fails: {type(error).__name__}", None
    return (f"changed: {changed}", None) if changed else ("", data)


def _unstable(value: Any, digest: Callable[[Any], Any]) -> str:
    try:
        return "" if digest(value) == digest(copy.deepcopy(value)) else "another for a copy"
    except Exception as error:  # noqa: BLE001  whatever it is, there is no digest
        return f"fails: {type(error).__name__}"


def _timed(act: Callable[[], Any], repeats: int) -> float:
    """Seconds for one act; what it made is freed after the clock was read."""
    gc.collect()
    gc.disable()
    try:
        if repeats == 1:
            began = time.perf_counter()
            made = act()
            ended = time.perf_counter()
            del made
        else:
            began = time.perf_counter()
            for _ in range(repeats):
                act()
            ended = time.perf_counter()
    finally:
        gc.enable()
    return (ended - began) / repeats
