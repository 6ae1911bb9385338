"""What the table of values cannot say of the scientific packages: sharing, memory, edits, and what is refused."""

import copy
import io
import warnings

import numpy as np
import pytest

from perdure import codec
from perdure.errors import NotKeepable, NotLoadable

torch = pytest.importorskip("torch")


def kept(value):
    return codec.copy_value(value)


def refused(value, name="result"):
    with pytest.raises(NotKeepable) as caught:
        codec.encode(value, name=name)
    return caught.value


def digests(*values):
    return [codec.digest(value).hex for value in values]


def storage(tensor):
    return tensor.untyped_storage()


# -- torch: memory -----------------------------------------------------------------------------------------


def test_large_tensors_travel_without_a_copy():
    """Promise 10: the buffer is a window on the tensor's own memory."""
    for dtype in (torch.float32, torch.bfloat16):
        tensor = torch.zeros(1 << 20, dtype=dtype)
        (view,) = codec.encode({"w": tensor}).buffers
        assert view.nbytes == tensor.nbytes
        assert np.frombuffer(view, "u1").ctypes.data == tensor.data_ptr()


def test_a_restored_tensor_takes_writable_memory_over():
    """Promise 3: it can be changed in place, in the memory that was mapped for it."""
    encoded = codec.encode(torch.ones(1 << 19))
    mapped = bytearray(encoded.buffers[0])
    made = codec.decode(codec.Encoded(encoded.codec, encoded.stream, (memoryview(mapped),), {}, {}))
    made += 1
    assert made.sum() == 2 << 19
    assert np.frombuffer(mapped, "f4")[5] == 2
    small = kept(torch.ones(3))
    assert small.resize_(100).shape == (100,)


def test_a_small_tensor_may_grow_after_it_was_kept():
    """Promise 4: keeping a value does not change it."""
    tensor = torch.ones(3)
    codec.encode(tensor)
    codec.digest(tensor)
    assert tensor.resize_(100).shape == (100,)


@pytest.mark.parametrize("alive", [True, False])
def test_a_view_of_a_big_storage_is_compacted(alive):
    """Promise 10: what the view does not show is not kept, whether or not something else still uses it."""
    big = torch.arange(1_000_000.0)
    view = big[500_000:500_010]
    if not alive:
        del big
    encoded = codec.encode([view, view[2:4]])
    assert encoded.size < 4_000
    one, two = codec.decode(encoded)
    assert one.tolist() == view.tolist()
    assert storage(one).nbytes() < 200
    two.zero_()
    assert one[2:4].tolist() == [0, 0]


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2]])
def test_tensors_over_one_storage_share_it_again(order):
    """Promise 3: in whatever order they are met, and however little of it each shows."""
    big = torch.arange(1000.0)
    views = [big[10:20], big[15:400], big[990:]]
    made = kept([views[at] for at in order])
    for at, one in zip(order, made, strict=True):
        assert one.tolist() == views[at].tolist()
        assert one.stride() == views[at].stride()
    made[order.index(0)][5:] = -1
    assert made[order.index(1)][:5].tolist() == [-1] * 5
    assert len({storage(one).data_ptr() for one in made}) == 1


def test_sharing_goes_across_dtypes_gradients_and_flags():
    """Promise 3: a bit pattern, a conjugate, a parameter and a grad over the memory of others."""
    base = torch.zeros(100, dtype=torch.complex64)
    weight = torch.nn.Parameter(base.real[:4].clone())
    weight.grad = base.real[:4]
    value = [base[90:].conj(), weight, base[:4].conj(), base.view(torch.float32)]
    ends, tied, near, floats = kept(value)
    floats[:] = torch.arange(200.0)
    assert tied.grad.tolist() == [0, 2, 4, 6]
    assert near.tolist() == [0 - 1j, 2 - 3j, 4 - 5j, 6 - 7j]
    assert ends[-1].item() == 198 - 199j
    assert ends.is_conj()


def test_tied_weights_stay_tied():
    """Promise 3: one parameter under two names, and two parameters over one storage."""
    module = torch.nn.ModuleDict({"a": torch.nn.Linear(3, 3), "b": torch.nn.Linear(3, 3)})
    module["b"].weight = module["a"].weight
    module["b"].bias = torch.nn.Parameter(module["a"].bias.data)
    made = kept({"model": module, "state": dict(module.state_dict())})
    a, b = made["model"]["a"], made["model"]["b"]
    assert a.weight is b.weight
    with torch.no_grad():
        a.bias.fill_(7)
    assert b.bias.tolist() == [7, 7, 7] == made["state"]["a.bias"].tolist()


def test_a_tensor_shares_its_storage_object():
    """Promise 3: the storage itself may be a part of the value."""
    tensor = torch.arange(4)
    made, memory = kept([tensor, storage(tensor)])
    assert storage(made).data_ptr() == memory.data_ptr()


def test_many_rows_of_one_storage_cost_it_once():
    """Promise 10: a list of views is kept as their memory, not as a copy for each."""
    rows = list(torch.zeros(1000, 1000))
    assert codec.encode(rows).size < 4_500_000


# -- torch: objects ----------------------------------------------------------------------------------------


class Tagged(torch.Tensor):
    """A tensor class of the user."""

    def __init__(self, *_args):
        self.made_by_hand = True


def test_a_tensor_class_of_ones_own_is_kept_with_its_attributes():
    """Promise 4: no `__init__` runs."""
    made = kept(torch.ones(2).as_subclass(Tagged))
    assert type(made) is Tagged
    assert vars(made) == {}


def test_a_tensor_may_hold_itself():
    """Promise 3: cycles through attributes are kept."""
    tensor = torch.ones(2)
    tensor.me = [tensor]
    made = kept(tensor)
    assert made.me[0] is made
    assert codec.digest(made) == codec.digest(tensor)
    assert not codec.digest(tensor).weak


def test_what_hangs_in_a_graph_is_refused_with_the_way_out():
    """Promise 4: exact or refused."""
    weight = torch.ones(2, requires_grad=True)
    error = refused({"loss": [(weight * 2).sum()]})
    assert error.path == 'result["loss"][0]'
    assert ".detach()" in error.advice
    hooked = torch.ones(2, requires_grad=True)
    hooked.register_hook(print)
    assert "handle.remove()" in refused(hooked).advice
    nested = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])
    assert ".unbind()" in refused(nested).advice
    assert ".clone()" in refused(torch.ones(2).share_memory_()).advice
    assert ".to_dense()" in refused(torch.ones(2, 2).to_mkldnn()).advice


def test_a_tensor_of_another_device_says_where_it_lay():
    """Promise 4: one sentence on a machine without the device."""
    from perdure.codec.packages.torch_memory import Memory

    with pytest.raises(NotLoadable, match=r"`cuda:7`(?s:.*)`\.cpu\(\)`"):
        Memory(b"abcd", 4, "cuda:7", 0)


def test_an_optimizer_goes_on_with_the_restored_module():
    """Promise 3: what is restored trains on exactly as what was kept would have."""

    def train(value, steps):
        for _ in range(steps):
            value["optimizer"].zero_grad()
            value["model"](torch.ones(4, 3)).square().sum().backward()
            value["optimizer"].step()
            value["scheduler"].step()
        return [parameter.tolist() for parameter in value["model"].parameters()]

    torch.manual_seed(0)
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.9**epoch)
    value = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
    made = kept(value)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # torch warns where it believes that the optimizer made no step
        assert train(value, 2) == train(made, 2)
    assert train(kept(value), 2) == train(made, 2)


def test_hooks_of_a_module_are_kept_and_those_of_an_optimizer_refused():
    """Promise 4: a new hook does not take the place of one that came back."""
    module = torch.nn.Linear(1, 1)
    module.register_forward_hook(copy.copy)
    module._forward_hooks[10_000_000] = module._forward_hooks.popitem()[1]
    made = kept(module)
    assert list(made._forward_hooks) == [10_000_000]
    assert made.register_forward_hook(copy.copy).id > 10_000_000
    optimizer = torch.optim.SGD(module.parameters())
    optimizer.register_step_post_hook(print)
    assert "handle.remove()" in refused(optimizer).advice


def test_the_default_generator_is_itself():
    """Promise 4: it belongs to torch, as `random.random` belongs to its module."""
    assert kept([torch.default_generator])[0] is torch.default_generator


# -- digests -----------------------------------------------------------------------------------------------


def test_alike_tensors_have_one_digest_and_any_edit_changes_it():
    """Promise 1: however they lie in memory; type, dtype, shape and flags count."""
    base = torch.arange(12.0).reshape(3, 4)
    big = torch.cat([base.reshape(-1), base.reshape(-1)])
    assert len(set(digests(base, base.clone(), base.t().contiguous().t(), big[12:].reshape(3, 4)))) == 1
    edited = base.clone()
    edited[2, 3] += 1e-5
    attributed = base.clone()
    attributed.note = 1
    graded = base.clone().requires_grad_()
    with_grad = base.clone().requires_grad_()
    with_grad.grad = base
    others = [
        edited,
        attributed,
        graded,
        with_grad,
        torch.nn.Parameter(base),
        base.double(),
        base.reshape(4, 3),
    ]
    others += [base.numpy(), base.to_sparse(), base.to(torch.bfloat16), base.t()]
    assert len(set(digests(base, *others))) == 12


def test_looking_at_a_value_does_not_change_its_digest(tmp_path):
    """Promise 1: what libraries compute and remember does not count."""
    import networkx as nx
    import scipy.sparse as sp
    from matplotlib.figure import Figure
    from PIL import Image
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.neighbors import KNeighborsClassifier

    x = np.random.default_rng(0).normal(size=(50, 3))
    forest = RandomForestClassifier(5, random_state=0).fit(x, x[:, 0] > 0)
    near = KNeighborsClassifier(algorithm="ball_tree").fit(x, x[:, 0] > 0)
    graph, matrix = nx.path_graph(4), sp.csr_array(np.eye(3))
    figure, image = Figure(), Image.new("RGB", (4, 4))
    figure.subplots().plot([1, 2])
    values = [forest, near, graph, matrix, figure, image]
    before = digests(*values)
    forest.predict(x), near.predict(x), nx.shortest_path(graph, 0, 3), list(graph.edges)
    assert matrix.has_sorted_indices
    assert matrix.has_canonical_format
    figure.savefig(io.BytesIO())
    image.getexif()
    assert digests(*values) == before
    assert digests(*kept(values)) == before


def test_one_edit_changes_the_digest():
    """Promise 1: in each of the packages."""
    import networkx as nx
    import scipy.sparse as sp
    import shapely
    import xarray as xr
    from PIL import Image
    from sklearn.utils import Bunch

    image = Image.new("P", (2, 2))
    array = xr.DataArray([1.0, 2.0], dims="x", coords={"x": [1, 2]}, attrs={"a": 1})

    def edits():
        yield image, "putpixel", ((0, 0), 1)
        yield image, "putpalette", ([1, 2, 3],)
        yield image.info, "update", ({"dpi": 3},)
        yield array, "__setitem__", (0, 9.0)
        yield array.attrs, "update", ({"a": 2},)
        yield array.encoding, "update", ({"dtype": "f4"},)
        yield array.coords, "__setitem__", ("x", [1, 3])

    seen = digests(image, array)
    for owner, method, args in edits():
        getattr(owner, method)(*args)
        now = digests(image, array)
        assert now != seen[-2:], method
        seen += now
    graphs = [nx.Graph(), nx.DiGraph(), nx.Graph([(1, 2)]), nx.Graph([(2, 1)]), nx.Graph([(1, 2)], note=1)]
    graphs += [nx.Graph([(1, 2, {"w": 1})]), nx.Graph([(1, 2, {"w": 1.0})])]
    assert len(set(digests(*graphs))) == len(graphs)
    eye = np.eye(3)
    matrices = [sp.csr_array(eye), sp.csr_matrix(eye), sp.csc_array(eye), sp.csr_array(eye * 2)]
    assert len(set(digests(*matrices, sp.csr_array(eye[:2])))) == 5
    shapes = [
        "POINT (1 2)",
        "POINT Z (1 2 0)",
        "MULTIPOINT (1 2)",
        "LINESTRING (1 2, 3 4)",
        "LINESTRING (3 4, 1 2)",
    ]
    found = [shapely.from_wkt(text) for text in shapes]
    assert len(set(digests(*found, shapely.set_srid(found[0], 4326)))) == 6
    assert len(set(digests(Bunch(a=1), Bunch(a=2), {"a": 1}))) == 3


def test_one_edit_of_a_figure_changes_its_digest():
    """Promise 1: what is seen and what is behind it."""
    from matplotlib.figure import Figure

    def figure(edit=lambda _made, _axes: None):
        made = Figure()
        axes = made.subplots()
        axes.plot([1.0, 2.0], label="a")
        axes.imshow([[1.0, 2.0]])
        axes.legend()
        edit(made, axes)
        return made

    edits = [
        lambda _made, axes: axes.lines[0].set_ydata([1.0, 2.0 + 1e-12]),
        lambda _made, axes: axes.lines[0].set_color("red"),
        lambda _made, axes: axes.lines[0].set_label("b"),
        lambda _made, axes: axes.images[0].set_data([[1.0, 2.5]]),
        lambda _made, axes: axes.images[0].set_cmap("gray"),
        lambda _made, axes: axes.set_title("title"),
        lambda _made, axes: axes.set_xlabel("x"),
        lambda _made, axes: axes.set_xlim(0, 3),
        lambda _made, axes: axes.set_yscale("symlog"),
        lambda _made, axes: axes.set_xticks([0, 1], ["a", "b"]),
        lambda _made, axes: axes.grid(visible=True),
        lambda _made, axes: axes.text(0, 0, "note"),
        lambda made, _axes: made.suptitle("all"),
        lambda made, _axes: made.set_size_inches(3, 3),
        lambda made, _axes: made.subplots_adjust(left=0.3),
    ]
    assert digests(figure()) == digests(figure())
    found = digests(figure(), *map(figure, edits))
    assert len(set(found)) == len(found)


# -- the others --------------------------------------------------------------------------------------------


def test_a_restored_figure_stays_out_of_pyplot():
    """Promise 3: it would be shown once more, and become the current figure."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    made, axes = plt.subplots()
    axes.plot([1, 2])
    before = plt.get_fignums()
    again, axis = kept([made, axes.xaxis])
    assert plt.get_fignums() == before
    assert plt.gcf() is made
    assert again.axes[0].xaxis is axis
    again.savefig(io.BytesIO())
    plt.close(made)


def test_many_axes_are_digested_one_by_one():
    """Promise 10: an array of axes does not cost a figure for each."""
    from matplotlib.figure import Figure

    axes = Figure().subplots(2, 2)
    assert codec.digest(axes) == codec.digest(axes)
    assert len(set(digests(*axes.flat))) == 4


def test_an_opened_image_is_kept_without_its_file(tmp_path):
    """Promise 4: with its class, format, info and exif, as if the file had been closed."""
    from PIL import Image

    exif = Image.Exif()
    exif[0x0110] = "camera"
    Image.linear_gradient("L").save(tmp_path / "a.jpg", exif=exif)
    image = Image.open(tmp_path / "a.jpg")
    image.note = ["mine"]
    made = kept(image)
    (tmp_path / "a.jpg").unlink()
    assert (type(made), made.format, made.filename) == (type(image), "JPEG", image.filename)
    assert made.getexif()[0x0110] == "camera"
    assert made.note == ["mine"]
    assert made == image
    made.putpixel((0, 0), 9)
    assert image.getpixel((0, 0)) == 0
    assert made.resize((8, 8)).size == (8, 8)
    with made:
        made.close()


def test_a_film_is_refused(tmp_path):
    """Promise 4: its frames are read from the file when they are asked for."""
    from PIL import Image

    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "green", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    with Image.open(tmp_path / "a.gif") as image:
        error = refused({"image": image})
    assert "3 frames" in error.cause
    assert "ImageSequence" in error.advice


def test_the_palette_and_pixels_of_an_image_are_its_own():
    """Promise 3: transparency and palettes with alpha come back, and can be changed."""
    from PIL import Image

    image = Image.new("P", (2, 1))
    image.putpalette([1, 2, 3, 4, 5, 6, 7, 8], "RGBA")
    made = kept(image)
    assert made.convert("RGBA").getpixel((0, 0)) == (1, 2, 3, 4)
    assert made.palette.mode == image.palette.mode
    made.putpalette([9, 9, 9])
    assert image.convert("RGBA").getpixel((0, 0)) == (1, 2, 3, 4)


def test_arrays_that_lie_in_a_file_are_refused_until_they_are_loaded(tmp_path):
    """Promise 4: then they are kept without the file."""
    import xarray as xr

    xr.Dataset({"t": ("x", np.arange(3.0))}).to_netcdf(tmp_path / "a.nc", engine="scipy")
    with xr.open_dataset(tmp_path / "a.nc", engine="scipy") as lazy:
        error = refused({"data": lazy})
        assert ".load()" in error.advice
        assert error.path.startswith('result["data"]')
        lazy.load()
        made = kept(lazy)
        assert made.identical(lazy)
    (tmp_path / "a.nc").unlink()
    assert made.t.sum() == 3
    made.close()


def test_edges_of_a_graph_share_their_attributes():
    """Promise 3: both ends of an edge see one dict."""
    import networkx as nx

    made = kept(nx.Graph([(1, 2, {"w": 1}), (2, 3)]))
    made[1][2]["w"] = 5
    assert made[2][1]["w"] == 5
    frozen = kept(nx.freeze(nx.path_graph(3)))
    with pytest.raises(nx.NetworkXError):
        frozen.add_edge(7, 8)
    assert list(kept(nx.path_graph(5).subgraph([1, 2])).edges) == [(1, 2)]


class Doubler:
    """A transformer of the user that holds a lambda."""

    def __init__(self, by):
        self.by = by

    def fit(self, _x, _y=None):
        return self

    def transform(self, x):
        return self.by(x)


def test_estimators_hold_what_the_user_gave_them():
    """Promise 3: functions and classes of one's own, and arrays out of band."""
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.pipeline import make_pipeline

    x = np.random.default_rng(0).normal(size=(60_000, 4))
    model = make_pipeline(Doubler(lambda values: values * 2), KNeighborsRegressor(algorithm="brute")).fit(
        x, x[:, 0]
    )
    encoded = codec.encode(model)
    assert len(encoded.stream) < 20_000 + 60_000 * 8
    made = codec.decode(encoded)
    assert made.predict(x[:5]).tolist() == model.predict(x[:5]).tolist()


def test_items_of_a_bunch_are_its_attributes_still():
    """Promise 3: and it may hold itself."""
    from sklearn.utils import Bunch

    bunch = Bunch(a=1)
    bunch.me = bunch
    made = kept(bunch)
    assert made.me is made
    made.a = 2
    assert made["a"] == 2
    assert vars(made) == vars(bunch)
