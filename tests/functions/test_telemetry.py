"""Listeners, the log that is built in, and spans of OpenTelemetry."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import sys

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

import perdure
from functions.witness import bad_luck, ran, stumble, taken
from perdure import step, telemetry, workflow
from perdure.engine.events import Event, listeners
from perdure.errors import NeedsPackage


@step
def fetch(x):
    return x


@step(retries=2, backoff="1ms")
def flaky(x):
    stumble()
    return x


@step
def fails(x):
    raise ValueError("no answer")


@workflow
def inner(n):
    return fetch(n)


@workflow
def outer(n):
    fetch(n)
    return inner(n)


@workflow
def tries(n):
    return flaky(n)


@workflow
def breaks(n):
    fails(n)


@pytest.fixture
def events():
    """The events that are told."""
    told = []
    remove = perdure.listen(told.append)
    yield told
    remove()


def kinds(events):
    return [(each.kind, each.call.step if each.call else each.run.workflow) for each in events]


def test_a_listener_gets_a_frozen_record_of_each_event_until_it_is_removed(events):
    listened = []
    remove = perdure.listen(listened.append)
    assert tries(1) == 1
    remove()
    remove()
    assert kinds(listened) == [
        *(
            ("run_started", "tries"),
            ("call_started", "flaky"),
            ("call_ended", "flaky"),
            ("run_ended", "tries"),
        )
    ]
    tries.using(fresh=True)(1)
    assert len(events) == 2 * len(listened)
    with pytest.raises(dataclasses.FrozenInstanceError):
        listened[0].kind = "other"


def test_a_failed_attempt_and_what_is_restored_are_told(events):
    bad_luck(ValueError("1"), ValueError("2"), ValueError("3"))
    with pytest.raises(ValueError, match="3"):
        tries(1)
    assert [kind for kind, _ in kinds(events)] == [
        *("run_started", "call_started", "attempt_failed", "call_started", "attempt_failed", "call_started"),
        *("call_ended", "run_ended"),
    ]
    del events[:]
    tries(1)
    del events[:]
    tries(1)
    assert kinds(events) == [("run_restored", "tries")]


def test_a_listener_that_fails_is_reported_and_not_obeyed(events, caplog):
    def fails(event):
        raise RuntimeError("of the listener")

    remove = perdure.listen(fails)
    assert tries(1) == 1
    remove()
    assert "failed on run_started: RuntimeError('of the listener')" in caplog.text
    assert len(events) == 4


# -- the log ---------------------------------------------------------------------------------------------


def test_events_are_logged_in_a_line_with_their_fields(caplog, store):
    caplog.set_level(logging.DEBUG, "perdure.events")
    bad_luck(ValueError("again"))
    tries(1)
    with pytest.raises(ValueError, match="no answer"):
        breaks(1)
    run, other = store.journal.runs()[1].id, store.journal.runs()[0].id
    lines = [(each.levelname, each.getMessage()) for each in caplog.records]
    assert lines[:3] == [
        ("INFO", f"run {run} of tries: started"),
        ("DEBUG", f"run {run} of tries: flaky started: new call"),
        ("DEBUG", f"run {run} of tries: flaky failed, and is tried again: ValueError: again"),
    ]
    assert lines[5] == ("INFO", f"run {run} of tries: done")
    assert lines[-1] == ("INFO", f"run {other} of breaks: failed: ValueError: no answer")
    ended = caplog.records[-2]
    assert ended.getMessage().startswith(f"run {other} of breaks: fails failed after ")
    assert (ended.perdure_event, ended.perdure_run, ended.perdure_step, ended.perdure_state) == (
        *("call_ended", other, "fails", "failed"),
    )
    assert ended.perdure_error == "ValueError: no answer"
    with pytest.raises(ValueError, match="no answer"):
        breaks(1)
    assert f"run {other} of breaks: goes on" in caplog.text


def test_calls_are_not_logged_where_only_runs_are_asked_for(caplog):
    caplog.set_level(logging.INFO, "perdure.events")
    outer(1)
    assert [each.perdure_event for each in caplog.records] == ["run_started"] * 2 + ["run_ended"] * 2


def test_no_event_is_made_where_nobody_listens(monkeypatch):
    """Promise 10: it costs nothing then."""
    monkeypatch.setattr(Event, "__init__", lambda *_, **__: ran("made"))
    monkeypatch.setattr(listeners, "_listeners", [])
    assert tries(1) == 1
    assert taken() == []


# -- OpenTelemetry ---------------------------------------------------------------------------------------


@pytest.fixture
def exported():
    """What ended: spans by name; `tracer` made them."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    remove = telemetry.trace(provider.get_tracer("tests"))
    yield exporter
    remove()


def spans(exporter):
    found = exporter.get_finished_spans()
    exporter.clear()
    return found


def named(found, name):
    return next(each for each in found if each.name == name)


def ns(moment):
    return int(moment * 1e9)


def test_a_call_is_a_span_in_that_of_its_run_with_the_times_of_the_records(exported, store):
    tries(1)
    call, run = spans(exported)
    record = store.journal.runs()[0]
    made = store.journal.calls(record.id)[0]
    assert (run.name, call.name) == ("workflow tries", "flaky")
    assert call.parent.span_id == run.context.span_id
    assert (run.start_time, run.end_time) == (ns(record.created), ns(record.finished))
    assert (call.start_time, call.end_time) == (ns(made.started), ns(made.ended))
    assert dict(run.attributes) == {
        "perdure.run": record.id,
        "perdure.workflow": "tries",
        "perdure.state": "done",
        "perdure.restored": False,
    }
    assert dict(call.attributes) == dict(run.attributes) | {
        "perdure.call": made.id,
        "perdure.step": "flaky",
        "perdure.kind": "pure",
        "perdure.reason": "new call",
    }
    assert call.status.status_code is run.status.status_code is StatusCode.OK


def test_failed_attempts_are_events_of_their_call(exported):
    bad_luck(ValueError("one"), ValueError("two"))
    tries(1)
    call, _ = spans(exported)
    assert [(each.name, dict(each.attributes)) for each in call.events] == [
        ("exception", {"exception.type": "ValueError", "exception.message": "one"}),
        ("attempt", {"perdure.attempt": 2}),
        ("exception", {"exception.type": "ValueError", "exception.message": "two"}),
        ("attempt", {"perdure.attempt": 3}),
    ]
    assert call.status.status_code is StatusCode.OK


def test_an_error_is_recorded_with_its_call_and_run_and_a_run_that_goes_on_is_linked(exported):
    for _ in range(2):
        with pytest.raises(ValueError, match="no answer"):
            breaks(1)
    first_call, first_run, _, second_run = spans(exported)
    for each in (first_call, first_run):
        assert (each.status.status_code, each.status.description) == (
            StatusCode.ERROR,
            "ValueError: no answer",
        )
        assert each.attributes["perdure.state"] == "failed"
        assert dict(each.events[0].attributes)["exception.message"] == "no answer"
    [link] = second_run.links
    assert link.context.span_id == first_run.context.span_id
    assert dict(link.attributes) == {"perdure.link": "goes on"}


def test_a_child_run_lies_in_the_call_that_started_it(exported, store):
    outer(1)
    found = spans(exported)
    run, child = named(found, "workflow outer"), named(found, "workflow inner")
    started = named(found, "inner")
    assert child.parent.span_id == started.context.span_id
    assert started.parent.span_id == run.context.span_id
    assert child.attributes["perdure.parent"] == run.attributes["perdure.run"]
    assert {each.parent.span_id for each in found if each.name == "fetch"} == {
        *(run.context.span_id, child.context.span_id)
    }


def test_what_is_restored_is_a_span_without_length(exported):
    bad_luck(ValueError("later"))

    @workflow
    def body(n):
        fetch(n)
        stumble()

    with pytest.raises(ValueError, match="later"):
        body(1)
    spans(exported)
    body(1)
    call, _ = spans(exported)
    assert (call.name, call.attributes["perdure.restored"], call.start_time) == ("fetch", True, call.end_time)
    body(1)
    [run] = spans(exported)
    assert (run.name, run.attributes["perdure.restored"], run.start_time) == (
        "workflow body",
        True,
        run.end_time,
    )


def test_parallel_calls_are_spans_of_their_run(exported):
    @step
    async def afetch(x):
        return x

    @workflow
    async def body(n):
        perdure.now()
        return await afetch.map(range(5))

    asyncio.run(body(1))
    *calls, run = spans(exported)
    assert [each.name for each in calls] == ["afetch"] * 5
    assert {each.parent.span_id for each in calls} == {run.context.span_id}
    assert [(each.name, each.attributes["perdure.event"]) for each in run.events] == [
        ("perdure.now", "call_ended")
    ]


def test_what_is_open_ends_with_the_tracing_and_spans_lie_in_the_users_own():
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("tests")
    remove = []

    @workflow
    def body(n):
        remove[0]()
        return fetch(n)

    remove.append(telemetry.trace(tracer))
    with tracer.start_as_current_span("mine"):
        body(1)
    found = exporter.get_finished_spans()
    assert [each.name for each in found] == ["workflow body", "mine"]
    assert found[0].parent.span_id == found[1].context.span_id


def test_without_the_package_it_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)
    with pytest.raises(NeedsPackage, match=r"perdure\[otel\]"):
        telemetry.trace()
