"""A pass over a body, in which threads ask for the same."""

from __future__ import annotations

import threading

from perdure.engine.scope import Pass

PATIENCE = 60


def test_threads_that_ask_at_one_moment_are_given_the_same():
    """What one of them adds to it, all others have."""
    within, meet, found = Pass(), threading.Barrier(2), []

    def make():
        meet.wait(PATIENCE)
        return []

    def ask():
        given = within.once("key", make)
        meet.wait(PATIENCE)
        found.append(given)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    first, second = found
    assert first is second is within.once("key", list)
