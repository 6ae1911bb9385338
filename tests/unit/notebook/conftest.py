"""A shell without a kernel, as in a terminal."""

from __future__ import annotations

import pytest
from IPython.core.interactiveshell import InteractiveShell


@pytest.fixture
def shell(tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    made = InteractiveShell()
    made.history_manager.enabled = False
    with made.builtin_trap:
        yield made
    made.history_manager.end_session()


@pytest.fixture
def cell(shell):
    """Pretends that a cell with this body was typed, and gives the body as a cell magic gets it."""

    def typed(body, first="%%step a"):
        shell.history_manager.input_hist_raw[:] = ["", f"{first}\n{body}"]
        return body

    return typed
