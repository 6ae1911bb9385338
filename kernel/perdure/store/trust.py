"""Values that this user's key did not sign: what there is, and signing them anew after a question.

1. Nothing is decoded to tell what there is.
2. A value is signed as it stands, for the place that its record names, and only if its bytes are those that
   their names stand for.
3. All that is signed is signed in one commit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from perdure.codec.masking import escaped
from perdure.errors import PerdureError, StoreError

from .dicts import dict_of, in_dict
from .records import RunRecord, ValueRecord
from .related import named_run, related
from .store import Store

_BATCH = 100
_SOURCES = ("needs", "setup")
"""Roles of values that hold source code: plain text by itself, it is executed by a restore."""


@dataclass(slots=True)
class OfRun:
    """The values of a run, or of a workflow's durable dicts, that are not this user's."""

    run: str
    """Its id; of the dicts, `(state)`."""
    workflow: str
    values: dict[str, bytes] = field(default_factory=dict)
    """Those that can be signed, each with the signature that it would get."""
    code: int = 0
    """How many of these may construct classes or unpickle, or hold source: they can run code when loaded."""
    keys: Counter[str] = field(default_factory=Counter)
    """Who signed them, by the key's id."""
    altered: int = 0
    """How many were changed after one of this user's keys signed them, or never signed with it."""
    left: Counter[str] = field(default_factory=Counter)
    """Those that cannot be signed, by cause: `broken`, `sealed`, `newer`."""

    def __str__(self) -> str:
        parts = [_counted(len(self.values), "value")] if self.values else []
        if self.keys:
            parts.append(f"signed by {_keys(self.keys)}")
        if self.altered:
            parts.append(f"{self.altered} altered since you signed, or not signed by you")
        if self.code:
            parts.append(f"{self.code} can run code")
        parts += [f"{number} {_LEFT[cause]}" for cause, number in sorted(self.left.items())]
        # Whoever wrote the store chose the names: none may hide what stands here.
        return escaped(f"{self.workflow} {self.run}: {', '.join(parts)}")


_LEFT = {
    "broken": "not signed: the bytes are not those that were stored",
    "sealed": "not signed: another key encrypted them",
    "newer": "not signed: a newer Perdure wrote them",
}


@dataclass(frozen=True, slots=True)
class Offer:
    """What would be signed."""

    key: str
    """The key that would sign: its id and file."""
    runs: tuple[OfRun, ...]

    @property
    def values(self) -> dict[str, bytes]:
        """All that can be signed, by id."""
        return {value: signature for run in self.runs for value, signature in run.values.items()}

    def lines(self) -> list[str]:
        """What a person should know before saying yes."""
        if not self.runs:
            return [f"Every value here is signed by your key ({self.key})."]
        told = [f"Not signed by your key ({self.key}):", *(f"  {run}" for run in self.runs)]
        code = sum(run.code for run in self.runs)
        if code:
            told.append(
                f"{_counted(code, 'value')} can run code when loaded: sign only what you know the origin of."
            )
        return told


def survey(store: Store, run: str | None = None) -> Offer:
    """What of a run, or of the whole store, is not signed by this user's key.

    Args:
        store: the store.
        run: id of a run, or a workflow, whose newest run is taken, with the runs that it started and those
            that it was forked from, and the durable dicts of their workflows; None for all.

    Raises:
        NoSuchRun: there is no such run.
    """
    journal, found = store.journal, dict[str, OfRun]()
    known = {each.id: each for each in journal.runs()}
    wanted = None if run is None else related(journal, named_run(store, run))
    for value in _each(store, wanted):
        standing = store.vault.standing(value)
        if standing == "yours":
            continue
        workflow = known[value.run].workflow if value.run in known else "-"
        of = OfRun(value.run, workflow)
        if in_dict(value):
            of = OfRun("(state)", dict_of(value.step)[0])
        of = found.setdefault(f"{of.workflow} {of.run}", of)
        cause = "newer" if standing == "newer" else store.vault.flaw(value)
        if cause:
            of.left[cause] += 1
            continue
        of.values[value.id] = store.vault.signed(value).signature
        of.code += value.codec != "plain" or value.role in _SOURCES
        if standing == "altered":
            of.altered += 1
        else:
            of.keys[value.key_id] += 1
    return Offer(f"{store.key.id}, in {store.key.path}", tuple(found.values()))


def sign(store: Store, offer: Offer) -> int:
    """Sign what was offered, in one commit; return how many values that were.

    A value that was changed since it was offered is passed over.
    """

    def changes() -> Iterator[tuple[ValueRecord, ValueRecord]]:
        for value, signature in offer.values.items():
            record = store.journal.value(value)
            signed = None if record is None else store.vault.signed(record)
            if record is not None and signed is not None and signed.signature == signature:
                yield record, signed

    return store.journal.replace_values(changes())


def resign(store: Store, tell: Callable[[int], None] = lambda _: None) -> tuple[int, int]:
    """Store anew what an older key signed or encrypted, and what is not encrypted as the store now is.

    Done in parts: a kill leaves some values as they were, which the older key still opens.

    Args:
        store: the store; no run of it gets a new owner in the meantime.
        tell: called with the number of values done so far.

    Returns:
        How many values were stored anew, and how many could not be.

    Raises:
        StoreError: there is no room, or the store cannot be written; what was not done stays as it was.
    """
    done = failed = 0
    part: list[tuple[ValueRecord, ValueRecord]] = []
    with store.locks.still():  # a collection would take the new blobs for garbage
        for value in _each(store, None):
            if store.vault.standing(value) != "yours" or _current(store, value):
                continue
            try:
                part.append((value, store.vault.resealed(value)))
            except StoreError:
                raise  # no room, or read-only: that is no fault of the value
            except PerdureError:
                failed += 1
            if len(part) == _BATCH:
                done += store.journal.replace_values(part)
                part = []
                tell(done)
        done += store.journal.replace_values(part)
    return done, failed


def _current(store: Store, value: ValueRecord) -> bool:
    return value.key_id == store.key.id and ("aes" in value.packing) == store.encrypted


def _each(store: Store, runs: list[RunRecord] | None) -> Iterator[ValueRecord]:
    """The values of these runs and their workflows' durable dicts, or all, one at a time."""
    places = [None] if runs is None else [*(run.id for run in runs), ""]
    workflows = {run.workflow for run in runs or ()}
    for run in places:
        for value in store.journal.value_ids(run):
            record = store.journal.value(value)
            if record is not None and (
                run != "" or (in_dict(record) and dict_of(record.step)[0] in workflows)
            ):
                yield record


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _keys(keys: Iterable[str]) -> str:
    named = sorted(keys)
    return f"key {named[0]}" if len(named) == 1 else f"keys {', '.join(named)}"
