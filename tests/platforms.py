"""Run the course as Colab, Kaggle and other environments would run it.

    python tests/platforms.py colab [notebooks/06_*.ipynb ...]
    python tests/platforms.py colab install

For colab, colab-tpu, kaggle, kaggle-tpu, binder and jax: the packages are
installed as the platform's list names them, on the platform's Python if this
machine has it. Then each notebook, alone in an empty folder, runs from its
first cell, which installs the course from the last commit of this checkout in
place of its public address. What is checked: every cell runs and prints no
warning, cells with fixed output give it, solutions earn their ✓, the package
list differs afterward by the course alone, and nothing of a person was asked.
Without internet the set-up cell must stop and say so; if there is no
TensorFlow, a notebook that imports it must stop and say so. Binder brings the
course, one processor and 2 GB, which a notebook must not exceed. jax is a
machine of one's own with the newest Keras and JAX and without TensorFlow.

For newest and oldest: tests/run.sh with the newest packages that
requirements.txt allows, or with the lowest that it promises. `newest --pre`
takes TensorFlow's candidate for a release, if there is one.
"""

import ast
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "docs"))
from publish import Address, lessons  # noqa: E402

LISTS = ROOT / "tests" / "environments"
COURSE = "training-vs-transfer"
# What tells a notebook that it is on Colab; Kaggle builds on Colab's image.
COLAB = {
    "COLAB_RELEASE_TAG": "release-colab-external-images_20260819",
    "COLAB_GPU": "",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
}
TENSORFLOW = re.compile(r"(?m)^tensorflow(>=[^ ;]+)")
STUB = LISTS / "colab_stub"
NEEDS_TENSORFLOW = "ModuleNotFoundError: This notebook needs TensorFlow"
COLAB_KERNEL = "--IPKernelApp.kernel_class=google.colab._shell.Kernel"


@dataclass(frozen=True)
class Platform:
    """An environment to imitate.

    packages: the files that list its packages, from tests/environments
    python: its Python, as "3.13"; of several, the first that is here
    options: what pip is told besides
    variables: environment variables by which it is known
    kernel: further arguments of its kernel
    brings_course: whether the set-up cell finds the course installed
    memory: bytes that a notebook may take on one processor, or None
    """

    packages: tuple
    python: str
    options: tuple = ()
    variables: dict = field(default_factory=dict)
    kernel: tuple = ()
    brings_course: bool = False
    memory: int | None = None


# Packages as they are on the platform, also where they do not fit together.
AS_LISTED = ("--no-deps",)
PLATFORMS = {
    "colab": Platform(
        ("colab.txt",), "3.13", AS_LISTED, COLAB, (COLAB_KERNEL,)
    ),
    "colab-tpu": Platform(
        ("colab-tpu.txt",),
        "3.13",
        AS_LISTED,
        COLAB | {"TPU_ACCELERATOR_TYPE": "v5e-1", "JAX_PLATFORMS": "cpu"},
        (COLAB_KERNEL,),
    ),
    "kaggle": Platform(
        ("kaggle.txt",),
        "3.12",
        AS_LISTED,
        COLAB | {"KAGGLE_KERNEL_RUN_TYPE": "Batch"},
    ),
    "kaggle-tpu": Platform(
        ("kaggle-tpu.txt",),
        "3.12",
        variables={
            "ISTPUVM": "1",
            "TPU_PROCESS_ADDRESSES": "local",
            "KAGGLE_KERNEL_RUN_TYPE": "Batch",
            "JAX_PLATFORMS": "cpu",
        },
    ),
    "binder": Platform(
        ("../../binder/requirements.txt",),
        "3.12",
        ("ipykernel",),  # of Binder's own image
        {"BINDER_SERVICE_HOST": "127.0.0.1", "CPU_LIMIT": "1.0"},
        brings_course=True,
        memory=2**31 - 100 * 2**20,  # less JupyterLab's server
    ),
    "jax": Platform(("jax.txt",), "3.14 3.13", brings_course=True),
}
VERSIONS = {
    "newest": Platform(
        ("../../requirements.txt", "../requirements.txt"), "3.13"
    ),
    "oldest": Platform(("oldest.txt",), "3.11"),
}


RANGES = ("newest", "jax", "kaggle-tpu")


def find_python(versions):
    """Return an interpreter of a version, or this one with a sentence.

    versions: "3.13", or several with spaces between, the preferred one first
    """
    for version in versions.split():
        if found := _interpreter(version):
            return found
    here = ".".join(map(str, sys.version_info[:2]))
    print(f"No Python {versions} on this machine; the run uses {here}.")
    return sys.executable


def _interpreter(version):
    candidates = [shutil.which(f"python{version}")]
    for tool, *query in (
        ("uv", "python", "find", "--no-project", version),
        ("pyenv", "prefix", version),
    ):
        if shutil.which(tool):
            found = run([tool, *query], check=False).stdout.strip()
            path = Path(found)
            candidates.append(path / "bin/python" if path.is_dir() else path)
    for candidate in filter(None, candidates):
        query = [candidate, "-c", "import sys; print(sys.version[:4])"]
        try:
            if run(query, check=False).stdout.strip() == version:
                return str(candidate)
        except OSError:
            continue
    return None


def run(command, check=True, **options):
    """Run a command quietly; on failure show what it said and stop."""
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, **options
    )
    if check and done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done


def build(name, platform):
    """Return the platform's interpreter, its packages installed.

    An environment is used until its lists change; one whose lists are ranges
    is made again each time.
    """
    lists = [LISTS / packages for packages in platform.packages]
    folder = ROOT / f".venv-{name}"
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    stamp = folder / ".installed"
    digest = hashlib.sha256(
        b"".join(p.read_bytes() for p in lists)
    ).hexdigest()
    known = stamp.read_text() if stamp.exists() else None
    if digest != known or name in RANGES:
        run([find_python(platform.python), "-m", "venv", "--clear", folder])
        pip = [python, "-m", "pip", "install", "--quiet", *platform.options]
        run([*pip, *(f"--requirement={list_}" for list_ in lists)], cwd=ROOT)
        stamp.write_text(digest)
    if not platform.brings_course:
        run([python, "-m", "pip", "uninstall", "--quiet", "--yes", COURSE])
    return python


def installed(python):
    """Return the installed packages as {"name==version", ...}."""
    # -E: a PYTHONPATH of the person who runs this adds nothing.
    listed = run([python, "-E", "-m", "pip", "list", "--format=json"]).stdout
    return {f"{p['name']}=={p['version']}" for p in json.loads(listed)}


def public_address(folder):
    """Return variables that lead the public address to this checkout.

    The set-up cell stays as it is: git itself fetches the course, at the
    cell's tag, from a bare clone of the last commit.
    """
    address = Address.read()
    clone = folder / "course.git"
    run(["git", "clone", "--quiet", "--bare", ROOT, clone])
    run(["git", "-C", clone, "tag", "--force", address.tag, "HEAD"])
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{clone.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": f"https://github.com/{address.repository}",
    }


def environment(platform, folder):
    """Return the variables of a fresh session on the platform."""
    home = folder / "home"
    home.mkdir()
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COURSE_", "COLAB_", "KAGGLE_", "VIRTUAL_"))
    }
    for name in (
        "PYTHONPATH",
        "KERAS_BACKEND",
        "MPLBACKEND",
        "TF_CPP_MIN_LOG_LEVEL",
    ):
        kept.pop(name, None)
    cache = run([sys.executable, "-m", "pip", "cache", "dir"]).stdout.strip()
    session = {
        "HOME": str(home),
        "PIP_CACHE_DIR": cache,
        "COURSE_SOURCE": "drawings",
        **platform.variables,
        **public_address(folder),
    }
    if "COLAB_RELEASE_TAG" in platform.variables:
        session["PYTHONPATH"] = str(STUB)
        session["COLAB_CALLS"] = str(folder / "calls.jsonl")
    return kept | session


def kernel(python, platform, folder):
    """Describe the platform's kernel to Jupyter and return the folder."""
    arguments = ["-m", "ipykernel_launcher", "-f", "{connection_file}"]
    place = folder / "jupyter" / "kernels" / "platform"
    place.mkdir(parents=True)
    argv = [str(python), *arguments, *platform.kernel]
    if platform.memory:
        small = [sys.executable, LISTS / "small.py", folder / "peaks"]
        argv = [*map(str, small), str(platform.memory), *argv]
    description = {
        "argv": argv,
        "display_name": "platform",
        "language": "python",
    }
    (place / "kernel.json").write_text(json.dumps(description))
    return folder / "jupyter"


def stop(sources, variables, folder):
    """Return the error that ends a notebook of these cells, in plain text."""
    path = folder / "stops.ipynb"
    nbformat.write(new_notebook(cells=[*map(new_code_cell, sources)]), path)
    execute = (
        "-m nbconvert --log-level ERROR --to notebook --inplace --execute "
        "--allow-errors --ExecutePreprocessor.kernel_name=platform "
        "--ExecutePreprocessor.startup_timeout=300"
    )
    run([sys.executable, *execute.split(), path], env=variables)
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.outputs:
            if output.output_type == "error":
                shown = "\n".join(output.traceback).rstrip()
                return re.sub(r"\x1b\[[\d;]*m", "", shown)
    return "no error"


def stop_offline(variables, folder):
    """Return how the set-up cell ends where the course cannot be had."""
    address = Address.read()
    nowhere = f"http://127.0.0.1:9/{address.repository}"
    offline = variables | {
        "GIT_CONFIG_KEY_0": f"url.{nowhere}.insteadOf",
        "PIP_INDEX_URL": "http://127.0.0.1:9/",
        "PIP_RETRIES": "0",
    }
    return stop([address.setup_cell()], offline, folder)


def cells_to_tensorflow(path):
    """Return a notebook's code up to its import of TensorFlow, or None."""
    code = []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            code.append(cell.source)
            if needs_tensorflow(cell.source):
                return code
    return None


def needs_tensorflow(source):
    """Say whether a cell imports TensorFlow whatever there is."""
    try:
        body = ast.parse(source).body
    except SyntaxError:  # a line of IPython's
        return False
    inner = [
        n for node in body if isinstance(node, ast.With) for n in node.body
    ]
    return any(
        isinstance(node, ast.Import) and node.names[0].name == "tensorflow"
        for node in (*body, *inner)
    )


def try_platform(name, paths):
    """Run the notebooks on one platform; return its failures as sentences."""
    platform = PLATFORMS[name]
    python = build(name, platform)
    before = installed(python)
    failures = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        variables = environment(platform, folder)
        variables["JUPYTER_PATH"] = str(kernel(python, platform, folder))
        if not platform.brings_course:
            told = stop_offline(variables, folder)
            sentence = Address.read().not_fetched
            if not told.endswith(f"AssertionError: {sentence}"):
                failures.append(f"without internet the reader sees: {told}")
        without = not any(
            re.match(r"tensorflow([-_]cpu)?==", p) for p in before
        )
        for path in paths:
            needed = cells_to_tensorflow(path) if without else None
            if needed:
                told = stop(needed, variables, folder)
                if NEEDS_TENSORFLOW not in told.splitlines()[-1]:
                    failures.append(f"{path.name} without TensorFlow: {told}")
                print(f"{name}: {path.name} says that it needs TensorFlow.")
                continue
            place = folder / "notebooks" / path.stem
            place.mkdir(parents=True)
            shutil.copy(path, place)
        pytest = (
            "-m pytest -p tests.solutions -p tests.noise --nbval-lax "
            "--nbval-kernel-name platform --nbval-cell-timeout 900 "
            "--nbval-kernel-startup-timeout 300 --durations 9"
        )
        tried = subprocess.run(
            [sys.executable, *pytest.split(), str(folder / "notebooks")],
            cwd=ROOT,
            env=variables,
        )
        if tried.returncode:
            failures.append("a notebook failed")
        for call in lines_of(folder / "calls.jsonl"):
            failures.append(f"a person was asked: {call}")
        reports = (folder / "peaks").glob("*")
        peaks = [int(report.read_text() or 0) for report in reports]
    if platform.memory:
        print(f"{name}: peak memory {max(peaks) / 1e9:.2f} GB")
        if max(peaks) > platform.memory:
            failures.append("a notebook takes more memory than there is")
    expected = set() if platform.brings_course else {COURSE}
    change = before ^ installed(python)
    if {package.partition("==")[0] for package in change} != expected:
        failures.append(f"the packages changed by {sorted(change)}")
    return failures


def lines_of(path):
    """Return a file's lines, none where there is no file."""
    return path.read_text("utf-8").splitlines() if path.exists() else []


def take_candidate(python):
    """Install the newest TensorFlow, also one that is not yet released.

    A candidate asks for the nightly Keras, which shares a folder with the
    released one; the released one is put back.
    """
    pip = [python, "-m", "pip"]
    wanted = (
        "tensorflow"
        + TENSORFLOW.search((ROOT / "requirements.txt").read_text("utf-8"))[1]
    )
    run([*pip, "install", "--quiet", "--pre", "--upgrade", wanted])
    run([*pip, "uninstall", "--quiet", "--yes", "keras-nightly"])
    back = ["--quiet", "--no-deps", "--force-reinstall", "keras<4"]
    run([*pip, "install", *back])


def try_versions(name, candidate=False):
    """Run all checks but style with the newest or the oldest packages.

    candidate: take a TensorFlow that is not yet released, if there is one
    """
    python = build(name, VERSIONS[name])
    if candidate:
        take_candidate(python)
    for package in sorted(installed(python)):
        if package.startswith(("keras", "tensorflow", "jax", "numpy")):
            print(f"{name}: {package}")
    course = ["--quiet", "--no-deps", "--editable", ROOT]
    run([python, "-m", "pip", "install", *course])
    checks = ["bash", "tests/run.sh", "units", "notebooks"]
    variables = os.environ | {"BIN": str(python.parent)}
    tried = subprocess.run(checks, cwd=ROOT, env=variables)
    return ["a check failed"] if tried.returncode else []


if __name__ == "__main__":
    name, *chosen = sys.argv[1:] or [""]
    failures = []
    if name in PLATFORMS and chosen == ["install"]:
        build(name, PLATFORMS[name])
    elif name in PLATFORMS:
        failures = try_platform(name, [*map(Path, chosen)] or lessons())
    elif name in VERSIONS and chosen == ["install"]:
        build(name, VERSIONS[name])
    elif name in VERSIONS and chosen in ([], ["--pre"]):
        failures = try_versions(name, candidate=bool(chosen))
    else:
        sys.exit(f"Name one of {', '.join(PLATFORMS | VERSIONS)}.")
    print(f"{name}: {'; '.join(failures) or 'all is well'}")
    sys.exit(bool(failures))
