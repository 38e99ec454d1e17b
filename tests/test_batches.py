import numpy as np
import pytest

from course_utils.data.pictures import batches


def test_batches_cover_all_rows_in_order():
    x, y = np.arange(10).reshape(5, 2), [0, 1, 0, 1, 1]
    parts = list(batches(2, x, y))
    assert [len(labels) for _, labels in parts] == [2, 2, 1]
    np.testing.assert_array_equal(np.concatenate([p for p, _ in parts]), x)
    assert [label for _, labels in parts for label in labels] == y


@pytest.mark.parametrize("size", [0, -1, 6])
def test_a_batch_that_does_not_fit(size):
    with pytest.raises(ValueError, match="from 1 to 5"):
        next(batches(size, np.ones((5, 2))))


def test_arrays_of_different_length():
    with pytest.raises(ValueError, match="differ"):
        next(batches(2, [1, 2, 3], [1, 2]))
