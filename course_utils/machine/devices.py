"""Say what machine this is, without importing a framework.

Nothing here prints or stores a host name, a user name or a path.
"""

import contextlib
import functools
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

from course_utils.language import mark, say
from course_utils.machine import backend

try:
    import psutil
except ModuleNotFoundError:  # no browser has it
    psutil = None

GIB = 1024**3
PLATFORM_NAMES = {
    "colab": "Google Colab",
    "kaggle": "Kaggle",
    "binder": "Binder",
    "codespaces": "GitHub Codespaces",
    "jupyterhub": "a JupyterHub",
    "browser": "your browser",
    "local": "your own machine",
}

FRAMEWORKS = ("tensorflow", "tensorflow-cpu", "keras", "jax", "torch", "numpy")
CONTROL_GROUPS = Path("/sys/fs/cgroup")
# NVIDIA's Blackwell: TensorFlow before this version has no code for it, and
# XLA ends the process. No release is known to be safe; raise it with care.
BLACKWELL_CAPABILITY, BLACKWELL_TENSORFLOW = 12, (2, 23)
BROWSER_MEMORY = 4 * GIB  # what 32-bit addresses of WebAssembly reach


@dataclass(frozen=True)
class Hardware:
    """Describe one machine, as far as this process can use it.

    platform: a key of PLATFORM_NAMES
    system: "Linux", "Windows", "macOS" or, in a browser, "Emscripten"
    threads: processor threads that this process may use
    memory: bytes that this process may use
    accelerators: one text per GPU or TPU, as its driver names it
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
        """Return the dictionary that goes with every measured number."""
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

    It is looked up once per kernel: drivers take a second to answer. Taught in
    notebook 04.

    >>> hardware().threads > 0
    True
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
    """Print the machine on a few lines, then what to do about it.

    Taught in notebook 00.
    """
    machine = hardware()
    versions = {"Python": machine.python, **machine.frameworks}
    place = say(PLATFORM_NAMES[machine.platform])
    accelerators = ", ".join(machine.accelerators)
    lines = {
        mark("platform"): f"{place} ({machine.system})",
        mark("processor"): say(
            f"{machine.processor}, {machine.threads} threads"
        ),
        mark("memory"): f"{machine.memory / GIB:.1f} GiB",
        mark("accelerator"): accelerators or say("none"),
        mark("versions"): ", ".join(f"{k} {v}" for k, v in versions.items()),
    }
    for name, text in lines.items():
        print(f"{say(name):12} {text}")
    print()
    for sentence in advice(machine):
        print(f"→ {sentence}")


def platform_name():
    """Return this machine's platform, a key of PLATFORM_NAMES.

    Kaggle comes first: its image is built on Colab's and looks like it.
    """
    environment = os.environ
    if "KAGGLE_KERNEL_RUN_TYPE" in environment:
        return "kaggle"
    shell = getattr(sys.modules.get("IPython"), "get_ipython", str)()
    if "google.colab" in str(shell) or "COLAB_RELEASE_TAG" in environment:
        return "colab"
    if {"BINDER_SERVICE_HOST", "BINDER_REPO_URL"} & environment.keys():
        return "binder"
    if environment.get("CODESPACES") == "true":
        return "codespaces"
    if "JUPYTERHUB_USER" in environment:
        return "jupyterhub"
    return "browser" if sys.platform == "emscripten" else "local"


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
    limits = [psutil.virtual_memory().total if psutil else BROWSER_MEMORY]
    limits += _numbers(os.environ.get("MEM_LIMIT", ""))
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        for text in _control_group(name):
            limits += _numbers(text)
    return int(min(limit for limit in limits if limit > 0))


def available_memory():
    """Return the bytes of memory that this process can still take."""
    if psutil is None:
        return BROWSER_MEMORY // 2
    used = psutil.Process().memory_info().rss
    free = psutil.virtual_memory().available
    return max(0, min(free, usable_memory() - used))


def memory_of(process):
    """Return the bytes of a process and its children, shared ones once."""
    total = 0
    for one in [process, *process.children(recursive=True)]:
        try:
            full = one.memory_full_info()
            total += getattr(full, "pss", full.uss)
        except psutil.Error:
            continue
    return total


def accelerators():
    """Return one text per GPU or TPU that the drivers show; no framework.

    GPUs come from nvidia-smi, TPUs from the platform's own marks or the bus.
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


def spoken(device):
    """Return one of Keras's names in words, as a figure shows it.

    Taught in notebook 04.

    >>> spoken("cpu:0"), spoken("gpu:1")
    ('processor', 'GPU 1')
    """
    kind, _, number = device.partition(":")
    return "processor" if kind == "cpu" else f"{kind.upper()} {number}"


def gpu_problem():
    """Return a sentence about a GPU that a framework does not use, or None.

    The driver shows the GPU; TensorFlow and JAX are asked if they are
    imported already. Taught in notebook 04.

    >>> problem = gpu_problem()
    >>> problem is None or problem.endswith(".")
    True
    """
    if problem := blackwell_problem():
        return problem
    gpus = _gpus()
    blind = [
        name
        for name, found in framework_devices().items()
        if not re.search("gpu|cuda", " ".join(found), re.IGNORECASE)
    ]
    if not gpus or not blind:
        return None
    names = " and ".join(
        {"tensorflow": "TensorFlow", "jax": "JAX"}[name] for name in blind
    )
    return say(
        f"This machine has a {gpus[0]}, but {names} cannot use it and will "
        f"compute on the processor. {_GPU_REMEDIES[blind[0]]}"
    )


def blackwell_problem():
    """Return a sentence about a GPU that ends TensorFlow's process, or None.

    TensorFlow lists such a GPU, and then cannot compile for it.
    """
    version = framework_versions().get("tensorflow", "")
    numbers = tuple(map(int, re.findall(r"\d+", version)[:2]))
    if not numbers or numbers >= BLACKWELL_TENSORFLOW:
        return None
    for name, capability in zip(_gpus(), _capabilities(), strict=False):
        if capability < BLACKWELL_CAPABILITY:
            continue
        if platform_name() in _MENU:
            remedy = say(f"Choose another: {_MENU[platform_name()]}")
        else:
            remedy = say(
                'Use JAX instead: run %pip install "jax[cuda12]", restart the '
                "kernel, and run %env KERAS_BACKEND=jax before the set-up "
                "cell. For notebooks 3 and 4, hide the GPU: run %env "
                "CUDA_VISIBLE_DEVICES=-1 before the set-up cell."
            )
        return say(
            f"TensorFlow {version} cannot compile for the {name}, and the "
            f"kernel would die. {remedy}"
        )
    return None


def advice(machine=None):
    """Return sentences on how best to use this machine for the course.

    Taught in notebook 04.
    """
    machine = machine or hardware()
    has_gpu = any("TPU" not in name for name in machine.accelerators)
    has_tpu = any("TPU" in name for name in machine.accelerators)
    local = machine.platform not in _MENU
    can_compute = bool(
        {"tensorflow", "tensorflow-cpu", "jax"} & machine.frameworks.keys()
    )
    sentences = [say(_PLATFORM_ADVICE[machine.platform])]
    if machine.platform in _MENU and not machine.accelerators:
        sentences.append(
            say(
                "No accelerator is switched on, and none is needed. For "
                f"notebook 4, try one: {_MENU[machine.platform]}"
            )
        )
    if has_tpu and importlib.util.find_spec("libtpu") is None and local:
        sentences.append(
            say(
                "This machine has a TPU. To use it, run %pip install "
                '"jax[tpu]" and restart the kernel: from notebook 5 '
                "on, the course then runs on JAX."
            )
        )
    elif has_tpu:
        sentences.append(
            say(
                "This machine has a TPU, which TensorFlow does not see: from "
                "notebook 5 on, the course runs on JAX here."
            )
        )
    if has_gpu and can_compute:
        sentences.append(_about_gpu(machine))
    if machine.system == "macOS":
        sentences.append(
            say(
                "On a Mac the course computes on the processor: "
                "TensorFlow and JAX do not use Apple's GPU."
            )
        )
    if machine.memory < 3 * GIB:
        sentences.append(
            say(
                "Memory is limited: keep one notebook open at a time "
                "(Kernel → Shut Down Kernel when you are done with one)."
            )
        )
    if not can_compute and machine.platform != "browser":
        sentences.append(
            say(
                "Neither TensorFlow nor JAX is installed: notebooks 0 to "
                "2 run as they are; for the rest, pip install -r "
                "requirements.txt."
            )
        )
    return sentences


def _about_gpu(machine):
    """Return the most helpful sentence about a machine's GPU."""
    if problem := blackwell_problem():
        return problem
    if "tensorflow-cpu" in machine.frameworks:
        return say(
            "This machine has a GPU, but the installed TensorFlow is the "
            f"version without GPU support. {_GPU_REMEDIES['tensorflow']}"
        )
    if "tensorflow" not in machine.frameworks and not _jax_has_gpu_parts():
        return say(
            "This machine has a GPU, but the installed packages compute only "
            f"on the processor. {_GPU_REMEDIES['jax']}"
        )
    if machine.system == "Windows":
        return say(
            "This machine has a GPU. On Windows, TensorFlow computes on the "
            "processor; inside WSL2 it uses the GPU."
        )
    return say(
        "This machine has a GPU, and every notebook from 3 on uses it. If a "
        "notebook sets EPOCHS, you can raise it."
    )


def _jax_has_gpu_parts():
    return any(
        importlib.util.find_spec(name)
        for name in ("jax_cuda12_plugin", "jax_cuda13_plugin")
    )


_GPU_REMEDIES = {
    "tensorflow": (
        "On Linux and in WSL2 run %pip uninstall -y tensorflow-cpu, then "
        '%pip install "tensorflow[and-cuda]>=2.20,<2.23", and restart the '
        "kernel; on Colab and Kaggle restart the session."
    ),
    "jax": (
        'On Linux and in WSL2 run %pip install "jax[cuda12]" and restart the '
        "kernel."
    ),
}
_PLATFORM_ADVICE = {
    "colab": (
        "Colab does not keep your files: to save your scoreboard, open the "
        "files pane and click Mount Drive before you begin."
    ),
    "kaggle": (
        "Photographs need Internet switched on in the notebook's settings; "
        "without it the course uses its own drawings."
    ),
    "binder": (
        "Binder gives you 2 GB of memory and stops after ten idle minutes: "
        "download your notebooks and scoreboard before you pause."
    ),
    "codespaces": (
        "A codespace keeps your files. It stops after thirty idle minutes; "
        "stop it yourself when you are done, because the free hours are "
        "limited."
    ),
    "jupyterhub": (
        "Other people may be using this machine: trust a time only when its "
        "repeats agree."
    ),
    "browser": (
        "Python runs inside your browser, where notebooks 0 to 2 work, though "
        "they take longer than elsewhere. From notebook 3 on, open the course "
        "on Colab or install it."
    ),
    "local": (
        "If this is a laptop, plug it in. Close other programs: timings will "
        "be steadier."
    ),
}

_MENU = {
    "colab": (
        "Runtime → Change runtime type → T4 GPU (not G4, which TensorFlow "
        "cannot use) or v5e-1 TPU → Save. The session then restarts."
    ),
    "kaggle": (
        "Settings → Accelerator → GPU T4 x2 or TPU v5e-8. The session then "
        "restarts."
    ),
}


def _gpus():
    found = []
    for line in _ask_driver("name,memory.total"):
        name, _, mebibytes = line.rpartition(",")
        size = _numbers(mebibytes)
        memory = f" ({size[0] / 1024:.0f} GiB)" if size else ""
        found.append(f"{name.strip()}{memory}")
    return found


def _capabilities():
    # Old drivers do not know the question, and old GPUs are not Blackwells.
    answers = _ask_driver("compute_cap")
    known = [re.fullmatch(r"\s*(\d+\.\d)\s*", answer) for answer in answers]
    return [float(match[1]) if match else 0 for match in known]


def _ask_driver(fields):
    """Return nvidia-smi's line about each GPU that this process may use."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and visible.strip() in ("", "-1"):
        return []
    query = f"--query-gpu={fields}"
    try:
        text = _output("nvidia-smi", query, "--format=csv,noheader,nounits")
    except OSError:
        return []
    found = text.splitlines()
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
    return ["TPU"] * backend.tpu_chips()


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
