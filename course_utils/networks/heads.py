"""Heads on cached features, and the same network from scratch.

Introduced in notebook 6; `python -m studies.transfer` measures with it.
"""

import time

import numpy as np

from course_utils.networks import donors
from course_utils.networks.augmentation import MirroredAndShifted

COUNTS = (5, 10, 25, 50, 100, 500)
# Of a head's weights; one of them is chosen by leaving out each picture once.
PENALTIES = np.logspace(-1, 5, 13)
# From scratch: the donor's recipe in smaller batches, and as many steps as it
# can use. `studies.transfer` doubles them until accuracy no longer rises.
SCRATCH = donors.RECIPE | {"batch_size": 32, "peak_rate": 0.05}
SCRATCH_STEPS = {10: 300, 50: 600, 100: 600, 500: 1200}


def features(base, pictures):
    """Return the base's features, averaged over each picture and its mirror.

    pictures: (count, 32, 32, 3), 0 to 255; returns (count, features).

    Taught in notebook 06.
    """
    mirrored = pictures[:, :, ::-1]
    return (
        sum(
            base.predict(side, batch_size=250, verbose=0)
            for side in (pictures, mirrored)
        )
        / 2
    )


def linear_head():
    """Return an unfitted scikit-learn classifier for features.

    Standardized features and ridge regression on the labels. The penalty is
    chosen by leave-one-out cross-validation, which has a closed form here,
    so a hundred heads take a second. Source: Kornblith et al. (2019), "Do
    better ImageNet models transfer better?", for the choice per task. Taught
    in notebook 06.

    >>> head = linear_head().fit([[0], [1], [2], [3]], [0, 0, 1, 1])
    >>> head.predict([[5]])
    array([1])
    """
    from sklearn.linear_model import RidgeClassifierCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), RidgeClassifierCV(PENALTIES))


class Scratch:
    """Train the whole network from random weights on a few pictures.

    pictures: how many there are in all; steps: of training, after which the
        learning rate is zero

    A few pictures are laid out several times in one epoch of Keras, which
    costs time of its own.
    """

    def __init__(self, pictures, steps):
        size = min(SCRATCH["batch_size"], pictures)
        self.often = max(1, 20 * size // pictures)
        batches = -(-pictures * self.often // size)
        self.recipe = SCRATCH | {
            "batch_size": size,
            "epochs": max(1, round(steps / batches)),
        }
        self.network = donors.build_network()
        examples = pictures * self.often
        donors.compile_network(self.network, self.recipe, examples)
        self.warm = False

    def train(self, x, y, seed, validation=None):
        """Train with one seed; return the history and the seconds.

        validation: (pictures, labels) to judge ten times on the way
        """
        x, y = (np.concatenate([part] * self.often) for part in (x, y))
        size, epochs = self.recipe["batch_size"], self.recipe["epochs"]
        batches = MirroredAndShifted(x, y, size, seed=seed)
        if not self.warm:  # build outside the clock
            self.network.fit(batches, verbose=0)
            self.warm = True
        donors.reinitialize(self.network, seed)
        started = time.perf_counter()
        history = self.network.fit(
            batches,
            epochs=epochs,
            validation_data=validation,
            validation_freq=max(1, epochs // 10),
            validation_batch_size=250,
            verbose=0,
        ).history
        return history, time.perf_counter() - started

    def answers(self, pictures):
        """Return class indices, from each picture and its mirror."""
        both = (pictures, pictures[:, :, ::-1])
        scores = [
            self.network.predict(side, batch_size=250, verbose=0)
            for side in both
        ]
        return sum(scores).argmax(axis=1)


def agree(first, second, tolerance=1e-4):
    """Say whether two arrays of probabilities are equal to rounding.

    Taught in notebook 06.
    """
    return bool(np.allclose(first, second, atol=tolerance))
