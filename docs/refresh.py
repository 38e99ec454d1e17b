"""Run notebooks in a fresh kernel and store what they show.

    python docs/refresh.py notebooks/01_naive_training_loop.ipynb ...

A student's scoreboard, cache and settings are left alone: the run uses
drawings and an empty home of its own. Each notebook keeps the digest of the
data that it was run with, so a test can tell when its outputs are too old.
"""

import base64
import hashlib
import io
import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image
from publish import Address, notebook_text

ROOT = Path(__file__).resolve().parent.parent
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {
    "name": "python",
    "file_extension": ".py",
    "mimetype": "text/x-python",
}
CELL_METADATA = {"tags", "slideshow", "cellView", "jupyter"}
# Lessons in which a GPU matters: Colab opens them with one.
ACCELERATED = {4, 5, 7, 8, 13}


def data_digest():
    """Return a short name for all that lessons on drawings show of `data/`."""
    digest = hashlib.sha256()
    for folder in ("donors", "reference"):
        for path in sorted((ROOT / "data" / folder).iterdir()):
            other = path.stem.endswith("_photos") and "giant" not in path.stem
            if path.suffix in (".json", ".npz", ".keras") and not other:
                digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def metadata(number):
    """Return the metadata of lesson `number`, as it is stored."""
    kept = {
        "kernelspec": KERNEL,
        "language_info": LANGUAGE,
        "course": {"data": data_digest()},
    }
    if number in ACCELERATED:
        kept |= {"accelerator": "GPU", "colab": {"gpuType": "T4"}}
    return kept


def clean(notebook, number):
    """Keep of the metadata what a reader needs, so that diffs stay small."""
    notebook.metadata = nbformat.from_dict(metadata(number))
    for cell in notebook.cells:
        for key in set(cell.metadata) - CELL_METADATA:
            del cell.metadata[key]
        for output in cell.get("outputs", []):
            keep_alternative_text(output.get("metadata", {}))
            views = "application/vnd.jupyter.widget-view+json"
            shown = output.get("data", {})
            shown.pop(views, None)
            if "image/png" in shown:
                shown["image/png"] = smaller(shown["image/png"])
    return notebook


def smaller(content):
    """Return a PNG, in base64, with at most 128 colors if that is smaller."""
    picture = Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB")
    buffer = io.BytesIO()
    picture.quantize(128, dither=Image.Dither.NONE).save(
        buffer, "PNG", optimize=True
    )
    return min(
        content.replace("\n", ""),
        base64.b64encode(buffer.getvalue()).decode(),
        key=len,
    )


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
    notebook = clean(notebook, int(path.name[:2]))
    text = notebook_text(notebook, path.name, Address.read())
    path.write_text(text, "utf-8")
    print(f"{path.name}: {time.perf_counter() - started:.0f} s", flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        os.environ["COURSE_HOME"] = home
        os.environ["COURSE_SOURCE"] = "drawings"
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
        for name in sys.argv[1:]:
            refresh(name)
