"""`%perdure`: the state of the store, its upkeep, and decisions on effects in doubt."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError

from perdure.engine import keeping, questions
from perdure.engine.code.names import analyse
from perdure.engine.durations import age
from perdure.engine.finding import ancestors
from perdure.engine.origins import with_origins
from perdure.engine.owner import Owner, taken
from perdure.errors import NeedsPackage, NoSuchStep, StoreError

from . import caching, checkpoint, disk_use
from .body import Body

if TYPE_CHECKING:
    from perdure.store import Store
    from perdure.store.records import CallRecord

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


def cache(session: Session, step: str | None, *, clear: bool = False) -> caching.Cached | Told:
    """The results that other runs may use, of a step or of all; with `clear`, none of them may any more."""
    store = present(session)
    return Told((caching.clear(store, step),)) if clear else caching.cached(store, step)


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
    """Record what a person decided on a call in doubt: `again`, `done` (with its value) or `fail`.

    The call may be a %%step cell of this notebook, or one in a run that the notebook started. Of a cell,
    a mapping of names that it binds stands for those names; of one that binds none, any value for its last
    expression.

    Raises:
        UsageError: the cell binds names, and the value is no mapping of them.
        NoSuchStep: no call of that name is in doubt.
        RunOwned: the run is at work in another process.
    """
    with _owner_of(session, step) as (owner, call):
        if verdict == "done" and owner.run.kind == "notebook":
            names = _as_names(session, call, value)
            outputs = checkpoint.kept_outputs(names)
            return Status(((step, questions.resolve(owner, call, verdict, names, outputs=outputs)),))
        return Status(((step, questions.resolve(owner, call, verdict, value)),))


@contextlib.contextmanager
def _owner_of(session: Session, step: str) -> Iterator[tuple[Owner, CallRecord]]:
    """The newest such call that is in doubt, and the owner of its run while the block lasts."""
    own = session.owner
    doubtful = questions.open_calls(own.history.calls.values(), step) if own is not None else []
    doubtful = [call for call in doubtful if call.state == "in doubt"]
    if own is not None and doubtful:
        yield own, doubtful[-1]
        return
    for run in questions.started(session.store.journal, session.run_id):
        # Nobody has settled the run since its process died: its effect may still be recorded as running.
        journal = session.store.journal
        calls = with_origins(journal, ancestors(session.store, run), journal.calls(run.id))
        if not questions.open_calls(calls, step) and not any(call.state == "running" for call in calls):
            continue
        with taken(session.store, run) as owner:
            doubtful = questions.open_calls(owner.history.calls.values(), step)
            if doubtful:
                yield owner, doubtful[-1]
                return
    raise NoSuchStep(step=step, run=session.run_id or "of this notebook", hint=" that is in doubt")


def _as_names(session: Session, call: CallRecord, value: Any) -> dict[str, Any]:
    """The outputs that a %%step cell would have had."""
    binds = analyse(Body(session.shell, call.source).tree).binds
    if isinstance(value, dict) and value and value.keys() <= binds:
        return value
    if value is not None and binds:
        first = min(binds)
        raise UsageError(
            f"%perdure resolve: step {call.step} binds {', '.join(sorted(binds))}: "
            f"give these names their values, such as {{'{first}': ...}}, or no value at all."
        )
    return {} if value is None else {checkpoint.VALUE: value}
