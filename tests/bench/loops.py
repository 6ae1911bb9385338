"""What keeping costs a loop: `python -m bench.loops [--seconds 60] [--rounds 3] [--write]`.

Each loop runs plainly and as a resumable one, by turns, for as many turns as take so many seconds. Compared is the
time of processors, of all threads: what else the machine does is hardly in it. Beside it stands what the loop
itself holds its keeping to have cost of its time: by that it decides when it keeps.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench import page
from perdure import resumable, step, workflow
from perdure.engine.loops import pace
from perdure.engine.process import the_store, use_store
from perdure.store import open_store

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
EVERY = "10s"
"""Shorter than what is used where nothing is said, so that a minute tells something."""
LARGE = 6_250_000
"""Numbers of one of four arrays: 200 MB in all."""
TINY = 1_000_000
"""Turns of a loop that does nothing."""

spent: list[float] = []
"""Seconds that the loop that ran last took for keeping, as it holds itself."""


def arrays() -> tuple[Any, Callable[[], None]]:
    """Four arrays that change in each turn, beside a product of matrices."""
    chance = np.random.default_rng(0)
    state = [chance.random(LARGE) for _ in range(4)]
    matrix = chance.random((700, 700))

    def turn() -> None:
        for each in state:
            each[::512] += 1
        matrix[:] = matrix @ matrix / 700

    return state, turn


def model() -> tuple[Any, Callable[[], None]]:
    """A network of scikit-learn that learns from a batch in each turn, and a list of its losses."""
    from sklearn.neural_network import MLPClassifier

    chance = np.random.default_rng(0)
    network = MLPClassifier((512, 256))
    losses: list[float] = []

    def turn() -> None:
        inputs = chance.random((256, 64))
        network.partial_fit(inputs, (inputs.sum(1) > 32).astype(int), classes=[0, 1])
        losses.append(float(network.loss_))

    return [network, losses, chance], turn


SUBJECTS = {"200 MB in four arrays, all of which change": arrays, "a network of scikit-learn": model}


@step
def loop(name: str, turns: int, how: str) -> tuple[float, float]:
    """Seconds, and seconds of processors, of so many turns, plainly or resumable."""
    state, turn = SUBJECTS[name]()
    turn()
    began, at = time.perf_counter(), time.process_time()
    if how == "plain":
        for _ in range(turns):
            turn()
    else:
        for _ in resumable(range(turns), keep=["state"], every=EVERY):
            turn()
    took = time.perf_counter() - began, time.process_time() - at
    del state
    return took


@step
def tiny(how: str) -> tuple[float, float]:
    """The same of many turns that do nothing."""
    began, at = time.perf_counter(), time.process_time()
    if how == "plain":
        for _ in range(TINY):
            pass
    else:
        for _ in resumable(range(TINY)):
            pass
    return time.perf_counter() - began, time.process_time() - at


@workflow
def timed(name: str, turns: int, how: str, number: int) -> tuple[float, float]:
    """One loop, in a step."""
    return loop(name, turns, how) if name else tiny(how)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one loop cost plainly, and as a resumable one."""

    name: str
    plain: float
    """Seconds of processors."""
    ratio: float
    share: float
    """Of the time that it took, by its own account."""
    kept: float
    """Turns that were kept in a round, on average."""


def cost(name: str, seconds: float, rounds: int) -> Cost:
    """Run a loop by turns in both ways."""
    turns = max(1, round(20 * seconds / timed(name, 20, "plain", -1)[0]))
    plain, ratios, shares, kept = [], [], [], []
    for number in range(rounds):
        plain.append(timed(name, turns, "plain", number)[1])
        spent.clear()
        took, of_processors = timed(name, turns, "resumable", number)
        ratios.append(of_processors / plain[-1])
        shares.append(sum(spent) / took)
        journal = the_store().journal
        kept += [note.data["keeps"] for note in journal.notes(journal.runs()[0].id, "loop")]
    return Cost(name, statistics.median(plain), statistics.median(ratios), max(shares), sum(kept) / rounds)


def noting(spend: Callable[[pace.Pace, float], None]) -> Callable[[pace.Pace, float], None]:
    """As `spend`, with a note of each cost."""

    def noted(self: pace.Pace, seconds: float) -> None:
        spent.append(seconds)
        spend(self, seconds)

    return noted


def table(costs: list[Cost], apart: float) -> str:
    """What was measured."""
    lines = [
        page.row([f"**a loop that keeps every {EVERY}**", "plain", "resumable", "for keeping", "turns kept"]),
        page.row(["---"] * 5),
    ]
    for each in costs:
        figures = (
            page.spelt(each.plain),
            f"{each.ratio:.3f}x",
            f"{100 * each.share:.2f} %",
            f"{each.kept:.1f}",
        )
        lines.append(page.row([each.name, *figures]))
    share = max(each.share for each in costs)
    aims = [
        ("keeping takes at most 2 % of a loop's time", f"{100 * share:.2f} %", share <= pace.SHARE),
        ("a turn by itself costs", f"{apart * 1e9:.0f} ns more than in a plain loop", None),
    ]
    return f"{page.targets(aims[:1])}\n\n" + "\n".join(lines) + f"\n\n{aims[1][0]} {aims[1][1]}.".capitalize()


def main() -> None:
    """Measure, print, and write it into the page if that is asked for."""
    parser = argparse.ArgumentParser(prog="bench.loops")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    given = parser.parse_args()
    pace.Pace.spend = noting(pace.Pace.spend)  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["JUPYTER_DATA_DIR"] = folder
        with open_store(Path(folder) / "store") as store:
            use_store(store)
            costs = [cost(name, given.seconds, given.rounds) for name in SUBJECTS]
            apart = (timed("", 0, "resumable", 0)[1] - timed("", 0, "plain", 0)[1]) / TINY
            use_store(None)
    text = f"{table(costs, apart)}\n\n{page.conditions(['numpy', 'scikit-learn'])}"
    print(text)
    if given.write:
        page.write(PAGE, "loops", text)


if __name__ == "__main__":
    main()
