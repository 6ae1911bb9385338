"""Putting a checkpoint back into the notebook.

Imports, functions and classes are executed again, not copied; values are decoded with one memo, so that
aliases stay aliases; a name that could not be kept becomes a placeholder. Where everything that the step made
is still in the kernel, unchanged, nothing is touched.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from types import CodeType
from typing import TYPE_CHECKING, Any

from perdure import codec
from perdure.codec.syntax import tree_digest
from perdure.engine import keeping
from perdure.engine.code.source import analyse
from perdure.engine.randomness import put, state_digest, states
from perdure.errors import Damaged, NotLoadable

from . import in_place, needs
from .body import Body
from .checkpoint import VALUE
from .lines import named
from .placeholders import Placeholder
from .restored_sources import tell_lines
from .stale import is_stale

if TYPE_CHECKING:
    from perdure.engine.owner import Owner
    from perdure.store.records import CallRecord

    from .session import Session


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore brought back."""

    value: Any
    """The cell's own value, or None."""
    shown: list[dict[str, Any]]
    """What the cell printed, displayed and drew."""
    present: bool
    """Whether all that it made was still here."""


_definitions: dict[str, tuple[Any, str]] = {}
"""The objects that definitions of step cells made in this process, with the digest of their code."""


def definitions_of(definitions: Mapping[str, ast.stmt], names: Mapping[str, Any]) -> None:
    """Note which code made the functions, classes and modules among these names."""
    for name, node in definitions.items():
        if name in names:
            _definitions[name] = (names[name], tree_digest(node))


def restore(session: Session, owner: Owner, call: CallRecord, body: Body | None) -> Restored:
    """Put back what a call made.

    Args:
        body: the cell's code, where it is at hand and equals the code that made the checkpoint; else the
            source that was signed with the checkpoint is compiled.

    Raises:
        Untrusted, Damaged, NotLoadable: no value is loaded, and no name takes one.
    """
    subject = f"The checkpoint of step `{call.step}`"
    try:
        found = _restored(session, owner, call, body, subject)
    except ImportError as error:
        raise NotLoadable(
            subject=subject,
            cause=f"{error}.",
            advice="Install what is missing, or run the step again with `--redo`.",
        ) from error
    if not _random_states_match(call):
        _put_states(owner.open_value(call, "needs", subject))
    return found


def _restored(session: Session, owner: Owner, call: CallRecord, body: Body | None, subject: str) -> Restored:
    """Put back the names, each where it is not there, and tell what else there is."""
    namespace = session.namespace
    shown = _plain(owner.open_value(call, "shown", subject)) or []
    own_value = next((output for output in call.outputs if output.how == "shown"), None)
    present = _all_present(session, call)
    if present:
        _delete(call, namespace)
    if present and (own_value is None or own_value.cause):
        session.made(call, _named(call, namespace))
        return Restored(namespace.get(own_value.cause) if own_value else None, shown, present=True)
    encoded = owner.open_value(call, "value", subject)
    if present:
        values = {} if encoded is None else keeping.decode(encoded, externals=namespace, subject=subject)
        session.made(call, _named(call, namespace))
        return Restored(values.get(VALUE), shown, present=True)
    read = owner.open_value(call, "needs", subject)
    needed = {} if read is None else keeping.decode(read, subject=subject)
    kept = {output.name for output in call.outputs if output.how == "definition"}
    if kept and body is None:
        body = Body(session.shell, _signed_source(needed, subject))
    needs.put(session, needed, subject)
    found = {} if body is None else analyse(body.tree).definitions
    definitions = {name: node for name, node in found.items() if name in kept}
    deferred = _define(body, definitions, namespace)
    values = {} if encoded is None else keeping.decode(encoded, externals=namespace, subject=subject)
    _see_whole(call, values, subject)
    value = values.pop(VALUE, None)
    tell_lines(values.values(), call.source)
    in_place.apply(session, call, values)
    namespace.update(values)
    _define(body, deferred, namespace, last=True)
    for output in call.outputs:
        if output.how == "refused" and output.name != VALUE:
            namespace[output.name] = Placeholder(output.name, call.step, output.type, output.cause)
    _delete(call, namespace)
    definitions_of(found, {name: namespace[name] for name in definitions})
    recorded = {output.name: output.digest for output in call.outputs if output.how in ("value", "changed")}
    session.made(call, _named(call, namespace), recorded)
    return Restored(value, shown, present=False)


def missing(call: CallRecord, namespace: Mapping[str, Any]) -> tuple[str, ...]:
    """What the call made, could not keep, and is not in the notebook, as a sentence names it."""
    return tuple(
        named(output)
        for output in call.outputs
        if output.how == "refused"
        and (output.name == VALUE or isinstance(namespace.get(output.name), Placeholder))
    )


def _random_states_match(call: CallRecord) -> bool:
    here = states()
    return all(
        state_digest(here.get(output.name)) == output.digest
        for output in call.outputs
        if output.how == "state"
    )


def _put_states(encoded: codec.Encoded | None) -> None:
    """Set random numbers to where they were at the end of the cell."""
    for name, state in ({} if encoded is None else keeping.decode(encoded)["states"]).items():
        put(name, state)


def decode_error(owner: Owner, call: CallRecord) -> BaseException:
    """The error that a failed call gives for good."""
    encoded = owner.open_value(call, "value", f"The error of step `{call.step}`")
    assert encoded is not None
    error: BaseException = keeping.decode(encoded)
    return error


def _named(call: CallRecord, namespace: Mapping[str, Any]) -> dict[str, Any]:
    return {output.name: namespace[output.name] for output in call.outputs if output.name in namespace}


def _delete(call: CallRecord, namespace: dict[str, Any]) -> None:
    for output in call.outputs:
        if output.how == "deleted":
            namespace.pop(output.name, None)


def _all_present(session: Session, call: CallRecord) -> bool:
    """Whether the namespace holds, unchanged, all that the call made."""
    namespace = session.namespace
    for output in call.outputs:
        if output.how in ("deleted", "state") or output.name == VALUE:
            continue
        if output.name not in namespace:
            return False
        value = namespace[output.name]
        if output.how == "definition":
            made, digest = _definitions.get(output.name, (None, ""))
            if made is not value or digest != output.digest:
                return False
        elif output.how == "refused":
            if session.maker(output.name) != call.id:
                return False
        elif session.part(output.name).digest != output.digest or is_stale(value, namespace):
            return False
    return True


def _define(
    body: Body | None, definitions: Mapping[str, ast.stmt], namespace: dict[str, Any], *, last: bool = False
) -> dict[str, ast.stmt]:
    """Execute imports, functions and classes again; return those that need names which are not there yet."""
    waiting: dict[str, ast.stmt] = {}
    if body is None:
        return waiting
    for name, node in definitions.items():
        try:
            exec(_compiled(body, node), namespace)  # noqa: S102  the cell's own code
        except NameError:
            if last:
                raise
            waiting[name] = node
    return waiting


def _see_whole(call: CallRecord, values: Mapping[str, Any], subject: str) -> None:
    """Make sure that no name is missing: a record from which its value was taken away is not a restore."""
    kept = (output.name for output in call.outputs if output.how in ("value", "changed", "shown"))
    missing = [f"`{name}`" for name in kept if name not in values and name != VALUE]
    if missing:
        raise Damaged(
            subject=subject,
            cause=f"{', '.join(missing)} is not in it.",
            advice="Run its step again with `--redo`.",
        )


def _signed_source(needed: Mapping[str, Any], subject: str) -> str:
    """The cell's source from its signed value: anybody may have written the one in the call's record."""
    source: str = needed.get("source", "")
    if source:
        return source
    raise NotLoadable(
        subject=subject,
        cause="its functions and classes are made by the cell's code, and no signed source of it is kept.",
        advice="Run its cell: where its code is unchanged, the checkpoint is used; else it runs again.",
    )


def _compiled(body: Body, node: ast.stmt) -> CodeType:
    """One statement of a cell, with the cell's file name and lines."""
    code: CodeType = compile(
        ast.Module([node], []), body.filename, "exec", flags=body.flags, dont_inherit=True
    )
    return code


def _plain(encoded: codec.Encoded | None) -> Any:
    return None if encoded is None else codec.decode(encoded, trust="plain")
