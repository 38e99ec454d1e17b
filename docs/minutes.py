"""Write the minutes of the lessons' first cells into the teaching guide.

    python docs/minutes.py

The plans say what is shown of which lesson. What that takes is added up here,
so no number has to be kept in two places.
"""

import json
import math
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GUIDE = ROOT / "docs" / "teaching.md"
BREAK = 15
# (lesson, share of it that is shown, whether its exercises are done there)
PLANS = {
    "fifty minutes": [
        (0, 0.5, False),
        (5, 0.25, False),
        (6, 0.25, False),
    ],
    "two hours": [
        (0, 0.5, False),
        (5, 0.5, False),
        (6, 0.5, True),
        (7, 0.25, False),
    ],
    "half a day": [
        (0, 1, False),
        (1, 0.25, False),
        (5, 0.5, True),
        None,
        (6, 0.75, True),
        (7, 0.5, False),
        (11, 0.25, False),
    ],
    "a day": [
        (0, 1, False),
        (1, 0.5, True),
        (5, 0.75, True),
        None,
        (6, 0.75, True),
        (7, 0.5, True),
        None,
        (9, 0.5, False),
        (11, 0.5, True),
    ],
}
# The most that a plan can take, in minutes.
LIMITS = {
    "fifty minutes": 50,
    "two hours": 120,
    "half a day": 240,
    "a day": 390,
}
SHARES = {
    1: "all of it",
    0.75: "three quarters of it",
    0.5: "half of it",
    0.25: "a quarter of it",
}
HOUR = 50  # minutes of a weekly hour


def lessons(root=ROOT):
    """Return {number: (title, minutes shown, minutes of exercises)}."""
    found = {}
    for path in sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        head = "".join(cells[0]["source"])
        title = re.search(r"^# \d+\. (.+)$", head, re.MULTILINE)[1]
        minutes = re.search(r"(\d+) min[^+\n]*\+ (\d+) min", head)
        if minutes is None:
            raise ValueError(f"{path.name}: write “N min + N min” at its top.")
        link = f"[{title}](../notebooks/{path.name})"
        found[int(path.name[:2])] = link, *map(int, minutes.groups())
    return found


def overview(found):
    """Return the table of all lessons."""
    rows = ["| lesson | shown | exercises |", "|---|--:|--:|"]
    rows += [
        f"| {number}. {link} | {shown} | {exercises} |"
        for number, (link, shown, exercises) in found.items()
    ]
    shown, exercises = (sum(row[k] for row in found.values()) for k in (1, 2))
    return [*rows, f"| together | {shown} | {exercises} |"]


def plan(found, steps):
    """Return a plan's table, and the minutes that it takes."""
    rows, together = ["| what | minutes |", "|---|--:|"], 0
    for step in steps:
        if step is None:
            what, minutes = "a break", BREAK
        else:
            number, share, with_exercises = step
            link, shown, exercises = found[number]
            minutes = round(share * shown) + with_exercises * exercises
            what = f"{number}. {link}, {SHARES[share]}"
            what += " with its exercises" if with_exercises else ""
        rows.append(f"| {what} | {minutes} |")
        together += minutes
    return [*rows, f"| together | {together} |"], together


def term(found):
    """Return a table of weekly hours: what each lesson takes of them.

    A lesson with its exercises gets as many whole hours as it needs.
    """
    rows, week = ["| hours | lesson |", "|---|---|"], 1
    for number, (link, shown, exercises) in found.items():
        hours = max(1, math.ceil((shown + exercises) / HOUR - 0.2))
        last = week + hours - 1
        span = f"{week}" if last == week else f"{week}–{last}"
        rows.append(f"| {span} | {number}. {link} |")
        week = last + 1
    return [*rows, f"| together | {week - 1} |"]


def filled(guide, found):
    """Return the guide's text with every table as it should be."""
    tables = {"minutes": overview(found)}
    tables["a term"] = term(found)
    tables |= {name: plan(found, steps)[0] for name, steps in PLANS.items()}
    for name, rows in tables.items():
        guide, count = re.subn(
            rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)",
            lambda match, rows=rows: (
                match[1] + "\n".join(rows) + "\n" + match[2]
            ),
            guide,
            flags=re.DOTALL,
        )
        if count != 1:
            raise ValueError(f"The guide needs one place for “{name}”.")
    return guide


if __name__ == "__main__":
    GUIDE.write_text(filled(GUIDE.read_text("utf-8"), lessons()), "utf-8")
