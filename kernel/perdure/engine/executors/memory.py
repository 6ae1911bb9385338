"""How much memory a worker held at most while it worked."""

from __future__ import annotations

import sys
from pathlib import Path

_RESET, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
"""Where Linux lets a process set its peak back, and tells it: https://man7.org/linux/man-pages/man5/proc.5.html"""


class Peak:
    """The most that this process holds from now on; where the system cannot tell that, since it began."""

    def __init__(self) -> None:
        try:
            _RESET.write_text("5")
        except OSError:
            self._told = False
        else:
            self._told = True

    def bytes(self) -> int | None:
        """The peak, in bytes; None where the system tells none."""
        if self._told:
            for line in _STATUS.read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) << 10
        try:
            import resource
        except ImportError:
            return None
        unit = 1 if sys.platform == "darwin" else 1 << 10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
