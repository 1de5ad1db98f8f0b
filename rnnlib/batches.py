"""A tensor of indices -> minibatches `(X, Y)`, where Y is X moved on by one token.

Both ways of cutting follow section 8.3 of *Dive into Deep Learning* (Zhang et al., 2023)
and draw from `rng` in the same order, so the same seed gives the same minibatches.
"""

import random
from typing import NamedTuple

import torch
from torch import Tensor


class Minibatch(NamedTuple):
    """Inputs and targets, each `(batch_size, num_steps)`.

    `carries_state` says whether row i goes on where row i of the minibatch before ended.
    """

    X: Tensor
    Y: Tensor
    carries_state = False


class NextMinibatch(Minibatch):
    carries_state = True


def sequential_batches(corpus: Tensor, batch_size: int, num_steps: int, rng=random):
    """Cut `corpus` `(num_tokens,)` so that row i goes on from one minibatch to the next.

    Yields `X, Y`, each `(batch_size, num_steps)`. An offset drawn by `rng.randint` skips up to
    `num_steps` tokens, so that epochs differ. The hidden state may be carried over.
    """
    offset = rng.randint(0, num_steps)
    steps_per_row = (len(corpus) - offset - 1) // batch_size
    _check_enough(steps_per_row >= num_steps, corpus)
    num_tokens = steps_per_row * batch_size
    inputs = corpus[offset : offset + num_tokens].reshape(batch_size, steps_per_row)
    targets = corpus[offset + 1 : offset + 1 + num_tokens].reshape(batch_size, steps_per_row)
    for start in range(0, steps_per_row - num_steps + 1, num_steps):
        window = slice(start, start + num_steps)
        # Copies: changing X in place must change neither Y nor the corpus.
        yield NextMinibatch(inputs[:, window].clone(), targets[:, window].clone())


def random_batches(corpus: Tensor, batch_size: int, num_steps: int, rng=random):
    """Cut `corpus` `(num_tokens,)` into windows of `num_steps` and deal them in random order.

    Yields `X, Y`, each `(batch_size, num_steps)`. Rows of successive minibatches have
    nothing to do with each other, so the hidden state must begin anew in each.
    """
    offset = rng.randint(0, num_steps - 1)
    num_windows = (len(corpus) - offset - 1) // num_steps
    _check_enough(num_windows >= batch_size, corpus)
    starts = [offset + num_steps * window for window in range(num_windows)]
    rng.shuffle(starts)
    for first in range(0, num_windows - batch_size + 1, batch_size):
        positions = torch.tensor(starts[first : first + batch_size])[:, None]
        positions = (positions + torch.arange(num_steps)).to(corpus.device)
        yield Minibatch(corpus[positions], corpus[positions + 1])


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
