"""The SQL of the journal, by name: it stands in `sql/`, and nowhere else."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).with_name("sql")
_NAME = re.compile(r"^-- (\w+) --$", re.MULTILINE)


def schema() -> str:
    """The script that makes an empty journal."""
    return (_FOLDER / "schema.sql").read_text("utf-8")


def table(name: str) -> str:
    """The statement that makes this table as an empty journal has it."""
    found = re.search(rf"^CREATE TABLE {name} \(.*?^\)[^;]*;", schema(), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found.group()


def query(name: str) -> str:
    """The statement with this name."""
    return _queries()[name]


@cache
def _queries() -> dict[str, str]:
    _, *parts = _NAME.split((_FOLDER / "queries.sql").read_text("utf-8"))
    return {name: text.strip() for name, text in zip(parts[::2], parts[1::2], strict=True)}
