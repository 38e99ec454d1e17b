"""Make each picture look new in every epoch: random flips and shifts."""

import numpy as np

from course_utils import quiet

with quiet():
    import keras


class FlippedAndShifted(keras.utils.PyDataset):
    """Serve batches in a new order, flipped and shifted at random.

    x: uint8 pictures (count, height, width, 3); y: labels (count,)
    shift: the largest shift in pixels; what moves in is gray
    erase: side of a square, in pixels, that turns gray at a random place

    In NumPy, for Keras's own random layers took two fifths of the training
    time on a processor. Recipes: He et al. (2016), "Deep residual learning";
    DeVries and Taylor (2017), "Improved regularization of convolutional
    neural networks with cutout".
    """

    def __init__(self, x, y, batch_size=128, shift=4, erase=0, seed=0):
        super().__init__()
        self.sides = (0, 0), (shift, shift), (shift, shift), (0, 0)
        self.padded = np.pad(x, self.sides, constant_values=127)
        self.x, self.y, self.batch_size = x, y, batch_size
        self.shift, self.erase = shift, erase
        self.generator = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self):
        return -(-len(self.y) // self.batch_size)

    def __getitem__(self, index):
        start = index * self.batch_size
        chosen = self.order[start : start + self.batch_size]
        count, height, width = len(chosen), *self.x.shape[1:3]
        down, right = self.generator.integers(
            0, 2 * self.shift + 1, (2, count, 1, 1)
        )
        rows = down + np.arange(height)[:, None]
        columns = right + np.arange(width)
        flipped = self.generator.random((count, 1, 1)) < 0.5
        columns = np.where(flipped, columns[:, :, ::-1], columns)
        pictures = self.padded[chosen[:, None, None], rows, columns]
        if self.erase:
            self._erase(pictures)
        return pictures, self.y[chosen]

    def _erase(self, pictures):
        """Turn one square of each picture gray, in place."""
        places = [
            self.generator.integers(0, side, len(pictures))
            for side in pictures.shape[1:3]
        ]
        half = self.erase // 2
        for picture, row, column in zip(pictures, *places, strict=True):
            top, left = max(0, row - half), max(0, column - half)
            picture[top : row + half, left : column + half] = 127

    def on_epoch_end(self):
        """Mix the pictures anew."""
        self.order = self.generator.permutation(len(self.y))
