"""Measurements that the course ships, in data/reference/: read and made."""

import json

import numpy as np

from course_utils.machine import paths


def path(name):
    """Return where the measurement `name` is stored."""
    return paths.data_directory() / "reference" / f"{name}.json"


def read(name, command):
    """Return a stored measurement, as JSON gives it.

    Raises FileNotFoundError that names the command which measures it.
    """
    place = path(name)
    if not place.exists():
        raise FileNotFoundError(
            f"No measurement {name} is stored; make it with: python -m "
            f"studies.{command}"
        )
    return json.loads(place.read_text("utf-8"))


def by_count(rows):
    """Return {arm: {"10": list}} with counts as numbers, lists as arrays."""
    return {
        arm: {int(count): np.array(row) for count, row in counts.items()}
        for arm, counts in rows.items()
    }
