"""What is sent to a worker: which function to call, with what, on whose behalf."""

from __future__ import annotations

import inspect
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from perdure import codec
from perdure.engine import keeping
from perdure.engine.attempt import Current
from perdure.engine.code.functions import local_folder
from perdure.engine.secret import Secret, copying

from .baggage import FUNCTION, inner, packed
from .own_modules import own_modules
from .wire import Part, as_text, pack, unpack

Secrets = list[tuple[str, str | bytes]]
"""Kind and text of each: they travel beside the parts, which may lie in a file for a moment."""


@dataclass(frozen=True, slots=True)
class Message:
    """One call, as it is sent."""

    step: str
    reference: tuple[str, str, int] | None
    """Where the function is found; None where it lies among the names."""
    bound: list[tuple[str, int]]
    """The parameters that have arguments, and of which kind each is."""
    where: dict[str, Any]
    """What `current` gives."""
    codec: str
    """How the result is kept: `full` or `safe`."""
    check_all: bool
    """Whether values of any size are loaded for a trial."""
    modules: dict[str, str]
    submodules: list[str]
    unsent: dict[str, dict[str, Any]]
    own: dict[str, str]
    """The user's own modules, with the digests of their code."""
    host: str
    path: list[bytes]
    """Where modules are looked for, by a worker on the same host."""
    folder: bytes
    """The working directory, for the same."""

    def current(self) -> Current:
        """What `current` gives in the worker."""
        times = {name: _time(self.where[name]) for name in ("started", "deadline")}
        return Current(**{**self.where, **times})

    @classmethod
    def of(cls, fields: dict[str, Any]) -> Self:
        """The message again, from the fields that it was packed as."""
        reference = fields["reference"]
        bound = [(name, kind) for name, kind in fields["bound"]]
        return cls(**{**fields, "reference": None if reference is None else tuple(reference), "bound": bound})


@dataclass(frozen=True, slots=True)
class Asked:
    """One call, as it is asked for."""

    step: str
    """The step's name."""
    function: Callable[..., Any]
    """Without its step around it."""
    signature: inspect.Signature
    arguments: codec.Encoded
    secrets: list[Secret]
    """For which the arguments hold the places."""
    where: Current

    def message(self) -> list[Part]:
        """The parts of a message; secrets that the function takes along are added to those of the arguments.

        Raises:
            NotKeepable: the function holds something that cannot be sent.
        """
        with copying(self.secrets):
            baggage = packed(self.function, self.step, self.arguments.needs)
        used = [self.function.__module__, *baggage.modules.values(), *baggage.submodules]
        for part in (*baggage.parts.values(), self.arguments):
            used += part.packages
        where = {name: getattr(self.where, name) for name in Current.__slots__}
        where |= {name: _seconds(where[name]) for name in ("started", "deadline")}
        message = Message(
            step=self.step,
            reference=baggage.reference,
            bound=[(name, parameter.kind.value) for name, parameter in self.signature.parameters.items()],
            where=where,
            codec=keeping.the_codec(),
            check_all=keeping.checks_all(),
            modules=baggage.modules,
            submodules=baggage.submodules,
            unsent={name: as_sent(fields) for name, fields in baggage.unsent.items()},
            own=own_modules(used, local_folder()),
            host=platform.node(),
            path=[os.fsencode(each) for each in sys.path if isinstance(each, str | os.PathLike)],
            folder=os.getcwdb(),  # noqa: PTH109  bytes are wanted
        )
        fields = {name: getattr(message, name) for name in Message.__slots__}
        return pack(fields, {**baggage.parts, "arguments": self.arguments})


def told(secrets: list[Secret]) -> Secrets:
    """Secrets as they are sent."""
    return [(type(each.reveal()).__name__, each.reveal()) for each in secrets]


def hidden(secrets: Sequence[tuple[str, str | bytes]]) -> list[Secret]:
    """Secrets as they were."""
    return [Secret(text) for _, text in secrets]


def received(parts: Sequence[Part]) -> tuple[Message, dict[str, codec.Encoded]]:
    """In a worker: the message, and the values in it, which are decoded when all is ready for that."""
    fields, values = unpack(parts)
    return Message.of(fields), values


def function_of(message: Message, code: dict[str, Any]) -> Callable[..., Any]:
    """In a worker: the function that is to be called, among the code that was sent or by its own name."""
    if message.reference is None:
        found: Callable[..., Any] = code[FUNCTION]
        return found
    from perdure.codec.rows.classes import find

    module, name, depth = message.reference
    found = find(module, name)
    for _ in range(depth):
        found = inner(found)
    return found


def bound(message: Message, arguments: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments by position and by name, as the function takes them."""
    positional: list[Any] = []
    named: dict[str, Any] = {}
    kinds = inspect.Parameter
    for name, kind in message.bound:
        if name not in arguments:
            continue
        value = arguments[name]
        if kind == kinds.VAR_POSITIONAL:
            positional += value
        elif kind == kinds.VAR_KEYWORD:
            named |= value
        elif kind == kinds.KEYWORD_ONLY:
            named[name] = value
        else:
            positional.append(value)
    return tuple(positional), named


def as_sent(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of an error, whose texts may quote what is no text."""
    return {name: as_text(value) if isinstance(value, str) else value for name, value in fields.items()}


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
