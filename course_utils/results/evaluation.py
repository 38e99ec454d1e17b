"""How good and how certain: means, and intervals that say what they cover."""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from course_utils.language import say

CONFIDENCE = 0.95
REPEATS = 500  # resamples of each source of variation


@dataclass(frozen=True)
class Interval:
    """Hold a mean, its 95% interval, and what was repeated to get it.

    covers: such as "5 donors, 200 draws, 1,100 pictures"
    error, freedom: standard error and degrees of freedom; 0 and infinity
        if nothing varied
    logarithm: the error is that of the logarithm, as of a ratio
    """

    mean: float
    low: float
    high: float
    covers: str
    error: float = 0.0
    freedom: float = math.inf
    logarithm: bool = False

    def __str__(self):
        half = (self.high - self.low) / 2
        return f"{self.mean:.3f} ± {half:.3f} ({self.covers})"

    def in_unit(self, unit):
        """Return the interval as text, in "points", "times" or another."""
        sign = "+" if unit == "points" else ""
        return (
            f"{self.mean:{sign}.1f} {say(unit)} "
            f"[{self.low:{sign}.1f}, {self.high:{sign}.1f}] ({self.covers})"
        )

    def chance_below(self, bound):
        """Return the one-sided p-value of a truth below a bound."""
        if self.logarithm:
            distance = math.log(self.mean) - math.log(bound)
        else:
            distance = self.mean - bound
        if not self.error:
            return 0.0 if distance >= 0 else 1.0
        return float(stats.t.sf(distance / self.error, self.freedom))


def interval(values, covers=None):
    """Return the mean of repeated measurements with its t-interval.

    values: two or more numbers, or a table (members, draws) of which both
        vary; covers: what was repeated, such as "10 draws"

    Sources: Student (1908), "The probable error of a mean"; for a table, the
    variances of both means are added, with the degrees of freedom of
    Satterthwaite (1946). Raises ValueError for fewer than two values: one
    run has no spread. Taught in notebook 06.

    >>> print(interval([0.7, 0.8, 0.9]))
    0.800 ± 0.248 (3 draws)
    """
    values = np.atleast_2d(np.asarray(values, dtype=float))
    if values.size < 2:
        raise ValueError("One run has no spread: repeat it with more draws.")
    parts = [
        (means.var(ddof=1) / means.size, means.size - 1)
        for means in (values.mean(axis=0), values.mean(axis=1))
        if means.size > 1
    ]
    if covers is None:
        members, draws = values.shape
        covers = say(f"{members} donors, ") * (members > 1) + say(
            f"{draws} draws"
        )
    return _interval(values.mean(), *_joined(parts), covers)


def _joined(parts):
    """Return standard error and degrees of freedom of a sum of variances."""
    total = sum(variance for variance, _ in parts)
    if not total:
        return 0.0, math.inf
    return math.sqrt(total), total**2 / sum(v**2 / f for v, f in parts)


def _interval(mean, error, freedom, covers):
    half = stats.t.ppf((1 + CONFIDENCE) / 2, freedom) * error if error else 0
    mean = float(mean)
    return Interval(
        mean, mean - half, mean + half, covers, float(error), freedom
    )


def accuracy_interval(labels, answers):
    """Return balanced accuracy, with its interval over the test pictures.

    labels, answers: (count,) class indices. It says how far another draw of
    as many test pictures might lie: Wilson (1927), "Probable inference", for
    each class, joined as in Zou and Donner (2008), "Construction of
    confidence limits about effect measures".

    Taught in notebook 09.

    >>> labels = np.array([0, 0, 1, 1])
    >>> print(accuracy_interval(labels, answers=np.array([0, 0, 1, 0])))
    0.750 ± 0.295 (4 pictures)
    """
    classes = np.unique(labels)
    means, lows, highs = [], [], []
    for label in classes:
        right = answers[labels == label] == label
        test = stats.binomtest(int(right.sum()), len(right))
        limits = test.proportion_ci(method="wilson")
        means.append(right.mean())
        lows.append(right.mean() - limits.low)
        highs.append(limits.high - right.mean())
    mean, number = float(np.mean(means)), len(classes)
    low = mean - float(np.linalg.norm(lows)) / number
    high = mean + float(np.linalg.norm(highs)) / number
    error = (high - low) / 2 / stats.norm.ppf((1 + CONFIDENCE) / 2)
    return Interval(mean, low, high, say(f"{len(labels):,} pictures"), error)


def advantage(accuracies, control, covers=None):
    """Return the Interval, in points, of one arm's lead over its control.

    Both hold one balanced accuracy for each draw, and draw i chose the same
    pictures in both, so differences are taken pair by pair. Taught in notebook
    06.

    >>> advantage([0.82, 0.90, 0.86], [0.71, 0.80, 0.77]).in_unit("points")
    '+10.0 points [+7.5, +12.5] (3 draws)'
    """
    pairs = zip(accuracies, control, strict=True)
    return interval([100 * (a - b) for a, b in pairs], covers)


@dataclass(frozen=True, eq=False)
class Answers:
    """Hold which test pictures were named correctly, run by run.

    right: (members, draws, pictures), 1 for a correct answer, else 0; a
        member is a donor, a random base or a seed of training
    asked: (draws, pictures), 1 where a picture was a test picture
    labels: (pictures,) class indices
    members: what the first axis repeats, such as "donors"; arms of the same
        members are resampled together
    draws: what the second axis repeats: "draws" of training pictures, or
        "runs", each with a draw, a seed and a donor of its own
    """

    right: np.ndarray
    asked: np.ndarray
    labels: np.ndarray
    members: str = "donors"
    draws: str = "draws"

    def accuracies(self):
        """Return balanced accuracy, (members, draws)."""
        classes = []
        for label in np.unique(self.labels):
            of_it = self.labels == label
            asked = self.asked[:, of_it].sum(axis=1)
            classes.append(self.right[:, :, of_it].sum(axis=2) / asked)
        return np.mean(classes, axis=0)

    def part(self, members=None, draws=None):
        """Return only the answers of the first members and draws."""
        return replace(
            self,
            right=self.right[:members, :draws],
            asked=self.asked[:draws],
        )


def pack(right):
    """Return answers (draws, pictures) as bits, eight draws in a byte."""
    return np.packbits(np.asarray(right, bool), axis=0)


def unpack(packed, draws):
    """Return what `pack` was given, as 0 and 1."""
    return np.unpackbits(packed, axis=0, count=draws)


def spread(arms, statistic, logarithm=False, seed=0):
    """Return the Interval of a statistic over members, draws and pictures.

    arms: list of `Answers` on the same pictures; as many draws mean the same
        draws
    statistic: function of the arms' balanced accuracies, (arms, repeats) to
        (repeats,)
    logarithm: the statistic is a ratio or a count: its logarithm varies

    Each source of variation is resampled on its own, one unit fewer than
    there are, and their variances are added, which is cautious where sources
    interact. Sources: Rao and Wu (1988), "Resampling inference with complex
    survey data"; Owen (2007), "The pigeonhole bootstrap"; Satterthwaite
    (1946), "An approximate distribution of estimates of variance
    components", for the degrees of freedom.
    """
    generator = np.random.default_rng(seed)
    scale = np.log if logarithm else np.asarray

    def value(accuracies):
        return scale(statistic(np.asarray(accuracies)))

    sources, covers = {}, {}
    for arm in arms:
        members, draws, _ = arm.right.shape
        sources["member", arm.members, members] = members
        sources["draw", arm.draws, draws] = draws
        if members > 1:
            covers.setdefault((0, arm.members), []).append(members)
        if draws > 1:
            covers.setdefault((1, arm.draws), []).append(draws)
    sources["picture", None, None] = pictures = len(arms[0].labels)
    center = value([[arm.accuracies().mean()] for arm in arms])[0]
    parts = []
    for (kind, name, size), count in sources.items():
        if count < 2:
            continue
        labels = arms[0].labels if kind == "picture" else np.zeros(count)
        weights = _weights(labels, generator)
        varies = {
            "member": lambda arm: (arm.members, len(arm.right)),
            "draw": lambda arm: (arm.draws, arm.right.shape[1]),
            "picture": lambda _: (None, None),
        }[kind]
        accuracies = [
            _reweighted(arm, kind, weights)
            if varies(arm) == (name, size)
            else np.full(REPEATS, arm.accuracies().mean())
            for arm in arms
        ]
        found = value(accuracies)
        parts.append((float(np.var(found, ddof=1)), count - 1))
    covered = [
        f"{_listed(counts)} {say(name)}"
        for (_, name), counts in sorted(covers.items())
    ]
    covered = ", ".join([*covered, say(f"{pictures:,} pictures")])
    found = _interval(center, *_joined(parts), covered)
    return _exponential(found) if logarithm else found


def _listed(counts):
    """Return different counts as text: "10, 6 and 5"."""
    *first, last = map(str, dict.fromkeys(counts))
    return f"{', '.join(first)} {say('and')} {last}" if first else last


def _weights(labels, generator):
    """Return how often each unit is drawn again, (REPEATS, units)."""
    weights = np.ones((REPEATS, len(labels)))
    for label in np.unique(labels):
        of_it = labels == label
        count = int(of_it.sum())
        if count > 1:
            drawn = generator.multinomial(
                count - 1, np.full(count, 1 / count), REPEATS
            )
            weights[:, of_it] = drawn * count / (count - 1)
    return weights


def _reweighted(arm, kind, weights):
    """Return balanced accuracies of an arm, one for each row of weights."""
    classes = []
    for label in np.unique(arm.labels):
        of_it = arm.labels == label
        right, asked = arm.right[:, :, of_it], arm.asked[:, of_it]
        if kind == "member":
            top = weights @ (right.sum(axis=2) / asked.sum(axis=1)).mean(1)
            classes.append(top / len(right))
        elif kind == "draw":
            each = (right.sum(axis=2) / asked.sum(axis=1)).mean(axis=0)
            classes.append(weights @ each / len(each))
        else:
            top = right.mean(axis=0).sum(axis=0) @ weights[:, of_it].T
            classes.append(top / (asked.sum(axis=0) @ weights[:, of_it].T))
    return np.mean(classes, axis=0)


def lead(first, second, seed=0):
    """Return the Interval, in points, of one arm's lead over another."""
    return spread([first, second], lambda a: 100 * (a[0] - a[1]), seed=seed)


def ratio(first, second):
    """Return the Interval of a ratio of means, such as of seconds.

    On a logarithmic scale; both hold one positive value for each run. Source:
    Welch (1947), "The generalization of Student's problem".
    """
    rows = [np.log(np.asarray(row, dtype=float)) for row in (first, second)]
    if min(map(len, rows)) < 2:
        raise ValueError("One run has no spread: repeat it.")
    parts = [(row.var(ddof=1) / len(row), len(row) - 1) for row in rows]
    found = _interval(
        rows[0].mean() - rows[1].mean(),
        *_joined(parts),
        say(f"{len(rows[0])} and {len(rows[1])} runs"),
    )
    return _exponential(found)


def _exponential(found):
    ends = (float(np.exp(e)) for e in (found.mean, found.low, found.high))
    return Interval(
        *ends, found.covers, found.error, found.freedom, logarithm=True
    )


def difference(first, second):
    """Return the Interval, in points, between two independent Intervals."""
    return normal(
        100 * (first.mean - second.mean),
        100 * math.hypot(first.error, second.error),
        f"{first.covers} {say('and')} {second.covers}",
    )


def normal(mean, error, covers):
    """Return the Interval of a mean whose standard error is known."""
    return _interval(mean, error, math.inf, covers)
