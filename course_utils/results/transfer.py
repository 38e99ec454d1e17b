"""What a donor saves: the stored grid, its effects, and break-even."""

import math
from itertools import pairwise

import numpy as np

from course_utils import plots, timing
from course_utils.language import mark, say
from course_utils.results import evaluation, files

MEMBERS = {
    "frozen": mark("cat/dog donors"),
    "unrelated": mark("vehicle donors"),
    "shuffled": mark("shuffled-label donors"),
    "other kind": mark("donors of the other kind"),
    "random": mark("random bases"),
    "gradients": mark("extractor"),
    "pixels": mark("extractor"),
    "seen": mark("cat/dog donors"),
    "unseen": mark("cat/dog donors"),
}


def stored(source):
    """Return the measured grid that the course ships.

    "accuracy" is {arm: {count: accuracies}}, tables (members, draws), of the
    arms of the figure, and "controls" of the others;
    "answers" is {arm: {count: Answers}}, of fewer counts and draws;
    "seconds" is {arm: {count: array}} of what was trained, "donor_seconds"
    an array, and "checks" {count: curves} of scratch. Raises
    FileNotFoundError that names the command which measures it.
    """
    grid, arrays = files.read_grid(
        f"transfer_{source}", f"transfer --source {source}"
    )
    labels = arrays["labels"]
    folds = evaluation.unpack(arrays["asked"], grid["folds"])
    accuracy, answers, seconds = {}, {}, {}

    def keep(arm, count, right, **names):
        asked = folds[np.arange(right.shape[1]) % len(folds)]
        answers.setdefault(arm, {})[count] = evaluation.Answers(
            right.astype(np.float32), asked.astype(np.float32), labels, **names
        )

    heads = {}
    for key, piece in grid["pieces"].items():
        for name in piece["arrays"]:
            count, _, draws = name.partition("|")[2].partition(" answers ")
            arm, _, member = key.rpartition("/")
            if arm in MEMBERS:
                cell = heads.setdefault((arm, int(count), draws), {})
                cell[int(member)] = arrays[name]
    for (arm, count, draws), cell in heads.items():
        rows = [cell[member] for member in sorted(cell)]
        if draws:
            right = [evaluation.unpack(row, int(draws)) for row in rows]
            keep(arm, count, np.array(right), members=MEMBERS[arm])
        else:
            accuracy.setdefault(arm, {})[count] = np.array(rows)
    for name, (right, pieces) in files.runs(grid, arrays).items():
        arm, count = name.rsplit("/", 1)
        for table, value in ((accuracy, "accuracy"), (seconds, "seconds")):
            row = np.array([[piece[value] for piece in p] for p in pieces])
            table.setdefault(arm, {})[int(count)] = row
        keep(arm, int(count), right, draws="runs")
    pieces = grid["pieces"]
    return grid | {
        "accuracy": {a: accuracy[a] for a in SHOWN if a in accuracy},
        "controls": {a: r for a, r in accuracy.items() if a not in SHOWN},
        "answers": answers,
        "seconds": seconds,
        "donor_seconds": np.array([
            pieces[key]["facts"]["seconds"]
            for key in pieces if key.startswith("frozen/")
        ]),
        "checks": {
            int(key.rpartition("/")[2]): pieces[key]["curve"]
            for key in pieces if key.startswith("check/")
        },
        "collections": {
            key.rpartition("/")[2]: arrays[f"{key}|right"]
            for key in pieces if key.startswith("collections/")
        },
    }  # fmt: skip


LEADS = {
    "kinship": ("frozen", "unrelated"),
    "learning": ("frozen", "random"),
    "equal data": ("frozen", "scratch"),
    "labels matter": ("frozen", "shuffled"),
    "unrelated donor": ("unrelated", "random"),
    "domain gap": ("frozen", "other kind"),
    "seen dogs": ("seen", "unseen"),
}
UNTRAINED = ("random", "gradients", "pixels")


def for_lesson(source):
    """Return `stored` of a source, or of the drawings, which a sentence says.

    The drawings' grid is returned as long as the trained arms of the source
    were not measured.

    Taught in notebook 06.

    >>> for_lesson("drawings")["source"]
    'drawings'
    """

    def is_whole(name):
        if not files.path(f"transfer_{name}").with_suffix(".npz").exists():
            return False
        known = stored(name)["accuracy"]
        trained = known.get("scratch", {}).keys(), known.get("finetuned", {})
        return {10, 500} <= trained[0] and 10 in trained[1]

    return stored(files.measured_on(source, is_whole))


def effects(grid):
    """Return the effects of notebook 6 by claim.

    grid: what `transfer.stored` gives; claims about arms that are not in it
        are left out

    Taught in notebook 06.

    >>> "kinship" in effects(for_lesson("drawings"))
    True
    """
    ten = {arm: rows[10] for arm, rows in grid["answers"].items()
           if 10 in rows}  # fmt: skip
    most = {arm: rows[500] for arm, rows in grid["answers"].items()
            if 500 in rows}  # fmt: skip
    found = {
        claim: evaluation.lead(ten[first], ten[second])
        for claim, (first, second) in LEADS.items()
        if {first, second} <= ten.keys()
    }
    if {"frozen", *UNTRAINED} <= ten.keys():
        best = max(UNTRAINED, key=lambda arm: ten[arm].accuracies().mean())
        found["untrained features"] = evaluation.lead(ten["frozen"], ten[best])
    if "frozen" in ten and len(grid["answers"].get("scratch", {})) > 1:
        found["labels saved"] = labels_saved(grid)
    if {"scratch", "frozen", "finetuned"} <= most.keys():
        found["catching up"] = (
            evaluation.lead(most["scratch"], most["frozen"]),
            evaluation.lead(most["scratch"], most["finetuned"]),
        )
    pairs = grid.get("collections", {})
    if {"wolf dog", "cat dog"} <= pairs.keys():
        both = [
            evaluation.accuracy_interval(
                np.repeat([0, 1], len(right) // 2),
                np.repeat([0, 1], len(right) // 2) ^ ~right,
            )
            for right in (pairs["wolf dog"], pairs["cat dog"])
        ]
        found["source of the pictures"] = evaluation.difference(*both)
    return found


def labels_saved(grid, count=10, arm="frozen"):
    """Return the Interval of the pictures that scratch needs instead.

    Of each animal, to be as accurate as an arm with `count` of each; an end
    of the interval at the last count measured means "or more".
    """
    scratch = grid["answers"]["scratch"]
    counts = sorted(scratch)

    def needed(accuracies):
        target, rows = accuracies[0], accuracies[1:]
        return np.array([
            min(
                labels_to_reach(dict(zip(counts, row, strict=True)), goal),
                counts[-1],
            )
            for row, goal in zip(rows.T, target, strict=True)
        ])  # fmt: skip

    arms = [grid["answers"][arm][count], *(scratch[n] for n in counts)]
    return evaluation.spread(arms, needed, logarithm=True)


def costs(grid, count=10):
    """Return what a donor costs and saves at equal accuracy, in two units.

    Returns {"seconds" or "labels": {"donor", "transfer", "scratch"}} for
    `break_even`: of the donor once, and of one task with it and without,
    when scratch gets as many pictures as it needs for the accuracy of the
    frozen donor with `count` of each. Taught in notebook 06.
    """
    needed = labels_saved(grid, count).mean
    seconds = grid["seconds"]["scratch"]
    counts = sorted(seconds)
    medians = [float(np.median(seconds[n])) for n in counts]
    return {
        "seconds": {
            "donor": float(np.mean(grid["donor_seconds"])),
            "transfer": 0.0,
            "scratch": float(np.interp(needed, counts, medians)),
        },
        "labels": {
            "donor": grid["donor_examples"],
            "transfer": 2 * count,
            "scratch": 2 * needed,
        },
    }


def plot_worth(accuracy, count=10, arm="frozen", worth=None, ax=None):
    """Draw what a few labels are worth with a donor, in labels without one.

    accuracy: {arm: {count: accuracies}}, with "scratch" among the arms, as in
        `transfer.stored(source)["accuracy"]`
    count: labeled pictures of each animal; the nearest that `arm` has is taken
    arm: where the arrow starts, which ends at the line of scratch
    worth: Interval from `labels_saved`, drawn at the tip of the arrow, or None
        to read the number off the two lines

    Returns the axes. Raises KeyError for an arm that was not measured. Taught
    in notebook 06.
    """
    if arm not in accuracy:
        raise KeyError(f"There is no {arm!r}: choose {', '.join(accuracy)}.")
    ax = plot(accuracy, ax)
    count = min(accuracy[arm], key=lambda n: abs(math.log(n / count)))
    scores = accuracy[arm][count]
    level, most = float(np.mean(scores)), max(accuracy["scratch"])
    found = say(f"{count} dogs and {count} foxes, {ARM_LABELS[arm]}")
    if arm == "scratch":
        plots.set_title(ax, f"{found}: {level:.2f}")
        return ax
    tip = worth.mean if worth else labels_to_reach(accuracy["scratch"], level)
    words = say(f"{tip:.0f} of each from scratch")
    if tip >= most:
        tip, words = most, say(f"more than {most} of each from scratch")
    elif tip <= min(accuracy["scratch"]):
        words = say(f"at most {tip:.0f} of each from scratch")
    look = {"color": "black", "lw": 2}
    if tip > count:
        arrow = {"arrowstyle": "-|>", "shrinkA": 6, "shrinkB": 0} | look
        ax.annotate("", (tip, level), (count, level), arrowprops=arrow)
        text = f"{tip:.0f}" if tip < most else f"> {most}"
        if worth:
            text += f" [{worth.low:.0f}, {min(worth.high, most):.0f}]"
            ax.plot([worth.low, min(worth.high, most)], [level] * 2, "|-",
                    markersize=14, zorder=4, **look)  # fmt: skip
        ax.annotate(text, (count, level), (10, -8), ha="left", va="top",
                    textcoords="offset points", weight="bold")  # fmt: skip
    plots.set_title(ax, say(f"{found}:\nas good as {words}"))
    return ax


def plot_break_even(
    donor=240.0,
    transfer=0.5,
    scratch=12.5,
    tasks=50,
    dollars_per_hour=0.35,
    ax=None,
):
    """Draw after how many tasks a donor has paid for itself.

    donor: seconds of its training, once
    transfer, scratch: seconds of one task with it, and without it
    tasks: how many you have; dollars_per_hour: price of the machine

    Returns the axes. Taught in notebook 06.
    """
    ax = plots.new_axes(ax)
    saved = scratch - transfer
    paid = break_even(donor, transfer, scratch)
    end = max(tasks * 1.5, min(paid * 1.5, tasks * 20), 2)
    k = np.array([0, end])
    unit, name = next(
        (unit, name)
        for unit, name in ((86_400, "days"), (3600, "hours"), (1, "seconds"))
        if max(end * scratch, donor) > 3 * unit or unit == 1
    )
    for arm, cost, label in (
        ("scratch", k * scratch / unit, say("each\nfrom scratch")),
        (
            "frozen",
            (donor + k * transfer) / unit,
            say("one donor,\nthen heads"),
        ),
    ):
        color = plots.COLORS[arm]
        ax.plot(k, cost, color=color)
        at = np.interp(tasks, k, cost)
        ax.plot(tasks, at, plots.MARKERS[arm], color=color)
        ax.annotate(label, (end, cost[1]), (6, 0), va="center", color=color,
                    textcoords="offset points")  # fmt: skip
    if paid <= end:
        ax.axvline(paid, color=plots.FAINT, linestyle=":")
        ax.annotate(say(f"pays off after {paid:,}"), (paid, 0.98), (4, 0),
                    xycoords=("data", "axes fraction"), color=plots.FAINT,
                    textcoords="offset points", ha="left",
                    va="top")  # fmt: skip
    ax.set_xlabel(say("tasks"))
    ax.set_ylabel(say(name))
    ax.set_xlim(0, end * 1.45)
    gain = tasks * saved - donor
    money = abs(gain) / 3600 * dollars_per_hour
    when = (
        say(f"pays off after {paid:,} tasks")
        if math.isfinite(paid)
        else say("never pays off")
    )
    plots.set_title(
        ax,
        say(
            f"The donor {when}. {tasks:,} tasks "
            f"{'save' if gain >= 0 else 'lose'}\n"
            f"{timing.format_seconds(abs(gain))}, {money:,.2g} dollars"
        ),
    )
    return ax


ARM_LABELS = {
    "frozen": "cat/dog donor",
    "unrelated": "vehicle donor",
    "random": "random base",
    "scratch": "scratch",
    "shuffled": "shuffled-label donor",
    "other kind": "donor of the other kind",
    "finetuned": "donor, fine-tuned",
    "gradients": "histograms of gradients",
    "pixels": "raw pixels",
}
# The arms of the figure; the others are controls.
SHOWN = ("frozen", "finetuned", "unrelated", "random", "scratch")


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
    """Return the smallest number of tasks after which the donor pays off.

    All three are costs in one unit, such as seconds: of the donor once, and of
    one task with it and from scratch. The answer is the smallest k with
    donor + k × transfer ≤ k × scratch, or infinity if there is none.

    Taught in notebook 06.
    """
    saved = scratch - transfer
    return math.ceil(donor / saved) if saved > 0 else math.inf


def plot(accuracy, ax=None):
    """Draw balanced accuracy over pictures of each class, one line per arm.

    accuracy: {arm: {count: accuracies}}, arms of `ARM_LABELS` or others, such
        as backbones; bars are 95% intervals, and a single value has none.
    Returns the axes.
    """
    ax = plots.new_axes(ax)
    names, ends = {"donor": "frozen"}, []
    for arm, rows in accuracy.items():
        counts = sorted(rows)
        spans = [
            evaluation.interval(rows[count]) if np.size(rows[count]) > 1
            else evaluation.Interval(*[float(np.mean(rows[count]))] * 3, "")
            for count in counts
        ]  # fmt: skip
        key = names.get(arm, arm)
        key = key if key in plots.COLORS else "finetuned"
        means = [span.mean for span in spans]
        ax.errorbar(
            counts,
            means,
            yerr=[span.high - span.mean for span in spans],
            color=plots.COLORS[key],
            marker=plots.MARKERS[key],
            capsize=3,
        )
        ends.append(
            (means[-1], counts[-1], say(ARM_LABELS.get(arm, arm)), key)
        )
    ax.axhline(0.5, color=plots.FAINT, linestyle=":", linewidth=1)
    ticks = sorted({count for rows in accuracy.values() for count in rows})
    # A tick close below the next would be written into it.
    ticks = [a for a, b in pairwise([*ticks, math.inf]) if b > 1.3 * a]
    ax.set_xscale("log")
    ax.set_xticks(ticks, ticks)
    ax.minorticks_off()
    ax.set_xlabel(say("labeled pictures of each class"))
    ax.set_ylabel(say("balanced test accuracy"))
    ax.annotate(say("guessing"), (0.99, 0.5), (0, 3), ha="right",
                xycoords=("axes fraction", "data"), color=plots.FAINT,
                textcoords="offset points")  # fmt: skip
    ax.set_xlim(right=ticks[-1] * 7)
    _name_lines(ax, ends)
    return ax


def _name_lines(ax, ends, apart=0.075):
    """Write names to the right of lines' ends without overlaps.

    ends: list of (y, x, name, arm of its color); apart: least distance of two
        names, as a fraction of the axes' height
    """
    low, high = ax.get_ylim()
    right, below = max(x for _, x, *_ in ends), -math.inf
    for y, _, name, key in sorted(ends):
        below = max(y, below + apart * (high - low))
        ax.annotate(name, (right, below), (8, 0), va="center",
                    textcoords="offset points",
                    color=plots.COLORS[key])  # fmt: skip
