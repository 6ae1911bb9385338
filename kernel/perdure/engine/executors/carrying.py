"""In a worker: one call, carried out in the kernel's stead, as if the notebook were here."""

from __future__ import annotations

import builtins
import os
import platform
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from importlib import import_module, invalidate_caches
from types import ModuleType
from typing import Any

from perdure import codec
from perdure.codec.notebook import standing_in
from perdure.engine import keeping
from perdure.engine.current import sent_from
from perdure.engine.process import carrying
from perdure.engine.scope import entered
from perdure.engine.secret import Secret, copying

from .attempting import attempted, called, packed
from .baggage import ORDER
from .memory import Peak
from .message import Message, Secrets, bound, function_of, hidden, received, told
from .own_modules import follow
from .printed import Printed, taken_down
from .wire import Part


def carried_out(secrets: Secrets, parts: Sequence[Part]) -> tuple[Secrets, list[Part]]:
    """Carry out the call in a message; what came of it as parts. Nothing that it raises passes.

    Where this is the only call that the process is about, which it is on its main thread, what it prints is
    taken down, and `__main__` is the notebook.
    """
    message, values = received(parts)
    alone = threading.current_thread() is threading.main_thread()
    printed, peak, back, loaded = Printed(), Peak(), list[Secret](), set[str]()
    notebook = ModuleType("__main__")
    vars(notebook)["__builtins__"] = builtins
    with ExitStack() as stack:
        for each in (
            standing_in(notebook),
            entered(None),
            sent_from(message.current()),
            carrying(message.step),
        ):
            stack.enter_context(each)
        if alone:
            stack.enter_context(taken_down(printed))
            stack.enter_context(_in_place_of_main(notebook))
        outcome = attempted(
            lambda: _call(message, values, hidden(secrets), notebook, loaded),
            message.step,
            codec_name=message.codec,
            check_all=message.check_all,
            unsent=message.unsent,
            secrets=back,
        )
    for name in [name for name in vars(notebook) if name in loaded]:
        del vars(notebook)[name]  # which is in a circle with its functions, and goes away some time or other
    outcome = replace(outcome, memory=peak.bytes(), printed=printed.texts())
    return told(back), packed(outcome)


def _call(
    message: Message,
    values: Mapping[str, codec.Encoded],
    secrets: list[Secret],
    notebook: ModuleType,
    loaded: set[str],
) -> Any:
    """Call the function, in the notebook as far as it was sent; note the names that hold data there."""
    _move_in(message)
    with copying(secrets):
        for name, module in message.modules.items():
            vars(notebook)[name] = import_module(module)
        for module in message.submodules:
            import_module(module)
        known: dict[str, Any] = {}
        for part in ORDER:
            if part in values:
                found = codec.decode(values[part], externals=known)
                vars(notebook).update(found)
                loaded.update(found if part != "code" else ())
                known = dict(vars(notebook))
        function = function_of(message, vars(notebook))
        arguments = keeping.decode(values["arguments"], codec=message.codec)
    return called(function, *bound(message, arguments))


def _move_in(message: Message) -> None:
    """Look for modules and files where the kernel does, if this is the same machine."""
    if message.host == platform.node():
        path = [os.fsdecode(each) for each in message.path]
        if sys.path != path:
            sys.path[:] = path
            invalidate_caches()
        with suppress(OSError):  # a folder that is gone is gone for the kernel too
            os.chdir(message.folder)
    follow(message.own)


@contextmanager
def _in_place_of_main(notebook: ModuleType) -> Iterator[None]:
    """In the block, the process's main module is the notebook: pickle and typing look there."""
    before = sys.modules["__main__"]
    sys.modules["__main__"] = notebook
    try:
        yield
    finally:
        sys.modules["__main__"] = before
