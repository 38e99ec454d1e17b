"""Measure what a donor saves, against every control, and store the answers.

    python -m studies.transfer --source photos
    python -m studies.transfer --source photos --only scratch

writes `data/reference/transfer_photos.json` and `.npz`: which test pictures
each arm named correctly, draw by draw. Parts: check (how many steps scratch
can use), scratch, heads, dogs (seen and unseen), collections (photographs),
finetuned. What is stored and rests on the same facts is skipped.
"""

from functools import cached_property

import numpy as np
from threadpoolctl import threadpool_limits

from course_utils import data
from course_utils.data import folds
from course_utils.networks import donors, fine_tuning, heads
from course_utils.results import evaluation
from studies import command_line
from studies import donors as donor_study
from studies.pieces import Grid

DRAWS, ANSWERED = 200, {10: 100, 100: 24}  # whose answers are stored
RANDOM = range(10)
# Runs of what is trained: run i has draw, seed and donor i, so that their
# spread covers all three.
SCRATCH = {10: 10, 50: 6, 100: 6, 500: 5}
FINETUNED = {10: 5, 100: 5, 500: 5}
# The check doubles the steps; at 50 they are those of 100.
CHECKED, STEPS, FLAT = (10, 100, 500), (300, 600, 1200), 1  # points


class Experiment:
    """Hold the pictures of one source, and the grid that is filled."""

    def __init__(self, source):
        self.source = source
        self.folds = folds.Folds(source)
        self.grid = Grid(
            f"transfer_{source}",
            source=source,
            pair=folds.PAIR,
            folds=self.folds.count,
            draws=DRAWS,
            scratch_recipe=heads.SCRATCH,
            donor_examples=len(self.cats.y_train),
        )
        self.grid.arrays |= {
            "labels": self.folds.labels.astype(np.int8),
            "asked": evaluation.pack(self.folds.asked),
        }

    @cached_property
    def cats(self):
        """The pictures of cats and dogs, of which the donors are made."""
        return data.load_pair("cat", "dog", source=self.source)

    def draws(self, count):
        """Return how many draws there are: at 500, one for each fold."""
        return self.folds.count if count == 500 else DRAWS

    def right(self, answers, draw):
        """Return 1 where a test picture of a draw was named correctly."""
        asked = self.folds.asked[draw % self.folds.count]
        return (answers == self.folds.labels) & asked

    # ------------------------------------------------------------- heads

    def heads(
        self, arm, member, make, counts=heads.COUNTS, pool=None, **facts
    ):
        """Measure all heads of one member of an arm, on its features.

        make: function that returns pictures to features; pool: training
            pictures in place of the usual ones
        """
        key = f"{arm}/{member}"
        facts |= {"counts": list(counts), "draws": DRAWS}
        if not self.grid.missing(key, **facts):
            return
        with threadpool_limits(1):  # many small fits
            self._heads(key, make(), counts, pool, facts)

    def _heads(self, key, extract, counts, pool, facts):
        x = extract(self.folds.x)
        judges = x[self.folds.judges]
        if pool is not None:
            x = np.concatenate([extract(pool), x[len(pool) :]])
        arrays, means = {}, {}
        for count in counts:
            rows, accuracies = [], []
            for draw in range(self.draws(count)):
                chosen = self.folds.train(count, draw)
                head = heads.linear_head()
                head.fit(x[chosen], self.folds.y[chosen])
                rows.append(self.right(head.predict(judges), draw))
                accuracies.append(self.folds.accuracy(rows[-1], draw))
            arrays[f"{count}"] = np.array(accuracies, np.float32)
            means[count] = round(float(np.mean(accuracies)), 4)
            kept = ANSWERED.get(count, len(rows) if count == 500 else 0)
            if kept:
                packed = evaluation.pack(rows[:kept])
                arrays[f"{count} answers {len(rows[:kept])}"] = packed
        self.grid.keep(key, facts, arrays, means=means)

    def bases(self, arm, kind, source=None, **options):
        """Measure the heads of one kind of donors, of some source."""
        for seed in donor_study.SEEDS:
            source = source or self.source
            network, report = donor_study.trained(kind, source, seed)
            base = network.get_layer("base")
            self.heads(
                arm,
                seed,
                lambda base=base: lambda x: heads.features(base, x),
                donor=fine_tuning.digest(base.get_weights()),
                seconds=report["seconds"],
                **options,
            )

    def all_heads(self):
        """Measure every arm of heads on features."""
        other = next(s for s in data.SOURCES if s != self.source)
        for arm, features in (("gradients", gradients), ("pixels", pixels)):
            self.heads(arm, 0, lambda f=features: mirrored(f))
        for seed in RANDOM:
            base = donors.random_base(seed)
            self.heads(
                "random",
                seed,
                lambda base=base: lambda x: heads.features(base, x),
                donor=fine_tuning.digest(base.get_weights()),
            )
        self.bases("frozen", "cat_dog")
        self.bases("unrelated", "airplane_automobile")
        self.bases("shuffled", "cat_dog_shuffled")
        self.bases("other kind", "cat_dog", other)

    def dogs(self):
        """Measure heads on dogs that the donor saw, and that it did not."""
        foxes = self.folds.x[: folds.POOL * 2]
        for arm, part in (("seen", "train"), ("unseen", "validation")):
            x, y = (getattr(self.cats, f"{kind}_{part}") for kind in "xy")
            pool = foxes.copy()
            pool[self.folds.y[: len(pool)] == 0] = x[y == 1][: folds.POOL]
            self.bases(arm, "cat_dog", counts=[10], pool=pool)

    def collections(self):
        """Ask simple statistics which animal it is, over two collections."""
        if self.source != "photos":
            return
        from sklearn.model_selection import cross_val_predict

        for pair in (("wolf", "dog"), ("cat", "dog"), ("fox", "wolf")):
            key = "collections/" + " ".join(pair)
            if not self.grid.missing(key):
                continue
            pictures = data.load_pair(*pair, source="photos", validation=0)
            x, y = [], []
            for label in (0, 1):
                both = np.concatenate([
                    pictures.x_train[pictures.y_train == label][:500],
                    pictures.x_test[pictures.y_test == label][:100],
                ])  # fmt: skip
                x.append(statistics(both))
                y += [label] * len(both)
            right = np.array(y) == cross_val_predict(
                heads.linear_head(), np.concatenate(x), y, cv=5
            )
            self.grid.keep(
                key, {}, {"right": right}, accuracy=float(right.mean())
            )

    # ----------------------------------------------------------- training

    def check(self):
        """Double the steps of scratch until that gains less than a point.

        On the first draw, judged by training pictures that it left out. The
        curves are stored, and the steps before the last doubling are taken.
        """
        for count in CHECKED:
            key = f"check/{count}"
            facts = {"recipe": heads.SCRATCH, "steps": STEPS, "flat": FLAT}
            if not self.grid.missing(key, **facts):
                continue
            chosen, held = self.folds.held_out(count)
            curves, best, taken = {}, 0, STEPS[0]
            for steps in STEPS:
                scratch = heads.Scratch(len(chosen), steps)
                history, seconds = scratch.train(
                    *(part[chosen] for part in (self.folds.x, self.folds.y)),
                    seed=0,
                    validation=(self.folds.x[held], self.folds.y[held]),
                )
                right = scratch.answers(self.folds.x[held])
                right = right == self.folds.y[held]
                curves[steps] = {
                    "accuracy": round(float(right.mean()), 4),
                    "seconds": round(seconds, 1),
                    "held_accuracy": rounded(history["val_accuracy"]),
                    "held_loss": rounded(history["val_loss"]),
                    "loss": rounded(thin(history["loss"])),
                }
                if 100 * (right.mean() - best) < FLAT:
                    break
                best, taken = right.mean(), steps
            self.grid.keep(key, facts, curve=curves, steps=taken)

    def scratch(self):
        """Train from random weights for as long as the check found useful."""
        self.check()
        for count, runs in SCRATCH.items():
            checked = min(n for n in CHECKED if n >= count)
            steps = self.grid.content["pieces"][f"check/{checked}"]["steps"]
            scratch = heads.Scratch(2 * count, steps)
            facts = {"steps": steps, "recipe": heads.SCRATCH}
            for run in range(runs):
                self.run("scratch", count, run, scratch, facts)

    def finetuned(self):
        """Train donors further, and random weights for as many epochs."""
        for count, runs in FINETUNED.items():
            recipe = fine_tuning.recipe(count)
            tuner = fine_tuning.Tuner(recipe)
            passes = recipe["epochs"] * 2 * count
            equal = heads.Scratch(2 * count, passes // recipe["batch_size"])
            for run in range(runs):
                network, _ = donor_study.trained("cat_dog", self.source, run)
                tuner.weights = network.get_layer("base").get_weights()
                donor = fine_tuning.digest(tuner.weights)
                facts = {"recipe": recipe, "donor": donor}
                self.run("finetuned", count, run, tuner, facts)
                if count == 100:
                    facts = {"recipe": heads.SCRATCH, "passes": passes}
                    self.run("equal epochs", count, run, equal, facts)

    def run(self, arm, count, draw, network, facts):
        """Train on one draw of pictures and store what is answered."""
        key = f"{arm}/{count}/0/{draw}"
        if not self.grid.missing(key, **facts):
            return
        chosen = self.folds.train(count, draw)
        history, seconds = network.train(
            self.folds.x[chosen], self.folds.y[chosen], draw
        )
        judges = self.folds.judges[self.folds.asked[draw % self.folds.count]]
        said = np.full(len(self.folds.labels), -1)
        said[self.folds.asked[draw % self.folds.count]] = network.answers(
            self.folds.x[judges]
        )
        right = self.right(said, draw)
        self.grid.keep(
            key,
            facts,
            {"answers": np.packbits(right)},
            accuracy=round(float(self.folds.accuracy(right, draw)), 4),
            seconds=round(seconds, 2),
            loss=rounded(thin(history["loss"])),
        )


def rounded(values):
    """Return values with four digits, as JSON holds them."""
    return [round(float(value), 4) for value in values]


def thin(values, most=10):
    """Return about ten of many values, the last among them."""
    return values[:: -max(1, len(values) // most)][::-1]


def mirrored(features):
    """Return features as the mean over each picture and its mirror."""
    return lambda x: (features(x) + features(x[:, :, ::-1])) / 2


def pixels(pictures):
    """Return raw pixels, (count, 3072), from 0 to 1."""
    return pictures.reshape(len(pictures), -1).astype(np.float32) / 255


def gradients(pictures, cells=4, bins=8):
    """Return histograms of oriented gradients, (count, cells² · bins).

    Brightness, central differences, unsigned directions weighted by their
    strength, cells normalized by the picture. Source: Dalal and Triggs
    (2005), "Histograms of oriented gradients for human detection".
    """
    gray = pictures.astype(np.float32).mean(axis=3) / 255
    down, right = np.gradient(gray, axis=(1, 2))
    strength = np.hypot(down, right)
    angle = np.arctan2(down, right) % np.pi
    place = np.minimum((angle / np.pi * bins).astype(int), bins - 1)
    side = pictures.shape[1] // cells
    parts = (len(pictures), cells, side, cells, side)
    rows = [
        np.where(place == each, strength, 0).reshape(parts).sum(axis=(2, 4))
        for each in range(bins)
    ]
    found = np.stack(rows, axis=-1).reshape(len(pictures), -1)
    return found / (np.linalg.norm(found, axis=1, keepdims=True) + 1e-6)


def statistics(pictures):
    """Return what a collection could leave behind: noise, parity, blocks.

    Colors and shares of black and white are left out: they show snow.
    """
    x = pictures.astype(np.float32)
    gray = x.mean(axis=3)
    columns, rows = (np.abs(np.diff(gray, axis=a)) for a in (2, 1))
    spectrum = np.abs(
        np.fft.rfft2(gray - gray.mean(axis=(1, 2), keepdims=True))
    )
    spectrum = np.log(
        spectrum[:, 8:24, 8:].reshape(len(x), 2, 8, 9).mean(2) + 1
    )
    level = np.log(gray.std(axis=(1, 2)) + 1)[:, None]
    parts = [
        (pictures % 2).mean(axis=(1, 2)),
        (columns[:, :, 7::8].mean(axis=1) + 1)
        / (columns.mean((1, 2)) + 1)[:, None],
        (rows[:, 7::8].mean(axis=2) + 1) / (rows.mean((1, 2)) + 1)[:, None],
        spectrum.reshape(len(x), -1) - level,
    ]
    return np.concatenate(parts, axis=1)


PARTS = ("check", "scratch", "all_heads", "dogs", "collections", "finetuned")


def measure(source, again=False, only=None):
    """Measure all parts, or one, of what is not stored yet."""
    experiment = Experiment(source)
    if again:
        experiment.grid.content["pieces"].clear()
    for part in [only] if only else PARTS:
        getattr(experiment, part)()
    if not only:
        experiment.grid.finish()


def main(arguments=None):
    """Measure the grid on one source, or on both."""
    command_line.measure_sources(
        __doc__.splitlines()[0], measure, arguments, PARTS
    )


if __name__ == "__main__":
    main()
