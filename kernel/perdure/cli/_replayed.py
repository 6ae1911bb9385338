"""A run's body, replayed against its journal: which code it is, and what is told of it."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from perdure.errors import NotReplayed, PerdureError

if TYPE_CHECKING:
    from perdure.engine.drift import Replay
    from perdure.store import Store
    from perdure.store.records import RunRecord

_WORDS: Final = {
    "changed": "changed", "extra": "extra", "missing": "missing", "run": "not finished", "ask": "asks first",
}  # fmt: skip


def not_replayed(store: Store, run: RunRecord) -> str:
    """Why the body of a run is not replayed unasked; empty if it is."""
    from perdure.engine.defined import kept_place

    if run.kind == "cell":
        return "Its body is that of a cell: `%%workflow NAME --plan` replays it in its notebook."
    if run.kind == "notebook":
        return ""
    place = kept_place(store, run)
    if not place:
        return (
            "Its body was not replayed: your key signed nothing that tells where it is. `--from FILE` does."
        )
    if place["module"] == "__main__":
        named = f"`--from {Path(place['file']).name}` does" if place["file"] else "`--from FILE` does"
        return f"Its body was not replayed, which imports the script that defines it: {named}."
    return ""


def replayed(store: Store, run: RunRecord, named: str | None) -> Replay:
    """Import what defines the workflow of a run, and replay the run's body.

    Args:
        store: where the run is.
        run: the run.
        named: a module or a file; None for what was kept, and signed, with the run.

    Raises:
        NoSuchWorkflow, InputsDiffer: it is not there, or takes other inputs.
        NotReplayed: it cannot be imported.
    """
    from perdure.engine.code.functions import use_local_folder
    from perdure.engine.defined import kept_place
    from perdure.engine.drift import replay_of

    place = kept_place(store, run)
    folder = place.get("folder") or str(Path.cwd())
    file = Path(named) if named is not None and named.endswith(".py") else None
    if file is not None:
        folder = str(file.resolve().parent)
    for each in (str(Path.cwd()), folder):
        if each not in sys.path:
            sys.path.insert(0, each)
    use_local_folder(folder)
    _import(named or place["module"], file)
    return replay_of(store, run)


def _import(module: str, file: Path | None) -> None:
    try:
        if file is None:
            importlib.import_module(module)
            return
        spec = importlib.util.spec_from_file_location(file.stem, file)
        if spec is None or spec.loader is None:
            raise ImportError(f"{file} is no Python file")  # noqa: TRY301  told like those of the import itself
        made = importlib.util.module_from_spec(spec)
        sys.modules[file.stem] = made
        spec.loader.exec_module(made)
    except PerdureError:
        raise
    except Exception as error:
        raise NotReplayed(name=module, cause=f"{type(error).__name__}: {error}") from error


def lines(found: Replay) -> list[str]:
    """What a replay tells."""
    from perdure.codec.masking import escaped
    from perdure_widgets import words

    restored = words.counted(sum(call.kind == "restore" for call in found.calls), "call")
    named = f"the body of `{found.run.workflow}` {found.run.id}"
    rest = [call for call in found.calls if call.kind != "restore"]
    if not rest and not found.error and not found.unreached:
        return [f"Replayed {named}: it makes the calls that are recorded ({restored})."]
    told = [f"Replayed {named}: {restored} would be restored."]
    for call in rest:
        inputs = f"({call.inputs})" if call.inputs else ""
        told.append(escaped(f"  {_WORDS[call.kind]:<12}  {call.step}{inputs}: {call.why}"))
    if found.error:
        told.append(escaped(f"  It ended with {found.error}"))
    if found.unreached:
        told.append(f"{words.counted(found.unreached, 'recorded call')} beyond that: not reached.")
    return told
