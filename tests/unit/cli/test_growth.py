"""`perdure du` and `perdure gc` say what a store takes, what went and what stays."""

import json
import time
from dataclasses import replace

import pytest

from perdure.cli import main
from perdure.store import open_store
from perdure.testing import sample_run, sample_session, sample_value

DAY = 86400.0


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    """A store in this folder: three finished runs of two workflows, of one, two and three hundred thousand bytes."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("PERDURE_STORE", raising=False)
    monkeypatch.chdir(tmp_path)
    now = time.time()
    with open_store(tmp_path / ".perdure") as store:
        for number, workflow in ((1, "flights"), (2, "flights"), (3, "report")):
            run = sample_run(number, workflow=workflow, kind="function", state="done")
            store.journal.claim(run, sample_session())
            blob = store.blobs.put(bytes([number]) * 100_000 * number)
            value = sample_value(run.id, number, step="fit", role="result", stream=b"", buffers=(blob,))
            done = replace(run, result=value.id, finished=now - 100 * DAY / number)
            store.journal.write(run.id, 1, [done, value])
        store.blobs.put(b"garbage" * 1000)
    return tmp_path / ".perdure"


def said(capsys, *words):
    assert main([*words]) == 0
    return capsys.readouterr().out


def test_du_tells_workflows_with_their_runs(store, capsys):
    """Promise 10: the largest first, and what could go at once."""
    out = said(capsys, "du")
    lines = out.splitlines()
    assert lines[0].startswith(f"Store {store}: ")
    assert "607 kB in blobs" in lines[0]
    names = [line.split()[0] for line in lines[3:8]]
    assert names == ["flights", "r_00000002", "r_00000001", "report", "r_00000003"]
    assert "7.0 kB are needed by nothing: `perdure gc` removes them." in out


@pytest.mark.parametrize(("name", "steps"), [("r_00000002", 1), ("flights", 2)])
def test_du_of_a_run_or_workflow_tells_its_steps(name, steps, capsys):
    out = said(capsys, "du", name)
    assert sum(line.split()[:1] == ["fit"] for line in out.splitlines()) == steps
    assert "r_00000003" not in out


def test_du_of_what_is_not_there_says_so(capsys):
    assert main(["du", "nowhere"]) == 1
    assert "There is no run `nowhere`" in capsys.readouterr().err


def test_du_gives_all_of_it_as_json(store, capsys):
    found = json.loads(said(capsys, "du", "--json"))
    assert found["store"] == str(store)
    assert (found["blobs"], found["unneeded"], found["shared"]) == (607_000, 7000, 0)
    assert found["total"] == found["blobs"] + found["journal"]
    assert found["free"] > 0
    flights, report = found["workflows"]
    assert [run["name"] for run in flights["runs"]] == ["r_00000002", "r_00000001"]
    assert report["runs"][0]["steps"][0]["own"] >= 300_000
    (run,) = json.loads(said(capsys, "du", "r_00000001", "--json"))["runs"]
    assert run["steps"][0]["name"] == "fit"


def test_gc_tells_what_it_would_forget_and_then_what_it_forgot(store, capsys):
    """Promise 2: with the same figures."""
    would = said(capsys, "gc", "--keep", "1", "--dry-run").splitlines()
    assert would[:2] == ["Would forget 1 run: flights 1.", "Would remove 2 blobs: 107 kB."]
    did = said(capsys, "gc", "--keep", "1").splitlines()
    assert did[:2] == ["Forgot 1 run: flights 1.", "Removed 2 blobs: 107 kB."]
    assert did[-1].startswith("The store takes ")
    with open_store(store) as opened:
        assert len(opened.journal.runs()) == 2


def test_gc_takes_ages_and_sizes_as_people_write_them(capsys):
    assert "Would forget 2 runs: flights 2." in said(capsys, "gc", "--older-than", "45d", "--dry-run")
    told = said(capsys, "gc", "--max-size", "1kB", "--dry-run")
    assert "Would forget 1 run: flights 1." in told
    assert "That is more than 1.0 kB" in told


@pytest.mark.parametrize("words", [["--older-than", "soon"], ["--max-size", "much"], ["--keep", "-1"]])
def test_gc_refuses_what_it_does_not_understand(words, capsys):
    with pytest.raises(SystemExit) as left:
        main(["gc", *words])
    assert left.value.code == 2
    assert words[0] in capsys.readouterr().err


def test_long_lists_are_summed_up(store, capsys):
    with open_store(store) as opened:
        for number in range(16, 56):
            run = sample_run(number, workflow="many")
            opened.journal.claim(run, sample_session())
            opened.journal.write(run.id, 1, [sample_value(run.id, number, stream=b"x", buffers=())])
    out = said(capsys, "du", "many")
    assert "and 20 more" in out
    assert out.count("r_000000") == 20


@pytest.mark.parametrize("age", ["30", "1h 30", "soon"])
def test_an_age_without_its_unit_is_refused(age, store, capsys):
    """Promise 4: thirty may be meant in days, and what is forgotten does not come back."""
    with pytest.raises(SystemExit) as ended:
        main(["gc", "--older-than", age])
    assert ended.value.code == 2
    assert "with its unit, like 30d" in capsys.readouterr().err
