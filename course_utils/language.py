"""Say in the reader's language what the helpers print and draw.

The English sentence is the key, looked up when it is shown. A language is a
file `messages.it.po` here; what it lacks stays English.
"""

import functools
import json
import os
import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENVIRONMENT = "COURSE_LANGUAGE"


def say(english, **values):
    """Return a sentence in the language in use, its {names} filled in.

    english: the sentence as the code writes it; without values its braces
        are left alone

    >>> say("{n} left to label", n=3)
    '3 left to label'
    """
    text = messages(current()).get(english, english)
    return text.format(**values) if values else text


def mark(english):
    """Return a sentence as it is: `say` translates it when it is shown."""
    return english


def use(language=None):
    """Choose a language, such as "it", for this kernel and what it starts.

    None keeps what COURSE_LANGUAGE says, which is English where it is not
    set. A language without messages is replaced by English, and a sentence
    says so.
    """
    language = current() if language is None else str(language)
    if language not in languages():
        known = ", ".join(languages())
        print(
            f"The course does not speak {language!r}, so it speaks English. "
            f"It knows {known}: course_utils.language.use({known[:2]!r})."
        )
        language = "en"
    os.environ[ENVIRONMENT] = language


def current():
    """Return the short name of the language in use, such as "en"."""
    return os.environ.get(ENVIRONMENT) or "en"


def languages():
    """Return the short names of all languages, English first."""
    others = (path.name.split(".")[1] for path in HERE.glob("messages.*.po"))
    return ["en", *sorted(others)]


@functools.cache
def messages(language):
    """Return {English: translation} of a language; drafts are left out."""
    path = HERE / f"messages.{language}.po"
    if language == "en" or language not in languages():
        return {}
    found = {}
    for entry in path.read_text("utf-8").split("\n\n"):
        fields = {
            name: "".join(map(json.loads, lines.splitlines()))
            for name, lines in re.findall(
                r'(?m)^(msgid|msgstr) ((?:".*"(?:\n|\Z))+)', entry
            )
        }
        draft = re.search(r"(?m)^#,.*\bfuzzy", entry)
        if fields.get("msgid") and fields.get("msgstr") and not draft:
            found[fields["msgid"]] = fields["msgstr"]
    return found
