import json
import os
import subprocess
import sys
import zipfile

import nbformat
import numpy as np
import pytest
from conftest import ROOT

from course_utils import data, paths, quiet, train_donor
from course_utils.augmentation import FlippedAndShifted
from course_utils.distributed import Cluster

with quiet():
    import keras

LESSON = ROOT / "notebooks" / "05_train_from_scratch.ipynb"


@pytest.fixture
def few(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    generator = np.random.default_rng(0)

    def part(count):
        labels = np.arange(count) % 2
        shape = count, 32, 32, 3
        pictures = generator.integers(0, 256, shape, dtype=np.uint8)
        pictures[labels == 1] //= 4
        return pictures, labels

    parts = [*part(64), *part(16), *part(16)]
    return data.Pictures(("cat", "dog"), "drawings", *parts)


def test_the_lesson_builds_the_network_that_the_donors_have():
    cells = nbformat.read(LESSON, as_version=4).cells
    scope = {"keras": keras, "layers": keras.layers}
    for cell in cells:
        if cell.cell_type == "code" and cell.source.startswith("def "):
            exec(cell.source, scope)
    taught, shipped = scope["build_network"](), train_donor.build_network()
    assert [layer.name for layer in taught.layers] == ["base", "head"]

    def facts(network):
        base, head = network.layers
        return [
            (type(layer).__name__, [tuple(w.shape) for w in layer.weights])
            for layer in (*base.layers, head)
        ]

    assert facts(taught) == facts(shipped)


RECIPE = train_donor.RECIPE | {"epochs": 4, "batch_size": 32}


def test_training_reports_what_it_took_and_saves_whole(few, tmp_path):
    network, facts = train_donor.train(few, RECIPE, verbose=0)
    path = tmp_path / "donor.keras"
    train_donor.save(network, facts, path)
    loaded = keras.models.load_model(path)
    assert np.allclose(
        loaded.predict(few.x_test, verbose=0),
        network.predict(few.x_test, verbose=0),
        atol=1e-5,
    )
    told = json.loads(path.with_suffix(".json").read_text())
    assert len(told["history"]["accuracy"]) == 4
    assert told["seconds"] > 0
    assert told["hardware"]["processor"]
    assert str(tmp_path) not in json.dumps(told)


def test_a_killed_training_goes_on_after_its_last_whole_epoch(few):
    class Killed(Exception):
        pass

    class KillInThirdEpoch(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise Killed

    fit = keras.Model.fit

    def killed_fit(self, *arguments, callbacks, **options):
        callbacks = [*callbacks, KillInThirdEpoch()]
        return fit(self, *arguments, callbacks=callbacks, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.Model, "fit", killed_fit)
        with pytest.raises(Killed):
            train_donor.train(few, RECIPE, verbose=0)
    _, facts = train_donor.train(few, RECIPE, verbose=0)
    assert len(facts["history"]["accuracy"]) == 2
    assert not any((paths.cache_directory() / "checkpoints").rglob("*.npz"))


@pytest.mark.parametrize("source", data.SOURCES)
@pytest.mark.parametrize("pair", train_donor.PAIRS, ids="-".join)
def test_the_shipped_donors_are_small_and_told(source, pair):
    path = train_donor.donor_path(*pair, source)
    assert path.stat().st_size < 1_500_000
    told = train_donor.report(*pair, source)
    assert told["class_names"] == list(pair)
    network = keras.models.load_model(path)
    assert told["weights"] == network.count_params()
    x = data.load_pair(*pair, source="drawings").x_test[:4]
    assert network.predict(x, verbose=0).shape == (4, 2)


def test_a_shipped_donor_has_the_accuracy_that_its_report_tells():
    pictures = data.load_pair("cat", "dog", source="drawings")
    network = keras.models.load_model(
        train_donor.donor_path("cat", "dog", "drawings")
    )
    predictions = network.predict(pictures.x_test, verbose=0).argmax(axis=1)
    told = train_donor.report("cat", "dog", "drawings")["test_accuracy"]
    assert (predictions == pictures.y_test).mean() == pytest.approx(
        told, abs=0.005
    )


def test_augmentation_moves_and_mirrors_and_keeps_the_labels():
    x = np.zeros((20, 32, 32, 3), np.uint8)
    x[:, :16] = np.arange(20)[:, None, None, None] + 1
    batches = FlippedAndShifted(x, np.arange(20), batch_size=8)
    assert len(batches) == 3
    seen = [batches[index] for index in range(3)]
    assert sorted(np.concatenate([y for _, y in seen])) == list(range(20))
    for pictures, labels in seen:
        assert pictures.shape[1:] == (32, 32, 3)
        centers = pictures[:, 8, 16, 0]
        assert (centers == labels + 1).all()
    again = FlippedAndShifted(x, np.arange(20), batch_size=8)
    assert np.array_equal(again[0][0], seen[0][0])
    batches.on_epoch_end()
    assert not np.array_equal(batches[0][1], seen[0][1])


def test_half_of_the_pictures_are_mirrored():
    x = np.zeros((200, 32, 32, 3), np.uint8)
    x[:, :, :12] = 255
    batches = FlippedAndShifted(x, np.zeros(200), batch_size=200, shift=0)
    mirrored = batches[0][0][:, 0, -1, 0] == 255
    assert 60 < mirrored.sum() < 140


def test_the_command_asks_for_two_classes(capsys):
    with pytest.raises(SystemExit):
        train_donor.main(["cat"])
    assert "name two classes" in capsys.readouterr().err


def test_asking_for_more_examples_than_there_are(few):
    assert len(train_donor.first_of(few, 10).y_train) == 10
    with pytest.raises(ValueError, match="ask for 1 to 64 examples, not 65"):
        train_donor.first_of(few, 65)


def test_a_batch_larger_than_the_pictures_of_a_shared_training(few):
    cluster = Cluster(devices=2)
    with pytest.raises(ValueError, match="do not fill one batch of 128"):
        train_donor.train(few, train_donor.RECIPE, cluster=cluster)


TWO_PROCESSES = """
from course_utils import data, quiet
with quiet():
    from course_utils import train_donor
data.TRAIN_DRAWINGS = dict.fromkeys(data.TRAIN_DRAWINGS, 90)
data.TEST_DRAWINGS = 20
train_donor.main()
"""


def test_two_processes_train_one_donor(tmp_path):
    """The documented command, with fewer pictures to wait for."""
    pytest.importorskip("jax")
    script = tmp_path / "few.py"
    script.write_text(TWO_PROCESSES)
    command = (
        f"-m course_utils.launch --processes 2 -- {script} cat dog --source "
        f"drawings --epochs 1 --examples 128 --to {tmp_path}"
    )
    run = subprocess.run(
        [sys.executable, *command.split()],
        env=os.environ | {"COURSE_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "cat and dog: " in run.stdout
    path = tmp_path / "cat_dog_drawings.keras"
    told = json.loads(path.with_suffix(".json").read_text())
    assert (told["processes"], told["devices"]) == (2, 2)
    assert told["examples"] == 128
    assert len(told["history"]["val_loss"]) == 1
    network = keras.models.load_model(path)
    assert told["weights"] == network.count_params()


@pytest.mark.parametrize("source", data.SOURCES)
@pytest.mark.parametrize("pair", train_donor.PAIRS, ids="-".join)
def test_older_versions_of_keras_can_read_the_shipped_donors(source, pair):
    path = train_donor.donor_path(*pair, source)
    with zipfile.ZipFile(path) as archive:
        config = archive.read("config.json").decode()
    assert not [key for key in train_donor.NEWER if f'"{key}"' in config]


def test_a_saved_donor_is_portable(few, tmp_path):
    network = train_donor.build_network()
    path = tmp_path / "donor.keras"
    train_donor.save(network, {}, path)
    with zipfile.ZipFile(path) as archive:
        config = archive.read("config.json").decode()
    assert not [key for key in train_donor.NEWER if f'"{key}"' in config]
    loaded = keras.models.load_model(path)
    pairs = zip(loaded.get_weights(), network.get_weights(), strict=True)
    assert all((one == other).all() for one, other in pairs)
