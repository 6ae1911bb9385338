"""`perdure wake`: a sleep of another process ends early; one that nobody has, when it goes on."""

from __future__ import annotations

import subprocess
import sys

import pytest

from perdure.cli import main
from perdure.store import open_store

SOURCE = """\
from perdure import sleep, step, workflow


@step
def after(x):
    print("after", x)


@workflow
def waits(n):
    sleep("1h").result()
    after(n)


waits(1)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PERDURE_STORE", str(tmp_path / "store"))
    (tmp_path / "main.py").write_text(SOURCE)
    open_store(tmp_path / "store").close()
    return tmp_path


def begun(folder):
    """A process of its own in whose run something sleeps."""
    process = subprocess.Popen([sys.executable, "main.py"], cwd=folder, stdout=subprocess.PIPE, text=True)
    with open_store(folder / "store") as store:
        while process.poll() is None:
            sleeping = [
                call.id
                for run in store.journal.runs()
                for call in store.journal.calls(run.id)
                if call.state == "waiting"
            ]
            if sleeping:
                return process, sleeping[0]
    pytest.fail(f"it ended: {process.stdout.read()}")


def call_of(folder):
    with open_store(folder / "store") as store:
        [call] = [each for each in store.journal.calls(store.journal.runs()[0].id) if each.kind == "wait"]
        return call, store.journal.messages()


@pytest.mark.parametrize("named", [False, True])
def test_a_sleep_in_another_process_ends_now(folder, capsys, named):
    process, call = begun(folder)
    assert main(["wake", "waits", *([call] if named else [])]) == 0
    assert "1 sleep of run r_" in (told := capsys.readouterr().out)
    assert told.endswith(" ends now.\n")
    assert process.communicate(timeout=120)[0] == "after 1\n"
    ended, messages = call_of(folder)
    assert (ended.state, ended.reason, messages) == ("done", "woken by hand", [])
    assert round(ended.due - ended.started) == 3600
    assert ended.ended < ended.due


def test_a_sleep_of_a_killed_process_ends_when_its_run_goes_on(folder, capsys):
    """Promise 2."""
    process, _ = begun(folder)
    process.kill()
    process.communicate()
    for _ in range(2):  # told twice, it is woken once
        assert main(["wake", "waits"]) == 0
    assert "ends when it goes on: nobody is at work on it" in capsys.readouterr().out
    assert call_of(folder)[0].state == "waiting"
    assert subprocess.check_output([sys.executable, "main.py"], cwd=folder, text=True) == "after 1\n"
    ended, messages = call_of(folder)
    assert (ended.state, ended.reason, messages) == ("done", "woken by hand", [])


def test_where_nothing_sleeps_that_is_said(folder, capsys):
    process, call = begun(folder)
    try:
        assert main(["wake", "waits", "c_none"]) == 1
        assert "Nothing sleeps in run r_" in capsys.readouterr().out
        assert main(["wake", "none"]) == 1
        assert "There is no run `none`" in capsys.readouterr().err
        assert main(["wake", "waits", call]) == 0
    finally:
        process.communicate(timeout=120)
