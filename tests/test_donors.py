import json
import re
import zipfile

import nbformat
import numpy as np
import pytest
from conftest import ROOT

from course_utils import data, quiet
from course_utils.data import drawings
from course_utils.networks import donors, model_files
from course_utils.networks.augmentation import MirroredAndShifted
from studies import donors as donor_study
from studies.distributed import Cluster

with quiet():
    import keras

TAUGHT = "def (convolution|build_base|build_network)"
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
        if cell.cell_type == "code" and re.match(TAUGHT, cell.source):
            exec(cell.source, scope)
    taught, shipped = scope["build_network"](), donors.build_network()
    assert [layer.name for layer in taught.layers] == ["base", "head"]

    def facts(network):
        base, head = network.layers
        return [
            (type(layer).__name__, [tuple(w.shape) for w in layer.weights])
            for layer in (*base.layers, head)
        ]

    assert facts(taught) == facts(shipped)


RECIPE = donors.RECIPE | {"epochs": 4, "batch_size": 32}


def test_training_reports_what_it_took_and_saves_whole(few, tmp_path):
    network, facts = donor_study.train(few, RECIPE)
    path = tmp_path / "donor.keras"
    donors.save(network, facts, path)
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


def test_a_report_that_json_cannot_hold_changes_neither_file(tmp_path):
    path = tmp_path / "donor.keras"
    donors.save(donors.build_network(), {"seed": 0}, path)
    before = path.read_bytes()
    with pytest.raises(TypeError):
        donors.save(donors.build_network(), {"seed": object()}, path)
    assert path.read_bytes() == before
    assert json.loads(path.with_suffix(".json").read_text()) == {"seed": 0}


def test_a_killed_training_resumes_after_its_last_whole_epoch(few):
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
            donor_study.train(few, RECIPE, name="killed")
    _, facts = donor_study.train(few, RECIPE, name="killed")
    assert len(facts["history"]["accuracy"]) == 2


def shipped():
    for kind in donor_study.SHIPPED:
        for source in data.SOURCES:
            yield donor_study.KINDS[kind][:2], source


@pytest.mark.parametrize(("pair", "source"), shipped())
def test_the_shipped_donors_are_small_and_told(pair, source):
    path = donors.donor_path(*pair, source)
    assert path.stat().st_size < 2_000_000
    told = donors.report(*pair, source)
    assert told["class_names"] == list(pair)
    assert told["recipe"] == donors.RECIPE, "make donors"
    network = keras.models.load_model(path)
    assert told["weights"] == network.count_params()
    x = drawings.draw_many(pair[0], 4)
    assert network.predict(x, verbose=0).shape == (4, 2)


def test_a_shipped_donor_has_the_accuracy_that_its_report_tells():
    count = 300  # of each; the report's is over all 2,000
    x = [drawings.draw_many(name, count, seed=2) for name in ("cat", "dog")]
    network = keras.models.load_model(
        donors.donor_path("cat", "dog", "drawings")
    )
    answers = network.predict(np.concatenate(x), verbose=0).argmax(axis=1)
    told = donors.report("cat", "dog", "drawings")["test_accuracy"]
    assert (answers == np.repeat([0, 1], count)).mean() == pytest.approx(
        told, abs=0.05
    )


def test_the_reader_s_own_donor_is_preferred(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    network, facts = donors.load_donor("cat", "dog", "drawings")
    assert "the shipped donor" in capsys.readouterr().out
    own = donors.own_path("cat", "dog", "drawings")
    donors.save(network, facts | {"test_accuracy": 0.85}, own)
    assert donors.load_donor("cat", "dog", "drawings")[1] != facts
    assert "your donor, 0.850" in capsys.readouterr().out


def test_a_short_training_run_does_not_spoil_the_lessons(
    monkeypatch, tmp_path, capsys
):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    own = donors.own_path("cat", "dog", "drawings")
    network, facts = donors.load_donor("cat", "dog", "drawings")
    donors.save(network, facts | {"test_accuracy": 0.7}, own)
    assert donors.load_donor("cat", "dog", "drawings")[1] == facts
    said = capsys.readouterr().out
    assert "Your donor reached 0.700" in said and "the shipped donor" in said


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"cut"),
        lambda path: path.with_suffix(".json").unlink(),
        lambda path: path.with_suffix(".json").write_text("{}"),
        lambda path: path.with_suffix(".json").write_text("[1, 2"),
        lambda path: keras.Sequential(
            [keras.Input((3,)), keras.layers.Dense(1)]
        ).save(path),
    ],
)
def test_a_spoiled_donor_of_the_reader_s_is_named_and_kept(
    spoil, monkeypatch, tmp_path, capsys
):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path))
    own = donors.own_path("cat", "dog", "drawings")
    network, facts = donors.load_donor("cat", "dog", "drawings")
    donors.save(network, facts, own)
    spoil(own)
    donors.load_donor("cat", "dog", "drawings")
    said = capsys.readouterr().out
    assert "Your donor could not be used (" in said
    assert said.rstrip().split("\n")[-1].startswith("Donor: the shipped")
    assert own.exists()


@pytest.mark.parametrize(
    ("seconds", "rate", "epochs"),
    [(60, 1500, 10), (60, 300, 2), (60, 10, 2), (60, 1e5, 12)],
)
def test_epochs_are_chosen_from_the_rate(seconds, rate, epochs):
    assert donors.epochs_within(seconds, rate, 9000) == epochs


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_a_rate_is_above_zero(rate):
    with pytest.raises(ValueError, match="above 0"):
        donors.epochs_within(60, rate, 9000)


def test_augmentation_moves_and_mirrors_and_keeps_the_labels():
    x = np.zeros((20, 32, 32, 3), np.uint8)
    x[:, :24] = np.arange(20)[:, None, None, None] + 1
    batches = MirroredAndShifted(x, np.arange(20), batch_size=8)
    assert len(batches) == 3
    seen = [batches[index] for index in range(3)]
    assert sorted(np.concatenate([y for _, y in seen])) == list(range(20))
    for pictures, labels in seen:
        assert pictures.shape[1:] == (32, 32, 3)
        centers = pictures[:, 8, 16, 0]
        assert (centers == labels + 1).all()
    again = MirroredAndShifted(x, np.arange(20), batch_size=8)
    assert np.array_equal(again[0][0], seen[0][0])
    batches.on_epoch_end()
    assert not np.array_equal(batches[0][1], seen[0][1])


def test_half_of_the_pictures_are_mirrored():
    x = np.zeros((200, 32, 32, 3), np.uint8)
    x[:, :, :12] = 255
    batches = MirroredAndShifted(x, np.zeros(200), batch_size=200, shift=0)
    mirrored = batches[0][0][:, 0, -1, 0] == 255
    assert 60 < mirrored.sum() < 140
    order = batches.order.copy()
    batches.on_epoch_end()
    again = batches[0][0][:, 0, -1, 0] == 255
    assert not np.array_equal(order, batches.order)
    sides = np.empty((2, 200), bool)
    sides[0, order], sides[1, batches.order] = mirrored, again
    assert (sides[0] != sides[1]).all()  # both sides in two epochs


def test_the_command_asks_for_two_classes(capsys):
    with pytest.raises(SystemExit):
        donor_study.main(["cat"])
    assert "name two classes" in capsys.readouterr().err


def test_asking_for_more_examples_than_there_are(few):
    assert len(donor_study.first_of(few, 10).y_train) == 10
    with pytest.raises(ValueError, match="ask for 1 to 64 examples, not 65"):
        donor_study.first_of(few, 65)


def test_a_batch_larger_than_the_pictures_of_a_shared_training(few):
    cluster = Cluster(devices=2)
    with pytest.raises(ValueError, match="do not fill one batch of 128"):
        donor_study.train(few, donors.RECIPE, cluster=cluster)


@pytest.mark.parametrize(("pair", "source"), shipped())
def test_older_versions_of_keras_can_read_the_shipped_donors(pair, source):
    path = donors.donor_path(*pair, source)
    with zipfile.ZipFile(path) as archive:
        config = archive.read("config.json").decode()
    assert not [key for key in model_files.NEWER if f'"{key}"' in config]


def test_a_saved_donor_is_portable(few, tmp_path):
    network = donors.build_network()
    path = tmp_path / "donor.keras"
    donors.save(network, {}, path)
    with zipfile.ZipFile(path) as archive:
        config = archive.read("config.json").decode()
    assert not [key for key in model_files.NEWER if f'"{key}"' in config]
    loaded = keras.models.load_model(path)
    pairs = zip(loaded.get_weights(), network.get_weights(), strict=True)
    assert all((one == other).all() for one, other in pairs)
