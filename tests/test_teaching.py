"""The guide for instructors says what the notebooks say."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "docs"))
import minutes  # noqa: E402


def test_the_guide_has_the_minutes_of_the_notebooks():
    guide = minutes.GUIDE.read_text("utf-8")
    assert minutes.filled(guide, minutes.lessons()) == guide, (
        "Run: python docs/minutes.py"
    )


def test_another_minute_would_be_noticed():
    found = minutes.lessons()
    link, shown, exercises = found[6]
    found[6] = link, shown + 1, exercises
    guide = minutes.GUIDE.read_text("utf-8")
    assert minutes.filled(guide, found) != guide


@pytest.mark.parametrize(
    ("name", "limit"), [("two hours", 120), ("half a day", 240)]
)
def test_a_plan_fits_its_time(name, limit):
    _, together = minutes.plan(minutes.lessons(), minutes.PLANS[name])
    assert 0.85 * limit <= together <= limit
