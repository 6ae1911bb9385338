"""numpy: what the table of values cannot say. Memory, layout, random numbers, and what a digest sees."""

import numpy as np
import pytest

from perdure import codec
from perdure.errors import NotKeepable


class Model:
    """Holds arrays in the pickle leaf."""

    def __init__(self, **parts):
        vars(self).update(parts)


def again(value):
    return codec.decode(codec.encode(value))


def both_ways(value):
    """The value through the tree, and inside an object that is pickled."""
    return [again([value])[0], again(Model(x=value)).x]


def address(memory):
    return np.frombuffer(memory, "u1").__array_interface__["data"][0]


COUNT = 1 << 18
LARGE = {
    "floats": np.ones(COUNT),
    "moments": np.zeros(COUNT, "M8[ns]"),
    "in F order": np.ones((512, 512)).T,
    "axes turned": np.ones((64, 64, 64)).transpose(1, 0, 2),
    "structured": np.zeros(COUNT, [("a", "i4"), ("b", ">f4")]),
    "text": np.zeros(COUNT, "U2"),
    "without elements of its own": np.lib.stride_tricks.sliding_window_view(np.ones(COUNT), 3),
    "matrix": np.asmatrix(np.ones((512, 512))),
    "records": np.zeros(COUNT, [("a", "f8")]).view(np.recarray),
    "masked": np.ma.array(np.ones(COUNT), mask=np.ma.nomask),
    "read-only": np.broadcast_to(np.ones(COUNT), (COUNT,)),
}


@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("pickled", [False, True])
def test_large_memory_is_lent_and_not_copied(name, pickled):
    """Promise 10: the buffer is the memory of the array itself, whatever its dtype, order or class."""
    value = LARGE[name]
    encoded = codec.encode(Model(x=value) if pickled else value)
    assert len(encoded.buffers) == 1
    assert address(encoded.buffers[0]) == value.__array_interface__["data"][0]
    assert len(encoded.stream) < 2000


def test_a_strided_array_is_written_without_its_gaps():
    """Promise 10: bytes are in proportion to the value; its axes stay in order."""
    value = np.ones((1000, 1000)).T[:, ::2]
    encoded = codec.encode(value)
    assert encoded.size < value.nbytes + 2000
    assert codec.decode(encoded).T.flags.c_contiguous


@pytest.mark.parametrize("dtype", ["f8", object])
def test_a_broadcast_array_is_as_small_as_its_memory(dtype):
    """Promises 3 and 10: one row stands for all, before and after."""
    row = np.arange(3).astype(dtype)
    shut, open_ = (
        np.broadcast_to(row, (100_000, 3)),
        np.lib.stride_tricks.as_strided(row, (100_000, 3), (0, 8)),
    )
    for value in (shut, open_):
        assert codec.encode(value).size < 5000
        for made in both_ways(value):
            assert made.strides == value.strides
            assert made.flags.writeable == value.flags.writeable
    for made in both_ways(open_):
        made[0, 0] = 7
        assert made[99_999, 0] == 7


@pytest.mark.parametrize("kind", ["q", "Q", "g", ">q", "M8[25s]"])
def test_an_array_in_an_object_keeps_its_dtype(kind):
    """Promise 4: pickle alone makes `int64` of `longlong`."""
    value = np.zeros(2, kind)
    for made in both_ways(value):
        assert (made.dtype.char, made.dtype.str, made.dtype.type) == (
            kind.strip(">")[0],
            value.dtype.str,
            value.dtype.type,
        )


def test_a_generic_duration_is_kept():
    """Promise 4: a scalar without a unit has no hash, and is kept all the same."""
    for made in both_ways(np.timedelta64(7)):
        assert repr(made) == "np.timedelta64(7)"


@pytest.mark.parametrize("bits", ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"])
def test_random_numbers_go_on_where_they_were(bits):
    """Promise 3: the same numbers follow, also those of generators that are spawned from it."""
    seeds = np.random.SeedSequence(5)
    value = np.random.Generator(getattr(np.random, bits)(seeds))
    value.spawn(1)
    value.integers(0, 9, 3, dtype="i4")
    for made in both_ways(value):
        mine, made_mine = again(value), made
        assert (
            made_mine.integers(0, 1 << 30, 3, dtype="i4").tolist()
            == mine.integers(0, 1 << 30, 3, dtype="i4").tolist()
        )
        assert made_mine.spawn(1)[0].random() == mine.spawn(1)[0].random()
    child = value.spawn(1)[0].random()
    assert (
        child == np.random.Generator(getattr(np.random, bits)(np.random.SeedSequence(5).spawn(2)[1])).random()
    )


def test_a_mask_that_arrays_share_stays_shared():
    """Promise 3: sharing inside the value is kept, for a mask too."""
    mask = np.array([False, True])
    one, two = (np.ma.array([1, 2], mask=mask, copy=False) for _ in range(2))
    one._mask = two._mask
    made_one, made_two = again([one, two])
    assert made_one._mask is made_two._mask


@pytest.mark.parametrize(
    "make", [lambda: np.nditer(np.arange(3)), lambda: np.arange(3).flat, lambda: np.broadcast([1], [2])]
)
def test_what_stands_in_the_middle_of_an_array_is_refused(make):
    """Promise 4: it is told with its type and an advice."""
    with pytest.raises(NotKeepable, match="Keep the arrays themselves"):
        codec.encode({"it": make()})


def edits():
    """Arrays that all differ from each other, in one thing."""
    base = np.arange(6.0).reshape(2, 3)
    yield base
    yield from (
        base.astype("f4"),
        base.astype(">f8"),
        base.reshape(3, 2),
        base.T,
        base.astype(object),
        base * (1 + 1e-12),
    )
    yield from (
        np.where(base == 0, -0.0, base),
        base.astype("g"),
        base.astype("U3"),
        base.astype("U4"),
        np.asmatrix(base),
    )
    yield from (
        np.ma.array(base),
        np.ma.array(base, mask=base == 1),
        np.ma.array(base, fill_value=3.0),
        base[:, :0],
    )
    yield from (
        base.astype("q"),
        base.astype("l"),
        base.astype("M8[s]"),
        base.astype("M8[ms]"),
        base.astype("m8[s]"),
        base.astype("m8"),
    )
    yield from (
        np.ones(2, [("a", "i4")]),
        np.ones(2, [("b", "i4")]),
        np.ones(2, np.dtype([("a", "i4")], metadata={"k": 1})),
    )
    yield from (
        np.array(["a"], "T"),
        np.array(["a"], np.dtypes.StringDType(na_object=None)),
        np.array(["a"], "O"),
        np.array(["b"], "T"),
    )
    yield from (
        np.float64(1),
        np.float32(1),
        1.0,
        np.array(1.0),
        np.dtype("f8"),
        np.dtype("f4"),
        np.longdouble(1),
    )


def test_every_difference_of_arrays_counts():
    """Promise 1: type, dtype, shape, order of cells and content count."""
    found = [codec.digest(value) for value in edits()]
    assert not any(each.weak for each in found)
    assert len({each.hex for each in found}) == len(found)


def test_what_cannot_be_read_does_not_count():
    """Promise 1: alike arrays have one digest, whatever gaps are between their elements.

    The order of the axes is kept, and counts.
    """
    base = np.arange(24.0).reshape(2, 3, 4)
    assert codec.digest(base) == codec.digest(np.repeat(base, 2, axis=1)[:, ::2])
    turned = [base, np.asfortranarray(base), base.transpose(1, 0, 2).copy().transpose(1, 0, 2)]
    assert len({codec.digest(value).hex for value in turned}) == 3
    rows = [np.broadcast_to(np.arange(3), (4, 3)), np.tile(np.arange(3), (4, 1))]
    assert codec.digest(rows[0]) == codec.digest(rows[1])
    fields = [("a", "i4"), ("b", "f8")]
    hidden = [np.ma.array([(1, x), (2, 3.0)], fields, mask=[(0, 1), (0, 0)]) for x in (5.0, 6.0)]
    assert codec.digest(hidden[0]) == codec.digest(hidden[1])
    padded = [np.full(2 * np.dtype("g").itemsize, byte, "u1").view("g") for byte in (0, 255)]
    for each in padded:
        each[:] = np.longdouble(1) / 3
    assert codec.digest(padded[0]) == codec.digest(padded[1])


@pytest.mark.parametrize("old", ["<f8", [("a", "<i4"), ("b", "<f8", (2,))], ("<i4", (2,))])
def test_dtypes_as_the_first_version_told_them_are_read(old):
    """Promise 2: what was kept stays readable."""
    from numpy.lib.format import descr_to_dtype

    from perdure.codec.rows.dtypes import make_dtype

    assert make_dtype(old) == descr_to_dtype(old)


@pytest.mark.parametrize(
    "parts",
    [
        (np.zeros(4, "u1"), 0, "|O", [1], [8], True),
        (np.array([1, 2], object), 0, "|O", [3], [8], True),
        (np.array([1, 2], object), 0, "|O", [2], [-8], True),
        (np.array([1, 2], object), 8, "|O", [2, 1], [8, 0], True),
        (np.zeros(16, "u1"), 0, "<f8", [3], [8], True),
        (np.zeros(16, "u1"), 8, "<f8", [2], [8], True),
    ],
)
def test_a_window_outside_its_memory_is_not_opened(parts):
    """Promise 8: damaged bytes lead to an error, and never out of the memory."""
    from perdure.codec.rows.arrays import make_window

    with pytest.raises((ValueError, TypeError)):
        make_window(list(parts))


@pytest.mark.parametrize("kind", ["|O", ["text", True], ["fields", ["a"], ["|O"], [0], None, 8, False]])
@pytest.mark.parametrize("data", [bytes(16), memoryview(bytearray(16))])
def test_bytes_are_not_taken_for_objects(kind, data):
    """Promise 8: an array or scalar of objects is never made from bytes."""
    from perdure.codec.rows.arrays import make_array, make_scalar

    with pytest.raises(ValueError, match="cannot be elements"):
        make_array([kind, [1], "C", True, data])
    with pytest.raises(ValueError, match="cannot be elements"):
        make_scalar([kind, bytes(data)])
