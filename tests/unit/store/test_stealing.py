"""A run that is taken from a live process (promise 6): one owner at every moment, and who lost it is told."""

import os

import pytest

from perdure.engine.owner import Owner
from perdure.errors import RunOwned, RunTaken
from perdure.store import open_store
from perdure.testing import sample_call, sample_run, sample_session
from unit.store.conftest import HOLD


def test_a_stolen_lock_names_the_thief_and_frees_nothing(store, folder, start):
    """Promise 6: who was stolen from is told by whom, and takes nothing away by letting go."""
    mine = store.lock(sample_run(notebook="mine.ipynb"))
    assert mine.taken() is None
    thief = start(
        "store = open_store(sys.argv[1])\n"
        "lock = store.locks.acquire(sample_run(notebook='theirs.ipynb'), steal=True)\n"
        "print(lock.stolen_from.pid, lock.stolen_from.notebook, flush=True); sys.stdin.read()",
        folder,
    )
    assert thief.stdout.readline() == f"{os.getpid()} mine.ipynb\n"
    with pytest.raises(RunTaken, match=rf"process {thief.pid} on .*, in theirs\.ipynb") as taken:
        mine.check()
    assert "`%workflow flights --steal`" in taken.value.advice
    mine.release()
    assert store.owner("r_00000001").pid == thief.pid
    with pytest.raises(RunOwned, match=f"process {thief.pid}"):
        store.lock(sample_run())


def test_a_run_that_nobody_has_is_not_stolen(store):
    with store.lock(sample_run(), steal=True) as lock:
        assert lock.stolen_from is None
        assert lock.taken() is None


def test_the_lock_of_a_killed_thief_is_free(store, folder, start):
    """Promise 6: also for the one from whom the run was stolen."""
    mine = store.lock(sample_run())
    thief = start(
        HOLD.replace(".lock(sample_run(notebook", ".locks.acquire(steal=True, run=sample_run(notebook"),
        folder,
    )
    thief.stdout.readline()
    thief.kill()
    thief.wait()
    assert store.owner("r_00000001") is None
    assert mine.taken().pid == thief.pid
    store.lock(sample_run()).release()


def test_of_many_thieves_at_once_one_may_write(store, folder, start):
    """Promise 6: the one that holds the lock in the end, and no other, commits."""
    script = """
from perdure.engine.owner import Owner
store = open_store(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
owner = None
try:
    for _ in range(8):
        owner = Owner.take(store, sample_run(), steal=True)
        owner.note("thief", str(os.getpid()), {})
except RunTaken:
    pass
print("end", flush=True)
sys.stdin.readline()
try:
    if owner is not None:
        owner.note("last", str(os.getpid()), {})
    print("lost" if owner is None else "mine", flush=True)
except RunTaken:
    print("lost", flush=True)
sys.stdin.readline()
"""
    thieves = [start(script, folder) for _ in range(4)]
    for thief in thieves:
        assert thief.stdout.readline() == "ready\n"
    for thief in thieves:
        print(file=thief.stdin, flush=True)
    for thief in thieves:
        assert thief.stdout.readline() == "end\n"
    for thief in thieves:
        print(file=thief.stdin, flush=True)
    told = [thief.stdout.readline() for thief in thieves]
    holder = store.owner("r_00000001")
    assert [thief.pid for thief, text in zip(thieves, told, strict=True) if text == "mine\n"] == [holder.pid]
    assert sorted(told) == ["lost\n"] * 3 + ["mine\n"]
    assert [note.name for note in store.journal.notes("r_00000001", "last")] == [str(holder.pid)]


def test_who_lost_the_lock_before_its_claim_does_not_become_the_owner(store):
    """Promise 6: the thief that came in between stays the newest owner."""
    run = sample_run()
    slow = store.lock(run)
    thief = store.lock(run, steal=True)
    epoch = store.journal.claim(run, sample_session(), thief.check)
    with pytest.raises(RunTaken):
        store.journal.claim(run, sample_session(), slow.check)
    store.journal.write(run.id, epoch, [sample_call(run.id, 1)])


def test_a_thief_that_comes_between_lock_and_claim_keeps_the_run(store, monkeypatch):
    """Promise 6: the slower one is told, whoever claims last."""
    claim, thieves = store.journal.claim, []

    def interrupted(*claimed, **options):
        monkeypatch.setattr(store.journal, "claim", claim)
        thieves.append(Owner.take(store, sample_run(), steal=True))
        return claim(*claimed, **options)

    monkeypatch.setattr(store.journal, "claim", interrupted)
    with pytest.raises(RunTaken):
        Owner.take(store, sample_run())
    (thief,) = thieves
    thief.note("still", "mine", {})
    assert store.owner("r_00000001") is not None
    thief.close()
    assert store.owner("r_00000001") is None


def test_a_thief_that_dies_between_two_steps_leaves_a_run_that_can_be_taken(store, folder, run):
    """Promise 6: killed when the old lock is gone and there is no new one."""
    mine = store.lock(sample_run())
    died = run(
        "from perdure.store.locks import FileLocks\n"
        "store = open_store(sys.argv[1]); tried = FileLocks._try; times = []\n"
        "def dies(self, run):\n"
        "    times.append(run)\n"
        "    return tried(self, run) if len(times) == 1 else os._exit(0)\n"
        "FileLocks._try = dies; print('on', flush=True)\n"
        "store.locks.acquire(sample_run(), steal=True)",
        folder,
    )
    assert died == ["on"]
    assert not (folder / "locks" / "r_00000001.lock").exists()
    with store.lock(sample_run()) as lock:
        assert mine.taken() is not None
        assert lock.taken() is None


def test_the_memory_twin_is_stolen_from_too():
    with open_store(":memory:") as store:
        mine = store.lock(sample_run())
        thief = store.lock(sample_run(), steal=True)
        assert thief.stolen_from == mine.owner
        assert mine.taken() is not None and thief.taken() is None
        mine.release()
        assert store.owner("r_00000001") is thief.owner
