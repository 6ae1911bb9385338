"""One attempt at a value: encoded, and seen to load and to be alike where that is in doubt (promise 4)."""

from __future__ import annotations

import mmap
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from perdure.codec.rows.overlap import keeping_overlaps
from perdure.errors import NotLoadable, PerdureError

from .decoder import Decoder, malformed
from .encoder import Cycle, Encoder, outside, versions
from .model import LARGE, TREE, Encoded, Refusal
from .notebook import noting_needs
from .paths import described, misplaced
from .plain import packed, unpacked
from .preview import preview
from .unequal import unequal

if TYPE_CHECKING:
    from .leaf.pickled import LeafPickler

_TRIED = 16 * LARGE
"""Values with more out-of-band bytes than this are not decoded for a trial."""

_HUGE = 16 * LARGE
"""Bytes from which on a copy is made in large pages."""


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a value is encoded."""

    externals: Mapping[str, Any]
    """Objects that live outside the value, which refers to them by name where it meets them."""
    pickles: bool = True
    """False refuses what nothing but a pickle could keep."""
    check_all: bool = False
    """Whether values of any size are loaded again and compared; otherwise those under 1 MiB are."""
    preview: bool = True
    """False for a value that nobody will look at."""
    trial: bool = True
    """False where loading it here would be wrong, or of no use: it is not kept."""
    known: dict[int, str] = field(init=False)
    """The externals by identity."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "known", outside(self.externals))


def attempt(value: Any, terms: Terms) -> Encoded:
    """The value as it is where it is plain, else as a tree; where a leaf would see too early, pickled as one.

    Raises:
        Refusal: a part of it cannot be kept.
    """
    try:
        return _encoded(value, terms)
    except (Refusal, PerdureError):
        raise
    except Exception as error:  # classes may answer questions about their objects with any error
        cause = f"Looking into it failed: {type(error).__name__}: {error}."
        advice = "Leave it out, or tell how to keep it with `perdure.register`."
        raise Refusal(value, cause, advice) from error


def _encoded(value: Any, terms: Terms) -> Encoded:
    shown = preview(value) if terms.preview else {}
    stream = packed(value, terms.known)
    if stream is not None:
        return Encoded("plain", stream, (), {}, shown)
    try:
        encoded = _walk(value, terms, shown, whole=False)
        if encoded is not None:
            return encoded
    except (Cycle, RecursionError):
        pass
    encoded = _walk(value, terms, shown, whole=True)
    assert encoded is not None
    return encoded


def _walk(value: Any, terms: Terms, shown: dict[str, Any], *, whole: bool) -> Encoded | None:
    """The encoded value, its arrays sharing what memory they shared; None where it must be pickled as one."""
    return keeping_overlaps(lambda: _walk_once(value, terms, shown, whole=whole))


def _walk_once(value: Any, terms: Terms, shown: dict[str, Any], *, whole: bool) -> Encoded | None:
    """The encoded value, seen to load where that is in doubt; None where it must be pickled as one."""
    import ormsgpack

    encoder, needs = Encoder(terms.known, pickles=terms.pickles), set[str]()
    with noting_needs(needs):
        tree = encoder.leaf(value) if whole else encoder.node(value)
        pickler = _dumped(encoder, terms, whole=whole) if encoder.leaves else None
    data, buffers, tried = None, list[memoryview](), not encoder.checked
    if pickler is not None:
        if pickler.referred & encoder.needing:
            return None
        data, buffers = pickler.file.getvalue(), pickler.buffers
        encoder.modules |= pickler.modules
        tried = tried or len(data) < LARGE
    every = (*encoder.buffers, *buffers)
    encoded = Encoded(
        codec="plain" if encoder.plain else "full",
        stream=ormsgpack.packb([TREE, tree, data, len(encoder.buffers)]),
        buffers=every,
        packages=versions(encoder.modules),
        preview=shown,
        needs=frozenset(needs),
    )
    tried = terms.check_all or (tried and sum(view.nbytes for view in every) <= _TRIED)
    if terms.trial and tried and not encoder.ends and not (pickler is not None and pickler.ends):
        _try(value, encoder.leaves, encoded, terms)
    return encoded


def _dumped(encoder: Encoder, terms: Terms, *, whole: bool) -> LeafPickler:
    """The pickle of the leaves; the module that can is imported only now."""
    from perdure.codec.leaf.pickled import dump_leaves

    return dump_leaves(encoder.leaves, {} if whole else encoder.outer, terms.known, encoder.buffers)


def _try(value: Any, leaves: list[Any], encoded: Encoded, terms: Terms) -> None:
    """Pass over a value that loads and is alike; refuse the leaf that does not, or is not."""
    try:
        made, made_leaves = decoded(encoded, terms.externals, "full")
    except PerdureError as error:
        for leaf in leaves:
            if leaf is not value:
                _walk(leaf, terms, {}, whole=True)
        how = "pickled" if leaves else "kept"
        cause = f"It can be {how} but not loaded: {getattr(error, 'cause', error)}"
        advice = "Leave it out, or tell how to keep it with `perdure.register`."
        raise Refusal(value, cause, advice if leaves else getattr(error, "advice", advice)) from error
    lost = misplaced(made)
    if lost is not None:
        cause = f"In {described(lost)} in it lies an object that leads back to it, and would not be found."
        raise Refusal(value, cause, "Leave the object out of its own sets and keys, or keep them as lists.")
    if leaves and (terms.check_all or encoded.size < LARGE):
        _compare(leaves, made_leaves, encoded, terms)


def _compare(leaves: Sequence[Any], made_leaves: Sequence[Any], encoded: Encoded, terms: Terms) -> None:
    """Refuse a leaf with a part that says itself that it is not what was made of it."""
    again: Sequence[Any] = ()
    for at, (leaf, made) in enumerate(zip(leaves, made_leaves, strict=True)):
        part = unequal(leaf, made)
        if part is not None:
            again = again or decoded(encoded, terms.externals, "full")[1]
            # What is loaded twice and denies itself too (it holds a nan, or goes by identity) is no judge.
            if unequal(made, again[at]) is None:
                cause = "It can be pickled, but what is loaded is not equal to it."
                raise Refusal(part, cause, "Leave it out, or tell how to keep it with `perdure.register`.")


def decoded(encoded: Encoded, externals: Mapping[str, Any] | None, trust: str) -> tuple[Any, Sequence[Any]]:
    """The value, and the pickled leaves in it; for arguments and errors see `perdure.codec.decode`."""
    buffers = [_copied(view) if view.readonly else view for view in encoded.buffers]
    try:
        plain = unpacked(encoded.stream)
        if plain:
            return plain[0], ()
        load = _load_leaves if trust == "full" else None
        decoder = Decoder(encoded.stream, buffers, externals, load, classes=trust != "plain")
        return decoder.value(), decoder.leaves
    except PerdureError:
        raise
    except Exception as error:
        if encoded.codec == "plain" or isinstance(error, ValueError | RecursionError):
            raise malformed(error) from error
        raise NotLoadable(
            subject="A stored value",
            cause=f"{type(error).__name__}: {error}.",
            advice="Install the packages' versions with which it was kept, or run its step with `--redo`.",
        ) from error


def _copied(view: memoryview) -> memoryview:
    """Writable memory with the same content; in large pages where the system has them: four times as fast.

    What is large is no bytearray: arrays over one are kept as windows on all of it.
    """
    if view.nbytes < LARGE:
        return memoryview(bytearray(view))
    memory = mmap.mmap(-1, view.nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if view.nbytes >= _HUGE and hasattr(mmap, "MADV_HUGEPAGE"):
        with suppress(OSError):
            memory.madvise(mmap.MADV_HUGEPAGE)
    made = memoryview(memory)
    made[:] = view.cast("B")
    return made


def _load_leaves(*args: Any) -> list[Any]:
    """Unpickle; the module that can is imported only now."""
    from perdure.codec.leaf.pickled import load_leaves

    return load_leaves(*args)
