"""What a body waits for, and the small values that it takes from outside: each recorded, the same on replay."""

from __future__ import annotations

from .previous import previous
from .race import first_success, race
from .sleeping import sleep, sleep_until
from .small import now, random, uuid4
from .state import state

__all__ = ["first_success", "now", "previous", "race", "random", "sleep", "sleep_until", "state", "uuid4"]
