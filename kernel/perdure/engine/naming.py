"""Under which name the calls of a step are recorded in a run.

1. That is the step's own name, such as `fetch` or `Model.fit`. Where two modules have steps of one name, it
   is that of the step which the run called first; calls of the other are recorded as `module.fetch`.
2. A name that was given is kept with the run: whoever calls first on a replay, each step finds its calls.
3. A module that is gone, or has no such step any more, leaves its name to the step that is called next: a
   file was renamed, or a script is now imported.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from perdure.store.forgetting import LENT
from perdure.store.related import origins

if TYPE_CHECKING:
    from perdure.store.protocols import Journal
    from perdure.store.records import NoteRecord, RunRecord

NOTE = "step"
"""The kind of the notes: `name` is the recorded one, `module` and `step` are those of the code."""

_defined: WeakValueDictionary[tuple[str, str], Any] = WeakValueDictionary()

listeners: list[Callable[[Any], None]] = []
"""Called with each step that is defined; one that raises refuses it."""


def define(step: Any) -> None:
    """Note that a step is there now, in place of an earlier one of its module and name."""
    for listener in tuple(listeners):
        listener(step)
    _defined[step.__module__, step.name] = step


class Names:
    """The names of one run's steps.

    Args:
        notes: what was kept of them; of two for one name, the later one holds.
        keep: keeps a name that is given now, with its module and the step's own name.
    """

    def __init__(self, notes: Iterable[NoteRecord], keep: Callable[[str, str, str], None]) -> None:
        self._names: dict[tuple[str, str], str] = {}
        self._holders: dict[str, tuple[str, str]] = {}
        self._earlier: set[str] = set()
        """Names that were given before this process took the run, and may change hands."""
        self._keep = keep
        for note in notes:
            self._give(note.name, note.data["module"], note.data["step"])
            self._earlier.add(note.name)

    def of(self, step: Any) -> str:
        """The name under which calls of this step are recorded."""
        place = (step.__module__, step.name)
        found = self._names.get(place)
        if found is None:
            found = step.name if self._is_free(step.name) else ".".join(place)
            self._give(found, *place)
            self._earlier.discard(found)
            self._keep(found, *place)
        return found

    def _give(self, name: str, module: str, step: str) -> None:
        before = self._holders.get(name)
        if before is not None:
            del self._names[before]
        self._holders[name] = (module, step)
        self._names[module, step] = name

    def _is_free(self, name: str) -> bool:
        holder = self._holders.get(name)
        return holder is None or (name in self._earlier and _is_gone(*holder))


def _is_gone(module: str, step: str) -> bool:
    """Whether the module has no such step any more. One that is not imported yet may still have it."""
    if module in sys.modules:
        return (module, step) not in _defined
    try:
        return find_spec(module) is None
    except (ImportError, ValueError):
        return True


def notes_of(journal: Journal, run: RunRecord) -> Iterator[NoteRecord]:
    """The names that were given in a run, in those that it was forked from, and in those that it reuses."""
    lenders = [lender for note in journal.notes(run.id, LENT) for lender in note.data["runs"]]
    for each in (*lenders, *origins(journal, run), run.id):
        yield from journal.notes(each, NOTE)


def recorded(wanted: str, names: Iterable[str], notes: Iterable[NoteRecord] = ()) -> list[str]:
    """The recorded names that a person means by `wanted`: that very one, or those that it is short for.

    Args:
        wanted: as it was written: `fetch`, `module.fetch`, or `fit` for `Model.fit`.
        names: the recorded names that there are.
        notes: what was kept of them.
    """
    known = set(names)
    if wanted in known:
        return [wanted]
    full = {note.name: f"{note.data['module']}.{note.data['step']}" for note in notes}
    return sorted(name for name in known if full.get(name) == wanted or name.endswith(f".{wanted}"))


def listed(names: Iterable[str]) -> str:
    """Names as a sentence lists them: "`a.fetch` and `b.fetch`"."""
    *others, last = (f"`{name}`" for name in names)
    return f"{', '.join(others)} and {last}" if others else last
