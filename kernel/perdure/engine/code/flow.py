"""One walk over a cell's syntax tree, in the order in which it runs, that notes what happens to names."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import partial
from typing import Any

from .bindings import (
    Comprehension,
    Function,
    bound_names,
    capture,
    declared_global,
    imported_name,
    parameters,
    target_names,
    type_parameters,
)
from .hidden import hidden_code, is_dynamic
from .uses import Uses, merge

_SUPPRESSING = frozenset({"suppress", "raises"})


class Flow(Uses, ast.NodeVisitor):
    """Walks once, in the order in which the code runs."""

    def run(self, body: list[ast.stmt]) -> None:
        """Walk the statements of a cell."""
        self._block(body)
        for name in list(self._pending):
            self._release(name)

    def visit_Name(self, node: ast.Name) -> None:
        """Note a use, a binding or a removal."""
        if isinstance(node.ctx, ast.Load):
            self._read(node.id, node.lineno)
        elif isinstance(node.ctx, ast.Store):
            self._bind(node.id)
        else:
            self._unbind(node.id, node.lineno)

    def visit_Attribute(self, node: ast.Attribute | ast.Subscript) -> None:
        """Note a store on a part of a named object."""
        if not isinstance(node.ctx, ast.Load):
            self._modify(node)
        self.generic_visit(node)

    visit_Subscript = visit_Attribute  # noqa: N815

    # -- blocks ------------------------------------------------------------------------------------------

    def _block(self, body: list[ast.stmt]) -> None:
        for statement in body:
            self.visit(statement)
            if isinstance(statement, ast.Raise | ast.Return | ast.Continue | ast.Break):
                self._state.ended = True

    def visit_If(self, node: ast.If) -> None:
        """Two ways that meet."""
        self.visit(node.test)
        with self._guarded():
            ways = [self._way(self._state, partial(self._block, body)) for body in (node.body, node.orelse)]
        self._state = merge(ways)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        """Two ways that meet."""
        self.visit(node.test)
        with self._guarded():
            ways = [self._way(self._state, partial(self.visit, way)) for way in (node.body, node.orelse)]
        self._state = merge(ways)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        """Only the first operand is surely evaluated."""
        self.visit(node.values[0])
        with self._guarded():
            for value in node.values[1:]:
                self._state = merge([self._state, self._way(self._state, partial(self.visit, value))])

    def visit_Assert(self, node: ast.Assert) -> None:
        """The message is read only when the assertion fails."""
        self.visit(node.test)
        if node.msg is not None:
            with self._guarded():
                self.visit(node.msg)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        """A body that runs any number of times."""
        self.visit(node.iter)
        self._loop(node, partial(self.visit, node.target))

    visit_AsyncFor = visit_For  # noqa: N815

    def visit_While(self, node: ast.While) -> None:
        """A body that runs any number of times."""
        self.visit(node.test)
        self._loop(node)

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While, *first: Callable[[], object]) -> None:
        self._in_loops.append(bound_names(node.body))
        once = self._way(self._state, *first, partial(self._block, node.body))
        self._in_loops.pop()
        once.ended = False
        self._state = merge([self._state, once])
        self._state = merge([self._state, self._way(self._state, partial(self._block, node.orelse))])

    def visit_Try(self, node: ast.Try | ast.TryStar) -> None:
        """A body that may stop anywhere, and its handlers."""
        before = self._state
        with self._guarded(1 if node.handlers else 0):
            body = self._way(before, partial(self._block, node.body))
            ways = [self._way(body, partial(self._block, node.orelse))]
        stopped = before.doubtful(body)
        with self._guarded():
            ways += [self._way(stopped, partial(self.visit, handler)) for handler in node.handlers]
        self._state = merge(ways)
        at_end = stopped.doubtful(self._state)
        finish = self._way(at_end, partial(self._block, node.finalbody))
        self._state.sure = (self._state.sure | finish.sure) - (at_end.sure - finish.sure)
        self._state.ended = self._state.ended or finish.ended

    visit_TryStar = visit_Try  # noqa: N815

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        """The name of the exception is unbound at the handler's end."""
        if node.type is not None:
            self.visit(node.type)
        if node.name:
            self._bind(node.name)
        self._block(node.body)
        if node.name and not self._scopes:
            self._state.sure.discard(node.name)

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        """A body that runs, unless a manager known for it swallows an error in the middle."""
        swallows = False
        for item in node.items:
            self.visit(item)
            call = item.context_expr
            name = call.func if isinstance(call, ast.Call) else call
            swallows |= getattr(name, "attr", getattr(name, "id", "")) in _SUPPRESSING
        if not swallows:
            self._block(node.body)
            return
        with self._guarded():
            self._state = merge([self._state, self._way(self._state, partial(self._block, node.body))])

    visit_AsyncWith = visit_With  # noqa: N815

    def visit_Match(self, node: ast.Match) -> None:
        """Ways that meet; without a last case that always matches, also the way past all of them."""
        self.visit(node.subject)
        with self._guarded():
            ways = [self._way(self._state, partial(self._case, case)) for case in node.cases]
        last = node.cases[-1]
        always = isinstance(last.pattern, ast.MatchAs) and last.pattern.pattern is None and last.guard is None
        self._state = merge(ways if always else [*ways, self._state])

    def _case(self, case: ast.match_case) -> None:
        for pattern in ast.walk(case.pattern):
            name = capture(pattern)
            if name:
                self._bind(name)
            elif isinstance(pattern, ast.Name):
                self._read(pattern.id, pattern.lineno)
        if case.guard is not None:
            self.visit(case.guard)
        self._block(case.body)

    # -- statements that bind ----------------------------------------------------------------------------

    def visit_Assign(self, node: ast.Assign) -> None:
        """The value first, then the targets."""
        self.visit(node.value)
        for target in node.targets:
            self.visit(target)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """Reads and binds its target."""
        if isinstance(node.target, ast.Name):
            self._read(node.target.id, node.target.lineno)
        self.visit(node.value)
        self.visit(node.target)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """Binds only where it has a value."""
        if node.value is not None:
            self.visit(node.value)
        if node.value is not None or not isinstance(node.target, ast.Name):
            self.visit(node.target)
        self.visit(node.annotation)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        """The value first, then the name, in the scope around comprehensions."""
        self.visit(node.value)
        self._bind(node.target.id)

    def visit_TypeAlias(self, node: Any) -> None:
        """Its value is evaluated when it is asked for, and may name the alias itself."""
        self.visit(node.name)
        with self._scope("inner", set(type_parameters(node))):
            self.visit(node.value)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        """Binds names; which ones a star binds cannot be told."""
        for alias in node.names:
            if alias.name == "*":
                self.has_star = True
            else:
                self._bind(imported_name(alias))

    visit_ImportFrom = visit_Import  # noqa: N815

    # -- scopes ------------------------------------------------------------------------------------------

    def visit_FunctionDef(self, node: Function) -> None:
        """Decorators, defaults and annotations are read now, the body late."""
        self._decorators(node)
        self._defaults(node.args)
        with self._scope("inner", set(type_parameters(node))):
            for part in ast.walk(node.args):
                if isinstance(part, ast.arg) and part.annotation is not None:
                    self.visit(part.annotation)
            if node.returns is not None:
                self.visit(node.returns)
            reads = self._late(node.args, node.body)
        self._bind(node.name)
        self._pending.setdefault(self._owner or node.name, []).extend(reads)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """It has no name that would tell when it is used, so it counts as used at once."""
        self._defaults(node.args)
        for name, line in self._late(node.args, [node.body]):
            self._release(name)
            if name not in self._state.sure:
                self.uses.append(self._use(name, line, late=True))

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """The body runs now, its methods late."""
        self._decorators(node)
        with self._scope("inner", set(type_parameters(node))):
            for base in [*node.bases, *node.keywords]:
                self.visit(base)
            outer, self._owner = self._owner, self._owner or node.name
            with self._scope("class", {"__module__", "__qualname__"}, declared_global(node.body)):
                self._block(node.body)
            self._owner = outer
        self._bind(node.name)

    def _late(self, args: ast.arguments, body: list[ast.stmt] | list[ast.expr]) -> list[tuple[str, int]]:
        """Walk a function's body; return its reads, or nothing when they belong to the function around it."""
        outermost = self._body_reads is None
        if outermost:
            self._body_reads = []
        kept = self._state.copy()
        with self._scope("function", bound_names(body) | set(parameters(args)), declared_global(body)):
            for node in body:
                self.visit(node)
        kept.maybe |= self._state.maybe
        self._state = kept
        if not outermost:
            return []
        reads, self._body_reads = self._body_reads or [], None
        return reads

    def _decorators(self, node: Function | ast.ClassDef) -> None:
        for decorator in node.decorator_list:
            if not isinstance(decorator, ast.Name):
                self._modify(decorator.func if isinstance(decorator, ast.Call) else decorator)
            self.visit(decorator)

    def _defaults(self, args: ast.arguments) -> None:
        for default in [*args.defaults, *args.kw_defaults]:
            if default is not None:
                self.visit(default)

    def visit_ListComp(self, node: Comprehension) -> None:
        """Its first source is evaluated outside, everything else in a scope of its own."""
        self.visit(node.generators[0].iter)
        names = {name for generator in node.generators for name in target_names(generator.target)}
        with self._scope("inner", names):
            self._state = merge([self._state, self._way(self._state, partial(self._comprehension, node))])

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp  # noqa: N815

    def _comprehension(self, node: Comprehension) -> None:
        for index, generator in enumerate(node.generators):
            if index:
                self.visit(generator.iter)
            for condition in generator.ifs:
                self.visit(condition)
        for element in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
            self.visit(element)

    # -- what hides code ---------------------------------------------------------------------------------

    def visit_Call(self, node: ast.Call) -> None:
        """Calls that run text as code: what can be told of it counts, and the rest is noted as dynamic."""
        self.dynamic = self.dynamic or is_dynamic(node)
        self.generic_visit(node)
        for statements in hidden_code(node):
            with self._guarded():
                self._block(statements)
