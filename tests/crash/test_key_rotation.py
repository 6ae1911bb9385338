"""A rotation that is killed between any two of its steps loses nothing (promises 2 and 8)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from perdure import codec
from perdure.store import open_store
from perdure.store.records import Place
from perdure.store.trust import resign, survey
from perdure.testing import sample_call, sample_run, sample_session

SCRIPT = """
import os, signal, sys
from pathlib import Path
import perdure.store.trust as trust
from perdure.store import keys, open_store, sqlite
from perdure.store.blobs import putting
from perdure.store.keys import rotate_key

left = int(sys.argv[2])
def counted(function):
    def call(*args, **kwargs):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)
    return call

keys.write_whole = counted(keys.write_whole)
Path.replace = counted(Path.replace)
putting.write_whole = counted(putting.write_whole)
sqlite.SqliteJournal.replace_values = counted(sqlite.SqliteJournal.replace_values)
trust._BATCH = 2
rotate_key()
with open_store(sys.argv[1]) as store:
    trust.resign(store)
print("whole")
"""
VALUES = [[1], "x" * 100_000, b"y" * 1_500_000, {"a": 2}, (3,)]


@pytest.mark.parametrize("encrypt", ["0", "1"])
def test_a_rotation_that_is_killed_anywhere_loses_nothing(tmp_path, monkeypatch, encrypt):
    """Promise 2: the new key is on disk before anything is signed with it, and the older one stays."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "user"))
    monkeypatch.delenv("PERDURE_KEY_FILE", raising=False)
    folder = tmp_path / ".perdure"
    with open_store(folder) as store:
        run = sample_run()
        epoch = store.journal.claim(run, sample_session())
        records = []
        for seq, value in enumerate(VALUES):
            records.append(store.vault.seal(codec.encode(value), Place(run.id, str(seq), "1f")))
            call = sample_call(run.id, seq, step=str(seq), inputs="1f", value=records[-1].id)
            store.journal.write(run.id, epoch, [records[-1], call])
    environment = os.environ | {"PERDURE_ENCRYPT": encrypt}
    for steps in range(100):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, folder, str(steps)],
            env=environment, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        with open_store(folder) as store:
            assert survey(store).runs == ()
            for value, record in zip(VALUES, records, strict=True):
                place = Place(record.run, record.step, record.inputs)
                found = store.vault.unseal(store.journal.value(record.id), place, subject="it")
                assert codec.decode(found) == value
        if done.returncode == 0:
            break
    assert "whole" in done.stdout
    assert steps >= 4
    monkeypatch.setenv("PERDURE_ENCRYPT", encrypt)
    with open_store(folder) as store:
        assert resign(store) == (0, 0)
