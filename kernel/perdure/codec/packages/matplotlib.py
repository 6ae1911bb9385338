"""matplotlib: figures that stay out of pyplot when they come back, and the content of what they show.

A restored figure has a canvas of its own and no number: pyplot's list of open figures belongs to the process,
and what stands in it is shown once more at the end of a cell.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

_PYPLOT = "_restore_to_pylab"
"""The mark in a figure's state by which it would put itself into pyplot."""

_DERIVED = frozenset(
    f"get_{name}"
    for name in (
        *("window_extent", "tightbbox", "tight_bbox", "children", "figure", "axes", "renderer", "offset"),
        *("default_bbox_extra_artists", "legend_handles_labels", "visible_children", "mutation_scale"),
        *("transformed_clip_path_and_affine", "datalim", "extents", "agg_filter", "sketch_params", "label"),
        *("xticklabels", "yticklabels", "xmajorticklabels", "ymajorticklabels", "xminorticklabels"),
        *("yminorticklabels", "xticklines", "yticklines", "xgridlines", "ygridlines", "rasterization_zorder"),
        *("data_ratio", "transform", "patch_transform", "verts"),
        *("default_handler_map", "legend_handler_map", "constrained_layout_pads", "images", "lines", "texts"),
    )
)
"""Getters of what follows from the rest, changes when it is drawn, or is looked at as an artist by itself."""

_PLACED = frozenset({"get_position", "get_unitless_position", "get_x", "get_y"})
_COLOURS = frozenset(
    {"get_facecolor", "get_edgecolor", "get_facecolors", "get_edgecolors", "get_fc", "get_ec"}
)


KEPT: dict[str, str] = {
    "matplotlib.figure.Figure": (
        "its artists with their attributes; it comes back with a canvas of its own and outside of pyplot,"
        " without the handlers of events that were connected"
    ),
    "matplotlib.artist.Artist": "its attributes, and its figure with it",
}
"""Types as a user writes them, and how they are stored, for the reference page."""


def reduce(obj: Any) -> Any:
    """The reduced form of a figure that pyplot knows, without that; `NotImplemented` for anything else."""
    from matplotlib.figure import Figure

    if not isinstance(obj, Figure):
        return NotImplemented
    form: Any = obj.__reduce_ex__(5)
    make, args, state, *rest = form
    if not isinstance(state, dict) or _PYPLOT not in state:
        return NotImplemented
    return make, args, {name: value for name, value in state.items() if name != _PYPLOT}, *rest


def alone(obj: Any) -> Any:
    """Whether a digest takes an object by itself: it costs a drawing to tell what an artist shows."""
    from matplotlib.artist import Artist

    return isinstance(obj, Artist) or NotImplemented


def _artist() -> None:
    """Stands in a digest for what matplotlib shows."""


def content(obj: Any) -> Any:
    """What stands in a digest for an artist, container, colour map or norm; else `NotImplemented`.

    An artist in a figure counts by itself, with its place there.
    """
    from matplotlib.artist import Artist
    from matplotlib.cbook import CallbackRegistry
    from matplotlib.colors import Colormap, Normalize
    from matplotlib.container import Container

    if isinstance(obj, Artist):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            figure = obj.get_figure(root=True)
            if figure is not None:
                figure.draw_without_rendering()  # limits, ticks and places are settled by drawing
            return _artist, (_place(obj), [_described(artist, above) for artist, above in _walk(obj, None)])
    if isinstance(obj, Container):
        return _artist, (type(obj), obj.get_label(), list(obj))
    if isinstance(obj, Colormap):
        ends = obj.get_bad(), obj.get_under(), obj.get_over()
        return _artist, (type(obj), obj.name, obj(range(obj.N)), *ends)
    if isinstance(obj, Normalize):
        return _artist, (type(obj), {n: v for n, v in vars(obj).items() if n != "callbacks"})
    return (_artist, ("callbacks",)) if isinstance(obj, CallbackRegistry) else NotImplemented


def _walk(artist: Any, above: Any) -> Iterator[tuple[Any, Any]]:
    """An artist and those below, each with the one above it; the ticks of an axis are left out."""
    from matplotlib.axis import Axis

    yield artist, above
    for child in [artist.label] if isinstance(artist, Axis) else artist.get_children():
        yield from _walk(child, artist)


def _place(artist: Any) -> int | None:
    """Where among the artists of its figure it stands."""
    figure = artist.get_figure(root=True)
    if figure is None or figure is artist:
        return None
    return next((at for at, (found, _) in enumerate(_walk(figure, None)) if found is artist), -1)


def _described(artist: Any, above: Any) -> tuple[Any, ...]:
    """The class of an artist, and what its getters say where that is plain."""
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

    if isinstance(artist, Axis):
        return _axis(artist)
    told = {}
    for name in dir(artist):
        if name.startswith("get_") and name not in _DERIVED and not _moved(name, artist, above):
            # As it was set: an aspect moves it when it is drawn.
            more = {"original": True} if isinstance(artist, Axes) and name == "get_position" else {}
            try:
                told[name] = _plain(getattr(artist, name)(**more))
            except Exception:  # noqa: BLE001, S112  a getter that asks for arguments, or for what is not there
                continue
    # A label that begins with an underscore is a number that matplotlib gave.
    label = str(artist.get_label())
    return type(artist), "" if label.startswith("_") else label, sorted(told.items())


def _axis(axis: Any) -> tuple[Any, ...]:
    labels = [label.get_text() for label in axis.get_ticklabels(which="both")]
    kinds = [
        type(getattr(part, name)) for part in (axis.major, axis.minor) for name in ("locator", "formatter")
    ]
    places = axis.get_majorticklocs(), axis.get_minorticklocs()
    looks = [_plain(axis.get_tick_params(which)) for which in ("major", "minor")]
    return type(axis), axis.get_scale(), axis.get_visible(), labels, kinds, places, looks


def _moved(name: str, artist: Any, above: Any) -> bool:
    """Whether drawing moves or colours the artist, so that this getter says what follows from the rest."""
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.legend import Legend
    from matplotlib.spines import Spine
    from matplotlib.text import Text

    if name in _COLOURS:
        return getattr(artist, "get_array", lambda: None)() is not None
    if isinstance(artist, Spine) or isinstance(above, Legend):
        return name in _PLACED or name in ("get_path", "get_width", "get_height", "get_bbox")
    if name not in _PLACED:
        return False
    if isinstance(artist, Axes):
        figure: Any = artist.get_figure(root=True)
        return figure.get_layout_engine() is not None
    if isinstance(above, Axes):
        return isinstance(artist, Text) and not any(artist is text for text in above.texts)
    return isinstance(above, Axis)


def _plain(value: Any) -> Any:
    """A value as far as it is plain; of anything else the class."""
    import numpy as np
    from matplotlib.colors import Colormap
    from matplotlib.path import Path
    from matplotlib.transforms import Bbox

    if value is None or isinstance(value, bool | int | float | complex | str | np.generic | np.ndarray):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return value.vertices, value.codes
    if isinstance(value, Bbox):
        return value.get_points()
    return value if isinstance(value, Colormap) else type(value)
