"""Race a reader's unchanged d2l code through rnnlib.d2l against the d2l package itself.

    python -m benchmarks.run              about ten minutes, on an idle machine
    python -m benchmarks.run --short      two minutes: fewer rounds, no grid
    python -m benchmarks.run --out FILE   where to write the results, as JSON

See benchmarks/README.md. Each package has a process of its own; both answer in turn, so that
whatever slows the machine for a while slows both, and a ratio is taken within a round.
"""

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
KINDS = ("RNN", "GRU", "LSTM")
GRID = [  # hidden size, steps, batch size: each axis alone, then the corners
    *((size, 35, 32) for size in (16, 32, 64, 128, 256, 512, 1024)),
    *((256, steps, 32) for steps in (5, 10, 20, 100, 200)),
    *((256, 35, rows) for rows in (1, 4, 16, 128, 512)),
    (16, 5, 1), (16, 200, 512), (1024, 5, 1), (64, 5, 1), (64, 5, 512), (1024, 20, 4),
]  # fmt: skip


class Side:
    """The work of one package, in this process."""

    def __init__(self, name: str):
        import torch

        os.chdir(ROOT / "chapters")  # the package looks for the text in ../data
        if name == "d2l":
            from examples.real_d2l import d2l
        else:
            from rnnlib import d2l
        torch.set_num_threads(1)
        warnings.simplefilter("ignore")  # of d2l 0.17, about today's packages
        self.d2l, self.torch, self.cpu = d2l, torch, torch.device("cpu")
        self.corpus, self.vocab = d2l.load_corpus_time_machine()

    def begin(self, kind, hidden_size, num_steps, batch_size, num_batches=8):
        """A new model and the minibatches of an epoch; the same seed, the same numbers."""
        nn = self.torch.nn
        self.torch.manual_seed(0)
        layer = getattr(nn, kind)(len(self.vocab), hidden_size)
        self.net = self.d2l.RNNModel(layer, len(self.vocab))
        self.updater = self.torch.optim.SGD(self.net.parameters(), lr=1)
        # An offset may skip up to num_steps tokens.
        needed = num_batches * batch_size * num_steps + num_steps + 1
        num_tokens = min(needed, len(self.corpus))
        random.seed(0)
        self.batches = self.d2l.SeqDataLoader(batch_size, num_steps, False, num_tokens)
        return self.train()[1]

    def train(self):
        loss, arguments = self.torch.nn.CrossEntropyLoss(), (self.updater, self.cpu, False)
        start = time.perf_counter()
        perplexity, _ = self.d2l.train_epoch_ch8(self.net, self.batches, loss, *arguments)
        return time.perf_counter() - start, perplexity

    def write(self, num_chars=200):
        start = time.perf_counter()
        text = self.d2l.predict_ch8("time traveller ", num_chars, self.net, self.vocab, self.cpu)
        return (time.perf_counter() - start) / num_chars, text

    def write_many(self, num_chars=200):
        """32 texts; the package has no way but one after another."""
        if "rnnlib" not in self.d2l.__name__:
            return self.write(num_chars)
        from rnnlib.generation import generate_batch

        start = time.perf_counter()
        texts = generate_batch(self.net, self.vocab, ["time traveller "] * 32, num_chars)
        return (time.perf_counter() - start) / num_chars / 32, texts[0]


def serve(name: str) -> None:
    side = Side(name)
    for line in sys.stdin:
        task, arguments = json.loads(line)
        print(json.dumps(getattr(side, task)(*arguments)), flush=True)


class Worker:
    """A process with one `Side`: `worker("train")`."""

    def __init__(self, name: str):
        command = [sys.executable, "-m", "benchmarks.run", "--side", name]
        # NumPy's library, too, on one thread.
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "cwd": ROOT}
        self.process = subprocess.Popen(command, text=True, env=environment, **pipes)

    def __call__(self, task: str, *arguments):
        self.process.stdin.write(json.dumps([task, arguments]) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def race(sides, what: str, task: str, begin: tuple, rounds: int) -> dict:
    """Both begin alike and must compute the same; then they take turns."""
    first = [side("begin", *begin) for side in sides]
    assert abs(first[0] / first[1] - 1) < 1e-3, f"{what}: perplexities {first}"
    pairs = []
    for number in range(rounds + 1):
        order = (0, 1) if number % 2 else (1, 0)
        found = {index: sides[index](task) for index in order}
        pairs.append((found[0][0], found[1][0]))
    theirs, ours = zip(*pairs[1:], strict=True)
    ratios = sorted(a / b for a, b in zip(theirs, ours, strict=True))
    row = {"what": what, "d2l": median(theirs), "ours": median(ours), "ratio": median(ratios),
           "low": ratios[0], "high": ratios[-1]}  # fmt: skip
    print(f"{what:32}{row['d2l'] * 1e3:10.3f}{row['ours'] * 1e3:10.3f} ms"
          f"{row['ratio']:8.2f}  ({row['low']:.2f}-{row['high']:.2f})", flush=True)  # fmt: skip
    return row


def machine() -> dict:
    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    for line in info.read_text(encoding="utf-8").splitlines() if info.exists() else ():
        if line.startswith("model name"):
            processor = line.split(":")[1].strip()
    names = ("torch", "numpy", "d2l")
    about = {"processor": processor, "cores": os.cpu_count(), "python": platform.python_version()}
    return about | {name: version(name) for name in names}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--side", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        return serve(options.side)
    print(machine())
    sides, rounds, book = [Worker("d2l"), Worker("ours")], 7 if options.short else 25, (256, 35, 32)
    rows = [race(sides, f"train {k}", "train", (k, *book), rounds) for k in KINDS]
    rows += [race(sides, f"write {k}", "write", (k, *book), rounds) for k in KINDS]
    rows.append(race(sides, "write RNN, 32 texts at once", "write_many", ("RNN", *book), rounds))
    for size in () if options.short else GRID:
        for kind in KINDS:
            rows.append(race(sides, f"train {kind} {size}", "train", (kind, *size), 7))
    if options.out:
        results = {"machine": machine(), "rows": rows}
        options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
