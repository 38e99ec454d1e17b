"""Watch a training, stop it without harm, and go on where it stopped.

Two Keras callbacks for `fit`: `Progress` shows how far it is and turns the
stop button into an early end; `Checkpoint` keeps every whole epoch on disk,
so that an interrupted or killed training goes on when it is run again.
"""

import base64
import io
import shutil
import signal
import sys
import time
from pathlib import Path

from course_utils import quiet

with quiet():
    import keras
from course_utils import plots, timing


class Progress(keras.callbacks.Callback):
    """Show epochs, time left and the curve while `fit` runs.

    metric: the key of the history that is drawn
    checkpoint: a `Checkpoint` that is told of an interrupt, or None

    In a notebook one figure is drawn anew; elsewhere each epoch prints a
    line. The stop button (or Ctrl+C) ends `fit` after the present batch: the
    model can be used, and a sentence says how to go on. A second one
    interrupts at once, as ever. Call `fit` with `verbose=0`.
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
        _give_back(self.kept)
        if self.interrupted:
            print(self._how_to_go_on())

    def _stop(self, *signal_and_frame):
        _give_back(self.kept)  # the next one interrupts at once
        self.kept = None
        self.interrupted = True
        self.model.stop_training = True
        if self.checkpoint is not None:
            self.checkpoint.interrupted = True

    def _how_to_go_on(self):
        kept = self.checkpoint is not None
        return (
            f"Stopped in epoch {self.epoch + 1} of {self.params['epochs']}. "
            "The model is as its last step left it, and can be used. To "
            f"train on{' from its last whole epoch' if kept else ''}, run "
            "this cell again."
        )

    def line(self, done):
        """Return one line for so many epochs done, such as 2.5."""
        epochs = self.params["epochs"]
        elapsed = time.perf_counter() - self.started
        share = done - (self.first or 0)
        parts = [f"epoch {min(int(done) + (done % 1 > 0), epochs)}/{epochs}"]
        if done < epochs and share > 0:
            left = elapsed / share * (epochs - done)
            parts.append(f"{timing.format_seconds(left)} left")
        else:
            parts.append(timing.format_seconds(elapsed))
        for key in dict.fromkeys(("loss", self.metric, f"val_{self.metric}")):
            if key in self.history:
                parts.append(f"{key} {self.history[key][-1]:.3f}")
        return ", ".join(parts)

    def _show(self, done):
        started, text = time.perf_counter(), self.line(done)
        if self.screen:
            bundle = {"text/plain": text}
            if "loss" in self.history:
                bundle["image/png"] = _picture(self.history, self.metric, text)
            alt = {"image/png": {"alt": text}}
            self.screen.update(bundle, raw=True, metadata=alt)
        elif done == int(done):
            print(text, flush=True)
        self.drawn = time.perf_counter()
        self.drawing = self.drawn - started


class Checkpoint(keras.callbacks.Callback):
    """Keep the last whole epoch on disk, and go on from there.

    folder: where; give each training one of its own. A training that ends
        removes it, one that is interrupted or killed leaves it, and the next
        `fit` of the same network goes on from it

    Weights and the optimizer's state are one file an epoch, which appears
    whole or not at all: `keras.callbacks.BackupAndRestore` writes its two
    files in place, and removes them when `fit` ends early.
    """

    def __init__(self, folder):
        super().__init__()
        self.folder = Path(folder)
        self.interrupted = False

    def on_train_begin(self, logs=None):
        """Load the last whole epoch, if there is one."""
        self.interrupted = False
        self.model._initial_epoch = 0
        kept = sorted(self.folder.glob("[0-9]*.weights.h5"))
        if not kept:
            return
        epochs = int(kept[-1].name.partition(".")[0])
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)
        self.model.load_weights(kept[-1])
        self.model._initial_epoch = epochs
        print(f"Going on after epoch {epochs}, which was kept.", flush=True)

    def on_epoch_end(self, epoch, logs=None):
        """Save the epoch, unless it was broken off."""
        if self.interrupted:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        new = self.folder / "unfinished.weights.h5"
        self.model.save_weights(new, overwrite=True)
        earlier = list(self.folder.glob("[0-9]*.weights.h5"))
        new.replace(self.folder / f"{epoch + 1:05}.weights.h5")
        for path in earlier:
            if path.name != f"{epoch + 1:05}.weights.h5":
                path.unlink(missing_ok=True)

    def on_train_end(self, logs=None):
        """Remove what was kept, unless there is something left to do."""
        self.model._initial_epoch = 0
        if not self.interrupted:
            shutil.rmtree(self.folder, ignore_errors=True)


def _screen():
    """Return a place in the notebook that can be drawn anew, or None."""
    python = sys.modules.get("IPython")
    shell = python.get_ipython() if python else None
    if getattr(shell, "kernel", None) is None:
        return None
    from IPython.display import display

    first = {"text/plain": "Training begins."}
    return display(first, raw=True, display_id=True)


def _picture(history, metric, text):
    """Return the curve as a PNG in base64, with a line of text above it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure, buffer = Figure(), io.BytesIO()
    shown = metric if metric in history else "loss"
    ax = plots.plot_history(history, shown, figure.subplots())
    for line in ax.lines:  # one epoch is a point, not a line yet
        line.set_marker("o")
    ax.set_title(text, fontsize="medium")
    FigureCanvasAgg(figure).print_png(buffer)
    return base64.b64encode(buffer.getvalue()).decode()


def _take_over(handler):
    """Let the stop button call `handler`; return what it called before."""
    try:
        return signal.signal(signal.SIGINT, handler)
    except ValueError:  # not the main thread, which alone may do this
        return None


def _give_back(kept):
    if kept is not None:
        signal.signal(signal.SIGINT, kept)
