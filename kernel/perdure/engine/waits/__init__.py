"""What a body waits for, and small values from outside: each is recorded, and the same on a replay."""

from __future__ import annotations

from .entries import state
from .last_run import previous
from .racing import first_success, race
from .sleeping import sleep, sleep_until
from .small import now, random, uuid4

__all__ = ["first_success", "now", "previous", "race", "random", "sleep", "sleep_until", "state", "uuid4"]
