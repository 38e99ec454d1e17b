"""Bring your own pictures: from a folder, from a button, on any platform.

Introduced in notebook 08.
"""

import os
import re
from pathlib import Path

from course_utils.data import drawings
from course_utils.machine import devices, paths

ACCEPT = ".jpg,.jpeg,.png,.gif,.webp,.bmp,.tif,.tiff,.heic"


def folder():
    """Return the folder of your pictures, or of an example.

    `COURSE_FOLDER` names it; otherwise it is where `class_panel` puts what
    you upload, once two classes are there; otherwise drawings that stand in
    for your photographs. A printed line says which.
    """
    asked = os.environ.get("COURSE_FOLDER")
    if asked:
        print("Your pictures: the folder that COURSE_FOLDER names.")
        return Path(asked).expanduser()
    own = upload_folder()
    if own.is_dir() and sum(each.is_dir() for each in own.iterdir()) > 1:
        print("Your pictures: those that you uploaded.")
        return own
    print(f"Drawings stand in for your pictures. {_advice()}")
    return example_folder()


def _advice():
    return {
        "colab": "Drag a folder into the file list on the left, or mount "
        "Drive, and write its path in FOLDER.",
        "kaggle": "Use Add Input, Upload; then write its path below "
        "/kaggle/input in FOLDER.",
    }.get(
        devices.platform_name(),
        "Write the path of your own folder in FOLDER, or upload below.",
    )


def upload_folder():
    """Return where uploaded training pictures are kept, one folder a class."""
    return paths.home_directory() / "pictures"


def example_folder(names=("dog", "fox"), count=80, size=128):
    """Write drawings as files, one sub-folder a class, and return the folder.

    They lie in the cache; what is there already is kept.
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
    new one gets a number. Raises ValueError for a class name that cannot
    name a folder.
    """
    directory = Path(directory or upload_folder())
    name = class_name.strip()
    if not name or name.startswith(".") or re.search(r'[\\/:*?"<>|\0]', name):
        raise ValueError(
            f"{class_name!r} cannot name a class: use letters and spaces."
        )
    written = []
    for file_name, content in uploads:
        base = Path(re.split(r"[\\/]", file_name)[-1])
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


def from_colab(class_name):
    """Pick files with Colab's own dialog and keep them as one class.

    The cell waits until files are picked. Raises RuntimeError elsewhere.
    """
    try:
        from google.colab import files as colab_files
    except ModuleNotFoundError:
        raise RuntimeError(
            "This dialog is Colab's own: use the upload button."
        ) from None
    return store(class_name, colab_files.upload().items())


def class_panel(directory=None):
    """Return a panel that collects pictures of one class after the other."""
    import ipywidgets as widgets

    name = widgets.Text(placeholder="class name", description="class")
    button = widgets.FileUpload(
        accept=ACCEPT, multiple=True, description="pictures"
    )
    output = widgets.Output()

    def keep(change):
        uploads = files(button)
        output.clear_output()
        with output:
            if not uploads:
                return
            try:
                written = store(name.value, uploads, directory)
            except (ValueError, OSError) as error:
                print(error)
            else:
                print(f"{name.value.strip()}: {len(written)} files kept.")

    button.observe(keep, names="value")
    return widgets.VBox([widgets.HBox([name, button]), output])


def picture_panel(show):
    """Return a button that calls `show(bytes)` on a picture you pick.

    What `show` prints or draws appears below the button, and so does the
    reason when a file cannot be used.
    """
    import ipywidgets as widgets

    button = widgets.FileUpload(
        accept=ACCEPT, multiple=False, description="a picture"
    )
    output = widgets.Output()

    def answer(change):
        uploads = files(button)
        output.clear_output()
        with output:
            for name, content in uploads[-1:]:
                try:
                    show(content)
                except ValueError as error:
                    print(f"{name} cannot be used: {error}")

    button.observe(answer, names="value")
    return widgets.VBox([button, output])
