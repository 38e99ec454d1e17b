"""Measure what a donor saves: heads on features against scratch, over seeds.

    python -m course_utils.transfer --source photos
    python -m course_utils.transfer --source photos --heads
    python -m course_utils.transfer --write data/README.md
    python -m course_utils.transfer --source photos --validate

The first writes the grid of notebook 06 to
`data/reference/transfer_photos.json`: balanced test accuracy for each number
of pictures, each arm and each seed. Counts are stored as they are done. The
second does so for the heads alone, after a donor was trained anew: scratch,
which knows no donor, stays, with the date and hardware of its own. The third
writes a table of the stored grids into a page. The fourth prints what the
shipped donor transfers to pictures that are no test pictures: a recipe for
donors is chosen by that.
"""

import argparse
import math
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

from course_utils import (
    data,
    devices,
    evaluation,
    paths,
    quiet,
    reference,
    train_donor,
)
from course_utils.augmentation import FlippedAndShifted

with quiet():
    import keras
from sklearn.metrics import balanced_accuracy_score

PAIR = ("dog", "fox")
COUNTS = (5, 10, 25, 50, 100, 500)
SCRATCH_COUNTS = (10, 50, 100, 500)
SEEDS = range(10)
# Chosen on validation pictures, as is the learning rate: more epochs bring
# nothing that another seed does not undo.
SCRATCH_EPOCHS = {10: 100, 50: 80, 100: 50, 500: 15}
EPOCH_PICTURES = 500
ARM_LABELS = {
    "frozen": "cat/dog donor",
    "unrelated": "vehicle donor",
    "random": "random base",
    "scratch": "scratch",
}
SCRATCH = {"batch_size": 32, "learning_rate": 3e-3, "weight_decay": 1e-4}


def load_base(first, second, source):
    """Return the frozen base of the donor that the course ships."""
    path = train_donor.donor_path(first, second, source)
    base = keras.models.load_model(path).get_layer("base")
    base.trainable = False
    return base


def random_base(seed=0):
    """Return a frozen base whose weights are random: nothing was learned."""
    keras.utils.set_random_seed(seed)
    base = train_donor.build_base()
    base.trainable = False
    return base


def count_trainable(model):
    """Return how many single weights training may change."""
    return sum(
        int(np.prod(weight.shape)) for weight in model.trainable_weights
    )


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
            head = evaluation.linear_head()
            head.fit(x_train[chosen], pictures.y_train[chosen])
            results[count][place] = balanced_accuracy_score(
                pictures.y_test, head.predict(x_test)
            )
    return results


def validation_pictures(source):
    """Return dogs and foxes to choose a donor by, none of them a test picture.

    Heads learn from half of the foxes and as many dogs. In place of the test
    pictures stand the other foxes and the dogs that the cat/dog donor's own
    training held out: dogs that it trained on look easier than new ones.
    """
    few = data.load_pair(*PAIR, source=source, validation=0.5)
    cats = data.load_pair("cat", "dog", source=source)
    drawn = {picture.tobytes() for picture in few.x_train}
    dogs = [
        picture
        for picture in cats.x_validation[cats.y_validation == 1]
        if picture.tobytes() not in drawn
    ]
    foxes = few.x_validation[few.y_validation == 1]
    return replace(
        few,
        x_test=np.concatenate([dogs, foxes]),
        y_test=np.repeat([0, 1], [len(dogs), len(foxes)]),
    )


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
    network = train_donor.build_network()
    train_donor.compile_network(network, recipe, 2 * count * often)
    accuracies, seconds = [], []
    for seed in seeds:
        x, y = (np.concatenate([a] * often) for a in pictures.few(count, seed))
        batches = FlippedAndShifted(x, y, recipe["batch_size"], seed=seed)
        if not accuracies:  # build outside the clock
            network.fit(batches, verbose=0)
        restart(network, seed)
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


def restart(network, seed):
    """Give a network the random weights that this seed draws.

    Where it is compiled, its optimizer forgets its past too, and its
    schedule begins anew.
    """
    keras.utils.set_random_seed(seed)
    fresh = train_donor.build_network(network.output_shape[-1])
    network.set_weights(fresh.get_weights())
    optimizer = getattr(network, "optimizer", None)
    for variable in optimizer.variables if optimizer else ():
        variable.assign(np.zeros(variable.shape))


def agree(first, second, tolerance=1e-4):
    """Say whether two arrays of probabilities are equal to rounding."""
    return bool(np.allclose(first, second, atol=tolerance))


def labels_to_reach(rows, accuracy):
    """Return how many pictures of each class reach a mean accuracy.

    rows: {count: accuracies}. Between two counts the logarithm of the count
    is interpolated linearly; infinity where no count reaches it.
    """
    counts = np.array(sorted(rows))
    means = np.array([np.mean(rows[count]) for count in counts])
    reached = np.flatnonzero(means >= accuracy)
    if not len(reached):
        return math.inf
    last = reached[0]
    if last == 0:
        return float(counts[0])
    pair = slice(last - 1, last + 1)
    return float(
        np.exp(np.interp(accuracy, means[pair], np.log(counts[pair])))
    )


def break_even(donor, transfer, scratch):
    """Return the smallest number of tasks k after which the donor has paid.

    All three are costs in one unit, such as seconds: of the donor once, and
    of one task with it and from scratch. That is where
    donor + k × transfer ≤ k × scratch; infinity where it never is.
    """
    saved = scratch - transfer
    return math.ceil(donor / saved) if saved > 0 else math.inf


def plot(accuracy, ax=None):
    """Draw balanced accuracy over pictures of each class, one line an arm.

    accuracy: {arm: {count: accuracies}}; bars are intervals over the seeds.
    Returns the axes.
    """
    from course_utils import plots

    ax = plots.new_axes(ax)
    for arm, rows in accuracy.items():
        counts = sorted(rows)
        spans = [evaluation.interval(rows[count]) for count in counts]
        means = [span.mean for span in spans]
        ax.errorbar(
            counts,
            means,
            yerr=[span.high - span.mean for span in spans],
            color=plots.COLORS[arm],
            marker=plots.MARKERS[arm],
            capsize=3,
        )
        ax.annotate(
            ARM_LABELS[arm],
            (counts[-1], means[-1]),
            xytext=(8, 0),
            textcoords="offset points",
            color=plots.COLORS[arm],
            va="center",
        )
    ax.set_xscale("log")
    ax.set_xticks(counts, counts)
    ax.minorticks_off()
    ax.set_xlabel("labeled pictures of each class")
    ax.set_ylabel("balanced test accuracy")
    return ax


def stored(source):
    """Return the measured grid that the course ships, keys as numbers.

    Raises FileNotFoundError that names the command which measures it.
    """
    grid = reference.read(f"transfer_{source}", f"transfer --source {source}")
    return grid | {"accuracy": reference.by_count(grid["accuracy"])}


def measure_grid(source, heads_alone=False):
    """Measure all arms on one source and store them: heads, then scratch.

    heads_alone: keep the stored scratch runs, with their date and hardware

    Raises FileNotFoundError when scratch is to be kept and nothing is stored.
    """
    path = reference.path(f"transfer_{source}")
    if heads_alone:
        known = reference.read(path.stem, f"transfer --source {source}")
    pictures = data.load_pair(*PAIR, source=source, validation=0)
    bases = {
        "frozen": load_base("cat", "dog", source),
        "unrelated": load_base("airplane", "automobile", source),
        "random": random_base(),
    }
    here = {
        "date": date.today().isoformat(),
        "hardware": devices.hardware().summary(),
    }
    grid = {
        "source": source,
        "pair": PAIR,
        "seeds": len(SEEDS),
        **here,
        "scratch_recipe": SCRATCH | {"epochs": SCRATCH_EPOCHS},
        "scratch_measured": here,
        "scratch_seconds": {},
        "accuracy": {},
    }
    for arm, base in bases.items():
        rows = head_accuracies(base, pictures)
        grid["accuracy"][arm] = {n: row.tolist() for n, row in rows.items()}
    if heads_alone:
        scratch = ("scratch_recipe", "scratch_measured", "scratch_seconds")
        grid |= {key: known[key] for key in scratch}
        grid["accuracy"]["scratch"] = known["accuracy"]["scratch"]
    paths.write_json(path, grid)
    if heads_alone:
        return
    rows = grid["accuracy"]["scratch"] = {}
    for count in SCRATCH_COUNTS:
        accuracies, seconds = scratch_accuracies(pictures, count)
        rows[count] = accuracies.tolist()
        grid["scratch_seconds"][count] = round(float(np.median(seconds)), 2)
        print(count, evaluation.interval(accuracies), flush=True)
        paths.write_json(path, grid)


def validate(source, seeds=range(100)):
    """Print what the shipped donor transfers, on no test picture."""
    rows = head_accuracies(
        load_base("cat", "dog", source),
        validation_pictures(source),
        counts=(10, 100),
        seeds=seeds,
    )
    for count, row in rows.items():
        print(f"{count:3} of each: {evaluation.interval(row)}")


def table():
    """Return the stored grids of both sources, side by side, as Markdown."""
    grids = {source: stored(source)["accuracy"] for source in data.SOURCES}
    heads = [
        f"{ARM_LABELS[arm]}, {source}"
        for arm in ARM_LABELS
        for source in grids
    ]
    lines = [
        "| pictures of each | " + " | ".join(heads) + " |",
        "|---" * (1 + len(heads)) + "|",
    ]
    for count in COUNTS:
        cells = [str(count)]
        for arm in ARM_LABELS:
            for grid in grids.values():
                row = grid[arm].get(count)
                cells.append("" if row is None else f"{row.mean():.3f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main(arguments=None):
    """Measure the grid on one source, or on both, or write their table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", choices=data.SOURCES, action="append")
    parser.add_argument("--heads", action="store_true", help="no scratch")
    parser.add_argument("--validate", action="store_true")
    parser.add_argument("--write", type=Path, metavar="PAGE")
    options = parser.parse_args(arguments)
    if options.write:
        paths.write_between(options.write, "drawings", table())
        return
    for source in options.source or data.SOURCES:
        if options.validate:
            validate(source)
        else:
            measure_grid(source, options.heads)


if __name__ == "__main__":
    main()
