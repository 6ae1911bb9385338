"""Runs and calls as spans of OpenTelemetry (`perdure[otel]`).

1. A run is a span from its start, or its going on, in this process to its end; a child run lies in the span
   of the call that started it. A run that goes on, or was forked, is linked to the span before it.
2. A call is a span in that of its run, over all its attempts; a failed attempt is an event in it. A sleep,
   and what `now()` and its like gave, are events of the run.
3. What was restored is a span without length.
4. Times are those of the records. Nothing is sent anywhere but by the exporters that the user set up.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from perdure.engine.events import Event, listen
from perdure.errors import NeedsPackage

if TYPE_CHECKING:
    from perdure.store.records import CallRecord, RunRecord

_REMEMBERED = 1_000
"""Runs whose ended spans can be linked to."""
_STEPS = frozenset({"pure", "effect", "volatile", "child"})
_FAILED = frozenset({"failed", "interrupted", "in doubt"})
_LATER = frozenset({"event", "state", "took", "error"})


def trace(tracer: Any = None) -> Callable[[], None]:
    """Make spans of all runs of this process, until what is returned is called.

    Args:
        tracer: a tracer of OpenTelemetry; None for that of the provider that is set.

    Raises:
        NeedsPackage: OpenTelemetry is not installed.
    """
    try:
        import opentelemetry.trace as api
    except ImportError:
        raise NeedsPackage(what="perdure.telemetry", package="opentelemetry-api", extra="otel") from None
    spans = _Spans(api, api.get_tracer("perdure") if tracer is None else tracer)
    remove = listen(spans.take)

    def end() -> None:
        remove()
        spans.close()

    return end


class _Spans:
    """The spans that are open, and those that may be linked to."""

    def __init__(self, api: Any, tracer: Any) -> None:
        self._api = api
        self._tracer = tracer
        self._lock = threading.Lock()
        self._open: dict[str, Any] = {}
        """By run or call."""
        self._callers: dict[str, str] = {}
        """The calls that child runs lie in, by run."""
        self._ended: OrderedDict[str, Any] = OrderedDict()
        """Of runs, the spans that ended last."""

    def take(self, event: Event) -> None:
        """Take in one event."""
        with self._lock:
            if event.call is not None:
                self._call(event, event.call)
            elif event.run.state != "open":  # a notebook's run has no end: its cells stand for themselves
                self._run(event, event.run)

    def close(self) -> None:
        """End what is open: nobody will tell how it ends."""
        with self._lock:
            for span in reversed(self._open.values()):
                span.end()
            self._open.clear()

    def _run(self, event: Event, run: RunRecord) -> None:
        if event.kind == "run_started":
            self._open[run.id] = self._begin_run(event, run.created if run.epoch == 1 else run.updated)
        elif event.kind == "run_restored":
            self._end(self._begin_run(event, event.at), run, event.at)
        elif run.id in self._open:
            span = self._open.pop(run.id)
            self._end(span, run, run.finished or run.updated)
            self._ended[run.id] = span.get_span_context()
            if len(self._ended) > _REMEMBERED:
                self._ended.popitem(last=False)

    def _begin_run(self, event: Event, began: float) -> Any:
        run = event.run
        before = {"goes on": run.id, "forked from": run.forked_from or "", "started by": run.parent or ""}
        links = [
            self._api.Link(self._ended[other], {"perdure.link": how})
            for how, other in before.items()
            if other in self._ended
        ]
        above = self._open.get(self._callers.pop(run.id, "")) or self._open.get(run.parent or "")
        return self._begin(f"workflow {run.workflow}", above, began, event, links)

    def _call(self, event: Event, call: CallRecord) -> None:
        run, span = self._open.get(event.run.id), self._open.get(call.id)
        if call.kind not in _STEPS:
            if run is not None:
                run.add_event(call.step, _attributes(event) | {"perdure.event": event.kind}, _ns(event.at))
        elif event.kind == "call_restored":
            self._end(self._begin(call.step, run, event.at, event), call, event.at)
        elif event.kind == "call_started" and span is None:
            self._open[call.id] = self._begin(call.step, run, call.started, event)
            if call.child is not None:
                self._callers[call.child] = call.id
        elif span is None:
            return  # it was settled by hand, or began before anybody listened
        elif event.kind == "call_started":
            span.add_event("attempt", {"perdure.attempt": call.failures + 1}, _ns(call.started))
        elif event.kind == "call_ended":
            self._end(self._open.pop(call.id), call, call.ended or event.at)
        else:
            self._failure(span, call.error, event.at)

    def _begin(self, name: str, above: Any, began: float, event: Event, links: Sequence[Any] = ()) -> Any:
        context = None if above is None else self._api.set_span_in_context(above)
        attributes = _attributes(event) | {"perdure.restored": event.kind.endswith("_restored")}
        return self._tracer.start_span(
            name, context=context, attributes=attributes, links=links, start_time=_ns(began)
        )

    def _end(self, span: Any, record: RunRecord | CallRecord, at: float) -> None:
        span.set_attribute("perdure.state", record.state)
        if record.state in _FAILED:
            self._failure(span, record.error, at)
            span.set_status(self._api.Status(self._api.StatusCode.ERROR, record.error))
        elif record.state == "done":
            span.set_status(self._api.Status(self._api.StatusCode.OK))
        span.end(_ns(at))

    def _failure(self, span: Any, error: str | None, at: float) -> None:
        """An error, as it is recorded, in the form that OpenTelemetry has for exceptions."""
        kind, _, said = (error or "").partition(": ")
        span.add_event("exception", {"exception.type": kind, "exception.message": said}, _ns(at))


def _attributes(event: Event) -> dict[str, Any]:
    """What an event says, as attributes; how it ends is not known before."""
    return {f"perdure.{name}": value for name, value in event.fields().items() if name not in _LATER}


def _ns(moment: float) -> int:
    """Nanoseconds since 1970, as OpenTelemetry counts."""
    return int(moment * 1e9)
