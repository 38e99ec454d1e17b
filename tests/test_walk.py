"""The random walk reports only faults that nothing explains."""

import json
import os
import re
import subprocess
import sys
import time

import nbformat
import pytest
import walk
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

CHECK = "def check(x):\n    print('✓' if x == 12 else '✗')"
SOLUTION = (
    "<details><summary>Solution</summary>\n\n"
    "```python\nanswer = 12\n```\n\n</details>"
)
LAST = ["restart", "drawings"]


def notebook(*sources, tags=()):
    """Return a notebook; a text that starts with < is a solution."""
    return new_notebook(
        cells=[
            new_markdown_cell(source)
            if source.startswith("<")
            else new_code_cell(source, metadata={"tags": list(tags)})
            for source in sources
        ]
    )


@pytest.fixture
def walker(tmp_path, monkeypatch):
    monkeypatch.setattr(walk, "REPORTS", tmp_path / "reports")
    # What `main` sets is restored after the test.
    monkeypatch.setenv("COURSE_SOURCE", "drawings")
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")

    def make(*sources, tags=()):
        path = tmp_path / "01_tiny.ipynb"
        nbformat.write(notebook(*sources, tags=tags), path)
        return walk.Walk(path, tmp_path / "home")

    return make


def error(name, text, frame="Cell In[1], line 1"):
    return {"ename": name, "evalue": text, "traceback": [frame]}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import math as m\nx = 1", {"m", "x"}),
        ("def f(y):\n    z = y", {"f"}),
        ("%matplotlib inline\nfor i in 'ab': pass", {"i"}),
        ("a, (b, *c) = 1, (2, 3)\nprint([d for d in c])", {"a", "b", "c"}),
    ],
)
def test_names_that_a_cell_binds(source, names):
    assert walk.bound(source) == names


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("EPOCHS = 15  # é", ("constant", "EPOCHS", "EPOCHS = 2  # é")),
        ("EPOCHS = 15", ("constant", "EPOCHS", "EPOCHS = '2'")),
        ("EPOCHS = None", ("constant", "EPOCHS", "EPOCHS = 1")),
        ("A, B = 'é', 64", ("constant", "B", "A, B = 'é', 3")),
        ("guess = 1_000", ("guess", "guess", "guess = '2,5'")),
        ("guess = check.guess(7)", ("guess", "guess",
                                    "guess = check.guess(10,000)")),
        ("a = None\ns.keep_guesses(a=a)", ("guess", "guess a",
                                 "a = 2,5\ns.keep_guesses(a=a)")),
        ("s.keep_guesses(a=None)", ("guess", "guess a",
                                    "s.keep_guesses(a=(2,5))")),
    ],
)  # fmt: skip
def test_constants_and_guesses_change(source, changed):
    assert changed in walk.changes(source)


@pytest.mark.parametrize(
    "source",
    ["RATE = 0.1", "INPUTS = 3072", "x = 3", "%pip list", "f(a=None)",
     "check.guess(x, above=0)"],
)  # fmt: skip
def test_nothing_else_changes(source):
    assert walk.changes(source) == []


@pytest.mark.parametrize("stub", ["answer = ...", "def f(x):\n    ..."])
def test_a_mistake_replaces_the_stub(stub):
    for text in walk.mistakes(f"{stub}\ncheck(1)", "answer = 12"):
        assert "..." not in text and text.endswith("\ncheck(1)")


def test_a_missing_name_is_explained_until_its_cell_ran():
    state = walk.State(notebook("x = 1", "x + y", "y = 2"))
    missing = error("NameError", "name 'x' is not defined")
    assert state.explains(1, missing)
    state.run(0, False)
    assert state.explains(1, missing)
    state.run(0, True)
    assert not state.explains(1, missing)
    state.forget("x")
    assert state.explains(1, missing)
    state.run(0, True)
    state.restart()
    assert state.explains(1, missing)
    below = error("NameError", "name 'y' is not defined")
    assert not state.explains(1, below)


LIBRARY = "File ~/lib/site-packages/numpy/x.py:3, in f()"
COURSE = "File ~/course_utils/data/pictures.py:3, in few()"


@pytest.mark.parametrize(
    ("text", "frame", "expected"),
    [
        ("Take at least 2 pictures.", COURSE, True),
        ("Take at least 2 pictures.", "Cell In[3], line 1", True),
        ("Choose 1 to 50 examples.", f"\x1b[31m{COURSE}", True),
        ("Take at least 2 pictures.", LIBRARY, False),
        ("Take at least 2 pictures", COURSE, False),
        ("There are no pictures.", COURSE, False),
    ],
)
def test_a_sentence_explains_only_a_changed_constant(text, frame, expected):
    state = walk.State(notebook("x = 1"))
    fault = error("ValueError", text, frame)
    assert not state.explains(0, fault)
    state.changed = True
    assert state.explains(0, fault) == expected


FAULTS = {
    "not twice": (["todo = [1]", "todo.pop()"], [["run", 1]], "IndexError"),
    "backward": (["x = 1", "x + 'a'[:x]"], [], "TypeError"),
    "a mistyped constant": (["EPOCHS = 5", "for epoch in range(EPOCHS): 0"],
                            [["type", 0, "EPOCHS = 2,5", "constant"],
                             ["run", 1]], "TypeError"),
    "a guess": (["guess = 5", "guess / 2"],
                [["type", 0, "guess = 10,000", "constant"], ["run", 1]],
                "TypeError"),
    "generous": (["answer = ...\nprint('✓')", SOLUTION], [], "The stub"),
    "wrong": ([CHECK, "answer = ...\ncheck(answer)", SOLUTION],
              [["type", 1, "answer = 3\ncheck(12)", "wrong"]], "A wrong"),
    "mean": ([CHECK, "answer = ...\ncheck(1)", SOLUTION],
             [["type", 1, "answer = 12\ncheck(1)", "right"]], "The solution"),
    "a number": (["n = [0]", "n[0] += 1\nprint(n)"], [["run", 1]],
                 "It printed"),
    "a dead kernel": (["import os", "os._exit(1)"], [], "DeadKernelError"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_and_its_report_finds_it_again(name, walker, capsys):
    sources, more, problem = FAULTS[name]
    walked = walker(*sources, tags=["nbval-check-output"])
    code = walked.state.sources
    walked.replay([LAST, *[["run", i] for i in code], *more])
    (report,) = walk.REPORTS.glob("01_tiny-0-1.json")
    kept = json.loads(report.read_text("utf-8"))
    assert kept["problem"].startswith(problem)
    assert walk.main(["--replay", str(report)]) >= 1
    assert problem in capsys.readouterr().out


@pytest.mark.parametrize(
    ("sources", "tags"),
    [
        (["x = 1", "x + 1", "y = x", "print(y)"], ["nbval-check-output"]),
        (["x = 1", "1 / 0"], ["raises-exception"]),
        (["EPOCHS = 9", "if EPOCHS not in (8, 9):\n"
          "    raise ValueError('Use 8 or 9.')", "print(EPOCHS)"], []),
        ([CHECK, "answer = ...\ncheck(answer)", SOLUTION], []),
    ],
)  # fmt: skip
def test_a_sound_notebook_is_walked_without_a_report(sources, tags, walker):
    walked = walker(*sources, tags=tags)
    walked.wander(time.monotonic() + 4)
    assert walked.found == []
    assert walked.steps[0] == LAST


@pytest.mark.slow
def test_a_short_walk_over_the_first_lesson():
    lesson = walk.NOTEBOOKS / "00_start_here.ipynb"
    ran = subprocess.run(
        [sys.executable, walk.__file__, "--minutes", "0.3", lesson],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONUTF8": "1"},
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert int(re.search(r"(\d+) steps", ran.stdout)[1]) > 3, ran.stdout
