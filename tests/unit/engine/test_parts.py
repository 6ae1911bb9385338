"""The small parts of the engine: durations, tracebacks, inputs, listeners, branches, failures."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from datetime import timedelta

import pytest

from perdure.engine import durations
from perdure.engine.events import Event, Listeners
from perdure.engine.failures import Failures
from perdure.engine.inputs import combined, input_part, input_parts
from perdure.engine.scope import Pass, Scope, context_in, current_scope, entered, numbered_tasks
from perdure.engine.tracebacks import cleaned, one_line, user_traceback
from perdure.store.records import Part
from perdure.testing import sample_call, sample_run

# -- durations -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("10m", 600),
        ("1h 30m", 5400),
        ("1.5 s", 1.5),
        ("250ms", 0.25),
        ("2d", 172800),
        (3, 3),
        (0.5, 0.5),
        (timedelta(minutes=2), 120),
    ],
)
def test_durations_are_read_as_people_write_them(written, seconds):
    assert durations.seconds(written) == pytest.approx(seconds)


@pytest.mark.parametrize("written", ["", "soon", "10x", "1h later", "-5s", -1, float("nan")])
def test_what_is_no_duration_is_told(written):
    with pytest.raises(ValueError, match="write it like 90s, 10m, 1h 30m"):
        durations.seconds(written)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0004, "0.4 ms"),
        (0.25, "250 ms"),
        (3.2, "3.2 s"),
        (59.96, "1 m 00 s"),
        (62, "1 m 02 s"),
        (8040, "2 h 14 m"),
        (86400 * 3 + 3600 * 4, "3 d 04 h"),
        (0.9999, "1.0 s"),
        (-1, "0.0 ms"),
    ],
)
def test_durations_are_told_in_two_units(seconds, words):
    assert durations.words(seconds).replace(durations.NBSP, " ") == words


@pytest.mark.parametrize(
    ("count", "words"), [(812, "812 B"), (34_840_000, "34.8 MB"), (999_600, "1.0 MB"), (2e12, "2000 GB")]
)
def test_sizes_are_told_in_a_decimal_unit(count, words):
    assert durations.size_words(count).replace(durations.NBSP, " ") == words


# -- tracebacks ------------------------------------------------------------------------------------------


def test_an_error_is_one_short_line():
    assert one_line(ValueError("first\nsecond")) == "ValueError: first"
    assert one_line(KeyError("k")) == "KeyError: 'k'"
    assert one_line(KeyboardInterrupt()) == "KeyboardInterrupt"
    assert len(one_line(ValueError("x" * 1000))) == 300
    assert one_line(ValueError("x" * 1000)).endswith("…")


def raised_below_perdure():
    """An error that went through this project's own frames."""
    work = Pass()
    try:
        work.once("key", lambda: 1 / 0)
    except ZeroDivisionError as error:
        return error
    raise AssertionError


def test_a_traceback_shows_the_users_frames_alone():
    text = user_traceback(raised_below_perdure())
    assert "1 / 0" in text
    assert "raised_below_perdure" in text
    assert "scope.py" not in text
    assert text.endswith("ZeroDivisionError: division by zero\n")


def test_a_cleaned_error_is_the_same_error():
    error = raised_below_perdure()
    assert cleaned(error) is error
    names = []
    trace = error.__traceback__
    while trace is not None:
        names.append(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    assert names == ["raised_below_perdure", "<lambda>"]


def test_an_endless_traceback_is_cut():
    lines = ["def f0(): 1 / 0", *(f"def f{i}(): f{i - 1}()" for i in range(1, 400)), "f399()"]
    with pytest.raises(ZeroDivisionError) as raised:
        exec("\n".join(lines), {})
    assert 10_000 < len(user_traceback(raised.value)) < 21_000


# -- inputs ----------------------------------------------------------------------------------------------


def test_inputs_are_told_apart_by_type_content_and_name():
    """Design, section 5: exact types and order count."""
    values = [1, True, 1.0, "1", b"1", [1], (1,), {1}, {"a": 1}, {"a": 1.0}, [1, 2], [2, 1]]
    digests = [combined(input_parts({"x": value})) for value in values]
    assert len(set(digests)) == len(values)
    assert combined(input_parts({"y": 1})) != combined(input_parts({"x": 1}))


def test_the_order_of_names_does_not_count():
    assert combined(input_parts({"a": 1, "b": 2})) == combined(input_parts({"b": 2, "a": 1}))
    assert combined(input_parts({"a": 1, "b": 2})) != combined(input_parts({"a": 2, "b": 1}))


def test_an_input_carries_a_line_that_shows_it():
    assert input_part("x", [1, 2]).preview == "list of 2"
    assert input_part("x", 3).preview == "3"


def test_names_and_digests_do_not_run_into_each_other():
    assert combined([Part("a", "bc")]) != combined([Part("ab", "c")])


# -- events ----------------------------------------------------------------------------------------------


def test_a_listener_that_fails_is_logged_and_not_obeyed(caplog):
    listeners, heard = Listeners(), []
    event = Event("call_started", 1.0, sample_run(), sample_call("r_00000001"))

    def bad(_):
        raise ValueError("a picture went wrong")

    listeners.add(bad)
    remove = listeners.add(heard.append)
    with caplog.at_level(logging.WARNING, "perdure"):
        listeners.tell(event)
    assert heard == [event]
    assert "a picture went wrong" in caplog.text
    remove()
    remove()
    listeners.tell(event)
    assert heard == [event]


# -- scope and branches ----------------------------------------------------------------------------------


def test_equal_calls_are_counted_each_for_itself():
    within = Pass()
    assert [within.occurrence("", "f", "x") for _ in range(3)] == [0, 1, 2]
    assert within.occurrence("", "f", "y") == within.occurrence("0", "f", "x") == 0


def test_branches_are_numbered_below_their_parent():
    scope = Scope(None, Pass())
    first, second = scope.below(), scope.below()
    assert [first.branch, second.branch, first.below().branch, first.below().branch] == [
        "0",
        "1",
        "0.0",
        "0.1",
    ]


def test_what_is_asked_for_says_why():
    within = Pass(redo=frozenset({"f"}), redo_from="h")
    assert [within.why_redo(step) for step in "fghg"] == [
        "asked for with --redo",
        None,
        "asked for with --from h",
        "asked for with --from h",
    ]


def test_a_context_has_its_scope_and_leaves_the_callers_alone():
    scope = Scope(None, Pass())
    assert context_in(scope).run(current_scope) is scope
    assert current_scope() is None


def branches_of(*makers):
    """The branches that tasks get which these make, in the order of their making."""

    async def branch():
        return current_scope().branch

    async def body():
        with numbered_tasks(), entered(Scope(None, Pass())):
            return [await made for made in [make(branch) for make in makers]]

    return asyncio.run(body())


def test_tasks_get_branches_where_they_are_created():
    """Design, section 5: whatever finishes first."""
    assert branches_of(*[lambda branch: asyncio.create_task(branch())] * 3) == ["0", "1", "2"]


def test_a_task_with_a_context_of_its_own_is_not_numbered():
    own = [lambda branch: asyncio.create_task(branch(), context=contextvars.copy_context())]
    plain = [lambda branch: asyncio.create_task(branch())]
    assert branches_of(*plain, *own, *plain) == ["0", "", "1"]


def test_bodies_beside_each_other_end_in_any_order():
    """The first body to end leaves the numbering of the other's tasks alone, and the last one ends it."""

    async def branch():
        return current_scope().branch

    async def body(go):
        with numbered_tasks(), entered(Scope(None, Pass())):
            await go.wait()
            return await asyncio.create_task(branch())

    async def both():
        one, two = asyncio.Event(), asyncio.Event()
        first, second = asyncio.create_task(body(one)), asyncio.create_task(body(two))
        await asyncio.sleep(0)
        one.set()
        found = [await first]
        two.set()
        found.append(await second)
        return found, asyncio.get_running_loop().get_task_factory()

    assert asyncio.run(both()) == (["0", "0"], None)


# -- failures --------------------------------------------------------------------------------------------


def failed(number, branch):
    return sample_call("r_00000001", number, branch=branch, state="failed")


def test_a_further_move_shows_that_failures_at_or_below_it_were_caught():
    failures = Failures()
    inside, beside = failed(1, "0.1"), failed(2, "1")
    failures.add(inside)
    failures.add(beside)
    assert failures.caught("0") == [inside]
    assert failures.caught("0") == []
    assert failures.caught("") == [beside]


def test_a_call_that_is_tried_again_is_no_open_failure():
    failures = Failures()
    failures.add(failed(1, ""))
    failures.drop(failed(1, "").id)
    assert failures.caught("") == []


def test_failures_are_found_behind_what_stems_from_them():
    first, second, other = ValueError("1"), ValueError("2"), ValueError("3")
    failures = Failures()
    failures.gave("a", first)
    failures.gave("b", second)
    failures.gave("c", other)
    ended = RuntimeError("all")
    ended.__cause__ = ExceptionGroup("group", [first, TypeError("x")])
    ended.__context__ = second
    first.__context__ = ended
    assert failures.behind(ended) == {"a", "b"}
    assert failures.behind(ended) == set()
