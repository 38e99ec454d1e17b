"""Eight devices train as one does; here they are parts of one processor.

Colab and Kaggle have TPUs with one and eight cores and two GPUs; none was at
hand. XLA_FLAGS and logical devices stand in for them, in processes of their
own, because a backend counts its devices once.
"""

import json
import os
import subprocess
import sys

import pytest

from studies import distributed as distributed_study

TRAIN = """
import json, os, sys
from course_utils import distributed, quiet
with quiet():
    import keras
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf
        (cpu,) = tf.config.list_physical_devices("CPU")
        parts = [tf.config.LogicalDeviceConfiguration()] * 8
        tf.config.set_logical_device_configuration(cpu, parts)
        normalize = keras.layers.BatchNormalization(synchronized=True)
    else:
        normalize = keras.layers.BatchNormalization()
import numpy as np

def train(cluster):
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(192, 12)).astype("float32")
    y = (x[:, 0] > 0).astype("int64")
    with cluster.scope():
        network = keras.Sequential([
            keras.Input((12,)), keras.layers.Dense(8),
            type(normalize).from_config(normalize.get_config()),
            keras.layers.ReLU(), keras.layers.Dense(2, "softmax")])
        network.compile("adam", "sparse_categorical_crossentropy")
    x, y = cluster.share(x, y, global_batch=32)
    history = network.fit(x, y, batch_size=cluster.local_batch(32), epochs=3,
                          shuffle=False, verbose=0)
    placed = network.trainable_variables[0].value
    where = getattr(getattr(placed, "sharding", None), "device_set", ())
    copies = len(where) or len(getattr(placed, "values", [0]))
    return history.history["loss"], copies

one = train(distributed.Cluster())
cluster = distributed.join()
print("RESULT", json.dumps([cluster.devices, one, train(cluster)]))
"""

REFUSE = """
from course_utils import distributed, quiet
with quiet():
    import keras
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(devices=["cpu:0"]))
distributed.join()
"""


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=500,
    )


@pytest.mark.parametrize("backend", ["jax", "tensorflow"])
def test_eight_devices_lose_what_one_loses(backend):
    pytest.importorskip(backend)
    flags = "--xla_force_host_platform_device_count=8"
    done = run(TRAIN, KERAS_BACKEND=backend, XLA_FLAGS=flags)
    assert done.returncode == 0, done.stderr
    said = done.stdout.partition("RESULT")[2]
    devices, (one, alone), (eight, copies) = json.loads(said)
    assert (devices, alone, copies) == (8, 1, 8)
    assert one[0] > one[-1]
    assert eight == pytest.approx(one, rel=1e-5)


def test_a_distribution_that_would_do_nothing_is_refused():
    pytest.importorskip("tensorflow")
    done = run(REFUSE, KERAS_BACKEND="tensorflow")
    assert done.returncode
    assert "keras.distribution runs without an error and does" in done.stderr


def test_a_tpu_that_tensorflow_does_not_see_is_said():
    pytest.importorskip("tensorflow")
    code = (
        "from course_utils import distributed, quiet\n"
        "with quiet(): cluster = distributed.join()\n"
        "assert cluster.devices == 1"
    )
    marks = {"KERAS_BACKEND": "tensorflow", "TPU_ACCELERATOR_TYPE": "v5e-1"}
    done = run(code, **marks)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("TensorFlow does not see the TPU here")


def test_a_tpu_that_tensorflow_sees_is_used(monkeypatch):
    tf = pytest.importorskip("tensorflow")

    class Resolver:
        @staticmethod
        def connect(address):
            return f"the TPU at {address}"

    class Strategy:
        num_replicas_in_sync = 8

        def __init__(self, tpu):
            self.tpu = tpu

    monkeypatch.setenv("TPU_ACCELERATOR_TYPE", "v5e-8")
    cluster_resolver = tf.distribute.cluster_resolver
    monkeypatch.setattr(cluster_resolver, "TPUClusterResolver", Resolver)
    monkeypatch.setattr(tf.distribute, "TPUStrategy", Strategy)
    strategy = distributed_study._tensorflow_strategy()
    assert strategy.tpu == "the TPU at local"
