"""Measure what fine-tuning gains, what it forgets, and what cures that.

    python -m studies.forgetting --source photos

writes the grid of notebook 07 to `data/reference/forgetting_photos.json`.
Every trial is stored as it is done; a run that was stopped goes on from
there, and a donor that was trained anew starts the grid anew.

The donor's own head is kept aside and put on the changed base again, to ask
it about cats and dogs: what it then loses, the base has forgotten.
"""

import hashlib

import numpy as np

from course_utils import quiet

with quiet():
    import keras
    from keras import layers


DEPTH_FACTORS = (0.01, 0.1, 1.0, 1.0)  # of the three blocks and the head


class PerDepth(keras.optimizers.Adam):
    """Train each variable at the learning rate times its own factor."""

    def update_step(self, gradient, variable, learning_rate):
        """Update one variable, as Keras asks for it in every step."""
        factor = self.factors[self._get_variable_index(variable)]
        super().update_step(gradient, variable, learning_rate * factor)


def blocks_of(base):
    """Return the base's layers as one list a block, lowest block first."""
    blocks = [[]]
    for layer in base.layers:
        if isinstance(layer, layers.MaxPooling2D):
            blocks.append([])
        blocks[-1].append(layer)
    return blocks


def unfreeze(base, blocks):
    """Let training change the topmost blocks of a base, and freeze the rest.

    Compile afterwards: a network trains what could be trained at that time.
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
    normalization computes as in use, whatever `fit` says. Compile afterwards.
    """
    for layer in base.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = False


def rate_factors(network, base, factors=DEPTH_FACTORS):
    """Return the factor of each trainable variable, in the network's order.

    factors: one for each block of the base, lowest first, then one for the
        heads
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


def fit_head(features, labels, strength=0.01):
    """Return kernel and bias of a softmax head, fitted on features at once.

    features: (count, width); labels: (count,). Logistic regression on
    standardized features; strength is scikit-learn's C. Source: Kumar et al.
    (2022), "Fine-tuning can distort pretrained features", which starts from
    such a head.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(features)
    model = LogisticRegression(C=strength, max_iter=2000)
    model.fit(scaler.transform(features), labels)
    kernel = (model.coef_ / scaler.scale_).T
    bias = model.intercept_ - scaler.mean_ @ kernel
    if kernel.shape[1] == 1:  # two classes: one score and its negative
        kernel = np.concatenate([-kernel, kernel], axis=1) / 2
        bias = np.concatenate([-bias, bias]) / 2
    return [kernel.astype("float32"), bias.astype("float32")]


def widen(old, new):
    """Return a head for cat, dog and fox, made of two heads.

    old, new: [kernel, bias] of cat/dog and of dog/fox. The scores of cat and
    dog are the old ones; fox stands as far above dog as the new head says.
    """
    return [
        np.concatenate(
            [before, before[..., 1:] + after[..., 1:] - after[..., :1]],
            axis=-1,
        )
        for before, after in zip(old, new, strict=True)
    ]


def digest(weights):
    """Return a short name for a list of weights, other for other weights."""
    joined = b"".join(np.asarray(weight).tobytes() for weight in weights)
    return hashlib.sha256(joined).hexdigest()[:12]
