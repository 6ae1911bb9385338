"""What is compared: each contender's way to bytes and back, and its digest of a value."""

from __future__ import annotations

import io
import pickle
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Contender:
    """One library as it is used by default; None where it has no such function."""

    name: str
    package: str
    encode: Callable[[Any], Any] | None = None
    decode: Callable[[Any], Any] | None = None
    digest: Callable[[Any], Any] | None = None


def _perdure() -> Contender:
    from perdure import codec

    return Contender(
        "Perdure", "perdure", codec.encode, codec.decode, lambda value: _strong(codec.digest(value))
    )


def _strong(digest: Any) -> str:
    """The digest; one that stands for the type alone is none."""
    if digest.weak:
        raise TypeError(digest.cause)
    return str(digest.hex)


def _pickle() -> Contender:
    return Contender("pickle", "", lambda value: pickle.dumps(value, protocol=5), pickle.loads)


def _cloudpickle() -> Contender:
    import cloudpickle

    return Contender(
        "cloudpickle", "cloudpickle", lambda value: cloudpickle.dumps(value, protocol=5), pickle.loads
    )


def _joblib() -> Contender:
    import joblib

    def encode(value: Any) -> io.BytesIO:
        file = io.BytesIO()
        joblib.dump(value, file)
        return file

    def decode(file: io.BytesIO) -> Any:
        file.seek(0)
        return joblib.load(file)

    return Contender("joblib", "joblib", encode, decode, joblib.hash)


def _langgraph() -> Contender:
    warnings.simplefilter("ignore")
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

    serializer = JsonPlusSerializer(pickle_fallback=True)
    return Contender("LangGraph", "langgraph-checkpoint", serializer.dumps_typed, serializer.loads_typed)


def _dask() -> Contender:
    from dask.tokenize import tokenize

    return Contender("dask", "dask", digest=tokenize)


_ALL = (_perdure, _pickle, _cloudpickle, _joblib, _langgraph, _dask)


def contenders() -> list[Contender]:
    """Those that are installed."""
    found = []
    for make in _ALL:
        try:
            found.append(make())
        except ImportError:
            continue
    return found
