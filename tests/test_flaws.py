"""The flaws of notebook 11, read from the notebook itself.

The cells of a flaw carry the tag `flaw-NAME`, those of its fix `fix-NAME`.
Here they run on a few drawings: each symptom must be there after the first
and gone after the second.
"""

from pathlib import Path

import matplotlib
import nbformat
import numpy as np
import pytest

from course_utils import check, data
from course_utils.data import drawings

NOTEBOOK = "11_find_the_flaw.ipynb"
PATH = Path(__file__).resolve().parent.parent / "notebooks" / NOTEBOOK
FLAWS = ("count", "unfreeze", "sigmoid", "leak", "cache", "norm", "best")


def source(tag):
    cells = nbformat.read(PATH, as_version=4).cells
    return "\n\n".join(
        c.source for c in cells if tag in c.metadata.get("tags", ())
    )


def run(tag, names):
    exec(compile(source(tag), tag, "exec"), names)


@pytest.fixture(scope="module")
def pictures():
    """Two hundred dogs and foxes each to train on, three hundred to test."""
    parts = []
    for seed, count in ((1, 200), (2, 300)):
        x = [drawings.draw_many(n, count, seed=seed) for n in ("dog", "fox")]
        parts += [np.concatenate(x), np.repeat([0, 1], count)]
    x, y, x_test, y_test = parts
    empty = x[:0], y[:0]
    return data.Pictures(
        ("dog", "fox"), "drawings", x, y, *empty, x_test, y_test
    )


@pytest.fixture(scope="module")
def shared(pictures):
    """What the notebook's first cells leave, on few pictures."""
    matplotlib.use("agg")
    names = {}
    run("flaws-setup", names)
    names["data"] = type("Data", (), {"load_pair": lambda *_: pictures})
    run("flaws-data", names)
    return names


@pytest.fixture
def names(shared):
    """The same, with an empty table of findings."""
    names = dict(shared)
    # `note` and `test` must see this test's names, not those of the fixture
    run("flaws-setup", names)
    return names


def test_every_flaw_has_its_fix():
    for flaw in FLAWS:
        assert source(f"flaw-{flaw}"), flaw
        assert source(f"fix-{flaw}"), flaw


def test_bytes_are_taken_for_parameters(names):
    run("flaw-count", names)
    right = sum(np.prod(weight.shape) for weight in names["eyes"].weights)
    assert names["counted"] == right
    assert names["claimed"] / right == pytest.approx(4, rel=0.07)
    run("fix-count", names)
    assert names["correct"] == right


def test_fine_tuning_that_unfreezes_nothing(names):
    start = names["donors"].load_base("cat", "dog", "drawings").get_weights()

    def moved(network):
        weights = network.get_layer("base").get_weights()
        pairs = zip(start, weights, strict=True)
        return [bool((old != new).any()) for old, new in pairs]

    names |= {"x": names["x"][:96], "y": names["y"][:96]}
    run("flaw-unfreeze", names)
    assert not any(moved(names["lesson"]))
    assert names["few_weights"] == 128 * 2 + 2
    run("fix-unfreeze", names)
    frozen = 3 * 5  # three convolutions, each with batch normalization
    assert moved(names["fixed"]) == [False] * frozen + [True] * (30 - frozen)
    assert names["many_weights"] == 369_408 + 128 * 2 + 2
    assert names["long"].median > names["short"].median
    # The exercise is about the lesson's network, whatever ran after it.
    assert names["donors"].count_trainable(names["lesson"]) == 258


def test_two_sigmoids_know_one_name(names):
    run("flaw-sigmoid", names)
    labels = names["pictures"].y_test
    assert set(names["named"]) == {1}
    assert names["score"] > 0.6  # and yet the report is a good one
    run("fix-sigmoid", names)
    assert set(names["corrected"]) == {0, 1}
    assert (names["corrected"] == labels).mean() == pytest.approx(
        names["score"], abs=0.01
    )


def test_a_reshuffle_leaks(names):
    run("flaw-leak", names)
    assert len(names["training"]) == 300 and len(names["testing"]) == 100
    assert 50 < names["shared"] < 100
    run("fix-leak", names)
    assert names["shared_after"] == 0
    clean = names["clean_training"] + names["clean_testing"]
    assert sorted(clean) == list(range(400))
    assert names["leaked"].low > 5
    assert names["honest"].high < names["leaked"].low


def test_a_cache_freezes_the_augmentation(names):
    run("flaw-cache", names)
    assert names["count_versions"](names["cached"]) == 1
    run("fix-cache", names)
    assert names["count_versions"](names["live"]) == 10


def test_batch_normalization_learns_at_rate_zero(names):
    names |= {"x_few": names["x_few"][:8], "y_few": names["y_few"][:8]}
    run("flaw-norm", names)
    assert names["moved"] == {"moving_mean": 544, "moving_variance": 544}
    assert names["score_after"] != names["score_before"]
    run("fix-norm", names)
    assert names["changed"]() == {}
    assert names["score_fixed"] == names["score_before"]


def test_the_best_epoch_finds_what_is_not_there(names):
    run("flaw-best", names)
    assert names["best"].low > 0.5
    assert names["last"].mean == pytest.approx(0.5, abs=0.02)
    run("fix-best", names)
    assert names["lucky"].low > 0
    assert names["modest"].high < names["lucky"].low


def leaked(training, testing):
    known = set(training)
    return sum(picture in known for picture in testing)


def verdict(low, high, at_least):
    if low >= at_least:
        return "proven"
    return "refuted" if high < at_least else "not settled"


WRONG_FUNCTIONS = {
    "leaked_pictures": (
        leaked,
        [
            lambda a, b: len(set(a) & set(b)),
            lambda a, b: leaked(b, a),
            lambda a, b: leaked(a, b) / len(b),
            lambda a, b: len(b) - leaked(a, b),
        ],
    ),
    "verdict_of": (
        verdict,
        [
            lambda low, high, bound: (
                "proven" if (low + high) / 2 >= bound else "refuted"
            ),
            lambda low, high, bound: verdict(low, high, 0),
            lambda low, high, bound: "proven" if high >= bound else "refuted",
            lambda low, high, bound: "proven" if low >= bound else "refuted",
        ],
    ),
}


@pytest.mark.parametrize("name", WRONG_FUNCTIONS)
def test_a_wrong_program_gets_its_own_hint(capsys, name):
    right, wrong = WRONG_FUNCTIONS[name]
    hints = []
    for function in [*wrong, lambda *arguments: "something else"]:
        getattr(check, name)(function)
        hints.append(capsys.readouterr().out)
    assert all(hint.startswith("✗") for hint in hints)
    assert len(set(hints)) == len(hints)
    getattr(check, name)(right)
    assert capsys.readouterr().out.startswith("✓")
