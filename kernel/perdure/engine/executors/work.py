"""What an attempt is while it is carried out elsewhere, and what came of it."""

from __future__ import annotations

import concurrent.futures
import sys
from dataclasses import dataclass
from typing import Protocol

from perdure import codec


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt that was carried out elsewhere: a value or an error."""

    value: codec.Encoded | None
    """Encoded there, so that the kernel need not do it again."""
    error: codec.Encoded | None
    """The exception, or one that stands for it where it cannot be sent."""
    said: str
    """The error in one line."""
    traceback: str
    """As text, with the user's frames only."""
    took: float
    """Seconds of work."""
    memory: int | None
    """Bytes that the worker held at most while it worked; None where it worked in this process."""
    printed: tuple[tuple[str, str], ...] = ()
    """What was printed there, in order: `stdout` or `stderr`, and the text."""
    unkept: bool = False
    """Whether the code came to its end, and `error` is that its value cannot be kept."""

    def show(self) -> None:
        """Print here what was printed there."""
        for stream, text in self.printed:
            print(text, end="", file=sys.stdout if stream == "stdout" else sys.stderr)


class Work(Protocol):
    """An attempt that is at work elsewhere."""

    future: concurrent.futures.Future[Outcome]
    """Its outcome; raises `WorkerDied` where there is none. To cancel it is to stop the work."""

    def stop(self) -> None:
        """Stop it as far as that can be done, and wait for nothing. Twice is fine.

        A worker process is killed; what has not begun never does; what runs in a thread is left to itself.
        """
