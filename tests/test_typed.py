"""Whatever a person types into a lesson gets one hint, in the same cell."""

import ast
import re
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
from publish import lessons

from course_utils import check, data, scoreboard

BAD = {
    "a decimal comma": "0,5",
    "a comma for thousands": "10,000",
    "a decimal comma in quotes": "'0,5'",
    "text": "'about ten'",
    "a percentage in quotes": "'50 %'",
    "nothing": "None",
    "a function": "round",
    "two numbers": "[1, 2]",
    "a number out of nowhere": "float('nan')",
    "an object": "object()",
}
EIGHT = SimpleNamespace(dollars=10.0)
GIVEN = {
    "check": check,
    "scoreboard": scoreboard,
    "data": data,
    "np": np,
    "os": SimpleNamespace(environ={}),
    "timing": SimpleNamespace(format_seconds=str),
    "donors": SimpleNamespace(epochs_within=lambda *_, **__: 9),
    "pair": SimpleNamespace(x_train=range(9000)),
    "pictures_per_second": 60,
    "report": {
        "examples": 10_000,
        "epochs": 15,
        "recipe": {"epochs": 15, "batch_size": 100},
    },
    "costs": SimpleNamespace(estimate=lambda *_, **__: EIGHT),
    "resnet": None,
    "rate": 1000,
    "EXAMPLES": 9000,
    "DRAWS": 30,
}


def typed_values(source):
    """Return (name, node) of each value that a person types into a cell.

    These are stubs, what is given to `check.guess`, guesses and counts that
    the cell passes to the course, and any other name for a guess.
    """
    tree = ast.parse(source)
    calls = {
        ast.unparse(node.func): node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    }
    passed = {
        ast.unparse(value)
        for name in ("scoreboard.keep_guesses", "check.whole")
        if name in calls
        for value in (
            *calls[name].args,
            *(keyword.value for keyword in calls[name].keywords),
        )
    }
    for node in tree.body:
        if not isinstance(node, ast.Assign):
            continue
        name, value = ast.unparse(node.targets[0]), node.value
        if isinstance(value, ast.Call):
            if ast.unparse(value.func) == "check.guess":
                yield name, value.args[0]
            continue
        is_constant = isinstance(value, ast.Constant)
        is_stub = is_constant and value.value is ...
        is_typed = is_constant and name in passed
        if is_stub or is_typed or name in ("guess", "threshold", "AT_LEAST"):
            yield name, value


def typed_into(source, node, text):
    """Return a cell in which something else is typed."""
    lines = source.splitlines(keepends=True)
    start = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
    end = sum(map(len, lines[: node.end_lineno - 1])) + node.end_col_offset
    return source[:start] + text + source[end:]


def sources(path):
    """Yield (number, source) of a lesson's cells that are Python alone."""
    for number, cell in enumerate(nbformat.read(path, 4).cells):
        magic = re.search(r"(?m)^\s*[%!]", cell.source)
        if cell.cell_type == "code" and not magic:
            yield number, cell.source


PLACES = {
    f"{path.name[:2]}/{number} {name}": (source, node)
    for path in lessons()
    for number, source in sources(path)
    for name, node in typed_values(source)
}


@pytest.fixture
def pictures(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    few = SimpleNamespace(y_train=[0, 1] * 30, y_test=[0, 1])
    monkeypatch.setattr(data, "load_pair", lambda *_, **__: few)


def run(source, capsys):
    """Run one cell; return its names and the lines that are marked."""
    names = dict(GIVEN)
    exec(source, names)
    lines = capsys.readouterr().out.splitlines()
    return names, [line for line in lines if line.startswith(tuple("✓✗…"))]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("place", PLACES)
def test_a_slip_gets_one_hint_in_its_cell(place, bad, capsys, pictures):
    source, node = PLACES[place]
    names, marked = run(typed_into(source, node, BAD[bad]), capsys)
    if bad != "nothing":
        assert len([line for line in marked if line[0] == "✗"]) == 1
    else:  # None asks for the usual number, or is still to be replaced
        assert marked or names.get("epochs") or names.get("COUNT")
    if "guess" in names:  # no number, and no letter
        assert str(names["guess"]) in ("nan", "nothing")


@pytest.mark.parametrize("place", PLACES)
def test_what_the_lesson_has_there_gets_no_hint(place, capsys, pictures):
    names, marked = run(PLACES[place][0], capsys)
    assert all(line.startswith("… ") for line in marked)
    guess = names.get("guess", 0)
    assert guess == guess and guess != "nothing"


@pytest.mark.parametrize("path", lessons()[1:], ids=lambda path: path.name)
def test_the_guess_of_every_lesson_is_checked(path):
    guesses = [
        line
        for _, source in sources(path)
        for line in source.splitlines()
        if line.startswith("guess =")
    ]
    assert len(guesses) == 1 and "= check.guess(" in guesses[0]


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("answer = ...\ncheck.a(answer)", ["answer"]),
        ("guess = 10", ["guess"]),
        ("guess = check.guess(5, above=0)", ["guess"]),
        ("a = None\nb = 1\nscoreboard.keep_guesses(x=a)", ["a"]),
        ("N = 3\nn = check.whole(N, 2)\nsize = 4", ["N"]),
        ("size = 4\nbase = None", []),
    ],
)
def test_what_is_typed_is_found(source, names):
    assert [name for name, _ in typed_values(source)] == names


def test_a_guess_that_nobody_checks_is_noticed(capsys):
    source, value = "guess = 10", ast.parse("guess = 10").body[0].value
    for text in BAD.values():
        assert not run(typed_into(source, value, text), capsys)[1]
