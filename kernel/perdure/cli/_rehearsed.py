"""A run's body, replayed against its journal: which code it is, and what is told of it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from perdure.errors import NotImported

if TYPE_CHECKING:
    from perdure.engine.rehearsal import Rehearsal
    from perdure.store import Store
    from perdure.store.records import RunRecord


def unasked(store: Store, run: RunRecord) -> bool:
    """Replay the body of a run whose code was named, and signed, when it began; whether nothing has changed.

    Where it was not, or is a script that importing would run, a line tells how to ask for it.
    """
    from perdure.engine.defined import kept_place

    if run.kind == "cell":
        print("\nIts body is that of a cell: `%%workflow NAME --plan` replays it, in its notebook.")
    if run.kind != "function":
        return True
    place = kept_place(store, run)
    if not place:
        print(
            "\nIts body was not replayed: your key signed nothing that tells where it is. `--from FILE` does."
        )
        return True
    if place["module"] == "__main__":
        file = Path(place["file"]).name or "FILE"
        print(f"\nIts body was not replayed: that imports the script which defines it. `--from {file}` does.")
        return True
    print()
    return told(rehearsed(store, run, place["module"], place["folder"]))


def rehearsed(store: Store, run: RunRecord, module: str, folder: str | None = None) -> Rehearsal:
    """Replay the body of a run without running a step.

    Args:
        store: where the run is.
        run: the run.
        module: the module or the file that defines its workflow.
        folder: from which it is imported; None: the file's, else the working folder.

    Raises:
        NotImported: it cannot be imported.
        NoSuchWorkflow, InputsDiffer: the workflow is not there, or takes other inputs.
    """
    from perdure.engine.code.functions import use_local_folder
    from perdure.engine.process import use_store
    from perdure.engine.rehearsal import rehearse

    before = use_store(store)
    try:
        _import(module, folder)
        return rehearse(store, run)
    finally:
        use_store(before)
        use_local_folder(None)


def _import(module: str, folder: str | None) -> None:
    from perdure.engine.code.functions import use_local_folder
    from perdure.engine.tracebacks import one_line

    file, name = Path(module), module
    if module.endswith(".py"):
        folder, name = str(file.parent.resolve()), file.stem
    folder = folder or str(Path.cwd())
    sys.path.insert(0, folder)
    use_local_folder(folder)  # as it is for a script of that folder
    try:
        importlib.import_module(name)
    except Exception as error:
        raise NotImported(module=module, cause=one_line(error)) from error


def told(found: Rehearsal) -> bool:
    """Tell what came of it; whether nothing has changed."""
    from perdure.engine.rehearsal import NEXT
    from perdure_widgets import words

    run, restored = found.run, words.counted(found.restored, "call")
    print(f"Run {run.id} of `{run.workflow}`, {run.state}: {restored} would be restored.")
    for each in found.findings:
        print(f"  {each.kind:8}{each.call}: {each.why}")
    if found.ended:
        print(f"The body ended with {found.ended}")
    if found.alike and not any(each.kind == NEXT for each in found.findings):
        print("The body makes the calls that are recorded, and no other.")
    elif not found.whole:
        print("What comes after these calls was not looked at: nobody knows what they would give.")
    return found.alike
