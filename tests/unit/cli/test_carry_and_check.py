"""`perdure export`, `import` and `check`: what they tell and do (promises 2, 4 and 8)."""

from __future__ import annotations

from pathlib import Path

import pytest

from perdure import codec
from perdure.cli import main
from perdure.store import open_store
from perdure.store.keys import user_key
from perdure.store.records import Place
from perdure.testing import sample_call, sample_run, sample_session

RUN = sample_run().id


def fill(folder, number=1, **fields):
    run = sample_run(number, **fields)
    with open_store(folder) as store:
        epoch = store.journal.claim(run, sample_session())
        call = sample_call(run.id, value="v_0", step="load")
        sealed = store.vault.seal(codec.encode(list(range(200_000))), Place(run.id, "load", call.inputs))
        call = sample_call(run.id, value=sealed.id)
        store.journal.write(run.id, epoch, [sealed, call])


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A store in this folder, and a folder elsewhere that has none."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    for name in ("PERDURE_STORE", "PERDURE_KEY_FILE", "PERDURE_ENCRYPT"):
        monkeypatch.delenv(name, raising=False)
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    fill(tmp_path / "here" / ".perdure")
    return tmp_path / "here" / ".perdure"


@pytest.fixture
def said(capsys):
    """Run a command; give its status and what it said, as one text."""

    def said(*words):
        status = main(list(words))
        streams = capsys.readouterr()
        return status, streams.out + streams.err

    return said


@pytest.fixture
def there(monkeypatch, tmp_path):
    def go():
        monkeypatch.chdir(tmp_path / "there")

    return go


def test_a_run_goes_from_one_folder_to_another(said, there):
    """Promise 4: the store is made, and the words say what came and how to go on."""
    status, text = said("export", "flights", "run.perdure")
    assert (status, f"flights {RUN}, 1 value" in text, user_key().id in text) == (0, True, True)
    assert "not encrypted" in text
    there()
    status, text = said("import", "../here/run.perdure", "--dry-run")
    assert (status, f"Would import flights {RUN}" in text) == (0, True)
    assert said("runs")[1].startswith("There is no store here")
    status, text = said("import", "../here/run.perdure")
    assert (status, f"Imported flights {RUN}, 1 value, into" in text) == (0, True)
    assert "`%workflow flights` goes on with it." in text
    assert RUN in said("runs")[1]
    assert "load" in said("show", RUN)[1]
    assert said("check")[0] == 0
    status, text = said("import", "../here/run.perdure")
    assert (status, "nothing was changed" in text) == (0, True)


def test_it_goes_into_the_store_that_was_named(said, tmp_path):
    """Promise 4: one that is there, a folder of a notebook, and one that is to be made."""
    said("export", RUN, "run.perdure")
    (tmp_path / "there" / "a.ipynb").touch()
    for store in ("../there", "../new", "../there"):
        assert said("--store", store, "import", "run.perdure")[0] == 0
    assert (tmp_path / "there" / ".perdure" / "journal.db").is_file()
    assert (tmp_path / "new" / "journal.db").is_file()


def test_a_store_that_is_made_where_none_should_lie_is_told(said, tmp_path, monkeypatch):
    """A store in a synchronised folder: said at once, and not with the next command."""
    said("export", RUN, "run.perdure")
    (tmp_path / "Dropbox").mkdir()
    monkeypatch.chdir(tmp_path / "Dropbox")
    status, text = said("import", "../here/run.perdure")
    assert (status, "Dropbox" in text, "PERDURE_STORE" in text) == (0, True, True)


def test_a_file_of_another_user_says_what_to_do(said, there, monkeypatch, tmp_path):
    """Promise 8."""
    key = user_key().id
    said("export", RUN, "run.perdure")
    monkeypatch.setenv("PERDURE_KEY_FILE", str(tmp_path / "other"))
    there()
    text = said("import", "../here/run.perdure")[1]
    assert f"Key {key} signed the file, and is not yours." in text
    assert f"`perdure trust {RUN}`" in text
    assert "1 value signed by another key" in said("check")[1]
    assert "Signed 1." in said("trust", RUN, "--yes")[1]
    assert "another key" not in said("check")[1]


def test_an_encrypted_file_says_what_is_in_the_clear(said, monkeypatch, folder, there):
    """Promise 8."""
    monkeypatch.setenv("PERDURE_ENCRYPT", "1")
    fill(folder, 2)
    text = said("export", "r_00000002", "run.perdure")[1]
    assert "1 value in it open with your key only" in text
    assert "Code, names, errors and times can be read" in text
    there()
    assert "open with the key only" in said("import", "../here/run.perdure")[1]


def test_a_newer_run_that_goes_on_is_named(said, there, tmp_path):
    """Promise 11."""
    said("export", RUN, "run.perdure")
    fill(tmp_path / "there" / ".perdure", 5)
    there()
    text = said("import", "../here/run.perdure")[1]
    assert "`flights` goes on with r_00000005 here, which is newer." in text
    assert "--store" in text


def test_a_run_that_differs_is_replaced_if_asked(said, there, tmp_path):
    """Promise 4."""
    said("export", RUN, "run.perdure")
    fill(tmp_path / "there" / ".perdure")
    there()
    status, text = said("import", "../here/run.perdure")
    assert (status, "is here already" in text, "--replace" in text) == (1, True, True)
    status, text = said("import", "../here/run.perdure", "--replace")
    assert (status, f"In the place of what was here: {RUN}." in text) == (0, True)


def test_a_child_and_what_it_needs_are_told(said, folder):
    """Promise 11."""
    fill(folder, 2, parent=RUN)
    assert "and 1 run that it needs" in said("export", RUN, "run.perdure")[1]
    assert f"It was started by {RUN}" in said("export", "r_00000002", "child")[1]
    text = said("--store", "new", "import", "child")[1]
    assert f"It was started by {RUN}, and is found again where that run is too." in text


def test_names_in_a_file_hide_nothing_in_a_terminal(said, folder):
    """Promise 8: whoever made the file chose them."""
    fill(folder, 2, workflow="w\x1b[2K", parent="r_\x1b[1A")
    for words in (("export", "r_00000002", "f"), ("--store", "../there", "import", "f")):
        text = said(*words)[1]
        assert "\x1b" not in text
        assert "r_00000002" in text
    fill(Path("../other/.perdure"), 2, workflow="x")
    status, text = said("--store", "../other", "import", "f")
    assert (status, "\x1b" in text) == (1, False)


def test_errors_are_a_sentence(said):
    """Promise 4: what is there already, what is no export, what is not there."""
    Path("mine").write_text("x")
    for words in (("export", RUN, "mine"), ("import", "mine"), ("import", "nothing"), ("export", "no", "f")):
        status, text = said(*words)
        assert (status, len(text.splitlines())) == (1, 2), text
    assert Path("mine").read_text() == "x"
    assert said("export", RUN, "mine", "--force")[0] == 0


def test_what_is_damaged_is_told_by_run_step_and_role(said, folder):
    """Promise 4: with what to do, status 1, and an export that leaves it out."""
    (blob,) = [path for path in (folder / "blobs").glob("??/*") if path.is_file()]
    data = bytearray(blob.read_bytes())
    data[100] ^= 1
    blob.write_bytes(data)
    for words in (("check",), ("check", "--store"), ("check", RUN), ("check", "--store", ".perdure")):
        status, text = said(*words)
        assert status == 1, text
        assert "1 value would be refused:" in text
        line = next(line for line in text.splitlines() if RUN in line)
        assert "flights" in line
        assert "step `load`, value: blob" in line
        assert line.endswith("Run `load` again with `--redo`.")
    status, text = said("export", RUN, "run.perdure")
    assert (status, "Left out, because it is damaged" in text) == (1, True)


def test_a_journal_that_is_no_database_is_told(said, folder):
    """Promise 4."""
    (folder / "journal.db").write_bytes(b"x" * 5000)
    status, text = said("check")
    assert (status, "damaged" in text) == (1, True)


def test_a_journal_that_is_damaged_anywhere_is_told(said, folder):
    """Promise 4: in sentences, wherever it is; what can be read is looked at all the same."""
    for number in range(2, 40):
        fill(folder, number)
    journal = folder / "journal.db"
    data = journal.read_bytes()
    found = []
    for page in range(1, len(data) // 4096, 3):
        harmed = bytearray(data)
        harmed[page * 4096 : page * 4096 + 64] = b"\xa5" * 64
        journal.write_bytes(harmed)
        status, text = said("check")
        found.append(status)
        assert "Traceback" not in text
        assert (status == 0) == ("All that is needed is whole." in text)
        if status:
            assert "Restore the folder from a backup" in text
    assert set(found) == {1}


@pytest.mark.parametrize("content", [None, b"notes"])
def test_no_store_is_made_for_what_is_no_export(content, said, there):
    """Nothing is changed, and that is said."""
    there()
    if content is not None:
        Path("file").write_bytes(content)
    status, told = said("import", "file")
    assert status == 1
    assert "nothing was changed" in told
    assert not Path(".perdure").exists()
