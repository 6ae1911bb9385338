"""One journal for many: threads, processes, a fork, and the end of a process."""

import gc
import os
import sqlite3
import threading
from functools import partial

import pytest

from perdure.errors import NotOwner
from perdure.store import open_store
from perdure.store.queries import query
from perdure.store.sqlite import SqliteJournal
from perdure.testing import in_threads, sample_call, sample_run, sample_session, sample_value


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "perdure-journal"]


def test_threads_share_commits_and_each_gets_its_answer(folder):
    """Promise 10: writes of many at one moment; every one is there when it is acknowledged."""
    with open_store(folder) as store:
        run = sample_run()
        epoch = store.journal.claim(run, sample_session())
        commits = []
        store.journal._writer._transactions._connection.set_trace_callback(
            lambda text: commits.append(text) if text == "COMMIT;" else None
        )
        missing = []

        def work(first):
            for seq in range(first, first + 50):
                store.journal.write(run.id, epoch, [sample_call(run.id, seq)])
                if not any(call.seq == seq for call in store.journal.calls(run.id)):
                    missing.append(seq)

        in_threads([partial(work, 50 * number) for number in range(6)])
        assert missing == []
        assert len(store.journal.calls(run.id)) == 300
        assert len(commits) < 300


WRITER = """
store = open_store(sys.argv[1], durability="process")
run = sample_run(int(sys.argv[2]))
epoch = store.journal.claim(run, sample_session())
print("ready", flush=True)
sys.stdin.readline()
for seq in range(1, 101):
    store.journal.write(run.id, epoch, [sample_call(run.id, seq, state="running")], durability="later")
    store.journal.write(run.id, epoch, [sample_call(run.id, seq)])
    os.write(1, b"%d\\n" % seq)
print(len(store.journal.calls(run.id)), store.journal.check(), flush=True)
"""


def test_four_processes_write_while_one_reads(folder, start):
    """Promises 2 and 4: nobody is refused as busy, and what one acknowledged all others see at once."""
    writers = [start(WRITER, folder, number) for number in range(4)]
    assert [writer.stdout.readline() for writer in writers] == ["ready\n"] * 4
    with open_store(folder, readonly=True) as store:
        for writer in writers:
            writer.stdin.write("\n")
            writer.stdin.flush()
        for seq in range(1, 101):
            for number, writer in enumerate(writers):
                assert writer.stdout.readline() == f"{seq}\n"
                done = [
                    call.seq for call in store.journal.calls(sample_run(number).id) if call.state == "done"
                ]
                assert done[:seq] == list(range(1, seq + 1))
        assert [writer.stdout.readline() for writer in writers] == ["100 ok\n"] * 4
        assert store.journal.check() == "ok"


def test_of_two_that_claim_one_run_the_last_one_writes_it(folder, run):
    """Promise 6: two kernels with one store; the first is told, also of what it wanted to write later."""
    with open_store(folder) as store:
        epoch = store.journal.claim(sample_run(), sample_session())
        store.journal.write("r_00000001", epoch, [sample_call("r_00000001", 1)], durability="later")
        store.journal.calls("r_00000001")
        run(
            "store = open_store(sys.argv[1]); run = sample_run()\n"
            "epoch = store.journal.claim(run, sample_session()); "
            "store.journal.write(run.id, epoch, [sample_call(run.id, 2)]); store.close()",
            folder,
        )
        store.journal.write("r_00000001", epoch, [sample_call("r_00000001", 3)], durability="later")
        assert [call.seq for call in store.journal.calls("r_00000001")] == [1, 2]
        with pytest.raises(NotOwner):
            store.journal.write("r_00000001", epoch, [])


END = """
store = open_store(sys.argv[1])
run = sample_run()
epoch = store.journal.claim(run, sample_session())
import atexit
def last():
    store.journal.write(run.id, epoch, [sample_call(run.id, 2)], durability="later")
{when}
store.journal.write(run.id, epoch, [sample_call(run.id, 1)], durability="later")
{end}
"""


@pytest.mark.parametrize(
    ("when", "end", "kept"),
    [
        ("", "", [1]),
        ("", "raise SystemExit(0)", [1]),
        ("atexit.register(last)", "", [1, 2]),
        ("", "store.close()", [1]),
        ("", "del store; import gc; gc.collect()", [1]),
    ],
)
def test_what_was_to_be_written_later_is_written_when_the_process_ends(folder, run, when, end, kept):
    """Promise 2: closed or not; only a kill loses it."""
    run(END.format(when=when, end=end), folder)
    with open_store(folder) as store:
        assert [call.seq for call in store.journal.calls("r_00000001")] == kept


def test_what_was_to_be_written_later_is_written_within_a_moment(folder, start):
    """Promise 2: without a further write or a read of this process, while it goes on."""
    script = END.format(when="", end="print('ready', flush=True); sys.stdin.readline()")
    with open_store(folder) as store:
        assert start(script, folder).stdout.readline() == "ready\n"
        for _ in range(3000):
            if store.journal.calls("r_00000001"):
                break
            threading.Event().wait(0.01)
        assert [call.seq for call in store.journal.calls("r_00000001")] == [1]


def test_a_forked_child_writes_nothing_of_its_parent(folder):
    """Promise 6: not even at its end what the parent is to write later."""
    with open_store(folder) as store:
        run = sample_run()
        epoch = store.journal.claim(run, sample_session())
        store.journal.write(run.id, epoch, [sample_call(run.id, 1)], durability="later")
        child = os.fork()
        if child == 0:
            store.journal.end()
            store.journal.close()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        store.journal.write(run.id, epoch, [sample_call(run.id, 2)])
        assert [call.seq for call in store.journal.calls(run.id)] == [1, 2]
        assert store.journal.check() == "ok"


def test_a_journal_that_nobody_holds_ends_its_thread(tmp_path):
    """Promise 10: a kernel that opens many stores does not fill up with threads."""
    before = len(threads())
    journal = SqliteJournal(tmp_path / "journal.db")
    journal.runs()
    assert len(threads()) == before
    journal.claim(sample_run(), sample_session())
    assert len(threads()) == before + 1
    del journal
    gc.collect()
    assert len(threads()) == before


@pytest.mark.parametrize(
    "name",
    [
        "run",
        "find_run",
        "children",
        "runs_of_workflow",
        "calls",
        "attempts",
        "sessions",
        "restores",
        "notes",
        "messages",
        "states",
        "cached_call",
        "value",
        "values",
        "value_ids_of_run",
        "epoch",
        "seen",
    ],
)
def test_what_is_asked_of_a_run_is_found_by_an_index(folder, name):
    """Promise 10: a look costs as much in a store of many runs as in one of few."""
    with open_store(folder) as store:
        store.journal.claim(sample_run(), sample_session())
    names = ["run", "workflow", "parent", "key", "limit", "kind", "value", "now", "epoch"]
    named = dict.fromkeys([*names, "name", "step", "inputs", "code"])
    with sqlite3.connect(folder / "journal.db") as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {query(name)}", {**named, "ids": "[]"}).fetchall()
    steps = [row[3] for row in plan]
    assert any(step.startswith("SEARCH") for step in steps)
    scanned = [step for step in steps if step.startswith("SCAN") and not step.startswith("SCAN json_each")]
    assert scanned == []


@pytest.mark.parametrize("name", ["all_runs", "calls"])
def test_what_is_listed_in_order_is_read_in_order(folder, name):
    """Promise 10: the newest runs and a run's calls come from an index, without sorting them all."""
    with open_store(folder) as store:
        store.journal.claim(sample_run(), sample_session())
    with sqlite3.connect(folder / "journal.db") as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {query(name)}", {"run": "r", "limit": 5}).fetchall()
    steps = [row[3] for row in plan]
    assert "INDEX" in steps[0]
    assert "USE TEMP B-TREE FOR ORDER BY" not in steps


def test_the_keys_of_many_values_are_counted_in_an_index_alone(folder):
    """Promise 10: without reading the values."""
    with open_store(folder) as store:
        epoch = store.journal.claim(sample_run(), sample_session())
        store.journal.write("r_00000001", epoch, [sample_value("r_00000001")])
    with sqlite3.connect(folder / "journal.db") as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {query('key_ids')}").fetchall()
    assert "COVERING INDEX" in plan[0][3]
