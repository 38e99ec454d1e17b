"""Notebooks 0 to 2 are made ready for Python in the reader's browser."""

import importlib.util
import re
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement
from publish import Address

ROOT = Path(__file__).resolve().parent.parent
SPEC = importlib.util.spec_from_file_location(
    "lite", ROOT / "docs" / "site" / "lite.py"
)
lite = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(lite)
# What Pyodide 314 has, of what the course asks for.
PYODIDE = {
    "joblib", "matplotlib", "numpy", "packaging", "pillow", "platformdirs",
    "requests", "threadpoolctl",
    "scikit-learn", "scipy", "tqdm",
}  # fmt: skip


def test_the_notebooks_are_those_without_a_framework():
    names = [path.name[:2] for path in lite.lessons()]
    assert names == ["00", "01", "02"]
    for path in lite.lessons():
        code = "\n".join(
            cell.source
            for cell in nbformat.read(path, as_version=4).cells
            if cell.cell_type == "code"
        )
        assert not re.search(r"\b(import|from) (keras|jax|tensorflow)", code)


@pytest.mark.parametrize("path", lite.lessons(), ids=lambda path: path.name)
def test_only_the_set_up_cell_is_another(path):
    before = nbformat.read(path, as_version=4).cells
    after = lite.in_browser(path).cells
    (number,) = [
        number
        for number, (old, new) in enumerate(zip(before, after, strict=True))
        if old.source != new.source
    ]
    cell = after[number]
    assert "git+" not in cell.source
    assert f'set_up("{Address.read().tag}")' in cell.source
    assert before[number].source.splitlines()[0] in cell.source


def test_all_that_the_course_asks_for_can_be_had_in_a_browser():
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    asked = lite.tomllib.loads(project)["project"]["dependencies"]
    browser = {"sys_platform": "emscripten", "python_version": "3.14"}
    needed = {
        one.name
        for one in map(Requirement, asked)
        if one.marker is None or one.marker.evaluate(browser)
    }
    assert needed - PYODIDE - {*lite.PYTHON_ALONE} == set()
    assert {"keras", "psutil"} & needed == set()
