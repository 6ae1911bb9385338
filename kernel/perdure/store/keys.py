"""The user's key, which signs what is stored, so that nothing is loaded that somebody else wrote.

The file holds one key a line. The first signs and encrypts; the others, which it took the place of, still
verify and decrypt. A change of the file is one rename, so that a kill leaves the old keys or all of them.
"""

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
    older: tuple[Key, ...] = ()
    """The keys that it took the place of, the newest first."""

    def known(self, key_id: str) -> Key | None:
        """This key or an older one, by its id."""
        return next((key for key in (self, *self.older) if key.id == key_id), None)


def user_key(path: Path | None = None) -> Key:
    """This user's key, made when it is first needed; two processes that make it at once get the same.

    Args:
        path: the key's file; None takes PERDURE_KEY_FILE, or else `perdure/key` in Jupyter's data folder.

    Raises:
        BadKey: the file cannot be read or made, or does not hold a key.
    """
    path = path or key_file()
    try:
        if not path.exists():
            make_private(path.parent)
            with held(_lock(path), seconds=60):
                if not path.exists():
                    write_whole(path, f"{secrets.token_hex(_BYTES)}\n".encode())
        return _read(path)
    except (OSError, StillHeld) as error:
        raise _unusable(path, error) from error


def key_file() -> Path:
    """Where this user's key lies, or will lie."""
    named = os.environ.get("PERDURE_KEY_FILE")
    return Path(named).expanduser() if named else user_folder() / "key"


def rotate_key() -> Key:
    """Put a new key in front of this user's keys, on disk before anything is signed with it; return it."""
    path = user_key().path
    assert path is not None
    try:
        with held(_lock(path), seconds=60):
            write_whole(path, f"{secrets.token_hex(_BYTES)}\n".encode() + path.read_bytes())
        return _read(path)
    except (OSError, StillHeld) as error:
        raise _unusable(path, error) from error


def passing_key() -> Key:
    """A new key that is written nowhere: for stores that end with the process."""
    return _key(secrets.token_bytes(_BYTES), None)


def _read(path: Path) -> Key:
    _tighten(path)
    try:
        secret, *older = [bytes.fromhex(line) for line in path.read_text("ascii").split()]
    except ValueError:
        raise _malformed(path) from None
    if any(len(each) != _BYTES for each in (secret, *older)):
        raise _malformed(path)
    return _key(secret, path, tuple(_key(each, path) for each in older))


def _key(secret: bytes, path: Path | None, older: tuple[Key, ...] = ()) -> Key:
    from blake3 import blake3

    return Key(blake3(secret).hexdigest()[:8], secret, path, older)


def _lock(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _tighten(path: Path) -> None:
    """Take the key away from everybody but its user."""
    if sys.platform != "win32" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        path.chmod(0o600)


def _unusable(path: Path, error: BaseException) -> BadKey:
    return BadKey(
        path=str(path),
        cause=f"{getattr(error, 'strerror', None) or error}.",
        advice="Mend that, or set PERDURE_KEY_FILE to a file that you can read and write.",
    )


def _malformed(path: Path) -> BadKey:
    return BadKey(
        path=str(path),
        cause=f"it does not hold {2 * _BYTES} hexadecimal digits a line.",
        advice="Put the right file back, or move it away: a new key cannot open what the old one signed.",
    )
