"""Drawings that explain one idea each, and the figures that end a lesson.

Every function takes the numbers that it shows, or has small ones of its own,
writes what they say into its title, and describes itself in words for those
who cannot see it.
"""

import textwrap
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import (
    Circle,
    Ellipse,
    FancyArrowPatch,
    FancyBboxPatch,
    Polygon,
    Rectangle,
)

from course_utils import plots
from course_utils.language import mark, say
from course_utils.plots import alt_text
from course_utils.plots.words import format_seconds

WIDTH = 9  # inches: a notebook's column, and a slide with room around it
LETTERS = 66  # of a title, in one line of that width
INK, FAINT, PALE, PAPER = "#222222", "#767676", "#e5e5e5", "#ffffff"
BLUE, VERMILION = plots.COLORS["frozen"], plots.COLORS["scratch"]
GREEN, PINK = plots.COLORS["finetuned"], plots.COLORS["unrelated"]
ORANGE = "#E69F00"  # Okabe and Ito's, for the part to look at
LIT, ICE = "#FBE3B0", "#D6E8F5"  # pale orange, pale blue
# White on green or vermilion is read when it is large and bold.
WHITE = {"color": PAPER, "weight": "bold", "fontsize": 15}
NETWORK = {
    "block 1": "conv\n32\npool",
    "block 2": "conv\n64 ×2\npool",
    "block 3": "conv\n128 ×2\npool",
    "block 4": "conv\n128\naverage",
}
BASE = tuple(NETWORK)
# What each version of the drawing says, and which parts of which row learn.
VERSIONS = {
    "donor": (mark("The donor learns first, from many cats and dogs"), ()),
    "features": (
        mark(
            "The donor's base turns any picture into 128 numbers, even a fox"
        ),
        ("features",),
    ),
    "head": (
        mark("Transfer: the base stays frozen, only a new head learns"),
        ("head",),
    ),
    "top block": (
        mark("Fine-tuning from the top: the last block learns with the head"),
        ("block 4", "head"),
    ),
    "everything": (
        mark(
            "Fine-tuning everything: the base starts as a copy, then it "
            "changes"
        ),
        (*BASE, "head"),
    ),
    "widened head": (
        mark("A wider head: the fox is added, cat and dog stay"),
        ("head",),
    ),
    "borrowed base": (
        mark("A borrowed base: someone else paid for its training"),
        ("head",),
    ),
}


def _title(text, letters=LETTERS):
    """Return a title in as few lines as it needs, of equal length."""
    lines = len(textwrap.wrap(text, letters))
    while len(textwrap.wrap(text, letters - 1)) <= lines:
        letters -= 1
    return textwrap.fill(text, letters)


def _plain(ax, height):
    """Return `ax`, or new axes of the usual width and this height."""
    if ax is None:
        ax = plt.subplots(figsize=(WIDTH, height))[1]
    return ax


def _set_title(ax, text):
    ax.set_title(_title(say(text), 58), fontsize=15)


def _canvas(width, height, title, alt, ax=None):
    """Return empty axes of `width` by `height` units, all of one size."""
    title = _title(say(title))
    if ax is None:
        above = 0.15 + 0.27 * (1 + title.count("\n"))
        size = WIDTH, WIDTH * height / width + above
        ax = plt.subplots(figsize=size)[1]
    ax.set(xlim=(0, width), ylim=(0, height), aspect="equal")
    ax.set_title(title, fontsize=15)
    ax.axis("off")
    alt_text.say(ax, alt)
    return ax


def _box(ax, x, y, width, height, text="", fill=PAPER, edge=INK, **more):
    """Draw a box with rounded corners, (x, y) below left, and its text."""
    ax.add_patch(
        FancyBboxPatch(
            (x, y), width, height,
            boxstyle="round,pad=0,rounding_size=0.15",
            facecolor=fill, edgecolor=edge, linewidth=1.5,
        )
    )  # fmt: skip
    _write(ax, x + width / 2, y + height / 2, text, **more)


def _write(ax, x, y, text, **more):
    style = {"ha": "center", "va": "center", "color": INK} | more
    return ax.text(x, y, say(text), **style) if text else None


def _arrow(ax, start, end, color=FAINT, bend=0.0, **more):
    ax.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=16, color=color,
            shrinkA=0, shrinkB=0, connectionstyle=f"arc3,rad={bend}",
            **{"linewidth": 2} | more,
        )
    )  # fmt: skip


def _face(ax, kind, x, y, size=1.0):
    """Draw the face of a cat, a dog or a fox around (x, y)."""
    fur = {"cat": "#9a9a9a", "dog": "#a9744f", "fox": "#e07b28"}[kind]
    pale = {"cat": "#d9d9d9", "dog": "#e3cdb8", "fox": "#fdf6ee"}[kind]
    scale = size / 2

    def both(a, b, wide, high, color, turn=0):
        """Draw an ellipse, or with no width a triangle, on both sides."""
        for side in (1, -1):
            center = x + side * scale * a, y + scale * b
            ax.add_patch(
                Ellipse(center, scale * wide, scale * high, angle=side * turn,
                        color=color, lw=0)
            )  # fmt: skip

    def outline(*half, color=fur):
        """Draw a shape that is given by its right half, from the top."""
        whole = [*half, *((-a, b) for a, b in half[::-1])]
        corners = [(x + scale * a, y + scale * b) for a, b in whole]
        ax.add_patch(Polygon(corners, color=color, lw=0))

    if kind == "dog":
        both(0, -0.05, 1.5, 1.7, fur)
        both(0.78, 0.1, 0.5, 1.2, "#6b4428", 15)
        both(0, -0.5, 0.85, 0.75, pale)
    else:  # two pricked ears
        outline((0, 0.5), (0.25, 0.5), (0.78, 1.05), (0.88, 0.05), (0, -0.2))
    if kind == "cat":
        both(0, -0.12, 1.8, 1.5, fur)
        both(0.16, -0.42, 0.45, 0.35, pale)
    if kind == "fox":
        outline((0, 0.5), (0.7, 0.4), (1, -0.2), (0, -1))
        outline((0, -0.3), (0.2, -0.25), (1, -0.2), (0, -1), color=pale)
        outline((0, 0.3), (0.18, -0.2), (0.12, -0.85), (0, -0.9))
    both(0.36, 0.05, 0.2, 0.26, INK)
    both(0, -0.88 if kind == "fox" else -0.32, 0.28, 0.2, INK)


def donor_and_recipient(lit="head", ax=None):
    """Draw a donor, and below it the recipient that takes over its base.

    lit: the part that the lesson is about: "donor", "features", "head",
        "top block", "everything", "widened head" or "borrowed base"
    ax: axes to draw on, or None for a new figure

    Orange parts learn, pale blue parts are frozen. Returns the axes. Raises
    ValueError when `lit` names no part.

    Taught in notebook 05, and used up to notebook 10.

    >>> donor_and_recipient("features").get_title().partition(" ")[0]
    'The'
    """
    if lit not in VERSIONS:
        raise ValueError(
            f"Nothing is called {lit!r} here: choose from "
            f"{', '.join(VERSIONS)}."
        )
    title, learns = VERSIONS[lit]
    borrowed, wide = lit == "borrowed base", lit == "widened head"
    new = ("cat", "dog", "fox") if wide else ("dog", "fox")
    frozen = [part for part in BASE if part not in learns]
    old = ("1,000\nclasses",) if borrowed else ("cat", "dog")
    joint = f" {say('or')} "
    alt = say(
        "Two rows. Above, the donor: a picture goes through four blocks of "
        "convolutions, the base, which give "
        f"{'features' if borrowed else '128 numbers'}, and a head answers "
        f"{joint.join(old)}. Below, the recipient: a picture of a fox goes "
        "through the same base, and another head answers "
        f"{', '.join(new[:-1])} or {new[-1]}. "
    ).replace("\n", " ")
    if lit == "donor":
        alt += say("Highlighted: all of the donor, which is trained first.")
    else:
        alt += say(
            f"Highlighted in the recipient: {', '.join(map(say, learns))}. "
        )
        frozen_parts = ", ".join(map(say, frozen)) or say("nothing")
        alt += say(f"Frozen: {frozen_parts}.")
    ax = _canvas(16, 8.2, title, alt, ax)
    owner = say("Donor: many labeled cats and dogs")
    if borrowed:
        owner = say("Someone else's donor: a million labeled photographs")
        frame = Rectangle((2.1, 4.7), 7.9, 2.8, fill=False, ec=ORANGE, lw=4)
        ax.add_patch(frame)
    _write(ax, 0.1, 7.85, owner, ha="left", weight="bold")
    whole = (*BASE, "head") if lit == "donor" else ()
    _network(ax, 4.9, "cat", old, whole, (), borrowed)
    owner = say("Recipient: a few labeled dogs and foxes")
    if wide:
        owner = say("Recipient: cats, dogs and a few labeled foxes")
    ink = FAINT if lit == "donor" else INK
    _write(ax, 0.1, 0.3, owner, ha="left", weight="bold", color=ink)
    frozen = () if lit == "donor" else frozen
    _network(ax, 0.9, "fox", new, learns, frozen, borrowed, ink)
    if lit != "donor":
        for x in 3.125 + 1.95 * np.arange(len(BASE)):
            _arrow(ax, (x, 4.65 if borrowed else 4.8), (x, 3.4))
        _write(ax, 9.3, 4.1, "copied", ha="left", color=FAINT)
    return ax


def _network(ax, y, kind, answers, learns, frozen, borrowed, ink=INK):
    """Draw one row: picture, base, features, head and answers."""

    def look(part):
        if part in learns:
            return LIT, ORANGE, say("learns")
        return (
            (ICE, BLUE, say("❄ frozen"))
            if part in frozen
            else (PAPER, ink, "")
        )

    ax.add_patch(Rectangle((0.1, y + 0.4), 1.6, 1.6, fc=PALE, ec=ink))
    _face(ax, kind, 0.9, y + 1.2, 1.25)
    for index, (part, layers) in enumerate(NETWORK.items()):
        x = 2.3 + 1.95 * index
        fill, edge, state = look(part)
        _box(ax, x, y, 1.65, 2.4, "", fill, edge)
        title = say(f"block {index + 1}")
        _write(ax, x + 0.825, y + 2.1, title, color=ink, weight="bold")
        layers = say("many\nlayers") if borrowed else layers
        _write(ax, x + 0.825, y + 1.2, layers, color=ink, linespacing=1.1)
        _write(ax, x + 0.825, y + 0.28, state, color=ink)
    for stripe, shade in enumerate(np.random.default_rng(4).random(12)):
        low, color = y + 0.2 + stripe / 6, plt.cm.Blues(0.15 + 0.7 * shade)
        ax.add_patch(Rectangle((10.55, low), 0.5, 1 / 6, color=color, lw=0))
    edge, width = (ORANGE, 4) if "features" in learns else (ink, 1.5)
    ax.add_patch(
        Rectangle((10.55, y + 0.2), 0.5, 2, fill=False, ec=edge, lw=width)
    )
    features = say("features") if borrowed else say("128 numbers")
    _write(ax, 10.8, y - 0.25, features, color=ink)
    fill, edge, state = look("head")
    _box(ax, 12.1, y + 0.3, 1.7, 1.8, "", fill, edge)
    name = say("wider\nhead") if len(answers) > 2 else say("head")
    _write(ax, 12.95, y + 1.45, name, color=ink, weight="bold")
    _write(ax, 12.95, y + 0.6, state, color=ink)
    for start, end in (
        (1.75, 2.25), (3.95, 4.25), (5.9, 6.2), (7.85, 8.15), (9.8, 10.5),
        (11.1, 12.05),
    ):  # fmt: skip
        _arrow(ax, (start, y + 1.2), (end, y + 1.2), ink)
    for index, answer in enumerate(answers):
        place = y + 1.2 + 0.8 * ((len(answers) - 1) / 2 - index)
        _arrow(ax, (13.85, y + 1.2), (14.5, place), ink, linewidth=1.5)
        _write(ax, 14.6, place, answer, ha="left", color=ink)


def convolution(picture=None, kernel=None, place=(1, 2), ax=None):
    """Draw one window of a convolution: nine products and their sum.

    picture: whole numbers (height, width) of one channel, or None for a
        small picture with an upright edge
    kernel: whole numbers (3, 3), or None for one that finds upright edges
    place: row and column of the window's upper left corner
    ax: axes to draw on, or None for a new figure

    Returns the axes. Raises ValueError when the window leaves the picture.


    Taught in notebook 05.

    >>> convolution(place=(0, 1)).get_title()
    'A convolution slides one window: nine products, one sum, 23'
    """
    if picture is None:
        picture = [[9, 9, 8, 1, 1, 0]] * 2 + [[9, 8, 7, 1, 0, 0]] * 2
        picture = [*picture, [9, 9, 2, 1, 1, 0], [8, 3, 1, 0, 1, 1]]
    picture = np.asarray(picture)
    kernel = np.asarray([[1, 0, -1]] * 3 if kernel is None else kernel)
    row, column = place
    rows, columns = np.array(picture.shape) - 2
    if not (0 <= row < rows and 0 <= column < columns):
        raise ValueError(
            f"A window at {place} leaves the picture: use rows below {rows} "
            f"and columns below {columns}."
        )
    windows = np.lib.stride_tricks.sliding_window_view(picture, (3, 3))
    answers = (windows * kernel).sum(axis=(2, 3))
    window, total = windows[row, column], answers[row, column]
    alt = say(
        f"A picture of {picture.shape[0]} by {picture.shape[1]} numbers; the "
        f"window over row {row + 1}, column {column + 1} holds "
        f"{', '.join(map(str, window.ravel()))}. Each is multiplied by a "
        f"weight, {', '.join(map(str, kernel.ravel()))}, and the sum {total} "
        f"is written into the output of {rows} by {columns} numbers."
    )
    title = say(
        f"A convolution slides one window: nine products, one sum, {total}"
    )
    height, width = picture.shape
    ax = _canvas(width + columns + 9.7, height + 1.8, title, alt, ax)
    top, x, x_out = height + 0.7, width + 1.7, width + 9.1
    _numbers(ax, 0.3, top, picture, "picture", picture)
    middle = top - height / 2 + 0.3
    products = [
        f"{_short(value)} × {_short(weight)}"
        for value, weight in zip(window.flat, kernel.flat, strict=True)
    ]
    products = np.reshape(products, (3, 3))
    _numbers(
        ax, x, middle + 1.8, products, say("pixel × weight"), None, 2, 1.2
    )
    _write(ax, x + 3, middle - 2.2, say(f"sum {_short(total)}"), weight="bold")
    done = np.arange(answers.size).reshape(answers.shape)
    done = done <= row * columns + column
    shown = np.where(done, [list(map(_short, line)) for line in answers], "")
    _numbers(ax, x_out, middle + rows / 2, shown, say("output"),
             np.where(done, answers, np.nan))  # fmt: skip
    corner = 0.3 + column, top - row - 3
    cell = x_out + column, middle + rows / 2 - row - 1
    for (left, low), wide, high in (
        (corner, 3, 3), ((x, middle - 1.8), 6, 3.6), (cell, 1, 1)
    ):  # fmt: skip
        frame = {"fill": False, "ec": ORANGE, "lw": 4, "zorder": 3}
        ax.add_patch(Rectangle((left, low), wide, high, **frame))
    for below in (0, 1):  # as under a magnifying glass
        ends = corner[1] + 3 * below, middle - 1.8 + 3.6 * below
        ax.plot([corner[0] + 3, x], ends, "-", color=ORANGE, lw=1.5)
    start, end = (x + 4.3, middle - 2.2), (cell[0] + 0.5, cell[1] - 0.1)
    _arrow(ax, start, end, ORANGE, 0.4, linewidth=3)
    return ax


def _short(number):
    """Return a number in two digits, with a minus of full width."""
    return f"{number:.3g}".replace("-", "−")


def _numbers(ax, x, top, values, name, shades, wide=1.0, high=1.0):
    """Draw a grid of numbers, its upper left corner at (x, top)."""
    columns = values.shape[1]
    if shades is not None:
        low, span = np.nanmin(shades), np.ptp(shades[np.isfinite(shades)])
    for (row, column), value in np.ndenumerate(values):
        fill = LIT
        if shades is not None:
            shade = (shades[row, column] - low) / (span or 1)
            fill = PAPER if np.isnan(shade) else str(0.55 + 0.4 * shade)
        corner = x + column * wide, top - (row + 1) * high
        ax.add_patch(Rectangle(corner, wide, high, fc=fill, ec=FAINT, lw=0.8))
        _write(ax, corner[0] + wide / 2, corner[1] + high / 2, str(value))
    center = x + columns * wide / 2
    _write(ax, center, top + 0.15, name, va="bottom", weight="bold")


def _grid(count, columns):
    """Return a figure and `count` axes without ticks for square pictures."""
    columns = min(columns, count)
    rows = -(-count // columns)
    inches = WIDTH, rows * (WIDTH / columns + 0.2) + 0.4
    figure, grid = plt.subplots(rows, columns, figsize=inches, squeeze=False)
    for ax in grid.flat:
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
    for ax in grid.flat[count:]:
        ax.set_visible(False)
    return figure, grid.flat[:count]


def small_network(
    pixel=0.8, weight=0.5, others=0.3, output_weight=-1.2, error=-0.4, ax=None
):
    """Draw the network of notebook 1, and follow one weight through it.

    pixel, weight: the input and the weight that are followed
    others: what the other inputs and the bias add to the hidden unit
    output_weight: the weight from the hidden unit to the output
    error: the probability less the label
    ax: axes to draw on, or None for a new figure

    Forward arrows are blue, backward arrows vermilion. Returns the axes.
    Taught in notebook 01.
    """
    hidden = max(0.0, pixel * weight + others)
    hidden_error = error * output_weight * (hidden > 0)
    slope = hidden_error * pixel
    way = say("down" if slope > 0 else "up" if slope < 0 else "nowhere")
    title = say(f"One weight, used on the way forward, is turned {way}")
    if not slope:
        title = say("Nothing comes back to this weight, so it stays as it is")
    alt = say(
        "3,072 inputs, 32 hidden units and one output, each connected to "
        f"everything in the layer before it. Forward: the pixel {pixel:.2g} "
        f"times the weight {weight:.2g}, and {others:.2g} from the others, "
        f"gives the hidden unit {hidden:.2g}. Backward: the error {error:.2g} "
        f"times the output's weight {output_weight:.2g} gives the hidden "
        f"error {hidden_error:.2g}; times the pixel, the weight's slope "
        f"{slope:.2g}."
    )
    ax = _canvas(16, 8.4, title, alt, ax)
    layers = (
        (2.4, (7.2, 6.4, 5.6, 3.3), mark("3,072 inputs")),
        (8.6, (7.2, 6.1, 3.3), say("32 hidden units")),
        (14.4, (5.25,), mark("1 output")),
    )
    for (left, starts, _), (right, ends, _) in pairwise(layers):
        for heights in ((a, b) for a in starts for b in ends):
            ax.plot([left, right], heights, "-", color=PALE, lw=1, zorder=1)
    for x, heights, name in layers:
        for y in heights:
            look = {"fc": LIT if y == heights[-1] else PAPER, "ec": INK}
            ax.add_patch(Circle((x, y), 0.3, lw=1.5, zorder=3, **look))
        _write(ax, x, 8.0, name, weight="bold")
        if len(heights) > 1:
            _write(ax, x, 4.45, "⋮", fontsize=20)
    _arrow(ax, (2.75, 3.35), (8.25, 3.35), BLUE, linewidth=3.5)
    _arrow(ax, (8.9, 3.5), (14.05, 5.15), BLUE, linewidth=3.5)
    _arrow(ax, (14.4, 4.9), (8.85, 3.05), VERMILION, -0.25, linewidth=3.5)
    _arrow(ax, (8.4, 3.0), (2.6, 3.0), VERMILION, -0.2, linewidth=3.5)
    numbers = (pixel, weight, others, hidden, output_weight, error)
    x, w, rest, h, v, e = map(_short, numbers)
    back, s = _short(hidden_error), _short(slope)
    for at, text, color in (
        ((5.5, 3.75), say(f"weight {w}"), BLUE),
        ((11.0, 4.85), say(f"weight {v}"), BLUE),
        ((5.5, 1.95), say(f"slope {s}"), VERMILION),
        ((13.2, 2.75), say(f"error {e}"), VERMILION),
        ((1.1, 3.3), f"pixel\n{x}", INK),
        ((8.6, 2.4), say(f"hidden {h}"), INK),
    ):
        _write(ax, *at, text, color=color, zorder=4, weight="bold",
               bbox={"fc": PAPER, "ec": "none", "pad": 1})  # fmt: skip
    total = _short(pixel * weight + others)
    silent = "" if hidden else say(", so the unit is silent")
    back = f"{e} × {v} = {back}" if hidden else say("0 from a silent unit")
    for y, way, color, sums in (
        (1.0, say("forward →"), BLUE,
         say(f"{x} × {w} + {rest} (all other inputs) = {total}{silent}")),
        (0.3, say("← backward"), VERMILION,
         say(f"{back} (hidden error), times {x} = {s} (slope)")),
    ):  # fmt: skip
        _write(ax, 0.2, y, way, ha="left", color=color, weight="bold")
        _write(ax, 3.2, y, sums, ha="left")
    return ax


def loops_to_products(batch=100, inputs=3072, hidden=32, ax=None):
    """Draw how the loops of the naive step become two matrix products.

    batch: pictures in one step
    inputs: numbers per picture
    hidden: hidden units
    ax: axes to draw on, or None for a new figure

    The matrices are drawn to scale. Returns the axes. Raises ValueError when
    batch or hidden units are too many to be drawn next to the inputs. Taught
    in notebook 02.
    """
    if max(batch, hidden) > inputs / 6:
        raise ValueError(
            f"Next to {inputs:,} inputs there is room for at most "
            f"{inputs // 6:,} pictures and as many hidden units."
        )
    title = say(
        f"{batch * inputs * hidden:,} multiplications in three loops "
        "become one product"
    )
    alt = say(
        "On the left three nested loops, over pictures, hidden units and "
        "inputs. On the right two matrix products, drawn to scale. Forward: "
        f"x, {batch} by {inputs}, times the transposed weights, {inputs} by "
        f"{hidden}, gives the hidden units, {batch} by {hidden}. Backward: "
        f"the transposed hidden errors, {hidden} by {batch}, times x, {batch} "
        f"by {inputs}, gives the change of the weights, {hidden} by {inputs}."
    )
    ax = _canvas(16, 8.4, title, alt, ax)
    code = (
        "for picture in batch:\n    for unit in hidden_units:\n"
        "        for i in inputs:\n"
        "            total += w[unit][i] * x[picture][i]"
    )
    _write(ax, 0.2, 8.2, code, ha="left", va="top", family="monospace")
    unit = 5.6 / inputs
    many, wide, thin = unit * batch, unit * inputs, unit * hidden

    def matrix(x, y, width, height, color, name, rows, columns, beside=False):
        shape = {"fc": color, "ec": color, "lw": 1.5}
        ax.add_patch(Rectangle((x, y - height / 2), width, height, **shape))
        at = (x + width + 0.3, y) if beside else (
            x + width / 2, y - height / 2 - 0.2
        )  # fmt: skip
        place = {"ha": "left"} if beside else {"va": "top"}
        _write(ax, *at, f"{name}\n{rows:,} × {columns:,}", **place)

    def sign(x, y, text):
        _write(ax, x, y, text, fontsize=18)

    _write(ax, 0.2, 5.5, "forward", ha="left", color=BLUE, weight="bold")
    y = 4.9
    matrix(3.3, y, wide, many, BLUE, "x", batch, inputs)
    sign(3.9 + wide, y, "@")
    x = 4.7 + wide
    matrix(x, y, thin, wide, ORANGE, "weights.T", inputs, hidden, True)
    sign(x + thin + 2.8, y, "=")
    matrix(
        14.7 - thin / 2,
        y,
        thin,
        many,
        GREEN,
        say("hidden units"),
        batch,
        hidden,
    )
    _write(ax, 0.2, 2.1, "backward", ha="left", color=VERMILION,
           weight="bold")  # fmt: skip
    y = 1.4
    matrix(
        1.2 - many / 2,
        y,
        many,
        thin,
        VERMILION,
        "hidden_error.T",
        hidden,
        batch,
    )
    sign(2.6, y, "@")
    matrix(3.3, y, wide, many, BLUE, "x", batch, inputs)
    sign(3.9 + wide, y, "=")
    matrix(4.5 + wide, y, wide, thin, PINK, say("change of the weights"),
           hidden, inputs)  # fmt: skip
    return ax


def forgetting_curves(histories, old="cats and dogs", new="foxes"):
    """Draw how a new skill grows and an old one fades, epoch by epoch.

    histories: dictionary from a training run's name to {"new": values,
        "old": values}: balanced accuracies before the first epoch and after
        each
    old, new: what the two skills are about

    Returns the figure, which has axes per run. Taught in notebook 07.
    """
    count = len(histories)
    figure, grid = plt.subplots(
        1, count, figsize=(WIDTH, 4.6), sharey=True, squeeze=False
    )
    for ax, (name, history) in zip(grid.flat, histories.items(), strict=True):
        ends = {skill: history[skill][-1] for skill in ("new", "old")}
        close = abs(ends["new"] - ends["old"]) < 0.05
        changes = []
        for skill, what, color, style in (
            ("new", new, GREEN, "-"), ("old", old, VERMILION, "--")
        ):  # fmt: skip
            values = np.asarray(history[skill], float)
            epochs = np.arange(len(values))
            ax.plot(epochs, values, style, color=color, label=what)
            points = 100 * (values[-1] - values[0])
            changes.append(f"{what} {_signed(points)}")
            above = 9 if ends[skill] == max(ends.values()) else -9
            ax.annotate(
                f"{values[-1]:.2f}", (epochs[-1], values[-1]),
                (6, above if close else 0), textcoords="offset points",
                color=color, va="center",
            )  # fmt: skip
        ax.axhline(0.5, color=FAINT, lw=1.5, ls=":", label=say("chance"))
        ax.set_title(f"{say(name)}\n{', '.join(changes)} {say('points')}")
        ax.set(xlabel=say("epoch"), xlim=(-0.2, 1.22 * max(1, epochs[-1])))
        ax.xaxis.get_major_locator().set_params(integer=True)
    lowest = min(
        min(history[skill])
        for history in histories.values()
        for skill in ("new", "old")
    )
    low = min(0.42, lowest - 0.03)  # a random head can start below chance
    grid[0, 0].set(ylabel=say("balanced accuracy"), ylim=(low, 1.0))
    handles = grid[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3)
    return figure


def _signed(points):
    return f"{points:+.0f}".replace("-", "−")


def matrix_heat_map(
    rows, columns, values, title, row_title="", column_title="", ax=None
):
    """Show a matrix as colored cells with their numbers.

    rows, columns: names of the rows and of the columns
    values: array (rows, columns); nan where there is no number, hatched
    title: what the matrix says
    row_title, column_title: what rows and columns are
    ax: axes to draw on, or None for a new figure

    Whole numbers are written as they are, others with two digits. Returns
    the axes. Raises ValueError when names and values differ in number.
    Taught in notebook 08.
    """
    values = np.asarray(values, float)
    if values.shape != (len(rows), len(columns)):
        raise ValueError(
            f"{len(rows)} rows and {len(columns)} columns need as many "
            f"values, not an array of shape {values.shape}."
        )
    ax = _plain(ax, 1.7 + 0.75 * len(rows))
    there = values[np.isfinite(values)]
    form = "{:.0f}" if (there == np.rint(there)).all() else "{:.2f}"
    # Accuracies have one scale, so that the same color is the same number.
    low, high = min(0, there.min(initial=0)), there.max(initial=1)
    ax.imshow(
        values, cmap="Blues", vmin=low, vmax=high, aspect="auto"
    ).set_label(title)
    for (row, column), value in np.ndenumerate(values):
        corner = column - 0.5, row - 0.5
        if np.isnan(value):
            ax.add_patch(
                Rectangle(corner, 1, 1, fc=PALE, ec=FAINT, hatch="//", lw=0)
            )
            continue
        dark = (value - low) / (high - low) > 0.55
        color = PAPER if dark else INK
        _write(ax, column, row, form.format(value), color=color, fontsize=15)
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.set(xlabel=column_title, ylabel=row_title)
    _set_title(ax, title)
    ax.grid(False)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    said = [
        f"{row_name}, {column_name}: "
        + (say("no number") if np.isnan(value) else form.format(value))
        for row_name, line in zip(rows, values, strict=True)
        for column_name, value in zip(columns, line, strict=True)
    ]
    alt_text.say(ax, say(f"A matrix as a heat map. {'; '.join(said)}."))
    return ax


# What host, device and two clocks do, as (start, milliseconds, text).
TRAPS = {
    "asynchronous calls": {
        "host": [(0, 8, "order"), (8, 52, "is free or waiting")],
        "device": [(8, 52, "computes")],
        "wrong clock": [(0, 8, "8 ms")],
        "right clock": [(0, 60, "60 ms")],
    },
    "compilation in the first call": {
        "host": [(0, 40, "traces and compiles")],
        "device": [(40, 10, "step"), (50, 10, "step"), (60, 10, "step")],
        "wrong clock": [(0, 50, "50 ms")],
        "right clock": [(50, 10, "10 ms")],
    },
    "waiting for data": {
        "host": [(0, 16, "loads"), (24, 16, "loads"), (48, 16, "loads")],
        "device": [(16, 8, "step"), (40, 8, "step"), (64, 8, "step")],
        "wrong clock": [(0, 24, "24 ms")],
        "right clock": [(64, 8, "8 ms")],
    },
}


def timing_strips(trap="asynchronous calls", lanes=None, ax=None):
    """Draw who works when, and what two clocks read for one step.

    trap: "asynchronous calls", "compilation in the first call", "waiting
        for data", or a name for the lanes that are given
    lanes: dictionary from a lane's name to [(start, milliseconds, text)],
        "wrong clock" and "right clock" among them; None for an example
    ax: axes to draw on, or None for a new figure

    Returns the axes. Raises ValueError when there is no such trap and no
    lanes, or a clock is missing. Taught in notebook 03.
    """
    if lanes is None and trap not in TRAPS:
        raise ValueError(
            f"No trap is called {trap!r}: choose from {', '.join(TRAPS)}."
        )
    lanes = TRAPS[trap] if lanes is None else lanes
    if not {"wrong clock", "right clock"} <= set(lanes):
        raise ValueError(
            "Name two of the lanes “wrong clock” and “right clock”."
        )
    colors = {"host": LIT, "device": ICE, "wrong clock": VERMILION,
              "right clock": GREEN}  # fmt: skip
    ax = _plain(ax, 1.6 + 0.75 * len(lanes))
    said = []
    for row, (lane, spans) in enumerate(lanes.items()):
        for start, length, text in spans:
            clock = lane.endswith("clock")
            ax.barh(row, length, 0.62, start, color=colors.get(lane, PALE),
                    edgecolor=PAPER if clock else FAINT)  # fmt: skip
            look = WHITE if clock else {}
            _write(ax, start + length / 2, row, text, **look)
            said.append(f"{lane}, {start:g} to {start + length:g}: {text}")
    wrong, right = (
        sum(length for _, length, _ in lanes[f"{kind} clock"])
        for kind in ("wrong", "right")
    )
    title = say(
        f"{trap.capitalize()}: the wrong clock reads {wrong:g} ms, "
        f"the right one {right:g} ms"
    )
    _set_title(ax, title)
    ax.set_yticks(range(len(lanes)), lanes)
    ax.set(ylim=(len(lanes) - 0.5, -0.5), xlabel=say("milliseconds"))
    ax.grid(False, axis="y")
    alt_text.say(ax, say(f"Lanes over milliseconds. {'; '.join(said)}."))
    return ax


def all_reduce_ring(devices=4, step=0, ax=None):
    """Draw how devices in a ring add up their gradients.

    devices: how many there are, 2 to 8; the gradient has as many parts
    step: how many exchanges are done, from 0 to 2 * (devices - 1)
    ax: axes to draw on, or None for a new figure

    Each cell is one part of the gradient and says how many devices are in
    its sum. Returns the axes. Raises ValueError when there are too few or too
    many devices, or when the step is not one of theirs. Taught in notebook
    13.
    """
    last = 2 * (devices - 1)
    if not 2 <= devices <= 8:
        raise ValueError(f"Draw 2 to 8 devices, not {devices}.")
    if not 0 <= step <= last:
        raise ValueError(
            f"{devices} devices exchange {last} times: choose a step from 0 "
            f"to {last}, not {step}."
        )
    sums = np.ones((devices, devices), int)
    for turn in range(step):  # each device passes one part on
        before = sums.copy()
        for device in range(devices):
            part = (device - turn) % devices
            if turn >= devices - 1:
                part = (device + 1 - (turn - devices + 1)) % devices
            after = (device + 1) % devices
            if turn < devices - 1:
                sums[after, part] = before[device, part] + 1
            else:
                sums[after, part] = devices
    whole = int((sums == devices).sum())
    title = say(
        f"After {step} of {last} exchanges, {whole} of {devices**2} parts "
        "are whole sums"
    )
    said = "; ".join(
        say(f"device {device + 1}: {', '.join(map(str, row))}")
        for device, row in enumerate(sums)
    )
    alt = say(
        f"{devices} devices in a ring; each passes one part of its gradient "
        f"to the next. Devices in the sum of each part: {said}."
    )
    ax = _canvas(16, 8.6, title, alt, ax)
    cell = min(0.8, 3.2 / devices)
    wide = cell * devices + 0.4
    first = np.pi if devices == 2 else np.pi / 2
    angles = first - 2 * np.pi * np.arange(devices) / devices
    places = np.c_[8 + 6 * np.cos(angles), 4.3 + 3.3 * np.sin(angles)]
    frames = [
        Rectangle((x - wide / 2, y - 0.75), wide, 1.5) for x, y in places
    ]
    for device, (x, y) in enumerate(places):
        _box(ax, x - wide / 2, y - 0.75, wide, 1.5)
        _write(ax, x, y + 0.42, say(f"device {device + 1}"), weight="bold")
        for part, count in enumerate(sums[device]):
            corner = x - wide / 2 + 0.2 + part * cell, y - 0.6
            full = count == devices
            fill = GREEN if full else plt.cm.Blues(0.1 + 0.4 * count / devices)
            ax.add_patch(Rectangle(corner, cell, 0.7, fc=fill, ec=PAPER))
            look = WHITE if full else {}
            _write(ax, corner[0] + cell / 2, y - 0.25, str(count), **look)
        after = (device + 1) % devices
        ends = {"patchA": frames[device], "patchB": frames[after]}
        _arrow(ax, (x, y), places[after], VERMILION, -0.2, linewidth=3,
               **ends)  # fmt: skip
    for frame in frames:  # an arrow ends at them; they themselves are unseen
        ax.add_patch(frame).set_visible(False)
    share = say(f"{last / devices:.3g} times the gradient's size")
    _write(ax, 8, 4.3, say("number: devices in the sum\n"
           f"each device sends {share}"), linespacing=1.6)  # fmt: skip
    return ax


def overlapping_splits(first, second, held_out=5, ax=None):
    """Draw two shuffled passes over one data set, split at the same place.

    first, second: the numbers of the pictures in the order of each pass
    held_out: how many at the start of a pass are held out for the test
    ax: axes to draw on, or None for a new figure

    The first pass takes the test pictures, the second skips as many and
    trains on the rest. Returns the axes. Raises ValueError when the passes
    hold different pictures. Taught in notebook 11.
    """
    if sorted(first) != sorted(second):
        raise ValueError("Both passes need to hold the same pictures.")
    first, second = list(first), list(second)
    leaked = set(first[:held_out]) & set(second[held_out:])
    title = say(
        f"Two shuffles: {len(leaked)} of {held_out} test pictures are also "
        "trained on"
    )
    named = ", ".join(map(str, sorted(leaked))) or "none"
    alt = say(
        f"Two rows of {len(first)} numbered pictures. The first pass takes "
        f"{', '.join(map(str, first[:held_out]))} for the test, the second "
        f"trains on {', '.join(map(str, second[held_out:]))}. In both: "
        f"{named}."
    )
    count = len(first)
    ax = _canvas(16, 6.4, title, alt, ax)
    cell = 15.4 / count
    for order, y, used, name, pick in (
        (first, 4.2, GREEN, say("pass 1: take for the test"), slice(held_out)),
        (
            second,
            1.2,
            BLUE,
            say("pass 2: skip, then train"),
            slice(held_out, None),
        ),
    ):
        start, stop, _ = pick.indices(count)
        color = {GREEN: "#CDEBDF", BLUE: ICE}[used]
        for place, picture in enumerate(order):
            inside = start <= place < stop
            bad = inside and picture in leaked
            ax.add_patch(
                Rectangle((0.3 + place * cell, y), cell * 0.9, 0.9,
                          fc=color if inside else PAPER, lw=4 if bad else 1,
                          ec=VERMILION if bad else used if inside else PALE)
            )  # fmt: skip
            _write(ax, 0.3 + (place + 0.45) * cell, y + 0.45, str(picture),
                   color=INK if inside else FAINT)  # fmt: skip
        edge, high = 0.3 + start * cell, y > 3
        _write(ax, edge, y + 1.3 if high else y - 0.4, name, ha="left",
               color=used, weight="bold")  # fmt: skip
    for picture in leaked:
        x, x2 = (
            0.3 + (order.index(picture) + 0.45) * cell
            for order in (first, second)
        )
        ax.plot([x, x2], [4.15, 2.15], "-", color=VERMILION, lw=2)
    return ax


def sigmoid_of_sigmoid(ax=None):
    """Draw a probability, and what a second sigmoid turns it into.

    ax: axes to draw on, or None for a new figure

    Returns the axes. Taught in notebook 11.
    """
    ax = _plain(ax, 4.8)
    scores = np.linspace(-6, 6, 241)
    once = 1 / (1 + np.exp(-scores))
    twice = 1 / (1 + np.exp(-once))
    for values, color, style, name in (
        (once, BLUE, "-", say("sigmoid")),
        (twice, VERMILION, "--", say("sigmoid of a sigmoid")),
    ):
        ax.plot(scores, values, style, color=color, label=name)
    ax.axhline(0.5, color=FAINT, lw=1.5, ls=":", label=say("the decision"))
    ax.annotate(say("sigmoid"), (-1.7, 0.22), color=BLUE, weight="bold",
                ha="right")  # fmt: skip
    ax.annotate(say("sigmoid of a sigmoid"), (-5.9, 0.57), color=VERMILION,
                weight="bold")  # fmt: skip
    ax.annotate(say("above: fox"), (5.9, 0.52), color=FAINT, ha="right")
    ax.annotate(say("below: dog"), (5.9, 0.43), color=FAINT, ha="right")
    ax.set(
        xlabel=say("score"), ylabel=say("probability of “fox”"), ylim=(0, 1.03)
    )
    low, high = 0.5, 1 / (1 + np.exp(-1))
    _set_title(
        ax,
        say(
            f"A second sigmoid answers from {low:.2f} to {high:.2f}: "
            "always “fox”"
        ),
    )
    return ax


def best_of(values, truth=0.5, ax=None):
    """Draw the accuracies of many tries, the best of them marked.

    values: one accuracy per try
    truth: what each try is worth without luck
    ax: axes to draw on, or None for a new figure

    Returns the axes. Raises ValueError when there is no try. Taught in
    notebook 11.
    """
    values = np.asarray(values, float)
    if not values.size:
        raise ValueError("Give the accuracy of at least one try.")
    best, mean = values.max(), values.mean()
    ax = _plain(ax, 4.8)
    steps = np.diff(np.unique(values.round(6)))
    bins = 12
    if steps.size and np.ptp(values) < 40 * steps.min():
        # Each accuracy has its own bar; others would hold one or two of them.
        half = steps.min() / 2
        bins = np.arange(values.min() - half, best + 2 * half, 2 * half)
    counts, _, _ = ax.hist(values, bins=bins, color=BLUE, ec=PAPER)
    ax.margins(x=0.12)
    ax.set_ylim(0, counts.max() * 1.35)
    ax.axvline(truth, color=INK, ls=":", label=say("without luck"))
    top = counts.max() * 1.27
    ax.annotate(say(f"without luck {truth:.2f}"), (truth, top), (-8, 0),
                textcoords="offset points", ha="right", va="top")  # fmt: skip
    height = counts[-1]
    ax.annotate(
        say(f"best {best:.2f}"), (best, height * 1.05),
        (best, counts.max() * 0.75),
        ha="center", color=VERMILION, weight="bold",
        arrowprops={"arrowstyle": "-|>", "color": VERMILION, "lw": 2.5},
    )  # fmt: skip
    ax.set(xlabel=say("accuracy"), ylabel=say("tries"))
    _set_title(
        ax,
        say(
            f"The best of {len(values)} tries reaches {best:.2f}, their mean "
            f"{mean:.2f}"
        ),
    )
    alt_text.say(
        ax,
        say(
            f"A histogram of {len(values)} accuracies from "
            f"{values.min():.2f} to {best:.2f}, mean {mean:.2f}; the best "
            "is marked."
        ),
    )
    return ax


def leak_circles(
    trained, tested, names=("what the base was trained on", "the test"),
    ax=None,
):  # fmt: skip
    """Draw what a base was trained on and what it is tested on.

    trained, tested: the classes, or pictures, of each
    names: what the two circles are
    ax: axes to draw on, or None for a new figure

    Returns the axes. Raises ValueError when nothing is tested. Taught in
    notebook 09.
    """
    trained, tested = dict.fromkeys(trained), dict.fromkeys(tested)
    if not tested:
        raise ValueError("Name at least one thing that is tested.")
    both = [name for name in tested if name in trained]
    title = say("No leak: training and test share nothing")
    if both:
        shared = _some(both, 4, ", ")
        title = say(f"A leak: training and test share “{shared}”")
    parts = (
        [name for name in trained if name not in tested],
        both,
        [name for name in tested if name not in trained],
    )
    kinds = (
        say(f"Only in {names[0]}"),
        say("In both"),
        say(f"Only in {names[1]}"),
    )
    alt = say("Two circles. ") + " ".join(
        f"{kind}: {_some(part, 12, ', ') or say('nothing')}."
        for kind, part in zip(kinds, parts, strict=True)
    )
    ax = _canvas(16, 8.2, title, alt, ax)
    circles, middles = ((5.6, 6.8, 6.8), (10.4, 6.8, 6.8)), (4.2, 8, 11.8)
    heads = (4.6, 7.4), (11.4, 7.4)
    if not both:  # apart
        circles, middles = ((4.4, 6.6, 6.6), (11.6, 6.6, 6.6)), (4.4, 8, 11.6)
        heads = (4.4, 7.4), (11.6, 7.4)
    elif not parts[2]:  # one within the other
        circles, middles = ((7, 13, 6.8), (10.4, 4.4, 4.4)), (4.6, 10.4, 15)
        heads = (4.2, 7.4), (13.2, 7.2)
        _arrow(ax, (13.2, 6.85), (11.7, 5.3), GREEN)
    for (x, wide, high), color, name, at in zip(
        circles, (BLUE, GREEN), names, heads, strict=True
    ):
        look = {"fc": color, "alpha": 0.15, "lw": 0}
        ax.add_patch(Ellipse((x, 3.6), wide, high, **look))
        ax.add_patch(Ellipse((x, 3.6), wide, high, fill=False, ec=color, lw=3))
        _write(ax, *at, name, color=color, weight="bold")
    for x, part in zip(middles, parts, strict=True):
        _write(ax, x, 3.6, _some(part, 6, "\n"), linespacing=1.5)
    return ax


def _some(names, most, between):
    names = list(map(str, names))
    if len(names) > most:
        names = [
            *names[: most - 1],
            say(f"and {len(names) - most + 1:,} more"),
        ]
    return between.join(names)


def _framed(ax, picture, title, right=None):
    """Show a picture, framed by whether the answer to it is right."""
    picture = np.asarray(picture)
    if picture.dtype != np.uint8:
        picture = np.rint(picture.clip(0, 1) * 255).astype(np.uint8)
    ax.imshow(picture)
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    if right is None:
        ax.spines[:].set_visible(False)
    else:
        color, sign = (GREEN, "✓") if right else (VERMILION, "✗")
        ax.spines[:].set(visible=True, color=color, linewidth=5)
        title = f"{sign} {title}"
    ax.set_title(title, color=INK)


def pictures_with_answers(
    pictures, truths, answers, probabilities=None, class_names=None,
    columns=5,
):  # fmt: skip
    """Show pictures with what a network says, right and wrong in frames.

    pictures: array (count, height, width, 3); uint8, or floats from 0 to 1
    truths, answers: the class of each picture, and the network's answer
    probabilities: how sure the network is of each answer, or None
    class_names: names of the classes that `truths` and `answers` number, or
        None when both hold names
    columns: pictures in a row

    A right answer has a green frame and ✓, a wrong one a vermilion frame, ✗
    and "truth → answer". Returns the figure. Raises ValueError when the
    numbers of pictures, truths and answers differ.

    Taught in notebook 00.

    >>> pictures = np.zeros((2, 32, 32, 3), np.uint8)
    >>> names = ["dog", "fox"], ["dog", "dog"]
    >>> pictures_with_answers(pictures, *names).axes[1].get_title()
    '✗ fox → dog'
    """
    if not len(pictures) == len(truths) == len(answers):
        raise ValueError(
            f"{len(pictures)} pictures need as many truths and answers, not "
            f"{len(truths)} and {len(answers)}."
        )
    names = class_names if class_names is not None else {}
    titles, rights = [], [a == b for a, b in zip(truths, answers, strict=True)]
    for index, (truth, answer) in enumerate(zip(truths, answers, strict=True)):
        if class_names is not None:
            truth, answer = names[int(truth)], names[int(answer)]
        title = f"{answer}" if truth == answer else f"{truth} → {answer}"
        if probabilities is not None:
            title += f" {probabilities[index]:.2f}"
        titles.append(title)
    longest = 2 + max(map(len, titles))
    columns = min(columns, max(1, int(WIDTH * 72 / (longest * 7.6))))
    figure, grid = _grid(len(pictures), columns)
    for ax, *shown in zip(grid, pictures, titles, rights, strict=True):
        _framed(ax, *shown)
    share = say(f"{sum(rights)} of {len(rights)} answers are right")
    figure.suptitle(share, fontsize=15)
    alt_text.say(figure, say(f"Pictures, framed and titled {_shown(grid)}."))
    return figure


def _shown(grid):
    return "; ".join(ax.get_title() for ax in grid)


def nearest_neighbors(query, neighbors_by_base, titles, name="fox"):
    """Show a picture, and its nearest training pictures to several bases.

    query: one picture (height, width, 3)
    neighbors_by_base: dictionary from a base's name to the pictures whose
        features are nearest, nearest first, as many for every base
    titles: dictionary from a base's name to the class names of its pictures
    name: the class of the query

    Neighbors of the same class have a green frame and ✓, others a vermilion
    frame and ✗. Returns the figure. Raises ValueError when names and pictures
    of a base differ in number. Taught in notebook 06.
    """
    for base in neighbors_by_base:
        if len(neighbors_by_base[base]) != len(titles.get(base, ())):
            raise ValueError(
                f"Give {base!r} as many class names in `titles` as pictures."
            )
    bases = list(neighbors_by_base)
    most = max(map(len, neighbors_by_base.values()))
    columns, rows = most + 2, len(bases)
    size = WIDTH / columns
    figure, grid = plt.subplots(
        rows, columns, figsize=(WIDTH, rows * (size + 0.35) + 0.4),
        squeeze=False,
    )  # fmt: skip
    for ax in grid.flat:
        ax.axis("off")
    hits, said = {}, []
    for line, base in zip(grid, bases, strict=True):
        line[1].text(0.5, 0.5, _title(base, 12), ha="center", va="center",
                     weight="bold", transform=line[1].transAxes)  # fmt: skip
        pairs = zip(neighbors_by_base[base], titles[base], strict=True)
        for ax, (picture, title) in zip(line[2:], pairs, strict=False):
            ax.axis("on")
            _framed(ax, picture, title, title == name)
        hits[base] = sum(title == name for title in titles[base])
        said.append(say(f"According to {base}: {_shown(line[2:])}."))
    grid[0, 0].axis("on")
    _framed(grid[0, 0], query, name)
    found = ", ".join(f"{base} {count}" for base, count in hits.items())
    title = f"Pictures of a {name} among the {most} nearest:\n{_title(found)}"
    figure.suptitle(title, fontsize=15)
    alt_text.say(figure, " ".join([f"A {name} and its neighbors.", *said]))
    return figure


def _separability(features, labels):
    """Return the held-out accuracy of the nearest class mean.

    Each half of every class is classified by the means of the other halves.
    """
    half = np.zeros(len(labels), bool)
    kinds = np.unique(labels)
    for kind in kinds:
        half[np.flatnonzero(labels == kind)[::2]] = True
    right = np.empty(len(labels), bool)
    for fit in (half, ~half):
        means = np.stack(
            [features[fit & (labels == kind)].mean(axis=0) for kind in kinds]
        )
        far = ((features[~fit, None] - means) ** 2).sum(axis=2)
        right[~fit] = kinds[far.argmin(axis=1)] == labels[~fit]
    return np.mean([right[labels == kind].mean() for kind in kinds])


def feature_space(features_by_base, labels, class_names):
    """Draw the features of several bases in the two directions of most spread.

    features_by_base: dictionary from a base's name to its features, array
        (pictures, features)
    labels: the class of each picture, a number from 0
    class_names: the name of each class

    The numbers in the titles are balanced accuracies of the nearest class
    mean in all of the features, each half of the pictures tested with the
    means of the other. Returns the figure. Taught in notebook 06.
    """
    labels = np.asarray(labels)
    count = len(features_by_base)
    figure, grid = plt.subplots(
        1, count, figsize=(WIDTH, 0.9 + 1.12 * WIDTH / max(2, count)),
        squeeze=False,
    )  # fmt: skip
    looks = [(BLUE, "o"), (VERMILION, "^"), (GREEN, "s"), (PINK, "D")]
    scores = {}
    for ax, (base, features) in zip(
        grid.flat, features_by_base.items(), strict=True
    ):
        features = np.asarray(features, float)
        scores[base] = _separability(features, labels)
        centered = features - features.mean(axis=0)
        _, _, directions = np.linalg.svd(centered, full_matrices=False)
        places = centered @ directions[:2].T
        for kind, name in enumerate(class_names):
            color, marker = looks[kind % len(looks)]
            ax.scatter(
                *places[labels == kind].T, s=28, color=color, marker=marker,
                alpha=0.55, lw=0, label=name,
            )  # fmt: skip
        ax.set_title(f"{base}\n{scores[base]:.2f}")
        ax.set(xticks=[], yticks=[], xlabel=say("first direction"))
        alt_text.say(
            ax,
            say(
                f"{len(labels)} points of the classes "
                f"{', '.join(class_names)}, held-out accuracy "
                f"{scores[base]:.2f}."
            ),
        )
    grid[0, 0].set_ylabel(say("second direction"))
    best = max(scores, key=scores.get)
    title = say(
        f"{best} separates {' and '.join(class_names)} best: held-out "
        f"accuracy {scores[best]:.2f}"
    )
    figure.suptitle(_title(title[0].upper() + title[1:]), fontsize=15)
    figure.legend(
        *grid[0, 0].get_legend_handles_labels(), markerscale=1.6,
        loc="outside lower center", ncols=len(class_names),
    )  # fmt: skip
    return figure


def answer(marks, compare=None, ax=None):
    """Draw the answer of the course: accuracy against all seconds it took.

    marks: dictionary from an approach's name to (seconds, balanced accuracy,
        the donor's seconds or None)
    compare: two names for the title; None for the best approach with a donor
        and the best without
    ax: axes to draw on, or None for a new figure

    A thin line extends each mark by the time that training its donor took.
    Returns the axes. Raises ValueError when there is no mark. Taught in
    notebook 11.
    """
    if not marks:
        raise ValueError("Measure at least one approach, then draw it.")
    ax = _plain(ax, 5.3)
    ax.set_xscale("log")
    names = sorted(marks, key=lambda name: marks[name][:2])
    for name in names:
        seconds, accuracy, donor = marks[name]
        kind = _kind(name, donor)
        color, marker = plots.COLORS[kind], plots.MARKERS[kind]
        if donor:
            ends = [seconds, seconds + donor]
            ax.plot(ends, [accuracy] * 2, "-", color=color, lw=1.5,
                    label="_tail")  # fmt: skip
            ax.plot(ends[1], accuracy, marker, color=color, mfc=PAPER,
                    label="_with the donor", mew=2)  # fmt: skip
        ax.plot(seconds, accuracy, marker, color=color, ms=11, label=name)
    ax.axhline(0.5, color=FAINT, lw=1.5, ls=":", label=say("chance"))
    times = [s for s, _, _ in marks.values()]
    times += [s + (donor or 0) for s, _, donor in marks.values()]
    low, high = min(times) / 3, max(times) * 4
    ticks = {name: at for name, at in TIMES.items() if low <= at <= high}
    ax.set_xticks([*ticks.values()], [*ticks])
    ax.xaxis.set_minor_locator(plt.NullLocator())
    with_donor = any(donor for _, _, donor in marks.values())
    more = (
        say(" (open marks: with the donor's own training)")
        if with_donor
        else ""
    )
    ax.set_xlabel(say(f"total time{more}"))
    ax.set(xlim=(low, high), ylabel=say("balanced accuracy"))  # fmt: skip
    values = [accuracy for _, accuracy, _ in marks.values()]
    ax.set_ylim(min(0.45, min(values) - 0.04), max(values) + 0.1)
    ax.set_title(_finding(marks, compare), fontsize=15)
    ax.text(high, 0.5, say("chance "), color=FAINT, ha="right", va="bottom")
    said = [
        say(f"{name}: {accuracy:.2f} in {format_seconds(seconds)}")
        + (say(f", {format_seconds(seconds + donor)} with its donor")
           if donor else "")
        for name, (seconds, accuracy, donor) in marks.items()
    ]  # fmt: skip
    alt_text.say(
        ax,
        say(
            "Balanced accuracy over time on a logarithmic axis. "
            f"{'; '.join(said)}. Chance at 0.50."
        ),
    )
    _label(ax, {name: marks[name] for name in names})
    return ax


TIMES = {
    "1 ms": 1e-3, "10 ms": 0.01, "100 ms": 0.1, "1 s": 1, "10 s": 10,
    "1 min": 60, "10 min": 600, "1 hour": 3600, "10 hours": 36_000,
    "4 days": 345_600, "1 month": 2_629_800, "1 year": 31_557_600,
    "10 years": 315_576_000, "100 years": 3_155_760_000,
}  # fmt: skip


def _kind(name, donor):
    """Return which of the course's colors belongs to an approach."""
    words = name.lower().replace("-", "")
    for kind in plots.COLORS:
        if kind in words:
            return kind
    return "frozen" if donor else "scratch"


def _finding(marks, compare):
    """Say two approaches in words: accuracy, seconds, and the donor's."""
    if compare is None:
        compare = []
        for with_donor in (True, False):
            some = [name for name in marks
                    if bool(marks[name][2]) == with_donor]  # fmt: skip
            compare += sorted(some, key=lambda name: -marks[name][1])[:1]
    said = []
    for name in compare:
        seconds, accuracy, donor = marks[name]
        text = say(f"{name}: {accuracy:.2f} in {format_seconds(seconds)}")
        if donor:
            text += say(f" ({format_seconds(seconds + donor)} with donor)")
        said.append(text)
    text = ";\n".join(said)
    return text[0].upper() + text[1:]


def _label(ax, marks):
    """Write each mark's name next to it, where nothing else is."""
    figure = ax.figure
    figure.draw_without_rendering()  # settles the layout, so that boxes hold
    taken = [text.get_window_extent().padded(2) for text in ax.texts]
    taken += [line.get_window_extent().padded(2) for line in ax.lines]
    frame = ax.get_window_extent()
    for name, (seconds, accuracy, donor) in marks.items():
        end = seconds + (donor or 0)
        text = ax.annotate(
            name, (seconds, accuracy), (0, 0), textcoords="offset points",
            color=plots.COLORS[_kind(name, donor)], va="center",
        )  # fmt: skip
        for at, x, y, side in (
            (end, 11, 0, "left"), (seconds, -11, 0, "right"),
            *((at, x, y, side) for y in (15, -15, 22, -22, 30, -30, 45, -45)
              for at, x, side in ((seconds, -6, "left"), (end, 6, "right"),
                                  (end, 9, "left"), (seconds, -9, "right"))),
        ):  # fmt: skip
            text.xy = at, accuracy
            text.set(position=(x, y), ha=side)
            box = text.get_window_extent()
            inside = frame.contains(*box.min) and frame.contains(*box.max)
            if inside and not any(box.overlaps(other) for other in taken):
                break
        taken.append(box.padded(1))
