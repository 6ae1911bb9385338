"""Laws of races: where calls stand does not depend on who wins, and a decision stands (promises 1 and 2).

Random bodies of steps, sleeps, gatherings and races are executed with random timing. Each place that is recorded
must be one that can be read off the body alone, by counting branches and equal calls; a resume with another
timing, after the body's end or after a crash at any commit, comes to the result that was decided.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from perdure import first_success, race, sleep, step, workflow
from perdure.engine.process import use_store
from perdure.errors import DiedTwice
from perdure.store import open_store
from perdure.store.records import CallRecord

# -- random bodies ---------------------------------------------------------------------------------------

small = st.integers(0, 2)
leaves = st.one_of(st.tuples(st.just("call"), small), st.tuples(st.just("nap"), small))


def sequences(nodes, least=0):
    return st.lists(nodes, min_size=least, max_size=3)


def nested(nodes):
    several = st.lists(sequences(nodes), min_size=1, max_size=3)
    return st.one_of(
        st.tuples(st.just("gather"), several),
        st.tuples(st.sampled_from(["race", "named", "success", "left", "late"]), several),
    )


programs = sequences(st.recursive(leaves, nested, max_leaves=10), 1)


class Timing:
    """How long steps take, in turns of the loop: another thing in each life, and no input of any step."""

    chance = random.Random(0)


@step
async def call(x):
    globals()["BEGUN"].append(x)
    for _ in range(Timing.chance.randrange(6)):
        await asyncio.sleep(0)
    return [x]


BEGUN: list[int] = []


async def carry_out(program):
    return [await carry_out_one(what, inside) for what, inside in program]


async def carry_out_one(what, inside):
    if what == "call":
        return await call(inside)
    if what == "nap":
        return await sleep(0) or inside
    late = [sleep("1h")] if what == "late" else []
    parts = [carry_out(each) for each in inside]
    kinds = {
        "gather": lambda: asyncio.gather(*parts),
        "named": lambda: race(**{f"c{number}": part for number, part in enumerate(parts)}),
        "success": lambda: first_success(failing(), *parts),
        "late": lambda: race(*late, *parts),
        "left": lambda: race(*parts, losers="leave"),
        "race": lambda: race(*parts),
    }
    return await kinds[what]()


async def failing():
    raise LookupError


def places(program, branch="", children=None):
    """Where a body may record steps and races, read off the body alone: branch, step and how often."""
    children = Counter() if children is None else children

    def below(path):
        number = children[path]
        children[path] += 1
        return f"{path}.{number}" if path else str(number)

    for what, inside in program:
        if what == "call":
            yield branch, "call", inside
        elif what == "gather":
            for each in inside:
                yield from places(each, below(branch), children)
        elif what != "nap":
            name = "perdure.first_success" if what == "success" else "perdure.race"
            yield branch, name, None
            own = below(branch)
            for number, each in enumerate([[]] * (what in ("success", "late")) + inside):
                assert below(own) == f"{own}.{number}"
                yield from places(each, f"{own}.{number}", children)


def recorded(journal):
    """The places of the recorded steps and races, with their states."""
    [run] = journal.runs()
    for call in journal.calls(run.id):
        if call.kind != "wait":
            x = None if call.kind == "noted" else int(call.input_parts[0].preview)
            yield (call.branch, call.step, x), call


class LaterError(Exception):
    """The body is through, but the run is not to be finished yet."""


ENDING: list[BaseException] = []
RESULTS: list[object] = []


@workflow
async def body(program):
    results = await carry_out(program)
    globals()["RESULTS"].append(results)
    if globals()["ENDING"]:
        raise globals()["ENDING"].pop()
    return results


# -- lives -----------------------------------------------------------------------------------------------


class CrashError(BaseException):
    """The process dies here."""


class MortalJournal:
    """A journal whose process dies at a commit; it sees to it that nothing that is done begins again."""

    def __init__(self, journal):
        self._journal = journal
        self._done = {}
        self.left = None

    def write(self, run, epoch, records, *, durability=None):
        if self.left is not None:
            own = threading.current_thread() is threading.main_thread()
            self.left -= own
            if self.left < 0 and own:
                raise CrashError
            if self.left < 0:
                return  # the signs of life of a process that is dead
        for record in records:
            if isinstance(record, CallRecord):
                place = (record.branch, record.step, record.inputs, record.occurrence)
                assert self._done.get(place, record.id) == record.id, "what is recorded was recorded again"
                if record.state == "done":
                    self._done[place] = record.id
        self._journal.write(run, epoch, records, durability=durability)

    def __getattr__(self, name):
        return getattr(self._journal, name)


def live(journal, program, *, seed, commits=None):
    """One life of a process; its result, or the error that ended it; and whether a step began."""
    Timing.chance, journal.left = random.Random(seed), commits
    BEGUN.clear()

    async def main():
        return await body(program)

    try:
        return asyncio.run(main()), bool(BEGUN)
    except (CrashError, LaterError, DiedTwice) as error:
        return error, bool(BEGUN)


def new_store():
    store = open_store(":memory:")
    store.journal = MortalJournal(store.journal)
    use_store(store)
    return store.journal


def check_places(journal, program):
    possible = Counter(places(program))
    found = Counter(place for place, _ in recorded(journal))
    assert found <= possible, "a call stands where none can be"
    for place, call in recorded(journal):
        assert call.occurrence < possible[place]


@settings(max_examples=150, deadline=None)
@given(program=programs, crashes=st.lists(st.integers(0, 20), max_size=3), seed=st.integers(0, 1000))
def test_what_was_decided_stands_and_nothing_moves(program, crashes, seed):
    journal = new_store()
    for number, commits in enumerate(crashes):
        ENDING[:] = []
        found, _ = live(journal, program, seed=seed + number, commits=commits)
        if not isinstance(
            found, CrashError
        ):  # it came to its end, or a call in which it died twice is asked about
            return
        if journal.runs():
            check_places(journal, program)
    # The body comes to its end in one life, and again in others with another timing: nothing begins there, but
    # for losers that are left running.
    lives = []
    for number in range(3):
        ENDING[:] = [LaterError()] if number < 2 else []
        RESULTS.clear()
        found, began = live(journal, program, seed=seed + 100 + number)
        if isinstance(found, DiedTwice):
            return
        check_places(journal, program)
        calls = {call.id for _, call in recorded(journal)}
        lives.append((list(RESULTS), began and number > 0, calls))
        if "left" in str(program):
            lives[-1] = (list(RESULTS),)
    assert lives[1:] == [lives[1]] * 2
    assert lives[0] == lives[1], "a replay begins nothing"
    assert live(journal, program, seed=seed + 200) == (found, False), "what is finished is restored"
