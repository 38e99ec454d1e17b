"""The convolution of notebook 1, read from the notebook, against Keras."""

from pathlib import Path

import nbformat
import numpy as np
import pytest
from publish import lessons

from course_utils import quiet

NOTEBOOK = next(p for p in lessons() if p.name.startswith("01_"))
TAGS = {"naive-network", "naive-convolution"}


def load(notebook=NOTEBOOK, change=("", "")):
    """Run the tagged cells with `math` and `random` alone."""
    import math
    import random

    cells = nbformat.read(Path(notebook), as_version=4).cells
    names = {"math": math, "random": random}
    for cell in cells:
        if TAGS & set(cell.metadata.get("tags", ())):
            exec(cell.source.replace(*change), names)
    return names


@pytest.fixture(scope="module")
def naive():
    return load()


def keras_answer(picture, filters):
    """Convolve with Keras; filters as (filter, down, right, channel)."""
    with quiet():
        import keras
    layer = keras.layers.Conv2D(len(filters), 3, padding="same")
    layer.build((None, *picture.shape))
    weights = np.moveaxis(filters, 0, -1)
    layer.set_weights([weights, np.zeros(len(filters))])
    return np.asarray(layer(picture[None].astype("float32")))[0]


def example(height, width, channels, count, seed=0):
    random = np.random.default_rng(seed)
    picture = random.random((height, width, channels))
    return picture, random.normal(size=(count, 3, 3, channels))


SHAPES = [(8, 8, 3, 3), (5, 7, 3, 2), (4, 4, 16, 5), (3, 3, 1, 1)]


@pytest.mark.parametrize("shape", SHAPES)
def test_lists_give_what_keras_gives(naive, shape):
    picture, filters = example(*shape)
    maps = naive["convolve"](picture.tolist(), filters.tolist())
    expected = keras_answer(picture, filters)
    assert np.shape(maps) == expected.shape
    assert np.allclose(maps, expected, atol=1e-4)


@pytest.mark.parametrize(
    "change",
    [
        ("weights[down][right]", "weights[right][down]"),
        ("padded[row + down]", "padded[row + 2 - down]"),
        ("return [edge, *rows, edge]", "return [edge, edge, *rows]"),
    ],
)
def test_another_convolution_is_noticed(change):
    picture, filters = example(8, 8, 3, 3)
    wrong = load(change=change)
    maps = wrong["convolve"](picture.tolist(), filters.tolist())
    assert not np.allclose(maps, keras_answer(picture, filters), atol=1e-2)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_count_is_the_formula(naive, shape):
    height, width, channels, count = shape
    picture, filters = example(*shape)
    counted = naive["Counted"]
    numbers = [
        [[[counted(w) for w in cell] for cell in row] for row in each]
        for each in filters.tolist()
    ]
    counted.count = 0
    naive["convolve"](picture.tolist(), numbers)
    assert counted.count == height * width * 9 * channels * count


def test_the_layers_of_the_notebook_are_the_donors():
    pytest.importorskip("keras")
    from course_utils.networks import donors

    source = next(
        cell.source
        for cell in nbformat.read(NOTEBOOK, as_version=4).cells
        if cell.source.startswith("# side of the picture")
    )
    names = {}
    exec(source, names)
    layers = [
        (layer.output.shape[1], *layer.kernel.shape[2:])
        for layer in donors.build_base().layers
        if hasattr(layer, "kernel")
    ]
    assert names["LAYERS"] == layers
    assert names["donor_forward"] == sum(
        side * side * 9 * inputs * filters for side, inputs, filters in layers
    )
