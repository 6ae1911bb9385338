"""The page on contracts does what it says, over an implementation that is neither of the two that are here."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from perdure.store.protocols import Blobs, Journal
from perdure.testing import BlobsContract, JournalContract

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "contracts.md"

TOY = '''
"""Another store: blobs in a dict, and a journal that hands on to the twin."""

import time

from blake3 import blake3

from perdure.errors import Damaged
from perdure.store.memory import MemoryJournal


class MyJournal:
    def __init__(self):
        self._inner = MemoryJournal()

    def __getattr__(self, name):
        return getattr(self._inner, name)


class MyBlobs(dict):
    def put(self, data, *, durability="power", dated=None):
        name = blake3(memoryview(data).cast("B")).hexdigest()
        at = time.time() if dated is None else dated
        self[name] = (bytes(data), max(at, self[name][1]) if name in self else at)
        return name

    def get(self, name, *, copy=True, verify=False):
        if name not in self:
            raise Damaged(subject=f"blob {name[:12]}", cause="it is missing.", advice="Run it again.")
        return memoryview(bytearray(self[name][0]))

    def check(self, names=None):
        for name in list(self) if names is None else names:
            if name not in self:
                yield name, "it is missing."

    def sources(self, name):
        return set()

    def names(self, *, before=None):
        return {name for name, (_, at) in self.items() if before is None or at < before}

    def size(self, name):
        return len(self[name][0]) if name in self else 0

    def remove(self, names, *, before=None):
        gone = [name for name in names if name in self and (before is None or self[name][1] < before)]
        return sum(len(self.pop(name)[0]) for name in gone)

    def sweep(self, *, before=None):
        return 0
'''

CARRIED = """
from pathlib import Path

from my_store import MyBlobs, MyJournal

{store}

from perdure import codec
from perdure.store import open_store
from perdure.store.carrying import export, import_file
from perdure.store.checking import check
from perdure.store.records import Place
from perdure.testing import sample_run, sample_session

run = sample_run()
epoch = store.journal.claim(run, sample_session())
store.journal.write(run.id, epoch, [store.vault.seal(codec.encode([bytes(300_000)] * 3), Place(run.id))])
export(store, run.id, Path("run"))
with open_store("real") as real:
    assert import_file(real, Path("run")).values == 1
    assert check(real).whole
"""


def snippets():
    return re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def run(folder, *words):
    env = {"PATH": "/usr/bin:/bin", "JUPYTER_DATA_DIR": str(folder / "user"), "HOME": str(folder)}
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_the_suites_judge_another_implementation_as_the_page_says(tmp_path):
    """All that the protocols promise and a suite can see."""
    suites, _ = snippets()
    (tmp_path / "my_store.py").write_text(TOY)
    (tmp_path / "test_my_store.py").write_text(suites)
    status, said = run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=prepend")
    assert status == 0, said
    assert "passed" in said

    (tmp_path / "my_store.py").write_text(TOY.replace("(bytes(data), max(", "(b'', max("))
    status, said = run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=prepend")
    assert status == 1, "a store that loses bytes is found out"


def test_runs_are_carried_from_another_implementation_to_the_real_one(tmp_path):
    """Point by point through the protocols: nothing asks what a store is made of."""
    _, store = snippets()
    (tmp_path / "my_store.py").write_text(TOY)
    status, said = run(tmp_path, "-c", CARRIED.format(store=store))
    assert status == 0, said


def test_every_promise_of_the_protocols_has_a_test_in_the_suites():
    """But for those that need a process to kill, which the page names."""
    import perdure.store.protocols as page

    promised = set(map(int, re.findall(r"^(\d+)\. ", page.__doc__ or "", re.MULTILINE)))
    suites = [
        getattr(suite, name).__doc__ or ""
        for suite in (JournalContract, BlobsContract)
        for name in dir(suite)
    ]
    tested = set(map(int, re.findall(r"Promise (\d+)", " ".join(suites))))
    assert promised - tested <= {5}
    assert "promise 5" in PAGE.read_text()


def public(kind):
    return {name for name in vars(kind) if not name.startswith("_")}


def test_both_kinds_of_store_offer_what_the_protocols_name():
    """A method that only one of them has would bind what is above to it."""
    from perdure.store.directory import DirectoryBlobs
    from perdure.store.memory import MemoryBlobs, MemoryJournal
    from perdure.store.sqlite import SqliteJournal

    for protocol, kinds in (
        (Journal, (MemoryJournal, SqliteJournal)),
        (Blobs, (MemoryBlobs, DirectoryBlobs)),
    ):
        for kind in kinds:
            assert public(protocol) <= set(dir(kind)), kind


SOURCES = [path for part in ("kernel", "widgets") for path in (ROOT / part).rglob("*.py")]


def test_nothing_above_the_store_names_sqlite_or_the_layout_of_a_folder():
    """Design: a server database and an object store can follow without a change above them."""
    above = [path for path in SOURCES if {"engine", "notebook", "cli", "perdure_widgets"} & set(path.parts)]
    layout = re.compile(
        r"""import sqlite3|journal\.db|/ ["'](?:blobs|locks|settings\.json)["']|Sqlite|DirectoryBlobs"""
    )
    named = {path.name: layout.findall(path.read_text()) for path in above}
    assert {name: found for name, found in named.items() if found} == {}
