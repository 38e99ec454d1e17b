"""Run well-known transfer recipes beside the course's, on equal terms.

    python -m course_utils.recipes                or: make bench-recipes

The recipes of three tutorials, as settings: each gets the same backbone,
pictures, split and machine as the course's, which computes features once and
solves for a head. Written to `data/reference/recipes.json`: seconds until a
recipe first reaches the validation accuracy that it ends with, seconds to its
end, and its test accuracy, for each seed. Introduced in notebook 08.
"""

import argparse
import json
import statistics
import time
from datetime import date
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.metrics import balanced_accuracy_score

from course_utils import (
    borrow,
    data,
    devices,
    evaluation,
    giant,
    paths,
    reference,
)

SEEDS = range(3)
TRAIN, HELD = 200, 100  # pictures of each class; of validation, and of test
IMAGE_SIZE = 96
RECIPES = {
    "TensorFlow tutorial": {
        "page": "https://www.tensorflow.org/tutorials/images/"
        "transfer_learning",
        "batch_size": 32,
        "rotation": 0.2,
        "dropout": 0.2,
        "outputs": 1,
        "stages": [
            {"unfrozen": 0, "optimizer": "Adam", "rate": 1e-4, "epochs": 10},
            # Layers 100 to 154 of MobileNetV2: the same share here.
            {
                "unfrozen": 0.35,
                "optimizer": "RMSprop",
                "rate": 1e-5,
                "epochs": 10,
            },
        ],
        "repair": "one validation split, kept; the test set is not cut from "
        "it anew",
    },
    "Keras guide": {
        "page": "https://keras.io/guides/transfer_learning/",
        "batch_size": 64,
        "rotation": 0.1,
        "dropout": 0.2,
        "outputs": 1,
        "stages": [
            {"unfrozen": 0, "optimizer": "Adam", "rate": 1e-3, "epochs": 2},
            {"unfrozen": 1, "optimizer": "Adam", "rate": 1e-5, "epochs": 1},
        ],
        "repair": "pictures are augmented after the cache, and shuffled",
    },
    "Keras guide, its log": {
        "page": "https://keras.io/guides/transfer_learning/",
        "batch_size": 32,
        "rotation": 0.1,
        "dropout": 0.2,
        "outputs": 1,
        "stages": [
            {"unfrozen": 0, "optimizer": "Adam", "rate": 1e-3, "epochs": 20},
            {"unfrozen": 1, "optimizer": "Adam", "rate": 1e-5, "epochs": 10},
        ],
        "repair": "none: the epochs that its published output shows",
    },
    "PyTorch tutorial": {
        "page": "https://docs.pytorch.org/tutorials/beginner/"
        "transfer_learning_tutorial.html",
        "batch_size": 4,
        "crop": (0.08, 1),
        "dropout": 0,
        "outputs": 2,
        "normalization_learns": True,
        "stages": [
            {
                "unfrozen": 1,
                "optimizer": "SGD",
                "momentum": 0.9,
                "rate": 1e-3,
                "epochs": 25,
                "tenth_every": 7,
            },
        ],
        "repair": "a test set held out; the last epoch counts, not the best "
        "on validation",
    },
}


def cropped(x, y, batch_size, share, seed=0):
    """Return batches of random crops, scaled back, and flipped at random.

    x: uint8 pictures (count, side, side, 3); y: labels (count,)
    share: of a picture's area, from and to. As torchvision's
        RandomResizedCrop; every epoch in a new order
    """
    import keras

    generator = np.random.default_rng(seed)

    class Batches(keras.utils.PyDataset):
        def __init__(self):
            super().__init__()
            self.on_epoch_end()

        def __len__(self):
            return -(-len(y) // batch_size)

        def __getitem__(self, index):
            chosen = self.order[index * batch_size :][:batch_size]
            crops = [crop(x[place], share, generator) for place in chosen]
            return np.array(crops), y[chosen]

        def on_epoch_end(self):
            self.order = generator.permutation(len(y))

    return Batches()


def crop(picture, share, generator):
    """Cut a random part out of a picture, scale it back, perhaps flip it."""
    side = len(picture)
    area = side**2 * generator.uniform(*share)
    ratio = np.exp(generator.uniform(np.log(3 / 4), np.log(4 / 3)))
    width = int(min(side, max(1, round(np.sqrt(area * ratio)))))
    height = int(min(side, max(1, round(np.sqrt(area / ratio)))))
    left = generator.integers(0, side - width + 1)
    top = generator.integers(0, side - height + 1)
    part = Image.fromarray(picture[top : top + height, left : left + width])
    scaled = np.asarray(part.resize((side, side), Image.Resampling.BILINEAR))
    return scaled[:, ::-1] if generator.random() < 0.5 else scaled


def build(recipe, backbone):
    """Return a recipe's network, and the backbone's layers inside it.

    Batch normalization keeps its averages, as the tutorials of Keras and
    TensorFlow mean it, unless the recipe says that it learns. Their
    `training=False` does not suffice: `follow` freezes it.
    """
    import keras
    from keras import layers

    inner = [each for each in backbone.layers if hasattr(each, "layers")]
    base = inner[0] if inner else backbone
    inputs = x = keras.Input(backbone.input_shape[1:])
    if "rotation" in recipe:
        x = layers.RandomFlip("horizontal")(x)
        x = layers.RandomRotation(recipe["rotation"])(x)
    if inner:  # the scaling of pixels stands before it
        x = next(e for e in backbone.layers if "rescaling" in e.name)(x)
    learns = recipe.get("normalization_learns")
    x = base(x) if learns else base(x, training=False)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(recipe["dropout"])(x)
    activation = "sigmoid" if recipe["outputs"] == 1 else "softmax"
    x = layers.Dense(recipe["outputs"], activation=activation)(x)
    return keras.Model(inputs, x), base.layers


def follow(recipe, backbone, parts, seed):
    """Follow one recipe to its end and return what it took.

    parts: {"train", "validation", "test"}: pairs (pictures, labels). The
    backbone's weights are put back afterwards. Building and compiling count,
    as they do for whoever waits; the evaluation on the test set does not.
    """
    import keras

    keras.utils.set_random_seed(seed)
    before = backbone.get_weights()
    clock = _Clock()
    network, base = build(recipe, backbone)
    for stage in recipe["stages"]:
        frozen = round(len(base) * (1 - stage["unfrozen"]))
        for place, layer in enumerate(base):
            keeps = isinstance(layer, keras.layers.BatchNormalization)
            keeps = keeps and not recipe.get("normalization_learns")
            layer.trainable = place >= frozen and not keeps
        _fit(network, recipe, stage, parts, seed, clock)
    x, y = parts["test"]
    answers = _labels(network.predict(x, verbose=0))
    backbone.set_weights(before)
    return clock.report(y, answers)


def _fit(network, recipe, stage, parts, seed, clock):
    import keras

    x, y = parts["train"]
    rate = stage["rate"]
    if "tenth_every" in stage:
        steps = stage["tenth_every"] * -(-len(y) // recipe["batch_size"])
        rate = keras.optimizers.schedules.ExponentialDecay(
            rate, steps, 0.1, staircase=True
        )
    options = {"momentum": stage["momentum"]} if "momentum" in stage else {}
    loss = "binary" if recipe["outputs"] == 1 else "sparse_categorical"
    network.compile(
        getattr(keras.optimizers, stage["optimizer"])(rate, **options),
        f"{loss}_crossentropy",
        metrics=["accuracy"],
    )
    if "crop" in recipe:
        batches = cropped(x, y, recipe["batch_size"], recipe["crop"], seed)
        arguments = {"x": batches}
    else:
        arguments = {"x": x, "y": y, "batch_size": recipe["batch_size"]}
    record = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: clock.tick(logs["val_accuracy"])
    )
    network.fit(
        **arguments,
        epochs=stage["epochs"],
        validation_data=parts["validation"],
        callbacks=[record],
        verbose=0,
    )


def follow_course(backbone, parts):
    """Compute features once, solve for a head, and return what it took.

    Features of the training and of the validation pictures count, and so
    does building the network; nothing comes from a cache.
    """
    clock = _Clock()
    network = borrow.eyes(backbone, backbone.input_shape[1])
    x, y = parts["train"]
    features = network.predict(x, verbose=0)
    head = borrow.linear_head(features).fit(features, y)
    x, y = parts["validation"]
    clock.tick(head.score(network.predict(x, verbose=0), y))
    x, y = parts["test"]
    return clock.report(y, head.predict(network.predict(x, verbose=0)))


class _Clock:
    """Note seconds and validation accuracy, epoch by epoch."""

    def __init__(self):
        self.start = time.perf_counter(), time.process_time()
        self.seconds, self.processor, self.validation = [], [], []

    def tick(self, accuracy):
        self.seconds.append(time.perf_counter() - self.start[0])
        self.processor.append(time.process_time() - self.start[1])
        self.validation.append(float(accuracy))

    def report(self, labels, answers):
        final = self.validation[-1]
        first = next(
            place
            for place, accuracy in enumerate(self.validation)
            if accuracy >= final
        )
        return {
            "seconds": round(self.seconds[-1], 2),
            "processor_seconds": round(self.processor[-1], 2),
            "seconds_to_final": round(self.seconds[first], 2),
            "validation": [round(value, 4) for value in self.validation],
            "test": round(float(balanced_accuracy_score(labels, answers)), 4),
        }


def _labels(answers):
    if answers.shape[1] == 1:
        return (answers[:, 0] > 0.5).astype(int)
    return answers.argmax(axis=1)


def load_parts(source=None, directory=None):
    """Return {"train", "validation", "test"}: pairs (pictures, labels).

    source: drawings or photos of dogs and foxes, scaled to `IMAGE_SIZE`;
    directory: instead, a folder with one sub-folder a class, of two. Each
    part holds at most `TRAIN` or `HELD` pictures of each class.
    """
    if directory:
        from course_utils import folders

        pictures = folders.load_folder(directory, IMAGE_SIZE)
    else:
        pictures = data.load_pair("dog", "fox", source, validation=0.2)
    parts = {}
    for part, most in (("train", TRAIN), ("validation", HELD), ("test", HELD)):
        x, y = getattr(pictures, f"x_{part}"), getattr(pictures, f"y_{part}")
        chosen = borrow.first_of_each(y, most)
        parts[part] = (
            np.array([_scaled(each) for each in x[chosen]]),
            y[chosen],
        )
    return pictures.source, parts


def _scaled(picture):
    side = (IMAGE_SIZE, IMAGE_SIZE)
    image = Image.fromarray(picture).resize(side, Image.Resampling.BILINEAR)
    return np.asarray(image)


def measure(source=None, directory=None, backbone="MobileNet", path=None):
    """Run all recipes and the course's for every seed, and store them."""
    path = path or reference.path("recipes")
    backbone = giant.load(backbone, IMAGE_SIZE)
    source, parts = load_parts(source, directory)
    backbone.predict(parts["test"][0][:8], verbose=0)  # wakes the framework
    result = {
        "backbone": backbone.name,
        "weights": backbone.count_params(),
        "image_size": backbone.input_shape[1],
        "source": source,
        "pictures": {part: len(y) for part, (_, y) in parts.items()},
        "date": date.today().isoformat(),
        "hardware": devices.hardware().summary(),
        "course": [],
        "recipes": {name: {**r, "runs": []} for name, r in RECIPES.items()},
    }
    for seed in SEEDS:
        result["course"].append(follow_course(backbone, parts))
        for name, recipe in RECIPES.items():
            took = follow(recipe, backbone, parts, seed)
            result["recipes"][name]["runs"].append(took)
            print(seed, name, took["seconds"], took["test"], flush=True)
            paths.write_json(path, result)
    return result


def stored():
    """Return what was measured, once it is whole.

    Raises FileNotFoundError that names the command, also while seeds lack.
    """
    path = reference.path("recipes")
    result = json.loads(path.read_text("utf-8")) if path.exists() else {}
    runs = [each["runs"] for each in result.get("recipes", {}).values()]
    if len(runs) < len(RECIPES) or min(map(len, runs)) < len(SEEDS):
        raise FileNotFoundError(
            "No recipes are stored; run them with: "
            "python -m course_utils.recipes"
        )
    return result


def compare(result):
    """Return one dictionary a recipe: medians over the seeds, and verdicts.

    "times": its seconds, to its end, over those of the course's recipe;
    "times to final": the same until it first reaches the validation accuracy
    that it ends with; "reached": whether the course's validation accuracy is
    at least that, as means over the seeds.
    """
    ours = result["course"]
    seconds = _median(ours, "seconds")
    validation = _mean_final(ours)
    rows = []
    for name, recipe in result["recipes"].items():
        runs = recipe["runs"]
        final = _mean_final(runs)
        rows.append(
            {
                "recipe": name,
                "seconds": _median(runs, "seconds"),
                "validation": final,
                "test": statistics.mean(each["test"] for each in runs),
                "times": _median(runs, "seconds") / seconds,
                "times to final": _median(runs, "seconds_to_final") / seconds,
                "reached": validation >= final,
            }
        )
    return rows


def effects(result):
    """Return the two effects of notebook 08 by claim, each at its worst.

    How many times the course's seconds the quickest recipe takes, and the
    Interval of the course's lead, in points of validation accuracy, over the
    recipe that ends highest.
    """
    best = max(
        (recipe["runs"] for recipe in result["recipes"].values()),
        key=_mean_final,
    )
    return {
        "recipes in time": min(row["times"] for row in compare(result)),
        "recipes in accuracy": evaluation.interval(
            [
                100 * (ours["validation"][-1] - theirs["validation"][-1])
                for ours, theirs in zip(result["course"], best, strict=True)
            ]
        ),
    }


def show(result):
    """Print the course's recipe and the others as a table."""
    ours = result["course"]
    test = statistics.mean(each["test"] for each in ours)
    print(f"{'recipe':22}  seconds  validation   test   times  reached")
    print(
        f"{'features once':22} {_median(ours, 'seconds'):8.1f} "
        f"{_mean_final(ours):11.3f} {test:6.3f}"
    )
    for row in compare(result):
        print(
            f"{row['recipe']:22} {row['seconds']:8.1f} "
            f"{row['validation']:11.3f} {row['test']:6.3f} "
            f"{row['times']:7.1f}  {'yes' if row['reached'] else 'no'}"
        )


def _median(runs, key):
    return statistics.median(each[key] for each in runs)


def _mean_final(runs):
    return statistics.mean(each["validation"][-1] for each in runs)


def main(arguments=None):
    """Run all recipes, on a source or on a folder of your own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", choices=data.SOURCES)
    parser.add_argument("--folder", metavar="DIRECTORY")
    parser.add_argument("--backbone", choices=giant.NAMES, default="MobileNet")
    parser.add_argument(
        "--output", type=Path, default=reference.path("recipes")
    )
    options = parser.parse_args(arguments)
    show(
        measure(
            options.source, options.folder, options.backbone, options.output
        )
    )


if __name__ == "__main__":
    main()
