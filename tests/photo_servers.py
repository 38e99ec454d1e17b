"""Small CIFAR archives in every mirror's format, and a server for them.

Run as a program it is one student's process:

    python tests/photo_servers.py ADDRESS FORMATS [hang | bound]

loads every class through `course_utils.data.photos` and exits with 0 when all
pictures are right; `hang` stops it while it writes the cache file, `bound`
holds the superuser, too, to the permissions of files.
"""

import ctypes
import hashlib
import io
import os
import sys
import tarfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from PIL import Image

from course_utils.data import mirrors, photos

LABELS = {each.name: each.labels for each in mirrors.COLLECTIONS}
FOREIGN = {"CIFAR-10": ("bird", 2), "CIFAR-100": ("worm", 99)}
COUNTS = {"train": 6, "test": 3}
FORMATS = ("folders", "binary")


def pack_path():
    """Return the file of real photographs, or None where there is none."""
    beside = Path(__file__).parents[2] / "shared/photos/cifar_animals.npz"
    path = Path(os.environ.get("COURSE_PHOTOS_PACK") or beside)
    return path if path.is_file() else None


def small_pictures():
    """Return {"cat_train": uint8 (6, 32, 32, 3), ...}: the same every time."""
    generator = np.random.default_rng(0)
    return {
        f"{name}_{split}": generator.integers(
            0, 256, (count, 32, 32, 3), dtype=np.uint8
        )
        for labels in LABELS.values()
        for name in labels
        for split, count in COUNTS.items()
    }


def digest(pictures):
    """Compute the digest of a class as the data's own page defines it."""
    each = sorted(hashlib.sha256(row.tobytes()).digest() for row in pictures)
    return hashlib.sha256(b"".join(each)).hexdigest()


def digests(pictures):
    return {name: digest(array) for name, array in pictures.items()}


# Archives: (collection, pictures) -> {file name: bytes} ---------------------


def _rows(collection, pictures, split):
    """Yield (class name, label, picture), classes mixed, one class foreign."""
    labels = LABELS[collection]
    groups = [
        [(name, label, picture) for picture in pictures[f"{name}_{split}"]]
        for name, label in labels.items()
    ]
    name, label = FOREIGN[collection]
    groups.append([(name, label, 255 - row[2]) for row in groups[0]])
    for rows in zip(*groups, strict=True):
        yield from rows


def _png(picture):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def _tar(files):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz", compresslevel=1) as tar:
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


def folders(collection, pictures):
    root, above = "cifar10", ""
    if collection == "CIFAR-100":
        root, above = "cifar100", "medium_mammals/"
    files = [
        # A name that starts with the other split's must not mislead.
        (f"{root}/{split}/{above}{name}/test_{index}.png", _png(picture))
        for split in COUNTS
        for index, (name, _, picture) in enumerate(
            _rows(collection, pictures, split)
        )
    ]
    return {f"{root}.tgz": _tar([(f"{root}/labels.txt", b"cat\n"), *files])}


def binary(collection, pictures):
    folder, parts, head = {
        "CIFAR-10": ("cifar-10-batches-bin", 2, []),
        "CIFAR-100": ("cifar-100-binary", 1, [7]),
    }[collection]
    files = [(f"{folder}/batches.meta.txt", b"airplane\n")]
    for split in COUNTS:
        records = [
            bytes([*head, label]) + picture.transpose(2, 0, 1).tobytes()
            for _, label, picture in _rows(collection, pictures, split)
        ]
        number = parts if split == "train" else 1
        for part in range(number):
            name = f"{split}.bin"
            if collection == "CIFAR-10":
                batch = f"data_batch_{part + 1}.bin"
                name = batch if split == "train" else "test_batch.bin"
            files.append((f"{folder}/{name}", b"".join(records[part::number])))
            # What macOS leaves in archives that are made there.
            files.append((f"{folder}/._{name}", b"Mac OS X"))
    archive = "cifar-10-binary" if parts == 2 else "cifar-100-binary"
    return {f"{archive}.tar.gz": _tar(files)}


def archives(pictures, formats=FORMATS):
    """Return {"/folders/CIFAR-10/cifar10.tgz": bytes, ...} for a server."""
    return {
        f"/{form}/{collection}/{name}": content
        for form in formats
        for collection in LABELS
        for name, content in globals()[form](collection, pictures).items()
    }


def collections(address, formats=FORMATS, megabytes=()):
    """Return the course's collections with mirrors at this server.

    megabytes: what a format claims to weigh, where that is not 1 MB
    """
    names = {
        "folders": {"CIFAR-10": "cifar10.tgz", "CIFAR-100": "cifar100.tgz"},
        "binary": {
            "CIFAR-10": "cifar-10-binary.tar.gz",
            "CIFAR-100": "cifar-100-binary.tar.gz",
        },
    }
    return tuple(
        mirrors.Collection(
            each.name,
            each.labels,
            tuple(
                mirrors.Mirror(
                    f"{address}/{form}/{each.name}/{names[form][each.name]}",
                    dict(megabytes).get(form, 1),
                    getattr(mirrors, f"read_{form}"),
                )
                for form in formats
            ),
        )
        for each in mirrors.COLLECTIONS
    )


# The server ---------------------------------------------------------------


@dataclass
class Answer:
    """How the server answers an address."""

    body: bytes
    status: int = 200
    kind: str = "application/octet-stream"
    length: int | None = None  # what Content-Length claims, if it lies
    rate: float | None = None  # bytes a second, after the first `at_once`
    at_once: int = 0
    wait: float = 0  # seconds of silence before anything
    drip: bytes = b""  # after the raw body, sent 50 times a second for ever


class Server:
    """Serve answers by path on the loopback address, and count requests."""

    def __init__(self, bodies):
        self.answers = {
            path: body if isinstance(body, Answer) else Answer(body)
            for path, body in bodies.items()
        }
        self.requests = Counter()
        self.halfway = threading.Event()
        self.closing = threading.Event()

    def __enter__(self):
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.requests[self.path] += 1
                server.answer(self)

            def log_message(self, *arguments):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(
            target=self.http.serve_forever, args=[0.02], daemon=True
        ).start()
        return self

    def __exit__(self, *problem):
        self.closing.set()
        self.http.shutdown()
        self.http.server_close()

    def answer(self, handler):
        answer = self.answers.get(handler.path, Answer(b"", status=404))
        self.closing.wait(answer.wait)
        try:
            if answer.drip:
                handler.wfile.write(answer.body)
                while not self.closing.wait(0.02):
                    handler.wfile.write(answer.drip)
                return
            handler.send_response(answer.status)
            handler.send_header("Content-Type", answer.kind)
            length = len(answer.body)
            if answer.length is not None:
                length = answer.length
            handler.send_header("Content-Length", str(length))
            handler.end_headers()
            rest = answer.body
            if answer.rate:
                handler.wfile.write(rest[: answer.at_once])
                rest = rest[answer.at_once :]
                step = max(1, int(answer.rate / 50))
                for start in range(0, len(rest), step):
                    handler.wfile.write(rest[start : start + step])
                    self.halfway.set()
                    if self.closing.wait(step / answer.rate):
                        return
            else:
                handler.wfile.write(rest)
        except OSError:
            pass  # the reader has gone


def _student(address, formats, special=""):
    pictures = small_pictures()
    photos.COLLECTIONS = collections(address, formats.split(","))
    photos.DIGESTS = digests(pictures)
    if special == "bound" and os.geteuid() == 0:
        # PR_CAPBSET_DROP, CAP_DAC_OVERRIDE: permissions bind after exec.
        assert ctypes.CDLL(None).prctl(24, 1, 0, 0, 0) == 0
        os.execv(sys.executable, [sys.executable, *sys.argv[:-1]])
    if special == "hang":
        photos.np.savez = _write_half
    for name, expected in photos.DIGESTS.items():
        assert digest(photos.load(*name.split("_"))) == expected
    assert photos.is_cached()


def _write_half(file, **arrays):
    Path(file).write_bytes(b"PK\3\4 half a file")
    print("writing", flush=True)
    time.sleep(600)


if __name__ == "__main__":
    _student(*sys.argv[1:])
