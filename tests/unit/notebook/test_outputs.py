"""Promise 7: what was shown comes back, in order, as plain data, and bounded. Here without a kernel."""

# ruff: noqa: T201  what is printed is what is tested

from __future__ import annotations

import contextlib
import io
import sys

import ormsgpack
import pytest

from perdure.notebook.outputs import Recorder, show


class Published:
    """What reached the front end: a stand-in for the one behind the kernel's wire."""

    def __init__(self, shell):
        self.messages = []
        self.publisher = shell.display_pub
        self.publisher.publish = self._publish
        self.publisher.clear_output = lambda wait=False: self.messages.append(("clear", wait))

    def _publish(self, data, metadata=None, *, transient=None, update=False, **_):
        self.messages.append(("update" if update else "display", data, (transient or {}).get("display_id")))


@pytest.fixture
def published(shell):
    return Published(shell)


def record(shell, body, **options):
    recorder = Recorder(shell, **options)
    with recorder.recording():
        body(shell.display_pub)
    return recorder.outputs


def test_text_and_displays_are_kept_in_order_and_seen_live(shell, published, capsys):
    def body(publisher):
        print("a", end="")
        print("b")
        publisher.publish({"text/plain": "one"}, {})
        print("c", file=sys.stderr)

    outputs = record(shell, body)
    assert outputs == [
        {"output_type": "stream", "name": "stdout", "text": "ab\n"},
        {"output_type": "display_data", "data": {"text/plain": "one"}, "metadata": {}},
        {"output_type": "stream", "name": "stderr", "text": "c\n"},
    ]
    assert capsys.readouterr() == ("ab\n", "c\n")
    assert published.messages == [("display", {"text/plain": "one"}, None)]
    show(shell, outputs)
    assert capsys.readouterr() == ("ab\n", "c\n")
    assert len(published.messages) == 2


def test_what_a_terminal_prints_for_a_display_is_not_kept_twice(shell, capsys):
    outputs = record(shell, lambda publisher: publisher.publish({"text/plain": "one"}, {}))
    assert [output["output_type"] for output in outputs] == ["display_data"]
    assert capsys.readouterr().out == "one\n"


def test_an_update_replaces_the_state_and_keeps_the_id(shell, published):
    def body(publisher):
        publisher.publish({"text/plain": "1"}, {}, transient={"display_id": "mine"})
        publisher.publish({"text/plain": "2"}, {}, transient={"display_id": "mine"}, update=True)
        publisher.publish({"text/plain": "3"}, {}, transient={"display_id": "other"}, update=True)
        publisher.publish({"text/plain": "4"}, {}, transient={"display_id": "other"}, update=True)

    outputs = record(shell, body)
    published.messages.clear()
    show(shell, outputs)
    assert published.messages == [
        ("display", {"text/plain": "2"}, "mine"),
        ("update", {"text/plain": "4"}, "other"),
    ]


def test_perdures_own_lines_pass_unrecorded(shell, published):
    outputs = record(
        shell, lambda publisher: publisher.publish({"text/plain": "restored"}, {"perdure": {"line": 1}})
    )
    assert outputs == []
    assert len(published.messages) == 1


def test_a_cleared_output_is_gone_and_one_cleared_at_the_next_output_goes_with_it(shell, published):
    def body(publisher):
        print("old")
        publisher.clear_output()
        print("middle")
        publisher.clear_output(wait=True)

    (output,) = record(shell, body)
    assert output["text"] == "middle\n"

    def body_goes_on(publisher):
        body(publisher)
        print("new")

    (output,) = record(shell, body_goes_on)
    assert output["text"] == "new\n"


def test_what_is_kept_is_plain(shell, published):
    class Odd(str):
        __slots__ = ()

    data = {
        "image/png": b"\x89PNG",
        "application/json": {"a": (1, Odd("b"), None, {2: 1.5})},
        "text/plain": Odd("x"),
    }
    outputs = record(shell, lambda publisher: publisher.publish(data, {"image/png": {"width": 3}}))
    assert ormsgpack.unpackb(ormsgpack.packb(outputs)) == outputs
    assert outputs[0]["data"]["image/png"] == "iVBORw=="
    assert outputs[0]["data"]["application/json"] == {"a": [1, "b", None, {"2": 1.5}]}


def test_of_too_much_the_middle_is_left_out_and_a_line_says_so(shell):
    def body(_):
        for number in range(100_000):
            print(number)

    (begin, line, end) = record(shell, body, limit=40_000)
    assert begin["text"].startswith("0\n1\n2\n")
    assert end["text"].endswith("99999\n")
    assert "characters of output are left out here" in line["text"]
    assert len(begin["text"]) + len(end["text"]) <= 40_000
    left_out = int(line["text"].split()[0].strip("[").replace(",", ""))
    assert left_out + len(begin["text"]) + len(end["text"]) == sum(len(str(n)) + 1 for n in range(100_000))


def test_a_display_that_is_too_much_alone_is_left_out_and_its_updates_with_it(shell, published):
    def body(publisher):
        publisher.publish({"text/html": "x" * 50}, {}, transient={"display_id": "big"})
        publisher.publish({"text/html": "y"}, {}, transient={"display_id": "big"}, update=True)
        print("end")

    line, end = record(shell, body, limit=40)
    assert "50 characters" in line["text"]
    assert end["text"] == "end\n"


def test_recordings_may_overlap_in_any_order_and_leave_nothing_behind(shell, published):
    write, publish, stdout = sys.stdout.write, shell.display_pub.publish, sys.stdout
    first, second = Recorder(shell), Recorder(shell)
    one, two = first.recording(), second.recording()
    one.__enter__()
    print("1")
    two.__enter__()
    print("2")
    one.__exit__(None, None, None)
    print("3")
    two.__exit__(None, None, None)
    print("4")
    assert first.outputs[0]["text"] == "1\n2\n"
    assert second.outputs[0]["text"] == "2\n3\n"
    assert (sys.stdout.write, shell.display_pub.publish, sys.stdout) == (write, publish, stdout)


def test_a_body_that_fails_leaves_what_it_showed(shell):
    def body(_):
        print("so far")
        raise LookupError

    recorder = Recorder(shell)
    with pytest.raises(LookupError), recorder.recording():
        body(None)
    assert recorder.outputs[0]["text"] == "so far\n"


def test_output_that_the_cell_captures_itself_is_not_taken(shell):
    def body(_):
        with contextlib.redirect_stdout(io.StringIO()) as captured:
            print("inside")
        assert captured.getvalue() == "inside\n"
        print("outside")

    assert record(shell, body)[0]["text"] == "outside\n"


def test_a_live_widget_is_shown_again_as_its_text(shell, published):
    data = {"application/vnd.jupyter.widget-view+json": {"model_id": "m"}, "text/plain": "IntSlider()"}
    outputs = record(shell, lambda publisher: publisher.publish(data, {}))
    published.messages.clear()
    show(shell, outputs)
    assert published.messages == [("display", {"text/plain": "IntSlider()"}, None)]
