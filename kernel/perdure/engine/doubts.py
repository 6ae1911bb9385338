"""Which calls wait for a person to decide, and the question as it is asked. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from perdure.store.records import CallRecord

from .decide import DIED, TOOK_PLACE


def is_open(call: CallRecord) -> bool:
    """Whether the call waits for a decision, or will once the next owner of its run has settled it."""
    return call.state == "in doubt" or (call.state == "running" and call.kind == "effect")


def asked(call: CallRecord, others: Iterable[CallRecord] = (), *, run: str | None = None) -> str:
    """The question, and what to type; where other calls of its step are asked about too, by its id.

    Args:
        call: what is in doubt.
        others: the calls of its run.
        run: the id of the run, where no notebook asks, and the command line answers.
    """
    several = any(other.step == call.step and other.id != call.id and is_open(other) for other in others)
    name = call.id if several else call.step
    answer = f"%perdure resolve {name}" if run is None else f"perdure resolve {run} {name}"
    answers = f"`{answer} again`, `... done [VALUE]` or `... fail`"
    if call.reason == DIED:
        return f"{call.error or DIED}: give it less to do at once, or more memory, then {answers}"
    inputs = ", ".join(f"{part.name}={part.preview}" for part in call.input_parts if part.preview)
    which = f" ({inputs})" if several and inputs else ""
    if call.reason == TOOK_PLACE:
        return f"{TOOK_PLACE}{which}: {answers}"
    return f"an effect that was running when the process died{which}: did it take place? {answers}"
