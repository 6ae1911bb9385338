"""Only lawful moves (design, section 5: the states are a literal table)."""

from __future__ import annotations

import pytest

from perdure.engine import states
from perdure.errors import UnlawfulMove

TABLES = {"run": states.RUN, "call": states.CALL, "attempt": states.ATTEMPT}
PAIRS = [(name, old, new) for name, table in TABLES.items() for old in table for new in table]


@pytest.mark.parametrize(("name", "old", "new"), PAIRS)
def test_a_move_is_made_when_the_table_has_it_and_refused_otherwise(name, old, new):
    table = TABLES[name]
    if new in table[old]:
        assert states.move(table, name, old, new) == new
    else:
        with pytest.raises(UnlawfulMove) as refused:
            states.move(table, name, old, new)
        assert refused.value.fields == {"what": name, "old": old, "new": new}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_state_that_can_be_reached_is_in_the_table(table):
    assert set().union(*table.values()) <= table.keys()
    assert all(state not in moves for state, moves in table.items())


def test_what_is_kept_is_not_taken_back():
    """Promise 1: a call that is done stays done, and so does a finished attempt."""
    assert states.CALL["done"] == frozenset()
    assert states.ATTEMPT["done"] == states.ATTEMPT["failed"] == states.ATTEMPT["interrupted"] == frozenset()


def test_an_unknown_state_moves_nowhere():
    with pytest.raises(UnlawfulMove, match="from `lost` to `done`"):
        states.move(states.CALL, "call", "lost", "done")
