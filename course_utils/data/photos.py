"""Real photographs of 32 pixels: CIFAR's cats, dogs, foxes and vehicles.

One file in the cache holds them, and every picture in it is verified:

    python -m course_utils.data.photos             download what is missing
    python -m course_utils.data.photos photos.npz  install a file you have

That file may come from another computer's cache, for a class offline.
"""

import argparse
import importlib.util
import io
import os
import socket
import ssl
import sys
import time
import urllib.request
from collections import defaultdict
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from pathlib import Path

import certifi
import numpy as np
from filelock import FileLock, Timeout
from tqdm import tqdm

from course_utils.data.mirrors import COLLECTIONS, LARGEST_BYTES, SPLITS
from course_utils.machine import paths

CLASS_NAMES = tuple(name for each in COLLECTIONS for name in each.labels)


FILE_NAME = "photos.npz"
MEASURE_SECONDS = 5  # over which the speed of a download is taken
PATIENCE_SECONDS = 120  # what would take longer is left for the next mirror
STALL_SECONDS = 10  # after which a silent server is given up


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
    """Tell in one sentence why there are no photographs and what to do."""


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
    """Tell whether the cache holds these classes (or all), undamaged."""
    return all(
        _read(f"{name}_{split}") is not None
        for name in class_names or CLASS_NAMES
        for split in SPLITS
    )


def download(class_names=None, patience=PATIENCE_SECONDS):
    """Fetch what the cache lacks from the first mirror that is fast enough.

    class_names: the classes that are needed, or None for all
    patience: seconds that the rest of an archive may take at any time

    Processes that share a cache wait for the one that downloads, and hear
    of its failure. Raises PhotosUnavailable.
    """
    if is_cached(class_names):
        return
    arrived = time.time()
    with _locked_cache() as folder:
        failure = folder / ".photos-failure.txt"
        for collection in COLLECTIONS:
            needed = set(class_names or CLASS_NAMES) & set(collection.labels)
            if not needed or is_cached(needed):
                continue
            if failure.exists() and failure.stat().st_mtime > arrived:
                raise PhotosUnavailable(failure.read_text("utf-8"))
            try:
                pictures = _fetch(collection, patience)
            except PhotosUnavailable as error:
                failure.write_text(str(error), "utf-8")
                raise
            _save(folder, pictures)
        failure.unlink(missing_ok=True)


def install_pack(path):
    """Verify a file of photographs and add them to the cache.

    path: a cache's `photos.npz`, or an npz file with `x_train`, `y_train`,
        `x_test`, `y_test` and `class_names`, which the labels index

    Raises PhotosUnavailable when it is another file or a picture differs.
    """
    try:
        with np.load(path) as pack:
            arrays = {name: pack[name] for name in pack.files}
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
    except Exception as error:
        raise PhotosUnavailable(
            f"{path} cannot be installed ({_explain(error)}); name a file "
            f"{FILE_NAME} from the cache of a computer that has one."
        ) from error
    with _locked_cache() as folder:
        _save(folder, found)


def content_digest(pictures):
    """Return sha256 over the sorted sha256 digests of the pictures."""
    return sha256(b"".join(sorted(_digests(pictures)))).hexdigest()


def _digests(pictures):
    return [sha256(picture.tobytes()).digest() for picture in pictures]


def _verified(member, pictures):
    """Return the pictures sorted by digest, or raise ValueError."""
    right = pictures.dtype == np.uint8 and pictures.shape[1:] == (32, 32, 3)
    if not right or content_digest(pictures) != DIGESTS[member]:
        raise ValueError(f"its {member} pictures are not the published ones")
    return pictures[np.argsort(_digests(pictures))]


def _read(member):
    """Return the cache's pictures of a class and split, or None."""
    for folder in _folders():
        # Whatever is wrong with a damaged file, it will be fetched again.
        with suppress(Exception), np.load(folder / FILE_NAME) as archive:
            pictures = archive[member]
            if content_digest(pictures) == DIGESTS[member]:
                return pictures
    return None


def _folders():
    shared = os.environ.get("COURSE_CACHE")
    if shared:  # a teacher's folder serves even if it cannot be written
        yield Path(shared).expanduser()
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
def _locked_cache():
    """Hold the cache alone; the lock ends with the process that holds it."""
    folder = paths.cache_directory()
    lock = FileLock(folder / ".photos.lock", mode=0o666)
    try:
        try:
            lock.acquire(timeout=1)
        except Timeout:
            print("Another process fetches the photographs: waiting for it.")
            lock.acquire()
        except NotImplementedError:
            pass  # a file system without locks; files still come whole
        try:
            yield folder
        finally:
            lock.release()
    except OSError as error:
        raise PhotosUnavailable(
            f"The photographs cannot be written to {folder} "
            f"({error.strerror or error}); make room there or set "
            "COURSE_CACHE to another folder, or go on with the drawings."
        ) from error


def _fetch(collection, patience):
    """Return the collection's verified pictures from the first fast mirror."""
    complaints = defaultdict(list)
    for mirror in collection.mirrors:
        try:
            return _fetch_from(mirror, collection, patience)
        except Exception as error:  # a stranger's archive fails in any way
            complaints[_explain(error)].append(mirror.host)
            print(f"{mirror.host}: {_explain(error)}.")
    reasons = [f"{', '.join(h)}: {why}" for why, h in complaints.items()]
    if len(complaints) == 1:
        reasons = list(complaints)
    raise PhotosUnavailable(
        f"No mirror gave the photographs of {collection.name} "
        f"({'; '.join(reasons)}); go on with the drawings, or where there is "
        "internet and time run "
        "`python -m course_utils.data.photos --minutes 60`."
    )


def _fetch_from(mirror, collection, patience):
    if mirror.needs and not importlib.util.find_spec(mirror.needs):
        raise ModuleNotFoundError(f"{mirror.needs} is not installed")
    found = defaultdict(list)
    with tqdm(
        desc=f"{collection.name} from {mirror.host}",
        total=mirror.megabytes * 1_000_000,
        unit="B",
        unit_scale=True,
        leave=False,
    ) as bar:
        for address in mirror.addresses:
            content = _get(address, bar, patience)
            for name, pictures in mirror.read(
                content, address, collection.labels
            ):
                found[name].append(pictures)
    absent = np.empty((0, 32, 32, 3), np.uint8)
    return {
        name: _verified(name, np.concatenate([absent, *found[name]]))
        for name in collection.members
    }


def _get(address, bar, patience):
    """Return what the address holds, or raise once it proves too slow."""
    request = urllib.request.Request(
        address, headers={"User-Agent": "training-vs-transfer"}
    )
    content = io.BytesIO()
    since, received = time.monotonic(), 0
    with urllib.request.urlopen(
        request, timeout=STALL_SECONDS, context=_certificates()
    ) as response:
        if response.headers.get_content_type() == "text/html":
            raise ValueError("a web page came instead (is there a proxy?)")
        length = int(response.headers.get("Content-Length") or 0)
        while chunk := response.read1(1 << 16):
            bar.update(content.write(chunk))
            if content.tell() > LARGEST_BYTES:
                raise ValueError("more came than there should be")
            seconds = time.monotonic() - since
            if seconds < MEASURE_SECONDS:
                continue
            rate = (content.tell() - received) / seconds
            more = max(bar.total - bar.n, length - content.tell())
            left = more / rate
            if left > patience:
                raise TimeoutError(
                    f"too slow, {rate / 1000:.0f} kB/s for {left / 60:.0f} "
                    "minutes"
                )
            since, received = time.monotonic(), content.tell()
    if length and content.tell() != length:
        raise ValueError(f"only {content.tell()} of {length} bytes came")
    content.seek(0)
    return content


@cache
def _certificates():
    """Trust the system and certifi: Python on macOS lacks the first."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _explain(error):
    reason = getattr(error, "reason", error)
    if isinstance(reason, socket.gaierror):
        return "there is no such host or no internet"
    return " ".join(str(reason).split())[:100] or type(error).__name__


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
        help="how long one archive may take (default: %(default).0f)",
    )
    options = parser.parse_args(arguments)
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
