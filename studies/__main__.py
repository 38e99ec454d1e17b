"""Measure every grid of the course that is not stored yet.

    python -m studies                         or: make grids

Unattended, in the order in which notebooks need them. A run that was stopped
goes on after the last piece that was stored; donors are trained if absent.
"""

from studies import command_line, forgetting, giant, transfer


def measure(source, again=False):
    """Measure all grids on one source."""
    for study in (transfer, forgetting, giant):
        study.measure(source, again)


if __name__ == "__main__":
    command_line.measure_sources(__doc__.splitlines()[0], measure)
