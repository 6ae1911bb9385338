"""What earlier versions wrote is read by this one (promises 3, 4 and 8): whole stores, and `perdure.dumps`."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from pathlib import Path

import pytest

import perdure
from golden.values import VALUES, alike
from perdure.engine import keeping
from perdure.engine.stored import place_of, unsealed
from perdure.errors import NotLoadable, Untrusted
from perdure.store import open_store
from perdure.store.carrying import import_file
from perdure.store.checking import check
from perdure.store.keys import user_key
from perdure.store.records import Place

HERE = Path(__file__).parent
FORMATS = sorted(path.name for path in HERE.glob("format-*"))
SCHEMAS = sorted(path.name for path in HERE.glob("schema-*"))
EXPORTS = sorted(path.name for path in HERE.glob("export-*"))
WROTE = "3.11"
"""The Python that wrote the golden files."""
HERE_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
BYTECODE = "the bytecode of another version of Python"
DUMPS = [(form, path.name) for form in FORMATS for path in sorted((HERE / form / "dumps").iterdir())]


@pytest.fixture
def golden(tmp_path, monkeypatch):
    """A copy of the files of a format, with the key that signed them."""

    def copied(form):
        shutil.copytree(HERE / form, tmp_path / form)
        monkeypatch.setenv("PERDURE_KEY_FILE", str(tmp_path / form / "key"))
        return tmp_path / form

    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "user"))
    return copied


def calls_of(store):
    """The finished calls by the name of the value that each kept."""
    calls = [call for run in store.journal.runs() for call in store.journal.calls(run.id)]
    return {call.input_parts[0].preview.strip("'"): call for call in calls}


def test_there_are_files_of_every_format():
    assert FORMATS == ["format-1", "format-2"]
    assert SCHEMAS == ["schema-3"], "the schemas 1 and 2 came with the formats 1 and 2"
    assert EXPORTS == ["export-1"]


@pytest.mark.parametrize("readonly", [True, False])
@pytest.mark.parametrize("form", FORMATS)
def test_every_value_of_a_store_is_read(form, readonly, golden):
    """Promise 3: of calls and of the run's result; a store that may not be changed is read as it is."""
    with open_store(golden(form) / "store", readonly=readonly) as store:
        calls = calls_of(store)
        assert set(calls) - {"bytecode"} == set(VALUES)
        for name, call in calls.items():
            if name != "bytecode":
                encoded = unsealed(store, call.value, place_of(call, "value"), name)
                assert alike(name, keeping.decode(encoded)), name
        results = {}
        for run in store.journal.runs():
            if "bytecode" not in str(store.journal.value(run.result).preview):
                encoded = unsealed(store, run.result, Place(run.id, role="result"), "the result")
                results |= keeping.decode(encoded)
        assert [name for name in VALUES if not alike(name, results[name])] == []


@pytest.mark.parametrize("readonly", [True, False])
@pytest.mark.parametrize("form", SCHEMAS)
def test_a_store_of_an_older_schema_is_whole_and_read(form, readonly, golden):
    """Promises 2 and 3: runs, child runs, attempts, failures, effects, notes and restores, and their values."""
    with open_store(golden(form) / "store", readonly=readonly) as store:
        journal = store.journal
        done = check(store)
        assert (done.whole, done.foreign, done.runs) == (True, 0, 7)
        states = {(run.workflow, run.kind, run.state, run.parent is None) for run in journal.runs()}
        assert states == {
            ("golden", "function", "done", True),
            ("report", "function", "done", True),
            ("below", "function", "done", False),
            ("fails", "function", "failed", True),
            ("flights", "notebook", "open", True),
        }
        report = journal.runs(workflow="report")[-1]
        encoded = unsealed(store, report.result, Place(report.id, role="result"), "the result")
        assert keeping.decode(encoded) == ["first", "receipt", "second", "no such thing", "third"]
        assert [run.workflow for run in journal.children(report.id)] == ["below"]
        tries = [(attempt.number, attempt.state) for attempt in journal.attempts(report.id)]
        assert sorted(tries) == [(1, "done"), *[(1, "failed")] * 3, *[(2, "done")] * 2]
        [outcome] = [call for call in journal.calls(report.id) if call.state == "failed"]
        encoded = unsealed(store, outcome.value, place_of(outcome, "value"), "it")
        assert repr(keeping.decode(encoded)) == "LookupError('no such thing')"
        [notebook] = journal.runs(workflow="flights")
        assert [note.kind for note in journal.notes(notebook.id)] == ["setup", "names"]
        assert len(journal.restores(notebook.id)) == 3
        assert [session.host for session in journal.sessions(notebook.id)] == ["golden", "golden"]


@pytest.mark.parametrize("form", EXPORTS)
def test_every_value_of_an_export_is_read(form, golden, tmp_path):
    """Promise 3: an import brings what an earlier version carried away."""
    with open_store(tmp_path / "store") as store:
        store.key = user_key(golden(form) / "key")
        assert import_file(store, tmp_path / form / "run.perdure").yours
        calls = calls_of(store)
        assert sorted(calls) == ["array", "classes", "plain", "text"]
        for name, call in calls.items():
            encoded = unsealed(store, call.value, place_of(call, "value"), name)
            assert alike(name, keeping.decode(encoded)), name


@pytest.mark.parametrize(("form", "name"), DUMPS)
def test_every_dumped_value_is_read(form, name, golden):
    """Promise 4: alike, or, where it holds bytecode of another Python, refused in a sentence."""
    data = (golden(form) / "dumps" / name).read_bytes()
    if name != "bytecode":
        assert alike(name, perdure.loads(data))
    elif HERE_PYTHON == WROTE:
        assert perdure.loads(data)(1) == 2
    else:
        with pytest.raises(NotLoadable, match=BYTECODE):
            perdure.loads(data)


@pytest.mark.parametrize("form", FORMATS)
def test_bytecode_is_loaded_by_the_python_that_wrote_it_only(form, golden):
    """Promise 8: another one ends in a sentence, not in a crash."""
    with open_store(golden(form) / "store") as store:
        call = calls_of(store)["bytecode"]
        encoded = unsealed(store, call.value, place_of(call, "value"), "it")
        if HERE_PYTHON == WROTE:
            assert keeping.decode(encoded)(1) == 2
        else:
            with pytest.raises(NotLoadable, match=BYTECODE):
                keeping.decode(encoded)


@pytest.mark.parametrize("form", FORMATS)
def test_with_another_key_nothing_of_it_is_loaded(form, golden, monkeypatch, tmp_path):
    """Promise 8: an older format is no way round the signature."""
    folder = golden(form)
    monkeypatch.setenv("PERDURE_KEY_FILE", str(tmp_path / "another"))
    with open_store(folder / "store") as store:
        for call in calls_of(store).values():
            with pytest.raises(Untrusted):
                unsealed(store, call.value, place_of(call, "value"), "it")
    for path in (folder / "dumps").iterdir():
        if path.name != "bytecode":
            with pytest.raises(Untrusted):
                perdure.loads(path.read_bytes())


def test_a_store_of_the_first_schema_is_brought_to_this_one_and_keeps_all(golden):
    """Promise 2: once, and what is written afterwards lies beside what was."""
    path = golden("format-1") / "store" / "journal.db"
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        before = connection.execute("SELECT * FROM stored_values ORDER BY id").fetchall()
    open_store(path.parent).close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (4,)
        after = connection.execute("SELECT * FROM stored_values ORDER BY id").fetchall()
    assert [row[: len(before[0])] for row in after] == before
    assert {row[-1] for row in after} == {""}
