"""Merge the English lessons into docs/italiano/NN.po; build notebooks/it.

    python docs/italiano/build.py [06]

A lesson is offered in Italian when its file exists; naming a number begins
one. The key of a translation is the English text of its cell, paragraphs in
one line each, so a cell that moves or is wrapped differently keeps its
Italian. A reworded cell keeps it too, as a draft that is marked `fuzzy`.
docs/traduzioni.md says how to work with the files.
"""

import ast
import builtins
import re
import sys
from difflib import SequenceMatcher
from pathlib import Path

import nbformat
import polib

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import publish  # noqa: E402

from course_utils.results import claims  # noqa: E402

ROOT = publish.ROOT
HEADER = {"Content-Type": "text/plain; charset=UTF-8", "Language": "it"}
# Words that are the same in every lesson.
HOUSE = {
    "**Question**": "**Domanda**",
    "**Exercise.**": "**Esercizio.**",
    "**Exercise (open).**": "**Esercizio (aperto).**",
    "**Think.**": "**Rifletti.**",
    "**Design.**": "**Progetta.**",
    "<summary>Solution</summary>": "<summary>Soluzione</summary>",
    "<summary>A model answer</summary>": "<summary>Una risposta</summary>",
    "You will:": "In questo notebook:",
    "You saw:": "Hai visto:",
    "## Recap": "## Riepilogo",
    "## Predict first": "## Prima, una previsione",
}
NOTES = re.compile(
    r"<details><summary>Instructor's notes, minutes (\d+–\d+)</summary>\n\n"
    r"(.+)\n\n</details>",
    re.DOTALL,
)
HEAD = re.compile(rf".*{publish.MARK}\s*(.+?)\s*(\d+ min \+ .+)?", re.DOTALL)
# Lines that begin something and lines that are never joined with the next.
BEGINS = re.compile(r"\s*(?:[-*+] |\d+[.)] |[#|<>]|```|\$\$)")
ALONE = re.compile(r"\s*(?:#|\||```|\$\$|</)|.*(?:  |\\)$")
LIKE = 0.6
# They say nothing about the value that they are part of.
NAMELESS = {"say", "self", "math", "np", "clock", "timing", "reasons", "join"}
# Where the sentences are among the arguments of these functions.
SPEAKS = {
    "say": (0,),
    "mark": (0,),
    "tell": (0,),
    "_write": (3,),
    "reasons.count": (1,),
    "_choice": (0,),
    "_whole": (0,),
    "_Unreadable": (0,),
    "_verdict": (2, 3, 4),
    "try_function": (2, 3, 4),
}


def unwrapped(text):
    """Return Markdown with each paragraph and each item in one line."""
    lines, inside = [], None
    for line in text.strip().split("\n"):
        mark = line.strip()[:3] if line.strip()[:3] == "```" else None
        mark = mark or ("$$" if line.count("$$") == 1 else None)
        fresh = not lines or not lines[-1].strip() or not line.strip()
        if inside or fresh or BEGINS.match(line) or ALONE.match(lines[-1]):
            lines.append(line)
        else:
            lines[-1] += " " + line.strip()
        if mark:
            inside = None if inside == mark else inside or mark
    return "\n".join(lines)


def parts(source):
    """Return (before, English text, after) of a Markdown cell.

    What surrounds the text is Italian already: the badges, the minutes and
    the frame of the instructor's notes need no translator.
    """
    source = source.strip()
    if match := NOTES.fullmatch(source):
        title = f"Note per chi insegna, minuti {match[1]}"
        before = f"<details><summary>{title}</summary>\n\n"
        return before, unwrapped(match[2]), "\n\n</details>"
    if publish.MARK in source:
        match = HEAD.fullmatch(source)
        minutes = f"\n\n{match[2]}" if match[2] else ""
        return f"{publish.MARK}\n\n", unwrapped(match[1]), minutes
    return "", unwrapped(source), ""


def ready(text):
    """Return the Italian of a text that is only code, or None."""
    words = re.sub(r"```.*?```|<[^>]+>", "", text, flags=re.DOTALL)
    for english, italian in HOUSE.items():
        words = words.replace(re.sub("<.*?>", "", english), "")
        text = text.replace(english, italian)
    return None if re.search(r"[^\W\d_]", words) else text


def texts(notebook):
    """Return what a translator has to translate, cell by cell, in order."""
    found = (
        parts(cell.source)[1]
        for cell in notebook.cells
        if cell.cell_type == "markdown"
    )
    return list(dict.fromkeys(text for text in found if ready(text) is None))


def messages(root=ROOT):
    """Return {what the helpers say: who says it}, in the order of the code."""
    found = {}
    for path in sorted((root / "course_utils").rglob("*.py")):
        module = ".".join(path.relative_to(root).with_suffix("").parts[1:])
        for text, function in spoken(path.read_text("utf-8")):
            found.setdefault(text, f"{module} {function}".strip())
    for row in claims.read()["claim"]:
        units = [bound["unit"] for bound in row["bounds"]]
        for text in (row["statement"], row["control"], *units):
            found.setdefault(text, f"claims {row['name']}")
    for verdict in claims.VERDICTS:
        found.setdefault(verdict, "claims verdict")
    return found


def spoken(source):
    """Yield (sentence, function that holds it) of a module, in order."""
    tree = ast.parse(source)
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for top in tree.body:
        calls = [n for n in ast.walk(top) if isinstance(n, ast.Call)]
        for call in sorted(calls, key=lambda n: (n.lineno, n.col_offset)):
            name = ast.unparse(call.func).removeprefix("language.")
            given = [
                *(call.args[n] for n in SPEAKS.get(name, ()) if call.args[n:]),
                *(k.value for k in call.keywords if k.arg == "otherwise"),
            ]
            for argument in given:
                for text in _sentences(argument, constants):
                    yield text, getattr(top, "name", "")
                    if name == "reasons.count":
                        yield f"{text}s", getattr(top, "name", "")


def _sentences(node, constants):
    """Yield the sentences of an argument: of each pair, its second part.

    What is filled in is written {name}; words to choose from, in the code or
    in a constant of the module, are sentences, too.
    """
    each = []
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if re.search(r"[^\W\d_]", node.value):
            yield node.value
    elif isinstance(node, ast.JoinedStr):
        if re.search(r"[^\W\d_]", re.sub(r"\{.*?\}", "", template(node))):
            yield template(node)
        each = [v.value for v in node.values if hasattr(v, "value")]
        kinds = ast.IfExp | ast.Subscript | ast.Name
        each = [v for v in each if isinstance(v, kinds)]
    elif isinstance(node, ast.Name) and node.id in constants:
        each = [constants[node.id]]
    elif isinstance(node, ast.Subscript):
        names = (getattr(n, "id", None) for n in ast.walk(node.value))
        each = [constants.get(next(filter(None, names), None))]
    elif isinstance(node, ast.Call) and hasattr(node.func, "value"):
        each = [constants.get(getattr(node.func.value, "id", None))]
    elif isinstance(node, ast.IfExp):
        each = [node.body, node.orelse]
    elif isinstance(node, ast.Dict):
        each = node.values
    elif isinstance(node, ast.Tuple):
        each = node.elts[1:2]
    elif isinstance(node, ast.List):
        each = node.elts
    elif isinstance(node, ast.Starred):
        each = [node.value]
    elif isinstance(node, ast.ListComp):
        each = [node.elt]
    for inner in each:
        yield from _sentences(inner, constants)


def template(node):
    """Return an f-string's text with a {name} for each of its values."""
    text, names = "", {}
    for part in node.values:
        if isinstance(part, ast.Constant):
            text += part.value.replace("{", "{{").replace("}", "}}")
            continue
        code = ast.unparse(part)
        inside = list(ast.walk(part.value))
        called = {n.func for n in inside if isinstance(n, ast.Call)}
        known = [
            getattr(n, "attr", getattr(n, "id", "self"))
            for kind in (ast.Name, ast.Attribute)
            for n in inside
            if isinstance(n, kind) and n not in called
        ]
        known += [getattr(n, "attr", getattr(n, "id", "self")) for n in called]
        named = (n for n in known if n not in NAMELESS | {*dir(builtins)})
        name = next(named, "value").strip("_").lower()
        alike = [n for n in names if n.rstrip("0123456789") == name]
        same = next((n for n in alike if names[n] == code), None)
        name = same or name + str(len(alike) + 1) * bool(alike)
        names[name] = code
        text += f"{{{name}}}"
    return text


def read(path):
    """Return the translations in a file, empty where there is no file."""
    source = str(path) if path.exists() else ""
    found = polib.pofile(source, wrapwidth=0, encoding="utf-8")
    found.metadata = HEADER
    return found


def merge(wanted, old):
    """Return the translations of the texts `wanted`, from those of `old`.

    wanted: the texts in order; the values of a dictionary become comments
    What is not wanted any more is left out: git keeps it. A new text gets
    the Italian of the most similar text that is gone, as a draft, and the
    English which that Italian translates.
    """
    new = polib.POFile(wrapwidth=0)
    new.metadata = HEADER
    known = {entry.msgid: entry for entry in old}
    gone = [e for e in old if e.msgid not in set(wanted) and e.msgstr]
    before = {e.previous_msgid: e for e in gone if e.previous_msgid}
    left = [t for t in wanted if t not in known and t not in before]
    drafts = _drafts(left, [e for e in gone if e.previous_msgid not in wanted])
    for text in wanted:
        if text in known:
            entry = known[text]
        elif text in before:  # the English is what it was
            entry = polib.POEntry(msgid=text, msgstr=before[text].msgstr)
        elif text in drafts:
            other = drafts[text]
            entry = polib.POEntry(
                msgid=text,
                msgstr=other.msgstr,
                flags=["fuzzy"],
                previous_msgid=other.previous_msgid or other.msgid,
            )
        else:
            entry = polib.POEntry(msgid=text)
        if not entry.fuzzy:
            entry.previous_msgid = None
        entry.comment = wanted[text] if isinstance(wanted, dict) else ""
        new.append(entry)
    return new


def _drafts(wanted, gone):
    """Return {text: the entry of `gone` most like it}, each at most once."""
    pairs = []
    for there, text in enumerate(wanted):
        matcher = SequenceMatcher(b=text, autojunk=False)
        for here, entry in enumerate(gone):
            matcher.set_seq1(entry.msgid)
            quick = (matcher.real_quick_ratio, matcher.quick_ratio)
            if all(ratio() >= LIKE for ratio in quick):
                pairs.append((-matcher.ratio(), there, here))
    found = {}
    for ratio, there, here in sorted(pairs):
        entry = gone[here]
        free = all(entry is not other for other in found.values())
        if -ratio >= LIKE and free and wanted[there] not in found:
            found[wanted[there]] = entry
    return found


def translated(notebook, po, offered, address, name):
    """Return the text of an Italian notebook: the same code, no outputs.

    A text without a finished translation stays English; the tests refuse it.
    """
    italian = {e.msgid: e.msgstr for e in po if e.msgstr and not e.fuzzy}
    notebook = nbformat.from_dict(notebook)
    notebook.metadata.pop("course", None)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            continue
        before, text, after = parts(cell.source)
        text = ready(text) or italian.get(text, text)
        cell.source = before + links(text, offered) + after
    return publish.notebook_text(notebook, name, address, "it")


def links(text, offered):
    """Lead links from notebooks/it to what is there, or in English."""

    def lead(match):
        if match[1][:2] in offered and not match[1].startswith("."):
            return match[0]
        return f"](../{match[1]})"

    return re.sub(r"\]\((?!https?:|#)([^)\s]+)\)", lead, text)


def offered(root=ROOT):
    """Return the numbers of the lessons that have a file, such as "06"."""
    names = sorted((root / "docs" / "italiano").glob("[0-9][0-9].po"))
    return [path.stem for path in names]


def build(begin=(), root=ROOT):
    """Return {path: text} of all files that the English lessons give now.

    begin: numbers of lessons without a file, such as "06"
    Raises ValueError for a number that no lesson has.
    """
    address = publish.Address.read(root)
    english = {path.name[:2]: path for path in publish.lessons(root)}
    numbers = sorted({*offered(root), *begin})
    files = {}
    place = root / "course_utils" / "messages.it.po"
    if place.exists():
        files[place] = str(merge(messages(root), read(place))) + "\n"
    for number in numbers:
        if number not in english:
            raise ValueError(
                f"There is no lesson {number}; choose from "
                f"{', '.join(english)}. If the lesson was removed, remove "
                f"docs/italiano/{number}.po too."
            )
        path = english[number]
        notebook = nbformat.read(path, as_version=4)
        place = root / "docs" / "italiano" / f"{number}.po"
        po = merge(texts(notebook), read(place))
        files[place] = str(po) + "\n"
        files[path.parent / "it" / path.name] = translated(
            notebook, po, numbers, address, path.name
        )
    return files


def left(text):
    """Return the English texts of a .po file that still need a translator."""
    po = polib.pofile(text, wrapwidth=0)
    return [e.msgid for e in po if e.fuzzy or not e.msgstr]


def main(arguments):
    """Build, and say what is left to translate."""
    begin = [Path(name).name[:2] for name in arguments]
    try:
        files = build(begin)
    except ValueError as error:
        sys.exit(str(error))
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
        if path.suffix == ".po":
            count = len(left(text))
            print(f"{path.relative_to(ROOT)}: {count} texts to translate")
    publish.publish()


if __name__ == "__main__":
    main(sys.argv[1:])
