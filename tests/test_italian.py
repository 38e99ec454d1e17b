"""The Italian lessons say what the English ones say, whole and up to date.

A rule takes an English text and its Italian and yields what is wrong; each
has a pair that keeps it and one that breaks it. No kernel is started.
"""

import re
from collections import Counter

import nbformat
import polib
import publish
import pytest
from italiano import build as italian
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_utils import check, language, set_up
from course_utils.results import claims, evaluation

ROOT = publish.ROOT
ADDRESS = publish.Address.read()
FOLDER = ROOT / "docs" / "italiano"
WHERE = "{}, {!r}: {}"
PLACE = "docs/italiano/{}.po"
MOST_WORDS = 110  # in a cell; the English keeps 90


# ------------------------------------------------- rule 1: whole, or not there


def unfinished(place, wanted, po):
    """Yield what is left to do in a file: the cell, and the remedy."""
    known = {entry.msgid: entry for entry in po}
    for text in wanted:
        entry = known.pop(text, None)
        start = text.split("\n")[0][:50]
        if entry is None:
            yield WHERE.format(place, start, "is not there: make italian")
        elif entry.fuzzy:
            yield WHERE.format(
                place, start,
                "is fuzzy: the English was reworded. Correct its msgstr, and "
                "remove the lines that begin with #, then run make italian",
            )  # fmt: skip
        elif not entry.msgstr:
            yield WHERE.format(place, start, "is empty: write its msgstr")
    for text in known:
        start = text.split("\n")[0][:50]
        yield WHERE.format(place, start, "is no cell now: make italian")


# ------------------------------------- rule 3: the code is that of the lesson


def differences(english, built):
    """Yield where an Italian notebook is not its English one in Italian."""
    pairs = list(zip(english.cells, built.cells, strict=False))
    if len(english.cells) != len(built.cells):
        yield f"{len(built.cells)} cells for {len(english.cells)}"
    for index, (one, other) in enumerate(pairs):
        facts = ("cell_type", "id", "metadata")
        if any(one[fact] != other[fact] for fact in facts):
            yield f"cell {index}: another kind, id, tag or slide"
        if one.cell_type != "code":
            continue
        setup = "setup" in one.metadata.get("tags", [])
        expected = ADDRESS.setup_cell("it") if setup else one.source
        if other.source != expected:
            yield f"cell {index}: other code"
        if other.outputs or other.execution_count:
            yield f"cell {index}: an output is stored"


# ------------------------------ rules 4 to 6: an English text and its Italian

PAIRS = {}


def rule(good, bad):
    def register(check):
        PAIRS[check] = (good, bad)
        return check

    return register


def unfenced(text):
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def prose(text):
    text = re.sub(r"`[^`]*`|\$[^$\n]+\$", " ", unfenced(text))
    return re.sub(r"\]\([^)]*\)|<[^>]+>", "] ", text)


def numbers(text):
    """Return the numbers of a text, as Python writes them."""
    text = re.sub(r"(?<=\d)[,\u202f\u2009\u00a0](?=\d{3}(?!\d))", "", text)
    return re.findall(r"\d+(?:\.\d+)?", re.sub(r"(?<=\d),(?=\d)", ".", text))


SAME = {
    "code block": lambda t: re.findall(r"```.*?```", t, re.DOTALL),
    "code": lambda t: re.findall(r"`[^`]+`", unfenced(t)),
    "formula": lambda t: [
        re.sub(r"\\text\{[^}]*\}", "", found)
        for found in re.findall(
            r"\$\$.+?\$\$|\$[^$\n]+\$", unfenced(t), re.DOTALL
        )
    ],
    "link": lambda t: re.findall(r"\]\(([^)]*)\)", t),
    "tag": lambda t: re.findall(r"</?\w[^>]*>", unfenced(t)),
    "heading": lambda t: re.findall(r"(?m)^#+ ", unfenced(t)),
    "list item": lambda t: re.findall(r"(?m)^ *(?:[-*]|\d+\.) ", unfenced(t)),
    "table row": lambda t: re.findall(r"(?m)^\|", t),
    "bold term": lambda t: re.findall(r"\*\*.+?\*\*", t) and [
        "**" for _ in re.findall(r"\*\*.+?\*\*", t)
    ],
    "number": lambda t: numbers(prose(t)),
}  # fmt: skip


@rule(
    ("Set `n` to 9,000, or 0.5.", "Metti `n` a 9000, oppure a 0,5."),
    ("Set `n` to 2 in **cell** 3.", "Metti `m` a 2 nella cella 3."),
)
def the_same_pieces(english, text):
    for name, find in SAME.items():
        one, other = Counter(find(english)), Counter(find(text))
        for kind, left in (("lacks", one - other), ("has more", other - one)):
            if left:
                found = ", ".join(map(repr, left.elements()))
                yield f"{kind}: {name} {found[:200]}"


@rule(
    ("Now count.", "Adesso conta."),
    ("Now count.", "Adesso conta. " + "Ancora una volta. " * 40),
)
def not_too_long(english, text):
    text = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
    words = re.findall(r"\w[\w'’.-]*", prose(re.sub(r"(?m)^\|.*", "", text)))
    if len(words) > MOST_WORDS:
        yield f"{len(words)} words; {MOST_WORDS} fit on a slide: say less"


@rule(
    ("**Exercise.** How many?", "**Esercizio.** Quanti?"),
    ("**Exercise.** How many?", "**Compito.** Quanti?"),
)
def house_words(english, text):
    for word, translation in italian.HOUSE.items():
        if english.count(word) != text.count(translation):
            yield f"say {translation} for {word}"


def glossary():
    """Return {English term: its Italian forms} of the page."""
    page = (FOLDER / "README.md").read_text("utf-8")
    page = page[page.index("## Le parole") :]
    rows = re.findall(r"(?m)^\| ([^|]+) \| ([^|]+) \| [^|]+ \|$", page)[1:]
    return {
        term: re.split(r", | \(|\)", forms)
        for terms, forms in rows
        for term in terms.split(", ")
    }


GLOSSARY = glossary()


def bold(text):
    found = re.findall(r"\*\*\[?(.+?)\]?(?:\([^)]*\))?\*\*", text)
    return [term.casefold().strip(" .:") for term in found]


@rule(
    ("A **donor** has **weights**.", "Un **donatore** ha dei **pesi**."),
    ("A **donor** helps.", "Un **dono** aiuta."),
)
def the_glossary_s_terms(english, text):
    said = " ".join(bold(text))
    for term in bold(english):
        forms = GLOSSARY.get(term) or GLOSSARY.get(term.removesuffix("s"))
        stems = [f[: max(3, min(5, len(f) - 1))] for f in forms or () if f]
        if stems and not any(stem.casefold() in said for stem in stems):
            yield f"say **{forms[0]}** for **{term}**"


FORBIDDEN = {
    r"\bprecisione\b(?! mista)": "accuratezza",
    r"\bfunzionalità\b": "caratteristiche",
    r"\b(?:fug|perdit)[ae] di dati\b": "fuga di informazione",
    r"\bfinetuning\b": "fine-tuning",
    r"\bmess[ao] a punto\b": "affinamento, affinato",
    r"\bpre-?allenat\w+|\bpre-addestrat\w+": "preaddestrato",
    r"\b(?:per|poi|bench|affin|anzi|fin)chè\b": "perché, con l'accento acuto",
    r"\bE'|\bne '|\b(?:puo|piu|cosi|gia)\b['’]?": "una lettera accentata",
    r"\bqual'è\b|\bun pò\b|\bsè\b": "qual è, un po', sé",
}


@rule(
    ("Its accuracy is fine.", "La sua accuratezza va bene, perché regge."),
    ("Its accuracy is fine.", "La sua precisione va bene, perchè regge."),
)
def no_false_friends(english, text):
    for pattern, better in FORBIDDEN.items():
        match = re.search(pattern, prose(text))
        if match:
            yield f"say {better}, not {match[0]}"


@rule(
    ("The end of the lesson.", "La fine della lezione (*the end*)."),
    ("Count and look.", "You count the rows of the table and look."),
)
def nothing_left_in_english(english, text):
    words = re.findall(r"\b(?:the|and|of|you|with)\b", prose(text), re.I)
    if len(words) >= 3:
        yield f"left in English: {', '.join(words)}"


def complaints(number, po):
    place = PLACE.format(number)
    for entry in po:
        start = entry.msgid.split("\n")[0][:50]
        for check_ in PAIRS:
            for problem in check_(entry.msgid, entry.msgstr):
                yield WHERE.format(place, start, problem)


# ------------------------------------------- rule 7: what the helpers say

MESSAGES = ROOT / "course_utils" / "messages.it.po"
SIGNS = re.compile(r"[✓✗…→%`]|%\w+|^ +| +$|^; |\n")
SAMPLES = ("seven", "12.5 s", "ab", "(3, 4)", "x_1")


def differently_signed(english, text):
    """Yield what a message lacks of {names}, marks and code, or has more."""
    finds = (language.PLACE.findall, SIGNS.findall)
    for find in (*finds, lambda t: re.findall(r"`[^`]+`", t)):
        one, other = Counter(find(english)), Counter(find(text))
        if set(one) != set(other) or (find is finds[1] and one != other):
            yield f"{[*one.elements()]} became {[*other.elements()]}"


def misled(english):
    """Return what a filled sentence is taken for, if not for itself."""
    names = list(dict.fromkeys(language.PLACE.findall(english)))
    values = dict(zip(names, SAMPLES * 3, strict=False))
    whole, _ = language.messages("it")
    said = language.say(english.format(**values))
    return "" if said == whole[english].format(**values) else said


def test_every_message_has_its_italian_and_none_is_unused():
    place = "course_utils/messages.it.po"
    found = unfinished(place, italian.messages(), italian.read(MESSAGES))
    assert (text := "\n".join(found)) == "", text


def test_a_message_keeps_its_names_marks_and_code():
    found = [
        f"course_utils/messages.it.po, {entry.msgid[:50]!r}: {problem}"
        for entry in italian.read(MESSAGES)
        for rule_ in (differently_signed, no_false_friends)
        for problem in rule_(entry.msgid, entry.msgstr)
    ]
    assert not found, "\n" + "\n".join(found)
    assert list(differently_signed("✗ {n} left.", "{n} ancora."))
    assert list(differently_signed("{n} left.", "{m} ancora."))


def test_a_filled_sentence_is_taken_for_itself(monkeypatch):
    monkeypatch.setenv(language.ENVIRONMENT, "it")
    filled = [e.msgid for e in italian.read(MESSAGES)]
    filled = [text for text in filled if language.PLACE.search(text)]
    assert len(filled) > 100
    found = {text: misled(text) for text in filled}
    assert {text: said for text, said in found.items() if said} == {}


def test_sentences_are_found_where_they_are_said():
    source = """
WORDS = {"a": "first", "b": "second"}
def hint(n, name):
    say(f"{n:.2f} of {len(name)}, {'yes' if n else 'no'}")
    print(say("Plain."), say(WORDS[name]), say(f"{n}"), "Not said.")
    _verdict(n, 1, "Why.", [(2, "Hint.")], "Otherwise.", kind="number")
"""
    assert [text for text, _ in italian.spoken(source)] == [
        "{n} of {name}, {n2}", "yes", "no",
        "Plain.", "first", "second", "Why.", "Hint.", "Otherwise.",
    ]  # fmt: skip


# ------------------------------------------ rules 8 and 9: the language in use


@pytest.fixture
def speak(monkeypatch):
    """Return `language.use`; what was chosen before comes back."""
    monkeypatch.setenv(language.ENVIRONMENT, "en")
    return language.use


def test_a_check_a_claim_and_a_name_answer_in_the_language(speak, capsys):
    def answers():
        check.start_numbers(1024)
        check.start_numbers(...)
        claims.judge("kinship", evaluation.Interval(9, 8, 10, "2 draws", 0.5))
        return capsys.readouterr().out

    english = answers()
    assert english.startswith("✗ That counts the pixels;")
    speak("it")
    italian_ = answers()
    assert italian_.startswith("✗ Così conti i pixel;")
    assert "… metti la tua risposta al posto di `...`" in italian_
    assert "\ndimostrato: Con dieci immagini" in italian_
    assert "  limite:    almeno 5 punti" in italian_
    speak("en")
    assert answers() == english


def test_an_unknown_language_falls_back_and_says_so(speak, capsys):
    speak("tlh")
    assert "does not speak 'tlh', so it speaks English" in (
        capsys.readouterr().out
    )
    check.start_numbers(1024)
    assert capsys.readouterr().out.startswith("✗ That counts")


def test_the_set_up_cell_comes_before_the_environment(speak, monkeypatch):
    monkeypatch.setenv(language.ENVIRONMENT, "it")
    set_up()
    assert language.say("proven") == "dimostrato"
    set_up(language="en")
    assert language.say("proven") == "proven"
    set_up(language="it")
    assert language.say("proven") == "dimostrato"


def test_a_sentence_without_italian_stays_english(speak):
    speak("it")
    assert language.say("Nobody has said this {yet}.") == (
        "Nobody has said this {yet}."
    )


@pytest.mark.parametrize("path", [MESSAGES, *FOLDER.glob("*.po")])
def test_the_course_reads_a_file_as_polib_does(path, tmp_path, monkeypatch):
    monkeypatch.setattr(language, "HERE", tmp_path)
    (tmp_path / "messages.xx.po").write_bytes(path.read_bytes())
    language.messages.cache_clear()
    whole, _ = language.messages("xx")
    language.messages.cache_clear()
    assert whole == {
        entry.msgid: entry.msgstr
        for entry in polib.pofile(str(path), wrapwidth=0)
        if entry.msgstr and not entry.fuzzy
    }


def test_a_draft_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(language, "HERE", tmp_path)
    (tmp_path / "messages.xx.po").write_text(
        'msgid "a"\nmsgstr "b"\n\n#, fuzzy\n#| msgid "d"\nmsgid "c"\n'
        'msgstr "e"\n'
    )
    language.messages.cache_clear()
    assert language.messages("xx") == ({"a": "b"}, [])
    language.messages.cache_clear()


# ------------------------------------------------------------------ the tests

OFFERED = italian.offered()


def lesson(number):
    (path,) = (p for p in publish.lessons() if p.name[:2] == number)
    return path


@pytest.fixture(scope="module")
def built():
    return italian.build()


@pytest.mark.parametrize("number", OFFERED)
def test_an_offered_lesson_is_whole(number):
    wanted = italian.texts(nbformat.read(lesson(number), as_version=4))
    po = italian.read(FOLDER / f"{number}.po")
    found = list(unfinished(PLACE.format(number), wanted, po))
    assert not found, "\n" + "\n".join(found)


def test_what_is_stored_is_what_the_translations_give(built):
    stale = [
        str(path.relative_to(ROOT))
        for path, text in built.items()
        if not path.exists() or path.read_text("utf-8") != text
    ]
    lost = {*publish.lessons(language="it")} - set(built)
    assert not stale and not lost, (
        f"{', '.join(stale)} is not what docs/italiano gives; run `make "
        f"italian`. (Who corrects a sentence at GitHub leaves that to the "
        f"maintainer.) To remove: {sorted(path.name for path in lost)}"
    )


@pytest.mark.parametrize("number", OFFERED)
def test_the_code_is_that_of_the_english_lesson(number):
    path = lesson(number)
    english = nbformat.read(path, as_version=4)
    found = list(
        differences(english, nbformat.read(path.parent / "it" / path.name, 4))
    )
    assert not found, "\n".join([path.name, *found])


@pytest.mark.parametrize("number", OFFERED)
def test_the_italian_says_what_the_english_says(number):
    po = italian.read(FOLDER / f"{number}.po")
    found = list(complaints(number, po))
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("check_", PAIRS, ids=lambda check_: check_.__name__)
def test_a_rule_passes_its_good_pair_and_refuses_the_bad_one(check_):
    good, bad = PAIRS[check_]
    assert [p for other in PAIRS for p in other(*good)] == []
    assert list(check_(*bad))


# A lesson as its author wrote it, and its Italian.
TEXTS = {
    "# 6. Example\n\n**Question**: What\ndoes it cost?": (
        "# 6. Esempio\n\n**Domanda**: Quanto costa?"
    ),
    "A **donor** has seen cats, and it describes each picture with\n128 "
    "numbers.": "Un **donatore** ha visto gatti e descrive ogni immagine con "
    "128 numeri.",
    "See [notebook 7](07_next.ipynb) or the\n"
    "[glossary](../docs/glossary.md).": (
        "Vedi il [notebook 7](07_next.ipynb) o il "
        "[glossario](../docs/glossary.md)."
    ),
    "- count the weights of\n  the head\n- read on": (
        "- conta i pesi della testa\n- continua a leggere"
    ),
    "Ask who guessed.": "Chiedi chi ha indovinato.",
}
SOLUTION = (
    "<details><summary>Solution</summary>\n\n```python\nanswer = 2  # so\n"
    "```\n\n</details>"
)


def example():
    """Return the English lesson, with outputs."""
    head, donor, see, items, notes = TEXTS
    folded = "<details><summary>Instructor's notes, minutes 0–2</summary>"
    sources = [
        f"{ADDRESS.badges('06_example.ipynb')}\n\n{head}\n\n"
        "20 min + 15 min · CPU 40 s",
        donor,
        see,
        items,
        f"{folded}\n\n{notes}\n\n</details>",
        SOLUTION,
    ]
    setup = new_code_cell(
        ADDRESS.setup_cell(), metadata={"tags": ["setup"]}, execution_count=1
    )
    cells = [*map(new_markdown_cell, sources), setup, new_code_cell("2 + 2")]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    return new_notebook(cells=cells)


@pytest.fixture
def project(tmp_path):
    """A project of one lesson that is Italian whole."""
    (tmp_path / "docs" / "italiano").mkdir(parents=True)
    (tmp_path / "notebooks").mkdir()
    for name in ("pyproject.toml", "README.md"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    nbformat.write(example(), tmp_path / "notebooks" / "06_example.ipynb")
    nbformat.write(example(), tmp_path / "notebooks" / "07_next.ipynb")
    write(tmp_path, italian.build(["06"], tmp_path))
    translate(tmp_path, {italian.unwrapped(k): v for k, v in TEXTS.items()})
    return tmp_path


def write(root, files):
    for path, text in files.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")


def translate(root, italian_of):
    path = root / "docs" / "italiano" / "06.po"
    po = italian.read(path)
    for entry in po:
        entry.msgstr = italian_of[entry.msgid]
    path.write_text(str(po) + "\n", "utf-8")
    write(root, italian.build(root=root))


def edit(root, change):
    """Change the English lesson and return the complaints about the .po."""
    path = root / "notebooks" / "06_example.ipynb"
    notebook = nbformat.read(path, as_version=4)
    change(notebook.cells)
    nbformat.write(notebook, path)
    write(root, italian.build(root=root))
    po = italian.read(root / "docs" / "italiano" / "06.po")
    return list(
        unfinished(PLACE.format("06"), italian.texts(notebook), po)
    ), po


def test_a_whole_lesson_is_built_without_outputs(project):
    english = example()
    path = project / "notebooks" / "it" / "06_example.ipynb"
    notebook = nbformat.read(path, as_version=4)
    assert list(differences(english, notebook)) == []
    head, donor, see, _, notes, solution, setup, _ = notebook.cells
    assert head.source.startswith("[![Apri in Colab](https://colab.")
    assert "/blob/v0.1.0/notebooks/it/06_example.ipynb" in head.source
    assert "/edit/main/docs/italiano/06.po" in head.source
    assert head.source.endswith("costa?\n\n20 min + 15 min · CPU 40 s")
    assert donor.source.startswith("Un **donatore**")
    assert "(../07_next.ipynb)" in see.source  # which is not Italian
    assert "(../../docs/glossary.md)" in see.source
    assert notes.source.startswith(
        "<details><summary>Note per chi insegna, minuti 0–2</summary>\n\nCh"
    )
    assert solution.source == SOLUTION.replace("Solution", "Soluzione")
    assert 'set_up("v0.1.0", language="it")' in setup.source
    write(project, italian.build(["07"], project))
    again = nbformat.read(path, as_version=4)
    assert "(07_next.ipynb)" in again.cells[2].source


def test_publishing_reaches_the_italian_lessons_and_their_page(project):
    page = project / "docs" / "italiano" / "README.md"
    page.write_text("# Corso\n<!-- lessons -->\n<!-- /lessons -->\n", "utf-8")
    publish.publish("ada/course", project)
    path = project / "notebooks" / "it" / "06_example.ipynb"
    text, said = path.read_text("utf-8"), page.read_text("utf-8")
    assert "/github/ada/course/blob/v0.1.0/notebooks/it/06_" in text
    assert "github.com/ada/course@v0.1.0" in text and "OWNER" not in text
    for path, text in italian.build(root=project).items():
        assert path.read_text("utf-8") == text
    assert "| [6. Esempio](../../notebooks/it/06_example.ipynb) |" in said
    assert "| [6. Example](../../notebooks/07_next.ipynb) (in inglese)" in said


def test_building_again_changes_nothing(project):
    for path, text in italian.build(root=project).items():
        assert path.read_text("utf-8") == text


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda cells: cells[7].update(source="2 + 3"), "other code"),
        (lambda cells: cells[7].update(id="other"), "id"),
        (lambda cells: cells.reverse(), "another kind"),
        (lambda cells: cells.pop(), "7 cells for 8"),
        (lambda cells: cells[7].update(execution_count=2), "output"),
        (lambda cells: cells[1].metadata.update(tags=["x"]), "tag"),
    ],
)
def test_a_notebook_that_was_edited_by_hand_is_found(project, spoil, said):
    path = project / "notebooks" / "it" / "06_example.ipynb"
    notebook = nbformat.read(path, as_version=4)
    spoil(notebook.cells)
    assert any(said in found for found in differences(example(), notebook))


def moved_and_wrapped(cells):
    cells[1].source = " ".join(cells[1].source.split()).replace(
        "with ", "with\n"
    )
    cells.insert(4, cells.pop(1))
    for number, cell in enumerate(cells):
        cell.id = f"other-{number}"


def test_a_cell_that_moves_or_is_wrapped_anew_keeps_its_italian(project):
    assert edit(project, moved_and_wrapped)[0] == []


def reworded(cells):
    cells[1].source = cells[1].source.replace("128 numbers", "256 numbers")


def moved_and_reworded(cells):
    moved_and_wrapped(cells)
    reworded([None, cells[4]])


@pytest.mark.parametrize("change", [reworded, moved_and_reworded])
def test_a_reworded_cell_is_named_with_file_and_remedy(project, change):
    (complaint,), po = edit(project, change)
    assert complaint.startswith("docs/italiano/06.po, 'A **donor** has seen")
    assert "is fuzzy" in complaint and "make italian" in complaint
    (entry,) = (entry for entry in po if entry.fuzzy)
    assert "256" in entry.msgid and "128" in entry.previous_msgid
    assert entry.msgstr.startswith("Un **donatore**")
    # What is not finished is English in the notebook, never outdated.
    stored = project / "notebooks" / "it" / "06_example.ipynb"
    assert "Un **donatore**" not in stored.read_text("utf-8")
    # And the English that returns brings its Italian back.
    found, _ = edit(
        project, lambda cells: cells.__setitem__(slice(None), example().cells)
    )
    assert found == []


def test_a_new_cell_and_one_that_is_gone(project):
    new = new_markdown_cell("Something that nobody has said so far.", id="n")
    (complaint,), _ = edit(project, lambda cells: cells.append(new))
    assert "is empty: write its msgstr" in complaint
    found, po = edit(project, lambda cells: cells.pop())
    assert found == [] and len(po) == len(TEXTS)


def test_a_file_that_was_not_built_again_is_found(project):
    po = italian.read(project / "docs" / "italiano" / "06.po")
    wanted = [entry.msgid for entry in po]
    assert "is not there" in "".join(
        unfinished(PLACE.format("06"), [*wanted, "New."], po)
    )
    assert "is no cell" in "".join(
        unfinished(PLACE.format("06"), wanted[1:], po)
    )


def test_a_number_without_a_lesson_is_refused(project):
    with pytest.raises(ValueError, match="There is no lesson 42"):
        italian.build(["42"], project)


@pytest.mark.parametrize("path", publish.lessons(), ids=lambda p: p.name)
def test_a_lesson_says_everything_once(path):
    notebook = nbformat.read(path, as_version=4)
    cells = [c.source for c in notebook.cells if c.cell_type == "markdown"]
    texts = [italian.parts(source)[1] for source in cells]
    texts = [text for text in texts if italian.ready(text) is None]
    assert len(texts) == len(set(texts))
