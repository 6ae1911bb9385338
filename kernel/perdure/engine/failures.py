"""Which failures are outcomes: those that the body caught, and not those that ended the run.

A failure counts as caught when the body made a further recorded move in its branch, or above it. Should it
end the run nevertheless (the body raised it again, or looked late at a parallel call), it is tried again.
"""

from __future__ import annotations

import contextlib
from types import FrameType
from typing import Final

from perdure.errors import (
    CodeEdited,
    DiedTwice,
    EffectUnclear,
    InDoubt,
    NotOwner,
    RunOwned,
    StoreError,
    StrictDrift,
)
from perdure.store.records import CallRecord

from .history import within
from .tracebacks import frames_inside, with_sources

QUESTIONS: Final = (CodeEdited, DiedTwice, EffectUnclear, InDoubt)
"""What a person has to decide: a body that catches one gets no further."""

NO_OUTCOMES: Final = (
    *QUESTIONS,
    NotOwner,
    RunOwned,
    StoreError,
    StrictDrift,
)
"""What keeps a run from going on for now: nothing that a replay could give again, or a race be decided by."""


class Failures:
    """The failures of one owner's pass over the body."""

    def __init__(self) -> None:
        self._open: dict[str, CallRecord] = {}
        self._given: dict[int, tuple[BaseException, set[str]]] = {}
        self._frames: dict[str, list[FrameType]] = {}
        """Those of the code that failed, by call: they hold all that it had at hand."""

    def __bool__(self) -> bool:
        """Whether any failure is open."""
        return bool(self._open)

    def add(self, call: CallRecord) -> None:
        """A call failed; whether the body catches that is open."""
        self._open[call.id] = call

    def drop(self, call: str) -> None:
        """The call is tried again."""
        self._open.pop(call, None)

    def gave(self, call: str, error: BaseException) -> None:
        """With this error a failed call came back to the body; a race that it decided failed with it, too."""
        # The error is held, so that no other one gets its id.
        self._given.setdefault(id(error), (error, set()))[1].add(call)
        self._frames[call] = frames_inside(error)

    def caught(self, branch: str) -> list[CallRecord]:
        """The open failures that a further move in this branch shows to be caught; they are open no more."""
        found = [call for call in self._open.values() if within(call.branch, branch)]
        for call in found:
            del self._open[call.id]
            for frame in self._frames.pop(call.id, ()):
                with contextlib.suppress(
                    RuntimeError
                ):  # it is still at work: a thread that was left to itself
                    frame.clear()
        return found

    def behind(self, error: BaseException) -> set[str]:
        """The calls whose failure came to the body as this error, or as one that it stems from."""
        given = [self._given[id(each)][1] for each in with_sources(error) if id(each) in self._given]
        self._given.clear()
        self._frames.clear()
        return set().union(*given)
