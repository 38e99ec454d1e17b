"""Run a command as on a small machine, and tell the memory that it took.

    python small.py REPORTS BYTES COMMAND ...

The command gets one processor and may allocate BYTES, where the system can
limit that. A file in the folder REPORTS holds its peak of resident bytes so
far: whoever kills the command may kill this process too.
"""

import os
import resource
import subprocess
import sys
from pathlib import Path

import psutil

SECONDS = 0.2


def limit(size):
    resource.setrlimit(resource.RLIMIT_DATA, (size, size))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])


def peak_of(process):
    """Return the most resident bytes that the process had."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
        return 1024 * int(status.split("VmHWM:")[1].split()[0])
    except (OSError, IndexError):
        return psutil.Process(process.pid).memory_info().rss


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
            peak = max(peak, peak_of(process))
            report.write_text(str(peak))
    sys.exit(code)
