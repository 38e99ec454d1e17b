"""One command writes the public address into every link."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import publish
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).resolve().parent.parent
HEAD = (
    "\n# 6. Example\n\n**Question**: What does it cost?\n\n20 min · CPU 40 s"
)
README = "# Course\n<!-- lessons -->\n<!-- /lessons -->\nThe end.\n"


@pytest.fixture
def project(tmp_path):
    """A project of one notebook, as its author left it."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "README.md").write_text(README)
    (tmp_path / "notebooks").mkdir()
    setup = new_code_cell("import course_utils", metadata={"tags": ["setup"]})
    notebook = new_notebook(
        cells=[new_markdown_cell(publish.MARK + HEAD), setup]
    )
    nbformat.write(notebook, tmp_path / "notebooks" / "06_example.ipynb")
    return tmp_path


def read(project):
    return nbformat.read(project / "notebooks" / "06_example.ipynb", 4).cells


def test_an_address_reaches_every_link(project):
    publish.publish("ada/course", project)
    head, setup = read(project)
    readme = (project / "README.md").read_text()
    tag = publish.Address.read(project).tag
    path = "notebooks/06_example.ipynb"
    for text, links in ((head.source, 3), (readme, 4)):
        assert text.count("ada/course") == links
        assert f"/github/ada/course/blob/{tag}/{path}" in text
        assert f"github.com/ada/course/blob/{tag}/{path}" in text
        assert f"/gh/ada/course/{tag}?urlpath=lab/tree/{path}" in text
    assert head.source.endswith(publish.MARK + HEAD)
    assert f"https://github.com/ada/course@{tag}" in setup.source
    assert f'course_utils.set_up("{tag}")' in setup.source
    assert setup.source.count("\n") < 6
    assert "(https://codespaces.new/ada/course?quickstart=1)" in readme
    assert f"| [6. Example]({path}) | What does it cost? | 20 |" in readme
    assert readme.endswith("The end.\n")


def test_a_second_address_replaces_the_first(project):
    publish.publish("ada/course", project)
    assert publish.publish("ada/course", project) == []
    changed = publish.publish("grace/school.course", project)
    assert changed == ["pyproject.toml", "06_example.ipynb", "README.md"]
    for path in project.rglob("*.*"):
        assert not path.is_file() or "ada/course" not in path.read_text()


def test_the_placeholder_says_that_it_is_one(project):
    readme = project / "README.md"
    for address, said in (("OWNER/course", True), ("ada/course", False)):
        publish.publish(address, project)
        for text in (read(project)[0].source, readme.read_text("utf-8")):
            assert (publish.NOT_YET in text) == said


def everything(project):
    return {p: p.read_bytes() for p in project.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    "name",
    ["course", "https://x.org/a/b", "a b/c", "", "./..", "ada/..", "ada/.",
     "../course", "ada/course; touch x", "ada/course\n", "ada/$(touch x)",
     "ada/course.git", "-ada/course", "a--b/course", "ada/kürs", "a_b/course",
     "ada/course/x", f"{'a' * 40}/course", f"ada/{'c' * 101}"],
)  # fmt: skip
def test_something_else_than_an_address_is_refused(project, name):
    before = everything(project)
    with pytest.raises(ValueError, match="owner/name"):
        publish.publish(name, project)
    assert everything(project) == before


@pytest.mark.parametrize(
    "name", ["ada/course", "a-b-1/.github", "A1/x_y.z-2", f"{'a' * 39}/c"]
)
def test_an_address_as_github_writes_it_is_taken(project, name):
    publish.publish(name, project)
    assert publish.Address.read(project).repository == name


BROKEN = {
    "06_example.ipynb: its first line": (
        "notebooks/06_example.ipynb", publish.MARK, ""
    ),
    "06_example.ipynb: its first cell needs its minutes": (
        "notebooks/06_example.ipynb", "20 min", "soon"
    ),
    "06_example.ipynb: its first cell needs a '**Question**": (
        "notebooks/06_example.ipynb", "**Question**", "Question"
    ),
    "README.md: the address has 0 places": (
        "README.md", "<!-- /lessons -->", ""
    ),
    "pyproject.toml: the address has 0 places": (
        "pyproject.toml", 'repository = "', 'repository  = "'
    ),
}  # fmt: skip


@pytest.mark.parametrize("complaint", BROKEN)
def test_one_file_without_a_place_leaves_all_as_they_were(project, complaint):
    name, right, wrong = BROKEN[complaint]
    text = (project / name).read_text("utf-8")
    assert right in text
    (project / name).write_text(text.replace(right, wrong), "utf-8")
    before = everything(project)
    with pytest.raises(ValueError, match=re.escape(complaint)):
        publish.publish("ada/course", project)
    assert everything(project) == before


@pytest.mark.parametrize("full_at", ["06_example.ipynb", "README.md"])
def test_a_disk_that_fills_leaves_all_as_they_were(
    project, monkeypatch, full_at
):
    write = publish.write_atomically

    def fill(path, writer):
        if path.name == full_at:
            raise OSError(28, "No space left on device")
        return write(path, writer)

    monkeypatch.setattr(publish, "write_atomically", fill)
    before = everything(project)
    with pytest.raises(OSError, match="No space"):
        publish.publish("ada/course", project)
    assert everything(project) == before


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("OWNER/course", publish.NOT_PUBLIC),
        ("OWNER/training-vs-transfer", publish.NOT_PUBLIC),
        ("ada/course", publish.NOT_FETCHED),
    ],
)
def test_the_set_up_cell_blames_no_switch_before_there_is_an_address(
    address, said
):
    cell = publish.Address(address, "v1.0.0").setup_cell()
    assert f'"{said}"' in cell
    assert ("Kaggle:" in cell) == ("no public address yet" not in cell)


@pytest.fixture
def make(tmp_path):
    """Return a function that runs make in a copy, its environment ready."""
    if shutil.which("make") is None:
        pytest.skip("there is no make")
    copy = tmp_path / "copy"
    for name in ("docs", "tests", "course_utils"):
        shutil.copytree(
            ROOT / name,
            copy / name,
            ignore=shutil.ignore_patterns("__pycache__", "test_*"),
        )
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, copy)
    (copy / "README.md").write_text(README)
    (copy / ".venv" / "bin").mkdir(parents=True)
    python = copy / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (copy / ".venv" / ".ready").touch()

    def run(*arguments):
        done = subprocess.run(
            ["make", "--silent", *arguments],
            cwd=copy,
            env=os.environ | {"PYTHONPATH": str(copy)},
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout, done.stderr, copy

    return run


@pytest.mark.parametrize(
    "typed",
    ["a/b; touch x", "a/b && touch x", "a/`touch x`", "a/$(touch x)",
     "a/$$(touch x)", "a/$(shell touch x)", "a/b' ; touch x ; '",
     'a/b" ; touch x ; "', "./.."],
)  # fmt: skip
def test_what_is_typed_is_never_run(make, typed):
    code, _, told, folder = make("publish", f"REPOSITORY={typed}")
    assert code != 0
    assert not list(folder.rglob("x"))
    assert "Name it as owner/name" in told


def test_make_publishes_the_address_that_was_typed(make):
    code, said, told, folder = make("publish", "REPOSITORY=ada/course")
    assert code == 0, told
    assert "changed pyproject.toml, README.md" in said
    assert publish.Address.read(folder).repository == "ada/course"


def test_a_clone_without_a_remote_is_asked_for_the_address(make):
    code, _, told, folder = make("publish")
    assert code != 0
    assert "no remote on GitHub" in told and "Traceback" not in told
    assert publish.Address.read(folder).is_placeholder


@pytest.mark.parametrize(
    "remote",
    [
        "https://github.com/ada/course.git",
        "git@github.com:ada/course",
        "https://github.com/ada/course/",
    ],
)
def test_a_fork_knows_its_own_address(tmp_path, remote):
    git = ["git", "-C", tmp_path]
    subprocess.run([*git, "init", "--quiet"], check=True)
    assert publish.origin(tmp_path) is None
    subprocess.run([*git, "remote", "add", "origin", remote], check=True)
    assert publish.origin(tmp_path) == "ada/course"


def test_this_project_is_published_as_pyproject_says(tmp_path):
    readme = (ROOT / "README.md").read_text("utf-8")
    assert publish.TABLE.search(readme), (
        "README.md needs <!-- lessons --> and <!-- /lessons --> on lines of "
        "their own; `make publish` writes the table between them"
    )
    for name in ("pyproject.toml", "README.md", "notebooks", "docs/italiano"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    address = publish.Address.read().repository
    assert publish.publish(root=tmp_path) == [], (
        f"run `make publish REPOSITORY={address}`"
    )


def test_a_codespace_installs_what_make_installs():
    place = ROOT / ".devcontainer" / "devcontainer.json"
    described = json.loads(place.read_text("utf-8"))
    command = described["postCreateCommand"]
    assert "--requirement tests/environments/tested.txt" in command
    assert "--no-deps --editable ." in command
    python = re.search(r"python:3\.(\d+)$", described["image"])[1]
    assert 11 <= int(python) <= 13  # TensorFlow is there
    (opened,) = described["customizations"]["codespaces"]["openFiles"]
    assert (ROOT / opened).exists()


def test_the_page_on_publishing_names_the_tag_and_the_workflow():
    page = (ROOT / "docs" / "publishing.md").read_text("utf-8")
    assert f"git tag {publish.Address.read().tag}\n" in page
    workflow = ROOT / ".github" / "workflows" / "pages.yml"
    assert "make site" in workflow.read_text("utf-8")
    for target in re.findall(r"(?m)(?:`|^ {4})make ([a-z-]+)", page):
        makefile = (ROOT / "Makefile").read_text("utf-8")
        assert re.search(rf"(?m)^[a-z -]*\b{target}\b.*:", makefile), target
