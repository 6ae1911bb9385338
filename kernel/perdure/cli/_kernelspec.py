"""The kernelspec "Python 3 (Perdure)", written for this very Python."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

NAME: Final = "perdure"
DISPLAY_NAME: Final = "Python 3 (Perdure)"


def write_spec(folder: Path) -> Path:
    """Write `kernel.json` into `folder`, which is made; it starts `sys.executable`, whoever reads it."""
    folder.mkdir(parents=True, exist_ok=True)
    spec = {
        "argv": [sys.executable, "-m", "perdure.notebook", "-f", "{connection_file}"],
        "display_name": DISPLAY_NAME,
        "language": "python",
        "metadata": {"debugger": True},
    }
    (folder / "kernel.json").write_text(json.dumps(spec, indent=1) + "\n", encoding="utf-8")
    return folder
