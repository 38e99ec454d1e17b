"""Backbones that others trained on ImageNet, and their cached features.

Keras's own weights come from its cache or its host; if that does not send them
in time, those of the package of `lite0` are used; if neither is available, the
course's own donor stands in. Introduced in notebook 9.
"""

import contextlib
import errno
import os
import threading
import time
from hashlib import sha256
from pathlib import Path

import numpy as np
from sklearn.metrics import balanced_accuracy_score

from course_utils import data
from course_utils.language import say, tell
from course_utils.machine import paths
from course_utils.networks import donors, lite0

PATIENCE_SECONDS = 60  # for the whole of a download of some 1 MB
ANSWER_SECONDS = 8  # until it begins, and for each part that arrives
MOST_BYTES = 2**26  # the largest file of weights has 30 MB
HOST = "https://storage.googleapis.com/tensorflow/keras-applications"

# Constructor, its options, the scale and offset of pixels 0 to 255, and the
# file on Keras's host: its sizes, its end without and with the classes.
BACKBONES = {
    "MobileNet": (
        "MobileNet",
        {"alpha": 0.25},
        (1 / 127.5, -1),
        ("mobilenet/mobilenet_2_5_{}_tf", (128, 160, 192), "_no_top", ""),
    ),
    "MobileNetV2": (
        "MobileNetV2",
        {},
        (1 / 127.5, -1),
        (
            "mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels"
            "_1.0_{}",
            (96, 128, 160, 192),
            "_no_top",
            "",
        ),
    ),
    "MobileNetV3": (
        "MobileNetV3Small",
        {"include_preprocessing": True},
        (1, 0),
        (
            "mobilenet_v3/weights_mobilenet_v3_small_{}_1.0_float",
            (),
            "_no_top_v2",
            "",
        ),
    ),
    "EfficientNetV2-B0": (
        "EfficientNetV2B0",
        {"include_preprocessing": True},
        (1, 0),
        ("efficientnet_v2/efficientnetv2-b0", (), "_notop", ""),
    ),
}

NAMES = (*BACKBONES, "EfficientNet-Lite0", "donor")

# ImageNet's class numbers, which are ordered by kind.
IMAGENET_CLASSES = {
    "cat": range(281, 286),
    "dog": range(151, 269),
    "fox": range(277, 281),
    "wolf": range(269, 273),
    "airplane": (404, 895),
    "automobile": (407, 436, 468, 511, 609, 627, 656, 661, 751, 817),
}


class WeightsUnavailable(RuntimeError):
    """Raised when there are no ImageNet weights; it says why.

    Taught in notebook 09.
    """


def load(
    name="MobileNet", image_size=96, patience=PATIENCE_SECONDS, source=None
):
    """Return a frozen backbone: pictures 0 to 255 to feature maps.

    name: one of `NAMES`, the first choice; "donor" is the course's cat/dog
        donor, which is used if no ImageNet weights are available
    image_size: side of the pictures it is given, ideally 96 or more; the donor
        sees 32 pixels whatever you ask for (see `input_shape`)
    patience: seconds that a download may take as a whole
    source: which pictures the donor knows; None: photographs, where the
        course ships such a donor

    A printed line says which backbone it is and why. Pixels are scaled
    inside; batch normalization stays in inference mode. Taught in notebook 09.

    >>> load("donor").output_shape
    Backbone: donor, the course's own donor, ...
    (None, 4, 4, 128)
    """
    if name not in NAMES:
        raise ValueError(f"There is no {name!r}: choose {', '.join(NAMES)}.")
    reason = ""
    if name in BACKBONES:
        try:
            return _say(_keras_backbone(name, image_size, patience))
        except WeightsUnavailable as error:
            reason = f" ({error})"
    if name != "donor":
        if lite0.is_installed():
            return _say(lite0.build(image_size), reason)
        if not reason:
            reason = say(" (its package is not installed)")
    return _say(_donor(source), reason)


def _say(backbone, reason=""):
    if backbone.name == "donor":
        kind = say("the course's own donor, which knows only cats and dogs")
    else:
        kind = say("trained on ImageNet's 1.28 million photographs")
    weights = backbone.count_params()
    tell(f"Backbone: {backbone.name}, {kind}; {weights:,} weights{reason}.")
    return backbone


def _keras_backbone(name, image_size, patience, include_top=False):
    constructor, options, (scale, offset), _ = BACKBONES[name]
    shape = (image_size, image_size, 3)
    path = _weights(weights_url(name, image_size, include_top), patience)
    import keras  # seconds that a download need not wait for

    try:
        network = getattr(keras.applications, constructor)(
            weights=str(path),
            include_top=include_top,
            input_shape=shape,
            **options,
        )
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise WeightsUnavailable(_reading_failed(path, error)) from error
    inputs = keras.Input(shape)
    x = keras.layers.Rescaling(scale, offset=offset)(inputs)
    backbone = keras.Model(inputs, network(x, training=False), name=name)
    backbone.trainable = False
    return backbone


def weights_url(name, image_size=96, include_top=False):
    """Return where Keras's host has the weights of a backbone."""
    stem, sizes, without, with_classes = BACKBONES[name][3]
    size = image_size if image_size in sizes else 224
    end = with_classes if include_top else without
    return f"{HOST}/{stem.format(size)}{end}.h5"


def fetch_weights(name, image_size=96, patience=PATIENCE_SECONDS):
    """Put a backbone's weights where Keras looks for them, in bounded time.

    name: one of Keras's own in `NAMES`; `weights="imagenet"` then finds the
    file without a download of its own, which nothing would bound. Raises
    WeightsUnavailable with the reason if it cannot be downloaded or saved.

    Taught in notebook 09.
    """
    found = _weights(weights_url(name, image_size), patience)
    path = _keras_home() / "models" / found.name
    if path.is_file():
        return path
    try:
        return paths.write_atomically(
            path, lambda new: new.write_bytes(found.read_bytes())
        )
    except OSError as error:
        raise WeightsUnavailable(_blame(error)) from error


def _keras_home():
    home = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")
    return Path(home)


def _weights(url, seconds):
    """Return the path of a file of weights: Keras's, the course's, or new."""
    name = url.rpartition("/")[2]
    path = paths.cache_directory() / "models" / name
    for kept in (_keras_home() / "models" / name, path):
        if os.path.isfile(kept):
            return kept
    answered, results, end = threading.Event(), [], time.monotonic() + seconds

    def work():
        try:
            results.append(_download(url, end, answered.set))
        except Exception as error:
            results.append(error)
        answered.set()

    # Nothing else bounds a name that is looked up, or a header that drips:
    # this thread is then left behind, with nothing of it on the disk.
    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    if answered.wait(min(ANSWER_SECONDS, seconds)):
        worker.join(max(0, end - time.monotonic()))
    if not answered.is_set():
        raise WeightsUnavailable("Keras's download server did not respond")
    if not results:
        raise WeightsUnavailable(
            f"Keras's download did not finish within {seconds} seconds"
        )
    try:
        if isinstance(results[0], Exception):
            raise results[0]
        return paths.write_atomically(
            path, lambda new: new.write_bytes(results[0])
        )
    except Exception as error:
        raise WeightsUnavailable(_blame(error)) from error


def _download(url, end, answered):
    """Return what an address sends, within bounds, if it is HDF5."""
    import requests

    content = bytearray()
    with requests.get(url, stream=True, timeout=ANSWER_SECONDS) as answer:
        answered()
        answer.raise_for_status()
        for block in answer.iter_content(2**14):
            content += block
            if not content.startswith(b"\x89HDF\r\n"):
                raise WeightsUnavailable(
                    "the server that answered in place of Keras's host sent "
                    "no weights; perhaps this network asks for a login first"
                )
            if len(content) > MOST_BYTES or time.monotonic() > end:
                large = len(content) > MOST_BYTES
                raise WeightsUnavailable(
                    f"Keras's download was too {'large' if large else 'slow'}"
                )
    if not content:
        raise WeightsUnavailable("Keras's host sent nothing")
    return content


_CAUSES = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your quota of disk space is used up",
    errno.EACCES: "you have no permission to use the folder for Keras's "
    "weights",
    errno.EPERM: "you have no permission to use the folder for Keras's "
    "weights",
    errno.EROFS: "the folder for Keras's weights is read-only",
    errno.EMFILE: "this kernel has too many files open: restart it",
    errno.ENFILE: "this machine has too many files open",
    errno.EFBIG: "the system limits the size of files",
    errno.EIO: "the disk reports an error",
}


def _blame(error):
    """Say why a download failed, from the error or what lies below it."""
    import requests

    if isinstance(error, WeightsUnavailable):
        return str(error)
    chain = [error]
    while chain[-1].__cause__ or chain[-1].__context__:
        chain.append(chain[-1].__cause__ or chain[-1].__context__)
    for each in chain:
        if (number := getattr(each, "errno", None)) in _CAUSES:
            return _CAUSES[number]
    if isinstance(error, requests.exceptions.SSLError):
        return (
            "the certificate of Keras's host was not accepted; look at the "
            "clock and the proxy of this machine"
        )
    if isinstance(error, requests.HTTPError):
        return f"Keras's host answered {error.response.status_code}"
    if isinstance(error, requests.RequestException):
        return "Keras's download server did not respond"
    reason = getattr(error, "strerror", None) or error
    return f"Keras's weights could not be saved: {reason}"


def _reading_failed(path, error):
    """Say why a file of weights that is there could not be used."""
    import h5py

    number = getattr(error, "errno", None)
    if number in _CAUSES:
        return _CAUSES[number]
    try:
        h5py.File(path).close()
    except OSError as damage:
        if getattr(damage, "errno", None) is None:
            return f"Keras's file {path.name} is damaged: delete it"
    return (
        f"Keras could not use its file {path.name}: "
        f"{str(error).splitlines()[0][:100]}"
    )


def _donor(source=None):
    import keras

    for choice in [source] if source else reversed(data.SOURCES):
        path = donors.donor_path("cat", "dog", choice)
        if path.exists():
            break
    base = keras.models.load_model(path).get_layer("base")
    maps = base.layers[-2].output  # before they are averaged
    backbone = keras.Model(base.inputs, maps, name="donor")
    backbone.trainable = False
    return backbone


def features(network, pictures, batch_size=32):
    """Return a network's output on pictures, computed once on this machine.

    pictures: uint8 (count, height, width, 3). The result, float32 (count,
    ...), is kept in the cache under a digest of the network's layers and
    weights and of the pictures' pixels: a second call reads it, and a change
    in either computes again.

    Taught in notebook 09.

    >>> blue = np.full((2, 32, 32, 3), (0, 0, 255), np.uint8)
    >>> features(donors.random_base(), blue).shape
    (2, 128)
    """
    name = f"{network.name}-{_digest(network, pictures)[:20]}.npy"
    path = paths.cache_directory() / "features" / name
    with contextlib.suppress(OSError, ValueError, EOFError):
        kept = np.load(path, allow_pickle=False)
        form = kept.dtype == "float32" and kept.ndim == len(
            network.output_shape
        )
        if form and len(kept) == len(pictures):
            return kept
    # Only whole batches: another shape would compile the network again.
    padded = np.pad(
        pictures,
        [(0, -len(pictures) % batch_size), *[(0, 0)] * (pictures.ndim - 1)],
    )
    result = network.predict(padded, batch_size=batch_size, verbose=0)
    result = result[: len(pictures)]
    try:
        paths.write_atomically(path, lambda file: np.save(file, result))
    except OSError as error:
        tell(
            "These features could not be saved for next time: "
            f"{error.strerror}."
        )
    return result


def _digest(network, pictures):
    pictures = np.ascontiguousarray(pictures)
    digest = sha256(f"{pictures.shape} {pictures.dtype}".encode())
    digest.update(pictures)
    digest.update(network.to_json().encode())
    for weight in network.get_weights():
        digest.update(np.ascontiguousarray(weight))
    return digest.hexdigest()


def class_scores(
    pictures, name="MobileNet", patience=PATIENCE_SECONDS, batch_size=16
):
    """Return a backbone's own ImageNet probabilities, (count, 1000).

    pictures: uint8 (count, height, width, 3); they are scaled to the 224
        pixels that the backbone was trained on
    name: one of `NAMES`, the first choice as in `load`

    A printed line says which backbone it is. Raises WeightsUnavailable if
    there are no ImageNet weights. Taught in notebook 09.
    """
    import keras

    try:
        if name not in BACKBONES:
            raise WeightsUnavailable(f"{name} is not one of Keras's own")
        network = _keras_backbone(name, 224, patience, True)
    except WeightsUnavailable:
        if name == "donor" or not lite0.is_installed():
            raise
        network = lite0.build(224, include_top=True)
    print(f"Asked for the class names that it learned: {network.name}.")
    network = keras.Sequential(
        [
            keras.Input(pictures.shape[1:]),
            keras.layers.Resizing(224, 224),
            network,
        ],
        name=f"{network.name}-top",
    )
    return features(network, pictures, batch_size)


def share_called(scores, name):
    """Return how often the highest score is one of a kind's classes."""
    return float(np.isin(scores.argmax(axis=1), IMAGENET_CLASSES[name]).mean())


PAIR = ("dog", "fox")


def feature_extractor(backbone, side=32):
    """Return a network from pictures of any side to averaged features.

    side: of the pictures it is given; they are scaled to the backbone's own.
    The result is named after the backbone: (count, side, side, 3) to
    (count, features).
    """
    import keras

    return keras.Sequential(
        [
            keras.Input((side, side, 3)),
            keras.layers.Resizing(*backbone.input_shape[1:3]),
            backbone,
            keras.layers.GlobalAveragePooling2D(),
        ],
        name=backbone.name,
    )


def zero_shot(scores, labels, names=PAIR):
    """Return the balanced accuracy of a backbone's own class scores.

    scores: what `class_scores` returns; labels: indices into `names`. No
    training picture is needed.
    """
    return balanced_accuracy_score(labels, named(scores, names))


def named(scores, names=PAIR):
    """Return which of the names a backbone's own class scores mean.

    The kind whose ImageNet classes share the most probability is the answer.
    """
    shares = [scores[:, list(IMAGENET_CLASSES[n])].sum(axis=1) for n in names]
    return np.argmax(shares, axis=0)
