"""Whether a call is restored, runs, is asked about or refused (design, section 5; promises 1, 5 and 11)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perdure.engine.decide import NEW, Ask, Refuse, Request, Restore, Run, decide
from perdure.engine.history import History, within
from perdure.errors import CodeEdited, EffectUnclear, InDoubt, StrictDrift
from perdure.store.records import CallRecord, Part


def call(number=1, **fields):
    made = CallRecord(
        id=f"c_{number}",
        run="r_1",
        seq=number,
        branch="",
        step="f",
        inputs="in",
        occurrence=0,
        code="code",
        kind="pure",
        state="done",
        epoch=1,
        started=1.0,
        value="v_1",
        input_parts=(Part("day", "1", preview="'Monday'"), Part("rate", "2", preview="3")),
        code_parts=(Part("f", "a"), Part("clean", "b")),
    )
    return replace(made, **fields)


def request(**fields):
    made = Request(
        step="f",
        inputs="in",
        code="code",
        input_parts=(Part("day", "1", preview="'Monday'"), Part("rate", "2", preview="3")),
        code_parts=(Part("f", "a"), Part("clean", "b")),
    )
    return replace(made, **fields)


EDITED = {"code": "edited", "code_parts": (Part("f", "a"), Part("clean", "c"))}
OTHER = {
    "inputs": "other",
    "input_parts": (Part("day", "1", preview="'Monday'"), Part("rate", "9", preview="4")),
}
UNCHANGED = "code and inputs are unchanged"
CUT = "it was running when the kernel died or was interrupted"

# What is recorded, what is called, whether it is restored, runs again as the same call, or runs as a new one, why.
TABLE = [
    # nothing is recorded
    *(([], {"kind": kind}, "new", NEW) for kind in ("pure", "effect", "volatile")),
    # all parts are equal
    ([call()], {}, "restore", UNCHANGED),
    ([call(kind="effect")], {"kind": "effect"}, "restore", UNCHANGED),
    ([call(kind="volatile")], {"kind": "volatile"}, "restore", "recorded for this run"),
    # the code was edited
    ([call()], EDITED, "new", "code of `clean` changed"),
    ([call()], {**EDITED, "on_edit": "keep"}, "older", "kept, although the code of `clean` changed"),
    ([call(kind="effect")], {**EDITED, "kind": "effect"}, "older", "kept, although its code was edited"),
    ([call(kind="volatile")], {**EDITED, "kind": "volatile"}, "older", "kept, although its code was edited"),
    ([call(state="failed")], {**EDITED, "on_edit": "keep"}, "new", "code of `clean` changed"),
    ([call(state="interrupted")], {**EDITED, "on_edit": "ask"}, "new", "code of `clean` changed"),
    # it was edited back: the older version fits
    ([call(1), call(2, **EDITED)], {}, "restore", UNCHANGED),
    # inputs changed
    ([call()], OTHER, "new", "`rate` changed: 3 → 4"),
    ([call(kind="volatile")], {**OTHER, "kind": "volatile"}, "restore", "recorded for this run"),
    ([call()], {"inputs": "x", "input_parts": (Part("day", "1"),)}, "new", "`rate` is no input any more"),
    (
        [call()],
        {"inputs": "x", "input_parts": (*request().input_parts, Part("mode", "5"))},
        "new",
        "`mode` is a new input",
    ),
    ([call()], {**OTHER, **EDITED}, "new", "`rate` changed: 3 → 4, code of `clean` changed"),
    ([call()], {"occurrence": 1}, "new", NEW),
    ([call()], {"branch": "0"}, "new", NEW),
    # an explicit key
    ([call(key="k")], {"key": "k", **OTHER}, "restore", "found by its key `k`"),
    ([call(key="k")], {"key": "other"}, "new", NEW),
    ([call(key="k")], {"key": "k", **EDITED}, "new", "code of `clean` changed"),
    (
        [call(key="k", kind="effect")],
        {"key": "k", "kind": "effect", **OTHER},
        "restore",
        "found by its key `k`",
    ),
    ([call(kind="effect")], {"key": "k", "kind": "effect", **OTHER}, "new", NEW),
    # it did not end, or failed
    ([call(state="interrupted")], {}, "again", CUT),
    ([call(state="interrupted", kind="volatile")], {"kind": "volatile"}, "again", CUT),
    ([call(state="failed", error="E: x", value=None)], {}, "again", "its last attempt failed: E: x"),
    ([call(state="failed", error="E: x", caught=True)], {}, "restore", UNCHANGED),
    (
        [call(state="failed", error="E: x", caught=True, value=None)],
        {},
        "again",
        "its last attempt failed: E: x",
    ),
    # the user asks for it
    ([call()], {"redo": "asked for with --redo"}, "new", "asked for with --redo"),
    ([call(kind="effect")], {"redo": "asked for", "kind": "effect"}, "new", "asked for"),
]


@pytest.mark.parametrize(("recorded", "asked", "outcome", "why"), TABLE)
def test_look_up_follows_the_table(recorded, asked, outcome, why):
    """Promises 1 and 11: each decision is that of the kinds table, and says why."""
    found = decide(History(recorded), request(**asked))
    if outcome in ("restore", "older"):
        assert found == Restore(recorded[0], why, older_code=outcome == "older")
    else:
        assert found == Run(why, recorded[0] if outcome == "again" else None)


ASKED = [
    ([call()], {**EDITED, "on_edit": "ask"}, CodeEdited, "`clean`"),
    ([call(kind="effect", state="in doubt")], {"kind": "effect"}, InDoubt, "died"),
    (
        [call(kind="effect", state="in doubt", key="k")],
        {"kind": "effect", "key": "k", **OTHER},
        InDoubt,
        "died",
    ),
    ([call(kind="effect")], {"kind": "effect", **OTHER}, EffectUnclear, "`rate` changed: 3 → 4"),
    ([call(kind="effect", state="in doubt")], {"kind": "effect", **OTHER}, EffectUnclear, "`rate` changed"),
    ([call(kind="effect")], {"kind": "effect", "branch": "0", **OTHER}, EffectUnclear, "another place"),
    ([call(kind="effect", branch="0.1")], {"kind": "effect", "branch": "0", **OTHER}, EffectUnclear, "place"),
    ([call(kind="effect", branch="0")], {"kind": "effect", "branch": "1"}, EffectUnclear, "another place"),
]


@pytest.mark.parametrize(("recorded", "asked", "error", "words"), ASKED)
def test_a_person_is_asked(recorded, asked, error, words):
    """Promise 5: an effect of which nobody knows, or that may only be respelled, is never run silently."""
    found = decide(History(recorded), request(**asked))
    assert isinstance(found, Ask)
    assert isinstance(found.error, error)
    assert words in str(found.error)


@pytest.mark.parametrize("state", ["failed", "interrupted"])
def test_an_effect_that_surely_did_not_end_is_no_reason_to_ask(state):
    assert decide(History([call(kind="effect", state=state)]), request(kind="effect", **OTHER)) == Run(NEW)


def test_effects_of_neighbouring_branches_do_not_wait_for_each_other():
    """Whether a branch is asked about must not depend on which of them comes first after a kill."""
    history = History([call(kind="effect", branch="0.1")])
    assert decide(history, request(kind="effect", branch="0.0", **OTHER)) == Run(NEW)


def test_an_effect_that_this_pass_has_claimed_is_no_reason_to_ask():
    history = History([call(kind="effect")])
    history.claim(history.calls["c_1"])
    assert decide(history, request(kind="effect", **OTHER)) == Run(NEW)


def test_lent_calls_are_restored_and_that_is_all():
    """Calls of other runs give results, but no reasons and no questions."""
    history = History(lent=[call(kind="effect")])
    assert isinstance(decide(history, request(kind="effect")), Restore)
    assert decide(history, request(kind="effect", **OTHER)) == Run(NEW)
    assert decide(history, request(**OTHER)) == Run(NEW)


def test_a_loop_names_the_input_of_the_call_whose_place_it_takes():
    """Promise 11: calls that were claimed before are not the ones that a new call takes the place of."""
    first, second = call(1), call(2, inputs="in2", input_parts=(Part("day", "7", preview="'Tuesday'"),))
    history = History([first, second])
    asked = request(inputs="x", input_parts=(Part("day", "8", preview="'Friday'"),))
    history.claim(first)
    assert decide(history, asked) == Run("`day` changed: 'Tuesday' → 'Friday'")
    history.claim(second)
    assert decide(history, asked) == Run(NEW)
    open_ended = History([first, second], open_ended=True)
    open_ended.claim(first)
    open_ended.claim(second)
    assert decide(open_ended, asked) == Run("`day` changed: 'Tuesday' → 'Friday'")


STRICT = [
    ([], {"input_parts": (Part("model", "weak:x", weak=True),)}, "`model` cannot be compared by content"),
    ([call()], EDITED, "it would run again: code of `clean` changed"),
    ([call()], OTHER, "it would run again: `rate` changed"),
    ([call(kind="effect")], {**EDITED, "kind": "effect"}, "its code was edited"),
    ([call()], {**EDITED, "on_edit": "keep"}, "its code was edited"),
]


@pytest.mark.parametrize(("recorded", "asked", "words"), STRICT)
def test_strict_refuses_what_drifted(recorded, asked, words):
    found = decide(History(recorded), request(strict=True, **asked))
    assert isinstance(found, Refuse)
    assert isinstance(found.error, StrictDrift)
    assert words in str(found.error)


@pytest.mark.parametrize(
    ("recorded", "asked"),
    [
        ([], {}),
        ([call()], {}),
        ([call()], {"occurrence": 1}),
        ([call(state="interrupted")], {}),
        ([call()], {"redo": "asked for", **EDITED}),
    ],
)
def test_strict_lets_pass_what_is_new_unchanged_unfinished_or_asked_for(recorded, asked):
    assert isinstance(decide(claimed(recorded, asked), request(strict=True, **asked)), Run | Restore)


def claimed(recorded, asked):
    history = History(recorded)
    if asked.get("occurrence"):
        history.claim(recorded[0])
    return history


def test_deciding_changes_nothing():
    """`decide` is a pure function: asked twice, it says the same."""
    history = History([call()])
    assert decide(history, request()) == decide(history, request())
    assert decide(history, request(**OTHER)) == decide(history, request(**OTHER))


# -- history ---------------------------------------------------------------------------------------------


def test_the_newest_version_of_a_call_is_found():
    history = History([call(1), call(2)])
    assert history.exact("", "f", "in", 0, "code").id == "c_2"
    assert history.uncoded("", "f", "in", 0).id == "c_2"
    assert history.at("", "f", 0).id == "c_2"
    history.add(call(1))
    assert history.uncoded("", "f", "in", 0).id == "c_1"
    assert [each.id for each in history.of_step("f")] == ["c_1", "c_2"]
    assert history.of_step("g") == []


def test_a_newer_state_of_a_call_replaces_the_older():
    history = History([call(state="running")])
    history.add(call(state="done"))
    assert [each.state for each in history.of_step("f")] == ["done"]
    assert history.exact("", "f", "in", 0, "code").state == "done"


@pytest.mark.parametrize(
    ("branch", "parent", "inside"),
    [
        ("", "", True),
        ("0", "", True),
        ("0.1", "0", True),
        ("0", "0.1", False),
        ("10", "1", False),
        ("1", "1", True),
    ],
)
def test_branches_stand_in_each_other(branch, parent, inside):
    assert within(branch, parent) is inside


def test_an_open_ended_run_asks_about_an_effect_with_other_inputs_at_once():
    """Promise 5: in a notebook, where cells have no passes, an edited effect asks in the same kernel too."""
    history = History(open_ended=True)
    sent = call(kind="effect")
    history.add(sent)
    history.claim(sent)
    decision = decide(history, request(kind="effect", **OTHER))
    assert isinstance(decision, Ask)
    assert isinstance(decision.error, EffectUnclear)
    assert "`rate` changed: 3 → 4" in str(decision.error)
