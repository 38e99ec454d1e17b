"""Read the stored lessons for pages and slides, in both languages."""

from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"en": ROOT / "notebooks", "it": ROOT / "notebooks" / "it"}


def lessons(language="en"):
    """Return the paths of a language's notebooks in order."""
    return sorted(FOLDERS[language].glob("[0-9][0-9]_*.ipynb"))


def read(path):
    """Return a notebook; one without outputs shows those of the English one.

    The code is the same, so a cell's output is that of the cell with its id.
    """
    notebook = nbformat.read(path, as_version=4)
    if path.parent == FOLDERS["it"]:
        english = nbformat.read(FOLDERS["en"] / path.name, as_version=4)
        shown = {cell.id: cell.get("outputs", []) for cell in english.cells}
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs = shown.get(cell.id, [])
    return notebook
