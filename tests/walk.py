"""Run the lessons' cells in random order, as people do, and look for faults.

    python tests/walk.py [--minutes 30] [--seed 0] [NOTEBOOK ...]
    python tests/walk.py --replay build/walk/01_naive_training_loop-0-1.json

Each notebook runs once from top to bottom. Then cells run again, forward and
backward; the kernel restarts, with drawings or photographs; constants and
guesses change; names disappear; exercises get their solutions and wrong
answers. What is reported: an error that `State.explains` does not accept, a
solution without ✓, a wrong answer or a stub with ✓, a cell tagged
nbval-check-output that prints something else than before, a dead kernel, and
a cell that does not end. Each report is a file that --replay walks again.
"""

import argparse
import ast
import copy
import json
import os
import random
import re
import symtable
import sys
import tempfile
import time
from collections import deque
from contextlib import ExitStack
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from photo_servers import pack_path
from solutions import STUB, TICK, exercises, solve

from course_utils.data import photos

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS, REPORTS = ROOT / "notebooks", ROOT / "build/walk"
LONGEST = 600  # seconds per cell
# How often each kind of step is drawn: methods of Walk.
WEIGHTS = {
    "again": 4, "forward": 3, "backward": 2, "restart": 2, "constant": 2,
    "guess": 2, "solution": 3, "mistake": 3, "forget": 2,
}  # fmt: skip
CONSTANTS = ("1", "2", "3", "7")
FACTS = {"INPUTS"}  # what the pictures decide, and nobody can choose
GUESSES = ("'about ten'", "'2,5'", "10,000", "2,5", "None", "...", "-1")
MISTAKES = ("None", "'no idea'", "-12345", "(10, 000)", "[]", "float('nan')")
ADDRESS = re.compile(r" at 0x[0-9a-f]+")
COLORS = re.compile(r"\x1b\[[\d;]*m")
REMEDY = re.compile(
    r"\b(ask|at least|at most|between|call|choose|from \S+ to|give|make|name"
    r"|needs?|pass|replace|run|set|take|try|use|write)\b",
    re.IGNORECASE,
)


def bound(source):
    """Return the names that a cell's own level binds."""
    code = TransformerManager().transform_cell(source)
    table = symtable.symtable(code, "<cell>", "exec")
    return {
        symbol.get_name()
        for symbol in table.get_symbols()
        if symbol.is_assigned() or symbol.is_imported()
    }


def _values(tree):
    """Return (name, node, is a keyword) of all that gets a name."""
    passed = {
        keyword.value.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and "guess" in ast.unparse(node.func)
        for keyword in node.keywords
        if isinstance(keyword.value, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            targets, values = node.targets, [node.value]
            if isinstance(targets[0], ast.Tuple):
                targets = targets[0].elts
                values = getattr(node.value, "elts", [])
            for target, value in zip(targets, values, strict=False):
                if isinstance(value, ast.Call) and value.args:
                    called = ast.unparse(value.func).endswith(".guess")
                    value = value.args[0] if called else value
                name = getattr(target, "id", "")
                is_guess = name in passed
                yield f"guess {name}" if is_guess else name, value, False
        elif isinstance(node, ast.Call):
            if not ast.unparse(node.func).endswith(".keep_guesses"):
                continue
            for keyword in node.keywords:
                yield f"guess {keyword.arg}", keyword.value, True


def changes(source):
    """Return (kind, name, changed source): constants and guesses of a cell."""
    try:
        found = list(_values(ast.parse(source)))
    except SyntaxError:  # a line for the shell
        return []
    changed = []
    for name, node, is_keyword in found:
        if not isinstance(node, ast.Constant) or isinstance(node.value, bool):
            continue
        kind, typed = "guess", GUESSES
        if name.isupper() and type(node.value) in (int, type(None)):
            kind, typed = "constant", CONSTANTS
        if name in FACTS or (kind == "guess" and "guess" not in name):
            continue
        lines = source.encode().splitlines(keepends=True)
        before = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
        after = sum(map(len, lines[: node.end_lineno - 1]))
        after += node.end_col_offset
        data = source.encode()
        for text in set(typed) - {ast.unparse(node)}:
            text = f"({text})" if is_keyword else text
            parts = data[:before].decode(), text, data[after:].decode()
            changed.append((kind, name, "".join(parts)))
    return sorted(changed)


def mistakes(source, solution):
    """Return an exercise with wrong answers, one like the right one too."""
    wrong = [
        STUB.sub(lambda match, text=text: _answer(match[0], text), source)
        for text in MISTAKES
    ]
    name = STUB.search(source)[0].split(" =")[0]
    if name.isidentifier():
        hundred = f"{solution}\n{name} = 100 * {name} or 10"
        wrong.append(solve(source, hundred))
    return wrong


def _answer(stub, text):
    """Return a stub with `text` as its answer."""
    text = f"return {text}" if stub.startswith("def") else text
    return stub[: stub.rindex("...")] + text


def is_sentence(error):
    """Say whether the course itself tells what is wrong and what to do."""
    text = COLORS.sub("", "\n".join(error["traceback"]))
    frames = re.findall(r"(?m)^(?:File|Cell|Input) .*", text) or ["File"]
    ours = "course_utils" in frames[-1] or not frames[-1].startswith("File")
    value = error["evalue"].strip()
    return ours and value.endswith(".") and bool(REMEDY.search(value))


class State:
    """What ran in the kernel since it started."""

    def __init__(self, notebook):
        self.sources = {
            index: cell.source
            for index, cell in enumerate(notebook.cells)
            if cell.cell_type == "code"
        }
        self.tags = {
            index: notebook.cells[index].metadata.get("tags", [])
            for index in self.sources
        }
        self.names = {i: bound(text) for i, text in self.sources.items()}
        self.restart()

    def restart(self):
        """Forget everything, as the kernel does."""
        self.live, self.changed = set(), False
        self.ran, self.orderly = [], True

    def run(self, index, is_complete):
        """Note that a cell ran, and whether it came to its end."""
        self.ran.append(index)
        in_order = list(self.sources)[: len(self.ran)] == self.ran
        self.orderly = self.orderly and in_order
        if is_complete:
            self.live |= {(index, name) for name in self.names[index]}

    def forget(self, name):
        """Note that a name was deleted."""
        self.live = {pair for pair in self.live if pair[1] != name}

    def users(self, index, name):
        """Return the cells below `index` that mention a name."""
        word = re.compile(rf"\b{re.escape(name)}\b")
        return [
            below
            for below, source in self.sources.items()
            if below > index and word.search(source)
        ]

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
            givers = [i for i in self.names if i < index]
            givers = [i for i in givers if name in self.names[i]]
            return bool(givers) and not self.live & {(i, name) for i in givers}
        return self.changed and is_sentence(error)


class Walk:
    """One notebook, its kernel, and the steps so far.

    A step is ["restart", source of pictures], ["run", index], ["delete",
    name], or ["type", index, text, "constant", "right" or "wrong"].
    """

    def __init__(self, path, home, seed=0, sources=("drawings",)):
        self.path, self.home, self.seed = Path(path), str(home), seed
        self.notebook = nbformat.read(path, as_version=4)
        self.state, self.kernel = State(self.notebook), ExitStack()
        self.draw = random.Random(f"{seed} {self.path.name}")
        self.sources, self.pictures = sources, sources[0]
        self.steps, self.found, self.printed = [], [], {}
        self.stubs, self.options = set(), {kind: [] for kind in WEIGHTS}
        for index, source in self.state.sources.items():
            for kind, name, text in changes(source):
                self.offer(kind, name, index, text, "constant")
        for index, source, solution in exercises(self.notebook):
            self.stubs.add(index)
            if solution is None:
                continue
            text = solve(source, solution)
            self.offer("solution", "", index, text, "right")
            for text in mistakes(source, solution):
                self.offer("mistake", "", index, text, "wrong")

    def offer(self, kind, name, *step):
        """Add a step to those that are drawn, and the name it changes."""
        self.options[kind].append((["type", *step], name))

    def restart(self, pictures):
        """Start a fresh kernel with drawings or photos."""
        self.kernel.close()
        self.client = NotebookClient(
            copy.deepcopy(self.notebook),
            timeout=LONGEST,
            kernel_name="python3",
            allow_errors=True,
            store_widget_state=False,
            extra_arguments=["--log-level=40"],  # errors
            resources={"metadata": {"path": str(self.path.parent)}},
        )
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
            value = str(error).splitlines()[0]
            self.restart(self.pictures)
            name = type(error).__name__
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
        is_explained = error and self.state.explains(index, error)
        on_purpose = "raises-exception" in self.state.tags[index]
        self.state.run(index, on_purpose or not error)
        if error:
            problem = f"{error['ename']}: {error['evalue'].strip()}"
            return None if is_explained else problem
        printed = "".join(
            each.get("text") or str(each.get("data", {}).get("text/plain", ""))
            for each in outputs
            if each.get("name") != "stderr"
        )
        is_ticked = TICK in printed
        if expected == "right" and not is_ticked and not self.state.changed:
            return f"The solution gets no {TICK}: {printed}"
        if expected == "wrong" and is_ticked:
            return f"A wrong answer gets a {TICK}: {printed}"
        if not expected and is_ticked and index in self.stubs:
            return f"The stub gets a {TICK}: {printed}"
        if expected or "nbval-check-output" not in self.state.tags[index]:
            return None
        printed, key = ADDRESS.sub("", printed), (index, self.pictures)
        if self.state.orderly:
            self.printed.setdefault(key, printed)
        before = self.printed.get(key, printed)
        if printed != before and not self.state.changed:
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
            "notebook": os.path.relpath(self.path, ROOT),
            "seed": self.seed,
            "cell": index,
            "problem": problem,
            "steps": self.steps,
        }
        text = json.dumps(kept, indent=1, ensure_ascii=False)
        (REPORTS / name).write_text(text, "utf-8")
        print(
            f"{self.path.name}, cells[{index}], seed {self.seed}, "
            f"{self.pictures}, step {len(self.steps)}:\n  {problem}\n  after "
            + "; ".join(str(step)[1:-1] for step in self.steps[-5:])
            + f"\n  python tests/walk.py --replay {REPORTS / name}",
            flush=True,
        )

    def plan(self):
        """Draw the next steps."""
        kind = self.draw.choices([*WEIGHTS], [*WEIGHTS.values()])[0]
        cells = [*self.state.sources]
        place = self.draw.randrange(len(cells))
        length = self.draw.randint(2, 8)
        if kind == "again":
            return _run(cells[place])
        if kind == "forward":
            return _run(*cells[place : place + length])
        if kind == "backward":
            return _run(*cells[place::-1][:length])
        if kind == "restart":
            first = ["restart", self.draw.choice(self.sources)]
            return [first, *_run(*cells[: place + 1])]
        if kind == "forget" and self.state.live:
            index, name = self.draw.choice(sorted(self.state.live))
            users = self.state.users(index, name)[:length]
            return [["delete", name], *_run(*users[-1:], index, *users)]
        if self.options[kind]:
            step, name = self.draw.choice(self.options[kind])
            users = self.state.users(step[1], name) if name else []
            return [step, *_run(*users[:length])]
        return []

    def wander(self, deadline):
        """Run all, then walk until time.monotonic() reaches a deadline."""
        first = ["restart", self.sources[0]]
        todo = deque([first, *_run(*self.state.sources)])
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
    end = time.monotonic() + 60 * options.minutes
    lessons = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    steps, paths = [], options.notebooks or lessons
    if options.replay:
        kept = json.loads(options.replay.read_text("utf-8"))
        paths, steps = [ROOT / kept["notebook"]], kept["steps"]
        options.seed = kept["seed"]
    problems = 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ["JUPYTER_PLATFORM_DIRS"] = "1"
        os.environ["COURSE_CACHE"] = f"{folder}/cache"
        pack = pack_path()
        sources = ("drawings", "photos") if pack else ("drawings",)
        if pack:
            photos.install_pack(pack)
        for number, path in enumerate(paths):
            home = f"{folder}/{path.stem}"
            walk = Walk(path, home, options.seed, sources)
            left = end - time.monotonic()
            if steps:
                walk.replay(steps)
            else:
                share = left / (len(paths) - number)
                walk.wander(time.monotonic() + share)
            problems += len(walk.found)
            print(
                f"{path.name}: {len(walk.steps)} steps with "
                f"{', '.join(sources)}; problems: {len(walk.found)}",
                flush=True,
            )
    return problems


if __name__ == "__main__":
    sys.exit(bool(main()))
