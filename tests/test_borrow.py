"""What a borrowed backbone is worth, and the tutorials' recipes beside it."""

import json

import numpy as np
import pytest

from course_utils import data
from course_utils.networks import backbones
from course_utils.results import claims, evaluation, giant, recipes
from studies import recipes as recipes_study


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def backbone():
    """A small one, with batch normalization and scaled pixels inside."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    network = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            layers.Conv2D(4, 3, 2),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(6, 3, 2),
        ],
        name="inner",
    )
    inputs = keras.Input((16, 16, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    model = keras.Model(inputs, network(x, training=False), name="small")
    model.trainable = False
    return model


@pytest.fixture(scope="module")
def pictures():
    """Bright against dark pictures, which any features tell apart."""
    generator = np.random.default_rng(0)

    def part(count):
        y = np.repeat([0, 1], count)
        noise = generator.integers(0, 90, (2 * count, 16, 16, 3))
        return (noise + 160 * y[:, None, None, None]).astype(np.uint8), y

    return data.Pictures(("dog", "fox"), "drawings", *part(30), *part(8),
                         *part(10))  # fmt: skip


def test_heads_on_eyes_learn_and_repeat(backbone, pictures):
    network = backbones.feature_extractor(backbone, 16)
    assert network.name == "small" and network.output_shape == (None, 6)
    assert not network.trainable_weights
    rows = backbones.head_accuracies(network, pictures, (5, 30), range(3))
    assert rows[5].shape == (3,) and rows[5].mean() > 0.9
    assert np.ptp(rows[30]) == 0  # every seed draws all of them
    half = data.first_of_each(pictures.y_test, 4)
    assert half.tolist() == [0, 1, 2, 3, 10, 11, 12, 13]
    part = backbones.head_accuracies(network, pictures, (5,), range(3), half)
    assert set((part[5] * 8).round(6) % 1) == {0}


def test_the_interval_over_pictures_is_honest_where_all_are_right():
    labels = np.repeat([0, 1], [100, 20])
    span = evaluation.accuracy_interval(labels, labels)
    assert span.mean == 1 and span.count == 120
    assert 0.85 < span.low < 0.95 and span.high == pytest.approx(1)
    wide = evaluation.accuracy_interval(labels[::5], labels[::5])
    assert wide.low < span.low


def test_the_interval_over_pictures_covers_the_truth_mostly():
    generator = np.random.default_rng(1)
    labels = np.repeat([0, 1], 50)
    truth = np.where(labels == 0, 0.9, 0.7)
    covered = 0
    for _ in range(400):
        right = generator.random(100) < truth
        span = evaluation.accuracy_interval(labels, np.where(right, labels, 2))
        covered += span.low <= 0.8 <= span.high
    assert 0.92 < covered / 400 < 0.98


def test_own_names_need_no_training():
    scores = np.full((4, 1000), 1e-4)
    scores[0, 151], scores[1, 268], scores[2, 277] = 0.5, 0.2, 0.4
    scores[3, 160] = 0.3  # a fox that it calls a dog
    labels = np.array([0, 0, 1, 1])
    assert backbones.zero_shot(scores, labels) == 0.75


def test_effects_name_claims_and_pair_the_seeds():
    grid = {
        "accuracy": {
            "EfficientNet-Lite0": {10: [0.8, 0.9], 100: [0.9, 0.92]},
            "donor": {10: [0.7, 0.8], 100: [0.8, 0.8]},
        },
        "invented": {},
        "own_names": {"EfficientNet-Lite0": {"without_training": 0.87}},
    }
    found = giant.effects(grid)
    assert found["borrowed, ten"].mean == pytest.approx(10)
    assert found["borrowed, ten"].low == pytest.approx(10)
    assert found["leak"] == pytest.approx(37)
    assert found.keys() <= claims.CLAIMS.keys()
    assert "more than a leak" not in found
    assert giant.effects(grid, "donor").keys() <= {
        "borrowed, ten", "borrowed, a hundred",
    }  # fmt: skip


def test_the_table_shows_test_spread_where_seeds_have_none():
    rows = {"donor": {10: np.array([0.7, 0.8]), 500: np.array([0.9, 0.9])}}
    text = giant.table(rows, {"donor": (0.85, 0.95)})
    assert "0.750 ± " in text and "0.900 ± 0.050" in text


@pytest.mark.parametrize("source", data.SOURCES)
def test_what_is_stored_is_whole(source):
    grid = giant.stored(source)
    assert {giant.REFERENCE, "donor"} <= grid["accuracy"].keys()
    for rows in grid["accuracy"].values():
        assert set(rows) == set(giant.COUNTS)
        assert all(len(row) >= 10 for row in rows.values())
    assert grid["over_all"].keys() == grid["accuracy"].keys()
    assert grid["hardware"] and grid["date"]
    for name in grid["own_names"]:
        assert name in backbones.NAMES
    for claim in giant.effects(grid):
        assert claims.CLAIMS[claim].notebook == 8


def test_nothing_stored_names_the_command(tmp_path, monkeypatch):
    monkeypatch.setattr(giant.paths, "data_directory", lambda: tmp_path)
    with pytest.raises(FileNotFoundError, match=r"course_utils\.borrow"):
        giant.stored("photos")
    with pytest.raises(FileNotFoundError, match=r"course_utils\.recipes"):
        recipes.stored()


# Recipes ---------------------------------------------------------------------


def short(name):
    """Return a recipe with one epoch a stage."""
    recipe = recipes_study.RECIPES[name]
    stages = [stage | {"epochs": 1} for stage in recipe["stages"]]
    return recipe | {"stages": stages}


@pytest.fixture
def parts(pictures):
    return {
        part: (getattr(pictures, f"x_{part}"), getattr(pictures, f"y_{part}"))
        for part in ("train", "validation", "test")
    }


@pytest.mark.parametrize("name", recipes_study.RECIPES)
def test_a_recipe_runs_and_leaves_the_backbone_as_it_was(
    name, backbone, parts
):
    before = backbone.get_weights()
    took = recipes_study.follow(short(name), backbone, parts, seed=0)
    for old, new in zip(before, backbone.get_weights(), strict=True):
        assert (old == new).all()
    assert len(took["validation"]) == len(
        recipes_study.RECIPES[name]["stages"]
    )
    assert 0 < took["seconds_to_final"] <= took["seconds"]
    assert 0 <= took["test"] <= 1


@pytest.mark.parametrize(
    ("name", "stage", "moves", "averages"),
    [
        ("TensorFlow tutorial", 0, False, False),
        ("TensorFlow tutorial", 1, True, False),
        ("Keras guide", 0, False, False),
        ("Keras guide", 1, True, False),
        ("PyTorch tutorial", 0, True, True),
    ],
)
def test_each_stage_moves_what_its_recipe_says(
    name, stage, moves, averages, backbone, parts, monkeypatch
):
    recipe = short(name)
    recipe["stages"] = recipe["stages"][stage : stage + 1]
    after = []
    put_back = backbone.set_weights
    monkeypatch.setattr(
        backbone,
        "set_weights",
        lambda w: after.append(backbone.get_weights()) or put_back(w),
    )
    before = backbone.get_weights()
    recipes_study.follow(recipe, backbone, parts, seed=0)
    # Kernel, bias, gamma, beta, then the two moving averages, then the last.
    changed = [
        bool((old != new).any())
        for old, new in zip(before, after[0], strict=True)
    ]
    assert changed[-2] is moves  # the last convolution
    assert any(changed[4:6]) is averages


def test_the_course_recipe_learns(backbone, parts):
    took = recipes_study.follow_course(backbone, parts)
    assert took["validation"][0] > 0.9 and took["test"] > 0.9
    assert took["seconds_to_final"] == took["seconds"]


def test_crops_keep_size_and_stay_inside():
    ramp = np.arange(32 * 32, dtype=np.uint16).reshape(32, 32) // 8
    picture = np.stack([ramp] * 3, axis=-1).astype(np.uint8)
    generator = np.random.default_rng(0)
    seen = [
        recipes_study.crop(picture, (0.08, 1), generator) for _ in range(50)
    ]
    assert {each.shape for each in seen} == {(32, 32, 3)}
    spans = [np.ptp(each.astype(int)) for each in seen]
    assert min(spans) < 60 and max(spans) > 110
    batches = recipes_study.cropped(seen, np.arange(50), 8, (0.5, 1))
    labels = [y for place in range(len(batches)) for y in batches[place][1]]
    assert sorted(labels) == list(range(50))


def result(ours=0.9, theirs=0.9, seconds=100):
    run = {
        "seconds": seconds,
        "processor_seconds": 1,
        "seconds_to_final": seconds / 2,
        "validation": [0.5, theirs],
        "test": 0.8,
    }
    mine = run | {"seconds": 4, "validation": [ours]}
    return {"course": [mine] * 3, "recipes": {"other": {"runs": [run] * 3}}}


def test_each_verdict_takes_the_worst_recipe(capsys):
    found = recipes.effects(result())
    assert found["recipes in time"] == 25
    assert found["recipes in accuracy"].mean == 0
    two = result(ours=0.89)
    two["recipes"]["quick"] = result(theirs=0.7, seconds=8)["recipes"]["other"]
    found = recipes.effects(two)
    assert found["recipes in time"] == 2
    assert found["recipes in accuracy"].mean == pytest.approx(-1)
    row, _ = recipes.compare(two)
    assert row["times to final"] == 12.5 and not row["reached"]
    recipes.show(two)
    assert "25.0  no" in capsys.readouterr().out


def test_the_stored_recipes_are_whole():
    timed = recipes.stored()
    assert timed["recipes"].keys() == recipes_study.RECIPES.keys()
    for recipe in timed["recipes"].values():
        assert len(recipe["runs"]) == len(recipes_study.SEEDS) == 3
        epochs = sum(stage["epochs"] for stage in recipe["stages"])
        assert {len(run["validation"]) for run in recipe["runs"]} == {epochs}
    assert timed["hardware"] and timed["backbone"] in backbones.NAMES
    json.dumps(timed)
