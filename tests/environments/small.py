"""Run a command as on a small machine, and tell the memory that it took.

    python small.py REPORTS BYTES COMMAND ...

The command gets one processor and may allocate BYTES, where the system can
limit that. A file in the folder REPORTS holds the most memory that it and its
children had so far: whoever kills the command may kill this process too.
"""

import contextlib
import os
import resource
import subprocess
import sys
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from course_utils.machine.devices import memory_of

SECONDS = 0.2


def limit(size):
    resource.setrlimit(resource.RLIMIT_DATA, (size, size))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])


if __name__ == "__main__":
    reports, size, *command = sys.argv[1:]
    report = Path(reports) / str(os.getpid())
    report.parent.mkdir(exist_ok=True)
    process = subprocess.Popen(command, preexec_fn=lambda: limit(int(size)))
    peak = 0
    while True:
        try:
            code = process.wait(SECONDS)
            break
        except subprocess.TimeoutExpired:
            with contextlib.suppress(psutil.Error):  # it has just ended
                peak = max(peak, memory_of(psutil.Process(process.pid)))
            report.write_text(str(peak))
    sys.exit(code)
