"""A cell's body that asks the clock or chance is told so, in a real kernel."""

CELL = """%%workflow report
import random
started = time.time()
lucky = random.choice([1, 2])
fine = [step_of_mine(1), time.perf_counter()]
"""


def test_a_workflow_cell_is_told_its_lines_once(notebook):
    notebook.run("%load_ext perdure\n%workflow paper\nimport time\nfrom perdure import step")
    notebook.run("@step\ndef step_of_mine(x):\n    return time.time()")
    first = notebook.run(CELL, "cell")
    assert first.errors == []
    assert (
        "line 3: `started = time.time()`: on a replay, `time.time` gives something else; write `now()`"
        in first.text
    )
    assert "line 4: `lucky = random.choice([1, 2])`: on a replay, `random.choice` gives" in first.text
    assert first.text.count("on a replay") == 2
    assert first.stderr == ""
    assert (
        "on a replay"
        not in notebook.run(CELL.replace("%%workflow report", "%%workflow report --fresh"), "cell").text
    )
    assert (
        "line 5: `x = time.time()`"
        in notebook.run(CELL.replace("fine =", "x = time.time()\nfine ="), "cell").text
    )


def test_a_workflow_function_of_a_cell_is_told_its_lines_under_the_cell(notebook):
    notebook.run("%load_ext perdure\n%workflow paper\nimport time\nfrom perdure import workflow")
    notebook.run("# a comment\n@workflow\ndef report(day):\n    return day, time.time()")
    reply = notebook.run("report(1)[0]")
    assert reply.result["text/plain"] == "1"
    assert "line 4: `return day, time.time()`" in reply.text
    assert reply.stderr == ""
