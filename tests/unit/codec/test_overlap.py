"""Arrays that share memory inside one value do so again when it comes back."""

import array as arrays

import numpy as np
import pytest
import torch

from perdure import codec


class Model:
    """Holds arrays in the pickle leaf."""

    def __init__(self, **parts):
        vars(self).update(parts)


def again(value):
    return codec.decode(codec.encode(value))


@pytest.mark.parametrize("dtype", ["f8", "M8[s]", ">i4", object])
@pytest.mark.parametrize("first", [0, 1])
def test_an_array_and_its_view_stay_one_memory(dtype, first):
    """Promise 3: a change in one shows in the other, whichever was met first, in tree and pickle."""
    base = np.arange(10).astype(dtype)
    view = base[2:8:2]
    for value in (
        [base, view][:: 1 if first == 0 else -1],
        (base, [view]),
        Model(pair=[base, view]),
        [base, Model(view=view)],
    ):
        made = again(value)
        parts = made.pair if isinstance(made, Model) else list(made)
        one, two = (x.view if isinstance(x, Model) else x[0] if isinstance(x, list) else x for x in parts)
        if one.size < two.size:
            one, two = two, one
        assert (one.tolist(), two.tolist()) == (base.tolist(), view.tolist())
        assert (one.dtype, two.dtype) == (base.dtype, view.dtype)
        one[4] = one[0]
        assert two[1] == one[0]
        assert codec.digest(made) == codec.digest(again(made))


def test_views_of_an_array_that_is_not_there_keep_what_they_share():
    """Promises 3 and 10: only the memory that they cover is stored."""
    base = np.arange(1_000_000.0)
    value = [base[10:20], base[15:25], base[500_000:500_010]]
    encoded = codec.encode(value)
    assert encoded.size < 5000
    made = codec.decode(encoded)
    made[0][5:] = -1
    assert made[1][:5].tolist() == [-1.0] * 5
    assert made[2].tolist() == value[2].tolist()


def test_columns_that_lie_between_each_other_are_no_views_of_each_other():
    """Promise 10: arrays that have no byte in common are stored one by one."""
    base = np.ones((1000, 500))
    assert codec.encode([base[:, 0], base[:, 1]]).size < 30_000


def test_reshaped_transposed_and_closed_views_are_kept():
    """Promises 3 and 4: layout and mutability of each window."""
    base = np.arange(24.0).reshape(2, 3, 4)
    closed = base[1]
    closed.flags.writeable = False
    value = [base, base.T, base[::-1, :, 1], base.view("i8"), closed, base[:0], base]
    made = again(value)
    for before, after in zip(value, made, strict=True):
        assert (after.tobytes(), after.shape, after.dtype) == (before.tobytes(), before.shape, before.dtype)
        assert after.flags.writeable == before.flags.writeable
        assert before.size == 0 or after.strides == before.strides
    made[0][1, 2, 3] = 99
    assert [made[1][3, 2, 1], made[4][2, 3]] == [99, 99]
    assert made[6] is made[0]


def test_large_memory_that_is_shared_is_written_once_and_not_copied():
    """Promise 10: bytes are in proportion to the value."""
    base = np.ones(1 << 18)
    encoded = codec.encode({"a": base, "head": base[:10], "half": [base[::2]]})
    assert [view.nbytes for view in encoded.buffers] == [base.nbytes]
    base[0] = 7
    assert codec.decode(encoded)["head"][0] == 7


def test_views_of_masked_arrays_share_data_and_mask():
    """Promise 3: for numpy's own classes too."""
    base = np.ma.array([1, 2, 3, 4], mask=[0, 1, 0, 0])
    one, two = again([base, base[1:]])
    one[2] = 9
    assert two.tolist() == [None, 9, 4]
    one.data[3] = 8
    assert two.data[2] == 8


def test_arrays_of_distinct_memory_stay_as_they_were_stored():
    """Promise 10: without sharing, nothing is told of windows."""
    import ormsgpack

    encoded = codec.encode([np.arange(3), np.arange(3), np.ma.array([1], mask=[0]), Model(x=np.arange(3))])
    tags = []
    ormsgpack.unpackb(encoded.stream, ext_hook=lambda tag, _: tags.append(tag))
    assert 72 not in tags


@pytest.mark.parametrize("length", [10, 500_000])
def test_an_array_and_a_tensor_over_its_memory_share_it_again(length):
    """Promise 3: `torch.from_numpy` makes a window on an array; a change in one shows in the other."""
    array = np.arange(length, dtype="f8")
    for value in ([array, torch.from_numpy(array)], {"t": torch.from_numpy(array)[2:5], "a": array}):
        made = codec.decode(codec.encode(value))
        one, two = made if isinstance(made, list) else (made["a"], made["t"])
        assert np.array_equal(one, array)
        at = 0 if len(two) == length else 2
        one[at] = -5
        assert two[0] == -5
        two[1] = -7
        assert one[at + 1] == -7


def test_tensors_alone_are_no_windows():
    tensor = torch.arange(1000.0)
    made = codec.decode(codec.encode([tensor, tensor[:10], tensor[500:]]))
    made[0][0] = -1
    made[0][500] = -2
    assert (made[1][0], made[2][0]) == (-1, -2)


@pytest.mark.parametrize("length", [40, 2_000_000])
def test_an_array_over_a_bytearray_shares_its_memory_again(length):
    """Promise 3: `np.frombuffer` makes a window on the bytes."""
    for lender in (bytearray(length), arrays.array("d", bytes(length))):
        array = np.frombuffer(lender, "u1")
        for value in ([lender, array], {"w": array[8:16], "l": (lender,)}, [Holder(array), lender]):
            made = codec.decode(codec.encode(value))
            if isinstance(made, dict):
                bytes_of, window = made["l"][0], made["w"]
            else:
                bytes_of, window = (made[1], made[0].part) if isinstance(made[0], Holder) else made
            window[0] = 7
            at = 8 if isinstance(made, dict) else 0
            assert type(bytes_of) is type(lender)
            assert memoryview(bytes_of).cast("B")[at] == 7
            memoryview(bytes_of).cast("B")[at] = 9
            assert window[0] == 9


class Holder:
    def __init__(self, part):
        self.part = part
