"""Real photographs of 32 pixels: CIFAR's cats, dogs, foxes and vehicles.

One file in the cache holds them, and every picture in it is verified:

    python -m course_utils.data.photos           download what is missing
    python -m course_utils.data.photos FILE.npz  install a file that you have

That file may come from another computer's cache, for a class offline.
"""

import argparse
import io
import os
import queue
import sys
import threading
import time
import zipfile
from collections import defaultdict
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from tqdm import tqdm

from course_utils.data.mirrors import COLLECTIONS, LARGEST_BYTES, SPLITS
from course_utils.language import tell
from course_utils.machine import paths, reasons

CLASS_NAMES = tuple(name for each in COLLECTIONS for name in each.labels)
FILE_NAME = "photos.npz"
FAILURE_NAME = ".photos-failure.txt"
MEASURE_SECONDS = 5  # over which the speed of a download is taken
PATIENCE_SECONDS = 120  # an archive that takes longer is given up
STALL_SECONDS = 10  # after which a silent server is given up
MOST_MINUTES = 1440
LARGEST_MEMBER = 16_000_000  # 5000 pictures and what goes before them

# `content_digest` of every class and split. It is the same from any mirror,
# so none has to be trusted.
DIGESTS = dict(
    line.split()
    for line in """\
cat_train a3229a25d5b96b5b6480790daa09348a336ad2ae84d2f7f108234ccde1211b2c
cat_test 029280342b374be20a753e9e211530b06a21831fa1b2ff2150e05cf0798a45b3
dog_train 41341a7374d0b1e47a90f8fdd45d28ff13d1198cd53a0d3902115e4f7e3452ae
dog_test 00c0a4a42a9dd165b9447abe7b084bdd34afca973deda96c35283d70d073fe26
fox_train b2734385d3be1b128320dea9b4621ab1527025b5cf9d5ba4385d89cfcae3fe44
fox_test 663895c7645918b79100d060e68b630c956fb8c0f613d18e8c05bdc02d53db01
wolf_train dedb6fc10f379e28b275646d5a59539fabf878d46386e6c00c6c9ac0e39b8428
wolf_test a7570c89547ad7b4bf29847d6b5f29a0a4f9e5b0632237e643792c39bc4d7ed6
airplane_train 4fe54f940da2f1fbe4a73f493f2f69980f30a94fac1ec333ed17f16e00a9c9c9
airplane_test b788739ac4bd0af03c8af941620148036609c2a971f0629e8d90c0b233263234
automobile_train \
7589a2f8a766ee6c0a5640e695197706489de59d9830cf4e69593c346f24fd83
automobile_test \
06fc6fbbfb285a88082911877e1d972db8b2a2cfb69f742612306678c739c194
""".splitlines()
)


class PhotosUnavailable(RuntimeError):
    """Raised with one sentence: why there are no photographs, what to do."""


def load(class_name, split):
    """Return the photographs of a class: uint8 (count, 32, 32, 3), RGB.

    split: "train" (5000; of fox and wolf 500) or "test" (1000; 100)

    What the cache lacks or holds damaged is downloaded. The order is always
    the same: by each picture's sha256. Raises PhotosUnavailable.
    """
    if class_name not in CLASS_NAMES or split not in SPLITS:
        raise ValueError(
            f"There are no photographs {class_name!r}, {split!r}; choose from "
            f"{', '.join(CLASS_NAMES)} and from {', '.join(SPLITS)}."
        )
    member = f"{class_name}_{split}"
    pictures = _read(member)
    if pictures is None:
        download([class_name])
        pictures = _read(member)
    if pictures is None:
        raise PhotosUnavailable(
            f"The photographs in {paths.cache_directory()} are damaged as "
            "soon as they are written; set COURSE_CACHE to a folder on "
            "another disk, or go on with the drawings."
        )
    return pictures


def is_cached(class_names=None):
    """Return whether the cache holds these classes (or all), undamaged."""
    return all(
        _read(f"{name}_{split}") is not None
        for name in class_names or CLASS_NAMES
        for split in SPLITS
    )


def download(class_names=None, patience=PATIENCE_SECONDS):
    """Fetch what the cache lacks from the first mirror that is fast enough.

    class_names: the classes that are needed, or None for all
    patience: seconds that one archive may take, whatever its server does

    Processes that share a cache wait for the one that downloads, and are told
    if it fails. Raises PhotosUnavailable.
    """
    if is_cached(class_names):
        return
    old = _stamp(paths.cache_directory() / FAILURE_NAME)
    with _locked_cache(patience) as folder:
        failure = folder / FAILURE_NAME
        for collection in COLLECTIONS:
            needed = set(class_names or CLASS_NAMES) & set(collection.labels)
            if not needed or is_cached(needed):
                continue
            if _stamp(failure) not in (old, None):  # somebody's just now
                with failure.open(encoding="utf-8", errors="replace") as file:
                    raise PhotosUnavailable(
                        reasons.shorten(file.read(2000), 1000)
                    )
            try:
                pictures = _fetch(collection, patience)
            except PhotosUnavailable as error:
                _tell(failure, str(error))
                raise
            _save(folder, pictures)
        _tell(failure, "")


def _stamp(file):
    """Return what changes whenever a file is written; None without one."""
    with suppress(OSError):
        if file.is_file():
            return file.stat().st_ino, file.stat().st_mtime_ns
    return None


def _tell(failure, text):
    # In a shared folder, another user's note may be there to stay.
    with suppress(OSError):
        failure.unlink(missing_ok=True)
        if text:
            failure.write_text(text, "utf-8")


def install_pack(path):
    """Verify a file of photographs and add them to the cache.

    path: a cache's `photos.npz`, or an npz file with `x_train`, `y_train`,
        `x_test`, `y_test` and `class_names`, which the labels index

    Raises PhotosUnavailable when it is another file or a picture differs.
    """
    try:
        arrays = _read_pack(path)
        found = {
            f"{name}_{split}": arrays[f"x_{split}"][
                arrays[f"y_{split}"] == label
            ]
            for label, name in enumerate(arrays.get("class_names", ()))
            for split in SPLITS
        }
        found = {
            name: _verified(name, pictures)
            for name, pictures in (arrays | found).items()
            if name in DIGESTS
        }
        if not found:
            raise ValueError("it holds none of the course's classes")
    except Exception as error:  # a stranger's file fails in any way
        cause = "it is another kind of file"
        if isinstance(error, OSError | ValueError | MemoryError):
            cause = reasons.explain(error)
        raise PhotosUnavailable(
            f"{reasons.printable(path)} cannot be installed ({cause}); name a "
            f"file {FILE_NAME} from the cache of a computer that has one."
        ) from error
    with _locked_cache() as folder:
        _save(folder, found)


def _read_pack(path):
    if not zipfile.is_zipfile(path):
        with open(path, "rb"):  # which says why, if it cannot be read
            raise ValueError("it is not an npz file")
    with np.load(path) as pack:
        size = sum(entry.file_size for entry in pack.zip.infolist())
        if size > LARGEST_BYTES:
            raise ValueError("it unpacks to more than there should be")
        try:
            return {name: pack[name] for name in pack.files}
        except ValueError:  # objects, which could run any program
            raise ValueError("it holds more than numbers") from None


def content_digest(pictures):
    """Return sha256 over the sorted sha256 digests of the pictures."""
    return sha256(b"".join(sorted(_digests(pictures)))).hexdigest()


def _digests(pictures):
    return [sha256(picture.tobytes()).digest() for picture in pictures]


def _verified(member, pictures):
    """Return the pictures sorted by digest, or raise ValueError."""
    if pictures.dtype == np.uint8 and pictures.shape[1:] == (32, 32, 3):
        digests = _digests(pictures)
        if sha256(b"".join(sorted(digests))).hexdigest() == DIGESTS[member]:
            return pictures[np.argsort(digests)]
    raise ValueError(f"its {member} pictures are not the published ones")


def _read(member):
    """Return the cache's pictures of a class and split, or None."""
    for folder in _folders():
        file = folder / FILE_NAME
        # Whatever is wrong with a damaged file, it will be fetched again.
        with suppress(Exception):
            if not file.is_file():  # a pipe would be waited for
                continue
            with np.load(file) as archive:
                size = archive.zip.getinfo(f"{member}.npy").file_size
                if size <= LARGEST_MEMBER:
                    return _verified(member, archive[member])
    return None


def _folders():
    shared = os.environ.get("COURSE_CACHE")
    if shared:  # a teacher's folder serves even if it cannot be written
        yield Path(os.path.expanduser(shared))
    yield paths.cache_directory()


def _save(folder, pictures):
    """Add pictures to the cache file; the lock must be held."""
    for leftover in folder.glob(".photos-*.npz"):
        leftover.unlink()  # of a process that was killed here
    kept = {name: _read(name) for name in DIGESTS if name not in pictures}
    kept = {name: held for name, held in kept.items() if held is not None}
    paths.write_atomically(
        folder / FILE_NAME,
        lambda temporary: np.savez(temporary, **kept, **pictures),
    )


@contextmanager
def _locked_cache(patience=PATIENCE_SECONDS):
    """Hold the cache alone; the lock ends with the process that holds it."""
    folder = paths.cache_directory()
    lock = FileLock(folder / ".photos.lock", mode=0o666)
    # The holder may try each archive of each collection, then write.
    archives = sum(len(each.mirrors) for each in COLLECTIONS)
    longest = (archives + 1) * patience
    try:
        try:
            lock.acquire(timeout=min(1, longest))
        except Timeout:
            tell(
                "Another process is downloading the photographs: waiting "
                "for it."
            )
            _wait_for(lock, longest)
        except NotImplementedError:
            pass  # a file system without locks; files still come whole
        try:
            yield folder
        finally:
            lock.release()
    except OSError as error:
        raise PhotosUnavailable(
            f"The photographs cannot be written to {folder} "
            f"({reasons.explain(error)}); set COURSE_CACHE to another folder, "
            "or go on with the drawings."
        ) from error


def _wait_for(lock, seconds):
    try:
        lock.acquire(timeout=seconds)
    except Timeout:
        raise PhotosUnavailable(
            "Another process has held the photographs for more than "
            f"{seconds / 60:.0f} minutes: end it (it may be a stopped "
            "kernel), set COURSE_CACHE to another folder, or go on with the "
            "drawings."
        ) from None


def _fetch(collection, patience):
    """Return the collection's verified pictures from the first fast mirror."""
    complaints = defaultdict(list)
    for mirror in collection.mirrors:
        try:
            return _fetch_from(mirror, collection, patience)
        except Exception as error:  # a stranger's archive fails in any way
            cause = reasons.explain(error)
            complaints[cause].append(mirror.host)
            print(f"{mirror.host}: {cause}.")
    causes = [f"{', '.join(h)}: {why}" for why, h in complaints.items()]
    if len(complaints) == 1:
        causes = list(complaints)
    raise PhotosUnavailable(
        f"No mirror delivered the photographs of {collection.name} "
        f"({'; '.join(causes)}); continue with the drawings, or, if you have "
        "internet and time, run `python -m course_utils.data.photos --minutes "
        "60`."
    )


def _fetch_from(mirror, collection, patience):
    found = defaultdict(list)
    with tqdm(
        desc=f"{collection.name} from {mirror.host}",
        total=mirror.megabytes * 1_000_000,
        unit="B",
        unit_scale=True,
        leave=False,
    ) as bar:
        content = _get(mirror.address, bar, patience)
    for name, pictures in mirror.read(content, collection.labels):
        found[name].append(pictures)
    absent = np.empty((0, 32, 32, 3), np.uint8)
    return {
        name: _verified(name, np.concatenate([absent, *found[name]]))
        for name in collection.members
    }


def _get(address, bar, patience):
    """Return the archive of an address within `patience` seconds, or raise.

    A server can keep any call waiting forever by sending a byte now and then.
    So a separate thread waits, and is left behind when the time is up.
    """
    import pooch

    fetch = pooch.HTTPDownloader(
        chunk_size=1 << 16,
        timeout=STALL_SECONDS,
        headers={"User-Agent": "training-vs-transfer"},
        allow_redirects=False,  # the mirrors need none, and each may drip
    )
    content, outcome = _Archive(bar, patience), queue.SimpleQueue()

    def receive():
        try:
            outcome.put(fetch(address, content, None))
        except BaseException as error:
            outcome.put(error)

    threading.Thread(target=receive, daemon=True).start()
    try:
        error = outcome.get(timeout=patience)
    except queue.Empty:
        raise TimeoutError(
            f"it had not arrived after {patience:.0f} seconds"
        ) from None
    finally:
        content.stopped = True  # a thread that is left behind ends here
    if error is not None:
        raise error
    head = content.getvalue()[:100].lstrip()
    if head.startswith(b"<"):
        raise ValueError("a web page arrived instead (is there a proxy?)")
    if not head:
        raise ValueError("nothing arrived")
    content.seek(0)
    return content


class _Archive(io.BytesIO):
    """The part of a download so far; it refuses too much and too slow."""

    def __init__(self, bar, patience):
        super().__init__()
        self.bar, self.stopped = bar, False
        self.ends = time.monotonic() + patience
        self.since, self.received = time.monotonic(), 0

    def write(self, chunk):
        """Add a chunk, or raise if the rest would arrive too late."""
        if self.stopped:
            raise TimeoutError("nobody is waiting for this any more")
        self.bar.update(super().write(chunk))
        if self.tell() > LARGEST_BYTES:
            raise ValueError("more arrived than there should be")
        now = time.monotonic()
        if now - self.since >= MEASURE_SECONDS:
            rate = (self.tell() - self.received) / (now - self.since)
            left = max(self.bar.total - self.bar.n, 0) / rate
            if now + left > self.ends:
                raise TimeoutError(
                    f"too slow, {rate / 1000:.0f} kB/s for {left / 60:.0f} "
                    "minutes"
                )
            self.since, self.received = now, self.tell()


def main(arguments=None):
    """Download the photographs, or install a file that holds them."""
    parser = argparse.ArgumentParser(
        prog="python -m course_utils.data.photos", description=main.__doc__
    )
    parser.add_argument("file", nargs="?", help="an npz file that you have")
    parser.add_argument(
        "--minutes",
        type=float,
        default=PATIENCE_SECONDS / 60,
        help="time limit for one archive (default: %(default).0f)",
    )
    options = parser.parse_args(arguments)
    if not 0 < options.minutes <= MOST_MINUTES:
        parser.error(f"--minutes must be a number from 0 to {MOST_MINUTES}")
    try:
        if options.file:
            install_pack(options.file)
        else:
            download(patience=60 * options.minutes)
    except PhotosUnavailable as error:
        print(error)
        return 1
    print(f"The photographs are in {paths.cache_directory() / FILE_NAME}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
