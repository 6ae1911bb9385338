"""Messages to the runs of a process: acted on once, at once or with the next look (promise 2)."""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import replace

import pytest

from perdure.engine import inbox as module
from perdure.engine.inbox import Inbox
from perdure.engine.owner import Owner
from perdure.errors import StoreBusy
from perdure.store import open_store
from perdure.testing import sample_message, sample_run

PATIENCE = 60


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(module, "LOOK", 0.001)


@pytest.fixture
def store():
    with open_store(":memory:") as store:
        yield store


@pytest.fixture
def owner(store):
    owner = Owner.take(store, sample_run())
    yield owner
    owner.close()


class Acted:
    """A handler that can be waited for."""

    def __init__(self, *troubles):
        self.messages = []
        self._troubles = list(troubles)
        self._changed = threading.Condition()

    def __call__(self, owner, message):
        with self._changed:
            self.messages.append(message)
            self._changed.notify_all()
        if self._troubles:
            trouble = self._troubles.pop(0)
            if trouble is None:
                return False
            raise trouble
        return True

    def until(self, count):
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.messages) >= count, PATIENCE)


@pytest.fixture
def acted():
    return Acted()


@pytest.fixture
def inbox(owner, acted):
    inbox = Inbox()
    inbox.handle("wake", acted)
    inbox.open(owner, waiting=False)
    yield inbox
    inbox.close(owner)


def dropped(store):
    """Wait until no message is left."""
    for _ in range(PATIENCE * 1000):
        if not store.journal.messages():
            return
        threading.Event().wait(0.001)
    pytest.fail("a message was not dropped")


def test_a_message_that_is_told_here_is_acted_on_at_once_and_not_written(inbox, store, owner, acted):
    message = sample_message(owner.run.id)
    assert inbox.tell(store, message)
    assert acted.messages == [message]
    assert store.journal.messages() == []


def test_a_message_from_elsewhere_is_found_acted_on_and_dropped(inbox, store, owner, acted):
    for number in (1, 2):
        store.journal.post(sample_message(owner.run.id, number))
    acted.until(2)
    dropped(store)


def test_a_message_for_a_run_that_is_not_here_waits_for_it(inbox, store, owner, acted):
    inbox.close(owner)
    message = sample_message(owner.run.id)
    assert not inbox.tell(store, message)
    assert (acted.messages, store.journal.messages()) == ([], [message])
    inbox.open(owner)
    assert (acted.messages, store.journal.messages()) == ([message], [])


def test_a_message_that_nobody_understands_yet_waits_for_who_does(inbox, store, owner, acted):
    message = sample_message(owner.run.id, kind="cancel")
    assert not inbox.tell(store, message)
    inbox.open(owner)
    assert store.journal.messages() == [message]
    inbox.handle("cancel", acted)
    assert (acted.messages, store.journal.messages()) == ([message], [])


def test_a_message_that_could_not_be_acted_on_stays_for_the_next_look(store, owner):
    inbox, acted = Inbox(), Acted(StoreBusy(path="store", seconds=60))
    inbox.handle("wake", acted)
    first, second = (sample_message(owner.run.id, number, at=float(number)) for number in (1, 2))
    store.journal.post(first)
    inbox.open(owner)
    store.journal.post(second)
    acted.until(3)
    dropped(store)
    inbox.close(owner)
    assert acted.messages == [first, first, second]


def test_a_fault_of_a_handler_holds_up_no_other_message_and_not_the_thread(inbox, store, owner, caplog):
    """Its message stays, and it is told with where it came from."""
    faulty, acted = Acted(*[RuntimeError("a fault")] * 1000), Acted()
    inbox.handle("wake", faulty)
    inbox.handle("cancel", acted)
    inbox.open(owner)
    stays = replace(sample_message(owner.run.id, 0, at=0.0), kind="wake")
    store.journal.post(stays)
    faulty.until(1)
    for number in (1, 2):
        message = replace(sample_message(owner.run.id, number, at=float(number)), kind="cancel")
        store.journal.post(message)
        acted.until(number)
    inbox.close(owner)
    assert stays in store.journal.messages()
    assert "was not acted on: a fault" in caplog.text
    assert "Traceback" in caplog.text


def test_a_message_that_is_not_done_with_stays(store, owner):
    """Whoever acts on it drops it in the end."""
    inbox, acted = Inbox(), Acted(None, None)
    inbox.handle("wake", acted)
    message = sample_message(owner.run.id)
    store.journal.post(message)
    inbox.open(owner)
    inbox.close(owner)
    assert store.journal.messages() == [message]


def test_nothing_is_read_while_nobody_commits(inbox, store, owner, acted, monkeypatch):
    looks, reads = threading.Semaphore(0), []
    changes, messages = store.journal.changes, store.journal.messages
    acted.until(0)
    monkeypatch.setattr(store.journal, "messages", lambda run: reads.append(run) or messages(run))
    monkeypatch.setattr(store.journal, "changes", lambda: looks.release() or changes())
    for _ in range(3):  # it may be in the middle of its first look
        assert looks.acquire(timeout=PATIENCE)
    reads.clear()
    for _ in range(10):
        assert looks.acquire(timeout=PATIENCE)
    assert reads == []
    store.journal.post(sample_message(owner.run.id))
    acted.until(1)
    assert reads


def test_a_journal_that_cannot_be_looked_at_is_looked_at_again(inbox, store, owner, acted, monkeypatch):
    changes, troubles = store.journal.changes, [StoreBusy(path="store", seconds=60)] * 3

    def busy():
        if troubles:
            raise troubles.pop()
        return changes()

    monkeypatch.setattr(store.journal, "changes", busy)
    store.journal.post(sample_message(owner.run.id))
    acted.until(1)
    assert troubles == []


def test_the_thread_ends_with_the_last_run_and_begins_with_the_next(owner):
    inbox = Inbox()
    threads = []
    for _ in range(2):
        inbox.open(owner)
        thread = inbox._thread
        inbox.open(owner)
        assert inbox._thread is thread, "there is one for all"
        inbox.close(owner)
        inbox.close(owner)
        thread.join(PATIENCE)
        assert not thread.is_alive()
        threads.append(thread)
    assert threads[0] is not threads[1]


@pytest.mark.skipif(sys.platform == "win32", reason="processes are forked")
def test_a_forked_process_has_none_of_its_parents_runs(owner):
    module.inbox.open(owner)
    try:
        child = os.fork()
        if child == 0:
            os._exit(0 if module.inbox.owner(owner.run.id) is None else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert module.inbox.owner(owner.run.id) is owner
    finally:
        module.inbox.close(owner)
