import numpy as np
import pytest
from scipy import stats

from course_utils.results import claims, evaluation, transfer


def test_the_interval_is_that_of_scipy():
    values = np.random.default_rng(0).normal(0.8, 0.02, 10)
    span = evaluation.interval(values)
    low, high = stats.t.interval(
        0.95, 9, loc=values.mean(), scale=stats.sem(values)
    )
    assert (span.low, span.high) == pytest.approx((low, high))
    assert span.count == 10


def test_one_run_has_no_spread():
    with pytest.raises(ValueError, match="more seeds"):
        evaluation.interval([0.8])


def test_a_claim_needs_its_whole_interval_in_bounds():
    claim = claims.CLAIMS["kinship"]
    assert claim.holds(evaluation.interval([9, 10, 11]))
    assert not claim.holds(evaluation.interval([0, 10, 20]))
    assert not claim.holds(float("nan"))
    assert "does not hold here" in claim.sentence(0.0)


def test_the_advantage_is_taken_seed_by_seed():
    luck = np.random.default_rng(0).normal(0, 0.1, 10)
    effect = evaluation.advantage(0.8 + luck, 0.7 + luck)
    assert effect.mean == pytest.approx(10)
    assert effect.high - effect.low < 1e-6


def test_labels_to_reach_reads_between_the_points():
    rows = {10: [0.6], 100: [0.8]}
    assert transfer.labels_to_reach(rows, 0.7) == pytest.approx(10**1.5)
    assert transfer.labels_to_reach(rows, 0.5) == 10
    assert transfer.labels_to_reach(rows, 0.9) == float("inf")


def test_break_even_is_the_first_task_that_pays():
    k = transfer.break_even(donor=1000, transfer=2, scratch=42)
    assert k == 25
    assert 1000 + k * 2 <= k * 42
    assert 1000 + (k - 1) * 2 > (k - 1) * 42
    assert transfer.break_even(1000, 5, 5) == float("inf")
