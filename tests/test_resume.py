"""Kill, interrupt, spoil and change training runs, and see them resume."""

import errno
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from course_utils import quiet
from course_utils.machine import paths
from course_utils.networks import progress

with quiet():
    import keras

EPOCHS, STEPS = 6, 8
# TensorFlow spends seconds on a graph that these tests use for moments.
EAGER = keras.backend.backend() == "tensorflow"
# Training as in notebook 5, on a small scale: a schedule, AdamW, dropout.
TRAINING = f"""
import sys, time
import numpy as np
from course_utils import quiet
from course_utils.networks import progress
with quiet():
    import keras
random = np.random.default_rng(0)
x = random.normal(size=({STEPS * 16}, 10)).astype("float32")
y = (x @ random.normal(size=10) + random.normal(size=len(x)) > 0).astype(int)

class Slow(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        time.sleep(pause)

def train(*callbacks):
    keras.utils.set_random_seed(0)
    network = keras.Sequential([
        keras.Input((10,)), keras.layers.Dense(8, activation="relu"),
        keras.layers.Dropout(0.1),
        keras.layers.Dense(2, activation="softmax")])
    schedule = keras.optimizers.schedules.CosineDecay(3e-2, {EPOCHS * STEPS})
    network.compile(keras.optimizers.AdamW(schedule),
                    "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = network.fit(
        x, y, batch_size=16, epochs={EPOCHS}, verbose=0, shuffle=False,
        callbacks=callbacks)
    return network, history
"""


def test_a_killed_run_resumes_and_ends_like_a_whole_one(tmp_path, capsys):
    """Equal to rounding: weights, moments, rate and dropout all resume."""
    folder = tmp_path / "kept"
    killed = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"{TRAINING}\npause = 0.1\n"
            f"train(progress.Checkpoint({str(folder)!r}), Slow())",
        ],
        env=os.environ | {"KERAS_BACKEND": keras.backend.backend()},
    )
    code = {"pause": 0}
    exec(TRAINING, code)
    whole, _ = code["train"]()
    end = time.monotonic() + 120
    while not list(folder.glob("[!.]*.npz")):
        assert time.monotonic() < end and killed.poll() is None
        time.sleep(0.01)
    time.sleep(0.2)  # in the middle of an epoch
    killed.kill()
    assert killed.wait(60) != 0

    resumed, history = code["train"](progress.Checkpoint(folder))
    assert "Resuming after epoch" in capsys.readouterr().out
    assert 0 < history.epoch[0] < EPOCHS
    assert int(resumed.optimizer.iterations) == EPOCHS * STEPS
    assert float(resumed.optimizer.learning_rate) == pytest.approx(0, abs=1e-9)
    for one, other in zip(
        whole.get_weights(), resumed.get_weights(), strict=True
    ):
        assert np.allclose(one, other, atol=1e-4)
    assert not folder.exists()


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


def build(units=3, optimizer="adam", loss="mse", **options):
    keras.utils.set_random_seed(0)
    network = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(units, **options),
            keras.layers.Dense(1),
        ]
    )
    network.compile(optimizer, loss, run_eagerly=EAGER)
    return network


@pytest.fixture
def network():
    return build()


def fit(network, *callbacks, epochs=4, batch_size=16):
    x = np.ones((32, 4), "float32")
    return network.fit(
        x,
        x[:, :1],
        batch_size=batch_size,
        epochs=epochs,
        verbose=0,
        callbacks=callbacks,
    )


def leave(folder, at=2, network=None, **options):
    """Interrupt a run in its third epoch, so that two epochs are kept."""
    kept = progress.Checkpoint(folder, **options)
    watch = progress.Progress("loss", kept)
    fit(network or build(), kept, watch, Press(at, 1))
    return kept


def kept_in(folder):
    return sorted(path.name for path in folder.glob("*.npz"))


# The stop button -----------------------------------------------------------


def test_the_stop_button_leaves_a_model_and_says_how_to_go_on(
    network, tmp_path, capsys
):
    kept = progress.Checkpoint(tmp_path / "kept")
    watch = progress.Progress("loss", kept)
    before = signal.getsignal(signal.SIGINT)
    history = fit(network, kept, watch, Press(2, 1))
    assert signal.getsignal(signal.SIGINT) is before
    assert history.epoch == [0, 1, 2]
    assert int(network.optimizer.iterations) == 2 * 2 + 2
    assert np.isfinite(network.predict(np.ones((1, 4)), verbose=0)).all()
    said = capsys.readouterr().out
    assert "Stopped in epoch 3 of 4." in said
    assert "after its last whole epoch, run this cell again" in said
    assert len(kept_in(kept.folder)) == 1

    history = fit(network, kept, progress.Progress("loss", kept))
    assert history.epoch == [2, 3]
    assert int(network.optimizer.iterations) == 4 * 2
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
    assert "To resume, run this cell again." in capsys.readouterr().out


class Fail(keras.callbacks.Callback):
    """Fail at one moment of `fit`, as a wrong batch or a bug does."""

    def __init__(self, moment, error):
        super().__init__()
        setattr(self, moment, self.fail)
        self.error = error

    def fail(self, *arguments, **options):
        raise self.error


@pytest.mark.parametrize(
    ("moment", "error"),
    [
        ("on_train_begin", ValueError("shapes")),
        ("on_epoch_begin", MemoryError()),
        ("on_train_batch_begin", KeyboardInterrupt()),
        ("on_train_batch_end", OSError(28, "No space left on device")),
        ("on_epoch_end", ZeroDivisionError()),
        ("on_train_end", SystemExit(1)),
    ],
)
def test_a_run_that_fails_gives_the_stop_button_back(network, moment, error):
    before = signal.getsignal(signal.SIGINT)
    watch = progress.Progress("loss")
    order = [Fail(moment, error), watch]
    if moment == "on_train_begin":
        order.reverse()
    with pytest.raises(type(error)):
        fit(network, *order)
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)
    assert signal.getsignal(signal.SIGINT) is before
    assert not watch.interrupted


# What is kept --------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"half of it"),
        lambda path: path.write_bytes(path.read_bytes()[:-200]),
        lambda path: path.write_bytes(path.read_bytes()[:300]),
        lambda path: path.write_bytes(b"\x80\x04N."),  # a pickle
        lambda path: np.savez(path, facts="{}"),
        lambda path: np.savez(path, facts='{"epochs": 2}', a=np.zeros(9)),
        lambda path: path.unlink() or path.mkdir(),
    ],
)
def test_what_cannot_be_read_is_set_aside(tmp_path, capsys, damage):
    folder = tmp_path / "kept"
    leave(folder)
    (name,) = kept_in(folder)
    damage(folder / name)
    assert fit(build(), progress.Checkpoint(folder)).epoch == [0, 1, 2, 3]
    said = capsys.readouterr().out
    assert said.count("cannot be read") == 1 and ".unreadable" in said
    assert list(folder.glob("*.unreadable"))  # renamed, not deleted


class Killed(BaseException):
    pass


@pytest.mark.parametrize("step", ["mkstemp", "write", "chmod", "replace"])
def test_a_kill_at_each_step_of_writing_leaves_the_epoch_before(
    tmp_path, monkeypatch, step
):
    folder, count = tmp_path / "kept", [0]
    module, name = {
        "mkstemp": (paths.tempfile, "mkstemp"),
        "write": (Path, "write_bytes"),
        "chmod": (paths.os, "chmod"),
        "replace": (paths.os, "replace"),
    }[step]
    usual = getattr(module, name)

    def kill(*arguments, **options):
        count[0] += 1
        if count[0] == 3:
            raise Killed
        return usual(*arguments, **options)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(module, name, kill)
        fit(build(), progress.Checkpoint(folder))
    (kept,) = kept_in(folder)
    leftover = folder / f".{Path(kept).stem}-ab12.npz"
    leftover.write_bytes(b"what a killed process leaves")
    assert fit(build(), progress.Checkpoint(folder)).epoch == [2, 3]
    assert not folder.exists()


CHANGES = {
    "units": ({"units": 4}, {}, "network"),
    "activation": ({"activation": "relu"}, {}, "network"),
    "frozen": ({"trainable": False}, {}, "network"),
    "optimizer": ({"optimizer": "sgd"}, {}, "optimizer"),
    "rate": ({"optimizer": keras.optimizers.Adam(0.5)}, {}, "optimizer"),
    "loss": ({"loss": "mae"}, {}, "loss"),
    "key": ({}, {"key": ["cat", "dog", 1]}, "key"),
    "batch": ({}, {"batch_size": 4}, "steps per epoch"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_does_not_fit_is_left_alone_and_said(tmp_path, capsys, change):
    built, options, differs = CHANGES[change]
    folder = tmp_path / "kept"
    leave(folder, key=["cat", "dog", 0])
    before = kept_in(folder)
    key = options.pop("key", ["cat", "dog", 0])
    changed = progress.Checkpoint(folder, key=key)
    capsys.readouterr()
    assert fit(build(**built), changed, **options).epoch == [0, 1, 2, 3]
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and differs in said
    assert kept_in(folder) == before
    # The run that was interrupted still resumes, and then all is gone.
    first = progress.Checkpoint(folder, key=["cat", "dog", 0])
    assert fit(build(), first).epoch == [2, 3]
    assert not folder.exists()


def test_another_version_of_keras_starts_from_the_beginning(
    tmp_path, capsys, monkeypatch
):
    leave(tmp_path / "kept")
    monkeypatch.setattr(keras, "__version__", "3.99.0")
    kept = progress.Checkpoint(tmp_path / "kept")
    assert fit(build(), kept).epoch == [0, 1, 2, 3]
    assert "differs in Keras" in capsys.readouterr().out


def test_layers_may_be_named_anew(tmp_path):
    """Keras numbers the layers of a second network that a cell builds."""
    leave(tmp_path / "kept", network=build(activation="relu"))
    [build() for _ in range(3)]
    other = build(activation="relu", name="other")
    kept = progress.Checkpoint(tmp_path / "kept")
    assert fit(other, kept).epoch == [2, 3]


def test_wires_that_cross_are_another_network(tmp_path):
    def build_graph(first, second):
        inputs = keras.Input((4,))
        one = keras.layers.Dense(4)(inputs)
        two = keras.layers.Dense(4)((inputs, one)[first])
        three = keras.layers.Dense(1)((one, two)[second])
        network = keras.Model(inputs, [two, three][1])
        network.compile("adam", "mse", run_eagerly=EAGER)
        return network

    keras.utils.set_random_seed(0)
    leave(tmp_path / "kept", network=build_graph(1, 1))
    kept = progress.Checkpoint(tmp_path / "kept")
    inputs = keras.Input((4,))
    one = keras.layers.Dense(4)(inputs)
    two = keras.layers.Dense(4)(one)
    three = keras.layers.Dense(1)(keras.layers.Add()([one, two]))
    crossed = keras.Model(inputs, three)
    crossed.compile("adam", "mse", run_eagerly=EAGER)
    assert fit(crossed, kept).epoch == [0, 1, 2, 3]
    kept = progress.Checkpoint(tmp_path / "kept")
    assert fit(build_graph(1, 1), kept).epoch == [2, 3]


@pytest.mark.parametrize("epochs", [1, 2])
def test_fewer_epochs_than_kept_throw_nothing_away(tmp_path, capsys, epochs):
    folder = tmp_path / "kept"
    leave(folder)
    capsys.readouterr()
    network = build()
    history = fit(network, progress.Checkpoint(folder), epochs=epochs)
    assert history.epoch == []
    assert int(network.optimizer.iterations) == 2 * 2
    said = capsys.readouterr().out
    assert said.startswith(f"2 epochs are saved and you asked for {epochs}")
    assert fit(build(), progress.Checkpoint(folder)).epoch == [2, 3]


@pytest.mark.parametrize(
    "number",
    [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EMFILE],
)
def test_a_disk_that_refuses_costs_one_sentence(
    network, tmp_path, capsys, monkeypatch, number
):
    def refuse(*arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    kept = progress.Checkpoint(tmp_path / "kept")
    assert fit(network, kept).epoch == [0, 1, 2, 3]
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and os.strerror(number) in said
    assert np.isfinite(network.predict(np.ones((1, 4)), verbose=0)).all()


@pytest.mark.skipif(os.name == "nt", reason="needs a limit on file sizes")
def test_a_file_that_grows_too_large_costs_one_sentence(
    network, tmp_path, capsys
):
    """The operating system itself stops the writing in the middle."""
    import gc
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    folder = tmp_path / "kept"
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        fit(network, progress.Checkpoint(folder))
        gc.collect()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert capsys.readouterr().out.count("could not be saved") == 1
    assert not kept_in(folder)


# What is not the checkpoint's ----------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["thesis.ipynb", ".git", "00003.weights.h5", "a.npz", "deep/er.txt"],
)
def test_a_folder_with_other_files_is_refused(tmp_path, monkeypatch, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    monkeypatch.chdir(tmp_path)
    for folder in (".", tmp_path, str(tmp_path)):
        with pytest.raises(ValueError, match="that does not exist yet"):
            progress.Checkpoint(folder)
    assert (tmp_path / name).read_text() == "mine"


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "kept").write_text("mine")
    with pytest.raises(ValueError, match="not a folder only for checkpoints"):
        progress.Checkpoint(tmp_path / "kept")


@pytest.mark.parametrize("name", ["thesis.md", "mine.npz", "deep/er.txt"])
def test_what_is_put_into_its_folder_later_stays(network, tmp_path, name):
    folder = tmp_path / "kept"
    leave(folder)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("mine")
    fit(network, progress.Checkpoint(folder))
    assert (folder / name).read_text() == "mine"
    left = [path for path in folder.rglob("*") if path.is_file()]
    assert sorted(left) == sorted([folder / name, folder / progress.MARK])


def test_an_empty_folder_of_yours_stays(network, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fit(network, progress.Checkpoint("."))
    assert list(tmp_path.iterdir()) == []


# What is shown -------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("classes", "values", "chance", "bottom"),
    [
        (2, [0.5, 0.9], 0.5, 0.4),
        (1, [0.5, 0.6], 0.5, 0.4),  # one sigmoid tells two classes apart
        (10, [0.3, 0.31], 0.1, 0),
        (4, [0.2, 0.3], 0.25, 0.1),
        (100, [0.01, 0.02], 0.01, 0),
    ],
)
def test_the_axis_of_accuracy_shows_chance(classes, values, chance, bottom):
    watch = progress.Progress()
    watch.set_model(
        keras.Sequential([keras.Input((2,)), keras.layers.Dense(classes)])
    )
    watch.history = {"accuracy": values, "val_accuracy": values}
    watch.first = 2  # resumed: the third epoch is the first one drawn
    (ax,) = watch.figure().axes
    assert ax.get_ylim() == pytest.approx((bottom, 1))
    assert ax.lines[-1].get_label() == "chance"
    assert ax.lines[-1].get_ydata() == pytest.approx([chance, chance])
    assert ax.lines[0].get_xdata().tolist() == [3, 4]
    watch.history, watch.metric = {"loss": [3.0, 2.5]}, "loss"
    (ax,) = watch.figure().axes
    assert "chance" not in [line.get_label() for line in ax.lines]
