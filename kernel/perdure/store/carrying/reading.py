"""Opening an export: all of it is checked before anything of it is used."""

from __future__ import annotations

import mmap
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from perdure.errors import NotImportable
from perdure.store.records import Record, RunRecord, ValueRecord
from perdure.store.related import blobs_of

from .form import ABOUT, BLOBS, MANIFEST, README, RECORDS, SIGNATURE, Manifest, Newer, Unfit, signer
from .frames import unpacked

if TYPE_CHECKING:
    from perdure.store.keys import Key

_AGAIN: Final = "Take the file again from where it comes from, or export the run again."
_LOCAL: Final = struct.Struct("<4s22xHH")
"""The head of a member: its mark, the lengths of its name and of what stands after that."""
_UNSEEN: Final = (zipfile.BadZipFile, ValueError, struct.error, NotImplementedError, EOFError, OverflowError)


@dataclass(frozen=True)
class Carried:
    """A file that was checked, open for reading."""

    path: Path
    manifest: Manifest
    key: str
    """Id of the key that signed it."""
    yours: bool
    """Whether that is a key of this user."""
    _members: dict[str, memoryview]

    def records(self) -> Iterator[Record]:
        """All records, one at a time."""
        return unpacked(self._members[RECORDS], frozenset(self.manifest.runs))

    def blob(self, name: str) -> memoryview:
        """The bytes of a blob, as they lie in the file."""
        return self._members[BLOBS + name]

    @cached_property
    def runs(self) -> dict[str, RunRecord]:
        """The runs in it, the one that was asked for first."""
        found = {record.id: record for record in self.records() if isinstance(record, RunRecord)}
        return {run: found[run] for run in self.manifest.runs}


def open_file(path: Path, key: Key) -> Carried:
    """An export, once all of it was checked.

    Args:
        path: the file.
        key: this user's.

    Raises:
        NotImportable: it is no export, is damaged or incomplete, was altered, or a newer Perdure wrote it.
    """
    try:
        with path.open("rb") as file:
            return _opened(path, file, key)
    except Newer as error:
        cause, advice = (
            f"a newer Perdure wrote it ({error}).",
            "Upgrade with `pip install --upgrade perdure`.",
        )
    except Unfit as error:
        cause, advice = str(error), _AGAIN
    except OSError as error:
        cause = f"it cannot be read ({error.strerror or error})."
        advice = "Name a file that `perdure export` wrote."
    raise NotImportable(path=path, cause=cause, advice=advice)


def _opened(path: Path, file: IO[bytes], key: Key) -> Carried:
    head = file.read(256)
    if not head.startswith(b"PK\3\4") or ABOUT[:14].encode() not in head:
        raise Unfit("it is not an export of Perdure.")
    # Mapped, so that a file of any size takes no memory: what is used are its own pages. The mapping ends
    # with the last view of it.
    view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    members = {name: view[start:end] for name, start, end in _places(file, view)}
    if {MANIFEST, SIGNATURE, RECORDS, README} - members.keys():
        raise Unfit("parts of it are missing.")
    signed = bytes(members.pop(MANIFEST))
    name, yours = signer(key, signed, bytes(members.pop(SIGNATURE)))
    carried = Carried(path, Manifest.unpacked(signed), name, yours, members)
    _check_members(carried.manifest, members)
    _check_records(carried)
    return carried


def _places(file: IO[bytes], view: memoryview) -> Iterator[tuple[str, int, int]]:
    """Name, start and end of each member. None lies in another, nor where the list of members lies."""
    try:
        with zipfile.ZipFile(file) as archive:
            listed, end = archive.infolist(), archive.start_dir
    except _UNSEEN as error:
        raise Unfit("only a part of it is there, or it is damaged.") from error
    if len({each.filename for each in listed}) != len(listed):
        raise Unfit("two of its members have one name.")
    free = 0
    for each in sorted(listed, key=lambda each: each.header_offset):
        head = view[each.header_offset : each.header_offset + _LOCAL.size]
        if len(head) < _LOCAL.size:
            raise Unfit("only a part of it is there, or it is damaged.")
        mark, name, extra = _LOCAL.unpack(head)
        start = each.header_offset + _LOCAL.size + name + extra
        stop = start + each.file_size
        named = view[start - name - extra : start - extra] == each.filename.encode()
        apart = free <= each.header_offset and stop <= end
        if mark != b"PK\3\4" or not named or not apart or each.compress_size != each.file_size:
            raise Unfit("only a part of it is there, or it is damaged.")
        free = stop
        yield each.filename, start, stop


def _check_members(manifest: Manifest, members: dict[str, memoryview]) -> None:
    """Hold each member to its size and digest, and each blob to its name."""
    from blake3 import blake3

    if members.keys() != manifest.members.keys():
        raise Unfit("it does not hold what its manifest lists.")
    for name, data in members.items():
        size, digest = manifest.members[name]
        named = name in (README, RECORDS) or name == BLOBS + digest
        if not named or size != len(data) or blake3(data).hexdigest() != digest:
            raise Unfit("its bytes are not those that were exported.")


def _check_records(carried: Carried) -> None:
    """See that all runs are there, and every blob that a value refers to."""
    seen: set[str] = set()
    for record in carried.records():
        if isinstance(record, RunRecord):
            seen.add(record.id)
        elif isinstance(record, ValueRecord):
            blobs = carried.manifest.members
            if any(BLOBS + name not in blobs for name in blobs_of(record)):
                raise Unfit("bytes of a value are missing in it.")
    if seen != set(carried.manifest.runs):
        raise Unfit("it does not hold the runs that its manifest lists.")
