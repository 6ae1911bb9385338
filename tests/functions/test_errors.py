"""What becomes of errors: replayed as they were, shown by the user's frames, told where nothing can be kept."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
import traceback

import pytest

from functions.witness import bad_luck, ran, stumble, taken
from perdure import step, workflow
from perdure.errors import NotKeepable


class PriceError(Exception):
    """One with attributes and a signature of its own."""

    def __init__(self, item, *, price):
        super().__init__(f"{item} for {price}")
        self.item = item
        self.price = price


@dataclasses.dataclass(frozen=True)
class FrozenError(Exception):
    code: int


def told(error):
    """All that an error carries, as plain data."""
    if error is None:
        return None
    members = [told(each) for each in getattr(error, "exceptions", ())]
    around = (told(error.__cause__), told(error.__context__), error.__suppress_context__)
    hung = {name: value for name, value in vars(error).items() if name != "__notes__"}
    args = error.args[:1] if members else error.args  # the second of a group are its members
    return (type(error), args, hung, getattr(error, "__notes__", []), members, *around)


def prices():
    try:
        {}["apple"]
    except KeyError as missing:
        error = PriceError("apple", price=[1, 2])
        error.add_note("from the market")
        raise error from missing


def in_context():
    try:
        {}["apple"]
    except KeyError:
        raise FrozenError(5)  # noqa: B904  the context is what is looked at


def at_last():
    try:
        {}["apple"]
    except KeyError:
        raise TimeoutError("late")  # noqa: B904  the same


def without_context():
    try:
        {}["apple"]
    except KeyError:
        raise ValueError("hidden") from None


def group():
    errors = []
    for work in (prices, in_context):
        try:
            work()
        except Exception as error:  # noqa: BLE001  they are looked at
            errors.append(error)
    raise ExceptionGroup("several", [*errors, ExceptionGroup("inner", [OSError(2, "gone", "file")])])


@step
def raises(work):
    ran("raises")
    work()


@step(executor="process")
def raises_elsewhere(work):
    work()


@step
async def araises(work):
    ran("araises")
    work()


@step
def note(text):
    ran(text)
    return text


def seen_twice(body):
    """What a body saw in two passes over one run."""
    seen = []

    @workflow(name="body")
    def both(n):
        seen.append(body())
        note("went on")
        if len(seen) == 1:
            raise StopAsyncIteration

    with pytest.raises(StopAsyncIteration):
        both(1)
    both(1)
    return seen


@pytest.mark.parametrize("work", [prices, in_context, without_context, group])
@pytest.mark.parametrize("outer", [None, LookupError("outer")], ids=["plain", "while another is handled"])
def test_a_caught_error_is_replayed_with_all_that_it_carries(work, outer):
    """Promises 1 and 3: type, arguments, attributes, cause, context, notes and members."""

    def caught(call):
        try:
            call(work)
        except Exception as error:  # noqa: BLE001  it is looked at
            return told(error)

    def body():
        if outer is None:
            return caught(raises)
        try:
            raise outer
        except LookupError:
            return caught(raises)

    first, second = seen_twice(body)
    assert first == second
    assert taken() == ["raises", "went on"]


def test_an_error_of_a_worker_is_replayed_with_its_context():
    """Promise 3: how it came from there is no part of it."""

    def body():
        try:
            {}["outer"]
        except KeyError:
            try:
                raises_elsewhere(at_last)
            except TimeoutError as error:
                return told(error)

    first, second = seen_twice(body)
    assert first == second
    assert first[6][0] is KeyError


@pytest.mark.parametrize("gathered", [True, False], ids=["gather", "TaskGroup"])
def test_errors_of_parallel_calls_are_replayed(gathered):
    """Promises 1 and 3: caught one by one, or as a group."""
    seen = []

    @workflow(name="body")
    async def body(n):
        works = (prices, at_last)
        if gathered:
            calls = [araises(work) for work in works]
            seen.append([told(each) for each in await asyncio.gather(*calls, return_exceptions=True)])
        else:
            try:
                async with asyncio.TaskGroup() as tasks:
                    for work in works:
                        tasks.create_task(araises(work))
            except ExceptionGroup as error:
                seen.append([told(each) for each in error.exceptions])
        note("went on")
        if len(seen) == 1:
            raise ValueError("once")

    with pytest.raises(ValueError, match="once"):
        asyncio.run(body(1))
    asyncio.run(body(1))
    assert seen[0] == seen[1]
    assert [each[0] for each in seen[0]] == [PriceError, TimeoutError]
    assert taken() == ["araises", "araises", "went on"]


OWN_CLASSES = """
import sys
from perdure import step, workflow

class OwnError(Exception):
    def __init__(self, code, detail):
        super().__init__(f"{code}!")
        self.code, self.detail = code, detail

@step
def fails(x):
    print("ran")
    error = OwnError(x, {"at": [x]})
    error.add_note("noted")
    raise error from KeyError(x)

@step
def after(x):
    return x

@workflow
def body(x):
    try:
        fails(x)
    except OwnError as error:
        found = error.code, error.detail, error.args, error.__notes__, repr(error.__cause__), type(error) is OwnError
    after(x)
    print(found)
    if len(sys.argv) > 1:
        raise SystemExit
body(3)
"""


def test_an_error_of_a_scripts_own_class_is_replayed_in_another_process(script):
    """Promises 1 and 3: it is one of the class that is defined there now."""
    shown = "(3, {'at': [3]}, ('3!',), ['noted'], 'KeyError(3)', True)"
    assert script(OWN_CLASSES, "stop") == ["ran", shown]
    assert script(OWN_CLASSES) == [shown]


def test_an_error_that_was_not_caught_fails_the_run_which_goes_on_after_the_fix(script, store):
    """Promise 2: only what failed, and what comes after it, runs."""
    source = "from perdure import step, workflow\n@step\ndef load(x):\n    print('load')\n    return x\n@step\ndef half(x):\n    print('half')\n    return x {op} 0\n@workflow\ndef body(x):\n    return half(load(x))\nprint(body(4))"
    assert script(source.format(op="/"), fails=True)[-1] == "ZeroDivisionError: division by zero"
    assert script(source.format(op="+")) == ["half", "4"]


# -- how they show ---------------------------------------------------------------------------------------

SHOWN = """
import asyncio, sys
from perdure import step, workflow

def helper(x):
    return 1 / x

@step
def fails(x):
    return helper(x)

@step(retries=1)
async def afails(x):
    return helper(x)

@workflow
def direct(x):
    return fails(x)

@workflow
def mapped(x):
    return fails.map([x]).result()

@workflow
def outer(x):
    return direct(x)

@workflow
def chained(x):
    try:
        fails(x)
    except ZeroDivisionError as error:
        raise ValueError("more") from error

@workflow
async def awaited(x):
    return await afails(x)

@workflow
async def gathered(x):
    return await asyncio.gather(afails(x), afails(1))

@workflow
async def grouped(x):
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(afails(x))

@workflow
async def amapped(x):
    return await afails.map([x, 1])

body = globals()[sys.argv[1]]
if len(sys.argv) > 2:
    body.start(0).result()
elif body.is_async:
    asyncio.run(body(0))
else:
    body(0)
"""


@pytest.mark.parametrize(
    ("body", "functions"),
    [
        ("direct", ["direct", "fails", "helper"]),
        ("mapped", ["mapped", "fails", "helper"]),
        ("outer", ["outer", "direct", "fails", "helper"]),
        ("chained", ["chained", "fails", "helper", "chained"]),
        ("awaited", ["awaited", "afails", "helper"]),
        ("gathered", ["gathered", "afails", "helper"]),
        ("grouped", ["grouped", "afails", "helper"]),
        ("amapped", ["amapped", "afails", "helper"]),
    ],
)
@pytest.mark.parametrize("started", [(), ("started",)], ids=["called", "started"])
def test_a_failed_run_shows_the_users_frames_only(script, body, functions, started):
    lines = [line.lstrip(" |") for line in script(SHOWN, body, *started, fails=True)]
    frames = [line for line in lines if line.startswith("File")]
    ours = [frame for frame in frames if "perdure" in frame]
    assert ours == []
    own = [frame.rpartition(" in ")[2] for frame in frames if "main.py" in frame]
    assert [name for name in own if name != "<module>"] == functions
    assert "ZeroDivisionError: division by zero" in lines


HOOKED = r"""
def hook(kind, error, trace):
    import traceback
    frames = [each.name for each in traceback.extract_tb(trace)]
    sys.stderr.write(f"{frames} {kind.__name__}\n")
sys.excepthook = hook
"""


def test_a_hook_of_the_users_gets_the_users_frames(script):
    done = script(SHOWN.replace("body = globals()", HOOKED + "body = globals()"), "direct", fails=True)
    assert done == ["['<module>', 'direct', 'fails', 'helper'] ZeroDivisionError"]


def test_what_is_recorded_of_an_attempt_shows_the_users_frames_of_a_group_too(store):
    @step
    def inner(x):
        raise ValueError(x)

    @step
    def several(x):
        errors = []
        for each in (1, 2):
            try:
                inner(each)
            except ValueError as error:
                errors.append(error)
        raise ExceptionGroup("both", errors)

    @workflow
    def body(n):
        several(n)

    with pytest.raises(ExceptionGroup) as failed:
        body(1)
    [attempt] = store.journal.attempts(store.journal.runs()[0].id)
    for text in (attempt.traceback, "".join(traceback.format_exception(failed.value.exceptions[0]))):
        assert "in inner" in text
        assert "engine" not in text
    assert "ValueError: 2" in attempt.traceback


# -- what cannot be kept ---------------------------------------------------------------------------------


@step(retries=3)
def opens(x):
    ran("opens")
    return {"handles": [x, threading.Lock()]}


@step(retries=3)
def takes(x, where):
    ran("takes")


@pytest.mark.parametrize(
    ("use", "path", "step_name", "runs"),
    [
        (lambda: opens(1), 'opens(...)["handles"][1]', "opens", ["opens"]),
        (lambda: takes(1, [threading.Lock()]), "where[0]", "takes", []),
        (lambda: takes.submit(1, where=threading.Lock()), "where", "takes", []),
    ],
    ids=["result", "argument", "submitted"],
)
def test_what_cannot_be_kept_is_an_error_that_the_body_may_catch(store, use, path, step_name, runs):
    """Promises 3 and 4: without a retry, with step and path; the run goes on, and the replay gives the same."""

    def body():
        try:
            use()
        except NotKeepable as error:
            return error.path, step_name in str(error), error.type

    first, second = seen_twice(body)
    assert first == second
    assert first == (path, True, "a _thread.lock")
    assert taken() == [*runs, "went on"]
    assert store.journal.runs()[0].state == "done"


def test_what_cannot_be_kept_and_is_not_caught_fails_the_run(store):
    """Promise 4: it can be resumed after the fix."""
    bad_luck(ValueError("unused"))

    @workflow
    def body(n):
        return opens(n)

    with pytest.raises(NotKeepable, match=r"opens\(\.\.\.\)"):
        body(1)
    assert store.journal.runs()[0].state == "failed"
    assert taken() == ["opens"]
    with pytest.raises(ValueError, match="unused"):
        stumble()
