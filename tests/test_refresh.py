"""Stored outputs are as young as the data that they show."""

import json

import nbformat
import pytest
import refresh
from nbformat.v4 import new_notebook
from publish import lessons


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.name)
def test_stored_outputs_are_of_the_present_data(path):
    stored = json.loads(path.read_text("utf-8"))["metadata"]
    assert stored == refresh.metadata(int(path.name[:2])), "make refresh"


@pytest.mark.parametrize(
    "name", ["donors/new.keras", "reference/new.json", "reference/new.npz"]
)
def test_a_change_of_the_data_is_noticed(name, tmp_path, monkeypatch):
    for folder in ("donors", "reference"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    monkeypatch.setattr(refresh, "ROOT", tmp_path)
    before = refresh.data_digest()
    (tmp_path / "data" / name).write_text("1")
    added = refresh.data_digest()
    (tmp_path / "data" / name).write_text("2")
    assert len({before, added, refresh.data_digest()}) == 3


def test_a_lesson_as_a_script_ends_in_py():
    notebook = refresh.clean(new_notebook(), 5)
    assert notebook.metadata.language_info.file_extension == ".py"
    assert notebook.metadata.accelerator == "GPU"
    assert "accelerator" not in refresh.clean(new_notebook(), 1).metadata
    nbformat.validate(notebook)
