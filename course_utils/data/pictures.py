"""Two animals, three parts: train, validation and an untouched test set."""

import numbers
import os
from dataclasses import dataclass

import numpy as np

from course_utils.data import drawings
from course_utils.language import mark, say, tell
from course_utils.machine import devices

SOURCES = (mark("drawings"), mark("photos"))

# As many drawings as there are photographs; of foxes there are few.
TRAIN_DRAWINGS = dict.fromkeys(drawings.CLASS_NAMES, 5000) | {"fox": 500}
TEST_DRAWINGS = 1000
TRAIN_SEED, TEST_SEED = 1, 2


@dataclass(frozen=True, repr=False)
class Pictures:
    """Hold pictures of some classes, split into three parts.

    Pictures are uint8 arrays (count, height, width, 3); labels are int32
    arrays (count,) that index `class_names`.
    """

    class_names: tuple
    source: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_validation: np.ndarray
    y_validation: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    def __post_init__(self):
        # JAX has no int64 unless asked, and warns at the first fit.
        for name in ("y_train", "y_validation", "y_test"):
            labels = np.asarray(getattr(self, name))
            if labels.dtype.kind in "iu":
                object.__setattr__(self, name, labels.astype(np.int32))

    def few(self, count, seed=0):
        """Return `count` training pictures of each class, and their labels.

        The same seed gives the same pictures; their order is mixed. Raises
        ValueError when a class has fewer than `count` training pictures.
        """
        order = self.few_indices(count, seed)
        return self.x_train[order], self.y_train[order]

    def few_indices(self, count, seed=0):
        """Return where the pictures of `few` are in the training part."""
        generator = np.random.default_rng(seed)
        chosen = []
        for label, name in enumerate(self.class_names):
            members = np.flatnonzero(self.y_train == label)
            if not 0 < count <= len(members):
                raise ValueError(
                    f"There are {len(members)} training pictures of {name}; "
                    f"ask for a number from 1 to {len(members)}, not {count}."
                )
            chosen.append(generator.choice(members, count, replace=False))
        return generator.permutation(np.concatenate(chosen))

    def __repr__(self):
        parts = (mark("train"), mark("validation"), mark("test"))
        counts = ", ".join(
            f"{len(getattr(self, f'y_{part}'))} {say(part)}" for part in parts
        )
        names = say(f"{len(self.class_names)} classes")
        if len(self.class_names) <= 10:
            names = ", ".join(f"{name:.30}" for name in self.class_names)
        return say(f"Pictures of {names} ({say(self.source)}): {counts}")


def load_pair(first, second, source=None, **options):
    """Return the pictures of two classes; for options see `load_classes`.

    Taught in notebook 00.

    >>> pair = load_pair("dog", "fox", source="drawings", image_size=8)
    Pictures: drawings (you asked for them).
    >>> pair
    Pictures of dog, fox (drawings): 900 train, 100 validation, 2000 test
    """
    return load_classes((first, second), source, **options)


def load_classes(
    names, source=None, image_size=32, validation=0.1, balanced=True, seed=0
):
    """Return `Pictures` of the named classes, the same on every machine.

    names: two or more different class names; label i stands for names[i]
    source: "drawings", "photos" or None: COURSE_SOURCE where it is set, else
        photos where they are in the cache or the platform is Colab or Kaggle
        with internet, else drawings; a printed line says which and why
    image_size: side in pixels; photographs are 32 pixels wide
    validation: share of each class's training pictures, 0 to below 1
    balanced: cut every class's training part to the size of the smallest
    seed: decides which pictures are held out for validation

    The test pictures are never cut, so classes may differ in number there:
    report balanced accuracy. Raises ValueError for a class that the source
    does not hold or a size that it cannot give.
    """
    names = tuple(names)
    if len(set(names)) != len(names) or len(names) < 2:
        raise ValueError(f"Name two or more different classes, not {names}.")
    for name, value, least, most in (
        ("image_size", image_size, 8, 256),
        ("seed", seed, 0, 2**32 - 1),
    ):
        is_whole = isinstance(value, numbers.Integral)
        is_whole = is_whole and not isinstance(value, bool)
        if not is_whole or not least <= value <= most:
            raise ValueError(
                f"{name} must be a whole number from {least} to {most}, not "
                f"{value!r:.60}."
            )
    if not isinstance(validation, numbers.Real):
        raise ValueError(
            "validation must be a fraction from 0 to 1, not "
            f"{validation!r:.60}."
        )
    if not 0 <= validation < 1:
        raise ValueError(
            f"validation must be a fraction from 0 to 1, not {validation}."
        )
    source, reason = _choose(source, names)
    tell(f"Pictures: {say(source)} ({reason}).")
    train, test = _load(source, names, image_size)
    generator = np.random.default_rng(seed)
    if balanced:
        smallest = min(map(len, train))
        train = [pictures[:smallest] for pictures in train]
    kept, held = [], []
    for pictures in train:
        order = generator.permutation(len(pictures))
        cut = round(validation * len(pictures))
        held.append(pictures[np.sort(order[:cut])])
        kept.append(pictures[np.sort(order[cut:])])
    return Pictures(
        names, source, *_join(kept, generator), *_join(held), *_join(test)
    )


def _join(groups, generator=None):
    pictures = np.concatenate(groups)
    labels = np.repeat(np.arange(len(groups)), list(map(len, groups)))
    if generator is None:
        return pictures, labels
    order = generator.permutation(len(labels))
    return pictures[order], labels[order]


def _choose(source, names):
    asked = source or os.environ.get("COURSE_SOURCE", "").strip().lower()
    if asked:
        if asked not in SOURCES:
            origin = "" if source else " (set by COURSE_SOURCE)"
            raise ValueError(
                f"There is no source {asked!r}{origin}; choose one of "
                f"{', '.join(SOURCES)}, or folders.load_folder for your own."
            )
        return asked, say("you asked for them") if source else "COURSE_SOURCE"

    from course_utils.data import photos  # late: it is a program, too

    if not set(names) <= set(photos.CLASS_NAMES):
        return "drawings", say("there are no photographs of these")
    if photos.is_cached():
        return "photos", say("they are in the cache")
    platform = devices.platform_name()
    if platform not in ("colab", "kaggle"):
        return "drawings", say("they need no download")
    try:
        photos.download()
    except photos.PhotosUnavailable as error:
        return "drawings", str(error).rstrip(".")
    return "photos", say(f"downloaded on {platform.capitalize()}")


def _load(source, names, image_size):
    module = drawings
    if source == "photos":
        from course_utils.data import photos as module
    unknown = sorted(set(names) - set(module.CLASS_NAMES))
    if unknown:
        raise ValueError(
            f"The {source} contain no {', '.join(unknown)}; choose from "
            f"{', '.join(module.CLASS_NAMES)}."
        )
    if source == "photos":
        if image_size != 32:
            raise ValueError(
                "The photographs are 32 pixels wide: use image_size=32."
            )
        return [
            [module.load(name, split) for name in names]
            for split in ("train", "test")
        ]
    return [
        [
            module.draw_many(name, count[name], size=image_size, seed=seed)
            for name in names
        ]
        for count, seed in (
            (TRAIN_DRAWINGS, TRAIN_SEED),
            (dict.fromkeys(names, TEST_DRAWINGS), TEST_SEED),
        )
    ]


def batches(size, *arrays):
    """Yield consecutive parts of equally long arrays, `size` rows each.

    size: rows of a batch, from 1 to the number of rows; the last batch is
        smaller where it does not divide them
    arrays: anything that can be sliced, lists too

    Raises ValueError for a size that does not fit or arrays that differ in
    length: a slice alone would return fewer rows and say nothing.

    Taught in notebook 02.
    """
    lengths = {len(array) for array in arrays}
    if len(lengths) != 1:
        raise ValueError(f"The arrays differ in length: {sorted(lengths)}.")
    rows = lengths.pop()
    if not 1 <= size <= rows:
        raise ValueError(
            f"A batch of {size} does not fit the data: there are {rows} "
            f"examples, so choose a size from 1 to {rows}."
        )
    for start in range(0, rows, size):
        yield tuple(array[start : start + size] for array in arrays)


def first_of_each(labels, count):
    """Return the places of the first `count` of each label, at most.

    Taught in notebook 09.
    """
    return np.concatenate(
        [np.flatnonzero(labels == y)[:count] for y in np.unique(labels)]
    )
