"""Build the executed course as a site that is read without a network.

    python docs/site/build.py [folder]

The notebooks are shown as they were stored; none is run. Pages are gathered
in build/site-source first, at the paths that they have in the repository, so
that the links between them hold.
"""

import re
import shutil
import sys
import tomllib
from pathlib import Path

import nbformat
from sphinx.cmd.build import build_main

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import stored  # noqa: E402

ROOT = HERE.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
REPOSITORY = (
    f"https://github.com/{PROJECT['tool']['course']['repository']}/blob/"
    f"v{PROJECT['project']['version']}"
)
PAGES = [
    "docs/claims.md",
    "docs/glossary.md",
    "data/README.md",
    "docs/platforms.md",
    "docs/teaching.md",
    ".github/CONTRIBUTING.md",
]
BROWSER = """
<p>Notebooks 0 to 2 also run
<a href="lite/lab/index.html?path=00_start_here.ipynb">in this browser</a>,
without an installation, if these pages come from a server and there is a
network.</p>
"""
ITALIAN = """
<p lang="it">Alcune lezioni sono
<a href="it/index.html">in italiano</a>.</p>
"""
LANGUAGE = {"name": "python", "pygments_lexer": "ipython3"}
BADGE = re.compile(r"\[!\[([^\]]+)\]\([^)]*\)\]\(([^)]*)\)")
LINK = re.compile(r"(?<=\]\()(?!https?:|#)([^)#\s]+)")


def stage(source):
    """Gather the pages, links to other files leading to the repository."""
    shutil.rmtree(source, ignore_errors=True)
    readme = (ROOT / "README.md").read_text("utf-8")
    lessons, italian = stored.lessons(), stored.lessons("it")
    pages = [page for page in PAGES if (ROOT / page).exists()]
    staged = {f"notebooks/{path.name}" for path in lessons} | {*pages}
    groups = {
        "Lessons": sorted(staged - {*pages}),
        "More": pages,
    }
    index = readme + BROWSER + ITALIAN * bool(italian) + contents(groups)
    write(source, "index.md", links(index, ROOT, staged))
    for page in pages:
        text = (ROOT / page).read_text("utf-8")
        write(source, page, links(text, (ROOT / page).parent, staged))
    write_lessons(source, lessons, staged)
    for path in (ROOT / "docs").glob("*.png"):
        shutil.copy(path, source / "docs" / path.name)


def stage_italian(source):
    """Gather the Italian lessons and their page; return whether any is."""
    shutil.rmtree(source, ignore_errors=True)
    lessons = stored.lessons("it")
    staged = {f"notebooks/it/{path.name}" for path in lessons}
    page = ROOT / "docs" / "italiano" / "README.md"
    text = links(page.read_text("utf-8"), page.parent, staged)
    text = text.replace("](../../notebooks/it/", "](notebooks/it/")
    write(source, "index.md", text + contents({"Lezioni": sorted(staged)}))
    write_lessons(source, lessons, staged)
    return bool(lessons)


def write_lessons(source, paths, staged):
    """Write notebooks for readers, at the paths that they have here."""
    for path in paths:
        notebook = prepare(stored.read(path), path.parent, staged)
        name = path.relative_to(ROOT).as_posix()
        write(source, name, nbformat.writes(notebook))


def contents(groups):
    """Return the tables of contents, which the sidebar shows."""
    return "".join(
        f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n"
        + "\n".join(names)
        + "\n```\n"
        for caption, names in groups.items()
    )


def prepare(notebook, folder, staged):
    """Return a notebook for readers: text for badges, words for figures."""
    notebook.metadata["language_info"] = LANGUAGE
    for cell in notebook.cells:
        kind = cell.metadata.get("slideshow", {}).get("slide_type")
        tags = cell.metadata.setdefault("tags", [])
        if kind == "notes":
            tags.append("remove-cell")
        elif "setup" in tags:
            tags.append("hide-input")
        if cell.cell_type == "markdown":
            source = BADGE.sub(r"[\1](\2)", cell.source)
            source = re.sub(r"<!--.*?-->", "", source)
            cell.source = links(source, folder, staged)
        texts = [
            output.get("metadata", {}).get("image/png", {}).get("alt")
            for output in cell.get("outputs", [])
        ]
        if any(texts):
            text = " Then: ".join(filter(None, texts))
            cell.metadata["mystnb"] = {"image": {"alt": text}}
    return notebook


def links(text, folder, staged):
    """Lead links to files that are no pages to the repository."""

    def lead(match):
        target = (folder / match[1]).resolve()
        if not target.is_relative_to(ROOT):
            return match[0]
        name = target.relative_to(ROOT).as_posix()
        if name == "README.md":
            return "/index.md"
        if name in staged or target.suffix == ".png":
            return match[0]
        return f"{REPOSITORY}/{name}"

    return LINK.sub(lead, text)


def write(source, name, text):
    """Write one page below the folder of the gathered ones."""
    path = source / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def build(folder):
    """Write the site into a folder; return Sphinx's exit status."""
    source = ROOT / "build" / "site-source"
    shutil.rmtree(folder, ignore_errors=True)
    stage(source)
    status = run_sphinx(source, folder, "en")
    italian = source.with_name("site-source-it")
    if status == 0 and stage_italian(italian):
        status = run_sphinx(italian, folder / "it", "it")
    if status == 0:
        print(f"The course as a site: open {folder / 'index.html'}")
    return status


def run_sphinx(source, folder, language):
    """Build the pages of one language; return Sphinx's exit status."""
    doctrees = ROOT / "build" / f"site-doctrees-{language}"
    options = ["-q", "-W", "--keep-going", "-E", "-b", "html"]
    options += ["-D", f"language={language}"]
    places = ["-c", HERE, "-d", doctrees, source, folder]
    return build_main([*options, *map(str, places)])


if __name__ == "__main__":
    target = sys.argv[1] if sys.argv[1:] else ROOT / "build" / "site"
    sys.exit(build(Path(target)))
