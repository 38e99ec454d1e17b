"""Try every exercise's solution instead of its stub: a pytest plugin.

    python -m pytest -p tests.solutions --nbval-lax notebooks

An exercise is a code cell with a line `name = ...`, or with a function whose
body is `...` alone; its solution is the ```python block in the folded
<details> below it. Before such a cell runs, its solution runs in the same
kernel, in place of the stub, and must print ✓; the stub, which runs after it
and leaves the notebook's own state, must not. That costs no second run of the
notebook, and an exercise can use everything above it.
"""

import re

import pytest
from nbval.plugin import IPyNbCell

TICK = "✓"
_DOCSTRING = r'(?:\s+"""[^"]*""")?'
STUB = re.compile(
    rf"^(?:[\w, ]+ =|def \w+\([^)]*\):{_DOCSTRING}\s+)[ ]?\.\.\."
    r"[ \t]*(?:#[^\n]*)?$",
    re.MULTILINE,
)
DETAILS = re.compile(r"<details.*?>(.*?)</details>", re.DOTALL)
PYTHON = re.compile(r"```python\n(.*?)\n```", re.DOTALL)


def is_exercise(cell):
    """Say whether a cell holds a stub that the reader replaces."""
    return cell.cell_type == "code" and bool(STUB.search(cell.source))


def exercises(notebook):
    """Return (index, stub source, solution block or None) of each exercise.

    The solution is looked for down to the next code cell.
    """
    found = []
    for index, cell in enumerate(notebook.cells):
        if is_exercise(cell):
            found.append((index, cell.source, _solution(notebook, index)))
    return found


def _solution(notebook, index):
    for cell in notebook.cells[index + 1 :]:
        if cell.cell_type == "code":
            return None
        for details in DETAILS.findall(cell.source):
            block = PYTHON.search(details)
            if "Solution" in details and block:
                return block[1]
    return None


def solve(source, solution):
    """Return the exercise with its stubs replaced by the solution."""
    first, *others = STUB.finditer(source)
    for match in reversed(others):
        source = source[: match.start()] + source[match.end() :]
    return source[: first.start()] + solution + source[first.end() :]


def _ticks(outputs):
    return any(
        TICK in str(output.get("text", "")) + str(output.get("data", ""))
        for output in outputs
    )


class Solved(IPyNbCell):
    """The exercise with its solution in place."""

    def runtest(self):
        if self.cell.source is None:
            self.cell.source = self.stub
            self.raise_cell_error(
                "The exercise has no solution: write a ```python block in "
                "<details><summary>Solution</summary> below it."
            )
        super().runtest()
        if not _ticks(self.test_outputs):
            self.raise_cell_error(f"The solution gets no {TICK}.")


class Stub(IPyNbCell):
    """The exercise as the reader finds it."""

    def runtest(self):
        super().runtest()
        if _ticks(self.test_outputs):
            self.raise_cell_error(f"The stub `...` gets a {TICK}.")


def _pair(item, solution):
    """Return the two tests that stand for an exercise's cell."""
    arguments = {"parent": item.parent, "cell_num": item.cell_num}
    solved = item.cell.copy()
    solved.source = solution and solve(item.cell.source, solution)
    solved.outputs = []
    unchecked = {**item.options, "check": False}
    pair = [
        Solved.from_parent(
            name=f"{item.name} solved",
            cell=solved,
            options=type(item.options)(bool, unchecked),
            **arguments,
        ),
        Stub.from_parent(
            name=item.name, cell=item.cell, options=item.options, **arguments
        ),
    ]
    pair[0].stub = item.cell.source
    return pair


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Put the solved exercise before each exercise."""
    found = []
    for item in items:
        if not (isinstance(item, IPyNbCell) and is_exercise(item.cell)):
            found.append(item)
            continue
        solutions = {
            stub: solution for _, stub, solution in exercises(item.parent.nb)
        }
        found += _pair(item, solutions[item.cell.source])
    items[:] = found
