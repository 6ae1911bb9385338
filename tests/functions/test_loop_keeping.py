"""When turns are kept, what that costs, and how long they stay (promises 2, 6, 8 and 10)."""

from __future__ import annotations

import random
import threading

import numpy as np
import pytest

from functions.looping import notes
from functions.witness import bad_luck, ran, stumble, taken
from perdure import resumable, step, workflow
from perdure.engine.loops import pace, slots
from perdure.engine.owner import Owner
from perdure.engine.process import use_store
from perdure.errors import Damaged, NotLoadable, RunTaken, StepTimeout, StoreFull, Untrusted
from perdure.store import open_store
from perdure.store.checking import check
from perdure.store.gc import collect
from perdure.testing import HandClock

LARGE = 200_000
"""Numbers of an array whose memory is a blob."""


class BadLuckError(Exception):
    """The attempt ends here, and the run is to be resumed."""


@pytest.fixture
def on_disk(tmp_path):
    """This process's store, in a folder."""
    with open_store(tmp_path / "kept", durability="process") as opened:
        before = use_store(opened)
        yield opened
        use_store(before)


@step
def grow(n):
    """Adds the number of each turn to an array, and fails at the fourth if there is bad luck."""
    data = np.zeros(LARGE)
    for i in resumable(range(n), keep="data", every=0):
        ran(i)
        if i == 3:
            stumble()
        data += i
    return float(data[0])


@workflow
def growing(n):
    return grow(n)


def left_in_its_middle(n=5):
    """Leave a run with three turns kept."""
    bad_luck(BadLuckError())
    with pytest.raises(BadLuckError):
        growing(n)
    taken()


# -- when ----------------------------------------------------------------------------------------------------


def kept_turns(every, seconds, turns=20):
    """After which turns a loop keeps, whose turns take so long."""

    @step
    def wait():
        for _ in resumable(range(turns), keep=(), every=every):
            clock.advance(seconds)

    @workflow
    def body():
        wait()

    with HandClock() as clock:
        body()


@pytest.mark.parametrize(
    ("every", "seconds", "kept"),
    [
        ("30s", 10, [3, 6, 9, 12, 15, 18]),
        ("25s", 10, [3, 6, 9, 12, 15, 18]),
        ("30s", 45, list(range(1, 21))),
        ("1h", 10, []),
    ],
)
@pytest.mark.usefixtures("at_once")
def test_a_turn_is_kept_when_so_much_time_has_gone_by(store, every, seconds, kept):
    kept_turns(every, seconds)
    assert [done for note in notes(store).values() for done, _ in note["kept"]] == kept


def test_turns_are_kept_more_rarely_where_that_would_cost_too_much(store, at_once, monkeypatch):
    """Promise 10: 2 % of the loop's time at most, and the bar says that it is so."""
    monkeypatch.setattr(pace, "SHARE", 0.02)
    monkeypatch.setattr("time.perf_counter", lambda: 0.0)
    monkeypatch.setattr("time.thread_time", counting(1.0))
    kept_turns("10s", 10, turns=40)
    [note] = notes(store).values()
    # The first comes when it was asked for. It took a second, so the second may end at 100 s, and so on.
    assert [done for done, _ in note["kept"]] == [1, 10, 15, 20, 25, 30, 35, 40]
    assert "keeps every 50.0\N{NO-BREAK SPACE}s, to stay under 2 %" in at_once.shown[-2].told()


def counting(pause):
    """A clock that is so many seconds later each time."""
    now = [0.0]

    def tell():
        now[0] += pause
        return now[0]

    return tell


def test_a_turn_that_is_due_while_another_is_on_its_way_is_not_kept(store, face, monkeypatch):
    """Promise 10: nothing queues up."""
    monkeypatch.setattr(pace, "SHARE", float("inf"))
    begun, go_on = threading.Event(), threading.Event()
    settle = slots.Keeping.settle

    def slow(self):
        begun.set()
        go_on.wait(60)
        return settle(self)

    monkeypatch.setattr(slots.Keeping, "settle", slow)

    @step
    def count(n):
        for i in resumable(range(n), keep=(), every=0):
            if i == 1:
                begun.wait(60)
            if i == n - 1:
                go_on.set()

    @workflow
    def body(n):
        count(n)

    body(8)
    [note] = notes(store).values()
    assert note["kept"][0][0] == 1
    assert note["keeps"] <= 2


def test_the_bytes_that_are_kept_are_those_between_two_turns(on_disk, face, monkeypatch):
    """Promise 2: whatever the next turn does while they are written."""
    monkeypatch.setattr(pace, "SHARE", float("inf"))
    written, changed = threading.Event(), threading.Event()
    put = on_disk.blobs.put

    def slow(data, **options):
        changed.wait(60)
        name = put(data, **options)
        written.set()
        return name

    monkeypatch.setattr(on_disk.blobs, "put", slow)

    @step
    def fill(n):
        data, texts = np.zeros(LARGE), []
        for i in resumable(range(n), keep=["data", "texts"], every=0):
            ran(i)
            data[:] = i + 1
            texts.append(i)
            if i == 1:
                changed.set()
                written.wait(60)
                stumble()
        return float(data.sum()), texts

    @workflow
    def body(n):
        return fill(n)

    bad_luck(BadLuckError())
    with pytest.raises(BadLuckError):
        body(2)
    kept = []
    monkeypatch.setattr("perdure.engine.loops.loop.Loop._go_on", keeping_the_turn(kept))
    assert body(2) == (2.0 * LARGE, [0, 1])
    [turn] = kept
    assert turn.done == 1
    assert turn.levels[0].names["data"].tolist() == [1.0] * LARGE
    assert turn.levels[0].names["texts"] == [0]


def keeping_the_turn(kept):
    from copy import deepcopy

    from perdure.engine.loops.loop import Loop

    go_on = Loop._go_on

    def watched(self, turn, items):
        kept.append(deepcopy(turn))
        return go_on(self, turn, items)

    return watched


# -- how long ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("at_once")
def test_a_kept_turn_is_no_garbage_until_its_call_has_ended_well(on_disk):
    """Promise 2: collecting between a kill and the next start loses nothing."""
    left_in_its_middle()
    size = sum(map(on_disk.blobs.size, on_disk.blobs.names()))
    assert size == 8 * LARGE
    assert collect(on_disk).blobs == 0
    assert check(on_disk).whole
    assert check(on_disk).unused == 0
    assert growing(5) == 10.0
    assert taken() == [3, 4]
    assert on_disk.blobs.names() == set()
    assert check(on_disk).whole
    collect(on_disk)
    assert check(on_disk).unused == 0


@pytest.mark.usefixtures("at_once")
def test_a_kept_turn_goes_with_its_run(on_disk):
    """Promise 10: what is forgotten is forgotten as a whole."""
    left_in_its_middle()
    run = on_disk.journal.runs()[0].id
    on_disk.journal.forget([run])
    collect(on_disk)
    assert on_disk.journal.value_ids() == []
    assert on_disk.blobs.names() == set()


@pytest.mark.usefixtures("at_once")
def test_a_kept_turn_travels_with_its_run(on_disk, tmp_path):
    """Promise 2: a run that is carried to another machine goes on there."""
    from perdure.store.carrying import export, import_file

    left_in_its_middle()
    export(on_disk, "growing", tmp_path / "run.perdure")
    with open_store(tmp_path / "other") as other:
        import_file(other, tmp_path / "run.perdure")
        use_store(other)
        assert growing(5) == 10.0
        assert taken() == [3, 4]
        use_store(on_disk)


@pytest.mark.usefixtures("at_once")
def test_a_kept_turn_that_cannot_be_had_is_told(on_disk):
    """Promise 8: nothing of it is loaded, and `--redo` begins anew."""
    left_in_its_middle()
    [blob] = on_disk.blobs.names()
    path = on_disk.blobs.folder / blob[:2] / blob
    path.write_bytes(b"\1" + path.read_bytes()[1:])
    with pytest.raises(Damaged, match="Turn 3 of the loop in step `grow`"):
        growing(5)
    assert taken() == []
    assert growing.using(redo="grow")(5) == 10.0


@pytest.mark.usefixtures("at_once")
def test_a_turn_that_another_key_signed_is_not_loaded(on_disk, monkeypatch, tmp_path):
    """Promise 8: nor are the blobs removed that a note of somebody else's names."""
    left_in_its_middle()
    monkeypatch.setenv("PERDURE_KEY_FILE", str(tmp_path / "another.key"))
    with open_store(on_disk.path) as other:
        use_store(other)
        with pytest.raises(Untrusted, match="Turn 3 of the loop in step `grow`"):
            growing(5)
        assert len(other.blobs.names()) == 1
        use_store(on_disk)


@pytest.mark.usefixtures("at_once")
def test_a_kept_turn_cannot_be_swapped_for_another_value(store):
    """Promise 8: its signature covers the place that it is kept for."""
    left_in_its_middle()
    run = store.journal.runs()[0]
    [name] = [note.name for note in store.journal.notes(run.id, "loop")]
    other = next(store.journal.value(each) for each in store.journal.value_ids(run.id) if each != name)
    moved = type(other)(**{field: getattr(other, field) for field in other.__slots__} | {"id": name})
    store.journal.replace_values([(store.journal.value(name), moved)])
    with pytest.raises(Damaged, match="Turn 3 of the loop in step `grow`"):
        growing(5)


@pytest.mark.usefixtures("at_once")
def test_kept_turns_are_secret_in_an_encrypted_store(on_disk, monkeypatch):
    """Promise 8: as all values are."""
    monkeypatch.setenv("PERDURE_ENCRYPT", "1")

    @step
    def grow(n):
        word, data = "open secret", np.zeros(LARGE)
        for i in resumable(range(n), keep=["data", "word"], every=0):
            if i == 3:
                stumble()
            data += i
        return word, float(data[0])

    @workflow
    def body(n):
        return grow(n)

    bad_luck(BadLuckError())
    with pytest.raises(BadLuckError):
        body(5)
    run = on_disk.journal.runs()[0].id
    [note] = on_disk.journal.notes(run, "loop")
    record = on_disk.journal.value(note.name)
    assert "aes" in record.packing
    assert b"open secret" not in (record.stream or b"")
    assert body(5) == ("open secret", 10.0)
    assert on_disk.blobs.names() == set()


@pytest.mark.usefixtures("at_once")
def test_what_a_turn_holds_that_is_not_here_is_told(store, monkeypatch):
    """Promise 4: a class that is gone, say."""
    import sys
    import types

    module = types.ModuleType("gone_module")
    exec("class Thing:\n    pass", module.__dict__)
    module.Thing.__module__ = "gone_module"
    monkeypatch.setitem(sys.modules, "gone_module", module)

    @step
    def hold(n):
        thing = sys.modules["gone_module"].Thing() if "gone_module" in sys.modules else None
        for i in resumable(range(n), keep=["thing"], every=0):
            if i == 2:
                stumble()
        return thing is None

    @workflow
    def body(n):
        return hold(n)

    bad_luck(BadLuckError())
    with pytest.raises(BadLuckError):
        body(3)
    monkeypatch.delitem(sys.modules, "gone_module")
    with pytest.raises(NotLoadable, match="Turn 2 of the loop in step `hold`"):
        body(3)


# -- who may keep --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("at_once")
def test_a_run_that_was_taken_over_keeps_nothing_more(store):
    """Promise 6: the loop ends with the error that says who has it, and the thief's turns stay."""

    @step
    def train(n):
        for i in resumable(range(n), keep=(), every=0):
            ran(i)
            if i == 1:
                thief.append(Owner.take(store, store.journal.runs()[0], steal=True))

    @workflow
    def body(n):
        train(n)

    thief = []
    with pytest.raises(RunTaken):
        body(6)
    thief[0].close()
    assert taken() == [0, 1, 2]
    [note] = notes(store).values()
    assert note["done"] == 1


@pytest.mark.usefixtures("at_once")
def test_an_attempt_that_was_given_up_keeps_nothing_more(store):
    """Promise 2: the code of a step that ran out of time ends at its next turn."""
    ended, timed_out = threading.Event(), threading.Event()

    @step(timeout="10s")
    def train(n):
        try:
            for i in resumable(range(n), keep=(), every=0):
                ran(i)
                if i == 2:
                    clock.advance("20s")
                    timed_out.wait(60)
        finally:
            ended.set()

    @workflow
    def body(n):
        train(n)

    with HandClock() as clock:
        with pytest.raises(StepTimeout):
            body(6)
        timed_out.set()
        assert ended.wait(60)
    assert taken() == [0, 1, 2]
    [note] = notes(store).values()
    assert note["done"] == 2


@pytest.mark.usefixtures("at_once")
def test_a_store_without_room_is_told_and_the_loop_goes_on(store, at_once, monkeypatch):
    """Promise 2: the turn before stays whole."""

    @step
    def train(n):
        data = np.zeros(LARGE)
        for i in resumable(range(n), keep="data", every=0):
            data += 1
            if i == 1:
                monkeypatch.setattr(store.blobs, "put", failing)
        return float(data[0])

    def failing(data, **options):
        raise StoreFull(path="somewhere")

    @workflow
    def body(n):
        return train(n)

    assert body(5) == 5.0
    [(_, sentence)] = at_once.said
    assert sentence.startswith(
        "a turn could not be kept, and the loop goes on without: There is no room left"
    )
    [note] = notes(store).values()
    assert note["keeps"] == 1


# -- what people train ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("at_once")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_model_with_its_optimizer_trains_on_as_in_one_go():
    """Promise 2: parameters, moments, rates and random numbers; the optimizer holds the model's parameters."""
    torch = pytest.importorskip("torch")

    @step
    def train(epochs):
        torch.manual_seed(0)
        random.seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)
        losses = []
        for epoch in resumable(range(epochs), keep=["model", "optimizer", "scheduler", "losses"], every=0):
            ran(epoch)
            inputs = torch.rand(16, 4)
            loss = (model(inputs) - inputs.sum(1, keepdim=True)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            losses.append((loss.item(), random.random()))
            if epoch == 3:
                stumble()
        return (
            losses,
            {name: each.numpy() for name, each in model.state_dict().items()},
            scheduler.get_last_lr(),
        )

    @workflow
    def body(epochs):
        return train(epochs)

    losses, weights, rates = body(6)
    taken()
    bad_luck(BadLuckError())
    with pytest.raises(BadLuckError):
        body.using(fresh=True)(6)
    taken()
    again, found, last = body(6)
    assert taken() == [3, 4, 5]
    assert (again, last) == (losses, rates)
    assert all(np.array_equal(found[name], weights[name]) for name in weights)


@pytest.mark.usefixtures("at_once")
def test_an_optimizer_that_is_not_kept_beside_its_model_is_told(at_once):
    """Promise 4: after a kill it would train the older one."""
    torch = pytest.importorskip("torch")

    @step
    def train():
        model = torch.nn.Linear(2, 1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)  # noqa: F841  the name counts
        lossy, rates = torch.nn.MSELoss(), [0.1]  # noqa: F841
        for _ in resumable(range(2), keep="model"):
            pass

    @workflow
    def body():
        train()

    body()
    assert [sentence.partition(",")[0] for _, sentence in at_once.said] == [
        "`optimizer` holds parts of `model`"
    ]
