import base64
import sys

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook
from refresh import clean

from course_utils import plots
from course_utils.plots import alt_text


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def said(ax):
    return alt_text.describe(ax.figure)


def test_lines_say_their_axes_and_where_they_go():
    ax = plt.subplots()[1]
    ax.semilogx([1, 10, 1000], [0.5, 0.9, 0.75], label="with a donor")
    ax.set_xlabel("labeled pictures")
    ax.set_ylim(0, 1)
    text = said(ax)
    assert "Horizontal axis: labeled pictures, " in text
    assert "logarithmic" in text
    assert "Vertical axis: 0 to 1." in text
    assert (
        "With a donor from (1, 0.5), highest at (10, 0.9), to (1,000, 0.75)."
        in text
    )


def test_the_numbers_are_those_of_the_data():
    texts = set()
    for end in (0.2, 0.4):
        ax = plots.plot_history({"loss": [1, end]})
        assert f"to (2, {end})" in said(ax)
        texts.add(said(ax))
    assert len(texts) == 2


def test_a_note_at_its_end_names_a_line():
    ax = plt.subplots()[1]
    ax.errorbar([5, 50], [0.6, 0.8], yerr=[0.1, 0.1])
    ax.annotate("scratch", (50, 0.8))
    assert "Scratch from (5, 0.6) to (50, 0.8)." in said(ax)


def test_bars_and_points_are_named_by_their_ticks():
    ax = plt.subplots()[1]
    ax.barh(["cat", "dog"], [3, 40])
    assert "cat 3; dog 40" in said(ax)
    ax = plt.subplots()[1]
    ax.plot([2e9], ["ResNet-50"], "D")
    assert "(2 billion, ResNet-50)" in said(ax)


def test_marks_and_words_are_read():
    ax = plt.subplots()[1]
    ax.axvline(60)
    ax.axhline(0.5, label="a coin")
    ax.text(60, 0.2, "a minute")
    text = said(ax)
    assert "A line at 60." in text
    assert "A coin at 0.5." in text
    assert "Marked: a minute." in text


def test_a_map_says_its_rows_and_numbers():
    ax = plt.subplots()[1]
    ax.imshow([[9, 1], [2, 8]])
    ax.set_xticks([0, 1], ["cat", "dog"])
    ax.set_xlabel("named")
    ax.text(0, 0, "9")
    text = said(ax)
    assert "2 rows and 2 columns, values 1 to 9" in text
    assert "Columns (named): cat, dog" in text


def test_pictures_say_their_titles():
    pictures = np.zeros((3, 32, 32, 3), np.uint8)
    ax = plots.show_pictures(pictures, ["cat", "dog", "fox"], columns=2)
    assert said(ax) == "3 pictures in 2 rows, titled cat, dog, fox."
    assert said(plots.show_pictures(pictures[:1])) == "1 picture."


def test_each_panel_of_a_figure_speaks():
    figure, (left, right) = plt.subplots(1, 2)
    figure.suptitle("Both")
    left.set_title("before")
    right.set_title("after")
    text = alt_text.describe(figure)
    assert text.index("Both.") < text.index("before.") < text.index("after.")


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax: ax.plot([]),
        lambda ax: ax.plot([np.nan, np.nan]),
        lambda ax: ax.plot([1, np.nan, 3]),
        lambda ax: ax.hist(np.arange(100), bins=50),
        lambda ax: ax.scatter(range(100), range(100)),
        lambda ax: ax.boxplot([[1, 2, 3]]),
        lambda ax: ax.fill_between([1, 2], [1, 2]),
        lambda ax: ax.pie([1, 2]),
        lambda ax: ax.loglog([1, 2], [3, 4]),
    ],
)
def test_any_figure_has_some_text(draw):
    ax = plt.subplots()[1]
    draw(ax)
    bundle = alt_text._bundle(ax.figure)
    text = bundle[1]["image/png"]["alt"]
    assert bundle[0] == {}
    assert text != "A figure."
    assert len(text) < 1000


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.12345, "0.123"),
        (1234.5, "1,230"),
        (86_400, "86,400"),
        (2.5e9, "2.5 billion"),
        (999_999, "1 million"),
        (-0.5, "-0.5"),
        (np.nan, "nothing"),
    ],
)
def test_numbers_are_written_as_people_do(value, text):
    assert alt_text.number(value) == text


def test_a_stored_figure_keeps_its_text_and_nothing_else(
    tmp_path, monkeypatch
):
    monkeypatch.delenv("MPLBACKEND", raising=False)  # as in a lesson
    cells = [
        "import matplotlib.pyplot as plt\n"
        "from course_utils import plots\nplots.use_course_style()",
        'plots.plot_history({"loss": [3, 1]})\nplt.show()',
    ]
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, kernel_name="python3").execute()
    path = tmp_path / "notebook.ipynb"
    nbformat.write(clean(notebook, 1), path)
    (output,) = nbformat.read(path, as_version=4).cells[1].outputs
    assert base64.b64decode(output.data["image/png"])[1:4] == b"PNG"
    assert output.metadata.keys() == {"image/png"}
    assert output.metadata["image/png"].keys() == {"alt"}
    assert (
        "Training from (1, 3) to (2, 1)." in output.metadata["image/png"].alt
    )


def test_outside_a_notebook_nothing_happens(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    alt_text.attach()
    assert "IPython" not in sys.modules
