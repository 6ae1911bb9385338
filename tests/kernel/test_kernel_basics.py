"""The kernel itself and the pieces below the magics, in a real kernel process."""

from __future__ import annotations

import time

import pytest

BODY = (
    "from perdure.notebook.body import Body, FunctionBody\n"
    "from perdure.notebook import transform\n"
    "from IPython.core.magic import Magics, cell_magic, magics_class\n"
    "@magics_class\n"
    "class Probe(Magics):\n"
    "    @cell_magic\n"
    "    def step(self, line, cell):\n"
    "        __tracebackhide__ = '__ipython_bottom__'\n"
    "        return Body(self.shell, cell).run()\n"
    "    async def run_async(self, name, line, cell):\n"
    "        __tracebackhide__ = '__ipython_bottom__'\n"
    "        self.shell.user_ns['line'] = (name, line)\n"
    "        return await Body(self.shell, cell).arun()\n"
    "get_ipython().register_magics(Probe)\n"
    "transform.install(get_ipython())\n"
)


def test_the_kernel_tells_its_name_and_runs_cells(notebook):
    reply = notebook.kc.kernel_info(reply=True, timeout=60)
    assert reply["content"]["implementation"] == "perdure"
    assert reply["content"]["banner"].startswith("Perdure ")
    reply = notebook.run("print('a')\n1 + 1")
    assert (reply.stdout, reply.result["text/plain"]) == ("a\n", "2")


def test_a_cell_id_reaches_the_kernel(notebook):
    reply = notebook.run("get_ipython().get_parent()['metadata']['cellId']", cell_id="c-1")
    assert reply.result["text/plain"] == "'c-1'"


def test_after_a_kill_there_is_another_process_with_an_empty_namespace(notebook):
    notebook.run("x = 1")
    before = notebook.pid
    sent = notebook.submit("open('in', 'w').close()\nimport time; time.sleep(60)")
    notebook.wait_for_file("in")
    notebook.kill_only()
    assert notebook.wait(sent).status == "dead"
    notebook.kill()
    assert notebook.pid != before
    assert notebook.run("x").ename == "NameError"


def test_an_extension_that_fails_is_told_in_one_line_and_the_kernel_serves(open_notebook, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "sitecustomize.py").write_text(
        "import perdure.notebook\ndef fail(shell): raise RuntimeError('no\\nluck')\nperdure.notebook.load = fail\n"
    )
    notebook = open_notebook(env={"PYTHONPATH": str(tmp_path / "broken")})
    first, second = notebook.run("1 + 1"), notebook.run("2 + 2")
    assert first.stderr == "perdure: the extension could not be loaded (RuntimeError: no luck).\n"
    assert first.result["text/plain"] == "2"
    assert second.text == "4"


@pytest.mark.parametrize("kernel", ["perdure", "python3"])
def test_bodies_have_values_names_and_line_numbers_of_the_cell(open_notebook, kernel):
    notebook = open_notebook(kernel)
    notebook.run(BODY)
    assert notebook.run("%%step a\nx = 40\nx + 2").text == "42"
    assert notebook.run("%%step a\nimport asyncio\nawait asyncio.sleep(0, x)").text == "40"
    assert notebook.run("line").text == "('step', 'a')"
    assert (
        notebook.run("%%step a\nx + 2;").text
        == notebook.run("%%step a\nawait asyncio.sleep(0, 1);").text
        == ""
    )
    assert notebook.run("%%step a\n!echo {x}").text.strip() == "40"
    assert notebook.run("%%step?").status == "ok"
    for await_it in ("", "await asyncio.sleep(0)"):
        failed = notebook.run(f"%%step a\n\n{await_it}\n1 / 0")
        assert failed.ename == "ZeroDivisionError"
        assert "line 4" in failed.traceback
        assert "body.py" not in failed.traceback


def test_the_private_hook_for_interrupts_is_still_called_by_ipykernel(notebook):
    """`_cancel_on_sigint` is private upstream: without it, an awaiting cell is interrupted only when it wakes."""
    sent = notebook.submit(
        "import signal, asyncio\nprint(signal.getsignal(signal.SIGINT).__qualname__)\nawait asyncio.sleep(0)"
    )
    assert notebook.wait(sent).stdout.startswith("interruptible.")


@pytest.mark.parametrize(
    "body",
    [
        "await asyncio.sleep(60)",
        "await asyncio.sleep(0)\ntime.sleep(60)",
        "time.sleep(60)",
        "async with asyncio.TaskGroup() as g:\n    g.create_task(asyncio.sleep(60))",
    ],
)
def test_an_interrupt_is_prompt_and_the_kernel_goes_on(notebook, body):
    notebook.run(BODY + "import asyncio, time")
    started = time.monotonic()
    sent = notebook.submit(f"%%step s\nopen('in', 'w').close()\n{body}")
    notebook.wait_for_file("in")
    notebook.interrupt()
    assert notebook.wait(sent).ename == "KeyboardInterrupt"
    assert time.monotonic() - started < 50  # it did not sleep to its end
    assert notebook.run("1 + 1").text == "2"


def test_on_the_stock_kernel_the_same_context_makes_interrupts_prompt(open_notebook):
    notebook = open_notebook("python3")
    notebook.run("import asyncio\nfrom perdure.notebook.interrupts import interruptible")
    sent = notebook.submit(
        "with interruptible(asyncio.current_task()):\n    open('in', 'w').close()\n    await asyncio.sleep(60)"
    )
    notebook.wait_for_file("in")
    notebook.interrupt()
    assert notebook.wait(sent).ename in ("CancelledError", "KeyboardInterrupt")
    assert notebook.run("1 + 1").text == "2"


RECORD = "from perdure.notebook.outputs import Recorder, show\nfrom IPython.display import *\nr = Recorder(get_ipython())\n"


def test_what_was_shown_is_shown_again_in_order(notebook):
    """Promise 7: text, displays and figures come back in order, from threads and loggers as well."""
    notebook.run(
        "import logging, sys, threading\nlogging.basicConfig()\nlog = logging.getLogger()\n"
        "%matplotlib inline\nimport matplotlib.pyplot as plt"
    )
    notebook.run(RECORD)
    first = notebook.run(
        "with r.recording():\n"
        "    print('a'); h = display('one', display_id='d'); h.update('two'); print('b', file=sys.stderr)\n"
        "    log.warning('logged')\n"
        "    t = threading.Thread(target=lambda: (print('thread'), display('shown there'))); t.start(); t.join()\n"
        "    plt.plot([1, 2]);\n"
        "    display('own', metadata={'perdure': True})\n"
    )
    again = notebook.run("show(get_ipython(), r.outputs)")
    assert again.stdout == first.stdout == "a\nthread\n"
    assert again.stderr == first.stderr == "b\nWARNING:root:logged\n"
    texts = [data["text/plain"] for data in again.displays]
    assert texts[:2] == ["'two'", "'shown there'"]
    assert again.displays[2]["image/png"] == first.displays[3]["image/png"]
    assert "'own'" in first.text
    assert "'own'" not in again.text
    handle = notebook.run("show(get_ipython(), r.outputs); h.update('three')")
    assert handle.displays[0]["text/plain"] == "'three'"


def test_recording_ends_when_the_block_ends_and_output_of_other_cells_tasks_is_not_taken(notebook):
    notebook.run(RECORD + "import asyncio")
    notebook.run(
        "async def noise():\n    await go.wait()\n    print('noise')\n    done.set()\n"
        "go, done = asyncio.Event(), asyncio.Event()\ntask = asyncio.create_task(noise())\nawait asyncio.sleep(0)"
    )
    notebook.run(
        "with r.recording():\n    print('mine')\n    go.set()\n    await done.wait()\nprint('after')"
    )
    assert (
        notebook.run("r.outputs").text == "[{'output_type': 'stream', 'name': 'stdout', 'text': 'mine\\n'}]"
    )


def test_a_cleared_output_stays_cleared(notebook):
    notebook.run(RECORD)
    notebook.run(
        "with r.recording():\n    print('old'); clear_output(wait=True); print('new', end='')\n    print('\\r50%\\r100%')"
    )
    assert notebook.run("show(get_ipython(), r.outputs)").stdout == "new\r50%\r100%\n"


def test_a_widget_comes_back_as_its_text(notebook):
    notebook.run(RECORD + "import ipywidgets")
    first = notebook.run("with r.recording():\n    display(ipywidgets.IntSlider(value=3))")
    again = notebook.run("show(get_ipython(), r.outputs)")
    assert "application/vnd.jupyter.widget-view+json" in first.displays[0]
    assert list(again.displays[0]) == ["text/plain"]


def test_functions_and_classes_of_cells_are_told_by_their_code_whatever_the_cell(notebook):
    notebook.run(
        "from perdure.engine.code.source import code_parts\n"
        "def told(*names): return [(p.name, p.digest) for p in code_parts(names, globals(), local_folder='.').parts]"
    )
    cell = "def f(x):\n    return g(x)\nclass C:\n    limit = 3\n    def m(self):\n        return f(self)\ndef g(x): return x"
    notebook.run(BODY)
    notebook.run(cell)
    before = notebook.run("told('C')").result["text/plain"]
    notebook.run("%%step a\n# a comment\n\n" + cell.replace("    return g", "    # why\n    return g"))
    after = notebook.run("told('C')").result["text/plain"]
    assert after == before
    assert before.count("', '") == 3
    notebook.run(cell.replace("limit = 3", "limit = 4"))
    assert notebook.run("told('C')").result["text/plain"] != before
