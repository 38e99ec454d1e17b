"""The answer to the course's title: accuracy against all the time it took.

One mark per approach to the same task, ten pictures each of dogs and foxes.
The marks are the records of notebooks 5 to 9; those that are missing come
from the reference run, `data/reference/answer.json` (`make answer`), and from
the grid of notebook 6.
"""

import json
import re

import numpy as np

from course_utils import scoreboard
from course_utils.language import tell
from course_utils.machine import paths
from course_utils.plots import diagrams
from course_utils.results import files, transfer
from course_utils.timing import ladder

TASK = re.compile(r"dogs and foxes, (?:ten|10) of each, (.+)")
DONOR = "cats and dogs, from scratch"
# In the order of the course: a name for the figure, and who measures it.
APPROACHES = {
    "scratch": ("from scratch", 6),
    "frozen": ("frozen donor", 6),
    "finetuned": ("fine-tuned donor", 7),
    "giant": ("giant, frozen", 9),
}
WITH_DONOR = ("frozen", "finetuned")


def reference():
    """Return the records of the reference run and of the stored grid."""
    path = files.path("answer")
    run = json.loads(path.read_text("utf-8")) if path.exists() else []
    return [*_from_grid(), *run]


def _from_grid(source="drawings"):
    """Return records of what the grid of notebook 6 trained, if it is there.

    Heads take milliseconds and were not timed there.
    """
    try:
        grid = transfer.for_lesson(source)
    except FileNotFoundError:
        return []
    found = []
    for arm, how in (("scratch", "from scratch"), ("finetuned", "fine-tuned")):
        accuracy, seconds = grid["accuracy"].get(arm), grid["seconds"].get(arm)
        if accuracy and seconds and {10} <= accuracy.keys() & seconds.keys():
            found.append({
                "rung": f"dogs and foxes, ten of each, {how}",
                "accuracy": float(np.mean(accuracy[10])),
                "seconds": float(np.median(seconds[10])),
                "source": source,
                "time": grid["date"],
                "hardware": grid["hardware"],
            })  # fmt: skip
    return found


def approach(record):
    """Return the approach that a record measured, or None.

    A record counts when it has the course's task, seconds and an accuracy.
    Anything but scratch and the course's donor is a giant.

    >>> approach({"rung": "dogs and foxes, ten of each, scratch",
    ...           "seconds": 5.0, "accuracy": 0.6})
    'scratch'
    """
    found = TASK.fullmatch(record.get("rung", ""))
    seconds, accuracy = record.get("seconds"), record.get("accuracy")
    if not found or not seconds or accuracy is None:
        return None
    words = found[1].casefold()
    if "scratch" in words:
        return "scratch"
    if "fine" in words and "tun" in words:
        return "finetuned"
    return "frozen" if "donor" in words else "giant"


def collect(own, elsewhere=()):
    """Return ({approach: record}, the approaches that are from elsewhere).

    own, elsewhere: records, as `scoreboard.load` returns them. The latest
        counts. Pictures of different sources are not compared: the source is
        that of the latest record of your own.
    """
    latest = [entry for entry in own if approach(entry)]
    source = latest[-1].get("source") if latest else None
    found = {}
    for entry in (*elsewhere, *latest):
        if source is None or entry.get("source") == source:
            found[approach(entry)] = entry
    found = {kind: found[kind] for kind in APPROACHES if kind in found}
    yours = {id(entry) for entry in latest}
    return found, [k for k, entry in found.items() if id(entry) not in yours]


def donor_seconds(source, records):
    """Return what training a cat/dog donor took, or None if nobody knows.

    records: yours count first, then the report of the shipped donor
    """
    for entry in reversed(list(records)):
        if entry["rung"] == DONOR and entry.get("source") == source:
            return entry.get("seconds")
    name = f"cat_dog_{source}.json"
    path = paths.data_directory() / "donors" / name
    if not path.exists():
        return None
    return json.loads(path.read_text("utf-8"))["seconds"]


def marks(own=None, elsewhere=None):
    """Return what `diagrams.answer` draws, from the scoreboard.

    own, elsewhere: records; None for the scoreboard and the reference run

    Returns {name: (seconds, balanced accuracy, seconds of the donor or
    None)}. A mark that you did not measure is called "elsewhere", and a
    printed line says where, and which notebook is about it. Taught in notebook
    11.
    """
    own = scoreboard.load() if own is None else own
    elsewhere = reference() if elsewhere is None else elsewhere
    found, borrowed = collect(own, elsewhere)
    drawn = {}
    for kind, entry in found.items():
        name, notebook = APPROACHES[kind]
        if kind in borrowed:
            tell(
                f"{name}: measured elsewhere, on "
                f"{ladder.where(entry)}; see notebook {notebook}."
            )
            name += " (elsewhere)"
        donor = None
        if kind in WITH_DONOR:
            records = elsewhere if kind in borrowed else own
            donor = donor_seconds(entry.get("source"), records)
        drawn[name] = entry["seconds"], entry["accuracy"], donor
    for kind in APPROACHES.keys() - found.keys():
        name, notebook = APPROACHES[kind]
        tell(f"{name}: no time and accuracy yet; see notebook {notebook}.")
    return drawn


def plot(drawn, ax=None):
    """Draw the answer; the title compares a donor with scratch.

    drawn: what `marks` returns. Returns the axes, or None and a sentence
    when there is no mark.

    Taught in notebook 11.
    """
    if not drawn:
        tell("Nothing to draw yet: run notebooks 6, 7 and 9 first.")
        return None
    donors = [name for name in drawn if "donor" in name]
    scratch = [name for name in drawn if "scratch" in name]
    compare = [*donors[:1], *scratch] or None
    return diagrams.answer(drawn, compare, ax)
