"""Time limits: they stop what runs too long, and leave alone what does not."""

from __future__ import annotations

import asyncio
import signal

import pytest

from perdure.notebook.limits import awaiting_limit, time_limit


class TooLongError(Exception):
    pass


def _spin() -> None:
    while True:
        pass


def test_code_that_does_not_await_is_stopped_and_the_timer_is_put_back():
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(TooLongError), time_limit(0.01, TooLongError()):
        _spin()
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


async def _waits(*, told_as: type[BaseException] | None = None) -> None:
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        if told_as is not None:
            raise told_as from None
        raise


@pytest.mark.parametrize("told_as", [None, KeyboardInterrupt])
def test_code_that_awaits_is_stopped_however_it_tells_a_cancellation(told_as):
    async def main() -> int:
        task = asyncio.current_task()
        assert task is not None
        with pytest.raises(TooLongError), awaiting_limit(0.01, TooLongError()):
            await _waits(told_as=told_as)
        return task.cancelling()

    assert asyncio.run(main()) == 0


def test_a_cancellation_from_elsewhere_is_not_a_time_limit():
    async def limited() -> None:
        with awaiting_limit(60, TooLongError()):
            await _waits()

    async def main() -> bool:
        task = asyncio.create_task(limited())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(main())


def test_no_limit_and_a_limit_that_is_not_reached_change_nothing():
    async def main() -> int:
        with awaiting_limit(None, TooLongError()):
            await asyncio.sleep(0)
        with awaiting_limit(60, TooLongError()):
            await asyncio.sleep(0)
        return 1

    assert asyncio.run(main()) == 1
    with time_limit(None, TooLongError()), time_limit(60, TooLongError()):
        pass
