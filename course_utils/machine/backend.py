"""Choose what Keras computes with, before Keras is imported."""

import codecs
import importlib.metadata
import importlib.util
import os
import sys

from packaging.requirements import Requirement

COURSE = "training-vs-transfer"
KERAS = "keras>=3.13.2,<4"  # older ones read files that a model file names
BACKENDS = ("tensorflow", "jax", "torch", "openvino", "numpy")
# What the course prints that an encoding such as cp1252 or ASCII may lack.
_PLAIN = {"→": "->", "✓": "[right]", "✗": "[wrong]", "×": "x", "…": "...",
          "–": "-", "−": "-", "·": "*", "≥": ">=", "≤": "<=", "µ": "u",
          "’": "'", "“": '"', "”": '"'}  # fmt: skip


def choose():
    """Let Keras use JAX where TensorFlow is absent or blind to the TPU.

    TensorFlow, Keras's own choice, stays wherever it serves. `KERAS_BACKEND`
    set by you stays in any case, in lower case if that is what it lacks. Too
    late once Keras is imported.
    """
    if "keras" in sys.modules:
        return
    named = os.environ.get("KERAS_BACKEND")
    if named is not None:
        if named.strip().lower() in BACKENDS:
            os.environ["KERAS_BACKEND"] = named.strip().lower()
        return
    if _is_there("jax") and (on_tpu() or not _is_there("tensorflow")):
        os.environ["KERAS_BACKEND"] = "jax"


def on_tpu():
    """Return whether the platform's own marks say that there is a TPU."""
    return bool({"TPU_ACCELERATOR_TYPE", "ISTPUVM"} & os.environ.keys())


def problems():
    """Return sentences that fix this environment; none if all is well."""
    found = [*_packages(), _legacy_keras(), _unknown_backend()]
    return [sentence for sentence in found if sentence]


def print_anywhere():
    """Let `print` replace what the output's encoding lacks, such as →.

    Otherwise an output in cp1252 (Windows) or ASCII ends in a traceback.
    """
    codecs.register_error("course", _replace)
    for stream in (sys.stdout, sys.stderr):
        encoding = str(getattr(stream, "encoding", "utf-8")).lower()
        if "utf" not in encoding and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="course")


def _replace(error):
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_PLAIN.get(one, "?") for one in lacking), error.end


def no_tensorflow():
    """Return the exception for a notebook that needs TensorFlow itself."""
    return ModuleNotFoundError(
        "This notebook needs TensorFlow, which is not installed here. On "
        "Colab choose Runtime → Change runtime type → CPU or T4 GPU; else,"
        " pip install -r requirements.txt. Notebooks 05 to 09 run without it.",
        name="tensorflow",
    )


def _packages():
    """Name packages that a platform has dropped or has in another version."""
    try:
        asked = importlib.metadata.requires(COURSE) or []
    except importlib.metadata.PackageNotFoundError:
        asked = []  # a checkout that is not installed
    asked = [Requirement(text) for text in asked]
    asked = [one for one in asked if one.name != "keras"]
    lacking, wrong = [], []
    for requirement in [*asked, Requirement(KERAS)]:
        marker, version = requirement.marker, _version(requirement.name)
        if marker and not marker.evaluate({"extra": ""}):
            continue
        if version is None:
            # Without Keras the first notebooks run; the card says so.
            if requirement.name != "keras":
                lacking.append(requirement.name)
        elif not requirement.specifier.contains(version, prereleases=True):
            wrong.append((requirement, version))
    if lacking:
        yield (
            "This environment lacks what the course needs: run %pip install "
            f"{' '.join(lacking)} and restart the kernel, or choose the "
            "course's own kernel."
        )
    for requirement, version in wrong:
        needed = f"{requirement.name}{_ordered(requirement.specifier)}"
        yield (
            f"{requirement.name.capitalize()} {version} is installed, and "
            f'the course needs {needed}: run %pip install -U "{needed}" and '
            "restart the kernel."
        )


def _ordered(specifier):
    """Return a specifier as people write it, its lower bound first."""
    return ",".join(sorted(map(str, specifier), reverse=True))


def _legacy_keras():
    legacy = os.environ.get("TF_USE_LEGACY_KERAS", "").lower()
    if legacy not in ("1", "true"):
        return None
    return (
        "TF_USE_LEGACY_KERAS asks TensorFlow for Keras 2; the course uses "
        "Keras 3. Unset it and restart the kernel."
    )


def _unknown_backend():
    named = os.environ.get("KERAS_BACKEND")
    if named is None or named in BACKENDS:
        return None
    return (
        f"KERAS_BACKEND={named} names no backend of Keras: set it to "
        "tensorflow or jax, or unset it, and restart the kernel."
    )


def _version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _is_there(module):
    return importlib.util.find_spec(module) is not None
