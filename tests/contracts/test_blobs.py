"""All blobs keep the contract, in memory and in a folder."""

import pytest

from perdure.store.directory import DirectoryBlobs
from perdure.store.memory import MemoryBlobs
from perdure.testing import BlobsContract


class TestMemoryBlobs(BlobsContract):
    @pytest.fixture
    def blobs(self):
        return MemoryBlobs()


class TestDirectoryBlobs(BlobsContract):
    @pytest.fixture
    def blobs(self, tmp_path):
        return DirectoryBlobs(tmp_path / "blobs")
