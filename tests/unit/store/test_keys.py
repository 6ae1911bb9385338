"""The user's key: one, private, born whole."""

import pytest
from blake3 import blake3

from perdure.errors import BadKey
from perdure.store.keys import passing_key, rotate_key, user_key
from perdure.testing import in_threads


def test_a_key_is_made_when_it_is_first_needed(tmp_path):
    """Promise 8: 32 random bytes, for this user alone."""
    key = user_key()
    assert key.path == tmp_path / "user" / "perdure" / "key"
    assert len(key.secret) == 32
    assert key.id == blake3(key.secret).hexdigest()[:8]
    assert key.path.stat().st_mode & 0o777 == 0o600
    assert key.path.parent.stat().st_mode & 0o777 == 0o700
    assert user_key() == key
    assert user_key(tmp_path / "other") != key


def test_a_named_file_is_the_key(tmp_path, monkeypatch):
    monkeypatch.setenv("PERDURE_KEY_FILE", str(tmp_path / "mine"))
    assert user_key().path == tmp_path / "mine"


def test_a_secret_is_not_shown():
    """Promise 9: not even in a traceback."""
    key = passing_key()
    assert repr(key.secret) not in repr(key)


def test_all_who_make_the_key_at_once_get_the_same(tmp_path, start):
    """Promise 8: in threads and in processes."""
    script = "from perdure.store.keys import user_key; print('ready', flush=True); sys.stdin.readline(); print(user_key().id, flush=True)"
    makers = [start(script) for _ in range(3)]
    for maker in makers:
        maker.stdout.readline()
    for maker in makers:
        maker.stdin.write("\n")
        maker.stdin.flush()
    keys = []
    in_threads([lambda: keys.append(user_key().id)] * 3)
    assert len({*keys, *(maker.stdout.readline().strip() for maker in makers)}) == 1


def test_a_key_that_others_can_read_is_taken_away_from_them(tmp_path):
    key = user_key()
    key.path.chmod(0o644)
    assert user_key() == key
    assert key.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "abc", "0" * 62, "not hexadecimal " * 4, "\u00e9" * 64])
def test_what_is_no_key_is_refused_and_kept(tmp_path, text):
    """Bad input: a malformed key; the message names the file."""
    path = tmp_path / "key"
    path.write_text(text)
    with pytest.raises(
        BadKey, match=rf"(?s){path} cannot be used.*64 hexadecimal digits.*Put the right file back"
    ):
        user_key(path)
    assert path.read_text() == text


def test_a_key_that_cannot_be_made_is_told(tmp_path):
    """Bad input: no key, and no place for one."""
    (tmp_path / "file").write_text("")
    with pytest.raises(BadKey, match=r"(?s)cannot be used.*PERDURE_KEY_FILE"):
        user_key(tmp_path / "file" / "key")


def test_a_rotated_key_leads_the_older_ones(tmp_path):
    """Promise 8: the first line signs, the others still verify; each rotation is one rename."""
    first = user_key()
    second, third = rotate_key(), rotate_key()
    assert [third.id, *(key.id for key in third.older)] == [third.id, second.id, first.id]
    assert third.known(first.id).secret == first.secret
    assert third.known("00000000") is None
    assert user_key() == third
    assert third.path.stat().st_mode & 0o777 == 0o600


def test_all_who_rotate_at_once_lose_no_key(tmp_path):
    """Promise 2: every key that signed anything stays in the file."""
    keys = [user_key()]
    in_threads([lambda: keys.append(rotate_key())] * 4)
    assert {key.id for key in keys} == {key.id for key in (user_key(), *user_key().older)}
