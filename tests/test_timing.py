"""Seconds, operations and their limits; wrong use ends in a sentence."""

import math
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from course_utils import timing
from course_utils.machine import devices
from course_utils.timing import clock


class Pending:
    """Stand for an array that a device is still computing, as JAX's do."""

    def __init__(self, seconds):
        self.work = ThreadPoolExecutor(1).submit(time.sleep, seconds)

    def block_until_ready(self):
        self.work.result()
        return self


def test_the_clock_waits_for_what_is_still_being_computed():
    nested = timing.measure(
        lambda: {"losses": [1.0, (Pending(0.05),)]}, repeats=2
    )
    assert nested.low >= 0.045


def test_warm_up_is_kept_apart():
    naps = iter([0.1, 0.01, 0.01, 0.01])
    measured = timing.measure(
        lambda: time.sleep(next(naps)) or 1, repeats=3, warm_up=1
    )
    assert measured.warm_up_seconds >= 0.1 > measured.high
    assert len(measured.seconds) == 3


def test_median_low_and_high(monkeypatch):
    ticks = iter(np.cumsum([0, 3, 0, 1, 0, 2]))
    monkeypatch.setattr(clock.time, "perf_counter", lambda: next(ticks))
    measured = timing.measure(lambda: 1, repeats=3, warm_up=0)
    assert measured.seconds == (3, 1, 2)
    assert (measured.low, measured.median, measured.high) == (1, 2, 3)


def test_functions_are_timed_in_turns():
    calls = []
    measured = timing.compare(
        {
            "nap": lambda: calls.append("nap") or time.sleep(0.02) or 1,
            "blink": lambda: calls.append("blink") or time.sleep(0.001) or 1,
        },
        repeats=3,
    )
    assert calls == ["nap", "blink"] * 4
    assert list(measured) == ["nap", "blink"]
    assert len(measured["nap"].seconds) == 3
    assert timing.ratio(measured["nap"], measured["blink"]) > 2
    with pytest.raises(ValueError, match="1 or more rounds"):
        timing.compare({"nap": lambda: 1}, repeats=0)


def test_a_ratio_is_taken_repeat_by_repeat():
    """A mood of the machine that slows both functions must not count."""

    def measured(*seconds):
        return timing.Measurement(0, 0, 0, seconds, 0, None, None, 1)

    slow, fast = measured(3, 30, 3), measured(1, 10, 1)
    assert timing.ratio(slow, fast) == 3


def test_a_measurement_reads_as_a_line_and_names_its_threads():
    measured = timing.measure(pow, 2, 3, repeats=1, label="power")
    assert str(measured).startswith("power: ")
    assert "single run" in str(measured)
    assert measured.value == 8
    assert measured.threads == devices.usable_threads()


@pytest.mark.parametrize("wrong", [{"repeats": 0}, {"warm_up": -1}])
def test_too_few_repeats(wrong):
    with pytest.raises(ValueError, match="1 or more repeats"):
        timing.measure(lambda: 1, **wrong)


@pytest.mark.parametrize("nothing", [None, [], (None, None), {"loss": None}])
def test_nothing_to_wait_for(nothing):
    with pytest.raises(ValueError, match="returns nothing"):
        timing.measure(lambda: nothing)


def test_a_result_instead_of_a_function():
    with pytest.raises(TypeError, match="function and its arguments"):
        timing.measure(8)


def test_an_error_in_the_function_is_its_own():
    with pytest.raises(ZeroDivisionError):
        timing.measure(lambda: 1 / 0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (3e-8, "30 ns"),
        (0.0123, "12 ms"),
        (95, "95 s"),
        (3.2 * 3600, "3.2 hours"),
        (41 * 365.25 * 86400, "41 years"),
        (1940 * 365.25 * 86400, "1,900 years"),
        (3.2e6 * 365.25 * 86400, "3.2 million years"),
        (4e11 * 365.25 * 86400, "400 billion years"),
        (math.nan, "nan s"),
    ],
)
def test_seconds_for_a_reader(seconds, text):
    assert timing.format_seconds(seconds) == text


def test_extrapolation():
    assert timing.extrapolate(6e12, 2e9) == 3000
    for rate in (0, -1, math.nan):
        with pytest.raises(ValueError, match="above 0"):
            timing.extrapolate(1, rate)


def test_dense_counts_by_hand():
    assert timing.count_dense(1, 3072, 32) == 2 * 3072 * 32
    forward = 2 * (3072 * 32 + 32)
    assert timing.count_network((3072, 32, 1)) == forward
    # Backward: weights' gradients of both layers, inputs' of the second.
    backward = 2 * (3072 * 32 + 32 + 32)
    trained = timing.count_network((3072, 32, 1), batch=5, training=True)
    assert trained == 5 * (forward + backward)


def profiled(function, *arguments):
    """Return the FLOP that TensorFlow's own profiler counts, by operation."""
    import tensorflow as tf
    from tensorflow.python.profiler import model_analyzer, option_builder

    graph = tf.function(function).get_concrete_function(*arguments).graph
    builder = option_builder.ProfileOptionBuilder
    options = builder(builder.float_operation()).with_empty_output().build()
    found = model_analyzer.profile(graph, options=options)
    return found.total_float_ops


def test_counts_agree_with_tensorflows_profiler():
    tf = pytest.importorskip("tensorflow")
    a, b = tf.ones((7, 30)), tf.ones((30, 11))
    assert profiled(tf.matmul, a, b) == timing.count_dense(7, 30, 11)

    def convolve(x, kernel):
        return tf.nn.conv2d(x, kernel, 1, "SAME")

    x, kernel = tf.ones((5, 8, 8, 3)), tf.ones((3, 3, 3, 16))
    counted = timing.count_convolution(5, 8, 8, 3, 16)
    assert profiled(convolve, x, kernel) == counted


def test_a_networks_count_is_within_three_percent_of_the_profilers():
    tf = pytest.importorskip("tensorflow")
    import keras
    from keras import layers

    network = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.DepthwiseConv2D(3, padding="same"),
            keras.Sequential([layers.Conv2D(32, 1, strides=2)]),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    counted = timing.count_network(network, batch=4)
    pictures = tf.ones((4, 32, 32, 3))
    assert counted == pytest.approx(profiled(network, pictures), rel=0.03)

    def gradients(pictures):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(network(pictures))
        return tape.gradient(loss, network.trainable_variables)

    step = timing.count_network(network, batch=4, training=True)
    assert step > 2 * counted
    assert profiled(gradients, pictures) > counted


def test_a_layer_that_cannot_be_counted_is_named():
    pytest.importorskip("keras")
    import keras

    network = keras.Sequential(
        [keras.Input((8, 3)), keras.layers.Conv1D(4, 3)]
    )
    with pytest.raises(TypeError, match="Conv1D"):
        timing.count_network(network)
