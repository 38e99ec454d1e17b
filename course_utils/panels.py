"""Interactive panels: controls over numbers that were measured before.

Each `plot_...` draws one setting, returns its axes and works without any
control; the `..._panel` of the same name puts controls above the same figure.
No panel trains or measures anything, so it responds at once.
"""

import base64
import contextlib
import html
import io
import math

import ipywidgets as widgets
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from course_utils import scoreboard
from course_utils.language import say
from course_utils.results import forgetting, transfer
from course_utils.results.transfer import plot_break_even
from course_utils.timing import costs, roofline


class Panel(widgets.VBox):
    """Show a figure below its controls, and redraw it when one moves.

    plot: a function that draws on `ax` and takes one value per control by name
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
        """Say what a reader without a kernel is missing."""
        return say(
            "A panel: its controls work while the notebook runs; the figure "
            "above shows one setting."
        )

    def values(self):
        """Return the values of the controls by name."""
        return {name: each.value for name, each in self.controls.items()}

    def redraw(self, change=None):
        """Draw the figure for the current values."""
        figure = Figure()
        ax = figure.subplots()
        self.plot(ax=ax, **self.values())
        if self.frame is not None:  # as before: it stays still, and is quick
            figure.set_layout_engine("none")
            ax.set_position(self.frame)
        self.picture.value = picture(figure, ax.get_title())
        self.frame = ax.get_position().frozen()


class LabelPanel(widgets.VBox):
    """Let a reader label numbered pictures, and count the right answers.

    truths: the right name of each picture; names: those to choose from

    The score, `right` of the pictures, appears once each has an answer. Taught
    in notebook 00.
    """

    def __init__(self, truths, names):
        self.truths = list(truths)
        self.right = None
        self.choices = [
            widgets.ToggleButtons(
                description=say(f"picture {number}"), options=list(names),
                value=None, style={"button_width": "5em"},
            )
            for number in range(1, len(self.truths) + 1)
        ]  # fmt: skip
        self.score = widgets.HTML()
        columns = [self.choices[::2], self.choices[1::2]]
        grid = widgets.HBox([widgets.VBox(column) for column in columns])
        super().__init__([grid, self.score])
        for choice in self.choices:
            choice.observe(self.count, names="value")
        self.count()

    def __repr__(self):
        """Say what a reader without a kernel is missing."""
        return say(
            "A panel: while the notebook runs, you label each picture with "
            "buttons and see your score."
        )

    def count(self, change=None):
        """Count the right answers, once all are given."""
        answers = [choice.value for choice in self.choices]
        left = answers.count(None)
        self.right = None
        if left:
            self.score.value = say(f"{left} left to label")
            return
        wrong = [
            say(f"{number} is a {truth}")
            for number, (answer, truth) in enumerate(
                zip(answers, self.truths, strict=True), start=1
            )
            if answer != truth
        ]
        self.right = len(answers) - len(wrong)
        said = say(f"<b>{self.right} of {len(answers)} right.</b>")
        self.score.value = f"{said} {'; '.join(wrong)}"


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

    Used for names too, because JupyterLab captures the keys of a drop-down
    list.
    """
    return widgets.SelectionSlider(
        description=say(description), options=options, value=value, **_look()
    )


def _whole(description, low, high, value):
    return widgets.IntSlider(
        description=say(description), min=low, max=high, value=value, **_look()
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


def prediction_panel():
    """Return three sliders and a button that keeps their guesses.

    What was measured appears next to a guess once the guess is kept. Taught in
    notebook 00.
    """
    controls = {
        "times_faster": _choice("times faster", _counts(1, 10_000), 10),
        "labels_for_donor": _choice(
            "labels worth ten", _counts(10, 1_000), 20
        ),
        "points_forgotten": _whole("points forgotten", 0, 50, 5),
    }
    kept = {"guesses": None}

    def plot(ax, **guesses):
        return scoreboard.plot_prediction(
            guesses, guesses == kept["guesses"], ax
        )

    panel = Panel(plot, controls)
    button = widgets.Button(description=say("Keep my guesses"))
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


def cost_panel(measured=None, device="T4"):
    """Return sliders for pictures, epochs and device; see `plot_cost`.

    Taught in notebook 01.

    >>> cost_panel({"my laptop": 5e10}).values()["device"]
    'T4'
    """
    rows = costs._devices(measured)

    def plot(ax, **values):
        return costs.plot_cost(measured, ax=ax, **values)

    return Panel(
        plot,
        {
            "examples": _choice("pictures", _counts(100, 10_000_000), 10_000),
            "epochs": _whole("epochs", 1, 100, 15),
            "device": _choice("device", list(rows), device),
            "network": _choice("network", list(costs.NETWORKS), "donor"),
        },
    )


def batch_size_panel(rates, peak, bandwidth, inputs=3072, hidden=32):
    """Return a slider over the measured batch sizes; see `plot_batch_size`.

    Taught in notebook 02.
    """
    sizes = [(f"{size:,}", size) for size in sorted(rates)]

    def plot(ax, batch):
        return roofline.plot_batch_size(
            rates, peak, bandwidth, batch, inputs, hidden, ax
        )

    middle = sizes[len(sizes) // 2][1]
    return Panel(plot, {"batch": _choice("batch size", sizes, middle)})


def foxes_panel(accuracy, count=10):
    """Return controls for pictures and donor; see `plot_worth`.

    Taught in notebook 06.
    """

    counts = sorted(set().union(*accuracy.values()))
    arms = [(say(transfer.ARM_LABELS[arm]), arm) for arm in accuracy]

    def plot(ax, **values):
        return transfer.plot_worth(accuracy, ax=ax, **values)

    return Panel(
        plot,
        {
            "count": _choice("pictures of each", counts, count),
            "arm": _choice("approach", arms, "frozen"),
        },
    )


def rates_panel(grid):
    """Return controls for learning rate and depth; see `plot_rates`.

    Taught in notebook 07.
    """
    rates = [(f"{rate:g}", rate) for rate in forgetting._rates(grid)]

    def plot(ax, **values):
        return forgetting.plot_rates(grid, ax=ax, **values)

    return Panel(
        plot,
        {
            "rate": _choice("learning rate", rates, rates[-1][1]),
            "blocks": _whole("blocks trained", 0, 4, 4),
        },
    )


def break_even_panel(donor=240.0, transfer=0.5, scratch=12.5):
    """Return controls for costs and tasks; see `plot_break_even`.

    Taught in notebook 06.
    """
    seconds = {
        name: widgets.FloatLogSlider(
            description=text, base=10, min=low, max=high, step=0.05,
            value=value, readout_format=",.2f", **_look(),
        )
        for name, text, low, high, value in (
            ("donor", say("donor, seconds"), 0, 6, donor),
            ("transfer", say("with donor, seconds"), -3, 3, transfer),
            ("scratch", say("from scratch, seconds"), -1, 5, scratch),
        )
    }  # fmt: skip
    more = {
        "tasks": _choice("tasks", _counts(1, 10_000), 50),
        "dollars_per_hour": _choice(
            "dollars per hour", _counts(0.01, 100, 0.35), 0.35
        ),
    }
    return Panel(plot_break_even, seconds | more)
