"""Run the lessons' cells in random order, as people do, and look for faults.

    python tests/walk.py [--minutes 30] [--seed 0] [NOTEBOOK ...]
    python tests/walk.py --replay build/walk/01_naive_training_loop-0-1.json

Each notebook runs from top to bottom, on drawings or on COURSE_SOURCE. Then
cells run again in any order, the kernel restarts, names disappear, constants
and guesses change, mistyped ones too, and exercises get right and wrong
answers. Reported are: an error that `State.explains` does not accept, a
solution without ✓, a wrong answer or a stub with ✓, a cell tagged
nbval-check-output that prints something else than before, and a kernel that
dies or does not end. --replay takes a report's steps again.
"""

import argparse
import ast
import json
import os
import random
import re
import symtable
import sys
import tempfile
import time
from collections import defaultdict, deque
from contextlib import ExitStack
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from solutions import STUB, TICK, exercises, solve

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS, REPORTS = ROOT / "notebooks", ROOT / "build/walk"
LONGEST = 600  # seconds per cell
FACTS = {"INPUTS"}  # what the pictures decide, and nobody can choose
TEXTS = {
    "constant": ("1", "2", "3", "7", "'2'", "2,5"),
    "guess": ("'about ten'", "'2,5'", "10,000", "2,5", "None", "...", "-1"),
}
MISTAKES = ("None", "'no idea'", "-12345", "(10, 000)", "[]", "float('nan')")
REMEDY = re.compile(
    r"\b(ask|at least|at most|between|call|choose|from \S+ to|give|make|name"
    r"|needs?|pass|replace|run|set|take|try|use|write)\b",
    re.IGNORECASE,
)


def bound(source):
    """Return the names that a cell's own level binds."""
    code = TransformerManager().transform_cell(source)
    all_of_it = symtable.symtable(code, "<cell>", "exec").get_symbols()
    given = [s for s in all_of_it if s.is_assigned() or s.is_imported()]
    return {symbol.get_name() for symbol in given}


def _typed(tree):
    """Yield (name, value, whether a call's keyword) of what gets a name."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    keeping = [
        c for c in calls if ast.unparse(c.func).endswith("keep_guesses")
    ]
    kept = [each for call in keeping for each in call.keywords]
    passed = {getattr(each.value, "id", None) for each in kept}
    for each in kept:
        yield f"guess {each.arg}", each.value, True
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            names = getattr(node.targets[0], "elts", node.targets)
            values = getattr(node.value, "elts", []) or [node.value]
            for name, value in zip(names, values, strict=False):
                called = isinstance(value, ast.Call) and value.args
                if called and ast.unparse(value.func).endswith(".guess"):
                    value = value.args[0]
                name = getattr(name, "id", "")
                yield f"guess {name}" if name in passed else name, value, False


def changes(source):
    """Return (kind, name, changed source): constants and guesses of a cell."""
    try:
        found = list(_typed(ast.parse(source)))
    except SyntaxError:  # a line for the shell
        return []
    changed = []
    for name, node, is_keyword in found:
        kind = "guess" if "guess" in name else "constant"
        if not isinstance(node, ast.Constant) or name in FACTS:
            continue
        number = type(node.value) in (int, type(None))
        if kind == "constant" and not (name.isupper() and number):
            continue
        for text in set(TEXTS[kind]) - {ast.unparse(node)}:
            text = f"({text})" if is_keyword else text
            lines = source.encode().splitlines(keepends=True)
            line = bytearray(lines[node.lineno - 1])
            line[node.col_offset : node.end_col_offset] = text.encode()
            lines[node.lineno - 1] = line
            changed.append((kind, name, b"".join(lines).decode()))
    return sorted(changed)


def mistakes(source, solution):
    """Return an exercise with wrong answers, one like the right one too."""

    def answer(stub, text):
        text = f"return {text}" if stub.startswith("def") else text
        return stub[: stub.rindex("...")] + text

    wrong = [
        STUB.sub(lambda stub, text=text: answer(stub[0], text), source)
        for text in MISTAKES
    ]
    name = STUB.search(source)[0].split(" =")[0]
    if name.isidentifier():
        hundred = f"{solution}\n{name} = 100 * {name} or 10"
        wrong.append(solve(source, hundred))
    return wrong


def is_sentence(error):
    """Say whether the course itself tells what is wrong and what to do."""
    text = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(error["traceback"]))
    frames = re.findall(r"(?m)^(?:File|Cell|Input) .*", text) or ["File"]
    ours = "course_utils" in frames[-1] or not frames[-1].startswith("File")
    value = error["evalue"].strip()
    return ours and value.endswith(".") and bool(REMEDY.search(value))


class State:
    """What ran in the kernel since it started."""

    def __init__(self, notebook):
        cells = {
            index: cell for index, cell in enumerate(notebook.cells)
            if cell.cell_type == "code"
        }  # fmt: skip
        self.sources = {i: cell.source for i, cell in cells.items()}
        self.tags = {i: c.metadata.get("tags", []) for i, c in cells.items()}
        self.names = {i: bound(text) for i, text in self.sources.items()}
        self.restart()

    def restart(self):
        """Forget everything, as the kernel does."""
        self.live, self.changed = set(), False

    def run(self, index, is_complete):
        """Note that a cell ran, and whether it came to its end."""
        if is_complete:
            self.live |= {(index, name) for name in self.names[index]}

    def forget(self, name):
        """Note that a name was deleted."""
        self.live = {pair for pair in self.live if pair[1] != name}

    def explains(self, index, error):
        """Say whether a reader can tell where a cell's error comes from.

        Three do: the lesson shows an error on purpose; a name is missing
        whose cell, above, did not run since the restart or the deletion; and
        after a change of a constant, a sentence says what to do.
        """
        if "raises-exception" in self.tags[index]:
            return True
        if error["ename"] == "NameError":
            found = re.match(r"name '(\w+)' is not defined", error["evalue"])
            name = found[1] if found else ""
            givers = {(i, name) for i in self.names if i < index}
            givers = {pair for pair in givers if name in self.names[pair[0]]}
            return bool(givers) and not self.live & givers
        return self.changed and is_sentence(error)


class Walk:
    """One notebook, its kernel, and the steps so far.

    A step is ["restart", source of pictures], ["run", index], ["delete",
    name], or ["type", index, text, "constant", "right" or "wrong"].
    """

    def __init__(self, path, home, seed=0):
        self.path, self.home, self.seed = Path(path), str(home), seed
        self.notebook = nbformat.read(path, as_version=4)
        self.state, self.kernel = State(self.notebook), ExitStack()
        self.draw = random.Random(f"{seed} {self.path.name}")
        self.steps, self.found, self.printed = [], [], {}
        # {kind: [(what to type into a cell, the name that it changes)]}
        self.stubs, self.options = set(), defaultdict(list)
        for index, source in self.state.sources.items():
            for kind, name, text in changes(source):
                step = ["type", index, text, "constant"]
                self.options[kind].append((step, name))
        for index, source, solution in exercises(self.notebook):
            self.stubs.add(index)
            if solution is not None:
                right = ["type", index, solve(source, solution), "right"]
                self.options["right"].append((right, ""))
                self.options["wrong"] += [
                    (["type", index, text, "wrong"], "")
                    for text in mistakes(source, solution)
                ]

    def restart(self, pictures):
        """Start a fresh kernel with drawings or photos."""
        self.kernel.close()
        self.client = NotebookClient(
            self.notebook, timeout=LONGEST, kernel_name="python3",
            allow_errors=True, store_widget_state=False,
            extra_arguments=["--log-level=40"],  # errors
            resources={"metadata": {"path": str(self.path.parent)}},
        )  # fmt: skip
        settings = {"COURSE_HOME": self.home, "COURSE_SOURCE": pictures}
        env = {k: v for k, v in os.environ.items() if k != "MPLBACKEND"}
        self.kernel.enter_context(self.client.setup_kernel(env=env | settings))
        self.pictures = pictures
        self.state.restart()

    def execute(self, index, text):
        """Run text in the kernel, in place of a cell; return its outputs."""
        cell = nbformat.v4.new_code_cell(text)
        try:
            return self.client.execute_cell(cell, index).outputs
        except (DeadKernelError, CellTimeoutError) as error:
            value, name = str(error).splitlines()[0], type(error).__name__
            self.restart(self.pictures)
            return [{"ename": name, "evalue": value, "traceback": []}]

    def do(self, step):
        """Take one step, and report what nobody can explain."""
        kind, what, *typed = step
        self.steps.append(step)
        if kind == "restart":
            self.restart(what)
        elif kind == "delete":
            self.state.forget(what)
            self.execute(0, f"_ = globals().pop({what!r}, None)")
        else:
            text, expected = typed or (self.state.sources[what], "")
            self.state.changed |= expected == "constant"
            outputs = self.execute(what, text)
            if problem := self.judge(what, outputs, expected):
                self.report(what, problem)

    def judge(self, index, outputs, expected):
        """Return what is wrong with a cell's outputs, or None."""
        error = next((each for each in outputs if "ename" in each), None)
        tags, changed = self.state.tags[index], self.state.changed
        is_explained = error and self.state.explains(index, error)
        self.state.run(index, not error or "raises-exception" in tags)
        if error:
            problem = f"{error['ename']}: {error['evalue'].strip()}"
            return None if is_explained else problem
        printed = "".join(
            each.get("text") or str(each.get("data", {}).get("text/plain", ""))
            for each in outputs
            if each.get("name") != "stderr"
        )
        is_ticked = TICK in printed
        if expected == "right" and not is_ticked and not changed:
            return f"The solution gets no {TICK}: {printed}"
        if expected == "wrong" and is_ticked:
            return f"A wrong answer gets a {TICK}: {printed}"
        if not expected and is_ticked and index in self.stubs:
            return f"The stub gets a {TICK}: {printed}"
        if expected or changed or "nbval-check-output" not in tags:
            return None
        printed = re.sub(r" at 0x[0-9a-f]+", "", printed)
        before = self.printed.setdefault((index, self.pictures), printed)
        if printed != before:
            return f"It printed {before!r}, and now {printed!r}."

    def report(self, index, problem):
        """Print a problem, and keep the steps to it; each problem once."""
        key = index, re.sub(r"\d+", "0", problem)
        if key in self.found:
            return
        self.found.append(key)
        name = f"{self.path.stem}-{self.seed}-{len(self.found)}.json"
        REPORTS.mkdir(parents=True, exist_ok=True)
        kept = {
            "notebook": os.path.relpath(self.path, ROOT), "seed": self.seed,
            "problem": problem, "steps": self.steps,
        }  # fmt: skip
        (REPORTS / name).write_text(json.dumps(kept, indent=1), "utf-8")
        print(f"{self.path.name}, cells[{index}]:\n  {problem}")
        print(f"  python tests/walk.py --replay {REPORTS / name}", flush=True)

    def plan(self):
        """Draw the next steps."""
        kind = self.draw.choice(["run", "restart", "forget", *self.options])
        cells = [*self.state.sources]
        place = self.draw.randrange(len(cells))
        length = self.draw.randint(1, 8)
        if kind == "run":
            forward = cells[place : place + length]
            return _run(*self.draw.choice([forward, forward[::-1]]))
        if kind == "restart":
            return [["restart", self.pictures], *_run(*cells[: place + 1])]
        if kind in self.options:
            step, name = self.draw.choice(self.options[kind])
            users = self.users(step[1], name) if name else []
            return [step, *_run(*users[:length])]
        if not self.state.live:
            return []
        index, name = self.draw.choice(sorted(self.state.live))
        users = self.users(index, name)[:length]
        return [["delete", name], *_run(*users[-1:], index, *users)]

    def users(self, index, name):
        """Return the cells below `index` that mention a name."""
        word = re.compile(rf"\b{re.escape(name)}\b")
        cells = self.state.sources.items()
        return [i for i, text in cells if i > index and word.search(text)]

    def wander(self, deadline):
        """Run all, then walk until time.monotonic() reaches a deadline."""
        pictures = os.environ.get("COURSE_SOURCE") or "drawings"
        todo = deque([["restart", pictures], *_run(*self.state.sources)])
        with self.kernel:
            while time.monotonic() < deadline:
                self.do(todo.popleft())
                while not todo:
                    todo.extend(self.plan())

    def replay(self, steps):
        """Take these steps."""
        with self.kernel:
            for step in steps:
                self.do(step)


def _run(*cells):
    return [["run", index] for index in cells]


def main(arguments=None):
    """Walk, print what was found, and return how many problems there are."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--replay", type=Path, metavar="FILE")
    parser.add_argument("notebooks", nargs="*", type=Path, metavar="NOTEBOOK")
    options = parser.parse_args(arguments)
    end, problems = time.monotonic() + 60 * options.minutes, 0
    todo = options.notebooks or sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    if options.replay:
        kept = json.loads(options.replay.read_text("utf-8"))
        todo, options.seed = [ROOT / kept["notebook"]], kept["seed"]
    os.environ["JUPYTER_PLATFORM_DIRS"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("COURSE_CACHE", f"{folder}/cache")
        for number, path in enumerate(todo):
            walk = Walk(path, f"{folder}/{path.stem}", options.seed)
            now = time.monotonic()
            if options.replay:
                walk.replay(kept["steps"])
            else:
                walk.wander(now + (end - now) / (len(todo) - number))
            problems += len(walk.found)
            steps, found = len(walk.steps), len(walk.found)
            print(f"{path.name}: {steps} steps, problems: {found}", flush=True)
    return problems


if __name__ == "__main__":
    sys.exit(bool(main()))
