"""Compute what notebook 0 shows first: learning from twenty drawings.

    python -m studies.first_look

Run it whenever the cat/dog donor of drawings is trained again.
"""

import time

import numpy as np

from course_utils.data import first_look
from course_utils.machine import devices, paths
from course_utils.networks import donors, heads

DONOR = ("cat", "dog", "drawings")


def features(x_train, x_test):
    """Return the donor's features of both parts, and seconds of the first."""
    base = donors.load_base(*DONOR)
    heads.features(base, x_train)  # warm-up
    started = time.perf_counter()
    train = heads.features(base, x_train)
    seconds = time.perf_counter() - started
    return train, heads.features(base, x_test), seconds


def main():
    """Compute and store the arrays of `first_look.load`."""
    x_train, y_train, x_test, _ = first_look.drawn()
    train, test, feature_seconds = features(x_train, x_test)
    few = first_look.FEW
    scratch = heads.Scratch(2 * few, heads.SCRATCH_STEPS[few])
    _, scratch_seconds = scratch.train(x_train, y_train, seed=0)
    machine = devices.hardware().summary()
    arrays = {
        "train_features": train.astype(np.float32),
        "test_features": test.astype(np.float32),
        "scratch_answers": scratch.answers(x_test),
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
