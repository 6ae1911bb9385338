"""Bad input: each gets one clear error that names the thing and the next step, and leaves the journal as it was."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys

import pytest

HEAD = "%load_ext perdure\n%workflow numbers"


@pytest.fixture
def ready(notebook):
    """A notebook with one step done."""
    assert notebook.run(HEAD).status == "ok"
    assert notebook.run("%%step one\nx = 1").status == "ok"
    return notebook


def journal(notebook) -> list[tuple]:
    """Everything that the journal holds of calls, attempts and values."""
    connection = sqlite3.connect(notebook.cwd / ".perdure" / "journal.db")
    tables = ("calls", "attempts")
    rows = [row for table in tables for row in connection.execute(f"SELECT * FROM {table}")]
    connection.close()
    return rows


@pytest.mark.parametrize(
    ("cell", "name", "says"),
    [
        ("%%step bad\nx = (1 +", "SyntaxError", "x = (1 +"),
        ("%%step bad\nawait asyncio.sleep(1\n", "SyntaxError", "asyncio.sleep(1"),
        ("%%step bad --nope\nx = 1", "UsageError", "--nope"),
        ("%%step\nx = 1", "UsageError", "name"),
        ("%%step bad --timeout soon\nx = 1", "UsageError", "'soon' is not a duration"),
        ("%%step bad --retries many\nx = 1", "UsageError", "many"),
        ("%%step bad --output a-b\nx = 1", "UsageError", "a-b"),
        ("%%step bad --kind odd\nx = 1", "UsageError", "odd"),
        ("%%step bad\ny = undefinde + 1", "UndefinedName", "`undefinde` is not defined: step `bad`, line 2"),
        ("xx = 1\n", None, ""),
        ("%workflow", "UsageError", "name"),
        ("%workflow a --input b", "UsageError", "--input belongs to a %%workflow cell"),
        ("%%workflow w --input nothere\n1", "UndefinedName", "nothere"),
        ("%%workflow w\nfrom math import *", "SyntaxError", "import names one by one"),
        ("%resume nowhere", "UsageError", "no workflow nowhere"),
        ("%perdure resolve", "UsageError", "STEP again|done|fail"),
        ("%timeline nowhere", "NoSuchRun", "nowhere"),
    ],
)
def test_one_clear_error_and_an_unchanged_journal(ready, cell, name, says):
    before = journal(ready)
    reply = ready.run(cell)
    if name is None:
        assert reply.status == "ok"
    elif name == "UsageError":
        assert reply.stderr.startswith("UsageError: ")
        assert len(reply.stderr.strip().splitlines()) == 1
        assert says in reply.stderr
    else:
        assert reply.ename == name
        assert says in reply.traceback
        assert "site-packages" not in reply.traceback
        assert "kernel/perdure" not in reply.traceback
    assert journal(ready) == before


def test_a_step_before_any_workflow_prints_the_line_to_paste(notebook):
    reply = notebook.run("%load_ext perdure")
    reply = notebook.run("%%step one\nx = 1")
    assert "UsageError" in reply.stderr
    assert "%workflow analysis" in reply.stderr
    assert not (notebook.cwd / ".perdure").exists()


def test_an_undefined_name_is_told_with_the_name_that_was_probably_meant(ready):
    ready.run("flights = 1")
    assert "did you mean `flights`?" in ready.run("%%step bad\nfligths + 1").evalue


CANNOT_BE_KEPT = {
    "generator": "(i for i in range(3))",
    "open file": "open('kept', 'w')",
    "lock": "__import__('threading').Lock()",
    "connection": "__import__('sqlite3').connect(':memory:')",
    "socket": "__import__('socket').socket()",
}


@pytest.mark.parametrize("made", CANNOT_BE_KEPT.values(), ids=CANNOT_BE_KEPT.keys())
def test_what_cannot_be_kept_is_said_when_the_step_first_ends_and_the_rest_is_kept(ready, made):
    """Promise 4: with name, type, path inside the value and advice; then a placeholder stands there."""
    cell = f"%%step part\nfine = [1, 2]\nthing = {made}\ndeep = {{'a': [0, thing]}}"
    reply = ready.run(cell)
    assert reply.status == "ok"
    assert re.search("`thing` could not be kept: it is an? ", reply.text)
    assert "`deep['a'][1]`" in reply.text.replace('"', "'")
    ready.kill()
    ready.run(HEAD)
    again = ready.run(cell)
    assert again.errors == []
    assert "restored" in again.text
    assert "could not be kept" in again.text
    assert ready.run("fine").result["text/plain"] == "[1, 2]"
    used = ready.run("list(thing)")
    assert used.ename == "NotKept"
    assert "%%step part --redo" in used.evalue
    assert ready.run("thing").status == "ok", "a look at it is no use of it"
    assert ready.run(cell.replace("%%step part", "%%step part --redo")).status == "ok"
    assert ready.run("thing").status == "ok"


def test_a_read_only_store_says_so_and_can_still_be_listed(open_notebook, tmp_path):
    store = tmp_path / "store"
    first = open_notebook(env={"PERDURE_STORE": str(store)})
    first.run(HEAD)
    assert first.run("%%step one\nx = 1").status == "ok"
    first.shutdown()
    nobody = "os.setgid(65534); os.setuid(65534)\n" if os.getuid() == 0 else ""
    for path in [store, *store.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    program = (
        "import os, sys, ormsgpack\n"
        "from perdure.store import open_store\n"
        "from perdure.engine.owner import Owner\n"
        "from perdure.store.records import RunRecord\n"
        "def use(path):\n"
        "    store = open_store(path)\n"
        "    run = (store.journal.runs() or [RunRecord('r_1', 'warm', '', 'notebook', 'open', 0, 0)])[0]\n"
        "    print('listed', run.workflow, [call.step for call in store.journal.calls(run.id)])\n"
        "    try:\n        Owner.take(store, run).close()\n"
        "    except Exception as error:\n        print(type(error).__name__, error)\n"
        f"use({str(tmp_path / 'warm')!r})\n"  # all modules are loaded while this user may still read them
        f"{nobody}"
        f"use({str(store)!r})\n"
    )
    for parent in store.parents:
        if os.getuid() == 0 and parent.is_relative_to(tmp_path.parents[1]):
            parent.chmod(0o755)
    environment = dict(os.environ, JUPYTER_DATA_DIR=str(tmp_path / "data"))
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False
    )
    for path in [store, *store.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    assert "listed numbers ['one']" in done.stdout, done.stderr
    assert "StoreReadOnly" in done.stdout
    assert "PERDURE_STORE" in done.stdout


def test_a_store_that_is_full_says_so_and_keeps_what_it_had(ready):
    """The file size limit stands in for a full disk: both fail in the middle of a write."""
    big = "import resource, os\nresource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))\nimport signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)"
    assert ready.run(big).status == "ok"
    reply = ready.run("%%step big\ndata = bytes(3_000_000)")
    assert reply.ename == "StoreFull", reply.evalue
    assert "perdure gc" in reply.evalue
    assert ready.run("len(data)").result["text/plain"] == "3000000", "the cell's own work stands"
    ready.run("resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))")
    assert ready.run("%%step big\ndata = bytes(3_000_000)").status == "ok"
    ready.kill()
    ready.run(HEAD)
    assert "restored" in ready.run("%%step one\nx = 1").text


def test_a_store_locked_by_another_process_says_so(open_notebook):
    notebook = open_notebook(env={"PERDURE_BUSY_TIMEOUT": "0.3"})
    notebook.run(HEAD)
    notebook.run("%%step one\nx = 1")
    other = sqlite3.connect(notebook.cwd / ".perdure" / "journal.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        reply = notebook.run("%%step two\ny = 1")
        assert reply.ename == "StoreBusy"
        assert "0.3 s" in reply.evalue
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert notebook.run("%%step two\ny = 1").status == "ok"


def test_a_store_of_a_newer_version_is_left_alone(open_notebook):
    notebook = open_notebook()
    notebook.run(HEAD)
    notebook.kill_only()
    path = notebook.cwd / ".perdure" / "journal.db"
    other = sqlite3.connect(path)
    other.execute("PRAGMA user_version = 99")
    other.close()
    notebook.kill()
    reply = notebook.run(HEAD)
    assert reply.ename == "StoreTooNew"
    assert "pip install --upgrade perdure" in reply.evalue


def test_a_damaged_store_is_left_alone(open_notebook):
    notebook = open_notebook()
    notebook.run(HEAD)
    notebook.kill_only()
    folder = notebook.cwd / ".perdure"
    for name in ("journal.db-wal", "journal.db-shm"):
        (folder / name).unlink(missing_ok=True)
    (folder / "journal.db").write_bytes(b"this is no database at all" * 100)
    notebook.kill()
    reply = notebook.run(HEAD)
    assert reply.ename == "StoreDamaged"
    assert (folder / "journal.db").read_bytes().startswith(b"this is no database")


@pytest.mark.parametrize("how", ["missing", "other"])
def test_without_the_key_values_are_refused_and_the_listing_works(ready, how):
    """Promise 8."""
    ready.kill_only()
    key = ready.cwd / ".jupyter-test" / "data" / "perdure" / "key"
    assert key.stat().st_mode & 0o777 == 0o600
    if how == "missing":
        key.unlink()
    else:
        key.write_text(os.urandom(32).hex() + "\n")
        key.chmod(0o600)
    ready.kill()
    assert ready.run(HEAD).status == "ok"
    reply = ready.run("%%step one\nx = 1")
    assert reply.ename == "Untrusted"
    assert "PERDURE_KEY_FILE" in reply.evalue
    assert "numbers" in ready.run("%runs").text
    assert "one" in ready.run("%timeline").text
    assert ready.run("%%step one --redo\nx = 1").status == "ok"


def test_a_blob_that_was_damaged_is_refused_and_the_step_can_run_again(ready):
    ready.run("%%step big\ndata = bytes(range(256)) * 8192")
    ready.kill_only()
    (blob,) = (ready.cwd / ".perdure" / "blobs").glob("??/*")
    content = bytearray(blob.read_bytes())
    content[1000] ^= 1
    blob.chmod(0o600)
    blob.write_bytes(content)
    ready.kill()
    ready.run(HEAD)
    reply = ready.run("%%step big\ndata = bytes(range(256)) * 8192")
    assert reply.ename == "Damaged"
    assert "--redo" in reply.evalue
    assert "restored" in ready.run("%%step one\nx = 1").text
    assert ready.run("%%step big --redo\ndata = bytes(range(256)) * 8192").status == "ok"
