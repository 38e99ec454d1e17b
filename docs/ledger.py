"""List every claim of the course with its verdict: `make claims`."""

import argparse
from pathlib import Path

from course_utils import data
from course_utils.machine import paths
from course_utils.results import (
    claims,
    forgetting,
    giant,
    recipes,
    transfer,
)

# What the README shows: the question that each answers, and its claim.
DIGEST = {
    "Does borrowing help?": "equal data",
    "Is it what the donor saw that helps?": "kinship",
    "What is a label worth with a donor?": "labels saved",
    "Can it learn the fox and keep the cat?": "three animals",
    "When does it not pay?": "catching up",
}


def ledger(source):
    """Return {claim: effect} for all that is measured on a source."""
    effects = transfer.effects(transfer.stored(source))
    for results in (forgetting, giant):
        try:
            effects |= results.effects(results.stored(source))
        except FileNotFoundError as error:
            print(f"{source}: {error}")  # what was not measured yet
    timed = recipes.stored()
    if timed["source"] == source:
        effects |= recipes.effects(timed)
    return {name: effects[name] for name in claims.CLAIMS if name in effects}


def markdown(effects_by_source):
    """Return the ledger as a Markdown table, one row per claim and source."""
    rows = ["| claim | pictures | measured | bound | control | verdict |"]
    rows.append("|---|---|---|---|---|---|")
    for source, effects in effects_by_source.items():
        for name, verdict in claims.verdicts(effects).items():
            claim = claims.CLAIMS[name]
            cells = [
                claim.statement,
                source,
                claim.measured(effects[name]),
                claim.bound(),
                claim.control,
                f"**{verdict}**",
            ]
            rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def digest(effects_by_source):
    """Return five claims, with their verdicts, as a Markdown table."""
    rows = ["| question | claim | verdict |", "|---|---|---|"]
    verdicts = {
        source: claims.verdicts(effects)
        for source, effects in effects_by_source.items()
    }
    for question, name in DIGEST.items():
        found = [
            f"**{verdicts[source][name]}** on {source}: "
            f"{claims.CLAIMS[name].measured(effects[name])}"
            for source, effects in effects_by_source.items()
            if name in effects
        ]
        rows.append(
            f"| {question} | {claims.CLAIMS[name].statement} "
            f"| {'<br>'.join(found)} |"
        )
    return "\n".join(rows) + "\n"


def changes():
    """Return what was changed after a measurement, as a Markdown list."""
    return "".join(
        f"- *{row['claim']}*. It was: {row['was']}. It became: "
        f"{row['became']}. Reason: {row['why']}.\n"
        for row in claims.read()["changed"]
    )


def last_line(effects_by_source):
    """Return how many claims got each verdict, in one line."""
    found = [
        verdict
        for effects in effects_by_source.values()
        for verdict in claims.verdicts(effects).values()
    ]
    proven, equal, refuted, unsettled = map(found.count, claims.VERDICTS)
    return (
        f"{len(found)} claims: {proven} proven, {equal} equal, "
        f"{refuted} refuted, {unsettled} not settled"
    )


def table():
    """Return the stored grids of both sources, side by side, as Markdown."""
    grids = {
        source: transfer.stored(source)["accuracy"] for source in data.SOURCES
    }
    arms = transfer.SHOWN
    names = [f"{transfer.ARM_LABELS[a]}, {s}" for a in arms for s in grids]
    lines = [
        "| pictures of each | " + " | ".join(names) + " |",
        "|---" * (1 + len(names)) + "|",
    ]
    for count in (5, 10, 25, 50, 100, 500):
        cells = [str(count)]
        for arm in arms:
            for grid in grids.values():
                row = grid.get(arm, {}).get(count)
                cells.append("" if row is None else f"{row.mean():.3f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main(arguments=None):
    """Print the ledger, or write it into a page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", choices=data.SOURCES, action="append")
    parser.add_argument("--write", type=Path, metavar="PAGE")
    parser.add_argument("--table", type=Path, metavar="PAGE")
    parser.add_argument("--digest", type=Path, metavar="PAGE")
    options = parser.parse_args(arguments)
    sources = options.source or data.SOURCES
    effects = {source: ledger(source) for source in sources}
    text = markdown(effects)
    print(text)
    if options.table:
        paths.write_between(options.table, "drawings", table())
    if options.digest:
        paths.write_between(options.digest, "digest", digest(effects))
    if options.write:
        paths.write_between(options.write, "claims", text)
        paths.write_between(options.write, "changes", changes())
    print(last_line(effects))


if __name__ == "__main__":
    main()
