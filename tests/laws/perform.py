"""Trees, performed by Perdure: as bodies that are coroutines, or plain functions, of real steps."""

from __future__ import annotations

import asyncio
from typing import Any

import perdure
from laws import stage
from laws.oracle import summary
from laws.trees import Call, Child, Draw, Fail, Flaky, Gather, Inline, Loop, Map, Nap, Race, Raise, Seq, Try
from perdure import step, workflow
from perdure.testing.clock import START


class TreeError(Exception):
    """A step, or the body, fails; the argument tells how."""


FAILURES = (TreeError, ExceptionGroup)


def told(error: BaseException) -> Any:
    """How it failed, as the oracle tells it."""
    if isinstance(error, ExceptionGroup):
        return ["none", *map(told, error.exceptions)]
    assert isinstance(error, TreeError), error
    return error.args[0]


# -- steps -----------------------------------------------------------------------------------------------


@step
async def pure(number, fed):
    value = ["pure", number, fed]
    await stage.enter(value)
    return value


@step(kind="effect")
async def effect(number, fed):
    value = ["effect", number, fed]
    await stage.enter(value)
    return value


@step
def inline_pure(number, fed):
    value = ["pure", number, fed]
    stage.through(value)
    return value


@step(kind="effect")
def inline_effect(number, fed):
    value = ["effect", number, fed]
    stage.through(value)
    return value


@step(kind="volatile")
async def volatile():
    await stage.enter()
    return stage.nonce()


@step
def last():
    """The end of every body."""


@step
async def fail(number):
    await stage.enter()
    raise TreeError(["fail", number])


def flaky_step(retries, pause):
    """A step that is tried again so often, after such a pause."""

    @step(name="flaky", retries=retries, backoff=pause)
    async def flaky(number, failures):
        await stage.enter()
        if stage.call().failures < failures:
            raise TreeError(["flaky", number])
        return ["flaky", number]

    return flaky


STEPS = {(Call, "pure"): pure, (Call, "effect"): effect}
STEPS |= {(Inline, "pure"): inline_pure, (Inline, "effect"): inline_effect}


# -- bodies ----------------------------------------------------------------------------------------------


async def perform(tree: Any, at: str, last: Any) -> Any:  # noqa: C901, PLR0911, PLR0912  a case for each kind
    match tree:
        case Call(number, kind, fed) | Inline(number, kind, fed):
            return await recorded(at, lambda: STEPS[type(tree), kind](number, summary(last) if fed else 0))
        case Fail(number):
            return await recorded(at, lambda: fail(number))
        case Flaky(number, failures, retries, pause):
            return await recorded(at, lambda: flaky_step(retries, pause)(number, failures))
        case Draw("volatile"):
            return str(await recorded(at, volatile))
        case Draw(what):
            return drawn(at, what)
        case Nap(seconds):
            return await perdure.sleep(seconds)
        case Raise(number):
            raise TreeError(["raised", number])
        case Map(numbers, is_async):
            return await mapped(numbers, at, is_async=is_async)
        case Seq(parts):
            return await in_turn(parts, at, last)
        case Loop(times, part):
            return await in_turn((part,) * times, at, last)
        case Gather(parts):
            found = await asyncio.gather(*beside(parts, at, last), return_exceptions=True)
            return first_error(found) or found
        case Race(_, success, losers):
            found = perdure.first_success if success else perdure.race
            parts = [placed(number, part, at, last) for number, part in enumerate(tree.parts)]
            return await found(*parts, losers=losers)
        case Try(part, other):
            try:
                return ["well", await perform(part, f"{at}.0", last)]
            except FAILURES as error:
                how = told(error)
            return ["caught", how, await perform(other, f"{at}.1", how)]
        case Child(part):
            return ["child", await child(part, f"{at}.0", last)]


async def recorded(at: str, make: Any) -> Any:
    """The value of a call, or its error; from then on it is recorded."""
    stage.place.set(at)
    value = make()
    if asyncio.iscoroutine(value):
        value = await value
    stage.given(at, value)
    return value


def drawn(at: str, what: str) -> Any:
    """What Perdure gave, and gives again."""
    if what == "now":
        return (perdure.now() - START).total_seconds()
    value = str(perdure.uuid4() if what == "uuid4" else perdure.random())
    stage.given(at, value)
    return value


async def mapped(numbers: tuple[int, ...], at: str, *, is_async: bool) -> list[Any]:
    """One call for each number: each has a place of its own, which its step is to see."""
    chosen = pure if is_async else inline_pure
    futures = [submitted(chosen, f"{at}.{index}", number) for index, number in enumerate(numbers)]
    values = [await future for future in futures]
    for index, value in enumerate(values):
        stage.given(f"{at}.{index}", value)
    return values


def submitted(chosen: Any, at: str, number: int) -> Any:
    stage.place.set(at)
    return chosen.submit(number, 0)


async def in_turn(parts: tuple[Any, ...], at: str, last: Any) -> list[Any]:
    values = []
    for number, part in enumerate(parts):
        last = await perform(part, f"{at}.{number}", last)
        values.append(last)
    return values


def beside(parts: tuple[Any, ...], at: str, last: Any) -> list[Any]:
    return [perform(part, f"{at}.{number}", last) for number, part in enumerate(parts)]


async def placed(number: int, part: Any, at: str, last: Any) -> Any:
    return [number, await perform(part, f"{at}.{number}", last)]


def first_error(found: list[Any]) -> None:
    """Raise the first error, by place; what only a person can decide goes before all others."""
    errors = [each for each in found if isinstance(each, BaseException)]
    for error in sorted(errors, key=lambda error: isinstance(error, FAILURES)):
        raise error


@workflow
async def body(tree):
    value = [await perform(tree, "", None), drawn("", "now")]
    last()  # a further move: the failures before it are outcomes
    stage.ending(value)
    return value


@workflow
async def child(part, at, last):
    return await perform(part, at, last)


# -- plain functions -------------------------------------------------------------------------------------


def perform_sync(tree: Any, at: str, last: Any) -> Any:  # noqa: C901, PLR0911, PLR0912  a case for each kind
    match tree:
        case Inline(number, kind, fed):
            return recorded_sync(at, lambda: STEPS[Inline, kind](number, summary(last) if fed else 0))
        case Fail(number):
            return recorded_sync(at, lambda: fail_sync(number))
        case Flaky(number, failures, retries, pause):
            return recorded_sync(at, lambda: flaky_sync(retries, pause)(number, failures))
        case Draw("volatile"):
            return str(recorded_sync(at, volatile_sync))
        case Draw(what):
            return drawn(at, what)
        case Nap(seconds):
            return perdure.sleep(seconds).result()
        case Raise(number):
            raise TreeError(["raised", number])
        case Map(numbers):
            futures = [
                submitted(inline_pure, f"{at}.{index}", number) for index, number in enumerate(numbers)
            ]
            values = [future.result() for future in futures]
            for index, value in enumerate(values):
                stage.given(f"{at}.{index}", value)
            return values
        case Seq(parts):
            return in_turn_sync(parts, at, last)
        case Loop(times, part):
            return in_turn_sync((part,) * times, at, last)
        case Try(part, other):
            try:
                return ["well", perform_sync(part, f"{at}.0", last)]
            except FAILURES as error:
                how = told(error)
            return ["caught", how, perform_sync(other, f"{at}.1", how)]
        case Child(part):
            return ["child", child_sync(part, f"{at}.0", last)]


def recorded_sync(at: str, make: Any) -> Any:
    stage.place.set(at)
    value = make()
    stage.given(at, value)
    return value


def in_turn_sync(parts: tuple[Any, ...], at: str, last: Any) -> list[Any]:
    values = []
    for number, part in enumerate(parts):
        last = perform_sync(part, f"{at}.{number}", last)
        values.append(last)
    return values


@step(kind="volatile")
def volatile_sync():
    stage.through()
    return stage.nonce()


@step(name="fail")
def fail_sync(number):
    stage.through()
    raise TreeError(["fail", number])


def flaky_sync(retries, pause):
    @step(name="flaky", retries=retries, backoff=pause)
    def flaky(number, failures):
        stage.through()
        if stage.call().failures < failures:
            raise TreeError(["flaky", number])
        return ["flaky", number]

    return flaky


@workflow
def body_sync(tree):
    value = [perform_sync(tree, "", None), drawn("", "now")]
    last()
    stage.ending(value)
    return value


@workflow
def child_sync(part, at, last):
    return perform_sync(part, at, last)
