"""How this process keeps values: the one place through which calls, runs and cells encode and decode.

`full` keeps what can be pickled too; `safe` refuses it when it is to be stored, and unpickles nothing. Which
one holds is said by the notebook's run (`%workflow NAME --codec safe`), else by PERDURE_CODEC.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping
from typing import Any

from perdure import codec as _door
from perdure.codec import Encoded
from perdure.codec.rows.row import keeping_by_value
from perdure.errors import NotKeepable, NotLoadable, Untrusted

CODECS = ("full", "safe")
CHECKS = ("small", "all")

_chosen: str | None = None


def the_codec() -> str:
    """The codec that holds in this process."""
    named = _chosen or os.environ.get("PERDURE_CODEC") or "full"
    if named not in CODECS:
        raise ValueError(f"PERDURE_CODEC is {named!r}: set it to full or safe")
    return named


def checks_all() -> bool:
    """Whether every value is loaded again and compared when it is stored, and not only those under 1 MiB."""
    named = os.environ.get("PERDURE_CHECK") or "small"
    if named not in CHECKS:
        raise ValueError(f"PERDURE_CHECK is {named!r}: set it to small or all")
    return named == "all"


def use_codec(name: str | None) -> None:
    """Let this codec hold from now on; None leaves it to the environment."""
    global _chosen  # noqa: PLW0603  one notebook per process
    _chosen = name


def encode(
    value: Any,
    *,
    name: str = "result",
    externals: Mapping[str, Any] | None = None,
    codec: str | None = None,
    check_all: bool = False,
) -> Encoded:
    """The value as bytes, as `perdure.codec.encode`; under `safe` without a pickle.

    Raises:
        NotKeepable: a part cannot be kept, or not without a pickle.
    """
    options = _options(codec)
    options["check_all"] = options["check_all"] or check_all
    return _door.encode(value, name=name, externals=externals, **options)


def encode_namespace(
    values: Mapping[str, Any],
    *,
    externals: Mapping[str, Any] | None = None,
    by_value: Collection[str] = (),
) -> tuple[Encoded, dict[str, NotKeepable]]:
    """Names and their values as one, as `perdure.codec.encode_namespace`; under `safe` without a pickle.

    Args:
        values: by name.
        externals: objects that live outside the values, by name.
        by_value: names of the notebook's classes that are kept themselves, not by their names.
    """
    with keeping_by_value(by_value):
        return _door.encode_namespace(values, externals=externals, **_options(None))


def encode_arguments(arguments: Mapping[str, Any], of: str) -> Encoded:
    """Arguments of a step or workflow, which travel by value.

    Args:
        arguments: by name.
        of: whose they are, such as "step `fit`".

    Raises:
        NotKeepable: one of them cannot be kept; the sentence says whose it is.
    """
    encoded, refused = encode_namespace(arguments)
    for name, error in refused.items():
        cause = f"It is passed to {of} as `{name}`, and arguments travel by value. {error.cause}"
        raise NotKeepable(**{**error.fields, "cause": cause}) from error.__cause__
    return encoded


def outcome(error: BaseException) -> Encoded | None:
    """The error as it may be replayed, or None where it cannot be kept."""
    try:
        return encode(error, name="error")
    except NotKeepable:
        return None


def decode(
    encoded: Encoded,
    *,
    externals: Mapping[str, Any] | None = None,
    subject: str | None = None,
    codec: str | None = None,
) -> Any:
    """The value as it was; its signature was verified. Nothing is unpickled under `safe`.

    What says of itself that it is plain is decoded as such: the label that people see before they trust a
    value is the truth.

    Raises:
        NotLoadable: names what is missing here, or that a pickle would be needed.
        Damaged, Untrusted: as `perdure.codec.decode`.
    """
    trust = "plain" if encoded.codec == "plain" else codec or the_codec()
    try:
        return _door.decode(encoded, externals=externals, trust=trust)
    except Untrusted as error:
        if trust != "safe":
            raise
        raise NotLoadable(
            subject=subject or error.subject,
            cause="it needs a pickle, and the codec `safe` loads none.",
            advice="Run its step again with `--redo`, or load it under the codec `full` (PERDURE_CODEC, "
            "`%workflow NAME --codec full`).",
        ) from error
    except NotLoadable as error:
        missing = [f"`{package}`" for package in encoded.packages if not _installed(package)]
        if not missing:
            if subject is None:
                raise
            cause = error.cause if error.subject == "A stored value" else f"{error.subject}: {error.cause}"
            raise NotLoadable(subject=subject, cause=cause, advice=error.advice) from error
        raise NotLoadable(
            subject=subject or error.subject,
            cause=f"it needs {', '.join(missing)}, which is not installed here.",
            advice="Install that, or run the step again with `--redo`.",
        ) from error


def _options(name: str | None) -> dict[str, bool]:
    if name is not None and name not in CODECS:
        raise ValueError(f'codec={name!r} is none of "full", "safe"')
    return {"pickles": (name or the_codec()) != "safe", "check_all": checks_all()}


def _installed(package: str) -> bool:
    from importlib.util import find_spec

    try:
        return package in sys.modules or find_spec(package) is not None
    except (ImportError, ValueError):
        return False
