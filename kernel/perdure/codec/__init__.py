"""Values to bytes and back, exactly or not at all (promises 3, 4 and 8)."""

from __future__ import annotations

from .digest import Digest, digest
from .doors import copy_value, decode, encode, encode_atom, encode_namespace, is_fixed
from .envelope import FORMAT, sign, verify
from .model import Encoded
from .preview import line, preview
from .registry import register

__all__ = [
    "FORMAT",
    "Digest",
    "Encoded",
    "copy_value",
    "decode",
    "digest",
    "encode",
    "encode_atom",
    "encode_namespace",
    "is_fixed",
    "line",
    "preview",
    "register",
    "sign",
    "verify",
]
