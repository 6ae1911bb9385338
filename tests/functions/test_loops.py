"""Resumable loops in steps: after a failure or a kill they go on after their last kept turn (promise 2)."""

from __future__ import annotations

import asyncio
import random

import numpy as np
import pytest

from functions.looping import give, given, notes
from functions.witness import bad_luck, ran, stumble, taken
from perdure import resumable, step, workflow
from perdure.errors import LoopChanged, LoopHandedOn, LoopInBody, NothingToKeep, NotKeepable

pytestmark = pytest.mark.usefixtures("at_once")


class BadLuckError(Exception):
    """The attempt ends here, and the run is to be resumed."""


def failing(body, *args):
    """Run a workflow that fails by `BadLuckError`."""
    with pytest.raises(BadLuckError):
        body(*args)


def test_a_loop_goes_on_after_the_last_kept_turn_with_its_state():
    """Promise 2: what was done is not done again, and the result is that of one go."""

    @step
    def train(n):
        total, drawn = 0, []
        for i in resumable(range(n), keep=["total", "drawn"], every=0):
            ran(i)
            total += i
            drawn.append((i, random.random(), np.random.rand()))  # noqa: NPY002  the legacy state is kept
            if i == 5:
                stumble()
        return total, drawn

    @workflow
    def body(n):
        random.seed(7)
        np.random.seed(7)  # noqa: NPY002
        return train(n)

    whole = body(8)
    assert taken() == list(range(8))
    bad_luck(BadLuckError())
    failing(body.using(fresh=True), 8)
    assert taken() == list(range(6))
    assert body(8) == whole
    assert taken() == [5, 6, 7]


def test_further_attempts_of_one_call_go_on_too(at_once):
    """Promise 2: `retries` need not begin anew, and the bar says so."""

    @step(retries=2)
    def train(n):
        done = []
        for i in resumable(range(n), keep="done", every=0):
            ran(i)
            if i == 3:
                stumble()
            done.append(i)
        return done

    @workflow
    def body(n):
        return train(n)

    bad_luck(BadLuckError(), BadLuckError())
    assert body(5) == [0, 1, 2, 3, 4]
    assert taken() == [0, 1, 2, 3, 3, 3, 4]
    assert "went on after turn 3" in at_once.shown[-1].told()


def test_a_loop_that_ended_goes_on_at_its_end_for_what_follows_it():
    """Promise 2: what comes after a loop may fail, and each loop of a step has a turn of its own."""

    @step
    def two(n):
        first, second = [], []
        for i in resumable(range(n), keep="first", every=0):
            ran("first", i)
            first.append(i)
        ran("between")
        first.append("between")
        for i in resumable(range(n), keep="second", every=0):
            ran("second", i)
            second.append(i)
            if i == 1:
                stumble()
        return first, second

    @workflow
    def body(n):
        return two(n)

    bad_luck(BadLuckError())
    failing(body, 3)
    taken()
    assert body(3) == ([0, 1, 2, "between"], [0, 1, 2])
    assert taken() == ["between", ("second", 1), ("second", 2)]


def test_a_plain_loop_around_a_resumable_one_is_told_apart_by_its_turns():
    """Promise 2: the folds of a cross validation, say, each go on where they were."""

    @step
    def folds(n):
        found = []
        for fold in range(n):
            model = [fold]
            for epoch in resumable(range(3), keep="model", every=0):
                ran(fold, epoch)
                model.append(epoch)
                if (fold, epoch) == (1, 1):
                    stumble()
            found.append(model)
        return found

    @workflow
    def body(n):
        return folds(n)

    bad_luck(BadLuckError())
    failing(body, 2)
    taken()
    assert body(2) == [[0, 0, 1, 2], [1, 0, 1, 2]]
    assert taken() == [(1, 1), (1, 2)]


# -- how a loop may end --------------------------------------------------------------------------------------


def test_break_continue_and_else_mean_what_they_do():
    @step
    def search(wanted):
        tried, found = [], None
        for i in resumable(range(10), keep=["tried"], every=0):
            if i % 2:
                continue
            tried.append(i)
            if i == 4:
                stumble()
            if i == wanted:
                found = i
                break
        else:
            found = "none"
        return tried, found

    @workflow
    def body(wanted):
        return search(wanted)

    for wanted, result in ((6, ([0, 2, 4, 6], 6)), (99, ([0, 2, 4, 6, 8], "none"))):
        bad_luck(BadLuckError())
        failing(body, wanted)
        assert body(wanted) == result


def test_a_loop_that_was_left_is_gone_when_the_step_ends_well(store):
    """Promise 10: nothing is left but a note of it."""

    @step
    def leave(n):
        data = np.zeros(200_000)
        for i in resumable(range(n), keep="data", every=0):
            data += i
            if i == 3:
                break
        return float(data.sum())

    @workflow
    def body(n):
        return leave(n)

    assert body(9) == 200_000 * 6
    [note] = notes(store).values()
    assert (note["live"], note["done"], note["total"], note["keeps"]) == (False, 3, 9, 3)
    assert [done for done, _ in note["kept"]] == [1, 2, 3]
    assert store.blobs.names() == set()


def test_a_kept_turn_takes_the_place_of_the_one_before(store):
    """Promise 10: a loop takes the room of one turn, however many it keeps."""
    sizes = []

    @step
    def grow(n):
        data, fixed = np.zeros(200_000), np.full(200_000, 0.5)  # noqa: F841  kept
        for i in resumable(range(n), keep=["data", "fixed"], every=0):
            data += i + 1
            sizes.append(len(store.blobs.names()))

    @workflow
    def body(n):
        return grow(n)

    body(6)
    assert sizes == [0, 2, 2, 2, 2, 2]


def test_what_others_keep_too_stays_when_the_loop_goes_on(store):
    """Promise 2: a checkpoint with the same bytes as a kept turn is as whole as any."""

    @step
    def grow(n):
        data = np.zeros(200_000)
        for i in resumable(range(n), keep=["data"], every=0):
            data = data + i
            if i == 2:
                shared.append(store.blobs.put(np.full(200_000, 1.0)))
                assert len(store.blobs.names()) == 1

    @workflow
    def body(n):
        return grow(n)

    shared = []
    body(6)
    assert store.blobs.names() == set(shared)


# -- loops in loops ------------------------------------------------------------------------------------------


def test_a_loop_in_a_loop_goes_on_in_the_turn_that_was_under_way():
    """Promise 2: the turn around it is entered again, and all names are as they were in the turn inside."""

    @step
    def nested(n):
        outer, inner = [], []
        for a in resumable(range(n), keep=["outer"], every=0):
            ran("outer", a)
            outer.append(f"begin {a}")
            inner = []
            for b in resumable(range(n), keep=["inner"], every=0):
                ran(a, b)
                inner.append((a, b, random.random()))
                outer.append(b)
                if (a, b) == (1, 2):
                    stumble()
            outer.append(list(inner))
        return outer

    @workflow
    def body(n):
        random.seed(1)
        return nested(n)

    whole = body(4)
    taken()
    bad_luck(BadLuckError())
    failing(body.using(fresh=True), 4)
    taken()
    assert body(4) == whole
    rest = [each for a in (2, 3) for each in (("outer", a), (a, 0), (a, 1), (a, 2), (a, 3))]
    assert taken() == [("outer", 1), (1, 2), (1, 3), *rest]


def test_the_turn_of_a_loop_inside_is_void_when_the_loop_around_it_went_on(store):
    """Promise 2: a kept turn belongs to the turns of the loops around it."""

    @step
    def nested(n):
        seen = []
        for a in resumable(range(n), keep="seen", every=0):
            for b in resumable(range(n), keep=(), every=0):
                ran(a, b)
            seen.append(a)
            if a == 1:
                stumble()
        return seen

    @workflow
    def body(n):
        return nested(n)

    bad_luck(BadLuckError())
    failing(body, 3)
    assert {path: note["live"] for path, note in notes(store).items()} == {
        "test_the_turn_of_a_loop_inside_is_void_when_the_loop_around_it_went_on.<locals>.nested#0": True,
        "test_the_turn_of_a_loop_inside_is_void_when_the_loop_around_it_went_on.<locals>.nested#0/"
        "test_the_turn_of_a_loop_inside_is_void_when_the_loop_around_it_went_on.<locals>.nested#0": True,
    }
    taken()
    assert body(3) == [0, 1, 2]
    assert taken() == [(2, 0), (2, 1), (2, 2)]


def test_a_loop_in_a_function_that_a_turn_calls_is_a_loop_inside():
    """Promise 2: each keeps the names of its own function."""

    def descend(weights):
        weights = list(weights)
        for epoch in resumable(range(3), keep="weights", every=0):
            ran(weights[0], epoch)
            weights.append(epoch)
            if weights[0] == 1 and epoch == 1:
                stumble()
        return weights

    @step
    def search(n):
        found = []
        for start in resumable(range(n), keep="found", every=0):
            found.append(descend([start]))  # noqa: PERF401  a statement is what is tested
        return found

    @workflow
    def body(n):
        return search(n)

    bad_luck(BadLuckError())
    failing(body, 3)
    taken()
    assert body(3) == [[start, 0, 1, 2] for start in range(3)]
    assert taken() == [(1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]


# -- names ---------------------------------------------------------------------------------------------------


def test_names_that_share_an_object_share_it_again():
    """Promise 3: an optimizer, say, still holds the parameters of its model."""

    @step
    def train(n):
        weights = [0]
        optimizer = {"of": weights}
        for i in resumable(range(n), keep=["weights", "optimizer"], every=0):
            optimizer["of"][0] += i
            if i == 2:
                stumble()
        return weights, optimizer["of"] is weights

    @workflow
    def body(n):
        return train(n)

    bad_luck(BadLuckError())
    failing(body, 4)
    assert body(4) == ([6], True)


counted = []


def test_names_of_functions_around_and_of_the_module_are_kept_too():
    """Promise 2: a name is what it is for the code of the loop."""

    @step
    def outer(n):
        total = 0

        def inner():
            nonlocal total
            global counted  # noqa: PLW0603  a global name is what is kept here
            counted = []
            for i in resumable(range(n), keep=["total", "counted"], every=0):
                total += i
                counted = [*counted, i]
                if i == 3:
                    stumble()

        inner()
        return total, counted

    @workflow
    def body(n):
        return outer(n)

    bad_luck(BadLuckError())
    failing(body, 5)
    assert body(5) == (10, [0, 1, 2, 3, 4])


def test_a_name_that_functions_inside_use_is_bound_for_them_too():
    """Promise 2: a cell variable is one variable, whoever binds it."""

    @step
    def train(n):
        total = 0

        def add(i):
            nonlocal total
            total += i

        for i in resumable(range(n), keep="total", every=0):
            add(i)
            if i == 3:
                stumble()
        return total

    @workflow
    def body(n):
        return train(n)

    bad_luck(BadLuckError())
    failing(body, 5)
    assert body(5) == 10


def test_other_names_of_a_kept_object_hold_the_restored_one():
    """Promise 2: as in one go, also in the functions that wait for the loop; numbers are no objects of their own."""

    def train(model, n):
        zero = 0
        for i in resumable(range(n), keep=["model", "zero"], every=0):
            model["seen"].append(i)
            zero = 0 if i < 3 else 1  # noqa: F841  kept
            if i == 3:
                stumble()

    @step
    def fit(n):
        model, nothing = {"seen": []}, 0
        same = model
        found = [None]
        found.append(train(model, n))
        return model, same is model, nothing, found

    @workflow
    def body(n):
        return fit(n)

    bad_luck(BadLuckError())
    failing(body, 5)
    assert body(5) == ({"seen": [0, 1, 2, 3, 4]}, True, 0, [None, None])


def test_a_name_that_is_not_bound_is_refused_before_the_first_turn():
    """Promise 4: not half a minute later."""

    @step
    def train(n):
        for i in resumable(range(n), keep=["losses"]):
            ran(i)
            losses = [i]
        return losses

    @workflow
    def body(n):
        return train(n)

    with pytest.raises(NothingToKeep, match="`losses` is to be kept by the loop in step `train`"):
        body(3)
    assert taken() == []


def test_what_cannot_be_kept_is_refused_before_the_first_turn():
    """Promise 4: with the path to it, as the code names it."""

    @step
    def train(n):
        state = {"items": (each for each in range(n))}
        for i in resumable(range(n), keep=["state"]):
            ran(i)
        return state

    @workflow
    def body(n):
        return train(n)

    with pytest.raises(
        NotKeepable, match=r"(?s)`state\[\"items\"\]` cannot be kept.*kept by the loop in step `train`"
    ):
        body(3)
    assert taken() == []


def test_what_cannot_be_kept_later_is_said_and_the_loop_goes_on(at_once):
    """Promise 4: hours of work do not end for it; an older turn stays."""

    @step
    def train(n):
        state, more = [], 0
        for i in resumable(range(n), keep=["state", "more"], every=0):
            if i == 2:
                state.append(each for each in ())
                del more
            if i == 3:
                state.clear()
                more = i
            state.append(i)
        return state

    @workflow
    def body(n):
        return train(n)

    assert body(5) == [3, 4]
    assert [sentence.partition(" is ")[0] for _, sentence in at_once.said] == [
        "turns are not kept while `more`",
        "turns are not kept while `state[2]`",
    ]


def test_a_name_that_holds_parts_of_what_is_kept_is_told(at_once):
    """Promise 4: an alias that would be lost is told before it is."""

    class Optimizer:
        def __init__(self, weights):
            self.groups = [{"weights": weights}]

    @step
    def train(n):
        weights, data = [0.5], np.zeros(3)  # noqa: F841  kept
        optimizer, steps, alone = Optimizer(weights), [weights], [1]  # noqa: F841  the names count
        for _ in resumable(range(n), keep=["weights", "data"]):
            pass

    @workflow
    def body(n):
        return train(n)

    body(2)
    assert [sentence.partition(",")[0] for _, sentence in at_once.said] == [
        "`optimizer` holds parts of `weights`",
        "`steps` holds parts of `weights`",
    ]


# -- edits ---------------------------------------------------------------------------------------------------


def edited(code, options=""):
    """A workflow whose step `train` has this line in its loop."""
    lines = [
        "def train(n):",
        "    seen = []",
        f"    for i in resumable(range(n), keep='seen', every=0{options}):",
        f"        {code}",
        "        ran(i)",
        "        if i == 2:",
        "            stumble()",
        "    return seen",
    ]
    space = {"resumable": resumable, "ran": ran, "stumble": stumble}
    exec(compile("\n".join(lines), f"<{code}>", "exec"), space)
    train = step(space["train"])

    @workflow(name="edited")
    def body(n):
        return train(n)

    return body


def test_a_loop_whose_code_was_edited_begins_anew_and_says_what_is_kept(at_once):
    """Promise 11: and how to go on all the same."""
    bad_luck(BadLuckError())
    failing(edited("seen.append(i)"), 4)
    taken()
    assert edited("seen.append(-i)")(4) == [0, -1, -2, -3]
    assert taken() == [0, 1, 2, 3]
    [(_, sentence)] = at_once.said
    assert sentence == (
        "the loop in step `train` begins anew: turn 2 of 4 of its older code is kept; "
        '`resumable(..., on_edit="keep")` goes on after it'
    )


def test_a_loop_goes_on_with_edited_code_where_it_is_to(at_once):
    """Promise 2: `on_edit="keep"`, as for steps."""
    bad_luck(BadLuckError())
    failing(edited("seen.append(i)"), 4)
    taken()
    assert edited("seen.append(-i)", ", on_edit='keep'")(4) == [0, 1, -2, -3]
    assert taken() == [2, 3]
    assert at_once.said == []


def test_a_call_with_other_inputs_begins_anew_and_says_what_is_kept(at_once):
    """Promise 11: it is another call, whose turns are its own."""
    bad_luck(BadLuckError())
    body = edited("seen.append(i)")
    failing(body.using(key="k"), 4)
    assert body.using(key="k")(5) == [0, 1, 2, 3, 4]
    [(_, sentence)] = at_once.said
    assert sentence == (
        "the loop in step `train` begins anew: turn 2 of 4 is kept of a call with other inputs, "
        "and this is another call"
    )


# -- what is iterated ----------------------------------------------------------------------------------------


def iterated(make, first, then):
    """A loop over `make(first)`, that fails in its fourth turn, and goes on over `make(then)`."""

    @step
    def walk():
        seen = []
        for item in resumable(make(given()), keep="seen", every=0):
            ran("turn")
            seen.append(item)
            if len(seen) == 4:
                stumble()
        return [str(item) for item in seen]

    @workflow
    def body():
        return walk()

    give(first)
    bad_luck(BadLuckError())
    failing(body)
    taken()
    give(then)
    return body


def numbers(n):
    ran("begun")
    for i in range(n):
        ran(i)
        yield i


@pytest.mark.parametrize(
    "make",
    [
        range,
        numbers,
        lambda n: list(range(n)),
        lambda n: tuple(map(str, range(n))),
        lambda n: dict.fromkeys(range(n)),
        lambda n: enumerate("abcdefghij"[:n]),
        lambda n: zip(range(n), "abcdefghij", strict=False),
        np.arange,
    ],
)
def test_an_iterable_may_be_longer_when_the_loop_goes_on(make):
    """Promise 2: who trains longer goes on; what is done is the same."""
    body = iterated(make, 5, 7)
    assert body() == [str(item) for item in make(7)]
    assert taken().count("turn") == 4


def test_a_generator_is_asked_again_for_what_is_done():
    body = iterated(numbers, 5, 5)
    assert body() == ["0", "1", "2", "3", "4"]
    assert taken() == ["begun", 0, 1, 2, 3, "turn", 4, "turn"]


@pytest.mark.parametrize(
    ("make", "first", "then", "cause"),
    [
        (range, 5, 2, "3 turns are done, and there are only 2 items now"),
        (numbers, 5, 2, "3 turns are done, and there are only 2 items now"),
        (list, [1, 2, 3, 4], [1, 2], "3 turns are done, and there are only 2 items now"),
        (list, [1, 2, 3, 4], [1, 5, 3, 4], "the items of the turns that are done are not the same now"),
        (list, [1, 2, 3, 4], [1, 2, 3.0, 4], "the items of the turns that are done are not the same now"),
        (lambda start: range(start, 9), 1, 2, "the items of the turns that are done are not the same now"),
        (lambda size: np.zeros((5, size)), 2, 3, "the items of the turns that are done are not the same now"),
        (
            lambda size: [(1, "x" * size)] * 4,
            5000,
            5001,
            "the items of the turns that are done are not the same now",
        ),
    ],
)
def test_an_iterable_that_changed_where_it_is_done_is_refused(make, first, then, cause):
    """Promise 4: the kept turn stays, for when it is put back."""
    body = iterated(make, first, then)
    with pytest.raises(LoopChanged) as caught:
        body()
    assert str(caught.value) == (
        f"The loop in step `walk` cannot go on after turn 3: {cause}.\n"
        "Put that back as it was, or begin anew with `--redo` (a function: `using(redo='walk')`)."
    )
    assert body.using(redo="walk")() == [str(item) for item in make(then)]


def test_what_shuffles_itself_does_so_as_before():
    """Promise 2: what is drawn before the first item is drawn again in the same way."""

    def shuffled(n):
        order = list(range(n))
        random.shuffle(order)
        yield from order

    body = iterated(shuffled, 20, 20)
    assert sorted(map(int, body())) == list(range(20))


# -- where a loop may stand ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "handed_on", [enumerate, iter, list, sum, lambda loop: [*loop], lambda loop: [i + 1 for i in loop]]
)
def test_a_loop_that_is_handed_on_is_refused(handed_on):
    """Promise 2: `enumerate` would begin at 0 when the loop goes on."""

    @step
    def train():
        for _ in handed_on(resumable(range(3))):
            ran("turn")

    @workflow
    def body():
        return train()

    with pytest.raises(LoopHandedOn, match="begun by a `for` statement"):
        body()
    assert taken() == []


def test_a_loop_may_be_iterated_elsewhere_and_keeps_the_names_of_where_it_was_made():
    """Promise 2: a bar of another package, say, stands between."""

    def passing_on(loop):
        for item in loop:  # noqa: UP028  a statement is what is tested
            yield item

    @step
    def train(n):
        seen = []
        loop = resumable(range(n), keep="seen", every=0)
        assert len(loop) == n
        for i in passing_on(loop):
            seen.append(i)
            if i == 2:
                stumble()
        return seen

    @workflow
    def body(n):
        return train(n)

    bad_luck(BadLuckError())
    failing(body, 4)
    assert body(4) == [0, 1, 2, 3]


def test_a_loop_in_a_body_is_refused_with_what_to_do():
    """Promise 1: a body is run again from its top; which calls were the skipped turns' nobody could tell."""

    @workflow
    def body(n):
        for i in resumable(range(n)):
            ran(i)

    with pytest.raises(LoopInBody, match=r"(?s)body of workflow `body`.*Put the loop into a @step function"):
        body(3)
    assert taken() == []


def test_a_loop_outside_of_everything_is_a_plain_one_with_one_hint(monkeypatch, at_once):
    from perdure.engine.loops import hints
    from perdure.engine.steps import OutsideRun

    monkeypatch.setattr(hints, "_hinted", set())

    def plain():
        for i in resumable(range(3), keep="i"):
            ran(i)
        for _ in resumable(range(3)):
            ran("again")

    with pytest.warns(OutsideRun, match="runs outside a workflow") as caught:
        plain()
    assert taken() == [0, 1, 2, "again", "again", "again"]
    assert [(each.filename, each.category) for each in caught] == [(__file__, OutsideRun)]
    assert [(each.done, each.total) for each in at_once.shown if each.state == "ended"] == [(3, 3), (3, 3)]


def test_a_loop_in_an_async_step_goes_on():
    @step
    async def train(n):
        seen = []
        for i in resumable(range(n), keep="seen", every=0):
            await asyncio.sleep(0)
            seen.append(i)
            if i == 2:
                stumble()
        return seen

    @workflow
    async def body(n):
        return await train(n)

    async def failing_once():
        bad_luck(BadLuckError())
        with pytest.raises(BadLuckError):
            await body(4)
        return await body(4)

    assert asyncio.run(failing_once()) == [0, 1, 2, 3]


def test_an_asynchronous_iterable_is_iterated_by_async_for(at_once):
    async def ticks(n):
        for i in range(n):
            ran(i)
            yield i

    @step
    async def watch(n):
        seen, ended = [], False
        async for i in resumable(ticks(n), keep="seen", every=0):
            seen.append(i)
            if i == 2:
                stumble()
        ended = True
        async for i in resumable(ticks(n), keep=(), every=0):
            if i == 1:
                break
        return seen, ended

    @workflow
    async def body(n):
        return await watch(n)

    async def failing_once():
        bad_luck(BadLuckError())
        with pytest.raises(BadLuckError):
            await body(4)
        taken()
        return await body(4)

    assert asyncio.run(failing_once()) == ([0, 1, 2, 3], True)
    assert taken() == [0, 1, 2, 3, 0, 1]
    assert [each.state for each in at_once.shown if each.state != "running"] == ["left", "ended", "left"]


def test_calls_beside_each_other_have_turns_of_their_own():
    """Promise 2: each call of a `map` goes on after its own last turn."""

    @step
    def train(start):
        seen = []
        for i in resumable(range(4), keep="seen", every=0):
            ran(start, i)
            seen.append(start + i)
            if i == start:
                stumble()
        return seen

    @workflow
    def body():
        return train.map([1, 2, 3], concurrency=3).result()

    bad_luck(BadLuckError(), BadLuckError(), BadLuckError())
    failing(body)
    taken()
    assert body() == [[start + i for i in range(4)] for start in (1, 2, 3)]
    assert sorted(taken()) == [(1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"on_edit": "ask"}, ValueError, "none of rerun, keep"),
        ({"keep": ["model.weights"]}, ValueError, "is no name: keep the object"),
        ({"keep": [3]}, TypeError, "names as text"),
        ({"every": "soon"}, ValueError, "is not a duration"),
    ],
)
def test_an_option_that_cannot_be_is_refused_at_once(options, error, said):
    with pytest.raises(error, match=said):
        resumable(range(3), **options)


def test_what_cannot_be_iterated_is_refused_at_once():
    with pytest.raises(TypeError, match="something that can be iterated, not int"):
        resumable(3)
