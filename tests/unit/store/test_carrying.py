"""Runs in a file: what is exported comes in elsewhere as it was, or not at all (promises 2, 4, 6 and 8)."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import time
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path

import ormsgpack
import pytest
from blake3 import blake3

from perdure import codec
from perdure.errors import NoSuchRun, NotExported, NotImportable, RunDiffers, RunOwned, Untrusted
from perdure.store import open_store
from perdure.store.carrying import export, import_file, open_file
from perdure.store.carrying.form import Manifest, signature
from perdure.store.carrying.frames import packed
from perdure.store.gc import collect
from perdure.store.keys import key_file, user_key
from perdure.store.records import AttemptRecord, NoteRecord, Place, RestoreRecord
from perdure.store.trust import sign, survey
from perdure.testing import sample_call, sample_message, sample_run, sample_session, sample_state

LARGE = bytearray(os.urandom(3 << 20))
RUN = sample_run().id


def fill(store, number=1, **fields):
    """A run with a call for each kind of value: in the journal, in a blob, with a buffer."""
    run = sample_run(number, notebook="flights.ipynb", **fields)
    epoch = store.journal.claim(run, sample_session())
    records = []
    for seq, value in enumerate(([1, 2], list(range(200_000)), {"array": LARGE}), start=1):
        call = sample_call(run.id, seq, step=f"s{seq}", value=None)
        sealed = store.vault.seal(codec.encode(value), Place(run.id, call.step, call.inputs, "value"))
        call = replace(call, value=sealed.id)
        records += [sealed, call, AttemptRecord(call.id, run.id, 1, epoch, "done", 1.0, traceback="l")]
    records += [
        RestoreRecord(run.id, records[1].id, epoch, 2.0, 0.5, 3.5, reason="unchanged"),
        NoteRecord(run.id, "names", "unmarked", 3.0, {"x": 1}),
    ]
    store.journal.write(run.id, epoch, records)
    return store.journal.run(run.id)


def content(store, run):
    """All that a store holds of a run, and what its values come to."""
    journal = store.journal
    values = [journal.value(value) for value in journal.value_ids(run)]
    opened = [
        codec.decode(store.vault.unseal(value, Place(run, value.step, value.inputs, "value"), subject="it"))
        for value in values
    ]
    lists = [of(run) for of in (journal.calls, journal.attempts, journal.restores, journal.notes)]
    return [journal.run(run), journal.sessions(run), *lists, values, opened]


@pytest.fixture
def other(tmp_path):
    with open_store(tmp_path / "elsewhere" / ".perdure") as other:
        yield other


@pytest.fixture
def file(tmp_path):
    return tmp_path / "flights.perdure"


def another_user():
    key_file().unlink()


def test_a_run_comes_in_elsewhere_as_it_was(store, other, file):
    """Promise 4: every record and every value, and nobody owns it."""
    run = fill(store)
    fill(store, 7)
    done = export(store, "r_00000001", file)
    assert ([each.id for each in done.runs], done.values, done.left_out) == ([RUN], 3, [])
    assert done.bytes == file.stat().st_size
    came = import_file(other, file)
    assert (came.run, came.added, came.yours, dict(came.strangers)) == (run, (run,), True, {})
    assert content(other, RUN) == content(store, RUN)
    assert [each.id for each in other.journal.runs()] == [RUN]
    assert other.owner(RUN) is None
    assert other.journal.claim(run, sample_session()) == run.epoch + 1


def test_what_a_run_needs_comes_with_it(store, other, file):
    """Promise 1: its children, and the runs that it was forked from with theirs; no others."""
    fill(store, 1)
    fill(store, 2, parent="r_00000001")
    fill(store, 3, workflow="f", parent="r_00000001", forked_from="r_00000004")
    fill(store, 4, parent="r_00000005")
    fill(store, 6, parent="r_00000004")
    fill(store, 7)
    export(store, "r_00000001", file)
    came = import_file(other, file)
    assert {run.id for run in came.added} == {f"r_0000000{number}" for number in (1, 2, 3, 4, 6)}
    assert content(other, "r_00000006") == content(store, "r_00000006")


def test_it_goes_through_the_protocols_alone(store, file, tmp_path):
    """Promise 4: from memory to SQLite and back, nothing is lost on the way."""
    with open_store(":memory:") as memory, open_store(":memory:") as last:
        memory.key = last.key = store.key
        fill(memory)
        export(memory, "flights", file)
        import_file(store, file)
        export(store, RUN, tmp_path / "again")
        import_file(last, tmp_path / "again")
        assert content(last, RUN) == content(memory, RUN)


def test_anybody_can_list_a_file(store, file):
    """Promise 8: a zip file whose members are as they are, named by their digests, private to the user."""
    fill(store)
    export(store, RUN, file)
    assert file.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        manifest = json.loads(archive.read("manifest.json"))
        assert "Perdure" in archive.read("README.txt").decode()
        assert all(each.compress_type == zipfile.ZIP_STORED for each in archive.infolist())
    blobs = {name.removeprefix("blobs/") for name in names if name.startswith("blobs/")}
    assert blobs == store.blobs.names()
    assert {*manifest["members"], "manifest.json", "signature.json"} == set(names)
    assert (manifest["format"], manifest["run"]) == (1, RUN)


def test_importing_twice_changes_nothing(store, other, file):
    """Promise 2: also when the run went on here by another session, or its values were signed anew."""
    run = fill(store)
    export(store, RUN, file)
    import_file(other, file)
    before = content(other, RUN)
    again = import_file(other, file)
    assert (again.added, again.replaced, again.known) == ((), (), (run,))
    assert content(other, RUN) == before
    epoch = other.journal.claim(run, sample_session(pid=5))
    other.journal.write(RUN, epoch, [sample_call(RUN, 9)])
    assert import_file(other, file).known == (run,)


def test_a_run_with_another_content_is_refused_and_replaced_if_asked(store, other, file):
    """Promise 4: nothing that is here is put over by the way."""
    run = fill(store)
    export(store, RUN, file)
    import_file(other, file)
    epoch = other.journal.claim(run, sample_session())
    changed = replace(other.journal.calls(RUN)[0], state="failed", value=None)
    ended = sample_session(run=RUN, epoch=epoch, ended=time.time() + 3600)
    other.journal.write(RUN, epoch, [changed, sample_call(RUN, 9), ended])
    before = content(other, RUN)
    with pytest.raises(RunDiffers, match="--replace") as refused:
        import_file(other, file)
    assert RUN in str(refused.value)
    assert refused.value.here > refused.value.there, "when each was last at work"
    assert content(other, RUN) == before
    assert import_file(other, file, instead=True, dry_run=True).replaced == (run,)
    assert content(other, RUN) == before
    import_file(other, file, instead=True)
    assert content(other, RUN)[2:] == content(store, RUN)[2:]
    assert other.journal.run(RUN).epoch == epoch + 1


def test_a_run_at_work_is_neither_replaced_nor_put_over(store, other, file):
    """Promise 6: its owner is named."""
    run = fill(store)
    export(store, RUN, file)
    with other.lock(run), pytest.raises(RunOwned, match=RUN):
        import_file(other, file)
    assert other.journal.runs() == []
    assert import_file(other, file).added == (run,)


def test_a_run_at_work_is_exported_as_far_as_it_is_recorded(store, other, file):
    """Promise 6: its session ends with the file: it was not killed."""
    run = fill(store)
    with store.lock(run):
        assert export(store, RUN, file).at_work == (RUN,)
    import_file(other, file)
    assert other.journal.sessions(RUN)[-1].ended == store.journal.sessions(RUN)[-1].seen
    assert store.journal.sessions(RUN)[-1].ended is None


def test_the_run_that_goes_on_is_told(store, other, file):
    """Promise 11: a newer run of the same workflow and key is what the notebook takes."""
    run = fill(store)
    export(store, RUN, file)
    assert import_file(other, file).next == run
    newer = fill(other, 8)
    assert import_file(other, file).next == newer


def test_another_user_lists_it_and_loads_it_after_trust_only(store, other, file, monkeypatch, tmp_path):
    """Promise 8."""
    fill(store)
    key = store.key.id
    export(store, RUN, file)
    monkeypatch.setenv("PERDURE_KEY_FILE", str(tmp_path / "other-key"))
    came = import_file(other, file)
    assert (came.yours, came.key, dict(came.strangers)) == (False, key, {key: 3})
    with pytest.raises(Untrusted, match=key):
        content(other, RUN)
    assert other.journal.value(other.journal.value_ids(RUN)[0]).preview["type"] == "list"
    assert sign(other, survey(other, RUN)) == 3
    assert content(other, RUN)[-1][0] == [1, 2]
    assert import_file(other, file).known != (), "what was trusted is the same value"


def test_encrypted_values_stay_encrypted(store, other, file, monkeypatch):
    """Promise 8: they are told, and open with the key alone."""
    monkeypatch.setenv("PERDURE_ENCRYPT", "1")
    fill(store)
    assert export(store, RUN, file).encrypted == 3
    assert bytes(LARGE[:64]) not in file.read_bytes()
    assert import_file(other, file).encrypted == 3
    assert content(other, RUN)[-1][2] == {"array": LARGE}


def test_a_damaged_value_is_left_out_and_told(store, other, file, folder):
    """Promise 4: the others are whole, and the call whose value is missing is refused on a restore."""
    fill(store)
    for path in (folder / "blobs").glob("??/*"):
        if path.stat().st_size > 1 << 20:
            data = bytearray(path.read_bytes())
            data[5] ^= 1
            path.write_bytes(data)
    with open_store(folder) as anew:
        done = export(anew, RUN, file)
    assert [value.step for value in done.left_out] == ["s3"]
    assert import_file(other, file).values == 2
    assert content(other, RUN)[-1] == [[1, 2], list(range(200_000))]
    assert other.journal.calls(RUN)[2].value == done.left_out[0].id


def flip_unseen(path):
    """Flip a bit so that neither size nor time of the file tells it."""
    times = path.stat()
    with path.open("r+b") as file:
        first = file.read(1)[0]
        file.seek(0)
        file.write(bytes([first ^ 1]))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_a_bit_that_flipped_unseen_is_not_carried(store, file):
    """Promise 4: also where neither size nor time of a blob tells that it was changed."""
    fill(store)
    path = max((store.path / "blobs").glob("??/*"), key=lambda each: each.stat().st_size)
    flip_unseen(path)
    assert [value.step for value in export(store, RUN, file).left_out] == ["s3"]


def test_a_collection_beside_an_import_spares_what_it_put(store, other, file, monkeypatch):
    """Promise 2: blobs that wait for their records are not taken for garbage."""
    fill(store)
    export(store, RUN, file)
    add = other.journal.add_runs

    def collected_before(*arguments, **options):
        with open_store(other.path) as second:
            assert collect(second).blobs == 0
        add(*arguments, **options)

    monkeypatch.setattr(other.journal, "add_runs", collected_before)
    import_file(other, file)
    assert content(other, RUN) == content(store, RUN)


def keep(store, *values):
    """Put values into a run, as one call each."""
    epoch = store.journal.claim(sample_run(), sample_session())
    sealed = [store.vault.seal(codec.encode(value), Place(RUN)) for value in values]
    store.journal.write(RUN, epoch, sealed)


def test_what_is_stored_in_pieces_is_whole_elsewhere(store, other, file):
    """Promise 10: here the second array costs what is new of it; in the file each blob stands by itself."""
    first = bytearray(os.urandom(16 << 20))
    second = first + os.urandom(1 << 20)
    keep(store, first, second)
    assert any(store.blobs.sources(name) for name in store.blobs.names())
    export(store, RUN, file)
    shutil.rmtree(store.path / "blobs")
    import_file(other, file)
    assert content(other, RUN)[-1] == [first, second]


def test_memory_stays_small_whatever_is_carried(store, other, file):
    """Promise 10: blobs go from file to file."""
    keep(store, bytearray(os.urandom(48 << 20)))
    for work in (lambda: export(store, RUN, file), lambda: import_file(other, file)):
        tracemalloc.start()
        work()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8 << 20


def test_a_file_that_is_there_is_not_replaced_unasked(store, file, tmp_path):
    """Promise 2: neither it, nor a folder; and what cannot be written is a sentence."""
    fill(store)
    file.write_text("mine")
    with pytest.raises(NotExported, match="--force"):
        export(store, RUN, file)
    assert file.read_text() == "mine"
    export(store, RUN, file, force=True)
    assert zipfile.is_zipfile(file)
    for bad in (tmp_path, tmp_path / "no" / "file"):
        with pytest.raises(NotExported, match="Name a"):
            export(store, RUN, bad, force=True)
    with pytest.raises(NoSuchRun):
        export(store, "nothing", file)


def test_an_export_that_fails_leaves_no_file(store, file, monkeypatch):
    """Promise 2: the name is there for the whole, or not."""
    fill(store)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("perdure.store.carrying.writing.sync", full)
    with pytest.raises(NotExported, match="No space left"):
        export(store, RUN, file)
    assert list(file.parent.glob("*flights*")) == list(file.parent.glob(".tmp-*")) == []


KILLED = """
import perdure.store.carrying.{module} as module
store = open_store(sys.argv[1])
name, left = {name!r}, int(sys.argv[3])
inner = getattr(module, name, None) or getattr(type(store.{part}), name)
def deadly(*arguments, **options):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), 9)
    return inner(*arguments, **options)
if hasattr(module, name):
    setattr(module, name, deadly)
else:
    setattr(type(store.{part}), name, deadly)
module.{call}
"""


@pytest.mark.parametrize("left", [0, 1])
@pytest.mark.parametrize("name", ["packed", "sync", "sync_path"])
def test_a_killed_export_leaves_no_half_file(store, start, file, name, left):
    """Promise 2: SIGKILL while records are written, before the disk has all, after the rename."""
    fill(store)
    script = KILLED.format(
        module="writing", name=name, part="journal", call=f"export(store, {RUN!r}, Path(sys.argv[2]))"
    )
    process = start(script, store.path, file, left)
    process.wait(60)
    if file.exists():
        assert name == "sync_path" or process.returncode == 0
        with open_store(":memory:") as whole:
            assert import_file(whole, file).added
    else:
        assert process.returncode == -signal.SIGKILL, process.communicate()


@pytest.mark.parametrize("at", [("blobs", "put", 0), ("blobs", "put", 1), ("journal", "add_runs", 0)])
def test_a_killed_import_leaves_garbage_at_most(store, other, start, file, at):
    """Promise 2: no record is there, what is left is collected, and the next import does it all."""
    part, name, left = at
    fill(store)
    export(store, RUN, file)
    script = KILLED.format(
        module="adding", name=name, part=part, call="import_file(store, Path(sys.argv[2]))"
    )
    process = start(script, other.path, file, left)
    assert process.wait(60) == -signal.SIGKILL
    assert (other.journal.runs(), other.journal.value_ids()) == ([], [])
    collect(other)
    assert other.blobs.names() == set()
    import_file(other, file)
    assert content(other, RUN) == content(store, RUN)


# -- files that are not as they should be ----------------------------------------------------------------


@pytest.fixture
def exported(store, file):
    fill(store)
    export(store, RUN, file)
    return file


@pytest.fixture
def refused(other):
    """That a file is refused in two lines, and that nothing of the store was changed."""

    def refused(path, match, kind=NotImportable):
        with pytest.raises(kind, match=match) as error:
            import_file(other, path)
        assert len(str(error.value).splitlines()) == 2
        assert (other.journal.runs(), other.journal.value_ids(), other.blobs.names()) == ([], [], set())

    return refused


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def rewrite(path, change, *, key=None, **manifest):
    """The file with other members, in agreement with each other; signed by this key, or as it was."""
    parts = members(path)
    found = json.loads(parts.pop("manifest.json"))
    signed = parts.pop("signature.json")
    parts = change(parts) or parts
    found |= {
        "members": {
            name: {"size": len(data), "blake3": blake3(data).hexdigest()} for name, data in parts.items()
        },
        **manifest,
    }
    packed = json.dumps(found).encode()
    signed = signature(key, packed) if key else signed
    write(path, {**parts, "manifest.json": packed, "signature.json": signed})


@pytest.mark.parametrize(
    "data", [b"", b"PK\3\4", b"no zip at all", b"PK\3\4 Perdure export" + bytes(300)], ids=len
)
def test_what_is_no_export_is_refused(data, tmp_path, refused):
    """Promise 8."""
    (tmp_path / "x").write_bytes(data)
    refused(tmp_path / "x", "not an export|only a part")
    with zipfile.ZipFile(tmp_path / "y", "w") as archive:
        archive.writestr("a.txt", "text")
    refused(tmp_path / "y", "not an export")
    refused(tmp_path / "nothing", "No such file")
    refused(tmp_path, "cannot be read")


def test_what_cannot_be_mapped_is_refused(exported, refused):
    """Promise 8: a pipe in the place of a file is not waited for to its end."""
    reading, writing = os.pipe()
    os.write(writing, exported.read_bytes()[:1000])
    refused(Path(f"/dev/fd/{reading}"), "cannot be read")
    os.close(reading)
    os.close(writing)


def test_a_file_that_is_cut_is_refused_wherever_it_is_cut(exported, tmp_path, refused):
    """Promise 8."""
    data = exported.read_bytes()
    for part in (0.001, 0.1, 0.5, 0.9, 0.999, 0.99999):
        cut = tmp_path / "cut"
        cut.write_bytes(data[: int(len(data) * part)])
        refused(cut, "not an export|only a part")


def test_one_bit_is_seen_wherever_it_is(exported, tmp_path, other):
    """Promise 8: in each part of the file, and what does not matter changes nothing."""
    data = exported.read_bytes()
    with zipfile.ZipFile(exported) as archive:
        heads = [each.header_offset for each in archive.infolist()]
        end = archive.start_dir
    places = {at + off for at in heads for off in (3, 8, 18, 27, 31, 60, 200)} | {*range(end, len(data), 7)}
    bad = tmp_path / "bad"
    for place in sorted(places):
        changed = bytearray(data)
        changed[place] ^= 4
        bad.write_bytes(changed)
        try:
            import_file(other, bad, dry_run=True)
        except NotImportable:
            continue
        # Times and versions of the container are no content: what was read is what was signed.
        assert open_file(bad, other.key)._members == open_file(exported, other.key)._members


def test_a_newer_format_is_told(exported, store, refused):
    """Promise 4."""
    rewrite(exported, dict, key=store.key, format=2)
    refused(exported, "newer Perdure wrote it.*2")


def test_a_column_of_a_newer_one_is_told(exported, store, refused):
    """Promise 4: what cannot be kept here is not left out."""
    rewrite(exported, with_record(["runs", {"id": RUN, "more": 1}]), key=store.key)
    refused(exported, "newer Perdure wrote it.*columns")


def test_what_was_altered_is_refused_though_its_digests_fit(exported, refused):
    """Promise 8: the signature says what the key's owner exported."""
    rewrite(exported, lambda parts: {**parts, "records": parts["records"] * 2})
    refused(exported, "did not sign")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda parts: {**parts, "../evil": b"x"}, "not those that were exported"),
        (lambda parts: {**parts, "/evil": b"x"}, "not those that were exported"),
        (lambda parts: {**parts, "blobs/../../evil": b"x"}, "not those that were exported"),
        (lambda parts: {**parts, "blobs/" + "0" * 64: b"x"}, "not those that were exported"),
        (lambda parts: {name: data for name, data in parts.items() if name != "records"}, "parts of it"),
        (lambda parts: {n: d for n, d in parts.items() if not n.startswith("blobs/")}, "bytes of a value"),
        (lambda parts: {**parts, "records": b""}, "does not hold the runs"),
        (lambda parts: {**parts, "records": parts["records"][:-1]}, "in the middle"),
        (lambda parts: {**parts, "records": parts["records"] + b"\0\0\0\1\xc1"}, "cannot be read"),
        (lambda parts: {**parts, "records": parts["records"] + b"\xff\0\0\1\xc0"}, "in the middle"),
    ],
)
def test_what_does_not_belong_is_refused_whoever_signed_it(exported, store, refused, change, match):
    """Promise 8: names that lead elsewhere, and parts that do not fit each other."""
    rewrite(exported, change, key=store.key)
    refused(exported, match)


def with_record(record):
    data = ormsgpack.packb(record) if isinstance(record, list) else packed(record)[4:]
    return lambda parts: {**parts, "records": parts["records"] + len(data).to_bytes(4, "big") + data}


@pytest.mark.parametrize(
    "record",
    [
        sample_run(9),
        sample_call("r_00000009"),
        sample_call(RUN, id="c_../../evil"),
        sample_call(RUN, 77, started=float("nan")),
        sample_call(RUN, 77, took=1e300),
        sample_message(RUN),
        sample_state(RUN),
        ["runs", {}],
        ["nothing", {}],
        ["calls", []],
        [1],
        7,
    ],
    ids=str,
)
def test_records_that_no_journal_would_hold_are_refused(exported, store, refused, record):
    """Promise 8: of other runs, with other ids, numbers or columns."""
    rewrite(exported, with_record([record] if isinstance(record, int) else record), key=store.key)
    refused(exported, "a record in it")


def test_a_file_from_before_a_column_was_added_is_read(exported, store, other):
    """Promise 4: what it lacks has the default that it had."""
    name, row = ormsgpack.unpackb(packed(sample_call(RUN, 77, caught=False))[4:])
    del row["caught"]
    rewrite(exported, with_record([name, row]), key=store.key)
    import_file(other, exported)
    assert other.journal.calls(RUN)[-1] == sample_call(RUN, 77, caught=False)


def test_the_id_of_a_value_that_is_here_is_not_put_over(exported, store, other):
    """Promise 8: a file cannot take another run's place by the way."""
    mine = fill(other, 5)
    before = content(other, mine.id)
    theirs = other.journal.value(other.journal.value_ids(mine.id)[0])
    rewrite(exported, with_record(replace(theirs, run=RUN)), key=store.key)
    with pytest.raises(NotImportable, match="carries an id"):
        import_file(other, exported)
    assert content(other, mine.id) == before
    assert other.journal.run(RUN) is None


def test_a_file_takes_no_more_than_its_own_bytes(exported, refused):
    """Promise 8: what is compressed in it is not expanded."""
    write(exported, members(exported), zipfile.ZIP_DEFLATED)
    refused(exported, "not an export")


def test_no_member_lies_in_another(exported, store, refused):
    """Promise 8: each byte of a file is read as one thing."""
    inner = b"inner" * 100
    name = f"blobs/{blake3(inner).hexdigest()}"
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr(name, inner)
    lying = whole.getvalue()[: archive.start_dir]
    outer = f"blobs/{blake3(lying).hexdigest()}"
    rewrite(exported, lambda parts: {**parts, name: inner, outer: lying}, key=store.key)
    parts = members(exported)
    with zipfile.ZipFile(exported, "w") as archive:
        for each, data in parts.items():
            archive.writestr(each, data)
        found = {each.filename: each for each in archive.filelist}
        found[name].header_offset = found[outer].header_offset + 30 + len(outer)
    refused(exported, "only a part")


def test_a_manifest_says_what_it_was_told():
    """Promise 4."""
    manifest = Manifest("r_1", ("r_1", "r_2"), 1.5, "0.1", {"records": (3, "ab")})
    assert Manifest.unpacked(manifest.packed()) == manifest


def test_the_key_of_the_file_may_be_an_older_one(exported, other):
    """Promise 8: what an older key of this user signed is this user's."""
    from perdure.store.keys import rotate_key

    rotate_key()
    with open_store(other.path) as anew:
        assert anew.key.id != user_key().older[0].id
        assert import_file(anew, exported).yours


def test_a_store_from_which_it_was_taken_may_go(exported, store, other, folder):
    """Promise 4: the file holds all that it needs."""
    store.close()
    before = [list(range(200_000)), {"array": LARGE}]
    shutil.rmtree(folder)
    import_file(other, exported)
    assert content(other, RUN)[-1][1:] == before


def test_a_blob_that_is_damaged_here_is_mended_by_an_import(exported, other):
    """Promise 2: a value that is whole in the file is whole here."""
    import_file(other, exported)
    other.journal.forget([RUN])
    for path in (other.path / "blobs").glob("??/*"):
        flip_unseen(path)
    with open_store(other.path) as anew:
        import_file(anew, exported)
        assert content(anew, RUN)[-1][2] == {"array": LARGE}
