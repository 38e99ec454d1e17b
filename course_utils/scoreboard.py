"""Store what you measure: one line per record, in every notebook.

    python -m course_utils.scoreboard             your own scoreboard
    python -m course_utils.scoreboard pool DIR    a whole class's, in one plot

Records are lines of JSON in `scoreboard.jsonl`, in the folder that
`paths.home_directory` names. None is ever changed or removed.
"""

import argparse
import contextlib
import csv
import io
import json
import math
import statistics
import sys
import warnings
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import filelock
import numpy as np

from course_utils import check, plots
from course_utils.language import mark, say, tell
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

# Records that hold anything but a number under these names are damaged.
NUMBERS = {*COLUMNS, "batch", "efficiency", "labels", "points", "times_lists",
           "limit_share", "limit_flops_per_second"}  # fmt: skip

MOST_BYTES = 10_000_000  # read from one file, from its end
MOST_LINE = 100_000  # bytes of one record
MOST_RUNGS = 40  # drawn in one plot
_unsaved = []


def record(rung, notebook=None, source=None, **numbers):
    """Append one record to the scoreboard.

    rung: what was measured, such as "Python lists"; a later record of the
        same rung takes its place in the table, the file keeps both
    notebook: the number of the notebook, such as 1
    source: "drawings", "photos" or "folder", where pictures were used
    numbers: values by name; those of `COLUMNS` appear in the table. A
        Measurement gives its median, with its low and high next to it

    Hardware and time (UTC) are added. If the scoreboard cannot be written, a
    sentence says so, the record is kept in memory and the lesson continues.
    What a record cannot hold is left out, and a sentence names it. A record
    that repeats the latest one of its rung is not written again. Taught in
    notebook 01.

    >>> record("an example", accuracy=0.9)
    >>> latest("an example")["accuracy"]
    0.9
    """
    line = {
        "rung": printable(str(rung), 200),
        "notebook": notebook,
        "source": source,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    # A name among the numbers replaces none of the lines above.
    line = _plain(line | numbers | line)
    line["hardware"] = devices.hardware().summary()
    text = json.dumps(line)
    try:
        line = _parse(text.encode())
    except ValueError:
        _print(
            say(
                f"{line['rung']} is not recorded: a record can hold only "
                "numbers and short texts."
            )
        )
        return
    path = paths.home_directory() / FILE_NAME
    if _repeats(line, _read(path)[0] + _unsaved):
        return
    try:
        _append(path, text)
    except OSError as error:
        tell(
            "The scoreboard cannot be written "
            f"({error.strerror or error}); this record lasts until "
            "the kernel stops."
        )
        _unsaved.append(line)


def keep_guesses(**guesses):
    """Keep guesses about the course's results, to compare them at the end.

    guesses: numbers by name; None stands for a guess that is still to be
        made. Nothing is kept until all of them are numbers; a hint names
        those that are not. The latest guesses count: `latest("prediction")`.

    Taught in notebook 00.
    """
    numbers, missing = {}, []
    for name, guess in guesses.items():
        if guess is None or guess is ...:
            missing.append(name)
            continue
        number, hint = check.read_number(guess)
        if hint:
            print(f"✗ {name}: {hint}")
        else:
            numbers[name] = number
    if missing:
        tell(
            f"… write a number in place of None for {', '.join(missing)}, "
            "and run the cell again."
        )
    if len(numbers) < len(guesses):
        return
    record("prediction", notebook=0, **numbers)
    kept = ", ".join(f"{name} = {guess}" for name, guess in numbers.items())
    tell(f"Kept until the end of the course: {kept}.")


def load(path=None):
    """Return all records of a scoreboard file as dictionaries, oldest first.

    path: the file, or None for your own

    Damaged lines are skipped, and a sentence counts them. What is not a
    readable file is skipped, and only the end of a file above `MOST_BYTES` is
    read; a sentence says so.
    """
    own = path is None
    path = Path(paths.home_directory() / FILE_NAME if own else path)
    records, remarks = _read(path)
    for remark in remarks:
        _print(f"{printable(path.name)} {remark}")
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

    records: what `load` returns, or None for your own

    The machine is named below the table, or in a column of its own when the
    rows come from more than one. Taught in notebook 00.

    >>> show([{"rung": "Python lists", "notebook": 1, "seconds": 2.5}])
    rung           seconds
    Python lists       2.5
    """
    rows = [row for row in table(records) if COLUMNS.keys() & row.keys()]
    if not rows:
        tell("The scoreboard is empty: measure something first.")
        return
    used = [name for name in COLUMNS if any(name in row for row in rows)]
    machines = [_machine(row) for row in rows]
    several = len(set(machines)) > 1
    lines = [[say("rung"), *(say(COLUMNS[name]) for name in used)]]
    for row in rows:
        cells = [_short(row.get(name)) for name in used]
        lines.append([printable(row["rung"]), *cells])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for (rung, *cells), machine in zip(
        lines, [say("on"), *machines], strict=True
    ):
        cells = map(str.rjust, cells, widths[1:])
        row = [rung.ljust(widths[0]), *cells, machine if several else ""]
        _print("   ".join(row).rstrip())
    if not several and machines[0]:
        _print(f"\n{say('on')}: {machines[0]}")


def latest(rung):
    """Return the latest record of a rung, or None when there is none.

    Taught in notebook 05.

    >>> latest("a rung that nobody measured") is None
    True
    """
    return next((e for e in reversed(load()) if e["rung"] == rung), None)


def pool(folder):
    """Merge the scoreboards of a class into `pooled.json` and `pooled.png`.

    folder: holds the students' .jsonl files, at any depth and by any name.
        The latest record of each rung counts in each file, so that nobody
        counts twice; the same line in two files counts once. If notebook 12
        was handed in, `claims.csv` has one row per file
    Returns the records. Raises FileNotFoundError when there is no record.
    """
    folder = Path(folder)
    records, claims = {}, {}
    for path in sorted(folder.rglob("*.jsonl")):
        for entry in table(load(path)):
            records[json.dumps(entry, sort_keys=True)] = entry
            if entry["rung"] == CLAIM:
                claims[path.relative_to(folder).as_posix()] = entry
    records = sorted(records.values(), key=lambda entry: str(entry["time"]))
    if not records:
        raise FileNotFoundError(
            f"There is no scoreboard in {printable(str(folder), 200)}: put "
            f"the students' {FILE_NAME} files there, each with its own name."
        )
    paths.write_json(folder / "pooled.json", records)
    if claims:
        paths.write_atomically(
            folder / "claims.csv", lambda name: _write_claims(name, claims)
        )
    import matplotlib.pyplot as plt

    with plt.style.context(plots.STYLE):
        ax = plot_pool(records)
        with warnings.catch_warnings():  # letters that the font lacks
            warnings.filterwarnings("ignore", "Glyph .* missing")
            paths.write_atomically(folder / "pooled.png", ax.figure.savefig)
        plt.close(ax.figure)
    return records


# A column of `claims.csv` for each of these names in a record, and for the
# points of notebook 12's rubric, which the instructor fills in.
CLAIM = "claim"
PARTS = ("source", "claim", "bound", "points", "low", "high", "draws",
         "verdict", "reading", "limits")  # fmt: skip
RUBRIC = ("claim /2", "control /3", "draws /2", "reading /2", "limits /1")


def _write_claims(name, claims):
    """Write one row per file: what was claimed and found, and the rubric."""
    with open(name, "w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", *PARTS, *RUBRIC])
        for path, entry in claims.items():
            row = [path, *(entry.get(part) for part in PARTS)]
            writer.writerow([_cell(value) for value in row])


def _cell(value):
    """Return a stranger's value as a cell that no spreadsheet calculates."""
    if value is None or _is_number(value):
        return value
    text = printable(str(value), 500)
    return f"'{text}" if text.lstrip()[:1] in ("=", "+", "-", "@") else text


def plot_pool(records, value="examples_per_second", ax=None):
    """Draw one number of every record, rung by rung, on a logarithmic axis.

    records: what `load` or `pool` returns; those without the value are left
        out, and with a sentence those that lie a billion times away from the
        rest, and the rarest of more than `MOST_RUNGS` rungs

    A dot is one record, a black bar the median of its rung, a shape and color
    one platform. Within a notebook the slowest rung is on top. Returns the
    axes.
    """
    import matplotlib.pyplot as plt

    records = _drawn(records, value)
    rungs = _rungs(records, value)
    height = {rung: -number for number, rung in enumerate(rungs)}
    if ax is None:
        ax = plt.subplots(figsize=(7, 1.8 + 0.45 * len(rungs)))[1]
    marks = zip(devices.PLATFORM_NAMES.items(), "os^DPXv", strict=True)
    for (platform, name), marker in marks:
        chosen = [
            (entry[value], height[entry["rung"]])
            for entry in records
            if _platform(entry) == platform
        ]
        if chosen:
            places = zip(*chosen, strict=True)
            ax.plot(*places, marker, label=name, alpha=0.6)
    for rung, (_, median) in rungs.items():
        bar = {"color": "black", "markersize": 22, "markeredgewidth": 2}
        ax.plot(median, height[rung], "|", **bar)
    ax.margins(0.05, 0.12)
    ax.set_xscale("log")
    ax.set_xlabel(COLUMNS.get(value, value))
    ax.set_yticks(list(height.values()), map(drawable, rungs))
    if rungs:
        ax.figure.legend(loc="outside upper center", ncols=3)
    return ax


def printable(text, most=60):
    """Return a stranger's text as one short line without control characters.

    Line breaks, escape sequences, marks that turn the direction of writing
    and halves of characters become question marks.
    """
    text = "".join(c if c.isprintable() else "?" for c in text[: most + 1])
    return text if len(text) <= most else f"{text[: most - 1]}…"


def drawable(text, most=60):
    """Return what `printable` does, in which matplotlib sees no formula."""
    return printable(text, most).replace("$", r"\$")


def _print(text):
    """Print, even if the output cannot encode every letter."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding))


def _drawn(records, value):
    """Return the records whose number can be drawn with the others."""
    records = [entry for entry in records if _positive(entry.get(value))]
    if not records:
        return []
    middle = statistics.median(entry[value] for entry in records)
    near = [e for e in records if middle / 1e9 < e[value] < middle * 1e9]
    if len(near) < len(records):
        tell(
            "Records left out of the plot, because they differ from the "
            "others by a factor of a billion or more: "
            f"{len(records) - len(near)}."
        )
    counted = Counter(entry["rung"] for entry in near)
    often = {rung for rung, _ in counted.most_common(MOST_RUNGS)}
    if len(counted) > MOST_RUNGS:
        tell(
            f"Only the {MOST_RUNGS} most frequent of {len(counted)} rungs "
            "are drawn."
        )
    return [entry for entry in near if entry["rung"] in often]


def _rungs(records, value):
    """Return {rung: (median place, median value)}, in the order to draw.

    Medians, so that no single file moves a rung.
    """
    found = {}
    for entry in records:
        found.setdefault(entry["rung"], []).append(entry)
    medians = {
        rung: tuple(
            statistics.median(each)
            for each in zip(*((_place(e), e[value]) for e in es), strict=True)
        )
        for rung, es in found.items()
    }
    return dict(sorted(medians.items(), key=lambda item: item[1]))


def _platform(entry):
    """Return the platform of a record; one without a name is local."""
    name = (entry.get("hardware") or {}).get("platform")
    return name if name in devices.PLATFORM_NAMES else "local"


def _machine(entry):
    """Return "AMD EPYC, 2 threads, Tesla T4", or "" if it is unknown.

    A record with a "device" was measured on it, or only on the processor.
    """
    hardware = entry.get("hardware") or {}
    if "processor" not in hardware:
        return ""
    threads = hardware.get("threads", "?")
    parts = [
        hardware["processor"],
        "1 thread" if threads == 1 else say(f"{threads} threads"),
    ]
    if "device" in entry:
        parts += [entry["device"]] if entry["device"] else []
    else:
        parts += hardware.get("accelerators") or ()
    return printable(", ".join(map(str, parts)), 80)


def _read(path):
    """Return a file's sound records, and what to remark about the file."""
    try:
        if not path.is_file():  # a folder, a pipe: it could wait for ever
            there = path.is_symlink() or path.exists()
            return [], [say("is not a file: skipped.")] if there else []
        with path.open("rb") as file:
            size = file.seek(0, 2)
            start = file.seek(max(0, size - MOST_BYTES))
            content = io.BytesIO(file.read(MOST_BYTES))
    except OSError as error:
        return [], [say(f"cannot be read ({error.strerror}): skipped.")]
    remarks = []
    if start:
        content.readline()  # the rest of a line that began before
        remarks.append(
            say(
                f"holds {size / 1e6:,.0f} MB: only the last "
                f"{MOST_BYTES / 1e6:,.0f} MB were read."
            )
        )
    records, damaged = [], 0
    for line in content:
        if not line.strip():
            continue
        try:
            records.append(_parse(line))
        except (ValueError, RecursionError):
            damaged += 1
    if damaged:
        lines = (
            say("line: it was") if damaged == 1 else say("lines: they were")
        )
        remarks.append(say(f"has {damaged} damaged {lines} skipped."))
    return records, remarks


def _parse(line):
    """Return one record; raises ValueError when it could do any harm."""
    if len(line) > MOST_LINE:
        raise ValueError("too long")
    entry = json.loads(
        line.decode("utf-8-sig"),
        parse_int=lambda text: _bounded(int(text)),
        parse_float=lambda text: _bounded(float(text)),
        parse_constant=lambda _: None,  # NaN and infinity are no numbers
    )
    if not isinstance(entry, dict):
        raise ValueError("no record")
    hardware = entry.get("hardware") or {}
    sound = (
        isinstance(entry.get("rung"), str)
        and isinstance(entry.get("time"), str)
        and isinstance(hardware, dict)
        and isinstance(hardware.get("platform", ""), str)
        and isinstance(hardware.get("processor", ""), str)
        and isinstance(hardware.get("accelerators") or [], list)
        and all(
            entry.get(name) is None or _is_number(entry[name])
            for name in NUMBERS
        )
    )
    if not sound:
        raise ValueError("no record")
    datetime.fromisoformat(entry["time"])
    json.dumps(entry, ensure_ascii=False).encode()  # half a character raises
    return entry


def _bounded(number):
    if abs(number) < 1e300:
        return number
    raise ValueError("no number that can be drawn")


def _repeats(line, records):
    """Say whether a record repeats the latest one of its rung."""
    for entry in reversed(records):
        if entry["rung"] == line["rung"]:
            return entry | {"time": ""} == line | {"time": ""}
    return False


def _append(path, text):
    """Write one whole line, after a line that was left unfinished too."""
    if path.exists() and not path.is_file():  # a pipe would wait for a reader
        raise OSError("it is not a file")
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
        hint = None
        try:
            if hasattr(value, "median") and hasattr(value, "low"):
                plain[f"{name}_low"] = _value(value.low)
                plain[f"{name}_high"] = _value(value.high)
                value = float(value.median)
            plain[name] = _value(value)
            if name in NUMBERS and plain[name] is not None:
                hint = check.read_number(plain[name])[1]
        except Exception:  # whatever an object may say of itself
            hint = say("No record can hold it.")
        if hint:
            plain[name] = None
            _print(say(f"{printable(name)} is left out of the record. {hint}"))
    return plain


def _value(value, left=None):
    """Return numbers, text, lists and dictionaries of them as JSON's own."""
    left = [10_000] if left is None else left
    left[0] -= 1
    if left[0] < 0:
        raise ValueError("too long for a record, or contains itself")
    if hasattr(value, "tolist"):
        if np.size(value) > left[0]:
            raise ValueError("too long for a record")
        value = value.tolist()
    if isinstance(value, dict):
        return {str(k): _value(v, left) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_value(each, left) for each in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return _bounded(int(value))
    if isinstance(value, float):
        return _bounded(float(value)) if math.isfinite(value) else None
    return str(value).encode("utf-8", "replace").decode()


def _place(entry):
    notebook = entry.get("notebook")
    return notebook if isinstance(notebook, int) else math.inf


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def _positive(value):
    return _is_number(value) and 0 < value < 1e300


def _short(value):
    """Write a number with three digits: 63.1 M, 0.0413, 12,300."""
    if not isinstance(value, int | float):
        return "" if value is None else printable(str(value), 20)
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
    command.add_argument("folder", help="the folder of .jsonl files")
    chosen = parser.parse_args(arguments)
    if chosen.command != "pool":
        show()
        return 0
    try:
        records = pool(chosen.folder)
    except OSError as error:
        print(error, file=sys.stderr)
        return 1
    claims = ", claims.csv" * any(e["rung"] == CLAIM for e in records)
    print(
        f"{len(records)} records: see pooled.json{claims} and pooled.png "
        "there."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())


# What notebook 0 asks: the question, the record and the field that answer
# it, and the axis: its unit, its ends and its scale.
QUESTIONS = {
    "times_faster": (
        mark("How many times faster are matrices than Python lists?"),
        "NumPy, batches", "times_lists",
        (mark("times faster"), (1, 20_000), "log"),
    ),
    "labels_for_donor": (
        mark("How many labels without a donor are worth 10 with one?"),
        "labels that ten are worth", "labels",
        (mark("labeled pictures of each animal"), (10, 1_000), "log"),
    ),
    "points_forgotten": (
        mark("How much does a careless donor forget?"),
        "points forgotten", "points",
        (mark("percentage points"), (0, 50), "linear"),
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
    measured = sum(found is not None for _, found in rows.values())
    title = say("Guesses, before anything is measured")
    if settled:
        title = say(f"{settled} of {len(rows)} guesses have been measured")
    elif measured:
        title = say(
            f"{measured} of {len(rows)} answers measured, without a guess"
        )
    plots.set_title(ax, title)
    alt_text.say(ax.figure, f"{title}. {_spoken(rows)}")
    return ax


def _mark(ax, guess, measured):
    """Draw one guess as a circle and what was measured as a diamond."""
    if guess is not None and measured is not None:
        ax.plot([guess, measured], [0, 0], color=plots.FAINT, linewidth=1)
    for value, marker, fill, color, word in (
        (guess, "o", "none", plots.OTHER, say("guess")),
        (measured, "D", "full", plots.CHOSEN, say("measured")),
    ):
        if value is not None:
            ax.plot(
                value, 0, marker, color=color, fillstyle=fill, ms=12,
                clip_on=False, label=word,
            )  # fmt: skip


def _spoken(rows):
    return " ".join(
        say(
            f"{question} Guess: {'none' if guess is None else f'{guess:,g}'}; "
            f"measured: {'not yet' if found is None else f'{found:,.3g}'}."
        )
        for question, (guess, found) in rows.items()
    )


def _difference(guess, measured):
    if measured is None:
        return say("not measured yet")
    if guess is None:
        return say("no guess")
    if guess > 0 and measured > 0:
        factor = max(guess / measured, measured / guess)
        digits = ".1f" if factor < 1e6 else ".0e"
        return say(f"off by a factor of {factor:{digits}}")
    return say(f"off by {abs(guess - measured):.1f}")


def plot_prediction(guesses=None, reveal=True, ax=None):
    """Draw the guesses of notebook 0 and what the scoreboard holds.

    guesses: numbers by the names of `QUESTIONS`, or None for those that were
        kept; reveal: also show what was measured. Returns the axes.

    Taught in notebook 00.

    >>> plot_prediction({"times_faster": 100}, reveal=False).get_title()
    'Guesses, before anything is measured'
    """
    if guesses is None:
        guesses = latest("prediction") or {}
    rows, axes = {}, {}
    for name, (question, rung, field, axis) in QUESTIONS.items():
        found = (latest(rung) or {}).get(field) if reveal else None
        pair = guesses.get(name), found
        # A guess kept before guesses were checked can be any text.
        question, unit = say(question), say(axis[0])
        rows[question] = tuple(check.read_number(each)[0] for each in pair)
        axes[question] = (unit, *axis[1:])
    return plot_guesses(rows, axes, ax)
