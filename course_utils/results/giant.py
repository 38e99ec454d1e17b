"""Measure what a borrowed backbone is worth, beside the course's donor.

    python -m studies.giant --source photos

writes `data/reference/giant_photos.json`: balanced test accuracy of heads on
each ImageNet backbone that can be had here and on the course's donor, for
each number of pictures and each seed; the same on things that ImageNet never
saw; and what the backbone answers without any training. Scratch comes from
`transfer`, which draws the same pictures. Introduced in notebook 08.
"""

from itertools import pairwise

import numpy as np

from course_utils import plots
from course_utils.results import evaluation, files, transfer

COUNTS = (10, 100, 500)


REFERENCE = "EfficientNet-Lite0"  # which every machine with an index can have


def stored(source):
    """Return what was measured on a source, keys of counts as numbers.

    Raises FileNotFoundError that names the command which measures it.
    """
    grid = files.read(f"giant_{source}", f"giant --source {source}")
    for part in ("accuracy", "invented"):
        grid[part] = files.by_count(grid[part])
    return grid


def with_scratch(grid):
    """Return a stored grid's accuracies, scratch among them where stored."""

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
            found[claim] = evaluation.advantage(
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
