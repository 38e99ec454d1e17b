"""The house style of notebooks: one small rule each, with its bad notebook.

A rule yields (number of the cell or None, what is wrong). It comes with a
sentence on how to fix that, and with `spoil`, which changes the good notebook
into one that must fail this rule and no other, so no rule can stop working
unseen.
"""

import re
from dataclasses import dataclass

import nbformat
import pytest
from nbformat.v4 import (
    new_code_cell,
    new_markdown_cell,
    new_notebook,
    new_output,
)
from noise import NOISE
from publish import Address, lessons
from solutions import is_exercise

ADDRESS = Address.read()
RULES = []
# Without one a cell goes on with its slide; jupyterlab-slideshow hides "-".
SLIDE_TYPES = {"slide", "subslide", "fragment", "skip", "notes"}
MAXIMUM_BYTES = 500_000
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhf"
    "DwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


@dataclass
class Lesson:
    """A notebook as the rules see it."""

    name: str
    notebook: nbformat.NotebookNode
    size: int = 0

    @classmethod
    def read(cls, path):
        notebook = nbformat.read(path, as_version=4)
        return cls(path.name, notebook, path.stat().st_size)

    @property
    def cells(self):
        return self.notebook.cells

    @property
    def number(self):
        return int(self.name[:2])

    def of_type(self, kind):
        for index, cell in enumerate(self.cells):
            if cell.cell_type == kind:
                yield index, cell

    def code(self):
        return self.of_type("code")

    def markdown(self):
        return self.of_type("markdown")

    def prose(self):
        """Yield (index, text) without code, mathematics and addresses."""
        for index, cell in self.markdown():
            yield index, plain(cell.source)

    def outputs(self):
        for index, cell in self.code():
            for output in cell.outputs:
                yield index, cell, output

    def headings(self):
        for index, cell in self.markdown():
            source = re.sub(r"```.*?```", "", cell.source, flags=re.DOTALL)
            for marks in re.findall(r"^(#+) ", source, re.MULTILINE):
                yield index, len(marks)


def plain(source):
    """Return Markdown without fenced code, code, mathematics, addresses."""
    for pattern in (
        r"```.*?```",
        r"<!--.*?-->",
        r"\$\$.*?\$\$",
        r"`[^`]*`",
        r"\$[^$\n]+\$",
        r"(?<=\])\([^)]*\)",
        r"<[^>\n]+>",
    ):
        source = re.sub(pattern, " ", source, flags=re.DOTALL)
    return source


def text_of(output):
    """Return all that an output shows as text."""
    data = output.get("data", {})
    parts = [
        output.get("text", ""),
        *(value for kind, value in data.items() if kind.startswith("text/")),
        *output.get("traceback", []),
    ]
    return "\n".join(parts)


def tags(cell):
    return cell.metadata.get("tags", [])


def rule(fix, spoil):
    def register(check):
        RULES.append((check, fix, spoil))
        return check

    return register


def complaints(lesson, check, fix):
    found = []
    for index, problem in check(lesson):
        place = lesson.name
        if index is not None:
            start = lesson.cells[index].source.split("\n")[0][:40]
            place += f", cell {index} ({start!r})"
        found.append(f"{place}: {problem}. {fix}")
    return found


def set_source(index, source):
    def spoil(lesson):
        lesson.cells[index].source = source

    return spoil


def append_source(index, text):
    def spoil(lesson):
        lesson.cells[index].source += text

    return spoil


def set_outputs(index, *outputs):
    def spoil(lesson):
        lesson.cells[index].outputs = list(outputs)

    return spoil


def say(source, slide="slide"):
    metadata = {"slideshow": {"slide_type": slide}}
    return new_markdown_cell(source, metadata=metadata)


def do(source, *outputs, **metadata):
    metadata |= {"slideshow": {}}
    return new_code_cell(source, metadata=metadata, outputs=list(outputs))


def step():
    return new_code_cell("step()", metadata=slide("skip"))


def slide(kind):
    return {"slideshow": {"slide_type": kind}}


def notes(first, last):
    source = (
        f"<details><summary>Instructor's notes, minutes {first}–{last}"
        "</summary>\n\nAsk who guessed B.\n\n</details>"
    )
    return say(source, "notes")


def printed(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def insert(index, *cells):
    def spoil(lesson):
        lesson.cells[index:index] = cells
        count(lesson)

    return spoil


def count(lesson):
    """Number the code cells as a run from the top does."""
    for number, (_, cell) in enumerate(lesson.code(), start=1):
        cell.execution_count = number


# ------------------------------------------------------------------ the rules


@rule("Keep one line that starts with `# `.", append_source(-1, "\n\n# More"))
def one_title(lesson):
    levels = [level for _, level in lesson.headings()]
    if levels.count(1) != 1:
        yield None, f"{levels.count(1)} titles"


HEAD_MINUTES = r"(?m)^(\d+) min \+ (\d+) min · CPU (\d+) s$"


@rule(
    "Write `# N. Title` with the file's number, `**Question**: …` and "
    "`N min + M min · CPU S s` in the first cell.",
    lambda lesson: set_source(
        0, lesson.cells[0].source.replace("**Question**", "Topic")
    )(lesson),
)
def first_cell(lesson):
    head = lesson.cells[0].source
    parts = {
        "title": rf"(?m)^# {lesson.number}\. \S",
        "question": r"\*\*Question[.:]?\*\*[.:]?\s*\S",
        "minutes": HEAD_MINUTES,
    }
    for name, pattern in parts.items():
        if not re.search(pattern, head):
            yield 0, f"no {name}"


@rule(
    "Run `make publish`; the first line ends with <!-- badges -->.",
    lambda lesson: set_source(
        0, lesson.cells[0].source.replace("github/", "github/other-", 1)
    )(lesson),
)
def badges(lesson):
    if lesson.cells[0].source.split("\n")[0] != ADDRESS.badges(lesson.name):
        yield 0, "the badges are not those of this file and address"


@rule(
    "Run `make publish`; the cell is the first code cell, has the tag "
    "`setup` and `cellView: form`.",
    append_source(2, "\nimport numpy"),
)
def setup_cell(lesson):
    index, cell = next(lesson.code(), (None, None))
    if cell is None or cell.source != ADDRESS.setup_cell():
        yield index, "not the set-up cell of all notebooks"
    elif tags(cell) != ["setup"] or cell.metadata.get("cellView") != "form":
        yield index, "the set-up cell lacks its tag or its form"


def bold_bullets(source):
    bullets = re.findall(r"(?m)^[-*] .*(?:\n(?![-*] ).+)*", source)
    terms = re.findall(r"\*\*(.+?)\*\*", "\n".join(bullets))
    return {term.casefold().strip(" .:") for term in terms}


@rule(
    "Use the same bold terms in the bullets of both.",
    set_source(-1, "## Recap\n\nYou saw:\n\n- that **cost** has a price"),
)
def promise_and_recap(lesson):
    cells = [cell.source for _, cell in lesson.markdown()]
    promise = [text for text in cells[:3] if "You will" in text]
    recap = [text for text in cells[-4:] if "You saw" in text]
    if len(promise) != 1 or len(recap) != 1 or not bold_bullets(promise[0]):
        yield None, "“You will” near the top or “You saw” near the end missing"
        return
    difference = bold_bullets(promise[0]) ^ bold_bullets(recap[0])
    if difference:
        yield None, f"only one of “You will”, “You saw” has {difference}"


def beats(cell):
    """Return the words of a Markdown cell that are read at a stretch.

    What is folded is read on its own, and a table is looked up.
    """
    source = re.sub(r"<details>.*?</details>", "", cell.source, flags=re.S)
    source = re.sub(r"(?m)^\|.*\|$", "", source)
    return re.findall(r"\w[\w'’.-]*", plain(source))


@rule(
    "One idea per cell: cut the cell in two, or say less.",
    append_source(6, " And a word more." * 25),
)
def at_most_90_words(lesson):
    for index, cell in lesson.markdown():
        skipped = cell.metadata.get("slideshow", {}).get("slide_type")
        words = len(beats(cell))
        if index > 0 and skipped not in ("skip", "notes") and words > 90:
            yield index, f"{words} words"


NOTES = re.compile(
    r"<details><summary>Instructor's notes, minutes (\d+)–(\d+)</summary>"
    r"\n\n.+\n\n</details>",
    re.DOTALL,
)


def go_back(lesson):
    lesson.cells.insert(-1, notes(3, 5))


@rule(
    "Write <details><summary>Instructor's notes, minutes 3–8</summary>, an "
    "empty line, the text, an empty line, </details>, with minutes that go "
    "on from note to note and end with the lesson.",
    go_back,
)
def notes_with_running_minutes(lesson):
    before, found = (0, 0), False
    head = re.search(HEAD_MINUTES, lesson.cells[0].source)
    limit = sum(map(int, head.groups()[:2])) if head else 0
    for index, cell in lesson.markdown():
        if cell.metadata.get("slideshow", {}).get("slide_type") != "notes":
            if "Instructor's notes" in cell.source:
                yield index, "instructor's notes without the slide type notes"
            continue
        match, found = NOTES.fullmatch(cell.source.strip()), True
        if match is None:
            yield index, "not the form of instructor's notes"
            continue
        first, last = int(match[1]), int(match[2])
        if first >= last or first < before[1] or (limit and last > limit):
            yield index, f"minutes {first}–{last} after {before[1]}"
        before = first, last
    if not found:
        yield None, "no instructor's notes"


def five_minutes(lesson):
    head = lesson.cells[0]
    head.source = head.source.replace("20 min + 15", "2 min + 33")


@rule(
    "State at least one and a half minutes per code cell that is shown.",
    five_minutes,
)
def time_for_each_cell(lesson):
    head = re.search(HEAD_MINUTES, lesson.cells[0].source)
    shown = [
        index
        for index, cell in lesson.code()
        if cell.metadata.get("slideshow", {}).get("slide_type") != "skip"
        and not is_exercise(cell)
    ]
    if head and int(head[1]) < 1.5 * len(shown):
        needed = 1.5 * len(shown)
        yield 0, f"{head[1]} min for {len(shown)} code cells: {needed:.0f}"


FUNCTION_STUB = re.compile(
    r"(?m)^def \w+\([^)]*\):(?:\s+\"\"\"[^\"]*\"\"\")?\s+\.\.\.[ \t]*$"
)


@rule(
    "Add an exercise whose stub is `def name(...):` with the body `...`.",
    lambda lesson: set_source(-4, "answer = ...\ncheck.cost(answer)")(lesson),
)
def a_coding_exercise(lesson):
    if not any(FUNCTION_STUB.search(cell.source) for _, cell in lesson.code()):
        yield None, "no exercise in which the reader writes a function"


@rule(
    "Add an open question with <details><summary>A model answer</summary>.",
    lambda lesson: set_source(
        -2, lesson.cells[-2].source.replace("A model answer", "Answer")
    )(lesson),
)
def an_open_question(lesson):
    summary = "<summary>A model answer</summary>"
    if not any(summary in cell.source for _, cell in lesson.markdown()):
        yield None, "no open question"


@rule(
    "Cut the cell in two, or move what is not the lesson to course_utils.",
    set_source(5, "\n".join(f"step_{n} = {n}" for n in range(16))),
)
def at_most_15_lines(lesson):
    for index, cell in lesson.code():
        lines = [line for line in cell.source.split("\n") if line.strip()]
        if len(lines) > 15:
            yield index, f"{len(lines)} lines"


@rule(
    "Cut the longest cells until 95 % of those shown, or all but two, have "
    "10 lines or fewer.",
    lambda lesson: [
        set_source(n, "\n".join(f"step_{k} = {k}" for k in range(11)))(lesson)
        for n in (3, 5, 8)
    ],
)
def mostly_10_lines(lesson):
    sizes = {
        index: sum(bool(line.strip()) for line in cell.source.split("\n"))
        for index, cell in lesson.code()
        if cell.metadata.get("slideshow", {}).get("slide_type") != "skip"
    }
    long = [index for index, size in sizes.items() if 10 < size <= 15]
    if len(long) > max(2, 0.05 * len(sizes)):
        yield long[0], f"{len(long)} of {len(sizes)} code cells have 11 to 15"


@rule(
    "Break the line before column 80.",
    set_source(5, f"long_name = {'1 + ' * 20}1"),
)
def at_most_79_columns(lesson):
    for index, cell in lesson.code():
        widest = max(map(len, cell.source.split("\n")))
        if widest > 79 and "setup" not in tags(cell):
            yield index, f"{widest} columns"


@rule(
    "Say in a Markdown cell what the next one does.",
    lambda lesson: insert(4, *(step() for _ in range(2)))(lesson),
)
def at_most_3_code_cells_in_a_row(lesson):
    run = 0
    for index, cell in enumerate(lesson.cells):
        run = run + 1 if cell.cell_type == "code" else 0
        if run == 4:
            yield index, "the fourth code cell in a row"


def one_long_section(lesson):
    for _ in range(12):
        insert(6, step(), say("And again:"))(lesson)


@rule("Give each idea its own heading.", one_long_section)
def a_heading_every_3_code_cells(lesson):
    code = sum(1 for _ in lesson.code())
    headings = sum(1 for _ in lesson.headings())
    if code > 3 * headings:
        yield None, f"{code} code cells under {headings} headings"


@rule("Go one level deeper at a time.", append_source(4, "\n#### Deep"))
def headings_nest(lesson):
    before = 0
    for index, level in lesson.headings():
        if level > before + 1:
            yield index, f"a heading of level {level} below one of {before}"
        before = level


@rule(
    "Run docs/refresh.py, which drops it (GitHub refuses such files).",
    lambda lesson: lesson.notebook.metadata.update(widgets={"state": {}}),
)
def no_widget_state(lesson):
    if lesson.notebook.metadata.get("widgets"):
        yield None, "metadata.widgets is stored"


@rule("Name what you import.", set_source(3, "from numpy import *"))
def no_star_imports(lesson):
    for index, cell in lesson.code():
        if re.search(r"(?m)^\s*from\s+\S+\s+import\s+\*", cell.source):
            yield index, "a star import"


@rule(
    "Assign instead (`_ = …`): under the tests `;` silences nothing.",
    set_source(5, "plt.plot(costs);"),
)
def no_semicolons(lesson):
    for index, cell in lesson.code():
        if re.search(r"(?m);\s*(?:#.*)?$", cell.source):
            yield index, "a line ends with `;`"


@rule(
    "The style file sets sizes; picture grids go through plots.",
    set_source(5, "fig, ax = plt.subplots(figsize=(7, 4))"),
)
def no_figsize(lesson):
    for index, cell in lesson.code():
        if "figsize" in cell.source:
            yield index, "figsize"


@rule(
    f"Give it a slide_type of {sorted(SLIDE_TYPES)}, or none if it continues "
    "its slide.",
    lambda lesson: lesson.cells[4].metadata.update(
        slideshow={"slide_type": "-"}
    ),
)
def slide_type(lesson):
    for index, cell in enumerate(lesson.cells):
        kind = cell.metadata.get("slideshow", {}).get("slide_type")
        if kind is not None and kind not in SLIDE_TYPES:
            yield index, f"slide type {kind!r}"


# What the next machine will change. Arithmetic, counts and settings may be
# in prose; what others measured has the link to its source in the same
# paragraph.
NUMBER = r"(?<![\w.,])\d[\d,]*(?:\.\d+)?"
COUNT = (
    rf"(?:{NUMBER}|\b(?:two|three|four|five|six|seven|eight|nine|ten|twenty"
    r"|fifty|a\s+hundred|a\s+thousand|hundreds\s+of|thousands\s+of))"
)
MEASURED = re.compile(
    rf"""{NUMBER}\s*(?:%|per\s?cent\b|percentage\s+points?\b)
    | {NUMBER}\s*(?:ns|µs|us|ms|sec|(?:milli|micro|nano)?seconds?|hours?|days?
        |weeks?|months?|years?|centuries)\b
    | {NUMBER}\s+s\b
    | \b(?:took|takes?|needs?|needed|within|after)\s+(?:about\s+)?{NUMBER}
        \s*min(?:utes?)?\b
    | {NUMBER}\s*[kMGTP]?(?:FLOP/s|B/s|W|J|kWh|watts?|joules?)\b
    | {NUMBER}\s+(?:examples|pictures|images|steps)\s*(?:/|per)\s*s
    | {COUNT}\s*(?:×|x|times)\s+(?:faster|slower|quicker|cheaper|more
        |fewer|less|longer|shorter|better|worse|higher|lower|larger|smaller
        |bigger|as\s+(?:fast|slow|quick|cheap|long|expensive|accurate))\b
    | (?<![\w.,])0?\.\d+(?!\d|\.\d)""",
    re.VERBOSE | re.IGNORECASE,
)
BLOCK = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*+]|\d+[.)])\s)")
SOURCED = re.compile(r"\]\(https?://|arXiv|doi\.org")
# One of the answers to choose from before the measurement, or the numbers of
# an exercise: not a claim.
OPTION = re.compile(
    r"\s*(?:[-*]\s+)?(?:\*\*)?(?:[A-F](?:[.):]|\*\*)|Exercise|Think|Predict)"
)
# What arithmetic decides (a coin, all, none, a half) and what somebody sets.
DECIDED = re.compile(
    r"""(?<![\w.,])(?:0|50|90|95|99|100)\s*(?:%|per\s?cent\b)
    | (?<![\w.,])0?\.(?:0|5|50|25|75)(?!\d|\.\d)
    | \b(?:rates?|momentum|decay|threshold|penalty|probability|penalties|score
        |factor|weight|peak|smoothing|dropout)\s+(?:of\s+|is\s+|at\s+)?
        0?\.\d+
    | (?:=|≈|<|>|≤|≥|between|from|to)\s*0?\.\d+
    | \bif\b.*?(?=[.?!](?:\s|$)|\Z)""",
    re.VERBOSE | re.IGNORECASE,
)
FOLDED = re.compile(r"<details>.*?</details>", re.DOTALL)
TITLE = re.compile(r"[\"“][^\"“”]{,200}[\"”]")  # of a source, in quotes


def measured_claims(source):
    """Return the measured numbers that Markdown states as facts."""
    return [
        match[0]
        for block in BLOCK.split(FOLDED.sub("", source))
        if not SOURCED.search(block) and not OPTION.match(block)
        for match in MEASURED.finditer(
            DECIDED.sub(" ", TITLE.sub(" ", plain(block)))
        )
    ]


@rule(
    "Print it in a cell; put the link to its source next to what others "
    "measured.",
    append_source(6, " Training took 12.5 s."),
)
def no_measured_numbers(lesson):
    for index, cell in lesson.markdown():
        if index > 0:
            for claim in measured_claims(cell.source):
                yield index, f"“{claim}” is a number that a machine changes"


@rule(
    "Let the cell run through, or tag it raises-exception.",
    set_outputs(5, new_output("error", ename="ValueError", evalue="no")),
)
def no_stored_errors(lesson):
    for index, cell, output in lesson.outputs():
        error = output.output_type == "error"
        if error and "raises-exception" not in tags(cell):
            yield index, f"stored with {output.ename}"


@rule(
    "Fix its cause, or keep it from being printed.",
    set_outputs(5, printed("I0000 00:00 service.cc:145] XLA service")),
)
def no_noise(lesson):
    for index, cell, output in lesson.outputs():
        match = NOISE.search(text_of(output))
        if match and "raises-exception" not in tags(cell):
            yield index, f"prints {match[0]!r}"
        elif output.get("name") == "stderr" and not match:
            yield index, "prints to the error stream"


PATHS = re.compile(
    r"(?<![\w.:/])/(?:work|farm|root|home|tmp|opt|usr|var|Users)/"
    r"|[A-Z]:\\\\?Users|[\w-]+\.py(?:pi|thonhosted)\.org"
)


@rule(
    "Print a name or a relative path.",
    set_outputs(5, printed("saved to /home/ada/course/donor.keras")),
)
def no_machine_paths(lesson):
    for index, _, output in lesson.outputs():
        match = PATHS.search(text_of(output))
        if match:
            yield index, f"shows {match[0]!r}, a path or host of one machine"


@rule(
    "Show fewer or smaller figures.",
    lambda lesson: setattr(lesson, "size", MAXIMUM_BYTES + 1),
)
def at_most_500_kilobytes(lesson):
    if lesson.size > MAXIMUM_BYTES:
        yield None, f"{lesson.size / 1000:.0f} kB"


@rule(
    "Let matplotlib show it as PNG.",
    set_outputs(
        5,
        new_output("display_data", {"image/svg+xml": "<svg/>"}),
    ),
)
def pictures_are_png(lesson):
    for index, _, output in lesson.outputs():
        kinds = [k for k in output.get("data", {}) if k.startswith("image/")]
        kinds += re.findall(r"data:(image/[\w+]+)", text_of(output))
        for kind in set(kinds) - {"image/png"}:
            yield index, f"a picture as {kind}"


@rule(
    "Say below the figure what to read from it.",
    lambda lesson: insert(6, *(lesson.cells[5].copy() for _ in range(2)))(
        lesson
    ),
)
def figures_are_read(lesson):
    for index, cell in lesson.code():
        if any("image/png" in o.get("data", {}) for o in cell.outputs):
            kinds = [c.cell_type for c in lesson.cells[index + 1 : index + 3]]
            if "markdown" not in kinds:
                yield index, "no text follows the figure"


@rule(
    "Call plots.use_course_style() first, then run docs/refresh.py.",
    lambda lesson: lesson.cells[5].outputs[0].metadata.clear(),
)
def figures_speak(lesson):
    for index, _, output in lesson.outputs():
        text = output.get("metadata", {}).get("image/png", {}).get("alt")
        if "image/png" in output.get("data", {}) and not text:
            yield index, "a figure without alternative text"


@rule(
    "End with plt.show() or print what a reader can use.",
    set_outputs(
        5,
        new_output(
            "execute_result",
            {"text/plain": "<Axes: xlabel='n'>"},
            execution_count=3,
        ),
    ),
)
def no_bare_objects(lesson):
    pattern = r"<(?:Axes|Figure|matplotlib)|\bat 0x[0-9a-f]{6}"
    for index, _, output in lesson.outputs():
        if output.output_type == "execute_result":
            match = re.search(pattern, text_of(output))
            if match:
                yield index, f"shows the object {match[0]!r}"


@rule(
    "Show the figure first, then the panel with a `__repr__` of its own.",
    set_outputs(5, printed("VBox(children=(FloatSlider(value=1.0),))")),
)
def no_empty_widgets(lesson):
    for index, _, output in lesson.outputs():
        data = output.get("data", {})
        shown = output.get("text", "") + data.get("text/plain", "")
        if "Box(children=" in shown:
            yield index, "a widget is stored as VBox(children=…)"


def skip_a_number(lesson):
    lesson.cells[5].execution_count = 7


@rule("Run docs/refresh.py on the notebook.", skip_a_number)
def ran_from_the_top(lesson):
    for number, (index, cell) in enumerate(lesson.code(), start=1):
        if cell.execution_count != number:
            yield index, f"stored as run {cell.execution_count}, not {number}"
            return


@rule(
    "Use Keras alone (keras.ops): on a TPU runtime there is no TensorFlow.",
    set_source(5, "predictions = tf.nn.sigmoid(costs)"),
)
def keras_alone(lesson):
    pattern = r"\btf\.|(?:import|from)\s+tensorflow\b"
    for index, cell in lesson.code():
        if 5 <= lesson.number <= 12 and re.search(pattern, cell.source):
            yield index, "TensorFlow in a Keras notebook"


def rename_to_01(lesson):
    head = lesson.cells[0]
    head.source = head.source.replace("06_", "01_").replace("# 6.", "# 1.")
    lesson.name = "01_example.ipynb"
    lesson.cells[3].source = "import keras"


@rule("Notebooks 00 to 02 run without a framework.", rename_to_01)
def no_framework_yet(lesson):
    pattern = r"\btf\.|(?:import|from)\s+(?:tensorflow|keras|jax|torch)\b"
    for index, cell in lesson.code():
        if lesson.number <= 2 and re.search(pattern, cell.source):
            yield index, "a framework before notebook 03"


@rule(
    "Leave the word out: what is clear to us need not be to the reader.",
    append_source(6, " You simply read it off."),
)
def no_belittling(lesson):
    for index, text in lesson.prose():
        match = re.search(r"\b(?:easily|just|simply)\b", text, re.IGNORECASE)
        if match:
            yield index, f"“{match[0]}”"


# ------------------------------------------------------------------ the tests


def good_lesson():
    """Return a notebook that keeps all rules, some of them barely."""

    name = "06_example.ipynb"
    figure = new_output(
        "display_data",
        {
            "image/png": PIXEL,
            "text/plain": "<Figure size 700x400 with 1 Axes>",
        },
        metadata={"image/png": {"alt": "Vertical axis: cost, 0 to 1."}},
    )
    cells = [
        say(
            f"{ADDRESS.badges(name)}\n# 6. Example\n\n**Question**: What does "
            "it cost?\n\n20 min + 15 min · CPU 40 s"
        ),
        say("You will:\n\n- count the **cost**\n- see what it **buys**"),
        do(ADDRESS.setup_cell(), tags=["setup"], cellView="form"),
        do("import keras\n\nfrom course_utils import plots"),
        say("## Cost\n\nPictures are 32×32, n = 10; we plot the costs:"),
        do("plt.plot(costs)\nplt.show()", figure),
        say("The rate `0.001` and $p = 0.5$ stay; justify what you see."),
        say("### The wrong way\n\nThis raises, because `costs` is empty:"),
        do(
            "costs[0]",
            new_output("error", ename="IndexError", evalue="empty"),
            tags=["raises-exception"],
        ),
        notes(0, 20),
        say("### Yours\n\n**Exercise.** Reach 0.9 within 12 s."),
        do("def cost(weights):\n    ...\n\n\ncheck.cost(cost)"),
        say(
            "<details><summary>Solution</summary>\n\n```python\ndef cost("
            "weights):\n    return 2 * weights\n```\n\n</details>",
            "skip",
        ),
        say(
            "**Think.** Why?\n\n<details><summary>A model answer</summary>"
            "\n\nA coin gets 0.5.\n</details>"
        ),
        say("## Recap\n\nYou saw:\n\n- what it **buys**\n- the **cost**"),
    ]
    lesson = Lesson(name, new_notebook(cells=cells), size=20_000)
    count(lesson)
    return lesson


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.name)
def test_notebook_keeps_the_style(path):
    lesson = Lesson.read(path)
    found = [
        complaint
        for check, fix, _ in RULES
        for complaint in complaints(lesson, check, fix)
    ]
    assert not found, "\n" + "\n".join(found)


def test_the_good_notebook_keeps_every_rule():
    lesson = good_lesson()
    nbformat.validate(lesson.notebook)
    assert [
        complaint
        for check, fix, _ in RULES
        for complaint in complaints(lesson, check, fix)
    ] == []


@pytest.mark.parametrize(
    ("check", "spoil"),
    [(check, spoil) for check, _, spoil in RULES],
    ids=[check.__name__ for check, _, _ in RULES],
)
def test_the_bad_notebook_breaks_its_own_rule_alone(check, spoil):
    lesson = good_lesson()
    spoil(lesson)
    broken = [other.__name__ for other, _, _ in RULES if list(other(lesson))]
    assert broken == [check.__name__]


def test_a_complaint_names_notebook_cell_and_remedy():
    lesson = good_lesson()
    append_source(6, " It is 3 times faster.")(lesson)
    fix = next(fix for check, fix, _ in RULES if check is no_measured_numbers)
    (complaint,) = complaints(lesson, no_measured_numbers, fix)
    assert complaint.startswith("06_example.ipynb, cell 6 ('The rate")
    assert "3 times faster" in complaint
    assert "Print it in a cell" in complaint


@pytest.mark.parametrize(
    "claim",
    [
        "It reaches 96 % on foxes.",
        "Accuracy is 0.87 now.",
        "Balanced accuracy: .755",
        "That took 12.5 s.",
        "One epoch needs 40 seconds",
        "ImageNet would last 41 years.",
        "It takes about 5 minutes.",
        "The batch is 3 times faster.",
        "The loop is a hundred times slower.",
        "It is 20× as fast.",
        "We reach 145 GFLOP/s.",
        "at 1,200 pictures per second",
        "- a head costs 2 ms",
        "You gain 12 percentage points.",
        "It reaches 0.31 there, and a coin gets 0.5.",
        "The accuracy was 0.74.",
    ],
)
def test_a_measured_number_is_found(claim):
    assert measured_claims(claim)


@pytest.mark.parametrize(
    "sentence",
    [
        "Pictures are 32×32 with 3 colors; n = 10 per class, 10 seeds.",
        "There are 5,000 training pictures and 288,000 weights.",
        "Networks of the 1990s had 2 layers.",
        "A coin scores `0.5`, which is `50 %`.",
        "The rate $\\eta = 0.001$ is 1e-3; Keras 3.13 has it.",
        "Notebook 01 had 3 loops; count the 2 × 3 products.",
        "- **A.** about 10 times faster",
        "- B) 100 times faster",
        "ResNet-50 took 29 hours ([Goyal](https://example.org/goyal)).",
        "```python\nlimit = 0.87  # 12 s\n```",
        "Version 0.1.0, arXiv:1411.1792.",
        "Training accuracy is 100 % and chance 50 %, so a coin scores 0.5.",
        "This is a 95 % confidence interval.",
        'Jordan (2024), "94% on CIFAR-10 in 3.29 seconds on a single GPU".',
        "A learning rate of 0.2 and a momentum of 0.9, with decay 0.0005.",
        "If it took 3 hours at 0.87, would you wait?",
        "**Exercise.** A step takes 12 ms. How many are that per hour?",
        "<details><summary>Why?</summary>\n\n0.3 × 0.3 is 0.09.\n</details>",
        "Talk for 5 minutes with your neighbor.",
        "A multiply-add is 2 FLOP; backward costs two times the forward pass.",
    ],
)
def test_a_constant_of_the_lesson_is_allowed(sentence):
    assert not measured_claims(sentence)
