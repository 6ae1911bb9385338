"""Child runs as calls of their parent: equal ones apart, outcomes kept, from bodies and from steps."""

from __future__ import annotations

import asyncio
import threading

import pytest

from functions.witness import bad_luck, ran, stumble, taken
from perdure import step, workflow
from perdure.errors import CodeEdited, NoSuchStep, StoreFull, StrictDrift
from perdure.store.records import CallRecord


@step
def double(x):
    ran("double", x)
    return 2 * x


@workflow
def child(x):
    return double(x)


@workflow
async def leaf(x):
    for _ in range(5 - globals()["TURNS"]):
        await asyncio.sleep(0)
    globals()["TURNS"] += 1
    number = globals()["TURNS"]
    ran("leaf", number)
    return number


@pytest.fixture(autouse=True)
def no_turns():
    globals()["TURNS"] = 0


async def awaited(found):
    return await found


def run(body, *args):
    found = body(*args)
    return asyncio.run(awaited(found)) if body.is_async else found


def twice(body, *args):
    """The results of a pass that fails at its end, and of the one that resumes it, in which nothing runs."""
    bad_luck(ValueError("once"))
    with pytest.raises(ValueError, match="once"):
        run(body, *args)
    first = taken()
    found = run(body, *args)
    assert taken() == []
    return found, first


def children(store, name):
    [top] = [each for each in store.journal.runs() if each.workflow == name and each.parent is None]
    return store.journal.children(top.id)


# -- which run -------------------------------------------------------------------------------------------


def test_a_child_is_recorded_as_a_call_of_its_parent(store, calls):
    """Promise 11: with its run, its inputs, and why it ran."""

    @workflow
    def top(n):
        return [child(n), child(n + 1)]

    assert top(1) == [2, 4]
    runs = children(store, "top")
    assert [(call.kind, call.step, call.state, call.child) for call in calls(top)] == [
        ("child", "child", "done", each.id) for each in runs
    ]
    assert [call.input_parts[0].preview for call in calls(top)] == ["1", "2"]
    assert {call.reason for call in calls(top)} == {"new call"}
    assert [call.value for call in calls(top)] == [None, None], "the result lies with the child"


def test_equal_children_are_runs_of_their_own_and_match_whatever_ends_first(store):
    """Promises 1 and 2: the later ones end first, and a replay gives each its own result."""

    @workflow
    async def top(n):
        found = await asyncio.gather(*[leaf("same") for _ in range(n)])
        stumble()
        return found

    found, first = twice(top, 4)
    assert sorted(found) == [1, 2, 3, 4]
    assert len(first) == 4
    assert len({each.key for each in children(store, "top")}) == 4


def test_equal_children_of_branches_keep_apart(store):
    """Children below tasks match by branch."""

    async def chain(x):
        return [await leaf("same"), await leaf("same")]

    @workflow
    async def top(n):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(chain(x)) for x in range(n)]
        stumble()
        return [task.result() for task in tasks]

    found, _ = twice(top, 3)
    assert sorted(number for pair in found for number in pair) == [1, 2, 3, 4, 5, 6]
    assert len(children(store, "top")) == 6


def test_a_key_names_one_child_wherever_it_is_started(store):
    keyed = child.using(key="the one")

    @workflow
    def top(n):
        found = [keyed(n), keyed(n), keyed(n + 7)]
        stumble()
        return found

    found, first = twice(top, 1)
    assert found == [2, 2, 2]
    assert first == [("double", 1)]
    assert [each.key for each in children(store, "top")] == ["the one"]


def test_a_started_child_is_a_call_as_well(store, calls):
    """Two equal ones are begun beside each other, and awaited in any order."""

    @workflow
    def top(n):
        first, second = child.start(n), child.start(n)
        found = second.result(), first.result()
        stumble()
        return found

    found, first = twice(top, 1)
    assert found == (2, 2)
    assert first == [("double", 1)] * 2
    assert [(call.kind, call.state) for call in calls(top)] == [("child", "done")] * 2


def test_a_started_async_child_takes_no_branch(store, calls):
    """A branch more would move those after it."""

    @workflow
    async def top(n):
        handle = leaf.start(n)
        return [await double.map([n]), await handle]

    assert run(top, 1) == [[2], 1]
    assert {call.step: call.branch for call in calls(top)} == {"leaf": "", "double": "0.0"}


def test_fresh_in_a_body_begins_one_run_and_a_replay_finds_it(store):
    """Promise 1."""
    fresh = child.using(fresh=True)

    @workflow
    def top(n):
        found = [fresh(n), fresh(n)]
        stumble()
        return found

    _, first = twice(top, 1)
    assert len(first) == 2
    assert len(children(store, "top")) == 2


# -- outcomes --------------------------------------------------------------------------------------------


@workflow
def fails(x):
    ran("fails", double(x))
    raise LookupError("nothing at", x)


def test_a_failure_that_the_parent_caught_is_an_outcome(store, calls):
    """Promise 1: the child is not run again on replay, and gives the same error."""

    @workflow
    def top(n):
        try:
            fails(n)
        except LookupError as error:
            found = error.args
        after = double(n + 1)
        stumble()
        return found, after

    found, first = twice(top, 1)
    assert found == (("nothing at", 1), 4)
    assert first == [("double", 1), ("fails", 2), ("double", 2)]
    assert next((call.step, call.state, call.caught) for call in calls(top)) == ("fails", "failed", True)


def test_a_failure_that_ended_the_parent_is_tried_again(calls):
    @workflow
    def top(n):
        found = double(n)
        return child_that_stumbles(found)

    bad_luck(LookupError("once"))
    with pytest.raises(LookupError):
        top(1)
    assert calls(top)[1].state == "failed"
    taken()
    assert top(1) == 4
    assert taken() == [], "the child's own step is restored"
    assert [call.state for call in calls(top)] == ["done", "done"]


@workflow
def child_that_stumbles(x):
    found = double(x)
    stumble()
    return found


def test_what_keeps_a_child_from_going_on_is_no_outcome():
    """A child that has to ask is asked again, also where its parent caught that."""

    def version(number):
        space = {"step": step, "workflow": workflow, "ran": ran, "__name__": "other"}
        exec(
            f"@step(on_edit='ask')\ndef careful(x):\n    return x + {number}\n"
            "@workflow\ndef inner(x):\n    return careful(x)",
            space,
        )
        return space["inner"]

    globals()["INNER"] = version(1)

    @workflow
    def top(n):
        try:
            found = globals()["INNER"](n)
        except CodeEdited:
            found = "asks"
        double(n)
        stumble()
        return found

    bad_luck(ValueError("once"))
    with pytest.raises(ValueError, match="once"):
        top(1)
    globals()["INNER"] = version(2)
    with pytest.raises(CodeEdited, match="`careful`"):
        top(1)
    globals()["INNER"] = version(1)
    assert top(1) == 2


def test_a_child_whose_code_was_edited_keeps_what_is_valid(store, calls):
    """A finished child is forked, as it would be by itself; strict refuses."""

    def version(last):
        space = {"double": double, "workflow": workflow}
        exec(f"@workflow\ndef inner(n):\n    return double(n) + {last}", space)
        return space["inner"]

    @workflow
    def top(n):
        found = globals()["INNER"](n)
        stumble()
        return found

    globals()["INNER"] = version(1)
    bad_luck(ValueError("once"))
    with pytest.raises(ValueError, match="once"):
        top(1)
    globals()["INNER"] = version(2)
    with pytest.raises(StrictDrift):
        top.using(strict=True)(1)
    assert top(1) == 4
    assert taken() == [("double", 1)]
    assert [call.reason for call in calls(top)] == ["new call", "code of `inner` changed"]
    assert [each.forked_from is not None for each in children(store, "top")] == [False, True]


def test_redo_of_a_child_begins_another_run(store):
    """What was asked for runs again."""

    @workflow
    def top(n):
        return [child(n), double(n + 1)]

    top(1)
    taken()
    assert top.using(redo="child")(1) == [2, 4]
    assert taken() == [("double", 1)]
    assert len(children(store, "top")) == 2
    with pytest.raises(NoSuchStep, match="did you mean `child`"):
        top.using(redo="chlid")(1)


# -- from steps, and from themselves ---------------------------------------------------------------------


def test_a_step_that_is_tried_again_goes_on_with_its_children(store, calls):
    """Promise 1: the second attempt finds what the first one started, equal ones in their order."""

    @step(retries=1)
    def outer(x):
        found = [child(x), child(x), child_that_stumbles(x + 1)]
        ran("outer")
        stumble()
        return found

    @workflow
    def top(n):
        return outer(n)

    bad_luck(ValueError("in the third child"))
    assert top(1) == [2, 2, 4]
    assert taken() == [("double", 1), ("double", 1), ("double", 2), "outer"]
    runs = children(store, "top")
    assert [(each.workflow, each.state) for each in runs] == [
        ("child", "done"),
        ("child", "done"),
        ("child_that_stumbles", "done"),
    ]
    assert [call.step for call in calls(top)] == ["outer"], "a step's own result stands for its children"


def test_a_child_of_an_async_step_runs_on_its_loop(store):
    @step
    async def outer(x):
        return await asyncio.gather(leaf(x), leaf(x))

    @workflow
    async def top(n):
        return await outer(n)

    assert sorted(run(top, 1)) == [1, 2]
    assert len(children(store, "top")) == 2


def test_steps_in_a_child_of_a_step_are_recorded_with_the_child(store):
    @step
    def outer(x):
        return child(x)

    @workflow
    def top(n):
        found = outer(n)
        stumble()
        return found

    found, first = twice(top, 3)
    assert (found, first) == (6, [("double", 3)])
    [below] = children(store, "top")
    assert [call.step for call in store.journal.calls(below.id)] == ["double"]


@workflow
def countdown(n):
    return [n, *(countdown(n - 1) if n else [])]


def test_a_workflow_may_call_itself(store):
    assert countdown(5) == [5, 4, 3, 2, 1, 0]
    assert len(store.journal.runs(workflow="countdown")) == 6
    assert countdown(5) == [5, 4, 3, 2, 1, 0]
    assert len(store.journal.runs(workflow="countdown")) == 6


@workflow
def endless(n):
    return endless(n + 1)


def test_a_workflow_that_never_ends_calling_itself_says_so_and_lets_all_runs_go(store):
    """Promise 6: each of its runs can be taken again."""
    with pytest.raises(RecursionError):
        endless(0)
    runs = store.journal.runs(workflow="endless")
    assert {each.state for each in runs} <= {"failed", "running"}
    for each in runs:
        store.lock(each).release()


def test_children_in_threads_of_a_map_are_of_their_branches(store):
    """A step of a map, in a thread, starts a child there."""
    globals()["BOTH"] = threading.Barrier(2, timeout=60)

    @step
    def outer(x):
        globals()["BOTH"].wait()
        return child("same")

    @workflow
    def top(n):
        return outer.map([1, 2], concurrency=2).result()

    assert top(1) == ["samesame", "samesame"]
    assert len(children(store, "top")) == 2


class FullOnce:
    """A journal on a disk that is full, once, when the end of a child's call is to be recorded."""

    def __init__(self, journal):
        self._journal = journal
        self.full = True

    def write(self, run, epoch, records, *, durability=None):
        ends = any(
            isinstance(each, CallRecord) and (each.kind, each.state) == ("child", "done") for each in records
        )
        if self.full and ends:
            self.full = False
            raise StoreFull(path="here", cause="no room")
        self._journal.write(run, epoch, records, durability=durability)

    def __getattr__(self, name):
        return getattr(self._journal, name)


@pytest.mark.timeout(60)
def test_a_child_whose_end_finds_no_room_holds_nobody_up(store):
    """Promise 2: the parent gets the error, may go on, and finds the child done when it comes back."""
    store.journal = FullOnce(store.journal)

    @workflow
    def parent(x):
        try:
            return child(x)
        except StoreFull:
            stumble()
            return "went on"

    bad_luck(ValueError("once"))
    with pytest.raises(ValueError, match="once"):
        parent(2)
    assert taken() == [("double", 2)]
    assert parent(2) == 4
    assert taken() == []
    store.journal.full = True
    assert parent(3) == "went on"
    assert [run.state for run in store.journal.runs()] == ["done"] * 4


def test_a_step_that_is_redone_starts_its_children_anew():
    """Promise 1: asked for is asked for, down to what the step starts."""

    @step(kind="volatile")
    def quote(n):
        ran("quote")
        return n

    @workflow
    def child(n):
        return quote(n)

    @step
    def outer(n):
        return child(n)

    @workflow
    def body(n):
        return outer(n)

    assert body(1) == 1
    assert body.using(redo="outer")(1) == 1
    assert taken() == ["quote", "quote"]


# -- kills -----------------------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from perdure import step, workflow

@step
def note(x):
    print("note", x, flush=True)
    if x == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)
    return x

@workflow
def child(x):
    return note(x) + note(x + 1)

@step
def starts(x):
    return child(x)

@workflow
def parent(n):
    return [child(n), child(n), starts(n + 10)]

print(parent(1))
"""


@pytest.mark.parametrize("deadly", [2, 11, 12])
def test_a_kill_in_a_child_loses_only_what_was_running(tmp_path, monkeypatch, script, deadly):
    """Promise 2: of a body's child, and of a step's, each finds what it had recorded; equal ones stay apart."""
    monkeypatch.setenv("PERDURE_STORE", str(tmp_path / "store"))
    script(KILLED, deadly, fails=True)
    *again, result = script(KILLED, 0)
    assert result == "[3, 3, 23]"
    assert (
        again
        == {
            2: ["note 2", "note 1", "note 2", "note 11", "note 12"],
            11: ["note 11", "note 12"],
            12: ["note 12"],
        }[deadly]
    )
    assert script(KILLED, 0) == ["[3, 3, 23]"]
