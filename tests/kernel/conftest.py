"""Fixtures for tests over real kernels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kernel.harness import Notebook


@pytest.fixture
def open_notebook(tmp_path: Any) -> Iterator[Callable[..., Notebook]]:
    """Opens notebooks with `open_notebook(kernel="python3", folder="a", env={...})`; ends them all."""
    opened: list[Notebook] = []

    def open_one(kernel: str = "perdure", folder: str = ".", env: dict[str, str] | None = None) -> Notebook:
        opened.append(Notebook(tmp_path / folder, kernel, env))
        return opened[-1]

    yield open_one
    for notebook in opened:
        notebook.shutdown()


@pytest.fixture
def notebook(open_notebook: Callable[..., Notebook]) -> Notebook:
    """A notebook over the kernel "Python 3 (Perdure)"."""
    return open_notebook()
