import json
import os
import socket
import subprocess
import sys
import types
from pathlib import Path

import pytest

from course_utils.machine import backend, devices

MARKS = (
    "KAGGLE_KERNEL_RUN_TYPE",
    "COLAB_RELEASE_TAG",
    "BINDER_SERVICE_HOST",
    "BINDER_REPO_URL",
    "JUPYTERHUB_USER",
    "CODESPACES",
    "TPU_ACCELERATOR_TYPE",
    "ISTPUVM",
    "CUDA_VISIBLE_DEVICES",
    "CPU_LIMIT",
    "MEM_LIMIT",
)


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    """Take away all marks of the platform that runs these tests."""
    for mark in MARKS:
        monkeypatch.delenv(mark, raising=False)
    devices.hardware.cache_clear()
    yield
    devices.hardware.cache_clear()


@pytest.fixture
def no_limits(monkeypatch, tmp_path):
    """Stand in an empty control-group file system."""
    monkeypatch.setattr(devices, "CONTROL_GROUPS", tmp_path)
    return tmp_path


@pytest.fixture
def bus(monkeypatch, tmp_path):
    """Return a function that puts devices on this machine's bus."""

    def plug(*pairs):
        for number, (maker, kind) in enumerate(pairs):
            device = tmp_path / "bus" / f"0000:00:{number:02}.0"
            device.mkdir(parents=True)
            (device / "vendor").write_text(f"{maker}\n")
            (device / "device").write_text(f"{kind}\n")
        monkeypatch.setattr(backend, "BUS", tmp_path / "bus")

    return plug


@pytest.fixture
def tool(monkeypatch, tmp_path):
    """Return a function that puts a program of that output on the path."""
    if os.name == "nt":
        pytest.skip("the program is a shell script")

    def install(name, text, status=0, when="*", otherwise=""):
        program = tmp_path / name
        program.write_text(
            f"#!/bin/sh\ncase $1 in {when}) cat <<'X'\n{text}\nX\n;; "
            f"*) cat <<'X'\n{otherwise}\nX\n;; esac\nexit {status}\n"
        )
        program.chmod(0o755)
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        monkeypatch.setenv("PATH", path)

    return install


@pytest.mark.parametrize(
    ("marks", "name"),
    [
        ((), "local"),
        (("JUPYTERHUB_USER",), "jupyterhub"),
        (("BINDER_SERVICE_HOST", "JUPYTERHUB_USER"), "binder"),
        (("BINDER_REPO_URL",), "binder"),
        (("CODESPACES",), "codespaces"),
        (("COLAB_RELEASE_TAG",), "colab"),
        (("KAGGLE_KERNEL_RUN_TYPE", "COLAB_RELEASE_TAG"), "kaggle"),
    ],
)
def test_platforms_are_told_apart(monkeypatch, marks, name):
    for mark in marks:
        monkeypatch.setenv(mark, "true")
    assert devices.platform_name() == name


def test_colab_is_known_by_its_shell(monkeypatch):
    class Shell:
        def __str__(self):
            return "<google.colab._shell.Shell object>"

    class IPython:
        get_ipython = Shell

    monkeypatch.setitem(sys.modules, "IPython", IPython)
    assert devices.platform_name() == "colab"


@pytest.mark.parametrize(
    ("threads", "limit", "usable"),
    [
        (8, None, 8),
        (8, "2", 2),
        (8, "0.5", 1),
        (8, "1.5", 2),
        (2, "4", 2),
        (8, "garbage", 8),
        (8, "", 8),
    ],
)
def test_threads_follow_the_machine_and_a_hub(
    monkeypatch, threads, limit, usable
):
    import joblib

    monkeypatch.setattr(joblib, "cpu_count", lambda: threads)
    if limit is not None:
        monkeypatch.setenv("CPU_LIMIT", limit)
    assert devices.usable_threads() == usable


def test_threads_follow_affinity():
    if hasattr(os, "sched_getaffinity"):
        assert 1 <= devices.usable_threads() <= len(os.sched_getaffinity(0))


def test_the_machine_is_looked_up_once(monkeypatch):
    calls = []
    monkeypatch.setattr(devices, "accelerators", lambda: calls.append(1) or ())
    assert devices.hardware() is devices.hardware()
    assert calls == [1]


def test_a_hub_sets_limits_too(monkeypatch, no_limits):
    monkeypatch.setenv("MEM_LIMIT", str(2 * devices.GIB))
    assert devices.usable_memory() == 2 * devices.GIB


def test_memory_follows_the_control_group(no_limits):
    whole = devices.usable_memory()
    (no_limits / "memory.max").write_text("max\n")
    assert devices.usable_memory() == whole
    (no_limits / "memory.max").write_text("1000000\n")
    assert devices.usable_memory() == 1_000_000


def test_gpus_are_named_by_their_driver(tool, monkeypatch):
    tool("nvidia-smi", "Tesla T4, 15360\nTesla T4, 15360")
    assert devices.accelerators() == ("Tesla T4 (15 GiB)",) * 2
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert devices.accelerators() == ("Tesla T4 (15 GiB)",)
    for hidden in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        assert devices.accelerators() == ()


def test_a_driver_that_fails_is_no_gpu(tool):
    tool("nvidia-smi", "NVIDIA-SMI has failed", status=9)
    assert devices.accelerators() == ()


def test_a_tpu_is_known_by_its_platform(tool, monkeypatch):
    tool("nvidia-smi", "", status=9)
    monkeypatch.setenv("ISTPUVM", "1")
    assert devices.accelerators() == ("TPU",)
    monkeypatch.setenv("TPU_ACCELERATOR_TYPE", "v5e-8")
    assert devices.accelerators() == ("TPU v5e-8",)


@pytest.mark.parametrize(
    ("plugged", "found"),
    [
        ([("0x1ae0", "0x0063")] * 4, ("TPU",) * 4),
        ([("0x1ae0", "0x0042"), ("0x8086", "0x0063")], ()),  # others' cards
        ([("0x1ae0", "0x0076"), ("0x10de", "0x2684")], ("TPU",)),
        ([("", "0x0063")], ()),
        ([], ()),
    ],
)
def test_a_local_tpu_is_known_by_its_number(bus, tool, plugged, found):
    tool("nvidia-smi", "", status=9)
    bus(*plugged)
    assert devices.accelerators() == found


@pytest.mark.parametrize("driver", [True, False])
def test_keras_uses_a_local_tpu_through_its_library(bus, monkeypatch, driver):
    bus(("0x1ae0", "0x006f"))
    monkeypatch.setattr(backend, "_is_there", lambda name: driver)
    assert backend.on_tpu() == driver


BLACKWELL = (
    "NVIDIA GeForce RTX 5070, 12227",
    "NVIDIA RTX PRO 6000 Blackwell Server Edition, 97887",
)


@pytest.mark.parametrize(
    ("gpu", "capability", "version", "told"),
    [
        (BLACKWELL[0], "12.0", "2.20.0", True),
        (BLACKWELL[1], "12.0", "2.22.0rc0", True),
        (f"Tesla T4, 15360\n{BLACKWELL[0]}", "7.5\n12.1", "2.21.0", True),
        (BLACKWELL[0], "12.0", "2.23.0", False),
        (BLACKWELL[0], "12.0", None, False),
        ("Tesla T4, 15360", "7.5", "2.20.0", False),
        ("NVIDIA H100, 81559", "9.0", "2.20.0", False),
        ("Tesla K80, 11441", "Field is not a valid field", "2.20.0", False),
    ],
)
def test_a_gpu_that_would_kill_the_kernel_is_named(
    tool, monkeypatch, gpu, capability, version, told
):
    tool("nvidia-smi", capability, when="*compute_cap*", otherwise=gpu)
    frameworks = {"tensorflow": version} if version else {"jax": "0.11.2"}
    monkeypatch.setattr(devices, "framework_versions", lambda: frameworks)
    monkeypatch.setattr(devices, "framework_devices", dict)
    found = machine(accelerators=devices.accelerators(), frameworks=frameworks)
    said = " ".join(devices.advice(found))
    for sentence in (said, devices.gpu_problem() or ""):
        assert ("the kernel would die" in sentence) == told
        assert ("KERAS_BACKEND=jax" in sentence) == told
    assert not (told and "from 3 on uses it" in said)
    monkeypatch.setenv("COLAB_RELEASE_TAG", "1")
    menu = "T4 GPU (not G4, which TensorFlow cannot use)"
    assert (menu in (devices.gpu_problem() or "")) == told
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert devices.gpu_problem() is None


def test_a_browser_has_no_psutil_and_no_processes():
    code = (
        "import sys, subprocess, matplotlib.pyplot\n"
        "sys.modules['psutil'] = None; sys.platform = 'emscripten'\n"
        "def run(*command, **options): raise OSError(138, 'no processes')\n"
        "subprocess.run = run\n"
        "from course_utils import scoreboard, timing\n"
        "from course_utils.machine import devices\n"
        "devices.hardware_card()"
    )
    bare = {k: v for k, v in os.environ.items() if k not in MARKS}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=bare
    )
    assert run.returncode == 0, run.stderr
    assert "platform     your browser" in run.stdout
    assert "accelerator  none" in run.stdout
    assert "notebooks 0 to 2" in run.stdout


def machine(**changes):
    facts = {
        "platform": "local",
        "system": "Linux",
        "processor": "Processor 3000",
        "threads": 2,
        "memory": 8 * devices.GIB,
        "accelerators": (),
        "python": "3.12.0",
        "frameworks": {"tensorflow": "2.20.0"},
    }
    return devices.Hardware(**facts | changes)


@pytest.mark.parametrize(
    ("changes", "needle"),
    [
        ({"platform": "colab"}, "Runtime → Change runtime type → T4 GPU"),
        ({"platform": "kaggle"}, "Settings → Accelerator → GPU T4 x2"),
        ({"platform": "kaggle"}, "Internet"),
        ({"platform": "binder"}, "download"),
        ({"platform": "jupyterhub"}, "Other people"),
        ({"memory": 2 * devices.GIB}, "one notebook open"),
        ({"accelerators": ("TPU v5e-8",)}, "JAX"),
        ({"accelerators": ("Tesla T4",)}, "EPOCHS"),
        ({"accelerators": ("RTX",), "system": "Windows"}, "WSL2"),
        ({"frameworks": {}}, "requirements.txt"),
        ({"platform": "codespaces"}, "stop it yourself"),
        ({"platform": "browser", "frameworks": {}}, "From notebook 3 on"),
        ({"system": "macOS"}, "do not use Apple's GPU"),
        ({"accelerators": ("TPU",)}, 'run %pip install "jax[tpu]"'),
        (
            {"accelerators": ("RTX",), "frameworks": {"jax": "0.11.2"}},
            'run %pip install "jax[cuda12]"',
        ),
        (
            {"accelerators": ("RTX",), "frameworks": {"tensorflow-cpu": "2"}},
            "without GPU support. On Linux and in WSL2 run %pip uninstall",
        ),
    ],
)
def test_advice_fits_the_machine(changes, needle):
    assert needle in " ".join(devices.advice(machine(**changes)))
    assert needle not in " ".join(devices.advice(machine()))


def test_no_menu_for_those_who_have_an_accelerator():
    for platform in ("colab", "kaggle"):
        found = machine(platform=platform, accelerators=("Tesla T4",))
        assert "Accelerator →" not in " ".join(devices.advice(found))
        assert "runtime type" not in " ".join(devices.advice(found))


def test_versions_are_found_without_import():
    versions = devices.framework_versions()
    assert versions["numpy"] == sys.modules["numpy"].__version__
    assert "keras" in versions


def test_the_card_names_the_machine_and_nobody(capsys, monkeypatch):
    devices.hardware_card()
    card = capsys.readouterr().out
    found = devices.hardware()
    assert found.processor in card
    assert f"{found.threads} thread" in card
    assert "→" in card
    secrets = [socket.gethostname(), str(Path.home()), os.getcwd()]
    assert not [secret for secret in secrets if secret in card]


def test_the_summary_goes_into_json():
    summary = devices.hardware().summary()
    assert json.loads(json.dumps(summary)) == summary
    assert summary["platform"] == "local"


def test_no_framework_is_imported():
    code = (
        "import sys; from course_utils import scoreboard, plots, check; "
        "from course_utils.machine import devices; "
        "devices.hardware_card(); devices.framework_devices(); "
        "print({'tensorflow', 'keras', 'jax', 'torch'} & {*sys.modules})"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert run.stdout.endswith("set()\n"), run.stderr


def test_a_framework_that_is_there_is_asked(monkeypatch):
    class Jax:
        @staticmethod
        def devices():
            return ["TpuDevice(id=0)"]

    monkeypatch.setitem(sys.modules, "jax", Jax)
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    assert devices.framework_devices() == {"jax": ["TpuDevice(id=0)"]}


class Blind:
    """A framework that sees the processor alone."""

    seen = ("/physical_device:CPU:0",)

    @classmethod
    def list_physical_devices(cls):
        return [types.SimpleNamespace(name=name) for name in cls.seen]


def test_a_gpu_that_tensorflow_cannot_use_is_told(tool, monkeypatch):
    monkeypatch.delitem(sys.modules, "jax", raising=False)
    tensorflow = types.SimpleNamespace(config=Blind)
    monkeypatch.setitem(sys.modules, "tensorflow", tensorflow)
    tool("nvidia-smi", "no devices", status=9)
    assert devices.gpu_problem() is None  # no GPU, no complaint
    tool("nvidia-smi", "Tesla T4, 15360")
    said = devices.gpu_problem()
    assert said.startswith("This machine has a Tesla T4 (15 GiB), but")
    assert "tensorflow[and-cuda]" in said
    monkeypatch.setattr(
        Blind, "seen", ("/physical_device:CPU:0", "/physical_device:GPU:0")
    )
    assert devices.gpu_problem() is None
    monkeypatch.delitem(sys.modules, "tensorflow")
    assert devices.gpu_problem() is None  # nothing imported, nothing to say


@pytest.mark.parametrize(
    ("limit", "used", "free", "expected"),
    [
        (2, 1, 9, 1),  # a container's limit
        (16, 1, 3, 3),  # what others take
        (2, 3, 9, 0),
        (4, 0, 4, 4),
        (8, 7, 8, 1),
    ],
)
def test_available_memory_knows_the_limit_and_the_others(
    limit, used, free, expected, monkeypatch
):
    class Process:
        def memory_info(self):
            return type("Info", (), {"rss": used * devices.GIB})

    memory = type("Memory", (), {"available": free * devices.GIB})
    monkeypatch.setattr(devices, "usable_memory", lambda: limit * devices.GIB)
    monkeypatch.setattr(devices.psutil, "Process", Process)
    monkeypatch.setattr(devices.psutil, "virtual_memory", lambda: memory)
    assert devices.available_memory() == expected * devices.GIB


def test_devices_are_named_in_words():
    assert devices.spoken("cpu:0") == "processor"
    assert devices.spoken("gpu:1") == "GPU 1"
    assert devices.spoken("tpu:0") == "TPU 0"
