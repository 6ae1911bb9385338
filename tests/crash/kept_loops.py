"""A workflow whose step trains in loops, which keep every turn: a scene of `every_step.py`.

In the file `turns` of the folder stands "ran A B" as a turn begins, and "kept A B" once it is acknowledged.
"""

import os
from pathlib import Path

import numpy as np

from perdure import resumable, step, workflow
from perdure.engine.loops import pace
from perdure.engine.loops.stand import Stand
from perdure.engine.process import the_store

FOLDS, EPOCHS, SIZE = 2, 3, 200_000


def log():
    return Path(os.environ["EVERY_LOG"]).with_name("turns")


def said(what, fold, epoch):
    with log().open("a") as file:
        file.write(f"{what} {fold} {epoch}\n")


@step
def train():
    scores, weights, settings = [], np.zeros(SIZE), {"rate": 0.5}
    for fold in resumable(range(FOLDS), keep=["scores", "settings"], every=0):
        weights, settings["rate"] = np.zeros(SIZE), settings["rate"] / 2
        for epoch in resumable(range(EPOCHS), keep=["weights"], every=0):
            said("ran", fold, epoch)
            weights += (fold + 1) * settings["rate"] * (epoch + 1)
            the_store().blobs.put(weights if epoch == 1 else b"something else")
        scores.append(float(weights.sum()))
    return scores


@workflow
def training():
    return train()


SCORES = [6 * SIZE * 0.25, 2 * 6 * SIZE * 0.125]


def work():
    """Train, or train on, with every turn kept before the next one begins; the scores."""
    pace.SHARE = float("inf")
    keep = Stand.keep

    def kept(self, path, turn, encoded):
        keep(self, path, turn, encoded)
        said("kept", *(level.done for level in turn.levels), *(() if turn.place else (0,)))

    Stand.keep = kept
    assert training() == SCORES


def check_turns():
    """No turn ran again that was acknowledged."""
    lines = [line.split() for line in log().read_text().splitlines()]
    done = (0, 0)
    for what, fold, epoch in lines:
        place = int(fold), int(epoch)
        if what == "kept":
            done = max(done, place)
        else:
            assert place >= done, (place, done, lines)
