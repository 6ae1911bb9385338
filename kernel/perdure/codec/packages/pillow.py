"""PIL: images with all their attributes, and without the file that they were opened from."""

from __future__ import annotations

from typing import Any

import xxhash

from perdure.codec.model import Refusal

_GONE = frozenset(
    {"_im", "im", "fp", "_fp", "png", "map", "tile", "_exclusive_fp", "_close_exclusive_fp_after_loading"}
)
"""Attributes of an image that hold its pixels, or the file and what was half read from it."""

_COPY = "Keep `.copy()` of it, or its path."


KEPT: dict[str, str] = {
    "PIL.Image.Image": (
        "class, mode, size, pixels, palette and attributes; one that was opened is as if its file had "
        "been closed; several frames in an open file are refused"
    ),
}
"""Types as a user writes them, and how they are stored, for the reference page."""


def reduce(obj: Any) -> Any:
    """The reduced form of an image, which would lose most of its attributes; else `NotImplemented`.

    Raises:
        Refusal: it has several frames, or its file cannot be read any more.
    """
    from PIL import Image

    if not isinstance(obj, Image.Image):
        return NotImplemented
    _load(obj)
    state = {name: value for name, value in vars(obj).items() if name not in _GONE}
    opened = hasattr(obj, "fp") or hasattr(obj, "tile")
    return (
        make_image,
        (type(obj), obj.mode, obj.size, obj.tobytes(), _palette(obj)),
        (state, opened),
        None,
        None,
        fill_image,
    )


def _load(image: Any) -> None:
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        cause = f"It has {frames} frames, of which its open file gives one at a time."
        advice = "Keep its path, or `[frame.copy() for frame in PIL.ImageSequence.Iterator(image)]`."
        raise Refusal(image, cause, advice)
    try:
        image.load()
    except Exception as error:
        raise Refusal(image, f"Its file cannot be read: {error}.", _COPY) from error


def _palette(image: Any) -> tuple[str, bytes] | None:
    if image.mode not in ("P", "PA"):
        return None
    kind = image.im.getpalettemode()
    return kind, image.im.getpalette(kind, kind)


def make_image(cls: Any, mode: str, size: tuple[int, int], pixels: bytes, palette: Any) -> Any:
    """An image over its own pixels; no `__init__` runs."""
    from PIL import Image

    core: Any = Image.core  # type: ignore[attr-defined]
    made = cls.__new__(cls)
    Image.Image.__init__(made)
    made._mode, made._size = mode, size  # noqa: SLF001
    made.im = core.new(mode, size)
    if palette is not None:
        made.im.putpalette(palette[0], *palette)
    if pixels:
        Image.Image.frombytes(made, pixels)
    return made


def fill_image(made: Any, state: tuple[dict[str, Any], bool]) -> None:
    """Give an image its attributes; one that was opened is as if its file had been closed since."""
    from PIL._util import DeferredError

    attributes, opened = state
    core = made.im
    vars(made).clear()
    vars(made).update(attributes)
    made._im = core  # noqa: SLF001
    if opened:
        closed: Any = DeferredError(ValueError("Operation on closed image"))
        vars(made).update(fp=None, _fp=closed, tile=[], map=None, _exclusive_fp=False)


def _image() -> None:
    """Stands in a digest for an image."""


def content(obj: Any) -> Any:
    """What stands in a digest for an image: pixels, palette, info and exif; else `NotImplemented`."""
    from PIL import Image

    if isinstance(obj, Image.Exif):
        return _image, (), (dict(obj),)
    if not isinstance(obj, Image.Image):
        return NotImplemented
    _load(obj)
    pixels = xxhash.xxh3_128_digest(obj.tobytes())
    exif = dict(obj.tag_v2) if hasattr(obj, "tag_v2") else dict(obj.getexif())
    known = vars(Image.Image())
    more = {} if hasattr(obj, "fp") else {n: v for n, v in vars(obj).items() if n not in known}
    return _image, (), (type(obj), obj.mode, obj.size, pixels, _palette(obj), obj.info, exif, more)
