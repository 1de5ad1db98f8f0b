"""One package in a process of its own, which answers requests: a line of JSON for a line.

    python benchmarks/worker.py {ours,d2l} THREADS

Each package has its own interpreter and its own memory: rnnlib asks the C library to keep
what is freed, and d2l shall neither gain nor lose by that.
"""

import contextlib
import hashlib
import json
import random
import resource
import sys
import time
import warnings
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(1, sys.path[0] + "/tests")  # real_d2l

import torch
from limit import peaks
from recipes import train_to

from rnnlib.text import find_text

package, threads = sys.argv[1], int(sys.argv[2])
torch.set_num_threads(threads)
warnings.simplefilter("ignore")  # of d2l 0.17, about today's packages
side = import_module(f"side_{package}")

net = batches = optimizer = None


def sha1(tensors) -> str:
    numbers = b"".join(tensor.detach().contiguous().numpy().tobytes() for tensor in tensors)
    return hashlib.sha1(numbers, usedforsecurity=False).hexdigest()


def begin(kind="rnn", hidden_size=256, num_characters=10_000, batch_size=32, num_steps=35, seed=0):
    """A new model; fingerprints of its weights and of the minibatches of an epoch."""
    global net, batches, optimizer
    torch.manual_seed(seed)
    net = side.model(kind, hidden_size)
    batches = side.minibatches(num_characters, batch_size, num_steps)
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    random.seed(seed)
    pairs = list(batches)
    random.seed(seed)  # so that the epochs to come begin with the same offsets, too
    return {
        "weights": sha1(net.parameters()),
        "minibatches": sha1(tensor for pair in pairs for tensor in pair),
        "tokens": sum(Y.numel() for _, Y in pairs),
    }


def train(num_epochs=1):
    """Seconds for each epoch, and the perplexity of the last."""
    started = time.perf_counter()
    for _ in range(num_epochs):
        perplexity = side.epoch(net, batches, optimizer)
    seconds = (time.perf_counter() - started) / num_epochs
    return {"seconds": seconds, "perplexity": perplexity}


def train_by_the_book(targets, most_epochs=500, seed=0):
    """d2l's recipe to its end; epochs and seconds until each target was reached, or None."""
    started = time.perf_counter()
    begin(seed=seed)
    reached = dict.fromkeys(targets)
    for number in range(1, most_epochs + 1):
        perplexity = side.epoch(net, batches, optimizer)
        for target in targets:
            if reached[target] is None and perplexity <= float(target):
                reached[target] = number, time.perf_counter() - started
    seconds = time.perf_counter() - started
    return {"reached": reached, "seconds": seconds, "perplexity": perplexity}


def train_by_recipe(target, seed=0, weights=None):
    """Our recipe for `target`, likewise; the weights stored in the file `weights`, if named."""
    model, answer = train_to(target, side.corpus[:10_000], len(side.vocab), seed)
    if weights:
        torch.save(model.state_dict(), weights)
    return answer


def read_weights(path):
    weights = torch.load(path, weights_only=True)
    net.load_state_dict(weights if package == "ours" else side.renamed(weights))


def continue_texts(prefixes, num_characters):
    """The greedy texts, and seconds for each character generated."""
    started = time.perf_counter()
    texts = side.continue_texts(net, prefixes, num_characters)
    seconds = (time.perf_counter() - started) / num_characters / len(prefixes)
    return {"seconds": seconds, "texts": texts}


def prefixes(count, length=10):
    """Pieces of the text, to be continued."""
    pieces = [side.corpus[start : start + length] for start in range(0, 300 * count, 300)]
    return ["".join(side.vocab.to_tokens(list(piece))) for piece in pieces]


def memory(num_epochs=10, **sizes):
    """The peak in MiB of this process, and how far training raised it above what it held."""
    begin(**sizes)
    so_far = peak_memory()
    # Forget the peak of the imports and of the text's reading, where the system can (Linux).
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    before = peak_memory()
    train(num_epochs)
    return {"training": peak_memory() - before, "process": max(so_far, peak_memory())}


def peak_memory() -> float:
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def text():
    """What the workers read: whether it is the real text, and how long it is."""
    return {"name": find_text().stem, "characters": len(side.corpus)}


TASKS = (
    begin, train, train_by_the_book, train_by_recipe, read_weights, continue_texts, prefixes,
    memory, text, peaks,
)  # fmt: skip

if __name__ == "__main__":
    tasks = {task.__name__: task for task in TASKS}
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever a package prints is no answer
    for line in sys.stdin:
        task, arguments = json.loads(line)
        print(json.dumps(tasks[task](**arguments)), file=answers, flush=True)
