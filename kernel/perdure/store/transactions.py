"""The one connection through which a process writes a journal: transactions whose outcome is certain.

One thread at a time uses it. Whatever interrupts a transaction, it is known afterwards whether it came about.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from . import failpoints
from .queries import query

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]


@dataclass(slots=True)
class Outcome:
    """What became of a transaction."""

    settled: bool = False
    """Whether it is committed, or its writes have their errors."""


class Transactions:
    """Transactions one after the other, on a connection that is opened for the first of them."""

    def __init__(self, connect: Callable[[], sqlite3.Connection], check: Callable[[], None]) -> None:
        """Nothing is opened yet.

        Args:
            connect: opens a connection that can write.
            check: called before each transaction; raises where nothing may be written.
        """
        self._connect = connect
        self._check = check
        self._connection: sqlite3.Connection | None = None
        self._power: bool | None = None
        self.roomy = True
        """Whether the log has room enough for the commits that come."""

    @property
    def power(self) -> bool:
        """Whether the last commit waited for the disk."""
        return bool(self._power)

    def do(self, work: Work[T], *, power: bool, outcome: Outcome) -> T:
        """Do the work in a transaction, whose outcome is kept whatever comes between."""
        self._check()
        connection = self.ready(power=power)
        try:
            connection.execute(query("begin"))
            failpoints.reached("journal.begun")
            result = work(connection)
            failpoints.reached("journal.written")
            try:
                connection.execute(query("commit"))
            except sqlite3.Error:
                raise
            except BaseException:
                outcome.settled = not connection.in_transaction
                raise
            # Signals are handled between calls: none can come between the commit and this line.
            outcome.settled = True
        except BaseException:
            self._roll_back()
            raise
        failpoints.reached("journal.committed")
        return result

    def ready(self, *, power: bool) -> sqlite3.Connection:
        """The connection, with no transaction open, for commits that wait for the disk or do not."""
        if self._connection is None:
            self._connection = self._connect()
        self._roll_back()
        if self._power is not power:
            self._connection.execute(query("synchronous_power" if power else "synchronous_process"))
            self.roomy = self.roomy and not power
            self._power = power
        return self._connection

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()

    def _roll_back(self) -> None:
        """Undo what is open: of this transaction, or of one whose caller was interrupted twice."""
        connection = self._connection
        if connection is not None and connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                connection.execute(query("rollback"))
