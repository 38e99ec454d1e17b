"""TODO studies.transfer."""

import argparse
from dataclasses import replace
from datetime import date

import numpy as np

from course_utils import data
from course_utils.machine import devices, paths
from course_utils.networks import donors, heads
from course_utils.results import evaluation, files

PAIR = ("dog", "fox")


SCRATCH_COUNTS = (10, 50, 100, 500)


def validation_pictures(source):
    """Return dogs and foxes to choose a donor by, none of them a test picture.

    Heads learn from half of the foxes and as many dogs. In place of the test
    pictures stand the other foxes and the dogs that the cat/dog donor's own
    training held out: dogs that it trained on look easier than new ones.
    """
    few = data.load_pair(*PAIR, source=source, validation=0.5)
    cats = data.load_pair("cat", "dog", source=source)
    drawn = {picture.tobytes() for picture in few.x_train}
    dogs = [
        picture
        for picture in cats.x_validation[cats.y_validation == 1]
        if picture.tobytes() not in drawn
    ]
    foxes = few.x_validation[few.y_validation == 1]
    return replace(
        few,
        x_test=np.concatenate([dogs, foxes]),
        y_test=np.repeat([0, 1], [len(dogs), len(foxes)]),
    )


def measure_grid(source, heads_alone=False):
    """Measure all arms on one source and store them: heads, then scratch.

    heads_alone: keep the stored scratch runs, with their date and hardware

    Raises FileNotFoundError when scratch is to be kept and nothing is stored.
    """
    path = files.path(f"transfer_{source}")
    if heads_alone:
        known = files.read(path.stem, f"transfer --source {source}")
    pictures = data.load_pair(*PAIR, source=source, validation=0)
    bases = {
        "frozen": donors.load_base("cat", "dog", source),
        "unrelated": donors.load_base("airplane", "automobile", source),
        "random": donors.random_base(),
    }
    here = {
        "date": date.today().isoformat(),
        "hardware": devices.hardware().summary(),
    }
    grid = {
        "source": source,
        "pair": PAIR,
        "seeds": len(heads.SEEDS),
        **here,
        "scratch_recipe": heads.SCRATCH | {"epochs": heads.SCRATCH_EPOCHS},
        "scratch_measured": here,
        "scratch_seconds": {},
        "accuracy": {},
    }
    for arm, base in bases.items():
        rows = heads.head_accuracies(base, pictures)
        grid["accuracy"][arm] = {n: row.tolist() for n, row in rows.items()}
    if heads_alone:
        scratch = ("scratch_recipe", "scratch_measured", "scratch_seconds")
        grid |= {key: known[key] for key in scratch}
        grid["accuracy"]["scratch"] = known["accuracy"]["scratch"]
    paths.write_json(path, grid)
    if heads_alone:
        return
    rows = grid["accuracy"]["scratch"] = {}
    for count in SCRATCH_COUNTS:
        accuracies, seconds = heads.scratch_accuracies(pictures, count)
        rows[count] = accuracies.tolist()
        grid["scratch_seconds"][count] = round(float(np.median(seconds)), 2)
        print(count, evaluation.interval(accuracies), flush=True)
        paths.write_json(path, grid)


def validate(source, seeds=range(100)):
    """Print what the shipped donor transfers, on no test picture."""
    rows = heads.head_accuracies(
        donors.load_base("cat", "dog", source),
        validation_pictures(source),
        counts=(10, 100),
        seeds=seeds,
    )
    for count, row in rows.items():
        print(f"{count:3} of each: {evaluation.interval(row)}")


def main(arguments=None):
    """Measure the grid on one source, or on both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", choices=data.SOURCES, action="append")
    parser.add_argument("--heads", action="store_true", help="no scratch")
    parser.add_argument("--validate", action="store_true")
    options = parser.parse_args(arguments)
    for source in options.source or data.SOURCES:
        if options.validate:
            validate(source)
        else:
            measure_grid(source, options.heads)


if __name__ == "__main__":
    main()
