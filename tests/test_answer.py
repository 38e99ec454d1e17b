"""The last figure takes one mark per approach, and mixes no sources."""

from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from course_utils.results import answer

HARDWARE = {"processor": "AMD EPYC", "threads": 2}


def entry(how, seconds=1.0, accuracy=0.7, source="drawings", **more):
    rung = f"dogs and foxes, ten of each, {how}"
    return {
        "rung": rung,
        "seconds": seconds,
        "accuracy": accuracy,
        "source": source,
        "time": "2026-11-25T12:00:00",
        "hardware": HARDWARE,
    } | more


REFERENCE = [
    entry("scratch", 5.0, 0.56),
    entry("donor", 0.1, 0.77),
    entry("fine-tuned", 9.0, 0.78),
    entry("EfficientNet-Lite0", 3.0, 0.74),
    entry("x", 140.0, 0.87, rung=answer.DONOR),
]


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ("scratch", "scratch"),
        ("from scratch", "scratch"),
        ("donor", "frozen"),
        ("fine-tuned", "finetuned"),
        ("donor, finetuned", "finetuned"),
        ("MobileNet", "giant"),
    ],
)
def test_a_record_names_its_approach(how, kind):
    assert answer.approach(entry(how)) == kind


@pytest.mark.parametrize(
    "odd",
    [
        entry("donor", seconds=None),
        entry("donor", accuracy=None),
        entry("donor", rung="dogs and foxes, 100 of each, fine-tuned"),
        entry("donor", rung="Python lists"),
    ],
)
def test_what_is_another_task_or_half_measured_does_not_count(odd):
    assert answer.approach(odd) is None
    assert answer.collect([odd]) == ({}, [])


def test_your_own_marks_come_first_and_the_rest_is_named(capsys):
    own = [entry("donor", 0.2, 0.75), entry("donor", 0.3, 0.76)]
    drawn = answer.marks(own, REFERENCE)
    assert drawn["frozen donor"][:2] == (0.3, 0.76)
    assert drawn["from scratch (elsewhere)"] == (5.0, 0.56, None)
    assert drawn["fine-tuned donor (elsewhere)"] == (9.0, 0.78, 140.0)
    said = capsys.readouterr().out
    assert "from scratch: measured elsewhere, on AMD EPYC, 2 threads" in said
    assert "see notebook 7" in said
    assert "frozen donor" not in said


def test_sources_are_not_mixed(capsys):
    own = [entry("donor", 0.2, 0.75, "photos")]
    assert [*answer.marks(own, REFERENCE)] == ["frozen donor"]
    said = capsys.readouterr().out
    assert "from scratch: no time and accuracy yet; see notebook 6." in said


def test_the_tail_is_your_own_donor_else_the_shipped():
    own = [entry("donor"), entry("x", 77.0, rung=answer.DONOR)]
    assert answer.marks(own, [])["frozen donor"][2] == 77.0
    shipped = answer.marks(own[:1], [])["frozen donor"][2]
    assert shipped == answer.donor_seconds("drawings", []) > 0
    assert answer.donor_seconds("folder", []) is None


def test_the_figure_names_every_mark(capsys):
    ax = answer.plot(answer.marks([], REFERENCE))
    words = " ".join(text.get_text() for text in ax.texts)
    assert "from scratch (elsewhere)" in words
    assert "0.77" in ax.get_title() and "0.56" in ax.get_title()
    plt.close(ax.figure)


def test_without_a_mark_one_sentence_says_what_to_do(capsys):
    assert answer.plot({}) is None
    assert capsys.readouterr().out.startswith("Nothing to draw yet: run")


def test_the_grid_fills_in_what_it_trained(monkeypatch):
    grid = {
        "accuracy": {"scratch": {10: [[0.5, 0.6]]}, "frozen": {10: [[0.8]]}},
        "seconds": {"scratch": {10: [[4.0, 6.0]]}},
        "date": "2026-11-25",
        "hardware": HARDWARE,
    }
    monkeypatch.setattr(answer.transfer, "stored", lambda source: grid)
    monkeypatch.setattr(answer.files, "path", lambda name: Path("nowhere"))
    (found,) = answer.reference()
    assert answer.approach(found) == "scratch"
    assert (found["seconds"], found["accuracy"]) == (5.0, 0.55)
    drawn = answer.marks([], [found])
    assert drawn == {"from scratch (elsewhere)": (5.0, 0.55, None)}
