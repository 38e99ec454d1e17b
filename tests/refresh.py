"""Run notebooks in a fresh kernel and store what they show.

    python tests/refresh.py notebooks/01_naive_training_loop.ipynb ...

A student's scoreboard, cache and settings are left alone: the run uses
drawings and an empty home of its own.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from publish import Address, publish_notebook

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
CELL_METADATA = {"tags", "slideshow", "cellView", "jupyter"}


def clean(notebook):
    """Keep of the metadata what a reader needs, so that diffs stay small."""
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    )
    for cell in notebook.cells:
        for key in set(cell.metadata) - CELL_METADATA:
            del cell.metadata[key]
        for output in cell.get("outputs", []):
            keep_alternative_text(output.get("metadata", {}))
            views = "application/vnd.jupyter.widget-view+json"
            output.get("data", {}).pop(views, None)
    return notebook


def keep_alternative_text(metadata):
    """Keep what a picture says to those who cannot see it, nothing else."""
    text = metadata.get("image/png", {}).get("alt")
    metadata.clear()
    if text:
        metadata["image/png"] = {"alt": text}


def refresh(path):
    """Execute one notebook from its own folder and write it back."""
    path = Path(path)
    notebook = nbformat.read(path, as_version=4)
    started = time.perf_counter()
    NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        store_widget_state=False,
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    nbformat.write(clean(notebook), path)
    publish_notebook(path, Address.read())
    print(f"{path.name}: {time.perf_counter() - started:.0f} s", flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        os.environ["COURSE_HOME"] = home
        os.environ["COURSE_SOURCE"] = "drawings"
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        for name in sys.argv[1:]:
            refresh(name)
