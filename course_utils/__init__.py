"""Small helpers for the course: import the subpackage that you need.

Importing the package only defines names. What changes the process (its
environment, log filters, the choice of Keras's backend) happens in `set_up`,
which the first cell of every lesson calls.
"""

import contextlib
import os

from course_utils.language import tell

__version__ = "0.1.0"


def set_up(tag=None, language=None):
    """Prepare this kernel for the course, before Keras is imported.

    tag: the version that the notebook was published with, such as "v0.1.0";
        a sentence is printed if the installed course is another version
    language: what the helpers speak, such as "it"; see `language.use`

    Chooses what Keras computes with, silences TensorFlow's greetings, and
    prints a sentence for each package that is missing or has the wrong
    version. Taught in notebook 00.

    >>> import course_utils
    >>> course_utils.set_up(f"v{course_utils.__version__}")
    """
    import logging

    from course_utils import language as speech
    from course_utils.machine import backend

    speech.use(language)
    # TensorFlow reads it when it is imported: errors are shown, greetings not.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    log = logging.getLogger("tensorflow")
    if _worth_reading not in log.filters:
        log.addFilter(_worth_reading)
    backend.print_anywhere()
    backend.choose()
    for sentence in backend.problems():
        print(sentence)
    if tag not in (None, f"v{__version__}"):
        tell(
            f"This notebook belongs to version {tag} of the course, "
            f"and this kernel has v{__version__}. Choose the course's "
            "own kernel (Kernel → Change Kernel), or run only the "
            "%pip line of this cell and restart the kernel."
        )


def _worth_reading(record):
    """Drop TensorFlow's notes, and its warning about many small networks."""
    import logging

    return (
        record.levelno > logging.INFO
        and "retracing" not in record.getMessage()
    )


@contextlib.contextmanager
def quiet():
    """Hide what native libraries write to standard error in this block.

    TensorFlow's import writes greetings that no setting can stop. Python's
    own exceptions are raised as usual. If TensorFlow is not installed, the
    ModuleNotFoundError says what to do. Taught in notebook 03.

    >>> with quiet():
    ...     import numpy
    """
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    except ModuleNotFoundError as error:
        if error.name != "tensorflow":
            raise
        from course_utils.machine import backend

        raise backend.no_tensorflow() from None
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
