"""List every claim of the course with the check that proves it.

    python docs/ledger.py                 or: make claims

A claim holds when the whole interval of its effect lies on the right side of
its bound. Notebooks, tests and the ledger judge by the same `Claim`, each
with effects that it measured itself.
"""

import math
from dataclasses import dataclass

from course_utils.results import evaluation


@dataclass(frozen=True)
class Claim:
    """State what is claimed, against which control, and within what bounds.

    at_least, at_most: bounds of the effect, in its unit; None where open
    unit: "points" are percentage points of balanced accuracy
    """

    notebook: int
    statement: str
    control: str
    unit: str = "points"
    at_least: float | None = None
    at_most: float | None = None

    def holds(self, effect):
        """Say whether an effect, a number or an Interval, is in bounds."""
        low, high = ends(effect)
        return not (
            math.isnan(low)
            or (self.at_least is not None and low < self.at_least)
            or (self.at_most is not None and high > self.at_most)
        )

    def sentence(self, effect):
        """Return the verdict on an effect with its numbers."""
        verdict = "holds" if self.holds(effect) else "does not hold here"
        return (
            f"{self.statement}: {verdict}. "
            f"Measured: {show(effect, self.unit)}; control: {self.control}."
        )


CLAIMS = {
    "overfitting": Claim(
        5,
        "A network from scratch learns ten pictures of each by heart: it "
        "knows them far better than new ones",
        "pictures of the same two animals that it was not trained on",
        at_least=15,
    ),
    "cached features": Claim(
        6,
        "Features computed once train the same head in a fifth of the time",
        "the same epochs through the frozen base",
        unit="times",
        at_least=5,
    ),
    "kinship": Claim(
        6,
        "With ten pictures of each, features of cats and dogs tell dogs from "
        "foxes better than features of vehicles",
        "a donor of equal cost, trained on airplanes and automobiles",
        at_least=5,
    ),
    "learning": Claim(
        6,
        "With ten pictures of each, features of cats and dogs tell dogs from "
        "foxes better than features that nobody trained",
        "the same base with random weights, frozen",
        at_least=5,
    ),
    "equal data": Claim(
        6,
        "With ten pictures of each, the donor beats the same network from "
        "scratch",
        "the whole network from random weights, the same pictures",
        at_least=5,
    ),
    "catching up": Claim(
        6,
        "With five hundred pictures of each, scratch is within three points "
        "of the donor, or ahead",
        "the donor's features, the same pictures",
        at_least=-3,
    ),
    "low rate gains": Claim(
        7,
        "With a hundred pictures of each, fine-tuning all of the donor at "
        "1e-4 gains two points of dogs and foxes or more",
        "the same head on the frozen base",
        at_least=2,
    ),
    "low rate keeps": Claim(
        7,
        "Fine-tuning at 1e-4 forgets three points of cats and dogs at most",
        "the donor before it was fine-tuned",
        at_most=3,
    ),
    "high rate forgets": Claim(
        7,
        "At 1e-3 more than twice as much is forgotten as at 1e-4, and more "
        "than nothing (here: points beyond twice)",
        "twice what 1e-4 forgets, with the same pictures",
        at_least=0.1,
    ),
    "rehearsal": Claim(
        7,
        "A hundred old cats among the new pictures win back at least half "
        "of what the widened donor forgets without them, asked about all "
        "three animals (here: points beyond half)",
        "half of what the same training forgets on new pictures alone",
        at_least=0.1,
    ),
    "rehearsal at a high rate": Claim(
        7,
        "At 1e-3, too, a hundred old pictures of each win back at least half "
        "of the forgotten points of cats and dogs (here: points beyond half)",
        "half of what the same training forgets without them",
        at_least=0.1,
    ),
    "three animals": Claim(
        7,
        "The donor, widened with all foxes and as many cats and dogs, is "
        "within three points of a network trained on all pictures of the "
        "three from the start, or ahead",
        "the same network from random weights, with all pictures",
        at_least=-3,
    ),
    "three animals in time": Claim(
        7,
        "So widened, it takes a tenth of the training time of a network "
        "trained on the three from the start, the donor's own left out",
        "the same network from random weights, with all pictures",
        unit="times",
        at_least=10,
    ),
    "three animals, a hundred": Claim(
        7,
        "Widened with a hundred pictures of each animal, it is within three "
        "points of the network trained on all of them, too",
        "the same network from random weights, with all pictures",
        at_least=-3,
    ),
    "shuffled donor": Claim(
        7,
        "With ten pictures of each, a donor whose labels were shuffled is no "
        "better than random weights, to three points",
        "the same base with random weights, frozen",
        at_most=3,
    ),
    "labels matter": Claim(
        7,
        "With ten pictures of each, it is the donor's labels that help",
        "a donor of the same pictures and epochs, its labels shuffled",
        at_least=5,
    ),
    "unrelated donor": Claim(
        7,
        "With ten pictures of each, a donor of vehicles is no better than "
        "random weights, to three points",
        "the same base with random weights, frozen",
        at_most=3,
    ),
    "domain gap": Claim(
        7,
        "With ten pictures of each, a donor of the other kind of pictures, "
        "drawings or photographs, is worse than one of the same kind",
        "a donor of the same animals and the same kind of pictures",
        at_least=5,
    ),
    "borrowed, ten": Claim(
        8,
        "With ten pictures of each, features from ImageNet tell dogs from "
        "foxes better than those of the course's donor",
        "the course's cat/dog donor, the same pictures",
        at_least=0,
    ),
    "borrowed, a hundred": Claim(
        8,
        "With a hundred pictures of each, features from ImageNet tell dogs "
        "from foxes better than those of the course's donor",
        "the course's cat/dog donor, the same pictures",
        at_least=0,
    ),
    "leak": Claim(
        8,
        "Without one training picture, an ImageNet backbone's own class "
        "names tell dogs from foxes well above guessing",
        "guessing",
        at_least=10,
    ),
    "more than a leak": Claim(
        8,
        "On things that no photograph shows, features from ImageNet beat "
        "those of the course's donor",
        "the course's cat/dog donor, a hundred of each",
        at_least=0,
    ),
    "recipes in time": Claim(
        8,
        "Features computed once take a twentieth of the time of each "
        "tutorial's recipe, or less",
        "the quickest recipe of three tutorials on the same backbone and "
        "pictures",
        unit="times",
        at_least=20,
    ),
    "recipes in accuracy": Claim(
        8,
        "Features computed once reach the validation accuracy that each "
        "tutorial's recipe ends with",
        "the recipe that ends highest, on the same backbone and pictures",
        at_least=0,
    ),
}


def ends(effect):
    """Return the low and the high end of a number or an Interval."""
    if isinstance(effect, evaluation.Interval):
        return effect.low, effect.high
    return effect, effect


def show(effect, unit):
    """Return an effect as text, with its interval where it has one."""
    if isinstance(effect, evaluation.Interval):
        half = (effect.high - effect.low) / 2
        return f"{effect.mean:+.1f} ± {half:.1f} {unit} ({effect.count} seeds)"
    return f"{effect:.1f} {unit}"


def judge(name, effect):
    """Print the verdict of the claim `name` on an effect; return it."""
    print(CLAIMS[name].sentence(effect))
    return CLAIMS[name].holds(effect)
