"""A tensor of indices -> minibatches `(X, Y)`, where Y is X moved on by one token.

Both ways of cutting follow section 8.3 of *Dive into Deep Learning* (Zhang et al., 2023)
and draw from `rng` in the same order, so the same seed gives the same minibatches.
"""

import random
from collections.abc import Iterator

import torch

from rnnlib.checks import flag, has_methods, index_tensor, whole_number


def _check(corpus: torch.Tensor, batch_size: int, num_steps: int, rng, shuffle: bool) -> None:
    index_tensor("corpus", corpus, num_dims=1)
    whole_number("batch_size", batch_size)
    whole_number("num_steps", num_steps)
    has_methods("rng", rng, "randint shuffle", "a random.Random or the module random")
    # The last target lies one past the last input, and the offset may cost num_steps tokens,
    # or one fewer where the windows are shuffled.
    most_skipped = num_steps - 1 if shuffle else num_steps
    needed = batch_size * num_steps + most_skipped + 1
    if len(corpus) < needed:
        raise ValueError(
            f"corpus must hold at least {needed} tokens for one minibatch of batch_size="
            f"{batch_size} and num_steps={num_steps} at any offset, got {len(corpus)}"
        )


def sequential_batches(
    corpus: torch.Tensor, batch_size: int, num_steps: int, rng=random
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Cut `corpus` so that row i of a minibatch goes on where row i of the last one ended.

    Yields `X, Y`, each `(batch_size, num_steps)`. An offset drawn by `rng.randint` skips up
    to `num_steps` tokens, so that epochs differ. The hidden state may be carried over.
    """
    _check(corpus, batch_size, num_steps, rng, shuffle=False)
    offset = rng.randint(0, num_steps)
    steps_per_row = (len(corpus) - offset - 1) // batch_size
    num_tokens = steps_per_row * batch_size
    inputs = corpus[offset : offset + num_tokens].reshape(batch_size, steps_per_row)
    targets = corpus[offset + 1 : offset + 1 + num_tokens].reshape(batch_size, steps_per_row)
    for start in range(0, steps_per_row - num_steps + 1, num_steps):
        window = slice(start, start + num_steps)
        # Copies: who changes X in place changes neither Y nor the corpus.
        yield inputs[:, window].clone(), targets[:, window].clone()


def random_batches(
    corpus: torch.Tensor, batch_size: int, num_steps: int, rng=random
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Cut `corpus` into windows of `num_steps` and deal them out in random order.

    Yields `X, Y`, each `(batch_size, num_steps)`. Rows of successive minibatches have
    nothing to do with each other, so the hidden state must start anew in each.
    """
    _check(corpus, batch_size, num_steps, rng, shuffle=True)
    offset = rng.randint(0, num_steps - 1)
    num_windows = (len(corpus) - offset - 1) // num_steps
    starts = [offset + num_steps * window for window in range(num_windows)]
    rng.shuffle(starts)
    steps = torch.arange(num_steps)
    for first in range(0, num_windows - batch_size + 1, batch_size):
        positions = torch.tensor(starts[first : first + batch_size])[:, None] + steps
        yield corpus[positions], corpus[positions + 1]


class TextBatches:
    """Minibatches of a corpus for many epochs: each `for X, Y in batches` is one epoch.

    `shuffle=False` cuts sequentially, `shuffle=True` at random. `carries_state` tells the
    training whether a minibatch goes on where the last one ended.
    """

    def __init__(
        self,
        corpus: torch.Tensor,
        batch_size: int,
        num_steps: int,
        shuffle: bool = False,
        rng=random,
    ):
        _check(corpus, batch_size, num_steps, rng, flag("shuffle", shuffle))
        self.corpus, self.batch_size, self.num_steps = corpus, batch_size, num_steps
        self.shuffle, self.rng = shuffle, rng

    @property
    def carries_state(self) -> bool:
        """Whether row i of a minibatch goes on where row i of the last one ended."""
        return not self.shuffle

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        cut = random_batches if self.shuffle else sequential_batches
        return cut(self.corpus, self.batch_size, self.num_steps, self.rng)
