"""Dogs and foxes for measuring: every fox of the photographs is tested once.

There are 600 photographs of foxes. Six folds hold 100 of them each; the
heads of a fold learn from the other 500. Fold 0 is the usual split. The
drawings have one fold, because more foxes to test on can be painted.
"""

import numpy as np

from course_utils.data.pictures import load_pair

PAIR = ("dog", "fox")
POOL = 500  # training pictures of each animal


class Folds:
    """Hold the pictures of all folds, and which are drawn and tested.

    x, y: all pictures and labels, the usual training part first
    judges: places in x of all test pictures of any fold; labels: theirs
    asked: (folds, judges), whether a fold tests a picture
    """

    def __init__(self, source):
        self.pair = load_pair(*PAIR, source=source, validation=0)
        self.x = np.concatenate([self.pair.x_train, self.pair.x_test])
        self.y = np.concatenate([self.pair.y_train, self.pair.y_test])
        pool = len(self.pair.y_train)
        foxes = np.flatnonzero(self.pair.y_train == 1)
        tested = pool + np.flatnonzero(self.pair.y_test == 1)
        dogs = pool + np.flatnonzero(self.pair.y_test == 0)
        self.count = 1 if source == "drawings" else 6
        blocks = [tested]
        self.trains = [np.arange(pool)]
        if self.count > 1:
            blocks += np.split(foxes, self.count - 1)
        for block in blocks[1:]:
            train = np.arange(pool)
            train[block] = tested
            self.trains.append(train)
        self.judges = np.concatenate([dogs, *blocks])
        self.labels = self.y[self.judges]
        self.asked = np.stack(
            [np.isin(self.judges, [*dogs, *block]) for block in blocks]
        )

    def train(self, count, draw):
        """Return places in x of the training pictures of a draw.

        In fold 0 they are those of `Pictures.few` with the same seed.
        """
        chosen = self.pair.few_indices(count, draw)
        return self.trains[draw % self.count][chosen]

    def accuracy(self, right, draw):
        """Return the balanced accuracy of one draw's answers, (judges,)."""
        asked = self.asked[draw % self.count]
        return np.mean(
            [right[asked & (self.labels == y)].mean() for y in (0, 1)]
        )

    def held_out(self, count, held=100):
        """Return places of the first draw, and of others for a check.

        Both are of the usual training part: at most all but `held` of each
        animal are drawn.
        """
        chosen = self.train(min(count, POOL - held), 0)
        rest = np.setdiff1d(self.trains[0], chosen)
        return chosen, rest[:: max(1, len(rest) // 400)]
