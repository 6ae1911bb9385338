"""Buffers of which most is stored already: kept as pieces, put together again, safe with and without their sources."""

import json
import os
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perdure import codec
from perdure.engine.inputs import frozen
from perdure.errors import Damaged
from perdure.store import failpoints, files
from perdure.store.blobs import hashing, putting
from perdure.store.blobs.recipe import Piece, Recipe
from perdure.store.directory import DirectoryBlobs
from perdure.store.records import Place

ROWS = 400_003  # of 8 bytes: three mebibytes and a bit a column
COLUMN = ROWS * 8
MIB = 1 << 20
LIST = 4096
"""Bytes that the list of pieces may take."""


@pytest.fixture
def blobs(tmp_path):
    return DirectoryBlobs(tmp_path / "blobs")


def columns(count, *, seed=0, rows=ROWS):
    """A block of columns as pandas has it: one row of memory each."""
    return np.random.default_rng(seed).random((count, rows))


def put(blobs, array):
    return blobs.put(memoryview(array), durability="process")


def taken(blobs):
    return sum(map(blobs.size, blobs.names()))


def same(view, array):
    return bytes(view) == array.tobytes()


def path_of(blobs, name):
    return blobs.folder / name[:2] / name


def one_more(block, at=2):
    return np.insert(block, at, columns(1, seed=9)[0], axis=0)


def one_cell(block):
    changed = block.copy()
    changed[1, 7] = 0.5
    return changed


def more_rows(block):
    return np.concatenate([block, columns(len(block), seed=8, rows=1000)], axis=1)


@pytest.mark.parametrize(
    ("edit", "most"),
    [
        (lambda block: block.copy(), 0),
        (one_more, COLUMN + LIST),
        (lambda block: one_more(block, 0), COLUMN + LIST),
        (one_cell, MIB + LIST),
        (lambda block: np.delete(block, 1, axis=0), LIST),
        (lambda block: block[::-1].copy(), LIST),
        (lambda block: block[:, : ROWS - 1000], 5 * MIB),
        (more_rows, 5 * (MIB + 8000)),
    ],
    ids=["nothing", "column", "first-column", "cell", "dropped", "order", "fewer-rows", "more-rows"],
)
def test_only_what_changed_is_written(blobs, edit, most):
    """Promise 10: bytes written are in proportion to what changed, wherever in the block it is."""
    block = columns(5)
    put(blobs, block)
    before = taken(blobs)
    changed = np.ascontiguousarray(edit(block))
    name = put(blobs, changed)
    assert taken(blobs) - before <= most
    assert same(blobs.get(name), changed)
    assert name == blobs.put(changed.tobytes())


def test_memory_in_columns_is_known_again_too(blobs):
    """Promise 10: what counts is where rows begin in memory, in the order of C or of Fortran."""
    block = columns(5)
    name = put(blobs, block)
    assert put(blobs, np.asfortranarray(block.T)) == name
    turned = np.asfortranarray(one_more(block).T)
    assert taken(blobs) == block.nbytes
    assert same(blobs.get(put(blobs, turned)), turned.T)
    assert taken(blobs) <= block.nbytes + COLUMN + LIST


def test_what_another_process_stored_is_known(blobs, run):
    """Promise 10: two notebooks, or one after a restart."""
    script = """
import numpy as np
from perdure.store.directory import DirectoryBlobs
block = np.random.default_rng(0).random((5, int(sys.argv[2])))
print(DirectoryBlobs(Path(sys.argv[1])).put(memoryview(block)))
"""
    [name] = run(script, blobs.folder, ROWS)
    assert blobs.sources(put(blobs, one_more(columns(5)))) >= {name}


def test_a_column_that_was_stored_alone_is_not_stored_again_in_a_block(blobs):
    """Promise 10: pandas keeps a new column apart until it joins it with the others."""
    block = columns(5)
    joined = one_more(block)
    put(blobs, block)
    put(blobs, joined[2:3])
    before = taken(blobs)
    put(blobs, joined)
    assert taken(blobs) - before <= LIST


def test_less_than_half_that_is_known_is_stored_whole(blobs):
    """A whole blob is mapped; pieces have to be read."""
    old = columns(2)
    put(blobs, old)
    name = put(blobs, np.concatenate([old, columns(3, seed=1)]))
    assert blobs.sources(name) == set()
    assert blobs.size(name) == 5 * COLUMN


def test_pieces_never_lie_in_pieces(blobs):
    """Promise 9: however often a frame is changed, its parts are found in one step."""
    block, names = columns(5), []
    for at in range(4):
        names.append(put(blobs, block))
        block[0, at * 1000] = at
    sources = set().union(*map(blobs.sources, names))
    assert sources
    assert not any(map(blobs.sources, sources))
    assert not sources & set(names[1:])


def test_a_blob_that_would_need_too_many_others_is_stored_whole(blobs, monkeypatch):
    monkeypatch.setattr(putting, "MOST_SOURCES", 3)
    block, names = columns(5), []
    for at in range(4):
        names.append(put(blobs, block))
        block[at, 0] = at
    assert [len(blobs.sources(name)) for name in names] == [0, 2, 3, 0]


def test_chunks_that_look_alike_are_compared(blobs, monkeypatch):
    """Promise 4: two digests that are equal by chance, or on purpose, change no value."""
    for module in (putting, hashing):
        monkeypatch.setattr(module, "digest", lambda chunk: b"the same digest.")
    first, second = columns(5), columns(5, seed=1)
    names = put(blobs, first), put(blobs, second), put(blobs, one_more(first))
    for name, block in zip(names, (first, second, one_more(first)), strict=True):
        assert same(DirectoryBlobs(blobs.folder, verify="full").get(name), block)


def test_what_is_put_together_is_private_and_writable(blobs):
    """Promise 3: as what is mapped."""
    put(blobs, columns(5))
    name = put(blobs, one_more(columns(5)))
    one, other = blobs.get(name), blobs.get(name)
    one[:3] = b"abc"
    assert bytes(other[:3]) != b"abc"
    assert same(blobs.get(name), one_more(columns(5)))


@pytest.fixture
def pieced(blobs):
    """A whole blob, and another that has most of its pieces there."""
    source = put(blobs, columns(5))
    return source, put(blobs, one_more(columns(5)))


def flip(path):
    with path.open("r+b") as file:
        file.seek(COLUMN // 2)
        byte = file.read(1)[0]
        file.seek(COLUMN // 2)
        file.write(bytes([byte ^ 1]))


def cut(path):
    os.truncate(path, 1000)


def delete(path):
    path.unlink()


@pytest.mark.parametrize(
    ("damage", "said"), [(flip, "is damaged"), (cut, "is too short"), (delete, "is missing")]
)
@pytest.mark.parametrize("fresh", [False, True])
def test_a_damaged_source_is_named_and_mended(blobs, pieced, damage, said, fresh):
    """Promise 8: the bytes are refused; running the step again writes them anew."""
    source, name = pieced
    damage(path_of(blobs, source))
    blobs = DirectoryBlobs(blobs.folder) if fresh else blobs
    with pytest.raises(Damaged, match=rf"blob {name[:12]} is damaged(?s:.*)blob {source[:12]}.*{said}"):
        blobs.get(name)
    assert {broken for broken, _ in blobs.check()} == {source, name} & blobs.names()
    blobs = DirectoryBlobs(blobs.folder) if fresh else blobs
    assert put(blobs, one_more(columns(5))) == name
    assert same(blobs.get(name), one_more(columns(5)))
    assert put(blobs, columns(5)) == source
    assert list(blobs.check()) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda found: b"not json",
        lambda found: b"[" * 100_000,
        lambda found: json.dumps(found | {"format": 99}).encode(),
        lambda found: json.dumps(found | {"pieces": [[0, -8, 100]]}).encode(),
        lambda found: json.dumps(found | {"pieces": [[0, 0, 1 << 60]]}).encode(),
        lambda found: json.dumps(found | {"pieces": [[0, 1 << 60, 100]]}).encode(),
        lambda found: json.dumps(found | {"pieces": [[0, 1 << 99, 100]]}).encode(),
        lambda found: json.dumps(found | {"pieces": [[0, 0, 1 << 62]] * 2}).encode(),
        lambda found: json.dumps(found | {"pieces": [[7, 0, 100]]}).encode(),
        lambda found: json.dumps(found | {"pieces": [[0, 0.5, 100]]}).encode(),
        lambda found: json.dumps(found | {"sources": ["../../etc/passwd"] * 2}).encode(),
        lambda found: json.dumps(found | {"pieces": found["pieces"][:1]}).encode(),
        lambda found: json.dumps(found | {"pieces": found["pieces"][::-1]}).encode(),
    ],
)
def test_a_list_of_pieces_is_not_believed(blobs, pieced, change):
    """Promise 8: whoever made the store may have written anything."""
    _, name = pieced
    path = blobs.folder / name[:2] / f"{name}.pieces"
    path.write_bytes(change(json.loads(path.read_bytes())))
    for reader in (blobs, DirectoryBlobs(blobs.folder)):
        with pytest.raises(Damaged, match=f"blob {name[:12]}"):
            reader.get(name)
    assert put(blobs, one_more(columns(5))) == name
    assert same(blobs.get(name), one_more(columns(5)))


def test_no_other_file_is_opened_as_a_source(blobs, pieced, tmp_path):
    """Promise 8: though its bytes would be the right ones."""
    _, name = pieced
    other = tmp_path / "other"
    other.write_bytes(one_more(columns(5)).tobytes())
    path = blobs.folder / name[:2] / f"{name}.pieces"
    path.write_bytes(Recipe((Piece(str(other), 0, 6 * COLUMN),)).dump())
    with pytest.raises(Damaged, match="cannot be understood"):
        blobs.get(name)


def test_pieces_of_pieces_are_not_followed(blobs, pieced):
    """Promise 8: no list of pieces leads in a circle."""
    _, name = pieced
    path = blobs.folder / name[:2] / f"{name}.pieces"
    path.write_bytes(Recipe((Piece(name, 0, 6 * COLUMN),)).dump())
    with pytest.raises(Damaged, match="is missing"):
        blobs.get(name)


def test_pieces_are_verified_once_after_a_start_of_the_machine(blobs, pieced, monkeypatch):
    """Promise 10: and again when a source changed, or was made young and had not been seen itself."""
    _, name = pieced
    hashed = []
    name_of = hashing.name_of
    monkeypatch.setattr(hashing, "name_of", lambda view: hashed.append(len(view)) or name_of(view))
    DirectoryBlobs(blobs.folder).get(name)
    put(blobs, columns(5))
    DirectoryBlobs(blobs.folder).get(name)
    assert hashed == []
    for notes in blobs.folder.glob("seen-*"):
        notes.unlink()
    for _ in range(2):
        DirectoryBlobs(blobs.folder).get(name)
    assert hashed == [6 * COLUMN]
    assert put(DirectoryBlobs(blobs.folder), one_more(columns(5))) == name
    DirectoryBlobs(blobs.folder).get(name)
    assert hashed == [6 * COLUMN]


def test_a_source_that_is_gone_is_not_referred_to(blobs, pieced):
    """Promise 2: what is known of a blob may be older than its end."""
    source, name = pieced
    blobs.remove([source, name])
    again = put(blobs, one_cell(columns(5)))
    assert blobs.sources(again) == set()
    assert same(blobs.get(again), one_cell(columns(5)))


def test_collecting_beside_a_put_leaves_the_sources(blobs, monkeypatch):
    """Promise 2: at whatever step of the put it happens."""
    block = columns(5)
    source = put(blobs, block)
    long_ago = time.time() - 10_000
    os.utime(path_of(blobs, source), (long_ago, long_ago))
    old = blobs.names(before=long_ago + 1)
    assert old == {source}
    steps = []

    def collect(step):
        steps.append(step)
        if step != "blob.removed":  # which is this removal itself, in its lock
            DirectoryBlobs(blobs.folder).remove(old, before=long_ago + 1)

    monkeypatch.setattr(failpoints, "hook", collect)
    name = put(blobs, one_more(block))
    monkeypatch.undo()
    assert {"blob.begun", "blob.renamed", "recipe.begun", "recipe.renamed"} <= set(steps)
    assert source in blobs.sources(name)
    assert same(blobs.get(name), one_more(block))


def test_with_power_the_sources_are_on_disk_before_the_list_of_pieces(blobs, monkeypatch):
    """Promise 2: they may have been put without waiting for the disk."""
    source = put(blobs, columns(5))
    synced = []
    sync_path = files.sync_path
    for module in ("shelf", "putting"):
        target = f"perdure.store.blobs.{module}.sync_path"
        monkeypatch.setattr(target, lambda path: synced.append(path) or sync_path(path), raising=False)
    monkeypatch.setattr(failpoints, "hook", synced.append)
    blobs.put(memoryview(one_more(columns(5))))
    order = [
        synced.index(path_of(blobs, source)),
        synced.index("recipe.begun"),
        synced.index("recipe.synced"),
    ]
    assert order == sorted(order)
    assert synced.index("blob.named") < synced.index("recipe.begun")


def test_removing_frees_what_a_blob_takes_itself(blobs, pieced):
    _, name = pieced
    own = blobs.size(name)
    assert 0 < own < LIST
    assert blobs.remove([name]) == own
    with pytest.raises(Damaged, match="missing"):
        blobs.get(name)


@pytest.mark.parametrize("joined", [False, True], ids=["apart", "joined"])
@pytest.mark.parametrize(
    "edit",
    [
        lambda frame: frame.insert(3, "new", np.random.default_rng(7).random(len(frame))),
        lambda frame: frame.pop("b"),
        lambda frame: frame.__setitem__("c", frame["c"] * 2),
        lambda frame: setattr(frame, "columns", list("klmnopqrst")),
    ],
    ids=["column", "dropped", "replaced", "renamed"],
)
def test_a_frame_costs_what_changed_in_it(store, edit, joined):
    """Promise 10: also once pandas has joined its columns into another block."""
    frame = pd.DataFrame(
        {name: np.random.default_rng(at).random(200_000) for at, name in enumerate("abcdefghij")}
    )
    place = Place("r_1", "load", "0" * 32)
    store.vault.seal(frozen(codec.encode(frame)), place)
    before = taken(store.blobs)
    edit(frame)
    frame = frame.copy() if joined else frame
    record = store.vault.seal(codec.encode(frame), place)
    assert taken(store.blobs) - before <= 1_600_000 + LIST
    pd.testing.assert_frame_equal(codec.decode(store.vault.unseal(record, place, subject="it")), frame)


edits = st.one_of(
    st.tuples(st.just("insert"), st.integers(0, 4), st.integers(0, 3)),
    st.tuples(st.just("drop"), st.integers(0, 4), st.just(0)),
    st.tuples(st.just("cell"), st.integers(0, 4), st.integers(0, 300_000)),
    st.tuples(st.just("rows"), st.integers(1, 3), st.just(0)),
    st.tuples(st.just("swap"), st.integers(0, 4), st.integers(0, 4)),
    st.tuples(st.just("nothing"), st.just(0), st.just(0)),
)


def edited(block, edit):
    """The block after the edit, and the most bytes that this may cost."""
    kind, one, other = edit
    one %= len(block)
    if kind == "insert":
        row = np.random.default_rng(100 + other).random(block.shape[1])
        return np.insert(block, one, row, axis=0), row.nbytes
    if kind == "drop":
        return (np.delete(block, one, axis=0), 0) if len(block) > 4 else (block, 0)
    changed = block.copy()
    if kind == "cell":
        changed[one, other] += 1
        return changed, MIB
    if kind == "rows":
        more = np.random.default_rng(one).random((len(block), 500))
        return np.concatenate([block, more], axis=1), len(block) * (MIB + 4000)
    if kind == "swap":
        changed[[one, other % len(block)]] = changed[[other % len(block), one]]
    return changed, 0


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(edits, min_size=1, max_size=6), st.sets(st.integers(0, 6)))
def test_any_edits_come_back_at_the_cost_of_what_they_changed(tmp_path_factory, edits, kept):
    """Promises 4, 10: and what is kept needs none of what is not."""
    blobs = DirectoryBlobs(tmp_path_factory.mktemp("blobs"))
    block = columns(5, rows=300_001)
    versions = {put(blobs, block): block}
    for edit in edits:
        block, most = edited(block, edit)
        before = taken(blobs)
        name = put(blobs, block)
        assert taken(blobs) - before <= most + LIST
        versions[name] = block
    for name, version in versions.items():
        assert same(blobs.get(name), version)
    chosen = {name for at, name in enumerate(versions) if at in kept}
    needed = chosen.union(*map(blobs.sources, chosen))
    blobs.remove(blobs.names() - needed)
    reader = DirectoryBlobs(blobs.folder, verify="full")
    assert all(same(reader.get(name), versions[name]) for name in chosen)
