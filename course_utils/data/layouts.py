"""Find the classes in a folder of pictures, however people arrange it.

Classes are folders, or names at the start of the file names, or a column of
a table; they may lie in parts (train, test), in wrapping folders, and in an
archive. `folders.load_folder` uses this.
"""

import csv
import errno
import os
import re
import shutil
import stat
import tarfile
import tempfile
import zipfile
from collections import Counter
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from course_utils.language import say
from course_utils.machine import reasons

SUFFIXES = {
    *(".jpg", ".jpeg", ".jfif", ".png", ".gif", ".webp", ".bmp", ".heic"),
    *(".heif", ".tif", ".tiff", ".avif", ".eps", ".jp2", ".ppm", ".pgm"),
}

ARCHIVES = (
    *(".zip", ".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz"),
    ".tar.xz",
)

SYSTEM_FILES = {"thumbs.db", "desktop.ini", "__macosx", "@eadir"}

# The last word of a part's name: training_set, seg_train, test1, val2017.
PARTS = {
    **dict.fromkeys(("train", "training", "trainset", "trainingset"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing", "testset", "eval", "holdout"), "test"),
    **dict.fromkeys(("pred", "prediction", "unlabeled"), "unlabeled"),
}

# Folders named so hold pictures of all classes, or none that count.
GENERIC = {
    *("images", "image", "imgs", "img", "pictures", "photos", "data"),
    *("jpegimages", "jpg", "jpeg", "png", "files", "all"),
}

NOT_PICTURES = {
    *("annotations", "annotation", "masks", "mask", "labels", "trimaps"),
    *("segmentation", "segmentations", "groundtruth", "ground_truth"),
}

# What cameras and programs begin file names with.
NO_CLASS = {
    *("img", "image", "dsc", "dscn", "dscf", "pxl", "photo", "picture", "pic"),
    *("screenshot", "whatsapp image", "frame", "file", "untitled", "p", "mvi"),
    *("dji", "gopr", "imgp", "sam", "pict", "scan", "copy of img", "train"),
    *("test", "val", "sample", "n"),
}

LABEL_WORDS = (
    *("label", "labels", "class", "class_name", "classname", "category"),
    *("breed", "species", "target", "animal", "type"),
)

MOST_BYTES = 4_000_000_000  # of an archive's files together
MOST_ENTRIES = 200_000
MOST_TABLE_BYTES = 20_000_000
DEEPEST = 40
FEWEST = 5  # files that begin alike before that counts as a class


def show(path):
    """Return a name that can be printed, the same on every system."""
    return reasons.printable(
        os.fsencode(path).decode("utf-8", "surrogateescape")
    )


def names_of(things, most=6):
    """Return names in a sentence: "a, b and c", or the first of many."""
    names = [reasons.shorten(thing, 40) for thing in things]
    if len(names) > most:
        names = [*names[: most - 1], say(f"{len(names) - most + 1} more")]
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


@contextmanager
def opened(path):
    """Give the folder of a path; an archive stays unpacked while it is used.

    Raises ValueError with one sentence when there is neither.
    """
    try:
        path = Path(os.path.expanduser(os.fspath(path)))
        kind = stat.S_IFMT(path.stat().st_mode)
        if kind == stat.S_IFDIR:
            inside = [each for each in path.iterdir() if not _hidden(each)]
            if [_is_archive(each) for each in inside] == [True]:
                path, kind = inside[0], stat.S_IFREG
    except (TypeError, ValueError):
        raise ValueError(
            f"{path!r} is not a path: write the path of a folder as text."
        ) from None
    except FileNotFoundError:
        raise ValueError(
            f"There is no folder {show(path)}: write the path of a folder "
            "with one sub-folder per class, or of a .zip or .tar file."
        ) from None
    except OSError as error:
        raise ValueError(
            f"{show(path)} cannot be opened ({reasons.explain(error)})."
        ) from None
    if kind == stat.S_IFDIR:
        yield path
    elif kind == stat.S_IFREG and _is_archive(path):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
            stem = re.sub(r"(\.tar)?\.\w+$", "", path.name) or "archive"
            folder = Path(place) / stem
            folder.mkdir()
            try:
                _unpack(path, folder)
            except (OSError, EOFError, ValueError, RuntimeError) as error:
                raise ValueError(
                    f"{show(path.name)} cannot be unpacked "
                    f"({reasons.explain(error)})."
                ) from None
            yield folder
    else:
        raise ValueError(
            f"{show(path)} is neither a folder nor a .zip or .tar file: give "
            "the folder whose sub-folders are the classes (unpack other "
            "archives first)."
        )


def _is_archive(path):
    return path.name.lower().endswith(ARCHIVES) and path.is_file()


def _unpack(archive, folder):
    """Write an archive's files below a folder, and nothing anywhere else."""
    room = min(MOST_BYTES, shutil.disk_usage(folder).free // 2)
    for number, (name, size, source) in enumerate(_entries(archive)):
        room -= size
        if room < 0 or number > MOST_ENTRIES:
            raise ValueError(
                "it holds more than the disk or the course can take: unpack "
                "the part that you need"
            )
        parts = [each for each in re.split(r"[\\/]", name) if each != "."]
        outside = {"", ".."} & {*parts} or ":" in name  # or a whole path
        if source is None or outside or any(map(_hidden, map(Path, parts))):
            continue
        target = folder.joinpath(*parts)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with source() as stream, target.open("xb") as file:
                shutil.copyfileobj(stream, file, 1 << 20)
        except OSError as error:
            if error.errno not in _ODD_NAMES:
                raise


# A name that this system cannot have, or that is there already.
_ODD_NAMES = {
    *(errno.ENAMETOOLONG, errno.EEXIST, errno.ENOTDIR, errno.EISDIR),
    *(errno.EINVAL, errno.EILSEQ),
}


def _entries(path):
    """Yield (name, bytes, function that opens it or None) of an archive."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if entry.flag_bits & 1:
                    raise ValueError("it is locked with a password")
                link = stat.S_ISLNK(entry.external_attr >> 16)
                usable = not entry.is_dir() and not link
                opener = partial(archive.open, entry)
                yield (
                    entry.filename,
                    entry.file_size,
                    opener if usable else None,
                )
        return
    import bz2
    import gzip
    import lzma

    with path.open("rb") as file:
        head = file.read(6)
    openers = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}
    try:
        with (
            openers.get(head[:2], open)(path, "rb") as stream,
            tarfile.open(fileobj=_Stream(stream), mode="r:") as archive,
        ):
            for entry in archive:
                usable = entry.isfile()
                opener = partial(archive.extractfile, entry)
                yield entry.name, entry.size, opener if usable else None
    except (tarfile.TarError, lzma.LZMAError):
        raise ValueError("it is damaged, or another kind of file") from None


class _Stream:
    """A file that refuses to be read in pieces which fill the memory."""

    def __init__(self, file):
        self.file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size):
        """Return the next `size` bytes."""
        if size > 1 << 24:
            raise ValueError("its list of files is damaged")
        return self.file.read(size)


class _Folder:
    """A folder with its visible files and folders, each in order of name.

    Links to folders are followed from the top alone.
    """

    def __init__(self, path, remarks, above=(), counted=None):
        self.path, self.name = path, show(path.name)
        self.folders, self.files = [], []
        counted = [0] if counted is None else counted
        try:
            above = {*above, path.resolve()}
            for each in sorted(path.iterdir(), key=show):
                counted[0] += 1
                if counted[0] > MOST_ENTRIES:
                    raise ValueError(
                        f"There are more than {MOST_ENTRIES:,} files below "
                        "that folder: give the one that holds the pictures."
                    )
                if _hidden(each):
                    continue
                if not each.is_dir():
                    self.files.append(each)
                elif len(above) < DEEPEST and not (
                    each.is_symlink()
                    and (len(above) > 1 or each.resolve() in above)
                ):
                    inner = _Folder(each, remarks, above, counted)
                    self.folders.append(inner)
        except OSError as error:
            remarks.append(
                f"{self.name} cannot be opened ({reasons.explain(error)})."
            )
        self.pictures = [
            file for file in self.files if file.suffix.lower() in SUFFIXES
        ]

    def all_files(self):
        """Return the files here and in all folders below."""
        below = [file for each in self.folders for file in each.all_files()]
        return [*self.files, *below]

    def all_pictures(self):
        """Return the pictures here and in all folders below."""
        below = [file for each in self.folders for file in each.all_pictures()]
        return [*self.pictures, *below]

    def full(self):
        """Return the folders that hold pictures, but not masks and so on."""
        full = [each for each in self.folders if each.all_pictures()]
        if any(each.is_generic() or _part(each.name) for each in full):
            full = [e for e in full if e.name.lower() not in NOT_PICTURES]
        return full

    def is_generic(self):
        """Return whether its name says "pictures" and no class."""
        return self.name.lower() in GENERIC


def _hidden(path):
    return path.name.startswith(".") or path.name.lower() in SYSTEM_FILES


def _part(name):
    """Return "train", "validation", "test" ... of a part's name, or None."""
    words = re.findall("[a-z]+", name.lower())
    while words and words[-1] in {"set", "split", "dataset", *GENERIC}:
        words.pop()
    return PARTS.get(words[-1]) if words else None


def _unwrap(folder):
    """Return the folder itself, or what the one folder in it holds."""
    while not folder.pictures:
        full = folder.full()
        empty = [each for each in folder.folders if not each.all_files()]
        if len(full) != 1 or empty or full[0].pictures:
            break
        folder = full[0]
    return folder


def find_classes(directory, remarks):
    """Return {class name: paths of its files}, in order of name.

    remarks: a list that takes sentences on what was seen
    Raises ValueError if the classes are ambiguous.
    """
    top = _Folder(directory, remarks)
    if not top.all_pictures():
        return {each.name: each.all_files() for each in top.folders}
    classes = _level(_unwrap(top), top, remarks)
    merged = {}
    for name in sorted(classes):
        same = next(
            (n for n in merged if n.casefold() == name.casefold()), name
        )
        if same != name:
            remarks.append(say(f"{same} and {name} are treated as one class."))
        merged.setdefault(same, []).extend(classes[name])
    return merged


def _level(folder, top, remarks):
    """Return the classes that lie in a folder."""
    full = folder.full()
    parts = [each for each in full if _part(each.name)]
    others = [each for each in full if not _part(each.name)]
    split = [each for each in parts if _has_classes(each)]
    if len(split) == 1 and others:
        raise ValueError(
            f"{folder.name} holds {split[0].name}, which looks like a part of "
            f"a data set, next to {names_of(e.name for e in others)}: give "
            "the folder whose sub-folders are the classes."
        )
    if split:
        return _pool(parts, others, top, remarks)
    several_parts = len({_part(each.name) for each in parts}) > 1
    generic = all(each.is_generic() or _part(each.name) for each in full)
    if several_parts or len(full) < 2 or generic:
        sorted_here = len(full) == 1 and not (generic or several_parts)
        found = _flat(folder, top, remarks, required=not sorted_here)
        if found:
            return found
    _refuse_grids(full)
    if folder.pictures:
        remarks.append(
            say(
                f"{reasons.count(len(folder.pictures), 'picture')} next "
                "to the class folders: not used, because they have no "
                "class."
            )
        )
    classes = {}
    for each in folder.folders:
        files = each.all_files()
        if files and not each.all_pictures():
            remarks.append(say(f"{each.name} holds no pictures."))
            continue
        classes[each.name] = files
        if nested := len(files) - len(each.files):
            remarks.append(
                say(
                    f"{reasons.count(nested, 'file')} of {each.name} in "
                    "folders below it count as its pictures."
                )
            )
    return classes


def _has_classes(part):
    inner = _unwrap(part)
    return not inner.pictures and any(
        _has_classes(each) if _part(each.name) else not each.is_generic()
        for each in inner.full()
    )


def _pool(parts, others, top, remarks):
    pooled, unused = [], list(others)
    classes = {}
    for part in parts:
        if not _has_classes(part):
            unused.append(part)
            continue
        pooled.append(part.name)
        inside = []
        for name, files in _level(_unwrap(part), top, inside).items():
            classes.setdefault(name, []).extend(files)
        remarks += [each for each in inside if each not in remarks]
    remarks.append(
        say(f"The parts {names_of(pooled)} are pooled, and split again.")
    )
    if unused:
        count = sum(len(each.all_pictures()) for each in unused)
        remarks.append(
            say(
                f"{reasons.count(count, 'picture')} in "
                f"{names_of(e.name for e in unused)} without a class "
                "folder: not used."
            )
        )
    return classes


def _refuse_grids(full):
    """Refuse folders that all hold the same folders: which is the class?"""
    inner = [
        {e.name.casefold() for e in each.folders if e.all_pictures()}
        for each in full
        if not each.pictures
    ]
    shared = set.intersection(*inner) if len(inner) > 1 else set()
    shared = {name for name in shared if not _part(name)}
    if len(shared) > 1 and len(inner) == len(full):
        raise ValueError(
            f"{names_of(e.name for e in full)} hold the same folders, "
            f"{names_of(sorted(shared))}: which are the classes? Give a "
            "folder whose sub-folders are the classes, with the pictures in "
            "them."
        )


def _flat(folder, top, remarks, required=False):
    """Return classes of pictures that lie together, from names or a table."""
    files = list(folder.pictures)
    for each in folder.full():
        files += each.all_pictures()
    found, source = _from_tables(top, files) or _from_names(files) or ({}, "")
    if not found:
        if not required:
            return {}
        raise ValueError(
            f"{folder.name} holds {len(files)} pictures that are not sorted "
            "into classes: no sub-folder is a class, no table lists their "
            "labels, and the file names do not begin with them. Make a "
            f"sub-folder for each of two or more classes, with {FEWEST} or "
            "more pictures in it."
        )
    used = sum(map(len, found.values()))
    remarks.append(say(f"The classes come from {source}."))
    if used < len(files):
        remarks.append(
            say(
                f"{len(files) - used} of {len(files)} pictures have no class "
                "there: not used."
            )
        )
    return found


def _from_names(files):
    """Return ({class: files}, source) where file names begin with classes."""
    together = {}
    for file in files:
        together.setdefault(file.parent, []).append(file)
    groups = {}
    for neighbors in together.values():
        # cat.12.jpg, great_dane-7.png, fox (3).jpg, wolf0001.jpg
        begins = [
            re.match(r"[^\W\d][^\d.]*(?=\.?\d)", f.name) for f in neighbors
        ]
        # Where many names begin with a number, the letters mean nothing.
        if sum(map(bool, begins)) < 0.8 * len(neighbors):
            continue
        for file, found in zip(neighbors, begins, strict=True):
            name = found[0].strip(" ._-(") if found else ""
            if len(name) > 1 and name.casefold() not in NO_CLASS:
                groups.setdefault(name.casefold(), []).append((name, file))
    classes = {
        reasons.printable(group[0][0]): [file for _, file in group]
        for group in groups.values()
        if len(group) >= FEWEST
    }
    if len(classes) < 2:
        return None
    source = say(f"the file names, which begin with {names_of(classes)}")
    return classes, source


def _from_tables(top, files):
    """Return ({class: files}, source) where a table lists the pictures."""
    tables = [
        file
        for file in (*top.files, *top.all_files())
        if file.suffix.lower() in (".csv", ".tsv")
        and 0 < file.stat().st_size <= MOST_TABLE_BYTES
    ]
    by_name = {}
    for file in files:
        for key in (file.name.casefold(), file.stem.casefold()):
            by_name.setdefault(key, set()).add(file)
    for table in dict.fromkeys(tables[:20]):
        rows = _rows(table)
        if len(rows) < 2:
            continue
        hits = [
            len({_name(row[place]) for row in rows[1:]} & by_name.keys())
            for place in range(len(rows[0]))
        ]
        if max(hits) < max(2 * FEWEST, len(rows) // 4):
            continue
        names = hits.index(max(hits))
        labels = _label_column(table, rows, names)
        if labels is None:
            continue
        chosen = {}
        for row in rows[1:]:
            for file in by_name.get(_name(row[names]), ()):
                chosen.setdefault(file, set()).add(row[labels].strip())
        classes = {}
        for file, said in chosen.items():
            if len(said) == 1 and "" not in said:
                classes.setdefault(reasons.printable(*said), []).append(file)
        column = reasons.shorten(rows[0][labels], 40)
        return classes, f"{show(table.name)}, column {column}"
    return None


def _rows(table):
    """Return the rows of a table, each as long as its first."""
    try:
        text = table.read_text("utf-8-sig", errors="replace")
        head = text.partition("\n")[0]
        mark = max(",;\t", key=head.count)
        rows = list(csv.reader(text.splitlines(), delimiter=mark))
    except (OSError, csv.Error):
        return []
    width = len(rows[0]) if rows else 0
    return [row for row in rows if len(row) == width > 1]


def _name(text):
    return re.split(r"[\\/]", text.strip())[-1].casefold()


def _label_column(table, rows, names):
    """Return which column holds the classes; None when there is none."""
    head = [text.strip().casefold() for text in rows[0]]
    for word in LABEL_WORDS:
        if word in head and head.index(word) != names:
            return head.index(word)
    likely = []
    for place in range(len(head)):
        values = Counter(row[place] for row in rows[1:])
        if place != names and 1 < len(values) <= len(rows) / 2:
            likely.append(place)
    if len(likely) > 1:
        columns = names_of(rows[0][place] for place in likely)
        raise ValueError(
            f"{show(table.name)} lists the pictures, but which of its columns "
            f"holds the classes: {columns}? Rename that column to label."
        )
    return likely[0] if likely else None
