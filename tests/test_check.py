import inspect

import numpy as np
import pytest

from course_utils import check
from course_utils.check import _verdict

FUNCTIONS = [
    function
    for name, function in inspect.getmembers(check, inspect.isfunction)
    if function.__module__ == check.__name__ and not name.startswith("_")
]
# Those that need no measurement of the notebook's beside the answer.
ALONE = [f for f in FUNCTIONS if f.__code__.co_argcount == 1]


class Hostile:
    """Raises at whatever is done with it."""

    def __eq__(self, other):
        raise RuntimeError

    __hash__ = None
    __float__ = __bool__ = __len__ = __repr__ = __iter__ = __eq__


ODD = [None, "", "text", -1, 1e400, float("nan"), 1j, True, [], {}, (1, "a"),
       np.zeros((2, 3)), np.array([]), object(), Hostile(), print]  # fmt: skip


def judge(capsys, answer, right, *arguments, **options):
    assert _verdict(answer, right, "why", *arguments, **options) is None
    return capsys.readouterr().out.strip()


@pytest.mark.parametrize(
    "stub", [..., (1, ...), [[1, 2], [..., 4]], {"a": ...}, ({"a": [...]},)]
)
def test_a_stub_is_asked_for_wherever_the_dots_stand(capsys, stub):
    assert judge(capsys, stub, 3).startswith("… replace the `...`")


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (3, 3),
        (3.0, 3),
        (np.int64(3), 3),
        (0.3334, 1 / 3),
        (np.float32(1 / 3), 1 / 3),
        (" Fox ", "fox"),
        (True, True),
        (np.True_, True),
        ((1, "b"), (1, "B")),
        ([1, 2], (1, 2)),
        (np.array([1, 2]), [1, 2]),
        (6, lambda number: number % 2 == 0),
        (np.array(6), lambda number: number % 2 == 0),
    ],
)
def test_right_answers_are_told_why(capsys, answer, right):
    assert judge(capsys, answer, right) == "✓ why"


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (2, 3),
        ("3", 3),
        (True, 1),
        (1, True),
        (0.4, 1 / 3),
        ((1, 2, 3), (1, 2)),
        (5, lambda number: number % 2 == 0),
        ("five", lambda number: number % 2 == 0),
    ],
)
def test_other_answers_are_wrong(capsys, answer, right):
    assert judge(capsys, answer, right).startswith("✗")


def test_a_misunderstanding_is_named_before_the_general_hint(capsys):
    hints = [(lambda n: n < 0, "negative"), (4, "four")]
    assert judge(capsys, -4, 3, hints, otherwise="no") == "✗ negative"
    assert judge(capsys, 4, 3, hints, otherwise="no") == "✗ four"
    assert judge(capsys, 5, 3, hints, otherwise="no") == "✗ no"


@pytest.mark.parametrize("answer", ODD, ids=lambda answer: type(answer))
def test_odd_answers_raise_nothing(capsys, answer):
    for right in (3, 0.5, True, "fox", (1, 2), lambda n: 3 < n < 9):
        printed = judge(capsys, answer, right, [(right, "?")])
        assert printed.startswith("✗") or answer is True


@pytest.mark.parametrize("function", ALONE, ids=lambda f: f.__name__)
def test_every_check_takes_anything(capsys, function):
    for answer in ODD:
        function(answer)
        assert capsys.readouterr().out.startswith(("✗", "✓"))
    function(...)
    assert capsys.readouterr().out.startswith("…")


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_every_check_is_documented(function):
    assert function.__doc__


# Wrong answers that students give, each with a hint of its own.
WRONG = {
    "start_numbers": ([1024, 96, 67, 24576], []),
    "start_label": ([0, 2, "fox", True], []),
    "start_balanced": ([100 / 120, 20 / 120, 1.0, 0.0, 50], []),
    "naive_multiplications": (
        [393_216, 98_336, 196_640, 131_104, 12_320, 786_496],
        [],
    ),
    "naive_error": ([0.1, 0.9, -0.9, 0.10536], []),
    "naive_forward_share": ([0.5, 3, 2 / 3, 33.3, 1.0], []),
    "naive_seconds": ([150, 90_000, 5_400_000, 25, 1500 / 3600, 16.67],
                      [60, 9000]),
}  # fmt: skip
RIGHT = {
    "start_numbers": 3072,
    "start_label": 1,
    "start_balanced": 0.5,
    "naive_multiplications": 393_248,
    "naive_error": -0.1,
    "naive_forward_share": 1 / 3,
    "naive_seconds": 1500,
}


@pytest.mark.parametrize("name", WRONG)
def test_each_typical_mistake_gets_its_own_hint(capsys, name):
    answers, others = WRONG[name]
    function = getattr(check, name)
    hints = []
    for answer in [*answers, "something else entirely"]:
        function(answer, *others)
        hints.append(capsys.readouterr().out)
    assert all(hint.startswith("✗") for hint in hints)
    distinct = set(hints)
    if name == "start_label":  # any text is taken for the class's name
        assert len(distinct) == len(hints) - 1
    else:
        assert len(distinct) == len(hints)
    function(RIGHT[name], *others)
    assert capsys.readouterr().out.startswith("✓")
