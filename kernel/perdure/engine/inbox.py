"""What others tell the runs that are at work in this process: wake a sleep, cancel.

1. A message stays in the journal until the owner of its run acted on it: at once, where it is told in the
   same process; within a second, where another process posted it; and else when the run goes on.
2. Whoever acts on a message can do so twice: a process may die between that and the message's end.
3. One thread looks for all runs of the process, and only while there are any: a look costs microseconds, and
   reads nothing unless somebody committed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from perdure.errors import PerdureError

from .events import log

if TYPE_CHECKING:
    from perdure.store import Store
    from perdure.store.records import MessageRecord

    from .owner import Owner

Handler: TypeAlias = Callable[["Owner", "MessageRecord"], bool]
"""Acts on a message; whether it is done with. Else it stays, and whoever acts on it drops it in the end."""

LOOK = 1.0
"""Seconds between two looks at the journal."""


class Inbox:
    """The messages of one process's runs."""

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}
        self._forget()

    def _forget(self) -> None:
        """Know no run, as in a process that was just forked: the runs are its parent's."""
        self._lock = threading.Lock()
        self._reading = threading.RLock()
        self._owners: dict[str, Owner] = {}
        self._thread: threading.Thread | None = None

    def handle(self, kind: str, handler: Handler) -> None:
        """Have this act on messages of a kind, given the owner of their run; messages that wait come now."""
        self._handlers[kind] = handler
        for owner in self._here():
            self._read(owner)

    def open(self, owner: Owner, *, waiting: bool = True) -> None:
        """A run is at work here, until `close`.

        Args:
            owner: of the run.
            waiting: look at once for messages that wait; a new run has none.
        """
        with self._lock:
            self._owners[owner.run.id] = owner
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="perdure-inbox", daemon=True)
                self._thread.start()
        if waiting:
            self._read(owner)

    def close(self, owner: Owner) -> None:
        """The run is at work here no more. Twice is fine."""
        with self._lock:
            if self._owners.get(owner.run.id) is owner:
                del self._owners[owner.run.id]

    def owner(self, run: str) -> Owner | None:
        """The owner of a run that is at work here."""
        with self._lock:
            return self._owners.get(run)

    def tell(self, store: Store, message: MessageRecord) -> bool:
        """Act on a message now, if its run is at work here; else leave it for the run's owner.

        Returns:
            Whether it was acted on.
        """
        owner, handler = self.owner(message.run), self._handlers.get(message.kind)
        if owner is None or handler is None:
            store.journal.post(message)
            return False
        handler(owner, message)
        return True

    # -- the thread --------------------------------------------------------------------------------------

    def _here(self) -> list[Owner]:
        with self._lock:
            return list(self._owners.values())

    def _serve(self) -> None:
        """Look now and then, until there is nobody to look for."""
        seen: dict[int, int] = {}
        pause = threading.Event()
        while self._goes_on():
            pause.wait(LOOK)
            owners = self._here()
            changed = {id(store): store for store in (owner.store for owner in owners)}
            for name, store in list(changed.items()):
                number = _changes(store)
                if number is None or number == seen.get(name):
                    del changed[name]
                else:
                    seen[name] = number
            for owner in owners:
                if id(owner.store) in changed:
                    self._read(owner)

    def _goes_on(self) -> bool:
        with self._lock:
            if not self._owners:
                self._thread = None
            return bool(self._owners)

    def _read(self, owner: Owner) -> None:
        """Act on the messages of a run, and drop them, before anybody else reads them."""
        with self._reading:
            self._act(owner)

    def _act(self, owner: Owner) -> None:
        journal, done = owner.store.journal, list[str]()
        try:
            for message in journal.messages(owner.run.id):
                handler = self._handlers.get(message.kind)
                if handler is not None and _acted(handler, owner, message):
                    done.append(message.id)
        except Exception as error:  # noqa: BLE001  they stay, and the thread goes on
            _failed("Messages to run %s were not read: %s", owner, error)
        finally:
            _drop(owner, done)


def _acted(handler: Handler, owner: Owner, message: MessageRecord) -> bool:
    """Act on one message; one that fails stays, and is acted on with the next change."""
    try:
        return handler(owner, message)
    except Exception as error:  # noqa: BLE001  it stays, and the thread goes on
        _failed("A message to run %s was not acted on: %s", owner, error)
        return False


def _failed(said: str, owner: Owner, error: Exception) -> None:
    known = isinstance(error, PerdureError)
    log.warning(said, owner.run.id, error, exc_info=None if known else error)


def _changes(store: Store) -> int | None:
    """The journal's number of changes; None where it cannot be looked at just now."""
    try:
        return store.journal.changes()
    except PerdureError:
        return None


def _drop(owner: Owner, done: list[str]) -> None:
    try:
        if done:
            owner.store.journal.drop_messages(done)
    except PerdureError as error:  # they are acted on once more
        log.warning("Messages to run %s were acted on, and stay: %s", owner.run.id, error)


def _wake(owner: Owner, message: MessageRecord) -> bool:
    owner.wake(message.name or None)
    return True


inbox = Inbox()
"""The one inbox of this process."""
inbox.handle("wake", _wake)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=inbox._forget)  # noqa: SLF001  the two are one mechanism
