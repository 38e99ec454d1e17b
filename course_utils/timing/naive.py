"""The training loop of notebook 1: a network of plain Python lists.

Notebook 1 writes these functions out one by one; a test compares them with
its cells. Notebook 2 and `make bench` race against them, so every speedup
in the course is one over the same loop.
"""
# ruff: noqa: B905  (the lesson writes zip without strict)

import math
import random


def flatten(picture):
    """Return a picture (height, width, 3) as one list, from -1 to 1.

    Taught in notebook 02.
    """
    return [
        value / 127.5 - 1
        for row in picture for pixel in row for value in pixel
    ]  # fmt: skip


def start(inputs, hidden, seed=0):
    """Return (hidden weights, hidden biases, output weights, output bias).

    Taught in notebook 02.

    >>> weights, biases, *output = start(inputs=3, hidden=2)
    >>> len(weights), len(weights[0]), biases
    (2, 3, [0.0, 0.0])
    """
    draw = random.Random(seed).gauss
    hidden_weights = [
        [draw(0, math.sqrt(2 / inputs)) for _ in range(inputs)]
        for _ in range(hidden)
    ]
    output_weights = [draw(0, math.sqrt(1 / hidden)) for _ in range(hidden)]
    return hidden_weights, [0.0] * hidden, output_weights, 0.0


def dot(weights, values):
    """Return the sum of the products of two lists."""
    total = 0.0
    for weight, value in zip(weights, values):
        total += weight * value
    return total


def sigmoid(score):
    """Return the probability for a score, 1 / (1 + exp(-score))."""
    return 0.5 * (1 + math.tanh(score / 2))


def forward(network, picture):
    """Return the hidden units and the probability of label 1.

    Taught in notebook 02.
    """
    hidden_weights, hidden_biases, output_weights, output_bias = network
    hidden = [
        max(0.0, dot(weights, picture) + bias)
        for weights, bias in zip(hidden_weights, hidden_biases)
    ]
    return hidden, sigmoid(dot(output_weights, hidden) + output_bias)


def loss(probability, label):
    """Return the cross-entropy of one prediction."""
    likelihood = probability if label else 1 - probability
    return -math.log(max(likelihood, 1e-12))


def backward(network, picture, hidden, error):
    """Return the four gradients, in the order of the network's parts.

    Taught in notebook 02.
    """
    errors = [
        weight * error * (unit > 0) for weight, unit in zip(network[2], hidden)
    ]
    hidden_gradients = [[e * value for value in picture] for e in errors]
    output_gradients = [error * unit for unit in hidden]
    return hidden_gradients, errors, output_gradients, error


def step(values, slopes, rate):
    """Return values moved against their slopes."""
    return [value - rate * slope for value, slope in zip(values, slopes)]


def update(network, gradients, rate):
    """Return the network after one step against its gradients."""
    weights, biases, output, bias = network
    slopes, bias_slopes, output_slopes, bias_slope = gradients
    rows = [step(w, s, rate) for w, s in zip(weights, slopes)]
    biases = step(biases, bias_slopes, rate)
    output = step(output, output_slopes, rate)
    return rows, biases, output, bias - rate * bias_slope


def learn(network, picture, label, rate):
    """Learn from one picture; return the new network and the old loss."""
    hidden, probability = forward(network, picture)
    gradients = backward(network, picture, hidden, probability - label)
    return update(network, gradients, rate), loss(probability, label)


def train_epoch(network, pictures, labels, rate):
    """Learn from every picture once; return the network and mean loss.

    Taught in notebook 02.
    """
    total = 0.0
    for picture, label in zip(pictures, labels):
        network, picture_loss = learn(network, picture, label, rate)
        total += picture_loss
    return network, total / len(pictures)


def multiplications(inputs, hidden):
    """Count the multiplications that learning from one picture takes.

    Taught in notebook 02.

    >>> multiplications(inputs=3072, hidden=32)
    295105
    """
    return 3 * inputs * hidden + 6 * hidden + 1
