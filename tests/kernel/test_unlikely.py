"""Unlikely but real: hostile objects, interrupts at the worst moment, a store that fails while a step is kept."""

from __future__ import annotations

import pytest

HEAD = "%load_ext perdure\n%workflow odd"
STATES = (
    "from perdure.notebook import current\n"
    "journal, run = current().store.journal, current().run_id\n"
    "[(call.step, call.state) for call in journal.calls(run)], {attempt.state for attempt in journal.attempts(run)}"
)
HOSTILE = """
import numpy as np

class Odd:
    def __eq__(self, other): raise RuntimeError('no comparing')
    __hash__ = None
    def __repr__(self): raise RuntimeError('no repr')
    def __bool__(self): raise RuntimeError('no truth')
    def __len__(self): raise RuntimeError('no len')
    def __init__(self): self.x = np.arange(3)

class Everything:
    def __getattr__(self, name): return self
    def __call__(self, *args): return self

class Nothing:
    def __getattr__(self, name): raise RuntimeError('no ' + name)

class Arrayish:
    def __eq__(self, other): return np.array([True, False])
    __hash__ = object.__hash__
"""


@pytest.mark.parametrize("kind", ["Odd", "Everything", "Nothing", "Arrayish"])
def test_a_hostile_object_breaks_nothing(shared, kind):
    """Made, read, changed and left alone by steps, and restored: the cell's own error is the only one allowed."""
    shared.run(f"left_alone_{kind} = {kind}()")
    for _ in range(2):
        name = kind.lower()
        made = shared.run(f"%%step make_{name}\n{name} = {kind}()\nn_{name} = 1")
        assert made.errors == []
        assert shared.run(f"%%step read_{name}\nseen_{name} = type({name}).__name__").errors == []
        assert shared.run(f"%%step change_{name}\nvars({name})['y'] = 2\nchanged_{name} = 1").errors == []
        told = shared.run(f"%%step value_{name}\n{name}")
        assert [
            error for error in told.errors if not error.startswith(("RuntimeError: no ", "NotKept"))
        ] == []
    assert shared.run(f"n_{kind.lower()}, seen_{kind.lower()}").result["text/plain"] == f"(1, '{kind}')"
    assert shared.run("%resume --plan").errors == []
    assert shared.run("%timeline").errors == []


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One kernel for all hostile objects."""
    from kernel.harness import Notebook

    notebook = Notebook(tmp_path_factory.mktemp("hostile"))
    notebook.run(HEAD)
    notebook.run(HOSTILE)
    yield notebook
    notebook.shutdown()


def test_arrays_and_frames_are_compared_by_content_not_by_truth(shared):
    cell = "%%step frames\nimport pandas as pd\nframe = pd.DataFrame({'x': [1, 2]})\nseries = frame.x\narrays = [np.arange(3)]"
    assert shared.run(cell).errors == []
    assert (
        shared.run("%%step reads\nframe.loc[0, 'x'] = 5\ntotal = int(frame.x.sum() + arrays[0].sum())").errors
        == []
    )
    assert shared.run(cell).errors == []
    assert (
        "restored"
        in shared.run(
            "%%step reads\nframe.loc[0, 'x'] = 5\ntotal = int(frame.x.sum() + arrays[0].sum())"
        ).text
    )
    assert shared.run("total, int(frame.x[0])").result["text/plain"] == "(10, 5)"


@pytest.mark.parametrize("moment", ["seal", "write"])
def test_an_interrupt_while_the_checkpoint_is_written_leaves_a_settled_attempt(notebook, moment):
    """The step is interrupted or done, never running, and the next pass goes on."""
    notebook.run(HEAD)
    notebook.run(
        "import os, signal\nfrom perdure.notebook import current\nowner = current().owner\n"
        f"original = owner.{'seal' if moment == 'seal' else '_write'}\n"
        "def interrupted(*args, **kwargs):\n"
        f"    if {'True' if moment == 'seal' else 'len(args) > 2'}:\n"
        f"        owner.{'seal' if moment == 'seal' else '_write'} = original\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "    return original(*args, **kwargs)\n"
        f"owner.{'seal' if moment == 'seal' else '_write'} = interrupted"
    )
    reply = notebook.run("%%step kept\nx = 1")
    assert reply.ename == "KeyboardInterrupt"
    assert notebook.run(STATES).result["text/plain"] == "([('kept', 'interrupted')], {'interrupted'})"
    assert notebook.run("%%step kept\nx = 1").errors == []
    assert notebook.run(STATES).result["text/plain"] == "([('kept', 'done')], {'done', 'interrupted'})"


@pytest.mark.parametrize("kind", ["pure", "effect"])
def test_a_store_that_fails_while_a_step_is_kept_leaves_it_settled_once_it_works_again(notebook, kind):
    """Promise 5: an effect whose checkpoint could not be written is in doubt, and not repeated."""
    notebook.run(HEAD)
    notebook.run(
        "from perdure.notebook import current\nfrom perdure.errors import StoreFull\nowner = current().owner\n"
        "works = owner._write\n"
        "def fails(*records, **options):\n    raise StoreFull(path='the store')\n"
    )
    cell = (
        f"%%step kept --kind {kind}\nimport os\nopen('log', 'a').write('x')\n"
        "if os.path.exists('broken'): owner._write = fails\ny = 1"
    )
    (notebook.cwd / "broken").touch()
    assert notebook.run(cell).ename == "StoreFull"
    notebook.run("owner._write = works")
    (notebook.cwd / "broken").unlink()
    again = notebook.run(cell)
    log = (notebook.cwd / "log").read_text()
    if kind == "pure":
        assert again.errors == []
        assert log == "xx"
        assert "'running'" not in notebook.run(STATES).result["text/plain"]
        return
    assert again.ename == "InDoubt"
    assert notebook.run("extra = 1").errors == []
    assert notebook.run(cell.replace("y = 1", "y = extra")).ename == "EffectUnclear", (
        "respelled inputs are no way past"
    )
    assert log == "x"
    assert notebook.run(STATES).result["text/plain"] == "([('kept', 'in doubt')], {'interrupted'})"
