"""Check the answers to the exercises; a check prints and never raises.

✓ is right, ✗ comes with a hint, and … asks for an answer that is still to be
written. An endless loop in a student's function is the one thing that is not
caught: the stop button ends it.
"""

import contextlib
import copy
import dis
import functools
import io
import math
import re
import types

import numpy as np

from course_utils.language import say, tell

TODO = "… replace the `...` with your answer and run the cell again."
MOST = 500  # values in one answer
LONGEST = 1000  # characters in one text

# Only what these packages define is asked for its values; a class of
# somebody's own could answer anything, or never.
LIBRARIES = {"numpy", "pandas", "tensorflow", "keras", "jax", "jaxlib",
             "torch", "ml_dtypes", "decimal", "fractions"}  # fmt: skip

COMMA = (
    "To Python a comma separates two values. Write decimals with a point "
    "(0.5) and large numbers without commas (10000 or 10_000)."
)

FRACTION = "As a fraction between 0 and 1, not a percentage."


class _Unreadable(Exception):
    """Say in one sentence why an answer cannot be checked."""

    def __str__(self):
        return say(self.args[0])


class _Unanswered(Exception):
    """Say that an answer still holds a `...`."""


def _read(answer, left=None, depth=0):
    """Return a plain copy of what was typed: numbers, text, lists of them.

    Nothing that belongs to the answer is called or looked up, because it may
    raise or never end: `type` and the methods of Python's own types suffice.
    Raises _Unanswered for a stub, and _Unreadable with a hint.
    """
    left = [MOST] if left is None else left
    left[0] -= 1
    if left[0] < 0 or depth > 20:
        raise _Unreadable("That holds far more than one answer.")
    kind = type(answer)
    if answer is Ellipsis:
        raise _Unanswered
    if answer is None:
        raise _Unreadable(
            "That is None, which is what print() and every function without "
            "`return` give back. Write the value itself."
        )
    if issubclass(kind, bool):
        return answer
    if issubclass(kind, int):
        return _finite(int.__int__(answer))
    if issubclass(kind, float):
        return _finite(float.__float__(answer))
    if issubclass(kind, str):
        text = str.__getitem__(answer, slice(LONGEST + 1))
        if len(text) > LONGEST:
            raise _Unreadable("That text is too long for an answer.")
        return text
    for sequence in (list, tuple):
        if issubclass(kind, sequence):
            values = sequence.__getitem__(answer, slice(MOST + 1))
            return sequence(_read_all(values, left, depth))
    if issubclass(kind, dict):
        _read_all(list(dict.values(answer)), left, depth)
        raise _Unreadable("That is a dictionary. Write only the value itself.")
    if issubclass(kind, set | frozenset):
        base = set if issubclass(kind, set) else frozenset
        _read_all(list(base.__iter__(answer)), left, depth)
        raise _Unreadable(
            "Braces make a set, which has no order. Write the answer without "
            "braces; a shape goes in parentheses."
        )
    if issubclass(kind, complex):
        raise _Unreadable("That is a complex number. Write a real one.")
    if callable(answer):
        raise _Unreadable(
            "That is a function, not its result. To call it, write "
            "parentheses after its name."
        )
    return _read_library(answer, kind, left, depth)


def _read_all(values, left, depth):
    """Read all values; a stub anywhere counts before what is unreadable."""
    plain, trouble = [], None
    for value in values:
        try:
            plain.append(_read(value, left, depth + 1))
        except _Unreadable as error:
            trouble = trouble or error
    if trouble:
        raise trouble
    return plain


def _read_library(answer, kind, left, depth):
    """Read an array, a tensor, a fraction: what the course's packages make."""
    try:
        package = str(kind.__module__).partition(".")[0]
        if package in ("decimal", "fractions"):
            return _finite(float(answer))
        array = np.asarray(answer) if package in LIBRARIES else None
        if array is not None and array.size <= MOST:
            if array.dtype.kind in "fV":  # long and brain floats as well
                array = array.astype(float)
            if array.dtype.kind in "biufUO":
                plain = array.item() if array.size == 1 else array.tolist()
                return _read(plain, left, depth + 1)
    except (_Unreadable, _Unanswered):
        raise
    except Exception:  # whatever a library may say of itself
        array = None
    if array is not None:
        raise _Unreadable(
            "That is a whole array. Write only what the exercise asks for."
        )
    raise _Unreadable(
        "An object of this kind cannot be read. Write the number or the text "
        "itself."
    )


def _finite(number):
    if abs(number) < 1e300:  # false for NaN as well
        return number
    raise _Unreadable(
        "That is not a finite number: look for a division by zero or an "
        "overflow in your calculation."
    )


def _form(answer, kind):
    """Return the hint for an answer of the wrong form, or ""."""
    if kind == "text":
        right = isinstance(answer, str)
        return "" if right else say("Write the answer as one text, in quotes.")
    if kind == "shape":
        if isinstance(answer, str):
            return say("Write the numbers in parentheses, without quotes.")
        if not isinstance(answer, list | tuple):
            return say(
                "A shape is several numbers in parentheses, such as (2, 3)."
            )
    if kind in ("number", "fraction"):
        if isinstance(answer, bool):
            return say("Write a number, not True or False.")
        if isinstance(answer, str):
            return _text_for_number(answer, kind)
        if isinstance(answer, list | tuple):
            one = say(
                "Write one number, without brackets or a comma after it."
            )
            return (
                say(COMMA) if isinstance(answer, tuple) and answer[1:] else one
            )
        if kind == "fraction" and 1 < answer <= 100:
            return say(FRACTION)
    return ""


def _text_for_number(text, kind):
    text = text.strip()
    if text.endswith("%"):
        if kind == "fraction":
            return say(
                "Write a number without quotes and without %: 0.5 for 50%."
            )
        return say("Write a number without quotes and without %.")
    if re.fullmatch(r"[-+]?[\d.]*(,\d+)+(\.\d*)?", text):
        return say(f"Write the number without quotes. {COMMA}")
    try:
        float(text)
    except ValueError:
        return say("Write a number here, not text.")
    return say("Write the number without quotes.")


def _same(answer, expected):
    """Say whether a plain answer is a value, or fits a predicate.

    Text is compared without case, quotes, parentheses and periods around it;
    floats to 1 %; True is not 1.
    """
    try:
        if callable(expected):
            return bool(expected(answer))
        if isinstance(expected, str):
            return (
                answer.strip(" \t\n.()'\"").casefold() == expected.casefold()
            )
        if isinstance(expected, list | tuple):
            return (
                isinstance(answer, list | tuple)
                and len(answer) == len(expected)
                and all(map(_same, answer, expected))
            )
        kinds = [isinstance(x, bool) for x in (answer, expected)]
        if any(kinds):
            return all(kinds) and answer == expected
        if isinstance(expected, float):
            return math.isclose(answer, expected, rel_tol=0.01)
        return bool(answer == expected)
    except Exception:  # a number where text is compared, and so on
        return False


def _kind(right):
    """Return the form that an answer must have, from the right one."""
    if isinstance(right, bool):
        return "truth"
    if isinstance(right, str):
        return "text"
    return "shape" if isinstance(right, list | tuple) else "number"


def _verdict(
    answer, right, why, misunderstandings=(), otherwise="", kind=None
):
    """Print ✓ and why, ✗ and a hint, or … for a stub.

    right: the right value, or a predicate that is true of right answers
    why: one sentence for those who are right
    misunderstandings: pairs (wrong value or predicate, hint); the first that
        fits is named
    otherwise: the hint for any other answer
    kind: "number", "fraction" (from 0 to 1), "text" or "shape"; None takes
        that of `right`, and "number" for a predicate
    """
    kind = _kind(right) if kind is None else kind
    try:
        answer = _read(answer)
    except _Unanswered:
        return tell(TODO)
    except _Unreadable as error:
        return print(f"✗ {error}")
    form = _form(answer, kind)
    if not form and _same(answer, right):
        return print(f"✓ {say(why)}")
    hints = [hint for wrong, hint in misunderstandings if _same(answer, wrong)]
    hints += [form, otherwise, say("Not yet: read the text above once more.")]
    print(f"✗ {say(next(filter(None, hints)))}")


def _with_measurements(check):
    """Ask for the cells above if a check lacks the measurement it needs."""

    @functools.wraps(check)
    def guarded(answer, *measured, **named):
        try:
            check(answer, *measured, **named)
        except Exception:  # a stub, None or 0 where a measurement belongs
            run = "… run the cells above first: they measure what this needs."
            tell(run)

    return guarded


def read_number(typed):
    """Return (number, None) for a typed number, else (None, a hint).

    Raises nothing, whatever was typed.
    """
    try:
        number = _read(typed)
    except _Unanswered:
        return None, say("Replace the `...` with a number.")
    except _Unreadable as error:
        return None, str(error)
    hint = _form(number, "number")
    return (None, hint) if hint else (number, None)


def guess(*typed, choices=None, above=-math.inf):
    """Return a guess as it was typed, or print a hint and return no guess.

    typed: one value; Python makes two of a decimal comma
    choices: None for a guess that is a number; else the letters to choose
        from, such as "ABC"
    above: the number that a guess must exceed
    No guess is NaN for a number, and "nothing" for a letter: a lesson goes
    on with either.

    Taught in notebook 05.

    >>> guess(10_000)
    10000
    """
    typed = typed[0] if len(typed) == 1 else typed
    if choices is None:
        number, hint = read_number(typed)
        if not hint and number <= above:
            hint = say(f"Write a number above {above}.")
        if hint:
            print(f"✗ {hint}")
        return math.nan if hint else number
    for letter in choices:
        with contextlib.suppress(_Unreadable, _Unanswered):
            if _same(_read(typed), letter):
                return letter
    letters = ", ".join(choices)
    tell(f"✗ Choose one of the letters {letters}, in quotes.")
    return "nothing"


def whole(typed, otherwise):
    """Return a whole number above 0 as it was typed, or another in its place.

    otherwise: what None stands for; it is also returned, after a hint, for
        what is no such number

    >>> whole(None, otherwise=12), whole(8, otherwise=12)
    (12, 8)
    """
    if typed is None:
        return otherwise
    number, hint = read_number(typed)
    if not hint and (number < 1 or number != int(number)):
        hint = "Write a whole number above 0."
    if hint:
        print(f"✗ {hint} {otherwise} is used.")
    return otherwise if hint else int(number)


def _is_empty(function):
    """Say whether a function's body is only `...`, pass or `return None`."""
    if type(function) is not types.FunctionType:
        return False
    steps = list(dis.get_instructions(function))
    nothing = {"RESUME", "NOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE"}
    return all(
        step.opname in nothing
        and ("CONST" not in step.opname or step.argval in (None, ...))
        for step in steps
    )


def _shorten(value, most=70):
    text = " ".join(repr(value).split())  # an array's has several lines
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _call(function, call, arguments):
    """Return the plain result; raises _Unreadable with what went wrong."""
    given, printed = copy.deepcopy(arguments), io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            result = function(*given)
    except KeyboardInterrupt:  # the stop button
        raise
    except BaseException as error:  # whatever a student's code raises
        said = type(error).__name__
        with contextlib.suppress(Exception):
            said += f": {_shorten(str(error))}" if str(error) else ""
        raise _Unreadable(f"{call} raises {said}.") from None
    try:
        changed = _read(given) != _read(arguments)
    except (_Unreadable, _Unanswered):
        changed = True
    if changed:
        raise _Unreadable(
            f"{call} changes what it is given. Have it work on a copy."
        )
    if result is None:
        raise _Unreadable(
            "Your function prints its result. Return the result instead."
            if printed.getvalue()
            else "Your function returns nothing. End it with `return` and "
            "the result."
        )
    try:
        return _read(result)
    except _Unreadable as error:
        raise _Unreadable(
            f"{call} returns something that cannot be checked. {error}"
        ) from None


def try_function(function, cases, why, misunderstandings=(), otherwise=""):
    """Try a student's function on cases, print the verdict and return it.

    function: what the student wrote; a body that is only `...` is a stub
    cases: pairs (tuple of arguments, right result); a result is compared
        like any answer, floats to 1 %
    why: one sentence for those who are right
    misunderstandings: pairs (wrong function, hint); the hint is for those
        whose results are the wrong function's in every case
    otherwise: the hint for any other wrong result

    Returns "✓", "✗" or "…". A function that never ends is not stopped.
    """
    mark, text = _try(function, cases, misunderstandings, otherwise)
    print(f"✓ {say(why)}" if mark == "✓" else text)
    return mark


def _try(function, cases, misunderstandings, otherwise):
    """Return the mark of a function and the line that goes with it."""
    if function is Ellipsis or _is_empty(function):
        return "…", say(TODO)
    if not callable(function):
        return "✗", say("✗ Pass the function itself, without calling it.")
    results, wrong = [], []
    for arguments, right in cases:
        call = say(f"With {_shorten(arguments)} your function")
        try:
            result = _call(function, call, arguments)
        except _Unanswered:
            return "…", say(TODO)
        except _Unreadable as error:
            return "✗", f"✗ {error}"
        results.append(result)
        if not _same(result, right):
            found, expected = _shorten(result), _shorten(right)
            found = say(f"{call} returns {found} instead of {expected}.")
            wrong.append(f"{found} {say(otherwise)}".rstrip())
    if not wrong:
        return "✓", ""
    hints = (
        hint
        for other, hint in misunderstandings
        if _same(results, [other(*arguments) for arguments, _ in cases])
    )
    return "✗", f"✗ {say(next(hints, wrong[0]))}"


# Notebook 00 -----------------------------------------------------------------
def start_numbers(answer):
    """Judge how many numbers a 32 × 32 color picture holds."""
    _verdict(
        answer,
        32 * 32 * 3,
        "3,072: a red, a green and a blue value for each of the 32 × 32 "
        "pixels. Every network in this course starts from these numbers.",
        [
            (32 * 32, "That counts the pixels; each of them holds three "
             "numbers."),
            (32 * 3, "That is one row; the picture has 32 of them."),
            (32 + 32 + 3, "Multiply height and width; do not add them."),
            (32 * 32 * 3 * 256, "256 is how many values each number can "
             "take, not how many numbers there are."),
            (8 * 32 * 32 * 3, "That is the whole row of eight pictures."),
        ],
        "Multiply the height, the width and the numbers per pixel.",
    )  # fmt: skip


def start_label(answer):
    """Judge which label a fox has in `load_pair("dog", "fox")`."""
    _verdict(
        answer,
        1,
        "A label is the position of its name in class_names, counting from "
        "0.",
        [
            (0, "Label 0 is the class named first: here, the dog."),
            (2, "Python counts from 0, so the second name has label 1."),
            (lambda name: isinstance(name, str), "A label is a number: the "
             "position of the name in class_names."),
            (True, "Write the number, 1, not True."),
        ],
        "Look at the order of the names in load_pair.",
    )  # fmt: skip


def balanced_accuracy(function):
    """Try `def balanced_accuracy(right_dogs, dogs, right_foxes, foxes)`.

    It returns the mean of the two fractions of right answers.
    """

    def mean(right_dogs, dogs, right_foxes, foxes):
        return (right_dogs / dogs + right_foxes / foxes) / 2

    def plain(right_dogs, dogs, right_foxes, foxes):
        return (right_dogs + right_foxes) / (dogs + foxes)

    given = [(100, 100, 0, 20), (90, 100, 10, 20), (3, 4, 30, 50)]
    try_function(
        function,
        [(arguments, mean(*arguments)) for arguments in given],
        "Each animal now counts for one half, however many pictures there are "
        "of it.",
        [
            (plain, "That is plain accuracy: the larger class decides. Divide "
             "for each animal separately, then take the mean."),
            (lambda *a: 2 * mean(*a), "That is the sum of the two fractions; "
             "balanced accuracy is their mean."),
            (lambda *a: 100 * mean(*a), FRACTION),
            (lambda *a: 1 - mean(*a), "That is the fraction of mistakes."),
            (lambda *a: a[0] / a[1], "Those are only the dogs; the foxes "
             "count just as much."),
        ],
        "What fraction of the dogs is named correctly? What fraction of the "
        "foxes? Return the mean of the two.",
    )  # fmt: skip


# Notebook 01 -----------------------------------------------------------------
def naive_multiplications(answer):
    """Judge the multiplications of a forward pass on a 64 × 64 picture."""
    inputs, hidden = 64 * 64 * 3, 32
    small = 32 * 32 * 3
    _verdict(
        answer,
        inputs * hidden + hidden,
        "Doubling the side means four times as many numbers and about four "
        "times the work. The last 32 belong to the output.",
        [
            (inputs * hidden, "Almost: the output also multiplies once for "
             "each hidden unit."),
            (small * hidden + hidden, "That is for 32 × 32 pixels."),
            (2 * small * hidden + hidden, "Doubling the side means four times "
             "as many pixels."),
            (64 * 64 * hidden + hidden, "Each pixel holds three numbers."),
            (inputs + hidden, "Every hidden unit reads every number: "
             "multiply instead of adding."),
            (2 * (inputs * hidden + hidden), "Count only the "
             "multiplications, not the additions."),
            (inputs * hidden + 2 * hidden, "Biases are added, not "
             "multiplied."),
        ],
        "Multiply the inputs by the hidden units, then add what the output "
        "multiplies.",
    )  # fmt: skip


def naive_broken(function):
    """Try `def broken(network, picture, hidden, error)`: a wrong `backward`.

    It returns what `backward` returns, in the same shapes, but at least one
    slope differs from the right one. Two of its three hidden units are
    active, the other is silent.
    """
    picture, hidden, error = [0.5, -1.0], [1.5, 0.0, 0.5], 0.25
    output = [2.0, -1.0, 0.5]
    network = ([[1.0, -1.0], [0.0, 1.0], [-1.0, -1.0]], [0.0] * 3, output, 0.0)
    errors = [
        weight * error * (unit > 0)
        for weight, unit in zip(output, hidden, strict=True)
    ]
    right = (
        [[each * value for value in picture] for each in errors],
        errors, [error * unit for unit in hidden], error,
    )  # fmt: skip
    if function is Ellipsis or _is_empty(function):
        return tell(TODO)
    if not callable(function):
        return tell("✗ Pass the function itself, without calling it.")
    try:
        given = network, picture, hidden, error
        result = _call(function, say("Your function"), given)
    except _Unanswered:
        return tell(TODO)
    except _Unreadable as trouble:
        return print(f"✗ {trouble}")
    slopes, expected = _slopes(result), _slopes(right)
    if [place for place, _ in slopes] != [place for place, _ in expected]:
        hint = say(
            "✗ Return what `backward` returns: a list of rows, two lists and "
            "a number, each of the same length as there."
        )
        return print(hint)
    wrong = sum(
        not math.isclose(mine, true, abs_tol=1e-9)
        for (_, mine), (_, true) in zip(slopes, expected, strict=True)
    )
    if not wrong:
        hint = say(
            "✗ These slopes are all correct, so a nudge would find nothing. "
            "Change a factor or a sign."
        )
        return print(hint)
    why = say(
        f"✓ {wrong} of {len(slopes)} slopes are wrong, and nothing crashed. "
        "Nudging each weight is what finds this."
    )
    print(why)


def _slopes(values, place=()):
    """Return pairs (place, number) of all numbers in nested lists."""
    if not isinstance(values, list | tuple):
        return [(place, values if isinstance(values, int | float) else 0.0)]
    return [
        pair
        for index, value in enumerate(values)
        for pair in _slopes(value, (*place, index))
    ]


def naive_forward_share(answer):
    """Judge what fraction of a training step's work the forward pass is."""
    _verdict(
        answer,
        lambda share: math.isclose(share, 1 / 3, rel_tol=0.02),
        "One third: using a network costs a third of training it. Keep that "
        "in mind for notebook 6, where most of a network is only used.",
        [
            (0.5, "The forward and backward passes do multiply equally "
             "often, but the update adds the same amount again."),
            (3, "That is how much more a training step costs; you "
             "need the reciprocal."),
            (2 / 3, "That is the fraction that you can leave out."),
            (1.0, "Yes, only the forward pass is needed. What fraction of "
             "the whole step is it?"),
        ],
        "Divide the multiplications of `forward` by those of all three.",
        kind="fraction",
    )  # fmt: skip


@_with_measurements
def naive_seconds(answer, pictures_per_second, pictures, epochs=10):
    """Judge the seconds that some epochs over all pictures would take."""
    rate, steps = _finite(float(pictures_per_second)), epochs * pictures
    right = _finite(steps / rate)
    _verdict(
        answer,
        right,
        "Every epoch shows every picture once, so the work is pictures × "
        "epochs, divided by the rate.",
        [
            (right / epochs, "That is one epoch."),
            (float(steps), "That is the number of steps; divide by the steps "
             "per second."),
            (steps * rate, "Divide by the rate: a faster machine needs less "
             "time."),
            (right / 60, "That is in minutes; write it in seconds."),
            (right / 3600, "That is in hours; write it in seconds."),
            (epochs * 100 / rate, "That is for the 100 pictures of this "
             "notebook; use all of `pair.x_train`."),
        ],
        "Multiply pictures by epochs, then divide by pictures per second.",
    )  # fmt: skip


def accuracy_per_class(function):
    """Try `def accuracy_per_class(labels, predictions, classes)`.

    It returns a list: the fraction of right predictions among the examples
    of each class, in the order of `classes`. Every class has an example and
    a prediction.
    """

    def shares(labels, predictions, classes):
        pairs = list(zip(labels, predictions, strict=True))
        return [_mean([p == y for y, p in pairs if y == c]) for c in classes]

    def overall(labels, predictions, classes):
        right = zip(labels, predictions, strict=True)
        return [_mean([p == y for y, p in right])] * len(classes)

    def counts(labels, predictions, classes):
        pairs = list(zip(labels, predictions, strict=True))
        return [sum(p == y == c for y, p in pairs) for c in classes]

    given = [
        ([0, 0, 1, 1, 1, 1], [0, 1, 1, 1, 1, 0], [0, 1]),
        ([1, 0, 0, 0], [1, 1, 0, 0], [1, 0]),
        (["dog", "fox", "dog", "cat"], ["fox", "fox", "dog", "cat"],
         ["fox", "dog", "cat"]),
    ]  # fmt: skip
    try_function(
        function,
        [(arguments, shares(*arguments)) for arguments in given],
        "Each class now has its own accuracy. Their mean is the balanced "
        "accuracy, in which a rare class counts as much as a common one.",
        [
            (overall, "That is the accuracy over all classes. Look only at "
             "the examples of one class at a time."),
            (counts, "Those are counts. Divide each by the number of "
             "examples in its class."),
            (lambda *a: [n / len(a[0]) for n in counts(*a)],
             "Divide by the number of examples in the class, not by the "
             "number of all examples."),
            (lambda y, p, c: shares(p, y, c), "You are counting the examples "
             "that were predicted to be in a class. Take those whose label is "
             "that class."),
            (lambda *a: [100 * share for share in shares(*a)], FRACTION),
            (lambda *a: [1 - share for share in shares(*a)],
             "Those are the fractions of mistakes."),
            (lambda *a: shares(a[0], a[1], sorted(a[2])),
             "Keep the order of `classes`."),
            (lambda *a: _mean(shares(*a)), "Return the list with one "
             "fraction for each class, not its mean."),
        ],
        "For each class, take the examples with that label, count the right "
        "predictions, and divide by the number of examples.",
    )  # fmt: skip


def _mean(values):
    return sum(values) / len(values)


# Notebook 02 -----------------------------------------------------------------
def batches_change_shape(answer):
    """Judge the shape of the hidden weights' change for a batch of 256."""
    _verdict(
        answer,
        (32, 3072),
        "It has the shape of the weights, whatever the batch size: the "
        "product sums over the 256 pictures.",
        [
            ((3072, 32), "That is transposed: `hidden_error.T` has 32 rows."),
            ((256, 32, 3072), "That would be one change per picture; the "
             "product adds them up."),
            ((256, 3072), "That is the shape of x."),
            ((32, 256), "That is the shape of `hidden_error.T` alone."),
            ((256, 32), "That is the shape of `hidden_error` alone."),
        ],
        "The product of (a, b) and (b, c) has the shape (a, c).",
    )  # fmt: skip


def batches_updates(answer):
    """Judge the updates in an epoch of 9,000 pictures, 256 at a time."""
    _verdict(
        answer,
        36,
        "35 full batches and a smaller one make 36 updates. One picture at a "
        "time would make 9,000.",
        [
            (35, "The last, smaller batch is an update as well."),
            (9000, "That is one update per picture."),
            (256, "That is how many pictures share an update."),
            (lambda n: 35 < n < 36, "There are no partial updates: the last "
             "batch is smaller, but it counts as one."),
            (9000 * 256, "Divide: each update uses 256 pictures."),
        ],
        "How many batches does it take to see every picture once?",
    )  # fmt: skip


def batches_roof(answer):
    """Judge the GFLOP/s of a step under a roofline: 200, 20 GB/s, 4."""
    _verdict(
        answer,
        80,
        "Memory is the limit here: below 10 FLOP per byte, this machine "
        "waits for its memory.",
        [
            (200, "That takes 10 FLOP or more per byte; with only 4, memory "
             "cannot deliver data fast enough."),
            (20, "20 GB/s counts bytes, and each byte is used for 4 FLOP."),
            (800, "That is more than the arithmetic allows, and more than "
             "4 times 20."),
            (5, "Multiply: every byte that arrives is used 4 times."),
            (50, "Do not divide: multiply bytes per second by FLOP per "
             "byte."),
            (10, "That is how many FLOP per byte it would take to reach "
             "200 GFLOP/s."),
            (80e9, "Write it in GFLOP/s."),
        ],
        "Take the smaller of two: what memory can deliver and what "
        "arithmetic can do.",
    )  # fmt: skip


def batches_hidden_layer(function):
    """Try `def hidden_layer(x, weights, biases)`.

    It returns the hidden units of a batch: one row per picture, after the
    biases and the maximum with zero.
    """

    def layer(x, weights, biases):
        return np.maximum(x @ weights.T + biases, 0).tolist()

    given = [
        (np.array([[1.0, 2.0, -1.0], [0.5, -3.0, 2.0]]),
         np.array([[1.0, 0.0, 2.0], [-1.0, 1.0, 0.5]]),
         np.array([0.5, -0.25])),
        (np.array([[2.0, -1.0]]), np.array([[1.0, 3.0]] * 3),
         np.array([4.0, 1.0, -5.0])),
        (np.array([[1.0, 0.0], [0.0, 1.0]]),
         np.array([[-2.0, 3.0], [4.0, -5.0]]), np.array([0.0, 1.0])),
    ]  # fmt: skip
    try_function(
        function,
        [(arguments, layer(*arguments)) for arguments in given],
        "One line for any number of pictures: the loops of notebook 1 are "
        "inside the product.",
        [
            (lambda x, w, b: (x @ w.T + b).tolist(),
             "A hidden unit below zero is silent: take the maximum with 0."),
            (lambda x, w, b: np.maximum(x @ w.T, 0).tolist(),
             "Every hidden unit also has a bias. Add it before the maximum."),
            (lambda x, w, b: (np.maximum(x @ w.T, 0) + b).tolist(),
             "Add the biases before you take the maximum, not after it."),
            (lambda x, w, b: layer(x, w, b)[0],
             "Return the hidden units of all pictures, not only of the "
             "first."),
            (lambda x, w, b: np.transpose(layer(x, w, b)).tolist(),
             "That is transposed: one row per picture, please."),
        ],
        "Multiply x by the transposed weights, add the biases, and take the "
        "maximum with 0.",
    )  # fmt: skip


# Notebook 03 -----------------------------------------------------------------
def framework_traces(answer):
    """Judge how often a tf.function is traced for 1, 2, 3, 2 as Python."""
    _verdict(
        answer,
        3,
        "Once for each new Python number. Pass numbers that change, such as a "
        "learning rate, as tensors: then the function is traced only once.",
        [
            (1, "That would be true for tensors; a Python number is built "
             "into the traced graph."),
            (4, "The second 2 reuses the graph of the first 2."),
            (0, "The first call always traces."),
        ],
        "Each Python number gets its own graph, which is kept.",
    )  # fmt: skip


def framework_bytes(answer):
    """Judge the bytes of a batch of 256 pictures as 32-bit floats."""
    right = 256 * 3072 * 4
    _verdict(
        answer,
        right,
        "3 MiB for every step. As uint8, converted on the device, it would "
        "be a quarter of that.",
        [
            (256 * 3072, "A 32-bit float takes 4 bytes, not one."),
            (256 * 3072 * 32, "32 bits are 4 bytes."),
            (256 * 3072 * 8, "8 bytes make a 64-bit float."),
            (256 * 1024 * 4, "Each pixel holds three numbers."),
            (3072 * 4, "That is one picture."),
            (3, "Write it in bytes."),
        ],
        "Multiply pictures, numbers per picture and bytes per number.",
    )  # fmt: skip


def framework_trap(answer):
    """Judge the trap behind compiled code that is far slower than eager."""
    _verdict(
        answer,
        lambda trap: _same(trap, "b") or _same(trap, "compile time"),
        "It timed a single call, the first one: nearly all of that time went "
        "into tracing and compiling, which happen once.",
        [
            ("a", "The first step in eager mode warms up too, and its time "
             "was fine. What does only the compiled step do first?"),
            ("c", "That trap makes a measurement too short, not too long."),
            ("d", "Both steps got the same tensors; nothing was copied for "
             "only one of them."),
            ("e", "A single run is a weak measurement, but noise that large "
             "is rare."),
        ],
        'Answer with a letter, such as "A".',
        kind="text",
    )  # fmt: skip


def framework_report(function):
    """Try `def report(seconds)`.

    seconds: of every call in order, the first of which also compiles. It
    returns [first call, median of the others, fastest of the others].
    """

    def right(seconds):
        first, *others = seconds
        return [first, float(np.median(others)), min(others)]

    given = [
        ([4.0, 0.2, 0.3, 0.25],),
        ([2.0, 0.5, 0.1, 0.4, 0.3],),
        ([0.9, 0.7, 0.8, 1.6],),
    ]
    try_function(
        function,
        [(arguments, right(*arguments)) for arguments in given],
        "That is what `timing.measure` prints: the warm-up separately, the "
        "median as the time to expect, and the fastest as the limit.",
        [
            (lambda s: [s[0], float(np.median(s)), min(s)],
             "The first call is in your median. Leave it out: it compiles."),
            (lambda s: [s[0], float(np.mean(s[1:])), min(s[1:])],
             "That is the mean, which one slow call can pull up. Take the "
             "median."),
            (lambda s: [s[0], min(s[1:]), float(np.median(s[1:]))],
             "Keep the order: first call, median, fastest."),
            (lambda s: [s[0], s[len(s) // 2], min(s[1:])],
             "The median is the middle of the sorted calls."),
            (lambda s: right(s)[1:],
             "Report the first call as well: somebody has to wait for it."),
            (lambda s: [s[0], float(np.median(s[1:])), max(s[1:])],
             "That is the slowest call. The third value is the fastest."),
        ],
        "Split off the first call, then take the median and the minimum of "
        "the others.",
    )  # fmt: skip


# Notebook 04 -----------------------------------------------------------------
@_with_measurements
def scale_cost(answer, estimate):
    """Judge the price of a training run on twice as many devices.

    estimate: the `costs.Estimate` of the run on fewer of them
    """
    dollars = _finite(float(estimate.dollars))
    _verdict(
        answer,
        dollars,
        "Half the time at twice the price per hour: at equal utilization "
        "the cost stays the same, and only the wait is shorter.",
        [
            (dollars * 2, "Yes, twice as many devices, but for half as "
             "long."),
            (dollars / 2, "Yes, half as long, but on twice as many devices."),
            (dollars * 4, "Twice the devices cost twice as much per hour; "
             "count that once. The hours are halved."),
        ],
        "Price per hour × hours: which of them change, and how?",
    )  # fmt: skip


def cost_calculator(function):
    """Try `def cost(flop, peak, share, watts, dollars_per_hour)`.

    It returns [seconds, watt-hours, dollars] of a training run on a device
    that reaches a share of its peak, in FLOP per second.
    """

    def right(flop, peak, share, watts, dollars_per_hour):
        seconds = flop / (peak * share)
        hours = seconds / 3600
        return [seconds, hours * watts, hours * dollars_per_hour]

    def not_hours(flop, peak, share, watts, dollars_per_hour):
        seconds = flop / (peak * share)
        return [seconds, seconds * watts, seconds * dollars_per_hour]

    def first_in_hours(*arguments):
        seconds, *others = right(*arguments)
        return [seconds / 3600, *others]

    given = [
        (7.2e15, 1e12, 0.5, 250, 2.0),
        (3.6e18, 65e12, 0.4, 70, 0.35),
        (9e14, 2e11, 0.25, 40, 0.1),
    ]
    try_function(
        function,
        [(arguments, right(*arguments)) for arguments in given],
        "That is the whole calculator. `costs.estimate` adds a data center's "
        "overhead and the sources.",
        [
            (lambda f, p, s, w, d: right(f, p, 1, w, d),
             "No training run reaches the whole peak: multiply it by the "
             "share."),
            (not_hours, "Watt-hours and rent need hours: divide the seconds "
             "by 3,600."),
            (lambda *a: [right(*a)[0], not_hours(*a)[1], right(*a)[2]],
             "Watts times seconds are joules. Watt-hours need hours."),
            (lambda *a: [*right(*a)[:2], not_hours(*a)[2]],
             "The rent is per hour, so divide the seconds by 3,600."),
            (lambda f, p, s, w, d: right(f, p, 1 / s, w, d),
             "A smaller share makes it slower: divide by the share; do not "
             "multiply."),
            (first_in_hours, "The first value is in seconds, not hours."),
        ],
        "Seconds are operations divided by the rate that is reached.",
    )  # fmt: skip


# Notebook 05 -----------------------------------------------------------------
def convolution_weights(answer):
    """Judge the weights of a 3 × 3 convolution, 32 to 64, without bias."""
    _verdict(
        answer,
        3 * 3 * 32 * 64,
        "Every filter looks at all 32 inputs through a 3 × 3 window.",
        [
            (3 * 3 * 32 * 64 + 64, "Almost: this one has no bias."),
            (3 * 3 * 64, "Each filter sees all 32 inputs, not just one."),
            (3 * 3 * 32, "That is one filter; there are 64."),
            (3 * 3 * 3 * 64, "Its inputs are the 32 filters of the layer "
             "before, no longer the three colors."),
            (32 * 32 * 32 * 64, "The size of the picture does not matter: "
             "the same window slides over all of it."),
            (3 * 32 * 64, "A window is 3 high and 3 wide."),
        ],
        "Window height × window width × inputs × filters.",
    )  # fmt: skip


@_with_measurements
def pictures_processed(answer, report):
    """Judge how many pictures a donor's training processed in all."""
    examples, epochs = report["examples"], report["epochs"]
    batch_size = report["recipe"]["batch_size"]
    _verdict(
        answer,
        _finite(examples * epochs),
        "Multiply this by the work for one picture, and you have the cost of "
        "the donor.",
        [
            (examples, "That is one epoch."),
            (epochs, "That is how often each picture was shown."),
            (examples // batch_size * epochs, "That counts the steps; each "
             "step shows a whole batch."),
            (examples + epochs, "Each epoch shows all pictures: multiply."),
            (3 * examples * epochs, "Count each picture once: the forward "
             "pass, backward pass and update are one step."),
        ],
        "Multiply the pictures by the epochs.",
    )  # fmt: skip


def narrow_the_gap(answer):
    """Judge which change does not narrow the gap of overfitting."""
    _verdict(
        answer,
        "B",
        "The network already knows the few pictures by heart; seeing them "
        "again teaches it nothing about new ones.",
        [
            ("A", "More pictures are the best cure, and the most expensive: "
             "you need the one that does *not* help."),
            ("C", "That is the cure of the next notebook: you need the one "
             "that does *not* help."),
            (lambda text: set(text.casefold()) - set(" ,&+nd") == set("ac"),
             "Those two help; which one does *not*?"),
        ],
        'Answer "A", "B" or "C".',
    )  # fmt: skip


def warm_up_rate(function):
    """Try `def warm_up_rate(step, warm_up_steps, peak)`.

    It returns the learning rate of a step, counted from 0: it grows evenly
    from 0 to the peak within the warm-up and stays there.
    """

    def rate(step, warm_up_steps, peak):
        return peak * min(1, step / warm_up_steps)

    given = [(0, 10, 0.2), (3, 10, 0.2), (10, 10, 0.2), (25, 10, 0.2),
             (7, 40, 0.05)]  # fmt: skip
    try_function(
        function,
        [(arguments, rate(*arguments)) for arguments in given],
        "The first steps are small, and no step is larger than the peak.",
        [
            (lambda step, steps, peak: peak * step / steps,
             "The rate keeps growing after the warm-up. Keep it at the peak "
             "from then on: `min` helps."),
            (lambda step, steps, peak: min(1, step / steps),
             "That is the fraction of the warm-up that has passed. Multiply "
             "it by the peak."),
            (lambda step, steps, peak: peak * max(1, step / steps),
             "`max` takes the larger one: you need the smaller one, `min`."),
            (lambda step, steps, peak: peak * (1 - min(1, step / steps)),
             "That falls from the peak to 0; it has to rise."),
            (lambda step, steps, peak: min(peak, step / steps),
             "That grows by the same amount whatever the peak is. Multiply "
             "the fraction of the warm-up by the peak."),
            (lambda step, steps, peak: peak * (step >= steps),
             "That jumps from 0 to the peak at the end of the warm-up; let "
             "it grow evenly."),
        ],
        "At step 0 the rate is 0, at the last step of the warm-up it is the "
        "peak, and in between it grows evenly.",
    )  # fmt: skip


# Notebook 06 -----------------------------------------------------------------
def head_weights(answer):
    """Judge the weights of a dense head, 128 features to 2 classes."""
    _verdict(
        answer,
        128 * 2 + 2,
        "Training changes nothing else; the base keeps its weights.",
        [
            (128 * 2, "Almost: each output has a bias as well."),
            (128 + 2, "Each output has a weight for each feature: "
             "multiply."),
            (128 + 1, "That is one output; there are two."),
            (32 * 32 * 3 * 2 + 2, "The head sees the base's features, not "
             "the picture."),
        ],
        "Features × outputs, plus a bias for each output.",
    )  # fmt: skip


def which_control(answer):
    """Judge which control rules out that any long training would do."""
    _verdict(
        answer,
        "unrelated",
        "This base was trained with the same recipe, on other pictures. What "
        "the donor gains over it must come from what the donor saw.",
        [
            ("random", "Nobody trained that base, so it cannot show what "
             "training on other pictures does."),
            ("neither", "One of the two bases was trained with the same "
             "recipe and differs only in what it saw."),
            ("both", "One is enough: nobody trained the random base, so it "
             "cannot show what training on other pictures does."),
        ],
        'Answer "random", "unrelated" or "neither".',
    )  # fmt: skip


def break_even(function):
    """Try `def break_even(donor, transfer, scratch)`.

    The costs are those of a donor, once, and of one task with it and from
    scratch, all in one unit; a task with the donor costs less. The result is
    the smallest whole number of tasks after which the donor has paid for
    itself.
    """

    def exact(donor, transfer, scratch):
        return donor / (scratch - transfer)

    given = [(1000, 2, 42), (90, 1, 8), (9000, 20, 220), (10, 0, 40),
             (100, 30, 37)]  # fmt: skip
    try_function(
        function,
        [(arguments, math.ceil(exact(*arguments))) for arguments in given],
        "Each task saves the difference between its two costs, and the "
        "savings must reach what the donor cost.",
        [
            (exact, "You cannot do half a task: round up, with `math.ceil`."),
            (lambda *a: int(exact(*a)), "Rounding down stops one task too "
             "early: the donor has not quite paid for itself yet. Round up."),
            (lambda *a: round(exact(*a)), "`round` goes down as often as "
             "up. Round up, with `math.ceil`."),
            (lambda *a: int(exact(*a)) + 1, "When the division comes out "
             "even, one more task is one too many: use `math.ceil`."),
            (lambda d, t, s: math.ceil(d / s), "A task with the donor is "
             "cheap, but not free: subtract its cost."),
            (lambda d, t, s: math.ceil(d / s + t), "Subtract the cost of a "
             "task with the donor from that of one from scratch first."),
            (lambda d, t, s: math.ceil(d / (s + t)), "Subtract the two "
             "costs of a task; do not add them."),
            (lambda d, t, s: s - t, "That is what one task saves. How many "
             "such savings pay for the donor?"),
        ],
        "Divide the donor's cost by what one task saves, and round up.",
    )  # fmt: skip


# Notebook 07 -----------------------------------------------------------------
def forget_share(answer):
    """Judge what fraction of a loss was avoided: 0.87, 0.80 and 0.85."""
    _verdict(
        answer,
        5 / 7,
        "Five of the seven points: the other two are the price of changing "
        "the base at all.",
        [
            (0.85 - 0.80, "That is how much was saved; divide it by how much "
             "careless training loses."),
            (0.87 - 0.80, "That is how much careless training loses; what "
             "fraction of it did care avoid?"),
            (2 / 7, "That is the fraction that was lost anyway."),
            (0.85 / 0.87, "That is the fraction of the skill that is left; "
             "the question is about the loss."),
            (7 / 5, "It is the other way around: saved, divided by lost."),
        ],
        "Divide the points saved by the points that careless training loses.",
        kind="fraction",
    )  # fmt: skip


def points_forgotten(function):
    """Try `def points_forgotten(before, after)`.

    It returns the mean loss in percentage points; `after` is a list of
    accuracies, one per draw.
    """

    def right(before, after):
        return 100 * (before - sum(after) / len(after))

    given = [(0.875, [0.75, 0.5]), (0.5, [0.75, 1.0, 0.625]), (0.75, [0.5]),
             (0.875, [0.5, 0.75, 0.625, 0.75])]  # fmt: skip
    try_function(
        function,
        [(arguments, right(*arguments)) for arguments in given],
        "A negative number would mean that the skill grew: your function "
        "allows for that as well.",
        [
            (lambda before, after: right(before, after) / 100,
             "That is a fraction. A percentage point is a hundredth: "
             "multiply by 100."),
            (lambda before, after: -right(before, after),
             "What is lost is positive: before minus after."),
            (lambda before, after: abs(right(before, after)),
             "A skill that grew was not forgotten: do not drop the sign."),
            (lambda before, after: right(before, after) / before,
             "Points are a difference of percentages; do not divide by the "
             "skill before."),
            (lambda before, after: 100 * (before - after[-1]),
             "That is the last draw alone; take the mean of all draws."),
            (lambda before, after: 100 * (before - min(after)),
             "That is the worst draw; take the mean of all draws."),
            (lambda before, after: 100 * sum(before - one for one in after),
             "That is the sum over the draws; divide by how many there are."),
        ],
        "Take the mean of the draws, subtract it from the accuracy before, "
        "and multiply by 100.",
    )  # fmt: skip


def choose_training(function):
    """Try `def choose(options, cost_cat, cost_fox)`.

    It returns the name of the cheapest training; each is a tuple of name,
    points forgotten on cats and points missed on foxes.
    """
    shelter = [("careless", 9.0, 10.0), ("careful", 2.0, 13.0),
               ("head alone", 0.0, 24.0), ("middle", 4.0, 12.0)]  # fmt: skip

    def by(cost):
        return lambda trainings, cat, fox: min(
            trainings, key=lambda row: cost(row, cat, fox)
        )[0]

    def right(row, cat, fox):
        return cat * row[1] + fox * row[2]

    given = [(shelter, 5, 1), (shelter, 1, 5), (shelter, 1, 0.05),
             (shelter, 1, 1), (shelter[::-1], 9, 1),
             ([("one", 1.0, 1.0), ("other", 3.0, 20.0)], 5, 1)]  # fmt: skip
    try_function(
        function,
        [(arguments, by(right)(*arguments)) for arguments in given],
        "Which training run is best depends on the costs: no single one is "
        "best for everybody.",
        [
            (lambda *a: min(a[0], key=lambda row: right(row, *a[1:])),
             "That is the whole tuple. Return its name alone, `[0]`."),
            (lambda *a: min(right(row, *a[1:]) for row in a[0]),
             "That is the smallest cost. Return the name of the training run "
             "that has it."),
            (lambda *a: max(a[0], key=lambda row: right(row, *a[1:]))[0],
             "That is the most expensive one: use `min`."),
            (by(lambda row, cat, fox: fox * row[1] + cat * row[2]),
             "The two costs are swapped: the points on cats come first in a "
             "tuple."),
            (by(lambda row, cat, fox: row[1] + row[2]),
             "That leaves the costs out: multiply each number of points by "
             "its cost."),
            (by(lambda row, cat, fox: cat * row[1]),
             "Foxes have a cost as well."),
            (by(lambda row, cat, fox: fox * row[2]),
             "Cats have a cost as well."),
            (by(lambda row, cat, fox: cat * row[1] - fox * row[2]),
             "A missed fox is a cost too: add the two."),
        ],
        "The cost of an option is cost_cat times its points forgotten plus "
        "cost_fox times its points missed.",
    )  # fmt: skip


def forget_top_block(answer):
    """Judge the trainable weights of the base's topmost block."""
    _verdict(
        answer,
        9 * 128 * 128 + 2 * 128,
        "About a third of the base's weights are in this one convolution.",
        [
            (9 * 128 * 128, "Batch normalization also trains a scale and a "
             "shift for each filter."),
            (9 * 128 * 128 + 128, "Batch normalization trains two weights "
             "per filter."),
            (9 * 128 * 128 + 4 * 128, "Running means and variances are not "
             "trained by gradients."),
            (9 * 128 * 128 + 3 * 128, "This convolution has no bias."),
            (128 * 128 + 2 * 128, "A window covers 3 × 3 pixels."),
            (3 * 128 * 128 + 2 * 128, "A window is 3 pixels wide and 3 "
             "pixels high."),
            (9 * 128 + 2 * 128, "Each of the 128 filters has a window on "
             "each of its 128 inputs."),
        ],
        "Window × inputs × filters for the convolution, plus two weights "
        "per filter for its batch normalization.",
    )  # fmt: skip


# Notebook 08 -----------------------------------------------------------------
def forget_three_classes(answer):
    """Judge the balanced accuracy of a head without an output for cats."""
    _verdict(
        answer,
        0.56,
        "Two thirds at best: a class without an output is never predicted.",
        [
            (0.84, "That is the mean over dogs and foxes; cats count as "
             "well."),
            (0.42, "Divide by three: dogs, foxes and cats."),
            (1.68, "That is the sum; balanced accuracy is the mean of "
             "three."),
            (2 / 3, "That would be true if it were always right about dogs "
             "and foxes."),
            ((1 / 2 + 1.68) / 3, "It cannot say cat, not even by chance."),
        ],
        "Take the mean of three accuracies: on cats, on dogs and on foxes.",
        kind="fraction",
    )  # fmt: skip


def forget_fox_score(answer):
    """Judge the fox's joined score from cat 4, dog 1 and dog 2, fox 3."""
    _verdict(
        answer,
        2,
        "One above the dog, as in the new head. The joined head says cat, "
        "because 4 is the highest of the three.",
        [
            (3, "The new head's scores start from a different zero: only the "
             "distance to the dog counts."),
            (1, "That is how far the fox is above the dog; add the dog's own "
             "score."),
            (4, "Subtract the dog's score in the new head."),
            (0, "The fox scores above the dog, not below."),
            (5, "Measure the fox from the dog, not from the cat."),
        ],
        "Take the dog's old score and add how far the fox is above the dog "
        "in the new head.",
    )  # fmt: skip


def widen_scores(function):
    """Try `def widen(old_scores, new_scores)`.

    It joins the scores [cat, dog] of the old head and [dog, fox] of the new
    one into [cat, dog, fox].
    """

    def join(fox):
        return lambda old, new: [old[0], old[1], fox(old, new)]

    right = join(lambda old, new: old[1] + new[1] - new[0])
    given = [([2.0, 1.0], [0.5, 3.0]), ([0.25, 4.0], [6.0, 1.5]),
             ([-1.0, 3.0], [-2.0, -4.0]), ([5.0, 0.0], [0.0, 7.0]),
             ]  # fmt: skip
    try_function(
        function,
        [(arguments, right(*arguments)) for arguments in given],
        "The cat and the dog keep their old scores, and the two heads are "
        "joined at the dog.",
        [
            (lambda old, new: right(old, new)[2],
             "That is the score of the fox. Return all three, cat and dog "
             "first."),
            (join(lambda old, new: new[1]),
             "The new head's scores start from a different zero: only the "
             "distance to the dog counts."),
            (join(lambda old, new: new[1] - new[0]),
             "That is how far the fox is above the dog. Add the dog's own "
             "score, `old_scores[1]`."),
            (join(lambda old, new: old[0] + new[1] - new[0]),
             "Measure the fox from the dog, not from the cat."),
            (join(lambda old, new: old[1] + new[0] - new[1]),
             "It is the other way around: fox minus dog in the new head."),
            (join(lambda old, new: old[1] + new[1]),
             "Subtract the dog's score in the new head."),
            (lambda old, new: [old[0], new[0], new[1]],
             "The dog's scores in the two heads have different zeros. Keep "
             "the old one, and move the fox by the same amount."),
        ],
        "Keep cat and dog, and put the fox as far above the dog as it is in "
        "the new head.",
    )  # fmt: skip


def called_cat(answer):
    """Judge the accuracy on cats: row [30, 15, 5], column [30, 8, 2]."""
    _verdict(
        answer,
        0.6,
        "A row holds all pictures of one animal, so its diagonal cell "
        "divided by its sum is the accuracy on that animal.",
        [
            (30, "That is how many; divide by all cats."),
            (0.4, "That is the share of cats that are missed."),
            (0.75, "That column holds the pictures that were *called* cat; "
             "the question is about pictures that *are* cats."),
            (0.2, "Divide by the 50 cats, not by all pictures."),
            (30 / 45, "Some cats were called foxes: they count as well."),
        ],
        "Divide the diagonal cell of the row of cats by the sum of that row.",
        kind="fraction",
    )  # fmt: skip


# Notebook 09 -----------------------------------------------------------------
def upsampled_positions(answer):
    """Judge how many times more positions 96 pixels have than 32."""
    _verdict(
        answer,
        9,
        "Three times as high and three times as wide: every picture costs "
        "nine times as much. That is why we compute features only once.",
        [
            (3, "That is one side; a picture has two."),
            (6, "Multiply height and width; do not add them."),
            (27, "There are still three colors: only height and width grow."),
            (64, "That is how many pixels each side gains."),
            (1 / 9, "It is the other way around: how many *times* as many "
             "as before?"),
        ],
        "96 / 32 in height, times 96 / 32 in width.",
    )  # fmt: skip


def leak_or_transfer(answer):
    """Judge which measurement shows that the backbone knew foxes before."""
    _verdict(
        answer,
        "A",
        "It names foxes before we show it any, so it did not learn what a "
        "fox is from our ten.",
        [
            ("B", "That one shows the opposite: its features help even where "
             "nothing can have leaked."),
            ("C", "A high accuracy fits both explanations, so it decides "
             "nothing."),
            ("D", "That is about our donor, which never saw a fox."),
        ],
        'Answer "A", "B", "C" or "D".',
    )  # fmt: skip


def dog_or_fox(function):
    """Try `def dog_or_fox(probabilities, dogs, foxes)`.

    It returns "dog" or "fox": the animal whose classes have more probability
    together. `dogs` and `foxes` are lists of class numbers.
    """

    def share(p, classes):
        return sum(p[number] for number in classes)

    def right(p, dogs, foxes):
        return "dog" if share(p, dogs) > share(p, foxes) else "fox"

    def highest(p, dogs, foxes):
        best = max([*dogs, *foxes], key=lambda number: p[number])
        return "dog" if best in dogs else "fox"

    def means(p, dogs, foxes):
        first, second = (share(p, c) / len(c) for c in (dogs, foxes))
        return "dog" if first > second else "fox"

    given = [
        ([0.1, 0.2, 0.2, 0.3, 0.2], [0, 1, 2], [3]),
        ([0.3, 0.05, 0.05, 0.2, 0.4], [0, 1], [2, 3, 4]),
        ([0.1, 0.5, 0.3, 0.1], [2, 3], [1]),
        ([0.05, 0.05, 0.3, 0.6], [2], [0, 1]),
        ([0.6, 0.1, 0.14, 0.16], [1, 2], [3]),
        ([0.3, 0.03, 0.03, 0.25, 0.39], [0, 1, 2], [3]),
    ]
    try_function(
        function,
        [(arguments, right(*arguments)) for arguments in given],
        "No training picture was needed: these are classes that the giant "
        "learned long ago.",
        [
            (highest, "That is the animal of the single most likely class. "
             "Add up the probabilities of all classes of an animal."),
            (means, "That compares means. One animal has more classes than "
             "the other: add their probabilities up."),
            (lambda *a: {"dog": "fox", "fox": "dog"}[right(*a)],
             "Your function returns the less likely of the two."),
            (lambda *a: int(right(*a) == "fox"), "Return the name in quotes, "
             '"dog" or "fox", not its label.'),
            (lambda p, d, f: "dog" if share(p, d) > 0.5 else "fox",
             "The two need not add up to 1, since there are other classes. "
             "Compare one sum with the other."),
        ],
        "Add up the probabilities of the dog classes and of the fox classes, "
        "and compare the two sums.",
    )  # fmt: skip


# Notebook 10 -----------------------------------------------------------------
def top_k(function):
    """Try `def top_k(probabilities, names, k)`.

    It returns a list of the k most likely names, the likeliest first.
    """

    def order(p):
        return sorted(range(len(p)), key=lambda place: -p[place])

    def right(p, names, k):
        return [names[place] for place in order(p)[:k]]

    given = [
        ([0.1, 0.6, 0.3], ["cat", "dog", "fox"], 2),
        ([0.05, 0.15, 0.5, 0.3], ["oak", "ash", "elm", "fir"], 3),
        ([0.2, 0.7, 0.1], ["left", "right", "up"], 2),
        ([0.2, 0.5, 0.3], ["x", "z", "y"], 3),
    ]
    try_function(
        function,
        [(arguments, right(*arguments)) for arguments in given],
        "With a hundred classes, the three likeliest names say more than one "
        "name alone.",
        [
            (lambda p, n, k: right([-value for value in p], n, k),
             "Those are the least likely names. Sort the other way around."),
            (lambda p, n, k: right(p, n, k)[::-1],
             "Those are the right names in reverse order: the likeliest "
             "comes first."),
            (lambda p, n, k: order(p)[:k], "Those are positions. Return the "
             "names at these positions."),
            (lambda p, n, k: sorted(p, reverse=True)[:k], "Those are "
             "probabilities. Return the names that belong to them."),
            (lambda p, n, k: n[:k], "Those are the first names of the list: "
             "sort them by their probability."),
            (lambda p, n, k: sorted(n)[-k:], "Sort by probability, not by "
             "name."),
            (lambda p, n, k: right(p, n, 1), "That is only the likeliest "
             "name. Return k of them."),
            (lambda p, n, k: right(p, n, 1)[0], "That is one text. Return a "
             "list of k names."),
        ],
        "np.argsort sorts from the smallest to the largest and returns "
        "positions.",
    )  # fmt: skip


def own_interval(answer):
    """Judge the half width of an interval: 36 of 40 test pictures right."""
    error = (0.9 * 0.1 / 40) ** 0.5
    _verdict(
        answer,
        lambda half: abs(half - 1.96 * error) < 0.004,
        "More than nine points each way: another forty test pictures could "
        "easily give 85% or 95%.",
        [
            (lambda half: abs(half - error) < 0.002,
             "That is one standard error; the 95% interval reaches 1.96 of "
             "them to each side."),
            (lambda half: abs(half - 2 * 1.96 * error) < 0.005,
             "That is the whole width; half of it is on each side."),
            (lambda half: abs(half - 1.96 * error**2) < 0.001,
             "That uses the variance; take its square root."),
            (lambda half: abs(half - 1.96 * 0.3) < 0.02,
             "That is the spread of a single picture; the mean of 40 varies "
             "less, by a factor of the square root of 40."),
        ],
        "1.96 × the square root of p (1 − p) / n.",
        kind="fraction",
    )  # fmt: skip


def safe_file(answer):
    """Judge which of a stranger's model files can be opened safely."""
    _verdict(
        answer,
        "fox.keras",
        "It holds settings and numbers, and safe mode refuses code. Whether "
        "it is a good model is another question.",
        [
            ("fox.pkl", "A pickle is a program: it can run anything the "
             "moment you open it."),
            ("fox.pt", "A .pt file contains a pickle, which can run code "
             "unless you restrict what may be loaded."),
            ("fox.h5", "An old .h5 model can hold a layer with its own code, "
             "and no safe mode protects you from it."),
            ("all", "Three of them can run a stranger's code."),
            ("none", "One of them holds only settings and numbers, and safe "
             "mode is on when it is read."),
        ],
        "Name one of the files as text.",
    )  # fmt: skip


# Notebook 11 -----------------------------------------------------------------
def flaw_trainable(answer):
    """Judge how many weights fine-tuning changes when the base is frozen."""
    head, base, above = 128 * 2 + 2, 426_976, 369_408
    _verdict(
        answer,
        head,
        "Only the head's. The base was frozen as a whole, and freezing part "
        "of it once more unfreezes nothing.",
        [
            (lambda n: n in (above, above + head), "That is what the author "
             "meant to train. Check with donors.count_trainable."),
            (lambda n: n in (base, base + head), "That counts all weights. "
             "Which of them can training change?"),
            (base - above, "That is the part that the loop freezes."),
            (2, "Those are two arrays, the head's weights and its biases: "
             "how many numbers do they hold?"),
            (128 * 2, "Almost: each output has a bias as well."),
            (0, "The head still learns; that is why the accuracy changes."),
        ],
        "donors.count_trainable(lesson) counts what training can change.",
    )  # fmt: skip


def flaw_sigmoid(answer):
    """Judge which line gives every picture the same name."""
    _verdict(
        answer,
        "E",
        "The head already ends in a sigmoid. A second sigmoid turns 0 to 1 "
        "into 0.5 to 0.73, so every picture gets the second name.",
        [
            ("A", "One output with a sigmoid, the probability of the second "
             "class, is a sound head for two classes."),
            ("B", "This loss expects probabilities, and the head gives "
             "them; the test accuracy is fine."),
            ("C", "It learned well, as the test accuracy shows: look at what "
             "happens to the outputs afterward."),
            ("D", "These outputs are between 0 and 1, as they should be. "
             "What happens to them next?"),
            ("F", "0.5 is the right threshold for probabilities. Are these "
             "still probabilities? Print the smallest."),
        ],
        'Answer with the letter of one line, such as "A".',
    )  # fmt: skip


def flaw_reshuffle(answer):
    """Judge which line lets training pictures into the test."""
    _verdict(
        answer,
        "C",
        "It starts a second pass, and each pass has its own order: most of "
        "the test pictures are trained on, too.",
        [
            ("A", "Shuffling before a split is right; the question is how "
             "often the pictures are shuffled."),
            ("B", "100 pictures from one pass, none of them twice, are a "
             "sound test set. Which of them are also trained on?"),
            ("D", "It fits only on the training set. Is the test set "
             "different? Compare the two lists."),
            ("E", "It scores only on the test set. Is that set new to the "
             "model? Compare the two lists."),
            (lambda text: set(text.casefold()) - set(" ,and") == set("bc"),
             "Together, yes; one of them would do no harm if the other "
             "continued the same pass. Which one starts again?"),
        ],
        'Answer with the letter of one line, such as "A".',
    )  # fmt: skip


def leaked_pictures(function):
    """Try `def leaked_pictures(training, testing)`.

    Both are lists of fingerprints, one per picture. It returns how many of
    the test pictures were also in training.
    """

    def leaked(training, testing):
        return sum(picture in training for picture in testing)

    given = [
        (["a", "b", "c", "d"], ["e", "b", "f"]),
        (["a", "b", "b", "b"], ["b", "c", "b", "d", "e"]),
        (["a", "b"], ["c", "d", "e"]),
        (["a", "a", "b"], ["a", "b"]),
    ]
    try_function(
        function,
        [(arguments, leaked(*arguments)) for arguments in given],
        "Now you can check any split, and the count has to be 0.",
        [
            (lambda a, b: len(set(a) & set(b)), "A set holds each fingerprint "
             "once. A picture that is in the test twice was leaked twice."),
            (lambda a, b: leaked(b, a), "Those are the training pictures "
             "that are in the test. Go through the test pictures."),
            (lambda a, b: leaked(a, b) / len(b), "That is the fraction. "
             "Return the count."),
            (lambda a, b: len(b) - leaked(a, b), "Those are the clean test "
             "pictures. Count the others."),
            (lambda a, b: sum(p == q for p, q in zip(a, b, strict=False)),
             "You are comparing pictures at the same position. A leaked "
             "picture can be anywhere in training."),
            (lambda a, b: leaked(a, b) > 0, "Return how many there are."),
        ],
        "For each test picture, ask whether it is in training.",
    )  # fmt: skip


def flaw_cache(answer):
    """Judge how many versions of a batch ten cached epochs show."""
    _verdict(
        answer,
        1,
        "Augmented once, then frozen: the same slightly shifted pictures ten "
        "times.",
        [
            (10, "That is what the author intended. Collect what the cache "
             "returns in a set, and count again."),
            (2, "That is how many batches there are; how many versions of "
             "the first one are there?"),
            (20, "Those are batches times epochs; how many *different* "
             "versions of the first batch are there?"),
            (0, "The pictures were shifted once, before they were cached: "
             "that is one version."),
            (50, "That is how many pictures the batch holds."),
        ],
        "len({cached[0][0].tobytes() for _ in range(10)}) counts them.",
    )  # fmt: skip


def flaw_expected(answer):
    """Judge the honest accuracy on shuffled labels of two equal classes."""
    _verdict(
        answer,
        0.5,
        "There is nothing to learn, so a coin does as well. Whatever a rule "
        "reports above that, on average, is an artifact.",
        [
            (0.0, "Always wrong would be as good as always right: you would "
             "only have to reverse the answers."),
            (1.0, "That would take knowledge of the labels; shuffling "
             "removed it."),
            (0.25, "There are two classes, not four."),
            (lambda n: 0.5 < n < 1, "Luck can give that once. What does it "
             "give on average?"),
        ],
        "What accuracy does a coin get?",
        kind="fraction",
    )  # fmt: skip


# Notebook 13 -----------------------------------------------------------------
def scale_global_batch(answer):
    """Judge the global batch of 8 devices with 64 examples each."""
    _verdict(
        answer,
        512,
        "The gradient is the mean over all 512, as if one device had seen "
        "them; the learning rate should suit that batch size.",
        [
            (64, "That is what one device sees."),
            (8, "That is the number of devices."),
            (16, "The devices' batches add up; each device sees 64 examples "
             "of its own."),
            (72, "Multiply instead of adding: each of the 8 devices has 64 "
             "examples of its own."),
        ],
        "All devices together make one update.",
    )  # fmt: skip


def scale_efficiency(answer):
    """Judge the efficiency of 8 devices that are 6 times as fast as one."""
    _verdict(
        answer,
        0.75,
        "You pay for 8 devices and get the work of 6: a quarter goes into "
        "waiting and communication.",
        [
            (6.0, "That is the speedup; divide it by the number of "
             "devices."),
            (8.0, "That is the best speedup that 8 devices can reach."),
            (0.25, "That is the fraction that is lost."),
            (8 / 6, "It is the other way around: the speedup reached, "
             "divided by the one possible."),
        ],
        "Divide the speedup by the number of devices.",
        kind="fraction",
    )  # fmt: skip


def machines_average(function):
    """Try `def average(gradients, counts)`.

    gradients: one list of slopes per device, each the mean over the device's
    own pictures; counts: how many those are. It returns the gradient of the
    whole batch.
    """

    def right(gradients, counts):
        return np.average(gradients, axis=0, weights=counts).tolist()

    def weighted(gradients, counts):
        return np.transpose(gradients) @ np.array(counts)

    given = [
        ([[1.0, 2.0], [3.0, -2.0]], [1, 3]),
        ([[0.5, 0.0, 1.0], [1.5, 1.0, -1.0], [-2.0, 4.0, 0.0]], [64, 64, 32]),
        ([[2.0, 1.0], [4.0, 0.0]], [10, 30]),
    ]
    try_function(
        function,
        [(arguments, right(*arguments)) for arguments in given],
        "Every picture now counts equally, wherever it was processed.",
        [
            (lambda g, c: np.mean(g, axis=0).tolist(),
             "That gives a device with few pictures as much weight as one "
             "with many. Weight each gradient by its count."),
            (lambda g, c: np.sum(g, axis=0).tolist(),
             "That is the sum: with more devices the steps would grow."),
            (lambda g, c: weighted(g, c).tolist(),
             "Divide by the total number of pictures."),
            (lambda g, c: (weighted(g, c) / len(c)).tolist(),
             "Divide by the number of pictures, not of devices."),
        ],
        "Multiply each gradient by its count, add up, and divide by the sum "
        "of the counts.",
    )  # fmt: skip


# Notebook 12 -----------------------------------------------------------------
def verdict_of(function):
    """Try `def verdict_of(low, high, at_least)`.

    low, high: the ends of an interval; at_least: the bound that was claimed.
    It returns "proven", "refuted" or "not settled".
    """

    def verdict(low, high, at_least):
        if low >= at_least:
            return "proven"
        return "refuted" if high < at_least else "not settled"

    def by_mean(low, high, at_least):
        return "proven" if (low + high) / 2 >= at_least else "refuted"

    def by_zero(low, high, at_least):
        return verdict(low, high, 0)

    def hasty(low, high, at_least):
        return "proven" if high >= at_least else "refuted"

    def strict(low, high, at_least):
        return "proven" if low >= at_least else "refuted"

    def swapped(low, high, at_least):
        return {"proven": "refuted", "refuted": "proven"}.get(
            verdict(low, high, at_least), "not settled"
        )

    given = [(4, 6, 3), (1, 2, 3), (2, 5, 3), (1, 4, 3), (3, 4, 3),
             (-2, 1, 0), (-6, -1, -3), (0.5, 2, 3)]  # fmt: skip
    try_function(
        function,
        [(arguments, verdict(*arguments)) for arguments in given],
        "Three verdicts are needed: an interval that contains the bound "
        "settles nothing.",
        [
            (by_mean, "The middle alone says nothing about how sure you "
             "are. Compare both ends with the bound."),
            (by_zero, "You are comparing with 0. The claim was about the "
                      "bound."),
            (hasty, "One end above the bound proves nothing: the other end "
             "can be below."),
            (strict, "Not proven is not yet refuted. What if the bound lies "
             "inside the interval?"),
            (swapped, "The claim was that the value lies above the bound."),
        ],
        "Compare both ends of the interval with the bound.",
    )  # fmt: skip


def draws_needed(answer):
    """Judge how many draws halve an interval that 20 draws gave."""
    _verdict(
        answer,
        80,
        "Half the width takes four times as many draws, and a tenth would "
        "take a hundred times as many.",
        [
            (40, "Twice as many draws shrink it only by the square root "
             "of 2."),
            (lambda n: abs(n - 28.28) < 0.5, "The other way around: the "
             "number of draws grows with the square."),
            (400, "20 squared? By what factor should the width shrink, and "
             "what is the square of that factor?"),
            (4, "That is the factor. How many draws is that?"),
            (60, "That is how many you need *in addition*."),
            (10, "Fewer draws make the interval wider."),
        ],
        "The width shrinks by a factor of 2. What is its square?",
    )  # fmt: skip
