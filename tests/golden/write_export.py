"""Writes a golden export with the Perdure that is installed: `PYTHONPATH=tests python -m golden.write_export FOLDER`.

FOLDER becomes `export-N`: a file that `perdure export` writes, and the key that signed it. Written once for each
format of exports and never again.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
from pathlib import Path

from golden.write import KEY, golden
from perdure.engine.process import use_store

KEPT = ["plain", "text", "classes", "array"]


def main(folder: Path) -> None:
    """Write it anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "key").write_text(f"{KEY}\n")
    os.environ["PERDURE_KEY_FILE"] = str(folder / "key")
    socket.gethostname = lambda: "golden"
    from perdure.store import open_store
    from perdure.store.carrying import export

    with tempfile.TemporaryDirectory() as other, open_store(Path(other) / "store") as store:
        os.environ["JUPYTER_DATA_DIR"] = other
        use_store(store)
        golden(KEPT)
        use_store(None)
        export(store, "golden", folder / "run.perdure")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
