"""A grid that is measured piece by piece, and resumes after a stop."""

import json
from datetime import date

import numpy as np

from course_utils.machine import devices, paths
from course_utils.results import claims, files


class Grid:
    """Keep the pieces of one grid in a JSON file and an array file.

    name: of both files in data/reference/; facts: what holds for all pieces

    A piece that rests on the same facts as when it was stored is skipped. The
    digest of the bounds is the one of the day when a piece was measured;
    nothing is measured again when a bound changes, or the change could not be
    seen.
    """

    def __init__(self, name, **facts):
        self.path = files.path(name)
        self.arrays = {}
        old = {}
        if self.path.exists():
            old = json.loads(self.path.read_text("utf-8"))
        if self.path.with_suffix(".npz").exists():
            with np.load(self.path.with_suffix(".npz")) as stored:
                self.arrays = dict(stored)
        self.content = {
            **facts,
            "pieces": old.get("pieces", {}),
        }
        self.planned = set()

    def missing(self, key, **facts):
        """Say whether a piece must be measured: absent, or of other facts."""
        self.planned.add(key)
        known = self.content["pieces"].get(key, {})
        facts = json.loads(json.dumps(facts))
        return known.get("facts") != facts or any(
            name not in self.arrays for name in known.get("arrays", ())
        )

    def keep(self, key, facts, arrays=None, **values):
        """Store a piece: its facts, its arrays and whatever JSON can hold."""
        arrays = {f"{key}|{name}": a for name, a in (arrays or {}).items()}
        self.arrays |= arrays
        machine = devices.hardware().summary()
        self.content |= {"date": date.today().isoformat(), "hardware": machine}
        self.content["pieces"][key] = {
            "facts": facts,
            "bounds": claims.digest(),
            "date": self.content["date"],
            **values,
            "arrays": list(arrays),
        }
        self.write()
        shown = (f"{k} {v}" for k, v in values.items() if k != "curve")
        print(key, *shown, flush=True)

    def write(self):
        """Write both files, each whole or not at all: arrays first."""
        paths.write_atomically(
            self.path.with_suffix(".npz"),
            lambda name: np.savez_compressed(name, **self.arrays),
        )
        paths.write_json(self.path, self.content)

    def finish(self):
        """Drop what is no longer planned, and write the rest."""
        pieces = self.content["pieces"]
        self.content["pieces"] = {
            key: pieces[key] for key in pieces if key in self.planned
        }
        kept = {n for piece in self.content["pieces"].values()
                for n in piece["arrays"]}  # fmt: skip
        self.arrays = {n: a for n, a in self.arrays.items()
                       if n in kept or "|" not in n}  # fmt: skip
        self.write()
