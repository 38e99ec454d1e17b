"""The glossary has an entry for every link of the lessons, in order."""

import re

import nbformat
import pytest
from publish import ROOT, lessons

TEXT = (ROOT / "docs" / "glossary.md").read_text("utf-8")
ENTRIES = re.findall(r"(?m)^## (.+)\n\n((?:.+\n?)+)", TEXT)
LINK = re.compile(r"\(\.\./docs/glossary\.md#([\w-]+)\)")


def anchor(term):
    return term.lower().replace(" ", "-")


def missing(source):
    known = {anchor(term) for term, _ in ENTRIES}
    return sorted(set(LINK.findall(source)) - known)


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.name)
def test_every_link_of_a_lesson_has_its_entry(path):
    cells = nbformat.read(path, as_version=4).cells
    assert missing("\n".join(cell.source for cell in cells)) == []


def test_a_link_without_an_entry_is_found():
    assert missing("[**x**](../docs/glossary.md#no-such-term)")
    assert not missing("[**x**](../docs/glossary.md#donor)")


def test_terms_are_in_order_and_appear_once():
    terms = [term.lower() for term, _ in ENTRIES]
    assert len(terms) == TEXT.count("\n## ") >= 60
    assert terms == sorted(set(terms))


@pytest.mark.parametrize("term, text", ENTRIES, ids=[t for t, _ in ENTRIES])
def test_an_entry_is_short_and_names_its_notebook(term, text):
    number, name = re.search(
        r"\[Notebook\s(\d+)\]\(\.\./notebooks/([\w.]+)\)$", text.strip()
    ).groups()
    assert int(number) == int(name[:2])
    assert len(text.split()) < 55
