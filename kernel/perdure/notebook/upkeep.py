"""`%perdure`: the state of the store, its upkeep, and decisions on effects in doubt."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from perdure.engine import keeping
from perdure.engine.code.names import analyse
from perdure.engine.durations import age
from perdure.engine.naming import listed, notes_of, recorded
from perdure.engine.owner import Owner
from perdure.errors import EffectFailed, NeedsPackage, NoSuchStep, StoreError

from . import checkpoint, disk_use
from .body import Body

if TYPE_CHECKING:
    from perdure.store import Store
    from perdure.store.records import CallRecord, RunRecord

    from .session import Session


@dataclass(frozen=True, slots=True)
class Status:
    """Facts by name, one a line."""

    facts: tuple[tuple[str, str], ...]

    def __repr__(self) -> str:
        width = max(len(name) for name, _ in self.facts)
        return "\n".join(f"{name:<{width}}  {fact}" for name, fact in self.facts)


def present(session: Session) -> Store:
    """The session's store, which is there.

    Raises:
        StoreError: its folder was deleted under the kernel.
    """
    store = session.store
    if store.lost:
        cause = (
            "its folder was moved or deleted. Put it back, or run `%workflow NAME` again, which begins in "
            "the store that is found then."
        )
        raise StoreError(path=str(store.path), cause=cause)
    return store


def status(session: Session) -> Status:
    """Where the store is, its size, its settings and this notebook's run."""
    from perdure.store.settings import restore_mode, verify_mode

    store = present(session)
    owner = session.owner
    folder = store.path
    facts = [
        ("store", str(folder) if folder else "in memory: nothing outlives this process"),
        *disk_use.facts(store),
        ("runs", str(len(store.journal.runs()))),
        ("durability", f"{store.durability} (PERDURE_DURABILITY)"),
        (
            "large memory",
            f"{restore_mode(folder)} (PERDURE_RESTORE), verify {verify_mode(folder)} (PERDURE_VERIFY)",
        ),
        ("key", f"{store.key.id} in {store.key.path}"),
        ("encryption", _encryption(store)),
        ("codec", f"{keeping.the_codec()} (%workflow --codec, PERDURE_CODEC)"),
        (
            "workflow",
            f"{owner.run.workflow}, run {owner.run.id}" if owner else "none: `%workflow NAME` begins one",
        ),
    ]
    return Status(tuple(facts))


def _encryption(store: Store) -> str:
    try:
        return "on" if store.encrypted else "off (PERDURE_ENCRYPT, or settings.json in the store)"
    except NeedsPackage as error:
        return "on, but " + " ".join(str(error).split())


@dataclass(frozen=True, slots=True)
class Told:
    """Sentences, one a line."""

    lines: tuple[str, ...]

    def __repr__(self) -> str:
        return "\n".join(self.lines)


def collect(session: Session, given: Any) -> Told:
    """Delete what no run needs, after what the options of the line let go."""
    from perdure.store import gc
    from perdure.store.forgetting import Limits
    from perdure.store.settings import in_bytes

    if given.step is not None:
        raise UsageError(f"%perdure gc looks after the whole store, not {given.step} alone: leave it out.")
    try:
        limits = Limits(
            given.keep,
            None if given.older_than is None else age(given.older_than),
            None if given.max_size is None else in_bytes(given.max_size),
            old_versions=given.old_versions,
        )
    except ValueError as error:
        raise UsageError(f"%perdure gc: {error}.") from None
    gone = gc.collect(present(session), limits, dry_run=given.dry_run)
    return Told(tuple(disk_use.told(gone, dry_run=given.dry_run, max_size=limits.max_size)))


def trust(session: Session, run: str | None, *, everything: bool, yes: bool) -> Told:
    """Tell what of a run, or of the store, is not signed by this user's key; with `yes`, sign it.

    Raises:
        NoSuchRun: there is no such run.
    """
    from perdure.store.trust import sign, survey

    offer = survey(session.store, run)
    told = offer.lines()
    if offer.values and yes and (everything or run is not None):
        told.append(f"Signed {sign(session.store, offer)} with your key.")
    elif offer.values:
        what = "--all" if run is None else run
        told.append(f"Nothing was signed. `%perdure trust {what} --yes` signs {len(offer.values)}.")
    return Told(tuple(told))


def resolve(session: Session, step: str, verdict: str, value: Any = None) -> Status:
    """Record what a person decided on an effect in doubt: `again`, `done` (with its value) or `fail`.

    The effect may be a %%step cell of this notebook, or a call in a run that the notebook started. Of a cell,
    a mapping of names that it binds stands for those names, any other value for its last expression.

    Raises:
        NoSuchStep: no call of that name is in doubt.
        RunOwned: the run is at work in another process.
    """
    with _owner_of(session, step) as (owner, call):
        if verdict == "again":
            owner.resolve(call, "failed")
            return Status(((step, "runs again when its cell runs"),))
        if verdict == "fail":
            owner.resolve(call, "failed", keeping.encode(EffectFailed(step=step), name=step))
            return Status(((step, "is marked as failed, and gives an error until `--redo` asks for it"),))
        if owner.run.kind == "notebook":
            names = _as_names(session, call, value)
            owner.resolve(
                call, "done", keeping.encode(names, name=step), outputs=checkpoint.kept_outputs(names)
            )
        else:
            owner.resolve(call, "done", keeping.encode(value, name=step))
        return Status(((step, f"is done, with the value {value!r}"),))


@contextlib.contextmanager
def _owner_of(session: Session, step: str) -> Iterator[tuple[Owner, CallRecord]]:
    """The newest call of a step that is in doubt, and the owner of its run while the block lasts."""
    own = session.owner
    found = own.history.of_step(step) if own is not None else []
    doubtful = [call for call in found if call.state == "in doubt"]
    if own is not None and doubtful:
        yield own, doubtful[-1]
        return
    for run in _started_runs(session):
        # Nobody has settled the run since its process died: its effect may still be recorded as running.
        calls = session.store.journal.calls(run.id)
        names = {call.step for call in calls if call.state in ("in doubt", "running")}
        meant = recorded(step, names, notes_of(session.store.journal, run))
        if not meant:
            continue
        if len(meant) > 1:
            raise NoSuchStep(step=step, run=run.id, hint=f"; there are {listed(meant)}")
        taken = Owner.take(session.store, run)
        try:
            doubtful = [call for call in taken.history.of_step(meant[0]) if call.state == "in doubt"]
            if doubtful:
                yield taken, doubtful[-1]
                return
        finally:
            taken.close()
    raise NoSuchStep(step=step, run=session.run_id or "of this notebook", hint=" that is in doubt")


def _started_runs(session: Session) -> list[RunRecord]:
    """The runs that this notebook's cells started, and those started in turn, the newest first."""
    runs = session.store.journal.runs()
    parents = {session.run_id}
    for run in reversed(runs):
        if run.parent in parents and run.kind != "notebook":
            parents.add(run.id)
    return [run for run in runs if run.id in parents and run.id != session.run_id]


def _as_names(session: Session, call: CallRecord, value: Any) -> dict[str, Any]:
    """The outputs that a %%step cell would have had."""
    binds = analyse(Body(session.shell, call.source).tree).binds
    if isinstance(value, dict) and value and value.keys() <= binds:
        return value
    return {} if value is None else {checkpoint.VALUE: value}
