"""What notebook 0 shows first belongs to the donor that is shipped."""

import ast
import inspect
from pathlib import Path

import nbformat
import numpy as np
import pytest

from course_utils import data
from course_utils.data import first_look

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"


@pytest.fixture(scope="module")
def look():
    return first_look.load()


def test_the_arrays_fit_the_drawings(look):
    assert look.x_train.shape == (20, 32, 32, 3)
    assert look.train_features.shape == (20, 128)
    assert look.test_features.shape == (200, 128)
    assert look.scratch_answers.shape == look.scratch_right.shape == (200,)
    assert np.isfinite(look.test_features).all()
    assert set(look.scratch_answers) <= {0, 1}
    assert look.feature_seconds > 0 and look.scratch_seconds > 0
    assert "threads" in look.machine


def test_the_arrays_are_of_the_shipped_donor(look):
    pytest.importorskip("keras")
    from course_utils.networks import donors

    path = donors.donor_path("cat", "dog", "drawings")
    assert look.donor_digest == first_look.digest(path), (
        "The donor was trained again: run python -m studies.first_look."
    )


def test_the_features_are_the_donors_own(look):
    pytest.importorskip("keras")
    from studies.first_look import features

    train, test, _ = features(look.x_train, look.x_test[:5])
    assert np.allclose(train, look.train_features, atol=1e-3)
    assert np.allclose(test, look.test_features[:5], atol=1e-3)


def test_the_drawings_to_answer_are_the_courses_test_drawings(look):
    pair = data.load_pair("dog", "fox", source="drawings", validation=0)
    for label in (0, 1):
        mine = look.x_test[look.y_test == label]
        all_of_them = pair.x_test[pair.y_test == label]
        assert (mine == all_of_them[:100]).all()
    assert look.y_test[first_look.ROSSELLA] == 1
    assert (look.y_test[: first_look.ROSSELLA] == 0).all()


def test_no_drawing_to_learn_from_is_anywhere_else(look):
    known = {
        picture.tobytes()
        for pair in (("cat", "dog"), ("dog", "fox"))
        for part in ("x_train", "x_validation", "x_test")
        for picture in getattr(data.load_pair(*pair, source="drawings"), part)
    }
    assert not any(picture.tobytes() in known for picture in look.x_train)


def test_the_eight_are_four_of_each_in_no_order(look):
    labels = look.y_test[list(first_look.EIGHT)]
    assert labels.tolist().count(1) == 4
    assert first_look.ROSSELLA in first_look.EIGHT
    assert (np.diff(labels) != 0).sum() > 2


def test_no_framework_is_imported():
    tree = ast.parse(inspect.getsource(first_look))
    names = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert not names & {"keras", "tensorflow", "jax", "donors"}


def test_the_answer_is_in_the_first_three_code_cells_shown():
    lesson = nbformat.read(next(NOTEBOOKS.glob("00_*.ipynb")), 4)
    shown = [
        cell
        for cell in lesson.cells
        if cell.cell_type == "code"
        and cell.metadata.get("slideshow", {}).get("slide_type") != "skip"
    ]
    assert "right with a donor" in str(shown[2].outputs)
