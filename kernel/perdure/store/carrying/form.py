"""The form of an export: a zip file whose members are stored as they are, so that anybody can list it.

`README.txt`     says what the file is.
`records`        the records of all runs: of each, four bytes with its length (big-endian), then msgpack of
                 [table, {column: value}], as a journal keeps it.
`blobs/<name>`   a blob; its name is the BLAKE3 digest of its bytes.
`manifest.json`  the format, the runs, and size and BLAKE3 digest of every member before it.
`signature.json` a signature of the manifest (HMAC-SHA256 with the key of whoever exported it).

1. Nothing of a file is believed before all of it was checked: names, places, sizes, digests, signature.
2. What was checked is what is read: members are not compressed, so a file holds no more than its own bytes.
3. Nothing is decoded but records, and these hold nothing but text, numbers, bytes and maps.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from perdure.store.keys import Key

FORMAT: Final = 1
README: Final = "README.txt"
RECORDS: Final = "records"
BLOBS: Final = "blobs/"
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "signature.json"

ABOUT: Final = """\
Perdure export. Runs of durable notebooks, with what their steps made.
`perdure import FILE` brings them into a store; manifest.json lists what is here.
"""

_DOMAIN: Final = b"perdure export\0"


class Unfit(Exception):  # noqa: N818  turned into an error that names the file
    """The file is not as it should be; the text says how."""


class Newer(Unfit):
    """A newer Perdure wrote the file."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a file says that it holds."""

    run: str
    """The run that was asked for."""
    runs: tuple[str, ...]
    """All runs, that one first."""
    created: float
    version: str
    """Of the Perdure that wrote it."""
    members: Mapping[str, tuple[int, str]]
    """Size and digest of each member."""

    def packed(self) -> bytes:
        """As it stands in the file."""
        return json.dumps(
            {
                "perdure": "export",
                "format": FORMAT,
                "version": self.version,
                "created": self.created,
                "run": self.run,
                "runs": list(self.runs),
                "members": {
                    name: {"size": size, "blake3": digest} for name, (size, digest) in self.members.items()
                },
            },
            indent=1,
        ).encode()

    @classmethod
    def unpacked(cls, data: bytes) -> Manifest:
        """The manifest in these bytes.

        Raises:
            Unfit: they are none, or a newer Perdure's.
        """
        try:
            found = json.loads(data)
            if found["perdure"] != "export":
                raise Unfit("its manifest is not one of Perdure's.")
            if found["format"] != FORMAT:
                raise Newer(f"format {found['format']!r}, known here: up to {FORMAT}")
            members = {
                str(name): (int(each["size"]), str(each["blake3"])) for name, each in found["members"].items()
            }
            runs, run = tuple(map(str, found["runs"])), str(found["run"])
            manifest = cls(run, runs, float(found["created"]), str(found["version"]), members)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            raise Unfit("its manifest cannot be read.") from error
        if run not in runs or len(set(runs)) != len(runs):
            raise Unfit("its manifest does not name its runs.")
        return manifest


def signature(key: Key, manifest: bytes) -> bytes:
    """The member that holds the signature of a manifest."""
    digest = hmac.digest(key.secret, _DOMAIN + manifest, "sha256").hex()
    return json.dumps({"key": key.id, "algorithm": "HMAC-SHA256", "signature": digest}).encode()


def signer(key: Key, manifest: bytes, signed: bytes) -> tuple[str, bool]:
    """The id of the key that signed a manifest, and whether it is one of this user's.

    Raises:
        Unfit: one of this user's keys is named, and did not sign it.
    """
    try:
        found = json.loads(signed)
        name, told = str(found["key"]), bytes.fromhex(found["signature"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Unfit("its signature cannot be read.") from error
    known = key.known(name)
    if known is None:
        return name, False
    if not hmac.compare_digest(hmac.digest(known.secret, _DOMAIN + manifest, "sha256"), told):
        raise Unfit(f"your key {known.id} is named in it, but did not sign what it says.")
    return name, True
