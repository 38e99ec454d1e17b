"""The photographs: readers, mirrors, cache; all on the loopback address."""

import errno
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from photo_servers import (
    COUNTS,
    FORMATS,
    Answer,
    Server,
    archives,
    collections,
    digest,
    digests,
    pack_path,
    small_pictures,
)

from course_utils.data import mirrors, photos
from course_utils.machine import paths

HERE = Path(__file__).parent
PICTURES = small_pictures()
SMALL = digests(PICTURES)
ARCHIVES = archives(PICTURES)
ONE_CLASS = "/folders/CIFAR-100/cifar100.tgz"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Give an empty cache and small digests; nothing beyond this machine."""
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(photos, "DIGESTS", SMALL)
    monkeypatch.setattr(photos, "COLLECTIONS", ())
    monkeypatch.setattr(photos, "MEASURE_SECONDS", 0.2)
    monkeypatch.setattr(photos, "STALL_SECONDS", 0.5)
    return tmp_path / "cache"


@pytest.fixture
def serve(cache, monkeypatch):
    """Start a server whose answers differ from the right ones as told."""
    servers = []

    def start(changed=(), formats=FORMATS, **options):
        server = Server(ARCHIVES | dict(changed)).__enter__()
        servers.append(server)
        chosen = collections(server.address, formats, **options)
        monkeypatch.setattr(photos, "COLLECTIONS", chosen)
        return server

    yield start
    for server in servers:
        server.__exit__()


def fox():
    return photos.load("fox", "train")


def assert_all_right(cache):
    """Every class is right and there is one file beside the lock."""
    for name, expected in SMALL.items():
        pictures = photos.load(*name.split("_"))
        assert pictures.dtype == np.uint8
        assert pictures.shape == PICTURES[name].shape
        assert digest(pictures) == expected
    assert files_in(cache) == {"photos.npz"}


def names_in(folder):
    return {path.name for path in folder.iterdir()}


def files_in(folder):
    return names_in(folder) - {".photos.lock"}  # which Windows removes


def path_of(form, collection="CIFAR-100"):
    return next(p for p in ARCHIVES if p.startswith(f"/{form}/{collection}/"))


# Whole archives -----------------------------------------------------------


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_gives_the_same_pictures_in_the_same_order(
    form, serve, cache
):
    server = serve(formats=[form])
    assert not photos.is_cached()
    photos.download()
    assert photos.is_cached()
    assert_all_right(cache)
    for name, pictures in PICTURES.items():
        keys = [photos._digests(pictures)[row] for row in range(len(pictures))]
        assert np.array_equal(
            photos.load(*name.split("_")), pictures[np.argsort(keys)]
        )
    asked = {path for path in ARCHIVES if path.startswith(f"/{form}/")}
    assert server.requests == dict.fromkeys(asked, 1)


def test_only_the_collection_that_is_needed_is_downloaded(serve, cache):
    server = serve(formats=["folders"])
    fox()
    assert list(server.requests) == [path_of("folders")]
    assert photos.is_cached(["fox", "wolf"]) and not photos.is_cached()
    photos.load("cat", "test")  # and the foxes stay
    assert_all_right(cache)
    assert set(server.requests.values()) == {1}


def test_unknown_names_are_refused_with_the_known_ones(cache):
    for names in (("tiger", "train"), ("cat", "validation")):
        with pytest.raises(ValueError, match=r"cat, dog.* train, test"):
            photos.load(*names)


def test_classes_and_digests_belong_together():
    assert set(photos.CLASS_NAMES) == {
        *("cat", "dog", "fox", "wolf", "airplane", "automobile")
    }
    members = [n for each in mirrors.COLLECTIONS for n in each.members]
    assert set(members) == set(photos.DIGESTS)
    assert {len(value) for value in photos.DIGESTS.values()} == {64}


def test_each_collection_has_two_mirrors_that_need_no_trust():
    for each in mirrors.COLLECTIONS:
        assert len({mirror.host for mirror in each.mirrors}) == 2
        assert len({mirror.read for mirror in each.mirrors}) == 2
        for mirror in each.mirrors:
            assert mirror.address.startswith("https:")


def test_the_downloader_is_imported_only_for_a_download():
    code = "import course_utils.data.photos, sys; print([*sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert "'filelock'" in done.stdout
    assert "'pooch'" not in done.stdout and "'requests'" not in done.stdout


# Bad mirrors --------------------------------------------------------------


def flip(content, share=0.5):
    """Change bytes in the middle of a file, as a bad disk does."""
    at = int(len(content) * share)
    return (
        content[:at]
        + bytes(255 - byte for byte in content[at : at + 20])
        + content[at + 20 :]
    )


def one_pixel_off(form):
    pictures = {name: array.copy() for name, array in PICTURES.items()}
    pictures["fox_train"][2, 5, 5, 1] ^= 1
    return archives(pictures, [form])[path_of(form)]


DAMAGES = {
    "cut short": lambda form, whole: Answer(
        whole[: len(whole) // 2], length=len(whole)
    ),
    "short": lambda form, whole: whole[: len(whole) // 2],
    "empty": lambda form, whole: b"",
    "corrupted": lambda form, whole: flip(whole),
    "one pixel off": lambda form, whole: one_pixel_off(form),
    "a web page": lambda form, whole: Answer(
        b"<html>Log in</html>", kind="text/html; charset=utf-8"
    ),
    "a web page that hides": lambda form, whole: b"<html>Log in</html>",
    "missing": lambda form, whole: Answer(b"", status=404),
    "a failing server": lambda form, whole: Answer(b"", status=503),
    "silence": lambda form, whole: Answer(whole, wait=4),
    "a stall halfway": lambda form, whole: Answer(
        whole, rate=0.2, at_once=len(whole) // 2
    ),
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_bad_mirror_is_left_for_the_next(form, damage, serve, cache, capsys):
    path = path_of(form)
    bad = DAMAGES[damage](form, ARCHIVES[path])
    good = "binary" if form == "folders" else "folders"
    server = serve({path: bad}, formats=[form, good])
    assert digest(fox()) == SMALL["fox_train"]
    assert server.requests[path] == 1
    assert server.requests[path_of(good)] == 1
    assert server.address.removeprefix("http://") in capsys.readouterr().out
    assert files_in(cache) == {"photos.npz"}


@pytest.mark.parametrize("damage", DAMAGES)
def test_without_a_good_mirror_nothing_is_written(damage, serve, cache):
    bad = DAMAGES[damage]("folders", ARCHIVES[path_of("folders")])
    serve({path_of("folders"): bad}, formats=["folders"])
    with pytest.raises(photos.PhotosUnavailable) as caught:
        fox()
    assert "CIFAR-100" in str(caught.value)
    assert "drawings" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (cache / "photos.npz").exists()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("a web page", "proxy"),
        ("cut short", "stopped before the end"),
        ("one pixel off", "fox_train pictures are not the published"),
        ("missing", "answers 404"),
        ("a failing server", "answers 503"),
        ("empty", "nothing arrived"),
        ("silence", "timed out"),
        ("a stall halfway", "timed out"),
    ],
)
def test_the_sentence_names_the_reason(damage, words, serve):
    bad = DAMAGES[damage]("folders", ARCHIVES[path_of("folders")])
    serve({path_of("folders"): bad}, formats=["folders"])
    with pytest.raises(photos.PhotosUnavailable, match=words):
        fox()


def test_a_server_that_is_gone(serve, cache, capsys):
    server = serve(formats=["folders", "binary"])
    server.__exit__()
    with pytest.raises(photos.PhotosUnavailable, match="refused"):
        fox()
    server = serve(formats=["folders"])  # back again
    fox()
    assert server.requests[path_of("folders")] == 1
    assert files_in(cache) == {"photos.npz"}


def test_no_internet_is_said_once(serve, monkeypatch):
    addresses = collections("http://no-such-host.invalid", FORMATS)
    monkeypatch.setattr(photos, "COLLECTIONS", addresses)
    with pytest.raises(photos.PhotosUnavailable) as caught:
        fox()
    assert str(caught.value).count("no internet") == 1


def raw(head, drip, status=b"200 OK"):
    return Answer(b"HTTP/1.1 " + status + b"\r\n" + head, drip=drip)


CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
LENGTH = b"Content-Length: 900000\r\n\r\n"
DRIPS = {
    "the status line": Answer(b"HTTP/1.1 2", drip=b"0"),
    "nothing but white space": Answer(b"", drip=b" "),
    "100 Continue": Answer(b"", drip=b"HTTP/1.1 100 Continue\r\n\r\n"),
    "102 Processing": Answer(b"", drip=b"HTTP/1.1 102 Processing\r\n\r\n"),
    "a header": raw(b"X-Long: ", b"a"),
    "header after header": raw(b"", b"X: a\r\n"),
    "the body": raw(LENGTH, b"a"),
    "a body without a length": raw(b"\r\n", b"a"),
    "a chunk's size": raw(CHUNKED, b"0"),
    "a chunk's extension": raw(CHUNKED + b"1;", b"a"),
    "a chunk": raw(CHUNKED + b"fffff\r\n", b"a"),
    "chunks of one byte": raw(CHUNKED, b"1\r\na\r\n"),
    "a trailer": raw(CHUNKED + b"0\r\n", b"X: a\r\n"),
    "a redirect's body": raw(b"Location: /x\r\n" + LENGTH, b"a", b"302 x"),
    "an error's body": raw(LENGTH, b"a", b"503 x"),
}


@pytest.mark.parametrize("drip", DRIPS.values(), ids=DRIPS)
def test_a_server_that_drips_ends_within_the_bound(drip, serve, cache):
    """Each byte comes in time, and the whole never does."""
    path = path_of("folders")
    serve({path: drip}, formats=["folders"])
    start = time.monotonic()
    with pytest.raises(photos.PhotosUnavailable, match="drawings"):
        photos.download(["fox"], patience=0.4)
    assert time.monotonic() - start < 4  # the first imports pooch


def test_after_a_server_that_drips_the_next_is_asked(serve):
    drip = DRIPS["100 Continue"]
    server = serve({path_of("folders"): drip}, formats=["folders", "binary"])
    photos.download(["fox"], patience=1)
    assert photos.is_cached(["fox"])
    assert server.requests[path_of("binary")] == 1


def test_what_is_too_large_is_given_up(serve, monkeypatch):
    monkeypatch.setattr(photos, "LARGEST_BYTES", 500_000)
    body = raw(b"\r\n", bytes(200_000))
    serve({path_of("folders"): body}, formats=["folders"])
    with pytest.raises(photos.PhotosUnavailable, match="more arrived than"):
        fox()


def test_a_slow_mirror_is_left_within_seconds(serve, cache):
    whole = ARCHIVES[path_of("folders")]
    slow = Answer(whole * 40, length=120_000_000, rate=60_000)
    server = serve(
        {path_of("folders"): slow},
        formats=["folders", "binary"],
        megabytes={"folders": 144},
    )
    start = time.monotonic()
    fox()
    assert time.monotonic() - start < 10  # all of it would take 40 minutes
    assert server.requests[path_of("binary")] == 1


def test_a_mirror_that_turns_slow_is_left_too(serve):
    whole = ARCHIVES[path_of("folders")]
    turning = Answer(whole * 40, rate=2_000, at_once=len(whole) * 20)
    server = serve(
        {path_of("folders"): turning}, formats=["folders", "binary"]
    )
    photos.download(["fox"], patience=3)
    assert server.requests[path_of("binary")] == 1


def test_who_has_time_may_wait(serve):
    """At 60 kB/s, 144 MB take 40 minutes: too long unless one says so."""
    slow = Answer(ARCHIVES[path_of("folders")], rate=60_000)
    serve(
        {path_of("folders"): slow},
        formats=["folders"],
        megabytes={"folders": 144},
    )
    with pytest.raises(photos.PhotosUnavailable, match=r"kB/s for \d+ min"):
        photos.download(["fox"])
    photos.download(["fox"], patience=1e6)  # also where this test is slow
    assert photos.is_cached(["fox"])


def test_nothing_leaves_the_archive(serve, cache, tmp_path):
    """Paths that climb out, links and devices are neither written nor read."""
    content = io.BytesIO(ARCHIVES[path_of("folders")])
    hostile = io.BytesIO()
    with (
        tarfile.open(fileobj=content) as old,
        tarfile.open(fileobj=hostile, mode="w:gz") as new,
    ):
        for name in ("../../evil.png", f"{tmp_path}/evil.png", "x"):
            entry = tarfile.TarInfo(name)
            entry.size = 4
            new.addfile(entry, io.BytesIO(b"evil"))
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE):
            entry = tarfile.TarInfo("cifar100/train/mammals/fox/link.png")
            entry.type = kind
            entry.linkname = "/etc/passwd"
            new.addfile(entry)
        for entry in old:
            new.addfile(entry, old.extractfile(entry))
    serve({path_of("folders"): hostile.getvalue()}, formats=["folders"])
    before = names_in(tmp_path)
    fox()
    assert names_in(tmp_path) - before == {"cache"}
    assert files_in(cache) == {"photos.npz"}


def tar_of(entries):
    """Return a packed archive of (TarInfo, bytes) pairs."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for entry, content in entries:
            tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


def entry(name, size, **options):
    made = tarfile.TarInfo(name)
    made.size = size
    for key, value in options.items():
        setattr(made, key, value)
    return made


def sparse():
    """Return an archive whose one file claims a terabyte of nothing."""
    headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}
    headers |= {"GNU.sparse.name": "a/fox/a.png"}
    headers |= {"GNU.sparse.realsize": str(10**12)}
    stretched = entry("a/x.png", 512, pax_headers=headers)
    return tar_of([(stretched, b"0\n".ljust(512, b"\0"))])


BOMBS = {
    "many large files": lambda: tar_of(
        (entry(f"a/cifar-100-binary/train{i}.bin", 307_400), bytes(307_400))
        for i in range(5)
    ),
    "many files of no interest": lambda: tar_of(
        (entry(f"{i}.txt", 300_000), bytes(300_000)) for i in range(5)
    ),
    "one large file": lambda: tar_of([(entry("a.bin", 10**7), bytes(10**7))]),
    "a long name": lambda: tar_of([(entry("fox/" + "a" * 2_000_000, 0), b"")]),
    "many empty files": lambda: tar_of(
        (entry(f"{i}", 0), b"") for i in range(60)
    ),
    "a sparse file": sparse,
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_an_archive_is_bounded_as_a_whole(bomb, serve, monkeypatch):
    monkeypatch.setattr(mirrors, "LARGEST_UNPACKED", 1_000_000)
    monkeypatch.setattr(mirrors, "MOST_ENTRIES", 50)
    serve({path_of("binary"): bomb()}, formats=["binary"])
    with pytest.raises(photos.PhotosUnavailable, match="unpacks to more"):
        fox()


# The cache ----------------------------------------------------------------


DAMAGED_FILES = {
    "a byte": lambda content: flip(content, 0.1),
    "the list at the end": lambda content: content[:-200],
    "half": lambda content: content[: len(content) // 2],
    "nothing": lambda content: b"",
    "another file": lambda content: b"not the photographs" * 100,
}


@pytest.mark.parametrize("damage", DAMAGED_FILES)
def test_a_damaged_cache_is_replaced(damage, serve, cache):
    server = serve(formats=["binary"])
    photos.download()
    other = cache / "features.npz"
    other.write_bytes(b"other work")
    file = cache / "photos.npz"
    file.write_bytes(DAMAGED_FILES[damage](file.read_bytes()))
    assert not photos.is_cached()
    photos.download()
    assert other.read_bytes() == b"other work"
    other.unlink()
    assert_all_right(cache)
    assert 3 <= server.requests.total() <= 4  # only what was damaged


def test_offline_a_damaged_class_costs_only_itself(serve, cache):
    server = serve(formats=["binary"])
    photos.download()
    file = cache / "photos.npz"
    file.write_bytes(flip(file.read_bytes(), 0.1))
    server.__exit__()
    unhurt = 0
    for name in SMALL:
        try:
            photos.load(*name.split("_"))
            unhurt += 1
        except photos.PhotosUnavailable:
            pass
    assert unhurt == len(SMALL) - 1


def one_off(pictures):
    pictures = pictures.copy()
    pictures[0, 0, 0, 0] ^= 1
    return pictures


WRONG_ARRAYS = {
    "one pixel off": one_off,
    "flat": lambda pictures: pictures.reshape(len(pictures), 3072),
    "signed": lambda pictures: pictures.astype(np.int8),
    "channels first": lambda pictures: pictures.reshape(-1, 3, 32, 32),
    "of large numbers": lambda pictures: pictures.astype(np.int64),
    "one too few": lambda pictures: pictures[1:],
    "a single number": lambda pictures: np.uint8(7),
    "of objects": lambda pictures: pictures.astype(object),
    "too large": lambda pictures: np.zeros((6000, 3072), np.uint8),
}


@pytest.mark.parametrize("wrong", WRONG_ARRAYS.values(), ids=WRONG_ARRAYS)
def test_wrong_pictures_in_a_sound_file_are_found(wrong, serve, cache):
    serve(formats=["binary"])
    photos.download(["fox"])
    with np.load(cache / "photos.npz") as archive:
        arrays = dict(archive)
    arrays["fox_test"] = wrong(arrays["fox_test"])
    np.savez(cache / "photos.npz", **arrays)
    assert not photos.is_cached(["fox"])
    assert digest(photos.load("fox", "test")) == SMALL["fox_test"]


def test_the_order_of_the_cache_file_does_not_matter(serve, cache):
    serve(formats=["binary"])
    photos.download(["fox"])
    right = photos.load("fox", "test")
    with np.load(cache / "photos.npz") as archive:
        arrays = dict(archive)
    arrays["fox_test"] = arrays["fox_test"][::-1]
    np.savez(cache / "photos.npz", **arrays)
    assert np.array_equal(photos.load("fox", "test"), right)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a pipe")
def test_a_pipe_in_place_of_the_file_is_not_waited_for(serve, cache):
    serve(formats=["binary"])
    cache.mkdir()
    os.mkfifo(cache / "photos.npz")
    os.mkfifo(cache / photos.FAILURE_NAME)
    fox()
    assert photos.is_cached(["fox"])


def test_a_full_disk(serve, cache, monkeypatch):
    resource = pytest.importorskip("resource")
    serve(formats=["binary"])
    photos.load("fox", "train")
    before = (cache / "photos.npz").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10_000, hard))
    try:  # the system itself refuses to write on: half a file is there
        with pytest.raises(photos.PhotosUnavailable, match="COURSE_CACHE"):
            photos.load("cat", "train")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (cache / "photos.npz").read_bytes() == before
    assert files_in(cache) == {"photos.npz"}

    def no_space(*arguments, **arrays):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(photos.np, "savez", no_space)
        with pytest.raises(photos.PhotosUnavailable, match="disk is full"):
            photos.load("cat", "train")
    assert_all_right(cache)


def test_a_file_in_place_of_the_folder(serve, cache, tmp_path, capsys):
    cache.write_text("not a folder")
    serve(formats=["binary"])
    fox()
    assert cache.read_text() == "not a folder"
    assert capsys.readouterr().out.count("cannot be written") == 1


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX permissions")
def test_a_folder_that_may_only_be_read(serve, cache, tmp_path):
    """A teacher's full cache serves; an empty one is left for another."""
    server = serve(formats=["binary"])
    photos.download()
    before = server.requests.total()
    full, empty = tmp_path / "full", tmp_path / "empty"
    full.mkdir()
    empty.mkdir()
    shutil.copyfile(cache / "photos.npz", full / "photos.npz")
    try:
        full.chmod(0o555)
        empty.chmod(0o555)
        for shared, requests in ((full, 0), (empty, 2)):
            text = finish(
                student(
                    server,
                    *("binary", "bound"),
                    COURSE_CACHE=str(shared),
                    TMPDIR=str(tmp_path),
                )
            )
            assert ("cannot be written" in text) is (shared is empty)
            assert server.requests.total() - before == requests
        assert names_in(full) == {"photos.npz"} and not names_in(empty)
    finally:
        full.chmod(0o755)
        empty.chmod(0o755)


def test_a_file_system_without_locks(serve, cache, monkeypatch):
    def refuse(*arguments, **options):
        raise NotImplementedError("no flock here")

    serve(formats=["binary"])
    monkeypatch.setattr(photos.FileLock, "acquire", refuse)
    photos.download()
    assert_all_right(cache)


# Many processes -----------------------------------------------------------


def student(server, *arguments, **variables):
    """Start a process of its own that loads every class."""
    return subprocess.Popen(
        [
            *(sys.executable, HERE / "photo_servers.py"),
            *(server.address, *arguments),
        ],
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    """Wait for a process, see that all went well, return what it printed."""
    text, problem = process.communicate(timeout=60)
    assert process.returncode == 0, problem
    return text


@pytest.mark.parametrize("count", [2, 6])
def test_processes_at_once_download_once(count, serve, cache):
    # 0.2 s of silence, so that the others do arrive meanwhile.
    waiting = {
        path: Answer(body, wait=0.2)
        for path, body in ARCHIVES.items()
        if path.startswith("/binary/")
    }
    server = serve(waiting, formats=["binary"])
    students = [student(server, "binary") for _ in range(count)]
    for each in students:
        finish(each)
    assert server.requests == dict.fromkeys(waiting, 1)
    assert_all_right(cache)


@pytest.mark.parametrize("moment", ["downloading", "writing"])
def test_killed_in_the_middle_then_right(moment, serve, cache):
    path = path_of("binary", "CIFAR-10")
    slow = Answer(ARCHIVES[path], rate=50_000)
    server = serve(
        {path: slow} if moment == "downloading" else {}, formats=["binary"]
    )
    victim = student(
        server, "binary", *(["hang"] if moment == "writing" else [])
    )
    if moment == "downloading":
        assert server.halfway.wait(30)
    else:
        assert victim.stdout.readline() == "writing\n"
        assert len(files_in(cache)) == 1  # half of one
    victim.kill()
    victim.communicate()
    assert not (cache / "photos.npz").exists()
    server = serve(formats=["binary"])
    assert_all_right(cache)


def touched(folder, step):
    """Call `step` whenever this process touches a file of the folder.

    It stays so for the life of the process.
    """
    names = {"open", "os.rename", "os.remove", "os.mkdir", "os.chmod"}

    def watch(event, arguments):
        if event in names and str(folder) in str(arguments[0]):
            step()

    sys.addaudithook(watch)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_killed_at_any_file_it_touches_then_right(serve, cache):
    """Kill the first process that fetches at its 1st, 2nd, ... last step."""
    serve(formats=["binary"])
    kills = 0
    while True:
        left, reading = kills, os.fork()
        if reading == 0:

            def step():
                nonlocal left
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

            touched(cache, step)
            photos.download(["fox"])
            os._exit(0)
        _, status = os.waitpid(reading, 0)
        if status == 0:  # it lived to the end
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
        assert digest(fox()) == SMALL["fox_train"]
        left_behind = files_in(cache)
        shutil.rmtree(cache)
        paths.forget()
        kills += 1
        assert left_behind == {"photos.npz"}, f"killed at step {kills}"
    assert kills > 10


def test_who_waited_hears_of_the_failure(serve, cache):
    """Thirty students offline wait for one vain attempt, not for thirty."""
    path = path_of("binary")
    server = serve(
        {path: Answer(b"", status=404, wait=0.4)}, formats=["binary"]
    )
    told = []

    def attempt():
        try:
            fox()
        except photos.PhotosUnavailable as error:
            told.append(str(error))

    threads = [threading.Thread(target=attempt) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 6 and len(set(told)) == 1
    assert server.requests[path] == 1
    os.utime(cache / photos.FAILURE_NAME, (4e9, 4e9))  # a wrong clock
    attempt()  # who comes later tries again
    assert server.requests[path] == 2
    server = serve(formats=["binary"])
    assert_all_right(cache)


def test_the_wait_for_another_process_has_an_end(serve, cache):
    """A stopped process holds the lock; nobody waits for it for ever."""
    serve(formats=["binary"])
    code = (
        "import sys, filelock, time; "
        "lock = filelock.FileLock(sys.argv[1]); lock.acquire(); "
        "print('held', flush=True); time.sleep(60)"
    )
    cache.mkdir()
    holder = subprocess.Popen(
        [sys.executable, "-c", code, cache / ".photos.lock"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "held\n"
    if hasattr(signal, "SIGSTOP"):
        holder.send_signal(signal.SIGSTOP)
    with pytest.raises(photos.PhotosUnavailable, match="Another process"):
        photos.download(["fox"], patience=0.1)
    holder.kill()
    holder.communicate()
    fox()
    assert photos.is_cached(["fox"])


# Packs and the command ------------------------------------------------------


def pack_of(pictures, path):
    names = list(photos.CLASS_NAMES)
    arrays = {}
    for split in COUNTS:
        groups = [pictures[f"{name}_{split}"] for name in names]
        arrays[f"x_{split}"] = np.concatenate(groups)
        arrays[f"y_{split}"] = np.repeat(
            np.arange(len(names), dtype=np.uint8), list(map(len, groups))
        )
    np.savez_compressed(path, class_names=np.array(names), **arrays)
    return path


def test_a_pack_and_a_cache_file_can_be_installed(
    cache, tmp_path, monkeypatch, capsys
):
    pack = pack_of(PICTURES, tmp_path / "pack.npz")
    assert photos.main([str(pack)]) == 0
    assert_all_right(cache)
    assert str(cache) in capsys.readouterr().out
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "second"))
    assert not photos.is_cached()
    assert photos.main([str(cache / "photos.npz")]) == 0
    assert_all_right(tmp_path / "second")
    first, second = cache / "photos.npz", tmp_path / "second" / "photos.npz"
    with np.load(first) as a, np.load(second) as b:
        assert a.files and set(a.files) == set(b.files)
        assert all(np.array_equal(a[name], b[name]) for name in a.files)


class Evil:
    """Would write a file when unpickled."""

    def __reduce__(self):
        return (Path.touch, (Path(os.environ["COURSE_CACHE"]) / "evil",))


def test_a_wrong_pack_is_refused_in_one_sentence(cache, tmp_path, capsys):
    cache.mkdir()
    wrong = {name: array.copy() for name, array in PICTURES.items()}
    wrong["cat_train"][0, 0, 0, 0] ^= 1
    pack_of(wrong, tmp_path / "pixel.npz")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    np.savez(tmp_path / "evil.npz", cat_train=np.array([Evil()], object))
    np.savez(tmp_path / "flat.npz", fox_test=PICTURES["fox_test"] / 1.0)
    (tmp_path / "text.npz").write_text("hello")
    (tmp_path / "folder.npz").mkdir()
    np.savez(tmp_path / "rows.npz", class_names=["cat"], x_train=[1])
    np.savez_compressed(tmp_path / "bomb.npz", fox=np.zeros(300_000_000, "i1"))
    for name, words in {
        "pixel": "cat_train pictures are not the published ones",
        "other": "none of the course's classes",
        "evil": "it holds more than numbers",
        "flat": "fox_test pictures are not the published ones",
        "text": "it is not an npz file",
        "absent": "no such file",
        "folder": "it is a folder",
        "rows": "another kind of file",
        "bomb": "unpacks to more",
        "evil\x1b[2J\n": "no such file",
    }.items():
        assert photos.main([str(tmp_path / f"{name}.npz")]) == 1
        text = capsys.readouterr().out
        assert text.count("\n") == 1 and "photos.npz" in text
        assert words in text and "\x1b" not in text
    assert not files_in(cache)


@pytest.mark.parametrize("minutes", ["nan", "0", "-1", "inf", "ten"])
def test_a_senseless_bound_is_refused(minutes, capsys):
    with pytest.raises(SystemExit):
        photos.main([f"--minutes={minutes}"])
    assert "--minutes" in capsys.readouterr().err


def test_the_command_downloads(serve, cache, capsys):
    server = serve(formats=["binary"])
    assert photos.main([]) == 0
    assert_all_right(cache)
    server.__exit__()
    (cache / "photos.npz").unlink()
    assert photos.main(["--minutes", "0.5"]) == 1
    assert "drawings" in capsys.readouterr().out


def test_it_runs_as_a_module(cache):
    done = subprocess.run(
        [sys.executable, "-m", "course_utils.data.photos", "no-such-file.npz"],
        capture_output=True,
        text=True,
        cwd=HERE.parent,
    )
    assert done.returncode == 1
    assert "cannot be installed" in done.stdout and not done.stderr


# The real photographs -------------------------------------------------------


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    pack = pack_path()
    if pack is None:
        pytest.skip(
            "no photographs: set COURSE_PHOTOS_PACK to the pack's npz file"
        )
    folder = tmp_path_factory.mktemp("real")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_CACHE", str(folder))
        photos.install_pack(pack)
        yield folder


@pytest.mark.photos
def test_the_real_pack_has_every_class(real):
    assert photos.is_cached()
    for name in photos.CLASS_NAMES:
        few = name in ("fox", "wolf")
        for split, count in (("train", 5000), ("test", 1000)):
            pictures = photos.load(name, split)
            assert pictures.shape == (count // 10**few, 32, 32, 3)
            assert digest(pictures) == photos.DIGESTS[f"{name}_{split}"]
            keys = photos._digests(pictures)
            assert keys == sorted(keys)


@pytest.mark.photos
def test_a_class_is_loaded_without_the_others(real):
    assert (real / "photos.npz").stat().st_size < 80_000_000
    tracemalloc.start()
    pictures = photos.load("fox", "test")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert pictures.nbytes < peak < 4_000_000


@pytest.mark.photos
@pytest.mark.parametrize("form", FORMATS)
def test_real_foxes_and_wolves_pass_through_every_format(
    form, real, tmp_path, monkeypatch
):
    pictures = PICTURES | {
        f"{name}_{split}": photos.load(name, split)
        for name in ("fox", "wolf")
        for split in COUNTS
    }
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    with Server(archives(pictures, [form])) as server:
        chosen = collections(server.address, [form])
        monkeypatch.setattr(photos, "COLLECTIONS", chosen)
        photos.download(["fox", "wolf"])
    for name in ("fox", "wolf"):
        for split in COUNTS:
            key = f"{name}_{split}"
            assert np.array_equal(photos.load(name, split), pictures[key])
