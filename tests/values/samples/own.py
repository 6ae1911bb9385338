"""Our own: step and workflow references, run handles, files and secrets."""

from __future__ import annotations

import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import perdure
from perdure.engine.file import File
from perdure.engine.secret import Secret
from values.alike import alike
from values.sample import Sample

FILE = Path(tempfile.gettempdir()) / "perdure-sample.txt"


@perdure.step
def own_step(x: int) -> int:
    return x + 1


@perdure.step(retries=2, kind="effect", name="another name")
async def own_async(x: int) -> int:
    return x


@perdure.workflow
def own_flow(x: int) -> Any:
    return own_step(x)


class OwnMaker:
    """A class with a step."""

    def __init__(self, by: int) -> None:
        self.by = by

    def __eq__(self, other: object) -> bool:
        return type(other) is OwnMaker and other.by == self.by

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"OwnMaker({self.by})"

    @perdure.step
    def made(self, x: int) -> int:
        return x * self.by

    @perdure.step
    @classmethod
    def of(cls, x: int) -> OwnMaker:
        return cls(x)


CELL = """
import perdure
own_factor = 3
@perdure.step(retries=1)
def nb_step(x, by=[2]):
    return x * by[0] * own_factor
@perdure.workflow
def nb_flow(x):
    return nb_step(x)
def nb_make_step():
    seen = []
    @perdure.step
    def inner(x):
        seen.append(x)
        return seen
    return inner
"""


def _run_cell() -> dict[str, Any]:
    namespace = vars(sys.modules["__main__"])
    if "nb_step" not in namespace:
        exec(compile(CELL, "<the cell of our own>", "exec"), namespace)
    return namespace


NB = _run_cell()


def _file(text: str = "content") -> File:
    if not FILE.exists():
        FILE.write_text(text)
    return File(FILE)


def _same_object(before: Any, after: Any) -> None:
    assert before is after


def _same_step(before: Any, after: Any) -> None:
    assert type(before) is type(after)
    assert (before.name, before.is_async, before.signature) == (after.name, after.is_async, after.signature)
    alike(vars(before).get("options"), vars(after).get("options"))
    alike(before.__wrapped__, after.__wrapped__)
    assert after.__wrapped__.__globals__ is NB
    if before.name == "inner":
        assert before(1) == after(1) == [1]
        after.__wrapped__.__closure__[0].cell_contents.clear()
        before.__wrapped__.__closure__[0].cell_contents.clear()


def _same_bound(before: Any, after: Any) -> None:
    assert before.__func__ is after.__func__
    alike(before.__self__, after.__self__)
    assert before(2) == after(2)


def _same_secret(before: Any, after: Any) -> None:
    assert type(before) is type(after) is Secret
    assert before == after
    assert type(before.reveal()) is type(after.reveal())


SAMPLES = [
    Sample("step", lambda: own_step, _same_object),
    Sample("async step with options", lambda: own_async, _same_object),
    Sample("workflow", lambda: own_flow, _same_object),
    Sample("step of a class", lambda: OwnMaker.made, _same_object),
    Sample("step bound to an object", lambda: OwnMaker(4).made, _same_bound),
    Sample("step bound to a class", lambda: OwnMaker.of, _same_bound),
    Sample(
        "partial of a step",
        lambda: partial(own_step, 2),
        lambda a, b: alike([a.func is b.func, a.args], [True, b.args]),
    ),
    Sample("step of the notebook", lambda: NB["nb_step"], _same_step),
    Sample("step of the notebook with a closure", NB["nb_make_step"], _same_step),
    Sample("workflow of the notebook", lambda: NB["nb_flow"], _same_step),
    Sample("File", _file, lambda a, b: alike([a.path, a == b], [b.path, True])),
    Sample("Secret of text", lambda: Secret("päss\udcff"), _same_secret),
    Sample("Secret of bytes", lambda: Secret(b"\0\xff"), _same_secret),
    Sample("Secret, empty", lambda: Secret(""), _same_secret),
]
