"""Every panel in a real JupyterLab: shown, and redrawn when a key moves it."""

import os
from pathlib import Path

import browser
import chromium
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from refresh import KERNEL

START = """\
import sys; sys.path.insert(0, {tests!r})
import matplotlib.pyplot as plt
import test_panels
from course_utils import plots
from course_utils.data import upload
from course_utils.results import transfer
plots.use_course_style()
transfer.plot_break_even()
plt.show()"""


def test_panels_move_by_keyboard_and_uploads_answer(tmp_path):
    if not os.environ.get("COURSE_BROWSER"):
        pytest.skip("set COURSE_BROWSER=1 to drive a browser, 40 s or more")
    if not chromium.find():
        pytest.skip("no Chromium: sudo apt install chromium")
    import test_panels

    cells = [START.format(tests=str(Path(__file__).parent))]
    cells += [f"test_panels.PANELS[{name!r}]()" for name in test_panels.QUICK]
    cells += ["upload.picture_panel(lambda b: print(len(b), 'bytes came'))"]
    notebook = new_notebook(
        cells=[new_code_cell(cell) for cell in cells],
        metadata={"kernelspec": KERNEL},
    )
    path = tmp_path / "panels.ipynb"
    nbformat.write(notebook, path)
    with (
        browser.serve(tmp_path, TF_CPP_MIN_LOG_LEVEL="3") as address,
        chromium.start() as opened,
        browser.Notebook(opened, address, path.name) as lab,
    ):
        assert lab.run_all() == []
        assert lab.figures() == (1, 1)
        stored, panels = lab.panels()
        assert stored == len(panels) == len(cells) - 1
        for panel in panels[:-1]:
            assert panel.evaluate(browser.PICTURE)
            stuck, _ = lab.move(panel)
            assert stuck == []
        picture = tmp_path / "small.png"
        picture.write_bytes(b"no picture, but bytes")
        assert "21 bytes came" in lab.pick(panels[-1], picture)
        assert lab.errors == []
