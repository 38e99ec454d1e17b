"""Folders as people have them: opened, or a sentence says why not."""

import errno
import io
import os
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from course_utils.data import folders, layouts

SIZE = 16
CLASSES = ("cat", "dog")
numbers = iter(range(10**6))


def make(folder, count=6, name="{:03}.png"):
    """Write pictures that no other call writes."""
    folder.mkdir(parents=True, exist_ok=True)
    for place in range(count):
        noise = np.random.default_rng(next(numbers))
        coarse = noise.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize((24, 24), Image.NEAREST)
        image.save(folder / name.format(place))


def pair(folder, names=CLASSES, count=6):
    for name in names:
        make(folder / name, count)


def plain(x):
    pair(x)


def doubled(x):
    pair(x / "training_set" / "training_set")
    pair(x / "test_set" / "test_set")


def prefixed(x):
    pair(x / "seg_train" / "seg_train")
    pair(x / "seg_test" / "seg_test")
    make(x / "seg_pred" / "seg_pred")


def in_any_case(x):
    pair(x / "TRAIN", ("Cat", "dog"))
    pair(x / "Valid", ("cat", "DOG"))


def with_annotations(x):
    pair(x / "train")
    pair(x / "test")
    make(x / "annotations")
    (x / "annotations" / "a.xml").touch()


def numbered(x):
    pair(x / "train2017")
    pair(x / "val2017")


def train_with_unlabeled_test(x):
    pair(x / "train")
    make(x / "test1")


def train_alone(x):
    pair(x / "download" / "archive" / "train")


def wrapper_with_strangers(x):
    pair(x / "flower_photos")
    (x / "load.py").touch()
    (x / "flower_photos" / "LICENSE.txt").touch()
    (x / "code").mkdir()
    (x / "code" / "more.py").touch()


def images_and_masks(x):
    pair(x / "images")
    pair(x / "masks", ("a", "b"))


def parts_in_classes(x):
    for name in CLASSES:
        make(x / name / "train")
        make(x / name / "test")


def names_begin(x):
    for name in CLASSES:
        make(x / "train", name=name + ".{}.jpg")


def names_begin_beside_unlabeled(x):
    names_begin(x)
    make(x / "test1", name="{}.jpg")


def names_with_underscores(x):
    make(x / "images", name="Cat_{}.png")
    make(x / "images", name="dog ({}).png")
    make(x / "images", 2, name="IMG_{}.png")
    make(x / "annotations" / "trimaps", name="Cat_{}.png")


def table(folder, head, rows):
    lines = [head, *(",".join(map(str, row)) for row in rows)]
    (folder / "labels.csv").write_text("\n".join(lines), "utf-8-sig")


def a_table(x):
    make(x / "train", 12, "{:03}.jpg")
    table(
        x,
        "id,breed",
        [(f"{n:03}", CLASSES[n % 2]) for n in range(12)],
    )


def a_table_of_paths(x):
    make(x / "images", 12, "{}.jpg")
    rows = [(n, f"images/{n}.jpg", n / 7, CLASSES[n % 2]) for n in range(12)]
    table(x, "index,file_name,weight,Label", rows)


def a_table_with_numbers(x):
    """The labels 1 and 2 are names of files as well."""
    make(x, 12, "{}.png")
    table(x, "file;kind", [(f"{n};{n % 2 + 1}",) for n in range(12)])


def packed(x, suffix, wrap="pictures"):
    pair(x.parent / "packed" / wrap)
    kind = {".zip": "zip", ".tar": "tar", ".tgz": "gztar", ".tbz2": "bztar"}
    made = shutil.make_archive(
        x.parent / "made", kind[suffix], x.parent / "packed"
    )
    x.mkdir()
    shutil.move(made, x / f"my pictures{suffix}")


OPENED = {
    each.__name__: each
    for each in (
        *(plain, doubled, prefixed, in_any_case, with_annotations, numbered),
        *(train_with_unlabeled_test, train_alone, wrapper_with_strangers),
        *(images_and_masks, parts_in_classes, names_begin),
        *(names_begin_beside_unlabeled, names_with_underscores, a_table),
        *(a_table_of_paths, a_table_with_numbers),
    )
}
OPENED |= {
    f"packed as {suffix}": lambda x, suffix=suffix: packed(x, suffix)
    for suffix in (".zip", ".tar", ".tgz", ".tbz2")
}


def classes_of(pictures):
    return tuple(name.lower() for name in pictures.class_names)


@pytest.mark.parametrize("arrange", OPENED.values(), ids=OPENED)
def test_a_layout_is_opened_rightly(arrange, tmp_path, capsys):
    arrange(tmp_path / "x")
    pictures = folders.load_folder(tmp_path / "x", SIZE)
    expected = ("1", "2") if arrange is a_table_with_numbers else CLASSES
    assert classes_of(pictures) == expected
    for name, label in zip(pictures.test_files, pictures.y_test, strict=True):
        if "table" not in arrange.__name__:
            assert expected[label] in name.lower()
    total = len(pictures.y_train) + len(pictures.y_validation)
    pooled = (doubled, prefixed, in_any_case, with_annotations, numbered)
    twice = 2 if arrange in (*pooled, parts_in_classes) else 1
    assert total + len(pictures.y_test) == 12 * twice
    printed = capsys.readouterr().out
    if arrange in pooled:
        assert "pooled, and split again" in printed
    if "unlabeled" in arrange.__name__ or arrange is prefixed:
        assert "6 " in printed and "not used" in printed


def two_parts_and_nothing_else(x):
    make(x / "train")
    make(x / "test")
    return "not sorted into classes"


def no_names(x):
    make(x, 12, "IMG_{}.jpg")
    return "not sorted into classes"


def names_of_hexadecimal_digits(x):
    make(x, 12, "a{}.jpg")
    make(x, 12, "b{}.jpg")
    make(x, 30, "{}c.jpg")
    return "not sorted into classes"


def a_grid(x):
    pair(x / "cat", ("indoor", "outdoor"))
    pair(x / "dog", ("indoor", "outdoor"))
    return "hold the same folders, indoor and outdoor"


def two_collections(x):
    pair(x / "2019")
    pair(x / "2020")
    return "hold the same folders, cat and dog"


def a_part_beside_classes(x):
    pair(x / "train")
    make(x / "bird")
    return "train, which looks like a part of a data set, next to bird"


def boxes_and_no_classes(x):
    for part in ("train", "valid"):
        make(x / part / "images")
        (x / part / "labels").mkdir()
        (x / part / "labels" / "000.txt").touch()
    return "not sorted into classes"


def an_unclear_table(x):
    make(x, 12, "{:03}.jpg")
    rows = [(f"{n:03}", "mf"[n % 2], "ab"[n % 2]) for n in range(12)]
    table(x, "id,sex,group", rows)
    return "which of its columns holds the classes: sex and group"


REFUSED = (
    *(two_parts_and_nothing_else, no_names, names_of_hexadecimal_digits),
    *(a_grid, two_collections, a_part_beside_classes, boxes_and_no_classes),
    an_unclear_table,
)


@pytest.mark.parametrize("arrange", REFUSED)
def test_an_unclear_layout_is_refused_in_a_sentence(arrange, tmp_path):
    sentence = arrange(tmp_path / "x")
    with pytest.raises(ValueError, match=sentence) as caught:
        folders.load_folder(tmp_path / "x", SIZE)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "names",
    [
        ("car", "train"),  # the vehicle
        ("mask", "no mask"),
        ("steam_train", "test tube"),
        ("data", "noise"),
        ("0", "1"),
        ("images", "sculptures"),
    ],
)
def test_classes_may_have_any_names(names, tmp_path):
    pair(tmp_path, names)
    pictures = folders.load_folder(tmp_path, SIZE)
    assert pictures.class_names == tuple(sorted(names))


@pytest.mark.parametrize(
    "name", ["x\x1b[2Jy", "two\nlines", "a\u202eb", "tab\t", "bell\x07"]
)
def test_names_cannot_act(name, tmp_path, capsys):
    try:
        pair(tmp_path, ("dog", name))
        (tmp_path / "dog" / f"{name}.png").write_bytes(b"no picture")
    except OSError:
        pytest.skip("this file system has no such name")
    pictures = folders.load_folder(tmp_path, SIZE)
    texts = [capsys.readouterr().out.replace("\n", " "), repr(pictures)]
    texts += [*pictures.class_names, *pictures.test_files]
    assert all(text.isprintable() for text in texts)
    assert len(pictures.left_out) == 1


# Archives -------------------------------------------------------------------


def picture_bytes(number):
    noise = np.random.default_rng(number).integers(0, 256, (24, 24, 3))
    stream = io.BytesIO()
    Image.fromarray(noise.astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def hostile(kind, outside):
    """Return an archive with two good classes and names that climb out."""
    good = [
        (f"x/{name}/{n}.png", picture_bytes(100 * k + n))
        for k, name in enumerate(CLASSES)
        for n in range(6)
    ]
    bad = ["../../evil.png", f"{outside}/evil.png", "x/cat/../../../evil.png"]
    bad += ["..\\..\\evil.png", "C:\\evil.png", "x/cat/" + "n" * 300]
    bad += ["x/cat", "x/cat/0.png/evil.png"]  # a file in place of a folder
    files = [*good, *((name, b"evil") for name in bad)]
    stream = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(stream, "w") as archive:
            for name, content in files:
                archive.writestr(name, content)
            link = zipfile.ZipInfo("x/cat/link.png")
            link.external_attr = 0o120777 << 16
            archive.writestr(link, "/etc/passwd")
    else:
        with tarfile.open(fileobj=stream, mode="w:gz") as archive:
            for name, content in files:
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
            for type_ in (tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
                entry = tarfile.TarInfo("x/cat/link.png")
                entry.type, entry.linkname = type_, "/etc/passwd"
                archive.addfile(entry)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["zip", "tgz"])
def test_nothing_leaves_an_archive(kind, tmp_path, monkeypatch):
    place = tmp_path / "a" / "b" / "c"
    place.mkdir(parents=True)
    monkeypatch.setattr(layouts.tempfile, "tempdir", str(place))
    path = tmp_path / f"x.{kind}"
    path.write_bytes(hostile(kind, tmp_path))
    before = set(tmp_path.rglob("*"))
    with layouts.opened(path) as folder:
        written = [p for p in tmp_path.rglob("*") if p not in before]
        assert all(p.is_relative_to(place) for p in written)
        assert not any(p.is_symlink() for p in written)
        classes = layouts.find_classes(folder, [])
    assert set(classes) == set(CLASSES)
    assert set(tmp_path.rglob("*")) == before


def test_the_class_in_an_archive_is_named_as_the_archive(tmp_path, capsys):
    path = tmp_path / "holiday.tar.gz"
    path.write_bytes(hostile("tgz", tmp_path))
    pictures = folders.load_folder(path, SIZE)
    assert "Pictures: holiday (cat 6, dog 6)" in capsys.readouterr().out
    assert pictures.test_files[0].startswith("x/cat/")


def zip_of(size, count=1, locked=False):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(count):
            archive.writestr(f"cat/{number}.png", bytes(size))
    content = bytearray(stream.getvalue())
    if locked:
        for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
            content[content.index(mark) + offset] |= 1
    return bytes(content)


def tar_with_header_bomb():
    stream = io.BytesIO()
    entry = tarfile.TarInfo("cat/" + "a" * 30_000_000)
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as archive:
        archive.addfile(entry)
    return stream.getvalue()


BAD_ARCHIVES = {
    "one large file": (".zip", lambda: zip_of(2_000_000), "more than"),
    "large together": (".zip", lambda: zip_of(300_000, 5), "more than"),
    "many files": (".zip", lambda: zip_of(1, 60), "more than"),
    "a password": (".zip", lambda: zip_of(9, locked=True), "password"),
    "a long name": (".tgz", tar_with_header_bomb, "list of files"),
    "cut short": (".zip", lambda: zip_of(9, 9)[:-50], "damaged|kind of"),
    "cut short tar": (
        ".tgz",
        lambda: hostile("tgz", "/x")[:3000],
        "damaged|kind|ended",
    ),
    "no archive": (".tar", lambda: b"hello" * 500, "kind of file"),
    "empty": (".zip", lambda: b"", "kind of file"),
}


@pytest.mark.parametrize("case", BAD_ARCHIVES.values(), ids=BAD_ARCHIVES)
def test_a_bad_archive_is_refused_in_a_sentence(case, tmp_path, monkeypatch):
    suffix, content, sentence = case
    monkeypatch.setattr(layouts, "MOST_BYTES", 1_000_000)
    monkeypatch.setattr(layouts, "MOST_ENTRIES", 50)
    monkeypatch.setattr(layouts.tempfile, "tempdir", str(tmp_path))
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content())
    with pytest.raises(ValueError, match=sentence) as caught:
        folders.load_folder(path, SIZE)
    assert "cannot be unpacked" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [path]


# Paths ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        (None, "not a path"),
        (7, "not a path"),
        ("a\0b", "not a path"),
        ("~nosuchuser/x", "There is no folder"),
        ("https://example.org/cats.zip", "There is no folder"),
        ("a.jpg", "neither a folder nor"),
        ("a.rar", "unpack other archives first"),
        ("n" * 300, "name is too long"),
    ],
)
def test_a_path_that_leads_nowhere(path, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "a.rar"):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=sentence):
        folders.load_folder(path, SIZE)


CAUSES = {
    "EACCES": "permission is denied",
    "EMFILE": "restart the kernel",
    "EIO": "the disk cannot read",
    "ENAMETOOLONG": "too long",
    "ENFILE": "close other programs",
    "ESTALE": "tale",  # one that has no remedy of its own
}


@pytest.mark.parametrize("code", CAUSES)
def test_a_folder_that_cannot_be_read_is_named(code, tmp_path, monkeypatch):
    pair(tmp_path, ("ape", *CLASSES))
    iterate = Path.iterdir

    def refuse(path):
        if path.name == "ape":
            number = getattr(errno, code)
            raise OSError(number, os.strerror(number))
        return iterate(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    remarks = []
    classes = layouts.find_classes(tmp_path, remarks)
    assert [name for name in classes if classes[name]] == list(CLASSES)
    assert "ape cannot be opened" in remarks[0] and CAUSES[code] in remarks[0]


def test_a_folder_of_everything_is_given_up(tmp_path, monkeypatch):
    pair(tmp_path)
    monkeypatch.setattr(layouts, "MOST_ENTRIES", 10)
    with pytest.raises(ValueError, match="more than 10 files"):
        folders.load_folder(tmp_path, SIZE)
