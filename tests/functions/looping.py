"""Loops that keep every turn, or every turn that is due by a clock, before the next one begins."""

import random

import pytest

from perdure.engine.loops import pace, progress
from perdure.engine.loops.saver import Saver, Work


class Face:
    """Notes what loops show and say."""

    def __init__(self):
        self.shown = []
        self.said = []

    def show(self, progress):
        self.shown.append(progress)

    def say(self, sentence, frame):
        self.said.append((frame.f_code.co_name, sentence))

    def shown_as(self, bar):
        return ""

    def shown_again(self, bars):
        pass


@pytest.fixture
def face():
    """What loops showed and said in this test."""
    own = Face()
    before = progress.use_face(own)
    yield own
    progress.use_face(before)


@pytest.fixture
def at_once(monkeypatch, face):
    """A turn is kept in the loop's own thread, however dear that is."""
    monkeypatch.setattr(pace, "SHARE", float("inf"))

    def begin(self, do, spend):
        self._work = Work(do, spend)
        self._work.run()

    monkeypatch.setattr(Saver, "begin", begin)
    return face


def notes(store):
    """What is noted of the loops of the newest run, by their path."""
    run = store.journal.runs()[0].id
    return {note.data["path"]: note.data for note in store.journal.notes(run, "loop")}


_given = []


def give(value):
    """What `given` gives from now on."""
    _given[:] = [value]


def given():
    """Something from outside, which is no input of the step that asks for it."""
    return _given[0]


class MishapError(Exception):
    """The attempt ends here."""


class Fate:
    """Which turns are kept, and after how much work the present attempt fails."""

    def __init__(self):
        self.left = None
        self.keeps = random.Random(0)
        self.share = 1.0

    def next(self, last):
        return last if self.keeps.random() < self.share else float("inf")


fate = Fate()


def tick():
    """Some work, at which an attempt may fail."""
    if fate.left is not None:
        fate.left -= 1
        if fate.left < 0:
            raise MishapError
