"""The kernelspec "Python 3 (Perdure)" for an environment other than the one in which Jupyter runs.

The spec in the wheel says `python`, which Jupyter takes for its own interpreter; the one written here names
this interpreter.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

NAME = "perdure"


def spec() -> dict[str, Any]:
    """The content of kernel.json for this interpreter."""
    return {
        "argv": [sys.executable, "-m", "perdure.notebook", "-f", "{connection_file}"],
        "display_name": "Python 3 (Perdure)",
        "language": "python",
        "metadata": {"debugger": True},
    }


def install(*, user: bool = False, prefix: str | None = None, name: str = NAME) -> str:
    """Install the kernelspec and return its folder.

    Args:
        user: For this user only, in Jupyter's data folder.
        prefix: Below this folder, such as `sys.prefix`.
        name: The name of the kernelspec, which must not hold a slash or a blank.
    """
    from jupyter_client.kernelspec import KernelSpecManager

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "kernel.json").write_text(json.dumps(spec(), indent=1), encoding="utf-8")
        return str(KernelSpecManager().install_kernel_spec(folder, name, user=user, prefix=prefix))
