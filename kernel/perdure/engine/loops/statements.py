"""Whether an iteration is begun by a `for` statement, as the code of its frame tells."""

from __future__ import annotations

import opcode
from types import FrameType

from perdure.errors import LoopHandedOn

_PASSED_OVER = frozenset({"CACHE", "EXTENDED_ARG", "NOP"})


def check_for_statement(frame: FrameType, begins: str, goes_on: str) -> None:
    """Pass over an iteration that a `for` statement of the frame is about to begin.

    Whatever else iterates has a state of its own, which nobody keeps: `enumerate` would count from nothing
    when the loop goes on, a comprehension would lose what it gathered.

    Args:
        frame: which asks for an iterator just now.
        begins: the instruction by which a statement does so.
        goes_on: the one that follows, in a statement.

    Raises:
        LoopHandedOn: it is something else.
    """
    code, at = frame.f_code.co_code, frame.f_lasti
    found = list[str]()
    while at < len(code) and len(found) < 2:  # noqa: PLR2004  the two that tell
        name = opcode.opname[code[at]]
        at += 2
        if name not in _PASSED_OVER:
            found.append(name)
    if found != [begins, goes_on]:
        raise LoopHandedOn
