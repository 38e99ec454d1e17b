"""Measure what fine-tuning gains, what it forgets, and what cures that.

    python -m course_utils.forgetting --source photos

writes the grid of notebook 07 to `data/reference/forgetting_photos.json`.
Every trial is stored as it is done; a run that was stopped goes on from
there, and a donor that was trained anew starts the grid anew.

The donor's own head is kept aside and put on the changed base again, to ask
it about cats and dogs: what it then loses, the base has forgotten.
"""

import hashlib
import json
import time
from dataclasses import asdict, dataclass
from datetime import date

import numpy as np

from course_utils import data, devices, paths, quiet, reference, train_donor
from course_utils.augmentation import FlippedAndShifted

with quiet():
    import keras
    from keras import layers
from sklearn.metrics import balanced_accuracy_score

OLD, NEW = ("cat", "dog"), ("dog", "fox")
TASKS = ("cat/dog", "dog/fox", "cat/dog/fox")
BLOCKS = 3
COUNT, ALL = 100, 450  # of each new class; there are no more foxes
# Chosen on validation pictures, as are the rates and the few old pictures.
EPOCHS, BATCH_SIZE = 8, 32
LOW, HIGH = 1e-4, 1e-3
RATES = (1e-5, LOW, 3e-4, HIGH)
REHEARSED = 100
DEPTH_FACTORS = (0.01, 0.1, 1.0, 1.0)  # of the three blocks and the head


@dataclass(frozen=True)
class Trial:
    """Say how the donor is trained on: one cell of the grid.

    rate: learning rate of Adam; 0 keeps the base and fits a head alone
    blocks: how many of the base's three blocks may change, from the top
    heads: "replaced" (dog and fox), "two" (both are asked and trained), or
        "widened" (cat, dog and fox)
    count: pictures of each new class
    old_pictures: of each old class, mixed among the new ones
    batch_norm: "inference" keeps the donor's statistics, "training" does not
    per_depth: lower blocks at a hundredth and a tenth of the rate
    """

    rate: float = LOW
    blocks: int = BLOCKS
    heads: str = "replaced"
    count: int = COUNT
    old_pictures: int = 0
    batch_norm: str = "inference"
    per_depth: bool = False


FROZEN = Trial(rate=0, blocks=0)
TWO_FROZEN = Trial(rate=0, blocks=0, heads="two")
CARELESS = Trial(rate=HIGH)
CAREFUL = Trial(rate=LOW)
REHEARSING = Trial(rate=HIGH, heads="two", old_pictures=REHEARSED)
TWO = Trial(rate=LOW, heads="two", old_pictures=REHEARSED)
WIDENED_ALONE = Trial(rate=LOW, heads="widened")
WIDENED = Trial(rate=LOW, heads="widened", old_pictures=REHEARSED)
WIDENED_ALL = Trial(rate=LOW, heads="widened", count=ALL, old_pictures=ALL)
LABELS = {
    FROZEN: "replaced head, base frozen",
    CARELESS: "replaced head, everything at 1e-3",
    CAREFUL: "replaced head, everything at 1e-4",
    TWO_FROZEN: "two heads, base frozen",
    TWO: "two heads, 1e-4, with old pictures",
    WIDENED_ALONE: "widened head, 1e-4, new pictures alone",
    WIDENED: "widened head, 1e-4, with old pictures",
    WIDENED_ALL: "the same, with all foxes",
}
KEY = (CARELESS, CAREFUL, REHEARSING, WIDENED)  # claims rest on them
FEW_OLD = Trial(rate=HIGH, heads="two", old_pictures=10)
PER_DEPTH = Trial(rate=HIGH, per_depth=True)
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


class PerDepth(keras.optimizers.Adam):
    """Train each variable at the learning rate times its own factor."""

    def update_step(self, gradient, variable, learning_rate):
        """Update one variable, as Keras asks for it in every step."""
        factor = self.factors[self._get_variable_index(variable)]
        super().update_step(gradient, variable, learning_rate * factor)


class TwoQuestions(FlippedAndShifted):
    """Serve old and new pictures, each with the question it came with.

    y: 0 cat and 1 dog of the old question, 2 dog and 3 fox of the new one;
    batches are pictures, two labels, and two weights of which one is zero.
    """

    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        weights = (y < 2).astype("float32"), (y >= 2).astype("float32")
        return x, (y % 2, y % 2), weights


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


def hold_statistics(base):
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


def accuracies(scores, labels):
    """Return balanced accuracy by task, from scores of cat, dog and fox.

    scores: (count, 3); labels: (count,), 0 to 2. A task of two animals is
    asked of their pictures and their two scores alone.
    """
    results = {}
    for task, columns in zip(TASKS, ([0, 1], [1, 2], [0, 1, 2]), strict=True):
        asked = np.isin(labels, columns)
        said = scores[asked][:, columns].argmax(axis=1) + columns[0]
        results[task] = balanced_accuracy_score(labels[asked], said)
    return results


def digest(weights):
    """Return a short name for a list of weights, other for other weights."""
    joined = b"".join(np.asarray(weight).tobytes() for weight in weights)
    return hashlib.sha256(joined).hexdigest()[:12]


class Bench:
    """Hold what all trials on one source share: pictures and the donor.

    part: the pictures that judge, "test" or "validation"
    """

    def __init__(self, source, part="test"):
        self.old = data.load_pair(*OLD, source=source)
        self.new = data.load_pair(*NEW, source=source)
        donor = keras.models.load_model(train_donor.donor_path(*OLD, source))
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
        restart(network.optimizer, trial.rate)
        x, y = self.new.few(trial.count, seed)
        heads = [layer for layer in network.layers if "head" in layer.name]
        keras.utils.set_random_seed(seed)
        started = time.perf_counter()
        both = np.concatenate([x, x[:, :, ::-1]])
        features = base.predict(both, batch_size=250, verbose=0)
        new = fit_head(features, np.concatenate([y, y]))
        old, batches = self.head_weights, None
        if trial.heads == "widened":
            heads[0].set_weights(widen(old, new))
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
        head = trained[0] if len(trained) == 1 else widen(*trained)
        results = self.test(base, head, frozen=not trial.rate)
        if trial.heads == "replaced":  # it cannot say cat
            results["cat/dog/fox"] = results["dog/fox"] * 2 / 3
        return results | {"seconds": seconds}

    def batches(self, trial, x, y, seed):
        """Return the training batches of a trial, old pictures mixed in."""
        kind, labels = FlippedAndShifted, y
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
        head = widen(self.head_weights, self.head_weights)
        return self.test(base, head, frozen=True)["cat/dog"]


def compile_for(trial):
    """Build the network of a trial and compile it; return it and its base."""
    base = train_donor.build_base()
    unfreeze(base, trial.blocks)
    if trial.batch_norm == "inference":
        hold_statistics(base)
    inputs = keras.Input((32, 32, 3))
    features = base(inputs)
    widths = {"replaced": [2], "two": [2, 2], "widened": [3]}[trial.heads]
    heads = [
        layers.Dense(width, activation="softmax", name=f"head_{place}")
        for place, width in enumerate(widths)
    ]
    outputs = [head(features) for head in heads]
    network = keras.Model(inputs, outputs if len(outputs) > 1 else outputs[0])
    optimizer = (PerDepth if trial.per_depth else keras.optimizers.Adam)()
    if trial.per_depth:
        optimizer.factors = rate_factors(network, base)
    loss = "sparse_categorical_crossentropy"
    network.compile(optimizer, [loss] * len(outputs))
    return network, base


def restart(optimizer, rate):
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
    recipe = recipe or train_donor.RECIPE
    keras.utils.set_random_seed(seed)
    network = train_donor.build_network(3)
    examples = len(pictures.y_train)
    train_donor.compile_network(network, recipe, examples)
    counts = np.bincount(pictures.y_train)
    batches = FlippedAndShifted(
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


def stored(source):
    """Return the measured grid that the course ships.

    Its "runs" are {Trial: {task: accuracies, "seconds": array}}, arrays with
    one value a seed. Raises FileNotFoundError that names the command which
    measures it.
    """
    grid = reference.read(
        f"forgetting_{source}", f"forgetting --source {source}"
    )
    grid["runs"] = {
        Trial(**run["trial"]): {
            key: np.array(run[key]) for key in (*TASKS, "seconds")
        }
        for run in grid["runs"]
    }
    return grid


def forgotten(grid, trial):
    """Return the points of cat/dog that a trial lost, one value a seed."""
    return 100 * (grid["before"] - grid["runs"][trial]["cat/dog"])


def gained(grid, trial):
    """Return the points of dog/fox over the frozen base, seed by seed."""
    rows = [grid["runs"][one]["dog/fox"] for one in (trial, FROZEN)]
    count = min(map(len, rows))
    return 100 * (rows[0][:count] - rows[1][:count])


def matrix(grid):
    """Return the forgetting matrix: {label: mean accuracies by task}."""
    rows = {
        LABELS[trial]: [float(row[task].mean()) for task in TASKS]
        for trial, row in grid["runs"].items()
        if trial in LABELS
    }
    start = [grid["before"], np.nan, np.nan]
    end = [grid["from_start"][task] for task in TASKS]
    ordered = {label: rows[label] for label in LABELS.values()}
    return {"the donor": start, **ordered, "all three from the start": end}


def show_matrix(rows):
    """Print a forgetting matrix as a table.

    rows: {label: accuracies of TASKS}; nan stands for a question that a
    network cannot be asked, and a dash is printed
    """
    wide = max(map(len, rows))
    print(" " * wide, *(f"{task:>11}" for task in TASKS))
    for label, row in rows.items():
        cells = ("-" if np.isnan(value) else f"{value:.3f}" for value in row)
        print(label.ljust(wide), *(f"{cell:>11}" for cell in cells))


def plot_front(grid, ax=None):
    """Draw what is gained at dogs and foxes over what is forgotten of cats.

    grid: what `stored` gives. Up is better, left is better; means over the
    seeds. A line is one depth, from the lowest rate to the highest. Returns
    the axes.
    """
    from course_utils import plots

    ax = plots.new_axes(ax)

    def place(trial):
        accuracy = float(grid["runs"][trial]["dog/fox"].mean())
        return float(forgotten(grid, trial).mean()), accuracy

    def write(trial, text, offset):
        ax.annotate(
            text, place(trial), xytext=offset, textcoords="offset points"
        )

    marks = {1: ("v", ":"), 2: ("D", "--"), 3: ("^", "-")}
    for blocks, (marker, line) in marks.items():
        trials = [Trial(rate, blocks) for rate in RATES]
        row = [place(trial) for trial in trials if trial in grid["runs"]]
        name = "all three blocks" if blocks == BLOCKS else f"top {blocks}"
        ax.plot(
            *zip(*row, strict=True),
            marker=marker,
            linestyle=line,
            color=plots.COLORS["finetuned"],
            label=f"{name} fine-tuned",
        )
    for rate in RATES:
        write(Trial(rate), f"{rate:.0e}".replace("e-0", "e-"), (6, 6))
    others = {
        FROZEN: ("s", plots.COLORS["frozen"], "frozen"),
        PER_DEPTH: ("P", "#E69F00", "per-depth rates, 1e-3"),
        REHEARSING: ("*", "#CC79A7", "1e-3 with old pictures"),
        Trial(HIGH, batch_norm="training"): (
            "X",
            plots.COLORS["random"],
            "1e-3, BatchNorm training",
        ),
    }
    for trial, (marker, color, label) in others.items():
        ax.plot(
            *place(trial),
            marker=marker,
            color=color,
            linestyle="none",
            markersize=11,
            label=label,
        )
    ax.set_xlabel("points of cat/dog forgotten")
    ax.set_ylabel("balanced accuracy, dog/fox")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return ax


def measure_grid(source, again=False):
    """Measure all that is planned and not stored yet, and store it.

    again: measure what is stored as well
    """
    bench = Bench(source)
    path = reference.path(f"forgetting_{source}")
    head = {
        "source": source,
        "donor": digest(bench.base_weights),
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
    reference.measure_sources(__doc__.splitlines()[0], measure_grid, arguments)


if __name__ == "__main__":
    main()
