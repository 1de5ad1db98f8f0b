"""The limit: operations counted by hand, and how many of them this machine does in a second.

A matrix product of `(m, k)` and `(k, n)` is 2 m k n operations, a multiplication and an
addition each. Training costs a token, with H hidden units, V tokens in the vocabulary and G
blocks of H rows in the recurrent weights (RNN 1, GRU 3, LSTM 4):

    forward    2 (G H H + V H)       the state's product and the output's
    backward   twice that            for each product, the gradients of both its factors

The input is one-hot, so its product is a row looked up: it and all that works element by
element (tanh, biases, the optimizer) count nothing. No program that follows the same steps
can therefore be faster than the peak over this count, and each in practice is slower.
"""

import time

BLOCKS = {"rnn": 1, "gru": 3, "lstm": 4}


def mflop_per_token(kind: str, hidden_size: int = 256, vocab_size: int = 28) -> float:
    """Millions of operations that training costs for each token."""
    forward = 2 * (BLOCKS[kind] * hidden_size**2 + vocab_size * hidden_size)
    return 3 * forward / 1e6


def peaks(size: int = 1024, rounds: int = 10) -> dict[str, float]:
    """The best of some rounds of a square float32 product in GFLOP/s, by three ways to it."""
    import numpy as np
    import torch

    from rnnlib.fast import product

    a, b = torch.rand(size, size), torch.rand(size, size)
    ways = {
        "torch.mm": lambda: torch.mm(a, b),
        "rnnlib.fast.product": lambda: product(a, b),
        "numpy": lambda: np.dot(a.numpy(), b.numpy()),
    }
    best = dict.fromkeys(ways, 0.0)
    for _ in range(rounds):
        for name, multiply in ways.items():
            started = time.perf_counter()
            multiply()
            seconds = time.perf_counter() - started
            best[name] = max(best[name], 2 * size**3 / seconds / 1e9)
    return best
