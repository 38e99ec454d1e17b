"""The text that people read avoids the patterns that a program can find.

A pattern has the better word for its message, a sentence that must fail and
one that must not. Prose is checked in notebooks, pages, docstrings and in the
strings that programs print; code, addresses and mathematics are left alone.
"""

import ast
import contextlib
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from test_notebook_style import plain

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    path
    for pattern in (
        "*.md",
        "docs/*.md",
        "data/*.md",
        "data/*/*.md",
        ".github/*.md",
        "notebooks/*.ipynb",
        "course_utils/**/*.py",
        "studies/**/*.py",
    )
    for path in ROOT.glob(pattern)
    if path.name != "traduzioni.md"
)

COUNT = (
    r"(?:two|three|four|five|six|seven|eight|nine|ten|twenty|fifty"
    r"|\d[\d,]*)"
)
EACH = (
    r"(?:animal|batch|class|column|core|device|draw|epoch|example|GPU|head"
    r"|hidden unit|hour|image|layer|lesson|line|machine|minute|month|notebook"
    r"|person|picture|process|pull request|rung|second|seed|source|step"
    r"|student|task|unit|week|year)"
)
IS = (
    r"(?:is|are|was|were|has|have|had|does|do|did|will|would|can|could|must"
    r"|shall)"
)
GOES_ON = (
    r"(?= (?:of|with|from|that|which|on|in|is|takes|took|as|by|at)\b"
    r"|[.,;:?!)])"
)


@dataclass
class Pattern:
    """Name a pattern, the better word, a bad and a good sentence."""

    find: str
    better: str
    bad: str
    good: str

    def __post_init__(self):
        self.find = re.compile(self.find, re.MULTILINE)


PATTERNS = [
    Pattern(
        r"\b[Ss]hall\b",
        "will, should or is to",
        "The pictures that it shall learn.",
        "The pictures that it will learn at the shallow end.",
    ),
    Pattern(
        r"\bso that\b[^.?!]{0,60}\bmay\b|\bmay (?:move|learn|train|speak)\b"
        r"|\b[Mm]ay one\b",
        "can, or is free to",
        "All of the base may move.",
        "The timings may differ, and you may look at them now.",
    ),
    Pattern(
        r"\bst(?:ands?|ood) (?:above|below|between|in|on|there|under|with)\b"
        r"(?! (?:for|front|where)\b|[.,])",
        "is, is shown or appears",
        "The minutes stand in the first cell.",
        "A thread stands in for the device; GPU stands for a processor.",
    ),
    Pattern(
        r"\b(?:[Aa]bove|[Bb]elow|[Ii]n brackets|[Ii]n parentheses)"
        r"(?: [\w-]+){0,3} stands?\b",
        "the label is shown above",
        "In brackets stands the interval.",
        "In parentheses you see what the letters stand for.",
    ),
    Pattern(
        r"(?<!, )(?<!at )(?<!of )(?<!in )(?<!by )\b[Ww]hich "
        r"(?:share|shape|balanced|fraction|percentage|accuracy)\b",
        "what",
        "Which share of the work is that?",
        "Which of them is larger, and what share is that?",
    ),
    Pattern(
        rf", for (?:it|they|we|you|he|she|there|nobody|nothing|this|that) {IS}"
        r"\b|, for (?:its|their|this|the|our|your) [\w-]+ "
        r"(?:is|are|was|were|has|have)\b",
        "because",
        "A guess, for its weights are random.",
        "Draw ten pictures, for each class, and one for the test.",
    ),
    Pattern(
        r"\b[Tt]rainings\b"
        rf"|\b(?:[Aa]|[Aa]nother|[Oo]ne) (?:training|fine-tuning){GOES_ON}",
        "a training run, training or fine-tuning",
        "It is a training of your wish, one of many trainings.",
        "A training run ends; a training set does not.",
    ),
    Pattern(
        r"\b[Oo]ne (?:batch|column|curve|dot|file|folder|line|mark|name"
        r"|number|picture|record|row|seed|sub-?folder|test|text|title|update"
        rf"|value) an? [A-Za-z]+|\b{COUNT} (?!times )[a-z-]+s an? {EACH}\b"
        r"|(?<!many )\b(?:bytes|cents|dollars|examples|images|multiply-adds"
        rf"|operations|pictures|steps) an? {EACH}\b|\b[Aa] mark an? {EACH}\b",
        "per",
        "One row a picture, and ten pictures a class.",
        "One is a row, and each class has ten pictures.",
    ),
    Pattern(
        r"\b[Ww]hoever\b|(?:^|(?<=[.:;!?] ))[Ww]ho [a-z][^?.!]*[.!](?=\s|$)",
        "if you …, or anyone who …",
        "Who has a GPU raises them.",
        "Who guessed B? Ask anyone who has a GPU.",
    ),
    Pattern(
        r"(?:^|(?<=[.:;!?] ))Where (?:it|you|they|one|there|no|nothing|some)"
        r"\b[^?.!]*,",
        "if or when",
        "Where one is missing, the notebook says so.",
        "Where does it fail, and when? It says where you are.",
    ),
    Pattern(
        r"(?<!can )(?<!could )(?<!to )\b[Tt]ells?(?=[.;!])",
        "show, or tell us",
        "Three measurements tell.",
        "As far as we can tell, the table tells us more.",
    ),
    Pattern(
        r"\b(?:never|ever|has|have|had) met\b"
        r"|\bmet (?:(?:a|the|its|no|any|same|new|of) )*"
        r"(?:fox(?:es)?|cats?|dogs?|pictures?|images?|data|animals?)\b",
        "saw, or was shown",
        "It never met a fox.",
        "The deadline is met; in this lesson you meet the pictures.",
    ),
    Pattern(
        r"\b[Bb]eside\b",
        "next to, with, or compare",
        "Lay one beside the other.",
        "Besides, it is cheap.",
    ),
    Pattern(
        r"\b[Mm]end(?:s|ed|ing)?\b",
        "fix",
        "Find it and mend it.",
        "We recommend the amended version.",
    ),
    Pattern(
        r"\b[Aa]new\b",
        "again, or from the start",
        "Flips are drawn anew.",
        "A new flip is drawn again.",
    ),
    Pattern(
        r"\bin turns\b",
        "alternately",
        "Time both in turns.",
        "Time each in turn.",
    ),
    Pattern(
        r"\b[Bb]ase lines?\b",
        "baseline",
        "Lists are our base line.",
        "The base is on this line; the baseline is not.",
    ),
    Pattern(
        r"\bless far\b",
        "less",
        "They move less far.",
        "They move less; it is far.",
    ),
    Pattern(
        r"\b[Rr]ightly\b",
        "correctly",
        "It names them rightly.",
        "It names them correctly, and brightly.",
    ),
    Pattern(
        r"\b[Dd]ear(?:er|est)?\b(?!,)",
        "expensive",
        "The best cure, and the dearest.",
        "A nearest neighbor is not expensive.",
    ),
    Pattern(
        r"\b[Uu]pbringing\b",
        "what it was trained on",
        "Only its upbringing differs.",
        "Only what it was trained on differs.",
    ),
    Pattern(
        r"\b(?:it|they|model|network|one|people|hand) errs?\b",
        "is wrong",
        "Counting by hand errs.",
        "Print the errors to stderr.",
    ),
    Pattern(
        r"\bof your wish\b",
        "you like",
        "Any program of your wish.",
        "Any program you like.",
    ),
    Pattern(
        r"\b[Tt]h(?:is|at|ose|ese) very (?:loop|same|size|thing|picture)",
        "exactly this, or the same",
        "They are of this very size.",
        "They are very large, and exactly this size.",
    ),
    Pattern(
        r"\b[Ll]uck (?:has|reaches)\b|\bha(?:s|ve) (?:\w+ )?luck\b",
        "chance, or a confidence interval",
        "The accuracy has luck in it.",
        "That was luck; chance plays a part.",
    ),
    Pattern(
        r"\bA machine (?:does|reads)\b",
        "let's compute",
        "A machine does the division.",
        "A machine with two cores does the work.",
    ),
    Pattern(
        r"\b[Hh]ow many times as\b",
        "how many times faster, or longer",
        "How many times as many pictures?",
        "How many times did it run, as far as you saw?",
    ),
    Pattern(
        r"\bis it not\?",
        "isn't it?",
        "Harder, is it not?",
        "Is it not there? It isn't.",
    ),
    Pattern(
        r"\b(?:on|in) \d+ ?[×x] ?\d+ pixels",
        "at 32 × 32 pixels",
        "The animals on 32 × 32 pixels.",
        "The animals at 32 × 32 pixels.",
    ),
    Pattern(
        r"\b(?:as|with) a share\b",
        "as a fraction",
        "Answer with a share.",
        "Answer with a fraction; share it.",
    ),
    Pattern(
        r"\b(?:[Cc]olours?|[Cc]oloured|[Cc]entred?|[Ll]icences?|[Gg]rey"
        r"|[Bb]ehaviour|[Ff]avour\w*|[Nn]eighbour\w*|[Ll]abelled|[Ll]abelling"
        r"|[Mm]odelling|[Aa]nalysed?|[Pp]rogrammes?"
        r"|(?:[Nn]ormal|[Mm]emor|[Rr]ecogn|[Oo]ptim|[Ii]nitial|[Ss]erial"
        r"|[Oo]rgan|[Gg]eneral|[Vv]isual)is(?:e[ds]?|ing|ation))\b",
        "the American spelling",
        "The colour is memorised.",
        "The color is memorized, and organisms are analyzed.",
    ),
]


def prose_of_markdown(source):
    """Return Markdown with each paragraph on a line of its own."""
    source = re.sub(r"(?m)^(?: {4}|\t).*$", "", source)  # indented code
    paragraphs = re.split(r"\n\s*\n|\n(?=\s*(?:[-*|>]|\d+\.)\s?)", source)
    return [" ".join(plain(text).split()) for text in paragraphs]


def strings(source):
    """Yield the docstrings and the texts of a program, joined and whole."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            parts = [
                part.value if isinstance(part, ast.Constant) else "…"
                for part in node.values
            ]
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def texts(path):
    """Yield (place, text) for all that a person reads in a file."""
    content = path.read_text("utf-8")
    if path.suffix == ".md":
        for text in prose_of_markdown(
            re.sub(r"```.*?```", "", content, flags=re.DOTALL)
        ):
            yield path.name, text
        return
    if path.suffix == ".py":
        for line, text in strings(content):
            for part in re.split(r"\n\s*\n", text):
                yield f"line {line}", " ".join(plain(part).split())
        return
    for index, cell in enumerate(nbformat.reads(content, 4).cells):
        place = f"cell {index}"
        if cell.cell_type == "markdown":
            for text in prose_of_markdown(cell.source):
                yield place, text
        elif "setup" not in cell.metadata.get("tags", ()):
            code = re.sub(r"(?m)^\s*[%!].*$", "", cell.source)
            with contextlib.suppress(SyntaxError):  # another language's cell
                for _, text in strings(code):
                    yield place, " ".join(plain(text).split())


def complaints(text):
    """Return the patterns in a text, each with the better word."""
    return [
        f"“{found[0]}”: better {pattern.better}"
        for pattern in PATTERNS
        if (found := pattern.find.search(text))
    ]


@pytest.mark.parametrize(
    "path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_the_text_is_written_in_english(path):
    found = [
        f"{place}: {complaint}"
        for place, text in texts(path)
        if " " in text
        for complaint in complaints(text)
    ]
    assert not found, "\n" + "\n".join(dict.fromkeys(found))


def names(pattern):
    return pattern.better.split(",")[0]


@pytest.mark.parametrize("pattern", PATTERNS, ids=names)
def test_a_bad_sentence_fails(pattern):
    assert pattern.find.search(pattern.bad)


@pytest.mark.parametrize("pattern", PATTERNS, ids=names)
def test_a_good_sentence_passes_every_pattern(pattern):
    assert complaints(pattern.good) == []


@pytest.mark.parametrize(
    "sentence",
    [
        "One row a picture and one column a hidden unit.",
        "You get 300 pictures a second.",
        "One text a GPU.",
        "All in all, one sub-folder a class.",
        "Above each picture stands its label.",
        "Use it, for it is fast.",
        "Which balanced accuracy has the lazy program?",
        "Ask the room: who raises a hand has guessed.",
        "Where it is wrong, look again.",
        "A fine-tuning that is as fast as a frozen base is none.",
    ],
)
def test_the_kind_is_found_and_not_the_example_alone(sentence):
    assert complaints(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "One day a student asked for three times a second opinion.",
        "The one with a fox is a picture.",
        "The network, which shape it may have, has two layers.",
        "That is a training picture, and fine-tuning follows.",
        "Who are you? Whose is it?",
        "Only time will tell us. I cannot tell, and you can tell.",
        "Numbers stand for classes, and one thread stands in for a GPU.",
        "It is for the test, for the class, and for you.",
        "They agree at 32 × 32 pixels.",
        "He learned it by heart, and the donor stands in.",
        "Return about how many bytes a picture takes.",
    ],
)
def test_it_is_quiet_on_the_rest(sentence):
    assert complaints(sentence) == []
