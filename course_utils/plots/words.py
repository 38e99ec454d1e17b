"""Numbers as people say them: 12 ms, 3.2 hours, 41 years."""

import math

from course_utils.language import mark, say

# The upper end of each unit, and what one of it is in seconds.
_UNITS = (
    (1e-6, 1e-9, "ns"),
    (1e-3, 1e-6, "µs"),
    (1, 1e-3, "ms"),
    (120, 1, "s"),
    (7200, 60, mark("minutes")),
    (48 * 3600, 3600, mark("hours")),
    (730 * 86400, 86400, mark("days")),
    (math.inf, 365.25 * 86400, mark("years")),
)


def format_seconds(seconds, digits=2):
    """Write a time for a reader: "12 ms", "3.2 hours", "41 years".

    Taught in notebook 00.

    >>> format_seconds(90_000)
    '25 hours'
    """
    if not math.isfinite(seconds) or seconds <= 0:
        return f"{seconds:g} s"
    unit, name = next(
        (unit, name) for end, unit, name in _UNITS if seconds < end
    )
    number, name = seconds / unit, say(name)
    for size, word in ((1e9, say("billion")), (1e6, say("million"))):
        if number >= size:
            return f"{_rounded(number / size, digits)} {word} {name}"
    return f"{_rounded(number, digits)} {name}"


def _rounded(number, digits):
    """Write some significant digits, never an exponent: 3.2, 41, 1,900."""
    places = digits - 1 - math.floor(math.log10(number))
    return f"{round(number, places):,.{max(0, places)}f}"
