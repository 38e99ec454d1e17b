"""Keras's backend is chosen before Keras is imported, and by rule."""

import importlib.metadata
import io
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import course_utils
from course_utils.machine import backend

PRINT = "import os; print(os.environ.get('KERAS_BACKEND'))"
SET_UP = "import course_utils; course_utils.set_up()"
MARKS = ("KERAS_BACKEND", "TPU_ACCELERATOR_TYPE", "ISTPUVM")


@pytest.fixture
def machine(tmp_path):
    """Return a function that imports the course beside made-up packages."""

    def run(*modules, keras="3.13.2", **variables):
        for name in modules:
            (tmp_path / f"{name}.py").touch()
        metadata = tmp_path / f"keras-{keras}.dist-info" / "METADATA"
        metadata.parent.mkdir()
        metadata.write_text(
            f"Metadata-Version: 2.1\nName: keras\nVersion: {keras}"
        )
        # Hide the real packages: only the course and the made-up ones.
        block = (
            "import sys, importlib.util as u; find = u.find_spec; "
            f"u.find_spec = lambda n, p=None: n in {modules!r} or None "
            "if n in ('jax', 'tensorflow') else find(n, p); "
        )
        kept = {k: v for k, v in os.environ.items() if k not in MARKS}
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                f"{block}{SET_UP}; {PRINT}",
            ],
            env=kept | {"PYTHONPATH": str(tmp_path)} | variables,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        *said, backend = done.stdout.strip().split("\n")
        return backend, "\n".join(said)

    return run


@pytest.mark.parametrize(
    ("modules", "variables", "backend"),
    [
        (("tensorflow", "jax"), {}, "None"),
        (("tensorflow",), {}, "None"),
        (("jax",), {}, "jax"),
        (("tensorflow", "jax"), {"ISTPUVM": "1"}, "jax"),
        (("jax",), {"TPU_ACCELERATOR_TYPE": "v5e-1"}, "jax"),
        (("tensorflow",), {"ISTPUVM": "1"}, "None"),
        (("jax",), {"KERAS_BACKEND": "torch"}, "torch"),
        (("tensorflow",), {"KERAS_BACKEND": "JAX"}, "jax"),
        (("jax",), {"KERAS_BACKEND": "TensorFlow "}, "tensorflow"),
        ((), {}, "None"),
    ],
)
def test_tensorflow_serves_unless_it_cannot(
    machine, modules, variables, backend
):
    assert machine(*modules, **variables) == (backend, "")


def test_an_old_keras_is_named_with_its_remedy(machine):
    _, said = machine("tensorflow", keras="2.15.0")
    assert said.startswith("Keras 2.15.0 is installed")
    assert 'pip install -U "keras>=3.13.2,<4"' in said


def test_legacy_keras_is_named_with_its_remedy(machine):
    _, said = machine("tensorflow", TF_USE_LEGACY_KERAS="1")
    assert said.startswith("TF_USE_LEGACY_KERAS")
    assert "restart the kernel" in said


def test_a_keras_from_the_future_is_named_with_its_remedy(machine):
    _, said = machine("tensorflow", keras="4.0.0")
    assert said.startswith("Keras 4.0.0 is installed")
    assert 'pip install -U "keras>=3.13.2,<4"' in said


def test_a_package_that_a_platform_dropped_is_named(monkeypatch):
    assert backend.problems() == []
    version = importlib.metadata.version

    def without(name):
        if name in ("psutil", "tqdm", "keras"):
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", without)
    (sentence,) = backend.problems()  # without Keras the first notebooks run
    assert "%pip install psutil tqdm and restart" in sentence


@pytest.mark.parametrize(
    ("name", "version", "needed"),
    [
        ("keras", "3.13.0", "keras>=3.13.2,<4"),
        ("keras", "3.13.1", "keras>=3.13.2,<4"),
        ("numpy", "1.25.2", "numpy>=1.26"),
        ("ipywidgets", "9.0.0", "ipywidgets>=7.7.1,<9"),
        ("matplotlib", "3.8.4", "matplotlib>=3.9"),
        ("scikit-learn", "1.4.2", "scikit-learn>=1.5"),
    ],
)
def test_each_package_of_another_version_is_named(
    monkeypatch, name, version, needed
):
    usual = importlib.metadata.version
    monkeypatch.setattr(
        importlib.metadata,
        "version",
        lambda asked: version if asked == name else usual(asked),
    )
    (sentence,) = backend.problems()
    assert f"{version} is installed" in sentence
    assert f'%pip install -U "{needed}"' in sentence


def test_the_keras_that_is_asked_for_is_the_same_everywhere():
    root = Path(__file__).resolve().parent.parent
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    assert backend.KERAS in project["project"]["dependencies"]
    assert backend.KERAS in (root / "requirements.txt").read_text("utf-8")


@pytest.mark.parametrize("version", ["3.13.2", "3.15.1", "3.16.0.dev2026"])
def test_a_version_that_serves_is_not_spoken_of(monkeypatch, version):
    usual = importlib.metadata.version
    monkeypatch.setattr(
        importlib.metadata,
        "version",
        lambda asked: version if asked == "keras" else usual(asked),
    )
    assert backend.problems() == []


@pytest.mark.parametrize("named", ["jacks", "", "Theano", "keras", "tf"])
def test_a_backend_that_does_not_exist_is_named(monkeypatch, named):
    monkeypatch.setenv("KERAS_BACKEND", named)
    (sentence,) = backend.problems()
    assert sentence.startswith(f"KERAS_BACKEND={named} is not a backend")


@pytest.mark.parametrize(
    ("encoding", "text", "printed"),
    [
        ("cp1252", "→ Plug in", "-> Plug in"),
        ("ascii", "✓ 3 × 4", "[right] 3 x 4"),
        ("ascii", "✗ fox, not dog", "[wrong] fox, not dog"),
        ("latin-1", "Größe ≥ 2 🦊", "Größe >= 2 ?"),
        ("cp850", "…", "..."),
        ("utf-8", "→ ✓ 🦊", "→ ✓ 🦊"),
        ("utf-16", "→", "→"),
    ],
)
def test_any_output_takes_what_the_course_prints(
    monkeypatch, encoding, text, printed
):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    backend.print_anywhere()
    print(text, end="", flush=True)
    assert stream.buffer.getvalue().decode(encoding) == printed


def test_what_is_asked_for_is_known_only_of_an_installed_course(monkeypatch):
    monkeypatch.setattr(backend, "COURSE", "a-checkout-on-the-path")
    assert backend.problems() == []


def test_a_notebook_of_another_version_is_told(capsys):
    course_utils.set_up(f"v{course_utils.__version__}")
    assert capsys.readouterr().out == ""
    course_utils.set_up("v99.0.0")
    said = capsys.readouterr().out
    assert "version v99.0.0 of the course, and this kernel has v" in said
    assert "Change Kernel" in said and said.count("\n") == 1
