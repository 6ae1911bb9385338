"""Exceptions with all that hangs on them."""

from __future__ import annotations

import dataclasses
import json
import traceback
import urllib.error

from values.alike import alike
from values.sample import Sample


class PlainError(Exception):
    pass


class CodeError(Exception):
    """Its `__init__` takes other arguments than it hands on."""

    def __init__(self, code, *, detail):
        super().__init__(f"code {code}")
        self.code, self.detail = code, detail


class SlotError(ValueError):
    __slots__ = ("place",)

    def __init__(self, place):
        super().__init__("slot")
        self.place = place


class ReducedError(Exception):
    def __init__(self, a, b):
        super().__init__(a)
        self.b = b

    def __reduce__(self):
        return type(self), (self.args[0], self.b)


class MaskedError(Exception):
    @property
    def args(self):
        return ("another",)


@dataclasses.dataclass(frozen=True)
class FrozenError(Exception):
    """Nobody may set anything on it, not even a cause."""

    code: int


@dataclasses.dataclass(frozen=True, slots=True)
class FrozenSlotsError(Exception):
    code: int


class Group(ExceptionGroup):
    def derive(self, members):
        return Group(self.message, members)


def fail(depth=0):
    if depth:
        fail(depth - 1)
    raise PlainError("failed", [1])


def refuse(error):
    raise error


def raised(make=fail, *args):
    try:
        make(*args)
    except BaseException as error:  # noqa: BLE001  whatever was raised is what is wanted
        return error


def chained():
    try:
        fail()
    except PlainError as error:
        raise CodeError(3, detail=[error]) from error


def in_passing():
    try:
        fail(1)
    except PlainError:
        raise KeyError("k") from None


def noted():
    error = PlainError("x", 1)
    error.add_note("a note")
    error.add_note("another")
    error.extra = {"k": [1]}
    return error


def grouped():
    return ExceptionGroup("some", [PlainError("a"), Group("inner", [ValueError("b"), raised(chained)])])


def ring():
    first, second = PlainError(1), PlainError(2)
    first.__cause__, second.__context__ = second, first
    return first


def same(before, after):
    """Alike, and printed alike: cause, context, notes, members and frames."""
    alike(before, after)
    assert "".join(traceback.format_exception(before)) == "".join(traceback.format_exception(after))
    one, two = before.__traceback__, after.__traceback__
    while one is not None:
        assert (one.tb_lineno, one.tb_frame.f_code.co_name) == (two.tb_lineno, two.tb_frame.f_code.co_name)
        assert one.tb_frame.f_code.co_filename == two.tb_frame.f_code.co_filename
        one, two = one.tb_next, two.tb_next
    assert two is None


SAMPLES = [
    Sample("exception", lambda: ValueError("x", 1), same),
    Sample("exception without arguments", KeyboardInterrupt, same),
    Sample("exception of a class", lambda: PlainError("x", [1]), same),
    Sample("exception with other arguments", lambda: CodeError(1, detail=[2]), same),
    Sample("exception with slots", lambda: SlotError([1]), same),
    Sample("exception with a __reduce__", lambda: ReducedError(1, [2]), same),
    Sample("exception with args of its own", lambda: MaskedError("real"), same),
    Sample("exception that is a frozen dataclass", lambda: raised(refuse, FrozenError(3)), same),
    Sample(
        "exception that is a frozen dataclass with slots", lambda: raised(refuse, FrozenSlotsError(3)), same
    ),
    Sample("exception with notes and attributes", noted, same),
    Sample("OSError", lambda: FileNotFoundError(2, "no such", "f"), same),
    Sample("OSError with two files", lambda: OSError(2, "no", "f", None, "g"), same),
    Sample("BlockingIOError", lambda: BlockingIOError(11, "busy", 5), same),
    Sample("UnicodeDecodeError", lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), same),
    Sample("SyntaxError", lambda: SyntaxError("bad", ("f.py", 1, 2, "x y\n", 1, 3)), same),
    Sample("StopIteration", lambda: StopIteration([1]), same),
    Sample("SystemExit", lambda: SystemExit(3), same),
    Sample("ImportError", lambda: ImportError("x", name="n", path="p"), same),
    Sample("AttributeError", lambda: AttributeError("x", name="n", obj=[1]), same),
    Sample("JSONDecodeError", lambda: raised(json.loads, "{"), same),
    Sample("URLError", lambda: urllib.error.URLError("why"), same),
    Sample("exception that was raised", lambda: raised(fail, 2), same),
    Sample("exception with a cause", lambda: raised(chained), same),
    Sample("exception with a context that is not shown", lambda: raised(in_passing), same),
    Sample("exception group", lambda: ExceptionGroup("some", [ValueError(1), KeyError("k")]), same),
    Sample("exception groups in groups", grouped, same),
    Sample("exceptions in a ring", ring),
]
