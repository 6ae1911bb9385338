"""The store: the ordered record of runs, calls, attempts and values, with the bytes of the values."""

from .locks import Owner, RunLock
from .store import Store, open_store

__all__ = ["Owner", "RunLock", "Store", "open_store"]
