"""The command line that the studies share."""

import argparse

from course_utils import data


def measure_sources(description, measure, arguments=None):
    """Call `measure(source, again)` for each source of a command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--source", choices=data.SOURCES, action="append")
    parser.add_argument("--again", action="store_true", help="from anew")
    options = parser.parse_args(arguments)
    for source in options.source or data.SOURCES:
        measure(source, options.again)
