"""Every journal keeps the contract, over the memory twin and over SQLite."""

import pytest

from perdure.store.memory import MemoryJournal
from perdure.store.sqlite import SqliteJournal
from perdure.testing import JournalContract


class TestMemoryJournal(JournalContract):
    @pytest.fixture
    def journal(self):
        return MemoryJournal()


class TestSqliteJournal(JournalContract):
    @pytest.fixture(params=["power", "process"])
    def journal(self, request, tmp_path):
        journal = SqliteJournal(tmp_path / "journal.db", durability=request.param)
        yield journal
        journal.close()
