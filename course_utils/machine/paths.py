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

    `COURSE_CACHE` names it; otherwise it lies beside your results on Colab's
    Drive and on Kaggle, and is the user's cache elsewhere. Where none can be
    written, a temporary folder serves until the session ends.
    """
    kept = _kept()
    default = platformdirs.user_cache_path(APPLICATION)
    return _writable(
        os.environ.get("COURSE_CACHE") or (kept / "cache" if kept else default)
    )


def home_directory():
    """Return a writable folder for your own results, which nothing replaces.

    `COURSE_HOME` names it; otherwise Google Drive where it is mounted on
    Colab, `/kaggle/working` on Kaggle, and the user's data folder elsewhere.
    """
    default = _kept() or platformdirs.user_data_path(APPLICATION)
    return _writable(os.environ.get("COURSE_HOME") or default)


def _kept():
    """Return what of this platform outlasts the session, or None."""
    for folder in KEPT:
        if Path(folder).is_dir():
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
    """Replace what stands between <!-- mark --> and <!-- /mark -->.

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


@cache
def _writable(folder):
    folder = Path(folder).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        print(
            f"The folder for the course's files cannot be written "
            f"({error.strerror}); they go to a temporary folder and are lost "
            "with it. Set COURSE_CACHE and COURSE_HOME to folders of yours."
        )
        return Path(tempfile.mkdtemp(prefix=f"{APPLICATION}-"))
