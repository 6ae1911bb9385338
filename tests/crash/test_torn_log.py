"""Promise 2: a log that was cut anywhere gives what was acknowledged before the cut, and nothing that is torn."""

import random
import shutil
import struct

import pytest

from perdure.store import open_store
from perdure.testing import sample_call, sample_run, sample_session, sample_value

CALLS = 40
"""Fewer than those after which the log is moved."""
CUTS = 40
OTHER = bytes(byte ^ 0xA5 for byte in range(256))
"""Another byte for each."""


@pytest.fixture(autouse=True)
def own_user(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "user"))


def end_of(log):
    """Where the last commit in a log ends.

    What stands where: https://sqlite.org/fileformat.html#the_write_ahead_log
    """
    data = log.read_bytes()
    page, salts = struct.unpack(">I", data[8:12])[0], data[16:24]
    end = 32
    for at in range(32, len(data) - page, 24 + page):
        if data[at + 8 : at + 16] != salts:
            break
        if struct.unpack(">I", data[at + 4 : at + 8])[0]:
            end = at + 24 + page
    return end


@pytest.fixture
def live(tmp_path):
    """A copy of a store at work, and where in its log each commit ended."""
    with open_store(tmp_path / "live") as store:
        log = store.path / "journal.db-wal"
        run = sample_run()
        epoch = store.journal.claim(run, sample_session())
        store.journal.write(run.id, epoch, [])
        begun, ends = end_of(log), {}
        for seq in range(1, CALLS + 1):
            call = sample_call(run.id, seq, source="x" * 3000)
            store.journal.write(run.id, epoch, [sample_value(run.id, seq), call])
            ends[seq] = end_of(log)
        while log.stat().st_size < ends[CALLS] + (1 << 20):  # room is made ahead, beside the work
            store.journal.runs()
        shutil.copytree(store.path, tmp_path / "copy")
    assert sorted(set(ends.values())) == list(ends.values())
    return tmp_path / "copy", begun, ends


def zeros(log, at):
    log.write_bytes(log.read_bytes()[:at] + bytes(log.stat().st_size - at))


def garbage(log, at):
    data = log.read_bytes()
    log.write_bytes(data[:at] + data[at:].translate(OTHER))


def cut(log, at):
    log.write_bytes(log.read_bytes()[:at])


def found_after(harm, live, place, at):
    """The calls in a copy whose log was harmed from there on."""
    folder, *_ = live
    shutil.copytree(folder, place)
    harm(place / "journal.db-wal", at)
    if at % 2:  # left behind by the process that was killed, or lost like the log
        (place / "journal.db-shm").unlink(missing_ok=True)
    with open_store(place) as store:
        assert store.journal.check() == "ok"
        calls = store.journal.calls("r_00000001")
        values = store.journal.values(store.journal.value_ids())
        assert {int(value.removeprefix("v_"), 16) for value in values} == {call.seq for call in calls}
        assert all(call.source == "x" * 3000 for call in calls)
        # And it goes on from there.
        run = sample_run()
        store.journal.write(run.id, store.journal.claim(run, sample_session()), [sample_call(run.id, 999)])
        assert len(store.journal.calls(run.id)) == len(calls) + 1
    shutil.rmtree(place)
    return [call.seq for call in calls]


@pytest.mark.parametrize("harm", [cut, zeros, garbage])
def test_a_log_that_is_cut_anywhere_gives_what_was_acknowledged_before(live, tmp_path, harm):
    """Promise 2: in the middle of a frame, between two, and at each byte around a commit's end."""
    folder, begun, ends = live
    data = (folder / "journal.db-wal").read_bytes()
    chance = random.Random(harm.__name__)
    places = {chance.randrange(begun, ends[CALLS]) for _ in range(CUTS)}
    places |= {ends[seq] + by for seq in chance.sample(range(1, CALLS), 3) for by in (-1, 0, 1)}
    for at in sorted(places):
        same = len(data) - len(data[at:].lstrip(b"\0")) if harm is zeros else at
        kept = [seq for seq, end in ends.items() if end <= same]
        assert found_after(harm, live, tmp_path / "cut", at) == kept, f"{harm.__name__} at {at}"


@pytest.mark.parametrize("harm", [cut, zeros, garbage])
def test_the_room_ahead_may_be_cut_or_hold_anything(live, tmp_path, harm):
    """Promise 2: what lies behind the last commit is no part of the log."""
    folder, _, ends = live
    chance = random.Random(harm.__name__)
    size = (folder / "journal.db-wal").stat().st_size
    for at in [ends[CALLS], *(chance.randrange(ends[CALLS], size) for _ in range(5))]:
        assert found_after(harm, live, tmp_path / "cut", at) == list(ends)
