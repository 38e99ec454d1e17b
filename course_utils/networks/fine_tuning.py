"""Train a donor further: heads first, then layers, at a low rate.

Introduced in notebook 7. The donor's own head is kept aside and put on the
changed base again, to ask it about cats and dogs.
"""

import hashlib
import time

import numpy as np

from course_utils import quiet

with quiet():
    import keras
    from keras import layers
from course_utils.networks import donors
from course_utils.networks.augmentation import MirroredAndShifted

DEPTH_FACTORS = (0.01, 0.03, 0.1, 1.0, 1.0)  # of four blocks and the head
LORA_RANK = 4


class PerDepth(keras.optimizers.Adam):
    """Train each variable at the learning rate times its own factor."""

    def update_step(self, gradient, variable, learning_rate):
        """Update one variable, as Keras asks for it in every step."""
        factor = self.factors[self._get_variable_index(variable)]
        super().update_step(gradient, variable, learning_rate * factor)


def blocks_of(base):
    """Return the base's layers as one list per block, lowest block first.

    Taught in notebook 07.
    """
    blocks = [[]]
    for layer in base.layers:
        if isinstance(layer, layers.MaxPooling2D):
            blocks.append([])
        blocks[-1].append(layer)
    return blocks


def unfreeze(base, blocks):
    """Let training change the topmost blocks of a base, and freeze the rest.

    Compile afterward: a network trains what was trainable at that time.

    Taught in notebook 07.
    """
    base.trainable = True
    parts = blocks_of(base)
    for place, part in enumerate(parts):
        for layer in part:
            layer.trainable = place >= len(parts) - blocks


def freeze_batch_norm(base):
    """Keep a base's batch normalization as it is, at the donor's statistics.

    Calling the base with `training=False` does not: `fit` passes its own
    `training=True` through every layer of a functional network. A frozen
    normalization computes as in use, whatever `fit` says. Compile afterward.

    Taught in notebook 08.
    """
    for layer in base.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = False


def rate_factors(network, base, factors=DEPTH_FACTORS):
    """Return the factor of each trainable variable, in the network's order.

    factors: one for each block of the base, lowest first, then one for the
        heads

    Taught in notebook 07.
    """
    known = {
        variable.path: factor
        for part, factor in zip(blocks_of(base), factors, strict=False)
        for layer in part
        for variable in layer.weights
    }
    return [
        known.get(variable.path, factors[-1])
        for variable in network.trainable_variables
    ]


def fit_head(features, labels):
    """Return kernel and bias of a softmax head, fitted on features at once.

    features: (count, width); labels: (count,). Logistic regression on
    standardized features; its penalty is chosen by cross-validation. Source:
    Kumar et al. (2022), "Fine-tuning can distort pretrained features", which
    starts from such a head.

    Taught in notebook 07.

    >>> features = np.random.default_rng(0).normal(size=(20, 128))
    >>> [part.shape for part in fit_head(features, np.repeat([0, 1], 10))]
    [(128, 2), (2,)]
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(features)
    search = GridSearchCV(
        LogisticRegression(max_iter=2000),
        {"C": [0.001, 0.01, 0.1, 1.0]},
        scoring="neg_log_loss",
        cv=5,
    )
    model = search.fit(scaler.transform(features), labels).best_estimator_
    kernel = (model.coef_ / scaler.scale_).T
    bias = model.intercept_ - scaler.mean_ @ kernel
    if kernel.shape[1] == 1:  # two classes: one score and its negative
        kernel = np.concatenate([-kernel, kernel], axis=1) / 2
        bias = np.concatenate([-bias, bias]) / 2
    return [kernel.astype("float32"), bias.astype("float32")]


def add_adapters(base, rank=LORA_RANK):
    """Freeze a base and give each convolution a low-rank adapter to train.

    The adapter is a product of two small matrices, added to the frozen
    kernel; with zeros in the second, the base is as it was. Compile
    afterward. Source: Hu et al. (2022), "LoRA: low-rank adaptation of large
    language models".
    """
    base.trainable = True
    for layer in base.layers:
        if isinstance(layer, layers.Conv2D):
            layer.enable_lora(rank)
        else:
            layer.trainable = False


def without_adapters(base):
    """Return the weights of a base as they are with its adapters off."""
    kept = []
    for layer in base.layers:
        if getattr(layer, "lora_enabled", False):
            kept += [keras.ops.convert_to_numpy(layer._kernel)]
        else:
            kept += layer.get_weights()
    return kept


def recipe(count):
    """Return settings to fine-tune all layers on `count` pictures of each.

    With very few pictures batch normalization keeps the donor's statistics
    and the rate is low.
    """
    few = count < 50
    return {
        "epochs": 20 if count <= 100 else 10,
        "batch_size": min(32, 2 * count),
        "rate": 1e-4 if few else 1e-3,
        "batch_norm": "inference" if few else "training",
    }


class Tuner:
    """Fine-tune a base on new pictures: its head first, then all layers.

    recipe: as `recipe` gives it; weights: the base's, to start from
    """

    def __init__(self, recipe, weights=None, classes=2):
        self.recipe, self.weights = recipe, weights
        self.base = donors.build_base()
        if recipe["batch_norm"] == "inference":
            freeze_batch_norm(self.base)
        head = layers.Dense(classes, activation="softmax", name="head")
        self.network = keras.Sequential(
            [keras.Input((32, 32, 3)), self.base, head]
        )

    def train(self, x, y, seed):
        """Train from the base's weights; return the history and the seconds.

        The seconds contain the head's and leave out building the network.
        """
        settings = self.recipe
        keras.utils.set_random_seed(seed)
        self.base.set_weights(self.weights)
        batches = MirroredAndShifted(x, y, settings["batch_size"], seed=seed)
        steps = settings["epochs"] * len(batches)
        self.network.compile(
            keras.optimizers.Adam(
                keras.optimizers.schedules.CosineDecay(settings["rate"], steps)
            ),
            "sparse_categorical_crossentropy",
        )
        self.network.train_on_batch(*batches[0])  # builds outside the clock
        self.network.optimizer.iterations.assign(0)
        self.base.set_weights(self.weights)
        started = time.perf_counter()
        both = np.concatenate([x, x[:, :, ::-1]])
        features = self.base.predict(both, batch_size=250, verbose=0)
        head = fit_head(features, np.concatenate([y, y]))
        self.network.get_layer("head").set_weights(head)
        history = self.network.fit(
            batches, epochs=settings["epochs"], verbose=0
        ).history
        return history, time.perf_counter() - started

    def answers(self, pictures):
        """Return class indices, from each picture and its mirror."""
        scores = [
            self.network.predict(side, batch_size=250, verbose=0)
            for side in (pictures, pictures[:, :, ::-1])
        ]
        return sum(scores).argmax(axis=1)


def widen(old, new):
    """Return a head for cat, dog and fox, made of two heads.

    old, new: [kernel, bias] of cat/dog and of dog/fox. The scores of cat and
    dog are the old ones; fox is as far above dog as the new head says.
    """
    return [
        np.concatenate(
            [before, before[..., 1:] + after[..., 1:] - after[..., :1]],
            axis=-1,
        )
        for before, after in zip(old, new, strict=True)
    ]


def digest(weights):
    """Return a short name for a list of weights; other weights differ."""
    joined = b"".join(np.asarray(weight).tobytes() for weight in weights)
    return hashlib.sha256(joined).hexdigest()[:12]
