"""Resumable loops in cells, in a real kernel that is killed: names, random numbers and output (promises 2 and 7)."""

from __future__ import annotations

import re

import pytest

HEAD = "%load_ext perdure\n%workflow training"
SETUP = """
import os, random, signal, time
from perdure import resumable
from perdure.engine.loops import pace, saver
from perdure.notebook import current

pace.SHARE = float("inf")

def at_once(self, do, spend):
    "Keep a turn before the next one begins."
    self._work = saver.Work(do, spend)
    self._work.run()

saver.Saver.begin = at_once

def mishap(turn, wanted):
    "Die in this turn, once."
    if turn == wanted and not os.path.exists("died"):
        open("died", "w").close()
        if os.environ.get("MISHAP") == "interrupt":
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)
        os.kill(os.getpid(), signal.SIGKILL)
"""
LOOP = """
losses, weight = [], {"of": 0.0}
alias = weight
print("begin")
for epoch in resumable(range(8), keep=["losses", "weight"], every=0):
    open("turns", "a").write(f"{epoch} ")
    mishap(epoch, 5)
    weight["of"] += random.random()
    losses.append(random.random())
    print("epoch", epoch, round(losses[-1], 6))
print("end", alias is weight)
(losses, weight["of"])
"""
STEP = "%%step train\nrandom.seed(3)" + LOOP


def turns(notebook):
    """The turns that ran since the last call."""
    log = notebook.cwd / "turns"
    found = [int(turn) for turn in log.read_text().split()] if log.exists() else []
    log.write_text("")
    return found


@pytest.fixture(params=["perdure", "python3"])
def any_kernel(request, open_notebook):
    return open_notebook(kernel=request.param)


@pytest.fixture
def whole(open_notebook):
    """What the step's cell gives in one go."""
    notebook = open_notebook(folder="whole")
    (notebook.cwd / "died").touch()
    return notebook.run_all([HEAD, SETUP, STEP])[-1]


def without_bar(reply):
    """The plain text of what was displayed, but for bars and lines of Perdure."""
    return reply.stdout, reply.result


def bars(reply):
    return [data["text/plain"] for data in reply.displays if "<progress" in data.get("text/html", "")]


def test_a_step_that_was_killed_in_its_loop_goes_on_after_the_last_kept_turn(any_kernel, whole):
    """Promises 2 and 7: values, random numbers, aliases and all that it printed are those of one go."""
    assert any_kernel.run_all([HEAD, SETUP, STEP])[-1].status == "dead"
    assert turns(any_kernel) == [0, 1, 2, 3, 4, 5]
    any_kernel.kill()
    head, _, again = any_kernel.run_all([HEAD, SETUP, STEP])
    assert "turn 5 of 8 of `train` is kept: its cell goes on after it" in head.text
    assert turns(any_kernel) == [5, 6, 7]
    assert without_bar(again) == without_bar(whole)
    [bar] = bars(again)
    assert re.fullmatch(
        r"100 % · train: turn 8 of 8 · [\d.]+ turns/s · [\d.]+\sm?s · went on after turn 5", bar
    )

    any_kernel.kill()
    restored = any_kernel.run_all([HEAD, SETUP, STEP])[-1]
    assert "restored" in restored.text
    assert turns(any_kernel) == []
    assert without_bar(restored) == without_bar(whole)
    assert bars(restored) == [bar], "Promise 7: its last state is what the cell showed"


def test_the_plan_tells_after_which_turn_a_loop_goes_on(notebook):
    """Promise 11: before anything runs."""
    notebook.run_all([HEAD, SETUP, STEP])
    notebook.kill()
    notebook.run(HEAD)
    plan = notebook.run("%resume --plan").result["text/plain"]
    assert "its loop goes on after turn 5 of 8" in plan
    assert "its loop goes on after turn 5 of 8" in notebook.run("%resume").result["text/plain"]


def test_a_cell_outside_of_steps_goes_on_too(any_kernel):
    """Promise 2: it is known by its code; what it printed before the kill is not kept."""
    assert any_kernel.run_all([HEAD, SETUP, LOOP])[-1].status == "dead"
    turns(any_kernel)
    any_kernel.kill()
    again = any_kernel.run_all([HEAD, SETUP, LOOP])[-1]
    assert turns(any_kernel) == [5, 6, 7]
    assert again.stdout.startswith("begin\nepoch 5")
    assert "loop: turn 8 of 8" in again.text.replace("0 % ", "") or "loop: turn 8 of 8" in bars(again)[0]
    assert any_kernel.run("len(losses)").result["text/plain"] == "8"
    assert any_kernel.run(LOOP).status == "ok"
    assert turns(any_kernel) == list(range(8)), "a cell that ended well begins anew"


def test_a_cell_outside_of_steps_that_was_edited_says_what_is_kept(notebook):
    """Promise 11: where the front end tells which cell it is."""
    notebook.run(HEAD)
    notebook.run(SETUP)
    assert notebook.run(LOOP, "cell").status == "dead"
    notebook.kill()
    notebook.run(HEAD)
    notebook.run(SETUP)
    reply = notebook.run(LOOP.replace("range(8)", "range(9)"), "cell")
    assert (
        'turn 5 of 8 of its older code is kept; `resumable(..., on_edit="keep")` goes on after it'
        in reply.text
    )
    assert turns(notebook)[6:] == list(range(9))


def test_an_interrupted_loop_goes_on_when_its_cell_is_run_again(open_notebook, whole):
    """Promises 2 and 7: in the same kernel; the output is that of one go."""
    notebook = open_notebook(env={"MISHAP": "interrupt"})
    first = notebook.run_all([HEAD, SETUP, STEP])[-1]
    assert first.ename == "KeyboardInterrupt"
    again = notebook.run(STEP)
    assert turns(notebook) == [0, 1, 2, 3, 4, 5, 5, 6, 7]
    assert without_bar(again) == without_bar(whole)


def test_an_edited_step_with_a_longer_loop_goes_on_where_it_is_to(notebook):
    """Promise 2: who trains longer says so, and keeps what is done."""
    notebook.run_all([HEAD, SETUP, STEP])
    turns(notebook)
    notebook.kill()
    longer = STEP.replace("range(8)", "range(10)").replace("every=0", "every=0, on_edit='keep'")
    reply = notebook.run_all([HEAD, SETUP, longer])[-1]
    assert turns(notebook) == [5, 6, 7, 8, 9]
    assert reply.stdout.count("epoch") == 10


NESTED = """%%step folds
random.seed(5)
scores, weights = [], []
for fold in resumable(range(3), keep="scores", every=0):
    weights = []
    for epoch in resumable(range(4), keep="weights", every=0):
        open("turns", "a").write(f"{fold}{epoch} ")
        if (fold, epoch) == (1, 2):
            mishap(5, 5)
        weights.append(random.random())
    print(fold, len(weights))
    scores.append(sum(weights))
scores
"""


def test_a_loop_in_a_loop_shows_two_bars_and_goes_on_in_both(notebook, open_notebook):
    """Promises 2 and 7: a loop inside has one bar, however often it begins."""
    other = open_notebook(folder="whole")
    (other.cwd / "died").touch()
    whole = other.run_all([HEAD, SETUP, NESTED])[-1]
    assert notebook.run_all([HEAD, SETUP, NESTED])[-1].status == "dead"
    turns(notebook)
    notebook.kill()
    again = notebook.run_all([HEAD, SETUP, NESTED])[-1]
    assert turns(notebook) == [12, 13, 20, 21, 22, 23]
    assert without_bar(again) == without_bar(whole)
    assert len(bars(again)) == len(bars(whole)) == 2


def test_a_turn_that_is_kept_beside_the_loop_is_there_after_a_kill(notebook):
    """Promise 2: whenever the kernel dies, the loop goes on after a turn that was kept."""
    notebook.run(HEAD)
    notebook.run(SETUP.replace("saver.Saver.begin = at_once", ""))
    wait = """%%step train
seen = []
for turn in resumable(range(10_000), keep="seen", every=0):
    seen.append(turn)
    if turn == 5_000:
        while not current().store.journal.notes(current().run_id, "loop"):
            time.sleep(0.001)
        mishap(1, 1)
open("turns", "a").write(str(10_000 - len(seen)))
assert seen == list(range(10_000))
"""
    assert notebook.run(wait).status == "dead"
    notebook.kill()
    head = notebook.run(HEAD)
    assert re.search(r"turn \d+ of 10000 of `train` is kept", head.text)
    notebook.run(SETUP)
    reply = notebook.run(wait)
    assert (reply.status, reply.evalue) == ("ok", "")
    assert turns(notebook) == [0]
    assert "went on after turn" in bars(reply)[0]


def test_a_loop_in_a_workflow_cell_is_refused_in_one_sentence(notebook):
    """Promise 1: its body is run again from the top."""
    notebook.run(HEAD)
    notebook.run(SETUP)
    reply = notebook.run("%%workflow report\nfor i in resumable(range(3)):\n    print(i)")
    assert reply.ename == "LoopInBody"
    assert reply.stdout == ""
    assert "Put the loop into a @step function" in reply.evalue


def test_without_a_workflow_a_loop_is_a_plain_one_with_a_bar_and_a_hint(notebook):
    reply = notebook.run("from perdure import resumable\nfor i in resumable(range(3)):\n    print(i)")
    assert reply.stdout == "0\n1\n2\n"
    assert "runs outside a workflow" in reply.stderr
    assert "`%workflow NAME`" in reply.stderr
    notebook.run("%load_ext perdure")
    reply = notebook.run("for i in resumable(iter(range(3))):\n    pass")
    assert reply.stderr == ""
    assert [data["text/plain"].partition(" · ")[0] for data in reply.displays] == ["loop: turn 3"]


def test_a_loop_that_was_interrupted_goes_on_when_its_cell_is_run_again(notebook):
    """Although the names that it keeps have changed meanwhile: it puts them back itself."""
    notebook.run(HEAD)
    notebook.run(SETUP.replace("saver.Saver.begin = at_once", ""))
    notebook.run("%%step init\nlosses = []\ntotal = 0")
    cell = """%%step train
for turn in resumable(range(10_000), keep=["total", "losses"], every=0):
    total += turn
    losses.append(turn)
    if turn == 5_000 and not os.path.exists("in"):
        while not current().store.journal.notes(current().run_id, "loop"):
            time.sleep(0.001)
        open("in", "w").close()
        time.sleep(600)
total, len(losses)"""
    sent = notebook.submit(cell)
    notebook.wait_for_file("in")
    notebook.interrupt()
    reply = notebook.wait(sent)
    assert reply.ename == "KeyboardInterrupt"
    assert "is kept · run the cell again: it goes on" in reply.text
    again = notebook.run(cell)
    assert again.errors == []
    assert again.result["text/plain"] == "(49995000, 10000)"
