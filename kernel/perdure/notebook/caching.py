"""The results that other runs may use (`@step(cache=True)`): a list of them, and how they are cleared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from perdure.codec.masking import escaped
from perdure.engine import clock
from perdure.engine.durations import size_words, words
from perdure.engine.naming import recorded

if TYPE_CHECKING:
    from perdure.store import Store
    from perdure.store.records import CallRecord

MOST = 20
"""Lines of a list; further ones are counted."""
NAMED = 3
"""So many runs are named in a line."""

_NOTHING = "No step's result may be used by other runs: none is marked with `cache=`."
_RIGHT = ("results", "result", "size")


@dataclass(frozen=True, slots=True)
class Cached:
    """The results that other runs may use, the newest first, as text."""

    calls: tuple[CallRecord, ...]
    workflows: dict[str, str]
    """The workflow of each run, by its id."""
    step: str | None
    """Of which step, if one was named."""
    now: float

    def __repr__(self) -> str:
        if not self.calls:
            return _none(self.step)
        if self.step is None:
            rows = [("step", "results", "size", "newest", "from"), *map(self._of_a_step, self._by_step())]
            foot = "One step's: `cache STEP`. With `--clear`, they are computed anew."
        else:
            rows = [("inputs", "size", "age", "from"), *map(self._of_a_call, self.calls)]
            foot = f"`cache {escaped(self.step)} --clear` has them computed anew."
        more = len(rows) - 1 - MOST
        rest = [f"and {more:,} more"] if more > 0 else []
        return "\n".join([self._head(), "", *_table(rows[: MOST + 1]), *rest, "", foot])

    def _head(self) -> str:
        size = size_words(sum(call.bytes for call in self.calls))
        return f"{told(self.calls)}, {size}, may be used by other runs."

    def _by_step(self) -> list[list[CallRecord]]:
        steps: dict[str, list[CallRecord]] = {}
        for call in self.calls:
            steps.setdefault(call.step, []).append(call)
        return list(steps.values())

    def _of_a_step(self, calls: list[CallRecord]) -> tuple[str, ...]:
        size = size_words(sum(call.bytes for call in calls))
        return escaped(calls[0].step), f"{len(calls):,}", size, self._age(calls[0]), self._runs(calls)

    def _of_a_call(self, call: CallRecord) -> tuple[str, ...]:
        inputs = ", ".join(f"{part.name}={part.preview}" for part in call.input_parts if part.preview)
        return escaped(inputs) or "-", size_words(call.bytes), self._age(call), self._runs([call])

    def _age(self, call: CallRecord) -> str:
        return f"{words(self.now - (call.ended or call.started))} ago"

    def _runs(self, calls: Iterable[CallRecord]) -> str:
        runs = list(dict.fromkeys(call.run for call in calls))
        named = [f"{run} of {escaped(self.workflows.get(run, '?'))}" for run in runs[:NAMED]]
        return ", ".join([*named, *([f"{len(runs) - NAMED:,} more"] if len(runs) > NAMED else [])])


def cached(store: Store, step: str | None = None) -> Cached:
    """The results in a store that other runs may use; of a step, if it is named, also in short."""
    calls = store.journal.cached_calls()
    if step is not None:
        meant = recorded(step, (call.step for call in calls))
        calls = [call for call in calls if call.step in meant]
    runs = {call.run for call in calls}
    found = {run.id: run.workflow for run in store.journal.runs() if run.id in runs}
    return Cached(tuple(calls), found, step, clock.now())


def clear(store: Store, step: str | None = None) -> str:
    """Let no other run use these results any more, and say which; the runs that have them keep them."""
    calls = cached(store, step).calls
    for name in {call.step for call in calls}:
        store.journal.uncache(name)
    if not calls:
        return _none(step)
    return f"Cleared {told(calls)}: other runs compute them anew. The runs that have them keep them."


def told(calls: Sequence[CallRecord]) -> str:
    """How many results of which steps these are."""
    steps = list(dict.fromkeys(call.step for call in calls))
    of = f"`{escaped(steps[0])}`" if len(steps) == 1 else f"{len(steps):,} steps"
    return f"{len(calls):,} result{'' if len(calls) == 1 else 's'} of {of}"


def _none(step: str | None) -> str:
    return _NOTHING if step is None else f"No result of `{escaped(step)}` may be used by other runs."


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    sides = [">" if title in _RIGHT else "<" for title in rows[0]]
    return [
        "  ".join(
            f"{text:{side}{width}}" for text, side, width in zip(row, sides, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
