"""Where a store is looked for, and how it is found again."""

import subprocess

import pytest

from perdure.store import open_store
from perdure.store.location import find_store, known_stores, remember


def test_a_new_store_is_private_and_unseen_by_git(tmp_path):
    """Promise 9: 0700, with a .gitignore of its own."""
    path = find_store(tmp_path)
    assert path == tmp_path / ".perdure"
    assert path.stat().st_mode & 0o777 == 0o700
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    seen = subprocess.run(
        ["git", "status", "--porcelain"], cwd=tmp_path, capture_output=True, check=True, text=True
    )
    assert ".perdure" not in seen.stdout


def test_a_store_whose_making_was_cut_short_is_unseen_by_git_all_the_same(tmp_path):
    """Promise 2: killed between the folder and its .gitignore; a folder with other files in it gets none."""
    for name, left in (("bare", None), ("half", ".tmp-1-00"), ("other", "notes.txt")):
        (tmp_path / name).mkdir()
        if left:
            (tmp_path / name / left).touch()
        open_store(tmp_path / name).close()
    made = {path.parent.name for path in tmp_path.glob("*/.gitignore")}
    assert made == {"bare", "half"}


def test_the_nearest_store_upwards_is_found(tmp_path):
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    far = find_store(tmp_path)
    assert find_store(below) == far
    near = tmp_path / "a" / ".perdure"
    near.mkdir()
    assert find_store(below) == near
    assert not (below / ".perdure").exists()


def test_the_variable_names_the_store_of_every_folder(tmp_path, monkeypatch):
    find_store(tmp_path)
    monkeypatch.setenv("PERDURE_STORE", str(tmp_path / "far" / "store"))
    assert find_store(tmp_path) == tmp_path / "far" / "store"
    monkeypatch.chdir(tmp_path)
    with open_store() as store:
        assert store.path == tmp_path / "far" / "store"


def test_the_variable_can_name_memory(tmp_path, monkeypatch):
    monkeypatch.setenv("PERDURE_STORE", ":memory:")
    monkeypatch.chdir(tmp_path)
    with open_store() as store:
        assert store.path is None
    assert list(tmp_path.iterdir()) == []


def test_stores_are_remembered_once_and_forgotten_when_they_are_gone(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    for path in (one, two, one):
        open_store(path).close()
    assert known_stores() == [one, two]
    (one / "journal.db").unlink()
    assert known_stores() == [two]


@pytest.mark.parametrize("text", ["", "{", '{"a": 1}', '[1, null, "/no/such/store"]', "\udcff"])
def test_an_index_of_garbage_is_an_empty_one(tmp_path, text):
    index = tmp_path / "user" / "perdure" / "stores.json"
    index.parent.mkdir(parents=True)
    index.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert known_stores() == []
    open_store(tmp_path / "one").close()
    assert known_stores() == [tmp_path / "one"]


def test_a_store_works_without_an_index(tmp_path):
    (tmp_path / "user").write_text("a file where the folder would be")
    remember(tmp_path)
    open_store(tmp_path / "one").close()
    assert known_stores() == []
