"""The snippets of the first pages run as they are printed, in a real kernel."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kernel.harness import Notebook

ROOT = Path(__file__).parents[2]


def snippets(page: str) -> list[str]:
    """The Python snippets of a page; a long wait is cut short."""
    found = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    return [snippet.replace("time.sleep(1)", "time.sleep(0)") for snippet in found]


@pytest.fixture
def notebook(tmp_path):
    notebook = Notebook(tmp_path)
    yield notebook
    notebook.shutdown()


def test_the_smallest_example_restores_after_a_restart(notebook, tmp_path):
    """Promise 1: a recorded call does not run again."""
    (tmp_path / "flights.csv").write_text("origin,dep_delay\nEWR,2\nJFK,-1\nEWR,33\n")
    first, load, delays = snippets("README.md")[:3]
    cold = [notebook.run(cell) for cell in (first, load, delays)]
    assert [reply.status for reply in cold] == ["ok"] * 3
    assert "ran" in cold[1].text

    notebook.kill()
    resumed = [notebook.run(cell) for cell in (first, load, delays)]
    assert all("restored" in reply.text for reply in resumed[1:])
    assert resumed[2].result == cold[2].result


def test_the_workflow_in_the_readme_is_run(notebook):
    """With short pauses, and with data of the test's."""
    *_, steps, report, train = snippets("README.md")
    assert notebook.run("%workflow all").status == "ok"
    assert notebook.run(steps).status == "ok"
    notebook.run("urls = ['a', 'b']")
    done = notebook.run(report.replace('"1h"', '"1ms"'))
    assert done.errors == []
    assert notebook.run("tables").text == "[None, None]"
    notebook.run(
        "from perdure import resumable\nlosses = []\nclass model:\n    loss_ = 1.0\n"
        "    @classmethod\n    def partial_fit(cls, data): return cls\ndef batch(): return 0"
    )
    assert notebook.run(train).errors == []
    assert notebook.run("len(losses)").text == "100"


def test_the_quickstart_does_what_it_says(notebook):
    name, count, setup, report, look = snippets("docs/quickstart.md")
    assert notebook.run(name).status == "ok"
    refused = notebook.run(count, "count")
    assert refused.status == "error", "`time` was not imported yet"
    assert "`time`" in refused.text + refused.evalue + "".join(refused.errors)
    assert notebook.run(setup).status == "ok"
    assert "9 285" in notebook.run(count, "count").stdout
    assert notebook.run(report, "report").stdout == "The squares add up to 285.\n"

    notebook.kill()
    for cell in (name, setup):
        notebook.run(cell)
    again = notebook.run(count, "count")
    assert "9 285" in again.stdout, "Promise 7: what was shown comes back"
    assert "restored" in again.text

    commented = notebook.run(count.replace("total = 0", "total = 0  # from nothing"), "count")
    assert "restored" in commented.text
    cubes = count.replace("n * n", "n * n * n")
    assert "ran again" in notebook.run(cubes, "count").text
    assert "ran again" in notebook.run(report, "report").text
    assert "restored" in notebook.run(count, "count").text
    assert "restored" in notebook.run(report, "report").text

    for line in look.splitlines():
        assert notebook.run(line).status == "ok", line


def test_the_page_about_ones_own_classes_does_what_it_says(notebook):
    """Promises 3 and 4: also after a restart."""
    table, name, opened, money, files, secrets = snippets("docs/how-to/keep-your-own-class.md")
    for cell in (table, name):
        assert notebook.run(cell).status == "ok"
    assert "ran" in notebook.run(opened, "open").text
    for cell in (money, files, secrets):
        reply = notebook.run(cell)
        assert reply.status == "ok", reply.evalue
    assert reply.stdout == "Secret(•••)\n"

    notebook.kill()
    for cell in (table, name):
        notebook.run(cell)
    assert "restored" in notebook.run(opened, "open").text
    assert (
        notebook.run(
            "type(table) is Table and table.connection.execute('select * from numbers').fetchall()"
        ).result["text/plain"]
        == "[]"
    )
    assert notebook.run(files).stdout == "2 lines\n\n"


def test_the_page_about_retries_and_effects_does_what_it_says(notebook, tmp_path):
    """Promises 2 and 5: attempts are made again, effects are not."""
    name, setup, quote, shop, patience, pay, letter, resolve, order, cache, listed = snippets(
        "docs/how-to/retries-and-effects.md"
    )
    for cell in (name, setup):
        assert notebook.run(cell).status == "ok"
    assert notebook.run(quote).result["text/plain"] == "48.0"
    assert "ran, 3 attempts" in notebook.run("%timeline quote").text
    assert notebook.run(shop).result["text/plain"] == "{'tea': 3, 'unicorn': 'there are no unicorns'}"
    assert "ran longer than 0.2 s" in notebook.run(patience).result["text/plain"]
    for _ in range(2):
        assert notebook.run(pay).result["text/plain"] == "48.0"
    assert (tmp_path / "charges.txt").read_text() == "A-17 48.0\n"

    notebook.submit(letter.replace("time.sleep(0)", "time.sleep(1000)"))
    notebook.wait_for_file("sent.txt")
    notebook.kill()
    for cell in (name, setup):
        assert notebook.run(cell).status == "ok"
    question = "%perdure resolve send again"
    assert question in notebook.run("%resume --plan").text
    doubted = notebook.run(letter)
    assert (doubted.status, doubted.ename) == ("error", "InDoubt")
    assert question in notebook.run("%timeline write_to").text
    assert notebook.run(resolve).status == "ok"
    assert notebook.run(letter).result["text/plain"] == "8"

    assert notebook.run(order).result["text/plain"] == "'tea'"
    assert len(list(tmp_path.glob("order-*.txt"))) == 1
    assert notebook.run(cache).result["text/plain"] == "([3, 3, 8], [3, 3, 8])"
    assert "restored" in notebook.run("%timeline search").text
    assert "1 result of `embed`" in notebook.run(listed).text


def test_the_page_about_parallel_work_does_what_it_says(notebook):
    """Promises 1 and 7: run again, each cell shows the same, and no call is made."""
    cells = snippets("docs/how-to/parallel-work.md")
    shown = {}
    for cell in cells:
        reply = notebook.run(cell)
        assert reply.status == "ok", reply.traceback
        shown[cell.partition("\n")[0]] = reply.stdout
    assert shown["%%workflow crawl"] == "20 pages, the last one: text of 19\n"
    assert shown["%%workflow tally"] == "15 words\n"
    assert shown["%%workflow both"] == "['text of right', 'text of left']\n"
    assert shown["%%workflow chains"] == "[3, 3, 3] [3, 3, 3, 3]\n"
    assert shown["%%workflow quickest"] == "page text of mirror\n"
    assert shown["%%workflow any_of_them"] == "text of second\n"
    sieve = shown["%%workflow sieve"].splitlines()
    assert sorted(sieve[:2]) == ["looking up to 1000", "looking up to 20000"]
    assert sieve[2] == "[168, 2262]"
    assert shown["%%workflow ask"] == "[0, 2, 4, 6, 8, 10]\n"
    for cell in cells:
        if cell.startswith("%%workflow"):
            again = notebook.run(cell)
            assert "restored" in again.text, cell
            assert sorted(again.stdout) == sorted(shown[cell.partition("\n")[0]])


def test_the_page_about_time_does_what_it_says(notebook):
    """Promises 1 and 2: run again after a restart, each cell of a workflow shows the same."""
    cells = snippets("docs/how-to/time.md")
    shown = {}
    for number, cell in enumerate(cells):
        reply = notebook.run(cell)
        assert reply.status == "ok", reply.traceback
        shown[number] = (reply.result or {}).get("text/plain", "")
    name, setup, polite, _, reminder, wake, patient, draw, nightly, crawl = cells
    assert shown[cells.index(polite)] == "['text of one', 'text of two', 'text of three']"
    assert shown[cells.index(wake)] == "'do not forget: the tea'"
    assert shown[cells.index(patient)] == "'page'"
    assert shown[cells.index(draw)].startswith("(datetime.datetime(")
    assert shown[cells.index(nightly)] == "{'pages': 42, 'more': 2}"
    assert shown[cells.index(crawl)] == "(['one', 'two'], ['three'])"
    assert "woken by hand" in notebook.run("%timeline reminder").text

    notebook.kill()
    for cell in (name, setup):
        assert notebook.run(cell).status == "ok"
    for cell in (polite, patient, draw):
        again = notebook.run(cell)
        assert "restored" in again.text
        assert again.result["text/plain"] == shown[cells.index(cell)]
    assert notebook.run(reminder).status == "ok"
    assert notebook.run("run.result()").result["text/plain"] == shown[cells.index(wake)]


def test_the_page_about_long_loops_does_what_it_says(notebook):
    """Promises 2 and 7: restored after a restart, each step shows what it showed."""
    name, data, train, search, report = snippets("docs/how-to/long-loops.md")
    for cell in (name, data, train, search, report):
        reply = notebook.run(cell)
        assert reply.status == "ok", reply.traceback
    assert reply.result["text/plain"] == "(3.0, [2.635, 2.757, 2.878, 3.0])"
    shown = notebook.run("print(len(losses), losses[0] > losses[-1])").stdout
    assert shown == "50 True\n"
    notebook.kill()
    notebook.run(name)
    for cell in (data, train):
        assert "restored" in notebook.run(cell).text
    assert notebook.run("print(len(losses), losses[0] > losses[-1])").stdout == shown


def test_the_page_about_testing_is_a_file_of_tests_that_pass(tmp_path):
    (tmp_path / "test_report.py").write_text("\n\n".join(snippets("docs/how-to/testing.md")))
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_report.py"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


def test_the_page_about_cancelling_does_what_it_says(notebook, tmp_path):
    page = snippets("docs/how-to/cancelling-and-child-runs.md")
    load, steps, several, start, night, waits, cancel, awaits, fork = page
    for cell in (load, steps):
        assert notebook.run(cell).errors == []
    parcels = "['parcel of tea', 'parcel of tea', 'parcel of milk']"
    assert notebook.run(several).result["text/plain"] == parcels
    assert notebook.run(start).result["text/plain"] == "'running'"
    assert notebook.run(night).result["text/plain"].startswith("<run r_")
    reply = notebook.run(waits)
    assert (reply.stdout, reply.result["text/plain"]) == ("tea: looked after\ncounted\n", "'tea'")
    assert notebook.run(cancel).result["text/plain"] == "True"
    reply = notebook.run(awaits)
    assert "out of stock" in reply.stdout
    assert reply.result["text/plain"] == "'cancelled'"
    assert notebook.run(fork).result["text/plain"] == "True"
    words = [sys.executable, "-m", "perdure", "cancel", "fulfil", "--reason", "out of stock"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, env=os.environ)
    assert "fulfil" in done.stdout + done.stderr


def test_the_page_about_editing_does_what_it_says(notebook):
    load, steps, first, more, redo = snippets("docs/how-to/editing-and-resuming.md")
    for cell in (load, steps):
        assert notebook.run(cell).errors == []
    assert notebook.run(first).result["text/plain"] == "[3, 10]"
    reply = notebook.run(more)
    assert (reply.result["text/plain"], reply.stdout) == ("[3, 10, 28]", "loading 8\nadding\n")
    assert notebook.run(redo).stdout == "adding\nadding\nadding\n"
