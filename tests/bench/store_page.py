"""The tables of the store's benchmark: what is aimed at, tiny steps, and large frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from bench.page import row, spelt, targets

if TYPE_CHECKING:
    from bench.store import Cells, Entrant

OURS, QUICK = "Perdure", "Perdure, process"
_RAW = (
    ("raw write", "process", "write"),
    ("raw write, fsync", "power loss", "synced"),
    ("copy in memory", "nothing", "copy"),
)
Aim = tuple[str, str, bool | None]
_KINDS = {"numeric": "800 MB frame, numeric", "mixed": "700 MB frame, mixed"}


def aims(cells: Cells) -> str:
    """The targets of the store, against what was measured."""
    return targets([*_small_aims(cells), *_large_aims(cells)])


def _small_aims(cells: Cells) -> Iterator[Aim]:
    get = cells.get
    quick, power = get(QUICK, "steps 1000", "p50"), get(OURS, "steps 1000", "p50")
    yield _most("tiny step, run and committed (process): at most 60 us", quick, 60e-6)
    peers = {
        entrant: seconds
        for entrant in cells.names()
        if not entrant.startswith("Perdure") and (seconds := get(entrant, "steps 1000", "p50"))
    }
    if quick and peers:
        best = min(peers, key=lambda name: peers[name])
        told = f"{spelt(quick)} against {spelt(peers[best])} ({best})"
        yield "tiny step: faster than every peer", told, quick < peers[best]
    yield _most("tiny step, run and committed (power): at most 400 us", power, 400e-6)
    few, many = get(OURS, "replay 100", "each"), get(OURS, "replay 100000", "each")
    yield _most("tiny step replayed: at most 20 us, of 100,000 recorded", many, 20e-6)
    if few and many:
        told = f"{spelt(few)} of 100, {spelt(many)} of 100,000: {many / few:.2f}"
        yield "tiny step replayed: flat, so at most 1.5 times from 100 to 100,000", told, many <= 1.5 * few
    whole = get(QUICK, "replay 1000", "seconds")
    yield _most("1,000 recorded steps replayed by a fresh process: at most 25 ms", whole, 25e-3)
    yield _most("import and open, whole process: at most 150 ms", get(OURS, "opened", "process"), 150e-3)
    loading, imports = get(OURS, "listing", "load_ext"), get(OURS, "listing", "imports")
    aim = "`%load_ext` beside a store of 100,000 steps, imports apart: at most 50 ms"
    if loading is None or imports is None:
        yield aim, "", None
    else:
        yield aim, f"{spelt(loading)}, and {spelt(imports)} of imports", loading <= 50e-3
    yield _most("list 1,000 runs: at most 100 ms", get(OURS, "listing", "list"), 100e-3)
    yield _most("commit beside a stream of blobs, p99.9: at most 10 ms", get(OURS, "latency", "p999"), 10e-3)


def _large_aims(cells: Cells) -> Iterator[Aim]:
    def get(name: str, work: str, what: str) -> float | None:
        return cells.get(name, work, what)

    frame = "frame numeric"
    for name, raw, share, word in (
        (QUICK, "write", 0.85, "without fsync"),
        (OURS, "synced", 0.7, "with fsync"),
    ):
        kept, written = get(name, frame, "keep"), get(name, frame, raw)
        aim = f"{_KINDS['numeric']}: checkpoint at {share:.0%} of a raw write or more, {word}"
        if kept and written:
            yield (
                aim,
                f"{spelt(kept)} against {spelt(written)}: {written / kept:.0%}",
                written / kept >= share,
            )
        else:
            yield aim, "", None
    for kind, limit in (("numeric", 5e-3), ("mixed", 10e-3)):
        yield _most(
            f"{_KINDS[kind]}: restore in at most {limit * 1e3:.0f} ms",
            get(OURS, f"load {kind}", "load"),
            limit,
        )
    first, live = get(OURS, "load numeric", "sum"), get(OURS, "load numeric", "live")
    if first and live:
        told = f"{spelt(first)} against {spelt(live)}: {first / live:.2f}"
        yield "first sums after a restore: at most 1.2 times the live ones", told, first <= 1.2 * live
    again, bytes_ = get(OURS, frame, "again"), get(OURS, frame, "again_bytes")
    yield _most("the same again: at most 150 ms", again, 150e-3)
    yield _bytes("the same again: no new bytes of the frame (at most 64 kB)", bytes_, 64e3)
    yield _most("one column more: at most 300 ms", get(OURS, frame, "wider"), 300e-3)
    new, wider = get(OURS, frame, "wider_bytes"), get(OURS, frame, "wider_size") or 0.0
    yield _bytes("one column more: at most 10 % of its bytes are new", new, 0.1 * wider)
    yield _most("`%%step` that reads 200 MB: at most 0.1 s more", get(OURS, "reading", "over"), 0.1)
    yield _bytes("`%%step` that reads 200 MB: at most 10 kB", get(OURS, "reading", "bytes"), 10e3)
    for kind, limit in (("numeric", 32e6), ("mixed", 128e6)):
        aim = f"{_KINDS[kind]}: at most {limit / 1e6:.0f} MB of extra memory"
        yield _bytes(aim, get(OURS, f"frame {kind}", "memory"), limit)


def _most(aim: str, seconds: float | None, limit: float) -> Aim:
    return (aim, "", None) if seconds is None else (aim, spelt(seconds), seconds <= limit)


def _bytes(aim: str, size: float | None, limit: float) -> Aim:
    return (aim, "", None) if size is None else (aim, _sized(size), size <= limit)


def _sized(size: float) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 1e6 else f"{size / 1e3:,.1f} kB"


def small(cells: Cells, entrants: list[Entrant]) -> str:
    """Tiny steps: entrants down, works across."""
    columns: list[tuple[str, str, str]] = [
        ("step, p50", "steps 1000", "p50"),
        ("step, p99", "steps 1000", "p99"),
        ("replayed, each of 1,000", "replay 1000", "each"),
        ("1,000 replayed", "replay 1000", "seconds"),
        ("import and open", "opened", "process"),
    ]
    return _table("tiny steps", cells, entrants, columns, lambda name, work: spelt)


def large(cells: Cells, entrants: list[Entrant]) -> str:
    """Frames: a table for each kind."""
    blocks = []
    for kind, title in _KINDS.items():
        columns = [
            ("checkpoint", f"frame {kind}", "keep"),
            ("the same again", f"frame {kind}", "again"),
            ("new bytes", f"frame {kind}", "again_bytes"),
            ("a column more", f"frame {kind}", "wider"),
            ("new bytes", f"frame {kind}", "wider_bytes"),
            ("extra memory", f"frame {kind}", "memory"),
            ("restore", f"load {kind}", "load"),
            ("first sums / live", f"load {kind}", "sum"),
        ]

        def spell(name: str, what: str, kind: str = kind) -> Callable[[float], str]:
            if what == "sum":
                live = cells.get(name, f"load {kind}", "live") or 1.0
                return lambda seconds: f"{seconds / live:.2f}"
            return _sized if what in ("again_bytes", "wider_bytes", "memory") else spelt

        lines = [_table(title, cells, entrants, columns, spell)]
        for name, survives, what in _RAW:
            if seconds := cells.raw(f"frame {kind}", what):
                lines.append(row([name, survives, spelt(seconds), *[""] * (len(columns) - 1)]))
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _table(
    title: str,
    cells: Cells,
    entrants: list[Entrant],
    columns: list[tuple[str, str, str]],
    spell: Callable[[str, str], Callable[[float], str]],
) -> str:
    lines = [row([f"**{title}**", "survives", *(column for column, _, _ in columns)])]
    lines.append(row(["---"] * (len(columns) + 2)))
    for entrant in entrants:
        found = [entrant.name, entrant.survives]
        for _, work, what in columns:
            figure = cells.get(entrant.name, work, what)
            failed = cells.failure(entrant.name, work)
            found.append(
                f"fails: {failed}" if failed else "" if figure is None else spell(entrant.name, what)(figure)
            )
        lines.append(row(found))
    return "\n".join(lines)
