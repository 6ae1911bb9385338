"""Whether a failed attempt is followed by another one, and after which pause.

Failed attempts are counted in the call's record, so that after a kill the remaining ones count, and what is
left of the pause. An attempt that a kill or an interrupt ended is no failure, and is not counted.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import TypeAlias

from perdure.errors import Fatal, NotKeepable, Retry
from perdure.frozen import frozen

from .durations import seconds

Duration: TypeAlias = str | float | timedelta
"""Seconds, a text such as "90s", or a timedelta."""
Backoff: TypeAlias = Duration | Callable[[int], Duration]
"""A pause, or what gives the pause after the failed attempt with this number, from 1."""
RetryOn: TypeAlias = type[BaseException] | tuple[type[BaseException], ...] | Callable[[BaseException], bool]
"""Which errors are worth another attempt: their classes, or what says so of an error."""

_chance = random.Random()  # noqa: S311  a pause is no secret; the user's own `random` is left alone


def exponential(
    first: Duration = 1.0, *, factor: float = 2.0, limit: Duration | None = None, jitter: float = 0.0
) -> Callable[[int], float]:
    """A pause that grows with each failed attempt: `first`, `first * factor`, `first * factor**2`, ...

    Args:
        first: the pause after the first failed attempt.
        factor: by how much each further one is longer; 1 keeps it as it is.
        limit: it grows no longer than this.
        jitter: share by which each pause is drawn longer or shorter, 0 to 1, so that many calls that failed
            together are not tried again together.

    Raises:
        ValueError: one of these cannot be.
    """
    start, most = seconds(first), None if limit is None else seconds(limit)
    if not factor >= 1:
        raise ValueError(f"factor must be 1 or more, not {factor}")
    if not 0 <= jitter <= 1:
        raise ValueError(f"jitter must be from 0 to 1, not {jitter}")

    def pause(attempt: int) -> float:
        try:
            grown = start * factor ** (attempt - 1)
        except OverflowError:
            grown = float("inf")
        if most is not None:
            grown = min(grown, most)
        return grown * _chance.uniform(1 - jitter, 1 + jitter) if jitter else grown

    return pause


@frozen
class Retrying:
    """How a step's failures are met."""

    retries: int = 0
    backoff: Backoff = 0.0
    retry_on: RetryOn | None = None
    """None: every error."""

    def pause(self, error: BaseException, failures: int) -> float | None:
        """Seconds before the next attempt; None where the failure stands.

        Args:
            error: how the attempt failed.
            failures: how many attempts have failed, this one included.

        Raises:
            TypeError, ValueError: the step's own `backoff` or `retry_on` gave something else.
        """
        if failures > self.retries or not isinstance(error, Exception):
            return None
        if isinstance(error, Fatal | NotKeepable) or not self._worth_it(error):
            return None
        if isinstance(error, Retry) and error.after is not None:
            return seconds(error.after)
        return seconds(self.backoff(failures) if callable(self.backoff) else self.backoff)

    def next(self, failures: int, error: str | None) -> str:
        """Why there is a further attempt, after so many that failed, the last one with this error."""
        return f"attempt {failures + 1} of {self.retries + 1}: {error}"

    def _worth_it(self, error: Exception) -> bool:
        wanted = self.retry_on
        if wanted is None or isinstance(error, Retry):
            return True
        if isinstance(wanted, type | tuple):
            return isinstance(error, wanted)
        return bool(wanted(error))


NEVER = Retrying()
"""A failure stands."""


def checked(retries: int, backoff: Backoff, retry_on: RetryOn | None) -> Retrying:
    """The options as a step was given them.

    Raises:
        ValueError: one has no such value.
    """
    if not isinstance(retries, int):
        raise ValueError(f"retries must be a whole number, not {retries!r}")  # noqa: TRY004  as for all options
    if retries < 0:
        raise ValueError(f"retries must be 0 or more, not {retries}")
    several = retry_on if isinstance(retry_on, tuple) else (retry_on,)
    if not (retry_on is None or all(callable(each) for each in several)):
        raise ValueError(f"retry_on={retry_on!r} is no class of errors, no tuple of them, and no function")
    return Retrying(retries, backoff if callable(backoff) else seconds(backoff), retry_on)
