"""The kernelspec names this interpreter, and the one in the wheel agrees with it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from perdure.notebook import kernelspec


def test_the_installed_spec_names_this_interpreter(tmp_path):
    folder = Path(kernelspec.install(prefix=str(tmp_path), name="mine"))
    assert folder == tmp_path / "share" / "jupyter" / "kernels" / "mine"
    spec = json.loads((folder / "kernel.json").read_text())
    assert spec["argv"] == [sys.executable, "-m", "perdure.notebook", "-f", "{connection_file}"]
    assert spec["display_name"] == "Python 3 (Perdure)"


def test_the_spec_in_the_wheel_differs_in_the_interpreter_only():
    shipped = json.loads((Path(__file__).parents[3] / "kernelspec" / "kernel.json").read_text())
    own = kernelspec.spec()
    assert shipped == own | {"argv": ["python", *own["argv"][1:]]}
