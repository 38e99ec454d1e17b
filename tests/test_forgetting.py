"""What is forgotten, what prevents it, and how the grid is measured."""

import numpy as np
import pytest

from course_utils import check, quiet
from course_utils.data import folds
from course_utils.machine import paths
from course_utils.networks import donors, fine_tuning
from course_utils.results import claims, files, forgetting
from course_utils.results.forgetting import Trial
from studies import forgetting as forgetting_study
from studies import pieces

with quiet():
    import keras
    from keras import layers

WEIGHTS = donors.random_base().get_weights()


# ---------------------------------------------------------------- the parts


def test_the_widened_head_agrees_with_both_heads():
    draw = np.random.default_rng(0).normal
    old, new = [[draw(size=(5, 2)), draw(size=2)] for _ in range(2)]
    features = draw(size=(7, 5))
    kernel, bias = fine_tuning.widen(old, new)
    cat, dog, fox = (features @ kernel + bias).T
    before, after = (features @ k + b for k, b in (old, new))
    assert np.allclose(np.stack([cat, dog], axis=1), before)
    assert np.allclose(fox - dog, after[:, 1] - after[:, 0])


def test_accuracy_of_two_animals_asks_their_pictures_alone():
    labels = np.array([0, 0, 1, 1, 2, 2])
    scores = np.eye(3)[[0, 0, 1, 2, 2, 0]]
    found = forgetting.accuracies(scores, labels)
    assert found["cat/dog"] == (1 + 0.5) / 2  # of dog and fox, cat ties first
    assert found["dog/fox"] == (0.5 + 0.5) / 2
    assert found["cat/dog/fox"] == pytest.approx((1 + 0.5 + 0.5) / 3)


def test_rates_follow_the_depth():
    network, base = forgetting_study.compile_for(
        Trial(per_depth=True), WEIGHTS
    )
    factors = network.optimizer.factors
    assert len(factors) == len(network.trainable_variables)
    assert factors == sorted(factors)
    assert set(factors) == set(fine_tuning.DEPTH_FACTORS)
    # Six kernels: scale and shift of the normalization stay, too.
    assert len(base.trainable_variables) == 6


def test_a_factor_of_zero_stops_a_variable():
    inputs = keras.Input((3,))
    first = layers.Dense(4)
    network = keras.Model(inputs, layers.Dense(1)(first(inputs)))
    optimizer = fine_tuning.PerDepth(0.1)
    optimizer.factors = [0, 0, 1, 1]
    network.compile(optimizer, "mse")
    before = network.get_weights()
    network.fit(np.ones((8, 3)), np.ones(8), verbose=0)
    same = [
        (old == new).all()
        for old, new in zip(before, network.get_weights(), strict=True)
    ]
    assert same == [True, True, False, False]


def test_batch_norm_statistics_stay_in_inference():
    for kind, stay in (("inference", True), ("training", False)):
        network, base = forgetting_study.compile_for(
            Trial(batch_norm=kind), WEIGHTS
        )
        before = [w.numpy().copy() for w in base.non_trainable_variables]
        x = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3))
        network.fit(x, np.arange(8) % 2, verbose=0)
        after = [w.numpy() for w in base.non_trainable_variables]
        same = all(map(np.array_equal, before, after))
        assert same is stay, kind


def test_two_questions_weigh_only_the_one_that_was_asked():
    x = np.zeros((4, 32, 32, 3), np.uint8)
    batches = forgetting_study.TwoQuestions(x, np.arange(4), batch_size=4)
    _, (old, new), (old_weight, new_weight) = batches[0]
    assert (old == new).all()
    assert (old_weight + new_weight == 1).all()
    assert old_weight.sum() == new_weight.sum() == 2


def test_few_old_pictures_are_shown_as_often_as_the_new():
    class Few:
        def few(self, count, seed):
            labels = np.arange(2 * count) % 2
            return np.zeros((2 * count, 32, 32, 3), np.uint8), labels

    bench = forgetting_study.Experiment.__new__(forgetting_study.Experiment)
    bench.old = Few()
    x, y = Few().few(100, 0)
    for old in (10, 100):
        trial = Trial(heads="two", old_pictures=old)
        labels = bench.batches(trial, x, y, 0).y
        assert np.bincount(labels).tolist() == [100] * 4
        trial = Trial(heads="widened", old_pictures=old)
        labels = bench.batches(trial, x, y, 0).y
        assert np.bincount(labels).tolist() == [100] * 3


def test_a_grid_that_is_not_there_names_its_command(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "data_directory", lambda: tmp_path)
    with pytest.raises(FileNotFoundError, match="forgetting --source"):
        forgetting.stored("drawings")


def test_adapters_leave_the_base_as_it_was():
    base = donors.random_base()
    before = base.get_weights()
    x = np.random.default_rng(0).integers(0, 256, (16, 32, 32, 3), np.uint8)
    network, base = forgetting_study.compile_for(forgetting.ADAPTERS, before)
    kernels = sum(np.prod(w.shape) for w in before if w.ndim == 4)
    assert donors.count_trainable(network) < kernels / 5
    features = base.predict(x, verbose=0)
    plain = donors.random_base()
    assert np.allclose(features, plain.predict(x, verbose=0), atol=1e-5)
    network.fit(x, np.arange(16) % 2, epochs=3, verbose=0)
    assert not np.allclose(features, base.predict(x, verbose=0), atol=1e-4)
    off = fine_tuning.without_adapters(base)
    assert all(map(np.array_equal, before, off))


def test_balanced_batches_show_each_class_as_often_and_others_each_time():
    y = np.repeat([0, 1, 2], [50, 50, 5])
    x = np.zeros((105, 32, 32, 3), np.uint8)
    batches = forgetting_study.Balanced(x, y, of_each=10, batch_size=8)
    orders = []
    for _ in range(2):
        shown = np.concatenate([batches[i][1] for i in range(len(batches))])
        assert np.bincount(shown).tolist() == [10, 10, 10]
        orders.append(set(batches.order))
        batches.on_epoch_end()
    assert orders[0] != orders[1]


def test_a_piece_is_measured_once_and_again_with_other_facts(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(files, "path", lambda name: tmp_path / f"{name}.json")
    grid = pieces.Grid("it", folds=1)
    facts = {"donor": "a", "counts": (1, 2)}
    assert grid.missing("arm/0/0", **facts)
    bits = np.packbits([1, 0, 1])
    grid.arrays["labels"] = np.arange(3)
    grid.keep("arm/0/0", facts, {"answers": bits}, seconds=1.0)
    again = pieces.Grid("it", folds=1)
    assert not again.missing("arm/0/0", **facts)
    assert again.missing("arm/0/0", **facts | {"donor": "b"})
    assert again.missing("arm/0/1", **facts)
    stored, arrays = files.read_grid("it", "it")
    right, rows = files.runs(stored, arrays)["arm"]
    assert right.tolist() == [[[1, 0, 1]]] and rows[0][0]["seconds"] == 1
    assert rows[0][0]["bounds"] == claims.digest()


@pytest.mark.parametrize("run", [0, 4])
def test_no_fox_is_both_drawn_and_tested(run):
    usual = folds.Folds("drawings")
    for count in (10, 500):
        chosen = usual.train(count, run)
        assert (chosen == usual.pair.few_indices(count, run)).all()
        assert not np.isin(chosen, usual.judges).any()


# --------------------------------------------------------------- exercises

WRONG = {
    "forget_share": [0.05, 0.07, 2 / 7, 0.85 / 0.87, 1.4, 71.4],
    "forget_three_classes": [0.84, 0.42, 1.68, 2 / 3, 56],
    "forget_fox_score": [3, 1, 4, 0, 5],
}
RIGHT = {
    "forget_share": 5 / 7,
    "forget_top_block": 147_712,
    "forget_three_classes": 0.56,
    "forget_fox_score": 2,
}


@pytest.mark.parametrize("name", WRONG)
def test_each_typical_mistake_gets_its_own_hint(capsys, name):
    hints = []
    for answer in [*WRONG[name], "something else entirely"]:
        getattr(check, name)(answer)
        hints.append(capsys.readouterr().out)
    assert all(hint.startswith("✗") for hint in hints)
    assert len(set(hints)) == len(hints)
    getattr(check, name)(RIGHT[name])
    assert capsys.readouterr().out.startswith("✓")


def test_the_top_block_has_as_many_weights_as_the_check_says():
    base = donors.build_base()
    fine_tuning.unfreeze(base, blocks=1)
    assert donors.count_trainable(base) == RIGHT["forget_top_block"]


@pytest.mark.parametrize("mode", ["inference", "training"])
def test_statistics_move_in_training_mode_alone(mode):
    network, base = forgetting_study.compile_for(
        Trial(batch_norm=mode), WEIGHTS
    )
    before = base.get_weights()
    x = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3))
    network.fit(x.astype("float32"), np.arange(8) % 2, verbose=0)
    moved = [
        (old != new).any()
        for weight, old, new in zip(
            base.weights, before, base.get_weights(), strict=True
        )
        if "moving" in weight.path
    ]
    assert len(moved) == 12
    assert set(moved) == {mode == "training"}
