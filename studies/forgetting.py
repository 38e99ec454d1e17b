"""Measure what fine-tuning gains and forgets, and what prevents that.

    python -m studies.forgetting --source photos

writes `data/reference/forgetting_photos.json` and `.npz`, the grid of
notebooks 7 and 8. Every run is stored as it is done.

The donor's own head is kept aside and put on the changed base again, to ask
it about cats and dogs. Every question is asked of a picture and its mirror.
"""

import time
from dataclasses import asdict
from functools import cached_property

import keras
import numpy as np
from keras import layers

from course_utils import data
from course_utils.data import folds
from course_utils.networks import donors, fine_tuning, heads
from course_utils.networks.augmentation import MirroredAndShifted
from course_utils.results import forgetting as results
from studies import command_line
from studies import donors as donor_study
from studies.pieces import Grid

# Chosen on validation pictures, as are the rates and the few old pictures.
EPOCHS, BATCH_SIZE = 8, 32
JUDGES = 500  # test pictures of each animal; of the photographs' foxes, all
# Runs of each trial: run i has donor, draw and seed i, so that their spread
# covers all three.
KEY, PANEL = 5, 3
PLAN = dict.fromkeys((*results.PANEL, *results.MATRIX), PANEL)
PLAN |= dict.fromkeys(results.KEY, KEY)
# All three animals: the donor widened, and random weights. Run i has donor,
# fold and seed i, and an epoch shows as many pictures of each animal.
WIDENED = {"epochs": 8, "batch_size": 64, "rate": 2e-3, "of_each": 500}
FROM_START = donors.RECIPE | {"of_each": 3167}  # as many as there are
RUNS = range(3)


class TwoQuestions(MirroredAndShifted):
    """Serve old and new pictures, each with the question it came with.

    y: 0 cat and 1 dog of the old question, 2 dog and 3 fox of the new one;
    batches are pictures, two labels, and two weights of which one is zero.
    """

    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        weights = (y < 2).astype("float32"), (y >= 2).astype("float32")
        return x, (y % 2, y % 2), weights


class Balanced(MirroredAndShifted):
    """Serve equally many pictures of each class, new ones in each epoch."""

    def __init__(self, x, y, of_each, batch_size, seed=0):
        super().__init__(x, y, batch_size, seed=seed)
        self.of_each = of_each
        self.places = [np.flatnonzero(y == label) for label in np.unique(y)]
        self.order = self.drawn()

    def __len__(self):
        return -(-len(self.places) * self.of_each // self.batch_size)

    def drawn(self):
        """Return the places of one epoch's pictures."""
        chosen = [
            np.resize(self.generator.permutation(places), self.of_each)
            for places in self.places
        ]
        return self.generator.permutation(np.concatenate(chosen))

    def on_epoch_end(self):
        """Draw other pictures, and mirror the others."""
        super().on_epoch_end()
        self.order = self.drawn()


class Experiment:
    """Hold what all runs on one source share: pictures, donors, the grid."""

    def __init__(self, source):
        self.source = source
        self.folds = folds.Folds(source)
        self.old = data.load_pair("cat", "dog", source=source)
        tests = self.old.x_test, self.old.y_test
        animals = [tests[0][tests[1] == y][:JUDGES] for y in (0, 1)]
        foxes = self.folds.labels == 1
        if self.folds.count == 1:
            foxes &= foxes.cumsum() <= JUDGES
        self.x = np.concatenate(
            [*animals, self.folds.x[self.folds.judges[foxes]]]
        )
        self.y = np.repeat([0, 1, 2], [*map(len, animals), foxes.sum()])
        others = np.ones((self.folds.count, 2 * JUDGES), bool)
        self.networks = {}
        self.asked = np.hstack([others, self.folds.asked[:, foxes]])
        self.grid = Grid(
            f"forgetting_{source}",
            source=source,
            count=results.COUNT,
            epochs=EPOCHS,
            batch_size=BATCH_SIZE,
            widened=WIDENED,
            from_start=FROM_START,
        )
        self.grid.arrays |= {"labels": self.y, "asked": self.asked}

    @cached_property
    def donors(self):
        """The course's donors: (base, head weights), the median one first."""
        known = [
            donor_study.trained("cat_dog", self.source, seed)
            for seed in donor_study.SEEDS
        ]
        known.sort(key=lambda pair: pair[1]["validation_accuracy"])
        middle = len(known) // 2
        return [
            tuple(network.get_layer(part).get_weights()
                  for part in ("base", "head"))
            for network, _ in [known[middle], *known[:middle],
                               *known[middle + 1:]]
        ]  # fmt: skip

    def right(self, base, head, draw):
        """Return (tasks, pictures): what a base and a head name correctly."""
        kernel, bias = head
        asked = self.asked[draw % len(self.asked)]
        scores = np.zeros((len(self.y), 3))
        scores[asked] = heads.features(base, self.x[asked]) @ kernel + bias
        return results.right(scores, self.y) & asked

    def network(self, trial, base_weights):
        """Return a trial's network and base, as new; built once where it can.

        Adapters are built for each run.
        """
        key = trial.heads, trial.blocks, trial.batch_norm, trial.per_depth
        if trial.adapters:
            return compile_for(trial, base_weights)
        if key not in self.networks:
            self.networks[key] = compile_for(trial, base_weights)
        network, base = self.networks[key]
        base.set_weights(base_weights)
        for variable in network.optimizer.variables:
            variable.assign(np.zeros(variable.shape))
        network.optimizer.learning_rate = trial.rate or results.HIGH
        return network, base

    def run(self, trial, run, epochs=None, curve=False):
        """Train one trial with one donor and draw, and ask all tasks.

        Returns (tasks, pictures) of what is right, and what JSON can hold:
        the seconds contain the head's fit, not the building of the network.
        """
        base_weights, old = self.donors[run]
        network, base = self.network(trial, base_weights)
        chosen = self.folds.train(trial.count, run)
        x, y = self.folds.x[chosen], self.folds.y[chosen]
        keras.utils.set_random_seed(run)
        parts = [layer for layer in network.layers if "head" in layer.name]
        started = time.perf_counter()
        kernel, bias = parts[-1].get_weights()
        draw = keras.initializers.GlorotUniform(seed=run)
        new = [np.array(draw(kernel.shape)), np.zeros_like(bias)]
        if trial.start == "fitted":
            both = np.concatenate([x, x[:, :, ::-1]])
            features = base.predict(both, batch_size=250, verbose=0)
            new = fine_tuning.fit_head(features, np.concatenate([y, y]))
        if trial.heads == "widened":
            parts[0].set_weights(fine_tuning.widen(old, new))
        else:
            for part, weights in zip(parts[::-1], (new, old), strict=False):
                part.set_weights(weights)

        def head():
            trained = [part.get_weights() for part in parts]
            if trial.heads == "replaced":
                trained = [old, *trained]
            if len(trained) == 1:
                return trained[0]
            return fine_tuning.widen(*trained)

        known = {}
        if trial.rate:
            callbacks = []
            if curve:
                known["curve"] = []
                callbacks = [
                    keras.callbacks.LambdaCallback(
                        on_epoch_end=lambda *_: known["curve"].append(
                            self.accuracies(self.right(base, head(), run), run)
                        )
                    )
                ]
            batches = self.batches(trial, x, y, run)
            network.fit(
                batches,
                epochs=epochs or EPOCHS,
                callbacks=callbacks,
                verbose=0,
            )
        known["seconds"] = round(time.perf_counter() - started, 2)
        known["trainable"] = donors.count_trainable(network)
        right = self.right(base, head(), run)
        if trial.adapters:
            plain = donors.build_base()
            plain.set_weights(fine_tuning.without_adapters(base))
            off = self.right(plain, fine_tuning.widen(old, new), run)
            known["off"] = self.accuracies(off, run)[0]
        return right, known | {"accuracy": self.accuracies(right, run)}

    def accuracies(self, right, draw):
        """Return the balanced accuracy of each task, as JSON holds it."""
        asked = self.asked[draw % len(self.asked)]
        return [
            round(
                float(
                    np.mean([rows[asked & (self.y == y)].mean() for y in task])
                ),
                4,
            )
            for rows, task in zip(right, results.CLASSES, strict=True)
        ]

    def batches(self, trial, x, y, seed):
        """Return the training batches of a trial, old pictures mixed in."""
        kind, labels = MirroredAndShifted, y
        if trial.heads == "two":
            kind, labels = TwoQuestions, y + 2
        elif trial.heads == "widened":
            labels = y + 1
        if trial.old_pictures:
            old_x, old_y = self.old.few(trial.old_pictures, seed)
            if trial.heads == "widened":  # the new pictures show dogs enough
                old_x, old_y = old_x[old_y == 0], old_y[old_y == 0]
            # Few are shown more often, so that each class counts the same.
            often = max(1, len(y) // 2 // trial.old_pictures)
            x = np.concatenate([*[old_x] * often, x])
            labels = np.concatenate([*[old_y] * often, labels])
        return kind(x, labels, BATCH_SIZE, seed=seed)

    def before(self, donor):
        """Return what the donor itself names correctly."""
        weights, head = self.donors[donor]
        base = donors.build_base()
        base.set_weights(weights)
        scores = heads.features(base, self.x) @ head[0] + head[1]
        scores = np.pad(scores, [(0, 0), (0, 1)], constant_values=-np.inf)
        return results.right(scores, self.y)

    def three_animals(self, arm, run):
        """Train on all three animals, and ask all tasks.

        arm: "widened" starts from donor `run`, "from start" from random
            weights; both get batches with as many pictures of each animal
        """
        settings = WIDENED if arm == "widened" else FROM_START
        train = self.folds.trains[run % self.folds.count]
        foxes = self.folds.x[train[self.folds.y[train] == 1]]
        x = np.concatenate([self.old.x_train, foxes])
        y = np.concatenate([self.old.y_train, np.full(len(foxes), 2)])
        size, epochs = settings["batch_size"], settings["epochs"]
        batches = Balanced(x, y, settings["of_each"], size, seed=run)
        network = donors.build_network(3)
        base, last = network.layers
        donors.compile_network(network, FROM_START, size * len(batches))
        if arm == "widened":
            optimizer = keras.optimizers.Adam(
                keras.optimizers.schedules.CosineDecay(
                    settings["rate"], epochs * len(batches)
                )
            )
            network.compile(optimizer, "sparse_categorical_crossentropy")
        network.fit(batches.x[:size], batches.y[:size], verbose=0)  # builds
        donors.reinitialize(network, run)
        started = time.perf_counter()
        if arm == "widened":
            weights, old = self.donors[run]
            base.set_weights(weights)
            draw, labels = self.folds.pair.few(100, run)
            features = base.predict(draw, batch_size=250, verbose=0)
            new = fine_tuning.fit_head(features, labels)
            last.set_weights(fine_tuning.widen(old, new))
        network.fit(batches, epochs=epochs, verbose=0)
        seconds = time.perf_counter() - started
        right = self.right(base, last.get_weights(), run)
        return right, {
            "seconds": round(seconds, 2),
            "passes": epochs * len(batches.order),
            "accuracy": self.accuracies(right, run),
        }


def compile_for(trial, base_weights):
    """Build the network of a trial and compile it; return it and its base."""
    base = donors.build_base()
    base.set_weights(base_weights)
    fine_tuning.unfreeze(base, trial.blocks)
    if trial.adapters:
        fine_tuning.add_adapters(base)
    elif trial.batch_norm == "inference":
        fine_tuning.freeze_batch_norm(base)
    inputs = keras.Input((32, 32, 3))
    features = base(inputs)
    widths = {"replaced": [2], "two": [2, 2], "widened": [3]}[trial.heads]
    outputs = [
        layers.Dense(width, activation="softmax", name=f"head_{place}")(
            features
        )
        for place, width in enumerate(widths)
    ]
    network = keras.Model(inputs, outputs if len(outputs) > 1 else outputs[0])
    optimizer = (
        fine_tuning.PerDepth if trial.per_depth else keras.optimizers.Adam
    )(trial.rate or 1e-3)
    if trial.per_depth:
        optimizer.factors = fine_tuning.rate_factors(network, base)
    loss = "sparse_categorical_crossentropy"
    network.compile(optimizer, [loss] * len(outputs))
    return network, base


def measure(source, again=False):
    """Measure all that is planned and not stored yet, and store it."""
    experiment = Experiment(source)
    grid = experiment.grid
    if again:
        grid.content["pieces"].clear()
    digests = [fine_tuning.digest(w) for w, _ in experiment.donors]
    grid.content["donor"] = digests[0]
    for run in range(KEY):
        key, facts = f"before/0/{run}", {"donor": digests[run]}
        if grid.missing(key, **facts):
            right = experiment.before(run)
            grid.keep(key, facts, {"answers": np.packbits(right, axis=1)})
    for trial, runs in PLAN.items():
        for run in range(runs):
            key = f"{results.key(trial)}/0/{run}"
            facts = {"trial": asdict(trial), "donor": digests[run]}
            facts |= {"epochs": EPOCHS, "batch_size": BATCH_SIZE}
            if grid.missing(key, **facts):
                curve = trial in results.CURVES and run < PANEL
                right, known = experiment.run(trial, run, curve=curve)
                packed = {"answers": np.packbits(right, axis=1)}
                grid.keep(key, facts, packed, **known)
    for arm in ("widened", "from start"):
        for run in RUNS:
            key, facts = f"{arm}/0/{run}", {"widened": WIDENED}
            if arm == "widened":
                facts["donor"] = digests[run]
            else:
                facts = {"from_start": FROM_START}
            if grid.missing(key, **facts):
                right, known = experiment.three_animals(arm, run)
                packed = {"answers": np.packbits(right, axis=1)}
                grid.keep(key, facts, packed, **known)
    grid.finish()


def main(arguments=None):
    """Measure the grid on one source, or on both."""
    command_line.measure_sources(__doc__.splitlines()[0], measure, arguments)


if __name__ == "__main__":
    main()
