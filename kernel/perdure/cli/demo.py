"""`perdure demo`: a notebook whose kernel is killed in its longest step, and which picks up again."""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from perdure.errors import DemoFailed, NotInstalled
from perdure_widgets import words

from ._demo_report import Line, kept_steps, resumed_lines, table
from ._notebook_run import run_pass, step_name
from ._progress import Progress

DEFAULT: Final = Path("notebooks/flights.ipynb")
_OFFLINE: Final = """\
{%- extends "lab/index.html.j2" -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
"""
"""nbconvert's page without the scripts that it would load from the network."""
NEEDED: Final = ("nbclient", "nbconvert", "nbformat")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to run, where to kill it, and where the finished notebook goes."""
    parser.add_argument(
        "notebook", nargs="?", type=Path, default=DEFAULT, help=f"the notebook (default: {DEFAULT})"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("demo-output"),
        metavar="DIR",
        help="folder for the finished notebook",
    )
    parser.add_argument(
        "--kill",
        default="train",
        metavar="STEP",
        help="kill the kernel when STEP has printed three lines (default: train)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run, kill, run again; print what was restored and what ran, and where the result lies."""
    for package in NEEDED:
        if importlib.util.find_spec(package) is None:
            raise NotInstalled(command="demo", package=package, extra="demo")
    notebook = _read(arguments.notebook, arguments.kill)
    progress = Progress()
    with tempfile.TemporaryDirectory(prefix="perdure-demo-", ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        progress.say(f"Running {arguments.notebook} in a Jupyter kernel.")
        began = time.monotonic()
        if not run_pass(notebook, folder, progress, kill=arguments.kill):
            raise DemoFailed(
                cause=f"step `{arguments.kill}` ended before its third line, so its kernel was not killed.",
                advice="Name a step that prints while it works with `--kill STEP`.",
            )
        kept = _journal(folder, kept_steps)
        after = words.took(time.monotonic() - began)
        progress.say(f"Killed the kernel (SIGKILL) in the middle of `{arguments.kill}`, after {after}.")
        progress.say("Running the whole notebook again, from the top, in a new kernel.")
        again = time.monotonic()
        run_pass(notebook, folder, progress)
        wall = time.monotonic() - again
        lines = _journal(folder, resumed_lines)
    _check(lines, kept)
    page = _write(notebook, arguments.output, arguments.notebook.stem)
    progress.say(f"\n{table(lines)}\n")
    progress.say(
        f"The second pass took {words.took(wall)}, with the kernel's start and the cells that are no steps."
    )
    progress.say(f"The finished notebook, with its outputs and its timeline: {page}")
    return 0


def _read(path: Path, kill: str) -> Any:
    """The notebook without its stored outputs, so that what is in the result was made here."""
    import nbformat

    if not path.is_file():
        raise DemoFailed(
            cause=f"there is no notebook at {path}.", advice="Name one: `perdure demo NOTEBOOK`."
        )
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    steps = [step for cell in notebook.cells if cell.cell_type == "code" and (step := step_name(cell.source))]
    if kill not in steps:
        raise DemoFailed(
            cause=f"{path} has no step `{kill}`.",
            advice=f"Name one with `--kill STEP`; it has {', '.join(steps) or 'none'}.",
        )
    return notebook


def _journal(folder: Path, question: Any) -> Any:
    """What the journal of the demo's store answers."""
    from perdure.store import open_store

    with open_store(folder / ".perdure", readonly=True) as store:
        return question(store.journal)


def _check(lines: list[Line], kept: set[str]) -> None:
    """Every step that had a checkpoint was restored, and at least one step had."""
    lost = kept - {line.step for line in lines if line.word == "restored"}
    if lost or not kept:
        raise DemoFailed(
            cause=f"kept before the kill, but not restored: {', '.join(sorted(lost))}."
            if lost
            else "nothing was kept before the kill.",
            advice="Please report this with the notebook.",
        )


def _write(notebook: Any, folder: Path, stem: str) -> Path:
    """Write the notebook and a page that loads nothing from anywhere; return the page's path."""
    import nbformat
    from nbconvert import HTMLExporter

    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, folder / f"{stem}.ipynb")
    exporter = HTMLExporter(raw_template=_OFFLINE)
    text, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": stem}})
    page = folder / f"{stem}.html"
    page.write_text(text, encoding="utf-8")
    return page
