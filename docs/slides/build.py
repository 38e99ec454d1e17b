"""Write each notebook as slides in one HTML file that needs no network.

    python docs/slides/build.py [folder]

What is not shown: the set-up and all cells with slide type `skip`. Notes are
in the speaker's window, which the key S opens.
"""

import html
import re
import sys
from pathlib import Path

import nbformat
import sphinx_revealjs
from nbconvert import SlidesExporter

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent))
import mathematics  # noqa: E402
import stored  # noqa: E402

REVEAL = Path(sphinx_revealjs.__file__).parent / "_static" / "revealjs"
BADGES = re.compile(r"^.*<!-- badges -->\n*", re.MULTILINE)


def prepare(notebook):
    """Return a copy for the lecture room: no badges, formulas, other links."""
    notebook = nbformat.from_dict(notebook)
    notebook.cells = [
        cell
        for cell in notebook.cells
        if cell.metadata.get("slideshow", {}).get("slide_type") != "skip"
        and "setup" not in cell.metadata.get("tags", [])
    ]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = list(merged(cell.outputs))
        elif cell.cell_type == "markdown":
            source = BADGES.sub("", cell.source)
            source = re.sub(
                r"\]\(((?:\.\./)?\d\d_\w+)\.ipynb", r"](\1.html", source
            )
            cell.source = mathematics.in_markdown(source)
    title = re.search(r"(?m)^# (.+)$", notebook.cells[0].source)
    notebook.metadata.title = title[1] if title else "Slides"
    return notebook


def merged(outputs):
    """Yield outputs, what was printed in pieces as one."""
    last = None
    for output in outputs:
        same = last and output.output_type == last.output_type == "stream"
        if same and output.name == last.name:
            last.text += output.text
        else:
            last = output
            yield output


def exporter():
    """Return nbconvert's exporter with the template beside this file."""
    return SlidesExporter(
        extra_template_basedirs=[str(HERE.parent)],
        template_name=HERE.name,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
    )


def resources():
    """Return the styles and scripts that go into every file."""
    style = [REVEAL / "dist/reset.css", REVEAL / "dist/reveal.css"]
    script = [REVEAL / "dist/reveal.js", REVEAL / "plugin/notes/notes.js"]
    return {
        "css": _join([*style, HERE / "slides.css"]),
        "script": _join([*script, HERE / "fit.js"]).replace(
            "</script", "<\\/script"
        ),
    }


def _join(paths):
    texts = [path.read_text("utf-8") for path in paths]
    return re.sub(r"(?m)^//# sourceMappingURL=.*$", "", "\n".join(texts))


def build(folder):
    """Write the slides of all notebooks, and a page that lists them."""
    parts, export, items = resources(), exporter(), []
    for language, place in (("en", "."), ("it", "it")):
        (folder / place).mkdir(parents=True, exist_ok=True)
        for path in stored.lessons(language):
            notebook = prepare(stored.read(path))
            course = parts | {"language": language}
            body, _ = export.from_notebook_node(
                notebook, resources={"course": course}
            )
            file = f"{place}/{path.stem}.html".removeprefix("./")
            (folder / file).write_text(body, "utf-8")
            title = html.escape(notebook.metadata.title)
            items.append(
                f'<li lang="{language}"><a href="{file}">{title}</a></li>'
            )
    page = (HERE / "list.html").read_text("utf-8")
    page = page.replace("<!-- lessons -->", "\n".join(items))
    (folder / "index.html").write_text(page, "utf-8")
    print(f"{len(items)} lessons as slides: open {folder / 'index.html'}")


if __name__ == "__main__":
    build(Path(sys.argv[1] if sys.argv[1:] else ROOT / "build" / "slides"))
