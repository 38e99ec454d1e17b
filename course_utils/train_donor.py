"""Train the networks that the course lends: its donors.

    python -m course_utils.train_donor cat dog --source photos
    python -m course_utils.train_donor --all

One process uses all devices that Keras sees. Several processes, here or on
several machines, share the work through the launcher:

    python -m course_utils.launch --processes 2 -- \\
        -m course_utils.train_donor cat dog --epochs 1 --examples 512

Notebook 05 builds the same network step by step. A donor is a `.keras` file
and, beside it, a JSON file of recipe, seconds, hardware, seed and accuracy.
"""

import argparse
import json
import math
import time
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path

from course_utils import data, devices, distributed, paths, progress, quiet
from course_utils.augmentation import FlippedAndShifted

with quiet():
    import keras
    from keras import layers

# What Keras writes since 3.15 for initializers and batch normalization.
NEWER = (
    "input_axes",
    "output_axes",
    "renorm",
    "renorm_clipping",
    "renorm_momentum",
)
PAIRS = (("cat", "dog"), ("airplane", "automobile"))
RECIPE = {
    "epochs": 15,
    "batch_size": 128,
    "learning_rate": 3e-3,
    "weight_decay": 1e-4,
    "schedule": "cosine to zero",
    "shift": 4,
    "erase": 0,
}
# What photographs gain from, chosen over seeds on validation pictures of cats
# and dogs and by `transfer --validate`: more epochs, smaller batches, and a
# gray square on each picture.
RECIPES = {
    "drawings": RECIPE,
    "photos": RECIPE | {"epochs": 32, "batch_size": 64, "erase": 8},
}


def build_base(widths=(32, 64, 128)):
    """Build the part that sees: pictures (n, 32, 32, 3) to features (n, 128).

    Each width is a block of two 3 × 3 convolutions, each followed by batch
    normalization and ReLU; blocks are joined by 2 × 2 maximum pooling, and
    the last one is averaged over its positions.
    """
    stack = [keras.Input((32, 32, 3)), layers.Rescaling(1 / 127.5, offset=-1)]
    for number, width in enumerate(widths):
        if number:
            stack.append(layers.MaxPooling2D())
        for _ in range(2):
            stack += [
                layers.Conv2D(width, 3, padding="same", use_bias=False),
                layers.BatchNormalization(momentum=0.9),
                layers.ReLU(),
            ]
    return keras.Sequential(
        [*stack, layers.GlobalAveragePooling2D()], name="base"
    )


def build_network(classes=2):
    """Build the base and a softmax head: pictures to probabilities."""
    head = layers.Dense(classes, activation="softmax", name="head")
    return keras.Sequential([keras.Input((32, 32, 3)), build_base(), head])


def compile_network(network, recipe, examples):
    """Compile for AdamW whose learning rate falls to zero along a cosine.

    examples: training pictures, which with the recipe's epochs and batch
    size give the number of steps. Source of the schedule: Loshchilov and
    Hutter (2017), "SGDR: stochastic gradient descent with warm restarts".
    """
    steps = recipe["epochs"] * math.ceil(examples / recipe["batch_size"])
    schedule = keras.optimizers.schedules.CosineDecay(
        recipe["learning_rate"], steps
    )
    network.compile(
        optimizer=keras.optimizers.AdamW(
            schedule, weight_decay=recipe["weight_decay"]
        ),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )


def train(pictures, recipe=None, seed=0, verbose=2, cluster=None):
    """Train a network from random weights on `Pictures`.

    recipe: settings such as `RECIPE`, or None for those of the source
    cluster: what `distributed.join` returned, or None for one device

    An interrupted run goes on after its last whole epoch when it is started
    again with the same classes, source, recipe and seed. Returns the network
    without its augmentation, ready to save, and a report of what it took.
    """
    hardware = devices.hardware().summary()
    cluster = cluster or distributed.Cluster()
    recipe = recipe or RECIPES.get(pictures.source, RECIPE)
    network, history, seconds = _fit(pictures, recipe, seed, verbose, cluster)
    distribution = keras.distribution.distribution()
    # Without its optimizer, and on one device.
    kept = cluster.local_copy(
        network, lambda: build_network(len(pictures.class_names))
    )
    judged = network if cluster.devices == 1 else kept
    accuracy = _accuracy(judged, pictures.x_test, pictures.y_test)
    keras.distribution.set_distribution(distribution)
    return kept, {
        "class_names": pictures.class_names,
        "source": pictures.source,
        "examples": len(pictures.y_train),
        "recipe": recipe,
        "seed": seed,
        "processes": cluster.processes,
        "devices": cluster.devices,
        "seconds": round(seconds, 1),
        "weights": network.count_params(),
        "test_accuracy": accuracy,
        "history": {
            key: [round(float(value), 4) for value in values]
            for key, values in history.history.items()
        },
        "hardware": hardware,
        "date": date.today().isoformat(),
    }


def _fit(pictures, recipe, seed, verbose, cluster):
    size = recipe["batch_size"]
    keras.utils.set_random_seed(seed)
    x, y = cluster.share(pictures.x_train, pictures.y_train, global_batch=size)
    with cluster.scope():
        network = build_network(len(pictures.class_names))
        compile_network(network, recipe, len(y) * cluster.processes)
    batches = FlippedAndShifted(
        x,
        y,
        cluster.local_batch(size),
        recipe["shift"],
        recipe["erase"],
        seed + cluster.process,
    )
    name = "-".join([*pictures.class_names, pictures.source, str(seed)])
    path = paths.cache_directory() / "checkpoints" / name
    done = 0
    if cluster.devices == 1:
        checkpoint = progress.Checkpoint(path, key=recipe)
    else:
        path = path.with_name(f"{name}-shared.npz")
        checkpoint = cluster.checkpoint(path)
        with cluster.scope():
            done = cluster.resume(network, path)
    started = time.perf_counter()
    history = network.fit(
        batches,
        epochs=recipe["epochs"],
        initial_epoch=done,
        validation_data=cluster.share(
            pictures.x_validation, pictures.y_validation
        ),
        validation_batch_size=(
            None if cluster.devices == 1 else cluster.local_batch(size)
        ),
        callbacks=[checkpoint],
        verbose=verbose if cluster.chief else 0,
    )
    seconds = time.perf_counter() - started
    if cluster.chief and cluster.devices > 1:
        path.unlink(missing_ok=True)  # a finished run starts anew
    return network, history, seconds


def _accuracy(network, pictures, labels):
    predictions = network.predict(pictures, verbose=0).argmax(axis=1)
    return round(float((predictions == labels).mean()), 4)


def donor_path(first, second, source):
    """Return where the donor of two classes lies; its report ends in .json."""
    return (
        paths.data_directory() / "donors" / f"{first}_{second}_{source}.keras"
    )


def report(first, second, source):
    """Return the report of a shipped donor: recipe, seconds, hardware..."""
    path = donor_path(first, second, source).with_suffix(".json")
    return json.loads(path.read_text("utf-8"))


def save(network, facts, path):
    """Write the network and, beside it, its report."""

    def write(name):
        network.save(name)
        make_portable(name)

    paths.write_atomically(path, write)
    paths.write_json(path.with_suffix(".json"), facts)


def make_portable(path):
    """Let older versions of Keras read a `.keras` file, too.

    Keras 3.15 writes settings that 3.13, which Colab and Kaggle have, refuses;
    the course's networks leave them all at their defaults.
    """
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    _drop_newer(config)
    members["config.json"] = json.dumps(config)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _drop_newer(part):
    if isinstance(part, dict):
        for key in NEWER:
            part.pop(key, None)
    if isinstance(part, dict | list):
        for inner in part.values() if isinstance(part, dict) else part:
            _drop_newer(inner)


def main(arguments=None):
    """Train one donor, or all that the course ships."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("classes", nargs="*", metavar="CLASS")
    parser.add_argument("--all", action="store_true", help="both pairs")
    parser.add_argument("--source", choices=data.SOURCES, action="append")
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--examples", type=int, help="training pictures, instead of all"
    )
    parser.add_argument(
        "--to", type=Path, metavar="FOLDER", help="instead of data/donors"
    )
    options = parser.parse_args(arguments)
    if not options.all and len(options.classes) != 2:
        parser.error("name two classes, such as: cat dog; or ask for --all")
    cluster = distributed.join()
    folder = options.to
    if folder is None and options.examples:
        # What was trained on a part is kept out of the shipped donors.
        folder = paths.home_directory() / "donors"
    for source in options.source or data.SOURCES:
        recipe = RECIPES[source]
        if options.epochs:
            recipe = recipe | {"epochs": options.epochs}
        for pair in PAIRS if options.all else [tuple(options.classes)]:
            pictures = data.load_pair(*pair, source=source)
            if options.examples:
                pictures = first_of(pictures, options.examples)
            network, facts = train(
                pictures, recipe, options.seed, cluster=cluster
            )
            if not cluster.chief:
                continue
            path = donor_path(*pair, source)
            save(network, facts, folder / path.name if folder else path)
            print(f"{' and '.join(pair)}: {facts['test_accuracy']}")


def first_of(pictures, examples):
    """Return the same `Pictures` with their first training pictures alone.

    Raises ValueError when there are not so many.
    """
    count = len(pictures.y_train)
    if not 0 < examples <= count:
        raise ValueError(
            f"There are {count} training pictures: ask for 1 to {count} "
            f"examples, not {examples}."
        )
    return replace(
        pictures,
        x_train=pictures.x_train[:examples],
        y_train=pictures.y_train[:examples],
    )


if __name__ == "__main__":
    main()
