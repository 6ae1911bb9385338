"""Whether the process of a session lives, as far as this machine can tell without taking its lock."""

from __future__ import annotations

import os

from perdure.store.records import SessionRecord
from perdure.store.whereabouts import host


def alive(session: SessionRecord) -> bool:
    """False for a session that ended, and for a process of this machine that is gone; else True.

    A process id may have been given to another program since; only the run's lock knows for sure.
    """
    if session.ended is not None:
        return False
    if session.host != host() or os.name != "posix":
        return True
    try:
        os.kill(session.pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
