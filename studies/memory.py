"""Go on with a smaller batch when the memory does not hold a larger one."""

# By these names and words the frameworks and NumPy say it.
_NAMES = ("ResourceExhaustedError", "MemoryError", "OutOfMemoryError")


_WORDS = ("RESOURCE_EXHAUSTED", "out of memory", "OOM when allocating")


def halve_until_it_fits(train, batch, smallest=1):
    """Call `train(batch)`, with half the batch whenever memory runs out.

        history, batch = memory.halve_until_it_fits(
            lambda batch: network.fit(x, y, batch_size=batch), 1024
        )

    train: a function of the batch size; what it did to a network before the
        memory ran out stays done
    batch: the size to begin with; smallest: the least that is tried

    Returns what `train` returned, and the size that fitted. Raises
    MemoryError when the smallest does not fit; other errors pass.
    """
    while True:
        try:
            return train(batch), batch
        except Exception as error:
            if not is_exhausted(error):
                raise
            last = str(error)
        # Here the error is forgotten, and with it what its frames hold.
        half = batch // 2
        if half < smallest:
            raise MemoryError(
                f"Even a batch of {batch} does not fit into the memory: "
                "choose smaller pictures or a smaller network, or shut down "
                f"other kernels that hold the device. ({last[:100]})"
            )
        print(
            f"A batch of {batch} does not fit into the memory: going on with "
            f"{half}."
        )
        batch = half


def is_exhausted(error):
    """Say whether an exception tells that a device's memory ran out."""
    names = {kind.__name__ for kind in type(error).__mro__}
    text = str(error)
    return bool(names & set(_NAMES)) or any(word in text for word in _WORDS)
