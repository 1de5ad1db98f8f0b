"""Other advice: the book's network raced against itself with one change each.

    python benchmarks/other_advice.py

Prints JSON, a list of `{"what", "ratio", "low", "high", "first_call_seconds"}`: how many times
as fast as without the change a step of training is, forward and backward, at the book's
sizes. `torch.compile` needs a C++ compiler; without one it is left out.
"""

import json
import os
import shutil
import time
import warnings
from functools import partial
from statistics import median

import torch
from torch import nn
from torch.nn import functional as F

VOCAB_SIZE, HIDDEN_SIZE, BATCH_SIZE, NUM_STEPS = 28, 256, 32, 35


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(VOCAB_SIZE, HIDDEN_SIZE)
        self.linear = nn.Linear(HIDDEN_SIZE, VOCAB_SIZE)

    def forward(self, X):
        output, _ = self.rnn(F.one_hot(X.T, VOCAB_SIZE).float())
        return self.linear(output.flatten(0, 1))


class Loop(nn.Module):
    """The same as a loop over parameters, as the compiler does not look into `nn.RNN`."""

    def __init__(self):
        super().__init__()
        self.rows = nn.Parameter(torch.randn(VOCAB_SIZE, HIDDEN_SIZE))
        self.weight_hh = nn.Parameter(torch.randn(HIDDEN_SIZE, HIDDEN_SIZE) / 16)
        self.linear = nn.Linear(HIDDEN_SIZE, VOCAB_SIZE)

    def forward(self, X):
        h, states = torch.zeros(BATCH_SIZE, HIDDEN_SIZE), []
        for x in F.embedding(X.T, self.rows).unbind():
            h = torch.tanh(torch.addmm(x, h, self.weight_hh.T))
            states.append(h)
        return self.linear(torch.cat(states))


def main(rounds: int = 30) -> None:
    os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"  # time the compiler, not its cache
    torch.set_num_threads(1)
    net, loop = Network(), Loop()
    X = torch.randint(VOCAB_SIZE, (BATCH_SIZE, NUM_STEPS))
    targets = torch.randint(VOCAB_SIZE, (BATCH_SIZE * NUM_STEPS,))

    def step(model=net):
        F.cross_entropy(model(X), targets).backward()

    def in_bfloat16():
        with torch.autocast("cpu", torch.bfloat16):
            step()

    def on_two_threads():
        torch.set_num_threads(2)
        step()
        torch.set_num_threads(1)

    races = [
        ("two threads", step, on_two_threads),
        ("bfloat16 autocast", step, in_bfloat16),
        ("torch.jit.trace", step, partial(step, torch.jit.trace(net, X))),
    ]
    if shutil.which("g++") or shutil.which("clang++"):
        races.append(("torch.compile of nn.RNN", step, partial(step, torch.compile(net))))
        compiled = partial(step, torch.compile(loop))
        races.append(("torch.compile of a loop", partial(step, loop), compiled))
    found = []
    for what, plain, changed in races:
        started = time.perf_counter()
        changed()  # may compile
        first = time.perf_counter() - started
        ratios = []
        for _ in range(rounds):
            seconds = []
            for run in (plain, changed):
                started = time.perf_counter()
                run()
                seconds.append(time.perf_counter() - started)
            ratios.append(seconds[0] / seconds[1])
        found.append(
            {"what": what, "ratio": median(ratios), "low": min(ratios), "high": max(ratios)}
            | {"first_call_seconds": first}
        )
    print(json.dumps(found))


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the compiler's about its cache, jit's about its end
        main()
