"""Write the course's public address wherever a reader meets it.

    python tests/publish.py [owner/name]

The address stands once, in [tool.course] of pyproject.toml, and the tag is
the version there. From these two come the set-up cell and the badges of
every notebook and the table in the README. Without an argument the address
is this clone's own remote on GitHub; without such a remote, it stays.
"""

import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
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
# Six lines at most. Without internet pip says nothing (-qqq); the sentence
# that the cell ends with does.
SETUP = """\
#@title Set-up (run once)
from importlib.util import find_spec
if not find_spec("course_utils"):  # on Colab and Kaggle
    %pip install -qqq --no-deps "git+https://github.com/{repository}@{tag}"
assert find_spec("course_utils"), "{sentence}"
import course_utils; course_utils.set_up("{tag}")"""
NOT_FETCHED = (
    "The course could not be fetched. On Kaggle: Settings > Turn on internet, "
    "then run this cell again. On your own machine: Kernel > Change Kernel."
)


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

    def badges(self, name):
        """Return the first line of the notebook `name`."""
        badges = " ".join(
            f"[![Open in {platform}]({picture})]({address})"
            for platform, (picture, address) in self.links(
                f"notebooks/{name}"
            ).items()
        )
        note = f" ({NOT_YET})" if self.is_placeholder else ""
        return f"{badges}{note} {MARK}"

    def setup_cell(self):
        """Return the source of the set-up cell, the same in all notebooks."""
        return SETUP.format(
            repository=self.repository, tag=self.tag, sentence=NOT_FETCHED
        )

    def row(self, path):
        """Return a notebook's line of the README's table."""
        head = nbformat.read(path, as_version=4).cells[0].source
        title = re.search(r"^# (.+)$", head, re.MULTILINE)[1]
        question = re.search(r"\*\*Question\*\*: ([^?]+\?)", head)[1]
        question = " ".join(question.split())
        minutes = re.search(r"(\d+) min", head)[1]
        place = f"notebooks/{path.name}"
        opens = " · ".join(
            f"[{platform}]({address})"
            for platform, (_, address) in self.links(place).items()
        )
        return f"| [{title}]({place}) | {question} | {minutes} | {opens} |"

    def table(self, root=ROOT):
        """Return the README's table of lessons."""
        rows = [
            "| lesson | question | minutes | open in |",
            "|---|---|--:|---|",
        ]
        rows += [self.row(path) for path in lessons(root)]
        if self.is_placeholder:
            rows += ["", f"The links: {NOT_YET}."]
        return "\n".join(rows) + "\n"


def lessons(root=ROOT):
    """Return the course's notebooks in order."""
    return sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def publish_notebook(path, address):
    """Write the address into one notebook; say whether it changed."""
    before = path.read_text("utf-8")
    notebook = nbformat.reads(before, as_version=4)
    head = notebook.cells[0]
    if MARK not in head.source:
        raise ValueError(f"{path.name}: its first line must end with {MARK}")
    head.source = re.sub(
        rf"^.*{MARK}",
        lambda _: address.badges(path.name),
        head.source,
        count=1,
        flags=re.MULTILINE,
    )
    for cell in notebook.cells:
        if "setup" in cell.metadata.get("tags", []):
            cell.source = address.setup_cell()
    after = nbformat.writes(notebook) + "\n"
    if after == before:
        return False
    write_atomically(
        path, lambda temporary: temporary.write_text(after, "utf-8")
    )
    return True


def publish(repository=None, root=ROOT):
    """Write `repository`, or the address as it stands, everywhere.

    Return the names of the files that changed. Raises ValueError for
    something that is not "owner/name".
    """
    changed = []
    project = root / "pyproject.toml"
    if repository is not None:
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
            raise ValueError(f"Name it as owner/name, not {repository!r}.")
        changed += _replace(
            project,
            lambda text: re.sub(
                r'(?m)^(repository = )".*"$', rf'\1"{repository}"', text
            ),
        )
    address = Address.read(root)
    for path in lessons(root):
        if publish_notebook(path, address):
            changed.append(path.name)
    changed += _replace(
        root / "README.md",
        lambda text: TABLE.sub(
            lambda match: match[1] + address.table(root) + match[2], text
        ),
    )
    return changed


def origin(root=ROOT):
    """Return "owner/name" of this clone's remote on GitHub, or None."""
    remote = subprocess.run(
        ["git", "-C", root, "remote", "get-url", "origin"],
        capture_output=True,
        text=True,
    ).stdout.strip()
    match = re.search(r"github\.com[/:]([\w.-]+/[\w.-]+?)(?:\.git)?$", remote)
    return match and match[1]


def _replace(path, change):
    before = path.read_text("utf-8")
    after = change(before)
    if after == before:
        return []
    write_atomically(
        path, lambda temporary: temporary.write_text(after, "utf-8")
    )
    return [path.name]


if __name__ == "__main__":
    try:
        changed = publish(sys.argv[1] if sys.argv[1:] else origin())
    except ValueError as error:
        sys.exit(str(error))
    print(f"{Address.read()}: changed {', '.join(changed) or 'nothing'}")
