"""`perdure cache` lists the results that other runs may use, and clears them after a question."""

import time
from dataclasses import replace

import pytest

from perdure.cli import main
from perdure.store import open_store
from perdure.store.records import Part
from perdure.testing import sample_call, sample_run, sample_session, sample_value

HOUR = 3600.0


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    """A store in this folder: two runs, with results of `embed` that others may use, one of `Model.fit`, and one of none."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("PERDURE_STORE", raising=False)
    monkeypatch.chdir(tmp_path)
    now, number = time.time(), 0
    with open_store(tmp_path / ".perdure") as store:
        for run_number, steps in ((1, ["embed", "embed", "Model.fit"]), (2, ["embed", "own"])):
            run = sample_run(run_number, workflow="first" if run_number == 1 else "second", state="done")
            epoch = store.journal.claim(run, sample_session())
            for step in steps:
                number += 1
                value = sample_value(run.id, number, step=step)
                call = sample_call(run.id, number, step=step, state="done", value=value.id)
                parts = (Part("text", "d", preview=f"'day {number}'"),)
                aged = replace(call, ended=now - (6 - number) * HOUR, cached=step != "own", bytes=1500, input_parts=parts)  # fmt: skip
                store.journal.write(run.id, epoch, [value, aged])
    return tmp_path / ".perdure"


def said(capsys, *words, status=0):
    assert main([*words]) == status
    return capsys.readouterr().out


def lines(out):
    return [line.split() for line in out.splitlines()]


def test_the_results_are_listed_by_step_with_the_newest_first(capsys):
    out = said(capsys, "cache")
    assert out.splitlines()[0] == "4 results of 2 steps, 6.0 kB, may be used by other runs."
    rows = {row[0]: row for row in lines(out) if row}
    assert rows["embed"][1:4] == ["3", "4.5", "kB"]
    assert rows["embed"][4:8] == ["2", "h", "00", "m"], "the newest is two hours old"
    assert rows["embed"][9:] == ["r_00000002", "of", "second,", "r_00000001", "of", "first"]
    assert rows["Model.fit"][1] == "1"
    assert "own" not in rows


def test_the_results_of_a_step_are_listed_one_by_one(capsys):
    """The short name of a method will do."""
    out = said(capsys, "cache", "embed")
    assert [line.split("  ")[0] for line in out.splitlines()[3:6]] == [
        "text='day 4'",
        "text='day 2'",
        "text='day 1'",
    ]
    assert "1 result of `Model.fit`" in said(capsys, "cache", "fit")


def test_clearing_asks_first(store, capsys):
    """Nobody can be asked here."""
    assert main(["cache", "--clear"]) == 1
    assert "nothing was done" in capsys.readouterr().err
    assert "4 results" in said(capsys, "cache")


def test_a_step_is_cleared_alone(store, capsys):
    out = said(capsys, "cache", "embed", "--clear", "--yes")
    assert out == (
        "Cleared 3 results of `embed`: other runs compute them anew. The runs that have them keep them.\n"
    )
    assert said(capsys, "cache").splitlines()[0].startswith("1 result of `Model.fit`")
    with open_store(store, readonly=True) as opened:
        assert all(call.value is not None for call in opened.journal.calls("r_00000001"))


def test_all_are_cleared(store, capsys):
    assert "Cleared 4 results of 2 steps" in said(capsys, "cache", "--clear", "--yes")
    assert said(capsys, "cache") == (
        "No step's result may be used by other runs: none is marked with `cache=`.\n"
    )
    assert "No step's result" in said(capsys, "cache", "--clear", "--yes", status=1)


def test_a_step_that_has_none_says_so(capsys):
    assert said(capsys, "cache", "own") == "No result of `own` may be used by other runs.\n"
    assert "No result of `own`" in said(capsys, "cache", "own", "--clear", "--yes", status=1)


def test_long_lists_are_cut(store, capsys):
    with open_store(store) as opened:
        run = opened.journal.run("r_00000002")
        epoch = opened.journal.claim(run, sample_session())
        for number in range(10, 40):
            value = sample_value(run.id, number, step="embed")
            call = sample_call(run.id, number, step="embed", state="done", value=value.id)
            opened.journal.write(run.id, epoch, [value, replace(call, cached=True, ended=1.0)])
    assert "and 13 more" in said(capsys, "cache", "embed").splitlines()
