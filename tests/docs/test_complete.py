"""What can be used is in the docs, and what the docs lead to is there."""

from __future__ import annotations

import argparse
import ast
import inspect
import re
from pathlib import Path

import pytest

import perdure
from perdure import cli, errors

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SOURCES = sorted([*(ROOT / "kernel").rglob("*.py"), *(ROOT / "widgets").rglob("*.py")])


def page(name: str) -> str:
    return (REFERENCE / f"{name}.md").read_text()


def test_every_public_name_is_in_the_reference():
    text = page("functions") + page("magics") + page("errors")
    missing = [name for name in perdure.__all__ if f"`{name}" not in text and f"perdure.{name}" not in text]
    assert missing == []


def test_every_error_is_in_the_reference():
    text = page("errors")
    names = {
        name
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.PerdureError)
    }
    assert {name for name in names if f"`{name}`" not in text} == set()


def test_every_error_in_the_reference_exists():
    listed = re.findall(r"^\| `(\w+)` \|", page("errors"), re.MULTILINE)
    assert [name for name in listed if not hasattr(errors, name)] == []


def test_every_command_and_each_of_its_options_is_in_the_reference():
    text = page("command-line")
    for command in cli.COMMANDS:
        assert f"## `perdure {command}" in text
        section = text.split(f"## `perdure {command}")[1].split("\n## ")[0]
        parser = argparse.ArgumentParser(add_help=False)
        cli._module(command).add_arguments(parser)
        options = [option for action in parser._actions for option in action.option_strings]
        assert [option for option in options if option not in section] == []


def magics() -> dict[str, object]:
    """The magics that the extension brings, by name, as a user's shell has them."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    before = {kind: set(table) for kind, table in shell.magics_manager.magics.items()}
    shell.extension_manager.load_extension("perdure")
    try:
        found = {}
        for kind, table in shell.magics_manager.magics.items():
            mark = "%%" if kind == "cell" else "%"
            found |= {mark + name: table[name] for name in set(table) - before[kind]}
        return found
    finally:
        shell.extension_manager.unload_extension("perdure")


@pytest.mark.usefixtures("elsewhere")
def test_every_magic_and_each_of_its_options_is_in_the_reference():
    text = page("magics")
    found = magics()
    assert {
        "%workflow",
        "%%step",
        "%%workflow",
        "%%setup",
        "%resume",
        "%runs",
        "%timeline",
        "%perdure",
    } <= set(found)
    for name, magic in found.items():
        assert f"`{name}" in text, name
        parser = getattr(magic, "parser", None)
        options = [option for action in parser._actions for option in action.option_strings] if parser else []
        # `%workflow` and `%%workflow` share their options, each with its own section.
        section = "".join(
            part for part in text.split("\n## ") if part.lstrip("`%").startswith(name.lstrip("%"))
        )
        assert [option for option in options if option not in section] == [], name


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A user and a folder without a store."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PERDURE_STORE", str(tmp_path / "store"))


def test_every_setting_is_in_the_reference():
    used = {name for path in SOURCES for name in re.findall(r"PERDURE_[A-Z]+(?:_[A-Z]+)*", path.read_text())}
    text = page("settings")
    assert {name for name in used if f"`{name}`" not in text} == set()


def test_every_link_between_the_pages_leads_somewhere():
    broken = [
        f"{path.relative_to(ROOT)} -> {target}"
        for path in PAGES
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text())
        if "://" not in target and not (path.parent / target).exists()
    ]
    assert broken == []


def test_every_promise_is_listed_and_numbered():
    numbers = re.findall(r"^(\d+)\. \*\*", page("promises"), re.MULTILINE)
    assert numbers == [str(number) for number in range(1, 12)]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_python_snippet_parses(path):
    """Snippets of notebooks are transformed as a kernel does."""
    from IPython.core.inputtransformer2 import TransformerManager

    for snippet in re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL):
        source = TransformerManager().transform_cell(snippet)
        compile(source, str(path), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
