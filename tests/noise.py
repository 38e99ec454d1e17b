"""Fail a notebook's cell that prints a warning or a log line: a pytest plugin.

    python -m pytest -p tests.noise --nbval-lax notebooks

What no stored output holds may still appear on another machine.
"""

import re

import pytest
from nbval.plugin import IPyNbCell

NOISE = re.compile(
    r"Traceback|WARNING|\w*Warning:|[WIEF]0000|oneDNN"
    r"|Looking in (?:indexes|links)"
)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    result = yield
    if isinstance(item, IPyNbCell) and not item.options["check_exception"]:
        shown = "".join(str(o.get("text", "")) for o in item.test_outputs)
        for line in shown.splitlines():
            if NOISE.search(line):
                item.raise_cell_error(f"A student would see: {line.strip()}")
    return result
