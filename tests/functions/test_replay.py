"""What runs again and what does not: resume, edits, kinds, keys, failures (promises 1, 2, 5 and 11)."""

from __future__ import annotations

import asyncio
import contextlib
import warnings

import pytest

from functions.witness import bad_luck, ran, stumble, taken
from perdure import step, workflow
from perdure.engine.owner import Owner
from perdure.errors import CodeEdited, EffectUnclear, InDoubt, KeyInUse, StrictDrift


def made(kind, code, **options):
    """A step `f` with this code; the same name with other code is an edit."""
    space = {"ran": ran}
    exec(compile(f"def f(x):\n    ran('f', x)\n    return {code}", f"<{kind} {code}>", "exec"), space)
    return step(kind=kind, **options)(space["f"])


def resumed(*steps, x=1, then=None):
    """The results of passes over one run with one version of the step after the other, the last finishing."""
    results = []
    current = []

    @workflow
    def body(n):
        results.append(current[0](x))
        if then is not None:
            then()
        if len(results) < len(steps):
            raise NotYetError

    for each in steps:
        current[:] = [each]
        try:
            body.using(key="k")(1)
        except NotYetError:
            continue
    return results


class NotYetError(Exception):
    """The pass ends here, and the run is to be resumed."""


# -- runs ------------------------------------------------------------------------------------------------


def test_a_finished_run_is_restored_and_a_changed_input_is_another_run(store):
    @step
    def double(x):
        ran(x)
        return 2 * x

    @workflow
    def body(n):
        ran("body")
        return double(n)

    assert [body(1), body(1), body(2), body(n=1)] == [2, 2, 4, 2]
    assert taken() == ["body", 1, "body", 2]
    assert [run.state for run in store.journal.runs()] == ["done", "done"]


def test_a_failed_run_resumes_where_it_was(store, calls):
    """Promises 1 and 11: the finished step is restored, and why is recorded."""
    bad_luck(ValueError("once"))

    @step
    def first(x):
        ran("first")
        return x

    @step
    def second(x):
        ran("second")
        stumble()
        return x + 1

    @workflow
    def body(n):
        return second(first(n))

    with pytest.raises(ValueError, match="once"):
        body(1)
    run = store.journal.runs()[0]
    assert (run.state, run.error) == ("failed", "ValueError: once")
    assert body(1) == 2
    assert taken() == ["first", "second", "second"]
    assert [(call.step, call.state) for call in calls(body)] == [("first", "done"), ("second", "done")]
    assert calls(body)[1].reason == "its last attempt failed: ValueError: once"
    attempts = [each for each in store.journal.attempts(run.id) if each.call == calls(body)[1].id]
    assert [(each.number, each.state, each.error) for each in attempts] == [
        (1, "failed", "ValueError: once"),
        (2, "done", None),
    ]
    assert "second" in attempts[0].traceback
    assert "engine" not in attempts[0].traceback
    [restore] = store.journal.restores(run.id)
    assert (restore.call, restore.reason) == (calls(body)[0].id, "code and inputs are unchanged")
    assert [each.ended is not None for each in store.journal.sessions(run.id)] == [True, True]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupted_run_goes_on(store, calls, error):
    """Promise 2: what was running is run again, the rest is kept."""
    bad_luck(error())

    @step
    def f(x):
        ran(x)
        if x == 2:
            stumble()
        return x

    @workflow
    def body(n):
        return [f(1), f(2)]

    with pytest.raises(error):
        body(1)
    assert store.journal.runs()[0].state == "interrupted"
    assert [call.state for call in calls(body)] == ["done", "interrupted"]
    assert body(1) == [1, 2]
    assert taken() == [1, 2, 2]


def test_fresh_starts_another_run(store):
    @workflow
    def body(n):
        ran("body")
        return n

    assert [body(1), body.using(fresh=True)(1), body(1)] == [1, 1, 1]
    assert taken() == ["body", "body"]
    assert len(store.journal.runs()) == 2


def test_a_key_is_the_run_whatever_the_inputs():
    @workflow
    def body(n):
        return n

    assert [body.using(key="monday")(1), body.using(key="monday")(2), body(2)] == [1, 1, 2]


def test_global_data_that_a_body_or_a_step_reads_is_an_input(calls):
    """Promise 1: it runs again because of it, and promise 11: it says so."""
    bad_luck(ValueError("a"), ValueError("b"))
    space = {"rate": 2, "step": step, "ran": ran}
    exec("@step\ndef f(x):\n    ran(x)\n    return x * rate", space)

    @workflow
    def body(n):
        found = space["f"](n)
        stumble()
        return found

    for _ in range(2):
        with pytest.raises(ValueError):  # noqa: PT011  either of the two
            body(1)
    assert taken() == [1]
    space["rate"] = 3
    assert body(1) == 3
    assert calls(body)[-1].reason == "`rate` changed: 2 → 3"


def test_global_data_is_read_when_a_call_is_made():
    """A step that is called twice in one pass, with a global changed between, is two calls."""
    space = {"rate": 2, "step": step}
    exec("@step\ndef f(x):\n    return x * rate", space)

    @workflow
    def body(n):
        first = space["f"](n)
        space["rate"] = 5
        return first, space["f"](n)

    assert body(1) == (2, 5)


# -- edits -----------------------------------------------------------------------------------------------


def test_an_edited_step_runs_again_and_what_does_not_depend_on_it_is_kept():
    """Promise 1, with early cutoff: an edit that changes no result changes nothing after it."""
    assert resumed(made("pure", "x"), made("pure", "x + 0")) == [1, 1]
    assert taken() == [("f", 1), ("f", 1)]


def test_early_cutoff():
    old, new, versions = made("pure", "[x]"), made("pure", "list((x,))"), []

    @step
    def after(values):
        ran("after")
        return values

    @workflow
    def body(n):
        after(versions[-1](n))
        if len(versions) == 1:
            raise ValueError("not yet")

    versions.append(old)
    with pytest.raises(ValueError, match="not yet"):
        body.using(key="k")(1)
    versions.append(new)
    body.using(key="k")(1)
    assert taken() == [("f", 1), "after", ("f", 1)]


def test_a_comment_or_a_docstring_is_no_edit():
    space = {"ran": ran, "step": step}
    sources = [
        "@step\ndef f(x):\n    ran(x)\n    return x",
        "@step\ndef f(x):\n    '''Say.'''\n    # why\n    ran( x )\n\n    return (x)",
    ]
    import linecache

    steps = []
    for number, source in enumerate(sources):
        name = f"<source {number}>"
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        exec(compile(source, name, "exec"), space)
        steps.append(space["f"])
    assert resumed(*steps) == [1, 1]
    assert taken() == [1]


def test_on_edit_keep_restores_the_older_result(store):
    kept = made("pure", "x", on_edit="keep"), made("pure", "x + 1", on_edit="keep")
    assert resumed(*kept) == [1, 1]
    assert store.journal.restores(store.journal.runs()[0].id)[0].older_code


def test_on_edit_ask_asks():
    with pytest.raises(CodeEdited, match="`f`"):
        resumed(made("pure", "x", on_edit="ask"), made("pure", "x + 1", on_edit="ask"))


def test_an_edited_finished_workflow_is_forked_and_keeps_its_calls(store):
    """Promise 1: valid calls are not run again."""

    def version(last):
        space = {"f": keeps, "workflow": workflow}
        exec(f"@workflow\ndef body(n):\n    return [f(n), {last}]", space)
        return space["body"]

    @step
    def keeps(x):
        ran(x)
        return x

    assert version("1")(5) == [5, 1]
    assert version("f(6)")(5) == [5, 6]
    assert taken() == [5, 6]
    new, old = store.journal.runs()
    assert new.forked_from == old.id
    assert version("f(6)")(5) == [5, 6]
    assert len(store.journal.runs()) == 2


def test_an_edited_unfinished_workflow_goes_on(store):
    @step
    def keeps(x):
        ran(x)
        return x

    def version(last):
        space = {"f": keeps, "workflow": workflow}
        exec(f"@workflow\ndef body(n):\n    return [f(n), {last}]", space)
        return space["body"]

    with pytest.raises(ZeroDivisionError):
        version("1 / 0")(5)
    assert version("2")(5) == [5, 2]
    assert taken() == [5]
    assert [run.state for run in store.journal.runs()] == ["done"]


# -- asked for -------------------------------------------------------------------------------------------


@step
def load(x):
    ran("load")
    return x


@step
def clean(x):
    ran("clean")
    return x + 1


@step
def fit(x):
    ran("fit")
    return x + 1


@workflow
def three(n):
    return fit(clean(load(n)))


def test_redo_runs_one_step_again_and_from_runs_all_after_it():
    assert three(1) == 3
    taken()
    assert three.using(redo="clean")(1) == 3
    assert taken() == ["clean"]
    assert three.using(redo_from="clean")(1) == 3
    assert taken() == ["clean", "fit"]
    assert three(1) == 3
    assert taken() == []


def test_reuse_takes_calls_of_earlier_runs(store):
    @workflow
    def body(n, label):
        return fit(clean(load(n))), label

    body(1, "a")
    taken()
    assert body.using(reuse=True)(1, "b") == (3, "b")
    assert taken() == []
    assert body(1, "c") == (3, "c")
    assert taken() == ["load", "clean", "fit"]


def test_reuse_neither_keeps_what_is_volatile_nor_asks_about_others_effects():
    @step(kind="volatile")
    def now():
        ran("now")

    @step(kind="effect")
    def send(label):
        ran("send", label)

    @workflow
    def body(label):
        now()
        send(label)

    body("a")
    body.using(reuse=True)("b")
    assert taken() == ["now", ("send", "a"), "now", ("send", "b")]


def test_strict_refuses_drift_and_lets_a_first_run_pass():
    @workflow
    def loop(n):
        return [load(i) for i in range(n)]

    assert loop.using(strict=True)(3) == [0, 1, 2]
    kept = made("pure", "x"), made("pure", "x + 1")
    current = list(kept[:1])

    @workflow
    def body(n):
        current[0](n)
        raise ValueError("once")

    with pytest.raises(ValueError, match="once"):
        body.using(key="k")(1)
    current[:] = kept[1:]
    with pytest.raises(StrictDrift, match="code of `f` changed"):
        body.using(key="k", strict=True)(1)


# -- kinds and keys --------------------------------------------------------------------------------------


def test_a_volatile_step_keeps_its_value_for_the_run():
    old, new = made("volatile", "x"), made("volatile", "x + 1")
    assert resumed(old, new) == [1, 1]
    assert taken() == [("f", 1)]


def test_an_effect_is_kept_although_its_code_was_edited():
    assert resumed(made("effect", "x"), made("effect", "x + 1")) == [1, 1]
    assert taken() == [("f", 1)]


def test_an_effect_whose_inputs_were_respelled_is_asked_about():
    """Promise 5: it is not sent twice because its text changed."""
    texts = ["hello", "hello!"]

    @step(kind="effect")
    def send(text):
        ran(text)

    @workflow
    def body(n):
        send(texts[0])
        raise ValueError("once")

    with pytest.raises(ValueError, match="once"):
        body.using(key="k")(1)
    texts.pop(0)
    with pytest.raises(EffectUnclear, match="`text` changed: 'hello' → 'hello!'"):
        body.using(key="k")(1)
    assert taken() == ["hello"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, asyncio.CancelledError])
def test_an_effect_that_was_interrupted_is_in_doubt_until_a_person_decides(store, calls, error):
    """Promise 5: nobody knows whether it took place."""
    bad_luck(error())

    @step(kind="effect")
    def charge(x):
        ran(x)
        stumble()
        return "receipt"

    @workflow
    def body(n):
        return charge(n)

    with pytest.raises(error):
        body(1)
    for _ in range(2):
        with pytest.raises(InDoubt, match="charge"):
            body(1)
    assert store.journal.runs()[0].state == "in doubt"
    settle(store, calls(body)[0], "done", "by hand")
    assert body(1) == "by hand"
    assert taken() == [1]


def settle(store, call, state, value):
    from perdure import codec

    owner = Owner.take(store, store.journal.run(call.run))
    owner.resolve(owner.history.calls[call.id], state, None if value is None else codec.encode(value))
    owner.close()


def test_one_key_is_one_call():
    """Promise 5: an effect with a key takes place once, however often it is called."""

    @step(kind="effect", key=lambda order, amount: order)
    async def charge(order, amount):
        ran(order, amount)
        return amount

    @workflow
    async def body(n):
        first, second = charge("o-1", 5), charge("o-1", 7)
        return [await first, await second, await charge("o-2", 1)]

    assert asyncio.run(body(1)) == [5, 5, 1]
    assert taken() == [("o-1", 5), ("o-2", 1)]


def test_one_key_twice_at_the_same_time_is_refused():
    @step(key="same")
    async def slow(x):
        await asyncio.sleep(0)
        return x

    @workflow
    async def body(n):
        return await asyncio.gather(slow(1), slow(2), return_exceptions=True)

    first, second = asyncio.run(body(1))
    assert first == 1
    assert isinstance(second, KeyInUse)


# -- failures --------------------------------------------------------------------------------------------


class RefusedError(Exception):
    def __init__(self, code, *, detail):
        super().__init__(code)
        self.detail = detail


@step
def fails(x):
    ran("fails")
    error = RefusedError(x, detail={"at": x})
    error.add_note("a note")
    raise error from KeyError("cause")


@step
def notes(text):
    ran("notes")
    return text


def test_a_caught_failure_is_replayed_with_all_that_it_carried():
    """Promises 1 and 3: type, arguments, attributes, cause and notes."""
    seen = []
    bad_luck(ValueError("once"))

    @workflow
    def body(n):
        try:
            fails(n)
        except RefusedError as error:
            seen.append((error.args, error.detail, repr(error.__cause__), error.__notes__))
        notes("went on")
        stumble()

    with pytest.raises(ValueError, match="once"):
        body(4)
    body(4)
    assert seen[0] == seen[1] == ((4,), {"at": 4}, "KeyError('cause')", ["a note"])
    assert taken() == ["fails", "notes"]


def test_a_failure_that_ended_the_run_is_tried_again():
    bad_luck(ValueError("bad luck"))

    @step
    def flaky(x):
        ran("flaky")
        stumble()
        return x

    @workflow
    def body(n):
        try:
            return flaky(n)
        except ValueError:
            notes("cleaning up")
            raise

    with pytest.raises(ValueError, match="bad luck"):
        body(1)
    assert body(1) == 1
    assert taken() == ["flaky", "notes", "flaky"]


def test_a_replayed_failure_that_ends_the_run_after_all_is_tried_again():
    """The first pass goes on after the failure; the edited body does not."""
    forgiving = [True]
    bad_luck(ValueError("bad luck"))

    @step
    def flaky(x):
        stumble()
        return x

    @workflow
    def body(n):
        try:
            return flaky(n)
        except ValueError:
            notes("going on")
            if forgiving[0]:
                raise RuntimeError("something else") from None
            raise

    with pytest.raises(RuntimeError):
        body.using(key="k")(1)
    forgiving[0] = False
    for _ in range(2):
        try:
            found = body.using(key="k")(1)
        except (ValueError, RuntimeError):
            continue
    assert found == 1


def test_a_parallel_failure_that_is_looked_at_late_is_tried_again():
    bad_luck(ValueError("bad luck"))

    @step
    def flaky(x):
        stumble()
        return x

    @workflow
    def body(n):
        later = flaky.submit(n)
        while not later.done():
            pass
        notes("meanwhile")
        return later.result()

    with pytest.raises(ValueError, match="bad luck"):
        body(1)
    assert body(1) == 1


def test_retries_are_attempts_of_one_call_and_start_anew_on_resume(store, calls):
    bad_luck(*(ValueError(f"{number}") for number in range(5)))

    @step(retries=2, backoff="1ms")
    def flaky(x):
        stumble()
        return x

    @workflow
    def body(n):
        return flaky(n)

    with pytest.raises(ValueError, match="2"):
        body(1)
    assert body(1) == 1
    [call] = calls(body)
    states = [(each.number, each.state) for each in store.journal.attempts(call.run)]
    assert states == [(number, "failed") for number in range(1, 6)] + [(6, "done")]
    assert call.reason == "attempt 3 of 3: ValueError: 4"


def test_each_attempt_gets_its_own_copy_of_the_arguments():
    """Promise 3: a failed attempt leaves no trace in the next one's arguments."""
    bad_luck(ValueError("again"))

    @step(retries=1)
    def spoils(values):
        values.append(0)
        stumble()
        return values

    @workflow
    def body(n):
        return spoils([n])

    assert body(7) == [7, 0]


def test_a_timeout_is_a_failure_that_names_the_limit(store):
    from perdure.errors import StepTimeout

    @step(timeout="10ms", retries=1)
    async def forever(x):
        await asyncio.Event().wait()

    @workflow
    async def body(n):
        await forever(n)

    with pytest.raises(StepTimeout, match=r"longer than 0\.01 s"):
        asyncio.run(body(1))
    run = store.journal.runs()[0]
    assert [each.state for each in store.journal.attempts(run.id)] == ["failed", "failed"]


# -- plain calls -----------------------------------------------------------------------------------------


def test_a_step_called_from_a_step_is_a_plain_call(calls):
    @step
    def outer(x):
        return [load(x), load.submit(x).result(), *load.map([x]).result()]

    @workflow
    def body(n):
        return outer(n)

    assert body(1) == [1, 1, 1]
    assert [call.step for call in calls(body)] == ["outer"]


def test_a_step_called_outside_a_run_is_a_plain_call_with_one_hint(store):
    with pytest.warns(UserWarning, match="step `load` is called outside a workflow") as told:
        assert load(1) == load(1) == 1
    assert len(told) == 1
    assert told[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(1)
    assert store.journal.runs() == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "magic"}, "kind='magic' is none of pure, effect, volatile"),
        ({"on_edit": "maybe"}, "on_edit='maybe' is none of rerun, keep, ask"),
        ({"kind": "effect", "on_edit": "ask"}, "on_edit='ask' is for pure steps"),
        ({"retries": -1}, "retries must be 0 or more"),
        ({"timeout": "soon"}, "'soon' is not a duration"),
        ({"retry_on": 7}, "retry_on=7 is no class of errors"),
        ({"executor": "gpu"}, "executor='gpu' is neither"),
        ({"kind": "effect", "cache": True}, "cache=True is for pure steps"),
        ({"cache": "7"}, "'7' is not an age"),
        ({"idempotent": True}, "idempotent=True is for effects"),
    ],
)
def test_an_option_that_makes_no_sense_is_told_at_once(options, words):
    with pytest.raises(ValueError, match=words):
        step(**options)(lambda x: x)


def test_what_a_failed_step_had_at_hand_is_let_go_once_the_body_went_on():
    """Promise 10: a long run with many failures that it caught does not grow."""
    import weakref

    class Large:
        pass

    kept = []

    @step
    def fails(x):
        large = Large()
        kept.append(weakref.ref(large))
        raise ValueError(x)

    @workflow
    def body(n):
        left = []
        for x in range(n):
            with contextlib.suppress(ValueError):
                fails(x)
            left.append(load(x))
        return len([each for each in kept if each() is not None])

    assert body(5) == 0
