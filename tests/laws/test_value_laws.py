"""Laws of values, over everything that is kept, in another process: what comes back, and its digest."""

from __future__ import annotations

import collections
import os

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from laws.kinds import KEYS, TEXT, TREES, VALUES
from laws.other_side import OtherSide
from laws.places import GROUPS, PLANS, Built, Plan, compare
from perdure import codec
from values.alike import alike

# Nothing is made smaller: with values as wide as these that takes longer than a test may, and shows less.
LAWS = settings(
    max_examples=300,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    deadline=None,
    derandomize=False,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Another process with another hash seed and the same key."""
    before = os.environ.get("PERDURE_KEY_FILE")
    os.environ["PERDURE_KEY_FILE"] = str(tmp_path_factory.mktemp("user") / "key")
    made = OtherSide()
    yield made
    made.close()
    del os.environ["PERDURE_KEY_FILE"]
    if before is not None:
        os.environ["PERDURE_KEY_FILE"] = before


@LAWS
@given(VALUES)
def test_a_value_comes_back_from_another_process_as_it_was(other, value):
    """Promises 3 and 4: the same types, content, order and sharing, all the way down."""
    alike(value, other.there_and_back(value)[0])


@LAWS
@given(VALUES)
def test_a_value_has_one_digest_in_every_process(other, value):
    """Promise 1: another hash seed, another process, its own round trip: the same key."""
    own = codec.digest(value)
    assert not own.weak, own.cause
    back, there = other.there_and_back(value)
    assert there == own.hex
    assert codec.digest(back) == own


def _comes_back(other, plan):
    """The digest first: comparing reads streams and fills caches, so each comparison has a value of its own."""
    one, two = Built(plan), Built(plan)
    digest = codec.digest(one.value)
    copy = codec.copy_value(one.value)
    back, there = other.there_and_back(two.value)
    assert not digest.weak, digest.cause
    assert codec.digest(copy) == digest, "its own round trip changes its digest"
    assert there == digest.hex, "another process finds another digest"
    assert codec.digest(back).hex == there, "the way through another process changes its digest"
    compare(one, copy)
    compare(two, back)


@pytest.mark.timeout(900)  # figures are drawn several times for each comparison
@settings(LAWS, max_examples=120)
@given(PLANS)
def test_samples_of_every_type_come_back_from_everywhere(other, plan):
    """Promises 1, 3 and 4: every type of the table nested in any other, shared and in circles, in two processes."""
    _comes_back(other, plan)


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_all_samples_of_a_kind_stand_in_one_value(other, group):
    """Promises 1, 3 and 4: what one of them needs to be kept does not disturb the others; each stands there twice.

    The whole stands in itself, so that all of them are in a circle.
    """
    numbers = range(len(GROUPS[group]))
    plan = Plan(tuple(GROUPS[group]), ("list", [("held", [*numbers, ("around", 0)]), ("array", [*numbers])]))
    _comes_back(other, plan)


def again(value, change=None):
    """The value built in another way: nothing interned or shared that cannot be changed, sets the other way round.

    `change` is called with every part that was built, and gives what stands there.
    """
    change = change or (lambda part: part)
    kind = type(value)
    if kind is str:
        made = "".join(list(value))
    elif kind is bytes:
        made = bytes(bytearray(value))
    elif kind in (list, tuple):
        made = kind([again(item, change) for item in value])
    elif kind is dict:
        made = {again(key): again(item, change) for key, item in value.items()}
    elif kind in (set, frozenset):
        made = kind(list(map(again, value))[::-1])
    else:
        made = value
    return change(made)


@LAWS
@given(TREES)
def test_a_digest_does_not_depend_on_how_a_value_was_built(value):
    """Promise 1: interning, shared immutables and the order in which a set was filled are no content."""
    assert codec.digest(again(value)) == codec.digest(value)
    assert codec.digest([value, value]) == codec.digest([value, again(value)])


@LAWS
@given(st.lists(KEYS, max_size=8, unique=True), st.randoms())
def test_a_digest_does_not_depend_on_the_history_of_a_set(items, chance):
    """Promise 1: nor on what was in it once."""
    before = codec.digest(set(items))
    others = {("another", number) for number in range(300)}
    chance.shuffle(items)
    made = others | set(items)
    made -= others
    assert codec.digest(made) == before


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT | st.binary(max_size=9),
    lambda children: st.one_of(
        st.lists(children, max_size=4),
        st.lists(children, max_size=4).map(tuple),
        st.dictionaries(TEXT, children, max_size=4),
        st.sets(KEYS, max_size=4),
    ),
    max_leaves=12,
)


def unlike(part):
    """Values that differ from a part in content, in type, or in order alone."""
    kind = type(part)
    found = [[part], (part,), None if part is not None else 0]
    if kind in (bool, int):
        found += [int(part) + 1, not part]
        found += [int(part)] if kind is bool else [float(part)] if abs(part) < 2**53 else []
        found += [bool(part)] if part in (0, 1) and kind is int else []
    if kind is float:
        found += [-part, part / 2 + 1]
        found += [int(part)] if part.is_integer() else []
    if kind is str:
        found += [part + "\0", part[:-1], part.encode("utf-8", "surrogatepass")]
    if kind is bytes:
        found += [part + b"\0", bytearray(part), memoryview(part)]
    if kind in (list, tuple, dict):
        found += [
            tuple(part) if kind is list else list(part),
            collections.deque(part),
            collections.UserList(part),
        ]
    if kind in (list, tuple):
        found += [kind(part[::-1]), part[1:], kind([*part, None])]
    if kind is dict:
        found += [dict(reversed(part.items())), collections.OrderedDict(part), {**part, "one more": 1}]
    if kind is set:
        found += [frozenset(part), list(part), part | {"one more"}, set(list(part)[1:])]
    return [other for other in found if not same(part, other)]


def same(one, two):
    """Whether type and content are the same: `==` alone takes 1 for True."""
    return type(one) is type(two) and one == two and repr(one) == repr(two)


@LAWS
@given(PLAIN, st.data())
def test_another_content_type_or_order_anywhere_is_another_digest(value, data):
    """Promise 1: an input that changed is never taken for the recorded one."""
    parts = []
    again(value, lambda part: parts.append(part) or part)
    at = data.draw(st.integers(0, len(parts) - 1))
    candidates = unlike(parts[at])
    assume(candidates)
    put = data.draw(st.sampled_from(candidates))
    numbers = iter(range(len(parts)))
    changed = again(value, lambda part: put if next(numbers) == at else part)
    assert codec.digest(changed) != codec.digest(value)
