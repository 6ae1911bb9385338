"""`%perdure cache`: the results that other runs may use, in a real kernel."""

from __future__ import annotations

DEFINE = """\
from perdure import step, workflow
@step(cache=True)
def embed(text):
    print("embedding", text, flush=True)
    return [text]
@workflow
def first(text): return embed(text)
@workflow
def second(text): return embed(text)"""


def test_cached_results_are_listed_and_cleared(open_notebook):
    notebook = open_notebook()
    for cell in ("%load_ext perdure", "%workflow numbers", DEFINE):
        assert notebook.run(cell).status == "ok"
    assert "none is marked" in notebook.run("%perdure cache").text
    assert notebook.run("first('day')").stdout == "embedding day\n"
    assert notebook.run("second('day')").stdout == "", "another run has it already"

    shown = notebook.run("%perdure cache").text
    assert shown.startswith("1 result of `embed`")
    assert "of first" in shown
    assert "text='day'" in notebook.run("%perdure cache embed").text

    assert "No result of `other`" in notebook.run("%perdure cache other --clear").text
    assert "Cleared 1 result of `embed`" in notebook.run("%perdure cache embed --clear").text
    assert "none is marked" in notebook.run("%perdure cache").text
    assert notebook.run("second.using(fresh=True)('day')").stdout == "embedding day\n"
