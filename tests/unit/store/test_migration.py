"""A journal of an older schema: brought to this one in one transaction, whoever opens it, and killed whenever."""

import itertools
import shutil
import sqlite3
from pathlib import Path

import pytest

from perdure.errors import StoreTooNew
from perdure.store import open_store
from perdure.store.queries import query
from perdure.testing import in_threads, sample_run, sample_session

GOLDEN = Path(__file__).parents[2] / "golden"
NEWEST = 3


@pytest.fixture(params=[1, 2])
def schema(request):
    """The schema of the store: format 1 came with schema 1, format 2 with schema 2."""
    return request.param


@pytest.fixture
def old(folder, schema):
    shutil.copytree(GOLDEN / f"format-{schema}" / "store", folder)
    assert version(folder) == schema
    return folder


def version(folder):
    with sqlite3.connect(folder / "journal.db") as connection:
        return connection.execute("PRAGMA user_version").fetchone()[0]


def contents(folder):
    """Every row of every table, without the columns that were added since schema 1."""
    with sqlite3.connect(folder / "journal.db") as connection:
        tables = ["runs", "sessions", "calls", "attempts", "restores", "notes", "stored_values"]
        return {
            table: sorted((row[:18] if table == "stored_values" else row for row in rows), key=repr)
            for table in tables
            for rows in [connection.execute(f"SELECT * FROM {table}").fetchall()]
        }


def test_it_becomes_what_a_new_journal_is(old, tmp_path):
    """Promise 2: the same tables and indexes, with all that was in them."""
    before = contents(old)
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
    assert contents(old) == before
    assert all(before[table] for table in ("runs", "calls", "attempts", "stored_values"))


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
    assert version(old) == NEWEST


def test_a_kill_in_the_middle_leaves_the_old_one_whole(old, schema, start, monkeypatch):
    """Promise 2: at each step of the change in turn; the next one to open it goes through."""
    before = contents(old)
    kills = 0
    for step in ("journal.change", "journal.changed"):
        for count in itertools.count(1):
            monkeypatch.setenv("PERDURE_FAILPOINT", f"{step}:{count}")
            process = start("open_store(sys.argv[1])", old)
            process.communicate(timeout=60)
            if process.returncode == 0:
                shutil.rmtree(old)
                shutil.copytree(GOLDEN / f"format-{schema}" / "store", old)
                break
            assert process.returncode == -9
            kills += 1
            assert version(old) == schema
            assert contents(old) == before
    monkeypatch.setenv("PERDURE_FAILPOINT", "")
    open_store(old).close()
    assert kills > 3
    assert version(old) == NEWEST
    assert contents(old) == before


def test_looking_only_changes_nothing(old, schema):
    """Promise 8: what is opened for reading stays as it was, and is read."""
    before = (old / "journal.db").read_bytes()
    with open_store(old, readonly=True) as store:
        record = store.journal.value(store.journal.value_ids()[0])
        assert (record.format, record.packing in ("", "zstd")) == (schema, True)
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
        assert store.journal.value(row[0]) is not None
        store.journal.claim(sample_run(9), sample_session())


def test_a_version_that_is_too_new_is_told_even_if_another_process_just_made_it(old):
    """Bad input: between the look at the file and the change."""
    with sqlite3.connect(old / "journal.db") as connection:
        connection.execute(query("set_version").replace("3", "4"))
    with pytest.raises(StoreTooNew, match="schema 4, this version reads up to 3"):
        open_store(old)
