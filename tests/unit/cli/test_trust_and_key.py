"""`perdure trust` and `perdure key`: what they tell, ask and do (promise 8)."""

from __future__ import annotations

import io
import sys

import pytest

from perdure import codec
from perdure.cli import main
from perdure.store import open_store
from perdure.store.keys import key_file, user_key
from perdure.store.records import Place
from perdure.testing import sample_run, sample_session

RUN = sample_run().id


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A store in this folder with two values, one of which needs a class."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    for name in ("PERDURE_STORE", "PERDURE_KEY_FILE", "PERDURE_ENCRYPT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    with open_store(tmp_path / ".perdure") as store:
        epoch = store.journal.claim(sample_run(), sample_session())
        values = [store.vault.seal(codec.encode(value), Place(RUN, "s", "1f")) for value in ([1], main)]
        store.journal.write(RUN, epoch, values)
    return tmp_path / ".perdure"


@pytest.fixture
def foreign(folder):
    key_file().unlink()
    return folder


class Terminal(io.StringIO):
    def isatty(self):
        return True


def answered(monkeypatch, text):
    monkeypatch.setattr(sys, "stdin", Terminal(text))


def strangers(folder):
    with open_store(folder) as store:
        return sum(number for key, number in store.journal.key_ids().items() if key != store.key.id)


def test_where_all_is_ones_own_it_says_so(capsys):
    assert main(["trust", "--all"]) == 0
    assert "Every value here is signed by your key" in capsys.readouterr().out


def test_without_a_run_it_only_tells(foreign, capsys):
    """Promise 8: nothing is signed by looking."""
    assert main(["trust", "--yes"]) == 0
    out = capsys.readouterr().out
    assert f"flights {RUN}: 2 values, signed by key" in out
    assert "1 can run code" in out
    assert "perdure trust --all" in out
    assert strangers(foreign) == 2


@pytest.mark.parametrize("answer", ["y\n", "n\n", "", "\n"])
def test_it_signs_after_a_yes_and_nothing_else(foreign, capsys, monkeypatch, answer):
    """Promise 8."""
    answered(monkeypatch, answer)
    yes = answer == "y\n"
    assert main(["trust", "flights"]) == (0 if yes else 1)
    assert "Sign 2 with your key? [y/N]" in capsys.readouterr().out
    assert strangers(foreign) == (0 if yes else 2)


def test_where_nobody_can_be_asked_it_refuses(foreign, capsys, monkeypatch):
    """Promise 8: headless, only `--yes` is a yes."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    assert main(["trust", "--all"]) == 1
    assert "nobody can be asked here: nothing was done" in capsys.readouterr().err
    assert strangers(foreign) == 2
    assert main(["trust", "--all", "--yes"]) == 0
    assert "Signed 2." in capsys.readouterr().out
    assert strangers(foreign) == 0


def test_a_run_that_there_is_not_is_told(capsys):
    assert main(["trust", "none"]) == 1
    assert "There is no run `none`" in capsys.readouterr().err


def test_the_key_is_shown_with_what_it_signed(foreign, capsys):
    assert main(["key"]) == 0
    assert "There is no key yet" in capsys.readouterr().out
    assert not key_file().exists()
    key = user_key()
    assert main(["key", "show"]) == 0
    out = capsys.readouterr().out
    assert f"Your key is {key.id}" in out
    assert "not yours, signed 2 values here" in out
    assert key.secret.hex() not in out


def test_a_key_is_rotated_and_values_are_stored_anew(folder, capsys, monkeypatch):
    """Promise 8: the older key is kept in the file; with --resign it is not needed any more."""
    old = user_key()
    assert main(["key", "rotate"]) == 0
    assert (user_key().older, strangers(folder)) == ((old,), 2)
    assert "1 older, which still open what they signed" in capsys.readouterr().out
    monkeypatch.setenv("PERDURE_ENCRYPT", "1")
    assert main(["key", "rotate", "--resign"]) == 0
    assert "Stored 2 anew" in capsys.readouterr().out
    assert (len(user_key().older), strangers(folder)) == (2, 0)
    with open_store(folder) as store:
        assert {store.journal.value(value).packing for value in store.journal.value_ids()} == {"aes"}
    assert main(["key", "resign"]) == 0
    assert "Stored 0 anew" in capsys.readouterr().out


def test_what_cannot_be_opened_is_left_and_told(folder, capsys, monkeypatch):
    monkeypatch.setenv("PERDURE_ENCRYPT", "1")
    with open_store(folder) as store:
        epoch = store.journal.claim(sample_run(), sample_session())
        record = store.vault.seal(codec.encode(b"x" * 2_000_000), Place(RUN, "s", "2f"))
        store.journal.write(RUN, epoch, [record])
        store.blobs.remove(record.buffers)
    assert main(["key", "rotate", "--resign"]) == 1
    told = capsys.readouterr()
    assert "Stored 2 anew" in told.out
    assert "1 could not be opened" in told.err
