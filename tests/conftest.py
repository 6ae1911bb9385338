"""What holds for every test."""

from __future__ import annotations

import signal
import sys

import pytest

# What is started in the background by a shell ignores interrupts, and so would the tests of them.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def main_stays(monkeypatch):
    """A shell of IPython puts a module of its own in place of `__main__`; the next test gets it back."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
