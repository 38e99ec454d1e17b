"""When memory runs out, the batch is halved; other errors pass."""

import gc
import weakref

import pytest

from studies import memory as memory_study


class ResourceExhaustedError(Exception):
    """Named as TensorFlow names it."""


class XlaRuntimeError(RuntimeError):
    """Named as JAX names it; what it means stands in its text."""


EXHAUSTED = [
    ResourceExhaustedError("{{function_node}} failed"),
    XlaRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 8 bytes"),
    MemoryError(),
    RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
]


def trainer(largest, error):
    """Return a training that fits up to a batch, and the sizes asked for."""
    asked = []

    def train(batch):
        asked.append(batch)
        if batch > largest:
            raise error
        return "history"

    return train, asked


@pytest.mark.parametrize("error", EXHAUSTED, ids=lambda e: type(e).__name__)
def test_the_batch_is_halved_said_and_training_goes_on(error, capsys):
    train, asked = trainer(100, error)
    assert memory_study.halve_until_it_fits(train, 512) == ("history", 64)
    assert asked == [512, 256, 128, 64]
    said = capsys.readouterr().out.splitlines()
    assert said[0].endswith("512 does not fit into the memory: going on with "
                            "256.")  # fmt: skip
    assert len(said) == 3


def test_what_fits_at_once_is_not_spoken_of(capsys):
    train, asked = trainer(100, MemoryError())
    assert memory_study.halve_until_it_fits(train, 100) == ("history", 100)
    assert asked == [100] and capsys.readouterr().out == ""


def test_what_never_fits_ends_in_a_sentence():
    train, asked = trainer(0, MemoryError("no room"))
    with pytest.raises(MemoryError, match=r"Even a batch of 8 .*no room"):
        memory_study.halve_until_it_fits(train, 32, smallest=8)
    assert asked == [32, 16, 8]


def test_other_errors_pass():
    for error in (ValueError("shapes"), RuntimeError("INTERNAL")):
        train, asked = trainer(0, error)
        with pytest.raises(type(error), match=str(error)):
            memory_study.halve_until_it_fits(train, 32)
        assert asked == [32]


def test_what_the_failed_attempt_held_is_let_go():
    class Tensor:
        pass

    held = []

    def train(batch):
        tensor = Tensor()
        if held:
            gc.collect()
            return held[0]()
        held.append(weakref.ref(tensor))
        raise MemoryError

    kept, _ = memory_study.halve_until_it_fits(train, 4)
    assert kept is None


def test_tensorflows_own_error_is_known():
    tf = pytest.importorskip("tensorflow")
    error = tf.errors.ResourceExhaustedError(None, None, "no room")
    assert memory_study.is_exhausted(error)
    assert not memory_study.is_exhausted(
        tf.errors.InternalError(None, None, "x")
    )
