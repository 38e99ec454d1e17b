"""Read energy counters where a machine has them; say so where it has none.

Two counters are read in a few lines, because a carbon-tracking library would
bring a dozen packages and its own estimates: the processor's (RAPL, through
Linux's powercap files) and an NVIDIA GPU's (NVML, through nvidia-ml-py where
it is installed).
"""

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

from course_utils.language import say
from course_utils.machine import devices

POWERCAP = Path("/sys/class/powercap")

# One busy thread of a cloud server: Cloud Carbon Footprint, "Methodology",
# maximum for AWS, https://www.cloudcarbonfootprint.org/docs/methodology
WATTS_PER_THREAD = 3.5


@dataclass(frozen=True)
class Energy:
    """Hold the energy of a piece of work.

    joules: counted or estimated; counted: whether a counter says so
    how: a sentence on where the number comes from
    """

    joules: float
    seconds: float
    counted: bool
    how: str

    def __str__(self):
        """Write energy and origin on one line."""
        kind = "counted" if self.counted else "estimated"
        return f"{self.joules:,.3g} J {kind} ({self.how})"


def counters():
    """Return {name: function that reads joules} of this machine's counters.

    It is empty where there is none or none may be read: on virtual machines,
    Colab, Kaggle and Binder, and on Linux without the administrator's leave.
    """
    return {**_processor_counters(), **_gpu_counters()}


def measure_energy(function, *arguments, watts_per_thread=WATTS_PER_THREAD):
    """Call a function and return (its value, `Energy`).

    Counters see the whole machine and all its users. If there is none, the
    energy is estimated: seconds × threads × watts_per_thread, as if all
    threads were busy. Taught in notebook 04.
    """
    found = counters()
    before = {name: read() for name, read in found.items()}
    started = time.perf_counter()
    value = function(*arguments)
    seconds = time.perf_counter() - started
    after = {name: read() for name, read in found.items()}
    spent = {name: after[name] - before[name] for name in found}
    # A counter that wrapped around in between counts as unread.
    if spent and min(spent.values()) >= 0:
        how = f"counters: {', '.join(spent)}"
        return value, Energy(sum(spent.values()), seconds, True, how)
    threads = devices.usable_threads()
    how = say(
        "no energy counter can be read here: "
        f"{threads} threads × {watts_per_thread} W"
    )
    joules = seconds * threads * watts_per_thread
    return value, Energy(joules, seconds, False, how)


def _processor_counters():
    found = {}
    for path in sorted(POWERCAP.glob("intel-rapl:*/energy_uj")):
        if path.parent.name.count(":") > 1:
            continue  # a part of a package, counted with it
        with contextlib.suppress(OSError, ValueError):
            int(path.read_text())
            found[f"processor {path.parent.name.partition(':')[2]}"] = (
                lambda path=path: int(path.read_text()) / 1e6
            )
    return found


def _gpu_counters():
    found = {}
    # NVML raises errors of its own where a driver or a counter is missing.
    with contextlib.suppress(Exception):
        import pynvml

        pynvml.nvmlInit()
        for number in range(pynvml.nvmlDeviceGetCount()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(number)
            pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
            found[f"GPU {number}"] = lambda handle=handle: (
                pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000
            )
    return found
