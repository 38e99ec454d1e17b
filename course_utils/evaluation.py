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


def linear_head(penalty=100.0):
    """Return a scikit-learn classifier for cached features.

    Standardized features and ridge regression on the labels: the weights
    have a closed form, so that hundreds of heads take a second.
    """
    from sklearn.linear_model import RidgeClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), RidgeClassifier(alpha=penalty))
