"""Files, secrets, steps and workflows as values."""

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path

import cloudpickle
import pytest

import perdure
from perdure import File, Secret, codec
from perdure.errors import NotKeepable, NotLoadable


@pytest.fixture(autouse=True)
def a_key(tmp_path, monkeypatch):
    monkeypatch.setenv("PERDURE_KEY_FILE", str(tmp_path / "key"))


def again(value):
    return codec.decode(codec.encode(value))


# -- files -----------------------------------------------------------------------------------------------


def test_a_file_counts_by_its_path_and_content(tmp_path):
    """Promise 1: an edit of the same size, with the same time of change, is seen."""
    import os

    path = tmp_path / "data.csv"
    path.write_text("a,b")
    before = path.stat()
    first = perdure.digest(File(path))
    assert perdure.digest(again(File(path))) == first
    path.write_text("a,c")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert perdure.digest(File(path)) != first
    path.write_text("a,b")
    assert perdure.digest(File(path)) == first
    other = tmp_path / "other.csv"
    other.write_text("a,b")
    assert perdure.digest(File(other)) != first


@pytest.mark.parametrize("place", [lambda file: file, lambda file: {"k": [file]}, Exception])
def test_a_file_that_is_gone_or_another_is_told_when_it_is_loaded(tmp_path, place):
    """Promise 4: a path to another content than the kept one is not what was kept."""
    path = tmp_path / "out.csv"
    path.write_text("a")
    encoded = codec.encode(place(File(path)))
    codec.decode(encoded)
    path.write_text("b")
    with pytest.raises(NotLoadable, match=r"its content is another one now.\n.*--redo"):
        codec.decode(encoded)
    path.unlink()
    with pytest.raises(NotLoadable, match=r"There is no file `.*out.csv`.\n.*--redo"):
        codec.decode(encoded)


def test_a_file_that_is_not_there_or_a_folder_is_refused_with_a_sentence(tmp_path):
    """Promise 4: when it is kept or digested, not when it is made. A pipe is not waited for."""
    os.mkfifo(tmp_path / "pipe")
    for path, words in [
        (tmp_path / "none", "There is no file"),
        (tmp_path, "is a folder; a File is one file"),
        (tmp_path / "pipe", "is a pipe or a device"),
    ]:
        with pytest.raises(NotKeepable, match=words):
            codec.encode(File(path))
        with pytest.raises(TypeError, match=words):
            perdure.digest(File(path))


def test_a_file_is_used_like_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = File("./out.txt")
    with file.open("w") as handle:
        handle.write("é")
    assert (file.read_text(), file.read_bytes()) == ("é", "é".encode())
    assert Path(file).read_text(encoding="utf-8") == "é"
    assert (file.path, repr(file)) == ("./out.txt", "File('./out.txt')")
    assert file == File("./out.txt") != File("out.txt")
    assert {file: 1}[File("./out.txt")] == 1
    with pytest.raises(AttributeError, match="cannot be changed"):
        file.path = "x"
    assert copy.deepcopy(file) == file == pickle.loads(pickle.dumps(file))


# -- secrets ---------------------------------------------------------------------------------------------

TEXT = "correct horse battery"


@pytest.mark.parametrize("place", [lambda each: each, lambda each: [{"k": each}], Exception])
def test_a_secret_comes_back_and_its_text_lies_nowhere_in_what_is_stored(place):
    """Promise 4 and 8: encrypted, never previewed."""
    encoded = codec.encode(place(Secret(TEXT)))
    assert TEXT.encode() not in encoded.stream
    assert TEXT not in str(encoded.preview)
    found = again(place(Secret(TEXT)))
    while not isinstance(found, Secret):
        found = found.args[0] if isinstance(found, Exception) else found[0]["k"]
    assert found.reveal() == TEXT
    assert type(again(Secret(TEXT.encode())).reveal()) is bytes


def test_a_secret_is_shown_nowhere():
    """Promise 8: not by its own words, in an error's path, or as part of another value."""
    secret = Secret(TEXT)
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret:>40}",
        f"{secret}",
        repr([secret]),
        repr({secret: 1}),
    ]
    shown += [
        str(codec.preview(each)) for each in (secret, [secret], {"k": secret}, {secret: 1}, Exception(secret))
    ]
    with pytest.raises(NotKeepable) as caught:
        codec.encode({secret: (n for n in [1])})
    shown += [str(caught.value)]
    assert not [text for text in shown if "horse" in text]
    with pytest.raises(TypeError, match=r"has no len"):
        len(secret)
    assert not hasattr(secret, "__dict__")


@pytest.mark.parametrize("dump", [pickle.dumps, cloudpickle.dumps, lambda each: pickle.dumps([each], 0)])
def test_others_cannot_pickle_a_secret(dump):
    """Promise 8: it leaves the process encrypted or not at all."""
    with pytest.raises(TypeError, match="a Secret is not pickled"):
        dump(Secret(TEXT))


def test_a_secret_counts_by_its_content_for_this_user_alone(tmp_path, monkeypatch):
    """Promise 1: the same for this user in any process; nobody else can try texts against it."""
    digest = perdure.digest(Secret(TEXT))
    assert digest == perdure.digest(Secret(TEXT)) == perdure.digest(again(Secret(TEXT)))
    assert len({digest, perdure.digest(Secret("other")), perdure.digest(Secret(TEXT.encode()))}) == 3
    code = f"import perdure; print(perdure.digest(perdure.Secret({TEXT!r})))"
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert there.stdout.strip() == digest
    monkeypatch.setenv("PERDURE_KEY_FILE", str(tmp_path / "another key"))
    assert perdure.digest(Secret(TEXT)) != digest


def test_without_cryptography_a_secret_is_refused_and_still_counts_by_content(monkeypatch):
    """Promise 4: with what to install."""
    digest = perdure.digest(Secret(TEXT))
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    with pytest.raises(NotKeepable, match=r'pip install "perdure\[encrypt\]"'):
        codec.encode([Secret(TEXT)])
    assert perdure.digest(Secret(TEXT)) == digest


def test_secrets_compare_by_content_and_cannot_be_changed():
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != Secret(b"a")
    assert Secret("a") != "a"
    assert hash(Secret("a")) == hash(Secret("a"))
    secret = Secret("a")
    assert copy.copy(secret) is copy.deepcopy(secret) is secret
    with pytest.raises(AttributeError, match="cannot be changed"):
        secret._value = "b"
    with pytest.raises(TypeError, match="holds a str or bytes, not a dict"):
        Secret({"a": 1})


# -- steps and workflows ---------------------------------------------------------------------------------


def test_a_step_of_a_module_needs_no_pickle():
    """Promise 4: it is kept by its name, also where nothing is pickled."""
    encoded = codec.encode([a_step, a_workflow], pickles=False)
    assert codec.decode(encoded, trust="safe") == [a_step, a_workflow]


def test_the_digest_of_a_step_is_that_of_its_code_and_options(tmp_path):
    """Promise 1: a comment does not count."""
    script = tmp_path / "notebook.py"
    found = []
    for name, text in {
        "as it was": "@perdure.step\ndef f(x): return x",
        "with a comment": "# here\n@perdure.step\ndef f(x):\n    # there\n    return x",
        "edited": "@perdure.step\ndef f(x): return x + 1",
        "with an option": "@perdure.step(retries=1)\ndef f(x): return x",
        "a workflow": "@perdure.workflow\ndef f(x): return x",
        "renamed": "@perdure.step(name='g')\ndef f(x): return x",
    }.items():
        script.write_text(f"import perdure\n{text}\nprint(perdure.digest(f))")
        done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, (name, done.stderr)
        found.append(done.stdout)
    assert found[0] == found[1]
    assert len(set(found)) == 5


@perdure.step
def a_step(x):
    return x


@perdure.workflow
def a_workflow(x):
    return x
