"""Measure seconds honestly, count operations, and extrapolate.

One multiplication with its addition counts as two floating-point operations
(FLOP) in the whole course. Additions of biases and activation functions are
left out: they are below 1 % here, and a test compares the counts with
TensorFlow's own profiler.
"""

import statistics
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

from course_utils.language import say
from course_utils.machine import devices
from course_utils.plots.words import format_seconds


@dataclass(frozen=True, repr=False)
class Measurement:
    """Hold the seconds that repeated calls of one function took.

    median, low, high: seconds of one call; low and high are the extremes
    seconds: every repeat, in order, warm-up left out
    warm_up_seconds: all warm-up calls together; with one of them, the first
        call, which also builds and compiles
    value: what the last call returned
    threads: processor threads that this process may use
    """

    median: float
    low: float
    high: float
    seconds: tuple
    warm_up_seconds: float
    value: object
    label: str | None
    threads: int

    def __str__(self):
        """Write the measurement on one line."""
        name = f"{self.label}: " if self.label else ""
        low, high = format_seconds(self.low, 3), format_seconds(self.high, 3)
        count = len(self.seconds)
        parts = say(f"{low} to {high}, {count} repeats")
        if count == 1:
            parts = say("single run")
        if self.warm_up_seconds:
            parts += say(f"; warm-up {format_seconds(self.warm_up_seconds)}")
        return f"{name}{format_seconds(self.median, 3)} ({parts})"

    __repr__ = __str__


def measure(function, *arguments, repeats=5, warm_up=1, label=None):
    """Time a function: warm-up separately, then the median of the repeats.

    function: called with `arguments`; it must return its result, because the
        clock stops only when that is ready (see `wait`)
    repeats: timed calls, at least 1
    warm_up: calls before them, which build, compile and fill caches
    label: a name for the printed line, such as "Python lists"

    Returns a `Measurement` in seconds. Raises ValueError for fewer than one
    repeat and for a function that returns nothing to wait for, TypeError
    when `function` cannot be called. Taught in notebook 00.

    >>> measure(sum, range(1000), repeats=3).value
    499500
    """
    if not callable(function):
        raise TypeError(
            "Pass the function and its arguments separately: "
            "measure(step, x), not measure(step(x))."
        )
    if repeats < 1 or warm_up < 0:
        raise ValueError(
            f"Ask for 1 or more repeats and 0 or more warm-up calls, not "
            f"{repeats} and {warm_up}."
        )
    warm_ups = [_call(function, arguments)[0] for _ in range(warm_up)]
    seconds = []
    for _ in range(repeats):
        elapsed, value = _call(function, arguments)
        seconds.append(elapsed)
    return _summary(seconds, sum(warm_ups), value, label)


def compare(functions, repeats=7, warm_up=1):
    """Time several functions alternately, under the same conditions.

    functions: a dictionary from label to a function without arguments
    repeats, warm_up: rounds, as in `measure`

    A shared machine is slow for seconds at a time; when the functions
    alternate, each gets its share of the slow seconds. Returns a dictionary
    from label to `Measurement`; compare two of them with `ratio`.

    Taught in notebook 02.

    >>> sorted(compare({"short": lambda: [0], "long": lambda: [0] * 9000}))
    ['long', 'short']
    """
    if warm_up:
        warm_ups = {
            label: measure(function, repeats=warm_up, warm_up=0)
            for label, function in functions.items()
        }
    rounds = [
        [measure(f, repeats=1, warm_up=0) for f in functions.values()]
        for _ in range(repeats)
    ]
    if not rounds:
        raise ValueError(f"Ask for 1 or more rounds, not {repeats}.")
    return {
        label: _summary(
            [one.median for one in ones],
            sum(warm_ups[label].seconds) if warm_up else 0.0,
            ones[-1].value,
            label,
        )
        for label, ones in zip(
            functions, zip(*rounds, strict=True), strict=True
        )
    }


def ratio(slow, fast):
    """Return how many times longer one Measurement takes than another.

    It is the median of the quotients, repeat by repeat, which for the
    Measurements of one `compare` cancels the machine's slow spells.

    Taught in notebook 03.

    >>> once = measure(sum, range(1000))
    >>> ratio(once, once)
    1.0
    """
    pairs = zip(slow.seconds, fast.seconds, strict=True)
    return statistics.median(first / second for first, second in pairs)


def _summary(seconds, warm_up_seconds, value, label):
    return Measurement(
        statistics.median(seconds),
        min(seconds),
        max(seconds),
        tuple(seconds),
        warm_up_seconds,
        value,
        label,
        devices.usable_threads(),
    )


def _call(function, arguments):
    started = time.perf_counter()
    value = function(*arguments)
    wait(value)
    elapsed = time.perf_counter() - started
    if all(leaf is None for leaf in _leaves(value)):
        name = getattr(function, "__name__", say("the function"))
        raise ValueError(
            f"{name} returns nothing, so the clock could stop before the "
            "device has finished. Make it return its result."
        )
    return elapsed, value


def wait(value):
    """Return `value` once every array in it is computed.

    value: any nesting of lists, tuples and dictionaries. JAX, TensorFlow and
    PyTorch return before their devices have finished; this waits for them.
    """
    for leaf in _leaves(value):
        if hasattr(leaf, "block_until_ready"):  # JAX
            leaf.block_until_ready()
            continue
        module = type(leaf).__module__.partition(".")[0]
        if module == "tensorflow":
            _wait_for_tensorflow(leaf)
        elif module == "keras" and hasattr(leaf, "value"):
            wait(leaf.value)
        elif module == "torch" and getattr(leaf, "is_cuda", False):
            sys.modules["torch"].cuda.synchronize(leaf.device)
    return value


def _wait_for_tensorflow(leaf):
    tf = sys.modules["tensorflow"]
    try:
        tf.test.experimental.sync_devices()
    except tf.errors.InternalError:
        # MultiWorkerMirroredStrategy cannot do that: fetch the result.
        getattr(leaf, "numpy", str)()


def _leaves(value):
    if isinstance(value, Mapping):
        value = tuple(value.values())
    if isinstance(value, list | tuple):
        for part in value:
            yield from _leaves(part)
    else:
        yield value
