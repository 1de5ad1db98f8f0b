"""Time a linear recurrence step by step and as a parallel scan, and PyTorch's GRU (chapter 15).

    python -m tools.time_scan               on this machine's processor, one thread: a minute
    python -m tools.time_scan --device cuda on its GPU

One training step of a layer is timed: forward, and backward from the sum of its output. The
layers are the chapter's MinGRU, once with the loop and once with the scan, and nn.GRU, each of
128 units, on 8 sequences of 128 numbers a step. The time stored for a length is the median of
nine runs, after two that are not counted, in milliseconds.

Writes data/experiments/scan.json: for each device the lengths and a list of times for each
layer. What is there about another device is kept.
"""

import argparse
import json
import os
import statistics
import time

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported, which reads it

import torch
from torch import Tensor, nn

from tools.first_cell import ROOT

FILE = ROOT / "data" / "experiments" / "scan.json"
BATCH_SIZE, SIZE = 8, 128
LENGTHS = [2**k for k in range(4, 13)]


def step_by_step(a: Tensor, b: Tensor) -> Tensor:
    h, states = torch.zeros_like(b[0]), []
    for a_t, b_t in zip(a, b, strict=True):
        h = a_t * h + b_t
        states.append(h)
    return torch.stack(states)


def all_at_once(a: Tensor, b: Tensor) -> Tensor:
    distance = 1
    while distance < len(a):
        b = torch.cat([b[:distance], a[distance:] * b[:-distance] + b[distance:]])
        a = torch.cat([a[:distance], a[distance:] * a[:-distance]])
        distance *= 2
    return b


class MinGRU(nn.Module):
    def __init__(self, recurrence):
        super().__init__()
        self.recurrence = recurrence
        self.gate, self.candidate = nn.Linear(SIZE, SIZE), nn.Linear(SIZE, SIZE)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        z = torch.sigmoid(self.gate(x))
        output = self.recurrence(z, (1 - z) * self.candidate(x))
        return output, output[-1:]


def milliseconds(layer: nn.Module, x: Tensor) -> float:
    """The median time of a training step."""
    times = []
    for _ in range(11):
        if x.is_cuda:
            torch.cuda.synchronize()
        begun = time.perf_counter()
        layer(x)[0].sum().backward()
        if x.is_cuda:
            torch.cuda.synchronize()
        times.append(1000 * (time.perf_counter() - begun))
    return statistics.median(times[2:])


def device_name(device: str) -> str:
    return torch.cuda.get_device_name() if device == "cuda" else "processor, one thread"


def main(device: str) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    layers = {
        "loop": MinGRU(step_by_step).to(device),
        "scan": MinGRU(all_at_once).to(device),
        "GRU": nn.GRU(SIZE, SIZE).to(device),
    }
    times = {name: [] for name in layers}
    for length in LENGTHS:
        x = torch.randn(length, BATCH_SIZE, SIZE, device=device)
        for name, layer in layers.items():
            times[name].append(round(milliseconds(layer, x), 3))
        print(length, {name: row[-1] for name, row in times.items()}, flush=True)
    stored = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    stored[device_name(device)] = {"lengths": LENGTHS, "torch": torch.__version__} | times
    FILE.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    main(parser.parse_args().device)
