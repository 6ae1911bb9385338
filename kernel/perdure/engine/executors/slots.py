"""A slot: one worker process, and the call that it carries out.

Each has a pool of loky's of its own, so that a worker that dies takes no other call with it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future, InvalidStateError
from contextlib import suppress
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from perdure.engine.memory import last_known
from perdure.errors import WorkerDied

from . import processes, worker
from .attempting import unpacked
from .message import hidden, told
from .parcel import Parcel
from .shelf import Key, Shelf

if TYPE_CHECKING:
    from .message import Asked
    from .work import Outcome

SMALL = 32 << 10
"""Bytes that the head of a message may have to go through loky's own pipe, which takes so many at once."""

_REAPED = 1.0
"""Seconds in which the system tells how a process ended that is known to be over."""

_ONE_CORE = (
    *(
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "BLIS_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
    ),
    *("NUMBA_NUM_THREADS", "NUMEXPR_NUM_THREADS", "LOKY_MAX_CPU_COUNT"),
)
"""Variables by which libraries are told to use one core each, where the user said nothing else: there is a
worker for each core already."""


class Job:
    """One call that is to be carried out by some worker; its `future` is cancelled to stop it.

    Raises:
        NotKeepable: its function cannot be sent.
    """

    def __init__(self, asked: Asked) -> None:
        self.step = asked.step
        self.parts = asked.message()
        self.secrets = asked.secrets
        self.future: Future[Outcome] = Future()

    def stop(self) -> None:
        """Stop it: a worker that is at it is killed. Twice is fine."""
        self.future.cancel()

    def settle(self, outcome: Outcome | None, error: BaseException | None = None) -> None:
        """Tell what came of it, unless it was stopped meanwhile."""
        with suppress(InvalidStateError):  # it is cancelled from other threads at any moment
            if error is not None:
                self.future.set_exception(error)
            else:
                assert outcome is not None
                self.future.set_result(outcome)


class Slot:
    """One worker. Everything is called on the pool's own thread.

    Args:
        ended: is called, on any thread, when loky is done with a call.
        shelf: for large buffers.
    """

    def __init__(self, ended: Callable[[Slot, Future[Any]], None], shelf: Shelf) -> None:
        from loky import ProcessPoolExecutor

        self.job: Job | None = None
        self.idle_since = time.monotonic()
        self.doomed = False
        """Whether its worker was killed, or is dead."""
        self._ended = ended
        self._shelf = shelf
        self._lent: list[Key] = []
        self._environment = dict(os.environ)
        self._memory: int | None = None
        self._seen_dead = False
        self._process: Any = None
        self._message: Parcel | None = None
        self._answer = Parcel()
        """Untouched as long as all answers were small."""
        one = {name: "1" for name in _ONE_CORE if name not in os.environ}
        self._executor = ProcessPoolExecutor(
            max_workers=1, initializer=worker.serve, initargs=(os.getpid(),), env=one
        )

    def begin(self, job: Job) -> None:
        """Have the worker carry out a call; it is started with the first one.

        Raises:
            Exception: the worker cannot be started, or is dead.
        """
        self.job, self._memory, self._seen_dead = job, None, False
        head, *buffers = job.parts
        address, small = "", len(head) <= SMALL
        if not small:
            self._message = Parcel()
            self._message.put([head])
            address = self._message.address
        for buffer in buffers:
            self._lent.append(self._shelf.lend(buffer))
        letter = worker.Letter(
            environment=self._changes(),
            secrets=told(job.secrets),
            head=bytes(head) if small else b"",
            size=len(head),
            address=address,
            buffers=[(self._shelf.address(key), key[1]) for key in self._lent],
            answer=self._answer.address,
        )
        done = self._executor.submit(worker.carry, letter)
        job.parts = []
        if self._process is None:
            (self._process,) = self._executor._processes.values()  # noqa: SLF001  loky tells it nowhere else
        done.add_done_callback(lambda done: self._ended(self, done))

    def _changes(self) -> dict[str, str | None]:
        """What changed in the environment since the worker began."""
        before, now = self._environment, dict(os.environ)
        if now == before:
            return {}
        self._environment = now
        found: dict[str, str | None] = {
            name: value for name, value in now.items() if before.get(name) != value
        }
        return found | {name: None for name in before if name not in now}

    def end(self, done: Future[Any] | None = None) -> None:
        """Tell what came of the call, and be idle, or dead.

        Args:
            done: loky's future; None: loky has not noticed yet that the worker is dead.
        """
        job, self.job, self.idle_since = self.job, None, time.monotonic()
        outcome, error = None, None if done is None else done.exception()
        if done is None or isinstance(error, BrokenExecutor):
            self.doomed, error = True, None if job is None else self._death(job.step)
        if job is not None:
            if error is None and done is not None:
                outcome, error = self._outcome(job, done)
            job.settle(outcome, error)
        self._clear()

    def _clear(self) -> None:
        if self._message is not None:
            self._message.close()
            self._message = None
        lent, self._lent = self._lent, []
        self._shelf.give_back(lent)

    def _outcome(self, job: Job, done: Future[Any]) -> tuple[Outcome | None, BaseException | None]:
        try:
            secrets, parts, sizes = done.result()
            return unpacked(self._taken(sizes) if sizes else parts, hidden(secrets), job.step), None
        except Exception as failure:  # noqa: BLE001  whoever waits for the call gets it
            return None, failure

    def _taken(self, sizes: list[int]) -> list[memoryview]:
        """A large answer; the next one gets a parcel of its own."""
        answer, self._answer = self._answer, Parcel()
        try:
            return answer.take(sizes)
        finally:
            answer.close()

    def _death(self, step: str) -> WorkerDied:
        if self._process is not None:
            self._process.join(_REAPED)
        how = processes.how_it_died(None if self._process is None else self._process.exitcode)
        return WorkerDied(step=step, cause=how + last_known(self._memory), memory=self._memory)

    def kill(self) -> None:
        """Kill the worker. Twice is fine."""
        self.doomed = True
        if self._process is not None:
            processes.kill(self._process)

    def look(self) -> bool:
        """Note how much memory the worker holds; whether it is dead, which loky would have noticed by now."""
        was, self._seen_dead = self._seen_dead, self.dead
        self._memory = processes.held(self._process) or self._memory
        return was and self._seen_dead

    @property
    def dead(self) -> bool:
        """Whether the worker is dead, be it that loky has not noticed."""
        process = self._process
        return process is not None and (process.exitcode is not None or bool(wait([process.sentinel], 0)))

    @property
    def left(self) -> bool:
        """Whether nothing is left of the worker."""
        return self._process is None or self._process.exitcode is not None

    def close(self, *, kill: bool) -> None:
        """Let the worker go, in peace or not. Nothing is waited for."""
        self._answer.close()
        self._clear()
        self._executor.shutdown(wait=False, kill_workers=kill)
