"""Small helpers for the course; import the module that you need."""

import contextlib
import logging
import os

from course_utils import backend

__version__ = "0.1.0"

# TensorFlow reads it at import: errors are shown, chatter is not.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# What it did is no news, and many small networks are a lesson, no mistake.
logging.getLogger("tensorflow").addFilter(
    lambda record: (
        record.levelno > logging.INFO
        and "retracing" not in record.getMessage()
    )
)

backend.print_anywhere()
backend.choose()
for sentence in backend.problems():
    print(sentence)


def expect(tag):
    """Say so when a notebook belongs to another version of the course.

    tag: the version that the notebook was published with, such as "v0.1.0"
    """
    if tag != f"v{__version__}":
        print(
            f"This notebook belongs to the course at {tag}, this kernel has "
            f"v{__version__}: choose the course's own kernel (Kernel → Change "
            "Kernel), or run this cell's %pip line alone and restart the "
            "kernel."
        )


@contextlib.contextmanager
def quiet():
    """Hide what native libraries write to standard error in this block.

    TensorFlow's import writes greetings that no setting can stop. Python's
    own exceptions are raised as ever; where TensorFlow is not installed, the
    ModuleNotFoundError says what to do.
    """
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    except ModuleNotFoundError as error:
        if error.name != "tensorflow":
            raise
        raise backend.no_tensorflow() from None
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
