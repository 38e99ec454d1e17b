"""A folder of your own pictures: what can be used, and what is named."""

import errno
import io
import os
import shutil
import struct
import sys
import unicodedata
import zlib
from functools import partial
from hashlib import sha256
from itertools import chain

import numpy as np
import pytest
from PIL import Image, ImageFile

from course_utils import data
from course_utils.data import folders

SIZE = 32
HALVES = (200, 30, 30), (30, 30, 200)  # red over blue


def picture(number, height=48, width=48):
    """Draw a picture that no other number has."""
    generator = np.random.default_rng(number)
    coarse = generator.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.NEAREST)


def red_over_blue(mode="RGB"):
    pixels = np.empty((64, 64, 3), np.uint8)
    pixels[:32], pixels[32:] = HALVES
    return Image.fromarray(pixels).convert(mode)


def save(image, format="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def png_that_claims(width, height):
    """Return a PNG whose head alone is right: it cannot be decoded."""

    def chunk(kind, body):
        check = zlib.crc32(kind + body)
        return (
            struct.pack(">I", len(body)) + kind + body
            + struct.pack(">I", check)
        )  # fmt: skip

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", b"nothing that unpacks")
    )


def rotated():
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    upside_down = red_over_blue().rotate(180)
    return save(upside_down, "JPEG", quality=95, exif=exif)


def grey_16():
    ramp = np.repeat(np.linspace(0, 65535, 64, dtype=np.uint16), 64)
    return save(Image.fromarray(ramp.reshape(64, 64)))


def half_transparent():
    image = red_over_blue("RGBA")
    alpha = np.full((64, 64), 255, np.uint8)
    alpha[:32] = 0
    image.putalpha(Image.fromarray(alpha))
    return save(image)


def moving():
    frames = [red_over_blue(), picture(1, 64, 64)]
    return save(frames[0], "GIF", save_all=True, append_images=frames[1:])


def is_plain(pixels, color):
    return np.abs(pixels.astype(int) - color).mean() < 12


def red_top(pixels):
    red, blue = HALVES
    return is_plain(pixels[:14], red) and is_plain(pixels[-14:], blue)


def white_top(pixels):
    white, blue = (255, 255, 255), HALVES[1]
    return is_plain(pixels[:14], white) and is_plain(pixels[-14:], blue)


def dark_to_light(pixels):
    column = pixels[:, 16].astype(int)
    return column[0].max() < 12 and 115 < column[16, 0] < 140 and (
        column[-1].min() > 243
    )  # fmt: skip


HEIC = b"\0\0\0\x18ftypheic" + bytes(200)
BIG_HEAD = bytes.fromhex("ffd8ffc0001108") + struct.pack(">HH", 20000, 20000)
BIG_JPEG = BIG_HEAD + bytes.fromhex("03012200021101031101ffd9")

# File name, its bytes, and the reason why it is left out or a test of its
# pixels; a lone surrogate stands for a byte that is no character.
FILES = {
    "truncated": ("cut.jpg", rotated()[:-400], "cut short"),
    "truncated png": ("cut.png", save(picture(2))[:200], "cut short"),
    "zero bytes": ("nothing.jpg", b"", "empty: 0 bytes"),
    "text": ("letter.jpg", b"Dear picture, " * 9, "not a picture"),
    "pickle": ("model.png", b"\x80\x04N.", "not a picture"),
    "html": ("page.jpeg", b"<!doctype html><p>404", "not a picture"),
    "1×1": ("dot.png", save(Image.new("RGB", (1, 1))), "too small: 1 × 1"),
    "thin": ("line.png", save(Image.new("RGB", (900, 3))), "too small"),
    "20,000×20,000 png": (
        "huge.png",
        png_that_claims(20_000, 20_000),
        "too large",
    ),
    "20,000×20,000 jpeg": ("huge.jpg", BIG_JPEG, "too large"),
    "12,000×11,000": (
        "large.png",
        png_that_claims(12_000, 11_000),
        "too large: 12000 × 11000",
    ),
    "HEIC": ("IMG_0001.HEIC", HEIC, "export it as JPEG"),
    "HEIC named jpg": ("IMG_0002.jpg", HEIC, "export it as JPEG"),
    "GIF with frames": ("moving.gif", moving(), red_top),
    "CMYK": (
        "print.jpg",
        save(red_over_blue("CMYK"), "JPEG", quality=95),
        red_top,
    ),
    "16 bit": ("deep.png", grey_16(), dark_to_light),
    "tiff": ("deep.tif", save(red_over_blue(), "TIFF"), "a TIFF picture"),
    "eps": ("cute.jpg", save(red_over_blue(), "EPS"), "an EPS drawing"),
    "pdf": ("page.png", save(red_over_blue(), "PDF"), "a PDF document"),
    "pixmap": ("raw.jpg", save(red_over_blue(), "PPM"), "not a picture"),
    "icon": ("icon.png", save(red_over_blue(), "ICO"), "an icon"),
    "film": ("IMG_3.jpg", b"\0\0\0\x18ftypmp42" + bytes(200), "a video"),
    "bitmap": ("old.bmp", save(red_over_blue(), "BMP"), red_top),
    "alpha": ("cut_out.png", half_transparent(), white_top),
    "grey": (
        "grey.png",
        save(Image.linear_gradient("L").resize((64, 64))),
        dark_to_light,
    ),
    "palette": ("palette.png", save(red_over_blue("P")), red_top),
    "EXIF-rotated": ("turned.jpg", rotated(), red_top),
    "webp": ("web.webp", save(red_over_blue(), "WEBP"), red_top),
    "name in Chinese": ("狐狸.png", save(red_over_blue()), red_top),
    "name in Arabic": ("ثعلب.png", save(red_over_blue()), red_top),
    "name with an emoji": ("🦊 '\"&.png", save(red_over_blue()), red_top),
    "decomposed name": (
        unicodedata.normalize("NFD", "Füchsin.png"),
        save(red_over_blue()),
        red_top,
    ),
    "name that is no text": ("fox\udcff.png", save(red_over_blue()), red_top),
    "wrong suffix": ("picture.txt", save(red_over_blue()), red_top),
    "in a folder below": (
        "summer/june/fox.png",
        save(red_over_blue()),
        red_top,
    ),
    "system file": ("Thumbs.db", b"whatever", None),
    "hidden file": ("._fox.jpg", b"whatever", None),
}


def make(folder, count=8, first=0, **options):
    folder.mkdir(parents=True)
    for number in range(first, first + count):
        picture(number, **options).save(folder / f"{number:03}.png")


@pytest.fixture
def two_classes(tmp_path):
    directory = tmp_path / "my pictures"
    make(directory / "dog", first=100)
    make(directory / "fox", first=200)
    return directory


def state(directory):
    return {
        os.fsencode(path): (
            sha256(path.read_bytes()).digest(),
            path.stat().st_mtime_ns,
        )
        for path in directory.rglob("*")
        if path.is_file()
    }


def all_pixels(pictures):
    return np.concatenate(
        [pictures.x_train, pictures.x_validation, pictures.x_test]
    )


def a_file(name, content, expected, directory):
    """Write one file, and return the judge of what becomes of it."""
    path = directory / "fox" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.write_bytes(content)
    except OSError:
        pytest.skip("this file system has no such name")

    def judge(pictures, printed):
        pixels = all_pixels(pictures)
        assert pictures.class_names == ("dog", "fox")
        assert len(pixels) == 16 + callable(expected)
        if callable(expected):
            assert sum(map(expected, pixels)) == 1
            assert pictures.left_out == ()
        elif expected is None:
            assert pictures.left_out == ()
        else:
            ((shown, reason),) = pictures.left_out
            assert shown == f"fox/{name}"
            assert expected in reason
            assert f"  fox/{name}: {reason}" in printed

    return judge


def one_class_only(directory):
    shutil.rmtree(directory / "dog")
    return "one class, fox"


def an_empty_class(directory):
    (directory / "wolf").mkdir()

    def judge(pictures, printed):
        assert pictures.class_names == ("dog", "fox")
        assert "wolf has 0 usable pictures and is left out" in printed

    return judge


def nested_folders(directory):
    make(directory / "fox" / "red" / "june", count=3, first=300)

    def judge(pictures, printed):
        assert len(all_pixels(pictures)) == 19
        assert pictures.class_names == ("dog", "fox")
        assert "3 files of fox in folders below it" in printed

    return judge


def the_same_picture_in_two_classes(directory):
    copy(directory, "dog/100.png", "fox/copy.png")

    def judge(pictures, printed):
        assert len(all_pixels(pictures)) == 15
        reasons = dict(pictures.left_out)
        assert "is in dog" in reasons["fox/copy.png"]
        assert "is in fox" in reasons["dog/100.png"]

    return judge


def the_same_picture_in_train_and_test(directory):
    (directory / "train").mkdir()
    for first, name in ((400, "dog"), (500, "fox")):
        (directory / name).rename(directory / "train" / name)
        make(directory / "test" / name, count=5, first=first)
    copy(directory, "train/dog/100.png", "test/dog/leak.png")

    def judge(pictures, printed):
        pixels = all_pixels(pictures)
        assert len({each.tobytes() for each in pixels}) == len(pixels)
        assert "pooled, and split again" in printed
        reasons = dict(pictures.left_out)
        assert "the same picture as" in str(reasons)

    return judge


FOLDERS = (
    one_class_only,
    an_empty_class,
    nested_folders,
    the_same_picture_in_two_classes,
    the_same_picture_in_train_and_test,
)
BAD_INPUTS = {name: partial(a_file, *row) for name, row in FILES.items()}
BAD_INPUTS |= {each.__name__.replace("_", " "): each for each in FOLDERS}


@pytest.mark.parametrize("arrange", BAD_INPUTS.values(), ids=BAD_INPUTS)
def test_bad_input_is_named_and_the_rest_is_used(
    two_classes, capsys, monkeypatch, arrange
):
    expected = arrange(two_classes)
    before = state(two_classes)
    decoded = []
    load = ImageFile.ImageFile.load
    monkeypatch.setattr(
        ImageFile.ImageFile,
        "load",
        lambda self: decoded.append(self.size) or load(self),
    )
    if isinstance(expected, str):
        with pytest.raises(ValueError, match=expected) as raised:
            folders.load_folder(two_classes, SIZE)
        assert "make a sub-folder for each" in str(raised.value)
    else:
        pictures = folders.load_folder(two_classes, SIZE)
        printed = capsys.readouterr().out
        printed.encode()  # whatever the name, it can be printed
        expected(pictures, printed)
        assert len(decoded) >= 15
    assert state(two_classes) == before, "a file was changed"
    assert max(decoded) <= (64, 64), "a refused picture was decoded"


def test_the_expectations_can_fail():
    upside_down = folders.read_picture(save(red_over_blue().rotate(180)), SIZE)
    assert not red_top(upside_down)
    assert not dark_to_light(upside_down)
    assert not white_top(folders.read_picture(save(red_over_blue()), SIZE))


def test_a_picture_is_cut_square_and_not_squeezed():
    wide = Image.new("RGB", (300, 100), "red")
    wide.paste("blue", (100, 0, 200, 100))
    pixels = folders.read_picture(save(wide), SIZE)
    assert is_plain(pixels[:, 2:-2], (0, 0, 255))


def test_the_parts_are_stratified_disjoint_and_the_same_again(two_classes):
    pictures = folders.load_folder(two_classes, SIZE)
    assert isinstance(pictures, data.Pictures)
    assert pictures.source == "folder"
    for part, count in (("train", 10), ("validation", 2), ("test", 4)):
        x = getattr(pictures, f"x_{part}")
        y = getattr(pictures, f"y_{part}")
        assert x.shape == (count, SIZE, SIZE, 3) and x.dtype == np.uint8
        assert np.bincount(y).tolist() == [count // 2] * 2
    assert len({p.tobytes() for p in all_pixels(pictures)}) == 16
    for name, label, pixels in zip(
        pictures.test_files, pictures.y_test, pictures.x_test, strict=True
    ):
        assert name.split("/")[0] == pictures.class_names[label]
        again = folders.read_picture(two_classes / name, SIZE)
        assert (again == pixels).all()
    again = folders.load_folder(two_classes, SIZE)
    other = folders.load_folder(two_classes, SIZE, seed=1)
    assert (again.x_train == pictures.x_train).all()
    assert again.test_files == pictures.test_files != other.test_files


def copy(directory, source, target):
    (directory / target).write_bytes((directory / source).read_bytes())


def test_a_picture_that_occurs_twice_is_used_once(two_classes):
    with Image.open(two_classes / "fox" / "200.png") as image:
        image.save(two_classes / "fox" / "again.bmp")  # other bytes
    pictures = folders.load_folder(two_classes, SIZE)
    assert len(all_pixels(pictures)) == 16
    assert pictures.left_out == (
        ("fox/again.bmp", "the same picture as fox/200.png"),
    )


def test_training_pictures_that_look_like_a_held_out_one_leave(two_classes):
    for path in list(two_classes.rglob("*.png")):
        with Image.open(path) as image:
            smooth = image.resize((90, 90), Image.BICUBIC)
            smooth.save(path.with_suffix(".jpg"), quality=70)
    pictures = folders.load_folder(two_classes, SIZE)
    held = np.concatenate([pictures.x_validation, pictures.x_test])
    assert len(pictures.left_out) > 3
    assert all("looks like" in reason for _, reason in pictures.left_out)
    for one in held.astype(float):
        for other in pictures.x_train.astype(float):
            pair = one.ravel(), other.ravel()
            assert np.corrcoef(*pair)[0, 1] < 0.98


def test_parts_that_are_given_are_pooled_and_split_anew(tmp_path, capsys):
    for number, (part, name) in enumerate(
        (p, n) for p in ("train", "val") for n in ("dog", "fox")
    ):
        make(tmp_path / "inner" / part / name, first=10 * number)
    copy(tmp_path / "inner", "train/dog/000.png", "val/dog/leak.png")
    pictures = folders.load_folder(tmp_path, SIZE)
    assert pictures.class_names == ("dog", "fox")
    assert len(all_pixels(pictures)) == 32
    assert len(pictures.left_out) == 1
    assert "pooled, and split again" in capsys.readouterr().out


def test_an_empty_and_a_small_class_are_left_out(two_classes, capsys):
    (two_classes / "wolf").mkdir()
    make(two_classes / "cat", count=folders.FEWEST - 1)
    pictures = folders.load_folder(two_classes, SIZE)
    printed = capsys.readouterr().out
    assert pictures.class_names == ("dog", "fox")
    assert "wolf has 0 usable pictures and is left out" in printed
    assert "cat has 4 usable pictures and is left out" in printed
    assert "dog has only 8 pictures" in printed


def test_imbalance_is_said(two_classes, capsys):
    folders.load_folder(two_classes, SIZE)
    assert "for every picture of" not in capsys.readouterr().out
    make(two_classes / "wolf", count=20, first=300)
    folders.load_folder(two_classes, SIZE)
    assert (
        "2.5 pictures of wolf for every picture of" in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("sub_folders", "sentence"),
    [
        ((), "no class"),
        (("fox",), "one class, fox"),
    ],
    ids=["no class", "one class only"],
)
def test_fewer_than_two_classes_is_an_error_with_advice(
    tmp_path, sub_folders, sentence
):
    for name in sub_folders:
        make(tmp_path / name)
    with pytest.raises(ValueError, match=sentence) as raised:
        folders.load_folder(tmp_path, SIZE)
    assert "make a sub-folder for each" in str(raised.value)


def test_one_class_with_folders_below_it_is_one_class(tmp_path):
    make(tmp_path / "fox")
    make(tmp_path / "fox" / "red", first=20)
    make(tmp_path / "fox" / "grey", first=40)
    with pytest.raises(ValueError, match="one class, fox"):
        folders.load_folder(tmp_path, SIZE)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"There is no folder .*nowhere"):
        folders.load_folder(tmp_path / "nowhere")


@pytest.mark.skipif(sys.platform == "win32", reason="no such files there")
def test_pipes_broken_links_and_loops_do_no_harm(two_classes):
    os.mkfifo(two_classes / "fox" / "pipe.jpg")
    (two_classes / "fox" / "broken.jpg").symlink_to("nowhere")
    (two_classes / "fox" / "loop").symlink_to(two_classes)
    pictures = folders.load_folder(two_classes, SIZE)
    assert len(all_pixels(pictures)) == 16
    assert sorted(name for name, _ in pictures.left_out) == [
        "fox/broken.jpg",
        "fox/pipe.jpg",
    ]


def test_every_bad_input_at_once(two_classes):
    written = {}
    for name, content, expected in FILES.values():
        path = two_classes / "fox" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            path.write_bytes(content)
        except OSError:
            continue
        written[f"fox/{name}"] = expected
    pictures = folders.load_folder(two_classes, SIZE)
    bad = {n for n, expected in written.items() if isinstance(expected, str)}
    assert bad <= {name for name, _ in pictures.left_out}
    kept = chain(pictures.x_train, pictures.x_validation, pictures.x_test)
    assert any(map(red_top, kept))


def test_of_too_many_files_some_are_taken(two_classes, capsys):
    for number in range(60):
        image = picture(5000 + number, 20, 20)
        image.save(two_classes / "fox" / f"{number}.bmp")
    for number in range(92):
        (two_classes / "fox" / f"bad{number}.jpg").touch()
    pictures = folders.load_folder(two_classes, SIZE, most=140)
    printed = capsys.readouterr().out
    bad = len(pictures.left_out)
    assert len(all_pixels(pictures)) + bad == 8 + 140
    assert "fox has 160 files; 140 are used" in printed
    assert 60 < bad < 92
    assert f"and {bad - folders.NAMED} more" in printed


# Arguments ------------------------------------------------------------------


@pytest.mark.parametrize("size", [32, (32, 32), [32, 32], np.int64(32)])
def test_a_size_may_be_a_number_or_a_pair(size, two_classes):
    pictures = folders.load_folder(two_classes, size)
    assert pictures.x_test.shape[1:] == (32, 32, 3)
    assert folders.read_picture(save(picture(1)), size).shape == (32, 32, 3)


NAN = float("nan")
SENSELESS = [
    *(("image_size", v) for v in (NAN, -1, 0, "96", 9.5, 10**6, None, True)),
    *(("image_size", v) for v in ((64, 48), (), (32, 32, 3), (9.5, 9.5))),
    *(("validation", v) for v in (NAN, -1, "0.2", 9.5, 0, 1, None, True)),
    *(("test", v) for v in (NAN, -0.1, "0.2", float("inf"), [0.2], 0.9)),
    *(("seed", v) for v in (NAN, -1, "0", 9.5, None, (1, 2))),
    *(("most", v) for v in (NAN, -1, "10", 9.5, 0, None, 1e6)),
]


@pytest.mark.parametrize(("name", "value"), SENSELESS)
def test_a_senseless_argument_is_refused_by_its_name(name, value, two_classes):
    with pytest.raises(ValueError, match=name) as caught:
        folders.load_folder(two_classes, **{name: value})
    assert str(caught.value).count(".\n") == 0
    assert str(caught.value).endswith(".")


# Formats and memory ---------------------------------------------------------

FOREIGN = {
    "EPS": (save(red_over_blue(), "EPS"), "an EPS drawing"),
    "DOS EPS": (b"\xc5\xd0\xd3\xc6" + bytes(100), "an EPS drawing"),
    "TIFF": (save(red_over_blue(), "TIFF"), "a TIFF picture"),
    "PDF": (save(red_over_blue(), "PDF"), "a PDF document"),
    "PPM": (save(red_over_blue(), "PPM"), "not a picture"),
    "TGA": (save(red_over_blue(), "TGA"), "not a picture"),
    "ICO": (save(red_over_blue(), "ICO"), "an icon"),
    "PCX": (save(red_over_blue(), "PCX"), "not a picture"),
    "SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
    "AVIF": (b"\0\0\0\x18ftypavif" + bytes(200), "an AVIF picture"),
}


@pytest.mark.parametrize("case", FOREIGN.values(), ids=FOREIGN)
def test_only_the_named_formats_reach_a_decoder(case, monkeypatch):
    """A decoder may run a program: EPS is handed to Ghostscript."""
    content, sentence = case
    ran = []
    for module in ("subprocess.Popen", "os.system", "os.spawnv"):
        monkeypatch.setattr(module, lambda *a, **k: ran.append(a))
    monkeypatch.setattr(
        ImageFile.ImageFile, "load", lambda self: ran.append(self)
    )
    with pytest.raises(ValueError, match=sentence):
        folders.read_picture(content, SIZE)
    assert not ran


@pytest.fixture
def heif():
    folders._formats.cache_clear()
    yield pytest.importorskip("pillow_heif")
    folders._formats.cache_clear()


def test_heic_is_read_if_its_package_is_there(heif):
    assert "HEIF" in folders._formats()
    content = save(red_over_blue(), "HEIF", quality=95)
    assert red_top(folders.read_picture(content, SIZE))


def deep_png(width, height, claimed=None):
    """Return a grey PNG of 16 bits that unpacks to nothing but zeros."""

    def chunk(kind, body):
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    sides = claimed or (width, height)
    head = struct.pack(">IIBBBBB", *sides, 16, 0, 0, 0, 0)
    rows = zlib.compress(bytes((2 * width + 1) * height), 9)
    ends = chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + ends


LARGE = {
    "16 bits": lambda: deep_png(500, 500),
    "colors": lambda: save(picture(1, 500, 500)),
    "palette": lambda: save(picture(1, 500, 500).convert("P"), "GIF"),
    "bilevel": lambda: save(picture(1, 500, 500).convert("1")),
    "webp": lambda: save(picture(1, 500, 500), "WEBP"),
    "bmp": lambda: save(picture(1, 500, 500), "BMP"),
    "progressive": lambda: save(
        picture(1, 800, 800), "JPEG", progressive=True
    ),
}


@pytest.mark.parametrize("content", LARGE.values(), ids=LARGE)
@pytest.mark.parametrize("bound", ["fixed", "this machine's"])
def test_decoded_bytes_are_bounded(content, bound, monkeypatch):
    content = content()
    folders.read_picture(content, SIZE)
    if bound == "fixed":
        monkeypatch.setattr(folders, "LARGEST_DECODED", 2_000_000)
    else:
        monkeypatch.setattr(folders, "SEVERAL_AT_ONCE", 1_000_000)
        monkeypatch.setattr(
            folders.devices, "available_memory", lambda: 3_000_000
        )
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)
    with pytest.raises(ValueError, match="too large"):
        folders.read_picture(content, SIZE)


def test_a_bomb_of_16_bits_is_refused_from_its_head():
    bomb = deep_png(10, 10, claimed=(10_900, 10_900))
    with pytest.raises(ValueError, match="too large"):
        folders.read_picture(bomb, SIZE)


def test_a_telephones_largest_jpeg_is_read():
    large = Image.new("RGB", (9000, 9000), "red")
    pixels = folders.read_picture(save(large, "JPEG"), SIZE)
    assert is_plain(pixels, (255, 0, 0))


def test_large_pictures_are_read_one_by_one(two_classes, monkeypatch):
    monkeypatch.setattr(folders, "SEVERAL_AT_ONCE", 1000)
    now, most = [], []
    load = ImageFile.ImageFile.load

    def watched(self):
        now.append(self)
        most.append(len(now))
        try:
            return load(self)
        finally:
            now.pop()

    monkeypatch.setattr(ImageFile.ImageFile, "load", watched)
    folders.load_folder(two_classes, SIZE)
    assert max(most) == 1


@pytest.mark.parametrize(
    ("classes", "each", "fitting", "kept"),
    [
        (2, 40, 60, [30, 30]),
        (10, 12, 70, [7] * 10),
        (3, 12, 10**6, [12] * 3),
        (12, 6, 60, [5] * 12),
        (4, 20, 44, [11] * 4),
    ],
)
def test_memory_is_a_budget_for_all_classes_together(
    classes, each, fitting, kept, tmp_path, monkeypatch, capsys
):
    for number in range(classes):
        make(tmp_path / f"{number:03}", each, first=1000 * number)
    free = 8 * fitting * 3 * SIZE**2
    monkeypatch.setattr(folders.devices, "available_memory", lambda: free)
    pictures = folders.load_folder(tmp_path, SIZE)
    labels = np.concatenate(
        [pictures.y_train, pictures.y_validation, pictures.y_test]
    )
    assert np.bincount(labels).tolist() == kept
    said = "the free memory" in capsys.readouterr().out
    assert said is (fitting < classes * each)


def test_small_classes_leave_their_share_to_large_ones(tmp_path, monkeypatch):
    make(tmp_path / "small", 6)
    make(tmp_path / "large", 40, first=100)
    monkeypatch.setattr(folders, "MOST_IN_ALL", 30)
    pictures = folders.load_folder(tmp_path, SIZE)
    assert len(all_pixels(pictures)) == 30


def test_too_little_memory_is_said_before_any_picture_is_read(
    two_classes, monkeypatch
):
    monkeypatch.setattr(folders.devices, "available_memory", lambda: 100_000)
    monkeypatch.setattr(Image, "open", None)
    with pytest.raises(ValueError, match="choose a smaller image_size"):
        folders.load_folder(two_classes, SIZE)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EMFILE, "x"), "restart the kernel"),
        (PermissionError(errno.EACCES, "x"), "permission is denied"),
        (OSError(errno.EIO, "x"), "the disk cannot read"),
        (OSError("image file is truncated"), "cut short .image file is"),
        (SyntaxError("broken PNG file"), "damaged .* .broken PNG"),
        (MemoryError(), "too large"),
        (Image.DecompressionBombError(), "too large"),
    ],
)
def test_the_reason_is_the_cause(error, words, monkeypatch):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(ValueError, match=words):
        folders.read_picture(b"content", SIZE)


# Look-alikes ----------------------------------------------------------------


def smooth(number):
    return picture(number).resize((90, 90), Image.BICUBIC)


ALIKE = {
    "other quality": lambda image, n: save(image, "JPEG", quality=50 + 2 * n),
    "other sizes": lambda image, n: save(image.resize((60 + n, 60 + n))),
    "brighter": lambda image, n: save(
        image.point(lambda value: min(255, value * (100 + n) // 100))
    ),
    "one dot": lambda image, n: save(
        Image.composite(
            Image.new("RGB", image.size),
            image,
            Image.fromarray(
                np.eye(90, k=n, dtype=np.uint8)
                * (np.arange(90) == 40)[:, None].astype(np.uint8)
                * 255
            ),
        )
    ),
    "other formats": lambda image, n: save(
        image, ("PNG", "BMP", "JPEG", "WEBP")[n % 4], **{"quality": 80 - n}
    ),
}


@pytest.mark.parametrize("change", ALIKE.values(), ids=ALIKE)
def test_one_photograph_saved_twenty_times_is_one(change, two_classes, capsys):
    for number in range(20):
        content = change(smooth(7777), number)
        (two_classes / "fox" / f"copy{number}").write_bytes(content)
    pictures = folders.load_folder(two_classes, SIZE)
    assert len(all_pixels(pictures)) == 17
    assert "19 of 28 pictures of fox look like" in capsys.readouterr().out or (
        change is ALIKE["other formats"]  # some are equal to the last bit
    )
    for name in two_classes.glob("fox/2*"):
        name.unlink()
    with pytest.raises(ValueError, match="one class, dog"):
        folders.load_folder(two_classes, SIZE)


def test_plain_pictures_do_not_look_alike(tmp_path):
    for name, color in (("blue", (20, 20, 200)), ("red", (200, 20, 20))):
        (tmp_path / name).mkdir()
        for number in range(8):
            shade = tuple(value + number for value in color)
            image = Image.new("RGB", (40, 40), shade)
            image.save(tmp_path / name / f"{number}.png")
    pictures = folders.load_folder(tmp_path, SIZE)
    assert len(all_pixels(pictures)) == 16


# What the report says -------------------------------------------------------


def test_a_picture_of_which_most_is_cut_away_is_named(two_classes, capsys):
    picture(9, 48, 80).save(two_classes / "fox" / "wide enough.png")
    folders.load_folder(two_classes, SIZE)
    assert "cut away" not in capsys.readouterr().out
    picture(8, 48, 150).save(two_classes / "fox" / "panorama.png")
    picture(7, 150, 48).save(two_classes / "fox" / "tower.png")
    folders.load_folder(two_classes, SIZE)
    printed = capsys.readouterr().out
    assert "2 long pictures, such as fox/panorama.png" in printed


def test_many_classes_and_long_names_stay_legible(tmp_path, capsys):
    for number in range(12):
        make(
            tmp_path / f"{number:02} {'a long name ' * 12}",
            5 + number % 2,
            first=100 * number,
        )
    pictures = folders.load_folder(tmp_path, SIZE)
    printed = capsys.readouterr().out
    assert "12 classes of 5 to 6 pictures, 66 in all" in printed
    assert "12 classes have fewer than 20 pictures" in printed
    assert max(map(len, printed.splitlines())) < 250
    assert "12 classes" in repr(pictures) and len(repr(pictures)) < 100
