"""Measure an accelerator in five minutes: the rungs of notebooks 4 and 5.

    python -m studies.accelerator                or: make accelerator
    python -m studies.accelerator --device gpu:1 --name "My GPU"

It writes data/reference/ladder_NAME.json, which notebook 4 shows as measured
elsewhere. Keras computes with TensorFlow, or with JAX on a TPU; to choose, set
KERAS_BACKEND. On the processor, which has a file of its own, it refuses unless
you name a device: its numbers would be taken for an accelerator's.
"""

import argparse
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import studies  # noqa: F401  (chooses Keras's backend first)
from course_utils import data, quiet, timing
from course_utils.machine import devices
from course_utils.timing import ladder, roofline
from studies import bench

with quiet():
    import keras

    from course_utils.networks import augmentation, donors

BUDGET = 300  # seconds, after which no further rung is started
SIZES = 128, 1024, 4096  # pictures in a batch; the best of them counts
PRECISIONS = "float32", "mixed_bfloat16"


def small_network():
    """Build the network of notebooks 1 to 4 with two outputs."""
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            keras.layers.Rescaling(1 / 127.5, offset=-1),
            keras.layers.Flatten(),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )


NETWORKS = {
    "small": ("small network", small_network),
    "convolution": ("convolution network", donors.build_network),
}


def training_step(build, device, pictures, labels):
    """Return a function that trains a new network on one batch, once.

    Taught in notebook 04.
    """
    keras.utils.set_random_seed(0)
    with keras.device(device):
        network = build()
        network.compile(
            keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy"
        )
        x = keras.ops.convert_to_tensor(pictures)
        y = keras.ops.convert_to_tensor(labels)

    def step():
        with keras.device(device):
            return network.train_on_batch(x, y)

    return step


def accelerator():
    """Return Keras's name of the first accelerator, or None."""
    found = keras.distribution.list_devices()
    return next((name for name in found if not name.startswith("cpu")), None)


def measure(device, name, pair, sizes=SIZES, repeats=25, budget=BUDGET):
    """Return the records of one device, as the scoreboard would hold them.

    device: Keras's name, such as "gpu:0"; name: of the hardware
    pair: the pictures; sizes: batch sizes; repeats: timed steps of each
    budget: seconds, after which no further rung is started
    """
    started, records = time.monotonic(), []
    peak = roofline.device_peak(device)
    hardware = devices.hardware().summary() | {"accelerators": [name]}

    def keep(rung, notebook, each, network, **more):
        records.append(
            {
                "rung": rung,
                "notebook": notebook,
                "source": pair.source,
                "time": datetime.now(UTC).isoformat(timespec="seconds"),
                "device": name,
                "network": network,
                "examples_per_second": 1 / each,
                "flops_per_second": ladder.WORK[network] / each,
                "limit_flops_per_second": peak.flops_per_second,
                "limit_engine": peak.engine,
                "hardware": hardware,
                **more,
            }
        )
        print(f"{rung}: {1 / each:,.0f} pictures per second", flush=True)

    before = keras.config.dtype_policy().name
    try:
        for precision in PRECISIONS:
            keras.config.set_dtype_policy(precision)
            for network, (title, build) in NETWORKS.items():
                if time.monotonic() - started > budget:
                    break
                seconds, size = _best_batch(
                    build, device, pair, sizes, repeats
                )
                rung = f"{title}, {devices.spoken(device)}"
                if precision != "float32":
                    rung += ", bfloat16"
                keep(rung, 4, seconds, network, batch=size)
    finally:
        keras.config.set_dtype_policy(before)
    if time.monotonic() - started < budget:
        seconds = _epoch(device, pair)
        keep(
            f"donor, {devices.spoken(device)}", 5,
            seconds / len(pair.x_train), "convolution",
            batch=donors.RECIPE["batch_size"],
            seconds=seconds * donors.RECIPE["epochs"],
        )  # fmt: skip
    return records


def _best_batch(build, device, pair, sizes, repeats):
    """Return (seconds per picture, batch size) of the fastest batch size."""
    found = []
    for size in sizes:
        size = min(size, len(pair.x_train))
        step = training_step(
            build, device, pair.x_train[:size], pair.y_train[:size]
        )
        measured = timing.measure(step, repeats=repeats, warm_up=3)
        found.append((measured.median / size, size))
    return min(found)


def _epoch(device, pair):
    """Return the seconds of an epoch of the donor's training, once built."""
    recipe = donors.RECIPE
    pictures = augmentation.MirroredAndShifted(
        pair.x_train, pair.y_train, recipe["batch_size"], recipe["shift"]
    )
    with keras.device(device):
        network = donors.build_network()
        donors.compile_network(network, recipe, len(pair.x_train))
        epochs = timing.measure(
            lambda: network.fit(pictures, verbose=0).history["loss"],
            repeats=2,
        )
    return epochs.median


def main(arguments=None):
    """Run the command line; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", help="Keras device, such as gpu:0")
    parser.add_argument("--name", help="hardware name, for the file")
    parser.add_argument("--folder", type=Path, default=bench.REFERENCE)
    parser.add_argument("--seconds", type=int, default=BUDGET)
    options = parser.parse_args(arguments)
    device = options.device or accelerator()
    if device is None:
        print(
            f"Keras on {keras.backend.backend()} sees no accelerator here. "
            "On Colab: Runtime → Change runtime type. On your own machine, "
            "notebook 0 says what is missing."
        )
        return 1
    names = devices.accelerators()
    name = options.name or (names[0] if names else device)
    pair = data.load_pair("cat", "dog", source="drawings")
    records = measure(device, name, pair, budget=options.seconds)
    path = bench.store(
        bench.ladder_name([name]), options.folder, records=records
    )
    print(f"Written: {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
