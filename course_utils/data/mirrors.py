"""Where CIFAR's photographs are available, and how each archive is read.

`photos` tries the mirrors in this order and verifies what they give. Every
reader takes a file and the labels of the classes that are wanted, and yields
pairs: "fox_train", pictures uint8 (count, 32, 32, 3).
"""

import gzip
import io
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import numpy as np

SPLITS = ("train", "test")
LARGEST_BYTES = 250_000_000  # of a download
LARGEST_UNPACKED = 400_000_000  # of an archive: all of its files together
MOST_ENTRIES = 130_000  # the collections have 60,000 pictures
TOO_MUCH = "it unpacks to more than there should be"


def read_folders(content, labels):
    """Read an archive of PNG files such as train/medium_mammals/fox/1.png."""
    for parts, file in _archived(content):
        if parts[-1].endswith(".png") and parts[-2] in labels:
            split = "test" if "test" in parts else "train"
            yield f"{parts[-2]}_{split}", _decode(file.read())


def read_binary(content, labels):
    """Read CIFAR's binary archive, not a pickle, which could run any program.

    A record is a label byte (in CIFAR-100 a coarse one before it), then 1024
    red, 1024 green and 1024 blue bytes, row by row.
    """
    for parts, file in _archived(content):
        if not parts[-1].endswith(".bin") or parts[-1].startswith("._"):
            continue
        split = "test" if parts[-1].startswith("test") else "train"
        width = 3074 if parts[-2] == "cifar-100-binary" else 3073
        records = np.frombuffer(file.read(), np.uint8).reshape(-1, width)
        pictures = records[:, -3072:].reshape(-1, 3, 32, 32)
        for name, label in labels.items():
            chosen = pictures[records[:, -3073] == label]
            yield f"{name}_{split}", chosen.transpose(0, 2, 3, 1)


def _archived(content):
    """Yield path parts and an open file; nothing is unpacked to the disk.

    Raises ValueError once the archive unpacks to more than there should be.
    """
    with (
        gzip.open(content) as unpacked,
        tarfile.open(fileobj=_Bounded(unpacked), mode="r|") as archive,
    ):
        claimed = 0  # a sparse file holds more than the stream
        for number, entry in enumerate(archive):
            claimed += entry.size
            if number > MOST_ENTRIES or claimed > LARGEST_UNPACKED:
                raise ValueError(TOO_MUCH)
            if entry.isfile():
                parts = PurePosixPath("/", entry.name).parts
                yield parts, archive.extractfile(entry)


class _Bounded:
    """Read a stream up to a number of bytes, skipped ones included."""

    def __init__(self, stream):
        self.stream = stream
        self.left = LARGEST_UNPACKED

    def read(self, size):
        """Return the next bytes, or raise ValueError beyond the bound."""
        chunk = self.stream.read(size)
        self.left -= len(chunk)
        if self.left < 0:
            raise ValueError(TOO_MUCH)
        return chunk


def _decode(png):
    from PIL import Image

    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        if image.size != (32, 32):
            raise ValueError("a picture in it is not 32 pixels wide")
        return np.asarray(image.convert("RGB"))[np.newaxis]


@dataclass(frozen=True)
class Mirror:
    """The address of one collection, its size and its reader."""

    address: str
    megabytes: int
    read: Callable

    @property
    def host(self):
        """Return the computer that the address names."""
        return urlsplit(self.address).netloc


@dataclass(frozen=True)
class Collection:
    """The labels of the course's classes in one published collection."""

    name: str
    labels: dict[str, int]
    mirrors: tuple[Mirror, ...]

    @property
    def members(self):
        """Return the names of its arrays: each class and split."""
        return [f"{name}_{split}" for name in self.labels for split in SPLITS]


FAST_AI = "https://s3.amazonaws.com/fast-ai-imageclas"

MXNET = (
    "https://apache-mxnet.s3-accelerate.dualstack.amazonaws.com/gluon/dataset"
)

CIFAR10_BINARY = "cifar-10-binary.tar.gz"
CIFAR100_BINARY = "cifar-100-binary.tar.gz"

COLLECTIONS = (
    Collection(
        "CIFAR-10",
        {"cat": 3, "dog": 5, "airplane": 0, "automobile": 1},
        (
            Mirror(f"{FAST_AI}/cifar10.tgz", 135, read_folders),
            Mirror(f"{MXNET}/cifar10/{CIFAR10_BINARY}", 170, read_binary),
        ),
    ),
    Collection(
        "CIFAR-100",
        {"fox": 34, "wolf": 97},
        (
            Mirror(f"{FAST_AI}/cifar100.tgz", 169, read_folders),
            Mirror(f"{MXNET}/cifar100/{CIFAR100_BINARY}", 169, read_binary),
        ),
    ),
)
