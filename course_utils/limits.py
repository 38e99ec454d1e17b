"""Measure what a machine can do at best: its roofline.

Source: Williams, Waterman and Patterson (2009), "Roofline: an insightful
visual performance model for multicore architectures", CACM 52 (4).
"""

import numpy as np

from course_utils import timing


def matrix_peak(size=2048, repeats=5, dtype="float32"):
    """Return the FLOP per second of a square matrix product with NumPy.

    It is the fastest repeat: a limit is what the machine can do undisturbed.
    """
    matrix = np.ones((size, size), dtype)
    measured = timing.measure(np.matmul, matrix, matrix, repeats=repeats)
    return timing.count_dense(size, size, size) / measured.low


def memory_bandwidth(mebibytes=128, repeats=5):
    """Return the bytes per second that a processor reads from its memory.

    It multiplies a matrix, far larger than the caches, by a vector: each
    number is read once and used once. The fastest repeat counts.
    """
    matrix = np.ones((mebibytes * 256, 1024), "float32")
    vector = np.ones(1024, "float32")
    measured = timing.measure(np.matmul, matrix, vector, repeats=repeats)
    return matrix.nbytes / measured.low


def layer_products(batch, inputs, outputs, dtype="float32"):
    """Return a function that runs a dense layer's matrix products alone.

    They are those of a training step of a network's first layer: forward,
    and the gradient of the weights. No step can be faster than they are.
    """
    x = np.ones((batch, inputs), dtype)
    weights = np.ones((outputs, inputs), dtype)
    errors = np.ones((batch, outputs), dtype)
    return lambda: (x @ weights.T, errors.T @ x)


def intensity(batch, inputs, outputs, bytes_each=4):
    """Return the FLOP per byte of a training step of one dense layer.

    Counted are the two products above, and as traffic the least possible:
    the batch is read once, the weights are read twice and written once.
    """
    traffic = batch * inputs + 3 * inputs * outputs
    work = 2 * timing.count_dense(batch, inputs, outputs)
    return work / (bytes_each * traffic)


def plot_roofline(peak, bandwidth, points, ax=None):
    """Draw the machine's limits and, below them, what was reached.

    peak: FLOP per second; bandwidth: bytes per second
    points: dictionary from name to (FLOP per byte, FLOP per second)

    Returns the axes.
    """
    from course_utils import plots

    ax = plots.new_axes(ax)
    across = [point[0] for point in points.values()]
    corner = peak / bandwidth
    left, right = min([*across, corner]) / 3, max([*across, corner]) * 4
    x = np.geomspace(left, right, 200)
    ax.loglog(x, np.minimum(peak, bandwidth * x), color="black")
    ax.text(right, peak * 1.15, "matrix-product peak", ha="right", va="bottom")
    ax.text(
        corner * 0.4, bandwidth * corner * 0.45, "memory bandwidth",
        ha="right", va="bottom",
    )  # fmt: skip
    for (name, point), marker in zip(points.items(), "osD^vPX", strict=False):
        ax.plot(*point, marker, linestyle="none", label=name)
    ax.set_xlabel("FLOP per byte")
    ax.set_ylabel("FLOP per second")
    ax.set_ylim(top=peak * 4)
    ax.legend(loc="lower right")
    return ax
