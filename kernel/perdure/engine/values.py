"""Values by themselves: signed bytes that a file or a message can carry, and digests.

Form: the eight bytes `PERDURE1`, then one msgpack array. Format 2: the number 2 and a map of the fields that
the signature covers (`perdure.codec.envelope`; run, step and inputs are empty), with stream, buffers and
signature. Format 1: 1, codec, packages, stream, buffers, id of the key, signature.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perdure import codec
from perdure.codec import envelope
from perdure.codec.masking import escaped
from perdure.codec.paths import described
from perdure.errors import Damaged, NotDigestible, NotLoadable, PerdureError, Untrusted
from perdure.store import packing
from perdure.store.vault import PYTHON

from . import keeping
from .process import the_key

MAGIC = b"PERDURE1"
_SUBJECT = "The value"
_RATIO = 100
"""How many times larger than its frame a stream may be, when nobody signed it."""
_KINDS: Mapping[str, type] = {
    "codec": str,
    "packing": str,
    "python": str,
    "packages": dict,
    "size": int,
    "stream": bytes,
    "buffers": list,
    "key": str,
    "signature": bytes,
}


def dumps(value: Any, *, codec: str | None = None, check_all: bool = False) -> bytes:
    """The value as bytes, signed with this user's key.

    Args:
        value: anything that can be kept.
        codec: "full", or "safe", which refuses what could only be pickled; None takes PERDURE_CODEC, or
            "full".
        check_all: load it again and compare it, whatever its size; else that is done under 1 MiB, or always
            where PERDURE_CHECK is "all".

    Raises:
        NotKeepable: a part of it cannot be kept; the message names its path, type and what to do.
    """
    import ormsgpack

    encoded, key = keeping.encode(value, name="value", codec=codec, check_all=check_all), the_key()
    packed = packing.compressed(encoded.stream)
    if packed is not None and len(encoded.stream) > _expandable(packed):
        packed = None  # so that whoever has no key can read it too
    fields = {
        "codec": encoded.codec,
        "packing": "" if packed is None else "zstd",
        "python": PYTHON,
        "packages": dict(encoded.packages),
        "size": encoded.size,
        "stream": encoded.stream if packed is None else packed,
        "buffers": [bytes(buffer) for buffer in encoded.buffers],
        "key": key.id,
    }
    signature = envelope.sign(key.secret, _covered(envelope.ENVELOPE, fields))
    return MAGIC + ormsgpack.packb([envelope.ENVELOPE, {**fields, "signature": signature}])


def loads(data: bytes, *, trust: str = "signed") -> Any:
    """The value of bytes that `dumps` made.

    Args:
        data: the bytes.
        trust: "signed" takes only what this user's key signed; "safe" the same, but unpickles nothing;
            "plain" takes any bytes, and gives builtins and types of the standard library only: no class is
            constructed and nothing is unpickled.

    Raises:
        Untrusted: the signature is not this user's, or the value needs more than plain trust allows.
        NotLoadable: a newer Perdure wrote it, or it needs what is not here, or what this trust forbids.
        Damaged: these are not such bytes.
    """
    if trust not in ("signed", "safe", "plain"):
        raise ValueError(f'trust={trust!r} is none of "signed", "safe", "plain"')
    number, fields = _read(data)
    if trust != "plain":
        _verify(number, fields)
    encoded = _unpacked(fields, signed=trust != "plain")
    if trust == "plain":
        return codec.decode(encoded, trust="plain")
    return keeping.decode(encoded, subject=_SUBJECT, codec="safe" if trust == "safe" else None)


def digest(value: Any) -> str:
    """Digest of a value's type and content: alike in any process for values that are alike, however built.

    Raises:
        NotDigestible: a TypeError; the value has no content that could be read (a connection, a generator).
    """
    found = codec.digest(value)
    if found.weak:
        raise NotDigestible(type=described(value), cause=f"{found.cause}.")
    return found.hex


def _read(data: bytes) -> tuple[int, dict[str, Any]]:
    """Format and fields of what `dumps` gave, each of its kind; nothing is trusted yet."""
    import ormsgpack

    try:
        if data[: len(MAGIC)] != MAGIC:
            raise ValueError("they do not begin as such bytes do")  # noqa: TRY301
        number, *rest = ormsgpack.unpackb(data[len(MAGIC) :])
        if type(number) is int and number > envelope.ENVELOPE:
            raise _newer(number)
        if number == 1:
            names = ("codec", "packages", "stream", "buffers", "key", "signature")
            fields = {"packing": "", "python": "", "size": 0, **dict(zip(names, rest, strict=True))}
        elif number == envelope.ENVELOPE:
            (fields,) = rest
        else:
            raise ValueError(f"their format is {number!r}")  # noqa: TRY301
        wrong = [name for name, kind in _KINDS.items() if type(fields[name]) is not kind]
        if wrong or not all(type(buffer) is bytes for buffer in fields["buffers"]):
            raise ValueError("their parts are not of the right kinds")  # noqa: TRY301
    except (ValueError, TypeError, KeyError) as error:
        raise Damaged(
            subject=_SUBJECT, cause=f"{error}.", advice="Give bytes that perdure.dumps made."
        ) from None
    return number, fields


def _verify(number: int, fields: dict[str, Any]) -> None:
    key = the_key()
    known = key.known(fields["key"])
    fits = known is not None and envelope.verify(known.secret, fields["signature"], _covered(number, fields))
    if known is not None and not fits:
        raise Untrusted(
            subject=_SUBJECT,
            cause=f"your key {fields['key']} is named in it, but did not sign these bytes.",
            advice="Take them again from where they were first stored, or make the value again.",
        )
    if not fits:
        raise Untrusted(
            subject=_SUBJECT,
            cause=f"it is not signed by your key ({key.id}, in {key.path}) but says key "
            f"{escaped(fields['key'])}.",
            advice='Set PERDURE_KEY_FILE to that key, or read builtins only with trust="plain".',
        )


def _unpacked(fields: dict[str, Any], *, signed: bool) -> codec.Encoded:
    stream = fields["stream"]
    if fields["packing"] == "zstd":
        most = fields["size"] if signed else min(fields["size"], _expandable(stream))
        try:
            stream = packing.expanded(stream, most)
        except Damaged as error:
            advice = "Give bytes that perdure.dumps made."
            raise Damaged(subject=_SUBJECT, cause=error.cause, advice=advice) from None
    buffers = tuple(memoryview(buffer) for buffer in fields["buffers"])
    return codec.Encoded(fields["codec"], stream, buffers, fields["packages"], {})


def _expandable(packed: bytes) -> int:
    """Bytes that a frame may expand to when nobody signed it: lists take a hundred times their bytes."""
    return (1 << 20) + _RATIO * len(packed)


def _newer(number: int) -> PerdureError:
    return NotLoadable(
        subject=_SUBJECT,
        cause=f"a newer Perdure wrote it: format {number}, known here: up to {envelope.ENVELOPE}.",
        advice="Upgrade with `pip install --upgrade perdure`.",
    )


def _covered(number: int, fields: Mapping[str, Any]) -> dict[str, Any]:
    """What the signature covers; such a value belongs to no run."""
    from blake3 import blake3

    return {
        "format": number,
        **{name: fields[name] for name in ("codec", "packing", "python", "packages", "size", "key")},
        "stream": blake3(fields["stream"]).digest(),
        "buffers": [blake3(buffer).hexdigest() for buffer in fields["buffers"]],
        "digest": "",
        "preview": {},
        "created": 0.0,
        **dict.fromkeys(("run", "step", "inputs", "role", "value"), ""),
    }
