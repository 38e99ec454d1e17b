"""Measure what a machine can do at best: its roofline.

Source: Williams, Waterman and Patterson (2009), "Roofline: an insightful
visual performance model for multicore architectures", CACM 52 (4).
"""

import importlib.util
import math
import sys
from dataclasses import dataclass

import numpy as np
import threadpoolctl

from course_utils import plots, quiet
from course_utils.language import say
from course_utils.machine import devices
from course_utils.timing import clock, operations

ENGINES = {"NumPy": "numpy", "TensorFlow": "tensorflow", "JAX": "jax"}


@dataclass(frozen=True)
class Peak:
    """Hold the fastest matrix product that was measured on a machine.

    flops_per_second: its rate; engine: what multiplied, such as "NumPy
    (OpenBLAS, SkylakeX kernel)"
    """

    flops_per_second: float
    engine: str

    def __str__(self):
        """Write rate and engine."""
        return say(
            f"{self.flops_per_second / 1e9:,.0f} GFLOP/s with {self.engine}"
        )


def blas():
    """Return the library and the kernel with which NumPy multiplies.

    The kernel is the version of the code for one family of processors; the
    variable OPENBLAS_CORETYPE can force a slower one. Taught in notebook 02.
    """
    for library in threadpoolctl.threadpool_info():
        if library["user_api"] == "blas":
            name = {"openblas": "OpenBLAS", "mkl": "MKL"}.get(
                library["internal_api"], library["internal_api"]
            )
            kernel = library.get("architecture")
            return f"{name}, {kernel} kernel" if kernel else name
    return "its own library"


def engine_peaks(engines=None, size=2048, repeats=7):
    """Return {engine: FLOP per second} of products on the processor.

    engines: names of `ENGINES`; None for those that this process has
        imported. An engine that is not installed is left out.
    size, repeats: side of the square matrices; rounds, taken alternately, of
        which the fastest counts
    """
    if engines is None:
        engines = [n for n, module in ENGINES.items() if module in sys.modules]
    products = {
        _describe(name): _product(name, size)
        for name in engines
        if importlib.util.find_spec(ENGINES[name])
    }
    measured = clock.compare(products, repeats)
    work = operations.count_dense(size, size, size)
    return {name: work / each.low for name, each in measured.items()}


def machine_peak(engines=None, size=2048, repeats=7):
    """Return the `Peak` of the processor: the best of some engines.

    See `engine_peaks`. Taught in notebook 03.

    >>> machine_peak(["NumPy"], size=64, repeats=2).engine.partition(" ")[0]
    'NumPy'
    """
    rates = engine_peaks(engines, size, repeats)
    best = max(rates, key=rates.get)
    return Peak(rates[best], best)


def device_peak(device, size=4096, repeats=7):
    """Return the `Peak` of one of Keras's devices, such as "gpu:0".

    The product has 32-bit inputs and is computed as the framework does it by
    default, which on many accelerators is in fewer bits. Taught in notebook
    04.
    """
    import keras

    with keras.device(device):
        matrix = keras.ops.ones((size, size), "float32")

    def product():
        with keras.device(device):
            return keras.ops.matmul(matrix, matrix)

    measured = clock.measure(product, repeats=repeats)
    rate = operations.count_dense(size, size, size) / measured.low
    engine = f"{keras.backend.backend()} on {devices.spoken(device)}"
    return Peak(rate, engine)


def _describe(engine):
    return f"NumPy ({blas()})" if engine == "NumPy" else engine


def _product(engine, size):
    """Return a function that multiplies two matrices on the processor."""
    matrix = np.ones((size, size), "float32")
    if engine == "NumPy":
        return lambda: matrix @ matrix
    with quiet():  # both greet at length
        if engine == "JAX":
            import jax

            array = jax.device_put(matrix, jax.devices("cpu")[0])
            return lambda: array @ array
        import tensorflow as tf

        with tf.device("CPU:0"):
            tensor = tf.constant(matrix)
    return lambda: tf.matmul(tensor, tensor)


def memory_bandwidth(mebibytes=128, repeats=5):
    """Return the bytes per second that a processor reads from its memory.

    It multiplies a matrix, far larger than the caches, by a vector: each
    number is read once and used once. The fastest repeat counts. Taught in
    notebook 02.
    """
    matrix = np.ones((mebibytes * 256, 1024), "float32")
    vector = np.ones(1024, "float32")
    measured = clock.measure(np.matmul, matrix, vector, repeats=repeats)
    return matrix.nbytes / measured.low


def layer_products(batch, inputs, outputs, dtype="float32"):
    """Return a function that runs a dense layer's matrix products alone.

    They are those of a training step of a network's first layer: forward,
    and the gradient of the weights. No step can be faster than they are.
    Taught in notebook 02.
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


def plot_roofline(peak, bandwidth, points, chosen=None, ax=None):
    """Draw the machine's two limits and, below them, what was reached.

    peak: FLOP per second; bandwidth: bytes per second
    points: dictionary from name to (FLOP per byte, FLOP per second)
    chosen: the name of the point to highlight; None for the fastest

    The title says what share of its limit the highlighted point reaches.
    Returns the axes. Raises KeyError for an unknown point.
    """
    if chosen is None:
        chosen = max(points, key=lambda name: points[name][1])
    here, reached = points[chosen]
    roof = min(peak, bandwidth * here)
    ax = plots.new_axes(ax)
    corner, across = peak / bandwidth, [x for x, _ in points.values()]
    left, right = min([*across, corner]) / 3, max([*across, corner]) * 6
    low, high = min(y for _, y in points.values()) / 4, peak * 5
    ax.axvspan(left, corner, color=plots.OTHER, alpha=0.08, lw=0)
    x = np.geomspace(left, right, 200)
    ax.loglog(x, np.minimum(peak, bandwidth * x), color="black")
    for place, text in (
        (math.sqrt(left * corner), say("memory is\nthe limit")),
        (math.sqrt(corner * right), say("arithmetic is\nthe limit")),
    ):
        ax.text(place, high / 1.3, text, ha="center", va="top")
    for index, (name, point) in enumerate(points.items()):
        lit = name == chosen
        ax.loglog(
            *point, "D" if lit else "o", markersize=12 if lit else 8,
            color=plots.CHOSEN if lit else plots.OTHER,
        )  # fmt: skip
        ax.annotate(  # below, then to the right: neighbors can be close
            name, point, (12, -4) if index % 2 else (9, -15),
            textcoords="offset points", fontsize="small",
        )  # fmt: skip
    ax.loglog([here] * 2, [reached, roof], ":", color=plots.CHOSEN)
    ax.minorticks_off()
    ax.set(xlim=(left, right), ylim=(low, high))
    ax.set_xlabel(say("FLOP per byte"))
    ax.set_ylabel(say("FLOP per second"))
    places = 0 if reached > roof / 99 else 2
    plots.set_title(
        ax,
        say(
            f"{chosen} reaches {reached / roof:.{places}%} of its limit, "
            f"which is {'memory' if here < corner else 'arithmetic'}"
        ),
    )
    return ax


def plot_batch_size(
    rates, peak, bandwidth, batch, inputs=3072, hidden=32, ax=None
):
    """Draw what a batch size reaches under the roof of the machine.

    rates: dictionary from batch size to pictures per second
    peak, bandwidth: of the machine, in FLOP and bytes per second
    batch: the size to highlight, a key of `rates`
    inputs, hidden: sizes of the network of notebook 2

    Returns the axes. Raises KeyError for a batch that was not measured. Taught
    in notebook 02.
    """
    if batch not in rates:
        known = ", ".join(map(str, rates))
        raise KeyError(f"No batch of {batch} was measured: choose {known}.")
    work = operations.count_network((inputs, hidden, 1), training=True)
    points = {
        f"{size:,}": (intensity(size, inputs, hidden), rate * work)
        for size, rate in rates.items()
    }
    chosen = f"{batch:,}"
    ax = plot_roofline(peak, bandwidth, points, chosen, ax)
    here, reached = points[chosen]
    roof = min(peak, bandwidth * here)
    plots.set_title(
        ax,
        say(
            f"batch of {batch:,}: {rates[batch]:,.0f} pictures per "
            f"second, {reached / roof:.0%} of the roof;\n"
            f"{'memory' if here < peak / bandwidth else 'arithmetic'} is "
            f"the limit, and {math.ceil(9_000 / batch):,} updates make an "
            "epoch of 9,000"
        ),
    )
    return ax
