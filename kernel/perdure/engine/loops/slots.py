"""The slot of a loop: the one value in which its turns are kept, each in the place of the one before.

1. A turn is there as a whole or not at all: its blobs are on disk before the commit that refers to them, and
   those of the turn before are removed after it.
2. Nobody loses bytes to that: a blob is removed only if it was put for this slot and by nobody else since.
3. When the loop's call has ended well, nothing of the slot is left but a note for the timeline.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from perdure import codec
from perdure.errors import PerdureError
from perdure.store.kept_turns import LOOP, OVER, slot
from perdure.store.records import NoteRecord, Place, Record, ValueRecord
from perdure.store.related import blobs_of

if TYPE_CHECKING:
    from perdure.codec import Encoded
    from perdure.store import Store
    from perdure.store.protocols import Blobs

    from .turns import Turn

_AGO = 60.0
"""Seconds by which a blob of a slot is dated back: whoever puts the same bytes makes it younger, and a
collector spares it nevertheless until it is recorded."""
_MOST = 200
"""Kept turns that the note tells of. Of more, every second one is left out."""

_Piece = tuple[int, bytes]
"""Size and hash of a buffer."""


@dataclass(frozen=True, slots=True)
class Home:
    """What a loop belongs to."""

    run: str
    id: str
    """Of the call whose code runs the loop; or of a cell outside of steps."""
    step: str
    inputs: str
    code: str
    """Digest of the code as it is now."""
    cell: str | None = None

    def place(self, role: str = LOOP) -> Place:
        """Where the values of its loops belong."""
        return Place(self.run, self.step, self.inputs, role)


@dataclass(slots=True)
class Slot:
    """What is known of the kept turn of one loop."""

    home: Home
    path: str
    """Which loop it is."""
    done: int = 0
    total: int | None = None
    place: tuple[tuple[str, int], ...] = ()
    """In which turns of the loops around it it ran."""
    code: str = ""
    """Digest of the code that kept the turn."""
    live: bool = False
    keeps: int = 0
    kept: list[list[float]] = field(default_factory=list)
    """How many turns were done, and when: of each keep, or of some if there were many."""
    blobs: dict[str, float] = field(default_factory=dict)
    """The blobs that were put for it, each with the date that it was given."""
    known: dict[_Piece, str] = field(default_factory=dict)
    """The blobs of the kept turn by size and hash, as far as this process put them."""

    @property
    def id(self) -> str:
        """The id of its value."""
        return slot(self.home.id, self.path)

    def note(self, now: float) -> NoteRecord:
        """What the journal tells of it."""
        names = ("path", "done", "total", "code", "live", "keeps", "kept", "blobs")
        about = {name: getattr(self, name) for name in names}
        home = {name: getattr(self.home, name) for name in ("id", "step", "inputs", "cell")}
        return NoteRecord(
            self.home.run, LOOP, self.id, now, {**home, **about, "place": list(map(list, self.place))}
        )

    @classmethod
    def read(cls, note: NoteRecord, store: Store) -> Slot:
        """The slot that a note tells of. It is not signed: no blobs are removed but those of its value."""
        about = dict(note.data)
        value = store.journal.value(note.name) if about["live"] else None
        own = () if value is None or store.vault.standing(value) != "yours" else blobs_of(value)
        latest = 0.0 if value is None else value.created
        about["blobs"] = {name: min(date, latest) for name, date in about["blobs"].items() if name in own}
        home = Home(note.run, about["id"], about["step"], about["inputs"], about["code"], about["cell"])
        names = ("path", "done", "total", "code", "live", "keeps", "kept", "blobs")
        place = tuple((site, done) for site, done in about["place"])
        return cls(home, **{name: about[name] for name in names}, place=place)

    def over(self, store: Store, now: float) -> list[Record]:
        """What ends it, to be committed with the end of its call."""
        nothing = codec.encode_atom(None)
        assert nothing is not None
        value = store.vault.seal(nothing, self.home.place(OVER), value=self.id)
        ended = replace(self, live=False, blobs={}, known={})
        return [value, ended.note(now)]


class Keeping:
    """One turn on its way into its slot: `value` and `note` are to be written, then `settle` is to be called.

    Args:
        store: where.
        slot: whose turn it is.
        turn: where the loop stands.
        encoded: the turn as bytes that nobody changes any more.
    """

    def __init__(self, store: Store, slot: Slot, turn: Turn, encoded: Encoded) -> None:
        from perdure.store.vault import Vault

        self._store = store
        self._slot = slot
        blobs = _Dated(store.blobs, slot.known)
        vault = Vault(blobs, store.key, durability=store.durability, encrypt=store.encrypted)  # type: ignore[arg-type]
        self.value: ValueRecord = vault.seal(encoded, slot.home.place(), value=slot.id)
        own = set(blobs_of(self.value))
        dates = {name: date for name, date in slot.blobs.items() if name in own} | blobs.dates
        kept = [*slot.kept, [turn.done, turn.at]]
        self._new = Slot(
            home=slot.home,
            path=slot.path,
            done=turn.done,
            total=turn.total,
            place=turn.place,
            code=turn.code,
            live=True,
            keeps=slot.keeps + 1,
            kept=kept if len(kept) <= _MOST else kept[1::2],
            blobs=dates,
            known=blobs.used,
        )
        self.note: NoteRecord = self._new.note(turn.at)

    def settle(self) -> Slot:
        """Remove what the turn before alone needed; the slot as it is now."""
        gone = self._slot.blobs.keys() - set(blobs_of(self.value))
        free(self._store, {name: self._slot.blobs[name] for name in gone})
        return self._new


def free(store: Store, blobs: Mapping[str, float]) -> None:
    """Remove blobs that were put with these dates, unless somebody else put them since.

    What cannot be removed now is garbage that collecting finds.
    """
    with contextlib.suppress(PerdureError):
        for date in set(blobs.values()):
            store.blobs.remove((name for name, its in blobs.items() if its == date), before=date + 1.0)


def freed(store: Store, slots: Iterable[Slot]) -> None:
    """Remove the blobs of slots that are over."""
    for each in slots:
        free(store, each.blobs)


class _Dated:
    """Puts blobs for a slot: those that the turn before put too are left as they are."""

    def __init__(self, blobs: Blobs, known: Mapping[_Piece, str]) -> None:
        self._blobs = blobs
        self._known = known
        # The date of a file, which is compared with what the system says: no matter of the runs' clock.
        self._date = math.floor(time.time()) - _AGO
        self.dates: dict[str, float] = {}
        self.used: dict[_Piece, str] = {}

    def put(self, data: bytes | memoryview, *, durability: str = "power") -> str:
        """Keep the bytes; return their name."""
        import xxhash

        view = memoryview(data)
        piece = (view.nbytes, xxhash.xxh3_128_digest(view))
        name = self._known.get(piece) or self.used.get(piece)
        if name is None:
            name = self._blobs.put(data, durability=durability, dated=self._date)
            self.dates[name] = self._date
        self.used[piece] = name
        return name
