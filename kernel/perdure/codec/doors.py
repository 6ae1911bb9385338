"""The door in and the door out: values to bytes and back (promises 3 and 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perdure.errors import NotKeepable, NotLoadable, PerdureError

from .decoder import Decoder, malformed
from .digest import digest
from .encoder import Cycle, Encoder, outside, versions
from .envelope import FORMAT
from .model import LARGE, Encoded, Refusal
from .preview import preview
from .refused import described, locate

_TRIED = 16 * LARGE
"""Values with more out-of-band bytes than this are not decoded for a trial."""

_IMMUTABLE = frozenset(
    {type(None), bool, int, float, complex, str, bytes, range, type(...), type(NotImplemented)}
)


def encode(value: Any, *, name: str = "result", externals: Mapping[str, Any] | None = None) -> Encoded:
    """The value as bytes, exactly (promise 4). Large memory is not copied: the buffers are views of it.

    Args:
        value: anything.
        name: what it is called in messages.
        externals: objects that live outside the value; it refers to them by name where it meets them.

    Raises:
        NotKeepable: a part cannot be kept; the path, the type and the advice are in the message.
    """
    try:
        return _encode(value, outside(externals), externals)
    except Refusal as refusal:
        raise _not_keepable(refusal, locate(value, name, refusal.part) or name) from refusal.__cause__


def encode_namespace(
    values: Mapping[str, Any], *, externals: Mapping[str, Any] | None = None
) -> tuple[Encoded, dict[str, NotKeepable]]:
    """Names and their values as one: what they share stays shared. Decodes to a dict.

    Returns:
        The names that can be kept, and for each of the others why it cannot.
    """
    kept, refused = dict(values), dict[str, NotKeepable]()
    known = outside(externals)
    while True:
        try:
            return _encode(kept, known, externals), refused
        except Refusal as refusal:
            for name in _culprits(kept, refusal, known, externals):
                path = locate(kept[name], name, refusal.part) or name
                refused[name] = _not_keepable(refusal, path)
                del kept[name]


def _culprits(
    kept: dict[str, Any], refusal: Refusal, known: dict[int, str], externals: Mapping[str, Any] | None
) -> list[str]:
    """The names through which the refused part is reached; never empty."""
    found = [name for name, value in kept.items() if locate(value, name, refusal.part)]
    if found:
        return found
    for name, value in kept.items():
        try:
            _encode(value, known, externals)
        except Refusal:
            found.append(name)
    return found or list(kept)


def _not_keepable(refusal: Refusal, path: str) -> NotKeepable:
    return NotKeepable(path=path, type=described(refusal.part), cause=refusal.cause, advice=refusal.advice)


def _encode(value: Any, known: dict[int, str], externals: Mapping[str, Any] | None) -> Encoded:
    """The value as a tree; where that does not load as it was, the value pickled as a whole."""
    try:
        encoded, tried = _walk(value, known, whole=False)
        if not tried or _loads(value, encoded, externals):
            return encoded
    except (Cycle, RecursionError):
        pass
    encoded, tried = _walk(value, known, whole=True)
    if tried and not _loads(value, encoded, externals):
        cause = "It can be pickled but not loaded as it was."
        raise Refusal(value, cause, "Leave it out, or tell how to keep it with `perdure.register`.")
    return encoded


def _walk(value: Any, known: dict[int, str], *, whole: bool) -> tuple[Encoded, bool]:
    """The encoded value, and whether it must be seen to load."""
    import ormsgpack

    encoder = Encoder(known)
    tree = encoder.leaf(value) if whole else encoder.node(value)
    data, buffers, tried = None, list[memoryview](), not encoder.checked
    if encoder.leaves:
        from .pickled import dump_leaves

        outer = {} if whole else encoder.outer
        data, buffers, modules = dump_leaves(encoder.leaves, outer, known, encoder.buffers)
        encoder.modules |= modules
        tried = tried or len(data) < LARGE
    stream = ormsgpack.packb([FORMAT, tree, data, len(encoder.buffers)])
    every = (*encoder.buffers, *buffers)
    encoded = Encoded(
        codec="plain" if encoder.plain else "full",
        stream=stream,
        buffers=every,
        packages=versions(encoder.modules),
        preview=preview(value),
    )
    return encoded, tried and sum(view.nbytes for view in every) <= _TRIED


def _loads(value: Any, encoded: Encoded, externals: Mapping[str, Any] | None) -> bool:
    """Whether the value is seen to load, and to be what it was where a leaf saw an unfilled object."""
    try:
        made, early = _decode(encoded, externals, "full")
    except PerdureError:
        return False
    return not early or digest(made) == digest(value)


def decode(encoded: Encoded, *, externals: Mapping[str, Any] | None = None, trust: str = "full") -> Any:
    """The value as it was. Whoever calls this has verified the signature (promise 8).

    Writable buffers become the value's own memory; read-only ones are copied.

    Args:
        encoded: what `encode` gave.
        externals: the objects by the names that `encode` was told.
        trust: "plain" makes built-in values and those of the standard library only.

    Raises:
        Damaged: the bytes are malformed.
        NotLoadable: a package, a class or an external is missing; the sentence names it.
        Untrusted: the value needs more trust than was given.
    """
    return _decode(encoded, externals, trust)[0]


def _decode(encoded: Encoded, externals: Mapping[str, Any] | None, trust: str) -> tuple[Any, bool]:
    load = None
    if trust == "full":
        load = _load_leaves
    buffers = [memoryview(bytearray(view)) if view.readonly else view for view in encoded.buffers]
    try:
        decoder = Decoder(encoded.stream, buffers, externals, load)
        return decoder.value(), decoder.early
    except PerdureError:
        raise
    except Exception as error:
        if encoded.codec == "plain" or isinstance(error, ValueError | RecursionError):
            raise malformed(error) from error
        raise NotLoadable(
            subject="A stored value",
            cause=f"{type(error).__name__}: {error}.",
            advice="Install the versions of the packages with which it was kept, or run the step again.",
        ) from error


def _load_leaves(*args: Any) -> list[Any]:
    """Unpickle; the module that can is imported only now."""
    from .pickled import load_leaves

    return load_leaves(*args)


def copy_value(value: Any, *, name: str = "value") -> Any:
    """A copy by value, through the codec: alike in type, content, sharing inside, and mutability (promise 3).

    Raises:
        NotKeepable: as `encode`.
    """
    if type(value) in _IMMUTABLE:
        return value
    return decode(encode(value, name=name))
