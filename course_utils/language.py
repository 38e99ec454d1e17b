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


def say(english):
    """Return a sentence in the language in use.

    english: a sentence as it would be shown, numbers and names filled in:
        "3 left to label" is translated as "{left} left to label" is, and
        a name that has a translation of its own by that

    >>> say("3 left to label")
    '3 left to label'
    """
    whole, patterns = messages(current())
    if english in whole:
        return whole[english]
    for pattern, translation in patterns:
        if match := pattern.fullmatch(english):
            values = {k: whole.get(v, v) for k, v in match.groupdict().items()}
            return translation.format(**values)
    return english


def tell(english):
    """Print a sentence in the language in use; see `say`."""
    print(say(english))


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
    """Return what a language says: {English: translation}, and patterns.

    A pattern, with its translation, stands for English with {names} in it;
    those that say most come first. Drafts are left out.
    """
    if language == "en" or language not in languages():
        return {}, []
    whole = {}
    text = (HERE / f"messages.{language}.po").read_text("utf-8")
    for entry in text.split("\n\n"):
        fields = {
            name: "".join(map(json.loads, lines.splitlines()))
            for name, lines in re.findall(
                r'(?m)^(msgid|msgstr) ((?:".*"(?:\n|\Z))+)', entry
            )
        }
        draft = re.search(r"(?m)^#,.*\bfuzzy", entry)
        if fields.get("msgid") and fields.get("msgstr") and not draft:
            whole[fields["msgid"]] = fields["msgstr"]
    filled = [english for english in whole if PLACE.search(english)]
    filled.sort(key=lambda english: -len(PLACE.sub("", english)))
    return whole, [(pattern(english), whole[english]) for english in filled]


PLACE = re.compile(r"\{([a-z]\w*)\}")


def pattern(english):
    """Return what finds a sentence whose {names} are filled in."""
    parts, known = PLACE.split(english), set()
    for turn, part in enumerate(parts):
        if turn % 2 == 0:
            part = part.replace("{{", "{").replace("}}", "}")
            parts[turn] = re.escape(part)
        else:
            parts[turn] = (
                f"(?P={part})" if part in known else f"(?P<{part}>.*?)"
            )
            known.add(part)
    return re.compile("".join(parts), re.DOTALL)
