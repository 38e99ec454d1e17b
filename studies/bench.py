"""Measure the ladder, or what each notebook takes, on this quiet machine.

    python -m studies.bench                        the ladder
    python -m studies.bench notebooks [PATH ...]   seconds and memory of each

The first runs the speed track, notebooks 1 to 4 and 13, on drawings, in
fresh kernels one after the other, and stores the records of their one
scoreboard in data/reference/: ladder.json of a processor, ladder_NAME.json of
an accelerator; then it draws docs/ladder.png again. The second writes
data/reference/notebooks.json, and ends with status 1 if a budget is exceeded.
"""

import argparse
import json
import os
import re
import sys
import tempfile
import threading
import time
from datetime import date
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient

from course_utils import plots, scoreboard
from course_utils.machine import devices, paths
from course_utils.timing import ladder

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "data" / "reference"
BUDGETS = {"seconds": 60, "peak_gigabytes": 1.5, "first_figure_seconds": 10}
# Two notebooks have a budget of their own: 5 trains a whole donor, and 13
# runs two workers next to its kernel.
LARGER = {
    "05_train_from_scratch.ipynb": {"seconds": 120},
    "13_many_machines.ipynb": {"peak_gigabytes": 2.0},
}
FACTOR, SHARE = 500, 0.65  # what the course promises of its ladder
# Settings that make OpenBLAS use a slower kernel than the processor has.
SLOWER = "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"


def lessons():
    """Return the paths of all notebooks, in order."""
    return sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


class Peak:
    """Watch the memory of what this process started, in a block."""

    def __init__(self, interval=0.25):
        self.interval, self.bytes = interval, 0
        self.over = threading.Event()

    def __enter__(self):
        me = psutil.Process()
        known = {child.pid for child in me.children()}

        def watch():
            while not self.over.wait(self.interval):
                new = [c for c in me.children() if c.pid not in known]
                self.bytes = max(self.bytes, sum(map(devices.memory_of, new)))

        self.thread = threading.Thread(target=watch, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.over.set()
        self.thread.join()


def run(path):
    """Run a notebook in a fresh kernel; return what it took."""
    notebook = nbformat.read(path, as_version=4)
    started, figures = time.perf_counter(), []

    def look(cell, cell_index, execute_reply):
        if any("image/png" in o.get("data", {}) for o in cell.outputs):
            figures.append(time.perf_counter() - started)

    with Peak() as peak:
        NotebookClient(
            notebook,
            timeout=600,
            kernel_name="python3",
            resources={"metadata": {"path": str(path.parent)}},
            on_cell_executed=look,
        ).execute()
    return {
        "seconds": round(time.perf_counter() - started, 1),
        "peak_gigabytes": round(peak.bytes / 1e9, 2),
        "first_figure_seconds": round(figures[0], 1) if figures else None,
    }


def store(name, folder=None, **facts):
    """Write facts with the machine and the date; return the path.

    folder: where to; None for data/reference/
    """
    facts = {
        "date": date.today().isoformat(),
        "hardware": devices.hardware().summary(),
        **facts,
    }
    path = (folder or REFERENCE) / name
    paths.write_json(path, facts)
    return path


def ladder_name(accelerators):
    """Return the file of a ladder, by the first accelerator's name."""
    if not accelerators:
        return "ladder.json"
    slug = re.sub(r"[^a-z0-9]+", "-", accelerators[0].lower()).strip("-")
    return f"ladder_{slug}.json"


def judge(records):
    """Return the lines on what the course promises of its ladder."""
    found = ladder.rungs(records)
    factor = ladder.times_faster(found)
    shares = {
        entry["rung"]: ladder.limit_share(entry, found) or 0
        for entry in found
        if not entry.get("device")
    }
    best = max(shares, key=shares.get)
    limit = max(
        (entry for entry in found if not entry.get("device")),
        key=lambda entry: entry.get("limit_flops_per_second") or 0,
    )
    verdicts = [
        (
            f"lists → batches: {factor:,.0f} times the pictures per second "
            f"of notebook 1's own loop; promised {FACTOR}",
            factor >= FACTOR,
        ),
        (
            f"best rung on the processor: {best}, {shares[best]:.0%} of the "
            f"fastest matrix product ({limit.get('limit_engine')}); promised "
            f"{SHARE:.0%}",
            shares[best] >= SHARE,
        ),
    ]
    return [
        f"{text}: {'holds' if holds else 'does not hold on this machine'}"
        for text, holds in verdicts
    ]


def draw(path):
    """Draw the stored ladder, with the accelerators measured elsewhere."""
    import matplotlib.pyplot as plt

    with plt.style.context(plots.STYLE):
        ax = ladder.plot_ladder(ladder.reference(), ladder.elsewhere())
        paths.write_atomically(path, ax.figure.savefig)
        plt.close(ax.figure)


def bench_ladder():
    """Run the speed track, store its scoreboard and draw the ladder."""
    for path in lessons():
        if int(path.name[:2]) in ladder.NOTEBOOKS:
            print(path.name, run(path), flush=True)
    records = ladder.rungs(scoreboard.load())
    scoreboard.show(records)
    lines = judge(records)
    print(*lines, sep="\n")
    name = ladder_name(devices.accelerators())
    store(name, verdicts=lines, records=records)
    draw(ROOT / "docs" / "ladder.png")


def bench_notebooks(chosen):
    """Measure notebooks; return the sentences on budgets exceeded."""
    taken, excesses = {}, []
    for path in chosen:
        taken[path.name] = run(path)
        print(path.name, taken[path.name], flush=True)
        budgets = BUDGETS | LARGER.get(path.name, {})
        excesses += [
            f"{path.name}: {name} {value}, budget {budgets[name]}"
            for name, value in taken[path.name].items()
            if value is not None and value > budgets[name]
        ]
    old = REFERENCE / "notebooks.json"
    kept = json.loads(old.read_text("utf-8")) if old.exists() else {}
    store(
        "notebooks.json",
        budgets=BUDGETS,
        larger=LARGER,
        notebooks=dict(sorted((kept.get("notebooks", {}) | taken).items())),
    )
    return excesses


def main(arguments=None):
    """Run the command line; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "what", nargs="?", default="ladder", choices=["ladder", "notebooks"]
    )
    parser.add_argument("paths", nargs="*", type=Path)
    options = parser.parse_args(arguments)
    for name in SLOWER:  # in the kernels that this process starts
        os.environ.pop(name, None)
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {
            "COURSE_HOME": home,
            "COURSE_SOURCE": "drawings",
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        if options.what == "ladder":
            bench_ladder()
            return 0
        excesses = bench_notebooks(options.paths or lessons())
    print(*excesses, sep="\n")
    return bool(excesses)


if __name__ == "__main__":
    sys.exit(main())
