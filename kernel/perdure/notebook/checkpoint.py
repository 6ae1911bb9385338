"""What a finished %%step cell keeps: its outputs, with one memo."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from perdure import codec
from perdure.codec.syntax import tree_digest
from perdure.engine import keeping
from perdure.engine.inputs import input_part
from perdure.engine.randomness import state_digest
from perdure.errors import NotKeepable
from perdure.store.records import Output, Part

from .namespace import Change, is_code, is_notebook_class, is_users
from .views import lost_ties

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from perdure.engine.code.source import CellNames

    from .body import Body
    from .session import Session

VALUE = "_"
"""Under this name the cell's own value lies among the outputs: IPython's name for it, never a user's."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The outputs of a cell, encoded with one memo, so that aliases stay aliases."""

    value: codec.Encoded
    outputs: tuple[Output, ...]
    names: dict[str, Any]
    """Every name that the cell bound or changed, with its object."""
    keeps_value: bool
    """Whether the cell's value is among the outputs."""

    def source(self, body: Body) -> str:
        """The cell's source, where outputs of it are made again by executing it; else empty."""
        return body.source if any(output.how == "definition" for output in self.outputs) else ""


def changed_in_place(session: Session, inputs: Iterable[Part], bound: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs whose content is another one now, and the other names of the same objects."""
    namespace = session.namespace
    changed = {
        part.name: namespace[part.name]
        for part in inputs
        if part.name not in bound
        and not part.weak
        and part.name in namespace
        and session.part(part.name).digest != part.digest
    }
    identities = {id(value) for value in changed.values()}
    others = {
        name: value
        for name, value in namespace.items()
        if id(value) in identities and name not in bound and is_users(name)
    }
    return {**changed, **others}


def _changed_before(
    session: Session, step: str, inputs: Iterable[Part], found: Collection[str]
) -> dict[str, Any]:
    """The other inputs that this step changed in place when it ran before, and leaves as they are now.

    The earlier call is no longer the step's current one: without them, nothing would bring the change back.
    """
    calls = session.needed_owner(f"%%step {step}").history.of_step(step)
    changes = {(call.id, output.name) for call in calls for output in call.outputs if output.how == "changed"}
    names = (part.name for part in inputs if part.name not in found)
    return {name: session.namespace[name] for name in names if (session.maker(name), name) in changes}


def build(
    session: Session,
    names: CellNames,
    change: Change,
    inputs: tuple[Part, ...],
    *,
    step: str,
    value: Any,
    only: frozenset[str] | None,
) -> Checkpoint:
    """Encode what the cell bound and changed; what cannot be kept is reported in its output, and left out.

    Args:
        step: the cell's name as a step.
        only: the names of `--output`, or None for all.
    """
    changed = changed_in_place(session, inputs, change.bound)
    changed |= _changed_before(session, step, inputs, {**change.bound, **changed})
    found = {**change.bound, **changed}
    deleted = change.deleted
    if only is not None:
        found = {name: value for name, value in found.items() if name in only}
        deleted = tuple(name for name in deleted if name in only)
    definitions = {name: names.definitions[name] for name in found if name in names.definitions}
    data = {name: each for name, each in found.items() if name not in definitions}
    externals = {
        part.name: session.namespace[part.name]
        for part in inputs
        if part.name in session.namespace and part.name not in found
    }
    everything = data if value is None else {**data, VALUE: value}
    without_statement = [name for name, each in data.items() if is_notebook_class(name, each)]
    encoded, refused = keeping.encode_namespace(everything, externals=externals, by_value=without_statement)
    outputs = [
        *(Output(name, "definition", digest=tree_digest(node)) for name, node in definitions.items()),
        *(_refused(name, everything[name], error) for name, error in refused.items()),
        *(Output(name, "deleted") for name in deleted),
        *(Output(name, "state", digest=state_digest(state)) for name, state in change.states.items()),
        *kept_outputs(
            {name: each for name, each in everything.items() if name not in refused},
            changed,
            lost_ties(data, externals, _elsewhere(session, {*found, *externals})),
        ),
    ]
    return Checkpoint(encoded, tuple(outputs), found, value is not None and VALUE not in refused)


def _elsewhere(session: Session, names: Collection[str]) -> dict[str, Any]:
    """The notebook's other data."""
    return {
        name: value
        for name, value in session.namespace.items()
        if name not in names and is_users(name) and not is_code(value)
    }


def kept_outputs(
    values: Mapping[str, Any], changed: Collection[str] = (), lost: Mapping[str, str] = MappingProxyType({})
) -> tuple[Output, ...]:
    """The outputs that these values are; the cell's own value says which name holds the same object.

    Args:
        values: by name, the cell's own value among them.
        changed: names of inputs that were changed in place.
        lost: what of a value is not kept, a sentence by name.
    """
    found: list[Output] = []
    for name, value in values.items():
        kind = type(value).__name__
        if name != VALUE:
            how = "changed" if name in changed else "value"
            found.append(Output(name, how, kind, input_part(name, value).digest, lost.get(name, "")))
            continue
        same = next((other for other, each in values.items() if each is value and other != VALUE), "")
        found.append(Output(VALUE, "shown", kind, cause=same))
    return tuple(found)


def _refused(name: str, value: Any, error: NotKeepable) -> Output:
    return Output(name, "refused", type_name(value), cause=why_refused(name, error))


def as_shown(shell: InteractiveShell, value: Any) -> dict[str, Any]:
    """A value as the notebook shows it, for one that cannot be kept itself."""
    data, metadata = shell.display_formatter.format(value)
    return {"output_type": "display_data", "data": data, "metadata": metadata}


def why_refused(name: str, error: NotKeepable) -> str:
    """Why a name could not be kept and what to do; with the path, where a part inside is the reason."""
    inside = "" if error.path == name else f"`{error.path}` inside it is {error.type}. "
    return f"{inside}{error.cause} {error.advice}"


def type_name(value: Any) -> str:
    """The type of a value, with its module where that is not Python's own."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
