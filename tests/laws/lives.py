"""Lives of a process that performs a tree, over a store that outlives it, and what a person decides in between."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from hypothesis import HealthCheck

from laws.oracle import Oracle
from laws.perform import FAILURES, told
from laws.stage import KilledError, LaterError, Stage, Witness, rank, use_stage
from perdure.engine import questions, states
from perdure.engine.owner import taken
from perdure.errors import DiedTwice, EffectUnclear, InDoubt
from perdure.store.records import AttemptRecord, CallRecord, RunRecord

MORE = int(os.environ.get("PERDURE_LAWS", "1"))
"""How many times as many examples (`make laws`)."""
LIVES = 40
"""A run that takes more of them does not come to its end."""
SETTINGS = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}
"""Of all laws: how long an example takes tells nothing."""
KILLED, ASKED, LATER = "killed", "asked", "later"
QUESTIONS = (InDoubt, DiedTwice, EffectUnclear)
TABLES = {CallRecord: states.CALL, AttemptRecord: states.ATTEMPT, RunRecord: states.RUN}


class MortalJournal:
    """What one life sees of a journal: it dies at a commit, before or after it was made."""

    def __init__(self, journal: Any, stage: Stage, watch: Watch) -> None:
        self._journal, self._stage, self._watch = journal, stage, watch
        self.writes = 0

    def write(self, run: str, epoch: int, records: Any, *, durability: str | None = None) -> None:
        self.writes += 1
        self._stage.reached()
        self._journal.write(run, epoch, records, durability=durability)
        self._watch(records)
        self._stage.reached()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)


class Watch:
    """Looks at every move of a store, in all lives: states only advance, and an outcome is one for good."""

    def __init__(self) -> None:
        self._states: dict[Any, str] = {}
        self._outcomes: set[str] = set()

    def __call__(self, records: Any) -> None:
        for record in records:
            self._look(record)

    def _look(self, record: Any) -> None:
        table = TABLES.get(type(record))
        if table is None:
            return
        of_attempt = isinstance(record, AttemptRecord)
        name = (record.call, record.number) if of_attempt else record.id
        before, self._states[name] = self._states.get(name), record.state
        if before not in (None, record.state):
            through = table[before]
            if "running" in through:  # a start may go without a record of its own
                through |= table["running"]
            assert record.state in through, f"{type(record).__name__}: {before} -> {record.state}"
        if isinstance(record, CallRecord):
            if record.state not in ("done", "failed"):
                assert record.id not in self._outcomes, f"{record.step} ran again"
            if record.state == "done":
                self._outcomes.add(record.id)


def live(stage: Stage, body: Any, tree: Any) -> Any:
    """What one life comes to: what the body gave, how it failed, `KILLED`, or a question to a person."""
    use_stage(stage)
    stage.witness.note("life")
    try:
        return asyncio.run(_conducted(stage, body, tree)) if body.is_async else body(tree)
    except KilledError:
        return KILLED
    except LaterError:
        return LATER
    except QUESTIONS:
        return ASKED
    except FAILURES as error:
        return ["failed", told(error)]
    except asyncio.CancelledError as error:
        raise AssertionError("nobody cancelled it") from error
    finally:
        use_stage(None)


async def _conducted(stage: Stage, body: Any, tree: Any) -> Any:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: _told_of(context))
    task = asyncio.ensure_future(body(tree))
    await stage.conduct(task)
    if stage.dead:
        task.cancel()
        await asyncio.wait([task])
        raise KilledError
    return await task


def _told_of(context: dict[str, Any]) -> None:
    """What nobody looks at, in a life that is over."""


def decide_all(store: Any, witness: Witness) -> int:
    """Decide, as a person would who looks what took place, whatever is in doubt; how many calls that were."""
    decided, effects = 0, witness.effects()
    for run in store.journal.runs():
        for call in store.journal.calls(run.id):
            if not questions.is_open(call):
                continue
            decided += 1
            with taken(store, run) as owner:
                newest = owner.history.calls[call.id]
                if call.id in effects:
                    questions.resolve(owner, newest, "done", effects[call.id])
                else:
                    questions.resolve(owner, newest, "again")
    return decided


def oracle(witness: Witness, seed: int) -> Oracle:
    """The oracle, for these releases."""
    return Oracle(lambda at: rank(seed, at), lambda at: witness.last("given", at))
