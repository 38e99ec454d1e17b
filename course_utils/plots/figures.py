"""Figures that recur: one style, one color and one marker per idea."""

import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.font_manager import FontProperties

from course_utils.language import say
from course_utils.plots import alt_text

STYLE = Path(__file__).with_name("course.mplstyle")

# Okabe and Ito (2008), "Color universal design": told apart by everybody.
COLORS = {
    "scratch": "#D55E00",
    "frozen": "#0072B2",
    "finetuned": "#009E73",
    "random": "#000000",
    "unrelated": "#CC79A7",
}

MARKERS = {
    "scratch": "o",
    "frozen": "s",
    "finetuned": "^",
    "random": "x",
    "unrelated": "D",
}


def use_course_style():
    """Give every figure that follows the look of the course.

    In a notebook each also carries alternative text, computed from its data.
    Taught in notebook 00.

    >>> use_course_style()
    >>> plt.rcParams["axes.spines.top"]
    False
    """
    plt.style.use(STYLE)
    alt_text.attach()


def new_axes(ax=None):
    """Return `ax`, or the axes of a new figure when it is None.

    Taught in notebook 07.

    >>> new_axes().get_title()
    ''
    """
    return plt.subplots()[1] if ax is None else ax


def show_pictures(pictures, titles=None, columns=8, ax=None):
    """Show pictures as a contact sheet, row by row.

    pictures: array or sequence (count, height, width, 3); uint8, or floats
        from 0 to 1
    titles: one short text per picture, written above it; what does not fit its
        cell continues on a second line, and is cut off at its end
    columns: pictures in a row
    ax: axes to draw on, or None for a figure that fits the sheet

    Colors are rounded to 64 steps, which nobody sees and which makes stored
    figures a third smaller. Returns the axes. Raises ValueError when the
    number of titles differs from the number of pictures. Taught in notebook
    00.

    >>> ax = show_pictures(np.zeros((2, 32, 32, 3)), titles=["dog", "fox"])
    >>> [text.get_text() for text in ax.texts]
    ['dog', 'fox']
    """
    pictures = np.asarray(pictures)
    count, height, width = pictures.shape[:3]
    if titles is not None and len(titles) != count:
        raise ValueError(f"{count} pictures need {count} titles.")
    columns = min(columns, count)
    rows = -(-count // columns)
    gap = max(1, width // 16)
    inches = _cell_inches(columns, rows, height / width, ax)
    above = gap
    if titles is not None:
        fitted, lines, inches = _fit_titles(titles, inches, columns, ax)
        # The line's height in pixels of the sheet.
        line = lines * _title_points() * 1.3 / 72 / inches * (width + gap)
        above = max(gap, height // 4, round(line))
    if pictures.dtype != np.uint8:
        pictures = np.rint(pictures.clip(0, 1) * 255).astype(np.uint8)
    pictures = pictures // 4 * 4 + 2
    shape = rows * (height + above), columns * (width + gap) - gap
    sheet = np.full((*shape, 3), 255, np.uint8)
    corners = [
        (row * (height + above) + above, column * (width + gap))
        for row in range(rows)
        for column in range(columns)
    ]
    for picture, (top, left) in zip(pictures, corners, strict=False):
        sheet[top : top + height, left : left + width] = picture
    if ax is None:
        size = inches * columns, inches * shape[0] / (width + gap)
        ax = plt.subplots(figsize=size)[1]
    image = ax.imshow(sheet)
    image.set_label(_alt_text(count, rows, titles))
    ax.axis("off")
    for title, (top, left) in zip(
        () if titles is None else fitted, corners, strict=False
    ):
        ax.text(
            left + width / 2, top - gap / 2, title,
            ha="center", va="bottom", fontsize="small", parse_math=False,
        )  # fmt: skip
    return ax


def _cell_inches(columns, rows, ratio, ax):
    """Return the width of a picture's cell on paper."""
    if ax is None:
        return min(1.0, plt.rcParams["figure.figsize"][0] / columns)
    across, down = ax.get_position().size * ax.figure.get_size_inches()
    # Two lines of a title leave the pictures what is left of the height.
    lines = 2.6 * _title_points() / 72
    return min(across / columns, max(down / rows - lines, 0.3) / ratio)


def _title_points():
    return FontProperties(size="small").get_size_in_points()


def _fit_titles(titles, inches, columns, ax):
    """Return titles cut to their cell, their lines, and the cell's inches.

    In a figure of its own, the cells grow first: long titles get room.
    """
    texts = [str(title) for title in titles]
    letter = 0.66 * _title_points() / 72  # a letter's width, or less
    longest = max(len(line) for text in texts for line in text.split("\n"))
    if ax is None:
        room = plt.rcParams["figure.figsize"][0] / columns
        inches = max(inches, min(room, longest * letter))
    letters = max(4, int(inches / letter))
    fitted = [
        "\n".join(
            "\n".join(
                textwrap.wrap(line, letters, max_lines=2, placeholder="…")
            )
            for line in text.split("\n")
        )
        for text in texts
    ]
    return fitted, max(text.count("\n") for text in fitted) + 1, inches


def _alt_text(count, rows, titles):
    """Return what a contact sheet says to those who cannot see it."""
    sheet = say("1 picture") if count == 1 else say(f"{count} pictures")
    if rows > 1:
        sheet += say(f" in {rows} rows")
    if titles is None:
        return sheet
    written = [str(title).replace("\n", " ") for title in titles]
    return say(f"{sheet}, titled {', '.join(written)}")


def plot_history(history, metric="loss", ax=None):
    """Draw one metric of a training run over its epochs.

    history: a Keras `History`, its `.history` dictionary, or any dictionary
        of lists with one value per epoch
    metric: the key to draw, dashed; "val_" + metric, where it exists, solid
    ax: axes to draw on, or None for a new figure

    Returns the axes. Raises KeyError when the metric was not recorded. Taught
    in notebook 01.

    >>> plot_history({"loss": [0.7, 0.5, 0.4]}).get_xlabel()
    'epoch'
    """
    values = getattr(history, "history", history)
    if metric not in values:
        raise KeyError(f"{metric!r} was not recorded: {', '.join(values)}.")
    ax = new_axes(ax)
    for key, style, name in (
        (metric, "--", say("training")),
        (f"val_{metric}", "-", say("validation")),
    ):
        if key in values:
            epochs = range(1, len(values[key]) + 1)
            ax.plot(epochs, values[key], style, label=name)
    ax.set_xlabel(say("epoch"))
    ax.set_ylabel(say(metric.replace("_", " ")))
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.legend()
    return ax


CHOSEN, OTHER = COLORS["scratch"], COLORS["frozen"]
FAINT = "#767676"


def set_title(ax, text):
    """Write a title in the size that all figures of the course use.

    Taught in notebook 01.
    """
    ax.set_title(text, fontsize="medium")
