"""The main job in a real kernel: what is restored, what runs, after kills, restarts, interrupts and edits.

Each cell that runs adds its name to `log`: what is not in there did not run (promise 1).
"""

from __future__ import annotations

import pytest

LOG = "open('log', 'a').write({name!r} + '\\n')\n"


def step(name: str, body: str, options: str = "") -> str:
    return f"%%step {name} {options}\n{LOG.format(name=name)}{body}"


def ran(notebook) -> list[str]:
    """The steps that ran since the last call."""
    log = notebook.cwd / "log"
    found = log.read_text().split() if log.exists() else []
    log.write_text("")
    return found


HEAD = "%load_ext perdure\n%workflow numbers"
CELLS = [
    HEAD,
    "rate = 2",
    step("load", "numbers = list(range(5))\nprint('loaded', len(numbers))\nnumbers"),
    step("scale", "scaled = [rate * number for number in numbers]"),
    step("total", "result = sum(scaled)\nresult"),
]


@pytest.fixture(params=["perdure", "python3"])
def any_kernel(request, open_notebook):
    """A notebook over the Perdure kernel, and one over the stock kernel."""
    return open_notebook(kernel=request.param)


def test_after_sigkill_run_all_restores_what_is_done(any_kernel):
    """Promises 1, 2, 3 and 7: names, value and output come back, and nothing runs."""
    first = any_kernel.run_all(CELLS)
    assert [reply.status for reply in first] == ["ok"] * 5
    assert ran(any_kernel) == ["load", "scale", "total"]
    any_kernel.kill()
    again = any_kernel.run_all(CELLS)
    assert [reply.errors for reply in again] == [[]] * 5
    assert ran(any_kernel) == []
    assert again[2].stdout == "loaded 5\n"
    assert again[2].result == first[2].result == {"text/plain": "[0, 1, 2, 3, 4]"}
    assert "restored from today" in again[2].text
    assert any_kernel.run("result, numbers, Out[3]").result["text/plain"] == (
        "(20, [0, 1, 2, 3, 4], [0, 1, 2, 3, 4])"
    )


def test_a_kill_in_the_middle_of_a_step_loses_that_step_alone(any_kernel):
    """Promise 2: what was acknowledged stays; the step that ran is run again."""
    slow = step(
        "total",
        "import os, time\nif not os.path.exists('in'):\n    open('in', 'w').close(); time.sleep(600)\nresult = sum(scaled)",
    )
    assert [reply.status for reply in any_kernel.run_all(CELLS[:4])] == ["ok"] * 4
    any_kernel.submit(slow, "cell-4")
    any_kernel.wait_for_file("in")
    any_kernel.kill()
    ran(any_kernel)
    replies = any_kernel.run_all([*CELLS[:4], slow])
    assert [reply.errors for reply in replies] == [[]] * 5
    assert ran(any_kernel) == ["total"]
    assert "2 steps are kept" in replies[0].text
    assert "while `total` ran" in replies[0].text
    assert "because it was running when the kernel died" in replies[4].text
    assert any_kernel.run("result").result["text/plain"] == "20"


def test_after_a_restart_run_all_restores(any_kernel):
    any_kernel.run_all(CELLS)
    ran(any_kernel)
    any_kernel.restart()
    assert [reply.errors for reply in any_kernel.run_all(CELLS)] == [[]] * 5
    assert ran(any_kernel) == []


@pytest.mark.parametrize(
    "wait",
    [
        "import time; time.sleep(600)",
        "import asyncio; await asyncio.sleep(600)",
        "import asyncio, time; await asyncio.sleep(0); time.sleep(600)",
    ],
    ids=["plain", "awaiting", "plain code in an awaiting cell"],
)
def test_an_interrupt_reaches_the_step_at_once_and_the_step_runs_again(any_kernel, wait):
    """The attempt is recorded as interrupted, never as failed, and nothing of it is kept."""
    any_kernel.run(HEAD)
    body = "import os\nif not os.path.exists('in'):\n    open('in', 'w').close()\n    " + wait + "\nx = 1"
    sent = any_kernel.submit(step("slow", body))
    any_kernel.wait_for_file("in")
    any_kernel.interrupt()
    reply = any_kernel.wait(sent)
    assert reply.ename == "KeyboardInterrupt"
    assert "perdure" not in reply.traceback.replace("%%step", "")
    states = any_kernel.run(
        "from perdure.notebook import current\n"
        "owner = current().owner\n"
        "[(call.state, owner.attempt(call).state) for call in owner.history.of_step('slow')]"
    )
    assert states.result["text/plain"] == "[('interrupted', 'interrupted')]"
    assert any_kernel.run(step("slow", body)).status == "ok"
    assert ran(any_kernel) == ["slow", "slow"]
    assert any_kernel.run("x").result["text/plain"] == "1"


def test_after_an_exception_and_its_mending_only_that_step_runs(any_kernel):
    any_kernel.run_all(CELLS[:4])
    failed = any_kernel.run(step("total", "result = sum(scaled) / 0"), "cell-4")
    assert failed.ename == "ZeroDivisionError"
    assert "perdure" not in failed.traceback.replace("%%step", "")
    assert "sum(scaled) / 0" in failed.traceback
    assert "hidden" not in failed.traceback, "the frames that led to the body are not the user's"
    any_kernel.kill()
    ran(any_kernel)
    replies = any_kernel.run_all(CELLS)
    assert [reply.errors for reply in replies] == [[]] * 5
    assert ran(any_kernel) == ["total"]


def test_an_edited_step_runs_with_what_depends_on_a_changed_value(any_kernel):
    """Promise 11: the reason names what changed."""
    any_kernel.run_all(CELLS)
    any_kernel.kill()
    ran(any_kernel)
    edited = [*CELLS[:3], step("scale", "scaled = [rate * number + 1 for number in numbers]"), CELLS[4]]
    replies = any_kernel.run_all(edited)
    assert ran(any_kernel) == ["scale", "total"]
    assert "because code of `scale` changed" in replies[3].text
    assert "because `scaled` changed" in replies[4].text


def test_an_edited_step_whose_result_is_the_same_stops_there(any_kernel):
    """Early cutoff: what comes after is still valid."""
    any_kernel.run_all(CELLS)
    any_kernel.kill()
    ran(any_kernel)
    edited = [*CELLS[:3], step("scale", "scaled = [number * rate for number in numbers]"), CELLS[4]]
    any_kernel.run_all(edited)
    assert ran(any_kernel) == ["scale"]


def test_comments_layout_and_docstrings_run_nothing(any_kernel):
    any_kernel.run_all([*CELLS, "def f():\n    return 1", step("use", "used = f()")])
    any_kernel.kill()
    ran(any_kernel)
    commented = [
        *CELLS[:3],
        f"%%step scale\n# scaled by the rate\n{LOG.format(name='scale')}\nscaled = [\n    rate * number\n    for number in numbers\n]",
        CELLS[4],
        "def f():\n    'Give one.'\n    return 1  # one",
        step("use", "used = f()"),
    ]
    assert [reply.errors for reply in any_kernel.run_all(commented)] == [[]] * 7
    assert ran(any_kernel) == []


def test_a_changed_input_runs_the_steps_that_read_it(any_kernel):
    any_kernel.run_all(CELLS)
    any_kernel.kill()
    ran(any_kernel)
    replies = any_kernel.run_all([CELLS[0], "rate = 3", *CELLS[2:]])
    assert ran(any_kernel) == ["scale", "total"]
    assert "because `rate` changed: 2 → 3" in replies[3].text
    any_kernel.run_all(CELLS)
    assert ran(any_kernel) == [], "all versions of a call stay findable"
    assert any_kernel.run("result").result["text/plain"] == "20"


def test_a_changed_function_runs_the_steps_that_use_it(any_kernel):
    cells = [
        HEAD,
        "def scale(x):\n    return inner(x)\ndef inner(x):\n    return 2 * x",
        step("use", "y = scale(4)"),
    ]
    any_kernel.run_all(cells)
    any_kernel.kill()
    ran(any_kernel)
    replies = any_kernel.run_all([cells[0], cells[1].replace("2 *", "3 *"), cells[2]])
    assert ran(any_kernel) == ["use"]
    assert "because code of `inner` changed" in replies[2].text


def test_fifty_times_run_all_runs_no_step(notebook):
    """Promise 1, in one kernel; promise 10: the journal does not grow with it."""
    cells = [
        *CELLS,
        step("change", "numbers.append(9)\nfor number in numbers: pass"),
        step("late", "def late(): return later\nn = 1"),
    ]
    notebook.run_all([*cells, "later = 5"])
    assert ran(notebook) == ["load", "scale", "total", "change", "late"]
    count = "len(current().store.journal.calls(current().run_id))"
    notebook.run("from perdure.notebook import current")
    before = notebook.run(count).result
    for _ in range(50):
        replies = notebook.run_all([*cells, "later = 5"])
        assert [reply.errors for reply in replies] == [[]] * 8
    assert ran(notebook) == []
    assert notebook.run(count).result == before
    assert notebook.run("numbers").result["text/plain"] == "[0, 1, 2, 3, 4, 9]"


def test_resume_alone_brings_the_namespace_back(any_kernel):
    """`%resume` runs no cell, and brings what unmarked cells gave to the steps as well."""
    cells = [
        HEAD,
        "%%setup\nimport math",
        "import datetime as dt\nrate = 2\nclass Point:\n    def __init__(self, x):\n        self.x = x\ndef double(x):\n    return rate * x",
        step(
            "make", "point = Point(double(4))\nday = dt.date(2013, 1, 1)\nroot = math.sqrt(16)\nsame = point"
        ),
    ]
    assert [reply.errors for reply in any_kernel.run_all(cells)] == [[]] * 4
    any_kernel.kill()
    ran(any_kernel)
    any_kernel.run("%load_ext perdure")
    planned = any_kernel.run("%resume numbers --plan")
    assert "restore" in planned.text
    assert any_kernel.run("'point' in globals()").result["text/plain"] == "False", "a plan only tells"
    resumed = any_kernel.run("%resume")
    assert resumed.errors == []
    assert "1 step restored" in resumed.text
    assert ran(any_kernel) == []
    found = any_kernel.run("type(point) is Point, point.x, day, root, same is point, double(1), math.pi > 3")
    assert found.result["text/plain"] == "(True, 8, datetime.date(2013, 1, 1), 4.0, True, 2, True)"


def test_a_plan_tells_what_is_missing_and_takes_no_run(any_kernel):
    """Promise 11. The notebook's workflow, and what another kernel owns, stay as they are."""
    more = ["%%setup tools\nimport math", "%%step shown\nshown = eval('1')"]
    assert [reply.errors for reply in any_kernel.run_all([*CELLS, *more])] == [[]] * 7
    sent = any_kernel.submit("%%step send --kind effect\nopen('begun', 'w')\nimport time\ntime.sleep(60)")
    any_kernel.wait_for_file("begun")
    any_kernel.kill_only()
    assert any_kernel.wait(sent).status == "dead"
    any_kernel.kill()
    any_kernel.run("%load_ext perdure\n%workflow other")
    before = any_kernel.run("%runs numbers").text
    planned = any_kernel.run("%resume numbers --plan").text
    rows = [line.split()[:2] for line in planned.splitlines()[1:]]
    assert rows == [
        ["run", "tools"],
        ["restore", "load"],
        ["restore", "scale"],
        ["restore", "total"],
        ["restore", "shown"],
        ["ask", "send"],
    ]
    assert [line.split()[1] for line in planned.splitlines() if "is not compared" in line] == ["shown"]
    assert "other, run" in any_kernel.run("%perdure").text
    assert any_kernel.run("%runs numbers").text == before
    assert "nothing is kept yet" in any_kernel.run("%resume --plan").text
    any_kernel.run("%workflow numbers")
    assert any_kernel.run("%resume numbers --plan").text == planned


def test_resume_lists_what_no_step_made_with_its_cell(any_kernel):
    cells = [
        HEAD,
        "early = list(range(100_000))\ngone = 1\nsmall = 2",
        step("count", "counted = len(early) + small"),
        "del gone\nlate = {'a': 1}\nprint(counted)",
    ]
    assert [reply.errors for reply in any_kernel.run_all(cells)] == [[]] * 4
    for _ in range(2):
        any_kernel.kill()
        assert any_kernel.run(HEAD).errors == []
    resumed = any_kernel.run("%resume").text
    assert "cell [2]" in resumed
    assert "`early`: no step made this" in resumed, "what the step read and was small is kept with it"
    assert "cell [4]" in resumed
    assert "`late`: no step made this" in resumed
    assert "gone" not in resumed
    assert any_kernel.run("early, late = 1, 2").errors == []
    assert "no step made this" not in any_kernel.run("%resume").text


def test_aliases_and_changes_in_place_come_back_once(any_kernel):
    """Promise 4: an alias stays an alias, within a cell and across cells; a change is applied once."""
    cells = [
        HEAD,
        step("make", "a = [1]\nb = {'a': a}"),
        step("alias", "c = a\nd = [b]"),
        step("change", "a.append(2)"),
    ]
    any_kernel.run_all(cells)
    check = "a, b, c, d[0] is b"
    before = any_kernel.run(check).result["text/plain"]
    assert before == "([1, 2], {'a': [1, 2]}, [1, 2], True)"
    any_kernel.kill()
    any_kernel.run_all(cells)
    assert ran(any_kernel) == ["make", "alias", "change"]
    assert any_kernel.run("a, c, a is c").result["text/plain"] == "([1, 2], [1, 2], True)"


def test_two_steps_with_one_name_are_refused_by_cell_id(notebook):
    notebook.run(HEAD, "c0")
    assert notebook.run("%%step same\nx = 1", "c1").status == "ok"
    other = notebook.run("%%step same\nx = 2", "c2")
    assert other.ename == "DuplicateStep"
    assert "cell [" in other.evalue
    assert notebook.run("%%step same\nx = 3", "c1").status == "ok", (
        "an edit of the same cell is no second step"
    )
    assert notebook.run("%%step same --replace\nx = 2", "c2").status == "ok"


def test_two_steps_with_one_name_are_refused_by_code_without_ids(notebook):
    notebook.run(HEAD)
    assert notebook.run("%%step same\nx = 1").status == "ok"
    assert notebook.run("%%step same\nx = 1").status == "ok"
    assert notebook.run("%%step same\nx = 2").ename == "DuplicateStep"


def test_a_second_kernel_is_told_who_owns_the_run_and_takes_over_when_it_is_free(open_notebook):
    """Promise 6."""
    first, second = open_notebook(), open_notebook()
    first.run_all(CELLS)
    refused = second.run(HEAD)
    assert refused.ename == "RunOwned"
    assert f"process {first.pid}" in refused.evalue
    assert second.run(CELLS[2]).ename == "RunOwned", "a step says again who holds the run"
    first.kill_only()
    ran(first)
    assert [reply.errors for reply in second.run_all(CELLS)] == [[]] * 5
    assert ran(second) == []


def test_the_first_cell_in_a_new_kernel_says_what_is_kept(notebook):
    notebook.run_all(CELLS)
    notebook.kill()
    assert "3 steps are kept" in notebook.run("1 + 1").text
    assert "kept" not in notebook.run("1 + 1").text
