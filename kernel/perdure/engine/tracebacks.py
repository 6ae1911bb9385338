"""Tracebacks as their readers want them: the user's frames, none of ours."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from types import FrameType, TracebackType
from typing import Any, NoReturn, TypeVar

from perdure.codec.masking import mask
from perdure.errors import PerdureError

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep  # noqa: PTH100, PTH120  as frames spell it
_PLUMBING = (
    contextlib.__file__,
    os.path.dirname(asyncio.__file__) + os.sep,  # noqa: PTH120  as frames spell it
    os.path.dirname(concurrent.futures.__file__) + os.sep,  # noqa: PTH120
)

_CONTEXT: Any = vars(BaseException)["__context__"]
_TRACEBACK: Any = vars(BaseException)["__traceback__"]
"""What every exception has, whatever its class allows: a frozen dataclass lets nobody set it."""

T = TypeVar("T")


def one_line(error: BaseException) -> str:
    """`ValueError: Input X contains NaN.`, masked, cut after 300 characters; of ours also the advice."""
    name, said = type(error).__name__, str(error).strip()
    said = " ".join(said.splitlines()) if isinstance(error, PerdureError) else said.partition("\n")[0]
    text = mask(f"{name}: {said}" if said else name)
    return text if len(text) <= 300 else text[:299] + "…"  # noqa: PLR2004  what fits a line of a table


def users_level() -> int:
    """The `stacklevel` with which the caller's warning points at the user's code."""
    frame, level = sys._getframe(1), 1  # noqa: SLF001  the cheap way to the frame, as `warnings` itself goes
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        frame, level = frame.f_back, level + 1
    return level


def users_frames(trace: TracebackType | None) -> TracebackType | None:
    """The same traceback without the frames of Perdure, and of what Perdure calls on its way."""
    frames: list[TracebackType] = []
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    kept: TracebackType | None = None
    for frame in reversed(_users(frames, lambda each: each.tb_frame.f_code.co_filename)):
        kept = TracebackType(kept, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return kept


def _users(frames: Iterable[T], file_of: Callable[[T], str]) -> list[T]:
    found, ours = [], False
    for frame in frames:
        file = file_of(frame)
        ours = file.startswith(_OURS) or (ours and file.startswith(_PLUMBING))
        if not ours:
            found.append(frame)
    return found


def frames_inside(error: BaseException) -> list[FrameType]:
    """The frames of the user's code that Perdure called, and that ended with this error."""
    trace, found = error.__traceback__, list[FrameType]()
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_OURS):
        trace = trace.tb_next
    while trace is not None:
        found.append(trace.tb_frame)
        trace = trace.tb_next
    return found


def cleaned(error: BaseException) -> BaseException:
    """The same error, which shows the user's frames only; so do those in its group, and that it came from."""
    for each in with_sources(error):
        _TRACEBACK.__set__(each, users_frames(each.__traceback__))
    return error


def with_sources(error: BaseException) -> Iterator[BaseException]:
    """An error, those in its group, and those that it came from, each once."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions


def user_traceback(error: BaseException) -> str:
    """The traceback as text, with the user's frames only, cut to 20 kB, secrets masked."""
    told = traceback.TracebackException(type(error), error, error.__traceback__, compact=True)
    waiting = [told]
    while waiting:
        each = waiting.pop()
        each.stack[:] = _users(each.stack, lambda frame: frame.filename)
        waiting += each.exceptions or ()
    text = mask("".join(told.format(chain=False)))
    return text if len(text) <= 20_000 else text[:10_000] + "\n…\n" + text[-10_000:]  # noqa: PLR2004


def raise_as_it_is(error: BaseException) -> NoReturn:
    """Raise an error that has its context already, whatever the caller is handling just now."""
    context = error.__context__
    try:
        raise error
    finally:
        _CONTEXT.__set__(error, context)


def show_users_frames() -> None:
    """From now on, an error that nobody caught is printed with the user's frames only."""
    before = sys.excepthook
    if getattr(before, "perdure", False):
        return

    def show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        cleaned(error)
        before(kind, error, users_frames(trace))

    show.perdure = True  # type: ignore[attr-defined]
    sys.excepthook = show
