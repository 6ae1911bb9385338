"""Values that cannot be trusted or read, seen from a notebook: a sentence, and the choice to run again (promise 8)."""

from __future__ import annotations

import pickle
import sqlite3
import subprocess
import sys

import ormsgpack
import pytest

WORKFLOW = "%workflow w"
SOURCE = "class Point:\n    def __init__(self, x): self.x = x\n    def __eq__(self, o): return self.x == o.x"
STEP = "%%step make\npoint = Point(3)\ntext = 'secret word ' * 2000"
LOOK = "print(point.x, len(text))"


class Bomb:
    """Leaves a file when it is unpickled."""

    def __reduce__(self):
        return eval, ("open('bombed', 'w').close()",)


def kept(notebook, *first):
    for cell in (*first, WORKFLOW, SOURCE, STEP):
        assert notebook.run(cell).status == "ok"


def change(notebook, statement, *parameters):
    with sqlite3.connect(notebook.cwd / ".perdure" / "journal.db") as connection:
        assert connection.execute(statement, parameters).rowcount > 0


def key_file(notebook):
    return next(notebook.cwd.rglob("perdure/key"))


def runs_again(notebook):
    """The way out that every sentence names."""
    assert "ran again" in notebook.run(STEP.replace("make", "make --redo")).text
    assert notebook.run(LOOK).stdout == "3 24000\n"


CASES = {
    "newer": ("UPDATE stored_values SET format = 99", "NotLoadable", "newer Perdure wrote it: format 99"),
    "altered": ("UPDATE stored_values SET preview = x'80'", "Damaged", "not those that were signed"),
    "foreign": ("UPDATE stored_values SET key_id = '00000000'", "Untrusted", "key 00000000 signed it"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_value_that_cannot_be_read_ends_in_a_sentence_and_can_be_made_again(notebook, case):
    """Promise 8: in a %%step cell and in %resume, without a traceback of ours."""
    statement, error, sentence = CASES[case]
    kept(notebook)
    notebook.restart()
    change(notebook, statement)
    assert notebook.run(WORKFLOW).status == "ok"
    assert "make" in notebook.run("%timeline").html()
    reply = notebook.run("%resume")
    assert reply.status == "ok"
    assert sentence in reply.text
    assert notebook.run(SOURCE).status == "ok"
    reply = notebook.run(STEP)
    assert (reply.status, reply.ename) == ("error", error)
    assert sentence in reply.traceback
    assert "--redo" in reply.traceback
    assert ".py" not in reply.traceback
    assert "NameError" in notebook.run(LOOK).ename
    runs_again(notebook)


def test_a_value_without_its_package_ends_in_a_sentence(notebook):
    """Promise 8: the choice to run the step again stands in it."""
    package = "from pathlib import Path; Path('gone.py').write_text('class Thing:\\n    def __init__(self): self.a = 1')"
    for cell in (package, "import gone", WORKFLOW, "%%step make\nthing = gone.Thing()"):
        assert notebook.run(cell).status == "ok"
    notebook.restart()
    (notebook.cwd / "gone.py").unlink()
    notebook.run(WORKFLOW)
    reply = notebook.run("%resume")
    assert reply.status == "ok"
    assert "not restored" in reply.text
    assert "No module named 'gone'" in reply.text
    assert "--redo" in reply.text


def test_values_of_a_lost_key_are_trusted_after_a_yes(notebook):
    """Promise 8: the notice at %workflow, the telling, and the signing; then all is restored."""
    kept(notebook)
    notebook.restart()
    key_file(notebook).unlink()
    reply = notebook.run(WORKFLOW)
    assert "values here were signed by key" in reply.text
    assert "perdure trust" in reply.text
    reply = notebook.run("%perdure trust")
    assert "can run code" in reply.text
    assert "Nothing was signed" in reply.text
    assert "not restored" in notebook.run("%resume").text
    assert "Signed" in notebook.run("%perdure trust w --yes").text
    assert "1 step restored" in notebook.run("%resume").text
    assert notebook.run(LOOK).stdout == "3 24000\n"


def test_nothing_of_a_foreign_store_is_unpickled_to_look_at_it(notebook):
    """Promise 8: listing, previewing, drawing, planning and telling what to trust."""
    kept(notebook)
    notebook.restart()
    with sqlite3.connect(notebook.cwd / ".perdure" / "journal.db") as connection:
        [(id_, stream)] = connection.execute("SELECT id, stream FROM stored_values WHERE role = 'value'")
    version, tree, _, count = ormsgpack.unpackb(stream, ext_hook=ormsgpack.Ext)
    planted = ormsgpack.packb([version, tree, pickle.dumps(Bomb()), count])
    change(notebook, "UPDATE stored_values SET stream = ?, packing = '' WHERE id = ?", planted, id_)
    for cell in (
        *("%runs", "%perdure", "%workflow w", "%timeline", "%resume --plan"),
        *("%perdure trust --all", "%resume"),
    ):
        assert notebook.run(cell).status == "ok", cell
    cli = [sys.executable, "-m", "perdure", "--store", str(notebook.cwd / ".perdure")]
    for words in (["runs"], ["show", "w"], ["trust"], ["key"]):
        subprocess.run([*cli, *words], check=True, cwd=notebook.cwd, env=notebook.env, capture_output=True)
    assert not (notebook.cwd / "bombed").exists()
    notebook.run("%perdure trust w --yes")  # that it would have gone off is seen once it is trusted
    notebook.run("%resume")
    assert (notebook.cwd / "bombed").exists()


def test_an_encrypted_store_holds_nothing_in_the_clear(open_notebook):
    """Promise 8: neither values nor what they look like; it is restored as ever."""
    notebook = open_notebook(env={"PERDURE_ENCRYPT": "1"})
    kept(notebook)
    made = "%%step use\nfound = text[:11].upper()\nprint('shown word')"
    assert notebook.run(made).status == "ok"
    assert "on" in next(line for line in notebook.run("%perdure").text.splitlines() if "encryption" in line)
    notebook.restart()
    store = notebook.cwd / ".perdure"
    everything = b"".join(path.read_bytes() for path in store.rglob("*") if path.is_file())
    # The code of the cells is in the journal as it was typed; what it made is not.
    assert b"secret word secret" not in everything
    assert b"SECRET WORD" not in everything
    assert b"shown word\\n" not in everything
    notebook.run(WORKFLOW)
    assert "2 steps restored" in notebook.run("%resume").text
    assert notebook.run(LOOK + "\nprint(found)").stdout == "3 24000\nSECRET WORD\n"


def test_the_safe_codec_keeps_no_pickle_and_the_run_remembers_it(notebook):
    """Promise 8: what needs one is refused when it is to be stored, with its name; the rest is kept."""
    reply = notebook.run("%workflow w --codec safe")
    assert "codec safe" in reply.text
    reply = notebook.run("%%step both\nplain = [1, 2]\npickled = [lambda x: x]")
    assert reply.status == "ok"
    assert "`pickled` could not be kept" in reply.text
    notebook.restart()
    assert "codec safe" in notebook.run(WORKFLOW).text
    assert notebook.run("%resume").status == "ok"
    assert notebook.run("print(plain)").stdout == "[1, 2]\n"
    assert "codec         safe" in notebook.run("%perdure").text
    notebook.run("%workflow w --codec full")
    reply = notebook.run("%%step pickled\nheld = [lambda x: x]")
    assert "could not be kept" not in reply.text
    notebook.run("%workflow w --codec safe\n")
    notebook.restart()
    notebook.run(WORKFLOW)
    reply = notebook.run("%resume")
    assert "needs a pickle" in reply.text
    assert "held" not in notebook.run("print([n for n in dir() if n == 'held'])").stdout


def plant(notebook):
    """Other source in the records, which no signature covers: of a step's definitions, and of a setup cell."""
    define = "def double(x, bomb=open('bombed', 'w').close()): return 0\ntwo = 2\n"
    change(notebook, "UPDATE calls SET source = ?", define)
    data = ormsgpack.packb({"source": "open('bombed', 'w').close()"})
    change(notebook, "UPDATE notes SET data = ? WHERE kind = 'setup'", data)


def test_only_signed_source_is_executed_by_a_resume(notebook):
    """Promise 8: the sources in the records, which are there to be read, are not what is run."""
    for cell in (WORKFLOW, "%%setup tools\nimport math", "%%step make\ndef double(x): return 2 * x\ntwo = 2"):
        assert notebook.run(cell).status == "ok"
    notebook.restart()
    notebook.run(WORKFLOW)
    assert "ran" in notebook.run("%resume").text
    assert notebook.run("print(math.floor(double(2.2)))").stdout == "4\n"
    notebook.restart()
    plant(notebook)
    notebook.run(WORKFLOW)
    text = notebook.run("%resume").text
    assert "setup cell `tools`" in text
    assert "Run the cell by hand" in text
    assert "1 step restored" in text
    assert notebook.run("print(double(2))").stdout == "4\n"
    assert not (notebook.cwd / "bombed").exists()
    notebook.restart()
    change(notebook, "UPDATE calls SET needs = NULL")
    notebook.run(WORKFLOW)
    assert "no signed source" in notebook.run("%resume").text
    assert not (notebook.cwd / "bombed").exists()


@pytest.mark.parametrize("source", ["def (", "(" * 5000, "-" * 20_000 + "1", "a\0"])
def test_a_record_without_its_value_or_its_source_is_told(notebook, source):
    """Promise 8: names that a checkpoint should hold and does not are no restore; the plan runs no code."""
    for cell in (WORKFLOW, "%%step make\ntwo = 2"):
        assert notebook.run(cell).status == "ok"
    notebook.restart()
    change(notebook, "UPDATE calls SET value = NULL, source = ?", source)
    notebook.run(WORKFLOW)
    reply = notebook.run("%resume --plan")
    assert (reply.status, "no code" in reply.text) == ("ok", True)
    assert "`two` is not in it" in notebook.run("%resume").text
    assert notebook.run("%%step make\ntwo = 2").ename == "Damaged"
    assert notebook.run("%%step make --redo\ntwo = 2").status == "ok"


def test_a_foreign_setup_cell_runs_after_it_was_trusted(notebook):
    """Promise 8: `perdure trust` counts it among what can run code."""
    for cell in (WORKFLOW, "%%setup tools\nopen('bombed', 'w').close()"):
        assert notebook.run(cell).status == "ok"
    (notebook.cwd / "bombed").unlink()
    key_file(notebook).unlink()
    notebook.restart()
    notebook.run(WORKFLOW)
    text = notebook.run("%resume").text
    assert "not run" in text
    assert "perdure trust" in text
    assert not (notebook.cwd / "bombed").exists()
    assert "1 can run code" in notebook.run("%perdure trust w --yes").text
    assert "ran" in notebook.run("%resume").text
    assert (notebook.cwd / "bombed").exists()
