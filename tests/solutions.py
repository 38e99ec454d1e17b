"""Try every exercise's solution instead of its stub: a pytest plugin.

    python -m pytest -p tests.solutions --nbval-lax notebooks

An exercise is a code cell with a line `name = ...`, or with a function whose
body is `...` alone; its solution is the ```python block in the folded
<details> below it. Before such a cell runs, its solution runs in the same
kernel, in place of the stub, and must print ✓; the stub, which runs after it
and leaves the notebook's own state, must not. That costs no second run of the
notebook, and an exercise can use everything above it. People also run all
cells first and then do the exercises: each solution is tried once more after
the last cell.
"""

import itertools
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


def _solved(item, solution, name):
    """Return the test of an exercise's cell with the solution in place."""
    cell = item.cell.copy()
    cell.source = solution and solve(item.cell.source, solution)
    cell.outputs = []
    unchecked = {**item.options, "check": False}
    solved = Solved.from_parent(
        name=f"{item.name} {name}",
        parent=item.parent,
        cell_num=item.cell_num,
        cell=cell,
        options=type(item.options)(bool, unchecked),
    )
    solved.stub = item.cell.source
    return solved


def _as_found(item):
    """Return the test of an exercise's cell with the stub in place."""
    return Stub.from_parent(
        name=item.name,
        parent=item.parent,
        cell_num=item.cell_num,
        cell=item.cell,
        options=item.options,
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Put the solved exercise before each exercise, and all at the end."""
    found = []
    for parent, group in itertools.groupby(items, lambda item: item.parent):
        last = []
        for item in group:
            if not (isinstance(item, IPyNbCell) and is_exercise(item.cell)):
                found.append(item)
                continue
            solutions = {
                stub: solution for _, stub, solution in exercises(parent.nb)
            }
            solution = solutions[item.cell.source]
            found += [_solved(item, solution, "solved"), _as_found(item)]
            if solution:
                last.append(_solved(item, solution, "solved after all cells"))
        found += last
    items[:] = found
