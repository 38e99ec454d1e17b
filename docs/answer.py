"""Draw docs/answer.png, the figure that answers the course's title.

    python docs/answer.py          from the stored reference run
    python docs/answer.py --run    run notebooks 5, 6, 7 and 9 again first

The run uses drawings and its own empty home; do not use the machine meanwhile.
What it records is kept in data/reference/answer.json.
"""

import os
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
from nbclient import NotebookClient

from course_utils import plots, scoreboard
from course_utils.machine import paths
from course_utils.results import answer

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = (5, 6, 7, 9)


def measure():
    """Run the notebooks in one home, and return the records that count."""
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {
            "COURSE_HOME": home,
            "COURSE_SOURCE": "drawings",
        }
        for number in NOTEBOOKS:
            (path,) = (ROOT / "notebooks").glob(f"{number:02}_*.ipynb")
            print(path.name, flush=True)
            NotebookClient(
                nbformat.read(path, as_version=4),
                timeout=1200,
                resources={"metadata": {"path": str(path.parent)}},
            ).execute(env=environment)
        records = scoreboard.table(
            scoreboard.load(Path(home) / scoreboard.FILE_NAME)
        )
    return [
        entry
        for entry in records
        if answer.approach(entry) or entry["rung"] == answer.DONOR
    ]


def main():
    """Measure if asked, and draw."""
    if "--run" in sys.argv[1:]:
        target = paths.data_directory() / "reference" / "answer.json"
        paths.write_json(target, measure())
    with plt.style.context(plots.STYLE):
        # The reference is the subject here, so its marks are its own.
        ax = answer.plot(answer.marks(own=answer.reference(), elsewhere=[]))
        if ax is None:
            return 1
        ax.figure.savefig(ROOT / "docs" / "answer.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
