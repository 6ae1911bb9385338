"""The tables of the benchmark as Markdown, and the page in which they stand between marks."""

from __future__ import annotations

import datetime as dt
import os
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

from bench.timing import Cell, Cells

ACTS = ("encode", "decode", "digest")


def times(tables: Mapping[str, Cells], names: Sequence[str]) -> str:
    """One table for each act: values down, contenders across; in brackets how often Perdure's time."""
    blocks = []
    for act in ACTS:
        who = [name for name in names if any((name, act) in cells for cells in tables.values())]
        lines = [row([f"**{act}**", *who]), row(["---"] * (len(who) + 1))]
        for subject, cells in tables.items():
            own = cells.get(("Perdure", act), Cell()).seconds
            lines.append(row([subject, *(_cell(cells.get((name, act)), own) for name in who)]))
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def memory(found: Mapping[tuple[str, str, str], int | None], subjects: Sequence[str]) -> str:
    """Extra memory at the peak, by subject and act."""
    names = list(dict.fromkeys(name for name, _, _ in found))
    lines = [row(["**extra memory at the peak**", *names]), row(["---"] * (len(names) + 1))]
    for subject in subjects:
        for act in ("encode", "digest"):
            cells = [_megabytes(found, (name, act, subject)) for name in names]
            lines.append(row([f"{subject}, {act}", *cells]))
    return "\n".join(lines)


def _megabytes(found: Mapping[tuple[str, str, str], int | None], key: tuple[str, str, str]) -> str:
    if key not in found:
        return ""
    size = found[key]
    return "fails" if size is None else f"{size / 1e6:,.0f} MB"


def targets(rows: Sequence[tuple[str, str, bool | None]]) -> str:
    """What is aimed at, what was measured, and whether that is enough."""
    lines = [row(["target", "measured", ""]), row(["---"] * 3)]
    words = {True: "reached", False: "**missed**", None: "not measured"}
    return "\n".join([*lines, *(row([aim, measured, words[reached]]) for aim, measured, reached in rows)])


def conditions(packages: Sequence[str]) -> str:
    """Where and when this was measured, and with which versions."""
    versions = ", ".join(f"{name} {found}" for name in packages if (found := _version(name)))
    return (
        f"{dt.datetime.now(dt.UTC).date()}; {_processor()}, {os.cpu_count()} cores, {platform.system()} "
        f"{platform.machine()}; Python {platform.python_version()}; Perdure {_version('perdure')}; {versions}."
    )


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = (line.partition(":") for line in info.read_text().splitlines())
        return next((text.strip() for name, _, text in lines if name.strip() == "model name"), "")
    return platform.processor()


def row(cells: Sequence[str]) -> str:
    """A line of a table."""
    return f"| {' | '.join(cells)} |"


def _cell(cell: Cell | None, own: float | None) -> str:
    if cell is None:
        return ""
    seconds = cell.seconds
    if seconds is None:
        return cell.failed
    if not own or seconds == own:
        return spelt(seconds)
    ratio = seconds / own
    return f"{spelt(seconds)} ({ratio:,.0f}x)" if ratio >= 10 else f"{spelt(seconds)} ({ratio:.2g}x)"


def spelt(seconds: float) -> str:
    """A time with three digits."""
    for unit, factor in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= factor or unit == "us":
            return f"{_three(seconds / factor)} {unit}"
    raise AssertionError


def _three(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.1f}" if number >= 10 else f"{number:.2f}"


def write(page: Path, name: str, text: str) -> None:
    """Put the text between the marks of this name in the page."""
    before, start, rest = page.read_text().partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- end of {name} -->")
    if not start or not end:
        raise SystemExit(f"{page} has no marks for {name}")
    page.write_text(f"{before}{start}\n{text}\n\n{end}{after}")
