"""What the lines under cells, the errors and the plan tell a user: true, with the right words, and no circle."""

from __future__ import annotations

HEAD = "%load_ext perdure\n%workflow told"
SETUP = "%%setup\nimport threading\nlock = threading.Lock()"


def ran(notebook, *cells):
    replies = notebook.run_all(list(cells))
    assert [reply.errors for reply in replies] == [[]] * len(cells), replies[-1].errors
    return replies


def test_a_workflow_cell_uses_what_a_setup_cell_made_and_cannot_be_kept(notebook):
    """Promise 11: a resource is no input and not part of the key, and that is said; with --input too."""
    cell = "%%workflow w\nwith lock:\n    found = n + 1"
    replies = ran(notebook, HEAD, SETUP, "n = 1", cell, cell.replace("w\n", "w2 --input n\n"), "found")
    assert replies[-1].result["text/plain"] == "2"
    for reply in replies[3:5]:
        assert "uses `lock` of a %%setup cell as it is: no input, and not compared" in reply.text
    notebook.kill()
    replies = ran(notebook, HEAD, SETUP, "n = 1", cell, "found")
    assert "restored" in replies[3].text


def test_a_lock_of_an_unmarked_cell_is_sent_to_a_setup_cell(notebook):
    """Promise 4: the way out that the sentence names is one."""
    ran(notebook, HEAD, "import threading\nlock = threading.Lock()")
    reply = notebook.run("%%workflow w\nwith lock:\n    found = 1")
    assert "%%setup" in reply.traceback
    ran(notebook, SETUP)
    assert notebook.run("%%workflow w\nwith lock:\n    found = 1").status == "ok"


def test_a_shown_value_that_is_not_kept_is_told(notebook):
    """Promise 4: when the step ends, and after a kill, where nothing that it made can be here."""
    cell = "%%step numbers\n(each for each in range(3))"
    assert (
        "the value that it shows could not be kept: it is a generator." in ran(notebook, HEAD, cell)[1].text
    )
    notebook.kill()
    text = ran(notebook, HEAD, cell)[1].text
    assert "still here" not in text
    assert "without the value that it shows, which could not be kept" in text
    assert "without the value that it shows" in ran(notebook, HEAD, "%resume --plan")[1].text
    told = ran(notebook, HEAD, "%%workflow w\nn = 1\n(each for each in range(3))")[1].text
    assert "the value that it shows could not be kept: it is a generator." in told


def test_a_live_name_that_was_not_kept_is_not_called_missing(notebook):
    """Promise 11: it is, once the kernel died."""
    cell = "%%step make\nn = 3\nsquares = (each for each in range(n))"
    ran(notebook, HEAD, cell)
    text = notebook.run(cell, "cell-1").text
    assert "what it made is still here" in text
    assert "without" not in text
    notebook.kill()
    assert "without `squares`" in ran(notebook, HEAD, cell)[1].text


def test_a_type_is_told_with_its_article(notebook):
    """Promise 4: refused by a step, by a workflow cell, and where it is missed."""
    cells = [HEAD, "%%step make\nfile = open('x.txt', 'w')", "%%workflow w\nout = open('y.txt', 'w')"]
    replies = ran(notebook, *cells)
    assert "`file` could not be kept: it is an _io.TextIOWrapper." in replies[1].text
    assert "`out` could not be kept: it is an _io.TextIOWrapper." in replies[2].text
    notebook.kill()
    ran(notebook, *cells[:2])
    assert "made it, an _io.TextIOWrapper, and" in notebook.run("file.read()").evalue


def test_every_use_of_a_placeholder_says_why(notebook):
    """Promise 4: comparing and hashing it as well."""
    cells = [HEAD, "%%step make\nsquares = (each for each in range(3))"]
    ran(notebook, *cells)
    notebook.kill()
    ran(notebook, *cells)
    for use in ("squares == 1", "squares != 1", "1 == squares", "{squares}", "squares in [1]", "not squares"):
        assert notebook.run(use).ename == "NotKept", use
    ran(notebook, "squares", "%who", "%%step other\nother = [1]")


def test_the_plan_tells_what_another_key_signed(open_notebook):
    """Promise 8: it would not be loaded."""
    cells = [HEAD, "%%step make\nn = 3"]
    first = open_notebook(env={"PERDURE_KEY_FILE": "one.key"})
    ran(first, *cells)
    first.kill_only()
    plan = ran(open_notebook(env={"PERDURE_KEY_FILE": "two.key"}), HEAD, "%resume --plan")[1].text
    assert "not restored  make" in plan
    assert "signed it, which is not yours" in plan


def test_the_codec_that_holds_is_told_in_a_running_notebook(notebook):
    """Promise 11: naming the workflow again changes it."""
    replies = ran(
        notebook, HEAD, "%workflow told --codec safe", "%workflow told --codec full", "%workflow told"
    )
    assert "codec safe holds from now on" in replies[1].text
    assert "codec full holds from now on" in replies[2].text
    assert "codec" not in replies[3].text


def test_without_the_package_that_encrypts_the_workflow_is_refused_and_listing_works(open_notebook):
    """Promise 4: said before a step runs."""
    hide = "import sys\nsys.modules['cryptography'] = None\nsys.meta_path.insert(0, type('No', (), {'find_spec': "
    hide += "staticmethod(lambda name, *_: None)}))\nimport importlib.util as u\nfound = u.find_spec\n"
    hide += "u.find_spec = lambda name, *rest: None if name == 'cryptography' else found(name, *rest)\n"
    hide += "import perdure.store.store as s\ns.find_spec = u.find_spec"
    notebook = open_notebook(env={"PERDURE_ENCRYPT": "1"})
    ran(notebook, "%load_ext perdure", hide)
    reply = notebook.run("%workflow told")
    assert reply.ename == "NeedsPackage"
    assert "perdure[encrypt]" in reply.evalue
    status, _ = ran(notebook, "%perdure", "%runs")
    assert "on, but Encryption needs the package `cryptography`" in status.text


def test_ties_are_told_where_they_are_lost_and_nowhere_else(notebook):
    """Promise 4: members of enums are one object for all; what one step made on one memory shares it again."""
    make = """%%step make
col2 = Col.R
when = NOW
series = np.arange(9.0)
head = series[:3]
outer = other[:2]
frame = pd.DataFrame({"a": [1.0, 2.0]})
view = frame.to_numpy()
arrow = pa.table({"x": series})
table = pa.table({"x": other})
column = pl.Series(other)
apart = other.copy()
row = shared
"""
    first = (
        "import enum, datetime, numpy as np, pandas as pd, polars as pl, pyarrow as pa\n"
        "Col = enum.Enum('Col', 'R G')\ncol, NOW = Col.R, datetime.datetime(2026, 1, 1)\n"
        "other = np.arange(4.0)\nshared = [1]\nsame = shared"
    )
    text = ran(notebook, HEAD, first, make)[2].text
    told = sorted(line.partition(":")[0] for line in text.splitlines() if "after a restore" in line)
    assert told == ["`column`", "`outer`", "`row`", "`table`"]
    notebook.kill()
    ran(notebook, HEAD, first, make)
    assert notebook.run("np.shares_memory(series, head)").result["text/plain"] == "True"
    ran(notebook, "frame.iloc[1, 0] = 7.0\nseries[4] = -1.0")
    assert notebook.run("float(view[1, 0]), arrow['x'][4].as_py()").result["text/plain"] == "(7.0, -1.0)"


def test_a_store_in_a_synchronised_folder_is_told_once_in_a_session(open_notebook):
    """Where two machines may meet in one journal, the ways out are said under `%workflow`."""
    notebook = open_notebook(folder="Dropbox")
    told = notebook.run("%load_ext perdure\n%workflow flights").text
    assert "which Dropbox synchronises" in told
    assert "PERDURE_STORE" in told
    assert "Dropbox" not in notebook.run("%workflow flights --fresh").text
