"""Try the checks of the chapter "Break it" on 100 correct networks: none may be accused.

    python -m tools.check_kit            (about ten minutes on one core)

The checks are read from the notebook itself. The networks are nn.RNN, nn.GRU and nn.LSTM with
1 to 3 layers and 8 to 512 units; the sizes are drawn from a fixed seed, the extremes are always
among them. For comparison each one is also trained with the single learning rate 0.05.
The results are stored in data/experiments/kit.json, where the chapter reads them.
"""

import copy
import itertools
import json
import math
import random
import time

import nbformat
import torch
from torch import nn
from torch.nn import functional as F

from tools.first_cell import ROOT

NOTEBOOK = ROOT / "chapters" / "13-break-it.ipynb"
RESULTS = ROOT / "data" / "experiments" / "kit.json"


def load_kit() -> dict:
    """Run the visible cells from the first network up to the first mistake; return their names."""
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    first = next(i for i, cell in enumerate(cells) if "## A network that is right" in cell.source)
    last = next(i for i, cell in enumerate(cells) if "## Shapes\n" in cell.source)
    names = {"torch": torch, "nn": nn, "F": F, "copy": copy, "math": math, "print": lambda *_: None}
    for cell in cells[first:last]:
        if cell.cell_type == "code" and not cell.metadata.get("tags"):
            exec(cell.source, names)
    return names


def correct_networks(number: int = 100) -> list[tuple[str, int, int]]:
    """Kind, units, layers: the extremes first, then drawn, small and large alike."""
    rng = random.Random(0)
    kinds = ("RNN", "GRU", "LSTM")
    networks = list(itertools.product(kinds, (8, 512), (1, 3)))
    while len(networks) < number:
        units = round(8 * 64 ** rng.random())
        networks.append((rng.choice(kinds), units, rng.choice((1, 2, 3))))
    return networks


def accusations(kit: dict, kind: str, units: int, layers: int, seed: int) -> list[str]:
    """The checks that fail for a correct network."""
    torch.manual_seed(seed)
    layer = getattr(nn, kind)(4, units, num_layers=layers)
    return kit["failures"](kit["Net"](layer), kit["x"], kit["y"], 4)


def one_rate(kit: dict, kind: str, units: int, layers: int, seed: int) -> float:
    """The loss after 100 updates with the learning rate 0.05."""
    torch.manual_seed(seed)
    net = kit["Net"](getattr(nn, kind)(4, units, num_layers=layers))
    return kit["train"](net, kit["x"], kit["y"], 100, 0.05, enough=0.05)[-1]


def main() -> None:
    torch.set_num_threads(1)
    kit, rows = load_kit(), []
    for seed, (kind, units, layers) in enumerate(correct_networks()):
        started = time.perf_counter()
        failed = accusations(kit, kind, units, layers, seed)
        loss = round(one_rate(kit, kind, units, layers, seed), 4)
        rows.append(
            {"kind": kind, "units": units, "layers": layers, "failed": failed, "one_rate": loss}
        )
        print(seed, rows[-1], f"{time.perf_counter() - started:.1f} s", flush=True)
        RESULTS.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
