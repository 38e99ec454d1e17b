"""Compute what notebook 00 shows first: two answers after twenty drawings.

    python -m studies.first_look

Run it whenever the cat/dog donor of drawings is trained again.
"""

import time

import numpy as np

from course_utils.data import first_look
from course_utils.machine import devices, paths
from course_utils.networks import donors
from course_utils.networks.augmentation import MirroredAndShifted

DONOR = ("cat", "dog", "drawings")
# The donor's recipe with fewer and gentler steps: there are twenty pictures.
RECIPE = donors.RECIPE | {"batch_size": 20, "peak_rate": 0.05, "epochs": 15}
OFTEN = 20  # each picture per epoch, so an epoch is not one step


def both_sides(network, x):
    """Return a network's answers, averaged over pictures and mirror images."""
    sides = (x, x[:, :, ::-1])
    return np.mean([network.predict(s, verbose=0) for s in sides], axis=0)


def features(x_train, x_test):
    """Return the donor's features of both parts, and seconds of the first."""
    base = donors.load_base(*DONOR)
    both_sides(base, x_train)  # warm-up
    started = time.perf_counter()
    train = both_sides(base, x_train)
    seconds = time.perf_counter() - started
    return train, both_sides(base, x_test), seconds


def scratch(x_train, y_train, x_test, seed=0):
    """Train the donor's network on few pictures, from random weights.

    Returns the probabilities of label 1 for `x_test`, and the seconds of
    training without those of building.
    """
    x, y = (np.concatenate([part] * OFTEN) for part in (x_train, y_train))
    network = donors.build_network()
    donors.compile_network(network, RECIPE, len(y))
    batches = MirroredAndShifted(
        x, y, RECIPE["batch_size"], RECIPE["shift"], seed
    )
    network.fit(batches, verbose=0)  # warm-up
    donors.reinitialize(network, seed)
    started = time.perf_counter()
    network.fit(batches, epochs=RECIPE["epochs"], verbose=0)
    seconds = time.perf_counter() - started
    return both_sides(network, x_test)[:, 1], seconds


def main():
    """Compute and store the arrays of `first_look.load`."""
    x_train, y_train, x_test, _ = first_look.drawn()
    train, test, feature_seconds = features(x_train, x_test)
    probabilities, scratch_seconds = scratch(x_train, y_train, x_test)
    machine = devices.hardware().summary()
    arrays = {
        "train_features": train.astype(np.float32),
        "test_features": test.astype(np.float32),
        "scratch_probabilities": probabilities.astype(np.float32),
        "feature_seconds": round(feature_seconds, 3),
        "scratch_seconds": round(scratch_seconds, 1),
        "machine": f"{machine['processor']}, {machine['threads']} threads",
        "donor_digest": first_look.digest(donors.donor_path(*DONOR)),
    }
    paths.write_atomically(
        first_look.file_path(), lambda p: np.savez_compressed(p, **arrays)
    )


if __name__ == "__main__":
    main()
