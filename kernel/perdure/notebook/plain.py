"""Display data as plain values, as they go into a notebook file."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any


def plain_bundle(bundle: Mapping[Any, Any] | None) -> dict[str, Any]:
    """A bundle or its metadata, of built-in types alone; bytes become base64 text, as a kernel sends them."""
    return {str(key): _plain(value) for key, value in (bundle or {}).items()}


def _plain(value: Any) -> Any:
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Mapping):
        return plain_bundle(value)
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind(value)
    return str(value)
