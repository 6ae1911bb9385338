"""One process that feeds specimens to the decoder and holds it to promise 8.

For every specimen: a value, or one of Perdure's own errors; no code run, no file opened, nothing made of a class
that is not built in; memory in proportion to the specimen. A specimen that takes too much processor time ends the
process by a signal, and the number in the shared file says which it was.

`python -m fuzz.judge SEED FIRST COUNT NOTES TRACED` prints one line of JSON for each failure, then the count;
`python -m fuzz.judge --corpus FILE...` only the failures.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import json
import mmap
import resource
import signal
import struct
import sys
import sysconfig
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fuzz import canary
from fuzz.specimens import Specimen

SECONDS = 5
"""Processor time for one specimen, its mutation included."""
ROOM = 1 << 30
"""Address space beside what the process has at the start; whoever asks for more gets a MemoryError."""
CONSTANT, FACTOR = 4 << 20, 2000
"""Bytes that decoding may hold at its peak: so many, and so many for each byte of the specimen."""
DUMPED_CONSTANT, DUMPED_FACTOR = 100 << 20, 10_000
"""The same for a dump, whose compressed stream may expand to 1 MiB and a hundred times its size."""

_WATCHED = (
    "os.",
    "subprocess.",
    "socket.",
    "ctypes.",
    "shutil.",
    "marshal.",
    "pickle.",
    "exec",
    "open",
    "import",
    "urllib.",
)
_READING = ("os.listdir", "os.scandir", "marshal.loads")
"""What importing a module does."""


class Forbidden(BaseException):
    """Something was about to happen that decoding must never do; no `except Exception` hides it."""


class Watch:
    """An audit hook that lets the standard library be imported and zones be read, and nothing else."""

    def __init__(self) -> None:
        import zoneinfo

        # A zone that is not there makes zoneinfo import a lot, some of which evaluates strings of its own.
        with contextlib.suppress(zoneinfo.ZoneInfoNotFoundError):
            zoneinfo.ZoneInfo("No/Such")
        paths = sysconfig.get_paths()
        self._own = (
            paths["stdlib"],
            paths["platstdlib"],
            sysconfig.get_config_var("DESTSHARED") or paths["stdlib"],
        )
        self._readable = (*self._own, *zoneinfo.TZPATH, *(str(Path(p) / "tzdata") for p in sys.path))
        self.armed = False
        self.seen: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if self.armed and event.startswith(_WATCHED) and not self._lawful(event, args):
            self.armed = False
            self.seen.append(f"{event} {args!r}"[:300])
            raise Forbidden(event)

    def _lawful(self, event: str, args: tuple[Any, ...]) -> bool:
        if event == "import":
            return args[0].partition(".")[0] in {*sys.stdlib_module_names, "tzdata", "ormsgpack", "zstandard"}
        if event == "open":
            return str(args[0]).startswith(self._readable) and args[1] in ("r", "rb", None)
        if event == "exec":
            return args[0].co_filename.startswith(("<frozen", *self._readable))
        return event in _READING


class Judge:
    """Holds decoding to what is promised, one specimen at a time."""

    def __init__(self, *, traced: bool) -> None:
        import perdure
        from perdure import codec

        self._loads, self._decode, self._base = perdure.loads, codec.decode, codec.encode(None)
        self._watch = Watch()
        self._traced = traced
        if traced:
            tracemalloc.start()

    def fault(self, specimen: Specimen) -> str | None:
        """What was broken, or None."""
        if self._traced:
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
        resident = _resident()
        canary.TRIPPED.clear()
        self._watch.armed = True
        try:
            found = self._outcome(specimen)
        finally:
            self._watch.armed = False
        dumped = specimen.door == "loads"
        constant, factor = (DUMPED_CONSTANT, DUMPED_FACTOR) if dumped else (CONSTANT, FACTOR)
        limit = constant + factor * specimen.size
        if self._watch.seen:
            found = f"it did {self._watch.seen.pop()}"
        elif canary.TRIPPED:
            found = f"code ran: {canary.TRIPPED}"
        elif self._traced and tracemalloc.get_traced_memory()[1] - before > limit:
            found = (
                f"{tracemalloc.get_traced_memory()[1] - before:,} bytes were held, and {limit:,} is the limit"
            )
        elif _resident() - resident > limit + (64 << 20):
            found = f"the process grew by {_resident() - resident:,} bytes"
        return found

    def _outcome(self, specimen: Specimen) -> str | None:
        from perdure.errors import PerdureError

        try:
            made = self._made(specimen)
        except PerdureError as error:
            cause: BaseException | None = error
            while cause is not None:
                if isinstance(cause, MemoryError):
                    return "it asked for more memory than there is"
                cause = cause.__cause__ or cause.__context__
            return None
        except BaseException as error:  # noqa: BLE001  whatever else it is, it is a failure
            return f"{type(error).__name__}: {error}"[:300]
        strange = next((kind for kind in _kinds(made) if not _built_in(kind)), None)
        return f"an object of {strange} was made" if strange else None

    def _made(self, specimen: Specimen) -> Any:
        if specimen.door == "loads":
            return self._loads(specimen.data, trust="plain")
        views = tuple(memoryview(buffer) for buffer in specimen.buffers)
        encoded = dataclasses.replace(self._base, codec=specimen.codec, stream=specimen.data, buffers=views)
        return self._decode(encoded, trust="plain")


def _kinds(value: Any) -> Iterator[type]:
    """The types of the first objects of a value."""
    queue = [value]
    for number, item in enumerate(queue):
        yield type(item)
        if number < 100 and type(item) in (list, tuple, set, frozenset, dict):
            queue += list(item)[:20]
            if type(item) is dict:
                queue += list(item.values())[:20]


def _built_in(kind: type) -> bool:
    return kind.__module__.partition(".")[0] in sys.stdlib_module_names


def _resident() -> int:
    """The most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def confine() -> None:
    """Let this process have a little more memory than it has now, and no more."""
    if sys.platform == "linux":
        held = int(Path("/proc/self/statm").read_text().split()[0]) * mmap.PAGESIZE
        resource.setrlimit(resource.RLIMIT_AS, (held + ROOM, held + ROOM))


def told(number: int | str, specimen: Specimen, fault: str) -> str:
    """A failure as a line of JSON, with all that is needed to see it again."""
    data = base64.b64encode(specimen.data[: 1 << 16]).decode()
    return json.dumps(
        {"number": number, "how": specimen.how, "door": specimen.door, "fault": fault, "data": data}
    )


def main(seed: str, first: str, count: str, notes: str, traced: str) -> None:
    """Judge `count` specimens from number `first` on."""
    from fuzz.mutants import Mutator

    mutator, judge = Mutator(seed), Judge(traced=traced == "1")
    confine()
    with Path(notes).open("r+b") as file, mmap.mmap(file.fileno(), 8) as shared:
        for number in range(int(first), int(first) + int(count)):
            struct.pack_into("<q", shared, 0, number)
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            specimen = mutator.specimen(number)
            fault = judge.fault(specimen)
            if fault:
                print(told(number, specimen, fault), flush=True)
    print(json.dumps({"judged": int(count)}), flush=True)


def corpus(*files: str) -> None:
    """Judge specimens that were kept: the end of a file's name is the door."""
    judge = Judge(traced=True)
    confine()
    for file in map(Path, files):
        for codec in ("plain", "full"):
            print(f"{file.name} as {codec}", file=sys.stderr, flush=True)
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            specimen = Specimen(file.suffix[1:], file.read_bytes(), (b"12345678",), codec)
            fault = judge.fault(specimen)
            if fault:
                print(told(file.name, specimen, fault), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "--corpus":
        corpus(*sys.argv[2:])
    else:
        main(*sys.argv[1:])
