"""Keep a model: saved, read again elsewhere, served, and described.

Only Keras's own `.keras` files are read, with safe mode on: a pickle, or a
layer that hides code in its settings, could run anything on your machine.
Introduced in notebook 08.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from datetime import date
from pathlib import Path

import numpy as np

from course_utils.machine import devices, paths


class UnsafeModel(ValueError):
    """Tell in one sentence why a model file is not read."""


def save(model, path):
    """Write a model to a `.keras` file, the whole file or none of it."""
    path = Path(path)
    if path.suffix != ".keras":
        raise UnsafeModel(
            f"Name it {path.stem}.keras: the course reads those."
        )
    return paths.write_atomically(path, model.save)


def load(path):
    """Read a model from a `.keras` file, with safe mode on.

    Raises UnsafeModel for any other kind of file, and for one that is
    damaged or holds code; FileNotFoundError where there is none.
    """
    import keras

    path = Path(path)
    if path.suffix != ".keras":
        raise UnsafeModel(
            f"{path.name} is not read: only .keras files are, since others "
            "(pickles, .h5, .pt) may run code while they are opened."
        )
    if not path.exists():
        raise FileNotFoundError(f"There is no {path.name}: save one first.")
    if not zipfile.is_zipfile(path):
        raise UnsafeModel(
            f"{path.name} is no .keras file, or was cut short on its way: "
            "save it, or copy it, again."
        )
    try:
        return keras.models.load_model(path, safe_mode=True)
    except Exception as error:
        reason = str(error).split("\n")[0][:200]
        raise UnsafeModel(
            f"{path.name} is not read ({reason}); ask its author for a model "
            "of Keras's own layers."
        ) from error


def predict_elsewhere(path, pictures):
    """Return what a model file predicts in a fresh Python process."""
    return _elsewhere("predict", path, pictures)


def serve_once(folder, pictures):
    """Return what an exported model answers, read without Keras.

    folder: what `model.export` wrote, a TensorFlow SavedModel. Raises
    RuntimeError with a sentence where TensorFlow is not installed.
    """
    return _elsewhere("serve", folder, pictures)


def export(model, folder):
    """Write a model for serving; the whole folder appears, or none of it.

    An older export in `folder` is replaced. Returns the folder, or None,
    after a printed sentence, where this machine cannot export.
    """
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        new = Path(temporary) / "new"
        try:
            model.export(str(new), verbose=False)
        except (ImportError, AttributeError) as error:
            print(
                f"This machine cannot export ({str(error).split('.')[0]}): "
                "a SavedModel is written where TensorFlow is installed."
            )
            return None
        if folder.exists():
            folder.rename(Path(temporary) / "old")
        new.rename(folder)
    return folder


def _elsewhere(task, model, pictures):
    folder = Path(tempfile.mkdtemp())
    try:
        np.save(folder / "pictures.npy", np.asarray(pictures))
        command = [
            sys.executable,
            "-m",
            "course_utils.networks.model_files",
            task,
        ]
        run = subprocess.run(
            [*command, str(model), str(folder)],
            capture_output=True,
            text=True,
        )
        if run.returncode:
            last = run.stderr.strip().split("\n")[-1]
            raise RuntimeError(f"The fresh process failed: {last}")
        return np.load(folder / "answers.npy", allow_pickle=False)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main(arguments):
    """Answer in a fresh process: TASK MODEL FOLDER."""
    task, model, folder = arguments
    pictures = np.load(Path(folder) / "pictures.npy", allow_pickle=False)
    if task == "predict":
        answers = load(model).predict(pictures, verbose=0)
    else:
        import tensorflow as tf

        served = tf.saved_model.load(model)  # holds the weights
        answers = served.serve(tf.constant(pictures, tf.float32)).numpy()
    np.save(Path(folder) / "answers.npy", answers)


def card(model, pictures, span, backbone, limits, seconds=None):
    """Return a model card: what a stranger must know before using it.

    model: the classifier; pictures: the `Pictures` it learned from
    span: an `evaluation.Interval` of its balanced test accuracy
    backbone: one sentence on where its eyes come from
    limits: sentences that say what it was not tested on
    seconds: what training took on this machine

    Sections follow Mitchell et al. (2019), "Model cards for model
    reporting".
    """
    machine = devices.hardware()
    counts = np.bincount(pictures.y_train)
    learned = ", ".join(
        f"{count} {name}"
        for name, count in zip(pictures.class_names, counts, strict=True)
    )
    cost = "not measured" if seconds is None else f"{seconds:.2g} s"
    lines = [
        f"# Model card: {' or '.join(pictures.class_names)}",
        "",
        f"**Answers** the probability that a picture shows "
        f"{', '.join(pictures.class_names)}; it must answer one of them.",
        f"**Eyes**: {backbone}",
        f"**Weights**: {model.count_params():,}.",
        f"**Data**: {pictures.source}; training pictures: {learned}.",
        f"**Accuracy**: {span.mean:.3f} balanced, 95 % interval "
        f"{span.low:.3f} to {span.high:.3f}, on {len(pictures.y_test)} "
        "pictures that no choice was made on.",
        f"**Cost**: training took {cost} on {machine.processor}, "
        f"{machine.threads} threads.",
        "**Limits**:",
        *(f"- {sentence}" for sentence in limits),
        f"**Date**: {date.today().isoformat()}",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])


# What Keras writes since 3.15 for initializers and batch normalization.
NEWER = (
    "input_axes",
    "output_axes",
    "renorm",
    "renorm_clipping",
    "renorm_momentum",
)


def make_portable(path):
    """Let older versions of Keras read a `.keras` file, too.

    Keras 3.15 writes settings that 3.13, which Colab and Kaggle have, refuses;
    the course's networks leave them all at their defaults.
    """
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    _drop_newer(config)
    members["config.json"] = json.dumps(config)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def _drop_newer(part):
    if isinstance(part, dict):
        for key in NEWER:
            part.pop(key, None)
    if isinstance(part, dict | list):
        for inner in part.values() if isinstance(part, dict) else part:
            _drop_newer(inner)
