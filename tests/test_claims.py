"""Every claim, and that it falls when its cause is taken away."""

import ledger
import numpy as np
import pytest
from conftest import ROOT

from course_utils import data
from course_utils.machine import paths
from course_utils.networks import donors, heads
from course_utils.results import claims, evaluation, files, transfer
from studies import transfer as transfer_study

SOURCES = ["drawings", "photos"]


class Arms:
    """Measure arms of notebook 06 on one source, each only once."""

    def __init__(self, source):
        self.source = source
        self.pictures = data.load_pair("dog", "fox", source, validation=0)
        self.known = {}

    def base(self, arm):
        if arm == "random":
            return donors.random_base()
        pair = {
            "frozen": ("cat", "dog"),
            "unrelated": ("airplane", "automobile"),
        }[arm]
        return donors.load_base(*pair, self.source)

    def ten(self, arm):
        if arm not in self.known:
            rows = heads.head_accuracies(
                self.base(arm), self.pictures, counts=[10]
            )
            self.known[arm] = rows[10]
        return self.known[arm]


@pytest.fixture(scope="module", params=SOURCES)
def arms(request):
    if request.param == "photos":
        request.getfixturevalue("photos_cache")
    return Arms(request.param)


def lead(arms, first, second):
    return evaluation.advantage(arms.ten(first), arms.ten(second))


@pytest.mark.parametrize(
    ("name", "control"), [("kinship", "unrelated"), ("learning", "random")]
)
def test_the_donor_leads_its_control(arms, name, control):
    effect = lead(arms, "frozen", control)
    assert claims.CLAIMS[name].holds(effect), effect


def test_without_training_there_is_no_lead(arms):
    """The donor's weights replaced by random ones: both claims must fall."""
    for name, control in (("kinship", "unrelated"), ("learning", "random")):
        effect = lead(arms, "random", control)
        assert not claims.CLAIMS[name].holds(effect), effect


def test_with_shuffled_labels_there_is_no_lead(arms):
    """Dogs and foxes mixed: features cannot tell what labels do not say."""
    shuffled = np.random.default_rng(0).permutation(arms.pictures.y_train)
    known = vars(arms.pictures) | {"y_train": shuffled}
    rows = heads.head_accuracies(
        arms.base("frozen"), data.Pictures(**known), counts=[10]
    )
    effect = evaluation.advantage(rows[10], arms.ten("unrelated"))
    assert not claims.CLAIMS["kinship"].holds(effect), effect


def test_the_stored_heads_are_what_the_donor_gives(arms):
    """A donor trained anew, and a grid that was not, would differ."""
    stored = transfer.stored(arms.source)["accuracy"]
    for arm in ("frozen", "unrelated", "random"):
        assert arms.ten(arm) == pytest.approx(stored[arm][10], abs=0.02)


def test_stored_scratch_is_what_a_run_gives(arms):
    """One seed anew, inside the spread of the stored seeds."""
    stored = transfer.stored(arms.source)["accuracy"]["scratch"][10]
    measured, _ = heads.scratch_accuracies(arms.pictures, 10, seeds=[0])
    margin = 2 * stored.std(ddof=1)
    assert stored.min() - margin < measured[0] < stored.max() + margin


def test_heads_of_a_new_donor_leave_scratch_as_it_was(monkeypatch, tmp_path):
    before = files.read("transfer_drawings", "transfer")
    monkeypatch.setattr(files, "path", lambda name: tmp_path / f"{name}.json")
    with pytest.raises(FileNotFoundError, match="make it with"):
        transfer_study.main(["--source", "drawings", "--heads"])
    paths.write_json(files.path("transfer_drawings"), before)
    monkeypatch.setattr(
        heads, "head_accuracies", lambda *_: {10: np.array([0.25])}
    )
    transfer_study.main(["--source", "drawings", "--heads"])
    after = files.read("transfer_drawings", "transfer")
    assert after["accuracy"]["frozen"] == {"10": [0.25]}
    assert after["accuracy"]["scratch"] == before["accuracy"]["scratch"]
    for key in ("scratch_measured", "scratch_seconds", "scratch_recipe"):
        assert after[key] == before[key]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", ["equal data", "catching up"])
def test_the_stored_grid_carries_the_claim(source, name):
    effects = transfer.effects(transfer.stored(source)["accuracy"])
    assert claims.CLAIMS[name].holds(effects[name]), effects[name]


def test_on_photographs_ten_are_worth_what_the_course_promises():
    grid = transfer.stored("photos")["accuracy"]
    assert all(len(grid[arm][10]) >= 10 for arm in grid)
    assert grid["frozen"][10].mean() >= 0.75
    for control in ("scratch", "unrelated"):
        effect = evaluation.advantage(grid["frozen"][10], grid[control][10])
        assert effect.mean >= 12, (control, effect)
    assert grid["scratch"][500].mean() >= grid["frozen"][500].mean() - 0.03


def test_swapped_arms_fail_every_claim():
    grid = transfer.stored("drawings")["accuracy"]
    swapped = grid | {"frozen": grid["random"], "random": grid["frozen"]}
    effects = transfer.effects(swapped)
    for name in ("kinship", "learning", "equal data"):
        assert not claims.CLAIMS[name].holds(effects[name]), name


def test_the_ledger_has_a_row_for_each_claim_and_source():
    text = ledger.markdown({"drawings": ledger.ledger("drawings")})
    for name in transfer.effects(transfer.stored("drawings")["accuracy"]):
        assert claims.CLAIMS[name].statement in text


def test_the_readme_shows_the_ledger_of_the_stored_measurements(tmp_path):
    page = tmp_path / "README.md"
    page.write_text((ROOT / "README.md").read_text("utf-8"), "utf-8")
    ledger.main(["--write", str(page)])
    assert page.read_text("utf-8") == (ROOT / "README.md").read_text(
        "utf-8"
    ), "the README's ledger is not that of data/reference: make claims"


def test_a_claim_that_fails_is_shown_as_such():
    effects = {"kinship": evaluation.interval([0.0, 1.0])}
    assert "**no**" in ledger.markdown({"drawings": effects})


def test_donors_are_chosen_on_pictures_of_no_test_and_no_training():
    def known(pictures):
        return {picture.tobytes() for picture in pictures}

    chosen = transfer_study.validation_pictures("drawings")
    foxes = data.load_pair("dog", "fox", source="drawings")
    cats = data.load_pair("cat", "dog", source="drawings")
    asked = known(chosen.x_test)
    assert len(asked) == len(chosen.y_test) and set(chosen.y_test) == {0, 1}
    for others in (chosen.x_train, foxes.x_test, cats.x_train, cats.x_test):
        assert not asked & known(others)
