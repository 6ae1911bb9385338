"""Laws of resumable loops: wherever turns are kept, and wherever it fails, the result is that of one go.

Programs of loops in loops and after each other, with breaks, in one function or in functions inside it, are
written at random; all their variables are kept. What is kept, and where each attempt fails, is drawn too.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from functions.looping import Face, MishapError, fate, tick
from perdure import resumable, step, workflow
from perdure.engine.loops import loop, pace, progress
from perdure.engine.loops.saver import Saver, Work
from perdure.engine.process import use_store
from perdure.store import open_store

NAMES = ["x", "trace", "shared"]
HEAD = """
def program():
    random.seed(0)
    x, trace = 1, []
    shared = {"trace": trace}
"""
ITERABLES = ["range({n})", "list(range({n}))", "counted({n})", "enumerate('abcdef'[:{n}])", "shuffled({n})"]


@st.composite
def programs(draw, depth=0):
    """A list of statements: a number is some work, a tuple a loop."""
    found = []
    for _ in range(draw(st.integers(1, 3))):
        if depth < 3 and draw(st.integers(0, 2)):
            made = draw(st.sampled_from(ITERABLES)).format(n=draw(st.integers(0, 4)))
            leaves = draw(st.sampled_from([None, None, "break", "continue"]))
            apart = draw(st.booleans())
            found.append((made, leaves, apart, draw(programs(depth=depth + 1))))
        else:
            found.append(draw(st.integers(0, 99)))
    return found


def written(statements, indent="    "):
    """The statements as source."""
    lines = []
    for at, each in enumerate(statements):
        if isinstance(each, int):
            lines.append(f"{indent}tick()")
            lines.append(f"{indent}x = (x * 31 + {each} + random.randrange(1000)) % 1_000_003")
            lines.append(f"{indent}shared['trace'].append(x)")
            continue
        made, leaves, apart, body = each
        inner = indent
        if apart:
            lines.append(f"{indent}def apart{at}():")
            inner += "    "
            lines.append(f"{inner}nonlocal x, trace, shared")
        lines.append(f"{inner}for item in resumable({made}, keep={NAMES}, every=0):")
        lines.append(f"{inner}    trace.append(str(item))")
        lines += written(body, inner + "    ")
        if leaves:
            lines += [f"{inner}    if x % 3 == 0:", f"{inner}        {leaves}"]
            lines.append(f"{inner}    x += 1")
        if apart:
            lines.append(f"{indent}apart{at}()")
    return lines


def counted(n):
    yield from range(n)


def shuffled(n):
    order = list(range(n))
    random.shuffle(order)
    yield from order


@pytest.fixture(autouse=True)
def kept_by_fate(monkeypatch, tmp_path):
    """Turns are kept in the loop's own thread, if it is so decided."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "user"))
    monkeypatch.setattr(pace.Pace, "next", lambda self, every, last: fate.next(last))
    monkeypatch.setattr(loop, "REFRESH", 0.0)

    def begin(self, do, spend):
        self._work = Work(do, spend)
        self._work.run()

    monkeypatch.setattr(Saver, "begin", begin)
    before = progress.use_face(Face())
    yield
    progress.use_face(before)


def made(statements):
    """The workflow of a program, in a step."""
    source = HEAD + "\n".join(written(statements)) + "\n    return x, trace, shared['trace'] is trace"
    space = {"random": random, "resumable": resumable, "counted": counted, "shuffled": shuffled, "tick": tick}
    exec(compile(source, "<program>", "exec"), space)
    run = step(space["program"])

    @workflow
    def body():
        return run()

    return body


@settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(
    programs(), st.lists(st.integers(0, 40), max_size=4), st.integers(0, 9), st.sampled_from([0.2, 0.5, 1.0])
)
@example([("range(3)", None, True, [1, ("range(3)", None, True, [2])])], [7, 3], 0, 1.0)
@example([("shuffled(4)", "break", False, [1]), ("range(2)", None, False, [2])], [3, 2], 0, 1.0)
def test_a_loop_that_failed_anywhere_reaches_the_result_of_one_go(statements, fails, seed, share):
    """Promise 2: names, aliases and random numbers; with turns kept everywhere, here and there, or rarely."""
    with open_store(":memory:") as store:
        before = use_store(store)
        try:
            body = made(statements)
            fate.left, fate.share = None, 0.0
            whole = body.using(key="whole")()
            fate.keeps, fate.share = random.Random(seed), share
            for left in fails:
                fate.left = left
                try:
                    assert body.using(key="failing")() == whole
                except MishapError:
                    continue
            fate.left = None
            assert body.using(key="failing")() == whole
            assert store.blobs.names() == set()
            run = store.journal.runs()[0].id
            assert not any(note.data["live"] for note in store.journal.notes(run, "loop"))
        finally:
            use_store(before)


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(programs(), st.integers(0, 40))
def test_of_a_kept_turn_nothing_is_done_again(statements, fails):
    """Promise 2: with every turn kept, at most the turns that were under way are begun again."""
    with open_store(":memory:") as store:
        before = use_store(store)
        try:
            body = made(statements)
            fate.left, fate.keeps, fate.share = None, random.Random(0), 1.0
            whole = body.using(key="whole")()
            work = 10_000
            fate.left = work
            body.using(key="count")()
            total = work - fate.left
            fate.left = fails
            try:
                body.using(key="failing")()
            except MishapError:
                fate.left = work
                assert body.using(key="failing")() == whole
                outside = sum(isinstance(each, int) for each in flat(statements))
                assert work - fate.left <= total - fails + outside
        finally:
            fate.left = None
            use_store(before)


def flat(statements):
    """All statements, those in loops too: what may be under way when it fails, or stand between loops."""
    for each in statements:
        yield each
        if not isinstance(each, int):
            yield from flat(each[3])
