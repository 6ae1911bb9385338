"""What is under way in a pass: nothing slips in between its end and the look whether it is at rest."""

import pytest

from perdure.engine.cancelling import Cancelled
from perdure.engine.under_way import UnderWay


def test_a_pass_is_not_at_rest_while_something_is_about_to_begin():
    under_way = UnderWay()
    with under_way.beginning():
        under_way.close(Cancelled("the body had ended"))
        rest = under_way.at_rest()
        assert not rest.done()
    assert rest.done()


def test_nothing_is_about_to_begin_in_a_pass_that_is_over():
    under_way = UnderWay()
    under_way.close(Cancelled("the body had ended"))
    with pytest.raises(Cancelled, match="the body had ended"), under_way.beginning():
        pytest.fail("it began")
    assert under_way.at_rest().done()


def test_a_beginning_that_fails_holds_nobody_up():
    under_way = UnderWay()
    with pytest.raises(LookupError), under_way.beginning():
        raise LookupError
    assert under_way.at_rest().done()
