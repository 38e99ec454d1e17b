"""TODO studies.giant."""

import argparse
from datetime import date

from course_utils import data
from course_utils.data import invented
from course_utils.machine import devices, paths
from course_utils.networks import backbones
from course_utils.results import evaluation, files
from course_utils.results import giant as giant_results

INVENTED_COUNTS = (10, 100)


IMAGE_SIZE = 96
ASKED = 100  # test pictures of each class that the backbone names itself


def measure(source):
    """Measure every backbone that can be had here, and store the result."""
    pictures = data.load_pair(*backbones.PAIR, source=source, validation=0)
    curves = invented.invented_pair(250)
    grid = {
        "source": source,
        "pair": backbones.PAIR,
        "seeds": len(backbones.SEEDS),
        "image_size": IMAGE_SIZE,
        "asked": ASKED,
        "penalty_per_feature": backbones.PENALTY,
        "date": date.today().isoformat(),
        "hardware": devices.hardware().summary(),
        "accuracy": {},
        "over_all": {},
        "invented": {},
        "own_names": {},
    }
    for name in ("MobileNet", giant_results.REFERENCE, "donor"):
        backbone = backbones.load(name, IMAGE_SIZE, source=source)
        if backbone.name in grid["accuracy"] or backbone.name != name:
            continue
        network = backbones.feature_extractor(backbone)
        for part, pair, counts in (
            ("accuracy", pictures, giant_results.COUNTS),
            ("invented", curves, INVENTED_COUNTS),
        ):
            rows = backbones.head_accuracies(network, pair, counts)
            grid[part][name] = {n: row.tolist() for n, row in rows.items()}
        span = _all_pictures(network, pictures)
        grid["over_all"][name] = [round(span.low, 4), round(span.high, 4)]
        if name != "donor":
            grid["own_names"][name] = _own_names(name, pictures)
        paths.write_json(files.path(f"giant_{source}"), grid)
    print(
        giant_results.table(
            giant_results.stored(source)["accuracy"], grid["over_all"]
        )
    )


def _all_pictures(network, pictures):
    x_train = backbones.features(network, pictures.x_train)
    head = backbones.linear_head(x_train).fit(x_train, pictures.y_train)
    answers = head.predict(backbones.features(network, pictures.x_test))
    return evaluation.accuracy_interval(pictures.y_test, answers)


def _own_names(name, pictures):
    chosen = data.first_of_each(pictures.y_test, ASKED)
    labels = pictures.y_test[chosen]
    scores = backbones.class_scores(pictures.x_test[chosen], name)
    return {
        "without_training": round(backbones.zero_shot(scores, labels), 4),
        **{
            f"{kind}_called_{kind}": round(
                backbones.share_called(scores[labels == label], kind), 4
            )
            for label, kind in enumerate(backbones.PAIR)
        },
    }


def main(arguments=None):
    """Measure on one source, or on both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", choices=data.SOURCES, action="append")
    options = parser.parse_args(arguments)
    for source in options.source or data.SOURCES:
        measure(source)


if __name__ == "__main__":
    main()
