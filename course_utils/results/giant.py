"""What a borrowed backbone is worth, next to the course's donors."""

import numpy as np

from course_utils.results import evaluation, files, transfer

COUNTS = (10, 100, 500)
REFERENCE = "EfficientNet-Lite0"  # which every machine with an index can have


def stored(source):
    """Return what was measured on a source, with the donors and scratch.

    "accuracy" is {arm: {count: accuracies}} with counts as numbers,
    "answers" {arm: {count: Answers}}, "invented" {arm: Answers} and
    "own_names" {arm: facts}. Raises FileNotFoundError that names the command
    which measures it. Taught in notebook 09.
    """
    grid, arrays = files.read_grid(
        f"giant_{source}", f"giant --source {source}"
    )
    folds = evaluation.unpack(arrays["asked"], grid["folds"])
    grid |= {"accuracy": {}, "answers": {}, "invented": {}, "own_names": {}}
    for name, piece in grid["pieces"].items():
        for key in piece["arrays"]:
            part, draws = key.partition("|")[2].split(" ")
            right = evaluation.unpack(arrays[key], int(draws))
            right = right[None].astype(np.float32)
            if part == "invented":
                asked = np.ones(right.shape[1:], np.float32)
                grid["invented"][name] = evaluation.Answers(
                    right, asked, arrays["curve labels"], members="backbone"
                )
                continue
            asked = folds[np.arange(int(draws)) % len(folds)]
            arm = evaluation.Answers(
                right,
                asked.astype(np.float32),
                arrays["labels"],
                members="backbone",
            )
            grid["answers"].setdefault(name, {})[int(part)] = arm
            rows = grid["accuracy"].setdefault(name, {})
            rows[int(part)] = arm.accuracies()[0]
        if piece["own_names"]:
            grid["own_names"][name] = piece["own_names"]
    known = transfer.stored(source)
    for name, arm in (("donor", "frozen"), ("scratch", "scratch")):
        for part in ("answers", "accuracy"):
            rows = known[part].get(arm, {})
            grid[part][name] = {n: rows[n] for n in COUNTS if n in rows}
    return grid


def effects(grid, name=REFERENCE):
    """Return the effects of notebook 9 by claim, for one backbone.

    grid: "answers", "invented" and "own_names" as `stored` gives them; what
        is not there is left out

    Taught in notebook 09.
    """
    found = {}
    arms = [grid.get("answers", {}).get(one, {}) for one in (name, "donor")]
    if all({10, 100} <= arm.keys() for arm in arms):
        found["borrowed features"] = tuple(
            evaluation.lead(arms[0][n], arms[1][n]) for n in (10, 100)
        )
    curves = grid.get("invented", {})
    if {name, "donor"} <= curves.keys():
        found["more than a leak"] = evaluation.lead(
            curves[name], curves["donor"]
        )
    own = grid.get("own_names", {}).get(name)
    if own:
        right = np.concatenate(own["right"]).astype(int)
        labels = np.repeat([0, 1], [len(rows) for rows in own["right"]])
        span = evaluation.accuracy_interval(labels, labels ^ (1 - right))
        found["leak"] = evaluation.Interval(
            *(100 * (v - 0.5) for v in (span.mean, span.low, span.high)),
            span.covers,
            100 * span.error,
        )
    return found


def table(accuracy):
    """Return rows of text: one per arm, one column per number of pictures.

    Taught in notebook 09.
    """
    counts = sorted({count for rows in accuracy.values() for count in rows})
    lines = ["".join([f"{'n':20}", *(f"{count:>16}" for count in counts)])]
    for arm, rows in accuracy.items():
        cells = (_short(rows[n]) if n in rows else "" for n in counts)
        cells = "".join(f"{cell:>16}" for cell in cells)
        lines.append(f"{arm:20}{cells}".rstrip())
    return "\n".join(lines)


def _short(values):
    if np.size(values) < 2:
        return f"{np.mean(values):.3f}" + " " * 8
    span = evaluation.interval(values)
    return f"{span.mean:.3f} ± {(span.high - span.low) / 2:.3f}"
