"""What is not a run's own does not go with it in a file: messages, durable dicts, and leave to use its results."""

from dataclasses import replace

import pytest

from perdure.errors import RunDiffers
from perdure.store import open_store
from perdure.store.carrying import export, import_file, open_file
from perdure.store.records import CallRecord, Tag
from perdure.testing import (
    sample_call,
    sample_message,
    sample_run,
    sample_session,
    sample_state,
    sample_value,
)

RUN = "r_00000001"
TAGS = (Tag("day", "mon"), Tag("late", ""))
PARTS = "load", "1f", "2e"


@pytest.fixture
def other(tmp_path):
    with open_store(tmp_path / "elsewhere" / ".perdure") as other:
        yield other


@pytest.fixture
def file(store, tmp_path):
    """A run with a child that is a call of it, a message, an entry of a durable dict, and a cached result."""
    run, child = sample_run(1, tags=TAGS), sample_run(2, parent=RUN, workflow="below")
    epoch = store.journal.claim(run, sample_session())
    store.journal.claim(child, sample_session())
    cached = sample_call(RUN, value=sample_value(RUN).id, cached=True, due=9.5, failures=2)
    below = sample_call(RUN, 2, kind="child", step="below", child=child.id)
    value = sample_value(RUN, buffers=())
    store.journal.write(
        RUN, epoch, [cached, below, value, sample_state(RUN), sample_value("", 7, buffers=())]
    )
    store.journal.post(sample_message(RUN))
    export(store, RUN, tmp_path / "run")
    return tmp_path / "run"


def test_messages_and_durable_dicts_stay_where_they_are(store, other, file):
    """Promises 4 and 8: a message is for the owner here, a dict is the workflow's in this store."""
    kinds = {type(record).__name__ for record in open_file(file, store.key).records()}
    assert kinds == {"RunRecord", "SessionRecord", "CallRecord", "ValueRecord"}
    other.journal.claim(sample_run(3), sample_session())
    there = replace(sample_state("r_00000003"), item="there")
    other.journal.write("r_00000003", 1, [there])
    came = import_file(other, file)
    assert {run.id for run in came.added} == {RUN, "r_00000002"}
    assert (other.journal.messages(), other.journal.all_states()) == ([], [there])
    assert other.journal.value_ids() == [sample_value(RUN).id]


def test_a_run_comes_with_its_child_runs_and_the_calls_that_are_them(store, other, file):
    """Promise 4: each field as it was."""
    import_file(other, file)
    assert other.journal.run(RUN).tags == TAGS
    first, below = other.journal.calls(RUN)
    assert (below.child, [run.id for run in other.journal.children(RUN)]) == ("r_00000002", ["r_00000002"])
    assert [replace(first, cached=True), below] == store.journal.calls(RUN)


def test_no_run_that_is_here_uses_a_result_that_came_in_a_file(store, other, file):
    """Promise 8: whoever wrote the file does not fill the cache of whoever imports it."""
    assert any(record.cached for record in open_file(file, store.key).records() if type(record) is CallRecord)
    assert store.journal.cached_call(*PARTS) is not None
    import_file(other, file)
    assert other.journal.cached_call(*PARTS) is None
    assert other.journal.cached_calls() == []


def test_a_run_is_the_same_whether_its_results_are_cached_or_not(store, other, file):
    """Promise 4: coming again, or home, it is known; with another content it is not."""
    import_file(other, file)
    assert len(import_file(other, file).known) == 2
    assert store.journal.uncache() == 1
    assert len(import_file(store, file).known) == 2
    assert store.journal.messages() == [sample_message(RUN)]
    store.journal.write(RUN, 1, [sample_call(RUN, state="failed")])
    with pytest.raises(RunDiffers):
        import_file(store, file)
    import_file(store, file, instead=True)
    assert (store.journal.messages(), store.journal.all_states()) == ([], [sample_state(RUN)])
