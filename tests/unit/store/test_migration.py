"""A journal of an older schema: brought to this one in one transaction, whoever opens it, and killed whenever."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from perdure.errors import StoreTooNew
from perdure.store import open_store
from perdure.store.queries import query
from perdure.testing import in_threads, sample_run, sample_session

OLD = Path(__file__).parents[2] / "golden" / "format-1" / "store"


@pytest.fixture
def old(folder):
    shutil.copytree(OLD, folder)
    return folder


def version(folder):
    with sqlite3.connect(folder / "journal.db") as connection:
        return connection.execute("PRAGMA user_version").fetchone()[0]


def columns(folder):
    with sqlite3.connect(folder / "journal.db") as connection:
        return {row[1] for row in connection.execute("PRAGMA table_info(stored_values)")}


def test_it_becomes_what_a_new_journal_is(old, tmp_path):
    """Promise 2: the same tables and indexes."""
    with sqlite3.connect(old / "journal.db") as connection:
        before = connection.execute("SELECT count(*) FROM stored_values").fetchone()
    open_store(old).close()
    open_store(tmp_path / "new").close()

    def shape(folder):
        with sqlite3.connect(folder / "journal.db") as connection:
            names = connection.execute("SELECT type, name FROM sqlite_master ORDER BY type, name").fetchall()
            tables = [name for kind, name in names if kind == "table"]
            return names, {
                table: [row[1:] for row in connection.execute(f"PRAGMA table_info({table})")]
                for table in tables
            }

    assert shape(old) == shape(tmp_path / "new")
    with sqlite3.connect(old / "journal.db") as connection:
        assert connection.execute("SELECT count(*) FROM stored_values").fetchone() == before


def test_all_who_open_it_at_once_find_it_whole(old, start):
    """Promise 6: processes and threads."""
    script = "print('ready', flush=True); sys.stdin.readline(); print(len(open_store(sys.argv[1]).journal.runs()), flush=True)"
    openers = [start(script, old) for _ in range(3)]
    for opener in openers:
        opener.stdout.readline()
    for opener in openers:
        opener.stdin.write("\n")
        opener.stdin.flush()
    found = []

    def here():
        with open_store(old) as store:
            found.append(len(store.journal.runs()))

    in_threads([here, here])
    assert [*found, *(int(opener.stdout.readline()) for opener in openers)] == [2] * 5
    assert version(old) == 2


@pytest.mark.parametrize("killed_at", ["add_packing", "add_index_of_keys", "set_version_2", "commit"])
def test_a_kill_in_the_middle_leaves_the_old_one_whole(old, start, killed_at):
    """Promise 2: at each statement; the next one to open it goes through."""
    script = """
import signal
import perdure.store.sqlite as module
ask = module.query
def query(name):
    if name == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
    return ask(name)
module.query = query
open_store(sys.argv[1])
"""
    process = start(script, old, killed_at)
    process.wait(60)
    assert process.returncode == -9
    assert version(old) == 1
    assert "packing" not in columns(old)
    with open_store(old) as store:
        assert len(store.journal.runs()) == 2
    assert version(old) == 2
    assert "packing" in columns(old)


def test_looking_only_changes_nothing(old):
    """Promise 8: what is opened for reading stays as it was, and is read."""
    before = (old / "journal.db").read_bytes()
    with open_store(old, readonly=True) as store:
        record = store.journal.value(store.journal.value_ids()[0])
        assert (record.format, record.packing) == (1, "")
        assert sum(store.journal.key_ids().values()) == len(store.journal.value_ids())
    assert (old / "journal.db").read_bytes() == before


def test_a_process_of_the_older_version_that_is_at_work_goes_on(old):
    """Promise 2: its statements still fit after another process changed the schema."""
    with sqlite3.connect(old / "journal.db", isolation_level=None) as connection:
        names = [row[1] for row in connection.execute("PRAGMA table_info(stored_values)")]
        row = connection.execute("SELECT * FROM stored_values LIMIT 1").fetchone()
        open_store(old).close()
        marks = ", ".join("?" * len(names))
        connection.execute(f"REPLACE INTO stored_values ({', '.join(names)}) VALUES ({marks})", row)
    with open_store(old) as store:
        assert store.journal.value(row[0]).packing == ""
        store.journal.claim(sample_run(9), sample_session())


def test_a_version_that_is_too_new_is_told_even_if_another_process_just_made_it(old):
    """Bad input: between the look at the file and the change."""
    with sqlite3.connect(old / "journal.db") as connection:
        connection.execute(query("set_version_2").replace("2", "3"))
    with pytest.raises(StoreTooNew, match="schema 3, this version reads up to 2"):
        open_store(old)
