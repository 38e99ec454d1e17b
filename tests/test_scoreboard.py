import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import matplotlib.pyplot as plt
import numpy as np
import pytest

from course_utils import paths, scoreboard


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    folder = tmp_path / "home"
    monkeypatch.setenv("COURSE_HOME", str(folder))
    monkeypatch.setattr(scoreboard, "_unsaved", [])
    yield folder
    plt.close("all")


@pytest.fixture
def file(home):
    return home / scoreboard.FILE_NAME


class Measured:
    median, low, high = 2.0, 1.5, np.float32(2.5)


def test_a_record_carries_hardware_source_and_time(file):
    scoreboard.record("lists", notebook=1, source="drawings", seconds=3.2)
    (entry,) = scoreboard.load()
    assert entry["rung"] == "lists"
    assert entry["notebook"] == 1
    assert entry["source"] == "drawings"
    assert entry["seconds"] == 3.2
    assert entry["time"].endswith("+00:00")
    assert {"platform", "processor", "threads"} <= entry["hardware"].keys()
    assert len(file.read_text().splitlines()) == 1


def test_numbers_of_all_kinds_are_kept():
    scoreboard.record(
        "all",
        seconds=Measured(),
        accuracy=np.float32(0.5),
        examples=np.int64(7),
        curve=np.array([1.0, 2.0]),
        flops_per_second=float("inf"),
        odd={1, 2},
    )
    (entry,) = scoreboard.load()
    assert entry["seconds"] == 2.0
    assert (entry["seconds_low"], entry["seconds_high"]) == (1.5, 2.5)
    assert (entry["accuracy"], entry["examples"]) == (0.5, 7)
    assert entry["curve"] == [1.0, 2.0]
    assert entry["flops_per_second"] is None


def test_the_latest_record_of_a_rung_is_shown_and_all_are_kept(capsys):
    scoreboard.record("matrices", notebook=2, examples_per_second=145e9)
    scoreboard.record("lists", notebook=1, examples_per_second=10)
    scoreboard.record("lists", notebook=1, examples_per_second=77.7)
    scoreboard.show()
    table = capsys.readouterr().out
    assert [line.split()[0] for line in table.splitlines() if line] == [
        "rung",
        "lists",
        "matrices",
        "on:",
    ]
    assert "77.7" in table and "145 G" in table
    assert len(scoreboard.load()) == 3
    assert scoreboard.latest("lists")["examples_per_second"] == 77.7
    assert scoreboard.latest("none") is None


def test_columns_that_nobody_measured_are_left_out(capsys):
    scoreboard.record("lists", seconds=1.0)
    scoreboard.show()
    assert "joules" not in capsys.readouterr().out


def test_an_empty_scoreboard_says_so(capsys):
    scoreboard.show()
    assert "empty" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("number", "text"),
    [(None, ""), (0, "0"), (0.04131, "0.0413"), (0.875, "0.875"),
     (77.77, "77.8"), (12_345.6, "12,346"), (63.1e6, "63.1 M"),
     (2.25e11, "225 G"), (1.5e12, "1.5 T"), ("n/a", "n/a")],
)  # fmt: skip
def test_numbers_are_written_for_readers(number, text):
    assert scoreboard._short(number) == text


def test_damaged_lines_are_skipped_and_counted(file, capsys):
    scoreboard.record("lists", seconds=1.0)
    with file.open("ab") as opened:
        opened.write(b'{"rung": "half a li\n[1]\n"text"\n{}\n\xff\xfe\n\n')
    scoreboard.record("after", seconds=2.0)
    capsys.readouterr()
    assert [e["rung"] for e in scoreboard.load()] == ["lists", "after"]
    assert "5 damaged lines" in capsys.readouterr().out


def test_a_record_after_half_a_line_stays_whole(file):
    scoreboard.record("lists", seconds=1.0)
    with file.open("ab") as opened:
        opened.write(b'{"rung": "cut o')
    scoreboard.record("after", seconds=2.0)
    assert [e["rung"] for e in scoreboard.load()] == ["lists", "after"]


def test_records_of_many_threads_all_arrive(file):
    with ThreadPoolExecutor(8) as threads:
        numbers = range(40)
        list(threads.map(lambda n: scoreboard.record(f"r{n}"), numbers))
    rungs = {entry["rung"] for entry in scoreboard.load()}
    assert rungs == {f"r{number}" for number in range(40)}
    assert len(file.read_text().splitlines()) == 40


def test_records_of_two_processes_all_arrive(file):
    code = (
        "import os\nfrom course_utils import scoreboard\n"
        "for n in range(15): scoreboard.record("
        "'x', n=n, text='y' * 9000, process=os.getpid())"
    )
    runs = [subprocess.Popen([sys.executable, "-c", code]) for _ in "ab"]
    assert [run.wait() for run in runs] == [0, 0]
    assert len(scoreboard.load()) == 30


def test_a_disk_that_is_full_stops_no_lesson(monkeypatch, capsys):
    def full(path, text):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(scoreboard, "_append", full)
    scoreboard.record("lists", seconds=1.0)
    assert "No space left on device" in capsys.readouterr().out
    assert scoreboard.latest("lists")["seconds"] == 1.0


@pytest.mark.skipif(os.name == "nt", reason="needs a place nobody can write")
def test_a_home_that_cannot_be_written_gives_way(monkeypatch, capsys):
    paths._writable.cache_clear()
    monkeypatch.setenv("COURSE_HOME", "/proc/nowhere")
    scoreboard.record("lists", seconds=1.0)
    scoreboard.record("again", seconds=1.0)
    printed = capsys.readouterr().out
    assert printed.count("temporary folder") == 1
    assert len(scoreboard.load()) == 2
    paths._writable.cache_clear()


def test_guesses_are_kept_once_they_are_all_made(capsys):
    scoreboard.keep_guesses(times_faster=30, points=None)
    assert "None for points" in capsys.readouterr().out
    assert scoreboard.latest("prediction") is None
    scoreboard.keep_guesses(times_faster=30, points=5)
    assert "times_faster = 30" in capsys.readouterr().out
    assert scoreboard.latest("prediction")["times_faster"] == 30
    scoreboard.show()
    assert "prediction" not in capsys.readouterr().out


def class_folder(folder):
    """Write three students' files, one twice and one damaged."""
    lines = []
    for number, platform in enumerate(("colab", "kaggle", "local")):
        entry = {
            "rung": "lists",
            "notebook": 1,
            "time": f"2026-11-24T0{number}:00:00+00:00",
            "examples_per_second": 50.0 * (number + 1),
            "hardware": {"platform": platform},
        }
        other = entry | {"rung": "matrices", "notebook": 2}
        lines.append(f"{json.dumps(entry)}\n{json.dumps(other)}\n")
    (folder / "deep").mkdir(parents=True)
    (folder / "ada.jsonl").write_text(lines[0])
    (folder / "ada again.jsonl").write_text(lines[0])
    (folder / "deep" / "grace.jsonl").write_text(lines[1] + "{damaged")
    (folder / "alan.jsonl").write_text(lines[2])


def test_a_class_is_pooled_into_one_file_and_one_plot(tmp_path):
    class_folder(tmp_path / "class")
    records = scoreboard.pool(tmp_path / "class")
    assert len(records) == 6
    stored = json.loads((tmp_path / "class/pooled.json").read_text())
    assert stored == records
    picture = (tmp_path / "class/pooled.png").read_bytes()
    assert picture.startswith(b"\x89PNG") and len(picture) > 5000
    assert len(scoreboard.pool(tmp_path / "class")) == 6


def test_the_pooled_plot_shows_every_record_and_the_medians(tmp_path):
    class_folder(tmp_path / "class")
    ax = scoreboard.plot_pool(scoreboard.pool(tmp_path / "class"))
    places = {line.get_label(): line.get_xdata() for line in ax.lines[:3]}
    assert {name: set(x) for name, x in places.items()} == {
        "Google Colab": {50.0},
        "Kaggle": {100.0},
        "a machine of your own": {150.0},
    }
    assert [line.get_xdata()[0] for line in ax.lines[3:]] == [100, 100]
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["lists", "matrices"]


def test_the_plot_leaves_out_what_has_no_such_number():
    entry = {"rung": "x", "time": "", "examples_per_second": None}
    ax = scoreboard.plot_pool([entry, {"rung": "y", "time": ""}])
    assert not ax.lines


def test_the_command_line(tmp_path, capsys):
    class_folder(tmp_path / "class")
    assert scoreboard.main(["pool", str(tmp_path / "class")]) == 0
    assert "6 records" in capsys.readouterr().out
    (tmp_path / "empty").mkdir()
    assert scoreboard.main(["pool", str(tmp_path / "empty")]) == 1
    assert "put the students'" in capsys.readouterr().err
    assert scoreboard.main([]) == 0
    assert "empty" in capsys.readouterr().out
