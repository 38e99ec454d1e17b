"""How good, and how sure: heads on cached features, means, intervals."""

from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Interval:
    """Hold a mean and the interval that covers it, over `count` repeats."""

    mean: float
    low: float
    high: float
    count: int

    def __str__(self):
        half = (self.high - self.low) / 2
        return f"{self.mean:.3f} ± {half:.3f} ({self.count} seeds)"


def interval(values, confidence=0.95):
    """Return the mean of repeated measurements with its t-interval.

    values: two or more numbers, one a seed; confidence: between 0 and 1.
    Source: Student (1908), "The probable error of a mean". Raises
    ValueError for fewer than two values: one run has no spread.
    """
    values = np.asarray(values, dtype=float)
    if values.size < 2:
        raise ValueError("One run has no spread: repeat it with more seeds.")
    reach = stats.t.ppf((1 + confidence) / 2, values.size - 1)
    half = reach * values.std(ddof=1) / np.sqrt(values.size)
    mean = values.mean()
    return Interval(mean, mean - half, mean + half, values.size)


def accuracy_interval(labels, answers):
    """Return balanced accuracy, with its interval over the test pictures.

    labels, answers: (count,) class indices; `count` of the `Interval` is the
    number of pictures. It says how far another draw of as many test pictures
    might lie: Wilson (1927), "Probable inference", for each class, joined as
    in Zou and Donner (2008), "Construction of confidence limits about effect
    measures".
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
    return Interval(
        mean,
        mean - float(np.linalg.norm(lows)) / number,
        mean + float(np.linalg.norm(highs)) / number,
        len(labels),
    )


def advantage(accuracies, control):
    """Return the Interval, in points, of one arm's lead over its control.

    Both hold one balanced accuracy a seed, and seed i drew the same pictures
    in both, so that differences are taken pair by pair.
    """
    return interval(
        [
            100 * (first - second)
            for first, second in zip(accuracies, control, strict=True)
        ]
    )
