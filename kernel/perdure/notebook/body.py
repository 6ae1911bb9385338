"""A cell's body, compiled once and run as often as need be.

1. Line numbers and tracebacks are those of the cell as it was typed, the magic's line included; frames of
   Perdure do not appear in them.
2. `Body` runs in the notebook's namespace, like any cell.
3. `FunctionBody` runs with names of its own over the notebook's globals: what it binds reaches the notebook
   only through what it returns.
4. An interrupt reaches the user as KeyboardInterrupt, whether the body was running or waiting.
"""

from __future__ import annotations
import __future__

import ast
import asyncio
import inspect
import re
import types
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Shell: TypeAlias = Any
"""An `InteractiveShell`, of which IPython types only half."""

_AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_FUTURES = 0
for _name in __future__.all_feature_names:
    _FUTURES |= getattr(__future__, _name).compiler_flag

_EMPTY_LINES = re.compile(r"\A(?:[^\S\n]*\n)+")
_FACTORY, _BODY, _LOCALS = "__perdure_factory__", "__perdure_body__", "__perdure_locals__"
_INSIDE = f"{_FACTORY}.<locals>.{_BODY}.<locals>."


class _Source:
    """A cell's body as a tree, with the file name and line numbers of the cell as typed.

    Raises:
        SyntaxError: With the cell's own file name and line, for `shell.showsyntaxerror()`.
    """

    def __init__(self, shell: Shell, source: str) -> None:
        self.source = source
        self.typed, above = _as_typed(shell, source)
        # The same text and number as the cell itself has: the debugger knows a cell by a hash of its text.
        number = len(shell.history_manager.input_hist_raw) - 1
        self.filename: str = shell.compile.cache(self.typed, number, raw_code=self.typed)
        text = "\n" * above + _transformed(shell, source, self.filename, above)
        self.flags = _AWAIT | (shell.compile.flags & _FUTURES)
        parsed = compile(text, self.filename, "exec", flags=self.flags | ast.PyCF_ONLY_AST, dont_inherit=True)
        self.tree: ast.Module = shell.transform_ast(parsed)
        last = self.tree.body[-1] if self.tree.body else None
        self.value: ast.expr | None = last.value if isinstance(last, ast.Expr) else None
        self.has_value = self.value is not None and not shell.displayhook.semicolon_at_end_of_expression(
            source
        )

    def statements(self) -> list[ast.stmt]:
        """The body without its value."""
        return self.tree.body if self.value is None else self.tree.body[:-1]


class Body(_Source):
    """The body of a cell, to be run in the notebook's namespace.

    `tree` is its syntax tree after all transforms, `typed` the cell as typed; `has_value` says whether its
    last expression is a value to show, `is_async` whether it awaits.
    """

    def __init__(self, shell: Shell, source: str) -> None:
        super().__init__(shell, source)
        self._globals: dict[str, Any] = shell.user_global_ns
        self._namespace: dict[str, Any] = shell.user_ns
        self.code: list[types.CodeType] = []
        parts: list[tuple[ast.Module | ast.Expression, str]] = []
        if self.statements():
            parts.append((ast.Module(self.statements(), []), "exec"))
        if self.value is not None:
            parts.append((ast.Expression(self.value), "eval"))
        flags = self.flags
        for tree, mode in parts:
            self.code.append(compile(tree, self.filename, mode, flags=flags, dont_inherit=True))
            flags |= self.code[-1].co_flags & _FUTURES
        self.is_async = any(code.co_flags & inspect.CO_COROUTINE for code in self.code)

    def run(self) -> Any:
        """Run a body that does not await; return its value, or None where it has none to show."""
        __tracebackhide__ = "__ipython_bottom__"
        value = None
        for code in self.code:
            value = eval(code, self._globals, self._namespace)  # noqa: S307  the user's own code is what a cell is
        return value if self.has_value else None

    async def arun(self) -> Any:
        """Run the body; return its value, or None where it has none to show."""
        __tracebackhide__ = "__ipython_bottom__"
        value = None
        try:
            for code in self.code:
                value = eval(code, self._globals, self._namespace)  # noqa: S307
                if code.co_flags & inspect.CO_COROUTINE:
                    value = await value
        except asyncio.CancelledError:
            _raise_if_interrupted()
            raise
        return value if self.has_value else None


class FunctionBody(_Source):
    """The body of a cell as an async function of `inputs`, with locals over the notebook's globals."""

    def __init__(self, shell: Shell, source: str, inputs: Sequence[str]) -> None:
        super().__init__(shell, source)
        _refuse_stars(self.tree, self.filename, self.typed)
        # As a module first: it tells `return` outside of a function, and whether the body awaits.
        plain = compile(self.tree, self.filename, "exec", flags=self.flags, dont_inherit=True)
        self.is_async = bool(plain.co_flags & inspect.CO_COROUTINE)
        self.inputs = tuple(inputs)
        made: dict[str, Any] = {}
        code = compile(self._factory(), self.filename, "exec", flags=self.flags & ~_AWAIT, dont_inherit=True)
        exec(_as_if_outermost(code), shell.user_global_ns, made)  # noqa: S102
        # locals() tells the names of the frame that calls it, under whatever name it is called.
        self._function = made[_FACTORY](locals)

    def _factory(self) -> ast.Module:
        """A function around the body's function: it hands in `locals`, which the user may have rebound."""
        module = ast.parse(
            f"def {_FACTORY}({_LOCALS}):\n"
            f"    async def {_BODY}({', '.join(self.inputs)}):\n"
            f"        return None, {_LOCALS}()\n"
            f"    return {_BODY}"
        )
        body = next(node for node in ast.walk(module) if isinstance(node, ast.AsyncFunctionDef))
        body.lineno = 1  # where the cell begins: tracebacks number its lines from here
        (end,) = body.body
        assert isinstance(end, ast.Return)
        assert isinstance(end.value, ast.Tuple)
        if self.value is not None:
            end.value.elts[0] = self.value
        body.body = [*self.statements(), end]
        return ast.fix_missing_locations(module)

    async def call(self, inputs: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Run the body; return the value of its last expression, and its locals by name."""
        __tracebackhide__ = "__ipython_bottom__"
        try:
            return self._outcome(await self._function(**inputs))
        except asyncio.CancelledError:
            _raise_if_interrupted()
            raise

    def call_sync(self, inputs: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Run a body that does not await, without an event loop."""
        __tracebackhide__ = "__ipython_bottom__"
        running = self._function(**inputs)
        try:
            running.send(None)
        except StopIteration as end:
            return self._outcome(end.value)
        finally:
            running.close()
        raise RuntimeError("a cell that awaits cannot be run without an event loop")

    def _outcome(self, outcome: tuple[Any, dict[str, Any]]) -> tuple[Any, dict[str, Any]]:
        value, names = outcome
        return value, {name: kept for name, kept in names.items() if name != _LOCALS}


def _as_typed(shell: Shell, source: str) -> tuple[str, int]:
    """The cell as typed, and how many of its lines stand above the first line of code of `source`."""
    get_parent = getattr(shell, "get_parent", None)
    parent: Mapping[str, Any] = get_parent() if get_parent is not None else {}
    typed = parent.get("content", {}).get("code") or ""
    if not typed and shell.history_manager.input_hist_raw:
        typed = shell.history_manager.input_hist_raw[-1]
    core = _EMPTY_LINES.sub("", source).rstrip()  # IPython drops empty lines at the start too
    if not core or core not in typed:
        typed = "\n" + source
    return typed, typed.rpartition(core)[0].count("\n") if core else 1


def _transformed(shell: Shell, source: str, filename: str, above: int) -> str:
    """The source without magics; their own syntax errors are told with the cell's lines."""
    try:
        return str(shell.transform_cell(source))
    except SyntaxError as error:
        error.filename = filename
        if error.lineno is not None:
            error.lineno += above
        raise


def _refuse_stars(tree: ast.Module, filename: str, typed: str) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            message = (
                f"`from {node.module} import *` cannot stand in a %%workflow cell: import names one by one"
            )
            line = typed.splitlines()[node.lineno - 1 : node.lineno]
            raise SyntaxError(message, (filename, node.lineno, node.col_offset + 1, "".join(line)))


def _as_if_outermost(code: types.CodeType) -> types.CodeType:
    """The same code, in which names of functions and classes do not tell of the functions around the cell."""
    constants: list[Any] = []
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            constants.append(_as_if_outermost(constant))
        elif isinstance(constant, str) and constant.startswith(_INSIDE):
            constants.append(constant.removeprefix(_INSIDE))
        else:
            constants.append(constant)
    own = code.co_name == _BODY
    name = "<module>" if own else code.co_name
    qualified = name if own else code.co_qualname.removeprefix(_INSIDE)
    return code.replace(co_consts=tuple(constants), co_name=name, co_qualname=qualified)


def _raise_if_interrupted() -> None:
    """Raise KeyboardInterrupt where the cell itself was cancelled, rather than a task that it waits for."""
    __tracebackhide__ = "__ipython_bottom__"
    task: asyncio.Task[Any] | None = asyncio.current_task()
    if task is not None and task.cancelling():
        raise KeyboardInterrupt from None
