"""A journal of an older schema: brought to this one in one transaction, whoever opens it, and killed whenever."""

import itertools
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from perdure.errors import StoreTooNew
from perdure.store import open_store
from perdure.store.queries import query
from perdure.testing import in_threads, sample_message, sample_run, sample_session, sample_state

GOLDEN = Path(__file__).parents[2] / "golden"
NEWEST = 4
STORES = {1: "format-1", 2: "format-2", 3: "schema-3"}
FORMATS = {1: 1, 2: 2, 3: 2}
"""Of the values in them."""
TABLES = ["runs", "sessions", "calls", "attempts", "restores", "notes", "stored_values"]


@pytest.fixture(params=STORES)
def schema(request):
    """The schema of the store."""
    return request.param


@pytest.fixture
def old(folder, schema):
    shutil.copytree(GOLDEN / STORES[schema] / "store", folder)
    assert version(folder) == schema
    return folder


def version(folder):
    with sqlite3.connect(folder / "journal.db") as connection:
        return connection.execute("PRAGMA user_version").fetchone()[0]


@pytest.fixture
def contents(old):
    """A look at every row of every table, at the columns that there were before anything was changed."""
    with sqlite3.connect(old / "journal.db") as connection:
        columns = {
            table: ", ".join(row[1] for row in connection.execute(f"PRAGMA table_info({table})"))
            for table in TABLES
        }

    def look():
        with sqlite3.connect(old / "journal.db") as connection:
            return {
                table: sorted(connection.execute(f"SELECT {names} FROM {table}").fetchall(), key=repr)
                for table, names in columns.items()
            }

    return look


def test_it_becomes_what_a_new_journal_is(old, schema, contents, tmp_path):
    """Promise 2: the same tables and indexes, with all that was in them."""
    before = contents()
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
    assert contents() == before
    assert all(before[table] for table in ("runs", "calls", "attempts", "stored_values"))
    assert schema < 3 or all(before.values())


def test_what_it_lacked_has_the_default_that_it_had(old):
    """Promise 3: in every record; and what is new can be written beside it."""
    with open_store(old) as store:
        journal = store.journal
        runs = journal.runs()
        assert {run.tags for run in runs} == {()}
        calls = [call for run in runs for call in journal.calls(run.id)]
        assert {(call.due, call.failures, call.cached, call.child) for call in calls} == {
            (None, 0, False, None)
        }
        attempts = [attempt for run in runs for attempt in journal.attempts(run.id)]
        assert {(attempt.executor, attempt.memory) for attempt in attempts} == {("", None)}
        assert (journal.messages(), journal.all_states(), journal.cached_calls()) == ([], [], [])
        [done, *_] = [call for call in calls if call.value is not None and call.state == "done"]
        epoch = journal.claim(journal.run(done.run), sample_session())
        journal.write(done.run, epoch, [replace(done, cached=True), sample_state(done.run)])
        journal.post(sample_message(done.run))
        assert journal.cached_calls() == [replace(done, cached=True)]
        assert journal.states("flights", "counts") == [sample_state(done.run)]
        assert journal.messages() == [sample_message(done.run)]


def test_all_who_open_it_at_once_find_it_whole(old, contents, start):
    """Promise 6: processes and threads."""
    runs = len(contents()["runs"])
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
    assert [*found, *(int(opener.stdout.readline()) for opener in openers)] == [runs] * 5
    assert version(old) == NEWEST


def test_a_kill_in_the_middle_leaves_the_old_one_whole(old, schema, contents, start, monkeypatch):
    """Promise 2: at each step of the change in turn; the next one to open it goes through."""
    before = contents()
    kills = 0
    for step in ("journal.change", "journal.changed"):
        for count in itertools.count(1):
            monkeypatch.setenv("PERDURE_FAILPOINT", f"{step}:{count}")
            process = start("open_store(sys.argv[1])", old)
            process.communicate(timeout=60)
            if process.returncode == 0:
                shutil.rmtree(old)
                shutil.copytree(GOLDEN / STORES[schema] / "store", old)
                break
            assert process.returncode == -9
            kills += 1
            assert version(old) == schema
            assert contents() == before
    monkeypatch.setenv("PERDURE_FAILPOINT", "")
    open_store(old).close()
    assert kills > 3
    assert version(old) == NEWEST
    assert contents() == before


def test_looking_only_changes_nothing(old, schema):
    """Promise 8: what is opened for reading stays as it was, and is read; it has nothing of what is new."""
    before = (old / "journal.db").read_bytes()
    with open_store(old, readonly=True) as store:
        record = store.journal.value(store.journal.value_ids()[0])
        assert (record.format, record.packing in ("", "zstd")) == (FORMATS[schema], True)
        assert sum(store.journal.key_ids().values()) == len(store.journal.value_ids())
        assert {reference.run for reference in store.journal.references()} == {
            run.id for run in store.journal.runs(tags={}) if store.journal.value_ids(run.id)
        }
        assert (store.journal.messages(), store.journal.messages("r"), store.journal.all_states()) == (
            [],
            [],
            [],
        )
        assert (store.journal.states("w", "n"), store.journal.cached_calls()) == ([], [])
        assert store.journal.cached_call("s", "i", "c") is None
        assert store.journal.runs(tags={"day": ""}) == []
    assert (old / "journal.db").read_bytes() == before


def test_who_only_looks_sees_what_is_new_once_another_process_changed_it(old):
    """Promise 4 of the journal: without opening it anew."""
    with open_store(old, readonly=True) as reader:
        assert reader.journal.messages() == []
        run = reader.journal.runs()[0]
        before = reader.journal.changes()
        with open_store(old) as store:
            store.journal.post(sample_message(run.id))
        assert reader.journal.changes() != before
        assert reader.journal.messages() == [sample_message(run.id)]
        assert reader.journal.run(run.id) == run
        assert reader.journal.cached_calls() == []


@pytest.mark.parametrize("table", TABLES)
def test_a_process_of_the_older_version_that_is_at_work_goes_on(old, table):
    """Promise 2: its statements still fit after another process changed the schema."""
    with sqlite3.connect(old / "journal.db", isolation_level=None) as connection:
        names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        columns = ", ".join(names)
        rows = connection.execute(f"SELECT {columns} FROM {table}").fetchall()
        open_store(old).close()
        marks = ", ".join("?" * len(names))
        connection.executemany(f"REPLACE INTO {table} ({columns}) VALUES ({marks})", rows)
        assert sorted(connection.execute(f"SELECT {columns} FROM {table}"), key=repr) == sorted(
            rows, key=repr
        )
    with open_store(old) as store:
        assert store.journal.check() == "ok"
        store.journal.claim(sample_run(9), sample_session())


def test_a_version_that_is_too_new_is_told_even_if_another_process_just_made_it(old):
    """Bad input: between the look at the file and the change."""
    with sqlite3.connect(old / "journal.db") as connection:
        connection.execute(query("set_version").replace("4", "5"))
    with pytest.raises(StoreTooNew, match="schema 5, this version reads up to 4"):
        open_store(old)
