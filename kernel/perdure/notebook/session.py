"""What Perdure knows of the notebook in this kernel: its run, its steps, and where its names came from."""

from __future__ import annotations

import ast
import atexit
import os
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from IPython.core.error import UsageError

from perdure import codec
from perdure.engine import keeping
from perdure.engine.code.functions import names_code
from perdure.engine.decide import Request
from perdure.engine.events import Listener, listeners
from perdure.engine.inputs import combined, input_part
from perdure.engine.owner import Owner
from perdure.engine.process import set_parent_owner, the_store
from perdure.errors import DuplicateStep, RunOwned
from perdure.store.records import CallRecord, Part, RunRecord

from .lines import Line
from .namespace import is_code, is_users
from .placeholders import Placeholder
from .setup_sources import keep_source

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from perdure.engine.code.source import CellNames
    from perdure.store import Store


class Untold(Protocol):
    """Something that goes on beside the cells, and whose failure nobody has heard of."""

    def failure(self) -> BaseException | None:
        """Its error, if it has failed so far."""

    def told(self) -> Line:
        """The line about that, which is told now."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a step was last seen in this kernel."""

    cell: str | None
    code: str
    count: int

    def __str__(self) -> str:
        return f"cell [{self.count}]"


@dataclass(slots=True)
class _Origin:
    """Which call made the object that a name holds."""

    call: str
    identity: int
    digest: str = ""
    """Digest of the object when it was put there."""
    recorded: str = ""
    """Digest of the object from which it was kept, where that differs."""


@dataclass(slots=True)
class Session:
    """One notebook in one kernel."""

    shell: InteractiveShell
    owner: Owner | None = None
    refusal: RunOwned | None = None
    """Who holds the run that this notebook asked for last, and did not get."""
    child_run_id: str | None = None
    """The run of the %%workflow cell that ran last."""
    background: list[Untold] = field(default_factory=list)
    """The runs of %%workflow cells in the background, until somebody heard what became of them."""
    applied: dict[str, int] = field(default_factory=dict)
    """The calls whose outputs were put into this kernel's namespace, with their `seq`."""
    set_up: dict[str, str] = field(default_factory=dict)
    """Sources of the %%setup cells that ran in this kernel, by name."""
    _resources: dict[str, int] = field(default_factory=dict)
    """The names that %%setup cells made in this kernel, with the identity of their objects."""
    written: dict[str, str] = field(default_factory=dict)
    """Source of the functions and classes that unmarked cells defined, by name."""
    _unmarked: dict[str, int] = field(default_factory=dict)
    """The names that no step made, with the number of the cell that did."""
    _noted: dict[str, int] | None = None
    """What of these is kept in the run."""
    _origins: dict[str, _Origin] = field(default_factory=dict)
    _places: dict[str, Place] = field(default_factory=dict)
    _deleted_cells: set[str] = field(default_factory=set)
    _disconnect: list[Callable[[], None]] = field(default_factory=list)

    # -- the run -----------------------------------------------------------------------------------------

    @property
    def store(self) -> Store:
        """The store of this kernel, opened when first needed."""
        return self.owner.store if self.owner is not None else the_store(tell=False)

    @property
    def run_id(self) -> str | None:
        """The notebook's run, once `%workflow` named it."""
        return None if self.owner is None else self.owner.run.id

    @property
    def namespace(self) -> dict[str, Any]:
        """The notebook's globals."""
        namespace: dict[str, Any] = self.shell.user_ns
        return namespace

    def own(self, owner: Owner) -> None:
        """Make this the notebook's run, and let go of the one before."""
        self.release()
        self.owner, self.refusal = owner, None
        set_parent_owner(owner)
        keeping.use_codec(_codec_of(owner))
        atexit.register(owner.close)
        for name, source in self.set_up.items():
            keep_source(owner, name, source)

    def take(self, run: RunRecord, *, steal: bool = False) -> None:
        """Become the owner of a run, and make it the notebook's; with `steal`, from a live process too.

        Raises:
            RunOwned: another kernel is at work on it. Until another run is named, steps are refused for that
                reason too: they belong to no other run.
        """
        try:
            self.own(Owner.take(self.store, run, steal=steal))
        except RunOwned as refusal:
            self.release()
            self.refusal = refusal
            raise

    def release(self) -> None:
        """Let go of the notebook's run, and forget what belonged to it."""
        if self.owner is not None:
            atexit.unregister(self.owner.close)
            self.owner.close()
        self.owner = None
        set_parent_owner(None)
        keeping.use_codec(None)
        self.applied.clear()
        self._noted = None
        self._origins.clear()
        self._places.clear()

    def leave_lost_store(self) -> None:
        """Let go of a run whose store was deleted, so that the one that is found now is used."""
        if self.owner is not None and self.owner.store.lost:
            self.release()

    def needed_owner(self, magic: str) -> Owner:
        """The notebook's run, or a sentence that says how to name one.

        Raises:
            RunTaken: another kernel took the run from this one.
        """
        if self.owner is None:
            if self.refusal is not None:
                raise self.refusal
            suggestion = Path(notebook_path() or "analysis").stem.replace(" ", "_")
            raise UsageError(f"{magic} needs a workflow: run  %workflow {suggestion}  in a cell above, once.")
        self.owner.check()
        return self.owner

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` what happens, until what is returned is called, or the extension unloaded."""
        remove = listeners.add(listener)
        self._disconnect.append(remove)
        return remove

    def on_unload(self, function: Callable[[], None]) -> None:
        """Call this when the extension is unloaded."""
        self._disconnect.append(function)

    def close(self) -> None:
        """Undo all that loading did."""
        for function in reversed(self._disconnect):
            function()
        self._disconnect.clear()
        self.release()

    # -- cells -------------------------------------------------------------------------------------------

    def cell_id(self) -> str | None:
        """The id of the running cell, where the front end tells it."""
        metadata = self._metadata()
        self._deleted_cells.update(metadata.get("deletedCells") or ())
        return metadata.get("cellId")

    @property
    def cell_number(self) -> int:
        """The number of the running cell. IPython 9 counts on before it runs one, older ones after."""
        return len(self.shell.history_manager.input_hist_raw) - 1

    def _metadata(self) -> dict[str, Any]:
        get_parent = getattr(self.shell, "get_parent", None)  # terminal IPython has none
        parent = get_parent() if get_parent is not None else None
        return (parent or {}).get("metadata") or {}

    def place(self, step: str, code: str, *, replace: bool) -> Place:
        """Where the step of that name stands now; `register` notes it once the step has an outcome.

        Raises:
            DuplicateStep: another cell of this notebook has the name: another id, or, where the front end
                tells no ids, other code.
        """
        cell = self.cell_id()
        here = Place(cell, code, self.cell_number)
        before = self._places.get(step)
        both = None if before is None or replace else self.both_places(before, here)
        if both is not None:
            raise DuplicateStep(step=step, first=both[0], second=both[1], instead="add `--replace`")
        return here

    def both_places(self, before: Place, here: Place) -> tuple[str, str] | None:
        """Where two steps of one name stand, in words; None where it is one cell, or one code without ids."""
        if before.cell is None or here.cell is None:
            alike = before.code == here.code
            return None if alike else (f"the code of {before}", "other code in this cell")
        alike = before.cell == here.cell or before.cell in self._deleted_cells
        return None if alike else (str(before), "this cell")

    def cell_file(self) -> str | None:
        """The file name that the code of the running cell has; None where there are no cells."""
        get_parent = getattr(self.shell, "get_parent", None)
        typed = ((get_parent() or {}).get("content") or {}).get("code") if get_parent is not None else None
        if typed is None:
            return None
        name: str = self.shell.compile.get_code_name(typed, typed, self.cell_number)
        return name

    def register(self, step: str, place: Place) -> None:
        """Note that the step of that name stands in this cell."""
        self._places[step] = place

    def note_cell(self, source: str) -> None:
        """Remember what an unmarked cell defines: the steps that use it keep it with them."""
        if source.startswith("%%"):
            return
        try:
            tree = ast.parse(self.shell.transform_cell(source))
        except SyntaxError:
            return  # the cell itself will say so
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                self.written[node.name] = ast.unparse(node)

    def note_resources(self, before: Mapping[str, Any]) -> None:
        """Note what a %%setup cell made since the namespace was as `before`."""
        self._resources |= {
            name: id(value)
            for name, value in self.namespace.items()
            if is_users(name) and before.get(name) is not value
        }

    def resources(self, names: Iterable[str]) -> dict[str, Any]:
        """Those of these names that still hold what a %%setup cell made."""
        return {
            name: self.namespace[name]
            for name in names
            if name in self.namespace and self._resources.get(name) == id(self.namespace[name])
        }

    # -- names -------------------------------------------------------------------------------------------

    def note_names(self, count: int) -> None:
        """Keep which names no step made, after cell `count`: `%resume` lists those that it leaves out.

        A kernel in which no step took effect yet keeps nothing: the list of the one before still stands.
        """
        self._unmarked = {
            name: self._unmarked.get(name, count)
            for name in self.namespace
            if is_users(name) and self.maker(name) is None
        }
        if self.owner is not None and self.applied and self._unmarked != self._noted:
            self._noted = self._unmarked
            self.owner.note("names", "unmarked", self._unmarked)

    def made(self, call: CallRecord, names: dict[str, Any], recorded: dict[str, str] | None = None) -> None:
        """Note that these names now hold what `call` made.

        Args:
            recorded: for restored names, the digest of the object that was kept. Where the restored object
                digests otherwise, this one goes on standing for it for as long as it is unchanged.
        """
        for name, value in names.items():
            origin = _Origin(call.id, id(value))
            if recorded and name in recorded and not _digests_alike(value):
                origin.digest, origin.recorded = codec.digest(value).hex, recorded[name]
            self._origins[name] = origin
        self.applied[call.id] = call.seq

    def maker(self, name: str) -> str | None:
        """The call that made what the name holds, or None where no step did."""
        origin = self._origins.get(name)
        if origin is None or name not in self.namespace or id(self.namespace[name]) != origin.identity:
            return None
        return origin.call

    def part(self, name: str) -> Part:
        """The input that a name stands for, by content, or else by its origin."""
        value = self.namespace[name]
        maker = self.maker(name)
        if isinstance(value, Placeholder):
            return Part(name, f"weak:{maker}", weak=True, preview="not kept")
        part = input_part(name, value)
        if part.weak and maker is not None:
            return Part(name, f"weak:{maker}", weak=True, preview=part.preview)
        origin = self._origins.get(name)
        if maker is not None and origin is not None and origin.recorded and origin.digest == part.digest:
            return Part(name, origin.recorded, preview=part.preview)
        return part

    def request(self, step: str, names: CellNames, code: tuple[Part, ...], **options: Any) -> Request:
        """The request of a %%step cell: its code with all that it leads to, and the data that it reads.

        A name that is read late, in a function's body say, and that did not exist when a checkpoint of the
        same code was made, cannot have mattered to it; such a checkpoint still fits. So does one that made
        the name itself, by code that names do not tell.
        """
        owner = self.needed_owner("%%step")
        reads = {name for name in names.reads if name in self.namespace and is_users(name)}
        own = {name for name in names.unsure | names.late if name in names.binds and self._is_own(step, name)}
        request = self._request(step, reads - own, code, options)
        optional = names.late | names.unsure
        tried: dict[frozenset[str], Request] = {}
        for call in reversed(owner.history.of_step(step)):
            recorded = {part.name for part in (*call.input_parts, *call.code_parts)}
            made = {output.name for output in call.outputs} if names.dynamic else set()
            fewer = frozenset((reads - own) - ((optional | made) - recorded))
            if fewer == reads - own:
                continue
            if fewer not in tried:
                tried[fewer] = self._request(step, fewer, code, options)
            reduced = tried[fewer]
            if (reduced.inputs, reduced.code) == (call.inputs, call.code):
                return reduced
        return request

    def _request(
        self, step: str, reads: AbstractSet[str], code: tuple[Part, ...], options: dict[str, Any]
    ) -> Request:
        led = names_code(reads, self.namespace)
        data = {name for name in reads if not is_code(self.namespace[name])} | led.data_names
        parts = tuple(self.part(name) for name in sorted(data) if name in self.namespace and is_users(name))
        code_parts = (*code, *led.parts)
        return Request(
            step=step,
            inputs=combined(parts),
            code=combined(code_parts),
            input_parts=parts,
            code_parts=code_parts,
            **options,
        )

    def _is_own(self, step: str, name: str) -> bool:
        """Whether the name holds what this step made when it last ran."""
        maker = self.maker(name)
        call = None if maker is None or self.owner is None else self.owner.history.calls.get(maker)
        return call is not None and call.step == step


def _digests_alike(value: Any) -> bool:
    """Whether the type is known to digest alike before and after being kept."""
    root = type(value).__module__.partition(".")[0]
    return root in ("builtins", "numpy", "pandas", "datetime", "collections", "decimal", "pathlib")


def _codec_of(owner: Owner) -> str | None:
    """The codec that was chosen for the run, if any."""
    chosen = [
        note.data["codec"]
        for note in owner.store.journal.notes(owner.run.id, "setting")
        if note.name == "codec"
    ]
    return chosen[-1] if chosen else None


def notebook_path() -> str | None:
    """Path of the notebook, where the server tells it. A hint only."""
    return os.environ.get("JPY_SESSION_NAME") or None
