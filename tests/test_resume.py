"""Kill and interrupt trainings, and see them go on."""

import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from course_utils import quiet
from course_utils.networks import progress

with quiet():
    import keras

EPOCHS, STEPS = 6, 8
# A training as notebook 05 has it, in small: a schedule, AdamW, a checkpoint.
TRAINING = f"""
import sys, time
import numpy as np
from course_utils import progress, quiet
with quiet():
    import keras
random = np.random.default_rng(0)
x = random.normal(size=({STEPS * 16 + 400}, 10)).astype("float32")
y = (x @ random.normal(size=10) + random.normal(size=len(x)) > 0).astype(int)

class Slow(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        time.sleep(float(sys.argv[3]))

def train(seed):
    keras.utils.set_random_seed(seed)
    network = keras.Sequential([
        keras.Input((10,)), keras.layers.Dense(8, activation="relu"),
        keras.layers.Dense(2, activation="softmax")])
    schedule = keras.optimizers.schedules.CosineDecay(3e-2, {EPOCHS * STEPS})
    network.compile(keras.optimizers.AdamW(schedule),
                    "sparse_categorical_crossentropy", metrics=["accuracy"])
    kept = progress.Checkpoint(sys.argv[1])
    history = network.fit(
        x[400:], y[400:], batch_size=16, epochs={EPOCHS}, verbose=0,
        validation_data=(x[:400], y[:400]),
        callbacks=[kept, progress.Progress(checkpoint=kept), Slow()])
    print("FACTS", history.epoch, int(network.optimizer.iterations),
          float(network.optimizer.learning_rate),
          network.evaluate(x[:400], y[:400], verbose=0)[1], sep=";")

for seed in range(int(sys.argv[2])):
    train(seed)
"""


def start(folder, seeds=1, pause=0.0):
    return subprocess.Popen(
        [sys.executable, "-c", TRAINING, folder, str(seeds), str(pause)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"KERAS_BACKEND": keras.backend.backend()},
    )


def facts(process):
    text = process.communicate(timeout=300)[0]
    assert process.returncode == 0, text
    rows = re.findall(r"FACTS;(.+);(\d+);(.+);(.+)", text)
    return text, [
        (epochs, int(steps), float(rate), float(accuracy))
        for epochs, steps, rate, accuracy in rows
    ]


def wait_for(path):
    end = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < end, f"{path.name} was never written"
        time.sleep(0.01)


def test_a_killed_training_goes_on_and_ends_as_well(tmp_path):
    whole = start(tmp_path / "whole", seeds=3)
    killed = start(tmp_path / "killed", pause=0.1)
    wait_for(tmp_path / "killed" / "00002.weights.h5")
    time.sleep(0.3)  # in the middle of the third epoch
    killed.kill()
    assert killed.wait(60) != 0
    killed.stdout.close()

    text, [(epochs, steps, rate, accuracy)] = facts(start(tmp_path / "killed"))
    assert "Going on after epoch 2" in text
    assert epochs == "[2, 3, 4, 5]"
    # Optimizer and schedule went on too: all steps, the last rate.
    assert steps == EPOCHS * STEPS
    assert rate == pytest.approx(0, abs=1e-9)
    assert not (tmp_path / "killed").exists()

    runs = facts(whole)[1]
    assert [run[:2] for run in runs] == [("[0, 1, 2, 3, 4, 5]", steps)] * 3
    scores = [run[3] for run in runs]
    # Where one more of three runs lies: Student's t, two degrees of freedom.
    reach = 4.303 * np.std(scores, ddof=1) * np.sqrt(1 + 1 / 3)
    assert abs(accuracy - np.mean(scores)) <= max(reach, 0.01)


class Press(keras.callbacks.Callback):
    """Press the stop button in one batch of one epoch."""

    def __init__(self, epoch, batch):
        super().__init__()
        self.at = epoch, batch

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.at:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def network():
    keras.utils.set_random_seed(0)
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    network.compile("adam", "mse")
    return network


def fit(network, *callbacks):
    x = np.ones((32, 4), "float32")
    return network.fit(
        x, x[:, :1], batch_size=8, epochs=4, verbose=0, callbacks=callbacks
    )


def test_the_stop_button_leaves_a_model_and_says_how_to_go_on(
    network, tmp_path, capsys
):
    kept = progress.Checkpoint(tmp_path / "kept")
    watch = progress.Progress("loss", kept)
    before = signal.getsignal(signal.SIGINT)
    history = fit(network, kept, watch, Press(2, 1))
    assert signal.getsignal(signal.SIGINT) is before
    assert history.epoch == [0, 1, 2]
    assert int(network.optimizer.iterations) == 2 * 4 + 2
    assert np.isfinite(network.predict(np.ones((1, 4)), verbose=0)).all()
    said = capsys.readouterr().out
    assert "Stopped in epoch 3 of 4." in said
    assert "from its last whole epoch, run this cell again" in said
    assert [p.name for p in kept.folder.iterdir()] == ["00002.weights.h5"]

    history = fit(network, kept, progress.Progress("loss", kept))
    assert history.epoch == [2, 3]
    assert int(network.optimizer.iterations) == 4 * 4
    assert "Stopped" not in capsys.readouterr().out
    assert not kept.folder.exists()
    assert fit(network, kept).epoch == [0, 1, 2, 3]  # and a new one is new


def test_the_second_press_interrupts_at_once(network):
    twice = [Press(1, 0), Press(1, 0)]
    with pytest.raises(KeyboardInterrupt):
        fit(network, progress.Progress("loss"), *twice)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_without_a_checkpoint_it_says_so(network, capsys):
    fit(network, progress.Progress("loss"), Press(0, 0))
    assert "To train on, run this cell again." in capsys.readouterr().out


def test_a_half_written_checkpoint_is_not_believed(network, tmp_path):
    kept = progress.Checkpoint(tmp_path)
    fit(network, kept, progress.Progress("loss", kept), Press(1, 0))
    (tmp_path / "unfinished.weights.h5").write_bytes(b"half of it")
    assert fit(network, kept).epoch == [1, 2, 3]


def test_each_epoch_prints_a_line_with_the_time_left(network, capsys):
    fit(network, progress.Progress("loss"))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert re.match(r"epoch 1/4, .+ left, loss \d\.\d{3}$", lines[0])
    assert re.match(r"epoch 4/4, [^l]+, loss \d\.\d{3}$", lines[3])


class Screen:
    """A place in a notebook that keeps what is shown."""

    def __init__(self):
        self.shown = []

    def update(self, bundle, raw, metadata):
        self.shown.append((bundle, metadata))


def test_a_notebook_gets_a_curve_that_grows(network, monkeypatch, capsys):
    screen = Screen()
    monkeypatch.setattr(progress, "_screen", lambda: screen)
    fit(network, progress.Progress())
    assert capsys.readouterr().out == ""
    bundle, metadata = screen.shown[-1]
    assert bundle["image/png"].startswith("iVBOR")
    assert metadata["image/png"]["alt"] == bundle["text/plain"]
    assert bundle["text/plain"].startswith("epoch 4/4")
