"""The line under a cell as HTML."""

from __future__ import annotations

from perdure_widgets.step_lines import render_line


def test_the_state_is_told_by_word_and_sign_and_names_are_code():
    html = render_line("restored", "from today 14:02", ["`model`, 3 MB"], "2 h", [])
    assert "<b>restored</b> from today 14:02" in html
    assert "<code" in html
    assert ">model</code>" in html
    assert "saved 2 h" in html
    assert "<svg" in html


def test_what_comes_from_a_run_is_text_never_markup():
    """Names and reasons are escaped."""
    html = render_line("ran", "", ["`<script>alert(1)</script>`"], "", ["<img src=x onerror=y>"])
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html


def test_what_waits_or_was_cut_off_has_a_sign_of_its_own():
    states = ("ran", "restored", "failed", "interrupted", "runs", "waits", "taken over")
    signs = {state: render_line(state, "", [], "", []).partition("<b>")[0] for state in states}
    assert len(set(signs.values())) == len(states)
    assert "<b>waits</b> until today 14:02" in render_line("waits", "until today 14:02", [], "", [])
