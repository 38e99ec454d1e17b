"""Say what machine this is, without importing a framework.

Nothing here prints or stores a host name, a user name or a path.
"""

import contextlib
import functools
import glob
import importlib.metadata
import importlib.util
import math
import os
import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

GIB = 1024**3
PLATFORM_NAMES = {
    "colab": "Google Colab",
    "kaggle": "Kaggle",
    "binder": "Binder",
    "jupyterhub": "a JupyterHub",
    "local": "a machine of your own",
}


FRAMEWORKS = ("tensorflow", "tensorflow-cpu", "keras", "jax", "torch", "numpy")


CONTROL_GROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Hardware:
    """Describe one machine as this process may use it.

    platform: "colab", "kaggle", "binder", "jupyterhub" or "local"
    system: "Linux", "Windows" or "macOS"
    threads: processor threads that this process may use
    memory: bytes that this process may use
    accelerators: one text a GPU or TPU, as its driver names it
    frameworks: installed versions by name
    """

    platform: str
    system: str
    processor: str
    threads: int
    memory: int
    accelerators: tuple
    python: str
    frameworks: dict

    def summary(self):
        """Return the dictionary that goes beside every measured number."""
        return {
            "platform": self.platform,
            "system": self.system,
            "processor": self.processor,
            "threads": self.threads,
            "memory_gib": round(self.memory / GIB, 1),
            "accelerators": list(self.accelerators),
            "python": self.python,
            "frameworks": dict(self.frameworks),
        }


@functools.cache
def hardware():
    """Return the `Hardware` of this machine; no framework is imported.

    It is looked up once per kernel: drivers take a second to answer.
    """
    system = platform.system()
    return Hardware(
        platform=platform_name(),
        system={"Darwin": "macOS"}.get(system, system),
        processor=processor_name(),
        threads=usable_threads(),
        memory=usable_memory(),
        accelerators=accelerators(),
        python=platform.python_version(),
        frameworks=framework_versions(),
    )


def hardware_card():
    """Print the machine on a few lines, then what to do about it."""
    machine = hardware()
    versions = {"Python": machine.python, **machine.frameworks}
    lines = {
        "platform": f"{PLATFORM_NAMES[machine.platform]} ({machine.system})",
        "processor": f"{machine.processor}, {machine.threads} threads",
        "memory": f"{machine.memory / GIB:.1f} GiB",
        "accelerator": ", ".join(machine.accelerators) or "none",
        "versions": ", ".join(f"{k} {v}" for k, v in versions.items()),
    }
    for name, text in lines.items():
        print(f"{name:12} {text}")
    print()
    for sentence in advice(machine):
        print(f"→ {sentence}")


def platform_name():
    """Return "colab", "kaggle", "binder", "jupyterhub" or "local".

    Kaggle comes first: its image is built on Colab's and carries its marks.
    """
    environment = os.environ
    if "KAGGLE_KERNEL_RUN_TYPE" in environment:
        return "kaggle"
    shell = getattr(sys.modules.get("IPython"), "get_ipython", str)()
    if "google.colab" in str(shell) or "COLAB_RELEASE_TAG" in environment:
        return "colab"
    if {"BINDER_SERVICE_HOST", "BINDER_REPO_URL"} & environment.keys():
        return "binder"
    return "jupyterhub" if "JUPYTERHUB_USER" in environment else "local"


def processor_name():
    """Return the processor's name as its maker writes it."""
    try:
        if sys.platform == "darwin":
            return _output("sysctl", "-n", "machdep.cpu.brand_string")
        if sys.platform == "win32":
            import winreg

            key = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:
                return winreg.QueryValueEx(opened, "ProcessorNameString")[0]
        text = Path("/proc/cpuinfo").read_text(errors="replace")
        found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
        return found[1].strip() if found else platform.machine()
    except OSError:
        return platform.machine() or "unknown processor"


def usable_threads():
    """Return the processor threads that this process may use.

    A container or a Binder often gives fewer than the machine has.
    """
    import joblib

    limits = [joblib.cpu_count(), *_numbers(os.environ.get("CPU_LIMIT", ""))]
    return max(1, math.ceil(min(limits)))


def usable_memory():
    """Return the bytes of memory that this process may use."""
    limits = [psutil.virtual_memory().total]
    limits += _numbers(os.environ.get("MEM_LIMIT", ""))
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        for text in _control_group(name):
            limits += _numbers(text)
    return int(min(limit for limit in limits if limit > 0))


def available_memory():
    """Return the bytes of memory that this process can still take."""
    used = psutil.Process().memory_info().rss
    free = psutil.virtual_memory().available
    return max(0, min(free, usable_memory() - used))


def accelerators():
    """Return one text a GPU or TPU that the drivers show, without framework.

    GPUs come from nvidia-smi, TPUs from the platform's own marks.
    """
    return tuple(_gpus() + _tpus())


def framework_versions():
    """Return the versions of the installed frameworks; imports none."""
    versions = {}
    for name in FRAMEWORKS:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return versions


def framework_devices(load_frameworks=False):
    """Return the devices that each framework sees, by framework.

    Asks the frameworks that are imported already; `load_frameworks=True`
    imports those that are installed, which takes seconds.
    """
    devices = {}
    for name in ("tensorflow", "jax"):
        if load_frameworks and importlib.util.find_spec(name):
            importlib.import_module(name)
        module = sys.modules.get(name)
        if name == "jax" and hasattr(module, "devices"):
            devices[name] = [str(device) for device in module.devices()]
        elif hasattr(module, "config"):
            found = module.config.list_physical_devices()
            devices[name] = [d.name.split(":", 1)[-1] for d in found]
    return devices


def gpu_problem():
    """Return a sentence about a GPU that a framework does not use, or None.

    The driver shows the GPU; TensorFlow and JAX are asked where they are
    imported already.
    """
    gpus = _gpus()
    blind = [
        {"tensorflow": "TensorFlow", "jax": "JAX"}[name]
        for name, found in framework_devices().items()
        if not re.search("gpu|cuda", " ".join(found), re.IGNORECASE)
    ]
    if not gpus or not blind:
        return None
    return (
        f"The {gpus[0]} is there, but {' and '.join(blind)} cannot use it and "
        f"computes on the processor. {_GPU_REMEDY}"
    )


def advice(machine=None):
    """Return sentences that say how this machine serves the course best."""
    machine = machine or hardware()
    has_gpu = any("TPU" not in name for name in machine.accelerators)
    has_tpu = any("TPU" in name for name in machine.accelerators)
    sentences = list(_PLATFORM_ADVICE[machine.platform])
    if machine.platform in _MENU and not machine.accelerators:
        sentences.append(
            "No accelerator is on, and none is needed: each notebook takes "
            f"about a minute. For notebook 04, try one: "
            f"{_MENU[machine.platform]}"
        )
    if has_tpu:
        sentences.append(
            "A TPU is there. TensorFlow does not see it on today's Colab or "
            "Kaggle: from notebook 05 on, the course runs on JAX here."
        )
    if has_gpu and "tensorflow-cpu" in machine.frameworks:
        sentences.append(
            "A GPU is there, but the installed TensorFlow is the one for "
            f"processors alone. {_GPU_REMEDY}"
        )
    elif has_gpu:
        sentences.append(
            "A GPU is there: notebooks 03 to 08 use it. Raise EPOCHS and "
            "EXAMPLES where a notebook names them."
        )
        if machine.system == "Windows":
            sentences.append(
                "TensorFlow on Windows itself computes on the processor; "
                "inside WSL2 it uses the GPU."
            )
    if machine.memory < 3 * GIB:
        sentences.append(
            "Memory is short: keep one notebook open at a time (Kernel → "
            "Shut Down Kernel when you are done with one)."
        )
    if not {"tensorflow", "tensorflow-cpu", "jax"} & machine.frameworks.keys():
        sentences.append(
            "Neither TensorFlow nor JAX is installed: notebooks 00 to 02 run "
            "as they are; for the rest, pip install -r requirements.txt."
        )
    return sentences


_GPU_REMEDY = (
    'On Linux and in WSL2 run %pip install "tensorflow[and-cuda]>=2.20,<2.22" '
    "and restart the kernel; on Colab and Kaggle restart the session."
)


_PLATFORM_ADVICE = {
    "colab": (
        "Colab forgets this session: to keep your scoreboard, open the files "
        "pane, click Mount Drive, and do so before you begin.",
    ),
    "kaggle": (
        "Photographs need Internet switched on in the notebook's settings; "
        "without it the course uses its own drawings.",
    ),
    "binder": (
        "Binder gives 2 GB and stops after ten idle minutes: download your "
        "notebooks and scoreboard before you pause.",
    ),
    "jupyterhub": (
        "Others may compute on this machine: trust a time only when its "
        "repeats agree.",
    ),
    "local": (
        "Plug a laptop in and close what else computes: times will be "
        "steadier.",
    ),
}


_MENU = {
    "colab": (
        "Runtime → Change runtime type → T4 GPU or v5e-1 TPU → Save. "
        "The session then starts afresh."
    ),
    "kaggle": (
        "Settings → Accelerator → GPU T4 x2 or TPU v5e-8. "
        "The session then starts afresh."
    ),
}


def _gpus():
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and visible.strip() in ("", "-1"):
        return []
    try:
        query = "--query-gpu=name,memory.total"
        text = _output("nvidia-smi", query, "--format=csv,noheader,nounits")
    except OSError:
        return []
    found = []
    for line in text.splitlines():
        name, _, mebibytes = line.rpartition(",")
        size = _numbers(mebibytes)
        memory = f" ({size[0] / 1024:.0f} GiB)" if size else ""
        found.append(f"{name.strip()}{memory}")
    if visible is None or not re.fullmatch(r"[\d,\s]+", visible):
        return found
    chosen = map(int, re.findall(r"\d+", visible))
    return [found[number] for number in chosen if number < len(found)]


def _tpus():
    kind = os.environ.get("TPU_ACCELERATOR_TYPE")
    if kind:
        return [f"TPU {kind}"]
    if "ISTPUVM" in os.environ:
        return ["TPU"]
    # A TPU's device nodes, where its library is installed too.
    nodes = glob.glob("/dev/accel[0-9]*") + glob.glob("/dev/vfio/[0-9]*")
    try:
        importlib.metadata.version("libtpu")
    except importlib.metadata.PackageNotFoundError:
        return []
    return ["TPU"] * len(nodes)


def _output(*command):
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=20, check=True
        ).stdout.strip()
    except subprocess.SubprocessError as error:
        raise OSError(f"{command[0]} gave no answer") from error


def _numbers(text):
    return [float(n) for n in re.findall(r"(?<![\w.-])\d+(?:\.\d+)?", text)]


def _control_group(name):
    """Yield the contents of one limit, from this process's group upward."""
    try:
        line = Path("/proc/self/cgroup").read_text().splitlines()[-1]
    except (OSError, IndexError):
        return
    controller, _, rest = name.rpartition("/")
    group = CONTROL_GROUPS / controller / line.split(":", 2)[2].strip("/")
    for folder in (group, *group.parents):
        if not folder.is_relative_to(CONTROL_GROUPS):
            break
        try:
            yield (folder / rest).read_text()
        except OSError:
            continue
