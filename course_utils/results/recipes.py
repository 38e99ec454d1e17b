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
    """Return the effect of notebook 09 by claim: accuracy and time.

    The lead, in points on test pictures, over the recipe that ends highest
    there, and how many times the course's seconds the quickest recipe takes.
    The course's recipe has no chance in it: its runs differ in time alone.
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
        f"{len(best)} seeds, {pictures} pictures",
    )
    return {
        "recipes": (lead, evaluation.ratio(seconds(quickest), seconds(ours)))
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
