"""What a preview says of objects of packages, by the name of their class; nothing is computed for it.

Of a class derived from one of these, only methods of the base are asked.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from perdure.codec.masking import shown

from .shower import ELEMENTS, ITEMS, Say, Shower, label, sized
from .shown_frames import FRAMES

_MANY = 10_000
"""Parts that are counted one by one."""


def shower_of(cls: type) -> Shower | None:
    """How objects of this class are shown, as those of its nearest base that is known."""
    for base in cls.__mro__:
        found = SHOWERS.get(f"{base.__module__.partition('.')[0]}.{base.__qualname__}")
        if found is not None:
            return found
    return None


# -- science -----------------------------------------------------------------------------------------------


def _tensor(value: Any, _say: Say) -> dict[str, Any]:
    from torch import Tensor

    base: Any = Tensor
    made = sized("tensor", base.size(value), base.dtype.__get__(value))
    grad = "requires grad" if base.requires_grad.__get__(value) else ""
    device = str(base.device.__get__(value))
    return made | {"note": ", ".join(filter(None, [device, grad]))}


def _tensor_head(value: Any, say: Say) -> dict[str, Any]:
    import torch

    made: dict[str, Any] = {"bytes": torch.Tensor.numel(value) * torch.Tensor.element_size(value)}
    plain = torch.Tensor.detach(value).as_subclass(torch.Tensor)
    if plain.device.type == "cpu" and plain.layout is torch.strided and plain.is_contiguous():
        made["head"] = [say.brief(item) for item in plain.reshape(-1)[:ELEMENTS].tolist()]
    return made


def _module(value: Any, _say: Say) -> dict[str, Any]:
    """A network: how many parameters, and its first parts."""
    count, open_, seen = 0, [value], 0
    while open_ and seen < _MANY:
        state = object.__getattribute__(open_.pop(), "__dict__")
        count += sum(type(item).numel(item) for item in state["_parameters"].values() if item is not None)
        open_ += [part for part in state["_modules"].values() if part is not None]
        seen += 1
    return {"kind": "estimator", "text": f"of {count:,} parameters"}


def _module_parts(value: Any, say: Say) -> dict[str, Any]:
    parts = object.__getattribute__(value, "__dict__")["_modules"]
    return {"fields": [[shown(str(name)), say.brief(part)] for name, part in islice(parts.items(), ITEMS)]}


def _estimator(value: Any, say: Say) -> dict[str, Any]:
    """The class, and the parameters that differ from their defaults."""
    from inspect import signature

    state = object.__getattribute__(value, "__dict__")
    defaults = signature(type.__getattribute__(type(value), "__init__")).parameters
    told = [
        f"{name}={say.under(name, state[name])}"
        for name, parameter in defaults.items()
        if name in state and not _same(state[name], parameter.default)
    ]
    return {"kind": "estimator", "text": shown(", ".join(told[:ITEMS]))}


def _same(value: Any, default: Any) -> bool:
    plain = type(value) in (bool, int, float, str) and type(value) is type(default)
    return value is default or (plain and value == default)


def _estimator_fields(value: Any, say: Say) -> dict[str, Any]:
    state = object.__getattribute__(value, "__dict__")
    return {"fields": [[shown(name), say.under(name, item)] for name, item in islice(state.items(), ITEMS)]}


def _sparse(value: Any, _say: Say) -> dict[str, Any]:
    state = vars(value)
    data = state.get("data")
    made = sized("array", state["_shape"], value.dtype)
    stored = len(state["_dict"]) if "_dict" in state else None
    if data is not None and data.dtype != object:
        stored = data.size
    return made if stored is None else made | {"note": f"{stored:,} stored elements"}


def _sparse_bytes(value: Any, _say: Say) -> dict[str, Any]:
    parts = [
        part for part in vars(value).values() if type(part).__module__ == "numpy" and hasattr(part, "nbytes")
    ]
    return {"bytes": sum(part.nbytes for part in parts)}


def _graph(value: Any, _say: Say) -> dict[str, Any]:
    state = vars(value)
    nodes, near = len(state["_node"]), state["_adj"]
    text = f"of {nodes:,} nodes"
    if nodes <= _MANY:
        multi, directed = "edge_key_dict_factory" in dir(type(value)), "_pred" in state
        ends = sum(sum(map(len, to.values())) if multi else len(to) for to in near.values())
        loops = 0 if directed else sum((len(to[at]) if multi else 1) for at, to in near.items() if at in to)
        text += f", {ends if directed else (ends + loops) // 2:,} edges"
    return {"kind": "graph", "text": text}


def _labelled(value: Any, say: Say) -> dict[str, Any]:
    """An array of xarray: its dimensions."""
    sizes = ", ".join(f"{label(name, say)}: {length:,}" for name, length in value.sizes.items())
    return {"kind": "array", "text": shown(f"({sizes}), {value.dtype}")}


def _dataset(value: Any, say: Say) -> dict[str, Any]:
    sizes = ", ".join(f"{label(name, say)}: {length:,}" for name, length in value.sizes.items())
    return {"kind": "frame", "text": shown(f"({sizes})")}


def _dataset_fields(value: Any, say: Say) -> dict[str, Any]:
    names = islice(value.variables.items(), ITEMS)
    return {
        "bytes": int(value.nbytes),
        "fields": [[label(name, say), say.brief(item)] for name, item in names],
    }


def _geometry(value: Any, _say: Say) -> dict[str, Any]:
    from shapely import get_num_coordinates  # type: ignore[import-untyped]

    return {"kind": "object", "text": f"of {get_num_coordinates(value):,} point(s)"}


def _image(value: Any, _say: Say) -> dict[str, Any]:
    state = vars(value)
    width, height = state["_size"]
    return {"kind": "image", "text": shown(f"{state['_mode']} {width:,} x {height:,}")}


def _figure(value: Any, _say: Say) -> dict[str, Any]:
    axes = vars(value)["_axstack"].as_list()
    return {"kind": "figure", "text": f"of {len(axes)} axes"}


def _titles(value: Any, _say: Say) -> dict[str, Any]:
    titles = [vars(vars(axes)["title"])["_text"] for axes in vars(value)["_axstack"].as_list()[:ITEMS]]
    return {"items": [shown(str(title)) for title in titles if title]}


# -- the web -----------------------------------------------------------------------------------------------


def _url(value: Any, _say: Say) -> dict[str, Any]:
    return {"kind": "web", "text": shown(str(value), 100)}


def _pydantic_url(value: Any, _say: Say) -> dict[str, Any]:
    return {"kind": "web", "text": shown(str(vars(value)["_url"]), 100)}


def _request(value: Any, _say: Say) -> dict[str, Any]:
    state = vars(value)
    return {"kind": "web", "text": shown(f"{state['method']} {state['url']}", 100)}


def _request_fields(value: Any, say: Say) -> dict[str, Any]:
    return _left_out(value) | {"fields": _pairs(vars(value)["headers"], say)}


def _response(value: Any, _say: Say) -> dict[str, Any]:
    state = vars(value)
    request, content = state.get("_request", state.get("request")), state.get("_content")
    url = f" {vars(request)['method']} {vars(request)['url']}" if request is not None else ""
    size = f", {len(content):,} bytes" if isinstance(content, bytes) else ""
    return {"kind": "web", "text": shown(f"{state['status_code']}{url}", 100) + size}


def _left_out(value: Any) -> dict[str, Any]:
    from perdure.codec.rows.web import left_out

    names = left_out(value)
    return {"note": shown(f"extensions left out: {', '.join(names)}", 200)} if names else {}


def _pairs(value: Any, say: Say) -> list[list[str]]:
    """Headers, one by one; those of httpx as they are, since they may not be decodable."""
    raw = getattr(value, "raw", None)
    items = (
        value.items()
        if raw is None
        else [(name.decode("latin-1"), said.decode("latin-1")) for name, said in raw]
    )
    return [[shown(str(name)), say.under(str(name), said)] for name, said in islice(items, ITEMS)]


def _named(value: Any, _say: Say) -> dict[str, Any]:
    return {"kind": "web", "size": len(value)}


def _named_fields(value: Any, say: Say) -> dict[str, Any]:
    return {"fields": _pairs(value, say)}


def _params(value: Any, say: Say) -> dict[str, Any]:
    items = [(name, said) for name, several in vars(value)["_dict"].items() for said in several]
    return {"fields": [[shown(name), say.under(name, said)] for name, said in items[:ITEMS]]}


def _cookies(value: Any, _say: Say) -> dict[str, Any]:
    jar = vars(value).get("jar", value)
    return {
        "kind": "web",
        "size": sum(len(names) for paths in vars(jar)["_cookies"].values() for names in paths.values()),
    }


def _cookie(value: Any, _say: Say) -> dict[str, Any]:
    return {"kind": "web", "text": shown(f"{vars(value)['name']} of {vars(value)['domain']}")}


SHOWERS: dict[str, Shower] = {
    **FRAMES,
    "torch.Tensor": Shower(_tensor, _tensor_head),
    "torch.Module": Shower(_module, _module_parts),
    "sklearn.BaseEstimator": Shower(_estimator, _estimator_fields),
    "scipy._spbase": Shower(_sparse, _sparse_bytes),
    "networkx.Graph": Shower(_graph),
    "xarray.DataArray": Shower(_labelled),
    "xarray.Variable": Shower(_labelled),
    "xarray.Dataset": Shower(_dataset, _dataset_fields),
    "shapely.BaseGeometry": Shower(_geometry),
    "PIL.Image": Shower(_image),
    "matplotlib.Figure": Shower(_figure, _titles),
    "httpx.URL": Shower(_url),
    "yarl.URL": Shower(_url),
    "pydantic._BaseUrl": Shower(_pydantic_url),
    "httpx.Request": Shower(_request, _request_fields),
    "httpx.Response": Shower(_response, _request_fields),
    "httpx.Headers": Shower(_named, _named_fields),
    "httpx.QueryParams": Shower(_named, _params),
    "httpx.Cookies": Shower(_cookies),
    "requests.PreparedRequest": Shower(_request),
    "requests.Response": Shower(_response),
    "requests.CaseInsensitiveDict": Shower(_named, _named_fields),
    "http.CookieJar": Shower(_cookies),
    "http.Cookie": Shower(_cookie),
}
"""By the package and the name of the class."""
