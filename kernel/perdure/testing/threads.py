"""Work in several threads at once, its errors raised."""

from __future__ import annotations

import threading
from collections.abc import Callable


def in_threads(works: list[Callable[[], None]]) -> None:
    """Do these at the same time, and raise the first error of any."""
    errors: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001  raised again below
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
