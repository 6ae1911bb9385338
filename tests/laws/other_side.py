"""Another process with another hash seed, which loads what it is given and stores it again; asked over pipes."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import ormsgpack

_SIZE = struct.Struct("<I")


class OtherSide:
    """One long-lived process; `there_and_back` is quick enough for thousands of values."""

    def __init__(self) -> None:
        seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
        env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "PYTHONHASHSEED": seed}
        if "PYTHONPATH" in os.environ:
            env["PYTHONPATH"] += os.pathsep + os.environ["PYTHONPATH"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            [sys.executable, "-m", "laws.other_side"], stdin=pipe, stdout=pipe, env=env
        )

    def there_and_back(self, value: Any) -> tuple[Any, str]:
        """The value as the other process gives it back, and the digest that it finds."""
        import perdure

        assert self._process.stdin is not None
        assert self._process.stdout is not None
        _put(self._process.stdin, perdure.dumps(value))
        data, digest, told = ormsgpack.unpackb(_get(self._process.stdout))
        assert not told, told
        return perdure.loads(data), digest

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def _put(file: Any, data: bytes) -> None:
    file.write(_SIZE.pack(len(data)) + data)
    file.flush()


def _get(file: Any) -> bytes:
    head = file.read(_SIZE.size)
    return bytes(file.read(*_SIZE.unpack(head))) if head else b""


def main() -> None:
    """Answer until there are no more questions."""
    import perdure
    import values.samples.notebook
    import values.samples.own  # noqa: F401  runs the cells of the notebook's samples
    from perdure import codec

    while data := _get(sys.stdin.buffer):
        try:
            value = perdure.loads(data)
            digest = codec.digest(value)
            answer = [perdure.dumps(value), digest.hex, f"weak: {digest.cause}" if digest.weak else ""]
        except Exception as error:  # noqa: BLE001  told to the process that asked
            answer = [b"", "", f"the other process: {type(error).__name__}: {error}"]
        _put(sys.stdout.buffer, ormsgpack.packb(answer))


if __name__ == "__main__":
    main()
