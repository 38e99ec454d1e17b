"""Draw the cost ladder: the rungs of the speed track in one picture.

Every rung is the latest record of the scoreboard. What another machine
measured is in `data/reference/`: `ladder.json` is the course's own run
(`make bench`), `ladder_NAME.json` are accelerators (`make accelerator`). They
are never mixed with your rungs unmarked: each label says machine and date.
"""

import json

from course_utils import plots, scoreboard
from course_utils.language import say, tell
from course_utils.machine import paths
from course_utils.timing import costs, operations

NOTEBOOKS = (1, 2, 3, 4, 13)
# FLOP of a training step per picture, for each network that has rungs.
WORK = {
    "small": operations.count_network((3072, 32, 1), training=True),
    "convolution": costs.TRAINING_PER_FORWARD * costs.donor_forward(),
}
LISTS, BATCHES = "Python lists", "NumPy, batches"
_RATE, _LIMIT = "examples_per_second", "limit_flops_per_second"


def record(rung, notebook, seconds, network="small", **more):
    """Record a rung on the scoreboard from its seconds per picture.

    rung: its name, such as "NumPy, batches"; notebook: a number
    seconds: of one training picture; network: a key of `WORK`
    more: further values, such as source, batch and limit_flops_per_second;
        flops_per_second, if it was counted in another way

    An accuracy that an earlier record of the rung holds is kept. Taught in
    notebook 02.

    >>> record("an example", notebook=2, seconds=0.001)
    >>> scoreboard.latest("an example")["examples_per_second"]
    1000.0
    """
    before = scoreboard.latest(rung) or {}
    if before.get("accuracy") is not None:
        more.setdefault("accuracy", before["accuracy"])
    scoreboard.record(
        rung,
        notebook=notebook,
        network=network,
        examples_per_second=1 / seconds,
        **{"flops_per_second": WORK[network] / seconds, **more},
    )


def rungs(records):
    """Return the latest record of each rung that was timed, in order.

    records: what `scoreboard.load` returns; those of other notebooks and
    those without examples per second are left out. Within a notebook the
    order is that of the measurements.
    """
    return [
        entry
        for entry in scoreboard.table(records)
        if entry.get("notebook") in NOTEBOOKS and (entry.get(_RATE) or 0) > 0
    ]


def speed(entry):
    """Return the FLOP per second of a rung, counted alike for all rungs.

    Taught in notebook 04.
    """
    work = WORK.get(entry.get("network"), WORK["small"])
    return entry[_RATE] * work


def times_faster(records=None):
    """Return how many times faster matrices are than the loop of lists.

    records: those of one machine, or None for your scoreboard. It is the
    quotient of the pictures per second of two rungs, which notebook 2
    records together; None if one of them is missing.
    """
    found = {e["rung"]: e for e in rungs(records or scoreboard.load())}
    if not {LISTS, BATCHES} <= found.keys():
        return None
    return found[BATCHES][_RATE] / found[LISTS][_RATE]


def limit_share(entry, entries):
    """Return the fraction of the hardware's limit that a rung reaches.

    The limit is the fastest matrix product that any engine reached, among
    `entries`, on the same machine and device. Returns None without one.
    """
    limit = _limit(entry, entries)
    return speed(entry) / limit if limit else None


def _limit(entry, entries):
    limits = [
        other[_LIMIT]
        for other in [entry, *entries]
        if other.get(_LIMIT) and _machine(other) == _machine(entry)
    ]
    return max(limits, default=None)


def reference():
    """Return the records of the course's own run, or []."""
    return _read(paths.data_directory() / "reference" / "ladder.json")


def elsewhere():
    """Return the records of accelerators that others measured, or [].

    Taught in notebook 04.
    """
    folder = paths.data_directory() / "reference"
    found = sorted(folder.glob("ladder_*.json"))
    return [entry for path in found for entry in _read(path)]


def where(entry):
    """Return machine and date of a record, for its label."""
    hardware = entry.get("hardware") or {}
    names = hardware.get("accelerators") or [
        say(
            f"{hardware.get('processor', 'unknown')}, "
            f"{hardware.get('threads', '?')} threads"
        )
    ]
    return f"{names[0]}, {str(entry['time'])[:10]}"


def own_or_reference():
    """Return the records to draw: your own, or else the reference run.

    Your own are drawn if notebooks 1 to 3 are among them. If not, a printed
    sentence says what is missing and whose rungs these are; the two are
    never mixed. Taught in notebook 04.
    """
    own = rungs(scoreboard.load())
    missing = {1, 2, 3} - {entry["notebook"] for entry in own}
    stored = rungs(reference())
    if not missing or not stored:
        return own
    names = ", ".join(map(str, sorted(missing)))
    tell(
        f"Your scoreboard lacks these notebooks: {names}. This ladder was "
        f"measured elsewhere, on {where(stored[0])}. Run them to measure "
        "your own."
    )
    return stored


def rung(name):
    """Return your latest record of a rung, or the reference run's.

    A printed sentence says so if it is not yours. Raises LookupError if
    neither has it. Taught in notebook 04.
    """
    own = scoreboard.latest(name)
    if own:
        return own
    for entry in reference():
        if entry["rung"] == name:
            tell(f"{name}: measured elsewhere, on {where(entry)}.")
            return entry
    raise LookupError(
        f"Nobody has measured {name!r} yet: run notebooks 1 to 3 first."
    )


def show_elsewhere():
    """Print what accelerators others measured, or that there are none.

    Taught in notebook 04.
    """
    found = rungs(elsewhere())
    if not found:
        tell(
            "No accelerator has been measured yet. If you have one, run "
            "`make accelerator` on it."
        )
    for entry in found:
        tell(
            f"measured elsewhere ({where(entry)}): {entry['rung']}, "
            f"{entry[_RATE]:,.0f} pictures per second"
        )


def plot_ladder(records, others=(), ax=None):
    """Draw the speed of each rung, from the slowest start upward.

    records: what `own_or_reference` returns, of one climb
    others: records of other machines, drawn on top as open marks with their
        machine's name and date

    All rungs are counted in FLOP per second, so networks of different sizes
    share one axis. Next to each rung are its factor over the first one and
    the fraction it reaches of its hardware's limit, which is the dashed line
    for the processor. Returns the axes. Raises ValueError without a record.
    Taught in notebook 04.
    """
    import matplotlib.pyplot as plt

    records, others = rungs(records), rungs(others)
    if not records:
        raise ValueError(
            "No rung has been measured: run notebooks 1 to 3 first."
        )
    base, name = speed(records[0]), scoreboard.drawable
    labels = [name(entry["rung"]) for entry in records]
    labels += [
        f"{name(entry['rung'])}\n(elsewhere: {name(where(entry))})"
        for entry in others
    ]
    if ax is None:
        ax = plt.subplots(figsize=(8, 1.8 + 0.45 * len(labels)))[1]
    limit = _limit(records[0], records)
    _write_row(ax, len(labels), "speedup", say("of limit") if limit else "")
    for height, entry in enumerate([*records, *others]):
        own = height < len(records)
        ax.hlines(height, base / 3, speed(entry), color="0.8", linewidth=2)
        ax.plot(
            speed(entry), height, "o" if own else "D", markersize=11,
            color="#0072B2", markerfacecolor="#0072B2" if own else "white",
        )  # fmt: skip
        factor = f"{speed(entry) / base:,.0f}×" if own else ""
        share = limit_share(entry, records if own else others)
        _write_row(ax, height, factor, _percent(share))
    if limit:
        ax.axvline(limit, color="black", linestyle="--", linewidth=1.5)
        ax.annotate(
            say("the processor's limit"), (limit, len(labels)), (-6, 0),
            textcoords="offset points", ha="right", va="center",
            fontsize="small",
        )  # fmt: skip
    ax.set_xscale("log")
    ax.set_xlim(left=base / 3)
    ax.set_ylim(-0.6, len(labels) + 0.5)
    ax.set_yticks(range(len(labels)), labels)
    for label in ax.get_yticklabels()[len(records) :]:
        label.set_fontsize("small")
    ax.grid(axis="y", visible=False)
    ax.set_xlabel(say("operations per second (FLOP per second)"))
    plots.set_title(ax, _finding(records))
    return ax


def _finding(records):
    """Return what the ladder shows, one line each."""
    factor = times_faster(records)
    shares = [limit_share(e, records) for e in records if not e.get("device")]
    best = max((share for share in shares if share), default=None)
    lines = []
    if factor:
        lines += [say(f"Matrices are {factor:,.0f} times as fast as lists")]
    if best:
        lines += [say(f"the best rung reaches {_percent(best)} of the limit")]
    text = ";\n".join(lines) or say("how fast each rung is")
    return text[0].upper() + text[1:]


def _write_row(ax, height, *texts):
    """Write right-aligned texts next to the axes, at the height of a rung."""
    for points, text in zip((60, 118), texts, strict=True):
        ax.annotate(
            text, (1, height), (points, 0), ha="right", va="center",
            xycoords=ax.get_yaxis_transform(), textcoords="offset points",
            fontsize="small",
        )  # fmt: skip


def _percent(share):
    if share is None:
        return ""
    return f"{share:.{0 if share >= 0.01 else 2}%}"


def _machine(entry):
    """Return what a limit belongs to: a machine, and a device of it."""
    hardware = entry.get("hardware") or {}
    return (
        hardware.get("processor"),
        hardware.get("threads"),
        tuple(hardware.get("accelerators") or ()),
        entry.get("device"),
    )


def _read(path):
    if not path.exists():
        return []
    return json.loads(path.read_text("utf-8"))["records"]
