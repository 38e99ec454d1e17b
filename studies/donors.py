"""Train donors: those that are shipped, and those the evidence rests on.

    python -m studies.donors                      every kind, source and seed
    python -m studies.donors cat dog --seed 3     one of them
    mpirun -n 2 python -m studies.donors cat dog --epochs 1 --examples 512

The first trains 5 seeds of each kind on both sources, keeps them in the cache
and copies to `data/donors/` the one whose validation accuracy is the median.
A donor that is there with the same recipe is not trained again, and one that
was interrupted resumes after its last whole epoch. The last uses two
processes for one training run, and stores nothing that is shipped.
"""

import argparse
import json
import time
from dataclasses import replace
from datetime import date

import keras
import numpy as np

from course_utils import data
from course_utils.machine import devices, paths
from course_utils.networks import donors, progress
from course_utils.networks.augmentation import MirroredAndShifted
from studies import distributed

SEEDS = range(5)
# The two classes, and whether the training labels are shuffled.
KINDS = {
    "cat_dog": ("cat", "dog", False),
    "airplane_automobile": ("airplane", "automobile", False),
    "cat_dog_shuffled": ("cat", "dog", True),
}
SHIPPED = ("cat_dog", "airplane_automobile")


def train(pictures, recipe=None, seed=0, name=None, cluster=None):
    """Train a network from random weights on `Pictures`.

    recipe: settings such as `donors.RECIPE`, which is the default
    name: of the checkpoint, by which an interrupted run resumes after its
        last whole epoch; None: there is none
    cluster: what `distributed.join` returned, or None for one device

    Returns the network and a report of what it took.
    """
    recipe = recipe or donors.RECIPE
    cluster = cluster or distributed.Cluster()
    network, history, seconds = _fit(pictures, recipe, seed, name, cluster)
    distribution = keras.distribution.distribution()
    kept = cluster.local_copy(
        network, lambda: donors.build_network(len(pictures.class_names))
    )
    judged = network if cluster.devices == 1 else kept
    # A run that was resumed is timed from there: the rest took as long.
    timed = len(history.epoch)
    seconds *= recipe["epochs"] / max(1, timed)
    report = {
        "class_names": pictures.class_names,
        "source": pictures.source,
        "examples": len(pictures.y_train),
        "recipe": recipe,
        "seed": seed,
        "processes": cluster.processes,
        "devices": cluster.devices,
        "seconds": round(seconds, 1),
        "epochs_timed": timed,
        "weights": network.count_params(),
        **{
            f"{part}_accuracy": _accuracy(judged, pictures, part)
            for part in ("validation", "test")
        },
        "history": {
            key: [round(float(value), 4) for value in values]
            for key, values in history.history.items()
        },
        "hardware": devices.hardware().summary(),
        "date": date.today().isoformat(),
    }
    keras.distribution.set_distribution(distribution)
    return kept, report


def _fit(pictures, recipe, seed, name, cluster):
    size = recipe["batch_size"]
    keras.utils.set_random_seed(seed)
    x, y = cluster.share(pictures.x_train, pictures.y_train, global_batch=size)
    with cluster.scope():
        network = donors.build_network(len(pictures.class_names))
        donors.compile_network(network, recipe, len(y) * cluster.processes)
    local = cluster.local_batch(size)
    batches = MirroredAndShifted(
        x, y, local, recipe["shift"], seed + cluster.process
    )
    done, callbacks = 0, []
    path = paths.cache_directory() / "checkpoints" / f"{name}"
    if name and cluster.devices == 1:
        callbacks = [progress.Checkpoint(path)]
    elif name:
        path = path.with_suffix(".npz")
        callbacks = [cluster.checkpoint(path)]
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
        validation_batch_size=local,
        callbacks=callbacks,
        verbose=2 if cluster.chief else 0,
    )
    seconds = time.perf_counter() - started
    if name and cluster.chief and cluster.devices > 1:
        path.unlink(missing_ok=True)
    return network, history, seconds


def _accuracy(network, pictures, part):
    x, y = (getattr(pictures, f"{kind}_{part}") for kind in "xy")
    answers = network.predict(x, verbose=0).argmax(axis=1)
    return round(float((answers == y).mean()), 4)


def pictures_of(kind, source, seed=0):
    """Return the `Pictures` that a kind of donor is trained on.

    kind: one of `KINDS`. With shuffled labels, those of the training part
    are mixed; the others are true.
    """
    first, second, shuffled = KINDS[kind]
    pictures = data.load_pair(first, second, source=source)
    if shuffled:
        mixed = np.random.default_rng(seed).permutation(pictures.y_train)
        pictures = replace(pictures, y_train=mixed)
    return pictures


def kept_path(kind, source, seed):
    """Return where a trained donor is kept: in the cache, not in data/."""
    name = f"{kind}_{source}_{seed}.keras"
    return paths.cache_directory() / "donors" / name


def trained(kind, source, seed):
    """Return a donor's network and report; it is trained if it is not there.

    kind: one of `KINDS`; seed: one of `SEEDS`. A donor of another recipe is
    trained again.
    """
    path = kept_path(kind, source, seed)
    report = path.with_suffix(".json")
    if path.exists() and report.exists():
        facts = json.loads(report.read_text("utf-8"))
        if facts["recipe"] == donors.RECIPE:
            return keras.models.load_model(path), facts
    network, facts = train(
        pictures_of(kind, source, seed), seed=seed, name=path.stem
    )
    donors.save(network, facts, path)
    return network, facts


def ship(kind, source):
    """Copy the donor of median validation accuracy into data/donors/."""
    ranked = sorted(
        SEEDS,
        key=lambda seed: trained(kind, source, seed)[1]["validation_accuracy"],
    )
    network, facts = trained(kind, source, ranked[len(ranked) // 2])
    first, second, _ = KINDS[kind]
    donors.save(network, facts, donors.donor_path(first, second, source))


def first_of(pictures, examples):
    """Return the same `Pictures` with only their first training pictures.

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


def one(classes, source, options):
    """Train one donor as the command line asks, and say where it is."""
    cluster = distributed.join()
    pictures = data.load_pair(*classes, source=source)
    if options.examples:
        pictures = first_of(pictures, options.examples)
    recipe = donors.RECIPE | (
        {"epochs": options.epochs} if options.epochs else {}
    )
    name = f"{'_'.join(classes)}_{source}_{options.seed}"
    network, facts = train(pictures, recipe, options.seed, name, cluster)
    if cluster.chief:
        path = donors.own_path(*classes, source)
        donors.save(network, facts, path)
        print(f"{' and '.join(classes)}: {facts['test_accuracy']}")


def main(arguments=None):
    """Train all donors of the course, or one of two classes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("classes", nargs="*", metavar="CLASS")
    parser.add_argument("--source", choices=data.SOURCES, action="append")
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--examples", type=int, help="training pictures, instead of all"
    )
    options = parser.parse_args(arguments)
    if options.classes and len(options.classes) != 2:
        parser.error("name two classes, such as: cat dog; or none, for all")
    for source in options.source or data.SOURCES:
        if options.classes:
            one(tuple(options.classes), source, options)
            continue
        for kind in KINDS:
            for seed in SEEDS:
                facts = trained(kind, source, seed)[1]
                said = {k: v for k, v in facts.items() if "accuracy" in k}
                print(kind, source, seed, facts["seconds"], said, flush=True)
            if kind in SHIPPED:
                ship(kind, source)


if __name__ == "__main__":
    main()
