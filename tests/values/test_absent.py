"""Promise 4 for what is absent from the table: exact or refused, and never changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from perdure import codec
from perdure.errors import NotKeepable
from values.alike import alike
from values.odd import ODD, Base


def _alone(value):
    return [value]


def _inside(value):
    return {"k": (value, {"x": value})}


def _held(value):
    holder = Base()
    holder.held = value
    return holder


@pytest.mark.parametrize("place", [_alone, _inside, _held])
@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_is_exact_or_refused(name, place):
    """Promise 4: whatever a class does, its object comes back as it was, or is refused with a sentence."""
    value = place(ODD[name]())
    try:
        copy = codec.copy_value(value)
    except NotKeepable:
        pass
    else:
        alike(value, copy)
    codec.digest(value)


def _asked(area, folder):
    """What `values.every_type` says of an area: its process opens no window, and may leave files in the folder."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "values.every_type", area],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "MPLBACKEND": "agg", "DISPLAY": ""},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"exact"')]
    assert lines, done.stderr[-2000:]
    return json.loads(lines[-1])


def test_every_type_of_the_standard_library_is_exact_or_refused(tmp_path):
    """Promise 4: also types in C, which may hold what no attribute shows."""
    told = _asked("standard", tmp_path)
    assert told["wrong"] == []
    assert told["as it says"] == 0
    assert told["exact"] > 300
    assert told["refused"] > 50


def test_every_type_of_the_packages_is_exact_or_refused(tmp_path):
    """Promise 4: types of packages that the table does not name are kept as their class says, or refused."""
    told = _asked("packages", tmp_path)
    assert told["wrong"] == []
    assert told["exact"] > 1000
    assert told["refused"] > 50


def test_every_exception_is_exact_or_refused(tmp_path):
    """Promise 4: an exception that was caught is never kept and then not loadable, whatever made its class."""
    told = _asked("exceptions", tmp_path)
    assert told["wrong"] == []
    assert told["exact"] > 500
    assert told["as it says"] < 50


class Forgetful(Base):
    """Says that its cache is not worth keeping."""

    def __getstate__(self):
        return {"items": self.items}


def test_what_a_class_says_of_its_state_is_honoured():
    """Promise 4: a class that leaves something out, and does not deny that the rest is equal, is believed."""
    value = Forgetful()
    value.cache = [1]
    copy = codec.copy_value(value)
    assert vars(copy) == {"items": value.items}
