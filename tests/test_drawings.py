import hashlib
import subprocess
import sys
import time

import numpy as np
import pytest

from course_utils.data import drawings

# sha256 of the bytes of 20 drawings.
DIGESTS = {
    "cat": "0c5533c02ee7db2910030143abb68d3da1268cd789483092c5fee2d633a70ba6",
    "dog": "f58a5484d0c7c19f8506bb43c1971ebf8467da49a781ef60d1b604a1717ac519",
    "fox": "760fc82f72a9db4c1e6bc167163918850c5d365c7a2fb107aa3e187fde544e55",
    "airplane": (
        "61dcbd94049e5d168873736ce69e7cb74d88f2c7c502992b6d9febdad5fa0d47"
    ),
    "automobile": (
        "17e3668862657572b0dcf1b456035af663aecd89d0531d24ac5120718c58cbf3"
    ),
}


@pytest.fixture(scope="module")
def pictures():
    """Draw 500 pictures to learn from and 1,000 others to be tested on."""
    return {
        name: (
            drawings.draw_many(name, 500, seed=1),
            drawings.draw_many(name, 1000, seed=2),
        )
        for name in drawings.CLASS_NAMES[:3]
    }


@pytest.mark.parametrize("name", drawings.CLASS_NAMES)
def test_shape_and_type(name):
    assert drawings.draw_many(name, 3).shape == (3, 32, 32, 3)
    assert drawings.draw_many(name, 0).shape == (0, 32, 32, 3)
    assert drawings.draw(name, seed=4, size=9).shape == (9, 9, 3)
    assert drawings.draw(name).dtype == np.uint8


@pytest.mark.parametrize("name", drawings.CLASS_NAMES)
def test_same_bytes_on_every_machine(name):
    pixels = drawings.draw_many(name, 20, seed=0).tobytes()
    assert hashlib.sha256(pixels).hexdigest() == DIGESTS[name]


@pytest.mark.parametrize("name", drawings.CLASS_NAMES)
def test_a_picture_does_not_depend_on_the_count(name):
    many = drawings.draw_many(name, 300, seed=7)
    np.testing.assert_array_equal(many[:5], drawings.draw_many(name, 5, 32, 7))
    np.testing.assert_array_equal(many[0], drawings.draw(name, seed=7))
    assert len({picture.tobytes() for picture in many}) == len(many)


def test_seeds_and_classes_differ():
    kinds = [
        drawings.draw_many(name, 10, seed=seed)
        for name in ("cat", "dog")
        for seed in (-1, 0, 1, 10**12)
    ]
    assert len({kind[3].tobytes() for kind in kinds}) == len(kinds)


@pytest.mark.parametrize("name", drawings.CLASS_NAMES)
def test_every_size_shows_the_same_picture(name):
    small = drawings.draw_many(name, 20, size=32).astype(float)
    large = drawings.draw_many(name, 20, size=128).astype(float)
    reduced = large.reshape(20, 32, 4, 32, 4, 3).mean((2, 4))
    alike = [
        np.corrcoef(a.ravel(), b.ravel())[0, 1]
        for a, b in zip(small, reduced, strict=True)
    ]
    other = np.corrcoef(small[0].ravel(), reduced[1].ravel())[0, 1]
    assert min(alike) > 0.85 > other


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("wolf", 1), "No drawings of 'wolf': choose one of cat, dog, fox"),
        (("cat", -1), "count is -1: ask for 0 pictures or more"),
        (("cat", 1, 7), "size is 7: ask for 8 pixels or more"),
    ],
)
def test_errors_say_what_to_do(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        drawings.draw_many(*arguments)


def test_fast_enough():
    drawings.draw_many("dog", 100)
    rates = []
    for seed in range(5):
        start = time.process_time()
        drawings.draw_many("dog", 400, seed=seed)
        rates.append(400 / (time.process_time() - start))
    print(f"{max(rates):.0f} drawings per second")
    assert max(rates) > 1500


def test_imports_no_framework():
    code = (
        "import sys, course_utils.data.drawings\n"
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def linear_accuracy(pictures, first, second, features):
    """Fit a ridge classifier; return its best accuracy over strengths."""
    x = np.concatenate([features(pictures[n][0]) for n in (first, second)])
    unseen = np.concatenate(
        [features(pictures[n][1]) for n in (first, second)]
    )
    mean, spread = x.mean(0), x.std(0) + 1e-6
    x, unseen = (x - mean) / spread, (unseen - mean) / spread
    target = np.repeat([-1.0, 1.0], len(x) // 2)
    answer = np.repeat([False, True], len(unseen) // 2)
    gram, cross = x @ x.T / x.shape[1], unseen @ x.T / x.shape[1]
    scores = []
    for strength in (0.01, 0.1, 1, 10):
        weights = np.linalg.solve(gram + strength * np.eye(len(x)), target)
        scores.append(((cross @ weights > 0) == answer).mean())
    return max(scores)


def pixels(pictures):
    return pictures.reshape(len(pictures), -1) / 255.0


def mean_colour(pictures):
    return pictures.mean((1, 2)) / 255.0


@pytest.mark.parametrize(
    ("first", "second", "features", "ceiling"),
    [
        ("dog", "fox", pixels, 0.75),
        ("cat", "dog", pixels, 0.62),
        ("dog", "fox", mean_colour, 0.63),
        ("cat", "dog", mean_colour, 0.63),
        ("cat", "fox", mean_colour, 0.63),
    ],
)
def test_a_line_does_not_tell_the_class(
    pictures, first, second, features, ceiling
):
    accuracy = linear_accuracy(pictures, first, second, features)
    print(first, second, features.__name__, round(accuracy, 3))
    assert accuracy <= ceiling


def test_the_probe_can_see_a_difference(pictures):
    marked = {"cat": pictures["cat"]}
    marked["dog"] = tuple(part.copy() for part in pictures["dog"])
    for part in marked["dog"]:
        part[..., 0] = np.minimum(part[..., 0], 200) + 55
    assert linear_accuracy(marked, "cat", "dog", mean_colour) > 0.75


@pytest.mark.parametrize("pair", [("cat", "dog"), ("dog", "fox")])
def test_no_single_pixel_tells_the_class(pictures, pair):
    first, second = (pixels(pictures[name][1]) for name in pair)
    best = 0
    for level in np.linspace(0.1, 0.9, 17):
        apart = (first > level).mean(0) - (second > level).mean(0)
        best = max(best, 0.5 + np.abs(apart).max() / 2)
    assert best < 0.65


def test_the_animal_stands_everywhere_alike(pictures):
    deviation = [
        pictures[name][1].astype(float).std(0).mean(-1) for name in pictures
    ]
    centre = [
        (spread * np.arange(32)[:, None]).sum() / spread.sum()
        for spread in deviation
    ]
    assert max(centre) - min(centre) < 1.0
