"""Laws of workflows: random trees of calls, killed anywhere, against an oracle that knows nothing of Perdure."""

from __future__ import annotations

import contextlib
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laws.lives import (
    ASKED,
    KILLED,
    LATER,
    LIVES,
    MORE,
    SETTINGS,
    MortalJournal,
    Watch,
    decide_all,
    live,
    oracle,
)
from laws.perform import body, body_sync
from laws.stage import KilledError, Stage, Witness
from laws.trees import (
    SYNC_TREES,
    TREES,
    Call,
    Child,
    Draw,
    Fail,
    Flaky,
    Gather,
    Inline,
    Loop,
    Map,
    Nap,
    Race,
    Seq,
    Try,
    changed,
    parts,
)
from perdure.engine.process import use_store
from perdure.store import open_store
from perdure.store.locks import MemoryLocks
from perdure.store.store import Store
from perdure.testing import HandClock, always_replay

seeds = st.integers(0, 1000)
deaths = st.lists(st.integers(0, 1000), max_size=4)


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """What a death leaves behind in threads is told by nobody."""
    told = threading.excepthook
    hook = lambda args: None if args.exc_type is KilledError else told(args)  # noqa: E731
    monkeypatch.setattr(threading, "excepthook", hook)


class World:
    """A store, the time, and the witness, while processes come and go."""

    def __init__(self, clock, seed, form):
        self._kept = open_store(":memory:")
        self.journal = self._kept.journal
        self.witness, self.watch = Witness(), Watch()
        self.clock, self.seed, self.form = clock, seed, form
        self.stage = self.writes = None

    def live(self, tree, *, death=None, fails_at_end=False):
        """What one life comes to."""
        clock = self.clock if self.form.is_async else None
        self.stage = Stage(self.witness, clock, self.seed, death, fails_at_end=fails_at_end)
        mortal = MortalJournal(self.journal, self.stage, self.watch)
        store = Store(None, mortal, self._kept.blobs, MemoryLocks())
        store.key = self._kept.key
        use_store(store)
        found = live(self.stage, self.form, tree)
        self.writes = mortal.writes
        return found

    def recorded(self):
        """The calls that have an outcome, by the parts of their keys."""
        runs = {run.id: run.workflow for run in self.journal.runs()}
        return sorted(
            (workflow, call.branch, call.step, call.inputs, call.occurrence, call.state)
            for run, workflow in runs.items()
            for call in self.journal.calls(run)
            if call.state in ("done", "failed")
        )

    def lives(self, tree, deaths, points):
        """What the run comes to when its process dies at these points, and goes on each time.

        When the body is through for the first time it fails there: another life takes it to its end.
        """
        deaths, through = list(deaths), False
        leaves = any(race.losers == "leave" for race in parts(tree, Race))
        for _ in range(LIVES):
            death = 1 + deaths.pop(0) % points if deaths else None
            found = self.live(tree, death=death, fails_at_end=not through)
            if found == ASKED:
                assert decide_all(self._kept, self.witness)
            elif found == LATER:
                through, value, begun = True, self.stage.value, self.witness.begun()
            elif found != KILLED:
                if through:
                    assert found == value, "a replay comes to the same"
                    assert leaves or self.witness.begun() == begun, "a replay runs nothing"
                return found
        pytest.fail("the run does not come to its end")


@pytest.fixture(params=["one pass", "always replayed"])
def mode(request):
    """Whether a body is executed again from its top after every record."""
    with always_replay() if request.param == "always replayed" else contextlib.nullcontext():
        yield request.param


def unexact(tree, mode):
    """Whether another result than the oracle's is right, too.

    A body that is always replayed waits for all that is at work before it goes on: a race among several may be won
    by another there.
    """
    return mode == "always replayed" and any(len(race.parts) > 1 for race in parts(tree, Race))


def performed(tree, seed, form, mode):
    """Perform it in one go, as the oracle says; at how many points the process could have died."""
    with clock_for(form) as clock:
        world = World(clock, seed, form)
        found = world.live(tree)
        assert unexact(tree, mode) or found == oracle(world.witness, seed).result(tree)
        return world.stage.points


def performed_in_lives(tree, seed, form, mode, *, deaths, points):
    """Perform it in lives that end at these points, and hold it to the laws."""
    with clock_for(form) as clock:
        world = World(clock, seed, form)
        found = world.lives(tree, deaths, points)
        world.witness.check()
        if not unexact(tree, mode):
            expected = oracle(world.witness, seed)
            assert found == expected.result(tree)
            leaves = any(race.losers == "leave" for race in parts(tree, Race))
            assert leaves or set(world.witness.begun()) == expected.ran
        if found[:1] != ["failed"]:
            seen = world.witness.begun()
            assert world.live(tree) == found
            assert (world.writes, world.witness.begun()) == (0, seen), "what is finished changes nothing"


def clock_for(form):
    """Time goes on when nothing else does; the conductor of a body that awaits sees to that itself."""
    return HandClock(auto=not form.is_async)


@settings(max_examples=100 * MORE, **SETTINGS)
@given(tree=TREES, seed=seeds, deaths=deaths)
def test_a_run_that_is_killed_anywhere_reaches_what_the_oracle_says(mode, tree, seed, deaths):
    """Promises 1, 2 and 5."""
    points = performed(tree, seed, body, mode)
    performed_in_lives(tree, seed, body, mode, deaths=deaths, points=points)


@settings(max_examples=60 * MORE, **SETTINGS)
@given(tree=SYNC_TREES, seed=seeds, deaths=deaths)
def test_a_body_that_is_a_plain_function_obeys_the_same_laws(mode, tree, seed, deaths):
    """Promises 1, 2 and 5."""
    points = performed(tree, seed, body_sync, mode)
    performed_in_lives(tree, seed, body_sync, mode, deaths=deaths, points=points)


FIRST = Seq(
    (
        Loop(2, Call(0)),
        Inline(0, "effect"),
        Try(Flaky(1, 3, 1), Draw("uuid4")),
        Flaky(1, 2, 2, 16),
        Try(Fail(0), Call(2, fed=True)),
    )
)
BESIDE = Seq(
    (
        Gather((Call(1), Map((1, 1)), Map((2, 2), is_async=False), Nap(16), Seq((Nap(1), Call(2))))),
        Draw("now"),
        Loop(2, Call(1, fed=True)),
    )
)
RACED = Seq(
    (
        Race((Seq((Call(0), Nap(256))), Seq((Call(0), Nap(1), Call(1))))),
        Try(Race((Seq((Call(2), Fail(0))), Seq((Call(2), Fail(1)))), success=True), Draw("now")),
    )
)
LEFT = Seq((Race((Seq((Call(0),)), Seq((Call(1),))), losers="leave"), Nap(1), Call(0)))
BELOW = Seq(
    (
        Child(Seq((Call(0, "effect"), Nap(1)))),
        Try(Child(Fail(1)), Child(Draw("volatile"))),
        Gather((Child(Call(1)), Child(Call(1)))),
    )
)
EVERYTHING = {"first": FIRST, "beside": BESIDE, "raced": RACED, "left": LEFT, "below": BELOW}
PLAIN = Seq(
    (
        Inline(0),
        Inline(0, "effect"),
        Try(Flaky(1, 2, 1), Nap(16)),
        Flaky(0, 1, 1, 1),
        Map((1, 1)),
        Child(Loop(2, Inline(1, fed=True))),
    )
)


@pytest.mark.parametrize("name", [*EVERYTHING, "plain"])
def test_a_kill_at_each_point_in_turn_changes_nothing(mode, name):
    """Promises 1, 2 and 5: before and after each commit, at the beginning of each step, and at its end."""
    tree, form = (PLAIN, body_sync) if name == "plain" else (EVERYTHING[name], body)
    points = performed(tree, 4, form, mode)
    assert points > 20
    for point in range(0, points, 1 if mode == "one pass" else 5):
        performed_in_lives(tree, 4, form, mode, deaths=[point], points=points)


@settings(max_examples=60 * MORE, deadline=None)
@given(tree=TREES, seeds=st.tuples(seeds, seeds))
def test_what_is_recorded_does_not_depend_on_timing(tree, seeds):
    """Design, section 5: branches are numbered where they are created, calls counted when they are made."""
    tree = changed(tree, Race, lambda race: Gather(race.parts))
    tree = changed(tree, Draw, lambda _: Draw("now"))
    results = []
    for seed in seeds:
        with clock_for(body) as clock:
            world = World(clock, seed, body)
            results.append((world.live(tree), world.recorded()))
    assert results[0] == results[1]
