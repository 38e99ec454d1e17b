"""Where the course keeps things: shipped data, a shared cache, your home."""

import contextlib
import json
import os
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import platformdirs

from course_utils.language import tell

APPLICATION = "training-vs-transfer"

# Colab's Drive, once it is mounted, and Kaggle's output.
KEPT = ("/content/drive/MyDrive", "/kaggle/working")
_WINDOWS = sys.platform == "win32"


def data_directory():
    """Return the folder of shipped donors and reference measurements.

    In a checkout that is `data/`; in an installed package, its copy.
    """
    installed = Path(__file__).parent.parent / "_data"
    return installed if installed.exists() else _checkout() / "data"


def cache_directory():
    """Return a writable folder for what can be fetched or computed again.

    `COURSE_CACHE` names it; otherwise it lies next to your results on Colab's
    Drive and on Kaggle, and is the user's cache elsewhere. Where none can be
    written, a temporary folder serves until the session ends.
    """
    kept = _kept()
    return _writable(
        "COURSE_CACHE",
        os.environ.get("COURSE_CACHE")
        or (kept and kept / "cache")
        or _of_user(platformdirs.user_cache_path),
    )


def home_directory():
    """Return a writable folder for your own results, which nothing replaces.

    `COURSE_HOME` names it; otherwise Google Drive where it is mounted on
    Colab, `/kaggle/working` on Kaggle, and the user's data folder elsewhere.
    Taught in notebook 05.

    >>> home_directory().is_dir()
    True
    """
    return _writable(
        "COURSE_HOME",
        os.environ.get("COURSE_HOME")
        or _kept()
        or _of_user(platformdirs.user_data_path),
    )


def forget():
    """Look at the folders again, for example after a disk is back."""
    _writable.cache_clear()


def _kept():
    """Return the folder that outlasts the session here, or None."""
    for folder in KEPT:
        if os.path.isdir(folder):
            return Path(folder) / APPLICATION
    return None


def write_atomically(path, write):
    """Call `write(temporary_path)`, then move the result to `path`.

    A reader sees the old file or the whole new one, never a part; when
    `write` raises, the temporary file is removed and `path` is untouched.
    The temporary name keeps the suffix of `path`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix
    )
    os.close(handle)
    try:
        write(Path(name))
        os.chmod(name, 0o666 & ~_umask())
        _replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)
    return path


def write_json(path, content):
    """Write what JSON can hold to `path`, whole or not at all."""
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    return write_atomically(path, lambda name: name.write_text(text, "utf-8"))


def write_between(path, mark, text):
    """Replace what is between <!-- mark --> and <!-- /mark -->.

    path: a Markdown page with both marks, each on a line of its own; text:
    whole lines. Raises ValueError when a mark is missing.
    """
    before, rest = path.read_text("utf-8").split(f"<!-- {mark} -->\n")
    after = rest.split(f"<!-- /{mark} -->\n")[1]
    whole = f"{before}<!-- {mark} -->\n{text}<!-- /{mark} -->\n{after}"
    write_atomically(path, lambda name: name.write_text(whole, "utf-8"))


def _checkout():
    return Path(__file__).resolve().parent.parent.parent


def _replace(source, target):
    """Move a file; Windows refuses as long as a reader has the target open."""
    for _ in range(100 if _WINDOWS else 0):
        with contextlib.suppress(PermissionError):
            return os.replace(source, target)
        time.sleep(0.05)
    return os.replace(source, target)


def _umask():
    value = os.umask(0)
    os.umask(value)
    return value


def _of_user(find):
    """Return the user's own folder; a container may not have one."""
    try:
        return find(APPLICATION)
    except RuntimeError:
        return "~"  # `_writable` says that there is no such folder


@cache
def _writable(variable, folder):
    """Return a folder if it can be written, otherwise a temporary one."""
    try:
        folder = Path(folder).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error).rstrip(".")
        tell(
            "The folder for the course's files cannot be written "
            f"({reason}): they go to a temporary folder and are lost "
            f"with it. Set {variable} to a folder of yours."
        )
        return Path(tempfile.mkdtemp(prefix=f"{APPLICATION}-"))
