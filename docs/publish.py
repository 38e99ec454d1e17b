"""Write the course's public address wherever a reader needs it.

    python docs/publish.py [owner/name]

The address is kept once, in [tool.course] of pyproject.toml, and the tag is
the version there. From these two come the set-up cell and the badges of
every notebook, English or Italian, and the tables of lessons in the README and
in docs/italiano. `make publish REPOSITORY=...` passes the address in the
environment, where no shell reads it. Without one, the address is this clone's
own remote on GitHub. Either all files are written or none. docs/publishing.md
says what comes after it.
"""

import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

import nbformat

from course_utils.machine.paths import write_atomically

ROOT = Path(__file__).resolve().parent.parent
NOT_YET = "they open once the course has a public address"
MARK = "<!-- badges -->"
TABLE = re.compile(r"(<!-- lessons -->\n).*?(<!-- /lessons -->)", re.DOTALL)
BADGES = {
    "Colab": (
        "https://colab.research.google.com/assets/colab-badge.svg",
        "https://colab.research.google.com/github/{repository}/blob/{tag}/{path}",
    ),
    "Kaggle": (
        "https://kaggle.com/static/images/open-in-kaggle.svg",
        "https://kaggle.com/kernels/welcome?src="
        "https://github.com/{repository}/blob/{tag}/{path}",
    ),
    "Binder": (
        "https://mybinder.org/badge_logo.svg",
        "https://mybinder.org/v2/gh/{repository}/{tag}?urlpath=lab/tree/{path}",
    ),
}
CODESPACE = (
    "https://github.com/codespaces/badge.svg",
    "https://codespaces.new/{repository}?quickstart=1",
)
HEAD = (
    (r"(?m)^# (.+)$", "a line '# title'"),
    (r"\*\*(?:Question|Domanda)\*\*: ([^?]+\?)", "a '**Question**: ...?'"),
    (r"(\d+) min", "its minutes, as in '20 min'"),
)
# The speed track is optional; everything else is the way through the course.
SPEED_TRACK = {2, 3, 4, 13}
TRACKS = {
    "Transfer track": lambda number: number not in SPEED_TRACK,
    "Speed track": lambda number: number in SPEED_TRACK,
}
# GitHub's own rules for the name of an account and of a repository.
OWNER = r"[A-Za-z\d](?:-?[A-Za-z\d]){0,38}"
NAME = r"(?!\.{1,2}$)(?!.*\.git$)[A-Za-z\d._-]{1,100}"
ADDRESS = re.compile(f"{OWNER}/{NAME}")
# Six lines at most. Without internet pip says nothing (-qqq); the sentence
# that the cell ends with does.
SETUP = """\
#@title {title}
from importlib.util import find_spec
if not find_spec("course_utils"):  # on Colab and Kaggle
    %pip install -qqq --no-deps "git+https://github.com/{repository}@{tag}"
assert find_spec("course_utils"), "{sentence}"
import course_utils; course_utils.set_up("{tag}"{more})"""
NOT_FETCHED = (
    "The course could not be fetched. On Kaggle: Settings > Turn on internet, "
    "then run this cell again. On your own machine: Kernel > Change Kernel."
)
NOT_PUBLIC = (
    "This course has no public address yet, so it cannot be fetched. On your "
    "own machine: run make lab in its folder, or Kernel > Change Kernel."
)
# The same words where a lesson or a table is Italian.
ITALIAN = {
    NOT_YET: "si apriranno quando il corso avrà un indirizzo pubblico",
    NOT_FETCHED: (
        "Non è stato possibile scaricare il corso. Su Kaggle: Settings > Turn "
        "on internet, poi esegui di nuovo questa cella. Sul tuo computer: "
        "Kernel > Change Kernel."
    ),
    NOT_PUBLIC: (
        "Questo corso non ha ancora un indirizzo pubblico, quindi non si può "
        "scaricare. Sul tuo computer: esegui make lab nella sua cartella, "
        "oppure Kernel > Change Kernel."
    ),
    "Open in": "Apri in",
    "Set-up (run once)": "Preparazione (da eseguire una volta)",
    "Transfer track": "Percorso sul trasferimento",
    "Speed track": "Percorso sulla velocità",
    "| lesson | question | minutes | open in |": (
        "| lezione | domanda | minuti | apri in |"
    ),
}


@dataclass(frozen=True)
class Address:
    """Say where the course is published: "owner/name", and the tag."""

    repository: str
    tag: str

    @classmethod
    def read(cls, root=ROOT):
        """Return the address that pyproject.toml holds."""
        project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
        return cls(
            project["tool"]["course"]["repository"],
            f"v{project['project']['version']}",
        )

    @property
    def is_placeholder(self):
        """Say whether nobody has named a public address yet."""
        return self.repository.startswith("OWNER/")

    def links(self, path):
        """Return {platform: (picture, address)} that open a file there."""
        facts = {"repository": self.repository, "tag": self.tag, "path": path}
        return {
            name: (picture, address.format(**facts))
            for name, (picture, address) in BADGES.items()
        }

    def badges(self, name, language="en"):
        """Return the first line of the notebook `name`."""
        path, verb = place(name, language), said("Open in", language)
        badges = " ".join(
            f"[![{verb} {platform}]({picture})]({address})"
            for platform, (picture, address) in self.links(path).items()
        )
        if language == "it":
            file = f"docs/italiano/{name[:2]}.po"
            edit = f"https://github.com/{self.repository}/edit/main/{file}"
            badges += f" · [correggi una frase]({edit})"
        note = f" ({said(NOT_YET, language)})" if self.is_placeholder else ""
        return f"{badges}{note} {MARK}"

    @property
    def not_fetched(self):
        """Return the sentence for a reader whom the course does not reach."""
        return NOT_PUBLIC if self.is_placeholder else NOT_FETCHED

    def setup_cell(self, language="en"):
        """Return the source of the set-up cell, the same in all notebooks."""
        return SETUP.format(
            repository=self.repository,
            tag=self.tag,
            sentence=said(self.not_fetched, language),
            title=said("Set-up (run once)", language),
            more="" if language == "en" else f', language="{language}"',
        )

    def row(self, path, root="", note=""):
        """Return a notebook's line of a page's table.

        root: the way from the page to the root, such as "../../"
        note: what follows the title
        Raises ValueError when its first cell lacks what the line needs.
        """
        head = nbformat.read(path, as_version=4).cells[0].source
        title, question, minutes = (
            _find(pattern, head, f"{path.name}: its first cell needs {what}")
            for pattern, what in HEAD
        )
        question = " ".join(question.split())
        file = place(path.name, path.parent.name)
        opens = " · ".join(
            f"[{platform}]({address})"
            for platform, (_, address) in self.links(file).items()
        )
        title = f"[{title}]({root}{file}){note}"
        return f"| {title} | {question} | {minutes} | {opens} |"

    def rows(self, root=ROOT, language="en"):
        """Return the table of lessons: in Italian, those that are."""
        rows = [
            said("| lesson | question | minutes | open in |", language),
            "|---|---|--:|---|",
        ]
        for track, belongs in TRACKS.items():
            found = [p for p in lessons(root) if belongs(int(p.name[:2]))]
            if found:
                rows.append(f"| **{said(track, language)}** | | | |")
            for path in found:
                italian = path.parent / "it" / path.name
                if language == "en":
                    rows.append(self.row(path))
                elif italian.exists():
                    rows.append(self.row(italian, "../../"))
                else:
                    rows.append(self.row(path, "../../", " (in inglese)"))
        return rows

    def table(self, root=ROOT):
        """Return the README's table of lessons, and the Codespaces badge."""
        rows = self.rows(root)
        picture, address = CODESPACE
        address = address.format(repository=self.repository)
        badge = f"[![Open in GitHub Codespaces]({picture})]({address})"
        rows += ["", f"{badge} opens all of them on one of GitHub's machines."]
        if self.is_placeholder:
            rows += ["", f"The links do not work yet: {NOT_YET}."]
        return "\n".join(rows) + "\n"


def said(text, language):
    """Return one of this module's texts in a language."""
    return ITALIAN[text] if language == "it" else text


def place(name, language="en"):
    """Return the path of a notebook in the repository."""
    return f"notebooks/it/{name}" if language == "it" else f"notebooks/{name}"


def lessons(root=ROOT, language="en"):
    """Return the course's notebooks in order; in Italian, those that are."""
    folder = (root / place("x", language)).parent
    return sorted(folder.glob("[0-9][0-9]_*.ipynb"))


def notebook_text(notebook, name, address, language="en"):
    """Return the text of the notebook `name` with the address in it.

    Raises ValueError when its first cell has no line for the badges.
    """
    head = notebook.cells[0]
    if MARK not in head.source:
        raise ValueError(f"{name}: its first line must end with {MARK}")
    head.source = re.sub(
        rf"(?m)^.*{MARK}",
        lambda _: address.badges(name, language),
        head.source,
        count=1,
    )
    for cell in notebook.cells:
        if "setup" in cell.metadata.get("tags", []):
            cell.source = address.setup_cell(language)
    return nbformat.writes(notebook) + "\n"


def publish(repository=None, root=ROOT):
    """Write `repository`, or the address that is kept, into all files.

    Return the names of the files that changed. Raises ValueError for
    something that is not GitHub's "owner/name" and for a file that has no
    place for the address. No file is changed unless all can be.
    """
    if repository is not None and not ADDRESS.fullmatch(repository):
        raise ValueError(f"Name it as owner/name, not {repository!r}.")
    kept = Address.read(root)
    address = replace(kept, repository=repository or kept.repository)
    project, readme = root / "pyproject.toml", root / "README.md"
    texts = {
        project: _substitute(
            re.compile(r'(?m)^(repository = ").*(")$'),
            address.repository,
            project,
        )
    }
    for language in ("en", "it"):
        for path in lessons(root, language):
            notebook = nbformat.read(path, as_version=4)
            texts[path] = notebook_text(notebook, path.name, address, language)
    texts[readme] = _substitute(TABLE, address.table(root), readme)
    italian = root / "docs" / "italiano" / "README.md"
    if italian.exists():
        rows = "\n".join(address.rows(root, "it")) + "\n"
        texts[italian] = _substitute(TABLE, rows, italian)
    before = {path: path.read_text("utf-8") for path in texts}
    changed = [path for path in texts if texts[path] != before[path]]
    written = []
    try:
        for path in changed:
            _write(path, texts[path])
            written.append(path)
    except OSError:
        for path in written:
            _write(path, before[path])
        raise
    return [path.name for path in changed]


def origin(root=ROOT):
    """Return "owner/name" of this clone's remote on GitHub, or None."""
    remote = subprocess.run(
        ["git", "-C", root, "remote", "get-url", "origin"],
        capture_output=True,
        text=True,
    ).stdout.strip()
    match = re.search(r"github\.com[/:](.+?)(?:\.git)?/?$", remote)
    return match[1] if match and ADDRESS.fullmatch(match[1]) else None


def _substitute(pattern, text, path):
    """Return a file's content with `text` in its one place."""
    content = path.read_text("utf-8")
    content, places = pattern.subn(lambda m: m[1] + text + m[2], content)
    if places != 1:
        raise ValueError(
            f"{path.name}: the address has {places} places there, not one; "
            f"compare it with the last commit."
        )
    return content


def _find(pattern, text, complaint):
    match = re.search(pattern, text)
    if not match:
        raise ValueError(complaint)
    return match[1]


def _write(path, text):
    write_atomically(path, lambda name: name.write_text(text, "utf-8"))


def main(arguments):
    """Publish the address that is named, or this clone's own."""
    named = [*arguments, os.environ.get("PUBLIC_ADDRESS")][0] or origin()
    if named is None:
        sys.exit(
            "This clone has no remote on GitHub. Name the address: make "
            "publish REPOSITORY=owner/name"
        )
    try:
        changed = publish(named)
    except (OSError, ValueError) as error:
        sys.exit(f"{error}\nNothing was changed.")
    print(f"{Address.read()}: changed {', '.join(changed) or 'nothing'}")


if __name__ == "__main__":
    main(sys.argv[1:])
