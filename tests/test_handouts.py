"""What is printed holds no solution, and no word for the instructor."""

import re

import handouts
import nbformat
import pytest
from nbconvert import MarkdownExporter, PythonExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from publish import lessons

FOLDED = re.compile(r"(?s)<details.*?</summary>(.*?)</details>")
OPEN = "**Exercise.** What is 2 + 2?"
ANSWER = "It is four, of course."
NOTES = {"slideshow": {"slide_type": "notes"}}
FOLD = f"<details><summary>Solution</summary>\n\n{ANSWER}\n\n</details>"
CASES = {
    "a fold alone": [new_markdown_cell(FOLD)],
    "a fold after text": [new_markdown_cell(f"Before.\n\n{FOLD}")],
    "two folds": [new_markdown_cell(f"{FOLD}\n\nBetween.\n\n{FOLD}")],
    "an open fold": [new_markdown_cell(FOLD.replace("s><", "s open><", 1))],
    "code in a fold": [
        new_markdown_cell(FOLD.replace(ANSWER, f"```python\n{ANSWER}\n```"))
    ],
    "notes": [new_markdown_cell(ANSWER, metadata=NOTES)],
    "notes in code": [new_code_cell(f"# {ANSWER}", metadata=NOTES)],
    "a comment": [new_markdown_cell(f"Text <!-- {ANSWER} --> text.")],
}
FORMS = {
    "html": handouts.page,
    "py": handouts.script,
    "md": lambda notebook: MarkdownExporter().from_notebook_node(notebook)[0],
}


def plain(text):
    """Return the words of a page without its mark-up."""
    return " ".join(re.findall(r"\w+", re.sub("</?[a-z][^>]*>", "", text)))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", CASES)
def test_an_answer_is_in_no_form(case, form):
    notebook = new_notebook(cells=[new_markdown_cell(OPEN), *CASES[case]])
    printed = plain(FORMS[form](handouts.handout(notebook)))
    assert "Exercise What is 2 2" in printed
    assert "of course" not in printed and "Solution" not in printed
    # The notebook itself is left as it was, and would show the answer.
    assert "of course" in plain(FORMS[form](notebook))


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.name)
def test_no_handout_holds_what_is_folded(path):
    notebook = nbformat.read(path, as_version=4)
    hidden = [
        line.strip()
        for cell in notebook.cells
        for fold in FOLDED.findall(cell.source)
        for line in fold.splitlines()
        if len(line.strip()) > 40 and not line.startswith("def ")
    ]
    shown = nbformat.writes(notebook)
    left = "\n".join(
        line.strip()
        for cell in handouts.handout(notebook).cells
        for line in cell.source.splitlines()
    ).splitlines()
    assert hidden and not set(hidden) & set(left)
    exercises = shown.count("**Exercise")
    assert sum(line.startswith("**Exercise") for line in left) == exercises


def test_a_lesson_prints_whole(tmp_path):
    path = lessons()[6]
    handouts.write(path, tmp_path)
    names = {each.suffix: each for each in tmp_path.iterdir()}
    assert set(names) == {".ipynb", ".html", ".py"}
    page = names[".html"].read_text("utf-8")
    assert "<details" not in page and "Instructor" not in page
    assert "No description has been provided" not in page
    addresses = set(re.findall(r'(?:src|href)="(http[^"]*)"', page))
    scripts = {address for address in addresses if ".js" in address}
    assert all("mathjax" in address for address in scripts)
    assert "](../" not in names[".ipynb"].read_text("utf-8")
    assert "def break_even(" in names[".py"].read_text("utf-8")
    nbformat.validate(nbformat.read(names[".ipynb"], 4))


def test_a_lesson_as_nbconvert_exports_it_shows_solutions():
    notebook = nbformat.read(lessons()[6], as_version=4)
    assert "Solution" in PythonExporter().from_notebook_node(notebook)[0]
