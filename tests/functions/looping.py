"""What tests of resumable loops share: what is shown, what is noted, and what happens to an attempt."""

import random


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
