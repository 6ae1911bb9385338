"""The user's key, which signs what is stored, so that nothing is loaded that somebody else wrote."""

from __future__ import annotations

import os
import secrets
import stat
import sys
from dataclasses import dataclass, field
from pathlib import Path

from perdure.errors import BadKey

from .files import StillHeld, held, make_private, write_whole
from .location import user_folder

_BYTES = 32


@dataclass(frozen=True, slots=True)
class Key:
    """A secret, with a short name that gives nothing away."""

    id: str
    """The first eight digits of the secret's BLAKE3 digest."""
    secret: bytes = field(repr=False)
    path: Path | None = None
    """The file that holds it; None for a key that ends with the process."""


def user_key(path: Path | None = None) -> Key:
    """This user's key, made when it is first needed; two processes that make it at once get the same.

    Args:
        path: the key's file; None takes PERDURE_KEY_FILE, or else `perdure/key` in Jupyter's data folder.

    Raises:
        BadKey: the file cannot be read or made, or does not hold a key.
    """
    if path is None:
        named = os.environ.get("PERDURE_KEY_FILE")
        path = Path(named).expanduser() if named else user_folder() / "key"
    try:
        if not path.exists():
            make_private(path.parent)
            with held(path.with_name(f"{path.name}.lock"), seconds=60):
                if not path.exists():
                    write_whole(path, f"{secrets.token_hex(_BYTES)}\n".encode())
        _tighten(path)
        text = path.read_text("ascii").strip()
        secret = bytes.fromhex(text)
    except (OSError, StillHeld) as error:
        cause = f"{getattr(error, 'strerror', None) or error}."
        advice = "Mend that, or set PERDURE_KEY_FILE to a file that you can read and write."
        raise BadKey(path=str(path), cause=cause, advice=advice) from error
    except ValueError:
        raise _malformed(path) from None
    if len(secret) != _BYTES:
        raise _malformed(path)
    return _key(secret, path)


def passing_key() -> Key:
    """A new key that is written nowhere: for stores that end with the process."""
    return _key(secrets.token_bytes(_BYTES), None)


def _key(secret: bytes, path: Path | None) -> Key:
    from blake3 import blake3

    return Key(blake3(secret).hexdigest()[:8], secret, path)


def _tighten(path: Path) -> None:
    """Take the key away from everybody but its user."""
    if sys.platform != "win32" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        path.chmod(0o600)


def _malformed(path: Path) -> BadKey:
    return BadKey(
        path=str(path),
        cause=f"it does not hold {2 * _BYTES} hexadecimal digits.",
        advice="Put the right file back, or move it away: a new key cannot open what the old one signed.",
    )
