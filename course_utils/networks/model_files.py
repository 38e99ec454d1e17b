"""Model files that travel: to other versions of Keras, to other people.

`model.save(path)` writes a `.keras` file and `keras.models.load_model(path)`
reads it. This module lets an older Keras read it, keeps the names of the
classes inside, reads files from others, and writes a model card. Introduced in
notebook 10.
"""

import contextlib
import json
import re
import zipfile
import zlib
from datetime import date
from pathlib import Path

import numpy as np
from packaging.version import InvalidVersion, Version

from course_utils.language import say
from course_utils.machine import devices, paths

FACTS = "course.json"
MOST_BYTES, MOST_TEXT = 2**30, 2**24  # of all weights, of each description

# What Keras 3.15 writes and 3.13 refuses, with the values that change nothing.
NEWER = {
    "input_axes": None, "output_axes": None, "renorm": False,
    "renorm_clipping": None, "renorm_momentum": 0.99, "salt": None,
    "sliding_window": None, "use_gate": False, "oov_method": "floormod",
    "ignore_class": None,
}  # fmt: skip


class UnreadableModel(ValueError):
    """Raised when a model file cannot be read; one sentence says why."""


class UnsafeModel(UnreadableModel):
    """Raised when a model file holds code, or reaches for other files."""


def make_portable(path, class_names=(), image_size=None):
    """Let older versions of Keras read a `.keras` file, too; return its path.

    class_names, image_size: kept inside the file, where `facts` finds them

    The whole file is replaced, or none of it. Raises UnreadableModel if it is
    not a model file.

    Taught in notebook 10.
    """
    facts = {"class_names": list(map(str, class_names))}
    if image_size is not None:
        facts["image_size"] = int(image_size)
    with _opened(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
        config = _older(_described(archive, "config.json"))
    members["config.json"] = json.dumps(config)
    members[FACTS] = json.dumps(facts)

    def write(name):
        with zipfile.ZipFile(name, "w") as archive:
            for member, content in members.items():
                archive.writestr(member, content)

    return paths.write_atomically(path, write)


def facts(path):
    """Return what `make_portable` kept in a model file, as a dictionary.

    Taught in notebook 10.
    """
    with _opened(path) as archive:
        kept = FACTS in archive.namelist()
        return _described(archive, FACTS) if kept else {}


def load(path):
    """Read a model from a `.keras` file, your own or a stranger's.

    Sizes and links are looked at before Keras reads the file, whose safe mode
    refuses code. Raises UnsafeModel if the file holds anything harmful,
    UnreadableModel with the cause if it cannot be read, FileNotFoundError if
    it is not there.
    """
    import keras

    with _opened(path) as archive:
        version = _described(archive, "metadata.json").get("keras_version")
        _described(archive, "config.json")
        for name in archive.namelist():
            if name.endswith(".h5"):
                _look_into(archive, name)
    try:
        return keras.models.load_model(path, safe_mode=True)
    except Exception as error:
        raise _cause(error, Path(path).name, version) from error


def _opened(path):
    """Open a `.keras` file whose declared sizes are within bounds."""
    path = Path(path)
    if path.suffix != ".keras":
        raise UnsafeModel(
            f"{path.name} is not read: only .keras files are, because others "
            "(pickles, .h5, .pt) can run code while they are opened."
        )
    if not path.exists():
        raise FileNotFoundError(f"There is no {path.name}: save one first.")
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or "perhaps it was cut short"
        raise UnreadableModel(
            f"{path.name} is not a complete .keras file ({reason}): save it, "
            "or copy it, again."
        ) from error
    members = archive.infolist()
    texts = [m.file_size for m in members if m.filename.endswith(".json")]
    _bound(path.name, sum(member.file_size for member in members), MOST_BYTES)
    _bound(path.name, max(texts, default=0), MOST_TEXT)
    return archive


def _bound(name, size, most):
    if size > most:
        raise UnreadableModel(
            f"{name} is not read: it would unpack to {size / 2**20:,.0f} MiB, "
            f"and the limit is {most / 2**20:,.0f} MiB."
        )


def _described(archive, member):
    try:
        return dict(json.loads(archive.read(member)))
    except (
        KeyError, TypeError, ValueError, RecursionError, zipfile.BadZipFile,
        zlib.error,
    ) as error:  # fmt: skip
        raise UnreadableModel(
            f"{Path(archive.filename).name} is damaged or not a Keras model "
            f"(its {member}): save it, or copy it, again."
        ) from error


def _look_into(archive, member):
    """Refuse weights that point elsewhere or unpack to too many bytes."""
    import h5py

    name, links, items = Path(archive.filename).name, [], []
    try:
        with archive.open(member) as opened, h5py.File(opened) as file:
            file.visititems_links(lambda _, link: links.append(link))
            file.visititems(lambda _, item: items.append(item))
            data = [item for item in items if hasattr(item, "shape")]
            elsewhere = any(d.external or d.is_virtual for d in data)
            size = sum((d.size or 0) * d.dtype.itemsize for d in data)
    except (
        OSError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error
    ) as error:  # fmt: skip
        raise UnreadableModel(
            f"The weights in {name} are damaged: save it, or copy it, again."
        ) from error
    if elsewhere or not all(isinstance(each, h5py.HardLink) for each in links):
        raise UnsafeModel(
            f"{name} is not read: its weights point to other files or places."
        )
    _bound(name, size, MOST_BYTES)


def _cause(error, name, version):
    """Return the exception that says why Keras did not read a file."""
    import keras

    text, here, newer = str(error), keras.__version__, False
    if "arbitrary code" in text or "unsafe" in text:
        return UnsafeModel(
            f"{name} is not read: it holds code, such as a Lambda layer, that "
            "could do anything. Ask its author for a model without it."
        )
    with contextlib.suppress(InvalidVersion):
        newer = Version(str(version)) > Version(here)
    if newer:
        return UnreadableModel(
            f"{name} was written by Keras {version}, and you have {here}: "
            "update Keras, or run model_files.make_portable on the file."
        )
    if strange := re.search(r"Could not locate \w+ '(.+?)'", text):
        return UnreadableModel(
            f"{name} asks for {strange[1]}, which is not a part of Keras "
            f"{here}. If it is yours, import the module that registers it."
        )
    reason = re.findall(r"Exception encountered: (.+)", text) or [text]
    return UnreadableModel(
        f"Keras {here} cannot read {name}, which Keras {version} wrote: "
        f"{reason[-1].splitlines()[0][:200]}"
    )


def _older(part):
    """Return a configuration without settings that are new and unused."""
    if isinstance(part, list):
        return [_older(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    return {
        key: _older(value)
        for key, value in part.items()
        if key not in NEWER or value != NEWER[key]
    }


def card(model, pictures, span, backbone, limits, seconds=None):
    """Return a model card: what a stranger must know before using it.

    model: the classifier; pictures: the `Pictures` it learned from
    span: an `evaluation.Interval` of its balanced test accuracy
    backbone: one sentence on where its features come from
    limits: sentences that say what it was not tested on
    seconds: what training took on this machine

    Sections follow Mitchell et al. (2019), "Model cards for model
    reporting". Taught in notebook 10.
    """
    machine, names = devices.hardware(), pictures.class_names
    counts = np.bincount(pictures.y_train, minlength=len(names))
    learned = [f"{n} {name}" for n, name in zip(counts, names, strict=True)]
    cost = say("not measured") if seconds is None else f"{seconds:.2g} s"
    lines = [
        say(f"# Model card: {_listed(names, ' or ')}"),
        "",
        say(
            "**Answers** the probability that a picture shows "
            f"{_listed(names)}; its answer is always one of these."
        ),
        say(f"**Features**: {backbone}"),
        say(f"**Weights**: {model.count_params():,}."),
        say(
            f"**Data**: {pictures.source}; training pictures: "
            f"{_listed(learned)}."
        ),
        say(
            f"**Accuracy**: {span.mean:.3f} balanced, 95% interval "
            f"{span.low:.3f} to {span.high:.3f}, on "
            f"{len(pictures.y_test)} pictures that no choice was based on."
        ),
        say(
            f"**Cost**: training took {cost} on {machine.processor}, "
            f"{machine.threads} threads."
        ),
        say("**Limits**:"),
        *(f"- {sentence}" for sentence in limits),
        say(f"**Date**: {date.today().isoformat()}"),
    ]
    return "\n".join(lines) + "\n"


def _listed(names, joint=", ", most=10):
    """Join names; of very many, the first ones and how many follow."""
    rest = len(names) - most
    shown = joint.join(names[:most])
    return say(f"{shown} and {rest} more") if rest > 0 else shown
