"""The call itself, wherever it is carried out, and what came of it as bytes."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from perdure import codec
from perdure.codec.paths import described
from perdure.engine import keeping
from perdure.engine.secret import Secret, copying
from perdure.engine.tracebacks import cleaned, one_line, user_traceback
from perdure.errors import ErrorNotSent, NotKeepable, WorkerDied

from .wire import Part, as_text, pack, unpack
from .work import Outcome

_ENDINGS = (SystemExit, KeyboardInterrupt, GeneratorExit)
"""What would end the process that it is raised in: a worker's code is not to end the kernel."""


def called(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The value of a function, which is awaited where it is async."""
    if not inspect.iscoroutinefunction(function):
        return function(*args, **kwargs)

    async def awaited() -> Any:
        return await function(*args, **kwargs)

    return asyncio.run(awaited())


def attempted(
    call: Callable[[], Any],
    step: str,
    *,
    codec_name: str | None = None,
    check_all: bool = False,
    unsent: dict[str, dict[str, Any]] | None = None,
    secrets: list[Secret] | None = None,
) -> Outcome:
    """Call, and tell what came of it. Nothing that the call raises passes.

    Args:
        call: the function with its arguments.
        step: the step's name.
        codec_name: how the value is kept, "full" or "safe"; None: as this process does.
        check_all: values of any size are loaded for a trial.
        unsent: names that are not here, with the fields of the error that says why.
        secrets: takes the secrets in what comes back, for a way on which they travel by themselves.
    """
    began = time.perf_counter()
    try:
        value = call()
    except BaseException as error:  # noqa: BLE001  it is what came of the call
        took = time.perf_counter() - began
        return _failed(_explained(error, unsent or {}), step, took, codec_name, secrets)
    took = time.perf_counter() - began
    try:
        with _sending(secrets):
            encoded = codec.encode_atom(value) or keeping.encode(
                value, name=f"{step}(...)", codec=codec_name, check_all=check_all
            )
    except NotKeepable as error:
        error.__context__ = None  # how it was found out holds the very part that cannot be kept
        return replace(_failed(error, step, took, codec_name, secrets), unkept=True)
    return Outcome(encoded, None, "", "", took, None)


def _explained(error: BaseException, unsent: dict[str, dict[str, Any]]) -> BaseException:
    """The error, or why a name is missing, where that is what the error says."""
    if isinstance(error, NameError) and error.name in unsent:
        fields = unsent[error.name]
        cause = f"The step reads it, and runs in a worker, to which what it reads is sent. {fields['cause']}"
        missing = NotKeepable(**{**fields, "cause": cause})
        missing.__traceback__ = error.__traceback__
        return missing
    return error


def _failed(
    error: BaseException, step: str, took: float, codec_name: str | None, secrets: list[Secret] | None
) -> Outcome:
    traceback = user_traceback(error)
    if isinstance(error, _ENDINGS):
        ended = WorkerDied(
            step=step, cause=f"its code asked the process to end ({one_line(error)})", memory=None
        )
        ended.__cause__ = error
        error = ended
    said = one_line(error)
    with _sending(secrets):
        return Outcome(None, _sent(cleaned(error), step, said, codec_name), said, traceback, took, None)


def _sent(error: BaseException, step: str, said: str, codec_name: str | None) -> codec.Encoded:
    """The error as bytes, or one that stands for it."""
    try:
        return keeping.encode(error, name="error", codec=codec_name)
    except NotKeepable as refused:
        cause = f"{refused.path} is {refused.type}. {refused.cause}"
        stand_in = ErrorNotSent(step=step, type=described(error), cause=cause, said=said)
    for note in getattr(error, "__notes__", ()):
        stand_in.add_note(note)
    return keeping.encode(stand_in.with_traceback(error.__traceback__), name="error")


def _sending(secrets: list[Secret] | None) -> Any:
    return nullcontext() if secrets is None else copying(secrets)


def packed(outcome: Outcome) -> list[Part]:
    """An outcome as parts."""
    fields = {
        "said": as_text(outcome.said),
        "traceback": as_text(outcome.traceback),
        "took": outcome.took,
        "memory": outcome.memory,
        "printed": outcome.printed,
        "unkept": outcome.unkept,
    }
    return pack(fields, {"value": outcome.value, "error": outcome.error})


def unpacked(parts: Sequence[Part], secrets: list[Secret], step: str) -> Outcome:
    """In the kernel: the outcome again; secrets in it are sealed here, as they are kept."""
    fields, values = unpack(parts)
    printed = tuple((stream, text) for stream, text in fields["printed"])
    value, error = values.get("value"), values.get("error")
    told = (fields["said"], fields["traceback"], fields["took"], fields["memory"])
    outcome = Outcome(value, error, *told, printed, fields["unkept"])
    if not secrets:
        return outcome
    try:
        return replace(
            outcome, value=_sealed(value, secrets, f"{step}(...)"), error=_sealed(error, secrets, "error")
        )
    except NotKeepable as refused:
        refused.__context__ = None
        error, unkept = keeping.encode(refused), outcome.unkept or value is not None
        return replace(outcome, value=None, error=error, said=one_line(refused), unkept=unkept)


def _sealed(value: codec.Encoded | None, secrets: list[Secret], name: str) -> codec.Encoded | None:
    if value is None:
        return None
    with copying(secrets):
        made = keeping.decode(value)
    return keeping.encode(made, name=name)
