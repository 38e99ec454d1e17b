"""Panels to touch: controls over numbers that were measured before.

Each `plot_...` draws one setting and returns its axes, and stands without
any control; the `..._panel` of the same name puts controls above that very
figure. No panel trains or measures anything, so it follows a control at once.
"""

import base64
import contextlib
import html
import io
import math

import ipywidgets as widgets
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from course_utils import (
    check,
    costs,
    evaluation,
    limits,
    plots,
    scoreboard,
    timing,
)

CHOSEN, OTHER = plots.COLORS["scratch"], plots.COLORS["frozen"]
FAINT = "#767676"
# What notebook 00 asks: the question, and the record that answers it.
QUESTIONS = {
    "times_faster": (
        "matrices: times as fast", "NumPy, batches", "times_lists"
    ),
    "labels_for_donor": (
        "labels that ten are worth", "labels that ten are worth", "labels"
    ),
    "points_forgotten": (
        "points forgotten", "points forgotten", "points"
    ),
}  # fmt: skip
NETWORKS = {
    "donor": costs.donor_forward(),
    "ResNet-50": costs.RESNET50_FORWARD,
}
BLOCK_MARKERS = {1: "o", 2: "s", 3: "^"}
YEAR = 365.25 * 86_400
TICKS = {
    "1 µs": 1e-6, "1 ms": 1e-3, "1 s": 1, "1 min": 60, "1 hour": 3600,
    "1 day": 86_400, "1 year": YEAR, "100 years": 100 * YEAR,
    "10,000 years": 1e4 * YEAR, "a million years": 1e6 * YEAR,
}  # fmt: skip


class Panel(widgets.VBox):
    """Show a figure below its controls, and draw it anew when one moves.

    plot: a function that draws on `ax` and takes one value a control by name
    controls: dictionary from those names to widgets
    """

    def __init__(self, plot, controls):
        self.plot = plot
        self.controls = controls
        self.frame = None
        self.picture = widgets.HTML()
        super().__init__([*controls.values(), self.picture])
        for control in controls.values():
            control.observe(self.redraw, names="value")
        self.redraw()

    def __repr__(self):
        """Say what the reader of a page without a kernel misses."""
        return (
            "A panel: its controls move while the notebook runs; "
            "the figure above is one setting."
        )

    def values(self):
        """Return the values of the controls by name."""
        return {name: each.value for name, each in self.controls.items()}

    def redraw(self, change=None):
        """Draw the figure for the present values."""
        figure = Figure()
        ax = figure.subplots()
        self.plot(ax=ax, **self.values())
        if self.frame is not None:  # as before: it stays still, and is quick
            figure.set_layout_engine("none")
            ax.set_position(self.frame)
        self.picture.value = picture(figure, ax.get_title())
        self.frame = ax.get_position().frozen()


def picture(figure, text):
    """Return a figure as an HTML image with an alternative text."""
    canvas, buffer = FigureCanvasAgg(figure), io.BytesIO()
    canvas.print_png(buffer, pil_kwargs={"compress_level": 1})
    pixels = base64.b64encode(buffer.getvalue()).decode()
    return (
        f'<img alt="{html.escape(text, quote=True)}" decoding="sync" '
        f'style="max-width:100%" src="data:image/png;base64,{pixels}">'
    )


def _choice(description, options, value):
    """Return a slider over some values; each may have a text of its own.

    Also for names: JupyterLab takes the keys of a drop-down list as its own.
    """
    return widgets.SelectionSlider(
        description=description, options=options, value=value, **_look()
    )


def _whole(description, low, high, value):
    return widgets.IntSlider(
        description=description, min=low, max=high, value=value, **_look()
    )


def _look():
    return {
        "style": {"description_width": "11em"},
        "layout": widgets.Layout(width="min(100%, 36em)"),
    }


def _counts(low, high, value=None):
    """Return 1, 2, 5, 10, ... as options, with `value` among them."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)))
    numbers = {d * 10**p for p in powers for d in (1, 2, 5)} | {high}
    numbers |= {low if value is None else value}
    return [(f"{n:,g}", n) for n in sorted(numbers) if low <= n <= high]


def _title(ax, text):
    ax.set_title(text, fontsize="medium")


# ------------------------------------------------------ predict, then measure


def plot_guesses(rows, ax=None):
    """Draw guesses beside what was measured.

    rows: dictionary from a question to (guess, measured); None stands for
        what is not there yet. Returns the axes.
    """
    ax = plots.new_axes(ax)
    heights = range(len(rows), 0, -1)
    for height, (guess, measured) in zip(heights, rows.values(), strict=True):
        if guess is not None and measured is not None:
            ax.plot([guess, measured], [height] * 2, color=FAINT, linewidth=1)
        if guess is not None:
            ax.plot(guess, height, "o", color=OTHER, fillstyle="none", ms=12)
        if measured is not None:
            ax.plot(measured, height, "D", color=CHOSEN)
        ax.text(
            0.01, height + 0.22, _difference(guess, measured),
            transform=ax.get_yaxis_transform(), fontsize="small",
        )  # fmt: skip
    ax.plot([], [], "o", color=OTHER, fillstyle="none", ms=12, label="guess")
    ax.plot([], [], "D", color=CHOSEN, label="measured")
    ax.set_xscale("symlog", linthresh=1)
    ax.set_xlim(-0.5, 2e4)
    ax.set_xticks([0, 1, 10, 100, 1_000, 10_000])
    ax.minorticks_off()
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.set_yticks(list(heights), rows)
    ax.set_ylim(0.5, len(rows) + 0.6)
    ax.legend(loc="lower right")
    done = sum(None not in row for row in rows.values())
    _title(ax, f"{done} of {len(rows)} guesses can be compared")
    return ax


def _difference(guess, measured):
    if measured is None:
        return "not measured yet"
    if guess is None:
        return "no guess"
    if guess > 0 and measured > 0:
        factor = max(guess / measured, measured / guess)
        digits = ".1f" if factor < 1e6 else ".0e"
        return f"off by a factor of {factor:{digits}}"
    return f"off by {abs(guess - measured):.1f}"


def plot_prediction(guesses=None, reveal=True, ax=None):
    """Draw the guesses of notebook 00 beside what the scoreboard holds.

    guesses: numbers by the names of `QUESTIONS`, or None for those that were
        kept; reveal: also show what was measured. Returns the axes.
    """
    if guesses is None:
        guesses = scoreboard.latest("prediction") or {}
    rows = {}
    for name, (question, rung, field) in QUESTIONS.items():
        found = (scoreboard.latest(rung) or {}).get(field) if reveal else None
        pair = guesses.get(name), found
        # A guess kept before guesses were checked can be any text.
        rows[question] = tuple(check.read_number(each)[0] for each in pair)
    return plot_guesses(rows, ax)


def prediction_panel():
    """Return three sliders and a button that keeps their guesses.

    What was measured appears beside a guess once the guess is kept.
    """
    controls = {
        "times_faster": _choice("times as fast", _counts(1, 10_000), 10),
        "labels_for_donor": _choice(
            "labels, instead of ten", _counts(10, 1_000), 20
        ),
        "points_forgotten": _whole("points forgotten", 0, 50, 5),
    }
    kept = {"guesses": None}

    def plot(ax, **guesses):
        return plot_prediction(guesses, guesses == kept["guesses"], ax)

    panel = Panel(plot, controls)
    button = widgets.Button(description="Keep my guesses")
    answer = widgets.HTML()

    def keep(_):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            scoreboard.keep_guesses(**panel.values())
        kept["guesses"] = panel.values()
        answer.value = html.escape(said.getvalue())
        panel.redraw()

    button.on_click(keep)
    panel.button = button
    panel.children = [*controls.values(), button, answer, panel.picture]
    return panel


# ------------------------------------------------------------ cost and device


def plot_cost(
    measured=None,
    examples=10_000,
    epochs=15,
    device="T4",
    network="donor",
    ax=None,
):
    """Draw how long a training takes on what you have and could rent.

    measured: dictionary from a name, such as "Python lists", to the FLOP per
        second that you measured; None takes those of your scoreboard
    examples, epochs: how many pictures are shown, and how often
    device: the name of the row to point out: of `measured`, or of
        `costs.DEVICES`, which are estimated from their data sheets
    network: one of `NETWORKS`

    Returns the axes. Raises KeyError for an unknown device or network.
    """
    ax = plots.new_axes(ax)
    rows = _devices(measured)
    for name, table in ((device, rows), (network, NETWORKS)):
        if name not in table:
            raise KeyError(f"There is no {name!r}: choose {', '.join(table)}.")
    work = costs.training_operations(NETWORKS[network], examples, epochs)
    found = {
        name: costs.estimate(work, each, utilization=share)
        for name, (each, share) in rows.items()
    }
    for height, (name, (_, share)) in enumerate(rows.items()):
        seconds, chosen = found[name].seconds, name == device
        color = CHOSEN if chosen else OTHER
        ax.plot(
            seconds, -height, "D" if share == 1 else "o", color=color,
            fillstyle="full" if share == 1 else "none",
            markersize=13 if chosen else 8,
        )  # fmt: skip
        ax.annotate(
            timing.format_seconds(seconds), (seconds, -height), (12, 0),
            textcoords="offset points", va="center", fontsize="small",
            color=color, fontweight="bold" if chosen else "normal",
        )  # fmt: skip
    ax.set_xscale("log")
    ends = [estimate.seconds for estimate in found.values()]
    left, right = min(ends) / 3, max(ends) * 60
    ticks, last = {}, 0
    for text, x in TICKS.items():  # as many as have room
        if left < x < right and x > last * (right / left) ** 0.1:
            ticks[text] = last = x
    ax.set_xticks(list(ticks.values()), ticks)
    ax.minorticks_off()
    ax.set_xlim(left, right)
    ax.set_yticks([-height for height in range(len(rows))], rows)
    ax.margins(y=0.1)
    ax.set_xlabel("time (full: measured, hollow: estimated)")
    _title(
        ax,
        f"{network}, {examples:,} pictures, {epochs} epochs, {device}:\n"
        + _cost(found[device]),
    )
    return ax


def _devices(measured):
    """Return {name: (Device, share of its peak)}, measured ones first."""
    if measured is None:
        measured = {
            scoreboard.drawable(entry["rung"]): entry["flops_per_second"]
            for entry in scoreboard.table()
            if (entry.get("flops_per_second") or 0) > 0
        }
    own = {
        name: (costs.measured_device(name, rate), 1)
        for name, rate in measured.items()
    }
    rent = {
        name: (device, costs.UTILIZATION)
        for name, device in costs.DEVICES.items()
        if device.dollars_per_hour is not None
    }
    return own | rent


def _cost(estimate):
    """Write time, energy and money, as far as they are known."""
    parts = [timing.format_seconds(estimate.seconds)]
    if estimate.kilowatt_hours is not None:
        watt_hours = estimate.kilowatt_hours * 1000
        parts.append(
            f"{watt_hours:,.2g} Wh"
            if watt_hours < 1000
            else f"{estimate.kilowatt_hours:,.0f} kWh"
        )
    if estimate.dollars is not None:
        parts.append(
            f"{estimate.dollars:,.2f} dollars"
            if estimate.dollars >= 0.01
            else "less than a cent"
        )
    return ", ".join(parts)


def cost_panel(measured=None, device="T4"):
    """Return sliders for pictures, epochs and device; see `plot_cost`."""
    rows = _devices(measured)

    def plot(ax, **values):
        return plot_cost(measured, ax=ax, **values)

    return Panel(
        plot,
        {
            "examples": _choice("pictures", _counts(100, 10_000_000), 10_000),
            "epochs": _whole("epochs", 1, 100, 15),
            "device": _choice("device", list(rows), device),
            "network": _choice("network", list(NETWORKS), "donor"),
        },
    )


# ------------------------------------------------------ batch size and roof


def plot_batch_size(
    rates, peak, bandwidth, batch, inputs=3072, hidden=32, ax=None
):
    """Draw what a batch size reaches under the roof of the machine.

    rates: dictionary from batch size to pictures per second
    peak, bandwidth: of the machine, in FLOP and bytes per second
    batch: the size to point out, a key of `rates`
    inputs, hidden: sizes of the network of notebook 02

    Returns the axes. Raises KeyError for a batch that was not measured.
    """
    if batch not in rates:
        known = ", ".join(map(str, rates))
        raise KeyError(f"No batch of {batch} was measured: choose {known}.")
    ax = plots.new_axes(ax)
    work = timing.count_network((inputs, hidden, 1), training=True)
    points = {
        size: (limits.intensity(size, inputs, hidden), rate * work)
        for size, rate in rates.items()
    }
    corner, across = peak / bandwidth, [x for x, _ in points.values()]
    ends = min([*across, corner]) / 3, max([*across, corner]) * 4
    x = np.geomspace(*ends, 100)
    ax.loglog(x, np.minimum(peak, bandwidth * x), color="black")
    for size, point in points.items():
        ax.annotate(
            f"{size:,}", point, (8, -14), textcoords="offset points",
            fontsize="small",
        )  # fmt: skip
    ax.loglog(*zip(*points.values(), strict=True), "o", color=OTHER)
    here, reached = points[batch]
    roof = min(peak, bandwidth * here)
    ax.loglog([here] * 2, [reached, roof], ":", color=CHOSEN)
    ax.loglog(here, reached, "D", color=CHOSEN, markersize=12)
    ax.minorticks_off()
    ax.set_ylim(min(y for _, y in points.values()) / 3, peak * 2)
    ax.set_xlabel("FLOP per byte")
    ax.set_ylabel("FLOP per second")
    _title(
        ax,
        f"batch of {batch:,}: {rates[batch]:,.0f} pictures a second, "
        f"{reached / roof:.0%} of the roof;\n"
        f"{'memory' if here < corner else 'arithmetic'} is the limit, and "
        f"{math.ceil(9_000 / batch):,} updates make an epoch of 9,000",
    )
    return ax


def batch_size_panel(rates, peak, bandwidth, inputs=3072, hidden=32):
    """Return a slider over the measured batch sizes; see `plot_batch_size`."""
    sizes = [(f"{size:,}", size) for size in sorted(rates)]

    def plot(ax, batch):
        return plot_batch_size(
            rates, peak, bandwidth, batch, inputs, hidden, ax
        )

    middle = sizes[len(sizes) // 2][1]
    return Panel(plot, {"batch": _choice("batch size", sizes, middle)})


# ------------------------------------------------------------------ transfer


def plot_foxes(accuracy, count=10, arm="frozen", ax=None):
    """Draw what a donor is worth at one number of labeled pictures.

    accuracy: {arm: {count: accuracies, one a seed}}, as in
        `transfer.stored(source)["accuracy"]`
    count: labeled pictures of each animal; arm: the line to point out. For an
        arm that has no such count, the nearest one is taken

    Returns the axes. Raises KeyError for an arm that was not measured.
    """
    from course_utils import transfer

    if arm not in accuracy:
        raise KeyError(f"There is no {arm!r}: choose {', '.join(accuracy)}.")
    ax = transfer.plot(accuracy, ax)
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
    ax.axvline(count, color=FAINT, linestyle=":", linewidth=1)
    low = min(min(map(np.min, each.values())) for each in accuracy.values())
    ax.set_ylim(min(0.5, low), 1)
    ax.set_xlim(right=max(map(max, accuracy.values())) * 4)
    text = f"{count} dogs and {count} foxes, {transfer.ARM_LABELS[arm]}: "
    text += f"{evaluation.interval(scores)}"
    if arm != "scratch" and "scratch" in accuracy:
        worth = transfer.labels_to_reach(accuracy["scratch"], scores.mean())
        text += "\n" + (
            f"from scratch, {worth:.0f} of each are as good"
            if math.isfinite(worth)
            else "no number measured from scratch is as good"
        )
    _title(ax, text)
    return ax


def foxes_panel(accuracy, count=10):
    """Return controls for pictures and donor; see `plot_foxes`."""
    from course_utils import transfer

    counts = sorted(set().union(*accuracy.values()))
    arms = [(transfer.ARM_LABELS[arm], arm) for arm in accuracy]

    def plot(ax, **values):
        return plot_foxes(accuracy, ax=ax, **values)

    return Panel(
        plot,
        {
            "count": _choice("pictures of each", counts, count),
            "arm": _choice("what sees", arms, "frozen"),
        },
    )


# ------------------------------------------------------- rates and forgetting


def plot_rates(grid, rate=1e-3, blocks=3, ax=None):
    """Draw what fine-tuning gains on foxes against what it forgets.

    grid: as `forgetting.stored(source)` returns it
    rate: learning rate of the point to point out
    blocks: how many of the donor's three blocks were trained, from the top;
        with 0 a head alone was, at any rate

    Returns the axes. Raises KeyError for a pair that was not measured.
    """
    from course_utils import forgetting

    ax = plots.new_axes(ax)
    lines = {
        each: [
            forgetting.Trial(each, depth)
            for depth in (1, 2, 3)
            if forgetting.Trial(each, depth) in grid["runs"]
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
        ax.plot([], [], marker, color=FAINT, label=f"{depth} trained")
    ax.plot(*_place(grid, forgetting.FROZEN), "x", color="black")
    trial = forgetting.Trial(rate, blocks) if blocks else forgetting.FROZEN
    if trial not in grid["runs"]:
        raise KeyError(f"Rate {rate:g} with {blocks} blocks is not measured.")
    found = grid["runs"][trial]
    lost = evaluation.interval(forgetting.forgotten(grid, trial))
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
    _title(
        ax,
        f"{trained[0].upper()}{trained[1:]}: dogs and foxes {score.mean:.3f} "
        f"± {score.high - score.mean:.3f},\ncats and dogs lose "
        f"{lost.mean:.1f} ± {lost.high - lost.mean:.1f} points",
    )
    return ax


def _rates(grid):
    """Return the learning rates whose depths were compared, lowest first."""
    from course_utils import forgetting

    rates = {trial.rate for trial in grid["runs"] if trial.rate}
    return sorted(
        rate for rate in rates if forgetting.Trial(rate, 1) in grid["runs"]
    )


def _place(grid, trial):
    from course_utils import forgetting

    lost = forgetting.forgotten(grid, trial).mean()
    return lost, grid["runs"][trial]["dog/fox"].mean()


def rates_panel(grid):
    """Return controls for learning rate and depth; see `plot_rates`."""
    rates = [(f"{rate:g}", rate) for rate in _rates(grid)]

    def plot(ax, **values):
        return plot_rates(grid, ax=ax, **values)

    return Panel(
        plot,
        {
            "rate": _choice("learning rate", rates, rates[-1][1]),
            "blocks": _whole("blocks trained", 0, 3, 3),
        },
    )


# ---------------------------------------------------------------- break-even


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
        ax.axvline(paid, color=FAINT, linestyle=":", label="paid")
    ax.axvline(tasks, color=FAINT, linewidth=1, label="your tasks")
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
    _title(
        ax,
        f"The donor {when}. {tasks:,} tasks "
        f"{'save' if gain >= 0 else 'lose'}\n"
        f"{timing.format_seconds(abs(gain))}, {money:,.2g} dollars",
    )
    return ax


def break_even_panel(donor=240.0, transfer=0.5, scratch=12.5):
    """Return controls for costs and tasks; see `plot_break_even`."""
    seconds = {
        name: widgets.FloatLogSlider(
            description=text, base=10, min=low, max=high, step=0.05,
            value=value, readout_format=",.2f", **_look(),
        )
        for name, text, low, high, value in (
            ("donor", "donor, seconds", 0, 6, donor),
            ("transfer", "task with it, seconds", -3, 3, transfer),
            ("scratch", "from scratch, seconds", -1, 5, scratch),
        )
    }  # fmt: skip
    more = {
        "tasks": _choice("tasks", _counts(1, 10_000), 50),
        "dollars_per_hour": _choice(
            "dollars an hour", _counts(0.01, 100, 0.35), 0.35
        ),
    }
    return Panel(plot_break_even, seconds | more)
