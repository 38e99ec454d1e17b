"""Several processes train as one, and end clearly when one of them is lost.

The workers are real processes on the loopback address.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import psutil
import pytest

from course_utils.machine import launch
from course_utils.machine.launch import WorkerLost
from studies import distributed as distributed_study
from studies.distributed import Cluster

TRAIN = """
import json, sys, time
from course_utils import distributed, quiet
with quiet():
    import keras
    import numpy as np
    cluster = distributed.join(wait=30)
path, epochs, nap = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
keras.utils.set_random_seed(0)
x = np.random.default_rng(0).normal(size=(70, 12)).astype("float32")
y = (x[:, 0] > 0).astype("int64")
layers = keras.layers
with cluster.scope():
    network = keras.Sequential([
        keras.Input((12,)), layers.Dense(8), layers.BatchNormalization(),
        layers.ReLU(), layers.Dense(2, activation="softmax")])
    network.compile("adam", "sparse_categorical_crossentropy")
done = cluster.resume(network, path)
x, y = cluster.share(x, y, global_batch=32)
wait = keras.callbacks.LambdaCallback(
    on_epoch_end=lambda epoch, logs: time.sleep(nap))
history = network.fit(
    x, y, batch_size=cluster.local_batch(32), initial_epoch=done,
    epochs=epochs, shuffle=False, verbose=0,
    callbacks=[cluster.checkpoint(path), wait])
print("RESULT", json.dumps(
    [cluster.processes, cluster.devices, done, history.history["loss"]]))
"""


POSIX = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")


def result(text):
    import json

    return json.loads(re.search(r"RESULT (.*)", text)[1])


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


# ----------------------------------------------------- arithmetic of sharing


def test_processes_share_every_batch():
    x, y = np.arange(70), np.arange(70) * 2
    parts = [
        Cluster(number, 2, 4).share(x, y, global_batch=32)
        for number in range(2)
    ]
    assert [len(part) for part, _ in parts] == [32, 32]
    # The first batches of both are the first batch of one process.
    first = np.concatenate([part[:16] for part, _ in parts])
    assert sorted(first) == list(range(32))
    assert all((labels == 2 * part).all() for part, labels in parts)


def test_one_device_keeps_all_rows():
    x = np.arange(70)
    assert Cluster().share(x, global_batch=32)[0] is x
    assert Cluster().local_batch(33) == 33


def test_a_batch_that_devices_cannot_share():
    with pytest.raises(ValueError, match="a multiple of 8"):
        Cluster(0, 2, 8).local_batch(100)
    assert Cluster(0, 2, 8).local_batch(128) == 64


def test_a_batch_larger_than_the_data():
    with pytest.raises(ValueError, match="do not fill one batch of 128"):
        Cluster(0, 2, 2).share(np.arange(70), global_batch=128)


# ------------------------------------------------------------- the launcher


def test_workers_learn_their_places():
    show = (
        "import os; print(os.environ['COURSE_PROCESS'], 'of', "
        "os.environ['COURSE_PROCESSES'], os.environ['TF_CONFIG'])"
    )
    printed = launch.launch(["-c", show], processes=3, echo=False)
    assert [text[:6] for text in printed] == ["0 of 3", "1 of 3", "2 of 3"]
    assert '"index": 2' in printed[2]


@pytest.mark.parametrize(
    "wrong", [{"processes": 0}, {"hosts": 0}, {"hosts": 2, "host": 2}]
)
def test_numbers_that_cannot_be(wrong):
    with pytest.raises(ValueError, match="1 or more"):
        launch.launch(["-c", "pass"], **wrong)


def test_several_machines_need_an_address():
    with pytest.raises(ValueError, match="--coordinator"):
        launch.launch(["-c", "pass"], hosts=2)
    with pytest.raises(ValueError, match="ADDRESS:PORT"):
        launch.launch(["-c", "pass"], hosts=2, coordinator="here")


def test_a_failing_worker_stops_the_others_and_is_quoted(capsys):
    command = (
        "import os, sys, time\n"
        "if os.environ['COURSE_PROCESS'] == '1': sys.exit('no such picture')\n"
        "time.sleep(60)"
    )
    started = time.monotonic()
    status = launch.main(["--processes", "2", "--", "-c", command])
    assert status == 1
    assert time.monotonic() - started < 20
    said = capsys.readouterr().err
    assert "Worker 1 ended with exit status 1" in said
    assert "no such picture" in said
    assert "last checkpoint" in said


def pids_of(folder, count):
    """Wait for the workers' pids, which they write when they start."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        files = sorted(folder.glob("*.pid"))
        if len(files) == count and all(file.read_text() for file in files):
            return [int(file.read_text()) for file in files]
        time.sleep(0.05)
    raise AssertionError("the workers did not start")


def sleeper(folder):
    return [
        "-c",
        "import os, pathlib, sys, time\n"
        "place = pathlib.Path(sys.argv[1], os.environ['COURSE_PROCESS'])\n"
        "place.with_suffix('.pid').write_text(str(os.getpid()))\n"
        "time.sleep(60)",
        str(folder),
    ]


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@POSIX
def test_a_killed_worker_ends_all_within_seconds(tmp_path):
    caught = []

    def run():
        try:
            launch.launch(sleeper(tmp_path), processes=2, echo=False)
        except WorkerLost as error:
            caught.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    victim, other = pids_of(tmp_path, 2)
    os.kill(victim, signal.SIGKILL)
    thread.join(15)
    assert not thread.is_alive()
    assert "Worker 0 was killed (signal 9)" in caught[0]
    assert not alive(other)


# ------------------------------------------------- several machines, in small


def launcher(host, hosts, port, command, wait="20"):
    line = [
        *(sys.executable, "-m", "course_utils.machine.launch"),
        *("--hosts", str(hosts), "--host", str(host)),
        *("--coordinator", f"127.0.0.1:{port}", "--wait", wait),
        *("--", *command),
    ]
    return subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_machines_meet_and_end_together():
    port = free_port()
    show = "import os; print('I am', os.environ['COURSE_PROCESS'])"
    runs = [launcher(n, 3, port, ["-c", show]) for n in (2, 0, 1)]
    printed = [run.communicate(timeout=40)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0]
    assert printed == ["I am 2\n", "I am 0\n", "I am 1\n"]


def test_a_machine_that_never_joins():
    port = free_port()
    started = time.monotonic()
    runs = [launcher(n, 3, port, ["-c", "pass"], wait="2") for n in (0, 2)]
    printed = [run.communicate(timeout=20)[0] for run in runs]
    assert time.monotonic() - started < 15
    assert [run.returncode for run in runs] == [1, 1]
    assert "Machine 1 of 3 did not join within 2 s" in printed[0]
    # By its own clock, or because machine 0 was the first to say so.
    assert "Not all machines joined" in printed[1] or (
        "Machine 1 of 3 did not join" in printed[1]
    )


@POSIX
def test_a_worker_lost_on_one_machine_ends_the_other(tmp_path):
    port = free_port()
    runs = [launcher(n, 2, port, sleeper(tmp_path)) for n in (0, 1)]
    pids = pids_of(tmp_path, 2)
    os.kill(pids[1], signal.SIGKILL)
    printed = [run.communicate(timeout=20)[0] for run in runs]
    assert [run.returncode for run in runs] == [1, 1]
    assert all("Worker 1 was killed (signal 9)" in text for text in printed)
    assert not any(map(alive, pids))


@POSIX
def test_a_launcher_that_is_killed_is_missed(tmp_path):
    port = free_port()
    runs = [launcher(n, 2, port, sleeper(tmp_path)) for n in (0, 1)]
    pids = pids_of(tmp_path, 2)
    runs[1].kill()
    printed = runs[0].communicate(timeout=20)[0]
    os.kill(pids[1], signal.SIGKILL)  # what dies with its machine
    assert runs[0].returncode == 1
    assert "Machine 1 is gone or silent" in printed
    assert not alive(pids[0])
    runs[1].communicate()


def test_a_full_disk_stops_no_training(tmp_path, monkeypatch, capsys):
    pytest.importorskip("keras")

    class Network:
        optimizer = type("Optimizer", (), {"variables": ()})
        variables = ()

    def full(path, write):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(distributed_study.paths, "write_atomically", full)
    callback = Cluster().checkpoint(tmp_path / "c.npz")
    callback.set_model(Network)
    callback.on_epoch_end(4)
    said = capsys.readouterr().out
    assert "epoch 5 cannot be written (No space left on device)" in said


# ------------------------------------------------------------- real training


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    pytest.importorskip("jax")
    path = tmp_path_factory.mktemp("training") / "train.py"
    path.write_text(TRAIN)
    return path


def alone(script, path, epochs, nap=0, devices=1):
    flags = f"--xla_force_host_platform_device_count={devices}"
    run = subprocess.run(
        [sys.executable, script, path, str(epochs), str(nap)],
        env=os.environ | {"KERAS_BACKEND": "jax", "XLA_FLAGS": flags},
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return result(run.stdout)


def together(script, path, epochs, nap=0):
    command = [str(script), str(path), str(epochs), str(nap)]
    printed = launch.launch(
        command, processes=2, echo=False, environment={"KERAS_BACKEND": "jax"}
    )
    return [result(text) for text in printed]


@pytest.fixture(scope="module")
def reference(script, tmp_path_factory):
    """Five epochs in one process, on one device, two rows left out."""
    path = tmp_path_factory.mktemp("alone") / "c.npz"
    return alone(script, path, 5, devices=2)


def test_two_processes_train_as_two_devices_of_one(
    script, reference, tmp_path
):
    first, second = together(script, tmp_path / "c.npz", 5)
    assert first[:3] == [2, 2, 0]
    assert first[3] == pytest.approx(reference[3], rel=1e-5)
    assert first[3] == pytest.approx(second[3], rel=1e-6)


@POSIX
def test_a_killed_training_goes_on_after_its_last_checkpoint(
    script, reference, tmp_path
):
    path = tmp_path / "c.npz"
    caught = []

    def run():
        try:
            together(script, path, 5, nap=3)
        except WorkerLost as error:
            caught.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    end = time.monotonic() + 300  # a busy machine is slow to import
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.1)
    own = [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if str(path) in (process.info["cmdline"] or ())
    ]
    os.kill(own[-1], signal.SIGKILL)
    killed = time.monotonic()
    thread.join(30)
    assert not thread.is_alive()
    assert time.monotonic() - killed < 20
    assert "was killed (signal 9)" in caught[0]

    first, second = together(script, path, 5)
    done = first[2]
    assert 1 <= done < 5 and second[2] == done
    assert first[3] == pytest.approx(reference[3][done:], rel=1e-5)


def test_another_networks_checkpoint_is_not_loaded(
    script, reference, tmp_path
):
    path = tmp_path / "c.npz"
    np.savez(path, epochs=3, v0=np.zeros((4, 4)))
    assert alone(script, path, 5, devices=2)[2:] == [0, reference[3]]


def test_tensorflow_is_refused_for_several_processes(script, tmp_path):
    pytest.importorskip("tensorflow")
    with pytest.raises(WorkerLost, match="does nothing: set KERAS_BACKEND"):
        launch.launch(
            [str(script), str(tmp_path / "c.npz"), "1", "0"],
            processes=2,
            echo=False,
            environment={"KERAS_BACKEND": "tensorflow"},
        )


def test_a_process_whose_coordinator_never_comes(script, tmp_path):
    """Without the launcher too, the wait is bounded and ends in a sentence."""
    run = subprocess.run(
        [sys.executable, script, tmp_path / "c.npz", "1", "0"],
        env=os.environ
        | {
            "KERAS_BACKEND": "jax",
            launch.COORDINATOR: f"127.0.0.1:{free_port()}",
            launch.PROCESSES: "2",
            launch.PROCESS: "1",
            launch.WAIT: "2",
        },
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert run.returncode
    # Its own wait of 2 s, not the 30 s of the script; imports come on top.
    assert "cannot reach the coordinator" in run.stderr
    assert "within 2 s" in run.stderr
