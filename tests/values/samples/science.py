"""Values of the scientific packages: torch, scipy, scikit-learn, PIL, matplotlib, networkx, xarray, shapely."""

from __future__ import annotations

import io
import warnings
from functools import partial
from typing import Any

import numpy as np

from values.alike import alike
from values.sample import Sample

warnings.filterwarnings("ignore", module="torch")
RNG = partial(np.random.default_rng, 0)


# -- torch -------------------------------------------------------------------------------------------------


def torch() -> Any:
    import torch

    return torch


def same_tensor(a: Any, b: Any) -> None:
    """Type, dtype, layout, content, strides, flags, attributes and gradient."""
    t = torch()
    assert type(a) is type(b)
    told = ("dtype", "layout", "shape", "device", "requires_grad", "is_quantized")
    for name in told:
        assert getattr(a, name) == getattr(b, name), name
    for name in ("is_inference", "is_conj", "is_neg", "is_leaf"):
        one, two = (getattr(x, name) for x in (a, b))
        assert (one() if callable(one) else one) == (two() if callable(two) else two), name
    alike(vars(a), vars(b))
    if a.layout == t.strided:
        assert a.stride() == b.stride()
        if a.device.type != "meta":
            one, two = (x.detach().clone().resolve_conj().resolve_neg().reshape(-1) for x in (a, b))
            if a.is_quantized:
                assert a.qscheme() == b.qscheme()
                assert t.equal(a.int_repr(), b.int_repr())
                assert t.equal(a.dequantize(), b.dequantize())
            else:
                assert t.equal(one.view(t.uint8), two.view(t.uint8))
    elif a.layout == t.sparse_coo:
        assert a.is_coalesced() == b.is_coalesced()
        same_tensor(a.detach()._indices(), b.detach()._indices())
        same_tensor(a.detach()._values(), b.detach()._values())
    else:
        assert t.equal(a.detach().to_dense(), b.detach().to_dense())
        same_tensor(a.detach().values(), b.detach().values())
    assert (a.grad is None) == (b.grad is None)
    if a.grad is not None:
        same_tensor(a.grad, b.grad)


def same_module(a: Any, b: Any) -> None:
    assert type(a) is type(b)
    assert set(vars(a)) == set(vars(b))
    assert a.training == b.training
    for one, two in zip(a.named_modules(), b.named_modules(), strict=True):
        assert one[0] == two[0]
        assert type(one[1]) is type(two[1])
        for kind in ("_parameters", "_buffers"):
            before, after = getattr(one[1], kind), getattr(two[1], kind)
            assert list(before) == list(after)
            for x, y in zip(before.values(), after.values(), strict=True):
                assert (x is None) == (y is None)
                if x is not None:
                    same_tensor(x, y)
        assert len(one[1]._forward_hooks) == len(two[1]._forward_hooks)
    assert str(a) == str(b)


def same_optimizer(a: Any, b: Any) -> None:
    assert type(a) is type(b)
    assert str(a) == str(b)
    alike(a.defaults, b.defaults)
    alike(getattr(a, "_opt_called", None), getattr(b, "_opt_called", None))
    for one, two in zip(a.param_groups, b.param_groups, strict=True):
        assert list(one) == list(two)
        for x, y in zip(one["params"], two["params"], strict=True):
            same_tensor(x, y)
            assert list(a.state.get(x, {})) == list(b.state.get(y, {}))
            for name in a.state.get(x, {}):
                (same_tensor if isinstance(a.state[x][name], torch().Tensor) else alike)(
                    a.state[x][name], b.state[y][name]
                )


def same_training(a: Any, b: Any) -> None:
    """The optimizer's parameters are the module's afterwards, and both go on alike."""
    same_module(a["module"], b["module"])
    same_optimizer(a["optimizer"], b["optimizer"])
    for x in (a, b):
        found = [p for group in x["optimizer"].param_groups for p in group["params"]]
        assert all(p is q for p, q in zip(found, x["module"].parameters(), strict=True))
        if "scheduler" in x:
            assert x["scheduler"].optimizer is x["optimizer"]
            assert hasattr(x["optimizer"].step, "_wrapped_by_lr_sched")
    for name in a:
        if name == "scheduler":
            assert a[name].state_dict().keys() == b[name].state_dict().keys()
            assert a[name].get_last_lr() == b[name].get_last_lr()


def parameter(**more: Any) -> Any:
    t = torch()
    made = t.nn.Parameter(t.arange(4.0))
    (made * made).sum().backward()
    vars(made).update(more)
    return made


def requires_grad() -> Any:
    made = torch().ones(3, requires_grad=True)
    (made * 2).sum().backward()
    return made


def attributed() -> Any:
    made = torch().ones(3)
    made.note = ["hung on"]
    return made


def inference() -> Any:
    with torch().inference_mode():
        return torch().ones(3) * 2


def module() -> Any:
    t = torch()
    t.manual_seed(0)
    made = t.nn.Sequential(t.nn.Linear(3, 4), t.nn.BatchNorm1d(4), t.nn.Dropout(0.1), t.nn.Linear(4, 2))
    made[1].register_buffer("scratch", t.zeros(2), persistent=False)
    made(t.ones(5, 3)).sum().backward()
    return made.eval()


def hooked() -> Any:
    made = torch().nn.Linear(2, 2)
    torch().nn.init.ones_(made.weight)
    torch().nn.init.ones_(made.bias)
    made.register_forward_hook(a_hook)
    return made


def a_hook(*_args: Any) -> None:
    return None


def lstm() -> Any:
    torch().manual_seed(0)
    return torch().nn.LSTM(3, 4, num_layers=2)


def training(kind: str = "Adam", *, scheduler: bool = False) -> dict[str, Any]:
    t = torch()
    t.manual_seed(0)
    made: dict[str, Any] = {"module": t.nn.Sequential(t.nn.Linear(3, 2), t.nn.Linear(2, 1))}
    more = {"momentum": 0.9} if kind == "SGD" else {}
    made["optimizer"] = getattr(t.optim, kind)(made["module"].parameters(), lr=0.1, **more)
    if scheduler:
        made["scheduler"] = t.optim.lr_scheduler.CosineAnnealingLR(made["optimizer"], 10)
    for _ in range(3):
        made["optimizer"].zero_grad()
        made["module"](t.ones(4, 3)).sum().backward()
        made["optimizer"].step()
        if scheduler:
            made["scheduler"].step()
    return made


def generator() -> Any:
    made = torch().Generator().manual_seed(3)
    torch().rand(3, generator=made)
    return made


def same_generator(a: Any, b: Any) -> None:
    assert torch().equal(a.get_state(), b.get_state())
    assert a.initial_seed() == b.initial_seed()
    assert a.device == b.device


def loader() -> Any:
    data = torch().utils.data
    t = torch()
    return data.DataLoader(data.TensorDataset(t.arange(6.0), t.arange(6)), batch_size=4, shuffle=True)


def same_loader(a: Any, b: Any) -> None:
    assert type(a) is type(b)
    assert list(vars(a)) == list(vars(b))
    assert (a.batch_size, a.drop_last, a.num_workers) == (b.batch_size, b.drop_last, b.num_workers)
    for x, y in zip(a.dataset.tensors, b.dataset.tensors, strict=True):
        same_tensor(x, y)
    assert b.sampler.data_source is b.dataset
    assert a.collate_fn is b.collate_fn


def tensor(name: str) -> Any:
    t = torch()
    dtype = getattr(t, name)
    if name.startswith(("float4", "bits", "uint1")) or name in ("int1", "int2"):
        return t.arange(24, dtype=t.uint8)[:8].view(dtype) if name != "uint16" else t.arange(6).to(dtype)
    return t.arange(6).to(dtype).reshape(2, 3)


DTYPES = """
    float32 float64 float16 bfloat16 complex32 complex64 complex128 uint8 int8 int16 int32 int64 bool
    uint16 uint32 uint64 float8_e4m3fn float8_e5m2 float4_e2m1fn_x2"""

TENSORS = [
    *(Sample(f"torch.Tensor, {name}", partial(tensor, name), same_tensor) for name in DTYPES.split()),
    Sample("torch.Tensor, 0-d", lambda: torch().tensor(2.5), same_tensor),
    Sample("torch.Tensor, empty", lambda: torch().empty(0, 3), same_tensor),
    Sample("torch.Tensor, transposed", lambda: torch().arange(6.0).reshape(2, 3).t(), same_tensor),
    Sample("torch.Tensor, strided", lambda: torch().arange(20)[3::4], same_tensor),
    Sample("torch.Tensor, expanded", lambda: torch().arange(3).expand(4, 3), same_tensor),
    Sample("torch.Tensor, requires_grad with its grad", requires_grad, same_tensor),
    Sample("torch.Tensor, conj", lambda: torch().tensor([1 + 2j, 3j]).conj(), same_tensor),
    Sample("torch.Tensor, neg", lambda: torch().tensor([1 + 2j, 3j]).conj().imag, same_tensor),
    Sample("torch.Tensor, meta", lambda: torch().empty(3, 4, device="meta"), same_tensor),
    Sample("torch.Tensor, inference mode", inference, same_tensor),
    Sample("torch.Tensor, attributes", attributed, same_tensor),
    Sample("torch.nn.Parameter", parameter, same_tensor),
    Sample("torch.nn.Parameter, attributes", partial(parameter, tag="head"), same_tensor),
    Sample("torch.nn.Buffer", lambda: torch().nn.Buffer(torch().ones(2)), same_tensor),
    Sample("torch.Tensor, large", lambda: torch().arange(500_000.0), same_tensor),
    Sample(
        "torch.Tensor, quantised",
        lambda: torch().quantize_per_tensor(torch().arange(6.0), 0.1, 2, torch().qint8),
        same_tensor,
    ),
    Sample(
        "torch.Tensor, quantised per channel",
        lambda: torch().quantize_per_channel(
            *(torch().ones(2, 3), torch().tensor([0.1, 0.2]), torch().tensor([0, 1]), 0, torch().quint8)
        ),
        same_tensor,
    ),
    Sample(
        "torch.Tensor, sparse_coo",
        lambda: torch().sparse_coo_tensor([[0, 1, 0], [2, 0, 2]], [1.0, 2.0, 3.0], (2, 3)),
        same_tensor,
    ),
    Sample("torch.Tensor, sparse_coo coalesced", lambda: torch().eye(3).to_sparse(), same_tensor),
    *(
        Sample(
            f"torch.Tensor, sparse_{kind}",
            partial(
                lambda kind: getattr(torch().eye(4), f"to_sparse_{kind}")(
                    *([(2, 2)] if kind[0] == "b" else [])
                ),
                kind,
            ),
            same_tensor,
        )
        for kind in ("csr", "csc", "bsr", "bsc")
    ),
    Sample("torch.Size", lambda: torch().ones(2, 3).shape),
    Sample("torch.dtype", lambda: torch().bfloat16, lambda a, b: alike(a is b, b is a)),
    Sample("torch.device", lambda: torch().device("cpu"), lambda a, b: alike(str(a), str(b))),
    Sample("torch.nn.Module", module, same_module),
    Sample("torch.nn.Module with hooks", hooked, same_module),
    Sample("torch.nn.LSTM", lstm, same_module),
    Sample("torch.optim.Adam", training, same_training),
    Sample("torch.optim.SGD", partial(training, "SGD"), same_training),
    Sample("torch.optim.LBFGS", lambda: torch().optim.LBFGS([parameter()]), same_optimizer),
    Sample("torch.nn.LazyLinear", lambda: torch().nn.LazyLinear(3), lambda a, b: alike(str(a), str(b))),
    Sample("torch.optim.lr_scheduler", partial(training, scheduler=True), same_training),
    Sample("torch.Generator", generator, same_generator),
    Sample("torch.utils.data.DataLoader", loader, same_loader),
    Sample(
        "torch state_dict",
        lambda: dict(module().state_dict()),
        lambda a, b: [same_tensor(a[name], b[name]) for name in a | b] and None,
    ),
]


# -- scipy -------------------------------------------------------------------------------------------------


def same_sparse(a: Any, b: Any) -> None:
    assert type(a) is type(b)
    assert (a.shape, a.dtype, a.format, a.nnz) == (b.shape, b.dtype, b.format, b.nnz)
    one, two = vars(a), vars(b)
    assert one.keys() == two.keys()
    for name in one:
        if name == "coords":
            alike(list(one[name]), list(two[name]))
        else:
            alike(one[name], two[name])


def sparse(kind: str, *, array: bool, dtype: str = "f8", flags: bool = False) -> Any:
    import scipy.sparse as sp

    dense = np.array([[0, 1, 0, 2], [3, 0, 0, 0], [0, 0, 4, 0], [0, 0, 0, 0]], dtype)
    made = getattr(sp, f"{kind}_{'array' if array else 'matrix'}")(dense)
    if flags and kind in ("csr", "csc", "bsr"):
        assert made.has_canonical_format
        assert made.has_sorted_indices
    return made


def unsorted() -> Any:
    import scipy.sparse as sp

    return sp.csr_array(
        (np.array([1.0, 2, 3]), np.array([2, 0, 0], "i4"), np.array([0, 3, 3], "i4")), shape=(2, 3)
    )


FORMATS = ("csr", "csc", "coo", "lil", "dok", "dia", "bsr")
SPARSE = [
    *(
        Sample(
            f"scipy.sparse.{kind}_{'array' if array else 'matrix'}",
            partial(sparse, kind, array=array),
            same_sparse,
        )
        for kind in FORMATS
        for array in (True, False)
    ),
    Sample("scipy.sparse.csr_array, flags", partial(sparse, "csr", array=True, flags=True), same_sparse),
    Sample("scipy.sparse.csr_array, unsorted with duplicates", unsorted, same_sparse),
    Sample("scipy.sparse.csr_array, complex", partial(sparse, "csr", array=True, dtype="c16"), same_sparse),
    Sample("scipy.sparse.csr_array, bool", partial(sparse, "csr", array=True, dtype="?"), same_sparse),
]


# -- scikit-learn ------------------------------------------------------------------------------------------

X = RNG().normal(size=(60, 4))
Y = (X[:, 0] + X[:, 1] > 0).astype(int)


def same_estimator(a: Any, b: Any) -> None:
    from sklearn.base import clone  # noqa: F401

    assert type(a) is type(b)
    assert list(vars(a)) == list(vars(b))
    assert str(a.get_params().keys()) == str(b.get_params().keys())
    assert repr(a).partition(" at 0x")[0] == repr(b).partition(" at 0x")[0]
    for name in ("predict", "predict_proba", "transform"):
        if hasattr(a, name):
            alike(np.asarray(getattr(a, name)(X)), np.asarray(getattr(b, name)(X)))


def fitted(path: str, **more: Any) -> Any:
    from importlib import import_module

    module, _, name = path.rpartition(".")
    return getattr(import_module(f"sklearn.{module}"), name)(**more).fit(X, Y)


def pipeline() -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    columns = ColumnTransformer(
        [
            ("scale", StandardScaler(), [0, 1]),
            ("cut", make_pipeline(FunctionTransformer(np.sign), OneHotEncoder()), [2]),
            ("own", FunctionTransformer(lambda x: x * 2), [3]),
        ]
    )
    return make_pipeline(columns, LogisticRegression()).fit(X, Y)


def search() -> Any:
    from sklearn.model_selection import GridSearchCV
    from sklearn.tree import DecisionTreeClassifier

    found = GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 3]}, cv=3).fit(X, Y)
    for name in [name for name in found.cv_results_ if "time" in name]:
        found.cv_results_[name] = np.zeros(2)
    found.refit_time_ = 0.0
    return found


def bunch() -> Any:
    from sklearn.utils import Bunch

    return Bunch(data=X, target=Y, DESCR="text")


def same_bunch(a: Any, b: Any) -> None:
    assert type(a) is type(b)
    alike(dict(a), dict(b))
    alike(vars(a), vars(b))


ESTIMATORS = {
    "linear_model.LinearRegression": {},
    "linear_model.LogisticRegression": {},
    "ensemble.RandomForestClassifier": {"n_estimators": 5, "random_state": 0},
    "ensemble.GradientBoostingClassifier": {"n_estimators": 5, "random_state": 0},
    "ensemble.HistGradientBoostingClassifier": {"max_iter": 5, "random_state": 0},
    "ensemble.IsolationForest": {"n_estimators": 5, "random_state": 0},
    "tree.DecisionTreeClassifier": {"random_state": 0},
    "svm.SVC": {"random_state": 0, "probability": False},
    "neighbors.KNeighborsClassifier": {"algorithm": "kd_tree"},
    "neighbors.NearestNeighbors": {"algorithm": "ball_tree"},
    "naive_bayes.GaussianNB": {},
    "cluster.KMeans": {"n_clusters": 2, "random_state": 0, "n_init": 1},
    "decomposition.PCA": {"random_state": 0},
    "gaussian_process.GaussianProcessClassifier": {"random_state": 0},
    "neural_network.MLPClassifier": {"random_state": 0, "max_iter": 20},
    "preprocessing.StandardScaler": {},
}
LEARNED = [
    *(
        Sample(f"sklearn.{path}", partial(fitted, path, **more), same_estimator)
        for path, more in ESTIMATORS.items()
    ),
    Sample("sklearn.pipeline.Pipeline", pipeline, same_estimator),
    Sample("sklearn.model_selection.GridSearchCV", search, same_estimator),
    Sample("sklearn.utils.Bunch", bunch, same_bunch),
]


# -- PIL ---------------------------------------------------------------------------------------------------


def same_image(a: Any, b: Any) -> None:
    assert type(a) is type(b)
    assert (a.mode, a.size, a.format, a.readonly) == (b.mode, b.size, b.format, b.readonly)
    assert a.tobytes() == b.tobytes()
    alike(a.info, b.info)
    assert (a.palette is None) == (b.palette is None)
    if a.palette is not None:
        assert a.getpalette("RGBA") == b.getpalette("RGBA")
        assert a.palette.mode == b.palette.mode
        assert bytes(a.palette.palette) == bytes(b.palette.palette)
        assert a.palette.colors == b.palette.colors
    assert dict(a.getexif()) == dict(b.getexif())


def image(mode: str) -> Any:
    from PIL import Image

    if mode == "F" or mode.startswith("I"):
        made = Image.new(mode, (4, 3), 7)
    else:
        made = (
            Image.fromarray(RNG().integers(0, 255, (3, 4, 3), "u1"))
            .convert("RGBA")
            .convert(mode if mode not in ("LAB", "La", "RGBa") else "RGB")
        )
    made.info["dpi"] = (72, 72)
    return made


def from_file(kind: str, mode: str = "RGB", **more: Any) -> Any:
    from PIL import Image

    file = io.BytesIO()
    image(mode).save(file, kind, **more)
    file.seek(0)
    return Image.open(file)


def exif() -> Any:
    from PIL import Image

    made = Image.Exif()
    made[0x0112] = 6
    return from_file("JPEG", exif=made)


def exif_changed() -> Any:
    made = image("RGB")
    made.getexif()[0x0112] = 3
    return made


MODES = ("1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I", "F", "LA", "PA", "RGBX", "I;16")
IMAGES = [
    *(Sample(f"PIL.Image, {mode}", partial(image, mode), same_image) for mode in MODES),
    Sample("PIL.Image, opened png", partial(from_file, "PNG"), same_image),
    Sample("PIL.Image, opened png with palette", partial(from_file, "PNG", "P"), same_image),
    Sample("PIL.Image, opened jpeg", partial(from_file, "JPEG"), same_image),
    Sample("PIL.Image, opened gif", partial(from_file, "GIF", "P"), same_image),
    Sample("PIL.Image, opened jpeg with exif", exif, same_image),
    Sample("PIL.Image, exif changed", exif_changed, same_image),
    Sample("PIL.Image, empty", lambda: __import__("PIL.Image").Image.new("RGB", (0, 0)), same_image),
]


# -- matplotlib --------------------------------------------------------------------------------------------


def same_figure(a: Any, b: Any) -> None:
    assert type(a) is type(b)
    assert len(a.axes) == len(b.axes)
    assert [type(x) for x in a.get_children()] == [type(x) for x in b.get_children()]
    pictures = []
    for figure in (a, b):
        file = io.BytesIO()
        figure.savefig(file, format="rgba", dpi=40)
        pictures.append(file.getvalue())
    assert pictures[0] == pictures[1]


def figure() -> Any:
    from matplotlib.figure import Figure

    made = Figure(figsize=(3, 2))
    left, right = made.subplots(1, 2)
    left.plot([1, 3, 2], label="a")
    left.legend()
    left.set_title("title")
    picture = right.imshow(np.arange(6).reshape(2, 3))
    right.annotate("here", (0, 0))
    made.colorbar(picture)
    right.twinx().bar([1, 2], [3, 4])
    return made


def pyplot() -> Any:
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    made, axes = plt.subplots()
    axes.scatter([1, 2], [3, 4], c=[0.1, 0.9])
    plt.close(made)
    return made


def figure_and_axes() -> Any:
    made = figure()
    return {"figure": made, "axes": made.axes}


def same_figure_and_axes(a: Any, b: Any) -> None:
    same_figure(a["figure"], b["figure"])
    for x in (a, b):
        assert all(one is two for one, two in zip(x["axes"], x["figure"].axes, strict=True))
        assert all(one.figure is x["figure"] for one in x["axes"])


FIGURES = [
    Sample("matplotlib.figure.Figure", figure, same_figure),
    Sample("matplotlib.figure.Figure of pyplot", pyplot, same_figure),
    Sample("matplotlib figure with its axes", figure_and_axes, same_figure_and_axes),
]


# -- networkx ----------------------------------------------------------------------------------------------


def same_graph(a: Any, b: Any) -> None:
    assert type(a) is type(b)
    alike(a.graph, b.graph)
    alike(dict(a.nodes(data=True)), dict(b.nodes(data=True)))
    assert list(a.edges) == list(b.edges)
    alike({n: dict(near) for n, near in a.adjacency()}, {n: dict(near) for n, near in b.adjacency()})
    for one, two in list(b.edges())[:5]:
        if not b.is_directed():
            assert b._adj[one][two] is b._adj[two][one]
        else:
            assert b._succ[one][two] is b._pred[two][one]


def graph(kind: str) -> Any:
    import networkx as nx

    made = getattr(nx, kind)(name="g")
    made.add_node("z", color="red")
    made.add_edge("z", 1, weight=2.5)
    made.add_edge(1, (2, 3), note=["x"])
    made.add_edge(1, 1)
    return made


def used_graph() -> Any:
    import networkx as nx

    made = nx.path_graph(5)
    nx.shortest_path(made, 0, 4)
    assert made.nodes
    assert made.edges
    assert made.adj
    return made


GRAPHS = [
    *(
        Sample(f"networkx.{kind}", partial(graph, kind), same_graph)
        for kind in ("Graph", "DiGraph", "MultiGraph", "MultiDiGraph")
    ),
    Sample("networkx.Graph, looked at", used_graph, same_graph),
    Sample("networkx.Graph, empty", lambda: __import__("networkx").Graph(), same_graph),
]


# -- xarray ------------------------------------------------------------------------------------------------


def same_xarray(a: Any, b: Any) -> None:
    assert type(a) is type(b)
    assert a.identical(b)
    alike(a.attrs, b.attrs)
    alike(a.encoding, b.encoding)
    if hasattr(a, "coords"):
        assert list(a.coords) == list(b.coords)
        assert list(a.indexes) == list(b.indexes)
        for name in a.coords:
            alike(a.coords[name].attrs, b.coords[name].attrs)
            assert a.coords[name].dtype == b.coords[name].dtype
            alike(a.coords[name].values, b.coords[name].values)
    if hasattr(a, "data_vars"):
        assert list(a.data_vars) == list(b.data_vars)
        for name in a.data_vars:
            same_xarray(a[name], b[name])
    elif type(a.data).__module__ == "numpy":
        alike(a.data, b.data)


def same_dask(a: Any, b: Any) -> None:
    """Asking for the values of a coordinate computes it in place, so copies are asked."""
    assert type(a) is type(b)
    assert (a.chunks, a.name, a.dims) == (b.chunks, b.name, b.dims)
    assert type(a.data) is type(b.data)
    same_xarray(a.compute(), b.compute())


def data_array() -> Any:
    import pandas as pd
    import xarray as xr

    made = xr.DataArray(
        np.arange(6.0).reshape(2, 3),
        dims=("time", "x"),
        coords={
            "time": pd.date_range("2024-01-01", periods=2),
            "x": [10, 20, 30],
            "label": ("x", list("abc")),
        },
        name="t",
        attrs={"units": "K"},
    )
    made.encoding["dtype"] = "f4"
    return made


def dataset() -> Any:
    import xarray as xr

    return xr.Dataset({"t": data_array(), "n": ("x", [1, 2, 3])}, attrs={"source": ["a"]})


def stacked() -> Any:
    return dataset().stack(both=("time", "x"))  # noqa: PD013


def dasked() -> Any:
    return data_array().chunk({"x": 2})


ARRAYS = [
    Sample("xarray.DataArray", data_array, same_xarray),
    Sample("xarray.Dataset", dataset, same_xarray),
    Sample("xarray.Variable", lambda: data_array().variable, same_xarray),
    Sample("xarray.Dataset with a MultiIndex", stacked, same_xarray),
    Sample("xarray.DataArray, dask", dasked, same_dask, digests=False),
    Sample(
        "xarray.DataTree",
        lambda: __import__("xarray").DataTree.from_dict({"/": dataset(), "/a": dataset()}),
        lambda a, b: alike((type(a), a.identical(b)), (type(b), True)),
    ),
]


# -- shapely -----------------------------------------------------------------------------------------------


def same_geometry(a: Any, b: Any) -> None:
    import shapely

    assert type(a) is type(b)
    assert shapely.to_wkb(a, include_srid=True) == shapely.to_wkb(b, include_srid=True)
    assert shapely.get_srid(a) == shapely.get_srid(b)
    assert (a.has_z, a.is_empty) == (b.has_z, b.is_empty)
    assert getattr(a, "has_m", False) == getattr(b, "has_m", False)


def geometry(text: str, srid: int = 0) -> Any:
    import shapely

    made = shapely.from_wkt(text)
    return shapely.set_srid(made, srid) if srid else made


def prepared() -> Any:
    import shapely

    made = geometry("POLYGON ((0 0, 1 0, 1 1, 0 0))")
    shapely.prepare(made)
    return made


def tree() -> Any:
    import shapely

    return shapely.STRtree([geometry("POINT (0 1)"), geometry("POINT (2 3)")])


def same_tree(a: Any, b: Any) -> None:
    assert type(a) is type(b)
    for one, two in zip(a.geometries, b.geometries, strict=True):
        same_geometry(one, two)
    alike(a.query(geometry("POINT (2 3)")), b.query(geometry("POINT (2 3)")))


SHAPES = [
    *(
        Sample(f"shapely, {text}", partial(geometry, text), same_geometry)
        for text in (
            "POINT (0.1 2)",
            "POINT Z (1 2 3)",
            "POINT M (1 2 3)",
            "POINT ZM (1 2 3 4)",
            "POINT EMPTY",
            "LINESTRING (0 0, 1 1)",
            "LINEARRING (0 0, 1 0, 1 1, 0 0)",
            "LINEARRING Z (0 0 1, 1 0 1, 1 1 1, 0 0 1)",
            "POLYGON ((0 0, 4 0, 4 4, 0 0), (1 0.5, 2 0.5, 2 1, 1 0.5))",
            "POLYGON EMPTY",
            "MULTIPOINT (0 0, 1 1)",
            "MULTIPOINT (EMPTY, (1 1))",
            "MULTILINESTRING ((0 0, 1 1), (2 2, 3 3))",
            "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)))",
            "GEOMETRYCOLLECTION (POINT (0 1), LINESTRING (0 0, 1 1), GEOMETRYCOLLECTION EMPTY)",
            "GEOMETRYCOLLECTION EMPTY",
            "LINESTRING EMPTY",
            "LINESTRING Z EMPTY",
            "POINT Z EMPTY",
        )
    ),
    Sample("shapely, srid", partial(geometry, "POINT (1 2)", 4326), same_geometry),
    Sample("shapely, prepared", prepared, same_geometry),
    Sample("shapely.STRtree", tree, same_tree),
    Sample(
        "shapely, linear ring with srid",
        partial(geometry, "LINEARRING (0 0, 1 0, 1 1, 0 0)", 4326),
        same_geometry,
    ),
]

SAMPLES = [*TENSORS, *SPARSE, *LEARNED, *IMAGES, *FIGURES, *GRAPHS, *ARRAYS, *SHAPES]
