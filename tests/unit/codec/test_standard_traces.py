"""Tracebacks: readable wherever they are read, and without what they held."""

from __future__ import annotations

import gc
import linecache
import runpy
import sys
import traceback
import weakref

import pytest

from perdure import codec

SOURCE = """\
def outer(n):
    secret = [n]
    return inner(n) if n == 0 else outer(n - 1)

def inner(n):
    return [
        1, {}[
            'missing'
        ]
    ]
"""


def _raised(function, *args):
    try:
        function(*args)
    except Exception as error:  # noqa: BLE001  whatever was raised is what is wanted
        return error
    raise AssertionError


@pytest.fixture
def recorded(tmp_path):
    """A file, and what an error that came through it prints and is stored as."""
    file = tmp_path / "module.py"
    file.write_text(SOURCE)
    error = _raised(runpy.run_path(str(file))["outer"], 10)
    return file, "".join(traceback.format_exception(error)), codec.encode(error)


def printed(encoded):
    return "".join(traceback.format_exception(codec.decode(encoded)))


def test_a_traceback_prints_as_it_did(recorded):
    """Promise 3: files, lines, functions, source, marks, and repeated frames."""
    _, before, encoded = recorded
    assert "Previous line repeated" in before
    assert printed(encoded) == before


def test_a_traceback_prints_as_it_did_when_the_file_is_gone(recorded):
    """Promise 4: the source lines are those of the time when it was raised."""
    file, before, encoded = recorded
    file.unlink()
    linecache.clearcache()
    assert printed(encoded) == before


def test_a_traceback_shows_the_old_lines_when_the_file_reads_otherwise(recorded):
    """Promise 4: lines that never raised are not shown as if they had; the name says so."""
    file, before, encoded = recorded
    file.write_text("# another\n" * 30)
    linecache.clearcache()
    assert printed(encoded) == before.replace(f'{file}"', f'{file} (as it was)"')
    assert linecache.getline(str(file), 3) == "# another\n"


def test_two_states_of_one_file_are_told_apart(tmp_path):
    """Promise 4: each error shows the lines through which it came."""
    file, errors = tmp_path / "twice.py", []
    for name in ("first", "second"):
        file.write_text(f"def run():\n    raise ValueError({name!r})\n")
        linecache.clearcache()
        errors.append(codec.encode(_raised(runpy.run_path(str(file))["run"])))
    file.unlink()
    linecache.clearcache()
    for name, encoded in zip(("first", "second"), errors, strict=True):
        assert f"raise ValueError('{name}')" in printed(encoded)


def test_frames_hold_no_variables_and_lead_nowhere(recorded):
    """Promise 9: what the code worked on is not kept with the error."""
    *_, encoded = recorded
    trace = codec.decode(encoded).__traceback__
    while trace is not None:
        assert trace.tb_frame.f_locals == {}
        assert trace.tb_frame.f_back is None
        trace = trace.tb_next
    assert b"secret = " not in encoded.stream


class Watched:
    pass


def test_an_error_that_came_back_keeps_nothing_of_its_making_alive():
    """Promise 10: its frames are not those of the codec."""
    watched = Watched()
    value = {"error": _raised(lambda: {}["missing"]), "watched": watched}
    made = codec.copy_value(value)
    gone = weakref.ref(made.pop("watched"))
    gc.collect()
    assert gone() is None


def test_it_can_be_raised_again_and_shows_where(recorded):
    """Promise 3: the frames of the caller are put in front."""
    *_, encoded = recorded
    error = codec.decode(encoded)
    frames = len(traceback.extract_tb(error.__traceback__))
    with pytest.raises(KeyError) as caught:
        raise error
    assert len(traceback.extract_tb(caught.value.__traceback__)) == frames + 1


def test_the_digest_does_not_look_at_tracebacks():
    """Promise 1: where an error was raised is not what it says."""
    assert codec.digest(_raised(lambda: {}["x"])) == codec.digest(_raised(lambda: {}["x"]))
    assert codec.digest(_raised(lambda: {}["x"])) == codec.digest(KeyError("x"))
    assert codec.digest(KeyError("x")) != codec.digest(KeyError("y"))


def test_deep_recursion_is_kept_as_it_prints():
    """Promise 10: a frame that repeats is made once."""

    def deeper(n):
        return deeper(n + 1)

    error = _raised(deeper, 0)
    made = codec.copy_value(error)
    assert traceback.format_exception(made) == traceback.format_exception(error)
    assert len(traceback.extract_tb(made.__traceback__)) > sys.getrecursionlimit() // 2


def test_code_without_source_or_positions_is_told_as_far_as_it_goes():
    """Promise 4: nothing is made up."""
    code = compile("def f():\n    return 1 / 0", "<nowhere>", "exec")
    space = {}
    exec(code, space)
    known = space["f"].__code__
    nowhere = bytes(0x80 | 15 << 3 for _ in range(len(known.co_code) // 2))
    space["f"].__code__ = known.replace(co_linetable=nowhere)
    for error in (_raised(exec, "1 / 0"), _raised(space["f"])):
        assert traceback.format_exception(codec.copy_value(error)) == traceback.format_exception(error)


def test_an_error_without_a_traceback_gets_none():
    """Promise 4: one that was never raised."""
    assert codec.copy_value(ValueError("x")).__traceback__ is None
