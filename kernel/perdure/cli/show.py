"""`perdure show`: one run as a timeline, as text or as a page."""

from __future__ import annotations

import argparse
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

from perdure.errors import NoSuchRun, PageNotWritten

from ._stores import needed_store

if TYPE_CHECKING:
    from perdure.store.protocols import Journal

_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>body {{ font-family: system-ui, sans-serif; margin: 2rem auto; max-width: 64rem }}</style>
</head>
<body>
{picture}
</body>
</html>
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which run, and in which form."""
    parser.add_argument(
        "run", metavar="RUN|WORKFLOW", help="id of a run, or a workflow, whose newest run is taken"
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the timeline as a page instead")


def run(arguments: argparse.Namespace) -> int:
    """Print the timeline, or write it to a file."""
    from perdure.store import open_store
    from perdure_widgets.rows import read

    path = needed_store(arguments)
    with open_store(path, readonly=True) as store:
        found = _find(store.journal, arguments.run)
        if found is None:
            raise NoSuchRun(run=arguments.run, path=path)
        timeline = read(store.journal, found)
    if arguments.html is None:
        from perdure_widgets.text import render_text

        print(render_text(timeline))
        return 0

    from perdure_widgets.static import render_html

    title = escape(f"{timeline.run.workflow} {timeline.run.id}")
    try:
        arguments.html.write_text(_PAGE.format(title=title, picture=render_html(timeline)), encoding="utf-8")
    except OSError as error:
        raise PageNotWritten(path=arguments.html, cause=error.strerror or str(error)) from None
    print(f"Wrote {arguments.html}")
    return 0


def _find(journal: Journal, name: str) -> str | None:
    """The id of the run with this id, or of the newest run of this workflow."""
    if journal.run(name) is not None:
        return name
    runs = journal.runs(workflow=name, limit=1)
    return runs[0].id if runs else None
