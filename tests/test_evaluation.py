"""Intervals that cover what they say, and verdicts in four words."""

import math

import numpy as np
import pytest
from scipy import stats

from course_utils.results import claims, evaluation, transfer


def made(generator, level, many=5, draws=10, pictures=200, **names):
    """Return Answers whose donors, if several, draws and pictures vary."""
    sizes = ((many, 1, 1), (1, draws, 1), (1, 1, pictures))
    effects = [
        generator.normal(0, sd, size)
        for sd, size in zip((0.2 * (many > 1), 0.2, 0.8), sizes, strict=True)
    ]
    chance = stats.norm.cdf(stats.norm.ppf(level) * 1.3 + sum(effects))
    right = generator.random(chance.shape) < chance
    labels = np.arange(pictures) % 2
    return evaluation.Answers(
        right.astype(float), np.ones((draws, pictures)), labels, **names
    )


def test_the_interval_is_that_of_scipy():
    values = np.random.default_rng(0).normal(0.8, 0.02, 10)
    span = evaluation.interval(values)
    low, high = stats.t.interval(
        0.95, 9, loc=values.mean(), scale=stats.sem(values)
    )
    assert (span.low, span.high) == pytest.approx((low, high))
    assert span.covers == "10 draws"


def test_a_table_varies_in_both_directions():
    generator = np.random.default_rng(0)
    table = generator.normal(0, 0.01, (5, 40)) + generator.normal(
        0, 0.05, (5, 1)
    )
    span, pooled = evaluation.interval(table), evaluation.interval(table[0])
    assert span.high - span.low > 2 * (pooled.high - pooled.low)
    assert span.covers == "5 donors, 40 draws"


@pytest.mark.parametrize("values", [[0.8], [], [[0.8]]])
def test_one_run_has_no_spread(values):
    with pytest.raises(ValueError, match="more draws"):
        evaluation.interval(values)


def test_bits_come_back_as_they_were():
    right = np.random.default_rng(0).random((13, 7)) < 0.5
    packed = evaluation.pack(right)
    assert packed.nbytes == 14
    assert (evaluation.unpack(packed, 13) == right).all()


@pytest.mark.parametrize("many", [1, 5])
def test_the_interval_covers_the_truth(many):
    """Donors, draws and pictures drawn anew each time, and one truth."""
    generator = np.random.default_rng(1)
    covered = 0
    for _ in range(120):
        arms = [made(generator, 0.75, many, members=name) for name in "ab"]
        span = evaluation.lead(*arms)
        covered += span.low <= 0 <= span.high
    assert covered / 120 >= 0.92


def test_what_varies_more_is_covered_wider():
    generator = np.random.default_rng(2)
    one, other = (made(generator, 0.75, members=name) for name in "ab")
    wide = evaluation.lead(one.part(members=2), other)
    narrow = evaluation.lead(one, one)
    assert narrow.mean == 0 == narrow.error
    assert wide.high - wide.low > 2
    assert wide.covers == "2 a, 5 b, 10 draws, 200 pictures"


def test_only_the_pictures_that_were_asked_count():
    right = np.array([[[1.0, 0, 1, 0]]])
    asked = np.array([[1.0, 0, 1, 0]])
    labels = np.array([0, 0, 1, 1])
    arm = evaluation.Answers(right, asked, labels)
    assert arm.accuracies().tolist() == [[1.0]]


def test_a_ratio_is_of_means_on_a_logarithmic_scale():
    span = evaluation.ratio([80, 80, 80], [10, 10, 10])
    assert span.mean == pytest.approx(8) == span.low
    assert span.chance_below(7) == 0 and span.chance_below(9) == 1
    spread = evaluation.ratio([60, 80, 100], [9, 10, 12])
    assert 0 < spread.low < spread.mean < spread.high
    with pytest.raises(ValueError, match="repeat"):
        evaluation.ratio([1], [2, 3])


BOUNDS = {
    "at_least": claims.Bound("points", at_least=5),
    "at_most": claims.Bound("points", at_most=5),
    "equal": claims.Bound("points", equal_within=2),
}


def claim(*bounds):
    return claims.Claim("it", 6, "It is so.", "a control", "a - b", bounds)


def span(low, high):
    """Return an Interval of ten draws with these ends."""
    half = (high - low) / 2
    error = half / stats.t.ppf(0.975, 9)
    return evaluation.Interval((low + high) / 2, low, high, "x", error, 9)


@pytest.mark.parametrize(
    ("kind", "low", "high", "word"),
    [
        ("at_least", 5.1, 9, claims.PROVEN),
        ("at_least", 1, 4.9, claims.REFUTED),
        ("at_least", 4, 9, claims.NOT_SETTLED),
        ("at_most", 1, 4.9, claims.PROVEN),
        ("at_most", 5.1, 9, claims.REFUTED),
        ("at_most", 4, 9, claims.NOT_SETTLED),
        ("equal", -1.5, 1.5, claims.EQUAL),
        ("equal", 2.5, 9, claims.REFUTED),
        ("equal", -9, -2.5, claims.REFUTED),
        ("equal", -4, 1, claims.NOT_SETTLED),
    ],
)
def test_four_words(kind, low, high, word):
    assert claim(BOUNDS[kind]).verdict(span(low, high)) == word


def test_two_bounds_must_both_hold():
    both = claim(BOUNDS["at_least"], BOUNDS["at_most"])
    assert both.verdict((span(6, 9), span(1, 4))) == claims.PROVEN
    assert both.verdict((span(6, 9), span(7, 9))) == claims.REFUTED
    assert both.verdict((span(6, 9), span(4, 9))) == claims.NOT_SETTLED


@pytest.mark.parametrize("effect", [7.0, 8, None, (span(6, 9), 3.0)])
def test_without_an_interval_there_is_no_verdict(effect):
    bounds = [BOUNDS["at_least"]] * (2 if isinstance(effect, tuple) else 1)
    with pytest.raises(TypeError, match="Interval"):
        claim(*bounds).verdict(effect)


def test_one_of_many_must_be_surer():
    """An interval that only just holds alone falls among four that do not."""
    family = [n for n, c in claims.CLAIMS.items() if c.notebook == 6]
    names = [n for n in family if claims.CLAIMS[n].bounds[0].at_least == 5]
    just = span(5.05, 15)
    assert claims.verdicts({names[0]: just}) == {names[0]: claims.PROVEN}
    unsure = dict.fromkeys(names[1:4], span(0, 12))
    found = claims.verdicts({names[0]: just} | unsure)
    assert set(found.values()) == {claims.NOT_SETTLED}


def test_the_verdict_is_four_lines(capsys):
    assert claims.judge("kinship", span(8, 12)) == claims.PROVEN
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and lines[0].startswith("proven: With ten")
    assert "+10.0 points [+8.0, +12.0]" in lines[1]
    assert lines[2].endswith("at least 5 points")


def test_labels_to_reach_reads_between_the_points():
    rows = {10: [0.6], 100: [0.8]}
    assert transfer.labels_to_reach(rows, 0.7) == pytest.approx(10**1.5)
    assert transfer.labels_to_reach(rows, 0.5) == 10
    assert transfer.labels_to_reach(rows, 0.9) == math.inf


def test_break_even_is_the_first_task_that_pays():
    k = transfer.break_even(donor=1000, transfer=2, scratch=42)
    assert k == 25
    assert 1000 + k * 2 <= k * 42
    assert 1000 + (k - 1) * 2 > (k - 1) * 42
    assert transfer.break_even(1000, 5, 5) == math.inf
