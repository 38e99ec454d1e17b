import os
import sys

import pytest

import course_utils


def test_what_native_code_writes_is_hidden_and_comes_back(capfd):
    with course_utils.quiet():
        os.write(2, b"greeting")
    os.write(2, b"error")
    assert capfd.readouterr().err == "error"


def test_exceptions_pass(capfd):
    with pytest.raises(KeyError), course_utils.quiet():
        raise KeyError("told")
    os.write(2, b"open again")
    assert capfd.readouterr().err == "open again"


@pytest.mark.parametrize(
    ("version", "remedy"),
    [
        ((3, 11, 9), "pip install -r requirements.txt"),
        ((3, 13, 0), "pip install -r requirements.txt"),
        ((3, 14, 0), "PYTHON=python3.13"),
        ((3, 15, 1), "PYTHON=python3.13"),
    ],
)
def test_the_remedy_fits_the_python(monkeypatch, version, remedy):
    monkeypatch.setattr(sys, "version_info", version)
    said = str(course_utils.backend.no_tensorflow())
    assert remedy in said and said.count("requirements.txt") == (
        "requirements" in remedy
    )


def test_a_missing_tensorflow_is_told_with_its_remedy():
    with (
        pytest.raises(ModuleNotFoundError, match="Runtime → Change runtime"),
        course_utils.quiet(),
    ):
        raise ModuleNotFoundError("No module", name="tensorflow")
    with (
        pytest.raises(ModuleNotFoundError, match="No module"),
        course_utils.quiet(),
    ):
        raise ModuleNotFoundError("No module", name="psutil")
