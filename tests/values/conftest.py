"""What the samples of values lean on."""

from __future__ import annotations

import pytest

from values.samples.notebook import tell_source


@pytest.fixture(autouse=True)
def the_cell_has_its_source():
    tell_source()
