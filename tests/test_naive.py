"""The naive network of notebook 1, read from the notebook itself.

Its cells with the tag `naive-network` are run here with nothing but `math`
and `random` in reach: so they hold the whole network, and lists alone.
"""

import ast
import inspect
import math
import random
from pathlib import Path

import nbformat
import numpy as np
import pytest

from course_utils import quiet
from course_utils.data import drawings
from course_utils.timing import naive as packaged

NOTEBOOK = "01_naive_training_loop.ipynb"
PATH = Path(__file__).resolve().parent.parent / "notebooks" / NOTEBOOK
RATE = 0.01


def source():
    cells = nbformat.read(PATH, as_version=4).cells
    tagged = (
        c for c in cells if "naive-network" in c.metadata.get("tags", ())
    )
    return "\n\n".join(cell.source for cell in tagged)


def load(text):
    names = {"math": math, "random": random}
    exec(text, names)
    return names


@pytest.fixture(scope="module")
def naive():
    return load(source())


@pytest.fixture(scope="module")
def twenty():
    """Ten cats and ten dogs, mixed, as lists from -1 to 1."""
    animals = [drawings.draw_many(name, 10) for name in ("cat", "dog")]
    order = np.random.default_rng(0).permutation(20)
    pictures = np.concatenate(animals)[order]
    return pictures, np.repeat([0, 1], 10)[order].tolist()


def functions(text):
    """Return {name: its code without docstring} of the functions in a text."""
    found = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            if ast.get_docstring(node) is not None:
                del node.body[0]
            found[node.name] = ast.dump(node)
    return found


def test_the_package_races_the_very_loop_of_the_notebook():
    cells, package = (
        functions(source()),
        functions(inspect.getsource(packaged)),
    )
    del package["multiplications"]
    assert len(package) == 11
    assert package == {name: cells.get(name) for name in package}


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("total += weight * value", "total = total + weight * value"),
        ("value - rate * slope", "value + rate * slope"),
        ("max(0.0, dot", "max(0, dot"),
    ],
)
def test_another_loop_in_the_notebook_would_be_noticed(right, wrong):
    changed = source().replace(right, wrong)
    assert changed != source()
    package = functions(inspect.getsource(packaged))
    cells = functions(changed)
    assert any(package[n] != cells[n] for n in package if n in cells)


def small(naive, seed):
    """Return a network of 6 inputs and 4 hidden units, and one example."""
    draw = random.Random(seed)
    network = list(naive["start"](6, 4, seed))
    network[1] = [draw.gauss(0, 1) for _ in range(4)]
    network[3] = draw.gauss(0, 1)
    picture = [draw.uniform(-1, 1) for _ in range(6)]
    return network, picture, seed % 2


def flat(network):
    rows, biases, output, bias = network
    return np.array([*np.ravel(rows), *biases, *output, bias])


def unflat(values):
    values = list(values)
    rows = [values[6 * j : 6 * j + 6] for j in range(4)]
    return rows, values[24:28], values[28:32], values[32]


def largest_difference(naive, seed, nudge=1e-6):
    """Compare every gradient of a small network with finite differences."""
    network, picture, label = small(naive, seed)

    def loss_at(values):
        probability = naive["forward"](unflat(values), picture)[1]
        return naive["loss"](probability, label)

    hidden, probability = naive["forward"](network, picture)
    error = probability - label
    gradients = flat(naive["backward"](network, picture, hidden, error))
    values, slopes = flat(network), []
    for index in range(len(values)):
        change = np.zeros(len(values))
        change[index] = nudge
        rise = loss_at(values + change) - loss_at(values - change)
        slopes.append(rise / (2 * nudge))
    return np.abs(gradients - slopes).max()


@pytest.mark.parametrize("seed", range(20))
def test_gradients_are_those_of_finite_differences(naive, seed):
    assert largest_difference(naive, seed) < 1e-8


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("* (unit > 0)", "* 1"),
        ("weight * error *", "error *"),
        ("[e * value for value in picture]", "[e for value in picture]"),
        ("output_gradients = [error * unit", "output_gradients = [error"),
    ],
)
def test_a_wrong_gradient_is_noticed(right, wrong):
    assert right in source()
    spoilt = load(source().replace(right, wrong))
    assert max(largest_difference(spoilt, seed) for seed in range(20)) > 1e-3


def test_nudging_in_the_notebook_agrees(naive):
    network, picture, label = small(naive, 1)
    hidden, probability = naive["forward"](network, picture)
    gradients = naive["backward"](
        network, picture, hidden, probability - label
    )
    for row in range(4):
        slope = naive["slope_by_nudging"](network, picture, label, row, 2)
        assert slope == pytest.approx(gradients[0][row][2], abs=1e-8)


def test_learning_lowers_the_loss_and_leaves_the_old_network(naive):
    network, picture, label = small(naive, 3)
    before = flat(network)
    learned, first = naive["learn"](network, picture, label, RATE)
    _, second = naive["learn"](learned, picture, label, RATE)
    assert second < first
    assert (flat(network) == before).all()


@pytest.mark.parametrize(
    ("inputs", "hidden"), [(1, 1), (7, 3), (3, 7), (300, 32)]
)
def test_the_count_by_hand_is_the_machines(naive, inputs, hidden):
    count = naive["counted_multiplications"](inputs, hidden)
    assert count == 3 * inputs * hidden + 6 * hidden + 1


def test_extreme_scores_raise_nothing(naive):
    for score in (-1e6, 1e6):
        probability = naive["sigmoid"](score)
        assert 0 <= probability <= 1
        assert naive["loss"](probability, 0) < 30
        assert naive["loss"](probability, 1) < 30


def tensorflow_losses(network, x, labels, epochs):
    """Train the same network with TensorFlow's own gradients.

    x: (n, inputs) float64; one picture at a time, in order, at RATE.
    """
    with quiet():
        import tensorflow as tf
    rows, biases, output, bias = network
    variables = [
        tf.Variable(values, dtype="float64")
        for values in (np.transpose(rows), biases, output, bias)
    ]

    @tf.function
    def learn(picture, label):
        with tf.GradientTape() as tape:
            weights, biases, output, bias = variables
            hidden = tf.nn.relu(
                tf.linalg.matvec(weights, picture, transpose_a=True) + biases
            )
            score = tf.tensordot(output, hidden, 1) + bias
            loss = tf.nn.sigmoid_cross_entropy_with_logits(label, score)
        gradients = tape.gradient(loss, variables)
        for variable, gradient in zip(variables, gradients, strict=True):
            variable.assign_sub(RATE * gradient)
        return loss

    labels = np.asarray(labels, "float64")
    return [
        np.mean([learn(*example) for example in zip(x, labels, strict=True)])
        for _ in range(epochs)
    ]


def test_the_loss_curve_is_tensorflows(naive, twenty):
    animals, labels = twenty
    pictures = [naive["flatten"](animal) for animal in animals.tolist()]
    start = naive["start"](3072, 32)
    network, losses = start, []
    for _ in range(4):
        network, loss = naive["train_epoch"](network, pictures, labels, RATE)
        losses.append(loss)
    x = animals.reshape(20, -1) / 127.5 - 1
    assert (x == pictures).all()
    expected = tensorflow_losses(start, x, labels, epochs=4)
    assert losses == pytest.approx(expected, rel=1e-9)
    assert losses[-1] < losses[0] - 0.05
