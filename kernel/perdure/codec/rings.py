"""The digest of a graph of parts, in which a part may lead back to what it is a part of.

A part that leads to no ring has its digest by those of its parts: whether it is one object in two places, or
two that are alike, does not count. Of an object in a ring it does: a ring of three alike is none of four. Of
what is above a ring, and of tuples, which nobody can change, those are taken as one that lead to the same (as
the states of an automaton are, by splitting classes until nothing tells their members apart). What is left is
written down in the order in which it is met.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

import xxhash


@dataclass(slots=True, eq=False)
class Part:
    """One object, and what it leads to in order."""

    obj: Any
    """Kept alive, so that its identity stays its own."""
    depth: int
    """How many others lead to it."""
    label: bytes | None = None
    """What is in it itself, once that was looked at."""
    leads: list[Part] = field(default_factory=list)
    digest: bytes | None = None
    """Found where no ring can be reached from it."""


_Users = dict[Part, list[Part]]


def digest_of(root: Part) -> bytes:
    """The digest of a part whose label, and those of all that it leads to, are known."""
    users = _users(root)
    _settle(users)
    if root.digest is not None:
        return root.digest
    doubted: Iterable[Part] = [part for part in users if part.digest is None]
    classes = _Classes(list(doubted), _circling(users))
    while doubted:
        doubted = {user for part in classes.split(doubted) for user in users[part]}
    return _written(root, classes.number_of)


def _users(root: Part) -> _Users:
    """All parts without a digest that can be reached, each with those that lead to it."""
    users: _Users = {} if root.digest else {root: []}
    stack = list(users)
    while stack:
        part = stack.pop()
        for other in part.leads:
            if other.digest is None:
                if other not in users:
                    users[other] = []
                    stack.append(other)
                users[other].append(part)
    return users


def _settle(users: _Users) -> None:
    """Find the digests of parts that lead to no ring, from below."""
    waiting = {part: sum(other.digest is None for other in part.leads) for part in users}
    ready = [part for part, others in waiting.items() if not others]
    while ready:
        part = ready.pop()
        below = b"".join(other.digest or b"" for other in part.leads)
        part.digest = xxhash.xxh3_128_digest(_label(part) + below) if below else _label(part)
        for user in users[part]:
            waiting[user] -= 1
            if not waiting[user]:
                ready.append(user)


def _circling(users: _Users) -> set[Part]:
    """Those that stand in a ring, or between two: others lead to them, and to others without an end."""
    left = {part: sum(user.digest is None for user in users[part]) for part in users if part.digest is None}
    above = [part for part, others in left.items() if not others]
    while above:
        part = above.pop()
        del left[part]
        for other in part.leads:
            if other.digest is None:
                left[other] -= 1
                if not left[other]:
                    above.append(other)
    return set(left)


class _Classes:
    """The parts that lead to rings, in classes that are split until their members lead to the same.

    Only parts that lead to one whose class got another number are looked at again, and the largest piece of a
    class that splits keeps its number: so a part is looked at some few times, however long a ring is.
    """

    def __init__(self, parts: list[Part], circling: set[Part]) -> None:
        self.number_of: dict[Part, int] = {}
        self._members: dict[int, set[Part]] = {}
        alike = defaultdict(list)
        for part in parts:
            itself = id(part) if part in circling and not isinstance(part.obj, tuple) else None
            alike[itself, part.label, tuple(other.digest for other in part.leads)].append(part)
        for piece in alike.values():
            self._move(piece)

    def _move(self, piece: Collection[Part]) -> None:
        number = len(self._members)
        self._members[number] = set(piece)
        self.number_of.update(dict.fromkeys(piece, number))

    def split(self, doubted: Iterable[Part]) -> list[Part]:
        """Put parts apart that lead to other classes than the rest of theirs; those that moved."""
        pieces: dict[int, dict[tuple[int, ...], list[Part]]] = defaultdict(lambda: defaultdict(list))
        for part in doubted:
            leads = tuple(self.number_of[other] for other in part.leads if other.digest is None)
            pieces[self.number_of[part]][leads].append(part)
        return [part for number in pieces for part in self._split(number, list(pieces[number].values()))]

    def _split(self, number: int, pieces: list[list[Part]]) -> list[Part]:
        # What is not in doubt leads to what it led to, and so stays together.
        pieces.sort(key=len)
        if len(self._members[number]) - sum(map(len, pieces)) < len(pieces[-1]):
            pieces[-1] = list(self._members[number].difference(*pieces))
        for piece in filter(None, pieces):
            self._members[number].difference_update(piece)
            self._move(piece)
        return [part for piece in pieces for part in piece]


def _written(root: Part, number_of: dict[Part, int]) -> bytes:
    """The classes that can be reached, one member for each, in the order in which they are met."""
    hasher = xxhash.xxh3_128(b"ring")
    places = {number_of[root]: 0}
    met = [root]
    for part in met:
        hasher.update(_label(part))
        for other in part.leads:
            if other.digest is not None:
                hasher.update(b"=" + other.digest)
                continue
            number = number_of[other]
            if number not in places:
                places[number] = len(places)
                met.append(other)
            hasher.update(b">" + places[number].to_bytes(8, "big"))
    return hasher.digest()


def _label(part: Part) -> bytes:
    if part.label is None:  # it is looked at just now, for the sake of a set in it that leads back to it
        raise ValueError("a ring runs through a set, whose elements have no order")
    return part.label
