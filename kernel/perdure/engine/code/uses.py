"""The names of a cell while it is walked: what is bound by now, and which uses look outside."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

# `get_ipython` is put into every namespace by IPython; no cell depends on it.
_ALWAYS_THERE = frozenset({"get_ipython", "__class__"})


@dataclass(frozen=True, slots=True)
class Use:
    """One place where a global name is needed that the cell has not surely bound before."""

    name: str
    line: int
    late: bool = False
    guarded: bool = False
    unsure: bool = False


@dataclass(slots=True)
class State:
    """What is bound at one point of the code."""

    sure: set[str] = field(default_factory=set)
    maybe: set[str] = field(default_factory=set)
    ended: bool = False
    """Control never gets past this point."""

    def copy(self) -> State:
        """The same, free to change."""
        return State(set(self.sure), set(self.maybe), self.ended)

    def doubtful(self, other: State) -> State:
        """This state, when what leads to `other` may have happened in part."""
        return State(set(self.sure), self.maybe | other.maybe | other.sure)


def merge(states: list[State]) -> State:
    """The state where several ways meet."""
    alive = [state for state in states if not state.ended]
    maybe = {name for state in states for name in state.sure | state.maybe}
    if not alive:
        return State(set.intersection(*(state.sure for state in states)), maybe, ended=True)
    return State(set.intersection(*(state.sure for state in alive)), maybe)


@dataclass(slots=True)
class _Scope:
    kind: str
    """`function`, `class` or `inner` (a comprehension, or the brackets of type parameters)."""
    names: set[str]
    declared_global: set[str] = field(default_factory=set)


class Uses:
    """Keeps the state while `Flow` walks; the public attributes then hold what was found."""

    def __init__(self) -> None:
        self.uses: list[Use] = []
        self.removals: list[Use] = []
        self.binds: set[str] = set()
        self.deletes: set[str] = set()
        self.modified: set[str] = set()
        """Names on whose attributes or items the cell stores."""
        self.times_bound: Counter[str] = Counter()
        self.has_star = False
        self.dynamic = False
        self._state = State()
        self._scopes: list[_Scope] = []
        self._guards = 0
        self._in_loops: list[set[str]] = []
        self._body_reads: list[tuple[str, int]] | None = None
        self._pending: dict[str, list[tuple[str, int]]] = {}
        self._owner: str | None = None

    def _read(self, name: str, line: int) -> None:
        if name in _ALWAYS_THERE or self._is_local(name):
            return
        if self._body_reads is not None:
            self._body_reads.append((name, line))
            return
        self._release(name)
        if name not in self._state.sure:
            self.uses.append(self._use(name, line, late=False))

    def _release(self, function: str) -> None:
        """From here on `function` may have been called: what it reads is bound now or comes from outside."""
        for name, line in self._pending.pop(function, ()):
            self._release(name)
            if name not in self._state.sure:
                self.uses.append(self._use(name, line, late=True))

    def _use(self, name: str, line: int, *, late: bool) -> Use:
        guarded = self._guards > 0
        unsure = name in self._state.maybe or (guarded and any(name in names for names in self._in_loops))
        return Use(name, line, late=late, guarded=guarded, unsure=unsure)

    def _is_local(self, name: str) -> bool:
        innermost = len(self._scopes) - 1
        for index in range(innermost, -1, -1):
            scope = self._scopes[index]
            if name in scope.declared_global:
                return False
            # Names of a class body are seen in that body only, not in its methods and comprehensions.
            if name in scope.names and (scope.kind != "class" or index == innermost):
                return True
        return False

    def _bind(self, name: str) -> None:
        scope = next((scope for scope in reversed(self._scopes) if scope.kind != "inner"), None)
        if scope is not None and name not in scope.declared_global:
            scope.names.add(name)
            return
        self.binds.add(name)
        self.times_bound[name] += 1
        if scope is not None and scope.kind == "function":
            self._state.maybe.add(name)
        else:
            self._state.sure.add(name)

    def _unbind(self, name: str, line: int) -> None:
        if self._scopes and name not in self._scopes[-1].declared_global:
            return
        self.deletes.add(name)
        if not self._scopes and name not in self._state.sure:
            self.removals.append(self._use(name, line, late=False))
        self._state.sure.discard(name)
        self._state.maybe.discard(name)

    def _modify(self, node: ast.expr) -> None:
        while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
            node = node.func if isinstance(node, ast.Call) else node.value
        if isinstance(node, ast.Name):
            self.modified.add(node.id)

    @contextmanager
    def _scope(self, kind: str, names: set[str], declared: set[str] | None = None) -> Iterator[None]:
        self._scopes.append(_Scope(kind, names, declared or set()))
        yield
        self._scopes.pop()

    def _way(self, start: State, *walks: Callable[[], object]) -> State:
        """The state after walking from `start`; the current state is left as it was."""
        kept, self._state = self._state, start.copy()
        for walk in walks:
            walk()
        after, self._state = self._state, kept
        return after

    @contextmanager
    def _guarded(self, guards: int = 1) -> Iterator[None]:
        self._guards += guards
        yield
        self._guards -= guards
