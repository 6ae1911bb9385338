"""Whether a value came back as it was: the same types, content, order and sharing, all the way down."""

from __future__ import annotations

import decimal
import enum
import re
import struct
import types
import weakref
from typing import Any

ATOMS = (type(None), bool, int, float, complex, str, bytes, type(...), type(NotImplemented), range, slice)
_NAMED = (type, types.BuiltinFunctionType, types.ModuleType)


def alike(before: Any, after: Any) -> None:
    """Pass when `after` is as `before` was.

    Raises:
        AssertionError: it is not; the message holds the path to the difference.
    """
    _Comparer().compare(before, after, "value")


class _Comparer:
    def __init__(self) -> None:
        self.there: dict[int, tuple[int, Any]] = {}
        self.back: dict[int, tuple[int, Any]] = {}

    def compare(self, a: Any, b: Any, path: str) -> None:
        assert type(a) is type(b), f"{path}: {type(a)} became {type(b)}"
        if type(a) in ATOMS:
            self._atoms(a, b, path)
        elif isinstance(a, _NAMED):
            assert a is b or a.__qualname__ == b.__qualname__, f"{path}: {a!r} became {b!r}"
        elif isinstance(a, enum.Enum):
            assert a is b, f"{path}: {a!r} became another member"
        elif not self._met(a, b, path):
            self._content(a, b, path)

    def _atoms(self, a: Any, b: Any, path: str) -> None:
        if type(a) is float:
            assert struct.pack("d", a) == struct.pack("d", b), f"{path}: {a!r} became {b!r}"
        elif type(a) is complex:
            assert struct.pack("dd", a.real, a.imag) == struct.pack("dd", b.real, b.imag), (
                f"{path}: {a!r}, {b!r}"
            )
        elif type(a) is slice:
            self.compare([a.start, a.stop, a.step], [b.start, b.stop, b.step], path)
        else:
            assert a == b, f"{path}: {a!r} became {b!r}"

    def _met(self, a: Any, b: Any, path: str) -> bool:
        """Whether the pair was compared already. An object met twice must be one object on the other side."""
        if id(a) in self.there or id(b) in self.back:
            same = self.there.get(id(a), (None,))[0] == id(b) and self.back.get(id(b), (None,))[0] == id(a)
            if not (same or self._interned(a, b)):
                raise AssertionError(
                    f"{path}: what was shared came back apart, or the other way round: {a!r:.80}"
                )
            return same
        self.there[id(a)], self.back[id(b)] = (id(b), a), (id(a), b)
        return False

    def _interned(self, a: Any, b: Any) -> bool:
        """Python itself decides whether equal ones are one object."""
        return a == () or (isinstance(a, frozenset) and not a) or isinstance(a, types.CodeType)

    def _content(self, a: Any, b: Any, path: str) -> None:  # noqa: C901, PLR0912  one branch for each kind
        module = type(a).__module__.partition(".")[0]
        if isinstance(a, BaseException):
            self._exceptions(a, b, path)
        elif isinstance(a, types.FunctionType):
            self._functions(a, b, path)
        elif isinstance(a, _LEADING):
            self._where_it_leads(a, b, path)
        elif module == "numpy":
            self._numpy(a, b, path)
        elif module == "pandas":
            _pandas(a, b, path)
        else:
            if isinstance(a, dict):
                self._dicts(a, b, path)
            elif isinstance(a, (set, frozenset)):
                self._sets(a, b, path)
            elif isinstance(a, (list, tuple)) or type(a).__name__ == "deque":
                one, two = _items(a), _items(b)
                assert len(one) == len(two), f"{path}: {len(one)} items became {len(two)}"
                for at, (x, y) in enumerate(zip(one, two, strict=True)):
                    self.compare(x, y, f"{path}[{at}]")
                assert getattr(a, "maxlen", None) == getattr(b, "maxlen", None), f"{path}: maxlen"
            elif isinstance(a, (str, int, float, bytes, bytearray)):
                base = next(kind for kind in (str, int, float, bytes, bytearray) if isinstance(a, kind))
                assert base.__repr__(a) == base.__repr__(b), f"{path}: {a!r} became {b!r}"
            elif isinstance(a, decimal.Decimal):  # a NaN equals nothing, and may raise
                assert repr(a) == repr(b), f"{path}: {a!r} became {b!r}"
            elif type(a).__eq__ is not object.__eq__ and not _has_parts(a):
                assert a == b, f"{path}: {a!r} became {b!r}"
                assert _said(a) == _said(b), f"{path}: {a!r} became {b!r}"
            self._attributes(a, b, path)

    def _dicts(self, a: Any, b: Any, path: str) -> None:
        assert len(a) == len(b), f"{path}: {len(a)} keys became {len(b)}"
        pairs = zip(list(dict.items(a)), list(dict.items(b)), strict=True)
        for (key, value), (key_after, value_after) in pairs:
            self.compare(key, key_after, f"{path} key {key!r:.40}")
            self.compare(value, value_after, f"{path}[{key!r:.40}]")
        if hasattr(a, "default_factory"):
            self.compare(a.default_factory, b.default_factory, f"{path}.default_factory")

    def _sets(self, a: Any, b: Any, path: str) -> None:
        assert len(a) == len(b), f"{path}: {len(a)} elements became {len(b)}"
        one, two = (sorted(items, key=lambda x: (type(x).__qualname__, repr(x))) for items in (a, b))
        for at, (x, y) in enumerate(zip(one, two, strict=True)):
            self.compare(x, y, f"{path} element {at}")
        assert all(x in b for x in b), f"{path}: an element does not find itself"

    def _exceptions(self, a: Any, b: Any, path: str) -> None:
        for name in (
            "args",
            "__cause__",
            "__context__",
            "__suppress_context__",
            "__dict__",
            "exceptions",
            "message",
        ):
            if hasattr(a, name):
                self.compare(getattr(a, name), getattr(b, name), f"{path}.{name}")
        assert str(a) == str(b), f"{path}: {a} became {b}"

    def _where_it_leads(self, a: Any, b: Any, path: str) -> None:
        if isinstance(a, types.MethodType):
            self.compare([a.__func__, a.__self__], [b.__func__, b.__self__], f"{path} bound")
        elif isinstance(a, types.CellType):
            one, two = ([cell.cell_contents] if _filled(cell) else [] for cell in (a, b))
            self.compare(one, two, f"{path} contents")
        elif isinstance(a, weakref.ref):
            self.compare(a(), b(), f"{path}()")
        else:
            one, two = (dict(x) if hasattr(x, "keys") else set(x) for x in (a, b))
            self.compare(one, two, f"{path} members")

    def _functions(self, a: Any, b: Any, path: str) -> None:
        assert a is b or a.__code__.co_code == b.__code__.co_code, f"{path}: other code"
        for name in ("__name__", "__qualname__", "__defaults__", "__kwdefaults__", "__dict__"):
            self.compare(getattr(a, name), getattr(b, name), f"{path}.{name}")

    def _attributes(self, a: Any, b: Any, path: str) -> None:
        self.compare(getattr(a, "__dict__", None), getattr(b, "__dict__", None), f"{path}.__dict__")
        for base in type(a).__mro__:
            for name, member in vars(base).items():
                if isinstance(member, types.MemberDescriptorType) and base.__module__ not in (
                    "datetime",
                    "builtins",
                ):
                    self._slot(a, b, name, path)

    def _slot(self, a: Any, b: Any, name: str, path: str) -> None:
        if name == "_raw_paths":  # what a path was made of, from Python 3.12 on; nothing shows it
            return
        assert hasattr(a, name) == hasattr(b, name), f"{path}.{name}: set on one side only"
        if hasattr(a, name):
            self.compare(getattr(a, name), getattr(b, name), f"{path}.{name}")

    def _numpy(self, a: Any, b: Any, path: str) -> None:
        import numpy as np

        if isinstance(a, np.ndarray):
            assert repr(a.dtype) == repr(b.dtype) and a.dtype.char == b.dtype.char, (
                f"{path}: {a.dtype!r}, {b.dtype!r}"
            )
            assert a.dtype.metadata == b.dtype.metadata, f"{path}: metadata of the dtype"
            assert a.shape == b.shape, f"{path}: shape {a.shape} became {b.shape}"
            assert a.flags.writeable == b.flags.writeable, f"{path}: writeable"
            if a.dtype.hasobject or a.dtype.kind == "T":
                self.compare(a.ravel("K").tolist(), b.ravel("K").tolist(), path)
            else:
                assert a.tobytes() == b.tobytes(), f"{path}: other content"
            if isinstance(a, np.ma.MaskedArray):
                self.compare(np.ma.getmaskarray(a), np.ma.getmaskarray(b), f"{path}.mask")
                assert repr(a.fill_value) == repr(b.fill_value), f"{path}.fill_value"
        elif isinstance(a, np.generic):
            assert repr(a.dtype) == repr(b.dtype) and a.tobytes() == b.tobytes(), (
                f"{path}: {a!r} became {b!r}"
            )
        elif isinstance(a, (np.random.Generator, np.random.RandomState)):
            state = "get_state" if isinstance(a, np.random.RandomState) else "bit_generator"
            one, two = (getattr(x, state) for x in (a, b))
            self.compare(
                *((one(), two()) if callable(one) else (one.state, two.state)),
                f"{path}.state",
            )
        else:
            assert repr(a) == repr(b), f"{path}: {a!r} became {b!r}"


_WEAK = (weakref.WeakSet, weakref.WeakKeyDictionary, weakref.WeakValueDictionary)
_LEADING = (types.MethodType, types.CellType, weakref.ref, *_WEAK)
"""What is nothing but a way to other objects."""


def _filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018  an empty one says so by an error
    except ValueError:
        return False
    return True


def _said(value: Any) -> str:
    """What an object says of itself, without where it lies."""
    return re.sub(r"0x[0-9a-f]+", "", repr(value))


def _has_parts(value: Any) -> bool:
    return bool(getattr(value, "__dict__", None))


def _items(value: Any) -> list[Any]:
    return list(
        list.__iter__(value)
        if isinstance(value, list)
        else tuple.__iter__(value)
        if isinstance(value, tuple)
        else value
    )


def _pandas(a: Any, b: Any, path: str) -> None:
    import pandas as pd

    if isinstance(a, pd.DataFrame):
        pd.testing.assert_frame_equal(a, b, check_exact=True, check_freq=True, check_flags=True)
        assert list(map(repr, a.dtypes)) == list(map(repr, b.dtypes)), f"{path}: dtypes"
        alike(a.attrs, b.attrs)
        _pandas(a.columns, b.columns, f"{path}.columns")
        _pandas(a.index, b.index, f"{path}.index")
    elif isinstance(a, pd.Series):
        pd.testing.assert_series_equal(a, b, check_exact=True, check_freq=True, check_flags=True)
        assert repr(a.dtype) == repr(b.dtype), f"{path}: dtype"
        alike([a.attrs, a.name], [b.attrs, b.name])
        _pandas(a.index, b.index, f"{path}.index")
    elif isinstance(a, pd.Index):
        pd.testing.assert_index_equal(a, b, exact=True)
        assert repr(a) == repr(b) and list(map(type, a.names)) == list(map(type, b.names)), (
            f"{path}: {a!r}, {b!r}"
        )
    elif isinstance(a, pd.api.extensions.ExtensionArray):
        pd.testing.assert_extension_array_equal(a, b, check_exact=True)
    else:
        assert repr(a) == repr(b) and hash(a) == hash(b), f"{path}: {a!r} became {b!r}"
