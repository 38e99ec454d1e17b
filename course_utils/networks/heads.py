"""Measure what a donor saves: heads on features against scratch, over seeds.

    python -m studies.transfer --source photos
    python -m studies.transfer --source photos --heads
    python -m studies.transfer --write data/README.md
    python -m studies.transfer --source photos --validate

The first writes the grid of notebook 06 to
`data/reference/transfer_photos.json`: balanced test accuracy for each number
of pictures, each arm and each seed. Counts are stored as they are done. The
second does so for the heads alone, after a donor was trained anew: scratch,
which knows no donor, stays, with the date and hardware of its own. The third
writes a table of the stored grids into a page. The fourth prints what the
shipped donor transfers to pictures that are no test pictures: a recipe for
donors is chosen by that.
"""

import math
import time

import numpy as np
from sklearn.metrics import balanced_accuracy_score

from course_utils.networks import donors
from course_utils.networks.augmentation import MirroredAndShifted

COUNTS = (5, 10, 25, 50, 100, 500)


SEEDS = range(10)


# Chosen on validation pictures, as is the learning rate: more epochs bring
# nothing that another seed does not undo.
SCRATCH_EPOCHS = {10: 100, 50: 80, 100: 50, 500: 15}


EPOCH_PICTURES = 500
SCRATCH = {"batch_size": 32, "learning_rate": 3e-3, "weight_decay": 1e-4}


def features(base, pictures):
    """Return the base's features, averaged over each picture and its mirror.

    pictures: (count, 32, 32, 3), 0 to 255; returns (count, features).
    """
    mirrored = pictures[:, :, ::-1]
    return (
        sum(
            base.predict(side, batch_size=250, verbose=0)
            for side in (pictures, mirrored)
        )
        / 2
    )


def head_accuracies(base, pictures, counts=COUNTS, seeds=SEEDS):
    """Train heads on cached features and test them.

    Every seed draws its own few pictures; all of them share the features,
    which are computed once. Returns {count: balanced accuracies, one a seed}.
    """
    x_train = features(base, pictures.x_train)
    x_test = features(base, pictures.x_test)
    results = {}
    for count in counts:
        results[count] = np.empty(len(seeds))
        for place, seed in enumerate(seeds):
            chosen = pictures.few_indices(count, seed)
            head = linear_head()
            head.fit(x_train[chosen], pictures.y_train[chosen])
            results[count][place] = balanced_accuracy_score(
                pictures.y_test, head.predict(x_test)
            )
    return results


def scratch_accuracies(pictures, count, seeds=SEEDS, epochs=None):
    """Train the whole network from random weights on the same few pictures.

    It gets the donor's flips, shifts and schedule, and as many epochs as it
    can use. Returns balanced accuracies and seconds, one of each a seed;
    seconds leave out building and testing.
    """
    epochs = epochs or SCRATCH_EPOCHS[count]
    # A few pictures are laid out several times in one epoch of Keras, which
    # costs time of its own; each is seen as often.
    often = min(epochs, max(1, EPOCH_PICTURES // (2 * count)))
    recipe = SCRATCH | {"epochs": math.ceil(epochs / often)}
    network = donors.build_network()
    donors.compile_network(network, recipe, 2 * count * often)
    accuracies, seconds = [], []
    for seed in seeds:
        x, y = (np.concatenate([a] * often) for a in pictures.few(count, seed))
        batches = MirroredAndShifted(x, y, recipe["batch_size"], seed=seed)
        if not accuracies:  # build outside the clock
            network.fit(batches, verbose=0)
        donors.reinitialize(network, seed)
        started = time.perf_counter()
        network.fit(batches, epochs=recipe["epochs"], verbose=0)
        seconds.append(time.perf_counter() - started)
        predictions = network.predict(
            pictures.x_test, batch_size=250, verbose=0
        ).argmax(axis=1)
        accuracies.append(
            balanced_accuracy_score(pictures.y_test, predictions)
        )
    return np.array(accuracies), np.array(seconds)


def agree(first, second, tolerance=1e-4):
    """Say whether two arrays of probabilities are equal to rounding."""
    return bool(np.allclose(first, second, atol=tolerance))


def linear_head(penalty=100.0):
    """Return a scikit-learn classifier for cached features.

    Standardized features and ridge regression on the labels: the weights
    have a closed form, so that hundreds of heads take a second.
    """
    from sklearn.linear_model import RidgeClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), RidgeClassifier(alpha=penalty))
