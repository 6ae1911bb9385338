"""What a %%step cell keeps and shows, on its first run and when it is restored in a new kernel."""

from __future__ import annotations

import pytest

HEAD = "%load_ext perdure\n%workflow cells"
LOG = "open('log', 'a').write({name!r} + '\\n')\n"


def step(name: str, body: str, options: str = "") -> str:
    return f"%%step {name} {options}\n{LOG.format(name=name)}{body}"


def ran(notebook) -> list[str]:
    """The steps that ran since this was last asked."""
    log = notebook.cwd / "log"
    found = log.read_text().split() if log.exists() else []
    log.write_text("")
    return found


def shown(notebook, code: str) -> str:
    reply = notebook.run(code)
    assert reply.errors == [], reply.errors
    return reply.result["text/plain"]


def run_all(notebook, cells: list[str]) -> list:
    replies = [notebook.run(cell, f"cell-{index}") for index, cell in enumerate(cells)]
    assert [reply.errors for reply in replies] == [[]] * len(cells)
    return replies


def survives(notebook, cells: list[str], checks: list[str]) -> tuple[list, list]:
    """Run the cells, kill, run them again: no step runs, and each check shows the same. Promises 1 to 3."""
    first = run_all(notebook, [HEAD, *cells])
    before = [shown(notebook, check) for check in checks]
    count = len(ran(notebook))
    assert count == sum(LOG[:4] in cell and cell.startswith("%%step") for cell in cells)
    notebook.kill()
    again = run_all(notebook, [HEAD, *cells])
    assert ran(notebook) == []
    assert [shown(notebook, check) for check in checks] == before
    return first[1:], again[1:]


# -- names ----------------------------------------------------------------------------------------------


def test_every_way_to_bind_a_name_is_kept(notebook):
    """Promises 1 to 3: by any construct, and through code that names do not lead to."""
    (notebook.cwd / "star.py").write_text("first, second = 1, 2\n")
    cells = [
        "total = 10\ndef set_one():\n    global one\n    one = 'set inside'",
        step(
            "forms",
            "total += 5\nif (half := total / 2) > 1: pass\nfor item in range(3): pass\nwith open('f', 'w') as handle: handle.write('x')\n"
            "handle = None\na, (b, *c) = 1, (2, 3, 4)\nd = e = [1]\nnote: int = 3\n",
        ),
        step("caught", "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    message = str(error)"),
        step("imports", "import os.path as osp, json\nfrom math import sqrt as root, pi\nfrom star import *"),
        step("matching", "match {'k': [1, 2, 3], 'z': 0}:\n    case {'k': [x0, *rest], **others}: pass"),
        step("globals", "set_one()\nexec('two = 2')\nglobals()['three'] = 3"),
        step("magics", "%time timed = 4\nlines = !echo a; echo b\n%env PERDURE_X=1\nwhere = %pwd"),
        step("dynamic", "exec('made = 1')\nuses = made + 1\n!true"),
        step("underscore", "_hidden = 5\n__odd = 6\ntemporary = 1\ndel temporary, osp"),
        "gone = 1",
        step("removes", "del gone"),
        step("later", "def late():\n    return yet_to_come + half\nf = lambda x: x + total\n"),
        "yet_to_come = 100",
    ]
    checks = [
        "total, half, item, handle, a, b, c, d, e, d is e, note",
        "message, 'error' in globals()",
        "json.dumps(1), root(4), pi > 3, first, second",
        "x0, rest, others",
        "one, two, three, made, uses",
        "timed, list(lines), lines.n, where",
        "_hidden, globals()['__odd'], 'temporary' in globals(), 'osp' in globals(), 'gone' in globals()",
        "late(), f(1)",
    ]
    survives(notebook, cells, checks)
    run_all(notebook, [HEAD, *cells])
    assert ran(notebook) == [], "what a cell made itself is no input of it"


def test_changes_in_place_are_kept_and_applied_once(notebook):
    """Promises 2 and 4."""
    cells = [
        step(
            "make",
            "import numpy as np, pandas as pd\nitems = [3, 1]\ntable = {'a': 1}\nkinds = {1}\n"
            "array = np.arange(4)\nframe = pd.DataFrame({'x': [1, 2]})\nseries = frame['x'].copy()\n"
            "class Box: pass\nbox = Box()\nbox.inside = [1]\nraw = bytearray(b'ab')",
        ),
        step(
            "change",
            "items.sort()\ntable['b'] = items\nkinds.add(2)\narray[1:] *= 2\nframe['y'] = frame.x * 2\n"
            "frame.drop(index=0, inplace=True)\nseries[0] = 9\nbox.inside.append(2)\nbox.more = 1\nraw += b'c'",
        ),
        step("use", "answer = (sum(items), len(table), float(frame.y.sum()), box.more, bytes(raw))"),
    ]
    checks = [
        "items, table, table['b'] is items, kinds, array, frame, series, box.inside, box.more, type(box) is Box, raw",
        "answer",
    ]
    survives(notebook, cells, checks)


def test_a_change_in_place_comes_back_after_its_cell_ran_twice(notebook):
    """Promise 2: the second call leaves the list as it is, and still brings back what the first one did."""
    cells = ["%load_ext perdure\n%workflow twice", "%%step make\nitems = [1]"]
    cell = "%%step mark\nif items[-1] != 0:\n    items.append(0)\ncount = len(items)"
    for reply in [*notebook.run_all([*cells, cell]), notebook.run(cell)]:
        assert reply.status == "ok"
    notebook.kill()
    notebook.run("%resume twice")
    assert notebook.run("items, count").result["text/plain"] == "([1, 0], 2)"


def test_a_change_in_place_is_seen_through_every_other_name(notebook):
    """Promise 2: an uninterrupted run would have shown the change through containers and views as well."""
    cells = [
        step(
            "make",
            "import pandas as pd\nitems = [1]\nframe = pd.DataFrame({'x': [1, 2]})\nkeep = {'in': items}",
        ),
        "holder = {'items': items, 'frame': frame}\nsame = items",
        step("change", "items.append(2)\nframe['y'] = 3"),
        step("use", "seen = (len(holder['items']), list(holder['frame'].columns), keep['in'], same)"),
    ]
    checks = [
        "seen, holder['items'] is items, holder['frame'] is frame, keep['in'] is items, same is items",
    ]
    survives(notebook, cells, checks)
    before = shown(notebook, checks[0])
    run_all(notebook, [HEAD, *cells])
    assert ran(notebook) == [], "nor does a second pass in the same kernel run anything"
    assert shown(notebook, checks[0]) == before
    notebook.kill()
    notebook.run("%load_ext perdure")
    assert notebook.run("%resume").errors == []
    assert shown(notebook, "items, keep['in'] is items, list(frame.columns)") == "([1, 2], True, ['x', 'y'])"


def test_a_fitted_estimator_is_kept_with_its_fit(notebook):
    cells = [
        "from sklearn.linear_model import LinearRegression\nimport numpy as np\nX = np.arange(6.0).reshape(3, 2)\nmodel = LinearRegression()",
        step("fit", "model.fit(X, [1.0, 2.0, 3.0])\n"),
        step("predict", "y = model.predict(X).round(3).tolist()"),
    ]
    survives(notebook, cells, ["y, hasattr(model, 'coef_')"])


def test_classes_functions_and_instances_belong_to_the_notebook_after_a_restart(notebook):
    """Promise 4: an instance is one of the class defined here now, a function sees the notebook's globals."""
    cells = [
        "import functools\ndef loud(f):\n    @functools.wraps(f)\n    def inner(*a):\n        return f(*a).upper()\n    return inner",
        step(
            "define",
            "import enum\nfrom dataclasses import dataclass, field\n"
            "class Colour(enum.Enum):\n    RED = 1\n"
            "@dataclass\nclass Point:\n    x: int\n    tags: list = field(default_factory=list)\n"
            "class Base:\n    def who(self): return 'base'\n"
            "class Child(Base):\n    def who(self): return super().who() + '+child'\n"
            "@loud\ndef greet(name): return 'hello ' + name + suffix\n"
            "def counter():\n    count = [0]\n    def up():\n        count[0] += 1\n        return count[0]\n    return up\n"
            "suffix = '!'\n",
        ),
        step(
            "instances",
            "red = Colour.RED\npoint = Point(1, ['a'])\nchild = Child()\nup = counter(); up()\npick = lambda p: p.x\n",
        ),
        step("read", "which = (red is Colour.RED, point == Point(1, ['a']), pick(point))"),
    ]
    checks = [
        "red is Colour.RED, Colour(1) is red, isinstance(point, Point), point == Point(1, ['a'])",
        "isinstance(child, Base), child.who(), greet('you'), pick(point), which",
        "up.__closure__[0].cell_contents",
    ]
    survives(notebook, cells, checks)
    assert shown(notebook, "suffix = '?'\ngreet('you')") == "'HELLO YOU?'"
    assert shown(notebook, "up(), up()") == "(2, 3)"


def test_the_random_state_after_a_step_is_that_of_its_end(notebook):
    """The states of `random` and `numpy.random` are no inputs, and after a step what they were at its end."""
    cells = [
        step("seed", "import random, numpy as np\nrandom.seed(1); np.random.seed(1)\nx = random.random()"),
        "drawn = (random.random(), float(np.random.rand()))",
        step("use", "y = drawn"),
    ]
    survives(notebook, cells, ["y"])


# -- output ---------------------------------------------------------------------------------------------


def outputs(reply) -> list[tuple]:
    """What a front end would show, without Perdure's own lines, texts of one stream joined."""
    found: list[tuple] = []
    for message in reply.messages:
        kind, content = message["msg_type"], message["content"]
        if kind == "clear_output":
            found = []
        elif kind == "stream":
            if found and found[-1][0] == content["name"]:
                found[-1] = (content["name"], found[-1][1] + content["text"])
            else:
                found.append((content["name"], content["text"]))
        elif kind == "display_data" and "perdure" not in content["metadata"]:
            found.append(("display", content["data"]))
        elif kind == "execute_result":
            found.append(("value", content["data"]))
    return found


def test_what_was_shown_comes_back_in_order(notebook):
    """Promise 7."""
    cells = [
        "import logging, sys, threading, warnings\nhandler = logging.StreamHandler(sys.stdout)\nlog = logging.getLogger('mine'); log.addHandler(handler); log.propagate = False",
        step(
            "order",
            "import sys\nprint('out')\nprint('err', file=sys.stderr)\nprint('out again')\nsys.stdout.write('no newline')\nNone",
        ),
        step("bar", "for i in range(3): print(f'\\r{i}/3', end='', flush=True)\nprint()"),
        step(
            "rich",
            "from IPython.display import HTML, display, Markdown\nprint('a')\ndisplay(HTML('<b>x</b>'))\nprint('b')\ndisplay(Markdown('*m*'), metadata={'k': 1})",
        ),
        step(
            "cleared",
            "from IPython.display import clear_output\nprint('wiped')\nclear_output()\nprint('left')",
        ),
        step("frame", "import pandas as pd\npd.DataFrame({'x': [1, 2]})"),
        step("silent", "1 + 1;"),
        step("warned", "warnings.warn('careful')"),
        step("logged", "log.warning('through a handler')"),
        step(
            "threads",
            "t = threading.Thread(target=print, args=('from a thread',)); t.start(); t.join(); del t",
        ),
        step("shell", "!echo from the shell"),
        step("value", "[1, 'two']"),
    ]
    first, again = survives(notebook, cells, ["Out[max(Out)]"])
    assert [outputs(reply) for reply in again] == [outputs(reply) for reply in first]
    assert again[1].stdout == "out\nout again\nno newline"
    assert again[1].stderr == "err\n"
    assert outputs(first[3])[1] == (
        "display",
        {"text/html": "<b>x</b>", "text/plain": "<IPython.core.display.HTML object>"},
    )
    assert outputs(again[4]) == [("stdout", "left\n")]
    assert outputs(first[6]) == []
    assert "careful" in again[7].stderr
    assert again[8].stdout == "through a handler\n"
    assert again[9].stdout == "from a thread\n"
    assert again[10].stdout.strip() == "from the shell"


def test_figures_and_displays_with_handles_come_back(notebook):
    """Promise 7: a display that was updated comes back in its last state, under its id."""
    cells = [
        "%matplotlib inline\nimport matplotlib.pyplot as plt",
        step("figure", "fig, ax = plt.subplots(figsize=(1, 1)); ax.plot([1, 2]); print('drawn')"),
        step(
            "handle",
            "from IPython.display import display\nhandle = display('first', display_id='shown')\nhandle.update('second')",
        ),
    ]
    first, again = survives(notebook, cells, ["handle.display_id"])
    images = [
        [data["image/png"] for data in reply.displays if "image/png" in data]
        for reply in (first[1], again[1])
    ]
    assert len(images[0]) == 1
    assert images[0] == images[1]
    assert again[1].stdout == "drawn\n"
    assert again[2].displays[0]["text/plain"] == "'second'"
    later = notebook.run("handle.update('third')")
    assert any(message["msg_type"] == "update_display_data" for message in later.messages)


def test_the_value_is_in_out_and_in_the_underscore(notebook):
    cells = [step("value", "data = [1, 2]\ndata"), "_, Out[2] is data"]
    first, again = survives(notebook, cells, ["data"])
    assert first[1].result["text/plain"] == again[1].result["text/plain"] == "([1, 2], True)"


# -- options --------------------------------------------------------------------------------------------


def test_output_names_what_is_kept(notebook):
    cells = [step("some", "a = 1\nb = [a]\nc = 3", "--output a,b"), "c = globals().get('c', 'not here')"]
    first, again = run_all(notebook, [HEAD, *cells]), None
    assert shown(notebook, "a, b, c") == "(1, [1], 3)"
    notebook.kill()
    ran(notebook)
    again = run_all(notebook, [HEAD, *cells])
    assert ran(notebook) == []
    assert "`a`, `b`" in again[1].text
    assert "`c`" not in first[1].text
    assert shown(notebook, "a, b, c") == "(1, [1], 'not here')"
    wider = notebook.run(step("some", "a = 1\nb = [a]\nc = 3", "--output a,b,c"), "cell-1")
    assert "code of `--output` changed" in wider.text
    assert ran(notebook) == ["some"]
    typo = notebook.run(step("typo", "result = 1", "--output reslt"))
    assert typo.stderr.startswith("UsageError: %%step typo: --output names reslt")
    assert ran(notebook) == []


def test_retries_are_attempts_and_stop_after_a_change_in_place(notebook):
    notebook.run(HEAD)
    notebook.run("items = []")
    reply = notebook.run(
        step(
            "flaky", "n = len(open('log').readlines())\nif n < 3: raise OSError(f'try {n}')\nn", "--retries 3"
        )
    )
    assert reply.result["text/plain"] == "3"
    assert reply.text.count("trying again") == 2
    assert ran(notebook) == ["flaky"] * 3
    attempts = "from perdure.notebook import current\n[(a.number, a.state) for a in current().store.journal.attempts(current().run_id) if a.call == current().owner.history.of_step('flaky')[0].id]"
    assert shown(notebook, attempts) == "[(1, 'failed'), (2, 'failed'), (3, 'done')]"
    reply = notebook.run(step("spoils", "items.append(1)\nraise OSError('after a change')", "--retries 3"))
    assert reply.ename == "OSError"
    assert ran(notebook) == ["spoils"]
    assert "it changed `items` in place" in reply.text


def test_a_time_limit_stops_both_kinds_of_bodies(notebook):
    notebook.run(HEAD)
    for body in ("import time\nwhile True: time.sleep(0.01)", "import asyncio\nawait asyncio.sleep(600)"):
        reply = notebook.run(step("limited", body, "--timeout 0.2s --replace"))
        assert reply.ename == "StepTimeout"
        assert "longer than 0.2 s" in reply.evalue
        assert "kernel/perdure" not in reply.traceback
    assert (
        notebook.run(
            step("inner", "import asyncio\nawait asyncio.wait_for(asyncio.sleep(9), 0.01)", "--timeout 9s")
        ).ename
        == "TimeoutError"
    )
    assert notebook.run(step("fine", "x = 1", "--timeout 9s")).errors == []


@pytest.mark.parametrize("verdict", ["again", "done {'receipt':5}", "done", "fail"])
def test_an_effect_that_was_running_when_the_kernel_died_is_asked_about(notebook, verdict):
    """Promise 5."""
    body = "import os, time\nif os.path.exists('slow'):\n    open('in', 'w').close(); time.sleep(600)\nreceipt = 1\nreceipt"
    cell = step("send", body, "--kind effect")
    notebook.run(HEAD)
    (notebook.cwd / "slow").touch()
    notebook.submit(cell)
    notebook.wait_for_file("in")
    notebook.kill()
    (notebook.cwd / "slow").unlink()
    ran(notebook)
    notebook.run(HEAD)
    asked = notebook.run(cell)
    assert asked.ename == "InDoubt"
    assert "%perdure resolve send again" in asked.evalue
    assert "send" in notebook.run("%resume --plan").text
    refused = notebook.run("%perdure resolve send done 7")
    assert "step send binds os, receipt, time: give these names their values" in refused.stderr
    assert notebook.run(cell).ename == "InDoubt"
    assert notebook.run(f"%perdure resolve send {verdict}").errors == []
    reply = notebook.run(cell)
    if verdict == "again":
        assert (reply.result["text/plain"], ran(notebook)) == ("1", ["send"])
        return
    assert ran(notebook) == []
    if verdict == "fail":
        assert reply.ename == "EffectFailed"
        assert notebook.run(cell.replace("effect", "effect --redo")).errors == []
        assert ran(notebook) == ["send"]
    elif verdict == "done":
        assert (reply.errors, reply.result) == ([], None)
    else:
        assert reply.errors == []
        assert shown(notebook, "receipt") == "5"


def test_an_interrupted_effect_is_in_doubt(notebook):
    """Promise 5: the stop button tells no more about what took place than a kill does."""
    notebook.run(HEAD)
    sent = notebook.submit(
        step("send", "open('in', 'w').close()\nimport time; time.sleep(600)", "--kind effect")
    )
    notebook.wait_for_file("in")
    notebook.interrupt()
    assert notebook.wait(sent).ename == "KeyboardInterrupt"
    assert (
        notebook.run(
            step("send", "open('in', 'w').close()\nimport time; time.sleep(600)", "--kind effect")
        ).ename
        == "InDoubt"
    )


def test_an_interrupt_after_a_change_in_place_says_what_was_changed(notebook):
    notebook.run(HEAD)
    notebook.run("items = []")
    sent = notebook.submit(
        step("slow", "items.append(1)\nopen('in', 'w').close()\nimport time; time.sleep(600)")
    )
    notebook.wait_for_file("in")
    notebook.interrupt()
    reply = notebook.wait(sent)
    assert reply.ename == "KeyboardInterrupt"
    assert "interrupted · nothing kept · it changed `items` in place" in reply.text


def test_kinds_and_edits(notebook):
    """Effects and volatile steps are not found by their code; `--on-edit` decides for the others."""
    notebook.run(HEAD)

    def run(cell):
        return notebook.run(cell, cell.split()[1])

    run(step("send", "s = 1", "--kind effect"))
    run(step("now", "n = 1", "--kind volatile"))
    run(step("slow", "k = 1", "--on-edit keep"))
    run(step("care", "q = 1", "--on-edit ask"))
    notebook.kill()
    ran(notebook)
    notebook.run(HEAD)
    assert "kept, older code" in run(step("send", "s = 2", "--kind effect")).text
    assert "kept, older code" in run(step("now", "n = 2", "--kind volatile")).text
    assert "kept, older code" in run(step("slow", "k = 2", "--on-edit keep")).text
    asked = run(step("care", "q = 2", "--on-edit ask"))
    assert asked.ename == "CodeEdited"
    assert "--redo" in asked.evalue
    refused = run(step("mail", "m = 1", "--kind effect --on-edit ask"))
    assert "--on-edit ask is for pure steps" in refused.stderr
    assert ran(notebook) == []
    assert shown(notebook, "s, n, k") == "(1, 1, 1)"
    assert "asked for with --redo" in run(step("slow", "k = 2", "--on-edit keep --redo")).text
    strict = run(step("slow", "k = 3", "--strict"))
    assert strict.ename == "StrictDrift"
    assert ran(notebook) == ["slow"]


def test_an_input_that_cannot_be_compared_restores_with_a_badge(notebook):
    """A weak key: represented by where it comes from, never dropped; `--strict` refuses it."""
    setup = "%%setup connect\nimport sqlite3\nconnection = sqlite3.connect(':memory:')"
    cells = [setup, step("query", "rows = connection.execute('select 1').fetchall()\nrows")]
    _, again = survives(notebook, cells, ["rows", "connection.execute('select 2').fetchall()"])
    assert "`connection` compared by origin, not by content" in again[1].text
    strict = notebook.run(cells[1].replace("%%step query", "%%step query --strict"))
    assert strict.ename == "StrictDrift"
    notebook.kill()
    ran(notebook)
    notebook.run("%load_ext perdure")
    resumed = notebook.run("%resume")
    assert resumed.errors == []
    assert ran(notebook) == []
    assert shown(notebook, "connection.execute('select 3').fetchall(), rows") == "([(3,)], [(1,)])"


def test_parameters_and_fresh_make_other_runs(notebook):
    notebook.run("%load_ext perdure\nday = 1")
    notebook.run("%workflow daily --params day")
    notebook.run(step("x", "x = day"))
    assert ran(notebook) == ["x"]
    notebook.run("day = 2")
    assert "new run" in notebook.run("%workflow daily --params day").text
    notebook.run(step("x", "x = day"))
    assert ran(notebook) == ["x"]
    notebook.run("day = 1")
    assert "1 step is kept" in notebook.run("%workflow daily --params day").text
    notebook.run(step("x", "x = day"))
    assert ran(notebook) == []
    assert "new run" in notebook.run("%workflow daily --params day --fresh").text
    notebook.run(step("x", "x = day"))
    assert ran(notebook) == ["x"]


# -- nesting --------------------------------------------------------------------------------------------


def test_nested_things_end_in_sense(notebook):
    (notebook.cwd / "part.py").write_text(
        "from perdure import step\n@step\ndef double(x):\n    return 2 * x\nfrom_file = double(4)\n"
    )
    notebook.run(HEAD)
    assert notebook.run("%%time\n%%step timed\nt = 1").errors == []
    awaiting = notebook.run("%%time\n%%step timed\nimport asyncio\nawait asyncio.sleep(0)")
    assert awaiting.ename == "SyntaxError", "%%time itself cannot await"
    assert notebook.run("%%step magic\n%%time\nu = 2\nu").errors == []
    assert shown(notebook, "u") == "2"
    assert notebook.run(step("nested", "v = 1\nget_ipython().run_cell('w = v + 1')")).errors == []
    assert shown(notebook, "v, w") == "(1, 2)"
    assert notebook.run(step("runs", "%run part.py")).errors == []
    assert shown(notebook, "from_file") == "8"
    outer = notebook.run(step("outer", "get_ipython().run_cell('%%step inner\\nz = 1')\n"))
    assert outer.errors == []
    assert shown(notebook, "z") == "1"
    notebook.kill()
    ran(notebook)
    notebook.run(HEAD)
    assert "restored" in notebook.run("%%step magic\n%%time\nu = 2\nu").text
    assert "restored" in notebook.run(step("nested", "v = 1\nget_ipython().run_cell('w = v + 1')")).text
    assert "restored" in notebook.run(step("runs", "%run part.py")).text
    assert shown(notebook, "u, v, w, from_file") == "(2, 1, 2, 8)"
    assert ran(notebook) == []


def test_an_array_that_looks_into_that_of_another_step_is_kept_and_the_lost_tie_is_told(notebook):
    """Promise 4: what of a value is not kept is said when the step first ends."""
    notebook.run(HEAD)
    made = notebook.run("%%step arrays\nimport numpy as np\na = np.arange(6)\nb = a[:3]\nc = a")
    assert "after a restore" not in made.text
    across = notebook.run("%%step across\nd = a.reshape(2, 3)")
    assert "`d`: It looks into the memory of `a`; after a restore each has memory of its own." in across.text
    notebook.kill()
    notebook.run(HEAD)
    notebook.run("%resume")
    notebook.run("a[0] = d[0, 0] = 9; d[0, 1] = 8")
    assert notebook.run("b.tolist(), c is a").result["text/plain"] == "([9, 1, 2], True)"


def test_an_object_that_a_cell_reaches_by_no_name_is_kept_and_the_lost_alias_is_told(notebook):
    """Promise 4: not an alias into a copy without a word."""
    notebook.run(HEAD)
    notebook.run("%%step first\nrows = [1]\nbox = {'rows': rows}\nsmall = 7")
    reached = notebook.run("%%step second\nagain = box['rows']\nalso = small")
    assert "`again`: It is the same object as `rows`; after a restore each is its own." in reached.text
    assert "`also`" not in reached.text.replace("kept `again`, `also`", "")
