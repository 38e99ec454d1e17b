"""The course's first minute: what two networks learn from twenty drawings.

`python -m studies.first_look` writes what is read here. Nothing in this module
needs a framework.
"""

import hashlib
from dataclasses import dataclass

import numpy as np

from course_utils.data import drawings, pictures
from course_utils.machine import paths

CLASS_NAMES = ("dog", "fox")
FEW, MANY = 10, 100  # drawings of each animal to learn from, and to answer
# Training drawings of their own, so that the donor saw none of these dogs.
SEED = 3
# The first four dogs and foxes to answer, mixed; Rossella is the first fox.
EIGHT = (0, 1, 100, 101, 2, 102, 3, 103)
ROSSELLA = 100


@dataclass(frozen=True, repr=False)
class FirstLook:
    """Hold twenty drawings, two hundred more, and what was computed from them.

    Drawings are uint8 (count, 32, 32, 3), labels 0 for a dog and 1 for a fox,
    features float32 (count, 128) of the donor's base, averaged over each
    drawing and its mirror image. `scratch_answers` (200,) are the labels that
    a network like the donor gives after training only on the twenty drawings.
    Both times are in seconds, on `machine`.
    """

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    train_features: np.ndarray
    test_features: np.ndarray
    scratch_answers: np.ndarray
    feature_seconds: float
    scratch_seconds: float
    machine: str
    donor_digest: str

    @property
    def scratch_right(self):
        """Return for each of the 200 whether the answer is right."""
        return self.scratch_answers == self.y_test


def drawn():
    """Return x_train, y_train, x_test and y_test; dogs first."""
    parts = []
    for count, seed in ((FEW, SEED), (MANY, pictures.TEST_SEED)):
        each = [drawings.draw_many(n, count, seed=seed) for n in CLASS_NAMES]
        parts += [np.concatenate(each), np.repeat((0, 1), count)]
    return tuple(parts)


def file_path():
    """Return where the computed arrays are."""
    return paths.data_directory() / "reference" / "first_look.npz"


def digest(path):
    """Return the SHA-256 digest of a file, by which a donor is recognized."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load():
    """Return the `FirstLook` that the course ships. Taught in notebook 00."""
    with np.load(file_path()) as stored:
        arrays = {
            name: stored[name] if stored[name].ndim else stored[name].item()
            for name in stored.files
        }
    return FirstLook(*drawn(), **arrays)
