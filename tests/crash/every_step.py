"""Lives of a process that uses a store in every way, each killed at a durable step of the store.

Usage: every_step.py TEMPLATE, then a line of JSON on stdin for each life: {"scene", "folder", "at"}. The life
dies at the `at`-th durable step that it reaches (or goes on, in the scene `full`, where files may be `at` bytes long). A second one then goes on with what is there, and looks whether
all is well. The answer is a line of JSON: where the first one `died`, or null; and the second one's `trouble`.

In the file `log` of the folder stands "ran STEP" as a body begins, and "ack STEP" once its value was given back.
"""

import contextlib
import fcntl
import importlib
import itertools
import json
import os
import resource
import shutil
import signal
import sqlite3
import sys
import time
import traceback
from pathlib import Path

import numpy as np
from IPython.core.interactiveshell import InteractiveShell

import perdure.notebook
from crash import beside, kept_loops
from perdure import codec, step, workflow
from perdure.engine.owner import Owner
from perdure.engine.process import use_store
from perdure.engine.stored import place_of
from perdure.errors import InDoubt, StoreFull
from perdure.store import failpoints, open_store
from perdure.store import log as journal_log
from perdure.store.blobs import putting
from perdure.store.carrying import export, import_file
from perdure.store.checking import check
from perdure.store.files import TEMPORARY
from perdure.store.forgetting import Limits
from perdure.store.gc import collect
from perdure.store.keys import rotate_key
from perdure.store.trust import resign, survey
from perdure.testing import sample_call, sample_run, sample_session

for name in ("engine.calls", "engine.execution", "engine.parallel", "store.sqlite", "store.directory"):
    importlib.import_module(f"perdure.{name}")

GOLDEN = Path(__file__).parents[1] / "golden"
OLDER = {"older": "format-1", "old": "schema-3"}
"""The scenes that begin with the store of an older version, and which."""
ROW = 1 << 17
"""Numbers of eight bytes: a row is one chunk of a large buffer."""
RESULT = 5 * ROW + 2
GIVEN = {"small": {"a": (1, None)}, "long": "text " * 40_000, "charge": "receipt", "flaky": "at last"}
TOTAL = 7 + ROW
CELLS = {
    "head": "%load_ext perdure\n%workflow flights",
    "load": "%%step load\nimport numpy as np\nsaid('ran', 'load')\ndata = np.ones(1 << 18)",
    "change": "%%step change\nsaid('ran', 'change')\ndata[: 1 << 17] = 0",
    "sum": "%%step sum\nsaid('ran', 'sum')\nprint('text')\ntotal = int(data.sum()) + 7\ntotal",
}
seen = set()
"""The durable steps that this process reached."""


def said(what, name):
    with Path(os.environ["EVERY_LOG"]).open("a") as file:
        file.write(f"{what} {name}\n")


def lines():
    path = Path(os.environ["EVERY_LOG"])
    return path.read_text().splitlines() if path.exists() else []


def numbers(rows):
    made = [np.random.default_rng(row).permutation(ROW) for row in range(rows)]
    return np.concatenate(made).reshape(rows, ROW)


# -- a workflow ------------------------------------------------------------------------------------------


@step
def small():
    said("ran", "small")
    return {"a": (1, None)}


@step
def long():
    said("ran", "long")
    return "text " * 40_000


@step
def table(rows):
    """A row more is stored as pieces."""
    said("ran", f"table{rows}")
    return numbers(rows)


@step(kind="effect")
def charge():
    said("ran", "charge")
    return "receipt"


@step(retries=2)
def flaky():
    said("ran", "flaky")
    if lines().count("ran flaky") == 1:
        raise ConnectionError("try again")
    return "at last"


@step
def broken():
    said("ran", "broken")
    raise LookupError("no such thing")


@step
def part(n):
    said("ran", f"part{n}")
    return {n}


@workflow
def story():
    small()
    said("ack", "small")
    long()
    said("ack", "long")
    total = 0
    for rows in (2, 3):
        total += table(rows).size
        said("ack", f"table{rows}")
    charge()
    said("ack", "charge")
    flaky()
    said("ack", "flaky")
    try:
        broken()
    except LookupError:
        said("ack", "broken")
    for n, _ in enumerate(part.map([0, 1], concurrency=1)):
        said("ack", f"part{n}")
        total += 1
    return total


# -- what is done with a store ---------------------------------------------------------------------------


def work(folder):
    with opened(folder):
        assert story() == RESULT


def cells(folder):
    shell = InteractiveShell()
    shell.history_manager.enabled = False
    shell.user_ns["said"] = said
    with opened(folder), shell.builtin_trap:
        for name, source in CELLS.items():
            shell.run_cell(source).raise_error()
            if name != "head":
                said("ack", name)
        assert shell.user_ns["total"] == TOTAL
        perdure.notebook.unload(shell)
    shell.history_manager.end_session()


def still(folder):
    """Long enough that the log gets room, and is moved."""
    with opened(folder) as store:
        run = sample_run()
        epoch = store.journal.claim(run, sample_session())
        for seq in range(1, 5):
            store.journal.write(run.id, epoch, [sample_call(run.id, seq)])
        while not {"log.lengthened", "log.moved"} <= seen:
            time.sleep(0.01)


def gc(folder):
    with opened(folder) as store:
        collect(store, Limits(keep=1, old_versions=True))


def full(folder, limit):
    """On a disk on which no file gets longer than that, until there is room again."""
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most[1]))
    told = ""
    try:
        work(folder)
    except StoreFull as error:
        told = str(error)
        assert "perdure gc" in told
    resource.setrlimit(resource.RLIMIT_FSIZE, most)
    go_on("work", folder)
    return told


def carry(folder):
    file = folder / "story.perdure"
    if file.exists():  # in the second life: it is whole
        with open_store(":memory:") as first:
            assert import_file(first, file).added
    with opened(folder) as store:
        run = store.journal.runs(workflow="story")[0]
        export(store, run.id, file, force=True)
    with open_store(folder / "other") as other:
        import_file(other, file)


def sign(folder):
    rotate_key()
    with opened(folder) as store:
        resign(store)


def aside(folder):
    with opened(folder) as store:
        beside.go(store, folder / "acknowledged")


def older(folder):
    opened(folder).close()


def steal(folder):
    with opened(folder) as store:
        run = store.journal.runs(workflow="story")[0]
        Owner.take(store, run, steal=True).close()


def loops(folder):
    with opened(folder):
        kept_loops.work()


SCENES = {"work": work, "cells": cells, "still": still, "gc": gc, "carry": carry, "sign": sign}
SCENES |= {"aside": aside, **dict.fromkeys(OLDER, older), "steal": steal, "loops": loops}
AGAIN = SCENES | {"still": older}
"""What is done in the second life."""


# -- what must be so afterwards --------------------------------------------------------------------------


def go_on(scene, folder):
    """The second life."""
    with opened(folder) as store:
        whole(store)
    assert (folder / "store" / ".gitignore").exists() or scene in OLDER
    try:
        AGAIN[scene](folder)
    except InDoubt:
        decide(folder)
        AGAIN[scene](folder)
    with opened(folder) as store:
        whole(store)
        if scene in ("work", "gc", "carry", "sign", "steal"):
            assert story() == RESULT
        if scene == "sign":
            assert survey(store).runs == ()
        collect(store)
        done = check(store)
        assert (done.journal, done.broken, done.unused_blobs) == ("ok", [], 0)
    if scene == "loops":
        kept_loops.check_turns()
    if scene == "carry":
        with open_store(folder / "other") as other:
            whole(other)
            assert len(other.journal.runs()) == 1
            collect(other)
    assert [str(path) for path in (folder / "store").rglob(f"{TEMPORARY}*")] == []
    logged = lines()
    for at, line in enumerate(logged):
        # A failure is an outcome once its branch went on: until then it may have ended the run.
        final = line.replace("ran", "ack") if line != "ran broken" else "ack part0"
        assert line.startswith("ack") or final not in logged[:at], (
            f"what was acknowledged ran again: {logged}"
        )
    assert logged.count("ran charge") <= 1, "an effect was repeated"


def decide(folder):
    """A person looks whether the effect took place."""
    with opened(folder) as store:
        owner = Owner.take(store, store.journal.runs(workflow="story")[0])
        [call] = [each for each in owner.history.of_step("charge") if each.state == "in doubt"]
        if "ran charge" in lines():
            owner.resolve(call, "done", codec.encode("receipt"))
        else:
            owner.resolve(call, "failed")
        owner.close()


def whole(store):
    """All that is kept is what it was, and all that was acknowledged is kept."""
    assert store.journal.check() == "ok"
    assert list(store.blobs.check()) == []
    beside.standing(store)
    held = set()
    for run in store.journal.runs():
        for call in store.journal.calls(run.id):
            if call.value is None:
                continue
            value = store.journal.value(call.value)
            assert value is not None, call.step
            sealed = store.vault.unseal(value, place_of(call, "value"), subject=call.step)
            name = call.step + (call.input_parts[0].preview if call.step in ("table", "part") else "")
            if run.workflow == "story" and not (name == "flaky" and call.state == "failed"):
                right(name, codec.decode(sealed))
            held.add(name)
    acknowledged = {line[4:] for line in lines() if line.startswith("ack")}
    assert acknowledged <= held, acknowledged - held


def right(name, value):
    """That a value is what its step gave."""
    if name.startswith("table"):
        assert np.array_equal(value, numbers(int(name[5:])))
    elif name.startswith("part"):
        assert value == {int(name[4:])}
    elif name == "broken":
        assert (type(value), value.args) == (LookupError, ("no such thing",))
    else:
        assert value == GIVEN[name]


# -- lives -----------------------------------------------------------------------------------------------


def opened(folder):
    store = open_store(folder / "store")
    use_store(store)
    return store


def make(scene, folder, template):
    """What is there before the first life."""
    if scene in ("work", "cells", "still", "aside", "loops"):
        folder.mkdir()
    elif scene in OLDER:
        shutil.copytree(GOLDEN / OLDER[scene] / "store", folder / "store")
        (folder / "user" / "perdure").mkdir(parents=True)
        shutil.copy(GOLDEN / OLDER[scene] / "key", folder / "user" / "perdure" / "key")
    else:
        shutil.copytree(template, folder)


def ready(template):
    """A store with finished runs and garbage."""
    with opened(template) as store:
        for _ in range(3):
            story.using(fresh=True)()
        store.blobs.put(b"garbage" * 200_000)
        epoch = store.journal.claim(beside.RUN, sample_session())
        for number in (1, 2):  # the first one's value is garbage then
            beside.put(store, epoch, number, "")
    cells(template / "notebook")
    (template / "log").unlink()
    shutil.rmtree(template / "notebook")
    return "\n".join(sys.modules)


def killing(at, pipe):
    """Dies at this durable step, and tells its name before."""
    left = itertools.count(1)

    def reached(name):
        seen.add(name)
        if next(left) == at:
            os.write(pipe, name.encode())
            os.kill(os.getpid(), signal.SIGKILL)

    return reached


def forked(work, folder, hook=None):
    """Do it in a process of its own; give what it said, and whether it was killed."""
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        status = 1
        try:
            os.environ["JUPYTER_DATA_DIR"] = str(folder / "user")
            os.environ["EVERY_LOG"] = str(folder / "log")
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            failpoints.hook = hook(into) if hook else seen.add
            os.write(into, (work() or "").encode())
            status = 0
        except BaseException:  # noqa: BLE001  whatever it is, it is told
            os.write(into, traceback.format_exc()[-3000:].encode())
        os._exit(status)
    os.close(into)
    with os.fdopen(out, "rb") as file:
        said = file.read().decode()
    status = os.waitpid(child, 0)[1]
    return said, os.WIFSIGNALED(status), status != 0


def live(scene, folder, at, template):
    make(scene, folder, template)
    with contextlib.ExitStack() as stack:
        if scene == "steal":  # held by this process, which is not told of it
            with sqlite3.connect(folder / "store" / "journal.db") as connection:
                [run] = connection.execute("SELECT id FROM runs ORDER BY created DESC LIMIT 1").fetchone()
            lock = stack.enter_context((folder / "store" / "locks" / f"{run}.lock").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        said, killed, failed = forked(lambda: SCENES[scene](folder), folder, lambda pipe: killing(at, pipe))
        if failed and not killed:
            return {"died": None, "trouble": f"the first life failed: {said}"}
        trouble, _, failed = forked(lambda: go_on(scene, folder), folder)
    shutil.rmtree(folder)
    return {"died": said or None, "trouble": trouble or ("it ended badly" if failed else "")}


def live_on_full(folder, limit):
    """One life on a disk that is full; gives what it was told, and the trouble, as `live` does."""
    folder.mkdir()
    said, _, failed = forked(lambda: full(folder, limit), folder)
    shutil.rmtree(folder)
    return {"died": None if failed else said or None, "trouble": said if failed else ""}


def serve():
    putting.PIECED, journal_log.FEW = 2 << 20, 1
    template = Path(sys.argv[1])
    template.mkdir()
    loaded, _, failed = forked(lambda: ready(template), template)
    assert not failed, loaded
    for name in loaded.split():  # so that no life has to import what it needs
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    for line in sys.stdin:
        told = json.loads(line)
        folder, at = Path(told["folder"]), told["at"]
        full = told["scene"] == "full"
        answer = live_on_full(folder, at) if full else live(told["scene"], folder, at, template)
        os.write(1, json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    serve()
