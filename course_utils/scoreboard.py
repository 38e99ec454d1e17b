"""Keep what you measure: one line a record, from notebook 00 to 09.

    python -m course_utils.scoreboard             your own scoreboard
    python -m course_utils.scoreboard pool DIR    a whole class's, in one plot

Records are lines of JSON in `scoreboard.jsonl`, in the folder that
`paths.home_directory` names. None is ever changed or removed.
"""

import argparse
import contextlib
import json
import math
import statistics
import sys
from datetime import UTC, datetime
from pathlib import Path

import filelock

from course_utils import plots
from course_utils.machine import devices, paths
from course_utils.plots import alt_text

FILE_NAME = "scoreboard.jsonl"


# What `show` has columns for, in its order; records may hold more.
COLUMNS = {
    "examples_per_second": "examples/s",
    "seconds": "seconds",
    "flops_per_second": "FLOP/s",
    "accuracy": "accuracy",
    "joules": "joules",
}


_unsaved = []


def record(rung, notebook=None, source=None, **numbers):
    """Append one record to the scoreboard.

    rung: what was measured, such as "Python lists"; a later record of the
        same rung takes its place in the table, the file keeps both
    notebook: the number of the notebook, such as 1
    source: "drawings", "photos" or "folder", where pictures were used
    numbers: values by name; those of `COLUMNS` appear in the table. A
        Measurement gives its median, with its low and high beside it

    Hardware and time (UTC) are added. A scoreboard that cannot be written
    stops no lesson: a sentence says so, and the record is kept in memory.
    """
    line = {
        "rung": str(rung),
        "notebook": notebook,
        "source": source,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        **_plain(numbers),
        "hardware": devices.hardware().summary(),
    }
    try:
        _append(
            paths.home_directory() / FILE_NAME, json.dumps(line, default=str)
        )
    except OSError as error:
        print(
            f"The scoreboard cannot be written ({error.strerror or error}); "
            "this record lasts until the kernel stops."
        )
        _unsaved.append(line)


def keep_guesses(**guesses):
    """Keep guesses about the course's results, to be compared at its end.

    guesses: numbers by name; None stands for a guess that is still to be
        made, and then nothing is kept. The latest guesses count:
        `latest("prediction")`.
    """
    missing = [name for name, guess in guesses.items() if guess is None]
    if missing:
        print(
            f"… write a number in place of None for {', '.join(missing)}, "
            "and run the cell again."
        )
        return
    record("prediction", notebook=0, **guesses)
    kept = ", ".join(f"{name} = {guess}" for name, guess in guesses.items())
    print(f"Kept until the end of the course: {kept}.")


def load(path=None):
    """Return all records of a scoreboard file as dictionaries, oldest first.

    path: the file, or None for your own. Damaged lines are skipped, and a
    sentence counts them.
    """
    own = path is None
    path = Path(paths.home_directory() / FILE_NAME if own else path)
    text = path.read_text("utf-8", errors="replace") if path.exists() else ""
    records, damaged = [], 0
    for line in filter(str.strip, text.splitlines()):
        try:
            entry = json.loads(line)
            if {"rung", "time"} <= entry.keys():
                records.append(entry)
            else:
                damaged += 1
        except (ValueError, AttributeError):
            damaged += 1
    if damaged:
        print(f"{path.name}: {damaged} damaged lines were skipped.")
    return records + (_unsaved if own else [])


def table(records=None):
    """Return the latest record of each rung, in the order of the course.

    records: what `load` returns, or None for your own.
    """
    latest = {}
    for entry in load() if records is None else records:
        latest[entry["rung"]] = entry
    return sorted(latest.values(), key=_place)


def show(records=None):
    """Print the latest record of each rung as a table.

    records: what `load` returns, or None for your own.
    """
    rows = [row for row in table(records) if COLUMNS.keys() & row.keys()]
    if not rows:
        print("The scoreboard is empty: measure something first.")
        return
    used = [name for name in COLUMNS if any(name in row for row in rows)]
    lines = [["rung", *(COLUMNS[name] for name in used)]]
    for row in rows:
        lines.append([row["rung"], *(_short(row.get(name)) for name in used)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for rung, *cells in lines:
        cells = map(str.rjust, cells, widths[1:])
        print("   ".join([rung.ljust(widths[0]), *cells]).rstrip())


def latest(rung):
    """Return the latest record of a rung, or None where there is none."""
    return next((e for e in reversed(load()) if e["rung"] == rung), None)


def pool(folder):
    """Merge the scoreboards of a class into `pooled.json` and `pooled.png`.

    folder: holds the students' .jsonl files, at any depth and by any name;
        lines that occur twice count once
    Returns the records. Raises FileNotFoundError when there is no record.
    """
    folder = Path(folder)
    records = {}
    for path in sorted(folder.rglob("*.jsonl")):
        for entry in load(path):
            records[json.dumps(entry, sort_keys=True)] = entry
    records = sorted(records.values(), key=lambda entry: str(entry["time"]))
    if not records:
        raise FileNotFoundError(
            f"No scoreboard lies in {folder}: put the students' "
            f"{FILE_NAME} files there, each under a name of its own."
        )
    paths.write_json(folder / "pooled.json", records)
    import matplotlib.pyplot as plt

    with plt.style.context(plots.STYLE):
        ax = plot_pool(records)
        paths.write_atomically(folder / "pooled.png", ax.figure.savefig)
        plt.close(ax.figure)
    return records


def plot_pool(records, value="examples_per_second", ax=None):
    """Draw one number of every record, rung by rung, on a logarithmic axis.

    records: what `load` or `pool` returns; those without the value are left
        out. A dot is one record, a black bar the median of its rung, a shape
        and color one platform. Returns the axes.
    """
    import matplotlib.pyplot as plt

    records = [entry for entry in records if _positive(entry.get(value))]
    rungs = [entry["rung"] for entry in table(records)]
    height = {rung: -number for number, rung in enumerate(rungs)}
    if ax is None:
        ax = plt.subplots(figsize=(7, 1.8 + 0.45 * len(rungs)))[1]
    marks = zip(devices.PLATFORM_NAMES.items(), "os^Dv", strict=True)
    for (platform, name), marker in marks:
        chosen = [
            (entry[value], height[entry["rung"]])
            for entry in records
            if (entry.get("hardware") or {}).get("platform") == platform
        ]
        if chosen:
            places = zip(*chosen, strict=True)
            ax.plot(*places, marker, label=name, alpha=0.6)
    for rung in rungs:
        median = statistics.median(
            entry[value] for entry in records if entry["rung"] == rung
        )
        bar = {"color": "black", "markersize": 22, "markeredgewidth": 2}
        ax.plot(median, height[rung], "|", **bar)
    ax.margins(0.05, 0.12)
    ax.set_xscale("log")
    ax.set_xlabel(COLUMNS.get(value, value))
    ax.set_yticks(list(height.values()), rungs)
    if rungs:
        ax.figure.legend(loc="outside upper center", ncols=3)
    return ax


def _append(path, text):
    """Write one whole line, after a line that was left unfinished too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(f"{path}.lock", timeout=10)
    # Some shared folders cannot lock; one short write is whole anyway.
    with contextlib.suppress(OSError, NotImplementedError):
        lock.acquire()
    try:
        with path.open("a+b") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - 1))
            unfinished = size and file.read(1) != b"\n"
            file.write(b"\n" * bool(unfinished) + text.encode() + b"\n")
    finally:
        lock.release(force=True)


def _plain(numbers):
    """Turn NumPy numbers and Measurements into what JSON can hold."""
    plain = {}
    for name, value in numbers.items():
        if hasattr(value, "median"):
            plain[f"{name}_low"] = float(value.low)
            plain[f"{name}_high"] = float(value.high)
            value = float(value.median)
        if hasattr(value, "tolist"):
            value = value.tolist()
        if isinstance(value, float) and not math.isfinite(value):
            value = None
        plain[name] = value
    return plain


def _place(entry):
    notebook = entry.get("notebook")
    return notebook if isinstance(notebook, int) else math.inf


def _positive(value):
    return isinstance(value, int | float) and value > 0


def _short(value):
    """Write a number with three digits: 63.1 M, 0.0413, 12,300."""
    if not isinstance(value, int | float):
        return "" if value is None else str(value)
    for size, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if abs(value) >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def main(arguments=None):
    """Run the command line; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m course_utils.scoreboard",
        description="Show your scoreboard, or pool those of a class.",
    )
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("show", help="print your own scoreboard")
    command = commands.add_parser("pool", help="merge a class's scoreboards")
    command.add_argument("folder", help="holds the students' .jsonl files")
    chosen = parser.parse_args(arguments)
    if chosen.command != "pool":
        show()
        return 0
    try:
        records = pool(chosen.folder)
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(records)} records: see pooled.json and pooled.png there.")
    return 0


if __name__ == "__main__":
    sys.exit(main())


# What notebook 00 asks: the question, the record and the field that answer
# it, and the axis: its unit, its ends and its scale.
QUESTIONS = {
    "times_faster": (
        "How many times faster are matrices than Python lists?",
        "NumPy, batches", "times_lists",
        ("times faster", (1, 20_000), "log"),
    ),
    "labels_for_donor": (
        "How many labels without a donor are worth 10 with one?",
        "labels that ten are worth", "labels",
        ("labeled pictures of each animal", (10, 1_000), "log"),
    ),
    "points_forgotten": (
        "How much does a careless donor forget?",
        "points forgotten", "points",
        ("percentage points", (0, 50), "linear"),
    ),
}  # fmt: skip


def plot_guesses(rows, axes=None, ax=None):
    """Draw guesses and what was measured, each question in its own panel.

    rows: dictionary from a question to (guess, measured); None is for what
        is not there yet
    axes: dictionary from a question to (unit, (low, high), scale), as in
        `QUESTIONS`; a question without has a linear axis from 0

    Returns the axes that hold the panels.
    """
    ax = plots.new_axes(ax)
    ax.axis("off")
    share = 1 / len(rows)
    for place, (question, pair) in enumerate(rows.items()):
        known = [value for value in pair if value is not None]
        unit, (low, high), scale = (axes or {}).get(
            question, ("", (0, 1.2 * max([*known, 1])), "linear")
        )
        below = 1 - (place + 0.72) * share
        panel = ax.inset_axes((0, below, 1, 0.22 * share))
        panel.set_xscale(scale)
        panel.set_xlim(min([low, *known]), max([high, *known]))
        panel.set(ylim=(-1, 1), yticks=[], xlabel=unit)
        panel.xaxis.set_major_formatter("{x:,.0f}")
        panel.minorticks_off()
        _mark(panel, *pair)
        for side, words in (("left", question), ("right", _difference(*pair))):
            panel.set_title(words, loc=side, fontsize="small")
    settled = sum(None not in pair for pair in rows.values())
    title = "Guesses, before anything is measured"
    if settled:
        title = f"{settled} of {len(rows)} guesses have been measured"
    plots.set_title(ax, title)
    alt_text.say(ax.figure, f"{title}. {_spoken(rows)}")
    return ax


def _mark(ax, guess, measured):
    """Draw one guess as a circle and what was measured as a diamond."""
    if guess is not None and measured is not None:
        ax.plot([guess, measured], [0, 0], color=plots.FAINT, linewidth=1)
    for value, marker, fill, color, word in (
        (guess, "o", "none", plots.OTHER, "guess"),
        (measured, "D", "full", plots.CHOSEN, "measured"),
    ):
        if value is not None:
            ax.plot(
                value, 0, marker, color=color, fillstyle=fill, ms=12,
                clip_on=False, label=word,
            )  # fmt: skip


def _spoken(rows):
    return " ".join(
        f"{question} Guess: {'none' if guess is None else f'{guess:,g}'}; "
        f"measured: {'not yet' if found is None else f'{found:,.3g}'}."
        for question, (guess, found) in rows.items()
    )


def _difference(guess, measured):
    if measured is None:
        return "not measured yet"
    if guess is None:
        return "no guess"
    if guess > 0 and measured > 0:
        factor = max(guess / measured, measured / guess)
        return f"off by a factor of {factor:.1f}"
    return f"off by {abs(guess - measured):.1f}"


def plot_prediction(guesses=None, reveal=True, ax=None):
    """Draw the guesses of notebook 00 and what the scoreboard holds.

    guesses: numbers by the names of `QUESTIONS`, or None for those that were
        kept; reveal: also show what was measured. Returns the axes.
    """
    if guesses is None:
        guesses = latest("prediction") or {}
    rows, axes = {}, {}
    for name, (question, rung, field, axis) in QUESTIONS.items():
        found = (latest(rung) or {}).get(field) if reveal else None
        rows[question] = guesses.get(name), found
        axes[question] = axis
    return plot_guesses(rows, axes, ax)
