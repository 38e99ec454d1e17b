from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from course_utils import plots


@pytest.fixture(autouse=True)
def style():
    with plt.style.context("default"):
        plots.use_course_style()
        yield
    plt.close("all")


def luminance(color):
    """Return the relative luminance of WCAG 2.2."""
    parts = np.array(to_rgb(color))
    linear = np.where(
        parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4
    )
    return linear @ (0.2126, 0.7152, 0.0722)


def test_the_style_is_applied():
    assert plt.rcParams["figure.figsize"] == [7, 4]
    assert plt.rcParams["font.size"] == 13
    assert plt.rcParams["lines.linewidth"] == 2.5


def test_lines_differ_in_stroke_where_only_a_color_is_named():
    ax = plt.subplots()[1]
    lines = [ax.plot([1, 2], color="black")[0] for _ in range(4)]
    assert len({line.get_linestyle() for line in lines}) == 4
    (points,) = ax.plot([1, 2], "o", color="black")
    assert points.get_linestyle() == "None"


def test_ideas_differ_in_color_and_in_marker():
    assert plots.COLORS.keys() == plots.MARKERS.keys()
    for look in (plots.COLORS, plots.MARKERS):
        assert len(set(look.values())) == len(look)


@pytest.mark.parametrize("name", plots.COLORS)
def test_colors_stand_out_from_paper(name):
    contrast = 1.05 / (luminance(plots.COLORS[name]) + 0.05)
    assert contrast > 2.9  # WCAG asks graphics for 3; markers help


def sheet(ax):
    return np.asarray(ax.images[0].get_array())


def test_pictures_stand_row_by_row():
    shades = np.arange(6, dtype=np.uint8) * 40
    pictures = np.full((6, 16, 16, 3), shades[:, None, None, None])
    shown = sheet(plots.show_pictures(pictures, columns=4))
    assert shown.shape == (2 * 17, 4 * 17 - 1, 3)
    for number, shade in enumerate(shades):
        row, column = divmod(number, 4)
        value = shown[row * 17 + 9, column * 17 + 8, 0]
        assert abs(int(value) - shade) <= 2
    assert (shown[17 + 9, 2 * 17 :] == 255).all()


def test_few_pictures_take_no_empty_columns():
    shown = sheet(plots.show_pictures(np.zeros((2, 32, 32, 3), np.uint8)))
    assert shown.shape[1] == 2 * 34 - 2


def test_float_pictures_run_from_0_to_1():
    pictures = np.full((1, 8, 8, 3), 0.5)
    shown = sheet(plots.show_pictures(pictures))
    assert abs(int(shown[4, 4, 0]) - 128) <= 2


def test_titles_stand_above_their_pictures():
    pictures = np.zeros((3, 32, 32, 3), np.uint8)
    ax = plots.show_pictures(pictures, ["cat", "dog", "fox"], columns=2)
    assert [text.get_text() for text in ax.texts] == ["cat", "dog", "fox"]
    places = [text.get_position() for text in ax.texts]
    assert places[0][1] == places[1][1] < places[2][1]
    assert places[0][0] == places[2][0] < places[1][0]


@pytest.mark.parametrize("columns", [2, 4, 8])
@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize(
    "names",
    [
        ["soft-coated_wheaten_terrier"] * 8,
        ["Staffordshire bullterrier 0.97", "fox 0.51"] * 4,
        ["a" * 200] * 8,
        ["golden retriever\n0.42"] * 8,
        ["price $5 to $x_{"] * 8,
        ["ein sehr langer Name " * 5, "x"] * 4,
    ],
)
def test_titles_stay_in_their_cells(columns, given, names):
    pictures = np.zeros((8, 96, 96, 3), np.uint8)
    ax = plt.subplots()[1] if given else None
    ax = plots.show_pictures(pictures, names, columns=columns, ax=ax)
    ax.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts]
    for box, other in pairwise(boxes):
        if abs(box.y0 - other.y0) < 1:  # in one row
            assert box.x1 < other.x0 + 2
    if not given:
        size = ax.get_window_extent().width / columns
        assert size > 0.5 * ax.figure.dpi  # no stamps
    assert all(text.get_text().strip() for text in ax.texts)


def test_a_title_too_few_is_a_clear_error():
    with pytest.raises(ValueError, match="2 pictures need 2 titles"):
        plots.show_pictures(np.zeros((2, 8, 8, 3), np.uint8), ["cat"])


RECORDED = {"loss": [3, 2, 1], "val_loss": [3, 2.5, 2.4], "accuracy": [1]}


class History:
    def __init__(self):
        self.history = RECORDED


@pytest.mark.parametrize("history", [History(), RECORDED])
def test_training_is_dashed_and_validation_solid(history):
    ax = plots.plot_history(history)
    training, validation = ax.lines
    assert training.get_linestyle() == "--"
    assert validation.get_linestyle() == "-"
    assert list(training.get_xdata()) == [1, 2, 3]
    assert list(validation.get_ydata()) == [3, 2.5, 2.4]
    assert ax.get_xlabel() == "epoch"


def test_a_metric_that_was_not_recorded_is_named():
    with pytest.raises(KeyError, match=r"auc.*loss"):
        plots.plot_history(History(), "auc")


def test_plots_draw_on_the_axes_they_are_given():
    given = plt.subplots()[1]
    assert plots.plot_history(History(), ax=given) is given
    pictures = np.zeros((2, 8, 8, 3), np.uint8)
    assert plots.show_pictures(pictures, ax=given) is given
    assert len(plt.get_fignums()) == 1
