"""What holds for every test."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture(autouse=True)
def main_stays(monkeypatch):
    """A shell of IPython puts a module of its own in place of `__main__`; the next test gets it back."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
