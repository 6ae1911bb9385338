"""A run in a file: written from the notebook, and told here as on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from perdure.codec.masking import escaped
from perdure.engine.durations import size_words

if TYPE_CHECKING:
    from perdure.store.carrying import Exported

    from .session import Session


def export(session: Session, run: str | None, path: str | None, *, force: bool) -> list[str]:
    """Write a run, this notebook's where none is named, to a file; return what to know about it.

    Raises:
        NoSuchRun: there is no such run.
        NotExported: the file is there already, or cannot be written.
    """
    from IPython.core.error import UsageError

    from perdure.store import carrying

    if path is None:
        raise UsageError("%perdure export [RUN] --to FILE: the file is needed.")
    own = None if session.owner is None else session.owner.run.id
    name = run or own
    if name is None:
        raise UsageError("%perdure export RUN --to FILE: which run? This notebook has none yet.")
    done = carrying.export(session.store, name, Path(path).expanduser(), force=force)
    return told(done, session.store.key.id)


def told(done: Exported, key: str) -> list[str]:
    """What a person should know about a file that was written."""
    first, more = done.runs[0], len(done.runs) - 1
    with_more = f" and {_counted(more, 'run')} that it needs" if more else ""
    what = f"{escaped(first.workflow)} {first.id}{with_more}, {_counted(done.values, 'value')}"
    lines = [f"Wrote {done.path}: {what}, {size_words(done.bytes)}, signed by your key {key}."]
    if done.encrypted:
        lines.append(f"{_counted(done.encrypted, 'value')} in it open with your key only.")
        lines.append("Code, names, errors and times can be read by whoever has the file.")
    else:
        lines.append("Whoever has the file can read what is in it, code and values: they are not encrypted.")
    if done.at_work:
        lines.append(f"At work just now: {', '.join(done.at_work)}; what is recorded so far is in the file.")
    if done.parent is not None:
        parent = escaped(done.parent)
        lines.append(
            f"It was started by {parent}, which is not in the file: export that one to go on with it."
        )
    lines += [
        f"Left out, because it is damaged: {escaped(f'{value.run} {value.step} ({value.role})')}"
        for value in done.left_out
    ]
    return lines


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
