"""Commits of tasks beside each other: what comes while one is on its way to the disk goes with the next.

An event loop that waited for the disk with each commit would have one commit at a time. Here its tasks wait,
and the loop goes on to the next of them, which ends in its turn.
"""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable, Sequence

from perdure.store.records import Record


class Together:
    """The commits of one owner's tasks.

    Args:
        write: puts records in one commit; called by one thread at a time.
    """

    def __init__(self, write: Callable[[Sequence[Record]], None]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._waiting: list[tuple[Sequence[Record], concurrent.futures.Future[None]]] = []
        self._at_work = False

    def commit(self, records: Sequence[Record]) -> concurrent.futures.Future[None]:
        """Put the records, in one commit with those of others; the future is done when they are on disk."""
        found: concurrent.futures.Future[None] = concurrent.futures.Future()
        with self._lock:
            self._waiting.append((records, found))
            begins, self._at_work = not self._at_work, True
        if begins:
            threading.Thread(target=self._serve, name="perdure-commits").start()
        return found

    def _serve(self) -> None:
        """Commit what waits, until nothing does."""
        while True:
            with self._lock:
                group, self._waiting = self._waiting, []
                self._at_work = bool(group)
            if not group:
                return
            try:
                self._write([record for records, _ in group for record in records])
            except BaseException as error:  # noqa: BLE001  each of the tasks gets it
                for _, future in group:
                    future.set_exception(error)
            else:
                for _, future in group:
                    future.set_result(None)
