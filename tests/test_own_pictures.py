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

from course_utils import data
from course_utils.data import folders, upload
from course_utils.networks import gradcam, model_files
from course_utils.results import evaluation

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
    # As in notebook 8, where the backbone was called elsewhere before.
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


def test_the_overlay_glows_where_the_heat_is(picture):
    heat = np.zeros((4, 4))
    heat[0, 3] = 1  # above right
    laid = gradcam.overlay(picture, heat)
    assert laid.shape == picture.shape and laid.dtype == np.uint8
    assert laid[0, 15].astype(int).sum() > laid[15, 0].astype(int).sum() + 100


# Model files -----------------------------------------------------------------


@pytest.fixture
def saved(classifier, tmp_path):
    classifier.save(tmp_path / "own.keras")
    return tmp_path / "own.keras"


def change(path, **members):
    """Replace members of a model file; {name: function of the old bytes}."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for name, new in members.items():
        name = {"config": "config.json", "metadata": "metadata.json"}.get(
            name, "model.weights.h5"
        )
        parts[name] = new(parts[name])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def rewritten(write):
    """Return a change of HDF5 content; `write` gets the open file."""
    import h5py

    def new(content):
        buffer = io.BytesIO(content)
        with h5py.File(buffer, "r+") as file:
            write(file)
        return buffer.getvalue()

    return new


def settings(**new):
    return lambda old: json.dumps(json.loads(old) | new)


def layer(*arguments, **options):
    """Return a function that builds one of Keras's layers."""
    import keras

    name, *arguments = arguments
    return getattr(keras.layers, name)(*arguments, **options)


PORTABLE = [
    [((8, 8, 3), "Conv2D", 2, 3), ("BatchNormalization",), ("ReLU",)],
    [((8, 8, 3), "SeparableConv2D", 2, 3), ("GlobalAveragePooling2D",)],
    [((8, 8, 3), "RandomFlip"), ("DepthwiseConv2D", 3), ("Flatten",)],
    [((5,), "Dense", 4), ("Dropout", 0.5), ("LayerNormalization",)],
    [((5, 2), "LSTM", 4), ("Dense", 2)],
    [((5, 2), "Bidirectional", "GRU"), ("Dense", 2)],
]


def newer_settings(part):
    if isinstance(part, dict):
        yield from (set(part) & set(model_files.NEWER))
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from newer_settings(inner)


@pytest.mark.parametrize("stack", PORTABLE, ids=lambda stack: stack[0][1])
def test_what_older_versions_of_keras_refuse_is_left_out(stack, tmp_path):
    """Seen with Keras 3.13.2 itself, which then answers the same."""
    import keras

    (shape, *first), *others = stack
    if first[1:] == ["GRU"]:
        first[1] = keras.layers.GRU(3)
    network = keras.Sequential(
        [keras.Input(shape), layer(*first), *(layer(*one) for one in others)]
    )
    network.compile("adam", "mse", metrics=["accuracy"])
    path = tmp_path / "own.keras"
    network.save(path)
    assert model_files.make_portable(path, ("dog", "fox"), 8) == path
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    assert not list(newer_settings(config))
    x = np.random.default_rng(0).normal(size=(2, *shape))
    same = keras.models.load_model(path)
    answers = [each.predict(x, verbose=0) for each in (same, network)]
    assert np.allclose(*answers, atol=1e-6)
    assert [each.name for each in tmp_path.iterdir()] == ["own.keras"]


def test_a_newer_setting_that_is_used_stays(tmp_path):
    import keras

    if "renorm" not in keras.layers.BatchNormalization().get_config():
        pytest.skip("this Keras has no such setting")
    path = tmp_path / "own.keras"
    keras.Sequential(
        [keras.Input((3,)), keras.layers.BatchNormalization(renorm=True)]
    ).save(path)
    model_files.make_portable(path)
    assert keras.models.load_model(path).layers[0].renorm


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_names_and_size_live_in_the_file(saved, kind):
    assert model_files.facts(saved) == {}
    names, size = np.array(["dog", "fox"]), np.int64(16)
    model_files.make_portable(kind(saved), names, size)
    model_files.make_portable(kind(saved), names, size)  # once more
    assert model_files.facts(kind(saved)) == {
        "class_names": ["dog", "fox"],
        "image_size": 16,
    }


@pytest.mark.parametrize(
    ("names", "size"),
    [(5, 16), (("dog",), "wide"), (None, 16), ((), [16]), (("a",), object())],
)
def test_facts_that_cannot_be_kept_leave_the_file_alone(saved, names, size):
    before = saved.read_bytes()
    with pytest.raises((TypeError, ValueError)):
        model_files.make_portable(saved, names, size)
    assert saved.read_bytes() == before
    assert len(list(saved.parent.iterdir())) == 1


def test_a_model_reads_back_the_same(saved, classifier, picture):
    loaded = model_files.load(str(saved))
    assert np.allclose(loaded(picture[None]), classifier(picture[None]))


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


def test_nothing_is_not_a_model(tmp_path):
    with pytest.raises(FileNotFoundError, match="save one first"):
        model_files.load(tmp_path / "nothing.keras")


def lambda_layer(old):
    code = {"class_name": "__lambda__", "config": {"code": "", "closure": 0}}
    part = {
        "module": "keras.layers",
        "class_name": "Lambda",
        "config": {"function": code, "name": "code"},
        "registered_name": None,
    }
    config = json.loads(old)
    config["config"]["layers"].insert(1, part)
    return json.dumps(config)


def external_file(file):
    import h5py

    file["other"] = h5py.ExternalLink("/etc/secret.h5", "/")


def soft_link(file):
    import h5py

    file["other"] = h5py.SoftLink("/layers")


def external_storage(file):
    file.create_dataset("other", (4,), "u1", external=[("/etc/passwd", 0, 4)])


def virtual(file):
    import h5py

    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("/etc/secret.h5", "x", (4,))
    file.create_virtual_dataset("other", layout)


@pytest.mark.parametrize(
    "harm",
    [
        {"config": lambda_layer},
        {"weights": rewritten(external_file)},
        {"weights": rewritten(soft_link)},
        {"weights": rewritten(external_storage)},
        {"weights": rewritten(virtual)},
    ],
    ids=["code", "external file", "link", "external storage", "virtual"],
)
def test_what_could_harm_is_called_unsafe(saved, harm):
    change(saved, **harm)
    with pytest.raises(model_files.UnsafeModel, match="is not read: it"):
        model_files.load(saved)


def zeros(file):
    """Declare 40 GB that take no room on the disk."""
    file.create_dataset("other", (100_000, 100_000), "f4", chunks=(1000, 1000))


def many(file):
    for number in range(9):
        file.create_dataset(f"other/{number}", (2**25,), "f4", compression=9)


@pytest.mark.parametrize(
    "bomb",
    [
        {"weights": rewritten(zeros)},
        {"weights": rewritten(many)},
        {"config": lambda old: b" " * (2**24 + 1)},
        {"metadata": lambda old: b"[" * (2**24 + 1)},
        {"weights": lambda old: b"\0" * (2**22 + 1)},
    ],
    ids=["sparse", "many", "blanks", "brackets", "zip"],
)
def test_what_unpacks_to_too_much_is_not_read(saved, bomb, monkeypatch):
    import tracemalloc

    monkeypatch.setattr(model_files, "MOST_BYTES", 2**22)

    change(saved, **bomb)
    assert saved.stat().st_size < 2**22
    tracemalloc.start()
    with pytest.raises(model_files.UnreadableModel, match="would unpack to"):
        model_files.load(saved)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**22


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"PK\x03\x04"),
        lambda path: path.write_bytes(pickle.dumps(Harm())),
        lambda path: path.write_bytes(path.read_bytes()[:-100]),
        lambda path: path.write_bytes(b"<html>Log in</html>"),
        lambda path: change(path, config=lambda old: old[:-9]),
        lambda path: change(path, config=lambda old: b"[" * 100_000),
        lambda path: change(path, metadata=lambda old: b"[1]"),
        lambda path: change(path, weights=lambda old: old[:-90]),
        lambda path: change(path, weights=lambda old: b"no weights"),
        lambda path: path.unlink() or path.mkdir(),
    ],
)
def test_what_is_damaged_is_called_so(saved, spoil, monkeypatch):
    monkeypatch.chdir(saved.parent)
    spoil(saved)
    with pytest.raises(model_files.UnreadableModel, match="again") as told:
        model_files.load(saved)
    assert not isinstance(told.value, model_files.UnsafeModel)
    assert not (saved.parent / "harm").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"metadata": settings(keras_version="3.99.1")},
            r"written by Keras 3\.99\.1, and you have 3\.",
        ),
        (
            {"metadata": settings(keras_version="4.0.0.dev1")},
            r"written by Keras 4\.0\.0\.dev1, and you have 3\.",
        ),
        (
            {"metadata": settings(keras_version="3.5.0")},
            r"Keras 3\.5\.0 wrote",
        ),
        ({"metadata": settings(keras_version="new")}, "Keras new wrote"),
        ({"metadata": settings(keras_version=None)}, "Keras None wrote"),
    ],
)
def test_a_failure_names_its_cause(saved, changes, message):
    def newer(old):
        return old.replace(b'"units": 2', b'"units": 2, "flavor": 3')

    change(saved, config=newer, **changes)
    with pytest.raises(model_files.UnreadableModel, match=message) as told:
        model_files.load(saved)
    assert not isinstance(told.value, model_files.UnsafeModel)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("subprocess", "Popen"),
        ("builtins", "eval"),
        ("my.layers", "Own"),
        ("shutil", "rmtree"),
    ],
)
def test_what_is_not_of_keras_is_named(saved, module, name):
    change(saved, config=settings(module=module, class_name=name))
    with pytest.raises(model_files.UnreadableModel, match=f"asks for {name}"):
        model_files.load(saved)


@pytest.mark.parametrize("count", [2, 10, 11, 120])
def test_a_card_of_many_classes_stays_legible(classifier, count):
    names = tuple(f"breed-{number:03}" for number in range(count))
    pixels = np.zeros((count, 16, 16, 3), np.uint8)
    parts = [pixels, np.arange(count)] * 3
    card = model_files.card(
        classifier,
        data.Pictures(names, "folder", *parts),
        evaluation.Interval(0.9, 0.8, 0.95, 40),
        "borrowed",
        [],
    )
    assert card.count("breed-000") == 3
    assert (f"and {count - 10} more" in card) == (count > 10)
    assert max(map(len, card.splitlines())) < 250


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
        "0.900 balanced, 95% interval 0.800 to 0.950, on 40 pictures",
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
    assert "1 file waiting" in printed and not list(tmp_path.rglob("*.png"))
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
    assert "2 files waiting" in capsys.readouterr().out
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

    seen = []
    panel = upload.picture_panel(
        lambda content: seen.append(folders.read_picture(content, 16))
    )
    pick(panel, "a.png", PNG)
    assert seen[0].shape == (16, 16, 3)
    pick(panel, "b.png", b"no picture")
    assert "b.png cannot be used: not a picture" in capsys.readouterr().out
    assert len(seen) == 1


@pytest.mark.parametrize("platform", ["jupyterlab", "colab", "kaggle"])
def test_a_page_without_a_kernel_reads_a_sentence(platform, monkeypatch):
    monkeypatch.setattr(upload.devices, "platform_name", lambda: platform)
    for panel in (upload.class_panel(), upload.picture_panel(print)):
        (text,) = [panel._repr_mimebundle_()["text/plain"]]
        assert text.endswith(".") and "while the notebook runs" in text
        assert "(" not in text  # of VBox(children=…
