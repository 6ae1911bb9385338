"""The command line says what it does, and says what went wrong in a line or two."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from perdure.cli import COMMANDS, main
from perdure.store import open_store
from perdure.store.records import AttemptRecord, CallRecord, RunRecord, SessionRecord

RUN = "r_0000000a"


@pytest.fixture(autouse=True)
def nobody(tmp_path, monkeypatch):
    """A user who has no stores, in a folder that has none."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("PERDURE_STORE", raising=False)
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def store(nobody):
    """A store in this folder in which the workflow `flights` made the step `load`."""
    path = nobody / ".perdure"
    now = time.time()
    with open_store(path) as store:
        run = RunRecord(RUN, "flights", "k", "notebook", "open", now, now)
        epoch = store.journal.claim(run, SessionRecord(RUN, 0, 1, "here", now, now))
        call = CallRecord(
            "c_1", RUN, 1, "", "load", "i", 0, "c", "pure", "done", epoch, now, ended=now + 2, took=2
        )
        store.journal.write(RUN, epoch, [call, AttemptRecord("c_1", RUN, 1, epoch, "done", now, now + 2)])
    return path


def test_without_a_command_it_prints_help_that_lists_them_all(capsys):
    assert main([]) == 0
    out = capsys.readouterr().out
    assert all(command in out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    assert COMMANDS[command][1:] in capsys.readouterr().out.replace("\n", " ")


@pytest.mark.parametrize(
    "words", [["nonsense"], ["show"], ["gc", "--keep", "-1"], ["gc", "--keep", "x"], ["runs", "--nope"]]
)
def test_wrong_usage_exits_with_2_and_says_how(words, capsys):
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 2
    assert "usage: perdure" in capsys.readouterr().err


def test_the_version_is_that_of_the_distribution(capsys):
    from importlib.metadata import version

    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out == f"perdure {version('perdure')}\n"


@pytest.mark.parametrize(
    ("words", "needle"),
    [
        (["show", "nobody"], "no run `nobody`"),
        (["--store", "/nowhere", "runs"], "no store at /nowhere"),
        (["show", "flights", "--html", "/nowhere/page.html"], "could not be written"),
        (["demo", "missing.ipynb"], "no notebook at missing.ipynb"),
    ],
)
def test_an_error_is_two_lines_on_stderr_without_a_traceback(store, words, needle, capsys):
    assert main(words) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert needle in said.err
    assert len(said.err.splitlines()) == 2


def test_runs_lists_the_store_of_a_folder_above(store, monkeypatch, capsys):
    below = store.parent / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert main(["runs"]) == 0
    out = capsys.readouterr().out
    assert "flights" in out
    assert RUN in out
    assert str(store) in out


def test_runs_in_a_folder_without_a_store_lists_the_known_ones_and_makes_none(
    store, tmp_path, monkeypatch, capsys
):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert main(["runs"]) == 0
    assert str(store) in capsys.readouterr().out
    assert list(elsewhere.iterdir()) == []


def test_a_store_can_be_named_by_its_folder_or_by_the_notebooks(store, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for path in (store, store.parent):
        assert main(["--store", str(path), "runs"]) == 0
        assert RUN in capsys.readouterr().out


@pytest.mark.parametrize("name", [RUN, "flights"])
def test_show_takes_a_run_or_a_workflow(store, name, capsys):
    assert main(["show", name]) == 0
    out = capsys.readouterr().out
    assert RUN in out
    assert "load" in out


def test_show_writes_a_page_that_loads_nothing(store, tmp_path):
    """Promise 9: nothing leaves the machine."""
    page = tmp_path / "page.html"
    assert main(["show", "flights", "--html", str(page)]) == 0
    text = page.read_text()
    assert "load" in text
    assert "<script" not in text
    assert "src=" not in text
    assert "@import" not in text


@pytest.mark.parametrize("words", [["runs"], ["show", "flights"]])
def test_listing_imports_nothing_that_unpickles_and_no_notebook(store, words):
    """Promise 8: listing and drawing never unpickle."""
    code = (
        "import sys; from perdure.cli import main; status = main(sys.argv[1:]);"
        "heavy = {'cloudpickle', 'IPython', 'pandas', 'perdure.cli.demo'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy else status)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_gc_tells_first_and_removes_then(store, capsys):
    with open_store(store) as opened:
        opened.blobs.put(b"x" * 21_000)
        assert main(["gc", "--dry-run"]) == 0
        assert "Would remove 1 blob: 21" in capsys.readouterr().out
        assert len(opened.blobs.names()) == 1
        assert main(["gc"]) == 0
        assert "Removed 1 blob: 21" in capsys.readouterr().out
        assert opened.blobs.names() == set()


def test_the_kernel_is_installed_for_this_python(tmp_path, capsys):
    from jupyter_client.kernelspec import KernelSpecManager

    assert main(["install-kernel", "--prefix", str(tmp_path), "--name", "durable"]) == 0
    place = tmp_path / "share" / "jupyter" / "kernels"
    assert str(place / "durable") in capsys.readouterr().out
    spec = KernelSpecManager(kernel_dirs=[str(place)]).get_kernel_spec("durable")
    assert spec.argv[0] == sys.executable
    assert spec.display_name == "Python 3 (Perdure)"


def test_the_installed_spec_says_the_same_as_the_wheels(tmp_path):
    """Both start the same module, whichever way the kernel was installed."""
    wheel = json.loads((Path(__file__).parents[3] / "kernelspec" / "kernel.json").read_text())
    main(["install-kernel", "--prefix", str(tmp_path)])
    installed = json.loads((tmp_path / "share/jupyter/kernels/perdure/kernel.json").read_text())
    assert installed == {**wheel, "argv": [sys.executable, *wheel["argv"][1:]]}


def test_a_kernel_that_cannot_be_installed_says_where_else(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["install-kernel", "--prefix", str(tmp_path / "file")]) == 1
    assert "--sys-prefix" in capsys.readouterr().err


def test_python_m_perdure_is_the_same_command_line():
    done = subprocess.run([sys.executable, "-m", "perdure"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "usage: perdure" in done.stdout
