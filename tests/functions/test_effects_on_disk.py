"""What an effect gave is on disk before it is acknowledged, whatever the store waits for otherwise."""

import numpy as np
import pytest

from perdure import step, workflow
from perdure.engine.process import use_store
from perdure.store import open_store


@pytest.fixture
def quick(tmp_path):
    """A store on disk that waits for nothing."""
    with open_store(tmp_path / "quick", durability="process") as opened:
        before = use_store(opened)
        yield opened
        use_store(before)


@pytest.mark.parametrize(("kind", "levels"), [("effect", {"power"}), ("pure", {"process"})])
def test_a_large_result_of_an_effect_waits_for_the_disk(quick, kind, levels, monkeypatch):
    """Promise 5 and design, section 8: effects are always "power", their blobs too."""
    found, put = set(), quick.blobs.put

    def watched(data, *, durability="power"):
        found.add(durability)
        return put(data, durability=durability)

    monkeypatch.setattr(quick.blobs, "put", watched)

    @step(kind=kind)
    def large():
        return np.zeros(1 << 18)

    @workflow
    def body():
        large()

    body()
    assert found == levels
