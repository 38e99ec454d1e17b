"""Every exercise has a solution, and the solutions' test has teeth.

That each solution earns its ✓ and no stub does is tried in the notebooks' own
run, by the plugin in solutions.py; here small notebooks show that it, and the
plugin in noise.py, fail where they must.
"""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from publish import lessons
from solutions import exercises, is_exercise, solve

GIVEN = """\
weights = 12

def check(answer):
    if answer is ...:
        print("… replace the `...`")
    else:
        print("✓ every weight" if answer == 12 else "✗ count again")
"""
STUB = "answer = ...  # how many weights train?\ncheck(answer)"


def notebook(stub=STUB, solution="answer = weights", more="pass"):
    text = (
        "<details><summary>Solution</summary>\n\n"
        f"```python\n{solution}\n```\n\n</details>"
    )
    cells = [
        new_code_cell(GIVEN),
        new_markdown_cell("**Exercise.** Count."),
        new_code_cell(stub),
        new_markdown_cell(text if solution else "No solution."),
        new_code_cell("assert answer is ..."),
        new_code_cell(more),
    ]
    return new_notebook(cells=cells)


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    """Run a right notebook and wrong ones with the plugins."""
    folder = tmp_path_factory.mktemp("exercises")
    generous = STUB.replace("check(answer)", "print('✓ well done')")
    notebooks = {
        "right": notebook(),
        "wrong_solution": notebook(solution="answer = 11"),
        "no_solution": notebook(solution=None),
        "generous_stub": notebook(stub=generous),
        "noisy": notebook(more="import warnings\nwarnings.warn('odd')"),
        "name_used_twice": notebook(more="weights = 13"),
        "name_deleted": notebook(more="del weights"),
        "changed_in_place": notebook(
            more="_check, check = check, lambda answer: None"
        ),
    }
    for name, example in notebooks.items():
        nbformat.write(example, folder / f"{name}.ipynb")
    options = (
        "-p tests.solutions -p tests.noise --nbval-lax --nbval-current-env "
        "-rA --color=no -p no:cacheprovider"
    )
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options.split(), folder],
        cwd=Path(__file__).resolve().parent.parent,
        capture_output=True,
        text=True,
    )
    outcome = {name: set() for name in notebooks}
    for verdict, name, cell in re.findall(
        r"(?m)^(PASSED|FAILED) .*?(\w+)\.ipynb::(.*?)(?: - .*)?$", run.stdout
    ):
        outcome[name].add((verdict, cell))
    return outcome, run.stdout


def failures(outcome, name):
    return {cell for verdict, cell in outcome[name] if verdict == "FAILED"}


def test_a_right_exercise_passes_and_leaves_the_stub_in_place(verdicts):
    outcome, _ = verdicts
    assert outcome["right"] == {
        ("PASSED", "Cell 0"),
        ("PASSED", "Cell 1 solved"),
        ("PASSED", "Cell 1"),
        ("PASSED", "Cell 2"),
        ("PASSED", "Cell 3"),
        ("PASSED", "Cell 1 solved after all cells"),
    }


def test_a_wrong_solution_fails(verdicts):
    outcome, printed = verdicts
    assert failures(outcome, "wrong_solution") == {
        "Cell 1 solved",
        "Cell 1 solved after all cells",
    }
    assert "The solution gets no ✓" in printed


def test_a_missing_solution_fails(verdicts):
    outcome, printed = verdicts
    assert failures(outcome, "no_solution") == {"Cell 1 solved"}
    assert "The exercise has no solution" in printed


def test_a_stub_with_a_tick_fails(verdicts):
    outcome, printed = verdicts
    assert failures(outcome, "generous_stub") == {"Cell 1"}
    assert "The stub `...` gets a ✓" in printed


def test_a_warning_fails(verdicts):
    outcome, printed = verdicts
    assert failures(outcome, "noisy") == {"Cell 3"}
    assert "A student would see: " in printed
    assert "UserWarning: odd" in printed


@pytest.mark.parametrize(
    "name", ["name_used_twice", "name_deleted", "changed_in_place"]
)
def test_what_a_later_cell_spoils_fails(verdicts, name):
    outcome, _ = verdicts
    assert failures(outcome, name) == {"Cell 1 solved after all cells"}


@pytest.mark.parametrize(
    "stub",
    [
        "def share(right, all_of_them):\n    ...",
        "def share(right,\n          all_of_them):\n    ...  # write it",
    ],
)
def test_the_solution_replaces_a_whole_function(stub):
    solution = "def share(right, all_of_them):\n    return right / all_of_them"
    cell = f"{stub}\n\n\ncheck(share)"
    assert solve(cell, solution) == f"{solution}\n\n\ncheck(share)"


def test_the_solution_replaces_all_stub_lines():
    source = "a = ...  # first\nb = ...\ncheck(a, b)"
    assert solve(source, "a = 1\nb = 2") == "a = 1\nb = 2\n\ncheck(a, b)"


@pytest.mark.parametrize(
    "stub",
    [
        "def share(x): ...",
        "def share(x):\n    ...",
        "def share(x):\n    ...  # your lines",
        'def share(x):\n    """Return the share of x."""\n    ...',
        'def share(\n    x,\n    y=0,\n):\n    """Say it.\n\n    x: a list\n'
        '    """\n    ...',
    ],
)
def test_the_solution_replaces_a_function_still_to_be_written(stub):
    cell = new_code_cell(f"import math\n\n{stub}\n\ncheck(share)")
    assert is_exercise(cell)
    solution = "def share(x):\n    return 3"
    solved = f"import math\n\n{solution}\n\ncheck(share)"
    assert solve(cell.source, solution) == solved


@pytest.mark.parametrize(
    "source", ["def f(x):\n    return x[...]", "x[...] = 3", "f(...)",
               "def f(x):\n    y = 2\n    ..."]
)  # fmt: skip
def test_other_dots_are_no_exercise(source):
    assert not is_exercise(new_code_cell(source))


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.name)
def test_a_notebook_has_two_to_six_exercises_with_solutions(path):
    found = exercises(nbformat.read(path, as_version=4))
    assert 2 <= len(found) <= 6
    for index, stub, solution in found:
        place = f"{path.name}, cell {index}"
        assert "check." in stub, f"{place}: call check.<name>(answer)"
        assert solution, f"{place}: no folded ```python solution below it"
