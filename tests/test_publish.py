"""One command writes the public address into every link."""

import shutil
import subprocess
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
    for text in (head.source, readme):
        assert text.count("ada/course") == 3
        assert f"/github/ada/course/blob/{tag}/{path}" in text
        assert f"github.com/ada/course/blob/{tag}/{path}" in text
        assert f"/gh/ada/course/{tag}?urlpath=lab/tree/{path}" in text
    assert head.source.endswith(publish.MARK + HEAD)
    assert f"https://github.com/ada/course@{tag}" in setup.source
    assert f'course_utils.set_up("{tag}")' in setup.source
    assert setup.source.count("\n") < 6
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


@pytest.mark.parametrize("name", ["course", "https://x.org/a/b", "a b/c", ""])
def test_something_else_than_an_address_is_refused(project, name):
    with pytest.raises(ValueError, match="owner/name"):
        publish.publish(name, project)


def test_a_notebook_without_a_first_line_is_refused(project):
    path = project / "notebooks" / "06_example.ipynb"
    nbformat.write(new_notebook(cells=[new_markdown_cell("# 6. No")]), path)
    with pytest.raises(ValueError, match=r"06_example\.ipynb: its first line"):
        publish.publish("ada/course", project)


@pytest.mark.parametrize(
    "remote",
    ["https://github.com/ada/course.git", "git@github.com:ada/course"],
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
    for name in ("pyproject.toml", "README.md", "notebooks"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    assert publish.publish(root=tmp_path) == [], "run `make publish`"
