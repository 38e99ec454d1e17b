"""Measure what a borrowed backbone is worth, compared with our donors.

    python -m studies.giant --source photos

writes `data/reference/giant_photos.json` and `.npz`: what heads on each
ImageNet backbone that is available here answer, on the draws and test
pictures of `studies.transfer`; the same for backbone and donor on things that
ImageNet never saw; and what the backbone answers without any training.
"""

import numpy as np
from threadpoolctl import threadpool_limits

from course_utils import data
from course_utils.data import folds, invented
from course_utils.networks import backbones, heads
from course_utils.results import evaluation
from course_utils.results import giant as results
from studies import command_line
from studies.pieces import Grid

IMAGE_SIZE = 96
DRAWS = {10: 100, 100: 24, 500: 6}  # whose answers the donors have
ASKED = 100  # test pictures of each class that the backbone names itself


def measure(source, again=False):
    """Measure every backbone that is available here, and store the result."""
    shown = folds.Folds(source)
    curves = invented.invented_pair(250)
    grid = Grid(
        f"giant_{source}",
        source=source,
        pair=backbones.PAIR,
        folds=shown.count,
        image_size=IMAGE_SIZE,
        asked=ASKED,
    )
    if again:
        grid.content["pieces"].clear()
    grid.arrays |= {
        "labels": shown.labels.astype(np.int8),
        "asked": evaluation.pack(shown.asked),
        "curve labels": curves.y_test.astype(np.int8),
    }
    for name in ("MobileNet", results.REFERENCE, "donor"):
        backbone = backbones.load(name, IMAGE_SIZE, source=source)
        facts = {"draws": DRAWS, "weights": backbone.count_params()}
        if backbone.name != name or not grid.missing(name, **facts):
            continue
        network = backbones.feature_extractor(backbone)
        arrays = {}
        with threadpool_limits(1):  # many small fits
            if name != "donor":  # studies.transfer has it, five times
                x = backbones.features(network, shown.x)
                for count, draws in DRAWS.items():
                    draws = shown.count if count == 500 else draws
                    rows = []
                    for draw in range(draws):
                        chosen = shown.train(count, draw)
                        head = heads.linear_head()
                        head.fit(x[chosen], shown.y[chosen])
                        right = head.predict(x[shown.judges]) == shown.labels
                        rows.append(right & shown.asked[draw % shown.count])
                    arrays[f"{count} {draws}"] = evaluation.pack(rows)
            x = [
                backbones.features(network, part)
                for part in (curves.x_train, curves.x_test)
            ]
            rows = []
            for draw in range(50):
                chosen = curves.few_indices(100, draw)
                head = heads.linear_head()
                head.fit(x[0][chosen], curves.y_train[chosen])
                rows.append(head.predict(x[1]) == curves.y_test)
            arrays["invented 50"] = evaluation.pack(rows)
        names = {} if name == "donor" else _own_names(name, shown.pair)
        grid.keep(name, facts, arrays, own_names=names)
    print(results.table(results.stored(source)["accuracy"]))


def _own_names(name, pictures):
    chosen = data.first_of_each(pictures.y_test, ASKED)
    labels = pictures.y_test[chosen]
    scores = backbones.class_scores(pictures.x_test[chosen], name)
    said = backbones.named(scores)
    return {
        "right": [(said == labels)[labels == y].tolist() for y in (0, 1)],
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
    command_line.measure_sources(__doc__.splitlines()[0], measure, arguments)


if __name__ == "__main__":
    main()
