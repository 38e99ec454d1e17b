"""List every claim of the course with its verdict: `make claims`."""

import argparse
from pathlib import Path

from course_utils import data
from course_utils.machine import paths
from course_utils.results import claims
from course_utils.results import forgetting as forgetting_results
from course_utils.results import giant as giant_results
from course_utils.results import limits as limits_results
from course_utils.results import recipes as recipes_results
from course_utils.results import transfer as transfer_results


def ledger(source):
    """Return {claim: effect} for all that is measured on a source."""

    timed = recipes_results.stored()
    return (
        transfer_results.effects(transfer_results.stored(source)["accuracy"])
        | forgetting_results.effects(forgetting_results.stored(source))
        | limits_results.effects(limits_results.stored(source)[0])
        | giant_results.effects(giant_results.stored(source))
        | (recipes_results.effects(timed) if timed["source"] == source else {})
    )


def markdown(effects_by_source):
    """Return the ledger as a Markdown table, a row a claim and source."""
    rows = ["| claim | measured | control | pictures | holds |"]
    rows.append("|---|---|---|---|---|")
    for source, effects in effects_by_source.items():
        for name, effect in effects.items():
            claim = claims.CLAIMS[name]
            rows.append(
                f"| {claim.statement} | {claims.show(effect, claim.unit)} "
                f"| {claim.control} | {source} "
                f"| {'yes' if claim.holds(effect) else '**no**'} |"
            )
    return "\n".join(rows) + "\n"


def table():
    """Return the stored grids of both sources, side by side, as Markdown."""
    grids = {
        source: transfer_results.stored(source)["accuracy"]
        for source in data.SOURCES
    }
    names = [
        f"{transfer_results.ARM_LABELS[arm]}, {source}"
        for arm in transfer_results.ARM_LABELS
        for source in grids
    ]
    lines = [
        "| pictures of each | " + " | ".join(names) + " |",
        "|---" * (1 + len(names)) + "|",
    ]
    for count in (5, 10, 25, 50, 100, 500):
        cells = [str(count)]
        for arm in transfer_results.ARM_LABELS:
            for grid in grids.values():
                row = grid[arm].get(count)
                cells.append("" if row is None else f"{row.mean():.3f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main(arguments=None):
    """Print the ledger, or write it into a page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", choices=data.SOURCES, action="append")
    parser.add_argument("--write", type=Path, metavar="PAGE")
    parser.add_argument("--table", type=Path, metavar="PAGE")
    options = parser.parse_args(arguments)
    sources = options.source or data.SOURCES
    text = markdown({source: ledger(source) for source in sources})
    print(text)
    if options.table:
        paths.write_between(options.table, "drawings", table())
    if options.write:
        paths.write_between(options.write, "claims", text)


if __name__ == "__main__":
    main()
