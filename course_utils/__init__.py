"""Small helpers for the course; import the module that you need."""

import contextlib
import os

from course_utils import backend

__version__ = "0.1.0"

# TensorFlow reads it at import: errors are shown, chatter is not.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

backend.choose()
if (sentence := backend.problem()) is not None:
    print(sentence)


@contextlib.contextmanager
def quiet():
    """Hide what native libraries write to standard error in this block.

    TensorFlow's import writes greetings that no setting can stop. Python's
    own exceptions are raised as ever.
    """
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
