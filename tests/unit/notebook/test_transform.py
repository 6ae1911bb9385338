"""Cells that await under a magic become one top-level await; all others are left alone."""

from __future__ import annotations

import pytest

from perdure.notebook import transform


@pytest.fixture
def transformed(shell):
    transform.install(shell)
    return shell.transform_cell


def test_an_awaiting_cell_becomes_a_top_level_await(transformed):
    line = transformed("%%step load --retries 2\nx = await fetch()\n")
    assert line == (
        "await get_ipython().find_cell_magic('step').__self__"
        ".run_async('step', 'load --retries 2', 'x = await fetch()\\n')\n"
    )


@pytest.mark.parametrize("body", ["async with a as b:\n    pass", "!ls\nawait x", "[i async for i in a]"])
def test_every_way_to_await_is_seen(transformed, body):
    assert transformed(f"%%workflow  w\n{body}").startswith("await ")


@pytest.mark.parametrize(
    "cell",
    [
        "%%step a\nx = 1",
        "%%step a\nasync def f():\n    await x",
        "%%step a\nawait = = 1",
        "%%step a\n!ls 'unclosed",
        "%%other a\nawait x",
        "%%step?",
        "x = 1",
        "",
    ],
)
def test_other_cells_are_left_to_ipython(shell, cell):
    plain = shell.transform_cell(cell)
    transform.install(shell)
    assert shell.transform_cell(cell) == plain


def test_with_autoawait_off_nothing_is_turned(shell, transformed):
    shell.autoawait = False
    assert "run_cell_magic" in transformed("%%step a\nawait x")


def test_installing_twice_is_installing_once_and_uninstalling_is_complete(shell):
    before = list(shell.input_transformer_manager.line_transforms)
    transform.install(shell)
    transform.install(shell)
    assert len(shell.input_transformer_manager.line_transforms) == len(before) + 1
    transform.uninstall(shell)
    transform.uninstall(shell)
    assert shell.input_transformer_manager.line_transforms == before
