"""Published recipes: their settings, and how long to the same accuracy."""

import pytest

from course_utils.results import recipes


def result(validation, target, to_final=10, seconds=20):
    """One recipe of a stage and as many epochs as accuracies, run thrice."""
    run = {
        "seconds": seconds,
        "processor_seconds": 1,
        "seconds_to_final": to_final,
        "validation": validation,
        "test": 0.8,
    }
    ours = {"seconds": 2, "seconds_to_final": 2, "validation": [target]}
    stage = {"unfrozen": 0, "optimizer": "Adam", "rate": 1e-3, "epochs": 4}
    one = {"batch_size": 32, "stages": [stage], "runs": [run] * 3}
    return {"course": [ours | {"test": 0.9}] * 3, "recipes": {"one": one}}


@pytest.mark.parametrize(
    ("validation", "target", "to_final", "seconds"),
    [
        ([0.5, 0.8, 0.7, 0.8], 0.8, 10, 10),  # as soon as its final accuracy
        ([0.5, 0.6, 0.7, 0.8], 0.6, 20, 10),  # halfway to it
        ([0.5, 0.6, 0.9, 0.8], 0.85, 15, 15),
        ([0.9, 0.6, 0.7, 0.7], 0.9, 5, 5),  # before its last epoch
        ([0.5, 0.6, 0.7, 0.8], 0.81, 20, None),  # never
    ],
)
def test_a_race_ends_at_our_accuracy(
    validation, target, to_final, seconds, capsys
):
    given = result(validation, target, to_final)
    (row,) = recipes.race(given)
    assert row["seconds"] == pytest.approx(seconds)
    assert row["reach"] == (0 if seconds is None else 3)
    recipes.show_race(given)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 3
    assert ("never" in printed[2]) == (seconds is None)


def test_settings_name_each_stage_once(capsys):
    stored = recipes.stored()
    recipes.show_settings(stored)
    lines = capsys.readouterr().out.splitlines()
    stages = sum(len(each["stages"]) for each in stored["recipes"].values())
    assert len(lines) == 1 + stages
    for name in stored["recipes"]:
        assert sum(line.startswith(f"{name} ") for line in lines) == 1
    recipes.show_race(stored)
