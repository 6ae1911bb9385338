"""Makes one object of every type of the standard library that needs no arguments, and copies it by value.

`python -m values.every_type` writes one line of JSON: how many came back exactly, how many were refused, and
what is wrong with the others.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from importlib import import_module

from perdure import codec
from perdure.errors import NotKeepable
from values.alike import alike

LOUD = {"antigravity", "this", "idlelib", "turtle", "turtledemo", "tkinter", "lib2to3", "test", "__main__"}
LOUD |= {"ensurepip", "venv", "pty", "curses", "readline", "site"}
"""Modules that open windows, print or take over the terminal when they are imported."""


def types():
    """Every type that a module shows, once."""
    seen = set()
    for name in sorted(sys.stdlib_module_names - LOUD):
        try:
            module = import_module(name)
        except Exception:  # noqa: BLE001  not every module is for this system
            continue
        for cls in list(vars(module).values()):
            if isinstance(cls, type) and cls not in seen:
                seen.add(cls)
                yield cls


def judged(made):
    """`exact` or `refused`; else what is wrong."""
    try:
        copy = codec.copy_value([made])
    except NotKeepable:
        return "refused"
    try:
        alike([made], copy)
    except ValueError:  # it is closed, and says nothing any more
        return "exact" if type(made) is type(copy[0]) else "another type"
    return "exact"


def main():
    warnings.simplefilter("ignore")
    told = {"exact": 0, "refused": 0, "wrong": []}
    for cls in types():
        try:
            made = cls()
        except BaseException:  # noqa: BLE001  it needs arguments, or does what it must not do here
            continue
        try:
            told[judged(made)] += 1
        except BaseException as error:  # noqa: BLE001  told to the process that asked
            told["wrong"].append(
                f"{cls.__module__}.{cls.__qualname__}: {type(error).__name__}: {error}"[:300]
            )
    sys.__stdout__.write(json.dumps(told) + "\n")
    sys.__stdout__.flush()
    os._exit(0)  # some of what was made would wait for others at the end


if __name__ == "__main__":
    main()
