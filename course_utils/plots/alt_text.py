"""Say in words what a figure shows, for those who cannot see it."""

import sys

import numpy as np
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.figure import Figure

from course_utils import language

MOST = 8  # of anything, before "and n more"


def describe(figure):
    """Return a figure's alternative text, computed from what it draws.

    It names each axis with its range, each line, bar and point with where it
    starts and ends, and what is written on the figure. A picture is described
    by its image's label, which `plots.show_pictures` sets.
    """
    if said := getattr(figure, "alternative_text", ""):
        return " ".join([*(f"{_one_line(t)}." for t in figure.texts), said])
    parts = [_axes(ax) for ax in figure.axes if ax.get_visible()]
    titles = [f"{_one_line(text)}." for text in figure.texts]
    return " ".join(part for part in [*titles, *parts] if part)


def say(drawn, text):
    """Set the text that describes axes, or a figure, without computing it.

    drawn: axes or a figure whose shapes mean more than their coordinates, as
        in a diagram
    text: whole sentences; the title is put in front of them
    """
    drawn.alternative_text = text


def attach():
    """Give every figure that a notebook shows its text, as `alt`.

    It goes into the metadata of the stored picture, where JupyterLab, slides
    and sites find it. Outside a notebook nothing happens.
    """
    shell = "IPython" in sys.modules and sys.modules["IPython"].get_ipython()
    if shell:
        formatter = shell.display_formatter.mimebundle_formatter
        formatter.for_type(Figure, _bundle)


def _bundle(figure):
    """Return no picture, which others make, and the metadata of the PNG."""
    try:
        text = describe(figure)
    except Exception:  # a figure must be seen, whatever it is made of
        text = language.say("A figure.")
    return {}, {"image/png": {"alt": text}}


def _one_line(text):
    return text.get_text().replace("\n", " ")


def _axes(ax):
    if text := getattr(ax, "alternative_text", ""):
        title = _one_line(ax.title)
        return f"{title}. {text}" if title else text
    if ax.images:
        return _images(ax)
    said = [
        f"{_one_line(ax.title)}." if ax.get_title() else "",
        _axis(ax.xaxis, language.say("Horizontal axis")) if ax.axison else "",
        _axis(ax.yaxis, language.say("Vertical axis")) if ax.axison else "",
        *_list(_series(ax)),
        *_list(_remarks(ax)),
    ]
    return " ".join(filter(None, said))


def _images(ax):
    said = [_one_line(ax.title)]
    for image in ax.images:
        label, data = image.get_label(), np.asarray(image.get_array())
        if label and not label.startswith("_"):
            said.append(label)
        elif data.ndim == 2:
            said += [
                language.say(
                    f"Map of {data.shape[0]} rows and {data.shape[1]} "
                    f"columns, values {_span(data.min(), data.max())}"
                ),
                _names(ax.xaxis, language.say("Columns")),
                _names(ax.yaxis, language.say("Rows")),
            ]
            written = [t.get_text() for t in ax.texts if t.get_text()]
            if written:
                said.append(
                    language.say(f"Written row by row: {', '.join(written)}")
                )
        else:
            said.append(language.say("A picture"))
    return ". ".join(filter(None, said)) + "."


def _names(axis, what):
    names = [text for text in _ticks(axis).values() if text]
    title = axis.label.get_text()
    kind = f"{what} ({title})" if title else what
    return f"{kind}: {', '.join(names)}" if names else title and kind


def _ticks(axis):
    """Return {place: text} of an axis whose ticks somebody named."""
    texts = [text.get_text() for text in axis.get_ticklabels()]
    return dict(zip(map(float, axis.get_ticklocs()), texts, strict=False))


def _named(axis):
    """Return {place: text} where the ticks are words, else {}."""
    ticks = _ticks(axis)
    words = [text for text in ticks.values() if text]
    if words and not any(any(c.isdigit() for c in text) for text in words):
        return ticks
    fixed = type(axis.get_major_formatter()).__name__ in (
        "FixedFormatter",
        "FuncFormatter",
        "StrCategoryFormatter",
    )
    return ticks if fixed else {}


def _axis(axis, label):
    name = axis.label.get_text()
    words = [text for text in _named(axis).values() if text]
    if words:
        span = ", ".join(_shortened(words))
    else:
        low, high = sorted(axis.get_view_interval())
        log = axis.get_scale() == "log"
        scale = language.say(", logarithmic") if log else ""
        span = f"{_span(low, high)}{scale}"
    return f"{label}: {name}, {span}." if name else f"{label}: {span}."


def _series(ax):
    """Say each line, bar chart and cloud of points in the order drawn."""
    said, seen = [], set()
    for container in ax.containers:
        if isinstance(container, BarContainer):
            seen.update(map(id, container.patches))
            said.append(_bars(ax, container))
        elif isinstance(container, ErrorbarContainer):
            line, caps, bars = container.lines
            seen.update(map(id, [line, *caps, *bars]))
            if line is not None:
                said.append(_line(ax, line, container.get_label()))
    for line in ax.lines:
        if id(line) not in seen:
            said.append(_line(ax, line, line.get_label()))
    for cloud in ax.collections:
        points = np.ma.getdata(cloud.get_offsets())
        if id(cloud) not in seen and type(cloud).__name__ == "PathCollection":
            said.append(_points(ax, *points.T, cloud.get_label()))
    return [text for text in said if text]


def _line(ax, line, label):
    x, y = map(np.ma.getdata, line.get_data(orig=False))
    there = np.isfinite(np.asarray(y, float))
    x, y = x[there], y[there]
    if not len(x):
        return ""
    across = line.get_transform() != ax.transData
    name = _name(label) or _written_at_the_end(ax, x[-1], y[-1])
    flat = len(x) == 2 and (x[0] == x[1] or y[0] == y[1])
    unnamed, name = not name, name or language.say("a line")
    if flat and (across or unnamed):
        level, axis = (x[0], ax.xaxis) if x[0] == x[1] else (y[0], ax.yaxis)
        return f"{name} {_at(place(level, axis))}"
    if line.get_linestyle() in ("None", "none", " ", ""):
        return _points(ax, x, y, label)
    said = [f"{name} {language.say('from')} {_point(ax, x[0], y[0])}"]
    for which, turn in (
        (language.say("highest"), np.nanargmax(y)),
        (language.say("lowest"), np.nanargmin(y)),
    ):
        if y[turn] not in (y[0], y[-1]):
            said.append(f"{which} {_at(_point(ax, x[turn], y[turn]))}")
    comma = "," if said[1:] else ""
    end = f"{language.say('to')} {_point(ax, x[-1], y[-1])}"
    return f"{', '.join(said)}{comma} {end}"


def _written_at_the_end(ax, *end):
    """Return the note that stands for a line's label, or nothing."""
    for text in ax.texts:
        if np.array_equal(getattr(text, "xy", None), end):
            return text.get_text()
    return ""


def _points(ax, x, y, label):
    if len(x) == 1:
        name = _name(label) or language.say("a point")
        return f"{name} {_at(_point(ax, x[0], y[0]))}"
    name = _name(label) or language.say("points")
    if len(x) <= MOST:
        points = "; ".join(
            _point(ax, *pair) for pair in zip(x, y, strict=True)
        )
        return f"{name}: {points}"
    across = _span(np.nanmin(x), np.nanmax(x))
    up = _span(np.nanmin(y), np.nanmax(y))
    return language.say(f"{name}: {len(x)}, {across} across and {up} up")


def _bars(ax, bars):
    upright = bars.orientation != "horizontal"
    axis = ax.xaxis if upright else ax.yaxis
    said = []
    for patch in bars.patches:
        if upright:
            middle, value = patch.get_x() + patch.get_width() / 2, patch
            height = value.get_y() + value.get_height()
        else:
            middle = patch.get_y() + patch.get_height() / 2
            height = patch.get_x() + patch.get_width()
        said.append(f"{place(middle, axis)} {number(height)}")
    return f"{_name(bars.get_label()) or language.say('bars')}: " + "; ".join(
        _shortened(said)
    )


def _remarks(ax):
    words = [text.get_text().replace("\n", " ") for text in ax.texts]
    words = [word for word in words if word]
    return [language.say(f"marked: {', '.join(words)}")] if words else []


def _span(low, high):
    return f"{number(low)} {language.say('to')} {number(high)}"


def _at(place):
    return f"{language.say('at')} {place}"


def _point(ax, x, y):
    return f"({place(x, ax.xaxis)}, {place(y, ax.yaxis)})"


def place(value, axis):
    """Return a value as its axis names it, or as a short number."""
    for tick, text in _named(axis).items():
        if text and abs(tick - value) < 1e-9:
            return text
    return number(value)


def number(value):
    """Return a number with three figures, as people write it."""
    value = float(value)
    if not np.isfinite(value):
        return language.say("nothing")
    rounded = float(f"{value:.3g}")
    for size, word in (
        (1e12, language.say("trillion")),
        (1e9, language.say("billion")),
        (1e6, language.say("million")),
    ):
        if size <= abs(rounded) < 1000 * size:
            return f"{rounded / size:.3g} {word}"
    if 1000 <= abs(rounded) < 1e6:
        return f"{rounded:,.0f}"
    return f"{rounded:.3g}"


def _name(label):
    label = str(label)
    return "" if label.startswith("_") else label


def _shortened(items):
    if len(items) <= 2 * MOST:
        return items
    return [
        *items[: 2 * MOST],
        language.say(f"and {len(items) - 2 * MOST} more"),
    ]


def _list(items):
    return [f"{text[0].upper()}{text[1:]}." for text in _shortened(items)]
