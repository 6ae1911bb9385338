"""torch: tensors with the memory that they share, modules, optimizers and schedulers.

Tensors over one storage share it again afterwards. A view of a part of a storage takes that part along; the
rest comes along only where another tensor in the same value needs it. Memory is not copied.
"""

from __future__ import annotations

import contextlib
from typing import Any

from perdure.codec.model import Refusal
from perdure.codec.rows.classes import find
from perdure.codec.rows.state import reducing_class

from .numpy import elements
from .torch_memory import Memory, bytes_of, piece_of, storage_of, typed_storage, whole_of
from .torch_training import optimizer_form, scheduler_form

KEPT: dict[str, str] = {
    "torch.Tensor, torch.nn.Parameter": (
        "dtype, shape, strides, gradient, attributes and memory, not copied; tensors over one storage "
        "share it again; of a large storage only what the value uses comes along; a large one cannot be "
        "enlarged in place (`resize_`); one in a graph of computation, or with hooks, is refused"
    ),
    "torch.nn.Module": "class and attributes, with its hooks",
    "torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler": (
        "class, state, defaults and attributes; an optimizer with hooks is refused"
    ),
    "torch.Generator": "its state and device; the default one by its name",
    "torch.device, torch.dtype, torch.Size": "what it says",
    "torch.UntypedStorage, torch.TypedStorage": "its memory",
    "torch.utils.data.DataLoader": "its data and settings",
}
"""Types as a user writes them, and how they are stored, for the reference page."""


def reduce(obj: Any) -> Any:  # noqa: PLR0911  one return for each kind
    """The reduced form of what torch pickles with losses or copies, or `NotImplemented`."""
    import torch

    if isinstance(obj, torch.Tensor):
        with torch._C.DisableTorchFunctionSubclass(), torch.no_grad():  # noqa: SLF001
            return _tensor_form(obj)
    if isinstance(obj, torch.UntypedStorage):
        return storage_of, (whole_of(obj),)
    if type(obj) is torch.storage.TypedStorage:
        return typed_storage, (obj._untyped_storage, obj.dtype)  # noqa: SLF001
    if isinstance(obj, torch.Generator) and obj is torch.default_generator:
        return find, ("torch", "default_generator")
    if isinstance(obj, torch.nn.Module):
        return _module_form(obj)
    if isinstance(obj, torch.optim.Optimizer):
        return optimizer_form(obj)
    if isinstance(obj, torch.optim.lr_scheduler.LRScheduler):
        return scheduler_form(obj)
    return NotImplemented


def _tensor_form(tensor: Any) -> Any:
    if not _is_simple(type(tensor)):
        return NotImplemented
    _check(tensor)
    state = {"dict": dict(vars(tensor)), "grad": tensor.grad}
    return _make_form(tensor), (*_parts(tensor), _extras(tensor)), state, None, None, fill_tensor


def _is_simple(cls: type) -> bool:
    """Whether a tensor class is kept in memory, and pickled, as torch's own are."""
    import torch

    base: Any = torch.Tensor
    ways = (base.__reduce_ex__, torch.nn.Parameter.__reduce_ex__)
    known: Any = cls
    return known.__reduce_ex__ in ways and known.__torch_dispatch__ == base.__torch_dispatch__


def _check(tensor: Any) -> None:
    """Pass over tensors that can be kept.

    Raises:
        Refusal: it hangs in a graph of computation, carries hooks, or has no memory to read.
    """
    if tensor.grad_fn is not None:
        cause = "It leads to the graph of the computation that made it, which belongs to this process."
        raise Refusal(tensor, cause, "Keep `.detach()` of it.")
    if tensor._backward_hooks or getattr(tensor, "_post_accumulate_grad_hooks", None):  # noqa: SLF001
        cause = "Hooks hang on it, which torch does not keep."
        raise Refusal(tensor, cause, "Remove them (`handle.remove()`), and register them again where needed.")
    if tensor.device.type == "cpu" and str(tensor.layout) == "torch.strided" and tensor.is_shared():
        raise Refusal(tensor, "Other processes see its memory too.", "Keep `.clone()` of it.")
    if any(getattr(tensor, "names", ())):  # of torch before 2.13
        raise Refusal(tensor, "Its dimensions have names.", "Keep `.rename(None)` of it, and the names.")
    if tensor.is_nested:
        raise Refusal(tensor, "Nested tensors cannot be kept.", "Keep the list of its parts (`.unbind()`).")
    if str(tensor.layout) == "torch._mkldnn":
        raise Refusal(tensor, "Its memory is laid out for this processor.", "Keep `.to_dense()` of it.")


def _make_form(tensor: Any) -> Any:
    import torch

    if tensor.layout == torch.strided:
        return make_tensor
    return make_sparse if tensor.layout == torch.sparse_coo else make_compressed


def _parts(tensor: Any) -> tuple[Any, ...]:
    """The memory, or the tensors, of which a tensor consists, and how it lies there."""
    import torch

    plain = tensor.detach()
    if tensor.layout == torch.sparse_coo:
        return plain._indices(), plain._values(), tuple(tensor.shape), tensor.is_coalesced()  # noqa: SLF001
    if tensor.layout in (torch.sparse_csr, torch.sparse_bsr):
        return plain.crow_indices(), plain.col_indices(), plain.values(), tuple(tensor.shape), tensor.layout
    if tensor.layout != torch.strided:
        return plain.ccol_indices(), plain.row_indices(), plain.values(), tuple(tensor.shape), tensor.layout
    return piece_of(tensor), tensor.dtype, tensor.storage_offset(), tuple(tensor.shape), tensor.stride()


def _extras(tensor: Any) -> dict[str, Any]:
    """What most tensors do not have, and the class where it is one of its own."""
    import torch

    found: dict[str, Any] = {"requires_grad": tensor.requires_grad}
    if type(tensor) is not torch.Tensor:
        found["class"] = type(tensor)
    if tensor.is_inference():
        found["inference"] = True
    if tensor.layout == torch.strided:
        marks = torch._utils.get_tensor_metadata(tensor)  # type: ignore[no-untyped-call]  # noqa: SLF001
        if marks:
            found["marks"] = marks
        if tensor.is_quantized:
            found["quantizer"] = _quantizer(tensor)
    return {name: value for name, value in found.items() if value is not False}


def _quantizer(tensor: Any) -> tuple[Any, ...]:
    import torch

    if tensor.qscheme() == torch.per_tensor_affine:
        return tensor.qscheme(), tensor.q_scale(), tensor.q_zero_point()
    scales, zeros = tensor.q_per_channel_scales(), tensor.q_per_channel_zero_points()
    return tensor.qscheme(), scales, zeros, tensor.q_per_channel_axis()


# -- tensors -------------------------------------------------------------------------------------------------


def make_tensor(  # noqa: PLR0917  as pickle calls it
    memory: Memory,
    dtype: Any,
    offset: int,
    shape: tuple[int, ...],
    stride: tuple[int, ...],
    extras: dict[str, Any],
) -> Any:
    """A tensor over a part of the memory."""
    import torch

    mode = torch.inference_mode() if extras.get("inference") else contextlib.nullcontext()
    with mode, torch.no_grad():
        quantizer = extras.get("quantizer")
        offset = max(0, offset - memory.start // dtype.itemsize)
        if quantizer is None:
            device = memory.storage.device
            made = torch.empty(0, dtype=dtype, device=device).set_(memory.storage, offset, shape, stride)
        else:
            typed = typed_storage(memory.storage, dtype)
            made = torch._utils._rebuild_qtensor(typed, offset, shape, stride, quantizer, False, {})  # type: ignore[no-untyped-call]  # noqa: FBT003, SLF001
        if "marks" in extras:
            torch._utils.set_tensor_metadata(made, extras["marks"])  # type: ignore[no-untyped-call]  # noqa: SLF001
        made = _dressed(made, extras)
    memory.tensors.append(made)
    return made


def make_sparse(indices: Any, values: Any, shape: Any, coalesced: bool, extras: dict[str, Any]) -> Any:  # noqa: FBT001
    """A sparse tensor over its coordinates and values."""
    import torch

    made = torch.sparse_coo_tensor(indices, values, shape, is_coalesced=coalesced, check_invariants=False)
    return _dressed(made, extras)


def make_compressed(  # noqa: PLR0917
    outer: Any, inner: Any, values: Any, shape: Any, layout: Any, extras: dict[str, Any]
) -> Any:
    """A sparse tensor of a compressed layout."""
    import torch

    made = torch.sparse_compressed_tensor(outer, inner, values, shape, layout=layout, check_invariants=False)
    return _dressed(made, extras)


def _dressed(made: Any, extras: dict[str, Any]) -> Any:
    """The tensor as one of its class, which asks for gradients as it did. No `__new__` runs."""
    import torch

    cls, wanted = extras.get("class"), extras.get("requires_grad", False)
    with torch._C.DisableTorchFunctionSubclass():  # noqa: SLF001
        if cls is not None and issubclass(cls, torch.nn.Parameter):
            return torch.Tensor._make_subclass(cls, made, wanted)  # noqa: SLF001
        made = made if cls is None else made.as_subclass(cls)
        return made.requires_grad_() if wanted else made


def fill_tensor(made: Any, state: dict[str, Any]) -> None:
    """Put back attributes and gradient."""
    import torch

    with torch._C.DisableTorchFunctionSubclass():  # noqa: SLF001
        vars(made).update(state["dict"])
        if state["grad"] is not None:
            made.grad = state["grad"]


# -- modules -------------------------------------------------------------------------------------------------


def _module_form(module: Any) -> Any:
    """A module with hooks; `NotImplemented` for others, of which the state tells all."""
    if not any(_hooks(module)) or reducing_class(type(module)) is not None:
        return NotImplemented
    make, args, state = module.__reduce_ex__(5)[:3]
    return make, args, state, None, None, fill_module


def _hooks(module: Any) -> list[dict[int, Any]]:
    return [found for name, found in vars(module).items() if "_hooks" in name and found]


def fill_module(module: Any, state: dict[str, Any]) -> None:
    """Give a module its state, and keep the numbers of its hooks from being given away again."""
    from torch.utils.hooks import RemovableHandle

    module.__setstate__(state)
    taken = [key for hooks in _hooks(module) for key in hooks if type(key) is int]
    RemovableHandle.next_id = max([RemovableHandle.next_id, *(key + 1 for key in taken)])


# -- digests -------------------------------------------------------------------------------------------------


def _tensor() -> None:
    """Stands in a digest for a tensor."""


def content(obj: Any) -> Any:
    """What stands in a digest for a tensor or storage; `NotImplemented` for anything else."""
    import torch

    if isinstance(obj, torch.UntypedStorage):
        return (
            _tensor,
            (),
            ("storage", str(obj.device), elements(bytes_of(obj, 0, obj.nbytes()))),
        )
    if isinstance(obj, torch.utils.hooks.RemovableHandle):
        return _hook, ()
    if isinstance(obj, torch.nn.Module):
        form = _module_form(obj)
        return form if form is NotImplemented else (_hook, (), (type(obj), _unnumbered(form[2])))
    if not isinstance(obj, torch.Tensor) or not _is_simple(type(obj)):
        return NotImplemented
    with torch._C.DisableTorchFunctionSubclass(), torch.no_grad():  # noqa: SLF001
        _check(obj)
        extras = {name: value for name, value in _extras(obj).items() if name != "marks"}
        kind = (str(obj.dtype), str(obj.layout), tuple(obj.shape), str(obj.device))
        cells = (_cells(obj),) if obj.layout == torch.strided else _parts(obj)
        return _tensor, (), (*kind, extras, vars(obj), obj.grad, *cells)


def _hook() -> None:
    """Stands in a digest for a hook, or for a module with hooks."""


def _unnumbered(state: dict[str, Any]) -> dict[str, Any]:
    """The state of a module without the numbers of its hooks, which count what this process registered."""
    return {name: list(part.values()) if "_hooks" in name else part for name, part in state.items()}


def _cells(tensor: Any) -> bytes | None:
    """The elements in C order, as a hash."""
    if tensor.device.type == "meta":
        return None
    flat = tensor.detach().resolve_conj().resolve_neg().contiguous()
    size = flat.element_size()
    data = bytes_of(flat.untyped_storage(), flat.storage_offset() * size, flat.numel() * size)
    return elements(data)
