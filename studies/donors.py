"""TODO studies.donors."""

import argparse
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

from course_utils import quiet

with quiet():
    import keras
from course_utils import data
from course_utils.machine import devices, paths
from course_utils.networks import donors, model_files
from course_utils.networks.augmentation import MirroredAndShifted
from studies import distributed, memory

PAIRS = (("cat", "dog"), ("airplane", "automobile"))


# What photographs gain from, chosen over seeds on validation pictures of cats
# and dogs and by `transfer --validate`: more epochs, smaller batches, and a
# gray square on each picture.
RECIPES = {
    "drawings": donors.RECIPE,
    "photos": donors.RECIPE | {"epochs": 32, "batch_size": 64, "erase": 8},
}


def train(pictures, recipe=None, seed=0, verbose=2, cluster=None):
    """Train a network from random weights on `Pictures`.

    recipe: settings such as `RECIPE`, or None for those of the source
    cluster: what `distributed.join` returned, or None for one device

    An interrupted run goes on after its last whole epoch when it is started
    again with the same classes, source, recipe and seed; where one device
    cannot hold a batch, it goes on with half of it. Returns the network
    without its augmentation, ready to save, and a report of what it took.
    """
    hardware = devices.hardware().summary()
    cluster = cluster or distributed.Cluster()
    recipe = recipe or RECIPES.get(pictures.source, donors.RECIPE)

    def attempt(batch_size):
        smaller = recipe | {"batch_size": batch_size}
        return smaller, *_fit(pictures, smaller, seed, verbose, cluster)

    if cluster.devices == 1:
        (recipe, network, history, seconds), _ = memory.halve_until_it_fits(
            attempt, recipe["batch_size"]
        )
    else:  # All processes would have to agree on another size.
        recipe, network, history, seconds = attempt(recipe["batch_size"])
    distribution = keras.distribution.distribution()
    # Without its optimizer, and on one device.
    kept = cluster.local_copy(
        network, lambda: donors.build_network(len(pictures.class_names))
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
        network = donors.build_network(len(pictures.class_names))
        donors.compile_network(network, recipe, len(y) * cluster.processes)
    batches = MirroredAndShifted(
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
        checkpoint = keras.callbacks.BackupAndRestore(path)
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


def save(network, facts, path):
    """Write the network and, beside it, its report."""

    def write(name):
        network.save(name)
        model_files.make_portable(name)

    paths.write_atomically(path, write)
    paths.write_json(path.with_suffix(".json"), facts)


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
            path = donors.donor_path(*pair, source)
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
