"""Group commit: whoever comes alone commits in its own thread; who comes meanwhile shares the next commit.

1. A caller gets its answer after the commit that holds its write, or the error that kept it out.
2. A write that fails is undone by itself and does not touch the others of its commit.
3. Of a caller that is interrupted, the write is committed as a whole or not at all; no other write is lost.
4. What is to be written later is written before anything that comes after it: with the next commit, within a
   moment, or at the end.

A thread of its own commits for callers that come while another one commits, writes what is to be written
later, and moves the log. It starts with the first write. Only the main thread can be interrupted (that is how
Python handles signals), so it never commits for callers that wait, and a commit's outcome is kept where no
signal can come between.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from perdure.errors import NotOwner, PerdureError

from .log import Log
from .queries import query
from .rows import Row
from .statements import put_row
from .transactions import Outcome, T, Transactions, Work

TICK = 0.05
"""Seconds after which what is to be written later is written, at the latest."""
_QUIET = 10
"""Ticks without a commit after which the thread sleeps until it is woken."""
_ROUNDS, _LITTLE = 4, 60
"""How often the log is moved beside those who commit, until fewer commits than these come meanwhile."""
_SEEN = 1.0
"""Seconds after which a commit tells again that its session was alive."""


@dataclass(slots=True, eq=False)
class Write:
    """What the owner of a run wants written."""

    run: str
    epoch: int
    rows: list[tuple[str, Row]]
    """Each with its table."""
    power: bool = False
    outcome: Outcome = field(default_factory=Outcome)
    error: BaseException | None = None
    answer: threading.Lock | None = None
    """Held until the write is settled, where its caller waits in line."""


class Writer:
    """The only writer of a journal in this process."""

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        log: Log,
        *,
        check: Callable[[], None],
        translate: Callable[[BaseException], BaseException],
    ) -> None:
        """Nothing is opened before the first write.

        Args:
            connect: opens a connection that can write.
            log: the journal's log.
            check: called before each transaction; raises where nothing may be written.
            translate: gives the error that a caller gets.
        """
        self._log = log
        self._translate = translate
        self._pid = os.getpid()
        self._turn = threading.Lock()
        self._holder: int | None = None
        self._mutex = threading.Lock()
        self._line: deque[Write] = deque()
        self._later: deque[Write] = deque()
        self._failed: dict[str, BaseException] = {}
        self._seen: dict[tuple[str, int], float] = {}
        self._transactions = Transactions(connect, check)
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._wanted = False
        self._resting = False
        self._unmoved = 0
        self._ending = False
        self._closed = False

    # -- for callers -------------------------------------------------------------------------------------

    def write(self, write: Write) -> None:
        """Commit the write, after what was to be written later.

        Raises:
            NotOwner: the epoch is not the newest of the run.
            StoreError: it was not written; or an earlier write for this run, that was to be written later,
                was not: then this one was not tried.
        """
        self._start()
        error = self._failed.get(write.run)
        # A sign of life, which writes nothing, has nobody to tell what went wrong but that the run is lost.
        if error is not None and (write.rows or isinstance(error, NotOwner)):
            del self._failed[write.run]
            raise error
        alone = self._thread is None or not (self._wanted or self._line or self._turn.locked())
        if not (alone and self._lead(write)):
            self._wait(write)
        if write.error is not None:
            raise write.error

    def write_later(self, write: Write) -> None:
        """Commit the write with the next commit or within a moment; the next write tells what went wrong."""
        self._start()
        if self._ending or self._thread is None:
            self.write(write)
            return
        with self._mutex:
            self._check_open()
            # Behind those who wait: one of them may be an older write of a caller that was interrupted.
            (self._line or self._later).append(write)
        if self._resting:
            self._wake.set()

    def do(self, work: Work[T], *, power: bool) -> T:
        """Do the work in a transaction of its own; return its result once that is committed.

        Args:
            work: gets the connection; what it raises, the caller gets, and its changes are undone.
            power: wait for the disk, so that the commit survives a power cut.
        """
        self._start()
        self.settle()
        with self._turn:
            self._check_open()
            try:
                self._holder = threading.get_ident()
                return self._transaction(work, power=power, outcome=Outcome())
            except sqlite3.Error as error:
                raise self._translate(error) from error
            finally:
                self._holder = None

    @contextlib.contextmanager
    def still(self) -> Iterator[None]:
        """Meanwhile nothing of this process commits, and nothing moves the log."""
        self.settle()
        with self._turn, self._log.still:
            yield

    def settle(self, table: str | None = None) -> None:
        """Commit what is to be written later, to this table or any, so that a read sees it."""
        if not (self._later or self._line) or self._holder == threading.get_ident():
            return
        waiting = (*self._later, *self._line)
        if table is None or any(table == name for write in waiting for name, _ in write.rows):
            with contextlib.suppress(PerdureError):  # told by the next write for its run
                self.write(Write("", 0, []))

    def end(self) -> None:
        """Write what was to be written later, and from now on at once: the process is about to end."""
        self._ending = True
        self.settle()

    def close(self) -> None:
        """Finish what is queued and let go of the file. Twice is fine."""
        if os.getpid() != self._pid:
            return
        with self._mutex:
            self._closed = True
            thread = self._thread
        self._wake.set()
        if thread is None:
            self._finish()
        elif thread is not threading.current_thread():
            thread.join()

    def failed(self) -> BaseException | None:
        """An error of what was to be written later that no write told; None when there is none left."""
        return self._failed.popitem()[1] if self._failed else None

    def _start(self) -> None:
        if self._thread is not None or self._ending:
            return
        with self._mutex:
            self._check_open()
            if self._thread is None:
                thread = threading.Thread(target=self._serve, name="perdure-journal", daemon=True)
                with contextlib.suppress(RuntimeError):  # too late for threads: then each commits for itself
                    thread.start()
                    self._thread = thread

    def _check_open(self) -> None:
        if self._closed:
            raise self._translate(sqlite3.ProgrammingError("it was closed"))

    # -- one after the other -----------------------------------------------------------------------------

    def _lead(self, write: Write) -> bool:
        """Commit the write with what was to be written later; False where each is to be tried by itself."""
        with self._turn:
            self._check_open()
            self._sweep()
            writes = [*self._later, write]
            try:
                self._together(writes)
            except Exception as error:
                if len(writes) == 1 or _passes(error) or self._thread is None:
                    raise self._translate(error) from error
                return False
            self._sweep()
        return True

    def _wait(self, write: Write) -> None:
        """Have the write committed by the thread, with all who wait."""
        write.answer = threading.Lock()
        write.answer.acquire()
        with self._mutex:
            self._check_open()
            self._line.append(write)
        self._wake.set()
        write.answer.acquire()

    def _sweep(self) -> None:
        """Take out of the queue what is settled: also what an interrupted caller had committed."""
        while self._later and self._later[0].outcome.settled:
            self._tell(self._later.popleft())

    def _tell(self, write: Write) -> None:
        """Give the caller its answer, or keep an error for the run's next one."""
        if write.answer is not None:
            write.answer.release()
        elif write.error is not None:
            self._failed[write.run] = write.error

    # -- the thread --------------------------------------------------------------------------------------

    def _serve(self) -> None:
        quiet = 0
        while not self._closed:
            before = self._unmoved
            self._resting = True  # before the last look: who comes after it wakes this thread
            self._resting = quiet >= _QUIET and self._transactions.roomy and not (self._line or self._later)
            called = self._wake.wait(None if self._resting else TICK)
            self._resting = False
            self._wake.clear()
            if self._line or (self._later and not called):
                self._serve_all()
            if not called:
                self._tend()
            quiet = 0 if called or self._unmoved != before else quiet + 1
        while self._line or self._later:
            self._serve_all()
        self._finish()

    def _serve_all(self) -> None:
        """Commit what was to be written later, and for all who wait."""
        with self._turn:
            self._sweep()
            waiting = list(self._line)
            self._each_or_all([*self._later, *waiting])
            self._sweep()
            for _ in waiting:
                self._line.popleft()
        for write in waiting:
            self._tell(write)

    def _each_or_all(self, writes: list[Write]) -> None:
        """Commit the writes together; when that fails as a whole, each by itself. Errors stand with them."""
        try:
            self._together(writes)
        except BaseException as error:  # noqa: BLE001  every caller must get an answer
            if len(writes) > 1 and not _passes(error):
                for write in writes:
                    self._each_or_all([write])
                return
            for write in writes:
                if write.answer is None and _passes(error) and not self._closed:
                    continue  # nobody waits: it is tried again, with what comes next
                write.error = self._translate(error)
                write.outcome.settled = True

    def _tend(self) -> None:
        """Give the log room, and move it, where that is due. What goes wrong must not end the thread."""
        with contextlib.suppress(Exception):  # a matter of speed: who commits meets what is wrong, and tells
            if not self._transactions.roomy:
                self._make_room()
            if self._log.due(self._unmoved, power=self._transactions.power):
                self._move()

    def _make_room(self) -> None:
        """Make room for commits that wait for the disk, in slices between which others have their turn."""
        own = self._transactions
        while not (own.roomy or self._line or self._closed):
            with self._claimed():
                own.roomy = self._log.make_room(own.ready(power=own.power))

    @contextlib.contextmanager
    def _claimed(self) -> Iterator[None]:
        """The turn, after at most one commit: a caller that commits on and on would never leave it."""
        self._wanted = True
        try:
            with self._turn:
                yield
        finally:
            self._wanted = False

    def _move(self) -> None:
        """Move the log beside those who commit, and what little came meanwhile while they wait.

        Commits without a pause would never leave a log that is moved as a whole, so that it can begin anew;
        one that grows costs each of them more than this.
        """
        for _ in range(_ROUNDS):
            before = self._unmoved
            self._log.move()
            if self._unmoved - before < _LITTLE:
                break
        with self._claimed():
            if self._log.move(wait=self._log.large):
                self._unmoved = 0

    def _finish(self) -> None:
        with self._turn:
            self._log.close()
            self._transactions.close()  # the last connection to close moves the log into the file

    # -- transactions, by whoever has the turn -----------------------------------------------------------

    def _together(self, writes: list[Write]) -> None:
        outcome = Outcome()
        for write in writes:
            write.outcome = outcome

        def put(connection: sqlite3.Connection) -> None:
            epochs: dict[str, int | None] = {}  # nobody else changes one while this transaction is open
            for write in writes:
                self._put(connection, write, epochs)

        self._transaction(put, power=any(write.power for write in writes), outcome=outcome)

    def _put(self, connection: sqlite3.Connection, write: Write, epochs: dict[str, int | None]) -> None:
        write.error = None
        if not write.run:
            return
        if write.run not in epochs:
            newest = connection.execute(query("epoch"), {"run": write.run}).fetchone()
            epochs[write.run] = None if newest is None else newest[0]
        if epochs[write.run] != write.epoch:
            write.error = NotOwner(run=write.run)  # nothing of it was put, so nothing is to be undone
            return
        for table, row in write.rows:
            put_row(connection, table, row)
        owner, now = (write.run, write.epoch), time.monotonic()
        if not write.rows or now - self._seen.get(owner, -_SEEN) >= _SEEN:
            self._seen[owner] = now
            seen = {"run": write.run, "epoch": write.epoch, "now": time.time()}
            connection.execute(query("seen"), seen)

    def _transaction(self, work: Work[T], *, power: bool, outcome: Outcome) -> T:
        result = self._transactions.do(work, power=power, outcome=outcome)
        self._unmoved += 1
        if self._resting:
            self._wake.set()
        return result


def _passes(error: BaseException) -> bool:
    """Whether the trouble is one of the moment: another process writes, or the disk is full."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL)
