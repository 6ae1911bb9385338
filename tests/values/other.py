"""The other process: loads what a first one stored, and compares it with what it makes itself.

`python -m values.other AREA FOLDER` writes one line of JSON for each file in the folder.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import perdure
from perdure import codec
from values.sample import placed, samples


def main(area: str, folder: Path) -> None:
    for sample in samples(area):
        own = {place: (whole, find) for place, whole, find in placed(sample)}
        for place, (whole, find) in own.items():
            file = folder / f"{sample.name} - {place}".replace("/", "|")
            if not file.exists():
                continue
            told = {"name": sample.name, "place": place, "error": "", "digest": codec.digest(whole).hex}
            try:
                loaded = perdure.loads(file.read_bytes())
                told["loaded"] = codec.digest(loaded).hex
                for before, after in zip(find(whole), find(loaded), strict=True):
                    sample.same(before, after)
            except Exception as error:  # noqa: BLE001  told to the process that asked
                told["error"] = f"{type(error).__name__}: {error}"
            sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
