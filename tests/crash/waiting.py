"""Lives of a workflow that sleeps, races, notes and keeps a state, each killed at another durable step.

Usage: waiting.py FOLDER. The first life of each round dies at the n-th durable step of the store, for n = 1, 2, ...
until one gets through; the next life goes on with what is there. On stdout stands a line of JSON for each round:
where the first life `died`, or null; and what both told, a list of [key, value] for each. What is told was
recorded before: a step that was given the value has ended.
"""

import asyncio
import importlib
import itertools
import json
import os
import random
import shutil
import signal
import sys
import traceback
from pathlib import Path

from perdure import first_success, now, race, sleep, state, step, uuid4, workflow
from perdure.engine.process import use_store
from perdure.engine.waits.waking import wake
from perdure.store import failpoints, open_store

for name in ("calls", "execution", "parallel", "waits", "handles"):
    importlib.import_module(f"perdure.engine.{name}")
for name in ("sqlite", "directory", "vault", "cipher"):
    importlib.import_module(f"perdure.store.{name}")


def tell(key, value):
    os.write(int(os.environ["WAITING_PIPE"]), json.dumps([key, value]).encode() + b"\n")


@step
async def part(x):
    for _ in range(random.randrange(4)):  # another order in each life
        await asyncio.sleep(0)
    return x


@step
async def fails(x):
    raise LookupError(x)


@step
def counts(x):
    entries = state("s")
    entries["steps"] = entries.get("steps", 0) + 1
    return x


@step
def mark(key, value):
    return value


def marked(key, value):
    """The value, once it is recorded for sure."""
    tell(key, mark(key, value))


@workflow
async def story(n):
    marked("noted", [now().isoformat(), str(uuid4())])
    marked("late", await race(page=part("page"), late=sleep("1h")))
    marked("race", await race(part("a"), part("b"), chain("c")))
    marked("success", await first_success(fails("d"), part("e"), chain("f")))
    await sleep(0.01)
    entries = state("s")
    entries["body"] = entries.get("body", 0) + 1
    counts(n)
    marked("state", dict(entries))
    woken = sleep("2h")
    wake(open_stores[-1], open_stores[-1].journal.runs()[0].id)
    await woken
    marked("again", await race(chain("g"), chain("h"), losers="leave"))
    return sorted(entries)


async def chain(x):
    return [await part(x), await part(f"{x} again")]


open_stores = []


def life(folder):
    with open_store(folder / "store") as store:
        open_stores.append(store)
        use_store(store)

        async def main():
            return await story(1)

        tell("result", asyncio.run(main()))
        run = store.journal.runs()[0]
        calls = store.journal.calls(run.id)
        places = [(call.branch, call.step, call.inputs, call.occurrence) for call in calls]
        assert len(set(places)) == len(places), "a call was recorded twice"
        assert {call.state for call in calls} <= {"done", "failed", "cancelled"}
        slept = [call for call in calls if call.kind == "wait" and call.state == "done"]
        assert all((call.ended < call.due) == (call.reason == "woken by hand") for call in slept)
        tell("entries", [each.item for each in store.journal.all_states()])
        tell("check", store.journal.check())


def killing(at):
    """Dies at this durable step, and tells its name before."""
    left = itertools.count(1)

    def reached(name):
        if next(left) == at:
            tell("died", name)
            os.kill(os.getpid(), signal.SIGKILL)

    return reached


def forked(folder, hook):
    """One life in a process of its own; what it told."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        os.environ |= {"WAITING_PIPE": str(into), "JUPYTER_DATA_DIR": str(folder / "user")}
        failpoints.hook = hook
        try:
            life(folder)
        except BaseException:  # noqa: BLE001  whatever it is, it is told
            tell("trouble", traceback.format_exc()[-2000:])
        os._exit(0)
    os.close(into)
    with os.fdopen(out, "rb") as file:
        told = [json.loads(line) for line in file]
    os.waitpid(child, 0)
    return told


def main(folder):
    for at in itertools.count(1):
        folder.mkdir(parents=True)
        first = forked(folder, killing(at))
        second = forked(folder, None)
        shutil.rmtree(folder)
        died = dict(first).get("died")
        sys.stdout.write(json.dumps({"died": died, "first": first, "second": second}) + "\n")
        if died is None:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]) / "life")
