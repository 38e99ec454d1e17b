"""Choose what Keras computes with, before Keras is imported."""

import contextlib
import importlib.metadata
import importlib.util
import os
import re
import sys
from pathlib import Path

COURSE = "training-vs-transfer"
OLDEST_KERAS, NEXT_KERAS = (3, 13), (4, 0)
# The first Python for which no released TensorFlow has wheels.
PYTHON_WITHOUT_TENSORFLOW = (3, 14)
BUS, GOOGLE = Path("/sys/bus/pci/devices"), 0x1AE0
# Google's numbers for its TPUs, as JAX lists them; its network cards differ.
TPU_NUMBERS = (0x27, 0x56, 0x5E, 0x62, 0x63, 0x6F, 0x76, 0x7C, 0x83)


def choose():
    """Let Keras use JAX if TensorFlow is absent or does not see the TPU.

    Otherwise TensorFlow, Keras's own choice, stays. If you set
    `KERAS_BACKEND`, that holds. Too late once Keras is imported.
    """
    if "KERAS_BACKEND" in os.environ or "keras" in sys.modules:
        return
    if _is_there("jax") and (on_tpu() or not _is_there("tensorflow")):
        os.environ["KERAS_BACKEND"] = "jax"


def on_tpu():
    """Say whether a platform announces a TPU, or JAX can use a local one."""
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
    """Return sentences that say how to fix this environment, if any."""
    found = [_lacking(), _wrong_keras(), _legacy_keras()]
    return [sentence for sentence in found if sentence]


def no_tensorflow():
    """Return the exception for a notebook that needs TensorFlow itself."""
    remedy = "run pip install -r requirements.txt"
    if sys.version_info >= PYTHON_WITHOUT_TENSORFLOW:
        remedy = (
            "use Python 3.11, 3.12 or 3.13, since no TensorFlow is released "
            "for yours (make clean lab PYTHON=python3.13)"
        )
    return ModuleNotFoundError(
        "This notebook needs TensorFlow, which is not installed here. On "
        "Colab choose Runtime → Change runtime type → CPU or T4 GPU; on your "
        f"own machine {remedy}. Notebooks 05 to 09 run without it.",
        name="tensorflow",
    )


def _lacking():
    """Name packages that the course asks for and a platform has dropped."""
    try:
        asked = importlib.metadata.requires(COURSE) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    names = [
        re.match(r"[\w.-]+", text)[0] for text in asked if "extra" not in text
    ]
    # Without Keras the first notebooks run; its absence is said on the card.
    lacking = [n for n in names if n != "keras" and not _version(n)]
    if not lacking:
        return None
    listed = " ".join(lacking)
    return (
        f"This environment lacks what the course needs: run %pip install "
        f"{listed} and restart the kernel, or choose the course's own kernel."
    )


def _wrong_keras():
    version = _version("keras")
    if not version:
        return None
    numbers = tuple(map(int, re.findall(r"\d+", version)[:2]))
    if OLDEST_KERAS <= numbers < NEXT_KERAS:
        return None
    needed = ".".join(map(str, OLDEST_KERAS))
    wanted = "newer" if numbers < OLDEST_KERAS else "older than 4"
    return (
        f"Keras {version} is installed and the course needs {needed} or "
        f'{wanted}: run %pip install -U "keras>={needed},<4" and restart the '
        "kernel."
    )


def _legacy_keras():
    legacy = os.environ.get("TF_USE_LEGACY_KERAS", "").lower()
    if legacy not in ("1", "true"):
        return None
    return (
        "TF_USE_LEGACY_KERAS asks TensorFlow for Keras 2; the course uses "
        "Keras 3. Unset it and restart the kernel."
    )


def _version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _is_there(module):
    return importlib.util.find_spec(module) is not None
