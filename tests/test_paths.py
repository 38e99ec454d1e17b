import os
from pathlib import Path

import pytest

from course_utils.machine import paths


def test_a_failed_write_leaves_the_old_file_and_no_leftover(tmp_path):
    target = tmp_path / "grid.json"
    paths.write_atomically(target, lambda name: name.write_text("whole"))

    def fail(name):
        name.write_text("ha")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        paths.write_atomically(target, fail)
    assert target.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [target]


def test_windows_waits_for_who_reads_the_old_file(tmp_path, monkeypatch):
    target, refusals = tmp_path / "photos.npz", [3]
    target.write_text("old")
    replace = os.replace

    def refuse(source, place):
        if refusals[0]:
            refusals[0] -= 1
            raise PermissionError(13, "used by another process")
        replace(source, place)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PermissionError):  # elsewhere it means what it says
        paths.write_atomically(target, lambda name: name.write_text("new"))
    assert target.read_text() == "old"
    monkeypatch.setattr(paths, "_WINDOWS", True)
    paths.write_atomically(target, lambda name: name.write_text("new"))
    assert refusals == [0] and target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_the_temporary_name_keeps_the_suffix(tmp_path):
    names = []
    paths.write_atomically(tmp_path / "a.keras", names.append)
    assert names[0].suffix == ".keras"


def test_environment_variables_name_the_folders(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    assert paths.cache_directory() == tmp_path / "cache"
    assert paths.home_directory() == tmp_path / "home"
    assert (tmp_path / "home").is_dir()


@pytest.mark.parametrize("platform", [0, 1], ids=["Drive", "Kaggle"])
def test_what_outlasts_the_session_is_used_once_it_is_there(
    monkeypatch, tmp_path, platform
):
    for name in ("COURSE_CACHE", "COURSE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    places = [tmp_path / "drive", tmp_path / "working"]
    monkeypatch.setattr(paths, "KEPT", tuple(map(str, places)))
    before = paths.home_directory(), paths.cache_directory()
    assert not any(places[platform] in folder.parents for folder in before)
    places[platform].mkdir()  # as when a student mounts Drive
    kept = places[platform] / paths.APPLICATION
    assert paths.home_directory() == kept
    assert paths.cache_directory() == kept / "cache"
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "named"))
    assert paths.home_directory() == tmp_path / "named"


@pytest.fixture
def folders(tmp_path):
    """Make places that cannot hold the course's files."""
    (tmp_path / "file").write_text("in the way")
    os.symlink(tmp_path / "itself", tmp_path / "itself")
    paths.forget()
    yield tmp_path
    paths.forget()


@pytest.mark.skipif(os.name == "nt", reason="such places are Unix's")
@pytest.mark.parametrize("variable", ["COURSE_HOME", "COURSE_CACHE"])
@pytest.mark.parametrize(
    "place",
    [
        "~nosuchuser/x",
        "~nosuchuser",
        "{}/file",
        "{}/file/cache",
        "{}/itself/x",
        "/proc/nowhere",
        "/dev/null",
        "{}/" + 300 * "x",
    ],
)
def test_a_place_that_cannot_be_used_costs_one_sentence(
    monkeypatch, folders, capsys, variable, place
):
    monkeypatch.setenv(variable, place.format(folders))
    find = {
        "COURSE_HOME": paths.home_directory,
        "COURSE_CACHE": paths.cache_directory,
    }[variable]
    first, second = find(), find()
    assert first == second
    paths.write_json(first / "a.json", {})
    said = capsys.readouterr().out
    assert said.count("temporary folder") == said.count("\n") == 1
    assert f"Set {variable} to" in said


def test_a_user_without_a_home_gets_a_temporary_folder(
    monkeypatch, folders, capsys
):
    """As in a container that runs as a user whom it does not know."""
    for name in ("COURSE_HOME", "HOME", "USERPROFILE", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(paths, "KEPT", ())

    def fail(*arguments):
        raise RuntimeError("could not determine the home directory")

    monkeypatch.setattr(paths.platformdirs, "user_data_path", fail)
    monkeypatch.setattr(Path, "expanduser", fail)
    monkeypatch.chdir(folders)
    assert paths.home_directory().is_dir()
    assert (
        "(could not determine the home directory)" in capsys.readouterr().out
    )
    assert not (folders / "~").exists()


def test_a_place_that_comes_back_is_found_after_forget(
    monkeypatch, folders, capsys
):
    monkeypatch.setenv("COURSE_HOME", str(folders / "file" / "home"))
    assert paths.home_directory() != folders / "file" / "home"
    (folders / "file").unlink()
    assert paths.home_directory() != folders / "file" / "home"
    paths.forget()
    assert paths.home_directory() == folders / "file" / "home"


def test_the_shipped_data_is_found():
    assert (Path(paths.data_directory()) / "README.md").exists()
