"""Formulas as MathML: every browser reads them aloud, without a script."""

import re
from xml.etree import ElementTree

from latex2mathml.converter import convert

CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)
FORMULA = re.compile(
    r"\$\$(?P<block>.+?)\$\$"
    r"|(?<![\\$\w])\$(?P<inline>[^$\s](?:[^$\n]*[^$\s])?)\$(?!\w)",
    re.DOTALL,
)


def mathml(latex, display):
    """Return a formula as one line of MathML that includes its LaTeX."""
    math = convert(
        " ".join(latex.split()), display="block" if display else "inline"
    )
    ElementTree.fromstring(math)  # raises where the formula is broken
    if display:  # a long one scrolls, with the arrow keys as well
        math = math.replace("<math ", '<math tabindex="0" ', 1)
    # Markdown around it shall see no mark-up of its own.
    return math.replace("*", "&#42;").replace("_", "&#95;")


def in_markdown(source):
    """Return Markdown with its formulas as MathML, code left alone."""
    parts = CODE.split(source)
    parts[::2] = [FORMULA.sub(_replace, part) for part in parts[::2]]
    return "".join(parts)


def _replace(match):
    if match["block"] is not None:
        return mathml(match["block"], display=True)
    return mathml(match["inline"], display=False)
