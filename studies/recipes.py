"""Run well-known transfer recipes and the course's, on equal terms.

    python -m studies.recipes                or: make bench-recipes

The recipes of three tutorials, as settings: each gets the same backbone,
pictures, split and machine as the course's, which computes features once and
solves for a head. Written to `data/reference/recipes.json`: seconds until a
recipe first reaches the validation accuracy that it ends with, seconds to its
end, and its test accuracy, for each seed. Introduced in notebook 9.
"""

import argparse
import time
from datetime import date
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.metrics import balanced_accuracy_score

from course_utils import data
from course_utils.data import folders
from course_utils.machine import devices, paths
from course_utils.networks import backbones, heads
from course_utils.results import files
from course_utils.results import recipes as recipes_results

SEEDS = range(3)
TRAIN, HELD = 200, 100  # pictures of each class; of validation, and of test
IMAGE_SIZE = 96
# A stage: what of the base learns, the optimizer, its rate, and the epochs.
RECIPES = {
    "TensorFlow tutorial": {
        "page": "https://www.tensorflow.org/tutorials/images/"
        "transfer_learning",
        "batch_size": 32, "rotation": 0.2, "dropout": 0.2, "outputs": 1,
        "stages": [
            {"unfrozen": 0, "optimizer": "Adam", "rate": 1e-4, "epochs": 10},
            # Layers 100 to 154 of MobileNetV2: the same share here.
            {"unfrozen": 0.35, "optimizer": "RMSprop", "rate": 1e-5,
             "epochs": 10},
        ],
        "repair": "one validation split, kept; the test set is not cut from "
        "it again",
    },
    "Keras guide": {
        "page": "https://keras.io/guides/transfer_learning/",
        "batch_size": 64, "rotation": 0.1, "dropout": 0.2, "outputs": 1,
        "stages": [
            {"unfrozen": 0, "optimizer": "Adam", "rate": 1e-3, "epochs": 2},
            {"unfrozen": 1, "optimizer": "Adam", "rate": 1e-5, "epochs": 1},
        ],
        "repair": "pictures are augmented after the cache, and shuffled",
    },
    "Keras guide, its log": {
        "page": "https://keras.io/guides/transfer_learning/",
        "batch_size": 32, "rotation": 0.1, "dropout": 0.2, "outputs": 1,
        "stages": [
            {"unfrozen": 0, "optimizer": "Adam", "rate": 1e-3, "epochs": 20},
            {"unfrozen": 1, "optimizer": "Adam", "rate": 1e-5, "epochs": 10},
        ],
        "repair": "none: the epochs that its published output shows",
    },
    "PyTorch tutorial": {
        "page": "https://docs.pytorch.org/tutorials/beginner/"
        "transfer_learning_tutorial.html",
        "batch_size": 4, "crop": (0.08, 1), "dropout": 0, "outputs": 2,
        "normalization_learns": True,
        "stages": [
            {"unfrozen": 1, "optimizer": "SGD", "momentum": 0.9, "rate": 1e-3,
             "epochs": 25, "tenth_every": 7},
        ],
        "repair": "a test set held out; the last epoch counts, not the best "
        "on validation",
    },
}  # fmt: skip


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
    as they do for anyone who waits; the evaluation on the test set does not.
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
    network = backbones.feature_extractor(backbone, backbone.input_shape[1])
    x, y = parts["train"]
    features = network.predict(x, verbose=0)
    head = heads.linear_head().fit(features, y)
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
    directory: instead, a folder with one sub-folder per class, of two. Each
    part holds at most `TRAIN` or `HELD` pictures of each class.
    """
    if directory:
        pictures = folders.load_folder(directory, IMAGE_SIZE)
    else:
        pictures = data.load_pair("dog", "fox", source, validation=0.2)
    parts = {}
    for part, most in (("train", TRAIN), ("validation", HELD), ("test", HELD)):
        x, y = getattr(pictures, f"x_{part}"), getattr(pictures, f"y_{part}")
        chosen = data.first_of_each(y, most)
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
    path = path or files.path("recipes")
    backbone = backbones.load(backbone, IMAGE_SIZE)
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
    paths.write_json(path, result)  # only what is whole
    return result


def main(arguments=None):
    """Run all recipes, on a source or on a folder of your own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", choices=data.SOURCES)
    parser.add_argument("--folder", metavar="DIRECTORY")
    parser.add_argument(
        "--backbone", choices=backbones.NAMES, default="MobileNet"
    )
    parser.add_argument("--output", type=Path, default=files.path("recipes"))
    options = parser.parse_args(arguments)
    recipes_results.show_race(
        measure(
            options.source, options.folder, options.backbone, options.output
        )
    )


if __name__ == "__main__":
    main()
