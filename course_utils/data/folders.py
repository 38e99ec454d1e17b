"""Your own pictures: a folder with one sub-folder a class.

Every file is opened for reading only; what cannot be used is named with its
reason, and the rest is used. Introduced in notebook 08.
"""

import io
import os
import unicodedata
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from course_utils.data.pictures import Pictures

LARGEST_PIXELS = 120_000_000  # a telephone's largest pictures have 108 million
SMALLEST_SIDE = 16
FEWEST = 5  # pictures of a class, so that every part gets one
FEW = 20  # below that, an accuracy is little more than a guess
MOST = 2000  # of a class; more would not fit a small machine's memory
IMBALANCE = 2
NAMED = 50  # files named in print; `left_out` holds all of them
SAME = 0.995  # correlation of two thumbnails that show the same picture
PARTS = {"train", "training", "val", "valid", "validation", "test", "testing"}


SYSTEM_FILES = {"thumbs.db", "desktop.ini", "__macosx"}


HEIC = (
    "a HEIC picture: open it in Photos or Preview and export it as JPEG (an "
    "iPhone takes JPEGs after Settings → Camera → Formats → Most Compatible)"
)


@dataclass(frozen=True, repr=False)
class FolderPictures(Pictures):
    """Hold pictures of your own, and the names of their files.

    test_files: names of the test pictures' files, in their order
    left_out: pairs (name, reason) of every file that is not used
    """

    test_files: tuple = ()
    left_out: tuple = ()


def read_picture(file, image_size):
    """Return one picture as uint8 (image_size, image_size, 3), RGB.

    file: a path, or the bytes of a file. The middle square is cut out, so
    that the picture's shape tells nothing; transparent parts become white;
    of moving pictures the first frame is taken.

    Raises ValueError with the reason when the file cannot be used.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _read(file, image_size)


def _read(file, image_size):
    if isinstance(file, bytes | bytearray | memoryview):
        opened = io.BytesIO(file)
        size = len(opened.getvalue())
    else:
        opened = Path(file)
        if not opened.is_file():
            raise ValueError("not a file that can be read")
        size = opened.stat().st_size
    if not size:
        raise ValueError("empty: 0 bytes")
    try:
        return _decode(opened, image_size)
    except UnidentifiedImageError:
        raise ValueError(_unknown(opened)) from None
    except Image.DecompressionBombError:
        raise ValueError(_too_large()) from None
    except ValueError:
        raise
    except Exception as error:  # decoders raise whatever they meet
        text = str(error).split("\n")[0] or type(error).__name__
        raise ValueError(f"damaged or cut short ({text})") from None


def _decode(opened, image_size):
    with Image.open(opened) as image:
        # The size stands in the head of the file: nothing is decoded yet.
        width, height = image.size
        if width * height > LARGEST_PIXELS:
            raise ValueError(_too_large(f"{width} × {height}, "))
        if min(width, height) < SMALLEST_SIDE:
            raise ValueError(
                f"too small: {width} × {height}, the least is "
                f"{SMALLEST_SIDE} × {SMALLEST_SIDE}"
            )
        image.draft(None, (2 * image_size, 2 * image_size))
        image.load()
        square = ImageOps.fit(
            _to_rgb(_upright(image)),
            (image_size, image_size),
            Image.Resampling.LANCZOS,
        )
        return np.array(square)


def _upright(image):
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # a damaged note on rotation damages no pixel
        return image


def _to_rgb(image):
    """Return an 8-bit RGB image whatever the mode of the file."""
    if image.mode.startswith("I") or image.mode == "F":
        image = _to_eight_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def _to_eight_bits(image):
    values = np.asarray(image, dtype=np.float64)
    values = np.nan_to_num(values, nan=0, posinf=0, neginf=0)
    if image.mode == "F":
        low, high = values.min(), values.max()
    else:
        low, high = 0, 65535 if values.max() > 255 else 255
    scaled = (values - low) / max(high - low, 1e-12) * 255
    return Image.fromarray(scaled.clip(0, 255).round().astype(np.uint8))


def _too_large(size=""):
    million = LARGEST_PIXELS // 1_000_000
    return (
        f"too large: {size}more than {million} million pixels; save a "
        "smaller copy"
    )


def _unknown(opened):
    if isinstance(opened, Path):
        with opened.open("rb") as stream:
            head = stream.read(16)
    else:
        head = opened.getvalue()[:16]
    brands = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
    if head[4:8] == b"ftyp" and head[8:12] in brands:
        return HEIC
    return "not a picture, whatever its name says"


def load_folder(
    directory, image_size=96, validation=0.15, test=0.25, seed=0, most=MOST
):
    """Return `FolderPictures` of a folder with one sub-folder a class.

    directory: its sub-folders' names are the class names, sorted; pictures
        in folders below them count too. Folders named train, validation and
        test are pooled, and split anew
    image_size: side in pixels
    validation, test: shares of each class, together below 1
    seed: decides which pictures go to which part
    most: of a class with more files, so many are taken by chance

    A report is printed: the classes, every file left out with its reason,
    and warnings. A picture that occurs twice is used once, one that occurs
    in two classes not at all, and what looks like a test or validation
    picture leaves the training part. Raises ValueError when fewer than two
    classes can be used.
    """
    directory = Path(directory).expanduser()
    if min(validation, test) <= 0 or validation + test >= 1:
        raise ValueError("validation and test are shares that leave a rest.")
    if not directory.is_dir():
        raise ValueError(
            f"There is no folder {_show(directory)}: write the path of a "
            "folder with one sub-folder a class (a .zip is unpacked first)."
        )
    generator = np.random.default_rng(seed)
    remarks = []
    classes = _find_classes(directory, remarks)
    left_out = []
    found = {}
    for name, files in classes.items():
        files = _take(name, files, most, generator, remarks)
        found[name] = _read_all(directory, files, image_size, left_out)
    _drop_repeats(found, left_out)
    kept = _large_enough(found, directory, remarks, left_out)
    parts = _split(kept, validation, test, generator, left_out)
    _say_imbalance(kept, remarks)
    _report(directory, kept, remarks, left_out)
    arrays = [
        array
        for part in (parts["train"], parts["validation"], parts["test"])
        for array in _stack(part, image_size)
    ]
    order = generator.permutation(len(arrays[1]))
    arrays[:2] = arrays[0][order], arrays[1][order]
    return FolderPictures(
        tuple(kept),
        "folder",
        *arrays,
        test_files=tuple(_names(parts["test"])),
        left_out=tuple(left_out),
    )


def _find_classes(directory, remarks):
    """Return {class name: sorted paths}; one level of wrapping is opened."""
    folders = _subfolders(directory)
    if len(folders) == 1:
        inner = _subfolders(folders[0])
        if len(inner) > 1 and not _loose(folders[0]):
            directory, folders = folders[0], inner
    if folders and all(f.name.lower() in PARTS for f in folders):
        remarks.append(
            f"The parts {', '.join(_show(f.name) for f in folders)} are "
            "pooled, and split anew."
        )
        folders = [inner for each in folders for inner in _subfolders(each)]
    loose = _loose(directory)
    if loose:
        remarks.append(
            f"{len(loose)} files beside the class folders belong to no class."
        )
    classes = {}
    for folder in sorted(folders, key=lambda each: _show(each.name)):
        files, nested = _files_below(folder)
        classes.setdefault(_show(folder.name), []).extend(files)
        if nested:
            remarks.append(
                f"{nested} files of {_show(folder.name)} lie in folders "
                "below it; they count as its pictures."
            )
    return classes


def _subfolders(directory):
    return [f for f in directory.iterdir() if f.is_dir() and not _hidden(f)]


def _loose(directory):
    return [f for f in directory.iterdir() if f.is_file() and not _hidden(f)]


def _files_below(folder):
    files, nested = [], 0
    for root, inner, names in os.walk(folder):
        inner[:] = [name for name in inner if not _hidden(Path(name))]
        paths = [Path(root, name) for name in names]
        paths = [path for path in paths if not _hidden(path)]
        files += paths
        nested += len(paths) if Path(root) != folder else 0
    return files, nested


def _hidden(path):
    return path.name.startswith(".") or path.name.lower() in SYSTEM_FILES


def _show(path):
    """Return a name that can be printed, the same on every system."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return unicodedata.normalize("NFC", text)


def _take(name, files, most, generator, remarks):
    files = sorted(files, key=_show)
    if len(files) <= most:
        return files
    remarks.append(f"{name} has {len(files)} files; {most} are taken.")
    chosen = generator.choice(len(files), most, replace=False)
    return [files[place] for place in np.sort(chosen)]


def _read_all(directory, files, image_size, left_out):
    """Return [(name, pixels)] of the files that can be read."""

    def read(path):
        try:
            return _read(path, image_size)
        except (ValueError, OSError) as error:
            return getattr(error, "strerror", None) or str(error)

    names = [_show(path.relative_to(directory)) for path in files]
    with ThreadPoolExecutor(4) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = list(pool.map(read, files))
    good = []
    for name, result in zip(names, results, strict=True):
        if isinstance(result, str):
            left_out.append((name, result))
        else:
            good.append((name, result))
    return good


def _drop_repeats(found, left_out):
    """Keep one of equal pictures; none when they are in several classes."""
    owners = {}
    for label, pictures in found.items():
        for name, pixels in pictures:
            digest = sha256(pixels.tobytes()).digest()
            owners.setdefault(digest, []).append((label, name))
    unwanted = {}
    for same in owners.values():
        labels = sorted({label for label, _ in same})
        for label, name in same if len(labels) > 1 else same[1:]:
            others = " and ".join(each for each in labels if each != label)
            unwanted[name] = (
                f"the same picture is in {others}: which is right?"
                if others
                else f"the same picture as {same[0][1]}"
            )
    left_out += unwanted.items()
    for label, pictures in found.items():
        found[label] = [p for p in pictures if p[0] not in unwanted]


def _large_enough(found, directory, remarks, left_out):
    kept = {}
    for name, pictures in found.items():
        if len(pictures) >= FEWEST:
            kept[name] = pictures
        else:
            remarks.append(
                f"{name} has {len(pictures)} usable pictures and is left "
                f"out: a class needs {FEWEST}, better {FEW} or more."
            )
    if len(kept) < 2:
        _report(directory, kept, remarks, left_out)
        number = "no class" if not kept else f"one class, {next(iter(kept))}"
        raise ValueError(
            f"{_show(directory.name)} holds {number} that can be used: make "
            f"a sub-folder for each of two or more classes, with {FEWEST} or "
            "more pictures in it."
        )
    for name, pictures in kept.items():
        if len(pictures) < FEW:
            remarks.append(
                f"{name} has only {len(pictures)} pictures: a test on so few "
                "is little more than a guess."
            )
    return kept


def _say_imbalance(kept, remarks):
    by_size = sorted(kept, key=lambda name: len(kept[name]))
    least, largest = by_size[0], by_size[-1]
    ratio = len(kept[largest]) / len(kept[least])
    if ratio > IMBALANCE:
        remarks.append(
            f"There are {ratio:.1f} pictures of {largest} for one of {least}: "
            "read balanced accuracy, and train on .few(n), equal numbers."
        )


def _split(kept, validation, test, generator, left_out):
    """Return {part: [pictures of each class]}; parts share no picture."""
    parts = {"train": [], "validation": [], "test": []}
    for pictures in kept.values():
        order = generator.permutation(len(pictures))
        cuts = [max(1, round(s * len(order))) for s in (test, validation)]
        chosen = np.split(order, np.cumsum(cuts))
        for part, places in zip(
            ("test", "validation", "train"), chosen, strict=True
        ):
            parts[part].append([pictures[place] for place in np.sort(places)])
    _drop_lookalikes(parts, left_out)
    return parts


def _drop_lookalikes(parts, left_out):
    held = parts["test"] + parts["validation"]
    names = _names(held)
    thumbnails = np.concatenate([_thumbnails(group) for group in held])
    for label, group in enumerate(parts["train"]):
        likeness = _thumbnails(group) @ thumbnails.T
        nearest = likeness.argmax(axis=1)
        twins = likeness.max(axis=1) > SAME
        if twins.all():  # plain pictures are all alike: keep them
            continue
        parts["train"][label] = [
            p for p, twin in zip(group, twins, strict=True) if not twin
        ]
        left_out += [
            (group[place][0], f"looks like {names[nearest[place]]}, held out")
            for place in np.flatnonzero(twins)
        ]


def _thumbnails(pictures):
    """Return 16 × 16 thumbnails (count, 768) of mean 0 and norm 1."""
    small = np.array(
        [
            Image.fromarray(pixels).resize((16, 16), Image.Resampling.BOX)
            for _, pixels in pictures
        ],
        dtype=np.float32,
    ).reshape(len(pictures), -1)
    small -= small.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(small, axis=1, keepdims=True)
    return np.where(norm > 16, small / np.maximum(norm, 1e-6), 0)


def _names(groups):
    return [name for group in groups for name, _ in group]


def _stack(groups, image_size):
    pixels = [pixels for group in groups for _, pixels in group]
    labels = np.repeat(np.arange(len(groups)), list(map(len, groups)))
    shape = (-1, image_size, image_size, 3)
    return np.array(pixels, dtype=np.uint8).reshape(shape), labels


def _report(directory, kept, remarks, left_out):
    counts = ", ".join(f"{name} {len(rows)}" for name, rows in kept.items())
    print(f"Pictures: {_show(directory.name)} ({counts or 'none'}).")
    for remark in remarks:
        print(f"! {remark}")
    if left_out:
        print(f"{len(left_out)} files are left out; none is changed:")
    for name, reason in left_out[:NAMED]:
        print(f"  {name}: {reason}")
    if len(left_out) > NAMED:
        print(f"  and {len(left_out) - NAMED} more: see .left_out")
