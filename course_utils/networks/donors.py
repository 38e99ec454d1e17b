"""Donors: the network that notebook 5 builds and trains, and its files.

Notebook 5 writes the same network out layer by layer. A donor is a `.keras`
file and, with the same name, a JSON report of recipe, seconds, hardware, seed
and accuracy. The reader's own donor, which notebook 5 saves, is preferred to
the one that the course ships.
"""

import json
import math

import numpy as np

from course_utils import quiet
from course_utils.language import say, tell

with quiet():
    import keras
    from keras import layers
from course_utils.machine import paths
from course_utils.networks import model_files

# Chosen on validation pictures, over seeds, for both kinds of pictures.
RECIPE = {
    "epochs": 12,
    "batch_size": 128,
    "peak_rate": 0.2,
    "warm_up": 0.15,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "shift": 3,
}
# Where a batch of pictures is scaled to half its size: after which layers.
WIDTHS = ((32,), (64, 64), (128, 128), (128,))


def build_base(widths=WIDTHS):
    """Build the base: pictures (n, 32, 32, 3) to features (n, 128).

    widths: the filters of each block's 3 × 3 convolutions; each convolution
        is followed by batch normalization and ReLU, and blocks are joined by
        2 × 2 maximum pooling. The last block is averaged over its positions.

    Taught in notebook 05.

    >>> build_base().output_shape
    (None, 128)
    """
    stack = [keras.Input((32, 32, 3)), layers.Rescaling(1 / 127.5, offset=-1)]
    for number, block in enumerate(widths):
        if number:
            stack.append(layers.MaxPooling2D())
        for width in block:
            stack += [
                layers.Conv2D(width, 3, padding="same", use_bias=False),
                layers.BatchNormalization(momentum=0.9),
                layers.ReLU(),
            ]
    return keras.Sequential(
        [*stack, layers.GlobalAveragePooling2D()], name="base"
    )


def build_network(classes=2):
    """Build the base and a softmax head: pictures to probabilities.

    Taught in notebook 05.

    >>> build_network(classes=3).output_shape
    (None, 3)
    """
    head = layers.Dense(classes, activation="softmax", name="head")
    return keras.Sequential([keras.Input((32, 32, 3)), build_base(), head])


def compile_network(network, recipe, examples):
    """Compile for stochastic gradient descent with a warm-up.

    recipe: settings such as `RECIPE`
    examples: training pictures, which with the recipe's epochs and batch
        size give the number of steps

    The learning rate rises to its peak in the first steps and then falls to
    zero along a cosine. Source: Goyal et al. (2017), "Accurate, large
    minibatch SGD: training ImageNet in 1 hour"; Loshchilov and Hutter (2017),
    "SGDR: stochastic gradient descent with warm restarts". Taught in
    notebook 05.
    """
    steps = recipe["epochs"] * math.ceil(examples / recipe["batch_size"])
    warm_up = max(1, round(recipe["warm_up"] * steps))
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0,
        decay_steps=max(1, steps - warm_up),
        warmup_target=recipe["peak_rate"],
        warmup_steps=warm_up,
    )
    network.compile(
        optimizer=keras.optimizers.SGD(
            schedule,
            momentum=recipe["momentum"],
            nesterov=True,
            weight_decay=recipe["weight_decay"],
        ),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )


def epochs_within(seconds, rate, examples, least=2, most=RECIPE["epochs"]):
    """Return how many epochs fit into a time at a measured rate.

    seconds: the time to spend; rate: training pictures per second, measured;
    examples: pictures per epoch; least, most: the ends of the answer. Raises
    ValueError for a rate that is not above 0. Taught in notebook 05.

    >>> epochs_within(seconds=60, rate=1500, examples=9000)
    10
    """
    if not rate > 0:
        raise ValueError(
            f"A rate must be above 0 pictures per second, not {rate}."
        )
    return int(min(most, max(least, seconds * rate // examples)))


def own_path(first, second, source):
    """Return where the reader's own donor is kept, whether it exists or not.

    Its report has the same name and ends in `.json`. Taught in notebook 05.
    """
    name = f"{first}_{second}_{source}.keras"
    return paths.home_directory() / "donors" / name


def donor_path(first, second, source):
    """Return where the shipped donor of two classes is.

    Its report has the same name and ends in `.json`.
    """
    return (
        paths.data_directory() / "donors" / f"{first}_{second}_{source}.keras"
    )


def report(first, second, source):
    """Return the report of a shipped donor: recipe, seconds, hardware...

    >>> report("cat", "dog", "drawings")["class_names"]
    ['cat', 'dog']
    """
    path = donor_path(first, second, source).with_suffix(".json")
    return json.loads(path.read_text("utf-8"))


# A reader's donor that is this much worse than the shipped one is left aside.
TOLERANCE = 0.05


def load_donor(first, second, source):
    """Return a donor and its report: the reader's own, or else the shipped.

    A printed line says which it is, its accuracy and its seconds. The
    reader's own is used if its test accuracy is at most five points below
    that of the shipped one: a short training run on a slow machine should not
    spoil the lessons that follow. One that cannot be read, or that is a
    different network, is reported and left alone.

    Taught in notebook 06.

    >>> network, facts = load_donor("cat", "dog", "drawings")
    Donor: ...
    >>> network.output_shape
    (None, 2)
    """
    path = donor_path(first, second, source)
    facts = report(first, second, source)
    own = own_path(first, second, source)
    if own.exists():
        try:
            network = keras.models.load_model(own)
            its = json.loads(own.with_suffix(".json").read_text("utf-8"))
            if network.get_layer("base").output_shape != (None, 128):
                raise ValueError("its base has different features")
            if its["test_accuracy"] >= facts["test_accuracy"] - TOLERANCE:
                return _say(say("your donor"), network, its)
            tell(
                f"Your donor reached {its['test_accuracy']:.3f}. The "
                "shipped one was trained for longer, so the lesson "
                "uses that."
            )
        except Exception as error:  # whatever a reader's file may hold
            reason = str(error).strip().partition("\n")[0]
            tell(
                f"Your donor could not be used ({reason}): run notebook 5 "
                "again to replace it."
            )
    return _say(say("the shipped donor"), keras.models.load_model(path), facts)


def _say(which, network, facts):
    machine = facts.get("hardware", {})
    tell(
        f"Donor: {which}, {facts['test_accuracy']:.3f} on its test "
        f"pictures after {facts['seconds']:.0f} s of training on "
        f"{machine.get('processor', 'an unknown processor')}, "
        f"{machine.get('threads', '?')} threads."
    )
    return network, facts


def load_base(first, second, source):
    """Return the frozen base of the donor that the course ships.

    Taught in notebook 06.

    >>> load_base("cat", "dog", "drawings").output_shape
    (None, 128)
    """
    path = donor_path(first, second, source)
    base = keras.models.load_model(path).get_layer("base")
    base.trainable = False
    return base


def random_base(seed=0):
    """Return a frozen base whose weights are random: nothing was learned.



    Taught in notebook 06.

    >>> count_trainable(random_base(seed=1))
    0
    """
    keras.utils.set_random_seed(seed)
    base = build_base()
    base.trainable = False
    return base


def count_trainable(model):
    """Return how many single weights training can change.

    Taught in notebook 06.

    >>> count_trainable(build_network().get_layer("head"))
    258
    """
    return sum(
        int(np.prod(weight.shape)) for weight in model.trainable_weights
    )


def reinitialize(network, seed):
    """Give a network the random weights that this seed draws.

    If it is compiled, its optimizer forgets its past too, and its schedule
    begins again.
    """
    keras.utils.set_random_seed(seed)
    fresh = build_network(network.output_shape[-1])
    network.set_weights(fresh.get_weights())
    optimizer = getattr(network, "optimizer", None)
    for variable in optimizer.variables if optimizer else ():
        variable.assign(np.zeros(variable.shape))


def save(network, facts, path):
    """Write a donor and, with the same name, its report.

    facts: what JSON can hold; it is checked before either file is written,
        so that the two always belong together. Raises TypeError otherwise.

    Taught in notebook 05.
    """
    json.dumps(facts)

    def write(name):
        network.save(name)
        model_files.make_portable(name)

    paths.write_atomically(path, write)
    paths.write_json(path.with_suffix(".json"), facts)
