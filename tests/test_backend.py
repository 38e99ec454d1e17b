"""Keras's backend is chosen before Keras is imported, and by rule."""

import importlib.metadata
import os
import subprocess
import sys

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
    assert 'pip install -U "keras>=3.13,<4"' in said


def test_legacy_keras_is_named_with_its_remedy(machine):
    _, said = machine("tensorflow", TF_USE_LEGACY_KERAS="1")
    assert said.startswith("TF_USE_LEGACY_KERAS")
    assert "restart the kernel" in said


def test_a_keras_from_the_future_is_named_with_its_remedy(machine):
    _, said = machine("tensorflow", keras="4.0.0")
    assert said.startswith("Keras 4.0.0 is installed")
    assert 'pip install -U "keras>=3.13,<4"' in said


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
