"""Bring your own pictures: from a folder, from a button, on any platform.

Introduced in notebook 10.
"""

import os
import re
from pathlib import Path

from course_utils.data import drawings
from course_utils.language import say, tell
from course_utils.machine import devices, paths, reasons

ACCEPT = ".jpg,.jpeg,.png,.gif,.webp,.bmp,.heic"
LONGEST_NAME = 100

# Names that Windows keeps for itself, with any suffix.
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def folder():
    """Return the folder of your pictures, or of an example.

    `COURSE_FOLDER` names it; otherwise it is where `class_panel` puts what
    you upload, once two classes are there; otherwise drawings that stand in
    for your photographs. A printed line says which. Taught in notebook 10.
    """
    asked = os.environ.get("COURSE_FOLDER")
    if asked:
        tell("Your pictures: the folder that COURSE_FOLDER names.")
        return Path(os.path.expanduser(asked))
    own = upload_folder()
    if own.is_dir() and sum(each.is_dir() for each in own.iterdir()) > 1:
        tell("Your pictures: those that you uploaded.")
        return own
    tell(f"Drawings stand in for your pictures. {_advice()}")
    return example_folder()


def _advice():
    return {
        "colab": say(
            "Drag a folder into the file list on the left, or mount "
            "Drive, and write its path in FOLDER."
        ),
        "kaggle": say(
            "Use Add Input, Upload; then write its path below "
            "/kaggle/input in FOLDER."
        ),
    }.get(
        devices.platform_name(),
        say("Write the path of your own folder in FOLDER, or upload below."),
    )


def upload_folder():
    """Return where uploaded pictures are kept, one folder per class."""
    return paths.home_directory() / "pictures"


def example_folder(names=("dog", "fox"), count=80, size=128):
    """Write drawings as files, one folder per class, and return their folder.

    They are in the cache; what is there already is kept.
    """
    from PIL import Image

    directory = paths.cache_directory() / "example_pictures"
    for name in names:
        for number in range(count):
            path = directory / name / f"{name}_{number:03}.png"
            if not path.exists():
                pixels = drawings.draw(name, seed=10_000 + number, size=size)
                paths.write_atomically(path, Image.fromarray(pixels).save)
    return directory


def files(widget):
    """Return [(name, bytes)] that a FileUpload holds, of ipywidgets 7 or 8."""
    value = widget.value
    if isinstance(value, dict):  # ipywidgets 7, which Colab has
        return [(name, bytes(each["content"])) for name, each in value.items()]
    return [(each["name"], bytes(each["content"])) for each in value]


def store(class_name, uploads, directory=None):
    """Write uploaded files into a class's folder and return their paths.

    uploads: pairs (name, bytes). A file that is there is never replaced: the
    new one gets a number. What could act in a file's name (folders, escape
    sequences) is taken out of it. Raises ValueError for a class name that
    cannot name a folder.
    """
    directory = Path(directory or upload_folder())
    name = _class_name(class_name)
    written = []
    for file_name, content in uploads:
        base = Path(_clean(file_name))
        path, number = directory / name / base.name, 2
        while path.exists():
            path = path.with_name(f"{base.stem}-{number}{base.suffix}")
            number += 1
        written.append(
            paths.write_atomically(
                path, lambda file, content=content: file.write_bytes(content)
            )
        )
    return written


def _class_name(text):
    name = text.strip()
    if (
        not name
        or name.startswith(".")
        or name.endswith(".")
        or len(name) > LONGEST_NAME
        or RESERVED.fullmatch(name)
        or reasons.printable(name) != name
        or re.search(r'[\\/:*?"<>|]', name)
    ):
        raise ValueError(
            f"{reasons.shorten(repr(text), 60)} cannot name a class: use "
            "letters and spaces."
        )
    return name


def _clean(file_name):
    """Return a file name that stays in its folder and is harmless."""
    last = [p for p in re.split(r"[\\/]", file_name) if p.strip(" .")][-1:]
    name = re.sub(r'[:*?"<>|]', "_", last[0] if last else "picture")
    name = "".join(letter for letter in name if letter.isprintable())
    stem, dot, suffix = name.strip(" .").rpartition(".")
    stem, suffix = (stem, suffix[:10]) if dot else (suffix, "")
    stem = stem[: LONGEST_NAME // 2] or "picture"
    name = f"{stem}{dot}{suffix}".encode(errors="replace").decode()
    name = name.replace("?", "_")
    return f"_{name}" if RESERVED.fullmatch(name) else name


def pick_on_colab():
    """Return [(name, bytes)] picked in Colab's own dialog, which waits.

    Unlike the upload button, it takes files of a megabyte and more there.
    Raises RuntimeError elsewhere, or when no dialog appears.
    """
    try:
        from google.colab import files as colab_files
    except ImportError:
        raise RuntimeError(
            "This dialog exists only on Colab: use the upload button."
        ) from None
    try:
        return [*colab_files.upload().items()]
    except Exception as error:  # Colab's own kinds
        raise RuntimeError(
            f"Colab's dialog did not appear ({reasons.shorten(error, 100)}): "
            "run this cell again, or drag the files into the file list on "
            "the left and write their folder's path in FOLDER."
        ) from None


def _picker(description, multiple, take):
    """Return a button that calls `take` with [(name, bytes)] that you pick."""
    import ipywidgets as widgets

    if devices.platform_name() == "colab":
        button = widgets.Button(description=description, icon="upload")
        button.on_click(lambda _: take(pick_on_colab))
        return button
    button = widgets.FileUpload(
        accept=ACCEPT, multiple=multiple, description=description
    )
    button.observe(lambda _: take(lambda: files(button)), names="value")
    return button


def class_panel(directory=None):
    """Return a panel that collects pictures of one class after the other.

    Files that are picked before the class is typed wait until it is.

    Taught in notebook 10.
    """
    import ipywidgets as widgets

    # Only a finished name counts, not its first letters.
    name = widgets.Text(
        placeholder=say("class name"),
        description=say("class"),
        continuous_update=False,
    )
    output = widgets.Output()
    waiting = []

    def take(pick):
        output.clear_output()
        with output:
            try:
                waiting.extend(pick())
            except RuntimeError as error:
                print(error)
        keep()

    def keep(_=None):
        if not waiting:
            return
        output.clear_output()
        with output:
            number = reasons.count(len(waiting), "file")
            if not name.value.strip():
                tell(
                    f"Type the class first, then press Enter: {number} "
                    "waiting."
                )
                return
            try:
                written = store(name.value, waiting, directory)
            except ValueError as error:
                tell(f"{error} Until then, {number} waiting.")
            except OSError as error:
                tell(
                    "The files cannot be saved "
                    f"({reasons.explain(error)}); {number} waiting."
                )
            else:
                waiting.clear()
                kept = reasons.count(len(written), "file")
                tell(f"{name.value.strip()}: {kept} kept.")

    name.observe(keep, names="value")
    button = _picker(say("pictures"), True, take)
    return _panel(
        [widgets.HBox([name, button]), output],
        say(
            "A panel: while the notebook runs, you upload pictures here "
            "and name their class."
        ),
    )


def picture_panel(show):
    """Return a button that calls `show(bytes)` on a picture you pick.

    What `show` prints or draws appears below the button, and so does the
    reason when a file cannot be used. Taught in notebook 10.
    """
    import ipywidgets as widgets

    output = widgets.Output()

    def answer(pick):
        output.clear_output()
        with output:
            try:
                picked = pick()[-1:]
            except RuntimeError as error:
                print(error)
                return
            for name, content in picked:
                try:
                    show(content)
                except ValueError as error:
                    tell(
                        f"{reasons.shorten(name, 60)} cannot be used: {error}"
                    )

    return _panel(
        [_picker(say("a picture"), False, answer), output],
        say(
            "A button: while the notebook runs, you upload one picture "
            "and the answer appears below."
        ),
    )


def _panel(parts, sentence):
    """Return parts below each other; a page without a kernel reads a sentence.

    sentence: of at most 110 characters, which ipywidgets would cut
    """
    import ipywidgets as widgets

    class Panel(widgets.VBox):
        def __repr__(self):
            return sentence

    return Panel(parts)
