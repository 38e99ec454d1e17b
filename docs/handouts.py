"""Write the lessons for paper: without solutions and instructor's notes.

    python docs/handouts.py [NOTEBOOK ...]

Each lesson becomes a notebook, a page and a script in build/handouts. The
page prints from any browser, also into a PDF; JupyterLab exports the notebook
into any other form.
"""

import re
import sys
import tomllib
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter, PythonExporter

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
REPOSITORY = (
    f"https://github.com/{PROJECT['tool']['course']['repository']}/blob/"
    f"v{PROJECT['project']['version']}"
)
FOLDED = re.compile(r"\n*<details\b.*?</details>|<!--.*?-->", re.DOTALL)
BADGES = re.compile(r"^.*<!-- badges -->\n*", re.MULTILINE)
# Lines break between words, and figures stay on one page.
STYLE = """<style>
pre, code {white-space: pre-wrap !important; word-break: normal !important;
  overflow-wrap: anywhere}
img, .input {break-inside: avoid}
h1, h2, h3 {break-after: avoid}
</style>
</head>"""


def handout(notebook):
    """Return a copy without folded text, notes and badges."""
    notebook = nbformat.from_dict(notebook)
    kept = []
    for cell in notebook.cells:
        if cell.metadata.get("slideshow", {}).get("slide_type") == "notes":
            continue
        if cell.cell_type == "markdown":
            cell.source = FOLDED.sub("", BADGES.sub("", cell.source)).strip()
            cell.source = cell.source.replace("](../", f"]({REPOSITORY}/")
        if cell.source:
            kept.append(cell)
    notebook.cells = kept
    return notebook


def page(notebook):
    """Return a handout as HTML in one file, for a browser to print."""
    exporter = HTMLExporter(
        template_name="classic",  # keeps the words for figures
        exclude_anchor_links=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        require_js_url="",
        jquery_url="",
    )
    notebook = nbformat.from_dict(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(
                r"\]\((\d\d_\w+)\.ipynb", r"](\1.html", cell.source
            )
    return exporter.from_notebook_node(notebook)[0].replace("</head>", STYLE)


def script(notebook):
    """Return a handout as a Python script, its text as comments."""
    return PythonExporter().from_notebook_node(notebook)[0]


def write(path, folder):
    """Write the three forms of one notebook into a folder."""
    notebook = handout(nbformat.read(path, as_version=4))
    folder.mkdir(parents=True, exist_ok=True)
    forms = {
        ".ipynb": nbformat.writes(notebook) + "\n",
        ".html": page(notebook),
        ".py": script(notebook),
    }
    for suffix, text in forms.items():
        (folder / path.with_suffix(suffix).name).write_text(text, "utf-8")


if __name__ == "__main__":
    target = ROOT / "build" / "handouts"
    lessons = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    for name in sys.argv[1:] or lessons:
        write(Path(name), target)
    print(f"Handouts without solutions and notes: {target}")
