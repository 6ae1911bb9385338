"""Laws of runs: random workflows, with crashes at random commits, against one uninterrupted pass.

A crash is simulated at the journal: from the fatal commit on, which may or may not have been made, every write
fails, and the next owner takes the run from what was recorded.
"""

from __future__ import annotations

import asyncio
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from perdure import step, workflow
from perdure.engine import states
from perdure.engine.process import use_store
from perdure.store import open_store
from perdure.store.records import AttemptRecord, CallRecord, RunRecord

# -- random workflows ------------------------------------------------------------------------------------

small = st.integers(0, 2)
leaves = st.one_of(
    st.tuples(st.just("call"), small),
    st.tuples(st.just("now"), small),
    st.tuples(st.just("fail"), small),
    st.tuples(st.just("map"), st.lists(small, max_size=3)),
)


def sequences(nodes):
    return st.lists(nodes, max_size=3)


programs = sequences(
    st.recursive(
        leaves,
        lambda nodes: st.tuples(st.just("gather"), st.lists(sequences(nodes), min_size=1, max_size=3)),
        max_leaves=6,
    )
)


class Timing:
    """How long steps take, in turns of the loop: another thing in each life, and no input of any step."""

    chance = random.Random(0)

    @classmethod
    async def pass_time(cls):
        for _ in range(cls.chance.randrange(4)):
            await asyncio.sleep(0)


async def pass_time():
    await globals()["Timing"].pass_time()


@step
async def call(x):
    await pass_time()
    return [x, "kept"]


@step(kind="volatile")
async def now(x):
    await pass_time()
    return {"now": x}


@step
async def fail(x):
    await pass_time()
    raise LookupError("nothing at", x)


async def carry_out(program):
    results = []
    for what, given_ in program:
        if what == "gather":
            results.append(await asyncio.gather(*[carry_out(each) for each in given_]))
        elif what == "map":
            results.append(await call.map(given_, concurrency=2))
        elif what == "fail":
            try:
                await fail(given_)
            except LookupError as error:
                results.append(error.args)
        else:
            results.append(await (call if what == "call" else now)(given_))
    return results


class LaterError(Exception):
    """The body is through, but the run is not to be finished yet."""


ENDING: list[BaseException] = []


@workflow
async def body(program):
    results = await carry_out(program)
    await call(len(results))  # a further move: failures before it are outcomes
    if globals()["ENDING"]:
        raise globals()["ENDING"].pop()
    return results


# -- crashes ---------------------------------------------------------------------------------------------


class CrashError(BaseException):
    """The process dies here."""


class MortalJournal:
    """A journal whose process dies at a commit, and that watches every move."""

    def __init__(self, journal):
        self._journal = journal
        self._states = {}
        self._done = set()
        self.writes = 0
        self.started = 0
        self.crash = None

    def write(self, run, epoch, records, *, durability=None):
        self.writes += 1
        fatal = self.crash is not None and self.writes >= self.crash[0]
        if not fatal or (self.writes == self.crash[0] and self.crash[1]):
            self._journal.write(run, epoch, records, durability=durability)
            for record in records:
                self._watch(record)
        if fatal:
            raise CrashError

    def _watch(self, record):
        tables = {CallRecord: states.CALL, AttemptRecord: states.ATTEMPT, RunRecord: states.RUN}
        table = tables.get(type(record))
        if table is None:
            return
        identity = (record.call, record.number) if isinstance(record, AttemptRecord) else record.id
        before = self._states.get(identity)
        assert before in (None, record.state) or record.state in table[before] | (
            table["running"] if "running" in table[before] else frozenset()
        ), "states only advance, and a start may go without a record"
        self._states[identity] = record.state
        if isinstance(record, CallRecord):
            place = (record.branch, record.step, record.inputs, record.occurrence)
            if record.state == "running" or before not in ("running", record.state):
                self.started += 1
                assert place not in self._done, "a recorded call never runs again"
            if record.state == "done":
                self._done.add(place)

    def __getattr__(self, name):
        return getattr(self._journal, name)


def live(journal, program, *, seed, crash=None):
    """One life of a process; its result, or the error that ended it."""
    Timing.chance = random.Random(seed)
    journal.writes, journal.started, journal.crash = 0, 0, crash

    async def main():
        return await body(program)

    try:
        return asyncio.run(main())
    except (CrashError, LaterError) as error:
        return error


def recorded(journal):
    """The calls that have an outcome, by the parts of their keys."""
    [run] = journal.runs()
    return sorted(
        (call.branch, call.step, call.inputs, call.occurrence, call.state)
        for call in journal.calls(run.id)
        if call.state in ("done", "failed")
    )


def new_store():
    store = open_store(":memory:")
    store.journal = MortalJournal(store.journal)
    use_store(store)
    return store.journal


crashes = st.lists(st.tuples(st.integers(1, 25), st.booleans(), small), max_size=5)


@settings(max_examples=200, deadline=None)
@given(program=programs, fatal=crashes, seed=st.integers(0, 1000))
def test_a_run_that_crashes_reaches_what_one_in_one_go_does(program, fatal, seed):
    """Promises 1 and 2: same result and same records; no recorded call runs again; states only advance."""
    ENDING.clear()
    expected = live(journal := new_store(), program, seed=seed)
    records = recorded(journal)
    journal = new_store()
    for commit, made, other in fatal:
        found = live(journal, program, seed=seed + other, crash=(commit, made))
        if not isinstance(found, CrashError):
            break
    ENDING[:] = [LaterError()]
    found = live(journal, program, seed=seed + 7)
    if isinstance(found, LaterError):
        found = live(journal, program, seed=seed + 8)
        assert journal.started == 0, "replay starts nothing"
    assert found == expected
    assert recorded(journal) == records, "branches and occurrence do not depend on timing"
    assert {call.state for call in journal.calls(journal.runs()[0].id)} <= {"done", "failed"}
    again = live(journal, program, seed=seed + 9)
    assert (again, journal.writes) == (expected, 0)


@settings(max_examples=60, deadline=None)
@given(program=programs, seeds=st.tuples(st.integers(0, 1000), st.integers(0, 1000)))
def test_what_is_recorded_does_not_depend_on_timing(program, seeds):
    """Design, section 5: branches are numbered where they are created, calls counted when they are made."""
    ENDING.clear()
    results = []
    for seed in seeds:
        journal = new_store()
        results.append((live(journal, program, seed=seed), recorded(journal)))
    assert results[0] == results[1]
