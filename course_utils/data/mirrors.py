"""Where CIFAR's photographs can be had, and how each archive is read.

`photos` tries the mirrors in this order and verifies what they give. Every
reader takes a file, its address and the labels of the classes that are
wanted, and yields pairs: "fox_train", pictures uint8 (count, 32, 32, 3).
"""

import io
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import numpy as np

SPLITS = ("train", "test")


LARGEST_BYTES = 250_000_000  # of a download, and of a file within it


def read_parquet(content, address, labels):
    """Read a table whose columns hold PNG files and labels; one split each."""
    import pyarrow.parquet

    table = pyarrow.parquet.ParquetFile(content)
    column = "label" if "label" in table.schema_arrow.names else "fine_label"
    split = PurePosixPath(address).name.partition("-")[0]
    names = {label: name for name, label in labels.items()}
    for batch in table.iter_batches(1000, columns=["img", column]):
        files = batch["img"].field("bytes")
        for row, label in enumerate(batch[column].to_pylist()):
            if label in names:
                yield f"{names[label]}_{split}", _decode(files[row].as_py())


def read_folders(content, address, labels):
    """Read an archive of PNG files such as train/medium_mammals/fox/1.png."""
    for parts, file in _archived(content):
        if parts[-1].endswith(".png") and parts[-2] in labels:
            split = "test" if "test" in parts else "train"
            yield f"{parts[-2]}_{split}", _decode(file.read())


def read_binary(content, address, labels):
    """Read CIFAR's binary archive: no pickle, which could run any program.

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
    """Yield path parts and an open file; nothing is unpacked to the disk."""
    with tarfile.open(fileobj=content) as archive:
        for entry in archive:
            if entry.isfile() and entry.size <= LARGEST_BYTES:
                parts = PurePosixPath("/", entry.name).parts
                yield parts, archive.extractfile(entry)


def _decode(png):
    from PIL import Image

    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        if image.size != (32, 32):
            raise ValueError("a picture in it is not 32 pixels wide")
        return np.asarray(image.convert("RGB"))[np.newaxis]


@dataclass(frozen=True)
class Mirror:
    """Name the addresses of one collection, their size and their reader."""

    addresses: tuple[str, ...]
    megabytes: int
    read: Callable
    needs: str = ""  # a package that the reader imports

    @property
    def host(self):
        """Return the computer that the addresses share."""
        return urlsplit(self.addresses[0]).netloc


@dataclass(frozen=True)
class Collection:
    """Hold the labels of the course's classes in one published collection."""

    name: str
    labels: dict[str, int]
    mirrors: tuple[Mirror, ...]

    @property
    def members(self):
        """Return the names of its arrays: each class and split."""
        return [f"{name}_{split}" for name in self.labels for split in SPLITS]


def _tables(folder):
    hub = f"https://huggingface.co/datasets/uoft-cs/{folder}"
    return tuple(f"{hub}/{split}-00000-of-00001.parquet" for split in SPLITS)


FAST_AI = "https://s3.amazonaws.com/fast-ai-imageclas"
MXNET = (
    "https://apache-mxnet.s3-accelerate.dualstack.amazonaws.com/gluon/dataset"
)


TORONTO = "https://www.cs.toronto.edu/~kriz"  # the source; slow since 2026


CIFAR10_TABLES = _tables("cifar10/resolve/main/plain_text")


CIFAR100_TABLES = _tables("cifar100/resolve/main/cifar100")


CIFAR10_BINARY = "cifar-10-binary.tar.gz"


CIFAR100_BINARY = "cifar-100-binary.tar.gz"


COLLECTIONS = (
    Collection(
        "CIFAR-10",
        {"cat": 3, "dog": 5, "airplane": 0, "automobile": 1},
        (
            Mirror(CIFAR10_TABLES, 144, read_parquet, needs="pyarrow"),
            Mirror((f"{FAST_AI}/cifar10.tgz",), 135, read_folders),
            Mirror((f"{MXNET}/cifar10/{CIFAR10_BINARY}",), 170, read_binary),
            Mirror((f"{TORONTO}/{CIFAR10_BINARY}",), 170, read_binary),
        ),
    ),
    Collection(
        "CIFAR-100",
        {"fox": 34, "wolf": 97},
        (
            Mirror(CIFAR100_TABLES, 143, read_parquet, needs="pyarrow"),
            Mirror((f"{FAST_AI}/cifar100.tgz",), 169, read_folders),
            Mirror((f"{MXNET}/cifar100/{CIFAR100_BINARY}",), 169, read_binary),
            Mirror((f"{TORONTO}/{CIFAR100_BINARY}",), 169, read_binary),
        ),
    ),
)
