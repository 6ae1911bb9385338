"""Names and digests of bytes, made in a thread beside the one that writes the same bytes."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Self

from .chunks import digest


def name_of(view: memoryview) -> str:
    """The name of a blob with these bytes."""
    from blake3 import blake3

    return blake3(view).hexdigest()


class Hashing:
    """Hashes chunks that follow each other; both hashes of a chunk while it is near the processor.

    To be left before the bytes may change: leaving waits for the thread, which gives up after an error.
    """

    def __init__(self, chunks: Sequence[memoryview], *, digests: bool = True) -> None:
        from blake3 import blake3

        self._chunks = chunks
        self._digests: list[bytes] | None = [] if digests else None
        self._hasher = blake3()
        self._stopped = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="perdure hashing", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stopped = kind is not None
        self._thread.join()

    def name(self) -> str:
        """The name of all bytes, once it is known."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return str(self._hasher.hexdigest())

    def digests(self) -> list[bytes]:
        """The chunks' own digests. To be asked after the name."""
        return self._digests or []

    def _run(self) -> None:
        try:
            for chunk in self._chunks:
                if self._stopped:
                    return
                self._hasher.update(chunk)
                if self._digests is not None:
                    self._digests.append(digest(chunk))
        except BaseException as error:  # noqa: BLE001  it is raised where the result is asked for
            self._failure = error
