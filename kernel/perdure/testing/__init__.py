"""For tests: a clock that is turned by hand, and contract suites for anybody's journal and blobs.

    with HandClock() as clock:
        run = nap.start()
        clock.until_waiting()
        clock.advance("90s")
        run.result()

Of a suite derive a test class, give it the fixture, and let pytest collect it:

    class TestMyJournal(JournalContract):
        @pytest.fixture
        def journal(self):
            with closing(MyJournal()) as journal:
                yield journal

The numbers are those of `perdure.store.protocols`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .blobs import BlobsContract
    from .clock import HandClock
    from .journals import JournalContract
    from .records import (
        sample_call,
        sample_message,
        sample_run,
        sample_session,
        sample_state,
        sample_value,
    )
    from .replays import always_replay
    from .threads import in_threads

__all__ = [
    "BlobsContract",
    "HandClock",
    "JournalContract",
    "always_replay",
    "in_threads",
    "sample_call",
    "sample_message",
    "sample_run",
    "sample_session",
    "sample_state",
    "sample_value",
]

_PLACES = {
    "always_replay": "replays",
    "BlobsContract": "blobs",
    "HandClock": "clock",
    "JournalContract": "journals",
    "in_threads": "threads",
}
_PLACES |= {name: "records" for name in __all__ if name.startswith("sample_")}


def __getattr__(name: str) -> Any:
    """Import what is asked for, when it is asked for: pytest loads this package in every test session."""
    if name in _PLACES:
        return getattr(import_module(f".{_PLACES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
