"""A worker process of Perdure's own: what it does first, and how a call reaches it.

1. It ends with its kernel, however that ends, and whatever it is at.
2. An interrupt of the kernel, which reaches all processes of its group, is none for it: the kernel stops
   calls by itself.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from . import parcel
from .carrying import carried_out
from .message import Secrets
from .processes import end_with, ignore_interrupts
from .wire import size

SMALL = 2048
"""Bytes that an answer may have to go through loky's own pipe: a pipe takes so many whole or not at all, so
that a worker that is killed meanwhile leaves no half answer there, for which loky would wait for ever."""


def serve(kernel: int) -> None:
    """Get ready to carry out calls of the kernel with this process id."""
    ignore_interrupts()
    end_with(kernel)
    _keep_to_calls()
    _import_early()


class Letter(NamedTuple):
    """What goes through loky's pipe for one call."""

    environment: dict[str, str | None]
    """Variables that changed in the kernel; None: that are gone."""
    secrets: Secrets
    """Beside the message."""
    head: bytes
    """The first part of the message, where it is small."""
    size: int
    """Of that part, which lies in a parcel otherwise."""
    address: str
    """Of that parcel."""
    buffers: list[tuple[str, int]]
    """Addresses and sizes of the other parts."""
    answer: str
    """Address of the parcel for an answer that is not small."""


def carry(letter: Letter) -> tuple[Secrets, list[bytes], list[int]]:
    """Carry out a call; secrets, and the answer's parts, or else their sizes in the parcel."""
    for name, value in letter.environment.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    head = letter.head or parcel.received(letter.address, [letter.size])[0]
    buffers = [parcel.received(address, [length])[0] for address, length in letter.buffers]
    back, given = carried_out(letter.secrets, [head, *buffers])
    if size(given) <= SMALL:
        return back, [bytes(part) for part in given], []
    return back, [], parcel.sent(letter.answer, given)


def _keep_to_calls() -> None:
    """Have loky not end this process for having grown."""
    from loky import process_executor

    process_executor._MAX_MEMORY_LEAK_SIZE = float("inf")  # noqa: SLF001  it has no option for that


def _import_early() -> None:
    """What every call needs is imported before the first one comes."""
    import ormsgpack

    from perdure.codec.leaf import pickled

    assert ormsgpack
    assert pickled
