from dataclasses import replace

import numpy as np
import pytest

from course_utils import data
from course_utils.data import drawings, photos, pictures
from course_utils.machine import devices


@pytest.fixture(autouse=True)
def few_drawings(monkeypatch):
    monkeypatch.setattr(
        pictures, "TRAIN_DRAWINGS", dict.fromkeys(drawings.CLASS_NAMES, 40)
        | {"fox": 20},
    )  # fmt: skip
    monkeypatch.setattr(pictures, "TEST_DRAWINGS", 15)


def load(*names, **options):
    return data.load_classes(names, source="drawings", **options)


def test_parts_are_stratified_and_disjoint():
    pictures = load("cat", "dog")
    assert pictures.x_train.shape == (72, 32, 32, 3)
    assert pictures.x_train.dtype == np.uint8
    for part, size in (("train", 36), ("validation", 4), ("test", 15)):
        labels = getattr(pictures, f"y_{part}")
        assert np.bincount(labels).tolist() == [size, size]
    seen = [
        {picture.tobytes() for picture in getattr(pictures, f"x_{part}")}
        for part in ("train", "validation", "test")
    ]
    assert not seen[0] & seen[1] | seen[0] & seen[2] | seen[1] & seen[2]


@pytest.mark.parametrize("kind", ["int64", "uint8", "int32"])
def test_labels_are_int32_whatever_made_them(kind):
    pictures = load("cat", "dog")
    assert pictures.y_train.dtype == pictures.few(3)[1].dtype == np.int32
    turned = replace(pictures, y_train=1 - pictures.y_train.astype(kind))
    for part in ("train", "validation", "test"):
        assert getattr(turned, f"y_{part}").dtype == np.int32
    assert turned.y_train.tolist() == (1 - pictures.y_train).tolist()
    soft = replace(pictures, y_train=pictures.y_train * 0.9 + 0.05)
    assert soft.y_train.max() == pytest.approx(0.95)


def test_the_smaller_class_decides_unless_told_otherwise():
    assert np.bincount(load("dog", "fox").y_train).tolist() == [18, 18]
    unbalanced = load("dog", "fox", balanced=False)
    assert np.bincount(unbalanced.y_train).tolist() == [36, 18]


def test_the_same_everywhere_and_another_for_another_seed():
    first, second = load("dog", "fox"), load("dog", "fox")
    assert np.array_equal(first.x_train, second.x_train)
    other = load("dog", "fox", seed=1)
    assert not np.array_equal(first.x_validation, other.x_validation)
    assert np.array_equal(first.x_test, other.x_test)


def test_few_is_balanced_and_repeatable():
    pictures = load("dog", "fox")
    x, y = pictures.few(5, seed=3)
    assert np.bincount(y).tolist() == [5, 5]
    assert np.array_equal(x, pictures.few(5, seed=3)[0])
    assert not np.array_equal(x, pictures.few(5, seed=4)[0])
    chosen = pictures.few_indices(5, seed=3)
    assert np.array_equal(x, pictures.x_train[chosen])


@pytest.mark.parametrize("count", [0, -1, 19])
def test_few_says_how_many_there_are(count):
    with pytest.raises(ValueError, match="18 training pictures of dog"):
        load("dog", "fox").few(count)


def test_three_classes_and_a_larger_size():
    pictures = load("cat", "dog", "fox", image_size=48, validation=0)
    assert pictures.x_train.shape == (60, 48, 48, 3)
    assert pictures.x_validation.shape == (0, 48, 48, 3)
    assert "cat, dog, fox (drawings): 60 train" in repr(pictures)


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (("cat",), {}, "two or more"),
        (("cat", "cat"), {}, "two or more"),
        (("cat", "cow"), {}, "cow; choose from cat"),
        (("cat", "dog"), {"validation": 1}, "from 0 to 1"),
        (("cat", "dog"), {"validation": 9.5}, "from 0 to 1"),
        (("cat", "dog"), {"validation": float("nan")}, "from 0 to 1"),
        (("cat", "dog"), {"validation": "0.2"}, "from 0 to 1, not '0.2'"),
        (("cat", "dog"), {"validation": (0, 2)}, "from 0 to 1, not"),
        (("cat", "dog"), {"seed": -1}, "seed must be a whole number"),
        (("cat", "dog"), {"seed": "a"}, "seed must be a whole number"),
        (("cat", "dog"), {"seed": 1.5}, "seed must be a whole number"),
        (("cat", "dog"), {"image_size": 10**6}, "from 8 to 256"),
        (("cat", "dog"), {"image_size": 32.5}, "from 8 to 256"),
        (("cat", "dog"), {"image_size": (32, 32)}, "from 8 to 256"),
        (("cat", "dog"), {"image_size": "32"}, "from 8 to 256"),
    ],
)
def test_bad_questions_get_a_sentence(names, options, message):
    with pytest.raises(ValueError, match=message):
        load(*names, **options)


def test_an_unknown_source_is_named():
    with pytest.raises(ValueError, match="no source 'paintings'"):
        data.load_pair("cat", "dog", source="paintings")


@pytest.mark.parametrize("name", ["Photo", "DRAWING", "photos,drawings", "0"])
def test_an_unknown_source_of_the_environment_is_named(monkeypatch, name):
    monkeypatch.setenv("COURSE_SOURCE", name)
    with pytest.raises(ValueError, match="set by COURSE_SOURCE"):
        data.load_pair("cat", "dog")


@pytest.mark.parametrize("name", ["drawings", "Drawings", "DRAWINGS "])
def test_the_environment_decides_and_says_so(monkeypatch, capsys, name):
    monkeypatch.setenv("COURSE_SOURCE", name)
    assert data.load_pair("cat", "dog").source == "drawings"
    assert capsys.readouterr().out == "Pictures: drawings (COURSE_SOURCE).\n"


def test_without_photographs_the_drawings_serve(monkeypatch, capsys):

    monkeypatch.delenv("COURSE_SOURCE", raising=False)
    monkeypatch.setattr(photos, "is_cached", lambda: False)
    assert data.load_pair("dog", "fox").source == "drawings"
    assert "need no download" in capsys.readouterr().out


def test_on_colab_a_failed_download_is_a_sentence(monkeypatch, capsys):

    def fail():
        raise photos.PhotosUnavailable("No mirror answered; try later.")

    monkeypatch.delenv("COURSE_SOURCE", raising=False)
    monkeypatch.setattr(photos, "is_cached", lambda: False)
    monkeypatch.setattr(photos, "download", fail)
    monkeypatch.setattr(devices, "platform_name", lambda: "colab")
    assert data.load_pair("dog", "fox").source == "drawings"
    assert "No mirror answered; try later" in capsys.readouterr().out
