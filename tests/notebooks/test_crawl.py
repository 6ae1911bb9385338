"""The crawl of the examples is killed where it hurts, and goes on."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from kernel.harness import Notebook
from perdure.store import open_store

CRAWL = Path(__file__).parents[2] / "notebooks" / "crawl.ipynb"

HOLD = """
answer = Shop.{method}
def held(self):
    if {when}:
        Path("held").touch()
        time.sleep(1000)
    answer(self)
Shop.{method} = held
"""
"""A cell that has the shop answer nobody from some moment on."""

LOSE = """
say = Shop.answer
def lost(self, *args, **headers):
    if self.command == "POST":
        Path("held").touch()
        time.sleep(1000)
    say(self, *args, **headers)
Shop.answer = lost
"""
"""A cell that has the shop publish, and then say nothing."""


@pytest.fixture
def cells():
    """The code cells of the notebook, with their ids."""
    return {cell.id: cell for cell in nbformat.read(CRAWL, as_version=4).cells if cell.cell_type == "code"}


@pytest.fixture
def notebook(tmp_path):
    notebook = Notebook(tmp_path)
    yield notebook
    notebook.shutdown()


def killed_in_the_crawl(notebook, cells, hold):
    """Run the cells up to the crawl, and kill the kernel where `hold` stops the shop."""
    for name in ("extension", "workflow", "shop", "steps"):
        assert notebook.run(cells[name].source, name).status == "ok"
    assert notebook.run(hold).status == "ok"
    notebook.submit(cells["catalogue"].source, "catalogue")
    notebook.wait_for_file("held")
    notebook.kill()


def run_all(notebook, cells):
    """Each cell, with what it printed as it is stored."""
    for name, cell in cells.items():
        reply = notebook.run(cell.source, name)
        assert reply.status == "ok", reply.traceback
        if "nbval-ignore-output" not in cell.metadata.get("tags", []):
            printed = "".join(each.text for each in cell.outputs if each.output_type == "stream")
            assert reply.stdout == printed


def asked(notebook):
    """The paths that the shop of this kernel was asked for."""
    return json.loads(notebook.run("print(json.dumps(list(Shop.asked)))").stdout)


def test_pages_that_are_here_are_not_fetched_again_after_a_kill(notebook, cells, tmp_path):
    """Promises 1 and 2."""
    killed_in_the_crawl(notebook, cells, HOLD.format(method="do_GET", when="Shop.asked.total() > 12"))
    with open_store(tmp_path / ".perdure", readonly=True) as store:
        (run,) = store.journal.runs(workflow="catalogue")
        kept = [
            part.preview.strip("'")
            for call in store.journal.calls(run.id)
            for part in call.input_parts
            if call.state == "done"
        ]
    assert len(kept) > 3

    run_all(notebook, cells)
    paths = asked(notebook)
    assert set(paths).isdisjoint(kept)
    assert len([path for path in paths if path.startswith("/books/")]) == 25 - len(kept)
    assert len((tmp_path / "published.jsonl").read_text().splitlines()) == 1


def test_a_report_whose_answer_was_lost_with_the_kernel_is_published_once(notebook, cells, tmp_path):
    """Promise 5: it may be repeated, and the shop knows its key."""
    killed_in_the_crawl(notebook, cells, LOSE)
    assert len((tmp_path / "published.jsonl").read_text().splitlines()) == 1

    run_all(notebook, cells)
    paths = asked(notebook)
    assert "/reports" in paths
    assert not [path for path in paths if path.startswith("/books")]
    assert len((tmp_path / "published.jsonl").read_text().splitlines()) == 1
