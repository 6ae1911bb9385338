"""One hint, where a loop is to be resumable and nothing of it can be kept."""

from __future__ import annotations

import warnings
from types import FrameType

from perdure.engine.current import in_worker
from perdure.engine.steps import OutsideRun

_OUTSIDE = (
    "a resumable loop runs outside a workflow: a plain loop, nothing is kept. In a notebook, name one first "
    "with `%workflow NAME`; elsewhere put the loop into a @step function that a @workflow function calls."
)
_ELSEWHERE = (
    "a resumable loop runs in a worker process: a plain loop, nothing is kept. Leave out `executor=` for its "
    "step."
)
_hinted = set[str]()


def hint(frame: FrameType) -> None:
    """Say, once in each process, why a loop of this frame is a plain one."""
    why = _ELSEWHERE if in_worker() else _OUTSIDE
    if why not in _hinted:
        _hinted.add(why)
        warn(why, OutsideRun, frame)


def warn(sentence: str, category: type[Warning], frame: FrameType) -> None:
    """Warn with the line at which a frame stands."""
    code, module = frame.f_code, frame.f_globals.get("__name__")
    warnings.warn_explicit(sentence, category, code.co_filename, frame.f_lineno, module)
