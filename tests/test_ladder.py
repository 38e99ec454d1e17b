"""The ladder shows one climb, and says whose it is."""

import functools
import json
import os
import subprocess
import sys
import time
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from course_utils import scoreboard
from course_utils.machine import devices, paths
from course_utils.timing import ladder, roofline
from studies import bench

HERE = {"processor": "A", "threads": 2, "accelerators": []}
GPU = HERE | {"accelerators": ["T4 (15 GiB)"]}


def entry(rung, notebook, rate, hardware=HERE, **more):
    return {
        "rung": rung,
        "notebook": notebook,
        "time": "2026-11-24T12:00:00",
        "examples_per_second": rate,
        "flops_per_second": rate * ladder.WORK["small"],
        "hardware": hardware,
        **more,
    }


LIMIT = 100_000 * ladder.WORK["small"]
CLIMB = [
    entry("Python lists", 1, 100.0),
    entry("NumPy, batches", 2, 90_000.0, limit_flops_per_second=LIMIT,
          limit_engine="NumPy (OpenBLAS)"),
    entry("TensorFlow, XLA", 3, 80_000.0, limit_flops_per_second=LIMIT / 2,
          limit_engine="TensorFlow"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def empty_home(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(paths, "data_directory", lambda: tmp_path / "data")
    (tmp_path / "data" / "reference").mkdir(parents=True)
    return tmp_path


def keep(folder, name, records):
    path = folder / "data" / "reference" / name
    path.write_text(json.dumps({"records": records}))


def test_rungs_are_the_latest_of_the_speed_track_that_were_timed():
    records = [
        entry("Python lists", 1, 50.0),
        *CLIMB,
        entry("donor", 5, 300.0),
        {"rung": "prediction", "notebook": 0, "time": "2026"},
        entry("untimed", 3, 1.0) | {"examples_per_second": None},
    ]
    found = ladder.rungs(records)
    assert [e["rung"] for e in found] == [e["rung"] for e in CLIMB]
    assert found[0]["examples_per_second"] == 100.0


def test_the_share_is_of_the_best_engine_on_the_rungs_own_device():
    assert ladder.limit_share(CLIMB[1], CLIMB) == pytest.approx(0.9)
    assert ladder.limit_share(CLIMB[0], CLIMB) == pytest.approx(1e-3)
    assert ladder.limit_share(CLIMB[2], CLIMB) == pytest.approx(0.8)
    foreign = entry("small network, GPU 0", 4, 5.0, GPU)
    assert ladder.limit_share(foreign, CLIMB) is None


def test_a_processor_is_not_held_to_the_limit_of_its_machines_gpu():
    limit = 1e6 * ladder.WORK["small"]
    gpu = entry("small network, GPU 0", 4, 5e5, GPU, device="T4",
                limit_flops_per_second=limit)  # fmt: skip
    own = entry("NumPy, batches", 2, 9e4, GPU, limit_flops_per_second=LIMIT)
    assert ladder.limit_share(gpu, [own, gpu]) == pytest.approx(0.5)
    assert ladder.limit_share(own, [own, gpu]) == pytest.approx(0.9)


def test_a_larger_network_is_counted_in_its_own_operations():
    rate = 0.7 * LIMIT / ladder.WORK["convolution"]
    rung = entry("convolution network", 4, rate, network="convolution")
    assert ladder.limit_share(rung, CLIMB) == pytest.approx(0.7)
    assert rung["examples_per_second"] < CLIMB[1]["examples_per_second"] / 100


def test_one_number_says_how_much_faster_matrices_are():
    assert ladder.times_faster(CLIMB) == pytest.approx(900)
    assert ladder.times_faster(CLIMB[:1]) is None
    again = [*CLIMB, entry("Python lists", 1, 300.0)]
    assert ladder.times_faster(again) == pytest.approx(300)


def test_a_rung_recorded_again_keeps_its_accuracy():
    scoreboard.record("Python lists", notebook=1, accuracy=0.53,
                      examples_per_second=70)  # fmt: skip
    ladder.record("Python lists", 1, 1 / 80)
    (found,) = ladder.rungs(scoreboard.load())
    assert found["accuracy"] == 0.53
    assert found["examples_per_second"] == pytest.approx(80)
    ladder.record("NumPy, batches", 2, 1 / 800, batch=64)
    assert "accuracy" not in scoreboard.latest("NumPy, batches")
    assert ladder.times_faster() == pytest.approx(10)


def test_your_own_ladder_is_drawn_when_you_climbed_it(capsys, empty_home):
    keep(empty_home, "ladder.json", CLIMB)
    for number in (1, 2, 3):
        scoreboard.record(
            f"own {number}", notebook=number, examples_per_second=number
        )
    assert [e["rung"] for e in ladder.own_or_reference()] == [
        "own 1", "own 2", "own 3",
    ]  # fmt: skip
    assert capsys.readouterr().out == ""


def test_the_reference_is_never_mixed_with_your_rungs(capsys, empty_home):
    keep(empty_home, "ladder.json", CLIMB)
    scoreboard.record("mine", notebook=1, examples_per_second=7)
    found = ladder.own_or_reference()
    assert [e["rung"] for e in found] == [e["rung"] for e in CLIMB]
    said = capsys.readouterr().out
    assert "lacks these notebooks: 2, 3." in said
    assert "measured elsewhere, on A, 2 threads, 2026-11-24" in said


def test_without_a_reference_your_few_rungs_are_drawn():
    scoreboard.record("mine", notebook=1, examples_per_second=7)
    assert [e["rung"] for e in ladder.own_or_reference()] == ["mine"]


def test_a_rung_is_your_own_or_the_references_or_missing(capsys, empty_home):
    with pytest.raises(LookupError, match="run notebooks 1 to 3 first"):
        ladder.rung("Python lists")
    keep(empty_home, "ladder.json", CLIMB)
    assert ladder.rung("Python lists")["examples_per_second"] == 100.0
    assert "measured elsewhere, on A, 2 threads" in capsys.readouterr().out
    scoreboard.record("Python lists", notebook=1, examples_per_second=7)
    assert ladder.rung("Python lists")["examples_per_second"] == 7
    assert capsys.readouterr().out == ""


def test_no_accelerator_was_measured_and_it_says_so(capsys):
    ladder.show_elsewhere()
    assert "No accelerator has been measured yet" in capsys.readouterr().out


def test_accelerators_carry_machine_and_date(capsys, empty_home):
    record = entry(
        "JAX GPU:0, float32",
        4,
        2e6,
        GPU,
        limit_flops_per_second=4e6 * ladder.WORK["small"],
    )
    keep(empty_home, "ladder_t4.json", [record])
    ladder.show_elsewhere()
    said = capsys.readouterr().out
    assert said.startswith("measured elsewhere (T4 (15 GiB), 2026-11-24): JAX")
    ax = ladder.plot_ladder(CLIMB, ladder.elsewhere())
    texts = [text.get_text() for text in ax.texts]
    # Of its own machine's limit, without a factor.
    assert texts[-3:-1] == ["", "50%"]
    assert ax.get_yticklabels()[-1].get_text() == (
        "JAX GPU:0, float32\n(elsewhere: T4 (15 GiB), 2026-11-24)"
    )
    plt.close(ax.figure)


def test_the_figure_shows_factor_share_and_finding():
    ax = ladder.plot_ladder(CLIMB)
    texts = [text.get_text() for text in ax.texts]
    assert [text for text in texts if text[-1:] == "×"] == [
        "1×", "900×", "800×",
    ]  # fmt: skip
    assert [text for text in texts if text[-1:] == "%"] == [
        "0.10%", "90%", "80%",
    ]  # fmt: skip
    assert "the processor's limit" in texts
    assert ax.get_title() == (
        "Matrices are 900 times as fast as lists;\n"
        "the best rung reaches 90% of the limit"
    )
    assert ax.get_xscale() == "log"
    plt.close(ax.figure)


def test_a_ladder_without_a_limit_claims_no_share():
    rungs = [{**e, "limit_flops_per_second": None} for e in CLIMB[:1]]
    ax = ladder.plot_ladder(rungs)
    assert ax.get_title() == "How fast each rung is"
    assert not any("limit" in text.get_text() for text in ax.texts)
    plt.close(ax.figure)


def test_nothing_to_draw():
    with pytest.raises(ValueError, match="run notebooks 1 to 3 first"):
        ladder.plot_ladder([])


# ------------------------------------------------------------------ make bench


def test_the_bench_judges_what_the_course_promises():
    first, second = bench.judge(CLIMB)
    assert "900 times" in first and first.endswith("holds")
    assert "NumPy, batches, 90%" in second and "(NumPy (Open" in second
    assert second.endswith("holds")
    slow = [CLIMB[0], CLIMB[1] | {"examples_per_second": 40_000.0}]
    assert all("does not hold" in line for line in bench.judge(slow))


def test_the_bench_lets_blas_choose_its_own_kernel(monkeypatch):
    seen = []
    monkeypatch.setattr(
        bench, "bench_ladder", lambda: seen.append(dict(os.environ))
    )
    for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
        monkeypatch.setenv(name, "512")
    for name in ("COURSE_HOME", "COURSE_SOURCE", "TF_CPP_MIN_LOG_LEVEL"):
        monkeypatch.setenv(name, "")
    assert bench.main(["ladder"]) == 0
    assert not set(bench.SLOWER) & seen[0].keys()


def test_accelerators_get_a_file_of_their_own():
    assert bench.ladder_name(()) == "ladder.json"
    name = bench.ladder_name(("Tesla T4 (15 GiB)",))
    assert name == "ladder_tesla-t4-15-gib.json"


def test_the_bench_stores_the_machine_and_draws(monkeypatch, empty_home):
    monkeypatch.setattr(bench, "REFERENCE", empty_home / "data" / "reference")
    bench.store("ladder.json", records=CLIMB)
    told = json.loads((bench.REFERENCE / "ladder.json").read_text())
    assert told["hardware"]["threads"] == devices.usable_threads()
    bench.draw(empty_home / "ladder.png")
    size = (empty_home / "ladder.png").stat().st_size
    assert 5_000 < size < 150_000


def test_the_peak_counts_what_a_child_takes():
    code = "import time; kept = b'x' * 200_000_000; time.sleep(3)"
    with bench.Peak(interval=0.05) as peak:
        child = subprocess.Popen([sys.executable, "-c", code])
        end = time.monotonic() + 30
        while peak.bytes < 2e8 and time.monotonic() < end:
            time.sleep(0.05)
        child.kill()
        child.wait()
    assert 2e8 < peak.bytes < 4e8


# ------------------------------------------------------------ make accelerator


def test_an_accelerator_is_measured_and_shown(capsys, monkeypatch, empty_home):
    """The processor plays one, under a name that nobody has."""
    keras = pytest.importorskip("keras")
    from studies import accelerator

    monkeypatch.setattr(
        accelerator.roofline, "device_peak",
        functools.partial(roofline.device_peak, size=512, repeats=2),
    )  # fmt: skip

    before = keras.config.dtype_policy().name
    x = np.zeros((16, 32, 32, 3), np.uint8)
    pair = SimpleNamespace(
        x_train=x, y_train=np.arange(16) % 2, source="drawings"
    )
    records = accelerator.measure(
        "cpu:0", "Abacus 9000", pair, sizes=(8,), repeats=1
    )
    assert keras.config.dtype_policy().name == before
    folder = empty_home / "data" / "reference"
    path = bench.store(
        bench.ladder_name(["Abacus 9000"]), folder, records=records
    )
    assert path.name == "ladder_abacus-9000.json"
    rungs = [entry["rung"] for entry in ladder.rungs(ladder.elsewhere())]
    assert rungs == [
        "small network, processor",
        "convolution network, processor",
        "small network, processor, bfloat16",
        "convolution network, processor, bfloat16",
    ]
    assert records[-1]["notebook"] == 5 and records[-1]["seconds"] > 0
    assert all(ladder.limit_share(e, records) > 0 for e in records)
    capsys.readouterr()
    ladder.show_elsewhere()
    assert "measured elsewhere (Abacus 9000" in capsys.readouterr().out


def test_no_rung_is_started_when_the_time_is_spent(monkeypatch):
    pytest.importorskip("keras")
    from studies import accelerator

    peak = roofline.Peak(1e9, "nobody")
    monkeypatch.setattr(accelerator.roofline, "device_peak", lambda _: peak)

    pair = SimpleNamespace(source="drawings")
    assert accelerator.measure("cpu:0", "none", pair, budget=-1) == []


def test_without_an_accelerator_nothing_is_written(capsys, monkeypatch):
    pytest.importorskip("keras")
    from studies import accelerator

    monkeypatch.setattr(accelerator, "accelerator", lambda: None)
    assert accelerator.main([]) == 1
    assert "sees no accelerator" in capsys.readouterr().out
