"""Looking whether all that is kept is whole. Nothing is changed, and nothing is decoded.

1. The journal is held to its own check, each blob to its name, each value to its signature and its place.
2. What is broken is told with the run, step and role that it belongs to; one broken value hides no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from perdure.errors import Damaged, NotLoadable, PerdureError

from .dicts import place_of_item
from .kept_turns import LOOP, OVER
from .records import CallRecord, Place, RunRecord, ValueRecord
from .related import blobs_of, named_run, related
from .sizes import needed_by
from .vault import well_formed

if TYPE_CHECKING:
    from .store import Store


@dataclass(frozen=True, slots=True)
class Broken:
    """A value that would be refused."""

    run: str
    """Empty for the entry of a durable dict."""
    workflow: str
    step: str
    """Empty for the inputs and the result of the run itself; of an entry, its dict and its key."""
    role: str
    value: str
    cause: str
    advice: str


@dataclass(slots=True)
class Checked:
    """What was looked at, and what was found."""

    journal: str
    """What the journal's own check said: "ok", or what is wrong."""
    runs: int = 0
    values: int = 0
    blobs: int = 0
    bytes: int = 0
    """Of the blobs that were read."""
    broken: list[Broken] = field(default_factory=list)
    foreign: int = 0
    """Values that another key signed: only what everybody can see of them was checked."""
    unused: int = 0
    """Values that nothing refers to."""
    unused_blobs: int = 0
    """Blobs that nothing refers to; 0 where a single run was asked for."""

    @property
    def whole(self) -> bool:
        """Whether nothing is broken."""
        return self.journal == "ok" and not self.broken


@dataclass(frozen=True, slots=True)
class _Use:
    """One use of a value: by whom, where it must belong, and what to do without it."""

    value: str
    workflow: str
    place: Place
    advice: str
    step: str
    """As it is told."""


def check(store: Store, run: str | None = None, tell: Callable[[str], None] = lambda _: None) -> Checked:
    """Check a store, or a run of it with those that it needs.

    Args:
        store: the store.
        run: id of a run, or a workflow, whose newest run is taken; None for the whole store.
        tell: called with what is looked at next.

    Raises:
        NoSuchRun: there is no such run.
        StoreError: the journal cannot be read at all.
    """
    tell("journal")
    done = Checked(store.journal.check())
    runs = store.journal.runs() if run is None else related(store.journal, named_run(store, run))
    done.runs = len(runs)
    uses = [use for each in runs for use in _uses(store, each)]
    uses += _entries(store, None if run is None else {each.workflow for each in runs})
    used = {use.value for use in uses}
    owners = [each.id for each in runs] + ([""] if run is None else [])
    done.unused = sum(value not in used for owner in owners for value in store.journal.value_ids(owner))
    needed = {name for value in used for name in _blobs(store.journal.value(value))}
    read = needed_by(store.blobs, needed)
    done.blobs, done.bytes = len(read), sum(map(store.blobs.size, read))
    if run is None:
        done.unused_blobs = len(store.blobs.names() - needed_by(store.blobs, store.journal.blob_names()))
    tell("blobs")
    bad = dict(store.blobs.check(needed))
    tell("values")
    seen: set[tuple[str, Place]] = set()
    for use in uses:
        if (use.value, use.place) not in seen:
            seen.add((use.value, use.place))
            _look(store, use, bad, done)
    done.values = len(used)
    return done


def _look(store: Store, use: _Use, bad: dict[str, str], done: Checked) -> None:
    """Note what is wrong with one value."""
    record = store.journal.value(use.value)
    if record is not None and record.role == OVER:
        return  # the loop came to its end just now
    cause = "its record is missing." if record is None else _bad_blob(record, bad)
    if record is not None and not cause:
        if store.vault.standing(record) == "foreign":
            done.foreign += 1
            return
        try:
            store.vault.unseal(record, use.place, subject=use.value)
        except (Damaged, NotLoadable) as error:
            cause = error.cause
        except PerdureError as error:  # such as a package that is not installed: nothing is broken
            cause = str(error)
    if cause:
        place = use.place
        broken = Broken(place.run, use.workflow, use.step, place.role, use.value, cause, use.advice)
        done.broken.append(broken)


def _bad_blob(record: ValueRecord, bad: dict[str, str]) -> str:
    found = next((name for name in _blobs(record) if name in bad), None)
    return "" if found is None else f"blob {found[:12]}: {bad[found]}"


def _blobs(record: ValueRecord | None) -> tuple[str, ...]:
    return blobs_of(record) if record is not None and well_formed(record) else ()


def _of_sources(store: Store, run: RunRecord) -> Iterator[_Use]:
    """The values from which code comes again: of setup cells, and of where a workflow is defined."""
    for note in store.journal.notes(run.id, "setup"):
        place, advice = Place(run.id, note.name, role="setup"), "Run the cell by hand."
        if isinstance(note.data.get("value"), str):
            yield _Use(note.data["value"], run.workflow, place, advice, note.name)
    for note in store.journal.notes(run.id, "workflow")[-1:]:
        place, advice = Place(run.id, "workflow", role="setup"), "Call the workflow again."
        if isinstance(note.data.get("value"), str):
            yield _Use(note.data["value"], run.workflow, place, advice, "")


def _uses(store: Store, run: RunRecord) -> Iterator[_Use]:
    """The values that a run and its calls refer to."""
    anew = f"Start `{run.workflow}` with `--fresh`."
    for role, value in (("inputs", run.inputs), ("result", run.result)):
        if value is not None:
            yield _Use(value, run.workflow, Place(run.id, role=role), anew, "")
    yield from _of_sources(store, run)
    for note in store.journal.notes(run.id, LOOP):
        if note.data.get("live"):
            place = Place(run.id, str(note.data.get("step")), str(note.data.get("inputs")), role=LOOP)
            yield _Use(note.name, run.workflow, place, "The loop begins anew with `--redo`.", place.step)
    calls = store.journal.calls(run.id)
    newest = {call.step: call.id for call in calls if call.state == "done"}
    for call in calls:
        older = run.kind == "notebook" and newest.get(call.step, call.id) != call.id
        advice = "A newer call took its place." if older else f"Run `{call.step}` again with `--redo`."
        for role, value in _values(call):
            place = Place(call.run, call.step, call.inputs, role)
            yield _Use(value, run.workflow, place, advice, call.step)


def _entries(store: Store, workflows: set[str] | None) -> Iterator[_Use]:
    """The values that the durable dicts of these workflows, or of all, refer to."""
    for state in store.journal.all_states():
        if state.value is not None and (workflows is None or state.workflow in workflows):
            place = place_of_item(state.workflow, state.name, state.item)
            advice = f"Set `{state.item}` of `{state.name}` anew in a step."
            yield _Use(state.value, state.workflow, place, advice, f"{state.name}/{state.item}")


def _values(call: CallRecord) -> Iterator[tuple[str, str]]:
    for role, value in (("value", call.value), ("shown", call.shown), ("needs", call.needs)):
        if value is not None:
            yield role, value
