"""Contract suites, so that anybody's journal and blobs can be judged by what the protocols promise.

Derive a test class, give it the fixture, and let pytest collect it:

    class TestMyJournal(JournalContract):
        @pytest.fixture
        def journal(self):
            with closing(MyJournal()) as journal:
                yield journal

The numbers are those of `perdure.store.protocols`.
"""

from __future__ import annotations

from .blobs import BlobsContract
from .journals import JournalContract
from .records import (
    sample_call,
    sample_message,
    sample_run,
    sample_session,
    sample_state,
    sample_value,
)
from .threads import in_threads

__all__ = [
    "BlobsContract",
    "JournalContract",
    "in_threads",
    "sample_call",
    "sample_message",
    "sample_run",
    "sample_session",
    "sample_state",
    "sample_value",
]
