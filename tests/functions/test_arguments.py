"""Arguments of steps and workflows travel by value: what cannot is told with its step, and secrets can."""

import threading

import pytest

import perdure
from perdure import step, workflow
from perdure.errors import NotKeepable, PerdureError


@step
def fit(x, rate=1):
    return 1


@workflow
def train(x):
    return fit(3, rate=x)


def test_an_argument_of_a_step_that_cannot_be_kept_is_named_with_its_step():
    """Promise 4: the path stays the one that Python would write."""

    @workflow
    def runs(n):
        return fit(n, rate={"lock": threading.Lock()})

    with pytest.raises(NotKeepable) as caught:
        runs(1)
    assert caught.value.path == 'rate["lock"]'
    assert "It is passed to step `fit` as `rate`" in str(caught.value)


def test_an_argument_of_a_workflow_that_cannot_be_kept_is_named_with_its_workflow():
    """Promise 4: likewise."""
    with pytest.raises(NotKeepable) as caught:
        train(threading.Lock())
    assert caught.value.path == "x"
    assert "It is passed to workflow `train` as `x`" in str(caught.value)


WITHOUT = """
import sys
sys.modules["cryptography"] = None
from perdure import Secret, step, workflow
from perdure.errors import NotKeepable

@step
def use(password, places):
    return len(password.reveal()) + len(places[0]["deep"].reveal())

@workflow
def main():
    password = Secret("horse")
    try:
        give(password)
    except NotKeepable as error:
        print("encrypted only" in str(error))
    return use(password, [{"deep": Secret(b"abc")}])

@step
def give(password):
    return password

print(main())
"""


def test_a_secret_as_an_argument_needs_no_encryption_where_a_result_does(script):
    """Promise 8: what no store sees is not sealed."""
    assert script(WITHOUT) == ["True", "8"]


def test_a_codec_of_no_such_name_is_refused():
    """Promise 4: a slip of the pen does not let pickles through."""
    with pytest.raises(ValueError, match='codec=\'sfae\' is none of "full", "safe"'):
        perdure.dumps([1], codec="sfae")


def test_a_value_without_content_has_no_digest_and_that_is_a_sentence():
    """Promise 4: with the type and what to do; a TypeError, as Python would raise."""
    with pytest.raises(TypeError) as caught:
        perdure.digest(threading.Lock())
    assert isinstance(caught.value, PerdureError)
    assert str(caught.value).startswith("The value has no digest: it is a _thread.lock.")
