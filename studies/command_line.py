"""The command line that the studies share."""

import argparse

from course_utils import data


def measure_sources(description, measure, arguments=None, parts=()):
    """Call `measure(source, again)` for each source of a command line.

    parts: names for `--only`, which `measure` then takes as third argument
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--source", choices=data.SOURCES, action="append")
    parser.add_argument("--again", action="store_true", help="start over")
    if parts:
        parser.add_argument("--only", choices=parts, help="only one part")
    options = parser.parse_args(arguments)
    for source in options.source or data.SOURCES:
        more = [options.only] if parts else []
        measure(source, options.again, *more)
