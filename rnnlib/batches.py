"""A tensor of indices -> minibatches `(X, Y)`, where Y is X moved on by one token.

Both ways of cutting follow section 8.3 of *Dive into Deep Learning* (Zhang et al., 2023)
and draw from `rng` in the same order, so the same seed gives the same minibatches.
"""

import random
from typing import NamedTuple

from torch import Tensor


class Minibatch(NamedTuple):
    """Inputs and targets, each `(batch_size, num_steps)`."""

    X: Tensor
    Y: Tensor
    carries_state = False


class NextMinibatch(Minibatch):
    """One whose row i goes on where row i of the minibatch before ended."""

    carries_state = True


def sequential_batches(corpus: Tensor, batch_size: int, num_steps: int, rng=random):
    """Cut `corpus` `(num_tokens,)` so that row i goes on from one minibatch to the next.

    Yields `X, Y`, each `(batch_size, num_steps)`. An offset by `rng` makes epochs differ.
    """
    offset = rng.randint(0, num_steps)
    steps_per_row = (len(corpus) - offset - 1) // batch_size
    _check_enough(steps_per_row >= num_steps, corpus)
    # A row and one token more, the first of the next row: there the last Y ends.
    rows = corpus[offset:].unfold(0, steps_per_row + 1, steps_per_row)[:batch_size]
    for start in range(0, steps_per_row - num_steps + 1, num_steps):
        # Copies: changing X in place must change neither Y nor the corpus.
        X, Y = (rows[:, t : t + num_steps].clone() for t in (start, start + 1))
        yield NextMinibatch(X, Y)


def random_batches(corpus: Tensor, batch_size: int, num_steps: int, rng=random):
    """Cut `corpus` `(num_tokens,)` into windows of `num_steps` and deal them in random order.

    Yields `X, Y`, each `(batch_size, num_steps)`. The hidden state must begin anew in each.
    """
    offset = rng.randint(0, num_steps - 1)
    num_windows = (len(corpus) - offset - 1) // num_steps
    _check_enough(num_windows >= batch_size, corpus)
    windows = corpus[offset:].unfold(0, num_steps + 1, num_steps)  # each with the token after it
    order = list(range(num_windows))
    rng.shuffle(order)
    for first in range(0, num_windows - batch_size + 1, batch_size):
        rows = order[first : first + batch_size]
        yield Minibatch(windows[rows, :-1], windows[rows, 1:])


def _check_enough(enough: bool, corpus: Tensor) -> None:
    if not enough:  # an epoch without a minibatch would train nothing
        raise ValueError(f"{len(corpus)} tokens are too few for one minibatch of this size")


class TextBatches:
    """The minibatches of a corpus, cut anew in each `for` loop (an epoch), in order or shuffled."""

    def __init__(self, corpus, batch_size, num_steps, shuffle=False, rng=random):
        self.corpus, self.batch_size, self.num_steps = corpus, batch_size, num_steps
        self.shuffle, self.rng, self.carries_state = shuffle, rng, not shuffle

    def __iter__(self):
        cut = random_batches if self.shuffle else sequential_batches
        return cut(self.corpus, self.batch_size, self.num_steps, self.rng)
