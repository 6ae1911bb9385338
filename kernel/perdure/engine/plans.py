"""What is to be executed, and how: what a workflow function or a %%workflow cell hands to an execution."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from perdure import codec
from perdure.store.records import Part, Tag

from . import keeping

if TYPE_CHECKING:
    from perdure.store import Store


@dataclass(frozen=True, slots=True)
class Choice:
    """How a run is started."""

    key: str | None = None
    """What makes the run this run, instead of its inputs."""
    fresh: bool = False
    """Begin another run although there is one."""
    reuse: bool = False
    """Restore calls of earlier runs of the workflow as well."""
    redo: frozenset[str] = frozenset()
    """Steps to run again although they are recorded."""
    redo_from: str | None = None
    """A step from which on everything runs again."""
    strict: bool = False
    """Refuse instead of running what is recorded in another form."""
    steal: bool = False
    """Take the run from a live process that has it."""
    tags: tuple[Tag, ...] = ()
    """Words by which the run is found again; those of a run that goes on are added to."""


AS_USUAL = Choice()
VALUE = "<value>"
"""In the kept result of a cell, beside the names that it bound, the cell's value."""


def tagged(tags: Mapping[str, Any]) -> tuple[Tag, ...]:
    """Tags as they are kept: words and values are texts.

    Raises:
        ValueError: a word is empty, or holds an `=`.
    """
    for name in tags:
        if not name or "=" in name:
            raise ValueError(f"a tag needs a word without `=`, not {name!r}")
    return tuple(Tag(name, str(tags[name])) for name in sorted(tags))


def sought(texts: Iterable[str]) -> dict[str, str]:
    """Tags as they are written, `day=mon`, or `day` for any value: the value is empty then."""
    return {name: value for name, _, value in (text.partition("=") for text in texts)}


def added(tags: tuple[Tag, ...], more: tuple[Tag, ...]) -> tuple[Tag, ...]:
    """These tags and more, each word once: the later value holds."""
    return tagged({tag.name: tag.value for tag in (*tags, *more)})


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be executed, and how."""

    workflow: str
    kind: str
    """`cell` or `function`."""
    inputs: str
    """Digest over the inputs."""
    code: str
    """Digest over the body's code."""
    arguments: codec.Encoded
    """The inputs, as one mapping of names, kept in full."""
    choice: Choice = AS_USUAL
    notebook: str | None = None
    store: Store | None = None
    keep: Callable[[Any], codec.Encoded] | None = None
    """How the body's value is encoded, where that is not simply by value."""
    input_parts: tuple[Part, ...] = ()
    code_parts: tuple[Part, ...] = ()
    executor: str | Executor | None = None
    """Where steps run that say nothing themselves; None: in threads."""
    defined: Mapping[str, str] | None = None
    """Where a function is defined: its `module`, `name` and `file`."""

    def inputs_again(self) -> dict[str, Any]:
        """The inputs, decoded: a body works on copies."""
        found: dict[str, Any] = keeping.decode(self.arguments)
        return found
