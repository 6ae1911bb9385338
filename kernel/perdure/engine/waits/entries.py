"""`state`: a small durable dict of a workflow, which outlives its runs.

1. What a step changes is written in the commit of its end, or not at all: an attempt that fails, is given
   up or is killed changes nothing.
2. What a body reads and writes is recorded: a replay reads the same, and writes nothing twice.
3. Entries travel by value: what is read is a copy, and is put back by assigning it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from perdure import codec
from perdure.engine import clock, keeping
from perdure.engine.current import current, in_worker
from perdure.engine.decide import Restore
from perdure.engine.inputs import combined, input_part
from perdure.engine.scope import Scope, current_scope
from perdure.engine.stored import opened
from perdure.errors import NotInRun, NotInWorker
from perdure.store.records import Part, Place, Record, StateRecord, ValueRecord

from .asking import asked, noted, ready

if TYPE_CHECKING:
    from perdure.codec import Encoded

T = TypeVar("T")
_STEP = "perdure.state"
_TRIES = 10
"""How often an entry is looked at again whose value was replaced, and dropped, just then."""
_lock = threading.Lock()


def state(name: str) -> MutableMapping[str, Any]:
    """The durable dict with this name of the workflow in whose run it is used; its keys are text.

    In a step, reads see the newest entries and what the step itself changed; what it changes is written in
    the commit of its end. Of two that change one entry at the same time, the one that commits last wins.

    Raises:
        TypeError: the name is no text.
        NotInRun: raised when it is used outside every run.
        NotInWorker: raised when it is used in a worker of an executor.
    """
    return State(_text(name, "the name of a state"))


class State(MutableMapping[str, Any]):
    """A durable dict. Nothing of it is held here: each use asks for what there is."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getitem__(self, item: str) -> Any:
        text = _text(item, "a key of a state")
        found = self._read("get", lambda entries: entries.value(text), text)
        if not found:
            raise KeyError(item)
        return found[0]

    def __contains__(self, item: object) -> bool:
        return isinstance(item, str) and self._read("has", lambda entries: item in entries.records(), item)

    def __iter__(self) -> Iterator[str]:
        return iter(self._read("keys", lambda entries: sorted(entries.records())))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __setitem__(self, item: str, value: Any) -> None:
        path = f"state({json.dumps(self._name)})[{json.dumps(_text(item, 'a key of a state'))}]"
        self._write(item, input_part("value", value), keeping.encode(value, name=path))

    def __delitem__(self, item: str) -> None:
        if item not in self:
            raise KeyError(item)
        self._write(item, Part("value", "", preview="deleted"), None)

    def _read(self, what: str, read: Callable[[Entries], T], *more: str) -> T:
        """What is read; in a body it is recorded."""
        entries = self._entries()
        if entries.attempt is not None:
            entries.attempt.check()
            return read(entries)
        # What the body wrote before is an input of what it reads: an edited body does not read what it wrote.
        written = [part for item, part in entries.written() if item in more or not more]
        after = [replace(part, name=str(number)) for number, part in enumerate(written)]
        parts = (*_parts(self._name, what, *more), *([Part("after", combined(after))] if after else ()))
        found: T = noted(entries.scope, _STEP, lambda: read(entries), parts)
        return found

    def _write(self, item: str, value: Part, encoded: Encoded | None) -> None:
        entries = self._entries()
        if entries.attempt is not None:
            entries.attempt.check()
            entries.change(item, encoded)
            return
        owner, written = entries.scope.owner, entries.written()
        written.append((item, value))
        request = asked(entries.scope, _STEP, "noted", (*_parts(self._name, "set", item), value))
        decision = owner.decide(request)
        if isinstance(decision, Restore):
            owner.restored(decision.call, reason=decision.reason, took=0.0)
        else:
            owner.noted(request, ready(decision), None, *entries.changed(item, encoded))
            entries.scope.within.recorded()

    def _entries(self) -> Entries:
        scope = current_scope()
        if scope is None and in_worker():
            raise NotInWorker(what=f"state({json.dumps(self._name)})", step=current().step)
        if scope is None:
            raise NotInRun(what=f"state({json.dumps(self._name)}) is a workflow's, and this code")
        return Entries(scope, self._name)

    def __perdure_dump__(self) -> str:
        return self._name

    @classmethod
    def __perdure_load__(cls, data: str) -> State:
        return cls(data)

    def __repr__(self) -> str:
        return f"state({json.dumps(self._name)})"


class Entries:
    """The entries of a durable dict, as one place sees them."""

    def __init__(self, scope: Scope, name: str) -> None:
        self.scope = scope
        self.attempt = scope.attempt
        """The attempt whose code looks; None in a body."""
        self._workflow = scope.owner.run.workflow
        self._name = name

    def written(self) -> list[tuple[str, Part]]:
        """What the body has written in this branch so far: items, with their values as inputs."""
        scope = self.scope
        return scope.within.once((_STEP, scope.branch, self._name), list[tuple[str, Part]])

    def records(self) -> dict[str, StateRecord]:
        """What there is, by item: as the journal has it, with what the attempt changed."""
        found = {
            each.item: each for each in self.scope.owner.store.journal.states(self._workflow, self._name)
        }
        for each in self._own():
            if isinstance(each, StateRecord) and (each.workflow, each.name) == (self._workflow, self._name):
                found[each.item] = each
        return {item: each for item, each in found.items() if each.value is not None}

    def value(self, item: str) -> list[Any]:
        """A copy of an entry's value, if there is one."""
        store, subject = self.scope.owner.store, f"state({json.dumps(self._name)})[{json.dumps(item)}]"
        for left in reversed(range(_TRIES)):
            record = self.records().get(item)
            if record is None or record.value is None:
                return []
            own = [each for each in self._own() if isinstance(each, ValueRecord) and each.id == record.value]
            kept = own[0] if own else store.journal.value(record.value)
            if kept is not None or not left:
                break  # else it was replaced just now, and its value is gone
        return [keeping.decode(opened(store, kept, self._place(item), subject), subject=subject)]

    def changed(self, item: str, encoded: Encoded | None) -> list[Record]:
        """The records by which an entry gets this value, or goes."""
        owner = self.scope.owner
        value = [] if encoded is None else [owner.seal(encoded, self._place(item))]
        new = value[0].id if value else None
        return [*value, StateRecord(self._workflow, self._name, item, owner.run.id, new, clock.now())]

    def change(self, item: str, encoded: Encoded | None) -> None:
        """Have the attempt's end change an entry: only the last value of each is kept."""
        assert self.attempt is not None
        made = self.changed(item, encoded)
        state = made[-1]
        assert isinstance(state, StateRecord)
        with _lock:
            before = self.attempt.changes
            replaced = [each for each in before if isinstance(each, StateRecord) and _same(each, state)]
            gone = {id(each) for each in replaced} | {each.value for each in replaced}
            kept = [each for each in before if id(each) not in gone and getattr(each, "id", "") not in gone]
            self.attempt.changes[:] = [*kept, *made]

    def _own(self) -> list[Record]:
        with _lock:
            return [] if self.attempt is None else list(self.attempt.changes)

    def _place(self, item: str) -> Place:
        """An entry's value belongs to no run, and to this entry alone."""
        return Place("", f"{self._workflow}/{self._name}", item, "state")


def _parts(*words: str) -> tuple[Part, ...]:
    """What tells a use of a state from others, from texts."""
    named = zip(("state", "use", "item"), words, strict=False)
    return tuple(Part(name, codec.digest(text).hex, preview=text) for name, text in named)


def _same(one: StateRecord, other: StateRecord) -> bool:
    return (one.workflow, one.name, one.item) == (other.workflow, other.name, other.item)


def _text(given: object, what: str) -> str:
    if not isinstance(given, str):
        raise TypeError(f"{what} is text, not {given!r}")
    return given
