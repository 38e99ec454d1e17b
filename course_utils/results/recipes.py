"""Published recipes for transfer, compared with features computed once."""

import statistics

import numpy as np

from course_utils.language import say
from course_utils.results import evaluation, files


def stored():
    """Return the measured recipes, as the study stored them.

    Raises FileNotFoundError that names the command which measures them. Taught
    in notebook 09.
    """
    return files.read("recipes", "recipes")


def effects(result):
    """Return the effect of notebook 9 by claim: accuracy and time.

    The lead, in points on test pictures, over the recipe that ends highest
    there, and how many times the course's seconds the quickest recipe takes.
    There is no chance in the course's recipe: its runs differ only in time.

    Taught in notebook 09.
    """

    def test(runs):
        return [each["test"] for each in runs]

    def seconds(runs):
        return [each["seconds"] for each in runs]

    ours = result["course"]
    recipes = [recipe["runs"] for recipe in result["recipes"].values()]
    best = max(recipes, key=lambda runs: statistics.mean(test(runs)))
    quickest = min(recipes, key=lambda runs: statistics.median(seconds(runs)))
    pictures = result["pictures"]["test"]
    first, second = statistics.mean(test(ours)), statistics.mean(test(best))
    # Over test pictures too, as if both were right independently: cautious.
    chance = sum(p * (1 - p) / pictures for p in (first, second))
    spread = statistics.variance(test(best)) / len(best)
    lead = evaluation.normal(
        100 * (first - second),
        100 * (chance + spread) ** 0.5,
        say(f"{len(best)} seeds, {pictures} pictures"),
    )
    return {
        "recipes": (lead, evaluation.ratio(seconds(quickest), seconds(ours)))
    }


def _median(runs, key):
    return statistics.median(each[key] for each in runs)


def _mean_final(runs):
    return statistics.mean(each["validation"][-1] for each in runs)


def show_settings(result):
    """Print what each recipe sets, one line per stage of training.

    Taught in notebook 09.
    """
    print(f"{'recipe':22} batch  epochs  {'optimizer':9} {'rate':>7}  learns")
    for name, recipe in result["recipes"].items():
        for stage in recipe["stages"]:
            learns = stage["unfrozen"]
            part = "head" if not learns else f"head, {learns:.0%} of base"
            print(
                f"{name:22} {recipe['batch_size']:5} {stage['epochs']:7}  "
                f"{stage['optimizer']:9} {stage['rate']:7.0e}  {part}"
            )
            name = ""


def race(result):
    """Return how long each recipe takes to reach the course's accuracy.

    One dictionary per recipe: "runs", of how many; "reach", how many of them
    have an epoch with the course's validation accuracy; "seconds", the median
    of these until then, or None; "seconds in all", to the recipe's end, and
    "test", its accuracy then. Seconds of single epochs are not stored: they
    are interpolated between what is.
    """
    target, rows = _mean_final(result["course"]), []
    for name, recipe in result["recipes"].items():
        runs = recipe["runs"]
        found = [s for run in runs if (s := _seconds_until(run, target))]
        seconds = statistics.median(found) if found else None
        rows.append(
            {
                "recipe": name,
                "runs": len(runs),
                "reach": len(found),
                "seconds": seconds,
                "seconds in all": _median(runs, "seconds"),
                "test": statistics.mean(each["test"] for each in runs),
            }
        )
    return rows


def _seconds_until(run, target):
    """Return the seconds until a validation accuracy, or None for never."""
    validation = run["validation"]
    known = [
        next(n for n, v in enumerate(validation, 1) if v >= w)
        for w in (validation[-1], target)
        if max(validation) >= w
    ]
    if len(known) < 2:
        return None
    final, reached = known
    return float(
        np.interp(
            reached,
            [0, final, len(validation)],
            [0, run["seconds_to_final"], run["seconds"]],
        )
    )


def show_race(result):
    """Print accuracies, seconds to the end and to the course's accuracy.

    Taught in notebook 09.
    """
    ours = result["course"]
    seconds = _median(ours, "seconds")
    test = statistics.mean(each["test"] for each in ours)
    print(f"{'recipe':22}  test  seconds  to our accuracy")
    print(f"{'features once':22} {test:.3f} {seconds:8.1f} {seconds:16.1f}")
    for row in race(result):
        if row["reach"]:
            text = (
                f"{row['seconds']:16.1f}  in {row['reach']} of "
                f"{row['runs']} runs"
            )
        else:
            text = f"{'never':>16}"
        print(
            f"{row['recipe']:22} {row['test']:.3f} "
            f"{row['seconds in all']:8.1f} {text}"
        )
