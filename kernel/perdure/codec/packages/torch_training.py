"""torch: optimizers and learning rate schedulers, with what their own way to be pickled leaves out."""

from __future__ import annotations

from functools import wraps
from typing import Any
from weakref import ref

from perdure.codec.model import Refusal
from perdure.codec.rows.state import fill_attributes, reducing_class, set_state

_MADE = frozenset(
    {"defaults", "state", "param_groups", "step", "_zero_grad_profile_name"}
    | {"_warned_capturable_if_run_uncaptured"}
)
"""Attributes of an optimizer that its state holds, or that are made anew."""


def optimizer_form(optimizer: Any) -> Any:
    """The reduced form of an optimizer with what hangs on it beside its state, or `NotImplemented`.

    Raises:
        Refusal: it has hooks.
    """
    from torch.optim import Optimizer

    cls: Any = type(optimizer)
    if cls.__getstate__ is not Optimizer.__getstate__ or reducing_class(cls) is not None:
        return NotImplemented
    more = {name: value for name, value in vars(optimizer).items() if name not in _MADE}
    for name in [name for name in more if name.endswith("_hooks")]:
        if more.pop(name):
            cause = "Hooks hang on it, which torch does not keep."
            advice = "Remove them (`handle.remove()`), and register them again where needed."
            raise Refusal(optimizer, cause, advice)
    make, args, state = optimizer.__reduce_ex__(5)[:3]
    return make, args, (state, more, list(optimizer.defaults)), None, None, fill_optimizer


def fill_optimizer(optimizer: Any, state: tuple[Any, dict[str, Any], list[str]]) -> None:
    """Give an optimizer its state and attributes, without the defaults that torch adds to those of old."""
    fill_attributes(optimizer, state[:2])
    for name in optimizer.defaults.keys() - set(state[2]):
        del optimizer.defaults[name]


def scheduler_form(scheduler: Any) -> Any:
    """The reduced form of a scheduler, which watches the steps of its optimizer again when it is made."""
    if reducing_class(type(scheduler)) is not None:
        return NotImplemented
    make, args, state = scheduler.__reduce_ex__(5)[:3]
    return make, args, state, None, None, fill_scheduler


def fill_scheduler(scheduler: Any, state: Any) -> None:
    """Give a scheduler its state, and let its optimizer tell when it makes a step, as its `__init__` does."""
    set_state(scheduler, state)
    optimizer = getattr(scheduler, "optimizer", None)
    if optimizer is None or hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        return
    plain, owner = optimizer.step.__func__, ref(optimizer)

    @wraps(plain)
    def step(*args: Any, **kwargs: Any) -> Any:
        own: Any = owner()
        own._opt_called = True  # noqa: SLF001
        return plain(own, *args, **kwargs)

    step._wrapped_by_lr_sched = True  # type: ignore[attr-defined]  # noqa: SLF001
    optimizer.step = step
