"""What a store takes and what a collection did, in words: for `%perdure` and the command line alike."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from perdure.codec.masking import escaped
from perdure.engine.durations import size_words
from perdure.errors import NoSuchRun
from perdure.store.sizes import Share, sizes

from . import lines

if TYPE_CHECKING:
    from perdure.store import Store
    from perdure.store.gc import Collected

MOST = 20
"""Lines of one kind; what is smaller is summed up."""

LARGEST = 3
"""So many workflows are named where the store is told in a line."""

_LEVELS = ("workflow", "run", "step")
_UNNAMED = ("(forgotten runs)", "(state)", "(inputs and result)")
_FIGURES = ("journal", "blobs", "unneeded", "shared")


class DiskUse:
    """What a store takes by workflow, run and step, as text and as plain data."""

    def __init__(self, store: Store, name: str | None = None) -> None:
        """Measure it.

        Args:
            store: what is measured.
            name: a workflow, or the id of a run, of which alone it is told.

        Raises:
            NoSuchRun: there is neither.
        """
        self._path = str(store.path or "in memory")
        self._free = None if store.path is None else shutil.disk_usage(store.path).free
        self._sizes = sizes(store)
        self._runs = {run.id: run for run in store.journal.runs()}
        self._name = name
        self._level, self._shares = 0, self._sizes.workflows
        if name is not None:
            self._level, self._shares = self._found(name)

    def _found(self, name: str) -> tuple[int, tuple[Share, ...]]:
        for workflow in self._sizes.workflows:
            if workflow.name == name:
                return 0, (workflow,)
            for run in workflow.parts:
                if run.name == name:
                    return 1, (run,)
        if name in self._runs:
            return 1, (Share(name, 0, 0, 0),)
        if any(run.workflow == name for run in self._runs.values()):
            return 0, (Share(name, 0, 0, 0),)
        raise NoSuchRun(run=name, path=self._path)

    def __repr__(self) -> str:
        # By itself a store is told down to its runs; what was named, down to its steps.
        rows = self._rows(self._shares, self._level, deepest=1 if self._name is None else 2)
        widths = [max(len(row[column]) for row in rows) for column in range(5)]
        table = [
            "  ".join(
                f"{text:{side}{width}}" for text, side, width in zip(row, "<<>>>", widths, strict=True)
            ).rstrip()
            for row in rows
        ]
        return "\n".join([self._head(), *(["", *table] if rows[1:] else []), *self._foot()])

    def _head(self) -> str:
        found = self._sizes
        free = "" if self._free is None else f"; {size_words(self._free)} are free on its disk"
        return (
            f"Store {self._path}: {size_words(found.total)} "
            f"({size_words(found.blobs)} in blobs, {size_words(found.journal)} in the journal){free}"
        )

    def _foot(self) -> list[str]:
        found = self._sizes
        told = []
        if found.shared:
            told.append(
                f"{size_words(found.shared)} are shared by several steps, and stay as long as one does."
            )
        if found.unneeded:
            told.append(f"{size_words(found.unneeded)} are needed by nothing: `perdure gc` removes them.")
        return ["", *told] if told else []

    def _rows(self, shares: tuple[Share, ...], level: int, *, deepest: int) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = [
            (" / ".join(_LEVELS[level : deepest + 1]), "", "values", "own", "shared")
        ]
        self._add(rows, shares, level, deepest, 0)
        return rows

    def _add(
        self, rows: list[tuple[str, ...]], shares: tuple[Share, ...], level: int, deepest: int, indent: int
    ) -> None:
        for share in shares[:MOST]:
            name = escaped(share.name) or _UNNAMED[level]
            rows.append(("  " * indent + name, self._about(share, level), *_figures(share)))
            if level < deepest:
                self._add(rows, share.parts, level + 1, deepest, indent + 1)
        rest = shares[MOST:]
        if rest:
            summed = Share(
                f"and {len(rest)} more",
                *(sum(getattr(each, name) for each in rest) for name in ("values", "own", "shared")),
            )
            rows.append(("  " * indent + summed.name, "", *_figures(summed)[:2], ""))

    def _about(self, share: Share, level: int) -> str:
        run = self._runs.get(share.name) if _LEVELS[level] == "run" else None
        return "" if run is None else f"{run.state}, {lines.when(run.created)}"

    def data(self) -> dict[str, Any]:
        """The same as plain data, all of it."""
        figures = {name: getattr(self._sizes, name) for name in ("total", *_FIGURES)}
        shares = [_plain(share, self._level) for share in self._shares]
        return {"store": self._path, "free": self._free, **figures, f"{_LEVELS[self._level]}s": shares}


def _figures(share: Share) -> tuple[str, str, str]:
    return f"{share.values:,}", size_words(share.own), size_words(share.shared) if share.shared else "-"


def _plain(share: Share, level: int) -> dict[str, Any]:
    found = {name: getattr(share, name) for name in ("name", "values", "own", "shared")}
    if level + 1 < len(_LEVELS):
        found[f"{_LEVELS[level + 1]}s"] = [_plain(part, level + 1) for part in share.parts]
    return found


def told(gone: Collected, *, dry_run: bool, max_size: int | None = None) -> list[str]:
    """What a collection removed, or would remove, and what stays.

    Args:
        gone: what came of it.
        dry_run: whether it only told.
        max_size: what the store was to take at most, if that was said.
    """
    said = []
    forgot, removed, takes = (
        ("Would forget", "Would remove", "would take") if dry_run else ("Forgot", "Removed", "takes")
    )
    if gone.runs:
        named = ", ".join(f"{escaped(workflow)} {number}" for workflow, number in gone.workflows)
        said.append(f"{forgot} {_counted(len(gone.runs), 'run')}: {named}.")
    if gone.calls:
        said.append(f"{forgot} {_counted(gone.calls, 'older version')} of calls.")
    back = f", and {size_words(gone.journal)} of the journal" if gone.journal else ""
    said.append(f"{removed} {_counted(gone.blobs, 'blob')}: {size_words(gone.bytes)}{back}.")
    if gone.leftovers:
        said.append(f"{removed} what killed processes had left half-written: {size_words(gone.leftovers)}.")
    if gone.waiting:
        said.append(
            f"{size_words(gone.waiting)} more are needed by nothing, but were put in the last hour while a "
            "kernel is at work: a later collection removes them."
        )
    said.append(f"The store {takes} {size_words(gone.left)}; `perdure du` shows by what.")
    if max_size is not None and gone.left > max_size:
        said.append(
            f"That is more than {size_words(max_size)}: what stays is unfinished, in use, or among the "
            "newest runs of its workflow (`--keep` says how many)."
        )
    return said


def facts(store: Store) -> list[tuple[str, str]]:
    """What a store takes, and its largest workflows, as facts by name."""
    found = sizes(store)
    parts = f"{size_words(found.blobs)} in blobs, {size_words(found.journal)} in the journal"
    size = f"{size_words(found.total)}: {parts}"
    if found.unneeded:
        size += f"; {size_words(found.unneeded)} that nothing needs (`%perdure gc`)"
    largest = [
        f"{escaped(share.name)} {size_words(share.own + share.shared)}" for share in found.workflows[:LARGEST]
    ]
    more = f", {len(found.workflows) - LARGEST} more" if len(found.workflows) > LARGEST else ""
    return [
        ("size", size),
        *([("largest", f"{', '.join(largest)}{more} (`%perdure du`)")] if largest else []),
    ]


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
