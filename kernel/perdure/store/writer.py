"""One thread that writes: what several callers want written at the same moment shares one commit.

1. A caller gets its answer after the commit that holds its work, or the error that kept it out.
2. One piece of work that fails is undone by itself and does not touch the others of its commit.
3. A caller that is interrupted while it waits leaves its work queued: it may still be committed, whole.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from .queries import query

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]


@dataclass(slots=True)
class _Job:
    work: Work[Any]
    power: bool
    answer: Future[Any] = field(default_factory=Future)
    result: Any = None
    error: BaseException | None = None

    def resolve(self) -> None:
        if self.error is None:
            self.answer.set_result(self.result)
        else:
            self.answer.set_exception(self.error)


class Writer:
    """The only writer of a journal in this process."""

    def __init__(
        self, connect: Callable[[], sqlite3.Connection], translate: Callable[[BaseException], BaseException]
    ) -> None:
        self._connect = connect
        self._translate = translate
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._mutex = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._connection: sqlite3.Connection | None = None

    def do(self, work: Work[T], *, power: bool) -> T:
        """Do the work in a transaction; return its result once that is committed.

        Args:
            work: gets the connection; what it raises, the caller gets, and its changes are undone.
            power: wait for the disk, so that the commit survives a power cut.
        """
        job = _Job(work, power)
        with self._mutex:
            if self._closed:
                raise self._translate(sqlite3.ProgrammingError("it was closed"))
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="perdure-writer", daemon=True)
                self._thread.start()
            self._queue.put(job)
        result: T = job.answer.result()
        return result

    def close(self) -> None:
        """Finish what is queued and let go of the file. Twice is fine."""
        with self._mutex:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
            thread = self._thread
        if thread is not None:
            thread.join()

    def _serve(self) -> None:
        going = True
        while going:
            batch = [self._queue.get()]
            with contextlib.suppress(Empty):
                while True:
                    batch.append(self._queue.get_nowait())
            going = None not in batch
            jobs = [job for job in batch if job is not None]
            if jobs:
                self._commit(jobs)
                for job in jobs:
                    job.resolve()
        if self._connection is not None:
            self._connection.close()

    def _commit(self, jobs: list[_Job]) -> None:
        """Commit the jobs together; when that fails as a whole, each by itself."""
        try:
            if self._connection is None:
                self._connection = self._connect()
            self._transact(self._connection, jobs)
        except BaseException as error:  # noqa: BLE001  every caller must get an answer
            self._roll_back()
            busy = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
            if len(jobs) > 1 and not busy:
                for job in jobs:
                    self._commit([job])
            else:
                for job in jobs:
                    job.error = self._translate(error)

    @staticmethod
    def _transact(connection: sqlite3.Connection, jobs: list[_Job]) -> None:
        power = any(job.power for job in jobs)
        connection.execute(query("synchronous_power" if power else "synchronous_process"))
        connection.execute(query("begin"))
        for job in jobs:
            job.error = None
            connection.execute(query("savepoint"))
            try:
                job.result = job.work(connection)
            except sqlite3.Error:
                raise  # what SQLite cannot do concerns the transaction: it may have ended it
            except Exception as error:  # noqa: BLE001  handed to the caller
                job.error = error
                connection.execute(query("undo"))
            connection.execute(query("release"))
        connection.execute(query("commit"))

    def _roll_back(self) -> None:
        connection = self._connection
        if connection is not None and connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                connection.execute(query("rollback"))
