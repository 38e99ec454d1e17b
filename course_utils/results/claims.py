"""Claims of the course, and verdicts on them in four words.

The claims and their bounds are in `data/claims.toml`, written before they
were measured. Notebooks, tests and `make claims` judge by this code.
"""

import hashlib
import tomllib
from dataclasses import dataclass

from course_utils.language import say, tell
from course_utils.machine import paths
from course_utils.results import evaluation

PROVEN, REFUTED = "proven", "refuted"
NOT_SETTLED, EQUAL = "not settled", "equal"
VERDICTS = (PROVEN, EQUAL, REFUTED, NOT_SETTLED)
LEVEL = 0.05


@dataclass(frozen=True)
class Bound:
    """Hold one margin: at least, at most, or equal within.

    unit: "points" are percentage points of balanced accuracy
    """

    unit: str
    at_least: float | None = None
    at_most: float | None = None
    equal_within: float | None = None

    def __str__(self):
        value = next(
            value
            for value in (self.equal_within, self.at_least, self.at_most)
            if value is not None
        )
        unit = "point" if (value, self.unit) == (1, "points") else self.unit
        if self.equal_within is not None:
            return say(f"equal within {self.equal_within} {unit}")
        if self.at_least is not None:
            return say(f"at least {self.at_least} {unit}")
        return say(f"at most {self.at_most} {unit}")

    def chances(self, effect):
        """Return two p-values, one for the claim and one against it.

        Both are two-sided: an interval of 95 % that ends at the bound gives
        0.05. Equality is two one-sided tests. Source: Schuirmann (1987), "A
        comparison of the two one-sided tests procedure".
        """
        if not isinstance(effect, evaluation.Interval):
            raise TypeError(
                f"A claim needs an Interval, not {effect!r}: repeat the "
                "measurement and call evaluation.interval."
            )
        if self.at_least is not None:
            above = effect.chance_below(self.at_least)
            return 2 * above, 2 * (1 - above)
        if self.at_most is not None:
            above = effect.chance_below(self.at_most)
            # Exactly at the bound is within it.
            if not effect.error and effect.mean == self.at_most:
                return 0.0, 2.0
            return 2 * (1 - above), 2 * above
        margin = self.equal_within
        low = effect.chance_below(-margin)
        high = 1 - effect.chance_below(margin)
        return max(low, high), 2 * min(1 - low, 1 - high)


@dataclass(frozen=True)
class Claim:
    """State what is claimed, against which control, within what bounds."""

    name: str
    notebook: int
    statement: str
    control: str
    contrast: str
    bounds: tuple

    def chances(self, effect):
        """Return the p-values for the claim and against it.

        effect: an Interval, or one for each bound: all must hold, so the
            weakest counts for the claim. Raises TypeError for a number
            without an interval.
        """
        effects = several(effect)
        if len(effects) != len(self.bounds):
            raise TypeError(
                f"The claim {self.name!r} has {len(self.bounds)} bounds: "
                "give one Interval for each."
            )
        pairs = [
            bound.chances(each)
            for bound, each in zip(self.bounds, effects, strict=True)
        ]
        proof, refutation = zip(*pairs, strict=True)
        return max(proof), min(1.0, min(refutation) * len(pairs))

    def verdict(self, effect, level=LEVEL):
        """Return one of the four words for an effect."""
        proof, refutation = self.chances(effect)
        if proof <= level:
            equal = any(b.equal_within is not None for b in self.bounds)
            return EQUAL if equal else PROVEN
        return REFUTED if refutation <= level else NOT_SETTLED

    def bound(self):
        """Return the bounds as text."""
        return " and ".join(map(str, self.bounds))

    def measured(self, effect):
        """Return an effect as text, with what its interval covers."""
        return "; ".join(
            each.in_unit(bound.unit)
            for each, bound in zip(several(effect), self.bounds, strict=True)
        )


def several(effect):
    """Return an effect as a tuple: of one Interval, or of those given."""
    return tuple(effect) if isinstance(effect, list | tuple) else (effect,)


def read():
    """Return the whole of `data/claims.toml`, as TOML gives it."""
    text = (paths.data_directory() / "claims.toml").read_text("utf-8")
    return tomllib.loads(text)


def load():
    """Return {name: Claim} in the order of the file."""
    return {
        row["name"]: Claim(
            **row | {"bounds": tuple(Bound(**each) for each in row["bounds"])}
        )
        for row in read()["claim"]
    }


CLAIMS = load()


def digest():
    """Return a short digest of what is claimed and its bounds.

    Rewording a statement does not change it; every grid holds the digest of
    the day when it was measured.
    """
    known = [(c.name, c.contrast, c.bounds) for c in CLAIMS.values()]
    return hashlib.sha256(repr(known).encode()).hexdigest()[:12]


def verdicts(effects, level=LEVEL):
    """Return {name: verdict}, corrected for the number of claims.

    effects: {name: Interval, or one for each bound} of one source. The
    claims of one notebook are a family. Source: Holm (1979), "A simple
    sequentially rejective multiple test procedure".
    """
    found = {}
    for notebook in sorted({CLAIMS[name].notebook for name in effects}):
        family = [n for n in effects if CLAIMS[n].notebook == notebook]
        chances = {n: min(CLAIMS[n].chances(effects[n])) for n in family}
        open_ = False
        for place, name in enumerate(sorted(family, key=chances.get)):
            part = level / (len(family) - place)
            open_ = open_ or chances[name] > part
            found[name] = (
                NOT_SETTLED
                if open_
                else CLAIMS[name].verdict(effects[name], part)
            )
    return {name: found[name] for name in effects}


def judge(name, effects):
    """Print the verdict on a claim on four lines, and return it.

    effects: {name: effect} of one source, corrected within the notebook, or
        the effect of this claim alone: an Interval, or one for each bound. If
        the claim is not among them, it was not measured yet: a line says so,
        and None is returned

    Taught in notebook 06.

    >>> verdict = judge("kinship", evaluation.interval([8.0, 9.0, 10.0]))
    proven: ...
    >>> verdict
    'proven'
    """
    claim = CLAIMS[name]
    if isinstance(effects, dict) and name not in effects:
        tell(f"not measured yet: {claim.statement}")
        return None
    if isinstance(effects, dict):
        effect, verdict = effects[name], verdicts(effects)[name]
    else:
        effect, verdict = effects, claim.verdict(effects)
    print(f"{say(verdict)}: {say(claim.statement)}")
    tell(f"  measured: {claim.measured(effect)}")
    tell(f"  bound:    {claim.bound()}")
    tell(f"  control:  {claim.control}")
    return verdict
