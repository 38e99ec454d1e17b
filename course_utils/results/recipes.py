"""Published recipes for transfer, compared with features computed once."""

import statistics

from course_utils.results import evaluation, files


def stored():
    """Return the measured recipes, as the study stored them.

    Raises FileNotFoundError that names the command which measures them.
    """
    return files.read("recipes", "recipes")


def compare(result):
    """Return one dictionary a recipe: medians over the seeds, and verdicts.

    "times": its seconds, to its end, over those of the course's recipe;
    "times to final": the same until it first reaches the validation accuracy
    that it ends with; "reached": whether the course's validation accuracy is
    at least that, as means over the seeds.
    """
    ours = result["course"]
    seconds = _median(ours, "seconds")
    validation = _mean_final(ours)
    rows = []
    for name, recipe in result["recipes"].items():
        runs = recipe["runs"]
        final = _mean_final(runs)
        rows.append(
            {
                "recipe": name,
                "seconds": _median(runs, "seconds"),
                "validation": final,
                "test": statistics.mean(each["test"] for each in runs),
                "times": _median(runs, "seconds") / seconds,
                "times to final": _median(runs, "seconds_to_final") / seconds,
                "reached": validation >= final,
            }
        )
    return rows


def effects(result):
    """Return the two effects of notebook 08 by claim, each at its worst.

    How many times the course's seconds the quickest recipe takes, and the
    Interval of the course's lead, in points of validation accuracy, over the
    recipe that ends highest.
    """
    best = max(
        (recipe["runs"] for recipe in result["recipes"].values()),
        key=_mean_final,
    )
    return {
        "recipes in time": min(row["times"] for row in compare(result)),
        "recipes in accuracy": evaluation.interval(
            [
                100 * (ours["validation"][-1] - theirs["validation"][-1])
                for ours, theirs in zip(result["course"], best, strict=True)
            ]
        ),
    }


def show(result):
    """Print the course's recipe and the others as a table."""
    ours = result["course"]
    test = statistics.mean(each["test"] for each in ours)
    print(f"{'recipe':22}  seconds  validation   test   times  reached")
    print(
        f"{'features once':22} {_median(ours, 'seconds'):8.1f} "
        f"{_mean_final(ours):11.3f} {test:6.3f}"
    )
    for row in compare(result):
        print(
            f"{row['recipe']:22} {row['seconds']:8.1f} "
            f"{row['validation']:11.3f} {row['test']:6.3f} "
            f"{row['times']:7.1f}  {'yes' if row['reached'] else 'no'}"
        )


def _median(runs, key):
    return statistics.median(each[key] for each in runs)


def _mean_final(runs):
    return statistics.mean(each["validation"][-1] for each in runs)
