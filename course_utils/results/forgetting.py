"""What fine-tuning gains, what it forgets, and what cures that."""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import balanced_accuracy_score

from course_utils import plots
from course_utils.results import evaluation, files

TASKS = ("cat/dog", "dog/fox", "cat/dog/fox")


BLOCKS = 3
COUNT, ALL = 100, 450  # of each new class; there are no more foxes
LOW, HIGH = 1e-4, 1e-3
RATES = (1e-5, LOW, 3e-4, HIGH)


REHEARSED = 100


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


def stored(source):
    """Return the measured grid that the course ships.

    Its "runs" are {Trial: {task: accuracies, "seconds": array}}, arrays with
    one value a seed. Raises FileNotFoundError that names the command which
    measures it.
    """
    grid = files.read(f"forgetting_{source}", f"forgetting --source {source}")
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


def plot_trade_off(grid, ax=None):
    """Draw what is gained at dogs and foxes over what is forgotten of cats.

    grid: what `stored` gives. Up is better, left is better; means over the
    seeds. A line is one depth, from the lowest rate to the highest. Returns
    the axes.
    """

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


def effects(grid):
    """Return the effects of notebook 07 by claim.

    grid: what `forgetting.stored` gives
    """

    gains = gained(grid, CAREFUL)
    low, high, rehearsed = (
        forgotten(grid, trial) for trial in (CAREFUL, CARELESS, REHEARSING)
    )
    names = (TWO_FROZEN, WIDENED_ALONE, WIDENED)
    rows = [grid["runs"][trial]["cat/dog/fox"] for trial in names]
    seeds = min(map(len, rows))
    joined, alone, rehearsing = (row[:seeds] for row in rows)
    effects = {
        "low rate gains": evaluation.interval(gains),
        "low rate keeps": evaluation.interval(low),
        "high rate forgets": evaluation.interval(
            high - 2 * np.maximum(low, 0)
        ),
        "rehearsal": evaluation.interval(
            100 * (rehearsing - (joined + alone) / 2)
        ),
        "rehearsal at a high rate": evaluation.interval(high / 2 - rehearsed),
    }
    if "from_start" in grid:
        start = grid["from_start"]
        widened, few = (
            grid["runs"][trial] for trial in (WIDENED_ALL, WIDENED)
        )
        lead, behind = (
            evaluation.interval(
                100 * (row["cat/dog/fox"] - start["cat/dog/fox"])
            )
            for row in (widened, few)
        )
        effects |= {
            "three animals": lead,
            "three animals in time": float(
                start["seconds"] / np.median(widened["seconds"])
            ),
            "three animals, a hundred": behind,
        }
    return effects


BLOCK_MARKERS = {1: "o", 2: "s", 3: "^"}


def plot_rates(grid, rate=1e-3, blocks=3, ax=None):
    """Draw what fine-tuning gains on foxes against what it forgets.

    grid: as `forgetting.stored(source)` returns it
    rate: learning rate of the point to point out
    blocks: how many of the donor's three blocks were trained, from the top;
        with 0 a head alone was, at any rate

    Returns the axes. Raises KeyError for a pair that was not measured.
    """

    ax = plots.new_axes(ax)
    lines = {
        each: [
            Trial(each, depth)
            for depth in (1, 2, 3)
            if Trial(each, depth) in grid["runs"]
        ]
        for each in _rates(grid)
    }
    looks = zip(
        lines.items(), ("frozen", "finetuned", "scratch"), strict=False
    )
    for (each, trials), arm in looks:
        color, places = plots.COLORS[arm], [_place(grid, t) for t in trials]
        ax.plot(*zip(*places, strict=True), color=color, label=f"{each:g}")
        for place, trial in zip(places, trials, strict=True):
            ax.plot(*place, BLOCK_MARKERS[trial.blocks], color=color)
    for depth, marker in BLOCK_MARKERS.items():
        ax.plot([], [], marker, color=plots.FAINT, label=f"{depth} trained")
    ax.plot(*_place(grid, FROZEN), "x", color="black")
    trial = Trial(rate, blocks) if blocks else FROZEN
    if trial not in grid["runs"]:
        raise KeyError(f"Rate {rate:g} with {blocks} blocks is not measured.")
    found = grid["runs"][trial]
    lost = evaluation.interval(forgotten(grid, trial))
    score = evaluation.interval(found["dog/fox"])
    ax.margins(0.2)
    ax.autoscale_view()
    ax.autoscale(False)  # the frame shall not move with the choice
    ax.errorbar(
        lost.mean, score.mean, xerr=lost.high - lost.mean,
        yerr=score.high - score.mean, marker="o", markersize=18,
        fillstyle="none", color="black", linewidth=1.5, capsize=3,
    )  # fmt: skip
    ax.set_xlabel("points forgotten on cats and dogs")
    ax.set_ylabel("accuracy, dogs and foxes")
    ax.legend(
        title="rate, and blocks", loc="center left", bbox_to_anchor=(1, 0.5)
    )
    trained = f"{blocks} blocks at {rate:g}" if blocks else "a head alone"
    plots.set_title(
        ax,
        f"{trained[0].upper()}{trained[1:]}: dogs and foxes {score.mean:.3f} "
        f"± {score.high - score.mean:.3f},\ncats and dogs lose "
        f"{lost.mean:.1f} ± {lost.high - lost.mean:.1f} points",
    )
    return ax


def _rates(grid):
    """Return the learning rates whose depths were compared, lowest first."""

    rates = {trial.rate for trial in grid["runs"] if trial.rate}
    return sorted(rate for rate in rates if Trial(rate, 1) in grid["runs"])


def _place(grid, trial):

    lost = forgotten(grid, trial).mean()
    return lost, grid["runs"][trial]["dog/fox"].mean()
