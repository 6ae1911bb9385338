"""Fixtures for tests of workflows, which pytest finds by itself where Perdure is installed.

pytest loads this in every test session: it imports what it needs when a fixture is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from perdure.store import Store

    from .clock import HandClock


@pytest.fixture
def perdure_store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """This process's store during the test: an empty one in memory, with the hints still to be given."""
    from perdure.engine import steps
    from perdure.engine.process import use_store
    from perdure.store import open_store

    monkeypatch.setattr(steps, "_hinted", set())
    with open_store(":memory:") as store:
        before = use_store(store)
        try:
            yield store
        finally:
            use_store(before)


@pytest.fixture
def perdure_clock() -> Iterator[HandClock]:
    """The time that runs go by during the test: it stands until the test turns it."""
    from .clock import HandClock

    with HandClock() as clock:
        yield clock


@pytest.fixture
def perdure_auto_clock() -> Iterator[HandClock]:
    """The time that runs go by during the test: where all wait, it turns to the next moment by itself."""
    from .clock import HandClock

    with HandClock(auto=True) as clock:
        yield clock


@pytest.fixture
def perdure_replay() -> Iterator[None]:
    """During the test, bodies are executed again from their top after every record."""
    from .replays import always_replay

    with always_replay():
        yield
