"""What a borrowed backbone is worth, and the tutorials' recipes."""

import json

import numpy as np
import pytest

from course_utils import data
from course_utils.machine import paths
from course_utils.networks import backbones, heads
from course_utils.results import evaluation, giant, recipes
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
    x_train, x_test = (
        backbones.features(network, part)
        for part in (pictures.x_train, pictures.x_test)
    )
    for count, least in ((5, 0.9), (30, 0.9)):
        chosen = pictures.few_indices(count, 0)
        head = heads.linear_head()
        head.fit(x_train[chosen], pictures.y_train[chosen])
        assert head.score(x_test, pictures.y_test) > least
    half = data.first_of_each(pictures.y_test, 4)
    assert half.tolist() == [0, 1, 2, 3, 10, 11, 12, 13]


def test_the_interval_over_pictures_is_honest_where_all_are_right():
    labels = np.repeat([0, 1], [100, 20])
    span = evaluation.accuracy_interval(labels, labels)
    assert span.mean == 1 and span.covers == "120 pictures"
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


def test_nothing_stored_names_the_command(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "data_directory", lambda: tmp_path)
    with pytest.raises(FileNotFoundError, match="giant --source"):
        giant.stored("photos")
    with pytest.raises(FileNotFoundError, match="recipes"):
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
    return {
        "course": [mine] * 3,
        "recipes": {"other": {"runs": [run] * 3}},
        "pictures": {"test": 200},
    }


def test_each_part_takes_the_worst_recipe(capsys):
    lead, times = recipes.effects(result())["recipes"]
    assert lead.mean == 0 and times.mean == pytest.approx(25)
    two = result(ours=0.89)
    two["recipes"]["quick"] = result(theirs=0.7, seconds=8)["recipes"]["other"]
    lead, times = recipes.effects(two)["recipes"]
    assert times.mean == pytest.approx(2)
    assert lead.low < 0 < lead.high and "200 pictures" in lead.covers
    late, never = recipes.race(two)
    assert late["seconds in all"] == 100 and late["reach"] == 3
    assert late["seconds"] < 50 and late["test"] == pytest.approx(0.8)
    assert never["reach"] == 0 and never["seconds"] is None
    recipes.show_race(two)
    assert "never" in capsys.readouterr().out


def test_the_stored_recipes_are_whole():
    timed = recipes.stored()
    assert timed["recipes"].keys() == recipes_study.RECIPES.keys()
    for recipe in timed["recipes"].values():
        assert len(recipe["runs"]) == len(recipes_study.SEEDS) == 3
        epochs = sum(stage["epochs"] for stage in recipe["stages"])
        assert {len(run["validation"]) for run in recipe["runs"]} == {epochs}
    assert timed["hardware"] and timed["backbone"] in backbones.NAMES
    json.dumps(timed)
