"""TODO studies.forgetting."""

import json
import time
from dataclasses import asdict
from datetime import date

import numpy as np

from course_utils import quiet

with quiet():
    import keras
    from keras import layers
from course_utils import data
from course_utils.machine import devices, paths
from course_utils.networks import donors, fine_tuning
from course_utils.networks.augmentation import MirroredAndShifted
from course_utils.results import files
from course_utils.results.forgetting import (
    BLOCKS,
    COUNT,
    FEW_OLD,
    FROZEN,
    HIGH,
    KEY,
    LOW,
    PER_DEPTH,
    RATES,
    TASKS,
    TWO,
    TWO_FROZEN,
    WIDENED_ALL,
    WIDENED_ALONE,
    Trial,
    accuracies,
)
from studies import command_line

OLD, NEW = ("cat", "dog"), ("dog", "fox")


# Chosen on validation pictures, as are the rates and the few old pictures.
EPOCHS, BATCH_SIZE = 8, 32
PLAN = {trial: 10 for trial in (FROZEN, TWO_FROZEN, *KEY)}


PLAN |= {WIDENED_ALL: 5}


PLAN |= {trial: 3 for trial in (PER_DEPTH, FEW_OLD, TWO, WIDENED_ALONE)}


PLAN |= {Trial(rate, batch_norm="training"): 10 for rate in (LOW, HIGH)}


PLAN |= {
    Trial(rate, blocks): 3 if blocks == BLOCKS else 2
    for blocks in (1, 2, 3)
    for rate in (RATES if blocks == BLOCKS else (1e-5, LOW, HIGH))
    if Trial(rate, blocks) not in KEY
}


class TwoQuestions(MirroredAndShifted):
    """Serve old and new pictures, each with the question it came with.

    y: 0 cat and 1 dog of the old question, 2 dog and 3 fox of the new one;
    batches are pictures, two labels, and two weights of which one is zero.
    """

    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        weights = (y < 2).astype("float32"), (y >= 2).astype("float32")
        return x, (y % 2, y % 2), weights


class Experiment:
    """Hold what all trials on one source share: pictures and the donor.

    part: the pictures that judge, "test" or "validation"
    """

    def __init__(self, source, part="test"):
        self.old = data.load_pair(*OLD, source=source)
        self.new = data.load_pair(*NEW, source=source)
        donor = keras.models.load_model(donors.donor_path(*OLD, source))
        self.base_weights = donor.get_layer("base").get_weights()
        self.head_weights = donor.get_layer("head").get_weights()
        animals, labels = (
            getattr(self.old, f"{kind}_{part}") for kind in "xy"
        )
        foxes = getattr(self.new, f"x_{part}")[
            getattr(self.new, f"y_{part}") == 1
        ]
        self.x = np.concatenate([animals, foxes])
        self.y = np.concatenate([labels, np.full(len(foxes), 2)])
        self.networks = {}
        self.untouched = None

    def network(self, trial):
        """Return (network, base) of a trial, compiled, built only once."""
        key = trial.heads, trial.blocks, trial.batch_norm, trial.per_depth
        if key not in self.networks:
            self.networks[key] = compile_for(trial)
        return self.networks[key]

    def run(self, trial, seed, epochs=EPOCHS):
        """Train one trial with one draw of pictures, and test all tasks.

        Returns {task: balanced accuracy} and the seconds of training, which
        hold the head's but not the building of the network.
        """
        network, base = self.network(trial)
        base.set_weights(self.base_weights)
        reset_optimizer(network.optimizer, trial.rate)
        x, y = self.new.few(trial.count, seed)
        heads = [layer for layer in network.layers if "head" in layer.name]
        keras.utils.set_random_seed(seed)
        started = time.perf_counter()
        both = np.concatenate([x, x[:, :, ::-1]])
        features = base.predict(both, batch_size=250, verbose=0)
        new = fine_tuning.fit_head(features, np.concatenate([y, y]))
        old, batches = self.head_weights, None
        if trial.heads == "widened":
            heads[0].set_weights(fine_tuning.widen(old, new))
        elif trial.heads == "two":
            heads[0].set_weights(old)
            heads[1].set_weights(new)
        else:
            heads[0].set_weights(new)
        if trial.rate:
            batches = self.batches(trial, x, y, seed)
            network.fit(batches, epochs=epochs, verbose=0)
        seconds = time.perf_counter() - started
        trained = [head.get_weights() for head in heads]
        if trial.heads == "replaced":
            trained = [old, *trained]
        head = trained[0] if len(trained) == 1 else fine_tuning.widen(*trained)
        results = self.test(base, head, frozen=not trial.rate)
        if trial.heads == "replaced":  # it cannot say cat
            results["cat/dog/fox"] = results["dog/fox"] * 2 / 3
        return results | {"seconds": seconds}

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

    def test(self, base, head, frozen=False):
        """Return {task: balanced accuracy} of a base and a widened head.

        frozen: the base holds the donor's weights, so that its features on
            the test pictures are computed only once
        """
        kernel, bias = head
        features = self.untouched if frozen else None
        if features is None:
            features = base.predict(self.x, batch_size=250, verbose=0)
        if frozen:
            self.untouched = features
        return accuracies(features @ kernel + bias, self.y)

    def before(self):
        """Return the donor's own balanced accuracy on cats and dogs."""
        _, base = self.network(FROZEN)
        base.set_weights(self.base_weights)
        head = fine_tuning.widen(self.head_weights, self.head_weights)
        return self.test(base, head, frozen=True)["cat/dog"]


def compile_for(trial):
    """Build the network of a trial and compile it; return it and its base."""
    base = donors.build_base()
    fine_tuning.unfreeze(base, trial.blocks)
    if trial.batch_norm == "inference":
        fine_tuning.freeze_batch_norm(base)
    inputs = keras.Input((32, 32, 3))
    features = base(inputs)
    widths = {"replaced": [2], "two": [2, 2], "widened": [3]}[trial.heads]
    heads = [
        layers.Dense(width, activation="softmax", name=f"head_{place}")
        for place, width in enumerate(widths)
    ]
    outputs = [head(features) for head in heads]
    network = keras.Model(inputs, outputs if len(outputs) > 1 else outputs[0])
    optimizer = (
        fine_tuning.PerDepth if trial.per_depth else keras.optimizers.Adam
    )()
    if trial.per_depth:
        optimizer.factors = fine_tuning.rate_factors(network, base)
    loss = "sparse_categorical_crossentropy"
    network.compile(optimizer, [loss] * len(outputs))
    return network, base


def reset_optimizer(optimizer, rate):
    """Let an optimizer forget its past, and set its learning rate."""
    for variable in optimizer.variables:
        variable.assign(np.zeros(variable.shape))
    optimizer.learning_rate = rate


def train_from_start(bench, recipe=None, seed=0):
    """Train one network on all cats, dogs and foxes from random weights.

    It gets all pictures and the plain recipe, unless another is given;
    foxes, being rarer, weigh more. Returns {task: balanced accuracy},
    seconds, examples and epochs.
    """
    pictures = data.load_classes(
        ("cat", "dog", "fox"), bench.old.source, balanced=False
    )
    recipe = recipe or donors.RECIPE
    keras.utils.set_random_seed(seed)
    network = donors.build_network(3)
    examples = len(pictures.y_train)
    donors.compile_network(network, recipe, examples)
    counts = np.bincount(pictures.y_train)
    batches = MirroredAndShifted(
        pictures.x_train,
        pictures.y_train,
        recipe["batch_size"],
        shift=recipe["shift"],
        erase=recipe["erase"],
        seed=seed,
    )
    started = time.perf_counter()
    network.fit(
        batches,
        epochs=recipe["epochs"],
        class_weight=dict(enumerate(counts.mean() / counts)),
        verbose=0,
    )
    seconds = time.perf_counter() - started
    base, head = network.layers
    results = bench.test(base, head.get_weights())
    more = {"seconds": seconds, "examples": examples}
    return results | more | {"epochs": recipe["epochs"]}


def measure_grid(source, again=False):
    """Measure all that is planned and not stored yet, and store it.

    again: measure what is stored as well
    """
    bench = Experiment(source)
    path = files.path(f"forgetting_{source}")
    head = {
        "source": source,
        "donor": fine_tuning.digest(bench.base_weights),
        "count": COUNT,
        "epochs": EPOCHS,
        "batch_size": BATCH_SIZE,
    }
    grid = json.loads(path.read_text("utf-8")) if path.exists() else {}
    if again or {key: grid.get(key) for key in head} != head:
        grid = head | {
            "date": date.today().isoformat(),
            "hardware": devices.hardware().summary(),
            "before": bench.before(),
            "runs": [],
        }
    done = [Trial(**run["trial"]) for run in grid["runs"]]
    for trial, seeds in PLAN.items():
        if trial not in done:
            rows = [bench.run(trial, seed) for seed in range(seeds)]
            table = {
                key: [round(float(row[key]), 4) for row in rows]
                for key in rows[0]
            }
            grid["runs"].append({"trial": asdict(trial)} | table)
            paths.write_json(path, grid)
            shown = [np.mean(table[key]) for key in (*TASKS, "seconds")]
            print(trial, *(f"{mean:.3f}" for mean in shown), flush=True)
    if "from_start" not in grid:
        grid["from_start"] = train_from_start(bench)
        paths.write_json(path, grid)
        print("all three from the start:", grid["from_start"], flush=True)


def main(arguments=None):
    """Measure the grid on one source, or on both."""
    command_line.measure_sources(
        __doc__.splitlines()[0], measure_grid, arguments
    )


if __name__ == "__main__":
    main()
