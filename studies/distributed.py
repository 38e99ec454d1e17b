"""Use all devices in one training, in one process or in several.

`join` is all that a script needs; `course_utils.machine.launch` starts several
processes, on one machine or on many:

    cluster = distributed.join()
    with cluster.scope():
        network = ...
    x, y = cluster.share(x, y, global_batch=128)
    network.fit(x, y, batch_size=cluster.local_batch(128))
"""

import contextlib
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from course_utils.machine import launch, paths
from course_utils.machine.backend import on_tpu


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
        return self.strategy.scope() if self.strategy else _no_context()

    def local_batch(self, global_batch):
        """Return the part of a batch that this process feeds.

        Raises ValueError when the devices cannot share it evenly.
        """
        if global_batch % self.devices:
            raise ValueError(
                f"{self.devices} devices cannot share a batch of "
                f"{global_batch} evenly: choose a multiple of {self.devices}."
            )
        return global_batch // self.processes

    def share(self, *arrays, global_batch=None):
        """Return this process's rows of equally long arrays.

        Row i goes to process i modulo the number of processes, so that the
        processes' k-th batches together are the k-th batch of one process.
        With a `global_batch`, on several devices, rows that do not fill one
        are left out. Raises ValueError when there are fewer rows than that.
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
        """Return a callback by which the chief saves after each epoch."""
        return _checkpoint_class()(self, Path(path))

    def resume(self, network, path):
        """Load the last checkpoint into a compiled network, everywhere.

        The chief reads it and sends it to the others, so they need no common
        folder. Returns the number of epochs that are done, for `fit`'s
        `initial_epoch`; 0 where there is no checkpoint or it is another
        network's.
        """
        network.optimizer.build(network.trainable_variables)
        variables = _variables(network)
        epochs, values = 0, [_number(variable) for variable in variables]
        if self.chief and Path(path).exists():
            epochs, values = _read_checkpoint(path, values)
        if self.processes > 1:
            from jax.experimental import multihost_utils

            epochs, values = multihost_utils.broadcast_one_to_all(
                (epochs, values)
            )
        if int(epochs):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
        return int(epochs)

    def local_copy(self, network, build):
        """Return the trained network as one that no longer needs the others.

        build: a function that builds the same network
        """
        weights = network.get_weights()
        if self.devices > 1 and self.strategy is None:
            import keras

            keras.distribution.set_distribution(None)
        copy = build()
        copy.set_weights(weights)
        return copy


def join(wait=60):
    """Join the other processes, and use all devices; return the `Cluster`.

    Call it before any array or network is made. Started by the launcher, a
    process finds the others through the environment. Started alone, it uses
    all devices that its backend sees: with JAX by `keras.distribution`, with
    TensorFlow by a `tf.distribute` strategy over its GPUs, the TPU's cores
    or, where a program has split the processor so, its logical processors.

    wait: seconds to wait for the others. Raises WorkerLost when they do not
    come, RuntimeError for several processes or a distribution that you set,
    on a backend other than JAX: there, `keras.distribution` runs without an
    error and does nothing.
    """
    import keras

    backend = keras.backend.backend()
    processes = int(os.environ.get(launch.PROCESSES, 1))
    process = int(os.environ.get(launch.PROCESS, 0))
    if processes > 1 and backend != "jax":
        raise RuntimeError(
            f"Several processes need Keras on JAX, not on {backend}, where "
            "keras.distribution does nothing: set KERAS_BACKEND=jax before "
            "Python starts; the launcher does."
        )
    if backend != "jax" and keras.distribution.distribution() is not None:
        raise RuntimeError(
            f"With {backend}, keras.distribution runs without an error and "
            "does nothing: set KERAS_BACKEND=jax before Python starts, or "
            "leave set_distribution out; distributed.join finds a way."
        )
    if backend == "tensorflow":
        strategy = _tensorflow_strategy()
        if strategy is None:
            return Cluster()
        count = strategy.num_replicas_in_sync
        return Cluster(devices=count, strategy=strategy)
    if backend != "jax":
        return Cluster()
    import jax

    if processes > 1:
        _initialize(jax, processes, process, wait)
    if jax.device_count() == 1:
        return Cluster()
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(auto_shard_dataset=False)
    )
    return Cluster(process, processes, jax.device_count())


def _tensorflow_strategy():
    """Return a strategy over several devices, or None where there is one."""
    import tensorflow as tf

    if on_tpu():
        try:
            find = tf.distribute.cluster_resolver.TPUClusterResolver.connect
            return tf.distribute.TPUStrategy(find("local"))
        except (ValueError, RuntimeError, tf.errors.OpError):
            print(
                "TensorFlow does not see the TPU here and computes on the "
                "processor: set KERAS_BACKEND=jax before Python starts."
            )
    for kind in ("GPU", "CPU"):
        found = [d.name for d in tf.config.list_logical_devices(kind)]
        if len(found) > 1:
            return tf.distribute.MirroredStrategy(found)
        if found:
            return None
    return None


def _initialize(jax, processes, process, wait):
    # The name for processors; other devices bring their own collectives.
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    wait = int(os.environ.get(launch.WAIT, wait))
    address = os.environ[launch.COORDINATOR]
    # Knock first: JAX ends a process that cannot reach its coordinator.
    if process and not _reachable(address, wait):
        raise launch.WorkerLost(
            f"Process {process} cannot reach the coordinator at {address} "
            f"within {wait} s: is process 0 running, and its port open?"
        )
    try:
        jax.distributed.initialize(
            address, processes, process, initialization_timeout=wait
        )
    except Exception as error:
        raise launch.WorkerLost(
            f"Not all of {processes} processes came within {wait} s: start "
            "the others too, or ask for fewer."
        ) from error


def _reachable(address, wait):
    host, port = launch.split_address(address)
    end = time.monotonic() + wait
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            socket.create_connection((host, port), timeout=1).close()
            return True
        time.sleep(0.1)
    return False


def _variables(network):
    return [*network.variables, *network.optimizer.variables]


def _number(variable):
    import numpy as np

    return np.asarray(variable.value)


def _read_checkpoint(path, expected):
    import numpy as np

    with np.load(path) as file:
        values = [file[f"v{number}"] for number in range(len(file) - 1)]
        epochs = int(file["epochs"])
    shapes = [value.shape for value in values]
    if shapes != [value.shape for value in expected]:
        print(f"{Path(path).name} is another network's: starting anew.")
        return 0, expected
    return epochs, values


def _checkpoint_class():
    import keras
    import numpy as np

    class Checkpoint(keras.callbacks.Callback):
        def __init__(self, cluster, path):
            super().__init__()
            self.cluster, self.path = cluster, path

        def on_epoch_end(self, epoch, logs=None):
            if hasattr(self.model, "jax_state_sync"):
                self.model.jax_state_sync()
            if not self.cluster.chief:
                return
            values = map(_number, _variables(self.model))
            arrays = {f"v{number}": v for number, v in enumerate(values)}
            try:
                paths.write_atomically(
                    self.path.with_suffix(".npz"),
                    lambda name: np.savez(name, epochs=epoch + 1, **arrays),
                )
            except OSError as error:
                print(
                    f"The checkpoint of epoch {epoch + 1} cannot be written "
                    f"({error.strerror or error}): training goes on, and an "
                    "earlier one stays."
                )

    return Checkpoint


@contextlib.contextmanager
def _no_context():
    yield
