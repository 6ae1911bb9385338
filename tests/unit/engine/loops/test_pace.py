"""How often a turn is kept: as was asked for, within a share of the loop's time (promise 10)."""

from hypothesis import given
from hypothesis import strategies as st

from perdure.engine.loops.pace import SHARE, Pace

costs = st.floats(0, 100)


def test_without_costs_the_interval_is_what_was_asked_for():
    pace = Pace(100.0)
    assert pace.next(30.0, 100.0) == 130.0
    assert pace.interval(30.0) == 30.0


def test_a_dear_look_at_the_beginning_puts_the_first_keep_off():
    pace = Pace(0.0)
    pace.spend(1.0)
    assert pace.next(30.0, 0.0) == 100.0
    assert pace.interval(30.0) == 50.0


def test_one_dear_keep_is_remembered_for_one_more():
    """Of a state that grows and shrinks, the larger counts."""
    pace = Pace(0.0)
    for cost, interval in ((2.0, 100.0), (0.1, 100.0), (0.1, 30.0)):
        pace.spend(cost)
        assert pace.interval(30.0) == max(30.0, interval) or interval == 30.0


@given(st.lists(costs, min_size=1, max_size=30), st.floats(0, 1000))
def test_keeping_takes_its_share_at_most_at_every_moment(spent, every):
    """Promise 10: as long as no keep is dearer than the two before it."""
    spent.sort(reverse=True)
    pace, now, last, total = Pace(0.0), 0.0, 0.0, 0.0
    pace.spend(spent[0])
    total += spent[0]
    for cost in spent:
        now = max(now, pace.next(every, last)) + cost
        assert now - last >= every - 1e-6
        last = now
        pace.spend(cost)
        total += cost
        assert total <= SHARE * now * (1 + 1e-9)
