"""A workflow to be killed, and a server that forks, kills and reaps the processes that run it.

Usage: killed_workflow.py STORE LOG late|early, then a line "NUMBER DELAY" on stdin for each life. Each is
answered by "killed" or by "ended" with the result. LOG is appended to without fsync: "ran RUN STEP I" as a step
begins, "ack RUN STEP I" once its call has returned to the body.
"""

import importlib
import os
import queue
import signal
import sys
import threading
import time

import numpy as np

from perdure import step, workflow
from perdure.engine import questions
from perdure.engine.owner import taken
from perdure.errors import DiedTwice

ROUNDS = 8
STEPS = ROUNDS * 15
WORK = 0.001


def log(what, name, i):
    words = (what, os.environ["KILLED_RUN"], name, i)
    os.write(int(os.environ["KILLED_LOG"]), (" ".join(map(str, words)) + "\n").encode())


def begin(name, i):
    log("ran", name, i)
    time.sleep(WORK)


@step
def small(i):
    begin("small", i)
    return {"i": i, "square": i * i, "when": (i, None)}


@step
def stream(i):
    begin("stream", i)
    return [f"{i}:{n:08d}" for n in range(40_000)]


@step
def array(i):
    begin("array", i)
    return np.arange(160_000) * i


@step
def part(i):
    begin("part", i)
    return {i, -i}


@step
def fails(i):
    begin("fails", i)
    raise LookupError("no such thing", i)


@step
def recover(i, message):
    begin("recover", i)
    return f"{i} after {message}"


@workflow
def story(number):
    os.write(int(os.environ["KILLED_MARKER"]), b"begun")
    total = number
    for round_ in range(ROUNDS):
        for i in range(round_ * 6, round_ * 6 + 6):
            total += small(i)["square"]
            log("ack", "small", i)
        total += len(stream(round_)[-1])
        log("ack", "stream", round_)
        total += int(array(round_).sum())
        log("ack", "array", round_)
        first = round_ * 5
        for i, found in enumerate(part.map(range(first, first + 5), concurrency=3), first):
            total += len(found)
            log("ack", "part", i)
        try:
            fails(round_)
        except LookupError as error:
            total += len(recover(round_, str(error)))
            log("ack", "recover", round_)
            log("ack", "fails", round_)
    return total


class EarlyJournal:
    """The control: it acknowledges a write before it is committed."""

    def __init__(self, journal):
        self._journal = journal
        self._queue = queue.SimpleQueue()
        threading.Thread(target=self._serve, daemon=True).start()

    def write(self, run, epoch, records, *, durability=None):
        self._queue.put((run, epoch, tuple(records)))

    def value(self, name):
        """A value that was just written is read back where it holds large memory: only then is it waited for."""
        written = threading.Event()
        self._queue.put(written)
        written.wait()
        return self._journal.value(name)

    def _serve(self):
        while True:
            work = self._queue.get()
            if isinstance(work, threading.Event):
                work.set()
            else:
                self._journal.write(*work)

    def __getattr__(self, name):
        return getattr(self._journal, name)


def live(store_path, number, early):
    """One life of the process: run the workflow, or go on with it."""
    from perdure.engine.process import use_store
    from perdure.store import open_store

    store = open_store(store_path)
    if early:
        store.journal = EarlyJournal(store.journal)
    use_store(store)
    result = carried_on(store, number)
    store.close()
    return result


def carried_on(store, number):
    """The result of the workflow, whose user has every step tried again that the process died in twice."""
    while True:
        try:
            return story(number)
        except DiedTwice as error:
            with taken(store, store.journal.run(error.run)) as owner:
                for call in questions.open_calls(owner.history.calls.values(), error.step):
                    questions.resolve(owner, call, "again")


def serve(store_path, *, early):
    for module in ("engine.calls", "engine.execution", "engine.parallel", "store.sqlite", "store.vault"):
        importlib.import_module(f"perdure.{module}")
    for line in sys.stdin:
        number, delay = line.split()
        reader, marker = os.pipe()
        result, given = os.pipe()
        os.environ |= {"KILLED_MARKER": str(marker), "KILLED_RUN": number}
        child = os.fork()
        if child == 0:
            os.write(given, str(live(store_path, int(number), early)).encode())
            os._exit(0)
        os.close(marker)
        os.close(given)
        os.read(reader, 5)
        os.close(reader)
        time.sleep(float(delay))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        # One answer for each life: one that was killed after it gave its result, before it ended, was killed.
        if os.WIFSIGNALED(status):
            os.write(1, b"killed\n")
        elif os.WEXITSTATUS(status):
            os.write(1, b"failed\n")
        else:
            os.write(1, b"ended " + os.read(result, 100) + b"\n")
        os.close(result)


if __name__ == "__main__":
    os.environ["KILLED_LOG"] = str(os.open(sys.argv[2], os.O_CREAT | os.O_APPEND | os.O_WRONLY))
    serve(sys.argv[1], early=sys.argv[3] == "early")
