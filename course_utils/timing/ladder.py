"""Draw the cost ladder: the rungs of notebooks 01 to 04 in one picture.

Every rung is the latest record of the scoreboard. What another machine
measured lies in `data/reference/`: `ladder.json` is the course's own run
(`make bench`), `ladder_NAME.json` are accelerators. None is ever mixed with
your rungs unseen: each carries its machine and date in its label.
"""

import json

from course_utils import scoreboard
from course_utils.machine import paths

NOTEBOOKS = (1, 2, 3, 4)


_RATE, _SPEED = "examples_per_second", "flops_per_second"
_LIMIT = "limit_flops_per_second"


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


def limit_share(entry, entries):
    """Return the share of the machine's limit that a rung reaches, or None.

    The limit is the fastest that the matrix products of a step alone were
    measured, with any engine, on the rung's own machine among `entries`: an
    engine whose products alone are slow does not lower it.
    """
    limits = [
        other[_LIMIT]
        for other in [entry, *entries]
        if other.get(_LIMIT) and _machine(other) == _machine(entry)
    ]
    if not limits or not entry.get(_SPEED):
        return None
    return entry[_SPEED] / max(limits)


def reference():
    """Return the records of the course's own run, or [] where none lies."""
    return _read(paths.data_directory() / "reference" / "ladder.json")


def elsewhere():
    """Return the records of accelerators that others measured, or []."""
    folder = paths.data_directory() / "reference"
    found = sorted(folder.glob("ladder_*.json"))
    return [entry for path in found for entry in _read(path)]


def where(entry):
    """Return machine and date of a record, for its label."""
    hardware = entry.get("hardware") or {}
    names = hardware.get("accelerators") or [
        f"{hardware.get('processor', 'unknown')}, "
        f"{hardware.get('threads', '?')} threads"
    ]
    return f"{names[0]}, {str(entry['time'])[:10]}"


def own_or_reference():
    """Return the records to draw: your own, or else the reference run.

    Your own count when notebooks 01 to 03 are among them. If not, a printed
    sentence says what is missing and whose rungs these are; the two are
    never mixed.
    """
    own = rungs(scoreboard.load())
    missing = {1, 2, 3} - {entry["notebook"] for entry in own}
    stored = rungs(reference())
    if not missing or not stored:
        return own
    names = ", ".join(f"0{number}" for number in sorted(missing))
    print(
        f"Your scoreboard lacks notebook {names}, so this ladder was measured "
        f"elsewhere, on {where(stored[0])}. Run them for your own."
    )
    return stored


def rung(name):
    """Return your latest record of a rung, or the reference run's.

    A printed sentence says so where it is not yours. Raises LookupError when
    neither holds it.
    """
    own = scoreboard.latest(name)
    if own:
        return own
    for entry in reference():
        if entry["rung"] == name:
            print(f"{name}: measured elsewhere, on {where(entry)}.")
            return entry
    raise LookupError(
        f"Nobody has measured {name!r} yet: run notebooks 01 to 03 first."
    )


def show_elsewhere():
    """Print what accelerators others measured, or that there are none."""
    found = rungs(elsewhere())
    if not found:
        print(
            "No accelerator has been measured yet: data/reference/ holds "
            "none. Whoever has one runs `make bench` there."
        )
    for entry in found:
        print(
            f"measured elsewhere ({where(entry)}): {entry['rung']}, "
            f"{entry[_RATE]:,.0f} pictures a second"
        )


def plot_ladder(records, others=(), ax=None):
    """Draw pictures per second of each rung, from the slowest start upward.

    records: what `own_or_reference` returns, of one climb
    others: records of other machines, drawn on top as open marks with their
        machine's name and date

    Beside each rung stand its factor over the first one and its share of the
    machine's limit, which is the dashed line. Returns the axes. Raises
    ValueError without any record.
    """
    import matplotlib.pyplot as plt

    records, others = rungs(records), rungs(others)
    if not records:
        raise ValueError(
            "No rung has been measured: run notebooks 01 to 03 first."
        )
    base = records[0][_RATE]
    name = scoreboard.drawable
    labels = [name(entry["rung"]) for entry in records]
    labels += [
        f"{name(entry['rung'])}\n(elsewhere: {name(where(entry))})"
        for entry in others
    ]
    if ax is None:
        ax = plt.subplots(figsize=(8, 1.4 + 0.45 * len(labels)))[1]
    for height, entry in enumerate([*records, *others]):
        own = height < len(records)
        text = _text(entry, records if own else others, base if own else None)
        ax.hlines(height, base / 3, entry[_RATE], color="0.8", linewidth=2)
        ax.plot(
            entry[_RATE], height, "o" if own else "D", markersize=11,
            color="#0072B2", markerfacecolor="#0072B2" if own else "white",
        )  # fmt: skip
        ax.text(
            1.02, height, text, va="center", fontsize="small",
            transform=ax.get_yaxis_transform(),
        )  # fmt: skip
    limits = [
        e[_LIMIT] * e[_RATE] / e[_SPEED]
        for e in records
        if e.get(_LIMIT) and e.get(_SPEED)
    ]
    if limits:
        ax.axvline(max(limits), color="black", linestyle="--", linewidth=1.5)
    ax.set_xscale("log")
    ax.set_xlim(left=base / 3)
    ax.set_ylim(-0.6, len(labels) - 0.4)
    ax.set_yticks(range(len(labels)), labels)
    for label in ax.get_yticklabels()[len(records) :]:
        label.set_fontsize("small")
    ax.grid(axis="y", visible=False)
    ax.set_xlabel("pictures per second (dashed: the limit)")
    ax.set_title("factor, share of limit", loc="right", fontsize="small")
    return ax


def _text(entry, entries, base):
    share = limit_share(entry, entries)
    parts = [f"×{entry[_RATE] / base:,.0f}"] if base else []
    if share is not None:
        parts.append(f"{share:.{0 if share >= 0.01 else 2}%}")
    return ", ".join(parts)


def _machine(entry):
    hardware = entry.get("hardware") or {}
    return (
        hardware.get("processor"),
        hardware.get("threads"),
        tuple(hardware.get("accelerators") or ()),
    )


def _read(path):
    if not path.exists():
        return []
    return json.loads(path.read_text("utf-8"))["records"]
