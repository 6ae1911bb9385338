"""Records with every field filled, to write into a journal that is judged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from perdure.store.records import (
    CallRecord,
    MessageRecord,
    Output,
    Part,
    RunRecord,
    SessionRecord,
    StateRecord,
    ValueRecord,
)


def sample_run(number: int = 1, **fields: Any) -> RunRecord:
    """A run that began `number` seconds after the epoch."""
    made = RunRecord(
        id=f"r_{number:08x}",
        workflow="flights",
        key="k",
        kind="notebook",
        state="running",
        created=float(number),
        updated=float(number),
    )
    return replace(made, **fields)


def sample_session(**fields: Any) -> SessionRecord:
    """A session of some process."""
    return replace(SessionRecord(run="", epoch=0, pid=1, host="here", started=1.5, seen=1.5), **fields)


def sample_call(run: str, seq: int = 1, **fields: Any) -> CallRecord:
    """A finished call with something in every field that is not plain."""
    made = CallRecord(
        id=f"c_{run[-4:]}{seq:04x}",
        run=run,
        seq=seq,
        branch="0.1",
        step="load",
        inputs="1f",
        occurrence=0,
        code="2e",
        kind="pure",
        state="done",
        epoch=1,
        started=1.25,
        ended=2.5,
        took=1.25,
        input_parts=(Part("day", "3d"), Part("rate", "4c", weak=True, preview="0.1")),
        code_parts=(Part("load", "5b", preview="line 3"),),
        source="flights = load()\n",
        outputs=(Output("flights", "value", type="list", digest="6a"), Output("gone", "deleted")),
        caught=True,
    )
    return replace(made, **fields)


def sample_value(run: str, number: int = 1, **fields: Any) -> ValueRecord:
    """A stored value; its bytes are no real ones."""
    made = ValueRecord(
        id=f"v_{number:016x}",
        run=run,
        step="load",
        inputs="1f",
        role="value",
        format=1,
        codec="plain",
        python="3.11",
        packages={"pandas": "3.0.0"},
        digest="7f",
        size=3,
        preview={"type": "list", "head": [1, 2.5, None, True, b"raw", {"a": "b"}]},
        stream=b"\x00\xff\x01",
        stream_blob=None,
        buffers=("aa", "bb"),
        key_id="0badcafe",
        signature=b"\x00" * 32,
        created=3.5,
        packing="zstd",
    )
    return replace(made, **fields)


def sample_message(run: str, number: int = 1, **fields: Any) -> MessageRecord:
    """A message to the owner of a run."""
    made = MessageRecord(f"m_{number:016x}", run, "wake", "c_1", 3.5, {"value": [1, None]})
    return replace(made, **fields)


def sample_state(run: str, item: str = "a", **fields: Any) -> StateRecord:
    """An entry of a durable dict."""
    made = StateRecord("flights", "counts", item, run, value="v_0000000000000001", at=4.5)
    return replace(made, **fields)
