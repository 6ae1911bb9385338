"""Signs of life, and what is recorded late, while the store has trouble."""

import threading

import pytest

from perdure.engine.heartbeat import Heartbeat
from perdure.errors import NotOwner, StoreBusy


@pytest.mark.parametrize("trouble", [StoreBusy(path="store", seconds=60), RuntimeError("a fault")])
@pytest.mark.parametrize("failing", ["begun", "beat"])
def test_trouble_that_passes_does_not_end_the_signs_of_life(failing, trouble):
    """Promise 2: calls that run for a moment are recorded again, once the store can be written."""
    failed, again = threading.Event(), threading.Event()

    def tried(name):
        if name == failing and not failed.is_set():
            failed.set()
            raise trouble
        if name == failing:
            again.set()

    heart = Heartbeat(lambda: True, lambda before: bool(tried("begun")), lambda: tried("beat"))
    heart.begin()
    try:
        assert failed.wait(60)
        assert again.wait(60)
    finally:
        heart.close()


def test_a_run_that_was_taken_over_gets_no_more_signs_of_life():
    """Promise 6: the thread ends, and no call starts it again."""
    asked, found = [], threading.Event()

    def taken(before):
        asked.append(threading.current_thread())
        found.set()
        raise NotOwner(run="r_1")

    heart = Heartbeat(lambda: True, taken, lambda: None)
    heart.begin()
    assert found.wait(60)
    asked[0].join(60)
    heart.begin()
    assert not asked[0].is_alive()
    assert len(asked) == 1
