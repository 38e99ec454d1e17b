import base64
import io
import itertools
import math
import re
import time

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from course_utils import panels, plots, scoreboard, timing
from course_utils.results import evaluation, forgetting, transfer
from course_utils.timing import costs, roofline

RATES = {1: 5_000, 16: 70_000, 256: 280_000, 1024: 330_000}
MEASURED = {"Python lists": 46e6, "NumPy, batches": 117e9}


def grid():
    """Return a made-up grid of the shape that notebook 6 measures."""
    random = np.random.default_rng(0)
    counts = {"scratch": (10, 50, 100, 500)}
    return {
        arm: {
            count: floor + 0.06 * math.log10(count) + random.normal(0, 0.01, 5)
            for count in counts.get(arm, (5, 10, 25, 50, 100, 500))
        }
        for arm, floor in (
            ("frozen", 0.68),
            ("unrelated", 0.57),
            ("random", 0.56),
            ("scratch", 0.5),
        )
    }


def rates():
    """Return a made-up grid of the shape that notebook 7 measures."""

    def run(old, new):
        spread = np.array([-0.01, 0, 0.01])
        return {"cat/dog": old + spread, "dog/fox": new + spread}

    runs = {forgetting.FROZEN: run(0.87, 0.81)}
    for place, rate in enumerate((1e-5, 1e-4, 1e-3)):
        for blocks in (1, 2, 3, 4):
            worse = 0.01 * blocks * place
            trial = forgetting.Trial(rate, blocks)
            runs[trial] = run(0.87 - worse, 0.81 + worse / 2)
    runs[forgetting.PER_DEPTH] = run(0.86, 0.84)
    return {"before": 0.87, "runs": runs}


PANELS = {
    "prediction": panels.prediction_panel,
    "cost": lambda: panels.cost_panel(MEASURED),
    "batch size": lambda: panels.batch_size_panel(RATES, 195e9, 42e9),
    "foxes": lambda: panels.foxes_panel(grid()),
    "rates": lambda: panels.rates_panel(rates()),
    "break-even": panels.break_even_panel,
}
# Those that need no framework, for the browser.
QUICK = ("prediction", "cost", "batch size", "break-even")


@pytest.fixture(autouse=True)
def style(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    with plt.style.context("default"):
        plots.use_course_style()
        yield
    plt.close("all")


@pytest.fixture(params=PANELS)
def panel(request):
    return PANELS[request.param]()


def extremes(control):
    """Return the values at a control's two ends, and the one it has."""
    if hasattr(control, "options"):
        ends = [
            option[1] if isinstance(option, tuple) else option
            for option in (control.options[0], control.options[-1])
        ]
    elif hasattr(control, "base"):
        ends = [control.base**control.min, control.base**control.max]
    else:
        ends = [control.min, control.max]
    return [*ends, control.value]


def pixels(panel):
    data = re.search(r"base64,([^\"]+)", panel.picture.value)[1]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def alternative(panel):
    return re.search(r'alt="([^"]*)"', panel.picture.value)[1]


def test_every_control_changes_the_figure_at_both_ends(panel):
    for name, control in panel.controls.items():
        for value in extremes(control):
            before, was = pixels(panel), control.value
            control.value = value
            assert pixels(panel).shape == before.shape
            changed = not np.array_equal(pixels(panel), before)
            assert changed or control.value == was, name
        assert alternative(panel)


def test_every_control_has_a_label_that_fits(panel):
    for control in panel.controls.values():
        assert 0 < len(control.description) < 25
        assert "max" not in control.style.description_width


def test_a_redraw_costs_little_more_than_an_empty_figure(panel):
    """No panel measures or trains anything: its figure is all that it does."""

    def quickest(function):
        seconds = []
        for _ in range(6):
            started = time.process_time()
            function()
            seconds.append(time.process_time() - started)
        return min(seconds)

    def empty():
        figure = Figure()
        figure.subplots()
        panels.picture(figure, "empty")

    assert quickest(panel.redraw) < 8 * quickest(empty)


def test_no_panel_leaves_a_figure_behind(panel):
    panel.redraw()
    assert plt.get_fignums() == []


def test_without_a_front_end_a_panel_says_what_it_is(panel):
    assert len(repr(panel)) <= 110  # ipywidgets cuts what is longer
    assert "the figure above" in repr(panel)


def test_panels_use_widgets_that_ipywidgets_7_has_too(panel):
    known = {
        "SelectionSlider", "IntSlider", "FloatLogSlider", "Button", "HTML",
    }  # fmt: skip
    children = {type(child).__name__ for child in panel.children}
    assert children <= known
    # What only version 8 knows: 7 would ignore it in silence.
    for child in panel.children:
        assert not getattr(child, "tooltip", None)


# ------------------------------------------------------ predict, then measure


def test_a_kept_guess_is_recorded_and_then_set_against_the_measurement():
    scoreboard.record("NumPy, batches", notebook=2, times_lists=4_000.0)
    panel = panels.prediction_panel()
    panel.controls["times_faster"].value = 100
    assert "before anything is measured" in alternative(panel)
    panel.button.click()
    kept = scoreboard.latest("prediction")
    assert kept["times_faster"] == 100
    assert "1 of 3" in alternative(panel)
    panel.controls["times_faster"].value = 1_000  # a new guess hides it
    assert "before anything is measured" in alternative(panel)


def differences(ax):
    return [panel.get_title(loc="right") for panel in ax.child_axes]


def test_the_latest_guesses_are_drawn_beside_what_was_measured():
    scoreboard.keep_guesses(
        times_faster=10, labels_for_donor=20, points_forgotten=0
    )
    scoreboard.record("NumPy, batches", times_lists=1_000.0)
    ax = scoreboard.plot_prediction()
    assert differences(ax) == [
        "off by a factor of 100.0",
        "not measured yet",
        "not measured yet",
    ]
    assert [panel.get_xlabel() for panel in ax.child_axes] == [
        "times faster",
        "labeled pictures of each animal",
        "percentage points",
    ]


def test_a_measurement_without_a_guess_is_not_called_a_guess():
    scoreboard.record("points forgotten", points=4.0)
    ax = scoreboard.plot_prediction()
    assert ax.get_title() == "1 of 3 answers measured, without a guess"


@pytest.mark.parametrize(
    "kept", ["5,5", [5, 5], True, {}, "NaN", 1e200, "", "fox"], ids=str
)
def test_a_guess_kept_as_anything_stops_no_figure(kept):
    scoreboard.record("prediction", notebook=0, points_forgotten=kept)
    scoreboard.record("points forgotten", points=4.0)
    ax = scoreboard.plot_prediction()
    ax.figure.canvas.draw()
    words = {panel.get_title(loc="right") for panel in ax.child_axes}
    assert max(map(len, words)) < 40
    assert ("no guess" in words) == (kept != 1e200)


def test_a_guess_of_nothing_is_compared_by_difference():
    ax = scoreboard.plot_guesses({"points": (0, 6.5), "more": (None, 3)})
    assert differences(ax) == ["off by 6.5", "no guess"]


@pytest.mark.parametrize("guess", [0.5, 30_000, 1_000_000])
def test_a_guess_beyond_the_axis_is_in_the_panel(guess):
    question, *_, axis = scoreboard.QUESTIONS["times_faster"]
    ax = scoreboard.plot_guesses({question: (guess, 40)}, {question: axis})
    low, high = ax.child_axes[0].get_xlim()
    assert low <= guess <= high


# ------------------------------------------------------------ labels by hand


def label_all(panel, answers):
    for choice, answer in zip(panel.choices, answers, strict=True):
        choice.value = answer


@pytest.mark.parametrize(
    ("answers", "right", "said"),
    [
        (["dog", "fox", "fox"], 3, "3 of 3 right"),
        (["fox", "fox", "fox"], 2, "1 is a dog"),
        (["fox", "dog", "dog"], 0, "1 is a dog; 2 is a fox; 3 is a fox"),
        (["dog", None, "fox"], None, "1 left to label"),
    ],
)
def test_labels_are_counted_once_all_are_given(answers, right, said):
    panel = panels.LabelPanel(["dog", "fox", "fox"], ["dog", "fox"])
    label_all(panel, answers)
    assert panel.right == right
    assert said in panel.score.value
    assert "VBox" not in repr(panel)


# ------------------------------------------------------------ cost and device


def test_the_cost_says_what_the_calculator_says():
    ax = costs.plot_cost(MEASURED, 10_000, 15, "T4")
    work = costs.training_operations(costs.donor_forward(), 10_000, 15)
    expected = costs.estimate(work, "T4")
    rows = [text.get_text() for text in ax.get_yticklabels()]
    places = {
        name: line.get_xdata()[0]
        for name, line in zip(rows, ax.lines, strict=True)
    }
    # Starting the steps takes longer than a T4 needs for their arithmetic.
    assert places["T4"] >= expected.seconds
    assert places["Python lists"] == pytest.approx(work / 46e6)
    assert timing.format_seconds(places["T4"]) in ax.get_title()


def test_the_cost_takes_the_rungs_of_the_scoreboard():
    scoreboard.record("Python lists", notebook=1, flops_per_second=5e7)
    ax = costs.plot_cost()
    assert ax.get_yticklabels()[0].get_text() == "Python lists"
    assert "Python lists" in panels.cost_panel().controls["device"].options


def test_an_unknown_device_names_those_that_exist():
    with pytest.raises(KeyError, match="choose Python lists, NumPy"):
        costs.plot_cost(MEASURED, device="abacus")


# ------------------------------------------------------ batch size and roof


def test_a_batch_is_set_against_its_own_roof():
    ax = roofline.plot_batch_size(RATES, 195e9, 42e9, 1)
    assert "memory is the limit" in ax.get_title()
    assert "9,000 updates" in ax.get_title()
    ax = roofline.plot_batch_size(RATES, 195e9, 42e9, 1024)
    assert "arithmetic is the limit" in ax.get_title()
    share = 330_000 * timing.count_network((3072, 32, 1), training=True)
    assert f"{share / 195e9:.0%} of the roof" in ax.get_title()


def test_a_batch_that_nobody_measured_is_a_clear_error():
    with pytest.raises(KeyError, match="No batch of 7 was measured"):
        roofline.plot_batch_size(RATES, 195e9, 42e9, 7)


# ------------------------------------------------------------------ transfer


def test_the_arrow_ends_where_scratch_is_as_good():
    rows = grid()
    ax = transfer.plot_worth(rows, 25, "frozen")
    assert "25 dogs and 25 foxes, cat/dog donor" in ax.get_title()
    assert "as good as more than" in ax.get_title()
    ax = transfer.plot_worth(rows, 5, "random")
    needed = transfer.labels_to_reach(
        rows["scratch"], np.mean(rows["random"][5])
    )
    assert f"as good as {needed:.0f} of each from scratch" in ax.get_title()
    tips = [text.xy for text in ax.texts if text.arrow_patch]
    assert tips == [pytest.approx((needed, np.mean(rows["random"][5])))]


@pytest.mark.parametrize("high", [90.0, 400.0, 1e4])
def test_the_interval_of_what_labels_are_worth_is_drawn(high):
    worth = evaluation.Interval(60.0, 40.0, high, "5 donors")
    rows = grid()
    ax = transfer.plot_worth(rows, 10, "frozen", worth)
    end = min(high, max(rows["scratch"]))
    (bar,) = [line for line in ax.lines if line.get_marker() == "|"]
    assert list(bar.get_xdata()) == [40.0, end]
    assert f"60 [40, {end:.0f}]" in [text.get_text() for text in ax.texts]


def test_an_arm_without_that_count_shows_its_nearest():
    ax = transfer.plot_worth(grid(), 25, "scratch")
    assert ax.get_title().startswith("10 dogs") or "50 dogs" in ax.get_title()


@pytest.mark.parametrize("levels", [(0.8, 0.8, 0.8), (0.8, 0.79), (0.5, 0.9)])
def test_names_of_lines_do_not_lie_on_each_other(levels):
    arms = ("frozen", "scratch", "random")[: len(levels)]
    rows = {
        arm: {10: [level, level], 100: [level, level + 0.01]}
        for arm, level in zip(arms, levels, strict=True)
    }
    ax = transfer.plot(rows)
    names = {transfer.ARM_LABELS[arm] for arm in arms}
    draw = ax.figure.canvas.get_renderer()
    boxes = [text.get_window_extent(draw) for text in ax.texts
             if text.get_text() in names]  # fmt: skip
    assert len(boxes) == len(arms)
    for first, second in itertools.combinations(boxes, 2):
        assert not first.overlaps(second)


# ------------------------------------------------------- rates and forgetting


def test_rates_point_out_one_training_with_its_interval():
    ax = forgetting.plot_rates(rates(), 1e-3, 3)
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    for x, y in ax.lines[0].get_xydata():
        assert left < x < right and low < y < high
    assert "3 blocks at 0.001" in ax.get_title()
    assert "0.840 ± 0.025" in ax.get_title()
    assert "lose 6.0 ± 2.5 points" in ax.get_title()
    assert "Only a head" in forgetting.plot_rates(rates(), 1e-3, 0).get_title()


def test_a_training_that_nobody_measured_is_a_clear_error():
    with pytest.raises(KeyError, match="with 2 blocks was not measured"):
        forgetting.plot_rates(rates(), 0.5, 2)


# ---------------------------------------------------------------- break-even


def test_break_even_agrees_with_the_lesson():

    ax = transfer.plot_break_even(1_000, 2, 42, tasks=50)
    paid = transfer.break_even(1_000, 2, 42)
    assert f"pays off after {paid} tasks" in ax.get_title()
    assert "50 tasks save" in ax.get_title()
    ax = transfer.plot_break_even(1_000, 2, 42, tasks=5)
    assert "5 tasks lose" in ax.get_title()


def test_a_donor_that_saves_nothing_never_pays():
    ax = transfer.plot_break_even(1_000, 42, 42)
    assert "never pays off" in ax.get_title()
