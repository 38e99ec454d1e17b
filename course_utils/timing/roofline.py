"""Measure what a machine can do at best: its roofline.

Source: Williams, Waterman and Patterson (2009), "Roofline: an insightful
visual performance model for multicore architectures", CACM 52 (4).
"""

import math

import numpy as np

from course_utils import plots
from course_utils.timing import clock, operations


def matrix_peak(size=2048, repeats=5, dtype="float32"):
    """Return the FLOP per second of a square matrix product with NumPy.

    It is the fastest repeat: a limit is what the machine can do undisturbed.
    """
    matrix = np.ones((size, size), dtype)
    measured = clock.measure(np.matmul, matrix, matrix, repeats=repeats)
    return operations.count_dense(size, size, size) / measured.low


def memory_bandwidth(mebibytes=128, repeats=5):
    """Return the bytes per second that a processor reads from its memory.

    It multiplies a matrix, far larger than the caches, by a vector: each
    number is read once and used once. The fastest repeat counts.
    """
    matrix = np.ones((mebibytes * 256, 1024), "float32")
    vector = np.ones(1024, "float32")
    measured = clock.measure(np.matmul, matrix, vector, repeats=repeats)
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
    work = 2 * operations.count_dense(batch, inputs, outputs)
    return work / (bytes_each * traffic)


def plot_roofline(peak, bandwidth, points, ax=None):
    """Draw the machine's limits and, below them, what was reached.

    peak: FLOP per second; bandwidth: bytes per second
    points: dictionary from name to (FLOP per byte, FLOP per second)

    Returns the axes.
    """

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


def plot_batch_size(
    rates, peak, bandwidth, batch, inputs=3072, hidden=32, ax=None
):
    """Draw what a batch size reaches under the roof of the machine.

    rates: dictionary from batch size to pictures per second
    peak, bandwidth: of the machine, in FLOP and bytes per second
    batch: the size to point out, a key of `rates`
    inputs, hidden: sizes of the network of notebook 02

    Returns the axes. Raises KeyError for a batch that was not measured.
    """
    if batch not in rates:
        known = ", ".join(map(str, rates))
        raise KeyError(f"No batch of {batch} was measured: choose {known}.")
    ax = plots.new_axes(ax)
    work = operations.count_network((inputs, hidden, 1), training=True)
    points = {
        size: (intensity(size, inputs, hidden), rate * work)
        for size, rate in rates.items()
    }
    corner, across = peak / bandwidth, [x for x, _ in points.values()]
    ends = min([*across, corner]) / 3, max([*across, corner]) * 4
    x = np.geomspace(*ends, 100)
    ax.loglog(x, np.minimum(peak, bandwidth * x), color="black")
    for size, point in points.items():
        ax.annotate(
            f"{size:,}", point, (8, -14), textcoords="offset points",
            fontsize="small",
        )  # fmt: skip
    ax.loglog(*zip(*points.values(), strict=True), "o", color=plots.OTHER)
    here, reached = points[batch]
    roof = min(peak, bandwidth * here)
    ax.loglog([here] * 2, [reached, roof], ":", color=plots.CHOSEN)
    ax.loglog(here, reached, "D", color=plots.CHOSEN, markersize=12)
    ax.minorticks_off()
    ax.set_ylim(min(y for _, y in points.values()) / 3, peak * 2)
    ax.set_xlabel("FLOP per byte")
    ax.set_ylabel("FLOP per second")
    plots.set_title(
        ax,
        f"batch of {batch:,}: {rates[batch]:,.0f} pictures a second, "
        f"{reached / roof:.0%} of the roof;\n"
        f"{'memory' if here < corner else 'arithmetic'} is the limit, and "
        f"{math.ceil(9_000 / batch):,} updates make an epoch of 9,000",
    )
    return ax
