"""Cut data into batches."""


def batches(size, *arrays):
    """Yield consecutive parts of equally long arrays, `size` rows each.

    size: rows of a batch, from 1 to the number of rows; the last batch is
        smaller where it does not divide them
    arrays: anything that can be sliced, lists too

    Raises ValueError for a size that does not fit or arrays that differ in
    length: a slice alone would return fewer rows and say nothing.
    """
    lengths = {len(array) for array in arrays}
    if len(lengths) != 1:
        raise ValueError(f"The arrays differ in length: {sorted(lengths)}.")
    rows = lengths.pop()
    if not 1 <= size <= rows:
        raise ValueError(
            f"A batch of {size} does not fit the data: there are {rows} "
            f"examples, so choose a size from 1 to {rows}."
        )
    for start in range(0, rows, size):
        yield tuple(array[start : start + size] for array in arrays)
