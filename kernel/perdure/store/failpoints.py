"""Every durable step of the store has a name, at which a test can look, stop or kill the process.

`PERDURE_FAILPOINT=blob.renamed:2` kills the process when it reaches that step for the second time; with the
name `*` every step counts. Without it, reaching a step costs one comparison.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

ANY = "*"


def killing(told: str) -> Callable[[str], None] | None:
    """What kills this process at the step that `told` names (`name:n`, the first time without `n`)."""
    if not told:
        return None
    name, _, count = told.partition(":")
    left = int(count or 1)

    def die_in_time(step: str) -> None:
        nonlocal left
        if name in (ANY, step):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

    return die_in_time


hook: Callable[[str], None] | None = killing(os.environ.get("PERDURE_FAILPOINT", ""))
"""Is told the name of each step that is reached, in the thread that reached it."""


def reached(step: str) -> None:
    """Say that the durable step of this name is done."""
    if hook is not None:
        hook(step)
