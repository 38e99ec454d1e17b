"""Measure what a borrowed backbone is worth, beside the course's donor.

    python -m course_utils.borrow --source photos

writes `data/reference/giant_photos.json`: balanced test accuracy of heads on
each ImageNet backbone that can be had here and on the course's donor, for
each number of pictures and each seed; the same on things that ImageNet never
saw; and what the backbone answers without any training. Scratch comes from
`transfer`, which draws the same pictures. Introduced in notebook 08.
"""

import argparse
from datetime import date
from itertools import pairwise

import numpy as np
from scipy import stats
from sklearn.metrics import balanced_accuracy_score

from course_utils import (
    claims,
    data,
    devices,
    evaluation,
    giant,
    paths,
    reference,
)

PAIR = ("dog", "fox")
COUNTS = (10, 100, 500)
INVENTED_COUNTS = (10, 100)
SEEDS = range(10)
IMAGE_SIZE = 96
REFERENCE = "EfficientNet-Lite0"  # which every machine with an index can have
PENALTY = 100 / 128  # for each feature; chosen on validation pictures
ASKED = 100  # test pictures of each class that the backbone names itself


def eyes(backbone, side=32):
    """Return a network from pictures of any side to averaged features.

    side: of the pictures it is given; they are scaled to the backbone's own.
    The result is named after the backbone: (count, side, side, 3) to
    (count, features).
    """
    import keras

    return keras.Sequential(
        [
            keras.Input((side, side, 3)),
            keras.layers.Resizing(*backbone.input_shape[1:3]),
            backbone,
            keras.layers.GlobalAveragePooling2D(),
        ],
        name=backbone.name,
    )


def linear_head(features):
    """Return an unfitted `evaluation.linear_head` for features (count, width).

    Its penalty grows with the width: as many weights as pictures, or more,
    would else fit the noise.
    """
    return evaluation.linear_head(PENALTY * features.shape[1])


def head_accuracies(network, pictures, counts, seeds=SEEDS, test=None):
    """Train heads on a network's cached features and test them.

    Every seed draws its own few pictures; test: which test pictures count,
    or None for all. Returns {count: balanced accuracies, one a seed}.
    """
    test = slice(None) if test is None else test
    x_train = giant.features(network, pictures.x_train)
    x_test = giant.features(network, pictures.x_test[test])
    results = {}
    for count in counts:
        results[count] = np.empty(len(seeds))
        for place, seed in enumerate(seeds):
            chosen = pictures.few_indices(count, seed)
            head = linear_head(x_train)
            head.fit(x_train[chosen], pictures.y_train[chosen])
            results[count][place] = balanced_accuracy_score(
                pictures.y_test[test], head.predict(x_test)
            )
    return results


def over_pictures(labels, answers):
    """Return balanced accuracy, with its interval over the test pictures.

    labels, answers: (count,) class indices; `count` of the `Interval` is the
    number of pictures. It says how far another draw of as many test pictures
    might lie: Wilson (1927), "Probable inference", for each class, joined as
    in Zou and Donner (2008), "Construction of confidence limits about effect
    measures".
    """
    classes = np.unique(labels)
    means, lows, highs = [], [], []
    for label in classes:
        right = answers[labels == label] == label
        test = stats.binomtest(int(right.sum()), len(right))
        limits = test.proportion_ci(method="wilson")
        means.append(right.mean())
        lows.append(right.mean() - limits.low)
        highs.append(limits.high - right.mean())
    mean, number = float(np.mean(means)), len(classes)
    return evaluation.Interval(
        mean,
        mean - float(np.linalg.norm(lows)) / number,
        mean + float(np.linalg.norm(highs)) / number,
        len(labels),
    )


def first_of_each(labels, count):
    """Return the places of the first `count` of each label, at most."""
    return np.concatenate(
        [np.flatnonzero(labels == y)[:count] for y in np.unique(labels)]
    )


def without_training(scores, labels, names=PAIR):
    """Return the balanced accuracy of a backbone's own class scores.

    scores: what `giant.class_scores` returns; labels: indices into `names`.
    The kind whose ImageNet classes share the most probability is the
    answer: no training picture is needed.
    """
    shares = [
        scores[:, list(giant.IMAGENET_CLASSES[name])].sum(axis=1)
        for name in names
    ]
    return balanced_accuracy_score(labels, np.argmax(shares, axis=0))


def stored(source):
    """Return what was measured on a source, keys of counts as numbers.

    Raises FileNotFoundError that names the command which measures it.
    """
    grid = reference.read(f"giant_{source}", f"borrow --source {source}")
    for part in ("accuracy", "invented"):
        grid[part] = reference.by_count(grid[part])
    return grid


def with_scratch(grid):
    """Return a stored grid's accuracies, scratch among them where stored."""
    from course_utils import transfer

    accuracy = dict(grid["accuracy"])
    try:
        rows = transfer.stored(grid["source"])["accuracy"]["scratch"]
    except (FileNotFoundError, KeyError):
        return accuracy
    return accuracy | {"scratch": {n: rows[n] for n in COUNTS if n in rows}}


def effects(grid, name=REFERENCE):
    """Return the effects of notebook 08 by claim, for one backbone.

    grid: "accuracy" and "invented" as `stored` gives them, and optionally
        "own_names"; what is not there is left out
    """
    found = {}
    for claim, part, count in (
        ("borrowed, ten", "accuracy", 10),
        ("borrowed, a hundred", "accuracy", 100),
        ("more than a leak", "invented", 100),
    ):
        rows = grid.get(part, {})
        if {name, "donor"} <= rows.keys() and count in rows[name]:
            found[claim] = claims.advantage(
                rows[name][count], rows["donor"][count]
            )
    own = grid.get("own_names", {}).get(name)
    if own:
        found["leak"] = 100 * (own["without_training"] - 0.5)
    return found


def table(accuracy, over_all=None):
    """Return rows of text: one an arm, one column a number of pictures.

    over_all: {arm: (low, high)} of the last column, where every seed draws
    all pictures and the spread is that of the test pictures.
    """
    counts = sorted({count for rows in accuracy.values() for count in rows})
    lines = ["".join([f"{'n':20}", *(f"{count:>16}" for count in counts)])]
    for arm, rows in accuracy.items():
        cells = []
        for count in counts:
            text = _short(rows[count]) if count in rows else ""
            if count in rows and not np.ptp(rows[count]):
                text = f"{rows[count][0]:.3f}" + " " * 8
                if arm in (over_all or {}):
                    low, high = over_all[arm]
                    text = f"{rows[count][0]:.3f} ± {(high - low) / 2:.3f}"
            cells.append(f"{text:>16}")
        lines.append("".join([f"{arm:20}", *cells]).rstrip())
    return "\n".join(lines)


def _short(values):
    span = evaluation.interval(values)
    return f"{span.mean:.3f} ± {(span.high - span.low) / 2:.3f}"


def plot(accuracy, ax=None):
    """Draw balanced accuracy over pictures of each class, one line an arm.

    accuracy: {arm: {count: accuracies}}; bars are intervals over the seeds.
    Returns the axes.
    """
    from course_utils import plots

    ax = plots.new_axes(ax)
    names = {"donor": "frozen", "scratch": "scratch"}
    for arm, rows in accuracy.items():
        counts = sorted(rows)
        spans = [evaluation.interval(rows[count]) for count in counts]
        key = names.get(arm, "finetuned")
        means = [span.mean for span in spans]
        reach = [span.high - span.mean for span in spans]
        style = {"color": plots.COLORS[key], "marker": plots.MARKERS[key]}
        ax.errorbar(counts, means, reach, label=arm, capsize=3, **style)
    ax.set_xscale("log")
    ticks = sorted({count for rows in accuracy.values() for count in rows})
    # A tick close below the next would be written into it.
    ticks = [a for a, b in pairwise([*ticks, np.inf]) if b > 1.3 * a]
    ax.set_xticks(ticks, ticks, rotation=0)
    ax.minorticks_off()
    ax.set_xlabel("labeled pictures of each class")
    ax.set_ylabel("balanced test accuracy")
    ax.legend()
    return ax


def measure(source):
    """Measure every backbone that can be had here, and store the result."""
    pictures = data.load_pair(*PAIR, source=source, validation=0)
    invented = giant.invented_pair(250)
    grid = {
        "source": source,
        "pair": PAIR,
        "seeds": len(SEEDS),
        "image_size": IMAGE_SIZE,
        "asked": ASKED,
        "penalty_per_feature": PENALTY,
        "date": date.today().isoformat(),
        "hardware": devices.hardware().summary(),
        "accuracy": {},
        "over_all": {},
        "invented": {},
        "own_names": {},
    }
    for name in ("MobileNet", REFERENCE, "donor"):
        backbone = giant.load(name, IMAGE_SIZE, source=source)
        if backbone.name in grid["accuracy"] or backbone.name != name:
            continue
        network = eyes(backbone)
        for part, pair, counts in (
            ("accuracy", pictures, COUNTS),
            ("invented", invented, INVENTED_COUNTS),
        ):
            rows = head_accuracies(network, pair, counts)
            grid[part][name] = {n: row.tolist() for n, row in rows.items()}
        span = _all_pictures(network, pictures)
        grid["over_all"][name] = [round(span.low, 4), round(span.high, 4)]
        if name != "donor":
            grid["own_names"][name] = _own_names(name, pictures)
        paths.write_json(reference.path(f"giant_{source}"), grid)
    print(table(stored(source)["accuracy"], grid["over_all"]))


def _all_pictures(network, pictures):
    x_train = giant.features(network, pictures.x_train)
    head = linear_head(x_train).fit(x_train, pictures.y_train)
    answers = head.predict(giant.features(network, pictures.x_test))
    return over_pictures(pictures.y_test, answers)


def _own_names(name, pictures):
    chosen = first_of_each(pictures.y_test, ASKED)
    labels = pictures.y_test[chosen]
    scores = giant.class_scores(pictures.x_test[chosen], name)
    return {
        "without_training": round(without_training(scores, labels), 4),
        **{
            f"{kind}_called_{kind}": round(
                giant.share_called(scores[labels == label], kind), 4
            )
            for label, kind in enumerate(PAIR)
        },
    }


def main(arguments=None):
    """Measure on one source, or on both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", choices=data.SOURCES, action="append")
    options = parser.parse_args(arguments)
    for source in options.source or data.SOURCES:
        measure(source)


if __name__ == "__main__":
    main()
