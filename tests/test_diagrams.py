import functools
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Text

from course_utils import plots
from course_utils.plots import alt_text, diagrams

SLIDE = 1180, 600  # pixels that a slide of 1280 x 720 leaves to a figure
RANDOM = np.random.default_rng(0)
PICTURES = RANDOM.integers(0, 255, (6, 32, 32, 3)).astype(np.uint8)
MARKS = {
    "donor's features, 10 labels": (0.1, 0.79, 67),
    "fine-tuned, 100 labels": (12, 0.86, 67),
    "giant, 10 labels": (0.5, 0.78, 1e7),
    "random base, 10 labels": (0.1, 0.52, None),
    "scratch, 10 labels": (5, 0.54, None),
    "scratch, 100 labels": (9, 0.66, None),
}
HISTORIES = {
    "careless": {"new": [0.5, 0.8, 0.9], "old": [0.9, 0.7, 0.6]},
    "careful": {"new": [0.5, 0.7, 0.85], "old": [0.9, 0.87, 0.84]},
}
BASES = {
    name: RANDOM.normal(size=(20, 8)) + gap * (np.arange(20)[:, None] % 2)
    for name, gap in (("cat/dog donor", 5), ("random base", 0))
}
TITLES = {"cat/dog donor": ["fox", "dog"], "random base": ["dog", "dog"]}
EXAMPLES = {
    **{
        f"donor, {lit}": (diagrams.donor_and_recipient, lit)
        for lit in diagrams.VERSIONS
    },
    "convolution": (diagrams.convolution,),
    "a window in a corner": (diagrams.convolution, None, None, (3, 3)),
    "maps": (diagrams.feature_maps, RANDOM.normal(size=(7, 8, 8)),
             [f"block {number}" for number in range(7)]),
    "network": (diagrams.small_network,),
    "a silent unit": (diagrams.small_network, 0.8, -0.5, 0.1),
    "products": (diagrams.loops_to_products,),
    "a large batch": (diagrams.loops_to_products, 500, 3072, 256),
    "curves": (diagrams.forgetting_curves, HISTORIES),
    "one curve": (diagrams.forgetting_curves, {"a": HISTORIES["careful"]}),
    "matrix": (diagrams.matrix_heat_map, ["donor", "after foxes"],
               ["cat", "fox"], [[0.9, np.nan], [0.3, 0.9]],
               "After foxes, cats fall from 0.90 to 0.30", "after", "on"),
    "confusion": (diagrams.matrix_heat_map, ["cat", "dog", "fox"],
                  ["cat", "dog", "fox"], np.diag([90, 80, 70]), "Right"),
    **{trap: (diagrams.timing_strips, trap) for trap in diagrams.TRAPS},
    **{f"ring {devices}, {step}": (diagrams.all_reduce_ring, devices, step)
       for devices, step in ((2, 1), (3, 0), (4, 3), (8, 14))},
    "splits": (diagrams.overlapping_splits, range(20), [*range(19, -1, -1)]),
    "sigmoid": (diagrams.sigmoid_of_sigmoid,),
    "best": (diagrams.best_of, RANDOM.binomial(50, 0.5, 30) / 50),
    "leak": (diagrams.leak_circles, ["fox", "dog", *range(998)],
             ["fox", "dog"], ("ImageNet", "the test")),
    "half a leak": (diagrams.leak_circles, ["cat", "dog"], ["dog", "fox"]),
    "no leak": (diagrams.leak_circles, ["cat"], ["fox"]),
    "space": (diagrams.feature_space, BASES, np.arange(20) % 2,
              ["dog", "fox"]),
    "neighbors": (diagrams.nearest_neighbors, PICTURES[0],
                  {name: PICTURES[:2] for name in TITLES}, TITLES),
    "answer": (diagrams.answer, MARKS),
    "answer on scratch alone": (diagrams.answer, {"scratch": (5, 0.6, None)}),
    "answers": (diagrams.pictures_with_answers, PICTURES, [0, 1] * 3,
                [0, 0, 1] * 2, RANDOM.random(6), ["dog", "fox"]),
    "long names": (diagrams.pictures_with_answers, PICTURES,
                   ["automobile"] * 6, ["airplane", "automobile"] * 3),
}  # fmt: skip


@pytest.fixture(autouse=True)
def style():
    with plt.style.context("default"):
        plots.use_course_style()
        yield
    plt.close("all")


@functools.cache
def drawn(example):
    """Return a laid out figure's size, its words, and each text drawn.

    The texts are (words, box in pixels, points); ticks beyond the axes and
    all else that is never drawn are not among them.
    """
    function, *arguments = EXAMPLES[example]
    figure = function(*arguments)
    figure = getattr(figure, "figure", figure)
    seen = {}

    def draw(text, renderer):
        if text.get_visible() and text.get_text().strip():
            seen[text] = None

    with pytest.MonkeyPatch.context() as patch:
        figure.draw_without_rendering()
        patch.setattr(Text, "draw", draw)
        figure.draw_without_rendering()
    texts = [
        (text.get_text(), Text.get_window_extent(text), text.get_fontsize())
        for text in seen
    ]
    return figure.get_size_inches() * 100, alt_text.describe(figure), texts


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_text_is_whole_and_apart_from_every_other(example):
    (width, height), _, texts = drawn(example)
    assert texts
    for words, box, _ in texts:
        inside = min(box.x0, box.y0) > -1
        inside = inside and box.x1 < width + 1 and box.y1 < height + 1
        assert inside, f"{words!r} is clipped"
    for (one, box, _), (other, other_box, _) in combinations(texts, 2):
        overlap = box.padded(-1).overlaps(other_box.padded(-1))
        assert not overlap, f"{one!r} lies on {other!r}"


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_text_is_read_from_the_last_row(example):
    (width, height), _, texts = drawn(example)
    fits = min(1, SLIDE[0] / width, SLIDE[1] / height)
    for words, _, points in texts:
        assert points * fits >= 11, words


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_figure_says_in_words_what_it_shows(example):
    _, said, texts = drawn(example)
    assert len(said) > 60
    assert "nan" not in said and "\n" not in said
    title = max(texts, key=lambda text: text[1].y1)[0]
    assert title.replace("\n", " ") in said


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        (
            (diagrams.convolution, np.eye(4, dtype=int), np.eye(3), (0, 0)),
            (diagrams.convolution, np.eye(4, dtype=int), np.eye(3), (0, 1)),
            ("sum, 3", "sum, 0"),
        ),
        (
            (diagrams.small_network, 0.8, 0.5, 0.3, -1.2, -0.4),
            (diagrams.small_network, 0.8, 0.5, 0.3, 1.2, -0.4),
            ("turned down", "turned up"),
        ),
        (
            (diagrams.loops_to_products, 10, 200, 30),
            (diagrams.loops_to_products, 10, 200, 31),
            ("60,000", "62,000"),
        ),
        (
            (diagrams.forgetting_curves, HISTORIES),
            (diagrams.forgetting_curves,
             {"a": {"new": [0.5, 0.6], "old": [0.8, 0.9]}}),
            ("foxes +40, cats and dogs −30", "foxes +10, cats and dogs +10"),
        ),
        (
            (diagrams.all_reduce_ring, 4, 3), (diagrams.all_reduce_ring, 4, 6),
            ("4 of 16", "16 of 16"),
        ),
        (
            (diagrams.overlapping_splits, range(9), range(9), 3),
            (diagrams.overlapping_splits, range(9), [*range(8, -1, -1)], 3),
            ("0 of 3", "3 of 3"),
        ),
        (
            (diagrams.best_of, [0.4, 0.6]),
            (diagrams.best_of, [0.4, 0.5, 0.9]),
            ("best of 2 tries reaches 0.60", "best of 3 tries reaches 0.90"),
        ),
        (
            (diagrams.leak_circles, "ab", "bc"),
            (diagrams.leak_circles, "ab", "cd"),
            ("1 of 2 in the test were also in the training set: a leak",
             "no leak"),
        ),
        (
            (diagrams.feature_space, BASES, np.arange(20) % 2, ["dog", "fox"]),
            (diagrams.feature_space,
             {name: BASES["cat/dog donor"] for name in "ab"},
             np.arange(20) // 10, ["dog", "fox"]),
            ("Cat/dog donor separates dog and fox best: held-out accuracy 1",
             "separates dog and fox best: held-out accuracy 0."),
        ),
        (
            (diagrams.nearest_neighbors, PICTURES[0],
             {name: PICTURES[:2] for name in TITLES}, TITLES),
            (diagrams.nearest_neighbors, PICTURES[0],
             {name: PICTURES[:2] for name in TITLES}, TITLES, "dog"),
            ("donor 1, random base 0", "donor 1, random base 2"),
        ),
        (
            (diagrams.answer, MARKS),
            (diagrams.answer, MARKS,
             ["scratch, 10 labels", "giant, 10 labels"]),
            ("Fine-tuned, 100 labels: 0.86 in 12 s (79 s with donor); "
             "scratch, 100 labels: 0.66 in 9.0 s",
             "Scratch, 10 labels: 0.54 in 5.0 s; giant, 10 labels: 0.78"),
        ),
        (
            (diagrams.pictures_with_answers, PICTURES, "ababab", "aaabbb"),
            (diagrams.pictures_with_answers, PICTURES, "ababab", "bababa"),
            ("4 of 6", "0 of 6"),
        ),
        (
            (diagrams.timing_strips,),
            (diagrams.timing_strips, "a lunch break",
             {"wrong clock": [(0, 10, "10")], "right clock": [(0, 90, "90")]}),
            ("reads 8 ms, the right one 60 ms",
             "A lunch break: the wrong clock reads 10 ms, the right one 90"),
        ),
    ],
)  # fmt: skip
def test_titles_say_what_the_data_say(first, second, says):
    for example, words in zip((first, second), says, strict=True):
        function, *arguments = example
        figure = function(*arguments)
        assert words in alt_text.describe(getattr(figure, "figure", figure))


def test_right_and_wrong_differ_in_more_than_color():
    figure = diagrams.pictures_with_answers(
        PICTURES[:2], "ab", "aa", [0.9, 0.8]
    )
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["✓ a 0.90", "✗ b → a 0.80"]
    edges = [ax.spines["left"].get_edgecolor() for ax in figure.axes]
    assert edges[0] != edges[1]


@pytest.mark.parametrize("devices", [2, 3, 5, 8])
def test_the_ring_sums_every_part_on_every_device(devices):
    last = 2 * (devices - 1)
    ax = diagrams.all_reduce_ring(devices, last)
    cells = [t.get_text() for t in ax.texts if t.get_text().isdigit()]
    assert cells == [str(devices)] * devices**2
    ax = diagrams.all_reduce_ring(devices, devices - 1)
    cells = [t.get_text() for t in ax.texts if t.get_text().isdigit()]
    assert cells.count(str(devices)) == devices


@pytest.mark.parametrize(
    "example",
    [
        name
        for name in EXAMPLES
        if name not in ("maps", "curves", "one curve", "space", "neighbors",
                        "answers", "long names")
    ],
)  # fmt: skip
def test_a_drawing_goes_onto_the_axes_that_it_is_given(example):
    function, *arguments = EXAMPLES[example]
    given = plt.subplots()[1]
    assert function(*arguments, ax=given) is given


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ((diagrams.donor_and_recipient, "tail"), "choose from donor"),
        ((diagrams.convolution, None, None, (4, 0)), "rows below 4"),
        ((diagrams.feature_maps, PICTURES[..., 0], ["a"]), "6 .* 6 titles"),
        ((diagrams.matrix_heat_map, "ab", "ab", [[1, 2]], ""), "2 rows"),
        ((diagrams.loops_to_products, 900, 784, 32), "at most 130"),
        ((diagrams.timing_strips, "lunch"), "choose from asynchronous"),
        ((diagrams.timing_strips, "lunch", {"host": []}), "right clock"),
        ((diagrams.best_of, []), "at least one try"),
        ((diagrams.all_reduce_ring, 1), "2 to 8"),
        ((diagrams.all_reduce_ring, 4, 7), "from 0 to 6"),
        ((diagrams.overlapping_splits, "abc", "abd"), "same pictures"),
        ((diagrams.leak_circles, "abc", ""), "at least one"),
        ((diagrams.pictures_with_answers, PICTURES, "ab", "ab"), "6 pictures"),
        ((diagrams.nearest_neighbors, PICTURES[0], {"a": PICTURES}, {}),
         "'a' .* names"),
        ((diagrams.answer, {}), "at least one"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_says_what_to_do(wrong, words):
    function, *arguments = wrong
    with pytest.raises(ValueError, match=words):
        function(*arguments)
