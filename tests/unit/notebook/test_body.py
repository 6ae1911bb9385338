"""Bodies of cells: values, names, lines, and what a body of its own keeps to itself (design, section 4)."""

from __future__ import annotations

import asyncio
import traceback

import pytest

from perdure.notebook.body import Body, FunctionBody


def lines_of(error):
    return [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if "ipython-input" in frame.filename
    ]


def test_a_body_runs_in_the_notebooks_namespace_and_gives_its_value(shell, cell):
    body = Body(shell, cell("x = 40\nx + 2"))
    assert body.run() == 42
    assert shell.user_ns["x"] == 40
    assert (body.has_value, body.is_async, body.typed) == (True, False, "%%step a\nx = 40\nx + 2")


@pytest.mark.parametrize("source", ["", "# nothing", "x = 1", "1 + 1;", "1 + 1;  # silent"])
def test_a_body_without_a_value_to_show_gives_none(shell, cell, source):
    body = Body(shell, cell(source))
    assert not body.has_value
    assert body.run() is None


def test_a_text_alone_is_a_value(shell, cell):
    assert Body(shell, cell("'text'")).run() == "text"


def test_a_body_that_awaits_is_told_and_awaited(shell, cell):
    body = Body(
        shell, cell("import asyncio\ny = [i async for i in aiter_of_two()]\nawait asyncio.sleep(0, 7)")
    )

    async def aiter_of_two():
        yield 1
        yield 2

    shell.user_ns["aiter_of_two"] = aiter_of_two
    assert body.is_async
    assert asyncio.run(body.arun()) == 7
    assert shell.user_ns["y"] == [1, 2]


@pytest.mark.parametrize("above", ["", "\n", "\n  \n\n"])
def test_tracebacks_count_the_lines_of_the_cell_as_typed(shell, cell, above):
    with pytest.raises(ZeroDivisionError) as caught:
        Body(shell, cell(f"{above}x = 1\n1 / 0")).run()
    assert lines_of(caught.value) == [3 + above.count("\n")]


def test_a_body_that_was_not_typed_as_this_cell_still_runs(shell, cell):
    cell("something else")
    assert Body(shell, "6 * 7").run() == 42


@pytest.mark.parametrize(
    ("source", "line"),
    [("x = = 1", 2), ("x = 1\nreturn x", 3), ("\n\ndef f(:", 4), ("yield 1", 2)],
)
@pytest.mark.parametrize("kind", ["cell", "function"])
def test_a_syntax_error_tells_the_line_of_the_cell(shell, cell, source, line, kind):
    with pytest.raises(SyntaxError) as caught:
        Body(shell, cell(source)) if kind == "cell" else FunctionBody(shell, cell(source), [])
    assert caught.value.lineno == line
    assert "ipython-input" in caught.value.filename


def test_features_of_the_future_hold_for_the_whole_body_and_not_beyond_this_project(shell, cell):
    Body(shell, cell("def f(x: int): pass")).run()
    assert shell.user_ns["f"].__annotations__ == {"x": int}
    body = Body(shell, cell("from __future__ import annotations\ndef f(x: nowhere): pass\nf.__annotations__"))
    assert body.run() == {"x": "nowhere"}


def test_an_interrupt_of_a_waiting_body_is_a_keyboard_interrupt(shell, cell):
    for make in (lambda s: Body(shell, s).arun(), lambda s: FunctionBody(shell, s, []).call({})):

        async def interrupted(make=make):
            task = asyncio.ensure_future(make(cell("import asyncio\nawait asyncio.Event().wait()")))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(KeyboardInterrupt):
                await task

        with pytest.raises(KeyboardInterrupt):
            asyncio.run(interrupted())


def test_a_cancelled_child_task_is_no_interrupt(shell, cell):
    source = "import asyncio\nt = asyncio.ensure_future(asyncio.sleep(9))\nasyncio.get_running_loop().call_soon(t.cancel)\nawait t"
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(Body(shell, cell(source)).arun())


# -- bodies of their own ---------------------------------------------------------------------------------


def test_a_function_body_has_locals_over_the_notebooks_globals(shell, cell):
    shell.user_ns["base"] = 40
    body = FunctionBody(shell, cell("x = day + base\nx"), ["day"])
    assert body.call_sync({"day": 2}) == (42, {"day": 2, "x": 42})
    assert "x" not in shell.user_ns
    assert [name for name in shell.user_ns if name.startswith("__perdure")] == []
    shell.user_ns["base"] = 1
    assert body.call_sync({"day": 2})[0] == 3


def test_inner_functions_and_classes_see_the_locals_and_bear_plain_names(shell, cell):
    source = "y = 1\nclass K:\n    def m(self):\n        return y\ndef g():\n    return K().m() + 1\ng()"
    value, names = FunctionBody(shell, cell(source), []).call_sync({})
    assert value == 2
    assert set(names) == {"y", "K", "g"}
    assert (names["K"].__qualname__, names["K"].m.__qualname__, names["g"].__qualname__) == ("K", "K.m", "g")


def test_global_statements_reach_the_notebook(shell, cell):
    value, names = FunctionBody(shell, cell("global shared\nshared = 5"), []).call_sync({})
    assert (value, names) == (None, {})
    assert shell.user_ns["shared"] == 5


def test_a_body_may_rebind_locals(shell, cell):
    value, names = FunctionBody(shell, cell("locals = 3\nlocals"), []).call_sync({})
    assert (value, names) == (3, {"locals": 3})


def test_a_function_body_that_awaits_needs_a_loop(shell, cell):
    body = FunctionBody(shell, cell("import asyncio\nx = await asyncio.sleep(0, 5)\nx"), [])
    assert body.is_async
    value, names = asyncio.run(body.call({}))
    assert (value, names["x"]) == (5, 5)
    with pytest.raises(RuntimeError, match="event loop"):
        body.call_sync({})


def test_tracebacks_of_a_function_body_show_the_cells_lines_and_no_function(shell, cell):
    with pytest.raises(ZeroDivisionError) as caught:
        FunctionBody(shell, cell("x = 1\n1 / 0"), []).call_sync({})
    assert lines_of(caught.value) == [3]
    assert traceback.extract_tb(caught.value.__traceback__)[-1].name == "<module>"


def test_a_star_import_in_a_function_body_is_refused_in_a_sentence(shell, cell):
    with pytest.raises(SyntaxError, match=r"from os import \*.*one by one") as caught:
        FunctionBody(shell, cell("x = 1\nfrom os import *"), [])
    assert caught.value.lineno == 3
