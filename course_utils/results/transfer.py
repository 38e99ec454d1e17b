"""What a donor saves: heads on its features against scratch."""

import math

import numpy as np

from course_utils import plots, timing
from course_utils.results import evaluation, files


def effects(accuracy):
    """Return the effects of notebook 06 by claim.

    accuracy: {arm: {count: accuracies}} as `transfer.stored` gives it
    """
    ten = {arm: rows[10] for arm, rows in accuracy.items() if 10 in rows}
    effects = {
        name: evaluation.advantage(ten["frozen"], ten[arm])
        for name, arm in (
            ("kinship", "unrelated"),
            ("learning", "random"),
            ("equal data", "scratch"),
        )
        if {"frozen", arm} <= ten.keys()
    }
    if 500 in accuracy.get("scratch", {}):
        effects["catching up"] = evaluation.advantage(
            accuracy["scratch"][500], accuracy["frozen"][500]
        )
    return effects


def plot_foxes(accuracy, count=10, arm="frozen", ax=None):
    """Draw what a donor is worth at one number of labeled pictures.

    accuracy: {arm: {count: accuracies, one a seed}}, as in
        `transfer.stored(source)["accuracy"]`
    count: labeled pictures of each animal; arm: the line to point out. For an
        arm that has no such count, the nearest one is taken

    Returns the axes. Raises KeyError for an arm that was not measured.
    """

    if arm not in accuracy:
        raise KeyError(f"There is no {arm!r}: choose {', '.join(accuracy)}.")
    ax = plot(accuracy, ax)
    for other, bars in zip(accuracy, ax.containers, strict=True):
        if other != arm:
            for artist in (bars[0], *bars[1], *bars[2]):
                artist.set_alpha(0.35)
    rows = accuracy[arm]
    count = min(rows, key=lambda n: abs(math.log(n / count)))
    scores = np.asarray(rows[count])
    ax.plot(
        np.full(len(scores), count), scores, "_", color=plots.COLORS[arm],
        markersize=16, markeredgewidth=1.5,
    )  # fmt: skip
    ax.axvline(count, color=plots.FAINT, linestyle=":", linewidth=1)
    low = min(min(map(np.min, each.values())) for each in accuracy.values())
    ax.set_ylim(min(0.5, low), 1)
    ax.set_xlim(right=max(map(max, accuracy.values())) * 4)
    text = f"{count} dogs and {count} foxes, {ARM_LABELS[arm]}: "
    text += f"{evaluation.interval(scores)}"
    if arm != "scratch" and "scratch" in accuracy:
        worth = labels_to_reach(accuracy["scratch"], scores.mean())
        text += "\n" + (
            f"from scratch, {worth:.0f} of each are as good"
            if math.isfinite(worth)
            else "no number measured from scratch is as good"
        )
    plots.set_title(ax, text)
    return ax


def plot_break_even(
    donor=240.0,
    transfer=0.5,
    scratch=12.5,
    tasks=50,
    dollars_per_hour=0.35,
    ax=None,
):
    """Draw after how many tasks a donor has paid.

    donor: seconds of its training, once
    transfer, scratch: seconds of one task with it, and without it
    tasks: how many you have; dollars_per_hour: price of the machine

    Returns the axes.
    """
    ax = plots.new_axes(ax)
    saved = scratch - transfer
    paid = math.ceil(donor / saved) if saved > 0 else math.inf
    end = max(tasks * 1.5, min(paid * 1.5, tasks * 20), 2)
    k = np.array([0, end])
    unit, name = next(
        (unit, name)
        for unit, name in ((86_400, "days"), (3600, "hours"), (1, "seconds"))
        if max(end * scratch, donor) > 3 * unit or unit == 1
    )
    for arm, cost, label in (
        ("scratch", k * scratch / unit, "each from scratch"),
        ("frozen", (donor + k * transfer) / unit, "one donor, then heads"),
    ):
        ax.plot(k, cost, color=plots.COLORS[arm], label=label)
        at = np.interp(tasks, k, cost)
        ax.plot(tasks, at, plots.MARKERS[arm], color=plots.COLORS[arm])
    if paid <= end:
        ax.axvline(paid, color=plots.FAINT, linestyle=":", label="paid")
    ax.axvline(tasks, color=plots.FAINT, linewidth=1, label="your tasks")
    ax.set_xlabel("tasks")
    ax.set_ylabel(name)
    ax.legend(loc="upper left", frameon=True)
    gain = tasks * saved - donor
    money = abs(gain) / 3600 * dollars_per_hour
    when = (
        f"has paid after {paid:,} tasks"
        if math.isfinite(paid)
        else "will never pay"
    )
    plots.set_title(
        ax,
        f"The donor {when}. {tasks:,} tasks "
        f"{'save' if gain >= 0 else 'lose'}\n"
        f"{timing.format_seconds(abs(gain))}, {money:,.2g} dollars",
    )
    return ax


ARM_LABELS = {
    "frozen": "cat/dog donor",
    "unrelated": "vehicle donor",
    "random": "random base",
    "scratch": "scratch",
}


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
    grid = files.read(f"transfer_{source}", f"transfer --source {source}")
    return grid | {"accuracy": files.by_count(grid["accuracy"])}
