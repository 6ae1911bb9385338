"""Where the values of workflows' durable dicts belong, and whose dict a value is of."""

from __future__ import annotations

from .records import Holding, Place, ValueRecord

ROLE = "state"


def place_of_item(workflow: str, name: str, item: str) -> Place:
    """Where the value of an entry belongs: elsewhere for each workflow, dict and item, however called."""
    return Place("", f"{_escaped(workflow)}/{_escaped(name)}", item, ROLE)


def in_dict(value: Holding | ValueRecord) -> bool:
    """Whether the value is of an entry, or was."""
    return value.role == ROLE and value.run == ""


def dict_of(step: str) -> tuple[str, str]:
    """The workflow and the name of the dict, from the step of such a place."""
    workflow, _, name = step.partition("/")
    return _plain(workflow), _plain(name)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _plain(name: str) -> str:
    return name.replace("~1", "/").replace("~0", "~")
