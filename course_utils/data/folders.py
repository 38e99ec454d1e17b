"""Your own pictures: a folder with one sub-folder per class.

Every file is opened only for reading; a file that cannot be used is named with
the reason, and the rest are used. Introduced in notebook 10.
"""

import io
import math
import numbers
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from course_utils.data import layouts
from course_utils.data.pictures import Pictures
from course_utils.language import say, tell
from course_utils.machine import devices, reasons

# Others may run a program: Pillow hands EPS to Ghostscript, for example.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP")
LARGEST_PIXELS = 120_000_000  # a telephone's largest pictures have 108 million
LARGEST_DECODED = 800_000_000  # bytes that one picture takes while it is read
SEVERAL_AT_ONCE = 100_000_000  # a picture that takes more is read alone
SMALLEST_SIDE, LARGEST_SIDE = 16, 2048
FEWEST = 5  # pictures of a class, so that every part gets one
FEW = 20  # below that, an accuracy is little more than a guess
MOST = 2000  # of a class
MOST_IN_ALL = 20_000

# Features and training take several times the bytes of the pictures.
SHARE_OF_MEMORY = 1 / 8
IMBALANCE = 2
WIDE = 2  # times as long as high: more than half is cut away
NAMED = 50  # files named in print; `left_out` holds all of them
SAME = 0.995  # correlation of two thumbnails that show the same picture
MANY = 10  # classes, from which on their number is given instead of names

HEIC = (
    "a HEIC picture: install the package pillow-heif, or open it in Photos or "
    "Preview and export it as JPEG (an iPhone takes JPEGs after Settings → "
    "Camera → Formats → Most Compatible)"
)

# How other files begin, which are taken for pictures.
OTHERS = {
    b"II*\0": "a TIFF picture",
    b"MM\0*": "a TIFF picture",
    b"%!PS": "an EPS drawing",
    b"\xc5\xd0\xd3\xc6": "an EPS drawing",
    b"%PDF": "a PDF document",
    b"8BPS": "a Photoshop file",
    b"<svg": "an SVG drawing",
    b"\0\0\0\x0cjP": "a JPEG 2000 picture",
    b"\0\0\1\0": "an icon",
}

_large_pictures = Lock()


@dataclass(frozen=True, repr=False)
class FolderPictures(Pictures):
    """Pictures of your own, and the names of their files.

    test_files: names of the test pictures' files, in their order
    left_out: pairs (name, reason) of every file that is not used
    """

    test_files: tuple = ()
    left_out: tuple = ()


def read_picture(file, image_size):
    """Return one picture as uint8 (image_size, image_size, 3), RGB.

    file: a path, or the bytes of a file: JPEG, PNG, GIF, WebP or BMP, and
        HEIC if pillow-heif is installed. The middle square is cut out, so the
        picture's shape gives nothing away; transparent parts become white; the
        first frame of a moving picture is used
    image_size: side in pixels, or a pair of equal sides

    Raises ValueError with the reason when the file cannot be used. Taught in
    notebook 10.
    """
    side = _side(image_size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _read(file, side)[0]


def _side(image_size):
    """Return the side that a number, or a pair of equal numbers, means."""
    sides = image_size
    if not isinstance(image_size, list | tuple | np.ndarray):
        sides = (image_size,)
    for side in sides:
        _check_whole("image_size", side, SMALLEST_SIDE, LARGEST_SIDE)
    if not len(set(sides)) == 1 or len(sides) > 2:
        raise ValueError(
            "Pictures are square here, so image_size must be one number, not "
            f"{reasons.shorten(image_size, 60)}."
        )
    return int(sides[0])


def _check_whole(name, value, least, largest=math.inf):
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not whole or not least <= value <= largest:
        span = f"{least} or more"
        if largest < math.inf:
            span = f"from {least} to {largest}"
        raise ValueError(
            f"{name} must be a whole number, {span}, not "
            f"{reasons.shorten(repr(value), 60)}."
        )


def _check_shares(validation, test):
    for name, value in (("validation", validation), ("test", test)):
        number = isinstance(value, numbers.Real) and not isinstance(
            value, bool
        )
        if not number or not 0 < value < 1:
            raise ValueError(
                f"{name} must be a fraction between 0 and 1, such as 0.2, not "
                f"{reasons.shorten(repr(value), 60)}."
            )
    if validation + test >= 1:
        raise ValueError(
            "validation and test must leave some pictures for training: "
            f"{validation} and {test} do not."
        )


def _read(file, side):
    """Return a picture, and whether more than half of it was cut away."""
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
    with _blame(opened):
        image = Image.open(opened, formats=_formats())
    with image:
        width, height = image.size  # from the head: nothing is decoded yet
        if width * height > LARGEST_PIXELS:
            raise ValueError(_too_large(image.size))
        if min(width, height) < SMALLEST_SIDE:
            raise ValueError(
                f"too small: {width} × {height}, the minimum is "
                f"{SMALLEST_SIDE} × {SMALLEST_SIDE}"
            )
        image.draft(None, (2 * side, 2 * side))
        cost = _decoded_bytes(image, width * height)
        large = cost > SEVERAL_AT_ONCE
        if cost > LARGEST_DECODED or (
            large and cost > devices.available_memory() // 2
        ):
            raise ValueError(_too_large((width, height)))
        with _large_pictures if large else nullcontext():
            with _blame(opened):
                image.load()
            square = _to_square(image, side)
    return square, max(width, height) > WIDE * min(width, height)


def _decoded_bytes(image, pixels):
    """Return about how many bytes a picture takes while it is read."""
    each = 16 if image.format in ("WEBP", "HEIF") else 9
    cost = image.size[0] * image.size[1] * each  # a draft may be smaller
    if image.info.get("progressive"):
        cost += 6 * pixels  # its coefficients, whatever the draft
    return cost


@contextmanager
def _blame(opened):
    """Say in one sentence why a picture cannot be decoded."""
    try:
        yield
    except UnidentifiedImageError:
        raise ValueError(_unknown(opened)) from None
    except Image.DecompressionBombError:
        raise ValueError(_too_large()) from None
    except MemoryError:
        raise ValueError(_too_large()) from None
    except Exception as error:  # decoders raise whatever occurs to them
        if isinstance(error, OSError) and error.errno:
            raise ValueError(reasons.explain(error)) from None
        text = reasons.shorten(error, 100) or type(error).__name__
        raise ValueError(f"damaged or cut short ({text})") from None


@cache
def _formats():
    """Return the formats that may be opened."""
    try:
        import pillow_heif
    except ImportError:
        return FORMATS
    pillow_heif.register_heif_opener()
    return (*FORMATS, "HEIF")


def _to_square(image, side):
    """Return the middle square as uint8 (side, side, 3)."""
    if image.mode.startswith("I"):
        image = _to_eight_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
    elif image.mode != "RGB":
        image = image.convert("RGB")
    # Scaled down first: what follows then takes little memory.
    square = ImageOps.fit(image, (side, side), Image.Resampling.LANCZOS)
    if square.mode == "RGBA":
        white = Image.new("RGBA", square.size, "white")
        square = Image.alpha_composite(white, square).convert("RGB")
    return np.array(_upright(square, image))


def _upright(square, image):
    try:
        square.info |= {"exif": image.getexif().tobytes()}
        return ImageOps.exif_transpose(square)
    except Exception:  # a damaged note on rotation damages no pixel
        return square


def _to_eight_bits(image):
    values = np.asarray(image)
    if values.max() > 255:
        values = values >> 8
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def _too_large(size=None):
    shown = say(f"{size[0]} × {size[1]} pixels, ") if size else ""
    return say(
        f"too large: {shown}more than fits in memory; save a smaller copy"
    )


def _unknown(opened):
    if isinstance(opened, Path):
        with opened.open("rb") as stream:
            head = stream.read(16)
    else:
        head = opened.getvalue()[:16]
    brands = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
    if head[4:8] == b"ftyp":
        if head[8:12] in brands:
            return say(HEIC)
        kind = (
            say("an AVIF picture") if head[8:11] == b"avi" else say("a video")
        )
    else:
        heads = (each for each in OTHERS if head.startswith(each))
        kind = next((say(OTHERS[each]) for each in heads), None)
    if kind:
        return say(f"{kind}: save it as JPEG or PNG")
    return say("not a picture, whatever its name says")


def load_folder(
    directory, image_size=96, validation=0.15, test=0.25, seed=0, most=MOST
):
    """Return `FolderPictures` of a folder with one sub-folder per class.

    directory: its sub-folders' names are the class names, sorted; pictures
        in folders below them count too. Folders named train, validation and
        test are pooled, and split again. A .zip or .tar file serves as well,
        and so do file names that begin with the class (cat.0.jpg) or a table
        of file names and labels (labels.csv)
    image_size: side in pixels, or a pair of equal sides
    validation, test: shares of each class, together below 1
    seed: decides which pictures go to which part
    most: how many files of a larger class are used, chosen at random; fewer if
        the free memory is not enough for the lesson

    A report is printed: the classes, every file left out with its reason, and
    warnings. A picture that occurs twice, or nearly so, is used once, and one
    that occurs in two classes is not used at all. Raises ValueError for a
    wrong argument, and when fewer than two classes can be used.

    Taught in notebook 10.
    """
    side = _side(image_size)
    _check_shares(validation, test)
    _check_whole("seed", seed, 0)
    _check_whole("most", most, FEWEST)
    generator = np.random.default_rng(seed)
    remarks, left_out, wide = [], [], []
    with layouts.opened(directory) as folder:
        name = layouts.show(folder.resolve().name)
        classes = layouts.find_classes(folder, remarks)
        limit = _limit(classes, side, most, remarks)
        found = {}
        for label, files in classes.items():
            files = _take(files, limit, generator)
            found[label] = _read_all(folder, files, side, left_out, wide)
    _say_wide(wide, remarks)
    _drop_repeats(found, left_out)
    _drop_lookalikes(found, left_out, remarks)
    kept = _large_enough(found, name, remarks, left_out)
    found.clear()
    parts = _split(kept, validation, test, generator)
    _say_imbalance(kept, remarks)
    _report(name, kept, remarks, left_out)
    class_names = tuple(kept)
    kept.clear()
    test_files = tuple(file for group in parts["test"] for file, _ in group)
    return FolderPictures(
        class_names,
        "folder",
        *_stack(parts.pop("train"), side, generator),
        *_stack(parts.pop("validation"), side),
        *_stack(parts.pop("test"), side),
        test_files=test_files,
        left_out=tuple(left_out),
    )


def _limit(classes, side, most, remarks):
    """Return how many pictures of each class may be taken."""
    sizes = sorted(map(len, classes.values()))
    free = devices.available_memory()
    fitting = int(free * SHARE_OF_MEMORY) // (3 * side * side)
    limit, left = most, min(fitting, MOST_IN_ALL)
    for number, size in enumerate(sizes):
        share = left // (len(sizes) - number)
        if size > share:
            limit = min(most, share)
            break
        left -= size
    if limit < FEWEST:
        raise ValueError(
            f"The free memory, {free / devices.GIB:.1f} GiB, is not enough "
            f"for {len(sizes)} classes at {side} × {side} pixels: choose a "
            "smaller image_size, or shut down other kernels."
        )
    larger = [name for name, files in classes.items() if len(files) > limit]
    for name in larger if len(larger) <= 3 else ():
        remarks.append(
            say(
                f"{_short(name)} has {len(classes[name])} files; {limit} "
                "are used."
            )
        )
    if len(larger) > 3:
        remarks.append(
            say(
                f"{len(larger)} classes have more than {limit} files; "
                f"{limit} of each are used."
            )
        )
    if limit < most and larger:
        cause = (
            say(
                f"the free memory ({free / devices.GIB:.1f} GiB) would not be "
                "enough for the rest of the lesson"
            )
            if fitting < MOST_IN_ALL
            else say("the lesson would take too long")
        )
        remarks.append(say(f"With more than that, {cause}."))
    return limit


def _short(name):
    return reasons.shorten(name, 30)


def _take(files, most, generator):
    files = sorted(files, key=layouts.show)
    if len(files) <= most:
        return files
    chosen = generator.choice(len(files), most, replace=False)
    return [files[place] for place in np.sort(chosen)]


def _read_all(directory, files, side, left_out, wide):
    """Return [(name, pixels)] of the files that can be read."""

    def read(path):
        try:
            return _read(path, side)
        except ValueError as error:
            return str(error)
        except OSError as error:
            return reasons.explain(error)

    names = [layouts.show(path.relative_to(directory)) for path in files]
    with ThreadPoolExecutor(4) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = list(pool.map(read, files))
    good = []
    for name, result in zip(names, results, strict=True):
        if isinstance(result, str):
            left_out.append((name, result))
        else:
            good.append((name, result[0]))
            wide += [name] if result[1] else []
    return good


def _say_wide(wide, remarks):
    if wide:
        remarks.append(
            say(
                "More than half is cut away of "
                f"{reasons.count(len(wide), 'long picture')}, such as "
                f"{wide[0]}: look at what is left."
            )
        )


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
                say(f"the same picture is in {others}: which is right?")
                if others
                else say(f"the same picture as {same[0][1]}")
            )
    left_out += unwanted.items()
    for label, pictures in found.items():
        found[label] = [p for p in pictures if p[0] not in unwanted]


def _drop_lookalikes(found, left_out, remarks):
    """Keep one of pictures that look the same: parts then share none."""
    rows = [(label, *row) for label in found for row in found[label]]
    thumbnails = _thumbnails([pixels for *_, pixels in rows])
    kept, unwanted, counts = [], set(), Counter()
    for start in range(0, len(rows), 256):
        block = thumbnails[start : start + 256]
        before = block @ thumbnails[kept].T
        within = block @ block.T
        fresh = []
        for place, (label, name, _) in enumerate(rows[start : start + 256]):
            twin = None
            if before.size and before[place].max() > SAME:
                twin = kept[before[place].argmax()]
            elif fresh and within[place, fresh].max() > SAME:
                twin = start + fresh[within[place, fresh].argmax()]
            if twin is None:
                fresh.append(place)
                continue
            unwanted.add(name)
            counts[label] += 1
            left_out.append((name, say(f"looks like {rows[twin][1]}")))
        kept += [start + place for place in fresh]
    for label, count in counts.items():
        found[label] = [row for row in found[label] if row[0] not in unwanted]
        remarks.append(
            say(
                f"{count} of {len(found[label]) + count} pictures of "
                f"{_short(label)} look like another one: each is used once."
            )
        )


def _thumbnails(pictures):
    """Return 16 × 16 thumbnails (count, 768) of norm 1, or 0 if plain.

    Each color has mean 0: plain pictures do not all look the same.
    """
    small = np.empty((len(pictures), 256, 3), np.float32)
    for row, pixels in zip(small, pictures, strict=True):
        image = Image.fromarray(pixels).resize((16, 16), Image.Resampling.BOX)
        row[:] = np.asarray(image).reshape(256, 3)
    small -= small.mean(axis=1, keepdims=True)
    small = small.reshape(len(pictures), 768)
    norm = np.linalg.norm(small, axis=1, keepdims=True)
    return np.where(norm > 16, small / np.maximum(norm, 1e-6), 0)


def _large_enough(found, folder, remarks, left_out):
    kept = {n: rows for n, rows in found.items() if len(rows) >= FEWEST}
    small = [name for name in found if name not in kept]
    for name in small if len(small) <= 3 else ():
        remarks.append(
            say(
                f"{_short(name)} has "
                f"{reasons.count(len(found[name]), 'usable picture')} and "
                f"is left out: a class needs at least {FEWEST}, and {FEW} "
                "or more are better."
            )
        )
    if len(small) > 3:
        remarks.append(
            say(
                f"{len(small)} classes are left out, "
                f"{layouts.names_of(small)}: each needs at least {FEWEST} "
                f"usable pictures, and {FEW} or more are better."
            )
        )
    if len(kept) < 2:
        _report(folder, kept, remarks, left_out)
        number = "no class" if not kept else f"one class, {next(iter(kept))}"
        raise ValueError(
            f"{folder} holds {number} that can be used: make a sub-folder for "
            f"each of two or more classes, with {FEWEST} or more pictures in "
            "it."
        )
    few = [name for name, rows in kept.items() if len(rows) < FEW]
    for name in few if len(few) <= 3 else ():
        remarks.append(
            say(
                f"{_short(name)} has only {len(kept[name])} pictures: a "
                "test on so few is little more than a guess."
            )
        )
    if len(few) > 3:
        remarks.append(
            say(
                f"{len(few)} classes have fewer than {FEW} pictures: a "
                "test on so few is little more than a guess."
            )
        )
    return kept


def _say_imbalance(kept, remarks):
    by_size = sorted(kept, key=lambda name: len(kept[name]))
    least, largest = by_size[0], by_size[-1]
    ratio = len(kept[largest]) / len(kept[least])
    if ratio > IMBALANCE:
        remarks.append(
            say(
                f"There are {ratio:.1f} pictures of {_short(largest)} for "
                f"every picture of {_short(least)}: read balanced "
                "accuracy, and train on .few(n), which takes equal "
                "numbers."
            )
        )


def _split(kept, validation, test, generator):
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
    return parts


def _stack(groups, side, generator=None):
    """Return pictures and labels; a generator mixes them."""
    rows = [pixels for group in groups for _, pixels in group]
    labels = np.repeat(np.arange(len(groups)), list(map(len, groups)))
    groups.clear()
    order = range(len(rows))
    if generator is not None:
        order = generator.permutation(len(rows))
        labels = labels[order]
    pixels = np.empty((len(rows), side, side, 3), np.uint8)
    for row, place in zip(pixels, order, strict=True):
        row[:] = rows[place]
        rows[place] = None  # given back, lest both copies fill the memory
    return pixels, labels


def _report(folder, kept, remarks, left_out):
    counts = ", ".join(f"{_short(n)} {len(rows)}" for n, rows in kept.items())
    if len(kept) > MANY:
        sizes = list(map(len, kept.values()))
        counts = say(
            f"{len(kept)} classes of {min(sizes)} to {max(sizes)} pictures, "
            f"{sum(sizes)} in all"
        )
    tell(f"Pictures: {folder} ({counts or say('none')}).")
    for remark in remarks:
        print(f"! {remark}")
    if left_out:
        files = reasons.count(len(left_out), "file")
        tell(f"{files} left out, and not changed:")
    for name, reason in left_out[:NAMED]:
        print(f"  {name}: {reason}")
    if len(left_out) > NAMED:
        tell(f"  and {len(left_out) - NAMED} more: see .left_out")
