"""The records that a journal keeps: plain, frozen, and the same for every kind of journal.

Times are seconds since 1970 (UTC). Digests are hexadecimal strings. `dict` fields hold only what msgpack
keeps exactly, so that a record can be read without running anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from perdure.frozen import frozen

_TICK = 0.001
"""Seconds by which a run is newer where the clock does not tell."""


@frozen
class Tag:
    """A word by which a run is found again, with its value."""

    name: str
    value: str


@frozen
class RunRecord:
    """One execution of a workflow, from its inputs to its result, however many kernels it takes."""

    id: str
    """`r_` and eight hexadecimal digits."""
    workflow: str
    key: str
    """What makes it this run and no other: the digest of its inputs or parameters, or the key given."""
    kind: str
    """`notebook` (open-ended), `cell` (a %%workflow cell) or `function` (a @workflow function)."""
    state: str
    """One of the states of `perdure.engine.states.RUN`."""
    created: float
    updated: float
    parent: str | None = None
    """The run from which this one was started."""
    forked_from: str | None = None
    """The finished run whose calls this one may restore."""
    code: str = ""
    """Digest of the body when it last ran; empty for notebooks."""
    epoch: int = 0
    """How many owners it has had; the last of them may write."""
    notebook: str | None = None
    """Path of the notebook or script, as far as known. A hint, never a key."""
    inputs: str | None = None
    """Id of the value that holds its inputs."""
    result: str | None = None
    """Id of the value that holds its result."""
    error: str | None = None
    """One line, when it failed or was cancelled."""
    finished: float | None = None
    tags: tuple[Tag, ...] = ()
    """By name, each once."""


def created_after(run: RunRecord, last: float | None) -> RunRecord:
    """A new run, newer than the last one of its workflow, also where the clock went back since."""
    if last is None or run.created > last:
        return run
    created = last + _TICK
    return replace(run, created=created, updated=max(run.updated, created))


def tagged(run: RunRecord, tags: Mapping[str, str]) -> bool:
    """Whether a run has each of these tags, with that value, or with any where it is empty."""
    given = {tag.name: tag.value for tag in run.tags}
    return all(name in given and value in ("", given[name]) for name, value in tags.items())


@frozen
class SessionRecord:
    """One process that owned a run for a while."""

    run: str
    epoch: int
    pid: int
    host: str
    started: float
    seen: float
    """When it last wrote: a killed process was alive at least until then."""
    ended: float | None = None
    """When it let go in good order, or was robbed of the run; None while it lives, or when it was killed."""


@frozen
class Part:
    """One part of what a call depends on, so that a miss can be explained by name."""

    name: str
    digest: str
    weak: bool = False
    """True where the value could not be digested, and stands by its origin or type."""
    preview: str = ""
    """One short line that shows the value (for inputs) or where it stands (for code)."""


@frozen
class Output:
    """One name that a %%step cell bound, changed or deleted."""

    name: str
    how: str
    """`value` (kept by value), `changed` (an input changed in place, kept by value), `definition` (made again
    by its source), `shown` (the value of the cell), `state` (of random numbers), `deleted` or `refused`."""
    type: str = ""
    digest: str = ""
    """Content digest of a kept value."""
    cause: str = ""
    """Why it was refused, and what to do; of a kept value, what of it is not kept. One line. Of the value of
    the cell, the name that holds the same object."""


@frozen
class CallRecord:
    """One use of a step inside a run. The key stands in parts, never as one opaque hash."""

    id: str
    """`c_` and eight hexadecimal digits."""
    run: str
    seq: int
    """Position in its run: a later call has a higher number."""
    branch: str
    """Path of parallel children, such as `0.2`; empty for the trunk."""
    step: str
    inputs: str
    """Digest over all input parts."""
    occurrence: int
    """Counts equal calls (branch, step, inputs) within one pass over a body, from 0."""
    code: str
    """Digest over all code parts."""
    kind: str
    """`pure`, `effect` or `volatile` of a step; `wait` (a sleep), `noted` (what `now()` gave, which branch
    won a race) or `child` (a run that was started from this one)."""
    state: str
    """One of the states of `perdure.engine.states.CALL`."""
    epoch: int
    """The owner that made it."""
    started: float
    key: str | None = None
    """The key that the user gave, if any."""
    ended: float | None = None
    took: float = 0.0
    """Seconds of work in the last attempt."""
    input_parts: tuple[Part, ...] = ()
    code_parts: tuple[Part, ...] = ()
    reason: str = ""
    """Why it ran, in words."""
    source: str = ""
    """The code as it was typed."""
    cell: str | None = None
    """Id of the cell, where the front end tells it. A hint."""
    position: int = 0
    """For %%step cells: the execution count when it ran. A hint for ordering."""
    value: str | None = None
    """Id of the value that holds its result or outputs."""
    shown: str | None = None
    """Id of the value that holds what it printed, displayed and drew."""
    needs: str | None = None
    """Id of the value that holds what it read from unmarked cells."""
    outputs: tuple[Output, ...] = ()
    bytes: int = 0
    """Bytes of its values, before sharing."""
    caught: bool = False
    """For a failed call: whether the body went on after it, so that the failure is an outcome."""
    error: str | None = None
    """One line, when the last attempt failed."""
    due: float | None = None
    """While it is `waiting`: when the wait ends, a sleep or the pause before the next attempt."""
    failures: int = 0
    """Failed attempts that count against its retries; 0 again once a failure stood."""
    cached: bool = False
    """Whether other runs may use its result."""
    child: str | None = None
    """Of a `child`: the run."""


@frozen
class AttemptRecord:
    """One try at a call."""

    call: str
    run: str
    number: int
    """From 1."""
    epoch: int
    state: str
    """One of the states of `perdure.engine.states.ATTEMPT`."""
    started: float
    ended: float | None = None
    error: str | None = None
    traceback: str | None = None
    """Text, the user's frames only."""
    executor: str = ""
    """Where it ran: `process`, the name of an executor, or empty for a thread of this process."""
    memory: int | None = None
    """Bytes that the process held when this was last looked at while it ran; None where nobody looked."""


@frozen
class RestoreRecord:
    """A checkpoint that a later owner used instead of running the call. One per run, call and epoch."""

    run: str
    call: str
    """Id of the call, or of the child run whose result was used."""
    epoch: int
    at: float
    took: float
    """Seconds that the restore cost."""
    saved: float
    """Seconds of work that were not needed again."""
    reason: str = ""
    older_code: bool = False
    """Restored although its code was edited."""


@dataclass(frozen=True, slots=True)
class NoteRecord:
    """A small named fact about a run: a %%setup cell's source, a parameter, a decision."""

    run: str
    kind: str
    name: str
    at: float
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """Something that anybody tells the owner of a run: wake a sleep, cancel. It stays until acted on."""

    id: str
    """`m_` and sixteen hexadecimal digits."""
    run: str
    kind: str
    """`wake` or `cancel`."""
    name: str
    """Whom it is for within the run, such as a call; empty for the run itself."""
    at: float
    data: dict[str, Any] = field(default_factory=dict)


@frozen
class StateRecord:
    """One entry of a workflow's small durable dict. It outlives the run whose step wrote it."""

    workflow: str
    name: str
    """The dict's."""
    item: str
    """The entry's key."""
    run: str
    """The run that wrote it."""
    value: str | None
    """Id of the value, which belongs to no run; written as None, the entry is deleted."""
    at: float


@frozen
class Place:
    """Where a value belongs. A signature covers it, so that values cannot be swapped (promise 8)."""

    run: str
    step: str = ""
    """Empty for the inputs and the result of the run itself."""
    inputs: str = ""
    """Digest of the step's inputs."""
    role: str = "value"
    """`value`, `shown` or `needs` of a call, `loop` (the kept turn of a loop in it); `inputs`, `result` or
    `setup` (a cell's source) of a run;
    `state` of a durable dict's entry, which belongs to no run (`run` is empty): there `step` is
    `workflow/name`, and `inputs` the item (`perdure.store.dicts`)."""


@frozen
class ValueRecord:
    """A stored value: what is needed to check, list and preview it without decoding it."""

    id: str
    """`v_` and sixteen hexadecimal digits."""
    run: str
    step: str
    inputs: str
    role: str
    """Run, step, inputs and role are the value's `Place`."""
    format: int
    """Version of the envelope's format."""
    codec: str
    """`plain` (msgpack alone: no class is constructed) or `full` (may construct classes or unpickle)."""
    python: str
    """Such as `3.13`."""
    packages: dict[str, str]
    """Versions of the packages whose classes lie in it."""
    digest: str
    """Digest of stream and buffers as they are stored."""
    size: int
    """Bytes of stream and buffers, unpacked."""
    preview: dict[str, Any]
    stream: bytes | None
    """The stream itself, or None when it lies in a blob."""
    stream_blob: str | None
    buffers: tuple[str, ...]
    """Names of the blobs that hold the large buffers, in order."""
    key_id: str
    """Short fingerprint of the key that signed it."""
    signature: bytes
    created: float
    packing: str = ""
    """How it is stored: empty (as the codec made it), `zstd` (the stream is compressed), `aes` (stream and
    buffers are encrypted), or `zstd+aes`."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What one value takes: no record of its own, but read off a value's."""

    value: str
    run: str
    step: str
    role: str
    bytes: int
    """What lies in the journal itself: its stream, if that is small, and its preview."""
    blobs: tuple[str, ...]
    """The names of its blobs; one may stand there twice."""


@dataclass(frozen=True, slots=True)
class Reference:
    """That a call, a run or a durable dict refers to a value: no record of its own either."""

    value: str
    run: str
    """Empty where a durable dict does: it stays, whichever run wrote it."""
    call: str | None = None
    """None where the run itself, or a durable dict, does."""


Record: TypeAlias = (
    RunRecord
    | SessionRecord
    | CallRecord
    | AttemptRecord
    | RestoreRecord
    | NoteRecord
    | StateRecord
    | ValueRecord
)
