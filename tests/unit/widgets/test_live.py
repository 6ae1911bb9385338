"""`%timeline` and the picture that grows under a running `%%workflow` cell."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, replace

import pytest
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

import perdure_widgets
from perdure.engine.events import Event, Listeners
from perdure.errors import NoSuchRun
from perdure.store.memory import MemoryJournal
from perdure_widgets.live import LivePictures
from unit.widgets.story import RUN, START, Story, a_run, killed_and_resumed


class Screen(CapturingDisplayPublisher):
    """IPython's own capturing publisher; `shown` are the messages it got."""

    @property
    def shown(self):
        return self.outputs


class Clock:
    """Runs what waits when the test says so."""

    def __init__(self):
        self.waiting = []

    def later(self, seconds, function):
        entry = (seconds, function)
        self.waiting.append(entry)
        return lambda: self.waiting.remove(entry)

    def ring(self):
        for _, function in [self.waiting.pop(0) for _ in list(self.waiting)]:
            function()


@pytest.fixture
def screen():
    return Screen()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def story():
    story = Story(a_run("cell")).kernel(0, 5)
    story.call("load", 0, 1)
    return story


@pytest.fixture
def journal(story):
    journal = MemoryJournal()
    story.write(journal)
    return journal


@pytest.fixture
def tell(screen, clock, journal, story, monkeypatch):
    monkeypatch.delenv("PERDURE_PLAIN", raising=False)
    live = LivePictures(screen.publish, lambda: journal, clock.later, lambda: 0.0)
    return lambda kind, at, run=story.run: live(Event(kind, START + at, run))


def test_a_picture_that_is_slow_to_draw_is_drawn_less_often(screen, clock, journal, story, monkeypatch):
    """Promise 10: a run of very many steps does not spend its time on its picture."""
    monkeypatch.delenv("PERDURE_PLAIN", raising=False)
    readings = iter(range(100))
    live = LivePictures(screen.publish, lambda: journal, clock.later, lambda: next(readings))
    live(Event("run_started", START, story.run))
    for second in range(1, 20):
        live(Event("call_ended", START + second, story.run))
    assert len(screen.shown) == 1
    live(Event("call_ended", START + 21, story.run))
    assert len(screen.shown) == 2


def test_a_run_gets_one_picture_that_is_updated_in_place(tell, screen):
    tell("run_started", 0)
    tell("call_ended", 1)
    tell("run_ended", 2)
    assert [each["update"] for each in screen.shown] == [False, True, True]
    assert len({each["transient"]["display_id"] for each in screen.shown}) == 1
    assert all(each["metadata"] == {"perdure": {"picture": RUN}} for each in screen.shown)
    assert "load" in screen.shown[0]["data"]["text/plain"]


def test_two_passes_over_one_run_have_pictures_of_their_own(tell, screen):
    for at in (0, 10):
        tell("run_started", at)
        tell("run_ended", at + 1)
    assert len({each["transient"]["display_id"] for each in screen.shown}) == 2


@pytest.mark.parametrize("kind", ["call_waiting", "attempt_failed", "call_restored"])
def test_whatever_happens_to_a_call_is_drawn(tell, screen, story, journal, kind):
    story.sleep(1, 600)
    tell("run_started", 0)
    story.write(journal)
    tell(kind, 1)
    assert "sleeping" in screen.shown[-1]["data"]["text/plain"]


def test_a_burst_costs_ten_updates_a_second(tell, screen, clock):
    """Promise 10: pictures cost the same however fast the steps are."""
    tell("run_started", 0)
    for number in range(1, 1000):
        tell("call_ended", number / 1000)
        if clock.waiting and number % 100 == 0:
            clock.ring()
    assert len(screen.shown) <= 11
    tell("run_ended", 1.0)
    assert screen.shown[-1]["update"]
    assert clock.waiting == []


def test_what_came_too_soon_is_drawn_when_its_turn_comes(tell, screen, clock):
    tell("run_started", 0)
    tell("call_started", 0.01)
    tell("call_started", 0.02)
    assert len(screen.shown) == 1
    assert [round(seconds, 3) for seconds, _ in clock.waiting] == [0.09]
    clock.ring()
    assert len(screen.shown) == 2


def test_a_call_that_runs_is_drawn_once_the_journal_shows_it(tell, screen, clock):
    """Promise 10: a start is recorded a moment after it happened, if the call still runs then."""
    tell("run_started", 0)
    tell("call_started", 1.0)
    assert len(screen.shown) == 2
    assert [round(seconds, 3) for seconds, _ in clock.waiting] == [0.15]
    clock.ring()
    assert len(screen.shown) == 3
    assert clock.waiting == []


def test_a_clock_that_was_set_back_does_not_stop_the_picture(tell, screen):
    tell("run_started", 1000)
    tell("call_ended", 10)
    assert len(screen.shown) == 2


def test_nothing_is_drawn_after_the_end(tell, screen, clock):
    tell("run_started", 0)
    tell("call_started", 0.01)
    waiting = list(clock.waiting)
    tell("run_ended", 0.02)
    for _, function in waiting:
        function()
    tell("call_ended", 5)
    assert len(screen.shown) == 2


def test_plain_mode_shows_the_finished_picture_only(tell, screen, monkeypatch):
    monkeypatch.setenv("PERDURE_PLAIN", "1")
    tell("run_started", 0)
    tell("call_ended", 1)
    tell("run_ended", 2)
    assert [each["update"] for each in screen.shown] == [False]


@pytest.mark.parametrize("kind", ["notebook", "function"])
def test_other_runs_have_no_picture_under_a_cell(tell, screen, story, kind):
    tell("run_started", 0, replace(story.run, kind=kind))
    assert screen.shown == []


@dataclass
class Store:
    journal: MemoryJournal
    path: str = "/somewhere/.perdure"


class Session:
    """What a notebook session hands over."""

    def __init__(self, journal):
        self.shell, self.store, self.listeners = InteractiveShell(), Store(journal), Listeners()
        self.run_id = self.child_run_id = None

    def listen(self, listener):
        return self.listeners.add(listener)


@pytest.fixture
def session():
    journal = MemoryJournal()
    killed_and_resumed().write(journal)
    other = Story(a_run("notebook", "open", workflow="report", run="r_00000002", at=9000))
    other.sessions = [replace(killed_and_resumed().sessions[0], run="r_00000002")]
    other.write(journal)
    return Session(journal)


def drawn(session, line=""):
    return session.shell.run_line_magic("timeline", line).timeline.run.id


def test_timeline_draws_the_notebooks_run_else_the_newest_else_the_one_that_is_named(session):
    perdure_widgets.connect(session)
    assert drawn(session) == "r_00000002"
    assert drawn(session, "flights") == RUN
    assert drawn(session, RUN) == RUN
    session.run_id = RUN
    assert drawn(session) == RUN


def test_an_unknown_name_is_an_error_that_names_the_store(session):
    perdure_widgets.connect(session)
    with pytest.raises(NoSuchRun, match=r"`nothing` in the store at /somewhere/\.perdure"):
        session.shell.run_line_magic("timeline", "nothing")


def test_an_empty_store_says_what_to_type(session, capsys):
    session.store.journal = MemoryJournal()
    perdure_widgets.connect(session)
    assert session.shell.run_line_magic("timeline", "") is None
    assert "%%step NAME" in capsys.readouterr().out


def test_a_session_is_left_as_it_was_found(session):
    disconnect = perdure_widgets.connect(session)
    disconnect()
    assert "timeline" not in session.shell.magics_manager.magics["line"]
    session.shell.display_pub = Screen()
    session.listeners.tell(Event("run_started", START, a_run("cell")))
    assert session.shell.display_pub.shown == []


def test_a_session_hears_of_cells_as_they_run(session):
    perdure_widgets.connect(session)
    session.shell.display_pub = Screen()
    session.listeners.tell(Event("run_started", START, killed_and_resumed().run))
    assert "restored" in session.shell.display_pub.shown[0]["data"]["text/plain"]


def test_importing_the_pictures_is_light():
    """Promise 10: `%load_ext perdure` does not pay for what is not drawn."""
    code = "import sys, perdure_widgets; print([m for m in ('IPython', 'anywidget', 'numpy', 'pandas') if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )
