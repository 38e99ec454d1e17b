"""The project as a stranger finds it: its files, its package, its imports."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
from publish import Address, lessons

import course_utils

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
BINARY = {".npz", ".keras", ".h5", ".png", ".jpg", ".gif", ".webp", ".ico"}
# What a machine needs beside the package: Colab and Kaggle bring their own.
PLATFORM_BRINGS = {"tensorflow", "jax", "jupyterlab", "jupyterlab-slideshow"}
MAY_BE_THERE = {
    "tensorflow",
    "jax",
    "h5py",
    "pillow_heif",
    "pynvml",
    "google",
    "IPython",
}
MACHINE = re.compile(
    r"/(?:work|farm|root)/|/tmp/[t]mp|\w+\.py(?:pi|thonhosted)\.org"
)
FRAMEWORKS = ("tensorflow", "keras", "jax", "torch")


def git_files():
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    names = filter(None, listed.stdout.split("\0"))
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def python(code, **environment):
    """Run code in a fresh interpreter far from the checkout."""
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(sys.executable).parent,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def requirement_lines(name):
    lines = (ROOT / name).read_text("utf-8").split("\n")
    return {line for line in lines if line and not line.startswith("#")}


def test_package_and_requirements_ask_for_the_same():
    package = set(PROJECT["project"]["dependencies"])
    runtime = requirement_lines("requirements.txt")
    assert package <= runtime
    more = {re.match(r"[\w-]+", line)[0] for line in runtime - package}
    assert more == PLATFORM_BRINGS


def imports(code):
    """Return the packages that Python code imports; magics are left out."""
    if code.startswith("%%"):  # a file that a lesson writes
        return set()
    lines = [li for li in code.split("\n") if not li.lstrip().startswith("%")]
    try:
        tree = ast.parse("\n".join(lines))
    except SyntaxError:  # the set-up cell, without its magic
        return set()
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def test_the_package_asks_for_what_it_imports_and_nothing_else():
    imported = set()
    for path in (ROOT / "course_utils").rglob("*.py"):
        imported |= imports(path.read_text("utf-8"))
    for path in lessons():
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                imported |= imports(cell.source)
    names = {"PIL": "pillow", "sklearn": "scikit-learn"}
    imported = {names.get(name, name) for name in imported}
    asked = {
        re.match(r"[\w-]+", text)[0]
        for text in PROJECT["project"]["dependencies"]
    }
    # Notebook 13 imports the worker that it writes.
    own = {"course_utils", "worker", *sys.stdlib_module_names}
    assert imported - own - asked - MAY_BE_THERE == set()
    assert asked - imported <= {"ipywidgets"}  # of interact and tqdm.auto


def test_the_version_stands_the_same_everywhere():
    version = PROJECT["project"]["version"]
    assert course_utils.__version__ == version
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    assert re.search(r"(?m)^version: [\"']?([\d.]+)", citation)[1] == version


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.name)
def test_the_set_up_cell_installs_the_version_of_the_badge(path):
    address = Address.read()
    notebook = nbformat.read(path, as_version=4)
    code = next(c.source for c in notebook.cells if c.cell_type == "code")
    assert f"{address.repository}@{address.tag}" in code
    assert (
        f"{address.repository}/blob/{address.tag}/"
        in notebook.cells[0]["source"]
    )


def test_no_file_is_larger_than_3_megabytes():
    large = [p.name for p in git_files() if p.stat().st_size > 3_000_000]
    assert large == []


def test_no_file_names_a_machine():
    found = []
    for path in git_files():
        if path.suffix not in BINARY:
            text = path.read_text("utf-8")
            found += [f"{path.name}: {m[0]}" for m in MACHINE.finditer(text)]
    assert found == []


def test_links_within_the_repository_lead_somewhere():
    broken = []
    for path in git_files():
        if path.suffix not in (".md", ".ipynb"):
            continue
        text = path.read_text("utf-8")
        if path.suffix == ".ipynb":
            cells = nbformat.reads(text, as_version=4).cells
            text = "\n".join(
                c.source for c in cells if c.cell_type == "markdown"
            )
        text = re.sub(r"`[^`]*`", "", text)
        for link in re.findall(r"\]\(([^)#\s]+)", text):
            if ":" not in link and not (path.parent / link).exists():
                broken.append(f"{path.name}: {link}")
    assert broken == []


def test_at_most_13_things_are_seen_at_the_root():
    names = {path.relative_to(ROOT).parts[0] for path in git_files()}
    visible = sorted(name for name in names if not name.startswith("."))
    assert len(visible) <= 13, visible


def test_only_networks_bring_a_framework_along():
    folder = ROOT / "course_utils"
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in folder.rglob("[a-z]*.py")
        if "networks" not in path.parts
    ]
    imports = "; ".join(f"import {name}" for name in modules)
    code = f"{imports}; import sys; print([*sys.modules])"
    loaded = set(re.findall(r"'([\w.]+)'", python(code)))
    assert "course_utils.results.transfer" in loaded
    assert loaded.isdisjoint(FRAMEWORKS)


def test_importing_the_package_changes_nothing():
    code = (
        "import os, logging; before = dict(os.environ); import course_utils; "
        "assert dict(os.environ) == before; "
        "assert not logging.getLogger('tensorflow').filters"
    )
    python(code, KERAS_BACKEND="", TF_CPP_MIN_LOG_LEVEL="")


def test_the_package_lists_every_room():
    folder = ROOT / "course_utils"
    rooms = {
        "course_utils." + path.parent.name
        for path in folder.glob("*/__init__.py")
    }
    listed = set(PROJECT["tool"]["setuptools"]["packages"])
    assert rooms | {"course_utils"} == {n for n in listed if "_data" not in n}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Install the tracked files as pip does it from git, into a folder."""
    source = tmp_path_factory.mktemp("source")
    for path in git_files():
        target = source / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    target = tmp_path_factory.mktemp("installed")
    pip = ["-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    run = subprocess.run(
        [sys.executable, *pip, target, source], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    return target


def test_the_installed_package_holds_all_of_data(installed):
    shipped = {
        path.relative_to(ROOT / "data").as_posix()
        for path in git_files()
        if path.is_relative_to(ROOT / "data")
    }
    folder = installed / "course_utils" / "_data"
    there = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert "README.md" in shipped
    assert shipped <= there


def test_the_installed_package_works_without_the_checkout(installed):
    code = (
        "import course_utils; from course_utils.data import drawings; "
        "from course_utils.machine import paths; "
        "print(course_utils.__file__); print(paths.data_directory()); "
        "print(drawings.draw('fox', seed=1).shape)"
    )
    file, data, shape = python(code, PYTHONPATH=str(installed)).split("\n")[:3]
    assert Path(file).parent == installed / "course_utils"
    assert Path(data) == installed / "course_utils" / "_data"
    assert shape == "(32, 32, 3)"
