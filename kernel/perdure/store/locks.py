"""Who is at work on a run: one lock file per run, which the system releases when its process dies.

1. A run's lock is held by one process at a time, and a forked child does not hold its parent's.
2. Beside a lock that is held stands who holds it.
3. While garbage is collected no run gets a new owner.

Taking, asking and letting go happen under `gc.lock`, so a lock and what is written beside it agree.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from perdure.errors import RunOwned, StoreBusy, StoreReadOnly

from .failures import system_errors
from .files import StillHeld, alive, held, make_private, write_whole
from .records import RunRecord


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that holds a run."""

    run: str
    workflow: str
    pid: int
    host: str
    since: float
    notebook: str | None = None

    @classmethod
    def here(cls, run: RunRecord) -> Owner:
        """This process, from now on."""
        return cls(run.id, run.workflow, os.getpid(), socket.gethostname(), time.time(), run.notebook)

    def refusal(self) -> RunOwned:
        """What others who want the run are told."""
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        where = f", in {self.notebook}" if self.notebook else ""
        return RunOwned(
            run=self.run, workflow=self.workflow, pid=self.pid, host=self.host, since=since, where=where
        )


class RunLock:
    """The right to execute a run, until it is released or the process dies."""

    def __init__(self, owner: Owner, release: Callable[[], None]) -> None:
        self.owner = owner
        self._release: Callable[[], None] | None = release

    @property
    def held(self) -> bool:
        """Whether this process holds it: not after a release, nor in a forked child."""
        return self._release is not None and os.getpid() == self.owner.pid

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

    def acquire(self, run: RunRecord) -> RunLock:
        """Take the run, or raise `RunOwned` at once, naming who has it."""

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

    def acquire(self, run: RunRecord) -> RunLock:
        """Take the run, or raise `RunOwned` at once, naming who has it."""
        with self._agreed():
            lock = self._try(run.id)
            if lock is None:
                raise (self._read(run.id) or _unnamed(run)).refusal()
            owner = Owner.here(run)
            try:
                write_whole(self._beside(run.id), json.dumps(asdict(owner)).encode(), durable=False)
            except BaseException:
                lock.release()
                raise
        return RunLock(owner, lambda: self._let_go(run.id, lock))

    def _let_go(self, run: str, lock: Any) -> None:
        # The lock is what counts: whoever finds it free passes over a name that was left beside it.
        with contextlib.suppress(OSError):
            self._beside(run).unlink()
        lock.release()

    def owner(self, run: str) -> Owner | None:
        """The live process that holds the run."""
        if not self._beside(run).exists():
            return None
        try:
            with self._agreed():
                return self._owner(run)
        except StoreReadOnly:  # no lock can be tried there; what is written must do
            owner = self._read(run)
            here = owner is not None and owner.host == socket.gethostname()
            return owner if owner is not None and here and alive(owner.pid) else None

    def _owner(self, run: str) -> Owner | None:
        lock = self._try(run)
        if lock is None:
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
        """The run's lock, taken; None when another has it."""
        from filelock import FileLock, Timeout

        lock = FileLock(self._path(run), thread_local=False, fallback_to_soft=False, mode=0o600)
        try:
            lock.acquire(blocking=False)
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

    def acquire(self, run: RunRecord) -> RunLock:
        """Take the run, or raise `RunOwned` at once, naming who has it."""
        owner = Owner.here(run)
        if self._owners.setdefault(run.id, owner) is not owner:
            raise self._owners[run.id].refusal()
        return RunLock(owner, lambda: self.forget([run.id]))

    def owner(self, run: str) -> Owner | None:
        """Who holds the run."""
        return self._owners.get(run)

    def still(self) -> contextlib.AbstractContextManager[list[Owner]]:
        """The owners that there are; other threads are trusted to leave collecting alone."""
        return contextlib.nullcontext(list(self._owners.values()))

    def forget(self, runs: Iterable[str]) -> None:
        """Clean up after runs that are no more."""
        for run in runs:
            self._owners.pop(run, None)


def _unnamed(run: RunRecord) -> Owner:
    """An owner whose name beside the lock somebody deleted."""
    return Owner(run.id, run.workflow, 0, "a host that left no name", time.time())
