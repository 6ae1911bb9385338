"""The quiet line that Perdure writes under a cell: what happened, how long, what is kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from perdure.codec.paths import with_article
from perdure.engine.durations import size_words, words

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from perdure.engine.undetermined import Told
    from perdure.store.records import CallRecord, Output

SHOWN_NAMES = 4


@dataclass(frozen=True, slots=True)
class Line:
    """One line about a cell. `state` is its first word; `details` follow, set off by dots."""

    state: str
    since: str = ""
    """Said right after the state: "from today 14:02"."""
    details: tuple[str, ...] = ()
    saved: str = ""
    """What was saved, in words; set apart because it is the good news."""
    notes: tuple[str, ...] = ()
    """Further lines, such as what could not be kept."""

    def __repr__(self) -> str:
        parts = [
            f"{self.state} {self.since}".rstrip(),
            *self.details,
            *([f"saved {self.saved}"] if self.saved else []),
        ]
        return "\n".join([" · ".join(parts), *self.notes])


def show(shell: InteractiveShell, line: Line) -> None:
    """Show a line under the running cell; what records the cell's output passes it over."""
    data, metadata = shell.display_formatter.format(line)
    shell.display_pub.publish(data, {**metadata, "perdure": {"line": line.state}})


def when(moment: float, now: float | None = None) -> str:
    """A moment in local time: `today 14:02`, `yesterday 23:00`, `18 Nov 11:48`, `3 Dec 2025 09:15`."""
    now = time.time() if now is None else now
    then, today = time.localtime(moment), time.localtime(now)
    clock = time.strftime("%H:%M", then)
    if then[:3] == today[:3]:
        return f"today {clock}"
    if then[:3] == time.localtime(now - 86400)[:3]:
        return f"yesterday {clock}"
    day = f"{then.tm_mday} {time.strftime('%b', then)}"
    return f"{day} {clock}" if then.tm_year == today.tm_year else f"{day} {then.tm_year} {clock}"


def kept(outputs: tuple[Output, ...], size: int) -> str:
    """What a checkpoint holds: "`model`, `score`, 34.8 MB"."""
    names = [f"`{output.name}`" for output in outputs if output.how in ("value", "changed", "definition")]
    if not names:
        return ""
    more = [f"{len(names) - SHOWN_NAMES} more"] if len(names) > SHOWN_NAMES + 1 else []
    shown = names[:SHOWN_NAMES] if more else names
    return ", ".join([*shown, *more, size_words(size)])


def named(output: Output) -> str:
    """An output as a sentence names it."""
    return "the value that it shows" if output.name == "_" else f"`{output.name}`"


def refusals(outputs: tuple[Output, ...]) -> tuple[str, ...]:
    """A line for each name that could not be kept."""
    return tuple(
        f"{named(output)} could not be kept: it is {with_article(output.type)}. {output.cause}"
        for output in outputs
        if output.how == "refused"
    )


def ran(call: CallRecord) -> Line:
    """The line of a step that just ran."""
    again = call.reason != "new call"
    details = [words(call.took)]
    if again:
        details.append(f"because {call.reason}")
    if held := kept(call.outputs, call.bytes):
        details.append(f"kept {held}")
    partial = refusals(call.outputs)
    if partial:
        details.append("partly kept")
    partial += tuple(
        f"`{output.name}`: {output.cause}"
        for output in call.outputs
        if output.how in ("value", "changed") and output.cause
    )
    return Line("ran again" if again else "ran", details=tuple(details), notes=partial)


def undetermined(told: Sequence[Told]) -> Line:
    """The line about what a body asks of the clock or of chance."""
    first, *others = map(str, told)
    return Line("not repeatable", details=(first,), notes=tuple(others))


def _not_here(names: tuple[str, ...]) -> tuple[str, ...]:
    """A line about the names that a restore cannot bring; why was said when the step first ended."""
    return (f"without {', '.join(names)}, which could not be kept; using it says why",) if names else ()


def restored(
    call: CallRecord,
    took: float,
    reason: str,
    *,
    older_code: bool,
    present: bool,
    missing: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
) -> Line:
    """The line of a step whose checkpoint was used.

    Args:
        call: whose checkpoint it is.
        took: seconds that the restore cost.
        reason: why it was used.
        older_code: whether the code was edited since.
        present: whether all that it made was still here.
        missing: what it made, could not keep, and is not here.
        notes: what loading changed.
    """
    held = kept(call.outputs, call.bytes)
    details = []
    if present and any(output.name != "_" for output in call.outputs):
        details.append("what it made is still here")
    elif held:
        details.append(f"{held} in {words(took)}")
    if older_code:
        details.append(reason)
    weak = [f"`{part.name}`" for part in call.input_parts if part.weak]
    if weak:
        details.append(f"{', '.join(weak)} compared by origin, not by content")
    saved = words(call.took - took) if call.took - took >= 0.0005 else ""  # noqa: PLR2004  half a millisecond
    return Line(
        "kept, older code" if older_code else "restored",
        f"from {when(call.ended or call.started)}",
        tuple(details),
        saved,
        _not_here(missing) + notes,
    )
