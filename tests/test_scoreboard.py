import csv
import io
import json
import os
import re
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib import cbook

from course_utils import scoreboard
from course_utils.machine import paths


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
    paths.forget()
    monkeypatch.setenv("COURSE_HOME", "/proc/nowhere")
    scoreboard.record("lists", seconds=1.0)
    scoreboard.record("again", seconds=1.0)
    printed = capsys.readouterr().out
    assert printed.count("temporary folder") == 1
    assert len(scoreboard.load()) == 2
    paths.forget()


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
        "your own machine": {150.0},
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


# --------------------------------------------------- lines of strangers

SOUND = {
    "rung": "lists",
    "notebook": 1,
    "time": "2026-11-24T01:00:00+00:00",
    "examples_per_second": 50.0,
    "hardware": {"platform": "local", "processor": "CPU A", "threads": 2},
}


def line(**changes):
    return json.dumps(SOUND | changes).encode()


DAMAGED = {
    "a list where text belongs": line(rung=["lists"]),
    "a number where text belongs": line(rung=7),
    "a dictionary where text belongs": line(time={}),
    "text where a number belongs": line(examples_per_second="50"),
    "a list where a number belongs": line(seconds=[]),
    "truth where a number belongs": line(accuracy=True),
    "a decimal comma": line(points="5,5"),
    "a list of hardware": line(hardware=[1]),
    "a platform of lists": line(hardware={"platform": ["colab"]}),
    "accelerators that are no list": line(hardware={"accelerators": 3}),
    "an integer of 400 digits": line(examples_per_second=10**400),
    "an integer of 400 digits as notebook": line(notebook=10**400),
    "an integer of 9,000 digits": b'{"rung": ' + b"9" * 9000 + b"}",
    "a huge float": line().replace(b"50.0", b"1e999"),
    "a lone surrogate": line(rung="\ud800"),
    "a lone surrogate deep inside": line(more=[{"\udfff": 1}]),
    "other than UTF-8": line().replace(b"lists", b"li\xffsts"),
    "a nest without an end": b"[" * 50_000,
    "no time": line(time="yesterday"),
    "no JSON": b"{'rung': 1}",
    "a very long line": line(rung="x" * 200_000),
    "half a line": line()[:-9],
}
ODD_NAMES = {
    "a broken formula": r"$\frac{1}{$",
    "another formula": "$^_$",
    "one dollar": "100 $ a month",
    "a backslash": "\\$ \\frac \\",
    "an escape sequence": "\x1b[2J\x1b[31mred\x1b]0;title\x07",
    "line breaks": "lists\nmatrices   1 T\r\nmore\x85\u2028",
    "turned around": "\u202etsil",
    "null": "\x00",
    "blank": "",
    "long": "l" * 5000,
    "other letters": "犬と狐 🦊 ℵ",
    "many marks": "e" + "\u0301" * 500,
    "a format": "{0} %s %n",
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_line_is_skipped_by_everybody(
    home, file, tmp_path, capsys, damage
):
    file.parent.mkdir(parents=True)
    lines = [line(), DAMAGED[damage], line(rung="matrices", notebook=2)]
    file.write_bytes(b"\n".join(lines) + b"\n")
    assert [e["rung"] for e in scoreboard.load()] == ["lists", "matrices"]
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1 and "1 damaged line: it was" in printed
    scoreboard.show()
    assert "matrices" in capsys.readouterr().out
    assert scoreboard.latest("lists")["notebook"] == 1
    scoreboard.record("lists", notebook=1, examples_per_second=60)
    assert scoreboard.latest("lists")["examples_per_second"] == 60
    (tmp_path / "class").mkdir()
    file.rename(tmp_path / "class/a.jsonl")
    assert len(scoreboard.pool(tmp_path / "class")) == 2


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_name_neither_acts_nor_breaks_the_line(tmp_path, capsys, name):
    rung = ODD_NAMES[name]
    (tmp_path / "a.jsonl").write_bytes(line(rung=rung) + b"\n" + line())
    records = scoreboard.pool(tmp_path)
    assert {e["rung"] for e in records} == {"lists", rung}
    scoreboard.show(records)
    printed = capsys.readouterr().out
    assert len(printed.splitlines()) == 5  # title, two rungs, blank, machine
    assert all(each.isprintable() for each in printed.split("\n"))
    assert max(map(len, printed.splitlines())) < 100
    ax = scoreboard.plot_pool(records)
    labels = [each.get_text() for each in ax.get_yticklabels()]
    assert len(labels) == 2
    assert not any(map(cbook.is_math_text, labels))


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_name_that_was_recorded_is_found_again(name):
    scoreboard.record(ODD_NAMES[name], seconds=2)
    (entry,) = scoreboard.load()
    assert entry["seconds"] == 2 and entry["rung"].isprintable()


def odd_files(folder):
    """Put what is no file of records under names that end in .jsonl."""
    (folder / "folder.jsonl").mkdir(parents=True)
    os.mkfifo(folder / "pipe.jsonl")
    (folder / "nowhere.jsonl").symlink_to(folder / "missing")
    (folder / "endless.jsonl").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as opened:
        os.chdir(folder)  # the name of a socket is short
        opened.bind("socket.jsonl")
    (folder / "line\nbreak\x1b.jsonl").write_bytes(b"\xff")


@pytest.mark.skipif(os.name == "nt", reason="needs pipes")
def test_what_is_no_file_is_skipped(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    odd_files(tmp_path / "class")
    (tmp_path / "class/ada.jsonl").write_bytes(line())
    assert len(scoreboard.pool(tmp_path / "class")) == 1
    printed = capsys.readouterr().out
    assert printed.count("is not a file") == 5
    assert printed.count("\n") == 6 and "line?break?.jsonl has 1" in printed


@pytest.mark.skipif(os.name == "nt", reason="needs pipes")
@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_an_own_scoreboard_that_is_no_file_stops_no_lesson(file, capsys, make):
    file.parent.mkdir(parents=True)
    make(file)
    scoreboard.record("lists", seconds=1.0)
    printed = capsys.readouterr().out
    assert "cannot be written" in printed
    assert scoreboard.latest("lists")["seconds"] == 1.0
    scoreboard.show()
    assert "is not a file" in capsys.readouterr().out


@pytest.mark.parametrize("filling", [b"\n", b"x", line() + b"\n", b"[", b"\0"])
def test_of_a_huge_file_the_end_is_read(
    tmp_path, monkeypatch, capsys, filling
):
    monkeypatch.setattr(scoreboard, "MOST_BYTES", 300_000)
    path = tmp_path / "a.jsonl"
    count = 400_000 // len(filling)
    path.write_bytes(filling * count + b"\n" + line(rung="end") + b"\n")
    assert scoreboard.load(path)[-1]["rung"] == "end"
    assert "only the last 0 MB" in capsys.readouterr().out


def test_a_file_of_many_gigabytes_is_not_read_whole(tmp_path, capsys):
    path = tmp_path / "a.jsonl"
    with path.open("wb") as opened:
        opened.truncate(50 * 10**9)  # a hole, which takes no room
    assert scoreboard.load(path) == []
    assert "holds 50,000 MB" in capsys.readouterr().out


def write_class(folder, *strangers):
    """Write the files of three students, then those of strangers."""
    folder.mkdir()
    for number in range(3):
        entries = [
            line(examples_per_second=50.0 + number),
            line(examples_per_second=900.0 + number, rung="b", notebook=2),
            line(examples_per_second=9e6 + number, rung="a", notebook=2),
        ]
        (folder / f"{number}.jsonl").write_bytes(b"\n".join(entries))
    for number, lines in enumerate(strangers):
        (folder / f"z{number}.jsonl").write_bytes(b"\n".join(lines))


STRANGERS = {
    "nobody": [],
    "a time to come": [line(time="9999-12-31T23:59:59+00:00", notebook=99)],
    "a time long ago": [line(time="0001-01-01T00:00:00+00:00", notebook=-9)],
    "a thousand lines": [
        line(examples_per_second=50.5 + n / 1e9) for n in range(1000)
    ],
    "a number out of the world": [line(examples_per_second=1e299)],
    "a number near nothing": [line(examples_per_second=1e-299)],
    "a negative number": [line(examples_per_second=-1)],
    "a thousand rungs": [line(rung=f"my {n}") for n in range(1000)],
    "another platform": [line(hardware={"platform": "the moon"})],
    "a platform of none": [line(hardware=None)],
}


@pytest.mark.parametrize("who", STRANGERS)
def test_a_stranger_moves_nobody(tmp_path, capsys, who):
    write_class(tmp_path / "class", STRANGERS[who])
    records = scoreboard.pool(tmp_path / "class")
    assert sum(entry["rung"] == "lists" for entry in records) <= 4
    ax = scoreboard.plot_pool(records)
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert len(labels) <= scoreboard.MOST_RUNGS
    known = [label for label in labels if not label.startswith("my")]
    assert known == ["lists", "b", "a"]
    bars = [
        each.get_xdata()[0] for each in ax.lines if each.get_marker() == "|"
    ]
    assert 50 <= bars[0] <= 52
    assert ax.get_xlim()[0] > 1e-9 and ax.get_xlim()[1] < 1e18
    assert ax.figure.get_size_inches().max() < 30


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_the_table_fits_any_output(monkeypatch, encoding):
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", out)
    scoreboard.show([SOUND | {"rung": "犬"}])
    out.flush()
    assert b"CPU A" in out.buffer.getvalue()


# ---------------------------------------------------- machines and records

B = {"platform": "colab", "processor": "CPU B", "threads": 1,
     "accelerators": ["Tesla T4"]}  # fmt: skip


def test_one_machine_is_named_below_the_table(capsys):
    scoreboard.show([SOUND, SOUND | {"rung": "b"}])
    printed = capsys.readouterr().out
    assert printed.endswith("\n\non: CPU A, 2 threads\n")


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"hardware": B}, "CPU B, 1 thread, Tesla T4"),
        ({"hardware": B, "device": None}, "CPU B, 1 thread"),
        ({"hardware": B, "device": "TPU"}, "CPU B, 1 thread, TPU"),
        ({"hardware": {"processor": "a\nb"}}, "a?b, ? threads"),
    ],
)
def test_several_machines_have_a_column(capsys, changes, name):
    scoreboard.show([SOUND, SOUND | {"rung": "b"} | changes])
    rows = capsys.readouterr().out.splitlines()
    assert len(rows) == 3 and rows[0].split()[-1] == "on"
    assert rows[1].endswith("   CPU A, 2 threads")
    assert rows[2].endswith(f"   {name}")


def test_a_machine_that_nobody_knows_is_not_named(capsys):
    scoreboard.show([SOUND | {"hardware": None}])
    assert "on:" not in capsys.readouterr().out


def inside_itself():
    found = []
    found.extend([found] * 100)
    return found


class Raising:
    def __getattribute__(self, name):
        raise RuntimeError

    __str__ = __repr__ = __getattribute__


LEFT_OUT = {
    "a list in itself": inside_itself(),
    "what raises": Raising(),
    "a large array": np.zeros(100_000),
    "an array without room": np.broadcast_to(1.0, (10**6, 10**6)),
    "a huge integer": 10**400,
    "a mapping that raises": {"a": Raising()},
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_no_record_can_hold_is_left_out(capsys, name):
    scoreboard.record("lists", seconds=1.0, odd=LEFT_OUT[name])
    assert "odd is left out" in capsys.readouterr().out
    assert scoreboard.latest("lists")["seconds"] == 1.0
    assert scoreboard.latest("lists")["odd"] is None


@pytest.mark.parametrize(
    ("value", "word"),
    [("3,5", "comma"), ((3, 5), "comma"), ("fast", "number"),
     (True, "number"), ([1.0], "number"), (print, "number")],
)  # fmt: skip
def test_a_number_on_the_scoreboard_is_a_number(capsys, value, word):
    scoreboard.record("lists", notebook=1, seconds=value)
    printed = capsys.readouterr().out
    assert "seconds is left out" in printed and word in printed
    assert scoreboard.latest("lists")["seconds"] is None


@pytest.mark.parametrize(
    "value",
    [float("nan"), [1, float("nan")], {"a": {2: np.float32("inf")}},
     {(1, 2): 3}, {1, 2}, np.arange(3), "\ud800", b"x", 1j, Measured],
    ids=str,
)  # fmt: skip
def test_values_that_json_lacks_are_kept_in_its_terms(file, value):
    scoreboard.record("lists", seconds=1.0, odd=value)
    text = file.read_text()
    assert "NaN" not in text and "Infinity" not in text
    assert "odd" in scoreboard.latest("lists")


def test_a_name_among_the_numbers_replaces_nothing():
    scoreboard.record("lists", seconds=1.0, time="2099", hardware="mine")
    entry = scoreboard.latest("lists")
    assert entry["time"] != "2099" and entry["hardware"]["processor"]


def test_a_record_too_long_is_refused_in_one_sentence(capsys):
    scoreboard.record("lists", text="x" * 200_000)
    assert "lists is not recorded" in capsys.readouterr().out
    assert scoreboard.load() == []


def test_a_measurement_is_recorded_once(file):
    for seconds in (1.0, 1.0, 2.0, 2.0, 1.0):
        scoreboard.record("lists", seconds=seconds)
        scoreboard.record("other", seconds=5.0)
    kept = [e["seconds"] for e in scoreboard.load() if e["rung"] == "lists"]
    assert kept == [1.0, 2.0, 1.0]
    assert len(scoreboard.load()) == 4


@pytest.mark.parametrize(
    ("typed", "word"),
    [("5,5", "comma"), ((5, 5), "comma"), ("5.5", "quotes"), ("50%", "%"),
     (True, "True"), (float("nan"), "finite"), (10**400, "finite"),
     ({5}, "Braces"), (inside_itself(), "more than one"), (print, "function")],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_a_guess_that_is_no_number_is_not_kept(capsys, typed, word):
    scoreboard.keep_guesses(times_faster=30, points=typed)
    printed = capsys.readouterr().out
    assert printed.startswith("✗ points: ") and word in printed
    assert "Kept" not in printed
    assert scoreboard.latest("prediction") is None


@pytest.mark.parametrize("stub", [None, ...])
def test_a_guess_still_to_be_made_is_asked_for(capsys, stub):
    scoreboard.keep_guesses(times_faster=stub, points=5)
    assert capsys.readouterr().out.startswith("… write a number")
    assert scoreboard.load() == []


def claim(**changes):
    return line(
        rung="claim", notebook=12, claim="Gray costs 5 points.",
        verdict="refuted", points=1.5, low=0.5, high=2.5, bound=5, draws=30,
        **{"reading": "It costs less.", "limits": "Drawings."} | changes,
    )  # fmt: skip


def write_lines(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\n".join(lines) + b"\n")


def test_the_claims_of_a_class_are_one_table(tmp_path, capsys):
    write_lines(tmp_path / "ada.jsonl", line(rung="Python lists"), claim())
    write_lines(
        tmp_path / "b" / "grace.jsonl", claim(time="2026-11-25T12:00:00+00:00")
    )
    write_lines(tmp_path / "alan.jsonl", line(rung="Python lists"))
    assert scoreboard.main(["pool", str(tmp_path)]) == 0
    assert "claims.csv" in capsys.readouterr().out
    with (tmp_path / "claims.csv").open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == ["ada.jsonl", "b/grace.jsonl"]
    assert rows[0]["verdict"] == "refuted" and rows[0]["high"] == "2.5"
    assert "control /3" in rows[0]


def test_without_a_claim_there_is_no_table(tmp_path, capsys):
    write_lines(tmp_path / "ada.jsonl", line(rung="Python lists"))
    scoreboard.main(["pool", str(tmp_path)])
    assert not (tmp_path / "claims.csv").exists()
    assert "claims.csv" not in capsys.readouterr().out


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-2", "@SUM(A1)", "  =1"])
def test_no_spreadsheet_calculates_what_a_student_wrote(tmp_path, text):
    write_lines(tmp_path / "ada.jsonl", claim(reading=text))
    scoreboard.pool(tmp_path)
    with (tmp_path / "claims.csv").open(encoding="utf-8-sig") as file:
        (row,) = csv.DictReader(file)
    assert row["reading"] == f"'{text}"


@pytest.mark.parametrize("question", scoreboard.QUESTIONS)
def test_a_lesson_records_what_answers_each_question(question):
    _, rung, *_ = scoreboard.QUESTIONS[question]
    folder = Path(__file__).resolve().parent.parent / "notebooks"
    sources = [
        "".join(cell["source"])
        for path in folder.glob("[0-9]*.ipynb")
        for cell in json.loads(path.read_text("utf-8"))["cells"]
    ]
    found = re.compile(rf'record\(\s*"{re.escape(rung)}"')
    assert any(map(found.search, sources))
