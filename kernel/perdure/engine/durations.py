"""Durations as people write them (`90s`, `10m`) and as people read them (`1 m 02 s`)."""

from __future__ import annotations

import math
import re
from datetime import timedelta

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PATTERN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?\s*")
NBSP = "\N{NO-BREAK SPACE}"


def seconds(duration: str | float | timedelta) -> float:
    """Seconds of a duration such as `90`, `"90s"`, `"1h 30m"` or a timedelta.

    Raises:
        ValueError: it is no duration; the sentence says how one is written.
    """
    total = duration.total_seconds() if isinstance(duration, timedelta) else duration
    if isinstance(total, str):
        total = _spelled(total)
    if not total >= 0:
        raise ValueError(f"{duration!r} is not a duration: write it like 90s, 10m, 1h 30m")
    return float(total)


def age(text: str) -> float:
    """Seconds of an age such as `30d` or `12h`. Its unit must be written: `30` alone may be meant in days.

    Raises:
        ValueError: it is no age; the sentence says how one is written.
    """
    try:
        found = seconds(text)
    except ValueError:
        found = math.nan
    if math.isnan(found) or text.rstrip()[-1:].isdigit():
        raise ValueError(f"{text!r} is not an age: write it with its unit, like 30d, 12h")
    return found


def _spelled(text: str) -> float:
    """The seconds that the text tells, or nan."""
    total, position = 0.0, 0
    while found := _PATTERN.match(text, position):
        total += float(found[1]) * _UNITS[found[2] or "s"]
        position = found.end()
    return total if position and position == len(text) else math.nan


def words(duration: float) -> str:
    """A duration in two units at most, with no-break spaces: `0.4 ms`, `1 m 02 s`, `2 h 14 m`, `3 d 04 h`."""
    duration = max(0.0, duration)
    if duration < 0.9995:  # noqa: PLR2004  below, it is written in milliseconds
        millis = duration * 1000
        return f"{millis:.1f}{NBSP}ms" if millis < 9.95 else f"{millis:.0f}{NBSP}ms"  # noqa: PLR2004
    if duration < 59.95:  # noqa: PLR2004  below, it is written in seconds
        return f"{duration:.1f}{NBSP}s"
    whole = round(duration)
    if whole < 3600:  # noqa: PLR2004  seconds of an hour
        return f"{whole // 60}{NBSP}m{NBSP}{whole % 60:02d}{NBSP}s"
    if whole < 86400:  # noqa: PLR2004  seconds of a day
        return f"{whole // 3600}{NBSP}h{NBSP}{whole % 3600 // 60:02d}{NBSP}m"
    return f"{whole // 86400}{NBSP}d{NBSP}{whole % 86400 // 3600:02d}{NBSP}h"


def size_words(count: float) -> str:
    """Bytes in a decimal unit: `812 B`, `34.8 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5 or unit == "GB":  # noqa: PLR2004  the next unit begins there
            return f"{count:.0f}{NBSP}{unit}" if unit == "B" or count >= 100 else f"{count:.1f}{NBSP}{unit}"  # noqa: PLR2004
        count /= 1000
    raise AssertionError
