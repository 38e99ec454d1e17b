"""Start the workers of one machine, and watch them until all have ended.

Two processes of one machine, each with its part of every batch:

    python -m course_utils.machine.launch --processes 2 -- \
        -m studies.donors cat dog

Four machines, the same line on each, with --host 0 to 3:

    python -m course_utils.machine.launch --hosts 4 --host 0 \
        --coordinator 10.0.0.1:9000 -- -m studies.donors cat dog

A machine's own devices need no launcher: one process uses them all. When a
worker ends badly, all are stopped, with a sentence, and the same line goes on
after the last checkpoint. The launcher opens the coordinator's port and the
next ones without encryption or password: use it in a network that you trust.
"""

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil


def launch(
    command,
    processes=1,
    hosts=1,
    host=0,
    coordinator=None,
    wait=120,
    patience=20,
    environment=None,
    echo=True,
):
    """Run workers on this machine until all of them, everywhere, have ended.

    command: what follows `python`, such as ["-m", "studies.donors"]
    processes: workers on this machine; hosts: machines; host: this one's
        number; coordinator: "address:port" of machine 0, for several machines
    wait: seconds in which all machines must join
    patience: seconds of silence after which a machine counts as lost
    environment: further environment variables of the workers
    echo: pass on what the first worker of this machine prints

    Returns what each worker here printed. Raises WorkerLost with a sentence,
    after all workers have been stopped, when a machine does not join, a
    worker fails or is killed, or a machine falls silent.
    """
    if processes < 1 or hosts < 1 or not 0 <= host < hosts:
        raise ValueError(
            f"Ask for 1 or more processes and hosts, and a host from 0 to "
            f"{hosts - 1}, not {processes}, {hosts} and {host}."
        )
    if hosts > 1 and not coordinator:
        raise ValueError(
            "Several machines need --coordinator ADDRESS:PORT, machine 0's "
            "address as the others see it, the same on each."
        )
    group = _Group(hosts, host, coordinator, patience)
    with group, tempfile.TemporaryDirectory() as folder:
        addresses = group.meet(wait)
        if hosts > 1:
            base = split_address(coordinator)[1] + 1
        else:
            base = _free_ports(processes)
        workers = [
            _Worker(
                command,
                host * processes + number,
                _settings(addresses, processes, host * processes + number,
                          base, wait) | (environment or {}),
                Path(folder) / f"{number}.txt",
            )
            for number in range(processes)
        ]  # fmt: skip
        try:
            _watch(workers, group, echo)
        finally:
            _stop(workers)
        return [worker.output() for worker in workers]


def _settings(addresses, processes, number, base, wait):
    """Return the environment by which a worker finds the others."""
    everyone = [
        f"{address}:{base + 1 + place}"
        for address in addresses
        for place in range(processes)
    ]
    task = {"type": "worker", "index": number}
    return {
        "KERAS_BACKEND": os.environ.get("KERAS_BACKEND", "jax"),
        COORDINATOR: f"{addresses[0]}:{base}",
        PROCESSES: str(len(everyone)),
        PROCESS: str(number),
        WAIT: str(int(wait)),
        # tf.distribute.MultiWorkerMirroredStrategy reads this one.
        "TF_CONFIG": json.dumps(
            {"cluster": {"worker": everyone}, "task": task}
        ),
    }


class _Worker:
    """One process, its number and what it prints."""

    def __init__(self, command, number, settings, path):
        self.number, self.path = number, path
        self.shown = 0
        with path.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, *command],
                env=os.environ | settings,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def output(self):
        return self.path.read_text("utf-8", errors="replace")

    def show_more(self):
        """Print what came since the last time."""
        text = self.output()
        sys.stdout.write(text[self.shown :])
        sys.stdout.flush()
        self.shown = len(text)

    def complaint(self):
        """Say how it ended, if it did not end well."""
        status = self.process.poll()
        if not status:
            return None
        how = f"ended with exit status {status}"
        if status < 0:
            how = f"was killed (signal {-status})"
        lines = self.output().strip().splitlines()[-8:]
        tail = "\n".join(f"    {line}" for line in lines)
        return f"Worker {self.number} {how}.\n{tail}".rstrip()


def _watch(workers, group, echo):
    while True:
        running = [w for w in workers if w.process.poll() is None]
        if echo:
            workers[0].show_more()
        complaint = next(filter(None, map(_Worker.complaint, workers)), None)
        if complaint:
            group.fail(complaint.splitlines()[0])
            raise WorkerLost(_advise(complaint))
        if not running and group.all_done():
            return
        if group.failure:
            raise WorkerLost(_advise(group.failure))
        time.sleep(0.05)


def _advise(complaint):
    return (
        f"{complaint}\nAll workers were stopped. The same command goes on "
        "after the last checkpoint, if one was written."
    )


def _stop(workers):
    """End what still runs, with all that it started; by force after 3 s."""
    alive = [member for worker in workers for member in _family(worker)]
    for end in (psutil.Process.terminate, psutil.Process.kill):
        for member in alive:
            with contextlib.suppress(psutil.Error):
                end(member)
        for worker in workers:
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.process.wait(3)
        _, alive = psutil.wait_procs(alive, 0.1)


def _family(worker):
    if worker.process.poll() is not None:
        return []
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(worker.process.pid)
        return [process, *process.children(recursive=True)]
    return []


class _Group:
    """The launchers of all machines: they meet, and hear of each other's end.

    Each machine holds one connection to machine 0. Lines go both ways:
    "join N", "go [addresses]", "alive", "done", "failed ...".
    """

    def __init__(self, hosts, host, coordinator, patience):
        self.hosts, self.host, self.patience = hosts, host, patience
        self.address = coordinator and split_address(coordinator)
        self.links, self.failure, self.finished = {}, None, set()
        self.reported = self.closed = False
        self.server = None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if error[0] is not None:
            known = isinstance(error[1], WorkerLost)
            self.fail(
                str(error[1]).splitlines()[0]
                if known
                else f"Machine {self.host} gave up."
            )
        self.closed = True
        for link in self.links.values():
            link.close()
        if self.server:
            self.server.close()

    def meet(self, wait):
        """Return the machines' addresses once all have joined."""
        if self.hosts == 1:
            return ["127.0.0.1"]
        end = time.monotonic() + wait
        meet = self._receive_all if self.host == 0 else self._join
        addresses = meet(end, wait)
        threading.Thread(target=self._beat, daemon=True).start()
        for host, link in self.links.items():
            threading.Thread(
                target=self._listen, args=(host, link), daemon=True
            ).start()
        return addresses

    def _receive_all(self, end, wait):
        host, port = self.address
        self.server = socket.create_server(("", port))
        addresses = {0: host}
        while len(self.links) < self.hosts - 1:
            left = end - time.monotonic()
            if left <= 0:
                missing = set(range(self.hosts)) - {0, *self.links}
                names = ", ".join(map(str, sorted(missing)))
                raise WorkerLost(
                    f"Machine {names} of {self.hosts} did not join within "
                    f"{wait:g} s: start the same command there with its own "
                    "--host, and check that it reaches this port."
                )
            self.server.settimeout(min(left, 1))
            with contextlib.suppress(TimeoutError, ValueError, IndexError):
                connection, (address, *_) = self.server.accept()
                link = _Link(connection, self.patience)
                number = int(link.read().split()[1])
                if not 0 < number < self.hosts or number in self.links:
                    link.write(f"failed Machine {number} is not expected.")
                    continue
                self.links[number], addresses[number] = link, address
        ordered = [addresses[number] for number in range(self.hosts)]
        for link in self.links.values():
            link.write("go " + json.dumps(ordered))
        return ordered

    def _join(self, end, wait):
        link = None
        while link is None and time.monotonic() < end:
            with contextlib.suppress(OSError):
                connection = socket.create_connection(self.address, 1)
                link = _Link(connection, max(1, end - time.monotonic()))
                link.write(f"join {self.host}")
                continue
            time.sleep(0.2)
        answer = link.read() if link else ""
        if not answer.startswith("go "):
            raise WorkerLost(
                answer.removeprefix("failed ")
                or f"Not all machines joined within {wait:g} s, or machine 0 "
                f"at {self.address[0]}:{self.address[1]} cannot be reached: "
                "start it with --host 0, and check address and port."
            )
        link.connection.settimeout(self.patience)
        self.links[0] = link
        return json.loads(answer[3:])

    def _beat(self):
        while not self.closed and not self.failure:
            for link in list(self.links.values()):
                link.write("alive")
            time.sleep(min(1, self.patience / 4))

    def _listen(self, host, link):
        while not self.closed:
            line = link.read()
            if line == "done":
                self.finished.add(host)
                if self.host:
                    return
            elif line.startswith("failed"):
                self._fail_all(line[7:])
                return
            elif not line:
                if host not in self.finished:
                    self._fail_all(f"Machine {host} is gone or silent.")
                return

    def _fail_all(self, reason):
        if not self.failure and not self.closed:
            self.failure = reason
            self.fail(reason)

    def fail(self, reason):
        """Tell the other machines that it is over."""
        for link in list(self.links.values()):
            link.write(f"failed {reason}")

    def all_done(self):
        """Report that this machine is done; say whether all are."""
        if self.hosts == 1:
            return True
        if self.host:
            if not self.reported:
                self.links[0].write("done")
                self.reported = True
            return 0 in self.finished
        if len(self.finished) < self.hosts - 1:
            return False
        for link in self.links.values():
            link.write("done")
        return True


class _Link:
    """Lines of text over a socket; an empty line means that it is dead."""

    def __init__(self, connection, patience):
        self.connection = connection
        self.connection.settimeout(patience)
        self.file = connection.makefile("r", encoding="utf-8")
        self.lock = threading.Lock()

    def read(self):
        try:
            return self.file.readline().strip()
        except (OSError, ValueError):
            return ""

    def write(self, line):
        with self.lock, contextlib.suppress(OSError):
            self.connection.sendall(f"{line}\n".encode())

    def close(self):
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()


def _free_ports(count):
    """Return a port that is free now, as are the `count` after it."""
    while True:
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            server = stack.enter_context(_server(0))
            base = server.getsockname()[1]
            for place in range(1, count + 1):
                stack.enter_context(_server(base + place))
            return base


def _server(port):
    if port > 65535:
        raise OSError("there is no such port")
    return socket.create_server(("127.0.0.1", port))


def main(arguments=None):
    """Run the command line; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m course_utils.machine.launch",
        description="Start the workers of one machine, and watch them.",
        epilog="After --, write what follows python in the command.",
    )
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--hosts", type=int, default=1)
    parser.add_argument("--host", type=int, default=0)
    parser.add_argument("--coordinator", metavar="ADDRESS:PORT")
    parser.add_argument("--wait", type=float, default=120)
    parser.add_argument("command", nargs="+")
    options = vars(parser.parse_args(arguments))
    try:
        launch(**options)
    except (WorkerLost, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())


# By these a process learns its place; the launcher sets them.
COORDINATOR = "COURSE_COORDINATOR"
PROCESSES = "COURSE_PROCESSES"
PROCESS = "COURSE_PROCESS"
WAIT = "COURSE_WAIT"


class WorkerLost(RuntimeError):
    """Say that a worker never joined, failed or disappeared."""


def split_address(address):
    """Return (host, port) of "ADDRESS:PORT"; ValueError if it is none."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(
            f"Write the coordinator as ADDRESS:PORT, not {address!r}."
        )
    return host, int(port)
