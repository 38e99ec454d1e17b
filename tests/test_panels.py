import base64
import io
import math
import re
import time

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from course_utils import panels, plots, scoreboard, timing
from course_utils.results import forgetting, transfer
from course_utils.timing import costs, roofline

RATES = {1: 5_000, 16: 70_000, 256: 280_000, 1024: 330_000}
MEASURED = {"Python lists": 46e6, "NumPy, batches": 117e9}


def grid():
    """Return a made-up grid of the shape that notebook 06 measures."""
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
    """Return a made-up grid of the shape that notebook 07 measures."""

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


def test_a_redraw_takes_less_than_100_ms(panel):
    seconds = []
    for _ in range(8):
        started = time.process_time()
        panel.redraw()
        seconds.append(time.process_time() - started)
    assert min(seconds) < 0.1


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
    assert "0 of 3" in alternative(panel)
    panel.button.click()
    kept = scoreboard.latest("prediction")
    assert kept["times_faster"] == 100
    assert "1 of 3" in alternative(panel)
    panel.controls["times_faster"].value = 1_000  # a new guess hides it
    assert "0 of 3" in alternative(panel)


def test_the_latest_guesses_are_drawn_beside_what_was_measured():
    scoreboard.keep_guesses(
        times_faster=10, labels_for_donor=20, points_forgotten=0
    )
    scoreboard.record("NumPy, batches", times_lists=1_000.0)
    ax = scoreboard.plot_prediction()
    words = [text.get_text() for text in ax.texts]
    assert words == [
        "off by a factor of 100.0",
        "not measured yet",
        "not measured yet",
    ]


@pytest.mark.parametrize(
    "kept", ["5,5", [5, 5], True, {}, "NaN", 1e200, "", "fox"], ids=str
)
def test_a_guess_kept_as_anything_stops_no_figure(kept):
    scoreboard.record("prediction", notebook=0, points_forgotten=kept)
    scoreboard.record("points forgotten", points=4.0)
    ax = panels.plot_prediction()
    ax.figure.canvas.draw()
    words = {text.get_text() for text in ax.texts}
    assert max(map(len, words)) < 40
    assert ("no guess" in words) == (kept != 1e200)


def test_a_guess_of_nothing_is_compared_by_difference():
    ax = scoreboard.plot_guesses({"points": (0, 6.5), "more": (None, 3)})
    words = [text.get_text() for text in ax.texts]
    assert words == ["off by 6.5", "no guess"]


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
    assert places["T4"] == pytest.approx(expected.seconds)
    assert places["Python lists"] == pytest.approx(work / 46e6)
    assert timing.format_seconds(expected.seconds) in ax.get_title()


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


def test_foxes_shows_every_seed_and_what_the_labels_are_worth():
    rows = grid()
    ax = transfer.plot_foxes(rows, 25, "frozen")
    (seeds,) = [line for line in ax.lines if line.get_markersize() == 16]
    assert seeds.get_ydata() == pytest.approx(rows["frozen"][25])
    assert "25 dogs and 25 foxes, cat/dog donor" in ax.get_title()
    assert "no number measured from scratch" in ax.get_title()
    ax = transfer.plot_foxes(rows, 5, "random")
    assert re.search(r"scratch, \d+ of each are as good", ax.get_title())


def test_an_arm_without_that_count_shows_its_nearest():
    ax = transfer.plot_foxes(grid(), 25, "scratch")
    assert ax.get_title().startswith("10 dogs") or "50 dogs" in ax.get_title()


# ------------------------------------------------------- rates and forgetting


def test_rates_point_out_one_training_with_its_interval():
    ax = forgetting.plot_rates(rates(), 1e-3, 3)
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    for x, y in ax.lines[0].get_xydata():
        assert left < x < right and low < y < high
    assert "3 blocks at 0.001" in ax.get_title()
    assert "0.840 ± 0.025" in ax.get_title()
    assert "lose 6.0 ± 2.5 points" in ax.get_title()
    assert (
        "A head alone" in forgetting.plot_rates(rates(), 1e-3, 0).get_title()
    )


def test_a_training_that_nobody_measured_is_a_clear_error():
    with pytest.raises(KeyError, match="with 2 blocks is not measured"):
        forgetting.plot_rates(rates(), 0.5, 2)


# ---------------------------------------------------------------- break-even


def test_break_even_agrees_with_the_lesson():

    ax = transfer.plot_break_even(1_000, 2, 42, tasks=50)
    paid = transfer.break_even(1_000, 2, 42)
    assert f"has paid after {paid} tasks" in ax.get_title()
    assert "50 tasks save" in ax.get_title()
    ax = transfer.plot_break_even(1_000, 2, 42, tasks=5)
    assert "5 tasks lose" in ax.get_title()


def test_a_donor_that_saves_nothing_never_pays():
    ax = transfer.plot_break_even(1_000, 42, 42)
    assert "will never pay" in ax.get_title()
