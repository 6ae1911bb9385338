"""What stops code: it lasts no longer than the block that is to be stopped."""

from __future__ import annotations

import threading

from perdure.engine import cancelling
from perdure.engine.cancelling import Cancelled, ThreadStop


def test_a_block_that_is_left_before_its_signal_came_is_not_remembered(monkeypatch):
    """In the main thread, to which no further signal may ever come."""
    monkeypatch.setattr(ThreadStop, "_signal", lambda self: None)
    before = list(cancelling._sent)
    with ThreadStop() as stop:
        other = threading.Thread(target=stop, args=(Cancelled(),))
        other.start()
        other.join()
        assert cancelling._sent == [*before, stop]
    assert cancelling._sent == before
