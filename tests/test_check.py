import inspect
import itertools
import math
from collections import Counter, OrderedDict, deque
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from course_utils import check
from course_utils.check import _verdict

HELPERS = {"guess", "read_number", "try_function", "whole"}
FUNCTIONS = [
    function
    for name, function in inspect.getmembers(check, inspect.isfunction)
    if function.__module__ == check.__name__
    and not name.startswith("_")
    and name not in HELPERS
]
# Functions that try what a student wrote.
CODING = [
    function
    for function in FUNCTIONS
    if (function.__doc__ or "").startswith("Try `def")
]
REPORT = {"examples": 10_000, "epochs": 15, "recipe": {"batch_size": 100}}
COST = SimpleNamespace(dollars=10.0)
# What a check needs in addition to the answer.
MEASURED = {
    "naive_seconds": [60, 9000],
    "scale_cost": [COST],
    "pictures_processed": [REPORT],
}


class Hostile:
    """Raises at whatever is done with it."""

    def __eq__(self, other):
        raise RuntimeError

    __hash__ = None
    __float__ = __bool__ = __len__ = __repr__ = __iter__ = __eq__
    __array__ = __index__ = __getattribute__ = __instancecheck__ = __eq__


class Endless:
    """Never ends, whatever is done with it."""

    def __eq__(self, *others):
        while True:
            pass

    __hash__ = None
    __float__ = __bool__ = __len__ = __iter__ = __array__ = __eq__
    __getattribute__ = __contains__ = __eq__


class EndlessList(list):
    """A list that walks without an end."""

    def __iter__(self):
        return itertools.repeat(1)

    __len__ = __getitem__ = __eq__ = __iter__


class EndlessMapping(dict):
    """A dictionary whose values never end, or raise."""

    def values(self):
        return itertools.repeat(1)

    def __iter__(self):
        raise RuntimeError


class EndlessSet(set):
    """A set that walks without an end."""

    __iter__ = EndlessList.__iter__


class RaisingNumber(float):
    """A number that raises when it is compared or computed with."""

    __eq__ = __lt__ = __gt__ = __sub__ = __rsub__ = __abs__ = Hostile.__eq__
    __float__ = __hash__ = __eq__


class RaisingText(str):
    """A text that raises when it is compared or cut."""

    strip = casefold = __eq__ = __getitem__ = __len__ = Hostile.__eq__
    __hash__ = None


def nested(levels):
    """Return a list that contains a list that contains a list."""
    found = []
    for _ in range(levels):
        found = [found]
    return found


def inside_itself(width):
    """Return a list that contains itself more than once."""
    found = []
    found.extend([found] * width)
    return found


def objects(*values):
    """Return an array that holds the values as they are."""
    found = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):
        found[place] = value
    return found


def own_values():
    """Return a dictionary that contains itself."""
    found = {}
    found["itself"] = found
    return found


ODD = {
    "none": None, "empty text": "", "text": "text", "negative": -1,
    "infinity": 1e400, "minus infinity": -1e400, "nan": float("nan"),
    "half infinity": np.float16("inf"), "half nan": np.float16("nan"),
    "numpy infinity": np.float32("inf"), "array of infinity": np.array(np.inf),
    "tuple of nan": (float("nan"), 3072), "complex": 1j, "true": True,
    "numpy true": np.True_, "list": [], "dictionary": {}, "tuple": (1, "a"),
    "set": {32, 3072}, "frozen set": frozenset({"A", "B"}),
    "array": np.zeros((2, 3)), "empty array": np.array([]),
    "large array": np.broadcast_to(0.5, (10**6, 10**6)),
    "array of objects": objects(None, Hostile()),
    "record": np.zeros(1, [("a", int), ("b", float)]),
    "date": np.datetime64("2026-01-01"), "object": object(),
    "hostile": Hostile(), "in a list": [Hostile()], "endless": Endless(),
    "list in itself": inside_itself(1), "wide list in itself":
    inside_itself(300), "deep list": nested(5000), "own values": own_values(),
    "endless list": EndlessList([1, 2, 3]), "endless set": EndlessSet({1}),
    "endless mapping": EndlessMapping(a=1), "raising": RaisingNumber(-9),
    "raising text": RaisingText("text"), "function": print, "type": int,
    "iterator": itertools.count(), "generator": (n for n in ()),
    "huge integer": 10**400, "minus huge": -(10**400),
    "huge decimal": Decimal("1e999999"), "signaling": Decimal("sNaN"),
    "long text": "9" * 10**7, "lone surrogate": "\ud800", "bytes": b"A",
    "counter": Counter("ab"), "ordered": OrderedDict(a=1), "deque": deque([1]),
    "module": np, "comma": (0, 5), "thousands": (10, 0),
}  # fmt: skip


@pytest.fixture(params=ODD, ids=str)
def odd(request):
    return ODD[request.param]


def everywhere(function):
    return MEASURED.get(function.__name__, [])


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
        (np.array([6]), 6),
        (np.longdouble(0.3334), 1 / 3),
        (Fraction(1, 3), 1 / 3),
        (Decimal("0.333"), 1 / 3),
        (IntEnum("Three", {"THREE": 3}).THREE, 3),
        ('"fox".', "fox"),
        ("(B)", "b"),
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


def test_odd_answers_raise_nothing_and_are_not_praised(capsys, odd):
    for right in (3, 0.5, True, "fox", (1, 2), lambda n: 3 < n < 9):
        printed = judge(capsys, odd, right, [(right, "?")])
        is_true = type(odd) in (bool, np.bool_) and right is True
        assert printed.startswith("✓" if is_true else "✗")


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_every_check_hints_at_anything(capsys, function):
    for name, answer in ODD.items():
        assert function(answer, *everywhere(function)) is None
        printed = capsys.readouterr().out
        assert printed.startswith("✗ ") and printed.count("\n") == 1, name
        assert len(printed) < 400
    function(..., *everywhere(function))
    assert capsys.readouterr().out.startswith("…")


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ((0, 5), "Python a comma separates"),
        ((0, 75), "with a point"),
        ((10, 0), "without commas"),
        ((3, 145, 728), "10_000"),
        ("0,5", "without quotes. To Python a comma"),
        ("10,000", "without quotes. To Python a comma"),
        ("3,145,728.0", "without quotes. To Python a comma"),
        ("0.5", "without quotes"),
        (" 1e3 ", "without quotes"),
        ("50%", "without %"),
        ("50 %", "without %"),
        ("a half", "number here, not text"),
        ("½", "number here, not text"),
        (True, "not True or False"),
        ([0.5], "without brackets"),
        ((0.5,), "without brackets"),
        ({0.5}, "Braces"),
        ({"a": 0.5}, "dictionary"),
        (float("nan"), "not a finite number"),
        (np.float16("inf"), "not a finite number"),
        (10**400, "not a finite number"),
        (0.5j, "complex"),
        (None, "return"),
        (round, "parentheses after its name"),
        (np.zeros((100, 100)), "whole array"),
        (itertools.count(), "of this kind"),
    ],
)
@pytest.mark.parametrize("function", [
    f for f in FUNCTIONS
    if f.__name__ in ("start_numbers", "naive_seconds", "scale_cost",
                      "own_interval", "flaw_expected", "framework_bytes")
], ids=lambda f: f.__name__)  # fmt: skip
def test_a_slip_at_the_keyboard_has_its_hint(capsys, function, typed, word):
    function(typed, *everywhere(function))
    printed = capsys.readouterr().out
    assert printed.startswith("✗") and word in printed
    number, hint = check.read_number(typed)
    assert number is None and word in hint


@pytest.mark.parametrize("percent", [33.3, 50, 75, 56, 9.3, 71.4, 99])
def test_a_percentage_is_named_wherever_a_fraction_belongs(capsys, percent):
    for name in ("naive_forward_share", "scale_efficiency",
                 "forget_share", "forget_three_classes", "own_interval",
                 "flaw_expected"):  # fmt: skip
        getattr(check, name)(percent)
        assert "not a percentage" in capsys.readouterr().out


def test_percent_is_a_fraction_only_where_one_belongs(capsys):
    check.own_interval("50%")
    assert "0.5 for 50%" in capsys.readouterr().out
    check.guess("75 %")  # in a lesson that asks for percent
    assert "0.5" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "word"),
    [(3, "quotes"), (["B"], "quotes"), (True, "quotes"), ({"B"}, "Braces"),
     (str, "parentheses")],
)  # fmt: skip
def test_a_letter_is_text(capsys, typed, word):
    check.framework_trap(typed)
    assert word in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "word"),
    [(3072, "several numbers"), ("(32, 3072)", "without quotes"),
     ({32, 3072}, "in parentheses"), (np.zeros((32, 3072)), "whole array")],
)  # fmt: skip
def test_a_shape_is_numbers_in_parentheses(capsys, typed, word):
    check.batches_change_shape(typed)
    assert word in capsys.readouterr().out


@pytest.mark.parametrize("answer", [[32, 3072], np.array([32, 3072]),
                                    (np.int64(32), 3072.0)])  # fmt: skip
def test_a_shape_has_many_right_forms(capsys, answer):
    check.batches_change_shape(answer)
    assert capsys.readouterr().out.startswith("✓")


def test_a_tensor_is_a_number(capsys):
    tf = pytest.importorskip("tensorflow")
    for answer in (tf.constant(258), tf.Variable(258), tf.size(tf.ones(258))):
        check.head_weights(answer)
        assert capsys.readouterr().out.startswith("✓")
    check.batches_change_shape(tf.TensorShape((32, 3072)))
    assert capsys.readouterr().out.startswith("✓")
    check.forget_share(tf.bfloat16.as_numpy_dtype(5 / 7))
    assert capsys.readouterr().out.startswith("✓")


@pytest.mark.parametrize("name", MEASURED)
@pytest.mark.parametrize(
    "given", ["none", "nan", "text", "dictionary", "hostile", "infinity"]
)
def test_a_check_asks_for_what_was_not_measured(capsys, name, given):
    number = len(MEASURED[name]) - 1
    for lacking in (ODD[given], ...):
        getattr(check, name)(1500, lacking, *[9000] * number)
        assert capsys.readouterr().out.startswith("… run the cells above")


def test_a_rate_of_zero_is_no_measurement(capsys):
    check.naive_seconds(1500, 0, 9000)
    assert capsys.readouterr().out.startswith("… run the cells above")


@pytest.mark.parametrize("typed", [1_000, 0.5, -2, np.int64(7)])
def test_a_guess_that_is_a_number_is_returned(capsys, typed):
    assert check.guess(typed) == typed
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("typed", [0, -3, "0,5", (1, 500), "fast"])
def test_a_rate_that_is_guessed_is_above_zero(capsys, typed):
    assert np.isnan(check.guess(typed, above=0))
    assert capsys.readouterr().out.startswith("✗")
    assert check.guess(0.5, above=0) == 0.5


@pytest.mark.parametrize("typed", [(2, 5), (10, 000), (1, 000, 000)])
def test_a_comma_in_a_guess_gets_its_hint(capsys, typed):
    assert np.isnan(check.guess(*typed, above=0))
    assert "Python a comma separates" in capsys.readouterr().out


def test_any_other_guess_gets_a_hint_and_no_number(capsys, odd):
    if odd is not ODD["negative"] and odd is not ODD["raising"]:
        assert np.isnan(check.guess(odd))
        assert capsys.readouterr().out.startswith("✗")
    assert check.guess(odd, choices="ABC") == "nothing"
    assert "letters A, B, C" in capsys.readouterr().out


@pytest.mark.parametrize("typed", [(2, 5), (10, 0), (1, 0, 0), (0, 75), ()])
def test_a_comma_within_the_parentheses_is_named(capsys, typed):
    assert np.isnan(check.guess(*typed))
    printed = capsys.readouterr().out
    assert ("To Python a comma" if typed else "one number") in printed
    assert check.guess(*typed, choices="ABC") == "nothing"


@pytest.mark.parametrize("typed", [0, -2, 0.0])
def test_a_guess_can_have_a_bound(capsys, typed):
    assert np.isnan(check.guess(typed, above=0))
    assert capsys.readouterr().out == "✗ Write a number above 0.\n"
    assert check.guess(0.1, above=0) == 0.1


@pytest.mark.parametrize("typed", [7, 7.0, np.int64(7)])
def test_a_whole_number_is_returned(capsys, typed):
    assert check.whole(typed, 3) == 7
    assert check.whole(None, 3) == 3
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("typed", [0, -1, 7.5, "7", (7, 0), "7,5", "ten"])
def test_any_other_count_gets_a_hint_and_the_usual_number(capsys, typed):
    assert check.whole(typed, 3) == 3
    printed = capsys.readouterr().out
    assert printed.startswith("✗") and printed.count("\n") == 1


def test_odd_counts_raise_nothing(capsys, odd):
    if odd is not None:
        assert check.whole(odd, 3) == 3
        assert capsys.readouterr().out.startswith("✗")


@pytest.mark.parametrize("typed", ["B", " b ", "(b)", "B."])
def test_a_guess_that_is_a_letter_is_returned(capsys, typed):
    assert check.guess(typed, choices="ABC") == "B"
    assert capsys.readouterr().out == ""


# ------------------------------------------------- functions that are written


def stub(labels, predictions, classes): ...


def documented_stub(labels, predictions, classes):
    """Return the share of each class."""
    ...


def half_a_stub(labels, predictions, classes):
    total = ...
    return [total, 0.5]


def right_one(labels, predictions, classes):
    rows = [(p, y) for p, y in zip(predictions, labels, strict=True)]
    found = []
    for c in classes:
        of_class = [p == y for p, y in rows if y == c]
        found.append(sum(of_class) / len(of_class))
    return found


def test_accuracy_per_class_is_right(capsys):
    check.accuracy_per_class(right_one)
    assert capsys.readouterr().out.startswith("✓ Each class")
    check.accuracy_per_class(lambda *a: np.array(right_one(*a)))
    assert capsys.readouterr().out.startswith("✓")


@pytest.mark.parametrize(
    "function",
    [stub, documented_stub, half_a_stub, lambda *a: ..., ..., lambda y: None],
)
def test_a_function_still_to_be_written_is_a_stub(capsys, function):
    check.accuracy_per_class(function)
    assert capsys.readouterr().out.startswith("… replace the `...`")


def overall(labels, predictions, classes):
    right = sum(p == y for p, y in zip(predictions, labels, strict=True))
    return [right / len(labels)] * len(classes)


def counts(labels, predictions, classes):
    return [
        sum(p == y == c for p, y in zip(predictions, labels, strict=True))
        for c in classes
    ]


def divided_by_all(labels, predictions, classes):
    return [n / len(labels) for n in counts(labels, predictions, classes)]


def sorting(labels, predictions, classes):
    return right_one(labels, predictions, sorted(classes))


def prints_it(labels, predictions, classes):
    print(right_one(labels, predictions, classes))


def forgets(labels, predictions, classes):
    right_one(labels, predictions, classes)


def raises(labels, predictions, classes):
    return [1 / 0]


def raises_oddly(labels, predictions, classes):
    class Odd(BaseException):
        def __str__(self):
            raise RuntimeError

    raise Odd


def leaves(labels, predictions, classes):
    raise SystemExit(3)


def calls_itself(labels, predictions, classes):
    return calls_itself(labels, predictions, classes)


def changes(labels, predictions, classes):
    found = right_one(labels, predictions, classes)
    labels.sort(key=str)
    labels.append(7)
    return found


def empties(labels, predictions, classes):
    found = right_one(labels, predictions, classes)
    predictions[:] = [Hostile()]
    return found


def yields(labels, predictions, classes):
    yield from right_one(labels, predictions, classes)


def maps(labels, predictions, classes):
    return dict(zip(classes, right_one(labels, predictions, classes),
                    strict=True))  # fmt: skip


@pytest.mark.parametrize(
    ("function", "word"),
    [
        (overall, "over all classes"),
        (counts, "Those are counts"),
        (divided_by_all, "not by the number of all"),
        (lambda y, p, c: right_one(p, y, c), "whose label is that class"),
        (lambda *a: [100 * x for x in right_one(*a)], "not a percentage"),
        (lambda *a: [1 - x for x in right_one(*a)], "mistakes"),
        (sorting, "Keep the order"),
        (lambda *a: sum(right_one(*a)) / len(a[2]), "not its mean"),
        (lambda *a: right_one(*a)[:1], "instead of"),
        (lambda *a: str(right_one(*a)), "instead of"),
        (lambda *a: [float("nan")] * len(a[2]), "finite"),
        (lambda y, p: y, "raises TypeError"),
        (prints_it, "prints its result"),
        (forgets, "returns nothing"),
        (raises, "raises ZeroDivisionError: 'division by zero'"),
        (raises_oddly, "raises Odd."),
        (leaves, "raises SystemExit"),
        (calls_itself, "raises RecursionError"),
        (changes, "changes what it is given"),
        (empties, "changes what it is given"),
        (yields, "cannot be checked"),
        (maps, "cannot be checked. That is a dictionary"),
        (lambda *a: Endless(), "cannot be checked"),
        (lambda *a: inside_itself(3), "cannot be checked"),
        ([0.5, 1.0], "without calling it"),
        (None, "without calling it"),
        ("text", "without calling it"),
        (print, "prints its result"),
    ],
)  # fmt: skip
def test_a_wrong_function_gets_its_hint(capsys, function, word):
    check.accuracy_per_class(function)
    printed = capsys.readouterr().out
    assert printed.startswith("✗") and word in printed, printed
    assert printed.count("\n") == 1


def rate(step, warm_up_steps, peak):
    return peak * min(1, step / warm_up_steps)


def tasks(donor, transfer, scratch):
    return math.ceil(donor / (scratch - transfer))


def lost(before, after):
    return 100 * (before - sum(after) / len(after))


def cheapest(options, cat, fox):
    return min(options, key=lambda one: cat * one[1] + fox * one[2])[0]


@pytest.mark.parametrize(
    ("try_it", "function", "start"),
    [
        (check.warm_up_rate, rate, "✓ The first steps"),
        (check.warm_up_rate, lambda *a: np.float32(rate(*a)), "✓"),
        (check.warm_up_rate, stub, "…"),
        (check.warm_up_rate, lambda i, n, p: p * i / n, "✗ The rate keeps"),
        (check.warm_up_rate, lambda i, n, p: min(1, i / n), "✗ That is the"),
        (check.warm_up_rate, lambda i, n, p: min(p, i / n), "✗ That grows"),
        (check.warm_up_rate, lambda i, n, p: max(p, i * p / n), "✗ `max`"),
        (check.warm_up_rate, lambda i, n, p: p - rate(i, n, p), "✗ That fal"),
        (check.warm_up_rate, lambda i, n, p: p * (i >= n), "✗ That jumps"),
        (check.warm_up_rate, lambda i, n, p: p, "✗ With (0, 10, 0.2) your"),
        (check.break_even, tasks, "✓ Each task saves"),
        (check.break_even, lambda d, t, s: -(-d // (s - t)), "✓"),
        (check.break_even, stub, "…"),
        (check.break_even, lambda d, t, s: d / (s - t), "✗ You cannot do"),
        (check.break_even, lambda d, t, s: d // (s - t), "✗ Rounding down"),
        (check.break_even, lambda d, t, s: round(d / (s - t)), "✗ `round`"),
        (check.break_even, lambda d, t, s: d // (s - t) + 1, "✗ When the"),
        (check.break_even, lambda d, t, s: math.ceil(d / s), "✗ A task with"),
        (check.break_even, lambda d, t, s: tasks(d, -t, s), "✗ Subtract the"),
        (check.break_even, lambda d, t, s: s - t, "✗ That is what one task"),
        (check.break_even, lambda d, t, s: tasks(d, s, t), "✗ With (1000, "),
        (check.points_forgotten, lost, "✓ A negative number"),
        (check.points_forgotten, lambda b, a: 100 * (b - np.mean(a)), "✓"),
        (check.points_forgotten, stub, "…"),
        (check.points_forgotten, lambda *a: lost(*a) / 100, "✗ That is a f"),
        (check.points_forgotten, lambda *a: -lost(*a), "✗ What is lost"),
        (check.points_forgotten, lambda *a: abs(lost(*a)), "✗ A skill that"),
        (check.points_forgotten, lambda b, a: lost(b, a) / b, "✗ Points are"),
        (check.points_forgotten, lambda b, a: lost(b, a[-1:]), "✗ That is th"),
        (check.points_forgotten, lambda b, a: lost(b, [min(a)]), "✗ That is"),
        (check.points_forgotten, lambda b, a: b - a, "✗"),
        (check.choose_training, cheapest, "✓ Which training"),
        (check.choose_training, stub, "…"),
        (check.choose_training, lambda o, c, f: cheapest(o, f, c), "✗ The t"),
        (check.choose_training, lambda o, c, f: cheapest(o, 1, 1), "✗ That l"),
        (check.choose_training, lambda o, c, f: cheapest(o, c, 0), "✗ Foxes"),
        (check.choose_training, lambda o, c, f: cheapest(o, 0, f), "✗ Cats"),
        (check.choose_training, lambda o, c, f: cheapest(o, c, -f), "✗ A mis"),
        (check.choose_training, lambda o, c, f: cheapest(o, -c, -f), "✗ That"),
    ],
)  # fmt: skip
def test_a_function_of_a_later_lesson(capsys, try_it, function, start):
    try_it(function)
    assert capsys.readouterr().out.startswith(start)


def balanced(right_dogs, dogs, right_foxes, foxes):
    return (right_dogs / dogs + right_foxes / foxes) / 2


@pytest.mark.parametrize(
    ("function", "word"),
    [
        (balanced, "✓ Each animal"),
        (lambda a, b, c, d: np.mean([a / b, c / d]), "✓ Each animal"),
        (lambda a, b, c, d: (a + c) / (b + d), "plain accuracy"),
        (lambda a, b, c, d: a / b + c / d, "sum of the two"),
        (lambda *a: 100 * balanced(*a), "percentage"),
        (lambda *a: 1 - balanced(*a), "mistakes"),
        (lambda a, b, c, d: a / b, "only the dogs"),
        (lambda a, b, c, d: a * b, "What fraction of the dogs"),
        (lambda *a: print(balanced(*a)), "prints its result"),
        (lambda *a: ..., "… replace"),
        (None, "without calling it"),
    ],
)
def test_a_function_for_balanced_accuracy(capsys, function, word):
    check.balanced_accuracy(function)
    assert word in capsys.readouterr().out


def backward(network, picture, hidden, error):
    errors = [
        weight * error * (unit > 0)
        for weight, unit in zip(network[2], hidden, strict=True)
    ]
    rows = [[each * value for value in picture] for each in errors]
    return rows, errors, [error * unit for unit in hidden], error


def without_gate(network, picture, hidden, error):
    errors = [weight * error for weight in network[2]]
    rows = [[each * value for value in picture] for each in errors]
    return rows, errors, [error * unit for unit in hidden], error


def with_wrong_sign(network, picture, hidden, error):
    rows, errors, output, _ = backward(network, picture, hidden, error)
    return rows, errors, output, -error


@pytest.mark.parametrize(
    ("function", "word"),
    [
        (without_gate, "✓ 3 of 13"),
        (with_wrong_sign, "✓ 1 of 13"),
        (lambda n, p, h, e: backward(n, p, h, 2 * e), "✓ 9 of 13"),
        (backward, "all correct"),
        (lambda *a: backward(*a)[:3], "Return what `backward` returns"),
        (lambda *a: backward(*a)[0], "Return what `backward` returns"),
        (lambda *a: print(backward(*a)), "prints its result"),
        (lambda network, *a: network[5], "raises"),
        (lambda *a: ..., "… replace"),
        (3, "without calling it"),
    ],
)
def test_a_function_that_breaks_backward(capsys, function, word):
    check.naive_broken(function)
    printed = capsys.readouterr().out
    assert word in printed and printed.count("\n") == 1, printed


def test_a_function_is_stopped_by_the_stop_button():
    def stopped(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check.accuracy_per_class(stopped)


@pytest.mark.parametrize(
    ("function", "mark"),
    [(lambda n: 2 * n, "✓"), (lambda n: n + 2, "✗"), (lambda n: n**2, "✗"),
     (stub, "…"), (3, "✗"), (lambda n: float(2 * n), "✓")],
)  # fmt: skip
def test_a_function_is_tried_on_cases(capsys, function, mark):
    cases = [((2,), 4), ((3,), 6), ((0,), 0)]
    wrong = [(lambda n: n**2, "That is the square.")]
    found = check.try_function(function, cases, "Twice.", wrong, "Double it.")
    printed = capsys.readouterr().out
    assert found == mark and printed.startswith(mark)
    if mark == "✗" and callable(function):
        assert "square" in printed or "(3,)" in printed
        assert "square" in printed or printed.endswith("Double it.\n")


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_every_check_is_documented(function):
    assert function.__doc__


# {check: (its other arguments, a right answer, answers that students give)};
# every wrong one must get a hint of its own, and an odd one the general hint.
TYPICAL = {
    "start_numbers": ([], 3072, [1024, 96, 67, 3072 * 256, 24_576]),
    "start_label": ([], 1, [0, 2, "fox", True]),
    "naive_multiplications": (
        [], 393_248, [393_216, 98_336, 196_640, 131_104, 12_320, 786_496]),
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
    "scale_global_batch": ([], 512, [64, 8, 16, 72]),
    "scale_efficiency": ([], 0.75, [6.0, 8.0, 75, 0.25, 8 / 6]),
    "scale_cost": ([COST], 10.0, [20.0, 5.0, 40.0]),
    "convolution_weights": (
        [], 18_432, [18_496, 576, 288, 1728, 2_097_152, 6144]),
    "pictures_processed": (
        [REPORT], 150_000, [10_000, 15, 1500, 10_015, 450_000]),
    "narrow_the_gap": ([], "B", ["A", "C", "A and C"]),
    "head_weights": ([], 258, [256, 130, 129, 6146]),
    "which_control": ([], "unrelated", ["random", "neither", "both"]),
    "forget_share": (
        [], 5 / 7, [0.05, 0.07, 2 / 7, 0.85 / 0.87, 7 / 5, 500 / 7]),
    "forget_top_block": (
        [], 147_712, [147_456, 147_584, 147_968, 147_840, 16_640, 49_408]),
    "forget_three_classes": ([], 0.56, [0.84, 0.42, 1.68, 2 / 3, 56]),
    "forget_fox_score": ([], 2, [3, 1, 4, 0, 5]),
    "called_cat": ([], 0.6, [30, 0.4, 0.75, 0.2, 30 / 45]),
    "upsampled_positions": ([], 9, [3, 6, 27, 64, 1 / 9]),
    "leak_or_transfer": ([], "A", ["B", "C", "D"]),
    "own_interval": ([], 0.093, [0.0474, 0.186, 0.0044, 0.588, 9.3]),
    "safe_file": (
        [], "fox.keras", ["fox.pkl", "fox.pt", "fox.h5", "all", "none"]),
    "flaw_trainable": ([], 258, [369_408, 426_976, 57_568, 2, 256, 0]),
    "flaw_sigmoid": ([], "E", ["A", "B", "C", "D", "F"]),
    "flaw_reshuffle": ([], "C", ["A", "B", "D", "E", "B and C"]),
    "flaw_cache": ([], 1, [10, 2, 20, 0, 50]),
    "flaw_expected": ([], 0.5, [50, 0.0, 1.0, 0.25, 0.6]),
    "draws_needed": ([], 80, [40, 28.3, 400, 4, 60, 10]),
}  # fmt: skip
ODD_NUMBER = -12_345.678


def test_every_check_stands_in_the_table():
    names = {f.__name__ for f in FUNCTIONS if f not in CODING}
    assert TYPICAL.keys() == names


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


WRITTEN = {
    check.batches_hidden_layer: (
        lambda x, w, b: np.maximum(x @ w.T + b, 0),
        [lambda x, w, b: x @ w.T + b,
         lambda x, w, b: np.maximum(x @ w.T, 0),
         lambda x, w, b: np.maximum(x @ w.T, 0) + b,
         lambda x, w, b: np.maximum(x @ w.T + b, 0).T],
    ),
    check.framework_report: (
        lambda s: [s[0], np.median(s[1:]), min(s[1:])],
        [lambda s: [s[0], np.median(s), min(s)],
         lambda s: [s[0], np.mean(s[1:]), min(s[1:])],
         lambda s: [s[0], min(s[1:]), np.median(s[1:])],
         lambda s: [s[0], np.median(s[1:]), max(s[1:])],
         lambda s: [np.median(s[1:]), min(s[1:])]],
    ),
    check.cost_calculator: (
        lambda f, p, s, w, d: [f / p / s, f / p / s / 3600 * w,
                               f / p / s / 3600 * d],
        [lambda f, p, s, w, d: [f / p, f / p / 3600 * w, f / p / 3600 * d],
         lambda f, p, s, w, d: [f / p / s, f / p / s * w, f / p / s * d],
         lambda f, p, s, w, d: [f / p / s, f / p / s * w,
                                f / p / s / 3600 * d],
         lambda f, p, s, w, d: [f / p / s / 3600, f / p / s / 3600 * w,
                                f / p / s / 3600 * d]],
    ),
    check.widen_scores: (
        lambda old, new: [*old, old[1] + new[1] - new[0]],
        [lambda old, new: [*old, new[1]],
         lambda old, new: [*old, new[1] - new[0]],
         lambda old, new: old[1] + new[1] - new[0],
         lambda old, new: [old[0], *new]],
    ),
    check.machines_average: (
        lambda g, c: [sum(n * row[i] for n, row in zip(c, g, strict=True))
                      / sum(c) for i in range(len(g[0]))],
        [lambda g, c: np.mean(g, axis=0),
         lambda g, c: np.sum(g, axis=0),
         lambda g, c: np.transpose(g) @ np.array(c),
         lambda g, c: np.transpose(g) @ np.array(c) / len(c)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("judge_code", WRITTEN, ids=lambda f: f.__name__)
def test_a_wrong_program_gets_its_own_hint(capsys, judge_code):
    right, wrong = WRITTEN[judge_code]
    hints = []
    for program in wrong:
        judge_code(program)
        hints.append(capsys.readouterr().out)
    assert all(hint.startswith("✗") for hint in hints), hints
    assert len(set(hints)) == len(hints), hints
    judge_code(right)
    assert capsys.readouterr().out.startswith("✓")
    judge_code(lambda *_: ...)
    assert capsys.readouterr().out.startswith("…")
