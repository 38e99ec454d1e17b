"""Choose what Keras computes with, before Keras is imported."""

import codecs
import contextlib
import importlib.metadata
import importlib.util
import os
import sys
from pathlib import Path

from packaging.requirements import Requirement

from course_utils.language import say

COURSE = "training-vs-transfer"
# Older ones read files that a model file names.
KERAS = 'keras>=3.13.2,<4 ; sys_platform != "emscripten"'
BACKENDS = ("tensorflow", "jax", "torch", "openvino", "numpy")
# What the course prints that an encoding such as cp1252 or ASCII may lack.
_PLAIN = {"→": "->", "✓": "[right]", "✗": "[wrong]", "×": "x", "…": "...",
          "–": "-", "−": "-", "·": "*", "≥": ">=", "≤": "<=", "µ": "u",
          "’": "'", "“": '"', "”": '"'}  # fmt: skip
# The first Python for which no released TensorFlow has wheels.
PYTHON_WITHOUT_TENSORFLOW = (3, 14)
BUS, GOOGLE = Path("/sys/bus/pci/devices"), 0x1AE0
# Google's numbers for its TPUs, as JAX lists them; its network cards differ.
TPU_NUMBERS = (0x27, 0x56, 0x5E, 0x62, 0x63, 0x6F, 0x76, 0x7C, 0x83)


def choose():
    """Let Keras use JAX if TensorFlow is absent or does not see the TPU.

    Otherwise TensorFlow, Keras's own choice, stays. If you set
    `KERAS_BACKEND`, it is used, in lower case if need be. Has no effect once
    Keras is imported.
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
    """Return whether there is a TPU: the platform's own, or a local one."""
    if {"TPU_ACCELERATOR_TYPE", "ISTPUVM"} & os.environ.keys():
        return True
    return _is_there("libtpu") and tpu_chips() > 0


def tpu_chips():
    """Count the TPU chips on this machine's own bus."""
    chips = 0
    for device in BUS.glob("*.0"):
        with contextlib.suppress(OSError, ValueError):
            maker, number = (
                int((device / name).read_text(), 16)
                for name in ("vendor", "device")
            )
            chips += maker == GOOGLE and number in TPU_NUMBERS
    return chips


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
    remedy = "run pip install -r requirements.txt"
    if sys.version_info >= PYTHON_WITHOUT_TENSORFLOW:
        remedy = (
            "use Python 3.11, 3.12 or 3.13, because TensorFlow has no release "
            "for yours (make clean lab PYTHON=python3.13)"
        )
    return ModuleNotFoundError(
        "This notebook needs TensorFlow, which is not installed here. On "
        "Colab choose Runtime → Change runtime type → CPU or T4 GPU; on your "
        f"own machine {remedy}. The other notebooks run without it.",
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
        yield say(
            "This environment lacks what the course needs: run %pip install "
            f"{' '.join(lacking)} and restart the kernel, or choose the "
            "course's own kernel."
        )
    for requirement, version in wrong:
        needed = f"{requirement.name}{_ordered(requirement.specifier)}"
        yield say(
            f"{requirement.name.capitalize()} {version} is installed, but the "
            f'course needs {needed}: run %pip install -U "{needed}" and '
            "restart the kernel."
        )


def _ordered(specifier):
    """Return a specifier as people write it, its lower bound first."""
    return ",".join(sorted(map(str, specifier), reverse=True))


def _legacy_keras():
    legacy = os.environ.get("TF_USE_LEGACY_KERAS", "").lower()
    if legacy not in ("1", "true"):
        return None
    return say(
        "TF_USE_LEGACY_KERAS asks TensorFlow for Keras 2; the course uses "
        "Keras 3. Unset it and restart the kernel."
    )


def _unknown_backend():
    named = os.environ.get("KERAS_BACKEND")
    if named is None or named in BACKENDS:
        return None
    return say(
        f"KERAS_BACKEND={named} is not a backend of Keras: set it to "
        "tensorflow or jax, or unset it, and restart the kernel."
    )


def _version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _is_there(module):
    return importlib.util.find_spec(module) is not None
