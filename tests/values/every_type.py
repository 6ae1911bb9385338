"""Makes one object of every type that needs no arguments, and one of every exception, and copies it by value.

`python -m values.every_type AREA` writes one line of JSON: how many came back exactly, how many as their class
says, how many were refused, and what is wrong with the others. The areas are those of `AREAS`.
"""

from __future__ import annotations

import json
import os
import pkgutil
import re
import signal
import sys
import warnings
from importlib import import_module

from perdure import codec
from perdure.errors import NotKeepable
from values.alike import alike

LOUD = {"antigravity", "this", "idlelib", "turtle", "turtledemo", "tkinter", "lib2to3", "test", "__main__"}
LOUD |= {"ensurepip", "venv", "pty", "curses", "readline", "site"}
"""Modules that open windows, print or take over the terminal when they are imported."""

PACKAGES = """
    numpy pandas polars pyarrow torch scipy sklearn PIL matplotlib networkx xarray shapely attr attrs pydantic pydantic_core
    msgspec httpx httpcore requests urllib3 yarl multidict cryptography zstandard dask joblib jsonschema ormsgpack xxhash
    IPython ipykernel jupyter_client zmq tornado traitlets"""
"""What people keep values of, and what those stand on. One that is not installed is passed over."""

SHALLOW = {"torch", "IPython", "ipykernel", "jupyter_client", "tornado"}
"""Packages of which only what they import themselves is looked at: other parts start something, or take long."""

_MARK = "tells by `is` an object of its module that stands for nothing; no pickle knows that object again"
PASSED_OVER = {
    "networkx.utils.configs.Config": "each call makes a class of its own, also when pickle makes it again",
    "IPython.utils.PyColorize.ThemeTable": "filled by looking at it, as the comparison does",
    "pydantic_core._pydantic_core.PydanticSerializationUnexpectedValue": "pickles None for what was left out",
    "jsonschema.exceptions._Error": _MARK,
    "jsonschema.exceptions.SchemaError": _MARK,
    "jsonschema.exceptions.ValidationError": _MARK,
    "lark.exceptions.UnexpectedToken": _MARK,
}
"""Classes of packages that are not asked, and why."""

SECONDS = 10
"""For one object: one that waits for something is passed over."""


def standard_types():
    """Every type that a module of the standard library shows, once."""
    return _types(sorted(sys.stdlib_module_names - LOUD), lambda cls: True)


def package_types():
    """Every public type of the packages, once."""
    _import_packages()
    roots = set(PACKAGES.split())
    shown = [name for name in sorted(sys.modules) if name.partition(".")[0] in roots and "._" not in name]
    return _types(shown, lambda cls: cls.__module__.partition(".")[0] in roots and cls.__name__[0] != "_")


def exception_types():
    """Every exception that anything imported defines."""
    for name in sorted(sys.stdlib_module_names - LOUD):
        _imported(name)
    _import_packages()
    found, more = [], [BaseException]
    while more:
        found += more
        more = [kind for each in more for kind in type.__subclasses__(each) if kind not in found]
    return sorted(dict.fromkeys(found), key=_name)


AREAS = {"standard": standard_types, "packages": package_types, "exceptions": exception_types}


def _types(names, wanted):
    seen = set()
    for name in names:
        for cls in list(vars(_imported(name) or object()).values() if _imported(name) else ()):
            if isinstance(cls, type) and id(cls) not in seen and wanted(cls):
                seen.add(id(cls))
                yield cls


def _imported(name):
    try:
        return import_module(name)
    except BaseException:  # noqa: BLE001  not every module is for this system, and some end the process
        return None


def _import_packages():
    for root in PACKAGES.split():
        package = _imported(root)
        for info in () if package is None or root in SHALLOW else pkgutil.iter_modules(package.__path__):
            if not re.match(r"_|.*test|main|cli|setup", info.name):
                _imported(f"{root}.{info.name}")


def _name(cls):
    return f"{cls.__module__}.{cls.__qualname__}"


def made_of(cls):
    """An object of the class, or None: it needs other arguments, or does what it must not do here."""
    plain = ((), ("text",), (1, "text")) if issubclass(cls, BaseException) else ((),)
    for arguments in plain:
        try:
            return cls(*arguments)
        except BaseException:  # noqa: BLE001  whatever it raises
            continue
    return None


def judged(made):
    """`exact`, `as it says` (its class leaves something out, or cannot be compared), or `refused`.

    Raises:
        Exception: it is none of these, and the error says why.
    """
    try:
        copy = codec.copy_value([made])
    except NotKeepable:
        return "refused"
    assert type(made) is type(copy[0]), "another type"
    before, after = codec.digest([made]), codec.digest(copy)
    try:
        alike([made], copy)
    except ValueError:  # it is closed, and says nothing any more
        return "exact"
    except Exception:
        if _name(type(made)).partition(".")[0] in sys.stdlib_module_names:
            raise
        assert before == after, "its digest is another afterwards"
        assert not _must_say_the_same(made, before) or _said(made) == _said(copy[0]), "it says something else"
        codec.copy_value(copy)
        return "as it says"
    return "exact"


def _must_say_the_same(made, digest):
    return digest.weak or isinstance(made, BaseException)


def _said(value):
    try:
        return re.sub(r"0x[0-9a-f]+", "", f"{value!r}, {value}")
    except Exception as error:  # noqa: BLE001  some can say nothing of themselves before they are filled
        return type(error)


def _too_long(*_signal):
    raise TimeoutError


def main(area):
    warnings.simplefilter("ignore")
    told = {"exact": 0, "as it says": 0, "refused": 0, "wrong": []}
    signal.signal(signal.SIGALRM, _too_long)
    for cls in AREAS[area]():
        signal.alarm(SECONDS)
        made = made_of(cls) if _name(cls) not in PASSED_OVER else None
        if made is None:
            continue
        try:
            told[judged(made)] += 1
        except BaseException as error:  # noqa: BLE001  told to the process that asked
            told["wrong"].append(f"{_name(cls)}: {type(error).__name__}: {error}"[:300])
    sys.__stdout__.write("\n" + json.dumps(told) + "\n")
    sys.__stdout__.flush()
    os._exit(0)  # some of what was made would wait for others at the end


if __name__ == "__main__":
    main(sys.argv[1])
