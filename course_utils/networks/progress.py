"""Watch a training run, stop it without harm, and resume it.

Two Keras callbacks for `fit`: `Progress` shows how far it is and turns the
stop button into an early end; `Checkpoint` keeps the last whole epoch on
disk, so that an interrupted or killed run resumes when it is started again.
"""

import base64
import contextlib
import hashlib
import io
import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from course_utils import quiet
from course_utils.language import say

with quiet():
    import keras
from course_utils import plots, timing
from course_utils.machine import paths

# A folder that holds this file belongs to checkpoints; no other is touched.
MARK = "kept_by_the_course.txt"

# What may differ between equal networks that one kernel builds, and what is
# compared by itself.
_DRAWN = ("seed", "shared_object_id", "compile_config")

# Where a configuration names layers.
_WIRES = ("name", "inbound_nodes", "input_layers", "output_layers")


class Progress(keras.callbacks.Callback):
    """Show epochs, time left and the curve while `fit` runs.

    metric: the key of the history that is drawn
    checkpoint: a `Checkpoint` that learns of an interrupt, or None

    In a notebook one figure is redrawn; elsewhere each epoch prints a line.
    The stop button (or Ctrl+C) ends `fit` after the current batch: the model
    can be used, and a sentence says how to resume. A second press interrupts
    at once, as usual. Call `fit` with `verbose=0`. Taught in notebook 05.
    """

    def __init__(self, metric="accuracy", checkpoint=None):
        super().__init__()
        self.metric, self.checkpoint = metric, checkpoint
        self.interrupted = False

    def on_train_begin(self, logs=None):
        """Start the clock, and take over the stop button."""
        self.interrupted = False
        self.history, self.first = {}, None
        self.started = self.drawn = time.perf_counter()
        self.drawing = 0.0
        self.screen = _screen()
        self.steps = self.params.get("steps") or 1
        self.kept = _take_over(self._stop)

    def on_epoch_begin(self, epoch, logs=None):
        """Note the epoch, which is not the first one after a restart."""
        self.epoch = epoch
        if self.first is None:
            self.first = epoch

    def on_train_batch_end(self, batch, logs=None):
        """Show the time left, when that costs less than a twentieth."""
        now = time.perf_counter()
        if self.screen and now - self.drawn > max(1, 20 * self.drawing):
            self._show(self.epoch + (batch + 1) / self.steps)

    def on_epoch_end(self, epoch, logs=None):
        """Add the epoch to the curve."""
        for key, value in (logs or {}).items():
            self.history.setdefault(key, []).append(float(value))
        self._show(epoch + 1)

    def on_train_end(self, logs=None):
        """Give the stop button back."""
        self._give_back()
        if self.interrupted:
            print(self._how_to_resume())

    def _stop(self, number, frame):
        self._give_back()  # the next press interrupts at once
        if not _is_fitting(self.model, frame):  # `fit` failed: it told nobody
            return signal.raise_signal(number)
        self.interrupted = True
        self.model.stop_training = True
        if self.checkpoint is not None:
            self.checkpoint.interrupted = True

    def _give_back(self):
        before, self.kept = self.kept, None
        if before is not None:
            signal.signal(signal.SIGINT, before)

    def _how_to_resume(self):
        kept = self.checkpoint is not None
        return say(
            f"Stopped in epoch {self.epoch + 1} of {self.params['epochs']}. "
            "The model is as its last step left it, and can be used. To "
            f"resume{' after its last whole epoch' if kept else ''}, run "
            "this cell again."
        )

    def line(self, done):
        """Return one line about a number of epochs done, such as 2.5."""
        epochs = self.params["epochs"]
        elapsed = time.perf_counter() - self.started
        share = done - (self.first or 0)
        parts = [
            say(f"epoch {min(int(done) + (done % 1 > 0), epochs)}/{epochs}")
        ]
        if done < epochs and share > 0:
            left = elapsed / share * (epochs - done)
            parts.append(say(f"{timing.format_seconds(left)} left"))
        else:
            parts.append(timing.format_seconds(elapsed))
        for key in dict.fromkeys(("loss", self.metric, f"val_{self.metric}")):
            if key in self.history:
                parts.append(f"{key} {self.history[key][-1]:.3f}")
        return ", ".join(parts)

    def figure(self, title=None):
        """Draw the curve so far; return its matplotlib figure.

        Accuracy gets a fixed axis, up to 1 and down to below chance, which a
        dotted line marks: a curve that only wiggles does not look steep.
        """
        from matplotlib.figure import Figure

        shown = self.metric if self.metric in self.history else "loss"
        ax = plots.plot_history(self.history, shown, Figure().subplots())
        for line in ax.lines:  # one epoch is a point, not a line yet
            line.set_marker("o")
            line.set_xdata(line.get_xdata() + (self.first or 0))
        ax.relim()
        if classes := "accuracy" in shown and _classes(self.model):
            lowest = min(min(line.get_ydata()) for line in ax.lines)
            ax.axhline(1 / classes, color="0.5", ls=":", label=say("chance"))
            ax.set_ylim(max(0, min(lowest, 1 / classes) - 0.1), 1)
            ax.legend()
        ax.set_title(title, fontsize="medium")
        return ax.figure

    def _show(self, done):
        started, text = time.perf_counter(), self.line(done)
        if self.screen:
            bundle = {"text/plain": text}
            if "loss" in self.history:
                bundle["image/png"] = _png(self.figure(text))
            alt = {"image/png": {"alt": text}}
            self.screen.update(bundle, raw=True, metadata=alt)
        elif done == int(done):
            print(text, flush=True)
        self.drawn = time.perf_counter()
        self.drawing = self.drawn - started


class Checkpoint(keras.callbacks.Callback):
    """Keep the last whole epoch on disk, and resume from it.

    folder: a folder only for checkpoints, which is made when needed
    key: what else decides the outcome and JSON can hold: the pictures, their
        number, the seed

    A run that ends removes what it kept; one that is interrupted, fails or is
    killed leaves it, and the next `fit` resumes if all is the same: network,
    optimizer, loss, steps per epoch, key, backend and version of Keras.
    Otherwise the saved epoch stays where it is, a sentence says what differs,
    and the run starts from the beginning. If the disk is full, a sentence says
    so. Raises ValueError if the folder holds other files.

    Taught in notebook 05.
    """

    def __init__(self, folder, key=""):
        super().__init__()
        self.folder, self.key = Path(folder).absolute(), key
        self.interrupted = False
        if _is_foreign(self.folder):
            raise ValueError(
                f"{folder} is not a folder only for checkpoints: name a "
                "folder that does not exist yet, such as "
                f'"{folder}/checkpoint".'
            )

    def on_train_begin(self, logs=None):
        """Load the last whole epoch, if one is kept and fits."""
        self.interrupted = self.told = False
        self.model._initial_epoch = 0
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)
        self.facts = _facts(self.model, self.key, self.params.get("steps"))
        text = json.dumps(self.facts, sort_keys=True)
        name = hashlib.sha256(text.encode()).hexdigest()[:16]
        self.path = self.folder / f"{name}.npz"
        self.done = 0
        if self.path.exists():
            self._resume()
        elif others := sorted(self.folder.glob("*.npz")):
            self._say(_difference(self.facts, others))

    def _resume(self):
        try:
            epochs, values = _read(self.path, _variables(self.model))
        except Exception as error:  # cut short, or no archive at all
            aside = self.path.with_suffix(".unreadable")
            with contextlib.suppress(OSError):
                self.path.replace(aside)
            return self._say(
                say(
                    f"The saved epoch cannot be read ({_short(error)}): "
                    f"it was renamed to {aside.name}, and training starts "
                    "from the beginning."
                )
            )
        for variable, value in zip(
            _variables(self.model), values, strict=True
        ):
            variable.assign(value)
        self.done = self.model._initial_epoch = epochs
        if epochs < self.params["epochs"]:
            return self._say(
                say(f"Resuming after epoch {epochs}, which was saved.")
            )
        self._say(
            say(
                f"{epochs} epochs are saved and you asked for "
                f"{self.params['epochs']}: nothing is trained, and the "
                f"model is as epoch {epochs} left it. Ask for more epochs "
                f"to resume, or delete the folder {self.folder.name} to "
                "start from the beginning."
            )
        )

    def on_epoch_end(self, epoch, logs=None):
        """Save the epoch, unless it was interrupted or is the last one."""
        if self.interrupted or epoch + 1 == self.params["epochs"]:
            return
        buffer = io.BytesIO()  # HDF5 can crash Python when a disk is full
        arrays = {
            f"{number:05}": _plain(variable)
            for number, variable in enumerate(_variables(self.model))
        }
        facts = json.dumps(self.facts | {"epochs": epoch + 1})
        np.savez(buffer, facts=facts, **arrays)
        try:
            _own(self.folder)
            paths.write_atomically(
                self.path, lambda name: name.write_bytes(buffer.getbuffer())
            )
        except OSError as error:
            if not self.told:
                self._say(
                    say(
                        f"This epoch could not be saved ({_short(error)}): "
                        "training continues, and the next epoch will be tried."
                    )
                )
            self.told = True

    def on_train_end(self, logs=None):
        """Remove what this run kept, unless there is something left to do."""
        self.model._initial_epoch = 0
        if self.interrupted or self.done >= self.params["epochs"]:
            return
        with contextlib.suppress(OSError):
            leftovers = self.folder.glob(f".{self.path.stem}-*.npz")
            for path in (self.path, *leftovers):
                path.unlink(missing_ok=True)
            _disown(self.folder)

    def _say(self, sentence):
        print(sentence, flush=True)


def _is_foreign(folder):
    """Return whether a folder is there and does not belong to checkpoints."""
    if not os.path.lexists(folder) or (folder / MARK).is_file():
        return False
    return not folder.is_dir() or any(folder.iterdir())


def _own(folder):
    mark = folder / MARK
    if mark.is_file():
        return
    new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    mark.write_text(
        "Unfinished training runs of the course; delete the folder to start "
        f"them from the beginning.\n{'new' if new else 'found'}\n"
    )


def _disown(folder):
    """Remove a folder that a checkpoint made and that holds nothing else."""
    mark = folder / MARK
    if mark.is_file() and list(folder.iterdir()) == [mark]:
        made = mark.read_text().endswith("\nnew\n")
        mark.unlink()
        if made:
            folder.rmdir()


def _facts(model, key, steps):
    """Return digests of all that decides whether a kept epoch fits."""
    compiled = model.get_compile_config() or {}
    shapes = [[list(v.shape), str(v.dtype)] for v in _variables(model)]
    try:
        network = _nameless(keras.saving.serialize_keras_object(model), {})
    except (NotImplementedError, TypeError, ValueError):
        network = type(model).__name__  # of your own class: shapes must do
    facts = {
        "network": [network, shapes, len(model.trainable_variables)],
        "optimizer": _nameless(
            keras.saving.serialize_keras_object(model.optimizer), {}
        ),
        "loss": _nameless(
            [compiled.get("loss"), compiled.get("loss_weights")], {}
        ),
        "steps per epoch": steps,
        "key": key,
        "Keras": [keras.backend.backend(), keras.__version__.split(".")[:2]],
    }
    return {
        name: hashlib.sha256(
            json.dumps(fact, sort_keys=True, default=repr).encode()
        ).hexdigest()[:16]
        for name, fact in facts.items()
    }


def _nameless(part, names, wired=False):
    """Return a configuration with layers numbered in place of their names."""
    if isinstance(part, list | tuple):
        return [_nameless(inner, names, wired) for inner in part]
    if not isinstance(part, dict):
        return names.get(part, part) if wired else part
    if isinstance(part.get("name"), str):
        names.setdefault(part["name"], f"#{len(names)}")
    return {
        key: _nameless(value, names, wired or key in _WIRES)
        for key, value in part.items()
        if key not in _DRAWN
    }


def _variables(model):
    return [*model.variables, *model.optimizer.variables]


def _plain(variable):
    """Return a variable as an array of a type that NumPy itself knows."""
    value = keras.ops.convert_to_numpy(variable)
    return value.astype("float32") if value.dtype.kind == "V" else value


def _read(path, variables):
    with np.load(path, allow_pickle=False) as kept:
        epochs = json.loads(str(kept["facts"]))["epochs"]
        values = [kept[f"{number:05}"] for number in range(len(variables))]
    for value, variable in zip(values, variables, strict=True):
        if value.shape != tuple(variable.shape):
            raise ValueError("an array has a different shape")
    return epochs, values


def _difference(facts, others):
    """Say how the latest saved run differs from this one."""
    latest = max(others, key=lambda path: path.stat().st_mtime)
    try:
        with np.load(latest, allow_pickle=False) as kept:
            there = json.loads(str(kept["facts"]))
    except Exception:  # whatever is wrong with a file that is not needed
        there = facts
    differs = [name for name in facts if facts[name] != there.get(name)]
    return say(
        f"A run that differs in {' and '.join(differs) or 'something'} is "
        "saved and left alone; this one starts from the beginning."
    )


def _short(error):
    return getattr(error, "strerror", None) or str(error).split("\n")[0][:80]


def _is_fitting(model, frame):
    """Return whether a signal interrupted `fit` of this model."""
    while frame is not None:
        if frame.f_code.co_name == "fit" and (
            frame.f_locals.get("self") is model
        ):
            return True
        frame = frame.f_back
    return False


def _classes(model):
    """Return the number of classes that a model distinguishes, or None."""
    shape = getattr(model, "output_shape", None)
    if not isinstance(shape, tuple) or not isinstance(shape[-1], int):
        return None
    return max(2, shape[-1])


def _screen():
    """Return a place in the notebook that can be redrawn, or None."""
    python = sys.modules.get("IPython")
    shell = python.get_ipython() if python else None
    if getattr(shell, "kernel", None) is None:
        return None
    from IPython.display import display

    first = {"text/plain": say("Training begins.")}
    return display(first, raw=True, display_id=True)


def _png(figure):
    """Return a figure as a PNG in base64."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return base64.b64encode(buffer.getvalue()).decode()


def _take_over(handler):
    """Let the stop button call `handler`; return what it called before."""
    try:
        before = signal.signal(signal.SIGINT, handler)
    except ValueError:  # not the main thread, which alone may do this
        return None
    return signal.SIG_DFL if before is None else before
