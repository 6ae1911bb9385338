"""Writing runs to a file."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from perdure.errors import Damaged, NotExported
from perdure.store.failpoints import reached
from perdure.store.files import TEMPORARY, sync, sync_path
from perdure.store.records import Record, RunRecord, SessionRecord, ValueRecord
from perdure.store.related import blobs_of, named_run, related
from perdure.store.vault import well_formed

from .form import ABOUT, BLOBS, MANIFEST, README, RECORDS, SIGNATURE, Manifest, Unfit, signature
from .frames import packed

if TYPE_CHECKING:
    from perdure.store.store import Store

_PIECE: Final = 1 << 20


@dataclass(slots=True)
class Exported:
    """What was written."""

    path: Path
    runs: tuple[RunRecord, ...]
    """The run that was asked for first."""
    values: int = 0
    blobs: int = 0
    bytes: int = 0
    """Of the file."""
    encrypted: int = 0
    """How many values open with the key only."""
    keys: Counter[str] = field(default_factory=Counter)
    """How many values each key signed."""
    left_out: list[ValueRecord] = field(default_factory=list)
    """Values that are damaged, and not in the file."""
    at_work: tuple[str, ...] = ()
    """Runs that a process held: what it was doing is in the file as far as it was recorded."""
    parent: str | None = None
    """The run that started the one that was asked for, where that is not in the file."""


def export(store: Store, name: str, path: Path, *, force: bool = False) -> Exported:
    """Write a run to a file, with the runs that it started and those that it was forked from.

    The file is there as a whole and on disk when this returns, or not at all. Memory stays small,
    whatever is written.

    Args:
        store: where the run is.
        name: id of a run, or a workflow, whose newest run is taken.
        path: the file to be.
        force: take the place of a file that is there.

    Raises:
        NoSuchRun: there is no such run.
        NotExported: the file is there already, or cannot be written.
    """
    runs = related(store.journal, named_run(store, name))
    try:
        with _born_whole(path, force=force) as file:
            done = _Writing(store, Exported(path, tuple(runs)), file).write()
        return replace(done, bytes=path.stat().st_size)
    except OSError as error:
        cause, advice = f"{error.strerror or error}.", "Name a file that can be written."
        raise NotExported(path=path, cause=cause, advice=advice) from error
    except Unfit as error:
        advice = "Keep what is so large as a value, not as code or text."
        raise NotExported(path=path, cause=str(error), advice=advice) from None


@contextlib.contextmanager
def _born_whole(path: Path, *, force: bool) -> Iterator[IO[bytes]]:
    """A file that gets its name when all of it is on disk; readable by this user alone."""
    _refuse_existing(path, force=force)
    temporary = path.with_name(f"{TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}")
    try:
        with open(temporary, "xb", opener=partial(os.open, mode=0o600)) as file:
            yield file
            file.flush()
            sync(file.fileno())
        reached("export.written")
        _refuse_existing(path, force=force)
        temporary.replace(path)
        reached("export.renamed")
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_path(path.parent)
    reached("export.named")


def _refuse_existing(path: Path, *, force: bool) -> None:
    if path.is_dir() or (path.exists() and not force):
        advice = "Name another file." if path.is_dir() else "Name another file, or add `--force`."
        raise NotExported(path=path, cause="it is there already.", advice=advice)


class _Writing:
    """One export at work: blobs go into the archive at once, records beside it until all are known."""

    def __init__(self, store: Store, done: Exported, file: IO[bytes]) -> None:
        self._store = store
        self._done = done
        self._file = file
        self._members: dict[str, tuple[int, str]] = {}

    def write(self) -> Exported:
        from importlib.metadata import version

        done = self._done
        held = [run.id for run in done.runs if self._store.owner(run.id) is not None]
        with (
            zipfile.ZipFile(self._file, "w", zipfile.ZIP_STORED) as archive,
            tempfile.TemporaryFile(dir=done.path.parent) as spool,
        ):
            self._add(archive, README, ABOUT.encode())
            for run in done.runs:
                for record in self._records(archive, run, at_work=run.id in held):
                    spool.write(packed(record))
            self._add_file(archive, RECORDS, spool)
            ids = tuple(run.id for run in done.runs)
            signed = Manifest(ids[0], ids, time.time(), version("perdure"), self._members).packed()
            archive.writestr(_info(MANIFEST), signed)
            archive.writestr(_info(SIGNATURE), signature(self._store.key, signed))
        parent = done.runs[0].parent
        return replace(done, at_work=tuple(held), parent=None if parent in ids else parent)

    def _records(self, archive: zipfile.ZipFile, run: RunRecord, *, at_work: bool) -> Iterator[Record]:
        """All that is recorded of a run; the bytes of its values are in the archive when they come."""
        journal = self._store.journal
        yield run
        # The values come last: what is recorded meanwhile may add some, and takes none away.
        yield from journal.calls(run.id)
        yield from journal.attempts(run.id)
        yield from journal.restores(run.id)
        yield from journal.notes(run.id)
        yield from _sessions(journal.sessions(run.id), at_work=at_work)
        for value in journal.value_ids(run.id):
            record = journal.value(value)
            if record is None:
                continue
            if not well_formed(record) or not all(self._add_blob(archive, name) for name in blobs_of(record)):
                self._done.left_out.append(record)
                continue
            self._done.values += 1
            self._done.encrypted += "aes" in record.packing
            self._done.keys[record.key_id] += 1
            yield record

    def _add_blob(self, archive: zipfile.ZipFile, name: str) -> bool:
        """Whether the blob is in the archive now: one that is damaged is not carried."""
        if BLOBS + name in self._members:
            return True
        try:
            data = self._store.blobs.get(name, copy=False, verify=True)
        except Damaged:
            return False
        self._add(archive, BLOBS + name, data)
        self._done.blobs += 1
        return True

    def _add(self, archive: zipfile.ZipFile, name: str, data: bytes | memoryview) -> None:
        from blake3 import blake3

        view = memoryview(data).cast("B")
        digest = name.removeprefix(BLOBS) if name.startswith(BLOBS) else blake3(view).hexdigest()
        self._members[name] = (len(view), digest)
        with archive.open(_info(name, len(view)), "w") as member:
            for at in range(0, len(view), _PIECE):
                member.write(view[at : at + _PIECE])

    def _add_file(self, archive: zipfile.ZipFile, name: str, spool: IO[bytes]) -> None:
        from blake3 import blake3

        size, digest = spool.tell(), blake3()
        spool.seek(0)
        while piece := spool.read(_PIECE):
            digest.update(piece)
        spool.seek(0)
        self._members[name] = (size, digest.hexdigest())
        with archive.open(_info(name, size), "w") as member:
            shutil.copyfileobj(spool, member, _PIECE)


def _info(name: str, size: int = 0) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, time.localtime()[:6])
    info.file_size = size  # known before it is written, so that a large one gets the fields of a large one
    info.external_attr = 0o600 << 16
    return info


def _sessions(sessions: list[SessionRecord], *, at_work: bool) -> list[SessionRecord]:
    """The sessions as history: one that is at work just now was not killed, it ends with the file."""
    if not at_work or not sessions:
        return sessions
    return [*sessions[:-1], replace(sessions[-1], ended=sessions[-1].seen)]
