"""The order of the package: data flows one way, and imports go downward."""

import ast
import importlib
import inspect
import re
from collections import defaultdict
from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "course_utils"
FRAMEWORKS = {"tensorflow", "keras", "jax", "torch"}
# A room may import from itself and from those before it, never from one after.
ROOMS = (
    "language",
    "machine",
    "plots",
    "check",
    "scoreboard",
    "timing",
    "data",
    "results",
    "networks",
    "panels",
)
# Look at a framework's devices and wait for them, or time its products.
ASKS_FRAMEWORKS = {"machine.devices", "timing.clock", "timing.roofline"}


def module_name(path, root=ROOT):
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports(source):
    """Return (module imported, whether when the importer is imported)."""
    tree = ast.parse(source)
    late = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.Lambda)
        for inner in ast.walk(node)
    }
    found = []
    for node in ast.walk(tree):
        at_once = id(node) not in late
        if isinstance(node, ast.Import):
            found += [(alias.name, at_once) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                found.append((f"{node.module}.{alias.name}", at_once))
    return found


def room_of(name):
    """Return the room of an imported name, or None outside the package."""
    parts = name.split(".")
    if parts[0] != "course_utils" or len(parts) < 2:
        return None
    return parts[1] if parts[1] in ROOMS else None


def upward(sources):
    """Return the imports of {module: source} that run from low to high."""
    found = []
    for module, source in sources.items():
        room = room_of(module)
        if room is None:
            continue
        for name, _ in imports(source):
            other = room_of(name)
            if other and ROOMS.index(other) > ROOMS.index(room):
                found.append(f"{module} imports {name}")
    return found


def circles(sources):
    """Return the modules of {module: source} that import one another."""
    arrows = {
        module: {
            max(
                (m for m in sources if name == m or name.startswith(f"{m}.")),
                key=len,
                default=None,
            )
            for name, _ in imports(source)
        }
        - {None, module}
        for module, source in sources.items()
    }
    # A room's door names what is in the room; that is no circle.
    doors = {m for m in sources if m.count(".") == 1 and is_door(m, sources)}
    for module in sources:
        if any(module.startswith(f"{door}.") for door in doors):
            arrows[module] -= {
                door for door in doors if module.startswith(f"{door}.")
            }
    left = dict(arrows)
    while True:
        ends = {m for m, to in left.items() if not to & left.keys()}
        if not ends:
            return sorted(left)
        left = {m: to for m, to in left.items() if m not in ends}


def is_door(module, sources):
    return any(other.startswith(f"{module}.") for other in sources)


def frameworks(sources):
    """Return who imports a framework outside `networks` and the studies."""
    return [
        f"{module} imports {name}"
        for module, source in sources.items()
        if not module.startswith(("course_utils.networks", "studies"))
        and module.removeprefix("course_utils.") not in ASKS_FRAMEWORKS
        for name, _ in imports(source)
        if name.split(".")[0] in FRAMEWORKS
    ]


def studies(sources):
    """Return the modules of the package that import a study."""
    return [
        module
        for module, source in sources.items()
        if module.startswith("course_utils")
        for name, _ in imports(source)
        if name.split(".")[0] == "studies"
    ]


WRITES = re.compile(r"write_json|write_atomically|write_text|\.savez?\(")


def measuring_results(sources):
    """Return the modules of `results` that measure, write or run a network."""
    bad = re.compile(r"\bperf_counter|\.fit\(|\.predict\(|timing\.measure")
    return [
        module
        for module, source in sources.items()
        if module.startswith("course_utils.results.")
        and (bad.search(source) or WRITES.search(source))
    ]


def writers(sources):
    """Return who writes where it should not.

    Studies write data/ and leave pages alone; docs write pages, notebooks and
    translations and leave data/ alone; the package writes none of them.
    """
    found = []
    for module, source in sources.items():
        texts = [
            node.value
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        pages = any(
            re.search(r"README\.md$|\.(ipynb|po)$|^docs/", t) for t in texts
        )
        data = "files.path(" in source or "donor_path(" in source
        if not WRITES.search(source) and "write_between" not in source:
            continue
        if module.startswith("studies") and "write_between" in source:
            found.append(f"{module} writes pages")
        if module.startswith("docs") and data:
            found.append(f"{module} writes data/")
        if module.startswith("course_utils") and pages:
            found.append(f"{module} writes pages")
    return found


@pytest.fixture(scope="module")
def sources():
    paths = [
        *PACKAGE.rglob("*.py"),
        *(ROOT / "studies").glob("*.py"),
        *(ROOT / "docs").rglob("*.py"),
    ]
    return {module_name(path): path.read_text("utf-8") for path in paths}


RULES = {
    upward: {
        "course_utils.data.new": "from course_utils.networks import donors",
        "course_utils.plots.new": "from course_utils import panels",
        "course_utils.machine.new": "def f():\n from course_utils import data",
        "course_utils.language": "from course_utils.machine import paths",
    },
    circles: {
        "course_utils.data.one": "from course_utils.data import two",
        "course_utils.data.two": "from course_utils.data import one",
    },
    frameworks: {
        "course_utils.results.new": "import keras",
        "course_utils.data.new": "def f():\n    from tensorflow import io",
    },
    studies: {"course_utils.results.new": "from studies import transfer"},
    measuring_results: {
        "course_utils.results.new": "def f(n, x): return n.predict(x)",
        "course_utils.results.other": "paths.write_json(path, 1)",
    },
    writers: {
        "studies.new": "paths.write_between(page, 'mark', text)",
        "docs.new": "paths.write_json(files.path('x'), 1)",
        "course_utils.new": "page = 'README.md'\npaths.write_text(page)",
        "course_utils.po": "words = 'messages.it.po'\npaths.write_text(words)",
    },
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_the_rule(rule, sources):
    assert rule(sources) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_rule_can_fail(rule, sources):
    for name, source in RULES[rule].items():
        broken = RULES[rule] if rule is circles else {name: source}
        assert rule(sources | broken)


def test_the_door_is_small():
    shown = [p.name for p in PACKAGE.iterdir() if p.name != "__pycache__"]
    assert len(shown) <= 12, sorted(shown)


def lines(folder):
    texts = (path.read_text("utf-8") for path in folder.rglob("*.py"))
    return sum(text.count("\n") for text in texts)


# They may shrink: what is new makes room for itself. The second language cost
# 300 lines once.
@pytest.mark.parametrize(
    ("folder", "most"), [("course_utils", 15_200), ("studies", 2_300)]
)
def test_the_rooms_stay_small(folder, most):
    assert lines(ROOT / folder) <= most


def uses(source):
    """Return the names of the package, in full, that a lesson's code uses."""
    tree, known = ast.parse(source), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom | ast.Import):
            room = getattr(node, "module", None)
            for alias in node.names:
                full = f"{room}.{alias.name}" if room else alias.name
                known[alias.asname or alias.name] = full
    names = [known.get(getattr(n, "id", "")) for n in ast.walk(tree)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            names.append(f"{known.get(getattr(node.value, 'id', ''))}"
                         f".{node.attr}")  # fmt: skip
    return {n for n in names if n and n.startswith("course_utils.")}


@pytest.fixture(scope="module")
def used():
    """Return {function or class of the package: lessons that use it}."""
    found = defaultdict(set)
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        shell = TransformerManager().transform_cell
        code = [shell(c.source) for c in cells if c.cell_type == "code"]
        for name in uses("\n".join(code)):
            room, _, own = name.rpartition(".")
            try:
                thing = getattr(importlib.import_module(room), own, None)
            except ModuleNotFoundError:  # an attribute of what is in a room
                continue
            if inspect.isfunction(thing) or inspect.isclass(thing):
                found[thing].add(path.name[:2])
    return found


def undocumented(used):
    """Return what docstrings lack: an example for two lessons, or a lesson.

    Exercises stand in `check` in the section of their lesson.
    """
    found = []
    for thing, lessons in used.items():
        name, text = f"{thing.__module__}.{thing.__name__}", thing.__doc__
        if len(lessons) > 1 and ">>>" not in text:
            found.append(f"{name} has no example")
        taught = re.search(r"(Taught|Introduced)\s+in\s+notebook\s+\d", text)
        if not taught and thing.__module__ != "course_utils.check":
            found.append(f"{name} does not say where it is taught")
    return found


def test_what_lessons_use_has_an_example_and_a_lesson(used):
    assert len(used) > 100
    assert undocumented(used) == []


def test_a_missing_example_or_lesson_is_found():
    def spoiled():
        """Do what two lessons need. Taught in notebook 01."""

    def silent():
        """Do what a lesson needs."""

    assert undocumented({spoiled: {"01"}}) == []
    assert "example" in undocumented({spoiled: {"01", "02"}})[0]
    assert "taught" in undocumented({silent: {"01"}})[0]
    cell = "from course_utils import timing as t\nt.measure(x)"
    assert "course_utils.timing.measure" in uses(cell)
