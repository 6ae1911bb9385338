"""Laws of ownership: whatever several kernels do with one run, one of them owns it, and nobody else commits."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from laws.lives import MORE
from perdure import codec
from perdure.engine.decide import Request, Run
from perdure.engine.owner import Owner
from perdure.errors import NotOwner, RunOwned
from perdure.store import open_store
from perdure.testing import sample_run

kernels = st.integers(0, 2)


@pytest.fixture(autouse=True)
def own_user(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "user"))


class Kernels(RuleBasedStateMachine):
    """Three kernels with one store, and what must be true of it."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.stores = [open_store(Path(self.folder.name), durability="process") for _ in range(3)]
        self.owners = [None] * 3
        self.begun = [[], [], []]
        self.holder = None
        self.epoch = 0
        self.recorded = set()
        self.count = 0
        self.run = sample_run(state="running", kind="function")

    def teardown(self):
        for owner in self.owners:
            if owner is not None:
                owner.close()
        for store in self.stores:
            store.close()
        self.folder.cleanup()

    def held(self, kernel):
        """Whether it is told that it owns the run."""
        return self.owners[kernel] is not None

    @rule(kernel=kernels)
    def take(self, kernel):
        """Whoever comes when nobody is there owns it; another one is told who does."""
        if self.held(kernel):
            return
        if self.holder is None:
            self.become(kernel, Owner.take(self.stores[kernel], self.run))
        else:
            with pytest.raises(RunOwned):
                Owner.take(self.stores[kernel], self.run)

    @rule(kernel=kernels)
    def steal(self, kernel):
        """Whoever steals it owns it, from whomever."""
        if not self.held(kernel):
            self.become(kernel, Owner.take(self.stores[kernel], self.run, steal=True))

    def become(self, kernel, owner):
        assert owner.run.epoch > self.epoch
        self.owners[kernel], self.holder, self.epoch = owner, kernel, owner.run.epoch
        self.begun[kernel] = []

    @rule(kernel=kernels, effect=st.booleans())
    def begin(self, kernel, effect):
        """A call begins with its owner; nobody else begins one."""
        if not self.held(kernel):
            return
        self.count += 1
        kind = "effect" if effect else "pure"
        request = Request(step="step", inputs=f"{self.count:032x}", code="c", kind=kind)
        # A robber is noticed by the next write, or look; a short call is written with its end alone.
        late = contextlib.suppress(NotOwner) if not effect and self.holder != kernel else self.only(kernel)
        with late:
            self.begun[kernel].append(self.owners[kernel].start(request, Run("new call")))

    @precondition(lambda self: any(self.begun))
    @rule(kernel=kernels)
    def finish(self, kernel):
        """What the owner ends is recorded; what anybody else ends is not."""
        if not self.begun[kernel]:
            return
        call = self.begun[kernel].pop(0)
        with self.only(kernel):
            self.owners[kernel].finish(call, codec.encode(self.count), took=0.1)
            self.recorded.add(call.id)

    @rule(kernel=kernels)
    def check(self, kernel):
        """Who lost it is told, and who has it is not."""
        if self.held(kernel):
            with self.only(kernel):
                self.owners[kernel].check()

    @rule(kernel=kernels)
    def close(self, kernel):
        """Who closes lets go of what it has, and of nothing else."""
        if self.held(kernel):
            self.owners[kernel].close()
            self.gone(kernel)

    @rule(kernel=kernels)
    def die(self, kernel):
        """The system lets go of the lock; the books stay open."""
        if self.held(kernel):
            owner = self.owners[kernel]
            owner._heartbeat.close()
            lock, owner._lock = owner._lock, None
            lock.release()
            self.gone(kernel)

    def gone(self, kernel):
        self.owners[kernel], self.begun[kernel] = None, []
        if self.holder == kernel:
            self.holder = None

    def only(self, kernel):
        """The block is refused to all but the owner."""
        return contextlib.nullcontext() if self.holder == kernel else pytest.raises(NotOwner)

    @invariant()
    def what_is_recorded_was_recorded_by_its_owner(self):
        """Nothing is lost, and nobody else's work is there."""
        calls = self.stores[0].journal.calls(self.run.id)
        assert {call.id for call in calls if call.state == "done"} == self.recorded

    @invariant()
    def one_owner_is_named(self):
        named = self.stores[0].owner(self.run.id)
        assert (named is None) == (self.holder is None)


def test_one_kernel_owns_a_run_and_no_other_commits():
    """Promise 6."""
    run_state_machine_as_test(
        Kernels, settings=settings(max_examples=25 * MORE, stateful_step_count=25, deadline=None)
    )
