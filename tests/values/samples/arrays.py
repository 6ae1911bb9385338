"""numpy: arrays of every dtype and layout, its classes of arrays, scalars, dtypes and random numbers."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd

from values.alike import alike
from values.sample import Sample


class Tagged(np.ndarray):
    """An array with attributes, as many packages have one."""


class Cells(np.void):
    """Elements of a class of their own."""


def _same(before, after):
    """As `alike`, and what the comparison there leaves out: layout, class of the elements, the mask's flags."""
    if before.dtype.char in "gG" or before.dtype.names:  # they have bytes that are no content
        assert repr(before.ravel().tolist()) == repr(after.ravel().tolist())
        assert list(map(repr, before.ravel())) == list(map(repr, after.ravel()))
        assert (before.shape, before.flags.writeable) == (after.shape, after.flags.writeable)
    else:
        alike(before, after)
    assert before.dtype.type is after.dtype.type
    assert before.dtype.metadata == after.dtype.metadata
    assert before.dtype.isalignedstruct == after.dtype.isalignedstruct
    assert [before.dtype.str, before.dtype.fields] == [after.dtype.str, after.dtype.fields]
    if before.flags.forc:
        assert before.flags.c_contiguous == after.flags.c_contiguous
        assert before.flags.f_contiguous == after.flags.f_contiguous
    order = [sorted(range(x.ndim), key=lambda axis: -abs(x.strides[axis])) for x in (before, after)]
    assert before.size < 2 or order[0] == order[1]
    if isinstance(before, np.ma.MaskedArray):
        assert (before._mask is np.ma.nomask) == (after._mask is np.ma.nomask)
        for flag in ("hardmask", "sharedmask"):
            assert getattr(before, flag) == getattr(after, flag)
    elif not isinstance(before, np.char.chararray):
        _attributes(before, after)


def _attributes(before, after):
    one, two = (getattr(x, "__dict__", {}) for x in (before, after))
    alike(one, two)


def _scalar_dtype(before, after):
    if before.dtype.char in "gG":
        assert repr(before) == repr(after)
    else:
        alike(before, after)
    assert before.dtype.char == after.dtype.char
    assert before.dtype.type is type(before) is type(after)


def _dtype(before, after):
    assert type(before) is type(after)
    assert repr(before) == repr(after)
    assert before.char == after.char
    assert before.metadata == after.metadata
    assert before.isalignedstruct == after.isalignedstruct
    assert before.fields == after.fields


def _generator(before, after):
    """They give the same numbers, and spawn the same children."""
    assert type(before) is type(after)
    one, two = before.bit_generator, after.bit_generator
    alike(one.state, two.state)
    alike(one.seed_seq.state, two.seed_seq.state)


def _seeds(before, after):
    alike(before.state, after.state)
    assert before.pool.tolist() == after.pool.tolist()


def _void(before, after):
    assert type(before) is type(after)
    assert before.dtype == after.dtype
    assert repr(before) == repr(after)


def _identical(before, after):
    assert before is after


def _polynomial(before, after):
    assert type(before) is type(after)
    assert repr(before) == repr(after)
    assert before.has_samewindow(after) and before.has_samedomain(after)


def closed(array):
    array.flags.writeable = False
    return array


def hung(array, **notes):
    vars(array).update(notes)
    return array


def hard(**options):
    return np.ma.array([1.5, 2.5, 3.5], mask=[0, 1, 0], **options)


def shared_mask():
    first = np.ma.array([1, 2, 3], mask=[0, 1, 0])
    return first[:]


def overlapping():
    return np.lib.stride_tricks.sliding_window_view(np.arange(8.0), 3)


def used(bits):
    generator = np.random.Generator(bits(np.random.SeedSequence(5, spawn_key=(1,))))
    generator.spawn(2)
    generator.standard_normal(3)
    generator.integers(0, 9, 3, dtype="i4")
    return generator


def state_of(seed):
    state = np.random.RandomState(seed)
    state.standard_normal(3)
    return state


def in_itself():
    array = np.empty(2, object)
    array[0] = [array]
    return array


def at_once_in_itself():
    array = np.empty(1, object)
    array[0] = array
    return array


def _cycle_at_once(before, after):
    assert type(before) is type(after) is np.ndarray
    assert after[0] is after


def _cycle(before, after):
    assert type(before) is type(after) is np.ndarray
    assert after[0][0] is after
    assert after[1] is None


NESTED = [("a", "i1"), ("p", [("x", ">f4"), ("t", "M8[D]")], (2,)), ("s", "S3"), ("u", "U2"), ("z", "q")]
TITLED = {
    "names": ["a", "b"],
    "formats": ["i4", "f2"],
    "offsets": [4, 0],
    "titles": ["first", None],
    "itemsize": 16,
}
OVERLAID = {"names": ["whole", "low"], "formats": ["u4", "u2"], "offsets": [0, 0]}
SIMPLE = ["?", "b", "B", "h", "H", "i", "I", "l", "L", "q", "Q", "e", "f", "d", "g", "F", "D", "G"]
UNITS = ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as", "25s"]
BITS = [np.random.PCG64, np.random.PCG64DXSM, np.random.MT19937, np.random.Philox, np.random.SFC64]
KINDS = [
    *("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "q", "Q", "f2", "f4", "f8", "g", "c8", "c16", "G", "?"),
]


def simple(char):
    return np.array([0, 1, 7, 100], char)


def cube():
    return np.arange(24.0).reshape(2, 3, 4)


SAMPLES = [
    *(
        Sample(f"array of {np.dtype(char).type.__name__} ({char})", lambda char=char: simple(char), _same)
        for char in SIMPLE
    ),
    *(
        Sample(f"array of {char}, big-endian", lambda char=char: simple(f">{char}"), _same)
        for char in "hilqefdgFDG"
    ),
    *(
        Sample(
            f"array of moments in {unit}", lambda unit=unit: np.array([1, -5, "NaT"], f"M8[{unit}]"), _same
        )
        for unit in UNITS
    ),
    *(
        Sample(
            f"array of durations in {unit}", lambda unit=unit: np.array([1, -5, "NaT"], f">m8[{unit}]"), _same
        )
        for unit in UNITS
    ),
    Sample("array of moments, generic", lambda: np.array(["NaT", "NaT"], "M8"), _same),
    Sample("array of durations, generic", lambda: np.array([3, "NaT"], "m8"), _same),
    Sample(
        "array of floats, special", lambda: np.array([np.nan, -np.nan, np.inf, -np.inf, -0.0, 5e-324]), _same
    ),
    Sample("array of bytes", lambda: np.array([b"a", b"", b"abc", b"\0b"]), _same),
    Sample("array of str", lambda: np.array(["a", "", "żółw", "\U0001f422", "\0b"]), _same),
    Sample("array of str, big-endian", lambda: np.array(["ab", "c"], ">U3"), _same),
    Sample("array of empty str", lambda: np.zeros(3, "U0"), _same),
    Sample("array of void", lambda: np.array([b"ab\0", b"\0\0\0"], "V3"), _same),
    Sample("array of void without length", lambda: np.zeros(3, "V0"), _same),
    Sample("structured array", lambda: np.zeros(3, NESTED), _same),
    Sample(
        "structured array, aligned",
        lambda: np.ones(2, np.dtype([("a", "i1"), ("b", "f8")], align=True)),
        _same,
    ),
    Sample("structured array with titles and offsets", lambda: np.ones(2, TITLED), _same),
    Sample("structured array with fields on each other", lambda: np.ones(2, OVERLAID), _same),
    Sample("structured array without fields", lambda: np.zeros(2, []), _same),
    Sample(
        "structured array with objects",
        lambda: np.array([(1, [2]), (3, None)], [("a", "i4"), ("b", object)]),
        _same,
    ),
    Sample("array with metadata", lambda: np.ones(2, np.dtype("f8", metadata={"unit": ("m", 1)})), _same),
    Sample(
        "array with metadata on a field",
        lambda: np.ones(2, [("a", np.dtype("q", metadata={"k": [1]}))]),
        _same,
    ),
    Sample("array with elements of a class", lambda: np.ones(2, np.dtype((Cells, [("a", "i4")]))), _same),
    Sample("array of records", lambda: np.ones(2, np.dtype((np.record, [("a", "i4")]))), _same),
    Sample("array of objects", lambda: np.array([1, "a", None, [2], {"k": np.arange(2)}], object), _same),
    Sample(
        "array of objects in F order",
        lambda: np.asfortranarray(np.array([[1, "a"], [(), None]], object)),
        _same,
    ),
    Sample("array of objects, read-only", lambda: closed(np.array([[1], 2], object)), _same),
    Sample("array of objects that is its own element", at_once_in_itself, _cycle_at_once),
    Sample("array of objects that holds itself", in_itself, _cycle, digests=True),
    *(
        Sample(
            f"StringDType, missing as {missing}",
            lambda missing=missing: np.array(
                ["a", "", missing, "żółw" * 20, "n\0\0"], np.dtypes.StringDType(na_object=missing)
            ),
            _same,
        )
        for missing in (None, np.nan, pd.NA, "gone")
    ),
    Sample(
        "StringDType",
        lambda: np.array([["a", ""], ["b" * 99, "\0"]], np.dtypes.StringDType(coerce=False)),
        _same,
    ),
    Sample("StringDType, read-only", lambda: closed(np.array(["a"], np.dtypes.StringDType())), _same),
    Sample("array without dimensions", lambda: np.array(1.5), _same),
    Sample("array without dimensions, of objects", lambda: np.array({"a": 1}, object), _same),
    Sample("empty array", lambda: np.zeros((0, 3), "f4"), _same),
    Sample("array with many dimensions", lambda: np.ones((1,) * 20 + (2,)), _same),
    Sample("array in C order", cube, _same),
    Sample("array in F order", lambda: np.asfortranarray(cube()), _same),
    Sample("array with its axes turned", lambda: cube().transpose(1, 0, 2), _same),
    Sample("array with its axes turned, large", lambda: np.ones((70, 80, 90)).transpose(1, 2, 0), _same),
    Sample("strided array", lambda: cube()[:, ::2, ::-1], _same),
    Sample("strided array, large", lambda: np.arange(600_000.0).reshape(-1, 2)[:, 0], _same),
    Sample("reversed array", lambda: np.arange(5)[::-1], _same),
    Sample("broadcast array", lambda: np.broadcast_to(np.arange(3.0), (4, 3)), _same),
    Sample(
        "broadcast array of objects", lambda: np.broadcast_to(np.array([[1], None], object), (4, 2)), _same
    ),
    Sample("array of windows", overlapping, _same),
    Sample(
        "array with all its elements in one place",
        lambda: np.lib.stride_tricks.as_strided(np.ones(1), (5,), (0,)),
        _same,
    ),
    Sample("read-only array", lambda: closed(np.arange(3)), _same),
    Sample("read-only array, large", lambda: closed(np.ones(200_000)), _same),
    Sample("large array", lambda: np.arange(200_000.0), _same),
    Sample("large array in F order", lambda: np.asfortranarray(np.ones((400, 500))), _same),
    Sample("large array of moments", lambda: np.arange(200_000).astype("M8[s]"), _same),
    Sample("masked array", lambda: np.ma.array([[1.5, 2], [3, 4]], mask=[[0, 1], [0, 0]]), _same),
    Sample("masked array without a mask", lambda: np.ma.array([1, 2]), _same),
    Sample("masked array, hard", lambda: hard(hard_mask=True, fill_value=9.0), _same),
    Sample("masked array with a shared mask", shared_mask, _same),
    Sample(
        "masked array, structured",
        lambda: np.ma.array([(1, 2.0), (3, 4.0)], [("a", "i4"), ("b", "f8")], mask=[(0, 1), (1, 0)]),
        _same,
    ),
    Sample(
        "masked array of objects", lambda: np.ma.array([1, [2], None], mask=[0, 1, 0], dtype=object), _same
    ),
    Sample("masked array of str", lambda: np.ma.array(["a", "bc"], mask=[0, 1], fill_value="zz"), _same),
    Sample("masked array, read-only", lambda: closed(hard()), _same),
    Sample("masked constant", lambda: np.ma.masked, _identical),
    Sample(
        "masked records", lambda: np.ma.array([(1, 2.0)], [("a", "i4"), ("b", "f8")], mask=[(0, 1)])[0], _void
    ),
    Sample("recarray", lambda: np.rec.array([(1, "a"), (2, "b")], dtype=[("x", "i4"), ("y", "U2")]), _same),
    Sample("matrix", lambda: np.matrix([[1, 2], [3, 4]]), _same),
    Sample("chararray", lambda: np.char.array(["a", "bc "]), _same),
    Sample("chararray of bytes", lambda: np.char.array([b"a", b"bc "]), _same),
    Sample(
        "class of arrays with attributes",
        lambda: hung(np.arange(4.0).view(Tagged), unit="m", near=[1]),
        _same,
    ),
    Sample(
        "class of arrays, large and strided",
        lambda: hung(np.ones((700, 800)).view(Tagged)[:, ::2], unit="m"),
        _same,
    ),
    *(
        Sample(
            f"scalar {np.dtype(kind).type.__name__} ({kind})",
            lambda kind=kind: np.dtype(kind).type(1),
            _scalar_dtype,
        )
        for kind in KINDS
    ),
    Sample("scalar str_", lambda: np.str_("a\0żółw\0"), _scalar_dtype),
    Sample("scalar bytes_", lambda: np.bytes_(b"a\0b\0"), _scalar_dtype),
    Sample("scalar float64 nan", lambda: np.float64("-nan"), _scalar_dtype),
    Sample("scalar longdouble, more than a float holds", lambda: np.longdouble(1) / 3, _scalar_dtype),
    Sample("scalar datetime64", lambda: np.datetime64("2024-02-29T01:02:03.000000001", "ns"), _scalar_dtype),
    Sample("scalar datetime64 NaT", lambda: np.datetime64("NaT"), _scalar_dtype),
    Sample("scalar datetime64 NaT with a unit", lambda: np.datetime64("NaT", "3D"), _scalar_dtype),
    Sample("scalar timedelta64", lambda: np.timedelta64(7, "25m"), _scalar_dtype),
    Sample("scalar void", lambda: np.void(b"ab\0"), _scalar_dtype),
    Sample("scalar void with fields", lambda: np.zeros(1, NESTED)[0], _void),
    Sample("scalar void with objects", lambda: np.array([(1, [2])], [("a", "i4"), ("b", object)])[0], _void),
    Sample("scalar record", lambda: np.rec.array([(1, "a")], dtype=[("x", "i4"), ("y", "U2")])[0], _void),
    *(
        Sample(f"dtype {name}", lambda form=form: np.dtype(form), _dtype)
        for name, form in {
            "float64": "f8",
            "longlong": "q",
            "big-endian": ">i4",
            "str": "U5",
            "datetime64": "M8[25s]",
            "object": "O",
            "structured": NESTED,
            "with titles": TITLED,
            "subarray": ("i4", (2, 3)),
            "void": "V7",
            "record": (np.record, [("a", "i4")]),
        }.items()
    ),
    Sample("dtype with metadata", lambda: np.dtype("f8", metadata={"a": [1]}), _dtype),
    Sample("dtype StringDType", lambda: np.dtypes.StringDType(na_object=np.nan), _dtype),
    Sample("class of a dtype", lambda: np.dtypes.Float64DType),
    Sample("ufunc", lambda: np.add, _identical),
    Sample("finfo", lambda: np.finfo("f4")),
    Sample("iinfo", lambda: np.iinfo("i4")),
    Sample("poly1d", lambda: np.poly1d([1.0, 2.0], variable="z")),
    Sample("Polynomial", lambda: np.polynomial.Chebyshev([1.0, 2.0], domain=[0, 5], symbol="t"), _polynomial),
    *(Sample(f"Generator of {bits.__name__}", lambda bits=bits: used(bits), _generator) for bits in BITS),
    Sample("bit generator", lambda: np.random.PCG64(3), lambda a, b: alike(a.state, b.state)),
    Sample("RandomState", lambda: state_of(4)),
    Sample("RandomState over Philox", lambda: np.random.RandomState(np.random.Philox(3))),
    Sample(
        "SeedSequence", lambda: np.random.SeedSequence([1, 2], spawn_key=(3,), n_children_spawned=4), _seeds
    ),
]


if sys.byteorder == "big":  # the samples say what is foreign
    SAMPLES = [sample for sample in SAMPLES if "endian" not in sample.name]
