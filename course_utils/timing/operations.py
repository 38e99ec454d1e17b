"""Count the floating-point operations (FLOP) of layers and networks."""

import math
from itertools import pairwise


def count_dense(batch, inputs, outputs):
    """Count the FLOP of a dense layer's forward pass on one batch."""
    return 2 * batch * inputs * outputs


def count_convolution(batch, height, width, inputs, outputs, kernel=3):
    """Count the FLOP of a convolution's forward pass on one batch.

    height, width: of its output; inputs, outputs: channels; kernel: side of
    the square kernel. The borders of a padded picture count as if full.
    """
    return 2 * batch * height * width * kernel**2 * inputs * outputs


def count_network(network, batch=1, training=False):
    """Count the FLOP that a network spends on one batch.

    network: the widths of dense layers, such as (3072, 32, 1), or a built
        Keras model of dense and convolution layers; other layers count as
        nothing
    training: count a training step: forward, and twice as much backward
        (once for the weights' gradients, once for the layer below, which the
        first layer does not need), without the update of the weights

    Raises TypeError for a convolution that it cannot count.
    """
    if hasattr(network, "layers"):
        layers = list(_keras_layers(network, batch))
    else:
        layers = [count_dense(batch, *pair) for pair in pairwise(network)]
    return 3 * sum(layers) - layers[0] if training else sum(layers)


def _keras_layers(network, batch):
    for layer in network.layers:
        if hasattr(layer, "layers"):
            yield from _keras_layers(layer, batch)
            continue
        kind = type(layer).__name__
        if kind == "Dense":
            positions = math.prod(layer.output.shape[1:-1])
            yield count_dense(batch * positions, *layer.kernel.shape)
        elif kind in ("Conv2D", "DepthwiseConv2D"):
            if layer.data_format != "channels_last":
                raise TypeError("Only channels_last pictures are counted.")
            # A depthwise kernel has (height, width, channels, multiplier).
            positions = math.prod(layer.output.shape[1:-1])
            yield 2 * batch * positions * math.prod(layer.kernel.shape)
        elif "Conv" in kind or "Attention" in kind:
            raise TypeError(f"There is no count for a {kind} layer.")


def extrapolate(operations, rate):
    """Return the seconds that some operations take at a measured rate.

    operations: FLOP; rate: FLOP per second, above 0. Or examples, and
    examples per second. Raises ValueError for any other rate.

    Taught in notebook 01.

    >>> extrapolate(operations=1e12, rate=2e9)
    500.0
    """
    if not rate > 0:
        raise ValueError(f"A rate must be above 0 per second, not {rate}.")
    return operations / rate
