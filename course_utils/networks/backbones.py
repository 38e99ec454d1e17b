"""Backbones that others trained on ImageNet, and their cached features.

Weights come by Keras's own loader (a download, or its cache); where that
does not answer in time, from the package of `lite0`; where nothing is there,
the course's own donor goes on in their place. Introduced in notebook 08.
"""

import contextlib
import logging
import os
import socket
import threading
import urllib.error
import urllib.request
import warnings
from hashlib import sha256
from pathlib import Path

import numpy as np
from sklearn.metrics import balanced_accuracy_score

from course_utils import data
from course_utils.machine import paths
from course_utils.networks import donors, lite0

PATIENCE_SECONDS = 60  # for the smallest backbone, some 1 MB
STALL_SECONDS = 10
ANSWER_SECONDS = 8  # after that, ask whether the host answers at all
AGAIN_SECONDS = 3  # the same, once it did not
HOST = "https://storage.googleapis.com/"  # Keras's


# Constructor, its options, and the scale and offset of pixels 0 to 255.
BACKBONES = {
    "MobileNet": ("MobileNet", {"alpha": 0.25}, (1 / 127.5, -1)),
    "MobileNetV2": ("MobileNetV2", {}, (1 / 127.5, -1)),
    "MobileNetV3": (
        "MobileNetV3Small",
        {"include_preprocessing": True},
        (1, 0),
    ),
    "EfficientNetV2-B0": (
        "EfficientNetV2B0",
        {"include_preprocessing": True},
        (1, 0),
    ),
}


# How Keras names their files in its cache.
FILES = {
    "MobileNet": "mobilenet_2_5_*",
    "MobileNetV2": "mobilenet_v2_*",
    "MobileNetV3": "weights_mobilenet_v3_small_*",
    "EfficientNetV2-B0": "efficientnetv2-b0*",
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
    """Tell in one sentence why there are no ImageNet weights."""


def load(
    name="MobileNet", image_size=96, patience=PATIENCE_SECONDS, source=None
):
    """Return a frozen backbone: pictures 0 to 255 to feature maps.

    name: one of `NAMES`, the first choice; "donor" is the course's cat/dog
        donor, which stands in where no ImageNet weights can be had
    image_size: side of the pictures it is given, ideally 96 or more; the
        donor sees 32 pixels whatever is asked (`input_shape` tells)
    patience: seconds that a download may take
    source: which pictures the donor knows; None: photographs, where the
        course ships such a donor

    A printed line says which backbone it is and why. Pixels are scaled
    inside; batch normalization stays in inference mode.
    """
    if name not in NAMES:
        raise ValueError(f"There is no {name!r}: choose {', '.join(NAMES)}.")
    # TensorFlow warns when several networks answer one after the other.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
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
            reason = " (its package is not installed)"
    return _say(_donor(source), reason)


def _say(backbone, reason=""):
    if backbone.name == "donor":
        kind = "the course's own donor, which knows cats and dogs alone"
    else:
        kind = "trained on ImageNet's 1.28 million photographs"
    weights = backbone.count_params()
    print(f"Backbone: {backbone.name}, {kind}; {weights:,} weights{reason}.")
    return backbone


def _keras_backbone(name, image_size, patience, include_top=False):
    import keras

    constructor, options, (scale, offset) = BACKBONES[name]
    shape = (image_size, image_size, 3)

    def build():
        with warnings.catch_warnings():
            # Keras says that 224-pixel weights serve other sizes as well.
            warnings.simplefilter("ignore")
            return getattr(keras.applications, constructor)(
                weights="imagenet",
                include_top=include_top,
                input_shape=shape,
                **options,
            )

    network = _in_time(build, patience, _is_kept(name))
    inputs = keras.Input(shape)
    x = keras.layers.Rescaling(scale, offset=offset)(inputs)
    backbone = keras.Model(inputs, network(x, training=False), name=name)
    backbone.trainable = False
    return backbone


_silent = []  # not empty once the host did not answer in this kernel


def _is_kept(name):
    """Say whether Keras's cache holds weights of a backbone already."""
    home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    return any((home / "models").glob(FILES[name]))


def _in_time(build, seconds, offline=False):
    """Return build(), or raise WeightsUnavailable when it takes too long.

    offline: nothing is fetched, so that no host need answer meanwhile
    """
    results = []
    first = min(AGAIN_SECONDS if _silent else ANSWER_SECONDS, seconds)
    if offline:
        first = seconds

    def work():
        import keras

        # In this thread alone: a download shows neither address nor bar.
        keras.config.disable_interactive_logging()
        try:
            results.append(build())
        except Exception as error:  # whatever network or file it is
            results.append(error)

    worker = threading.Thread(target=work, daemon=True)
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(min(STALL_SECONDS, seconds))
    try:
        worker.start()
        worker.join(first)
        if worker.is_alive() and first < seconds and _host_answers():
            worker.join(seconds - first)
    finally:
        socket.setdefaulttimeout(before)
    if not results and _silent and not offline:
        raise WeightsUnavailable("Keras's download did not answer")
    if not results:
        raise WeightsUnavailable(
            f"Keras's download did not end within {seconds} seconds"
        )
    error = results[0]
    if isinstance(error, OSError) and not isinstance(
        error, TimeoutError | ConnectionError
    ):
        raise WeightsUnavailable(
            "Keras's file in ~/.keras/models is damaged: delete it"
        ) from error
    if isinstance(error, Exception):
        raise WeightsUnavailable("Keras's download did not answer") from error
    return results[0]


def _host_answers():
    """Say whether Keras's host sends anything, even an error, in time."""
    answers = []

    def ask():
        request = urllib.request.Request(HOST, method="HEAD")
        try:
            urllib.request.urlopen(request, timeout=AGAIN_SECONDS)
        except urllib.error.HTTPError:
            answers.append(True)
        except OSError:
            return
        answers.append(True)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(AGAIN_SECONDS)
    _silent[:] = [] if answers else [HOST]
    return bool(answers)


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
    in either computes anew.
    """
    name = f"{network.name}-{_digest(network, pictures)[:20]}.npy"
    path = paths.cache_directory() / "features" / name
    with contextlib.suppress(OSError, ValueError, EOFError):
        kept = np.load(path, allow_pickle=False)
        if len(kept) == len(pictures):
            return kept
    # Only whole batches: another shape would compile the network anew.
    padded = np.pad(
        pictures,
        [(0, -len(pictures) % batch_size), *[(0, 0)] * (pictures.ndim - 1)],
    )
    result = network.predict(padded, batch_size=batch_size, verbose=0)
    result = result[: len(pictures)]
    paths.write_atomically(path, lambda file: np.save(file, result))
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

    Raises WeightsUnavailable where there are no ImageNet weights.
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
