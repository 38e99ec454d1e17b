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


@pytest.mark.parametrize("name", minutes.PLANS)
def test_a_plan_fits_its_time(name):
    _, together = minutes.plan(minutes.lessons(), minutes.PLANS[name])
    limit = minutes.LIMITS[name]
    assert 0.75 * limit <= together <= limit


def test_a_longer_lesson_would_break_a_plan():
    found = minutes.lessons()
    link, shown, exercises = found[6]
    found[6] = link, 3 * shown, exercises
    _, together = minutes.plan(found, minutes.PLANS["two hours"])
    assert together > minutes.LIMITS["two hours"]


def test_a_term_holds_every_lesson_in_its_order():
    rows = minutes.term({1: ("one", 30, 10), 2: ("two", 60, 30)})
    assert rows[2:] == [
        "| 1 | 1. one |",
        "| 2–3 | 2. two |",
        "| together | 3 |",
    ]
