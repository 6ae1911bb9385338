"""Who is at work on a run: one lock file per run, which the system releases when its process dies.

1. A run's lock is held by one process at a time, and a forked child does not hold its parent's.
2. Beside a lock that is held stands who holds it.
3. While garbage is collected no run gets a new owner.
4. A lock is stolen by putting a new file in the place of its file: who holds the old one holds nothing from
   then on, and can see it. What fences its writes is the run's epoch.

Whether a run is free is told by its lock alone. Host and process are names: containers that share a folder
have their own. Taking and letting go happen under `gc.lock`, so a lock and what is written beside it agree.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from perdure.errors import RunOwned, RunTaken, StoreBusy

from .failures import system_errors
from .files import StillHeld, held, make_private, seen_held, write_whole
from .places import place_of
from .records import RunRecord
from .whereabouts import host, machine

_PATIENCE = 1.0
"""Seconds to wait for others when a run is let go. A name that is left beside a free lock is passed over."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that holds a run."""

    run: str
    workflow: str
    pid: int
    host: str
    since: float
    notebook: str | None = None
    machine: str = ""

    @classmethod
    def here(cls, run: RunRecord) -> Owner:
        """This process, from now on."""
        return cls(run.id, run.workflow, os.getpid(), host(), time.time(), run.notebook, machine())

    def refusal(self, run: RunRecord) -> RunOwned:
        """What others who want the run are told."""
        return RunOwned(**self._told(), advice=_how_to_steal(run))

    def taken(self, run: RunRecord) -> RunTaken:
        """What the one is told from whom this owner stole the run."""
        told = self._told()
        named = "process {pid} on {host} has it since {since}{where}".format(**told)
        now = named if self.pid else "nobody is named as having it now"
        return RunTaken(**told, now=now, advice=_how_to_steal(run))

    def _told(self) -> dict[str, Any]:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        where = f", in {self.notebook}" if self.notebook else ""
        return {
            "run": self.run, "workflow": self.workflow, "pid": self.pid, "host": self.host, "since": since,
            "where": where,
        }  # fmt: skip


class RunLock:
    """The right to execute a run, until it is released or the process dies."""

    def __init__(
        self,
        run: RunRecord,
        owner: Owner,
        release: Callable[[], None],
        thief: Callable[[], Owner | None],
        stolen_from: Owner | None = None,
    ) -> None:
        self.owner = owner
        self.stolen_from = stolen_from
        """The live process that held the run until it was stolen."""
        self._run = run
        self._release: Callable[[], None] | None = release
        self._thief = thief

    @property
    def held(self) -> bool:
        """Whether this process holds it: not after a release, nor in a forked child."""
        return self._release is not None and os.getpid() == self.owner.pid

    def taken(self) -> RunTaken | None:
        """What is to be said when another process stole the run; None as long as nobody did."""
        thief = self._thief() if self.held else None
        return None if thief is None else thief.taken(self._run)

    def check(self) -> None:
        """Do nothing, unless the run was stolen.

        Raises:
            RunTaken: it was; the message names the thief.
        """
        taken = self.taken()
        if taken is not None:
            raise taken

    def release(self) -> None:
        """Let the run go. Twice is fine."""
        held, (self._release, release) = self.held, (None, self._release)
        if held and release is not None:
            release()

    def __enter__(self) -> Self:
        """The lock, which is released at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Release."""
        self.release()


class Locks(Protocol):
    """The locks of one store."""

    def acquire(self, run: RunRecord, *, steal: bool = False) -> RunLock:
        """Take the run, or raise `RunOwned` at once, naming who has it.

        With `steal`, take it from whoever has it.
        """

    def owner(self, run: str) -> Owner | None:
        """The live process that holds the run."""

    def still(self) -> contextlib.AbstractContextManager[list[Owner]]:
        """While this is open, no run gets a new owner. It gives the owners that there are."""

    def forget(self, runs: Iterable[str]) -> None:
        """Clean up after runs that are no more. To be called while `still`."""


class FileLocks:
    """Locks in files of `folder`, for all processes of this machine."""

    def __init__(self, folder: Path, *, seconds: float = 60.0) -> None:
        self.folder = folder
        self._seconds = seconds

    def acquire(self, run: RunRecord, *, steal: bool = False) -> RunLock:
        """Take the run, or raise `RunOwned` at once, naming who has it."""
        with self._agreed():
            lock, before = self._try(run.id), None
            if lock is None or self._out_of_reach(run.id):
                before = self._read(run.id) or _unnamed(run)
                if not steal:
                    _let_be(lock)
                    raise before.refusal(run)
                if lock is None:
                    self._path(run.id).unlink(missing_ok=True)
                    lock = self._try(run.id)
                if lock is None:
                    raise before.refusal(run)
            owner = Owner.here(run)
            try:
                file = _identity(self._path(run.id))
                write_whole(self._beside(run.id), json.dumps(asdict(owner)).encode(), durable=False)
            except BaseException:
                lock.release()
                raise
        return RunLock(
            run, owner, lambda: self._let_go(owner, lock), lambda: self._thief(run, owner, file), before
        )

    def _out_of_reach(self, run: str) -> bool:
        """Whether the name beside a free lock is of another machine, whose locks may not be seen here."""
        owner = self._read(run)
        if owner is None or machine() == owner.machine or host() == owner.host:
            return False
        return place_of(self.folder).shared

    def _thief(self, run: RunRecord, owner: Owner, file: tuple[int, int] | None) -> Owner | None:
        """Who stole the run from `owner`, whose lock was in this file."""
        now = _identity(self._path(run.id))
        if now is None or now == file:
            return None  # a lock file that somebody deleted is nobody's
        thief = self._read(run.id)
        return _unnamed(run) if thief is None or thief == owner else thief

    def _let_go(self, owner: Owner, lock: Any) -> None:
        # A thief's name may stand there by now; and a folder that was deleted stays so.
        if self._read(owner.run) == owner:
            with (
                contextlib.suppress(OSError, StillHeld),
                held(self.folder / "gc.lock", seconds=min(_PATIENCE, self._seconds)),
            ):
                if self._read(owner.run) == owner:
                    self._beside(owner.run).unlink()
        lock.release()

    def owner(self, run: str) -> Owner | None:
        """The live process that holds the run."""
        named = self._read(run)
        try:
            return named if named is not None and seen_held(self._path(run)) else None
        except OSError:
            return named  # whose lock cannot be looked at may be alive

    def _owner(self, run: str) -> Owner | None:
        lock = self._try(run)
        if lock is None or self._out_of_reach(run):
            _let_be(lock)
            return self._read(run)
        lock.release()
        return None

    @contextlib.contextmanager
    def still(self) -> Iterator[list[Owner]]:
        """While this is open, no run gets a new owner. It gives the owners that there are."""
        with self._agreed():
            runs = [path.stem for path in self.folder.glob("*.json")]
            yield [owner for owner in map(self._owner, runs) if owner is not None]

    @contextlib.contextmanager
    def _agreed(self) -> Iterator[None]:
        try:
            with system_errors(self.folder.parent):
                make_private(self.folder)
                with held(self.folder / "gc.lock", seconds=self._seconds):
                    yield
        except StillHeld as error:
            raise StoreBusy(path=str(self.folder.parent), seconds=self._seconds) from error

    def forget(self, runs: Iterable[str]) -> None:
        """Clean up after runs that are no more."""
        for run in runs:
            for path in (self._path(run), self._beside(run)):
                path.unlink(missing_ok=True)

    def _try(self, run: str) -> Any:
        """The run's lock, taken; None when another has it.

        Who only looks whether it is held, holds it for a moment: hence a second try.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(self._path(run), thread_local=False, fallback_to_soft=False, mode=0o600)
        try:
            lock.acquire(timeout=0.02, poll_interval=0.005)
        except Timeout:
            return None
        return lock

    def _read(self, run: str) -> Owner | None:
        try:
            return Owner(**json.loads(self._beside(run).read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def _path(self, run: str) -> Path:
        return self.folder / f"{run}.lock"

    def _beside(self, run: str) -> Path:
        return self.folder / f"{run}.json"


class MemoryLocks:
    """Locks among the threads of one process."""

    def __init__(self) -> None:
        self._owners: dict[str, Owner] = {}
        self._mutex = threading.Lock()

    def acquire(self, run: RunRecord, *, steal: bool = False) -> RunLock:
        """Take the run, or raise `RunOwned` at once, naming who has it."""
        owner = Owner.here(run)
        with self._mutex:
            before = self._owners.get(run.id)
            if before is not None and not steal:
                raise before.refusal(run)
            self._owners[run.id] = owner
        return RunLock(run, owner, lambda: self._let_go(owner), lambda: self._thief(owner), before)

    def _let_go(self, owner: Owner) -> None:
        with self._mutex:
            if self._owners.get(owner.run) is owner:
                del self._owners[owner.run]

    def _thief(self, owner: Owner) -> Owner | None:
        now = self._owners.get(owner.run)
        return None if now is owner else now

    def owner(self, run: str) -> Owner | None:
        """Who holds the run."""
        return self._owners.get(run)

    def still(self) -> contextlib.AbstractContextManager[list[Owner]]:
        """The owners that there are; other threads are trusted to leave collecting alone."""
        return contextlib.nullcontext(list(self._owners.values()))

    def forget(self, runs: Iterable[str]) -> None:
        """Clean up after runs that are no more."""
        with self._mutex:
            for run in runs:
                self._owners.pop(run, None)


def _unnamed(run: RunRecord) -> Owner:
    """An owner whose name beside the lock somebody deleted."""
    return Owner(run.id, run.workflow, 0, "a host that left no name", time.time())


def _how_to_steal(run: RunRecord) -> str:
    """How the run is taken from a process that lives."""
    command = f"perdure steal {run.id}"
    match run.kind:
        case "notebook":
            return f"`%workflow {run.workflow} --steal`, or `{command}`"
        case "cell":
            return f"`%%workflow {run.workflow} --steal`, or `{command}`"
        case _:
            return f"`{command}`"


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from another one that takes its name."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _let_be(lock: Any) -> None:
    """Let go of a lock that was tried, if it was got."""
    if lock is not None:
        lock.release()
