"""Race d2l, rnnlib and a CUDA graph on a GPU, and write data/experiments/gpu.json.

    python -m benchmarks.gpu            about ten minutes on a machine with an NVIDIA GPU
    python -m benchmarks.gpu --short    one minute: no whole trainings

Chapter 14 shows the file that this writes. Where there is no GPU, a small case of everything runs
on the CPU, so that the script is known to work, and nothing is written. Contenders take turns; shown
are medians in milliseconds. Before anything is timed, all must have computed the same perplexity.
"""

import argparse
import json
import os
import random
import time
import warnings
from functools import partial
from pathlib import Path
from statistics import median

import torch
from torch import nn

from benchmarks.run import machine
from examples import gpu_graph
from rnnlib import d2l as ours
from rnnlib.checkpoints import write_atomically

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "data" / "experiments" / "gpu.json"
KINDS = {"RNN": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}
PREFIX = "time traveller "


class Training:
    """One contender: an epoch of the book's recipe by `way`, on `device`."""

    def __init__(self, way, kind, device, corpus, vocab, hidden_size, batch_size, num_steps=35):
        self.way, self.device, self.corpus = way, device, corpus
        self.batch_size, self.num_steps = batch_size, num_steps
        torch.manual_seed(0)
        package = theirs() if way == "d2l" else ours
        self.package, layer = package, KINDS[kind](len(vocab), hidden_size)
        self.net = package.RNNModel(layer, len(vocab)).to(device)
        self.updater = torch.optim.SGD(self.net.parameters(), lr=1)
        random.seed(0)
        if way == "graph":
            X, Y = next(self.batches())
            self.net.begin_state = partial(self.net.begin_state, device)
            self.step = gpu_graph.GraphedStep(self.net, self.updater, X, Y)
        random.seed(0)

    def batches(self):
        arguments = self.corpus, self.batch_size, self.num_steps
        return self.package.seq_data_iter_sequential(*arguments)

    def epoch(self) -> float:
        """Train for an epoch; its perplexity."""
        if self.way == "graph":
            return float(torch.tensor(gpu_graph.train_epoch(self.step, self.batches())).exp())
        loss = nn.CrossEntropyLoss()
        return self.package.train_epoch_ch8(
            self.net, self.batches(), loss, self.updater, self.device, False
        )[0]


def theirs():
    from examples.real_d2l import d2l

    return d2l


def seconds_of(work) -> float:
    start = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def race(contenders: dict, rounds: int) -> dict[str, float]:
    """Median milliseconds of each, taking turns; the first round is a warm-up."""
    found = [{n: seconds_of(work) for n, work in contenders.items()} for _ in range(rounds + 1)]
    return {name: 1e3 * median(row[name] for row in found[1:]) for name in contenders}


def train_rows(device, corpus, vocab, size, batch_size, rounds) -> list[dict]:
    """A training step of each kind, in milliseconds."""
    rows = []
    for kind in KINDS:
        sides = {
            way: Training(way, kind, device, corpus, vocab, size, batch_size)
            for way in ("d2l", "ours", "graph")
        }
        first = [side.epoch() for side in sides.values()]
        assert max(first) / min(first) < 1.01, f"{kind}: perplexities {first}"
        steps = len(list(sides["d2l"].batches()))
        times = race({name: side.epoch for name, side in sides.items()}, rounds)
        rows.append({"what": f"train {kind}", **{n: t / steps for n, t in times.items()}})
    return rows


def write_rows(device, vocab, size, num_chars, rounds) -> list[dict]:
    """A character of greedy writing by each kind, in milliseconds."""
    rows = []
    for kind, layer in KINDS.items():
        contenders, texts = {}, {}
        for name, package in (("d2l", theirs()), ("ours", ours)):
            torch.manual_seed(0)
            net = package.RNNModel(layer(len(vocab), size), len(vocab)).to(device)
            write = partial(package.predict_ch8, PREFIX, num_chars, net, vocab, device)
            contenders[name], texts[name] = write, write()
        # A rounding may turn one choice, and then the texts part: the beginning must be equal.
        assert texts["d2l"][:30] == texts["ours"][:30], kind
        times = race(contenders, rounds)
        rows.append({"what": f"write {kind}", **{n: t / num_chars for n, t in times.items()}})
    return rows


def crossing_rows(device, corpus, vocab, sizes, batch_sizes, rounds) -> list[dict]:
    """A training step of an RNN on one core of the CPU, on the device, and as a graph there."""
    rows = []
    for size in sizes:
        for batch_size in batch_sizes:
            part = corpus[: 8 * batch_size * 35 + 36]  # eight steps
            make = partial(Training, kind="RNN", corpus=part, vocab=vocab,
                           hidden_size=size, batch_size=batch_size)  # fmt: skip
            sides = {
                "one core": make("ours", device=torch.device("cpu")),
                "GPU": make("ours", device=device),
                "GPU, graph": make("graph", device=device),
            }
            steps = len(list(sides["GPU"].batches()))
            times = race({name: side.epoch for name, side in sides.items()}, rounds)
            row = {"hidden": size, "batch": batch_size}
            rows.append({**row, **{name: taken / steps for name, taken in times.items()}})
    return rows


def whole_rows(device, corpus, vocab, size, batch_size, num_epochs) -> list[dict]:
    """Whole trainings of an RNN: seconds in all, and until perplexity 1.3."""
    rows = []
    for name, part in (("first pages", corpus[:10_000]), ("whole book", corpus)):
        epochs = num_epochs if name == "first pages" else max(1, num_epochs // 25)
        for way in ("d2l", "ours", "graph"):
            side = Training(way, "RNN", device, part, vocab, size, batch_size)
            start, reached = time.perf_counter(), None
            for _ in range(epochs):
                value = side.epoch()
                if reached is None and value <= 1.3:
                    reached = time.perf_counter() - start
            seconds = time.perf_counter() - start
            rows.append({"what": f"{name}, {epochs} epochs", "way": way, "seconds": seconds,
                         "until 1.3": reached, "perplexity": value})  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="no whole trainings")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # of d2l 0.17, about today's packages
    torch.set_num_threads(1)
    os.chdir(ROOT / "chapters")  # the package looks for the text in ../data
    corpus, vocab = ours.load_corpus_time_machine()
    corpus = torch.tensor(corpus)
    gpu = torch.cuda.is_available()
    device = torch.device("cuda" if gpu else "cpu")
    size, batch, rounds, pages = (256, 32, 15, 10_000) if gpu else (16, 4, 1, 600)
    sizes, batches = ((32, 128, 256, 512, 1024), (1, 32, 256)) if gpu else ((8,), (2,))
    about = {**machine(), "card": torch.cuda.get_device_name() if gpu else None}
    print(about if gpu else "no GPU here: a small case of everything, on the CPU")
    results = {
        "machine": about,
        "training": train_rows(device, corpus[:pages], vocab, size, batch, rounds),
        "writing": write_rows(device, vocab, size, 200 if gpu else 40, rounds),
        "crossing": crossing_rows(device, corpus, vocab, sizes, batches, min(5, rounds)),
    }
    if not options.short:
        part = corpus if gpu else corpus[:pages]
        results["whole"] = whole_rows(device, part, vocab, size, batch, 500 if gpu else 2)
    for rows in list(results.values())[1:]:
        for row in rows:
            print({k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()})
    if gpu and not options.short:
        content = (json.dumps(results, indent=1) + "\n").encode()
        print("written:", write_atomically(RESULTS, lambda file: file.write(content)).name)
    else:
        print("nothing was written")


if __name__ == "__main__":
    main()
