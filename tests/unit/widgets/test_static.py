"""The still pictures: safe, whole, and readable without colours or styles."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from perdure.store.records import Tag
from perdure_widgets import words
from perdure_widgets.axis import axis
from perdure_widgets.picture import Picture
from perdure_widgets.runs import RunsTable
from perdure_widgets.static import render_html
from perdure_widgets.text import render_text
from unit.widgets.story import START, Story, a_run, killed_and_resumed

HOSTILE = "<script>alert('x')</script><img src=x onerror=\"alert(1)\">&amp;"
VOID = {"img", "br", "meta", "input"}


class Reader(HTMLParser):
    """Reads a picture as a front end would that drops styles and SVG: tags, attributes and text remain."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], ""
        self.feed(html)
        self.close()
        assert self.open == [], "every tag is closed"

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "svg"} & set(self.open):
            self.text += data


def every_state() -> Story:
    """A run in which each state occurs."""
    story = Story(a_run(state="done", epoch=2)).kernel(0, 60)
    kept = story.call("kept", 0, 1)
    older = story.call("older", 1, 2)
    story.call("gone", 2, 3)
    story.kernel(100, 160)
    story.call("ran", 101, 102)
    story.call("again", 103, 104, attempts=[(50, None, "interrupted", 1), (103, 104, "done", 2)])
    story.call("failed", 105, 106, "failed", error="ValueError: no")
    story.call("doubt", 107, None, "in doubt", kind="effect", attempts=[(107, 108, "interrupted", 2)])
    story.call("torn", 109, 110, "interrupted")
    story.call("running", 150, None, "running")
    story.call("paused", 111, 112, "waiting", due=START + 400, error="OSError: 503", reason="attempt 2 of 4: OSError: 503",
               attempts=[(111, 112, "failed", 2)])  # fmt: skip
    story.call("stopped", 113, 114, "cancelled")
    story.sleep(115, 120, 120)
    story.sleep(115, 130, 118, reason="woken by hand", occurrence=1)
    story.sleep(115, 300, occurrence=2)
    story.noted("now", 116)
    story.restore(kept, 100)
    story.restore(older, 100.5, older=True)
    return story


def test_every_state_is_told_by_its_word_glyph_and_shape():
    html = render_html(every_state().drawn(now=170))
    text = Reader(html).text
    for state in (
        "running",
        "ran",
        "ran again",
        "restored",
        "older",
        "failed",
        "in doubt",
        "interrupted",
        "gone",
        "cancelled",
        "sleeping",
        "slept",
        "woken",
        "noted",
    ):
        assert words.look(state).word in text
    assert "attempt 2 of 4" in text
    for shape in ("ran", "running", "kept", "older", "failed", "in-doubt", "interrupted", "gone", "cancelled", "waits",
                  "waited"):  # fmt: skip
        assert f'class="pdr-m-{shape}"' in html
    for line in ("retry", "ahead"):
        assert f'class="pdr-{line}"' in html
    looks = [words.look(row.state) for row in every_state().drawn(now=170).rows]
    assert len({(look.word, look.glyph) for look in looks}) == 15


def test_causes_are_written_out():
    """Promise 11: why a step failed or ran again is readable without a pointer."""
    text = Reader(render_html(every_state().drawn(now=170))).text
    assert "ValueError: no" in text
    assert "did it take place? %perdure resolve doubt again, ... done [VALUE] or ... fail" in text
    assert "waits for attempt 2 of 4 until 11:55; the last one failed: OSError: 503" in text


def test_kills_are_told_in_words_too():
    text = words.plain(Reader(render_html(killed_and_resumed().drawn())).text)
    assert "kernel 1: 11:48:40 to 14:03:22, killed · kernel 2: 14:05:40 to 14:10:22, ended" in text


def test_nothing_from_a_run_becomes_markup():
    """Promise 8: names, errors and previews are text."""
    story = Story(a_run(workflow=HOSTILE, state="failed", error=HOSTILE)).kernel(0, 10)
    story.call(HOSTILE, 0, 5, "failed", error=HOSTILE, kind=HOSTILE)
    story.call("again", 6, 7, "done", reason=HOSTILE)
    drawn = story.drawn(children=[a_run(workflow=HOSTILE, run="r_child", at=8)])
    for html in (render_html(drawn), RunsTable([drawn], START).html()):
        page = Reader(html)
        assert not {"script", "img"} & set(page.tags)
        assert not [name for name, _ in page.attributes if name.startswith("on")]
        assert HOSTILE in page.text


def test_a_picture_loads_nothing():
    """Promise 9: no script, no link, no address."""
    html = render_html(killed_and_resumed().drawn())
    page = Reader(html)
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert not re.search(r"https?:|@import|url\((?!#)", html)
    assert all(value.startswith("#") for name, value in page.attributes if name in ("href", "src"))


def test_ids_are_unique_per_picture():
    drawn = killed_and_resumed().drawn()
    ids = [set(re.findall(r'id="([^"]+)"', render_html(drawn))) for _ in range(2)]
    assert ids[0]
    assert not ids[0] & ids[1]
    html = render_html(drawn, ident="fixed")
    assert html == render_html(drawn, ident="fixed")
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', html))
    assert {"pdr-fixed-hatch", "pdr-fixed-lines"} <= used <= set(re.findall(r'id="([^"]+)"', html))


def test_every_style_rule_is_scoped():
    sheet = render_html(Story().drawn()).split("<style>")[1].split("</style>")[0]
    sheet = re.sub(r"/\*.*?\*/|@keyframes[^}]*\}\s*\}", "", sheet, flags=re.DOTALL)
    selectors = re.findall(r"([^{};]+)\{", sheet)
    assert all(".pdr" in selector or selector.strip().startswith("@") for selector in selectors)


@pytest.mark.parametrize("name", ["load", "clean", "train", "score", "publish"])
def test_the_table_has_a_header_for_each_step(name):
    html = render_html(killed_and_resumed().drawn())
    assert re.search(rf'<th scope="row">(?:(?!</th>).)*>{name}<', html)
    assert "<caption>" in html


def test_many_rows_fold_to_what_wants_attention_and_what_is_newest():
    story = Story().kernel(0, 500)
    for number in range(200):
        story.call(f"step {number}", number, number + 1, "failed" if number == 7 else "done", error="no")
    html = render_html(story.drawn())
    assert html.count('<tr class="pdr-row"') == 60
    assert "140 more: 140 ran" in html
    assert ">step 7<" in html
    assert ">step 199<" in html
    assert "140 more: 140 ran" in render_text(story.drawn())


def test_places_stay_inside_the_picture_whatever_the_clock_did():
    stories = [killed_and_resumed(), every_state()]
    back = Story(a_run("notebook", "open")).kernel(500, 400).kernel(300, 200)
    back.call("load", 500, 420, epoch=1)
    back.call("plot", 200, 200)
    idle = Story(a_run("notebook", "open")).kernel(0, 90_000)
    for number in range(40):
        idle.call(f"cell {number}", number * 2000, number * 2000 + 3)
    for story in [*stories, back, idle, Story(sessions=[])]:
        drawn = story.drawn()
        scale = axis(drawn)
        ends = [x for piece in scale.pieces for x in (piece.x0, piece.x1)]
        assert ends == sorted(ends)
        assert all(
            0 <= scale.at(each.epoch, each.start) <= scale.at(each.epoch, each.end) <= 100
            for row in drawn.rows
            for each in row.segments
        )
        assert "nan" not in render_html(drawn)


def test_time_without_a_kernel_is_folded():
    story = Story(a_run(state="done")).kernel(0, 100).kernel(1_000_000, 1_000_100)
    story.call("one", 0, 100, epoch=1)
    story.call("two", 1_000_000, 1_000_100)
    first, second = axis(story.drawn()).pieces
    assert first.x1 - first.x0 == pytest.approx(second.x1 - second.x0)
    assert second.x0 - first.x1 < 10


def test_a_short_life_of_a_kernel_stays_readable():
    story = Story(a_run(state="done")).kernel(0, 100_000).kernel(200_000, 200_001)
    story.call("long", 0, 100_000, epoch=1)
    story.call("short", 200_000, 200_001)
    last = axis(story.drawn()).pieces[-1]
    assert last.x1 - last.x0 == pytest.approx(22)


def test_the_text_says_the_same_in_words():
    text = render_text(killed_and_resumed().drawn())
    lines = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]
    assert lines[0][:3] == ["flights", "r_5a9e31c2", "done"]
    assert [
        "score",
        "ran again",
        "1 m 28 s",
        "41.0 s lost; it was interrupted when kernel 1 was killed",
    ] in lines
    assert "kernel 1: 11:48:40 to 14:03:22, killed" in text


def test_the_text_holds_no_control_characters():
    story = Story(a_run(workflow="\x1b[31mred\r\n")).kernel(0, 5)
    story.call("a\x1b]0;title\x07b", 0, 1, reason="line\nbreak")
    drawn = story.drawn()
    drawn = replace(
        drawn, word="do\x1b[2J\nne", run=replace(drawn.run, id="r_1\x1b[2J\nr_2"), summary="1 do\x1bne"
    )
    for text in (render_text(drawn), RunsTable([drawn], START).text()):
        assert all(letter.isprintable() or letter == "\n" for letter in text)
        assert not re.search("^(ne|r_2)", text, re.MULTILINE)


def test_a_picture_offers_html_and_text_and_is_marked_as_one():
    picture = Picture(killed_and_resumed().drawn())
    data, metadata = picture._repr_mimebundle_()
    assert set(data) == {"text/html", "text/plain"}
    assert metadata == {"perdure": {"picture": "r_5a9e31c2"}}
    assert repr(picture).startswith("<timeline of flights r_5a9e31c2: done, ")
    assert "\n" not in repr(picture)


def test_runs_are_listed_with_state_time_and_savings():
    drawn = killed_and_resumed().drawn()
    table = RunsTable([drawn, replace(drawn, state="failed", word="failed")], START + 10_000, more=3)
    assert re.search(r"flights +r_5a9e31c2 +done +11:48:40 +2 h \d\d m +2 h 13 m", table.text())
    page = Reader(table.html())
    assert page.tags.count("tr") == 3
    assert "3 older, not listed" in page.text
    assert "%%step" in RunsTable([], START).text()


def test_tags_stand_beside_the_runs_name():
    """Promise 8: they are text."""
    drawn = killed_and_resumed().drawn()
    tags = (Tag("day", "mon"), Tag("draft", ""), Tag(HOSTILE, HOSTILE))
    tagged = replace(drawn, run=replace(drawn.run, tags=tags))
    table = RunsTable([tagged, drawn], START)
    assert table.text().splitlines()[0].endswith("  tags")
    assert "day=mon, draft, " in table.text().splitlines()[1]
    for html in (table.html(), render_html(tagged)):
        page = Reader(html)
        assert "day=mon, draft, " in page.text
        assert not {"script", "img"} & set(page.tags)
    assert "day=mon" in render_text(tagged)
    assert "tags" not in RunsTable([drawn], START).text()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0.0 ms"), (0.0004, "0.4 ms"), (0.0099999, "10 ms"), (0.9996, "1.0 s"), (3.2, "3.2 s"), (59.97, "1 m 00 s"),
     (62, "1 m 02 s"), (3599.7, "1 h 00 m"), (8064, "2 h 14 m"), (86400 * 3 + 3600 * 4, "3 d 04 h")],
)  # fmt: skip
def test_times_have_two_units_at_most(seconds, text):
    assert words.plain(words.took(seconds)) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (3400, "3.4 kB"), (999_999, "1.0 MB"), (10**15, "1000 TB")],
)
def test_sizes_have_one_unit(count, text):
    assert words.plain(words.size(count)) == text
