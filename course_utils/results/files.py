"""Measurements that the course ships, in data/reference/: read and made."""

import json

import numpy as np

from course_utils.language import tell
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


def read_grid(name, command):
    """Return a grid that was measured piece by piece, and its arrays.

    Raises FileNotFoundError that names the command which measures it.
    """
    grid = read(name, command)
    with np.load(path(name).with_suffix(".npz")) as arrays:
        return grid, dict(arrays)


def runs(grid, arrays):
    """Return {name: (answers, pieces)} of what was trained run by run.

    A piece NAME/MEMBER/DRAW holds one run; answers are bits, (members,
    draws, ..., pictures), and pieces have one list for each member. A name
    that is not whole yet is left out.
    """
    pictures = len(arrays["labels"])
    found = {}
    for key, piece in grid["pieces"].items():
        if f"{key}|answers" in arrays:
            name, member, draw = key.rsplit("/", 2)
            bits = np.unpackbits(
                arrays[f"{key}|answers"], axis=-1, count=pictures
            )
            found.setdefault(name, {})[int(member), int(draw)] = bits, piece
    whole = {}
    for name, cells in found.items():
        members, draws = (max(place) + 1 for place in zip(*cells, strict=True))
        if len(cells) == members * draws:
            rows = [
                [cells[member, draw] for draw in range(draws)]
                for member in range(members)
            ]
            whole[name] = (
                np.array([[bits for bits, _ in row] for row in rows]),
                [[piece for _, piece in row] for row in rows],
            )
    return whole


def measured_on(source, is_whole):
    """Return the source whose grid a lesson can show.

    is_whole: function of a source that returns whether its grid holds all
        that the lesson shows. If that of the reader's own pictures is not
        whole, a printed sentence says so, and the drawings' is shown.
    """
    if is_whole(source):
        return source
    tell(
        f"Not all of this has been measured on {source} yet (run make "
        "grids to do it): the stored numbers below are those of the "
        "drawings."
    )
    return "drawings"
