"""The magics at a keyboard: help, completion, usage errors, loading and unloading, and what they show."""

from __future__ import annotations

import pytest

HEAD = "%load_ext perdure\n%workflow numbers"


@pytest.fixture(params=["perdure", "python3"])
def any_kernel(request, open_notebook):
    """A notebook over each kernel, with one step done."""
    notebook = open_notebook(kernel=request.param)
    assert notebook.run(HEAD).status == "ok"
    assert notebook.run("%%step first_one\nx = 1\nx").status == "ok"
    return notebook


def completions(notebook, code: str) -> list[str]:
    reply = notebook.kc.complete(code, len(code), reply=True, timeout=60)
    return [text for text in reply["content"]["matches"] if not text.startswith("%")]


def test_help_names_the_options_and_what_they_do(any_kernel):
    for magic, says in {
        "%%step": "--retries",
        "%%workflow": "--input",
        "%%setup": "Run the cell always",
        "%workflow": "--params",
        "%resume": "--plan",
        "%runs": "--limit",
        "%perdure": "resolve",
        "%timeline": "timeline of a run",
    }.items():
        reply = any_kernel.run(f"{magic}?")
        pages = [
            page["data"]["text/plain"]
            for message in reply.messages
            if message["msg_type"] == "execute_reply"
            for page in message["content"]["payload"]
        ]
        told = any_kernel.kc.inspect(magic, len(magic), reply=True, timeout=60)["content"]
        text = "\n".join([*pages, told.get("data", {}).get("text/plain", "")])
        assert says in text, magic
        assert reply.status == "ok"


def test_options_and_names_are_completed(any_kernel):
    assert "--retries" in completions(any_kernel, "%%step a --re")
    assert {"--redo", "--retries", "--replace"} == set(completions(any_kernel, "%%step a --re"))
    assert completions(any_kernel, "%%step fir") == ["first_one"]
    assert completions(any_kernel, "%perdure resolve fi") == ["first_one"]
    assert completions(any_kernel, "%resume num") == ["numbers"]
    assert completions(any_kernel, "%workflow nu") == ["numbers"]
    assert completions(any_kernel, "%%workflow w --redo fi") == ["first_one"]
    assert "--plan" in completions(any_kernel, "%resume --")
    assert set(completions(any_kernel, "%%step a --kind ")) == {"pure", "effect", "volatile"}
    assert completions(any_kernel, "%%step a --kind e") == ["effect"]
    actions = {"status", "du", "export", "gc", "resolve", "trust", "cache"}
    assert set(completions(any_kernel, "%perdure ")) == actions
    assert "--limit" in completions(any_kernel, "%runs --")
    assert "x" in completions(any_kernel, "%%step a\nx"), "the body is completed as ever"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("%%step\nx = 1", "the following arguments are required: name"),
        ("%%step a b\nx = 1", "unrecognized arguments: b"),
        ("%%step a --retires 3\nx = 1", "Is `--retries` meant?"),
        ("%%step 'my step'\nx = 1", "one word without quotation marks"),
        ("%workflow 'my flow'", "one word without quotation marks"),
        ("%%step a --retries -1\nx = 1", "-1"),
        ("%%step a --output 'x\nx = 1", "No closing quotation"),
        ("%%workflow\nx = 1", "required: name"),
        ("%%workflow a --params x\nx = 1", "--params belongs to %workflow"),
        ("%workflow", "required: name"),
        ("%workflow a --params nothere", "nothere, which is not defined"),
        ("%runs --limit many", "invalid positive value"),
        ("%runs --limit 0", "invalid positive value"),
        ("%perdure nonsense", "invalid choice"),
        ("%perdure resolve a", "both are needed"),
        ("%perdure resolve first_one done (((", "no plain Python value"),
        ("%resume nowhere", "no workflow nowhere"),
    ],
)
def test_a_usage_error_is_one_line(module_notebook, line, says):
    reply = module_notebook.run(line)
    assert reply.stderr.startswith("UsageError: ")
    assert says in reply.stderr
    assert len(reply.stderr.strip().splitlines()) == 1


@pytest.fixture(scope="module")
def module_notebook(tmp_path_factory):
    """One kernel for all usage errors, which leave nothing behind."""
    from kernel.harness import Notebook

    notebook = Notebook(tmp_path_factory.mktemp("usage"))
    notebook.run(HEAD)
    notebook.run("%%step first_one\nx = 1")
    yield notebook
    notebook.shutdown()


def test_loading_twice_reloading_and_unloading(any_kernel):
    run = any_kernel.run
    again = run("%load_ext perdure")
    assert again.status == "ok"
    assert run("%%step second\ny = x").errors == []
    assert run("%reload_ext perdure").errors == []
    assert "UsageError" in run("%%step second\ny = x").stderr, "a fresh session needs its workflow named"
    assert run("%workflow numbers").errors == []
    assert "restored" in run("%%step second\ny = x").text
    assert run("%unload_ext perdure").errors == []
    gone = run("%%step second\ny = x")
    assert "UsageError: Cell magic `%%step` not found" in gone.stderr
    awaiting = run("%%step second\nimport asyncio\nawait asyncio.sleep(0)")
    assert "`%%step` not found" in awaiting.stderr
    assert "`%timeline` not found" in run("%timeline").stderr
    assert run("%load_ext perdure").errors == []
    assert run("%workflow numbers").errors == []
    assert "restored" in run("%%step first_one\nx = 1\nx").text


def test_what_the_line_magics_show(any_kernel):
    run = any_kernel.run
    listed = run("%runs")
    assert listed.errors == []
    assert "numbers" in listed.text
    assert "<" in listed.html()
    assert "No runs" in run("%runs nowhere").text
    told = run("%perdure").text
    for fact in ("store", "size", "runs", "durability", "key", "workflow"):
        assert fact in told
    swept = run("%perdure gc")
    assert swept.text.replace("\N{NO-BREAK SPACE}", " ").startswith("Removed 0 blobs: 0 B.\nThe store takes ")
    drawn = run("%timeline")
    assert "first_one" in drawn.text
    assert "<svg" in drawn.html()
    assert "http" not in drawn.html().replace("http://www.w3.org", ""), "promise 9"
    plan = run("%resume --plan")
    assert "restore" in plan.text
    assert "<table" in plan.html()
    assert run("%resume").errors == []


def test_resume_where_nothing_is_kept_says_so(open_notebook):
    notebook = open_notebook()
    reply = notebook.run("%load_ext perdure\n%resume")
    assert reply.stderr.strip() == "UsageError: nothing is kept here yet"
    assert notebook.run("%workflow a").errors == []
    resumed = notebook.run("%resume")
    assert resumed.errors == []
    assert "no step is kept that could be restored" in resumed.text
