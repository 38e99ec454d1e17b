"""Each claim fails when its cause is removed; bounds precede measuring."""

import json
import re

import ledger
import numpy as np
import pytest

from course_utils import data
from course_utils.results import (
    claims,
    evaluation,
    files,
    forgetting,
    giant,
    recipes,
    transfer,
)

PICTURES = 600
WORDS = {
    "zero": 0, "a hundred": 100, "one": 1, "two": 2, "three": 3, "five": 5,
    "eight": 8, "ten": 10, "thirty": 30,
}  # fmt: skip


def answers(level, members="cat/dog donors", many=5, draws=20, runs=False):
    """Return Answers that are right at a level, the same luck in all arms."""
    luck = np.random.default_rng(0).random((many, draws, PICTURES))
    return evaluation.Answers(
        (luck < level).astype(float),
        np.ones((draws, PICTURES)),
        np.arange(PICTURES) % 2,
        members=members,
        draws="runs" if runs else "draws",
    )


def run(level, draws=5):
    return answers(level, many=1, draws=draws, runs=True)


def transfer_grid():
    """Return a grid of notebook 6 in which every claim holds."""
    levels = {
        "frozen": 0.80, "unrelated": 0.62, "shuffled": 0.62, "random": 0.62,
        "other kind": 0.70, "gradients": 0.64, "pixels": 0.56,
        "seen": 0.79, "unseen": 0.79,
    }  # fmt: skip
    known = {
        arm: {10: answers(level, transfer.MEMBERS[arm])}
        for arm, level in levels.items()
    }
    scratch = {10: 0.55, 50: 0.7, 100: 0.82, 500: 0.93}
    known["scratch"] = {n: run(level) for n, level in scratch.items()}
    known["frozen"][500] = answers(0.86)
    known["finetuned"] = {500: run(0.92)}
    half = np.arange(1200) % 10 < 6
    return {
        "answers": known,
        "collections": {"wolf dog": half, "cat dog": half},
    }


def forgetting_grid():
    """Return a grid of notebooks 7 and 8 in which every claim holds."""
    levels = {  # cat/dog, dog/fox
        forgetting.FROZEN: (0.87, 0.80),
        forgetting.CARELESS: (0.70, 0.85),
        forgetting.HEAD_FIRST: (0.75, 0.86),
        forgetting.NORM_FROZEN: (0.80, 0.85),
        forgetting.CAREFUL: (0.86, 0.84),
        forgetting.NORM_TRAINS: (0.86, 0.85),
        forgetting.ADAPTERS: (0.82, 0.84),
        forgetting.REHEARSING: (0.84, 0.86),
    }
    known = {
        forgetting.key(trial): {"cat/dog": run(old), "dog/fox": run(new)}
        for trial, (old, new) in levels.items()
    }
    known["before"] = {"cat/dog": run(0.87)}
    known["widened"] = {"cat/dog/fox": run(0.85)}
    known["from start"] = {"cat/dog/fox": run(0.85)}
    same = np.full(5, 0.87)
    return {
        "answers": known,
        "runs": {forgetting.ADAPTERS: {"before": same, "off": same}},
        "widened": {"seconds": np.array([10.0, 11, 10])},
        "from_start": {"seconds": np.array([100.0, 101, 99])},
    }


def giant_grid():
    """Return a grid of notebook 9 in which every claim holds."""
    name = giant.REFERENCE
    return {
        "answers": {
            name: {n: answers(0.9, "backbone", many=1) for n in (10, 100)},
            "donor": {n: answers(0.8) for n in (10, 100)},
        },
        "invented": {name: run(0.9), "donor": run(0.7)},
        "own_names": {name: {"right": [[True] * 80 + [False] * 20] * 2}},
    }


def recipes_grid():
    def runs(test, *seconds):
        return [{"test": test, "seconds": each} for each in seconds]

    return {
        "course": runs(0.9, 1, 1.1, 1),
        "recipes": {
            "first": {"runs": runs(0.7, 8, 8.1, 8)},
            "second": {"runs": runs(0.8, 30, 31, 30)},
        },
        "pictures": {"test": 1000},
    }


GRIDS = {
    transfer: transfer_grid,
    forgetting: forgetting_grid,
    giant: giant_grid,
    recipes: recipes_grid,
}


def swap_arm(claim, grid, arm, other, count=10):
    grid["answers"][arm][count] = grid["answers"][other][count]


def swap_trial(claim, grid, trial, other):
    names = [
        each if isinstance(each, str) else forgetting.key(each)
        for each in (trial, other)
    ]
    grid["answers"][names[0]] = grid["answers"][names[1]]


def better(claim, grid, arm):
    grid["answers"][arm][10] = answers(0.8, transfer.MEMBERS[arm])


def with_difference(claim, grid):
    grid["answers"]["unseen"][10] = answers(0.7)


def with_a_mark(claim, grid):
    grid["collections"]["wolf dog"] = np.arange(1200) % 10 < 8


def scratch_learns(claim, grid):
    grid["answers"]["scratch"] = {n: run(0.81) for n in (10, 50, 100, 500)}


def scratch_stops(claim, grid):
    grid["answers"]["scratch"][500] = run(0.7)


def base_changes(claim, grid):
    grid["runs"][forgetting.ADAPTERS]["off"] = np.full(5, 0.86)


def as_slow(claim, grid):
    grid["widened"] = grid["from_start"]


def own_names_guess(claim, grid):
    grid["own_names"][giant.REFERENCE]["right"] = [[True, False] * 50] * 2


def equal_backbone(claim, grid):
    rows = {n: answers(0.7, "backbone", many=1) for n in (10, 100)}
    grid["answers"][giant.REFERENCE] = rows


def equal_curves(claim, grid):
    grid["invented"][giant.REFERENCE] = run(0.6)


def slow_course(claim, grid):
    grid["course"] = grid["recipes"]["first"]["runs"]


TAKEN_AWAY = {
    "kinship": (transfer, swap_arm, "unrelated", "frozen"),
    "learning": (transfer, swap_arm, "random", "frozen"),
    "untrained features": (transfer, better, "gradients"),
    "equal data": (transfer, swap_arm, "scratch", "frozen"),
    "labels saved": (transfer, scratch_learns),
    "catching up": (transfer, scratch_stops),
    "labels matter": (transfer, swap_arm, "shuffled", "frozen"),
    "unrelated donor": (transfer, better, "unrelated"),
    "domain gap": (transfer, swap_arm, "other kind", "frozen"),
    "seen dogs": (transfer, with_difference),
    "source of the pictures": (transfer, with_a_mark),
    "fine-tuning gains": (
        forgetting, swap_trial, forgetting.CAREFUL, forgetting.FROZEN
    ),
    "careful keeps": (
        forgetting, swap_trial, forgetting.CAREFUL, forgetting.CARELESS
    ),
    "careless forgets": (
        forgetting, swap_trial, forgetting.CARELESS, forgetting.CAREFUL
    ),
    "batch normalization": (
        forgetting, swap_trial, forgetting.NORM_TRAINS, forgetting.HEAD_FIRST
    ),
    "adapters": (forgetting, base_changes),
    "rehearsal": (
        forgetting, swap_trial, forgetting.REHEARSING, forgetting.HEAD_FIRST
    ),
    "three animals": (forgetting, as_slow),
    "borrowed features": (giant, equal_backbone),
    "leak": (giant, own_names_guess),
    "more than a leak": (giant, equal_curves),
    "recipes": (recipes, slow_course),
}  # fmt: skip


@pytest.mark.parametrize("name", claims.CLAIMS)
def test_the_claim_falls_when_its_cause_is_taken_away(name):
    results, change, *more = TAKEN_AWAY[name]
    grid = GRIDS[results]()
    held = claims.CLAIMS[name].verdict(results.effects(grid)[name])
    assert held in (claims.PROVEN, claims.EQUAL)
    change(name, grid, *more)
    fallen = claims.CLAIMS[name].verdict(results.effects(grid)[name])
    assert fallen in (claims.REFUTED, claims.NOT_SETTLED)


@pytest.mark.parametrize("results", GRIDS, ids=lambda r: r.__name__)
def test_all_effects_are_claims(results):
    assert results.effects(GRIDS[results]()).keys() <= claims.CLAIMS.keys()


@pytest.mark.parametrize("claim", claims.CLAIMS.values(), ids=str)
def test_the_bound_is_in_the_sentence(claim):
    numbers = [n for w, n in WORDS.items()
               if re.search(rf"\b{w}\b", claim.statement)]  # fmt: skip
    for bound in claim.bounds:
        value = next(
            v for v in (bound.at_least, bound.at_most, bound.equal_within)
            if v is not None
        )  # fmt: skip
        assert abs(value) in numbers, (claim.statement, value)


@pytest.mark.parametrize("source", data.SOURCES)
@pytest.mark.parametrize("name", ["transfer", "forgetting", "giant"])
def test_bounds_were_written_before(name, source):
    """What was measured under other bounds must be measured again."""
    path = files.path(f"{name}_{source}")
    if not path.exists():
        pytest.skip("not measured yet: make grids")
    grid = json.loads(path.read_text("utf-8"))
    if "pieces" not in grid:
        pytest.skip("measured before there were pieces: make grids")
    digests = {piece["bounds"] for piece in grid["pieces"].values()}
    assert digests == {claims.digest()}
    assert grid["hardware"] and grid["date"]
    size = path.stat().st_size + path.with_suffix(".npz").stat().st_size
    assert size <= 3_000_000


def test_other_words_keep_the_digest_and_other_bounds_do_not(monkeypatch):
    before = claims.digest()
    first = claims.CLAIMS["kinship"]
    for field, same in (("statement", True), ("bounds", False)):
        other = {"statement": "Other words.", "bounds": ()}[field]
        changed = claims.CLAIMS | {
            "kinship": claims.Claim(**vars(first) | {field: other})
        }
        monkeypatch.setattr(claims, "CLAIMS", changed)
        assert (claims.digest() == before) is same


def test_the_ledger_shows_bounds_and_counts_verdicts():
    effects = transfer.effects(transfer_grid())
    text = ledger.markdown({"drawings": effects})
    assert text.count("\n") == 2 + len(effects)
    for name in effects:
        claim = claims.CLAIMS[name]
        assert claim.statement in text and claim.bound() in text
    line = ledger.last_line({"drawings": effects})
    assert re.fullmatch(
        r"11 claims: \d+ proven, 1 equal, \d+ refuted, \d+ not settled", line
    )


def test_changes_name_what_they_were():
    assert len(claims.read()["changed"]) >= 6
    assert ledger.changes().count("It became") >= 6
