"""`%perdure`: the state of the store, its upkeep, and decisions on effects in doubt."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from perdure import codec
from perdure.engine.durations import size_words
from perdure.errors import NoSuchStep

if TYPE_CHECKING:
    from perdure.store.records import CallRecord

    from .session import Session


@dataclass(frozen=True, slots=True)
class Status:
    """Facts by name, one a line."""

    facts: tuple[tuple[str, str], ...]

    def __repr__(self) -> str:
        width = max(len(name) for name, _ in self.facts)
        return "\n".join(f"{name:<{width}}  {fact}" for name, fact in self.facts)


def status(session: Session) -> Status:
    """Where the store is, its size, its settings and this notebook's run."""
    store = session.store
    owner = session.owner
    folder = store.path
    facts = [
        ("store", str(folder) if folder else "in memory: nothing outlives this process"),
        ("size", size_words(_size(folder)) if folder else "-"),
        ("runs", str(len(store.journal.runs()))),
        ("durability", f"{store.durability} (PERDURE_DURABILITY)"),
        ("key", f"{store.key.id} in {store.key.path}"),
        (
            "workflow",
            f"{owner.run.workflow}, run {owner.run.id}" if owner else "none: `%workflow NAME` begins one",
        ),
    ]
    return Status(tuple(facts))


def _size(folder: os.PathLike[str]) -> int:
    return sum(
        os.path.getsize(os.path.join(place, name))  # noqa: PTH118, PTH202  a walk over many files
        for place, _, names in os.walk(folder)
        for name in names
        if os.path.exists(os.path.join(place, name))  # noqa: PTH110, PTH118
    )


def collect(session: Session, keep: int | None) -> Status:
    """Delete what no run needs; with `keep`, also all but so many finished runs of each workflow."""
    from perdure.store.gc import collect as collect_garbage

    gone = collect_garbage(session.store, keep=keep)
    return Status(
        (
            ("runs deleted", str(gone.runs)),
            ("blobs deleted", str(gone.blobs)),
            ("freed", size_words(gone.bytes)),
        )
    )


def resolve(session: Session, step: str, verdict: str, value: Any = None) -> Status:
    """Record what a person decided on an effect in doubt: `again`, `done` (with its value) or `fail`.

    Raises:
        NoSuchStep: no call of that name is in doubt.
    """
    owner = session.needed_owner("%perdure resolve")
    doubtful = [call for call in owner.history.of_step(step) if call.state == "in doubt"]
    if not doubtful:
        raise NoSuchStep(step=step, run=owner.run.id, hint=" that is in doubt")
    call: CallRecord = doubtful[-1]
    if verdict == "done":
        owner.resolve(call, "done", codec.encode(value, name=step))
        return Status(((step, f"is done, with the value {value!r}"),))
    owner.resolve(call, "failed")
    if verdict == "fail":
        return Status(((step, "is marked as failed; running its cell tries it again"),))
    return Status(((step, "runs again when its cell runs"),))
