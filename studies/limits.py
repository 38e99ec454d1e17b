"""Measure donors that should not help, and by how much they do not.

    python -m studies.limits --source photos

writes `data/reference/limits_of_transfer_photos.json`: the balanced accuracy
on dogs and foxes of heads on each donor's frozen features, as in notebook 06,
for a donor of shuffled labels, one of true labels at the same few epochs, and
one of the other kind of pictures. Each is stored as it is done.
"""

import json
import time
from dataclasses import replace
from datetime import date

import numpy as np

from course_utils import data
from course_utils.machine import devices, paths
from course_utils.networks import donors, fine_tuning, heads
from course_utils.networks.augmentation import MirroredAndShifted
from course_utils.results import files
from studies import command_line
from studies import donors as donors_study

COUNTS = (10, 100)


EPOCHS = 4


def other_kind(source):
    """Return the source across the gap: drawings for photos, and back."""
    return next(name for name in data.SOURCES if name != source)


def shuffle_labels(pictures, seed=0):
    """Return the same `Pictures` whose training labels say nothing."""
    mixed = np.random.default_rng(seed).permutation(pictures.y_train)
    return replace(pictures, y_train=mixed)


def train_briefly(pictures, epochs=EPOCHS):
    """Train a donor by the course's recipe for few epochs.

    Returns its frozen base and the seconds that it took. There is no
    checkpoint: two donors of other labels must not share one.
    """
    recipe = donors_study.RECIPES[pictures.source] | {"epochs": epochs}
    network = donors.build_network()
    donors.reinitialize(network, seed=0)
    donors.compile_network(network, recipe, len(pictures.y_train))
    batches = MirroredAndShifted(
        pictures.x_train,
        pictures.y_train,
        recipe["batch_size"],
        shift=recipe["shift"],
        erase=recipe["erase"],
        seed=0,
    )
    started = time.perf_counter()
    network.fit(batches, epochs=epochs, verbose=0)
    seconds = time.perf_counter() - started
    base = network.get_layer("base")
    base.trainable = False
    return base, seconds


def shipped(source):
    """Return {arm: frozen base} of the arms that are donors of the course."""
    return {
        "own": donors.load_base("cat", "dog", source),
        "other kind": donors.load_base("cat", "dog", other_kind(source)),
        "unrelated": donors.load_base("airplane", "automobile", source),
    }


def digests(bases):
    """Return {arm: short name of its base's weights}."""
    return {
        arm: fine_tuning.digest(base.get_weights())
        for arm, base in bases.items()
    }


def measure(source, again=False):
    """Measure every donor that is not stored yet, and store it.

    again: measure what is stored as well; so it is where a shipped donor is
        another one by now
    """
    path = files.path(f"limits_of_transfer_{source}")
    bases = shipped(source)
    donors = digests(bases)
    facts = json.loads(path.read_text("utf-8")) if path.exists() else {}
    if again or facts.get("donors") != donors:
        facts = {
            "source": source,
            "donors": donors,
            "epochs": EPOCHS,
            "date": date.today().isoformat(),
            "hardware": devices.hardware().summary(),
            "seconds": {},
            "accuracy": {},
        }
    foxes = data.load_pair("dog", "fox", source=source)
    cats = data.load_pair("cat", "dog", source=source)
    makers = {
        **{arm: lambda base=base: (base, None) for arm, base in bases.items()},
        "random": lambda: (donors.random_base(), None),
        "short": lambda: train_briefly(cats),
        "shuffled": lambda: train_briefly(shuffle_labels(cats)),
    }
    for arm, make in makers.items():
        if arm not in facts["accuracy"]:
            base, facts["seconds"][arm] = make()
            rows = heads.head_accuracies(base, foxes, COUNTS)
            facts["accuracy"][arm] = {n: r.tolist() for n, r in rows.items()}
            paths.write_json(path, facts)
            means = {n: f"{row.mean():.3f}" for n, row in rows.items()}
            print(arm, means, flush=True)


def main(arguments=None):
    """Measure the limits on one source, or on both."""
    command_line.measure_sources(__doc__.splitlines()[0], measure, arguments)


if __name__ == "__main__":
    main()
