"""torch: the memory in which tensors lie, as far as a value needs it.

A pickler meets one tensor after another. The first takes its part of the storage along; where another needs
more, the whole follows, and the tensors that were made before are moved to it.
"""

from __future__ import annotations

import pickle
from typing import Any
from weakref import WeakValueDictionary

from perdure.codec.model import LARGE
from perdure.codec.rows.overlap import window_of
from perdure.errors import NotLoadable

_ALIGNED = 64
"""Bytes on which a part of a storage begins, so that elements of every dtype lie as they lay."""


class Piece:
    """A part of a storage, from one byte to another, and the smaller part that was written before it."""

    __slots__ = ("__weakref__", "before", "start", "stop", "storage")

    def __init__(self, storage: Any, start: int, stop: int, before: Piece | None) -> None:
        self.storage, self.start, self.stop, self.before = storage, start, stop, before

    def __reduce__(self) -> Any:
        device, size = str(self.storage.device), self.stop - self.start
        data = None if device == "meta" else self._data(device, size)
        if self.before is not None:
            return widen, (self.before, data, size, device)
        return Memory, (data, size, device, self.start)

    def _data(self, device: str, size: int) -> Any:
        """The bytes: as an array where arrays of numpy, in the same value, lie in the same memory."""
        lent = _lent(self.storage, self.start, size)
        return lent if device == "cpu" and window_of(lent) is not None else pickle.PickleBuffer(lent)


_pieces: WeakValueDictionary[int, Piece] = WeakValueDictionary()
"""The widest part of each storage that a pickle under way knows; a pickler keeps its pieces alive."""


def piece_of(tensor: Any) -> Piece:
    """The part of its storage in which a tensor lies."""
    storage = tensor.untyped_storage()
    total, size = storage.nbytes(), tensor.element_size()
    start = tensor.storage_offset() * size
    reach = sum((length - 1) * step for length, step in zip(tensor.shape, tensor.stride(), strict=True))
    stop = start + (reach + 1) * size if tensor.numel() else start
    known = _pieces.get(storage._cdata)  # noqa: SLF001
    if known is not None and known.start <= start and stop <= known.stop:
        return known
    if known is not None or 2 * (stop - start) >= total:
        return whole_of(storage)
    found = Piece(storage, start // _ALIGNED * _ALIGNED, stop, None)
    _pieces[storage._cdata] = found  # noqa: SLF001
    return found


def whole_of(storage: Any) -> Piece:
    """All of a storage."""
    known = _pieces.get(storage._cdata)  # noqa: SLF001
    if known is not None and (known.start, known.stop) == (0, storage.nbytes()):
        return known
    found = Piece(storage, 0, storage.nbytes(), known)
    _pieces[storage._cdata] = found  # noqa: SLF001
    return found


class _Window:
    """Bytes of a storage as numpy reads them. `Tensor.numpy()` would forbid the storage to grow."""

    def __init__(self, storage: Any, start: int, size: int) -> None:
        self.storage = storage
        place = storage.data_ptr() + start, False
        self.__array_interface__ = {"version": 3, "typestr": "|u1", "shape": (size,), "data": place}


def bytes_of(storage: Any, start: int, size: int) -> Any:
    """The bytes of a storage as an array over the same memory, if it lies in this machine's."""
    import numpy as np

    here = storage if storage.device.type == "cpu" else storage.cpu()
    return np.asarray(_Window(here, start, size)) if size else np.empty(0, "u1")


def _lent(storage: Any, start: int, size: int) -> Any:
    """The bytes for a pickle. Large ones leave it as a view, under which the memory must not move away."""
    import torch

    if size < LARGE or storage.device.type != "cpu":
        return bytes_of(storage, start, size)
    return torch.empty(0, dtype=torch.uint8).set_(storage, start, (size,), (1,)).numpy()


class Memory:
    """A storage that is being made again, and the tensors that lie in it."""

    def __init__(self, data: Any, size: int, device: str, start: int) -> None:
        self.storage, self.start = _storage(data, size, device), start
        self.tensors: list[Any] = []


def widen(memory: Memory, data: Any, size: int, device: str) -> Memory:
    """The memory, whole: another tensor needs more of it than those that were made before."""
    import torch

    shift, memory.start = memory.start, 0
    memory.storage = _storage(data, size, device)
    for tensor in memory.tensors:
        offset = tensor.storage_offset() + shift // tensor.element_size()
        with torch.inference_mode(tensor.is_inference()), torch.no_grad():
            tensor.set_(memory.storage, offset, tensor.shape, tensor.stride())
    return memory


def storage_of(memory: Memory) -> Any:
    """The storage itself."""
    return memory.storage


def typed_storage(storage: Any, dtype: Any) -> Any:
    """The storage as one of elements."""
    import torch

    return torch.storage.TypedStorage(wrap_storage=storage, dtype=dtype, _internal=True)  # type: ignore[no-untyped-call]


def _storage(data: Any, size: int, device: str) -> Any:
    """A storage over large bytes, or over an array; other small ones are copied, so that it may grow.

    Raises:
        NotLoadable: this machine has no such device.
    """
    import numpy as np
    import torch

    if isinstance(data, np.ndarray):
        made: Any = torch.from_numpy(data).untyped_storage()
    elif device != "meta" and len(data) >= LARGE and not memoryview(data).readonly:
        made = torch.frombuffer(data, dtype=torch.uint8).untyped_storage()
    else:
        made = torch.UntypedStorage(size, device="meta" if device == "meta" else "cpu")  # type: ignore[no-untyped-call]
        if device != "meta" and size:
            memoryview(bytes_of(made, 0, size))[:] = memoryview(data).cast("B")
    if device in ("cpu", "meta"):
        return made
    try:
        return made.to(device=device)
    except Exception as error:
        raise NotLoadable(
            subject="A tensor",
            cause=f"it lay on the device `{device}`, which this machine does not have.",
            advice="Load it on a machine that has it, or keep `.cpu()` of it when the step runs again.",
        ) from error
