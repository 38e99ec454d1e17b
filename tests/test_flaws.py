"""The flaws of notebook 09, read from the notebook itself.

The cells of a flaw carry the tag `flaw-NAME`, those of its mend `mend-NAME`.
Here they run on a few drawings: each symptom must be there after the first
and gone after the second.
"""

from pathlib import Path

import matplotlib
import nbformat
import numpy as np
import pytest

from course_utils import check, data, scoreboard
from course_utils.data import drawings
from course_utils.machine import paths

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
    base = names["transfer"].load_base("cat", "dog", pictures.source)
    x, y = pictures.few(200, seed=0)
    x_few, y_few = pictures.few(10, seed=0)
    return names | {
        "pictures": pictures,
        "x": x,
        "y": y,
        "x_few": x_few,
        "y_few": y_few,
        "features": base.predict(x, verbose=0),
        "test_features": base.predict(pictures.x_test, verbose=0),
    }


@pytest.fixture
def names(shared):
    """The same, with a donor that no other test has touched."""
    base = shared["transfer"].load_base("cat", "dog", "drawings")
    names = shared | {"base": base, "findings": []}
    # `note` and `test` must see this test's names, not those of the fixture
    run("flaws-setup", names)
    return names


def test_every_flaw_has_its_mend():
    for flaw in FLAWS:
        assert source(f"flaw-{flaw}"), flaw
        assert source(f"mend-{flaw}"), flaw


def test_bytes_are_told_for_parameters(names):
    run("flaw-count", names)
    right = sum(np.prod(weight.shape) for weight in names["base"].weights)
    assert names["counted"] == right
    assert names["told"] / right == pytest.approx(4, rel=0.05)
    run("mend-count", names)
    assert names["mended"] == right


def test_a_fine_tuning_that_unfreezes_nothing(names):
    base = names["base"]
    start = base.get_weights()

    def moved():
        pairs = zip(start, base.get_weights(), strict=True)
        return [bool((old != new).any()) for old, new in pairs]

    names |= {"x": names["x"][:96], "y": names["y"][:96]}
    run("flaw-unfreeze", names)
    assert not any(moved())
    assert names["few_weights"] == 128 * 2 + 2
    run("mend-unfreeze", names)
    first_block = 2 * 5  # two convolutions, each with batch normalization
    assert moved() == [False] * first_block + [True] * (30 - first_block)
    assert names["many_weights"] == 277_248 + 128 * 2 + 2
    assert names["long"].low > names["short"].low


def test_two_sigmoids_know_one_name(names):
    run("flaw-sigmoid", names)
    labels = names["pictures"].y_test
    assert set(names["named"]) == {1}
    assert names["score"] > 0.6  # and yet the report is a good one
    run("mend-sigmoid", names)
    assert set(names["mended"]) == {0, 1}
    assert (names["mended"] == labels).mean() == pytest.approx(
        names["score"], abs=0.01
    )


def test_a_reshuffle_leaks(names):
    run("flaw-leak", names)
    assert len(names["training"]) == 300 and len(names["testing"]) == 100
    assert 50 < names["shared"] < 100
    run("mend-leak", names)
    assert names["shared_after"] == 0
    assert sorted(names["training"] + names["testing"]) == list(range(400))
    assert names["leaked"].low > 5
    assert names["honest"].high < names["leaked"].low


def test_a_cache_freezes_the_augmentation(names):
    run("flaw-cache", names)
    assert names["count_versions"](names["cached"]) == 1
    run("mend-cache", names)
    assert names["count_versions"](names["live"]) == 10


def test_batch_normalization_learns_at_rate_zero(names):
    names |= {"x_few": names["x_few"][:8], "y_few": names["y_few"][:8]}
    run("flaw-norm", names)
    assert names["moved"] == {"moving_mean": 448, "moving_variance": 448}
    assert names["after"] != names["before"]
    run("mend-norm", names)
    assert names["changed"]() == {}
    assert names["mended"] == names["before"]


def test_the_best_epoch_finds_what_is_not_there(names):
    run("flaw-best", names)
    assert names["best"].low > 0.5
    assert names["last"].mean == pytest.approx(0.5, abs=0.02)
    run("mend-best", names)
    assert names["lucky"].low > 0
    assert names["honest"].high < names["lucky"].low


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    monkeypatch.setattr(scoreboard, "_unsaved", [])
    paths.forget()
    yield
    paths.forget()


def ending():
    names = {"scoreboard": scoreboard, "math": __import__("math")}
    run("ending", names)
    return names


def test_the_ending_says_what_is_missing(home, capsys):
    assert set(ending()["measured"].values()) == {None}
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    for line, number in zip(lines, ("01 and 02", "06", "07"), strict=True):
        assert "you said nothing (see notebook 00)" in line
        assert f"no record yet (run notebook {number})" in line


def test_the_ending_lays_the_prediction_beside_the_records(home, capsys):
    scoreboard.keep_guesses(
        times_faster=10, labels_for_donor=20, points_forgotten=1
    )
    scoreboard.record("Python lists", notebook=1, examples_per_second=50)
    scoreboard.record("NumPy, batches", notebook=2, examples_per_second=9e4)
    scoreboard.record("labels that ten are worth", notebook=6, labels=np.inf)
    scoreboard.record("points forgotten", notebook=7, points=4.25)
    capsys.readouterr()
    ending()
    assert capsys.readouterr().out.splitlines() == [
        "times_faster: you said 10; measured: 1,800.0",
        "labels_for_donor: you said 20; measured: inf",
        "points_forgotten: you said 1; measured: 4.2",
    ]


WRONG = {
    "flaw_trainable": [277_248, 288_610, 11_104, 2, 256, 0],
    "flaw_sigmoid": ["A", "B", "C", "D", "f"],
    "flaw_reshuffle": ["A", "b", "D", "E", "B and C"],
    "flaw_cache": [10, 2, 20, 0, 50],
    "flaw_expected": [50, 0.0, 1.0, 0.25, 0.6],
}
RIGHT = {
    "flaw_trainable": 258,
    "flaw_sigmoid": "e",
    "flaw_reshuffle": "C",
    "flaw_cache": 1,
    "flaw_expected": 0.5,
}


@pytest.mark.parametrize("name", WRONG)
def test_each_typical_mistake_gets_its_own_hint(capsys, name):
    function = getattr(check, name)
    hints = []
    for answer in [*WRONG[name], "something else entirely"]:
        function(answer)
        hints.append(capsys.readouterr().out)
    assert all(hint.startswith("✗") for hint in hints)
    assert len(set(hints)) == len(hints)
    function(RIGHT[name])
    assert capsys.readouterr().out.startswith("✓")
