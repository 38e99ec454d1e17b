"""Choose what Keras computes with, before Keras is imported."""

import importlib.metadata
import importlib.util
import os
import re
import sys

OLDEST_KERAS = (3, 13)


def choose():
    """Let Keras use JAX where TensorFlow is absent or blind to the TPU.

    TensorFlow, Keras's own choice, stays wherever it serves; `KERAS_BACKEND`
    set by you stays in any case. Too late once Keras is imported.
    """
    if "KERAS_BACKEND" in os.environ or "keras" in sys.modules:
        return
    if _is_there("jax") and (on_tpu() or not _is_there("tensorflow")):
        os.environ["KERAS_BACKEND"] = "jax"


def on_tpu():
    """Say whether a platform's own marks tell of a TPU."""
    return bool({"TPU_ACCELERATOR_TYPE", "ISTPUVM"} & os.environ.keys())


def problem():
    """Return the sentence that mends this environment's Keras, or None."""
    try:
        version = importlib.metadata.version("keras")
    except importlib.metadata.PackageNotFoundError:
        return None
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < OLDEST_KERAS:
        needed = ".".join(map(str, OLDEST_KERAS))
        return (
            f"Keras {version} is installed and the course needs {needed} or "
            f'newer: run %pip install -U "keras>={needed},<4" and restart the '
            "kernel."
        )
    legacy = os.environ.get("TF_USE_LEGACY_KERAS", "").lower()
    if legacy in ("1", "true"):
        return (
            "TF_USE_LEGACY_KERAS asks TensorFlow for Keras 2; the course uses "
            "Keras 3. Unset it and restart the kernel."
        )
    return None


def _is_there(module):
    return importlib.util.find_spec(module) is not None
