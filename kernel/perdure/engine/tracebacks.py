"""Tracebacks as their readers want them: the user's frames, none of ours."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import traceback
from types import TracebackType

from perdure.codec.masking import mask
from perdure.errors import PerdureError

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep  # noqa: PTH100, PTH120  as frames spell it
_PLUMBING = (contextlib.__file__, os.path.dirname(asyncio.__file__) + os.sep)  # noqa: PTH120  the same


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
    ours = False
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        ours = file.startswith(_OURS) or (ours and file.startswith(_PLUMBING))
        if not ours:
            frames.append(trace)
        trace = trace.tb_next
    kept: TracebackType | None = None
    for frame in reversed(frames):
        kept = TracebackType(kept, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return kept


def cleaned(error: BaseException) -> BaseException:
    """The same error, which shows the user's frames only; so do those that it came from."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        each.__traceback__ = users_frames(each.__traceback__)
        each = each.__cause__ or each.__context__
    return error


def user_traceback(error: BaseException) -> str:
    """The traceback as text, with the user's frames only, cut to 20 kB, secrets masked."""
    kept = users_frames(error.__traceback__)
    text = mask("".join(traceback.format_exception(type(error), error, kept, chain=False)))
    return text if len(text) <= 20_000 else text[:10_000] + "\n…\n" + text[-10_000:]  # noqa: PLR2004
