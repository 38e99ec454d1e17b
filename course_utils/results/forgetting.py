"""What fine-tuning gains, what it forgets, and what prevents that."""

from dataclasses import astuple, dataclass

import numpy as np

from course_utils import plots
from course_utils.language import mark, say
from course_utils.results import evaluation, files

TASKS = ("cat/dog", "dog/fox", "cat/dog/fox")
CLASSES = ((0, 1), (1, 2), (0, 1, 2))
BLOCKS = 4
COUNT = 100  # of each new class
LOW, HIGH = 1e-4, 1e-3
RATES = (1e-5, LOW, 3e-4, HIGH)
REHEARSED = 100


@dataclass(frozen=True)
class Trial:
    """Say how the donor is trained further: one cell of the grid.

    rate: learning rate of Adam; 0 keeps the base and fits only a head
    blocks: how many of the base's four blocks can change, from the top
    heads: "replaced" (dog and fox), "two" (both are asked and trained), or
        "widened" (cat, dog and fox)
    count: pictures of each new class
    old_pictures: of each old class, mixed among the new ones
    batch_norm: "inference" keeps the donor's statistics, "training" does not
    per_depth: lower blocks at a fraction of the rate
    start: of the head; "fitted" on the frozen base, or "random"
    adapters: low-rank adapters learn, and the base stays as it is
    """

    rate: float = LOW
    blocks: int = BLOCKS
    heads: str = "replaced"
    count: int = COUNT
    old_pictures: int = 0
    batch_norm: str = "inference"
    per_depth: bool = False
    start: str = "fitted"
    adapters: bool = False


FROZEN = Trial(rate=0, blocks=0)
# From careless to careful, one change at a time.
CARELESS = Trial(HIGH, start="random", batch_norm="training")
HEAD_FIRST = Trial(HIGH, batch_norm="training")
NORM_FROZEN = Trial(HIGH)
CAREFUL = Trial(LOW)
LADDER = {
    CARELESS: mark("everything at 1e-3 with a new random head"),
    HEAD_FIRST: mark("the head is fitted first"),
    NORM_FROZEN: mark("batch normalization is frozen"),
    CAREFUL: mark("the rate is 1e-4"),
}
NORM_TRAINS = Trial(LOW, batch_norm="training")
ADAPTERS = Trial(HIGH, adapters=True)
REHEARSING = Trial(
    HIGH, heads="two", old_pictures=REHEARSED, batch_norm="training"
)
KEY = (FROZEN, *LADDER, NORM_TRAINS, ADAPTERS, REHEARSING)
CURVES = (CARELESS, CAREFUL)
PER_DEPTH = Trial(rate=HIGH, per_depth=True)
PANEL = (
    PER_DEPTH,
    *(Trial(rate) for rate in RATES),
    *(Trial(r, b) for b in range(1, BLOCKS) for r in (1e-5, LOW, HIGH)),
)
TWO_FROZEN = Trial(rate=0, blocks=0, heads="two")
TWO = Trial(rate=LOW, heads="two", old_pictures=REHEARSED)
WIDENED_ALONE = Trial(rate=LOW, heads="widened")
WIDENED = Trial(rate=LOW, heads="widened", old_pictures=REHEARSED)
LABELS = {
    FROZEN: mark("replaced head, base frozen"),
    CARELESS: mark("replaced head, careless"),
    CAREFUL: mark("replaced head, careful"),
    TWO_FROZEN: mark("two heads, base frozen"),
    TWO: mark("two heads, 1e-4, with old pictures"),
    WIDENED_ALONE: mark("widened head, 1e-4, only new pictures"),
    WIDENED: mark("widened head, 1e-4, with old pictures"),
}
MATRIX = (TWO_FROZEN, TWO, WIDENED_ALONE, WIDENED)
ALL_FOXES = mark("widened head, all foxes, 2e-3")
FROM_START = mark("all three from scratch")


def key(trial):
    """Return a trial's name in the stored grid."""
    return "-".join(str(value) for value in astuple(trial))


def right(scores, labels):
    """Return (tasks, pictures): what scores of cat, dog and fox get right.

    scores: (count, 3); labels: (count,), 0 to 2. A task of two animals uses
    only their pictures and their two scores.
    """
    return np.stack(
        [
            np.isin(labels, task)
            & (scores[:, task].argmax(axis=1) + task[0] == labels)
            for task in map(list, CLASSES)
        ]
    )


def accuracies(scores, labels):
    """Return balanced accuracy by task, from scores of cat, dog and fox."""
    rows = right(scores, labels)
    return {
        name: float(np.mean([row[labels == y].mean() for y in task]))
        for name, row, task in zip(TASKS, rows, CLASSES, strict=True)
    }


def stored(source):
    """Return the measured grid that the course ships.

    Its "runs" are {Trial: {task: accuracies, "before", "seconds",
    "trainable", "off"}}, arrays with one value for each run;
    "answers" is {name: {task: Answers}} by `key` of a trial, "before",
    "widened" and "from start". Raises FileNotFoundError that names the
    command which measures it.
    """
    grid, arrays = files.read_grid(
        f"forgetting_{source}", f"forgetting --source {source}"
    )
    trials = {key(trial): trial for trial in (*KEY, *PANEL, *MATRIX)}
    grid["answers"], grid["runs"] = {}, {}
    for name, (bits, pieces) in files.runs(grid, arrays).items():
        grid["answers"][name] = answers(
            bits, arrays["labels"], arrays["asked"]
        )
        rows = pieces[0]
        if name != "before":
            table = np.array([row["accuracy"] for row in rows]).T
            table = dict(zip(TASKS, table, strict=True))
            for each in ("seconds", "trainable", "passes", "off"):
                if each in rows[0]:
                    table[each] = np.array([row[each] for row in rows])
            if name in trials:
                table["curves"] = [r["curve"] for r in rows if "curve" in r]
                before = grid["answers"]["before"]["cat/dog"].accuracies()
                table["before"] = before[0, : len(rows)]
                grid["runs"][trials[name]] = table
            else:
                grid[name.replace(" ", "_")] = table
    grid["before"] = float(
        grid["answers"]["before"]["cat/dog"].accuracies()[0, 0]
    )
    return grid


def for_lesson(source):
    """Return `stored` of a source, or of the drawings, which a sentence says.



    Taught in notebook 07.

    >>> for_lesson("drawings")["source"]
    'drawings'
    """

    def is_whole(name):
        return files.path(f"forgetting_{name}").with_suffix(".npz").exists()

    return stored(files.measured_on(source, is_whole))


def answers(bits, labels, asked):
    """Return {task: Answers} of runs, (members, draws, tasks, pictures)."""
    found = {}
    for place, (name, task) in enumerate(zip(TASKS, CLASSES, strict=True)):
        shown = np.isin(labels, task)
        folds = np.arange(bits.shape[1]) % len(asked)
        found[name] = evaluation.Answers(
            bits[:, :, place, shown].astype(np.float32),
            asked[folds][:, shown].astype(np.float32),
            labels[shown],
            draws="runs",
        )
    return found


def forgotten(grid, trial):
    """Return the points of cat/dog that a trial lost, run by run.

    Taught in notebook 07.
    """
    row = grid["runs"][trial]
    return 100 * (row.get("before", grid["before"]) - row["cat/dog"])


def gained(grid, trial):
    """Return the points of dog/fox over the frozen base, run by run.

    Taught in notebook 07.
    """
    rows = [grid["runs"][one]["dog/fox"] for one in (trial, FROZEN)]
    count = min(map(len, rows))
    return 100 * (rows[0][:count] - rows[1][:count])


def matrix(grid):
    """Return the forgetting matrix: {label: mean accuracies by task}.

    Taught in notebook 08.
    """
    rows = {label: grid["runs"][trial] for trial, label in LABELS.items()} | {
        ALL_FOXES: grid["widened"],
        FROM_START: grid["from_start"],
    }
    means = {
        label: [float(np.mean(row[task])) for task in TASKS]
        for label, row in rows.items()
    }
    for trial in (FROZEN, CARELESS, CAREFUL):  # it cannot say cat
        row = means[LABELS[trial]]
        row[2] = row[1] * 2 / 3
    return {mark("the donor"): [grid["before"], np.nan, np.nan], **means}


def ladder(grid):
    """Return {change: (points gained, points forgotten)}, careless first.

    Taught in notebook 07.
    """
    return {
        label: (
            float(gained(grid, trial).mean()),
            float(forgotten(grid, trial).mean()),
        )
        for trial, label in LADDER.items()
    }


def effects(grid):
    """Return the effects of notebooks 7 and 8 by claim.

    grid: what `forgetting.stored` gives; claims about what is not in it are
        left out

    Taught in notebook 07.

    >>> "careful keeps" in effects(for_lesson("drawings"))
    True
    """
    known = grid["answers"]

    def lead(first, second, task):
        arms = known[first][task], known[second][task]
        runs = min(arm.right.shape[1] for arm in arms)
        return evaluation.lead(*(arm.part(draws=runs) for arm in arms))

    frozen, careless, first, careful, norm, adapters, rehearsing = map(
        key,
        (FROZEN, CARELESS, HEAD_FIRST, CAREFUL, NORM_TRAINS, ADAPTERS,
         REHEARSING),
    )  # fmt: skip
    found = {}
    for claim, one, other, task in (
        ("fine-tuning gains", careful, frozen, "dog/fox"),
        ("careful keeps", "before", careful, "cat/dog"),
        ("careless forgets", careful, careless, "cat/dog"),
        ("batch normalization", norm, careful, "cat/dog"),
        ("rehearsal", rehearsing, first, "cat/dog"),
    ):
        if {one, other} <= known.keys():
            found[claim] = lead(one, other, task)
    if {adapters, careful} <= known.keys():
        row = grid["runs"][ADAPTERS]
        # The two are stored in different precision; unrounded, equal
        # accuracies differ by a millionth of a point.
        lost = evaluation.interval(
            np.round(100 * (row["before"] - row["off"]), 3) + 0.0,
            say(f"{len(row['off'])} runs"),
        )
        found["adapters"] = lead(adapters, careful, "dog/fox"), lost
    if {"widened", "from start"} <= known.keys():
        seconds = [grid[n]["seconds"] for n in ("from_start", "widened")]
        found["three animals"] = (
            lead("widened", "from start", "cat/dog/fox"),
            evaluation.ratio(*seconds),
        )
    return found


BLOCK_MARKERS = {1: "o", 2: "s", 3: "^", 4: "D"}


def plot_rates(grid, rate=1e-3, blocks=BLOCKS, ax=None):
    """Draw what fine-tuning gains on foxes against what it forgets.

    grid: as `forgetting.stored(source)` returns it
    rate: learning rate of the point to highlight
    blocks: how many of the donor's four blocks were trained, from the top;
        with 0, only a head was, whatever the rate

    Returns the axes. Raises KeyError for a pair that was not measured. Taught
    in notebook 07.
    """

    ax = plots.new_axes(ax)
    lines = {
        each: [
            Trial(each, depth)
            for depth in BLOCK_MARKERS
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
        name = say(f"top {depth}")
        ax.plot([], [], marker, color=plots.FAINT, label=name)
    name = say("head alone")
    ax.plot(*_place(grid, FROZEN), "x", color="black", label=name)
    trial = Trial(rate, blocks) if blocks else FROZEN
    if trial not in grid["runs"]:
        raise KeyError(f"Rate {rate:g} with {blocks} blocks was not measured.")
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
    ax.set_xlabel(say("points forgotten on cats and dogs"))
    ax.set_ylabel(say("accuracy, dogs and foxes"))
    ax.legend(
        title=say("rate and blocks"),
        loc="center left",
        bbox_to_anchor=(1, 0.5),
    )
    trained = (
        say(f"{blocks} blocks at {rate:g}") if blocks else say("only a head")
    )
    plots.set_title(
        ax,
        say(
            f"{trained[0].upper()}{trained[1:]}: dogs and foxes "
            f"{score.mean:.3f} ± {score.high - score.mean:.3f},\ncats and "
            f"dogs lose {lost.mean:.1f} ± {lost.high - lost.mean:.1f} "
            "points"
        ),
    )
    return ax


def _rates(grid):
    """Return the learning rates whose depths were compared, lowest first."""

    rates = {trial.rate for trial in grid["runs"] if trial.rate}
    return sorted(rate for rate in rates if Trial(rate, 1) in grid["runs"])


def _place(grid, trial):

    lost = forgotten(grid, trial).mean()
    return lost, grid["runs"][trial]["dog/fox"].mean()
