"""Promise 1 for every type of the reference page: another value has another digest."""

from __future__ import annotations

import collections
import re

import pytest

from perdure import codec
from values.changes import NOT_HERE, changes
from values.sample import AREAS, samples

ALIKE = {
    ("frames: arrow scalar of string", "frames: arrow scalar with texts under its nulls"): (
        "the same text; what lies under the nulls of the array is no part of it"
    ),
    (
        "plain: memoryview",
        "plain: memoryview, closed over a bytearray",
    ): "bytes that nobody can change through it",
    ("science: scipy.sparse.csr_array", "science: scipy.sparse.csr_array, flags"): (
        "the same matrix; that its order was looked at is remembered, and is no content"
    ),
    ("web: httpx.Headers latin-1", "web: httpx.Headers with an encoding"): (
        "the encoding that was given is the one that is found"
    ),
}
"""Samples that have one digest by design, and why."""

UNCHANGED = {
    "one of its kind": (
        "None|Ellipsis|NotImplemented|NaT|NA|arrow scalar, null|msgspec UNSET|msgspec NODEFAULT|pydantic undefined"
        "|.* member .*|StrEnum member|random.SystemRandom|itertools.repeat|weakref to an object that is gone"
    ),
    "by its name": (
        "class of a dtype|ufunc|type.*|.*function, built in|function of a C module|function by reference|module"
        "|method.*|slot of a type|pydantic class|pydantic generic class|torch.dtype|torch.device|polars dtype class"
        "|finfo|iinfo|dtype.*"
    ),
    "by its code, of which tests/unit/codec/test_digest.py asks": (
        "class|nested class|enum class|.*function.*|recursive closure|bound .*|static method"
        "|instance, empty|instance of .*"
        "|(async )?step.*|workflow.*|File"
    ),
    "what it is made of is asked about elsewhere in the table": (
        "NamedAgg|groupby|rolling|expanding|resampler|arrow array empty|arrow scalar .*|ChunkedArray without chunks"
        "|iterator of .*|enumerate.*|reversed.*|zip and map|itertools[.](?!count|repeat).*"
        "|array.array, empty|itemgetter|attrgetter|methodcaller|GenericAlias|union of types|typing .*|multidict.*Proxy"
    ),
}
"""Samples, as patterns, without a part that could be another, and why."""


def test_no_two_samples_have_one_digest():
    """Promise 1: of all types of the table, only the listed ones are taken for each other."""
    found = collections.defaultdict(list)
    for area in AREAS:
        for sample in samples(area):
            digest = codec.digest([sample.make()])
            found[digest.hex].append(f"{area}: {sample.name}")
    assert {tuple(names) for names in found.values() if len(names) > 1} == set(ALIKE)
    assert len(found) > 1000


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("area", AREAS)
def test_a_change_of_one_place_is_another_digest(area):
    """Promise 1: an element, attribute, cell, name, dtype or flag that changed is seen, in every type that has one."""
    unseen, untouched = [], []
    for sample in (sample for sample in samples(area) if sample.digests):
        before = codec.digest(sample.make())
        told = [_told(sample, name, change, before) for name, change in changes(sample.make())]
        unseen += [line for line in told if line]
        if all(line is None for line in told) and not _is_listed(sample.name):
            untouched.append(sample.name)
    assert unseen == []
    assert untouched == [], "no change was found for these: name one in changes.py, or say why there is none"


def _is_listed(name):
    return any(re.fullmatch(pattern, name) for pattern in UNCHANGED.values())


def _told(sample, name, change, before):
    """What is wrong with a change, an empty text where it is seen, None where it cannot be made."""
    try:
        changed = change(sample.make())
    except Exception:  # noqa: BLE001  the value has no such place
        return None
    if changed is NOT_HERE:
        return None
    after = codec.digest(changed)
    if after.weak:
        return f"{sample.name}: {name}: weak: {after.cause}"
    return f"{sample.name}: {name}" if after == before else ""
