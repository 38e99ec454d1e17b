import inspect
from types import SimpleNamespace

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


# {check: (its other arguments, a right answer, answers that students give)};
# every wrong one must get a hint of its own, and an odd one the general hint.
REPORT = {"examples": 10_000, "recipe": {"epochs": 15, "batch_size": 100}}
COST = SimpleNamespace(dollars=10.0)
TYPICAL = {
    "start_numbers": ([], 3072, [1024, 96, 67, 3072 * 256, 24_576]),
    "start_label": ([], 1, [0, 2, "fox", True]),
    "start_balanced": ([], 0.5, [100 / 120, 20 / 120, 1.0, 0.0, 50]),
    "naive_multiplications": (
        [], 393_248, [393_216, 98_336, 196_640, 131_104, 12_320, 786_496]),
    "naive_error": ([], -0.1, [0.1, 0.9, -0.9, 0.10536, -1 / 0.9]),
    "naive_forward_share": ([], 1 / 3, [0.5, 3, 2 / 3, 33.3, 1.0]),
    "naive_seconds": (
        [60, 9000], 1500, [150, 90_000, 5_400_000, 25, 1500 / 3600, 16.67]),
    "batches_change_shape": (
        [], (32, 3072), [(3072, 32), (256, 32, 3072), (256, 3072), (32, 256)]),
    "batches_updates": ([], 36, [35, 9000, 256, 35.16, 9000 * 256]),
    "batches_roof": ([], 80, [200, 20, 800, 5, 50, 10, 80e9]),
    "framework_traces": ([], 3, [1, 4, 0]),
    "framework_bytes": (
        [], 3_145_728,
        [786_432, 25_165_824, 6_291_456, 1_048_576, 12_288, 3]),
    "framework_trap": ([], "B", ["A", "C", "D", "E"]),
    "scale_global_batch": ([], 512, [64, 8, 72]),
    "scale_efficiency": ([], 0.75, [6.0, 8.0, 75, 0.25, 8 / 6]),
    "scale_cost": ([COST], 10.0, [20.0, 5.0, 40.0]),
    "convolution_weights": (
        [], 18_432, [18_496, 576, 288, 1728, 2_097_152, 6144]),
    "pictures_processed": (
        [REPORT], 150_000, [10_000, 15, 1500, 10_015, 450_000]),
    "narrow_the_gap": ([], "B", ["A", "C", "A and C"]),
    "head_weights": ([], 258, [256, 130, 129, 6146]),
    "which_control": ([], "unrelated", ["random", "neither", "both"]),
    "break_even_tasks": ([], 25, [1000 / 42, 500, 1000 / 44, 40]),
    "forget_share": (
        [], 5 / 7, [0.05, 0.07, 2 / 7, 0.85 / 0.87, 7 / 5, 500 / 7]),
    "forget_top_block": (
        [], 221_696, [221_184, 221_440, 222_208, 221_952, 295_424, 73_984]),
    "forget_three_classes": ([], 0.56, [0.84, 0.42, 1.68, 2 / 3, 56]),
    "forget_fox_score": ([], 2, [3, 1, 4, 0, 5]),
    "upsampled_positions": ([], 9, [3, 6, 27, 64, 1 / 9]),
    "leak_or_transfer": ([], "A", ["B", "C", "D"]),
    "own_interval": ([], 0.093, [0.0474, 0.186, 0.0044, 0.588, 9.3]),
    "safe_file": (
        [], "fox.keras", ["fox.pkl", "fox.pt", "fox.h5", "all", "none"]),
    "flaw_trainable": ([], 258, [277_248, 288_352, 11_104, 2, 256, 0]),
    "flaw_sigmoid": ([], "E", ["A", "B", "C", "D", "F"]),
    "flaw_reshuffle": ([], "C", ["A", "B", "D", "E", "B and C"]),
    "flaw_cache": ([], 1, [10, 2, 20, 0, 50]),
    "flaw_expected": ([], 0.5, [50, 0.0, 1.0, 0.25, 0.6]),
}  # fmt: skip
ODD_NUMBER = -12_345.678


def test_every_check_stands_in_the_table():
    assert TYPICAL.keys() == {function.__name__ for function in FUNCTIONS}


@pytest.mark.parametrize("name", TYPICAL)
def test_each_typical_mistake_gets_its_own_hint(capsys, name):
    others, right, wrong = TYPICAL[name]
    judge_answer = getattr(check, name)
    assert len(wrong) >= 3
    hints = []
    for answer in [*wrong, ODD_NUMBER]:
        judge_answer(answer, *others)
        hints.append(capsys.readouterr().out)
    assert all(hint.startswith("✗") for hint in hints), hints
    assert len(set(hints)) == len(hints), hints
    judge_answer(right, *others)
    assert capsys.readouterr().out.startswith("✓")
    judge_answer(..., *others)
    assert capsys.readouterr().out.startswith("…")
