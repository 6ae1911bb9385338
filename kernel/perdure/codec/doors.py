"""The door in and the door out: values to bytes and back (promises 3 and 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perdure.errors import NotKeepable, NotLoadable, PerdureError

from .decoder import Decoder, malformed
from .encoder import Cycle, Encoder, outside, versions
from .envelope import FORMAT
from .model import LARGE, Encoded, Refusal
from .preview import preview
from .refused import described, locate, misplaced

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
    """The value as a tree; where a leaf would see what is not whole yet, the value pickled as one."""
    try:
        encoded = _walk(value, known, externals, whole=False)
        if encoded is not None:
            return encoded
    except (Cycle, RecursionError):
        pass
    encoded = _walk(value, known, externals, whole=True)
    assert encoded is not None
    return encoded


def _walk(
    value: Any, known: dict[int, str], externals: Mapping[str, Any] | None, *, whole: bool
) -> Encoded | None:
    """The encoded value, seen to load where that is in doubt; None where it must be pickled as one."""
    import ormsgpack

    encoder = Encoder(known)
    tree = encoder.leaf(value) if whole else encoder.node(value)
    data, buffers, tried = None, list[memoryview](), not encoder.checked
    if encoder.leaves:
        from perdure.codec.leaf.pickled import dump_leaves

        pickler = dump_leaves(encoder.leaves, {} if whole else encoder.outer, known, encoder.buffers)
        if pickler.referred & encoder.needing:
            return None
        data, buffers = pickler.file.getvalue(), pickler.buffers
        encoder.modules |= pickler.modules
        tried = tried or len(data) < LARGE
    every = (*encoder.buffers, *buffers)
    encoded = Encoded(
        codec="plain" if encoder.plain else "full",
        stream=ormsgpack.packb([FORMAT, tree, data, len(encoder.buffers)]),
        buffers=every,
        packages=versions(encoder.modules),
        preview=preview(value),
    )
    if tried and sum(view.nbytes for view in every) <= _TRIED:
        _try(value, encoder.leaves, encoded, known, externals)
    return encoded


def _try(
    value: Any,
    leaves: list[Any],
    encoded: Encoded,
    known: dict[int, str],
    externals: Mapping[str, Any] | None,
) -> None:
    """Pass over a value that loads; refuse the leaf that does not."""
    try:
        lost = misplaced(decode(encoded, externals=externals))
        if lost is not None:
            cause = (
                f"In {described(lost)} in it lies an object that leads back to it, and would not be found."
            )
            raise Refusal(
                value, cause, "Leave the object out of its own sets and keys, or keep them as lists."
            )
    except PerdureError as error:
        for leaf in leaves:
            if leaf is not value:
                _walk(leaf, known, externals, whole=True)
        cause = f"It can be pickled but not loaded: {getattr(error, 'cause', error)}"
        raise Refusal(
            value, cause, "Leave it out, or tell how to keep it with `perdure.register`."
        ) from error


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
    load = _load_leaves if trust == "full" else None
    buffers = [memoryview(bytearray(view)) if view.readonly else view for view in encoded.buffers]
    try:
        return Decoder(encoded.stream, buffers, externals, load).value()
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
    from perdure.codec.leaf.pickled import load_leaves

    return load_leaves(*args)


def copy_value(value: Any, *, name: str = "value") -> Any:
    """A copy by value, through the codec: alike in type, content, sharing inside, and mutability (promise 3).

    Raises:
        NotKeepable: as `encode`.
    """
    if type(value) in _IMMUTABLE:
        return value
    return decode(encode(value, name=name))
