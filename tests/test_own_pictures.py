"""From a picture to a name, a heat map, and a model that is kept."""

import errno
import io
import json
import pickle
import sys
import types
import zipfile

import numpy as np
import pytest
from PIL import Image

from course_utils import data, evaluation, gradcam, model_files, upload

PNG = io.BytesIO()
Image.new("RGB", (40, 40), "red").save(PNG, "PNG")
PNG = PNG.getvalue()


@pytest.fixture(scope="module")
def classifier():
    """One that finds red on the left, whatever class is asked."""
    import keras

    keras.utils.set_random_seed(0)
    eye = keras.Sequential(
        [keras.Input((16, 16, 3)), keras.layers.Conv2D(2, 4, 4)], name="eye"
    )
    kernel = np.zeros((4, 4, 3, 2))
    kernel[..., 0, 0], kernel[..., 2, 1] = 1, 1  # red, and blue
    eye.layers[0].set_weights([kernel / 16 / 255, np.zeros(2)])
    # As in notebook 08, where the backbone was called elsewhere before.
    keras.Sequential([keras.Input((16, 16, 3)), eye])
    network = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            eye,
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    network.layers[-1].set_weights([np.eye(2) * 9, np.zeros(2)])
    return network


@pytest.fixture
def picture():
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:8, :8, 0] = 255  # red above left
    pixels[8:, 8:, 2] = 200  # blue below right
    return pixels


# Heat maps -------------------------------------------------------------------


def test_heat_is_where_the_class_is(classifier, picture):
    heat = gradcam.heat_maps(classifier, np.array([picture] * 2), [0, 1])
    assert heat.shape == (2, 4, 4)
    assert np.allclose(heat[0, :2, :2], 1) and heat[0].sum() == 4
    assert np.allclose(heat[1, 2:, 2:], 1) and np.isclose(heat[1].sum(), 4)


def test_a_network_that_keeps_no_places_is_refused():
    import keras

    flat = keras.Sequential(
        [
            keras.Input((4, 4, 3)),
            keras.layers.ReLU(),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    )
    with pytest.raises(ValueError, match="GlobalAveragePooling2D"):
        gradcam.heat_maps(flat, np.zeros((1, 4, 4, 3)), [0])


def test_the_overlay_glows_where_the_heat_is(picture):
    heat = np.zeros((4, 4))
    heat[0, 3] = 1  # above right
    laid = gradcam.overlay(picture, heat)
    assert laid.shape == picture.shape and laid.dtype == np.uint8
    assert laid[0, 15].astype(int).sum() > laid[15, 0].astype(int).sum() + 100


# Model files -----------------------------------------------------------------


def test_a_model_answers_the_same_in_a_fresh_process(
    classifier, picture, tmp_path
):
    path = model_files.save(classifier, tmp_path / "own.keras")
    pictures = np.array([picture, picture[::-1]])
    elsewhere = model_files.predict_elsewhere(path, pictures)
    here = classifier.predict(pictures, verbose=0)
    assert np.allclose(elsewhere, here, atol=1e-5)
    assert elsewhere.shape == (2, 2)


def test_an_export_answers_the_same_without_keras(
    classifier, picture, tmp_path
):
    pytest.importorskip("tensorflow")
    folder = model_files.export(classifier, tmp_path / "served")
    assert model_files.export(classifier, folder) == folder  # replaced whole
    assert [each.name for each in tmp_path.iterdir()] == ["served"]
    answers = model_files.serve_once(folder, picture[None])
    here = classifier.predict(picture[None], verbose=0)
    assert np.allclose(answers, here, atol=1e-5)


class Harm:
    def __reduce__(self):
        return (open, ("harm", "w"))


@pytest.mark.parametrize("name", ["a.pkl", "a.pt", "a.h5", "a", "a.keras.zip"])
def test_other_files_are_never_opened(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    path.write_bytes(pickle.dumps(Harm()))
    with pytest.raises(model_files.UnsafeModel, match=r"only \.keras"):
        model_files.load(path)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", pickle.dumps(Harm())])
def test_what_is_named_keras_and_is_not_is_refused(
    content, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "own.keras"
    path.write_bytes(content)
    with pytest.raises(model_files.UnsafeModel, match=r"no \.keras file"):
        model_files.load(path)
    assert not (tmp_path / "harm").exists()


def test_code_inside_a_model_is_refused(tmp_path):
    import keras

    network = keras.Sequential(
        [keras.Input((2,)), keras.layers.Lambda(lambda x: x)]
    )
    path = tmp_path / "code.keras"
    network.save(path)
    with pytest.raises(model_files.UnsafeModel, match="is not read"):
        model_files.load(path)


def test_a_layer_of_an_unknown_module_is_refused(classifier, tmp_path):
    path = model_files.save(classifier, tmp_path / "own.keras")
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    settings = json.loads(parts["config.json"])
    settings["module"], settings["class_name"] = "os", "system"
    parts["config.json"] = json.dumps(settings)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    with pytest.raises(model_files.UnsafeModel):
        model_files.load(path)


def test_advice_where_the_name_or_the_file_is_wrong(classifier, tmp_path):
    with pytest.raises(model_files.UnsafeModel, match=r"own\.keras"):
        model_files.save(classifier, tmp_path / "own.h5")
    with pytest.raises(FileNotFoundError, match="save one first"):
        model_files.load(tmp_path / "nothing.keras")
    with pytest.raises(RuntimeError, match="The fresh process failed"):
        model_files.predict_elsewhere(tmp_path / "nothing.keras", [])


def test_the_card_says_data_cost_interval_and_limits(classifier):
    labels = np.repeat([0, 1], [30, 10])
    pixels = np.zeros((40, 16, 16, 3), np.uint8)
    pictures = data.Pictures(("dog", "fox"), "folder", *[pixels, labels] * 3)
    span = evaluation.Interval(0.9, 0.8, 0.95, 40)
    card = model_files.card(
        classifier, pictures, span, "borrowed", ["No snow."], 1.25
    )
    for part in (
        "# Model card: dog or fox",
        "30 dog, 10 fox",
        "0.900 balanced, 95 % interval 0.800 to 0.950, on 40 pictures",
        "training took 1.2 s",
        "- No snow.",
        f"{classifier.count_params():,}",
    ):
        assert part in card


# Uploads ---------------------------------------------------------------------


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("COURSE_FOLDER", raising=False)


def test_uploads_lie_in_their_class_and_replace_nothing():
    first = upload.store(" fox ", [("a.png", PNG), ("C:\\x\\b.png", PNG)])
    again = upload.store("fox", [("a.png", b"other")])
    assert [path.name for path in first + again] == [
        "a.png",
        "b.png",
        "a-2.png",
    ]
    assert first[0].read_bytes() == PNG
    assert {path.parent for path in first + again} == {
        upload.upload_folder() / "fox"
    }


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", "..", ".x", "a/b", "a\\b", "c:d", "x/", "fox.", "nul"),
        *("Com1", "fox\x1b[2J", "two\nlines", "a\u202eb", "x" * 300),
    ],
)
def test_a_class_name_cannot_leave_the_folder(name, tmp_path):
    with pytest.raises(ValueError, match="cannot name a class"):
        upload.store(name, [("a.png", PNG)], tmp_path / "pictures")
    assert not (tmp_path / "pictures").exists()


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../up.png", "up.png"),
        ("C:\\x\\up.png", "up.png"),
        ("x/", "x"),
        (".", "picture"),
        ("..", "picture"),
        ("", "picture"),
        ("/", "picture"),
        ("./..//", "picture"),
        (".hidden.png", "hidden.png"),
        ("a\x1b[2Jb.png", "a[2Jb.png"),
        ("two\nlines.png", "twolines.png"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("aux.png", "_aux.png"),
        ("a:b*c.png", "a_b_c.png"),
        ("lone\udcff.png", "lone.png"),
        ("n" * 300 + ".png", "n" * 50 + ".png"),
        ("狐狸.png", "狐狸.png"),
    ],
)
def test_a_file_name_cannot_act(name, kept, tmp_path):
    (path,) = upload.store("fox", [(name, PNG)], tmp_path)
    assert path == tmp_path / "fox" / kept
    (again,) = upload.store("fox", [(name, PNG)], tmp_path)
    assert again.parent == path.parent and again != path


def test_uploads_of_both_ipywidgets_are_read():
    class Old:
        value = {"a.png": {"content": b"1"}}  # noqa: RUF012

    class New:
        value = ({"name": "a.png", "content": memoryview(b"1")},)

    assert upload.files(Old) == upload.files(New) == [("a.png", b"1")]


def test_the_folder_is_asked_for_uploaded_or_an_example(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(upload, "example_folder", lambda: tmp_path / "example")
    assert upload.folder() == tmp_path / "example"
    assert "Drawings stand in" in capsys.readouterr().out
    upload.store("fox", [("a.png", PNG)])
    assert upload.folder() == tmp_path / "example"  # one class is no pair
    upload.store("dog", [("a.png", PNG)])
    assert upload.folder() == upload.upload_folder()
    assert "you uploaded" in capsys.readouterr().out
    monkeypatch.setenv("COURSE_FOLDER", str(tmp_path / "mine"))
    assert upload.folder() == tmp_path / "mine"


def test_the_example_folder_is_written_once():
    folder = upload.example_folder(count=3, size=32)
    files = sorted(folder.rglob("*.png"))
    assert len(files) == 6
    before = [file.stat().st_mtime_ns for file in files]
    upload.example_folder(count=3, size=32)
    assert [file.stat().st_mtime_ns for file in files] == before


def pick(panel, name, content):
    """Put a file into a panel's button, as a browser does."""
    import ipywidgets

    button = next(
        each for each in _all(panel) if isinstance(each, ipywidgets.FileUpload)
    )
    value = {
        "name": name,
        "type": "image/png",
        "size": len(content),
        "last_modified": 0,
        "content": content,
    }
    if ipywidgets.__version__.startswith("7"):
        button.value = {name: {"metadata": value, "content": content}}
    else:
        import datetime

        value["last_modified"] = datetime.datetime.now(datetime.UTC)
        button.value = (value,)


def _all(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from _all(child)


def test_the_class_panel_keeps_what_is_picked(tmp_path, capsys):
    panel = upload.class_panel(tmp_path)
    panel.children[0].children[0].value = "fox"
    pick(panel, "a.png", PNG)
    assert (tmp_path / "fox" / "a.png").read_bytes() == PNG
    assert "fox: 1 file kept" in capsys.readouterr().out


@pytest.mark.parametrize("first", ["", " ", "a/b", "..", "x\ny"])
def test_what_is_picked_before_the_class_waits_for_it(first, tmp_path, capsys):
    panel = upload.class_panel(tmp_path)
    text = panel.children[0].children[0]
    assert not text.continuous_update  # else the first letter is a class
    text.value = first
    pick(panel, "a.png", PNG)
    printed = capsys.readouterr().out
    assert ("cannot name" if first.strip() else "Type the class") in printed
    assert "1 file wait" in printed and not list(tmp_path.rglob("*.png"))
    text.value = "fox"
    assert (tmp_path / "fox" / "a.png").read_bytes() == PNG
    text.value = "dog"  # kept once
    assert len(list(tmp_path.rglob("*.png"))) == 1


def test_a_full_disk_keeps_the_pick(tmp_path, capsys, monkeypatch):
    panel = upload.class_panel(tmp_path)
    panel.children[0].children[0].value = "fox"

    def full(*arguments):
        raise OSError(errno.ENOSPC, "x")

    with monkeypatch.context() as patch:
        patch.setattr(upload.paths, "write_atomically", full)
        pick(panel, "a.png", PNG)
    assert "the disk is full" in capsys.readouterr().out
    panel.children[0].children[0].value = "red fox"
    assert (tmp_path / "red fox" / "a.png").exists()


@pytest.fixture
def colab(monkeypatch):
    """Colab's dialog, which hands over what the list holds."""
    picked = {}
    google, colab = types.ModuleType("google"), types.ModuleType("colab")
    colab.files = types.SimpleNamespace(upload=lambda: picked)
    google.colab = colab
    monkeypatch.setitem(sys.modules, "google", google)
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    monkeypatch.setattr(upload.devices, "platform_name", lambda: "colab")
    return picked


def click(panel):
    import ipywidgets

    buttons = [e for e in _all(panel) if isinstance(e, ipywidgets.Button)]
    buttons[0].click()


def test_on_colab_its_own_dialog_is_offered(colab, tmp_path, capsys):
    import ipywidgets

    panel = upload.class_panel(tmp_path)
    seen = []
    other = upload.picture_panel(seen.append)
    kinds = {type(each) for each in (*_all(panel), *_all(other))}
    assert ipywidgets.FileUpload not in kinds
    colab |= {"big.png": bytes(2_000_000), "b.png": PNG}
    click(panel)
    assert "2 files wait" in capsys.readouterr().out
    panel.children[0].children[0].value = "fox"
    assert (tmp_path / "fox" / "big.png").stat().st_size == 2_000_000
    click(other)
    assert seen == [PNG]


def test_a_dialog_that_fails_says_what_else_to_do(colab, tmp_path, capsys):
    def fail():
        raise LookupError("google.colab._files is undefined")

    sys.modules["google.colab"].files.upload = fail
    for panel in (upload.class_panel(tmp_path), upload.picture_panel(print)):
        click(panel)
        assert "file list on the left" in capsys.readouterr().out


def test_elsewhere_there_is_no_such_dialog():
    with pytest.raises(RuntimeError, match="use the upload button"):
        upload.pick_on_colab()


def test_the_picture_panel_shows_or_says_why_not(capsys):
    from course_utils import folders

    seen = []
    panel = upload.picture_panel(
        lambda content: seen.append(folders.read_picture(content, 16))
    )
    pick(panel, "a.png", PNG)
    assert seen[0].shape == (16, 16, 3)
    pick(panel, "b.png", b"no picture")
    assert "b.png cannot be used: not a picture" in capsys.readouterr().out
    assert len(seen) == 1
