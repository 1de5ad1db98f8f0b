"""Train the networks of chapter 11 and store how each did.

    python -m tools.train_ablation pages      on the first pages of The Time Machine
    python -m tools.train_ablation book       on 90% of it
        --device cuda --processes 8           on a GPU, several contenders at a time

Each contender is trained until the perplexity on the validation text no longer improves: after
PATIENCE epochs without a new best, the training goes back to its best weights and begins again at
half the learning rate, and after HALVINGS of these it ends. The rate that it begins with is the contender's
own: with seed 0, it is halved or doubled as long as the best validation perplexity falls by more
than GAIN. Then two more seeds are trained. The best weights are asked for the test text, once.
Contenders that are stored already are not trained again. A GPU needs some minutes for all; one core
about an hour for the pages and many for the book.

Writes data/experiments/ablation-{pages,book}.json: for each contender its settings, the rates
tried, and for each seed the perplexities by epoch, and the test text's loss, in nats and summed
over each block of BLOCK characters.
"""

import argparse
import copy
import json
import math
import multiprocessing
import os
import random
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported, which reads it

import torch
from torch import nn
from torch.nn import functional as F

from examples import gpu_graph
from examples.gpu_graph import GraphedStep
from rnnlib.batches import TextBatches
from rnnlib.checkpoints import write_atomically
from rnnlib.models import language_model
from rnnlib.text import FILE_NAME, find_text, load_corpus
from rnnlib.training import evaluate, evaluating, perplexity, train_epoch
from tools.first_cell import ROOT

SEEDS = 0, 1, 2
BLOCK = 500  # characters
HALVINGS = 5
GAIN = 0.005  # a smaller difference is no reason to change the rate
# Chapter 9's recipe, with fewer hidden units for the few pages. Each contender adds to it.
BASE = {"kind": "rnn", "optimizer": "SGD", "lr": 1.0}
GRU = {"kind": "gru", "optimizer": "Adam", "lr": 4e-3}
LSTM = {**GRU, "kind": "lstm"}
EMBEDDING = {"embedding_size": 128}
PAGES = {
    "chapter 9's recipe": {},
    "louder inputs": {"loud": True},
    "orthogonal W_hh": {"orthogonal": True},
    "embedding": EMBEDDING,
    "dropout": {"dropout": 0.5},
    "two layers": {"num_layers": 2},
    "Adam": {"optimizer": "Adam", "lr": 4e-3},
    "GRU": {"kind": "gru"},
    "LSTM": {"kind": "lstm"},
    "GRU, Adam": GRU,
    "GRU, Adam, embedding": {**GRU, **EMBEDDING},
    "GRU, Adam, embedding, dropout": {**GRU, **EMBEDDING, "dropout": 0.5},
    "LSTM, Adam, embedding, dropout": {**LSTM, **EMBEDDING, "dropout": 0.5},
}
FULL = {**LSTM, "lr": 2e-3, **EMBEDDING, "dropout": 0.5}
BOOK = {
    "chapter 9's recipe": {},
    "Adam": {"optimizer": "Adam", "lr": 2e-3},
    "GRU, Adam": {**GRU, "lr": 2e-3},
    "LSTM, Adam": {**LSTM, "lr": 2e-3},
    "LSTM, Adam, embedding": {**LSTM, "lr": 2e-3, **EMBEDDING},
    "LSTM, Adam, embedding, dropout": FULL,
    "GRU, Adam, embedding, dropout": {**FULL, "kind": "gru"},
}
PLANS = {
    "pages": {"contenders": PAGES, "hidden_size": 128, "patience": 10, "ends": (9_000, 10_000, 15_000)},
    "book": {"contenders": BOOK, "hidden_size": 256, "patience": 2, "ends": (0.9, 0.95, 1.0)},
}  # fmt: skip


@torch.no_grad()
def losses(model, corpus) -> list[float]:
    """The loss in nats, summed over each block of `corpus`, read from its beginning in one go."""
    corpus = corpus.to(next(model.parameters()).device)
    with evaluating(model):
        logits, _ = model(corpus[None, :-1])
    each = F.cross_entropy(logits, corpus[1:], reduction="none")
    return [round(block.sum().item(), 3) for block in each.split(BLOCK)]


def build(vocab_size, plan, seed, settings):
    torch.manual_seed(seed)
    model = language_model(
        settings["kind"], vocab_size, plan["hidden_size"], settings.get("num_layers", 1),
        settings.get("embedding_size"), settings.get("dropout", 0.0),
    )  # fmt: skip
    if settings.get("loud"):
        nn.init.normal_(model.rnn.weight_ih_l0)
    if settings.get("orthogonal"):
        nn.init.orthogonal_(model.rnn.weight_hh_l0)
    return model.to(plan["device"])


def trainer(model, batches, settings, lr):
    """A function that trains for an epoch and returns its perplexity; on a GPU by a CUDA graph."""
    kind = getattr(torch.optim, settings["optimizer"])
    if next(model.parameters()).device.type == "cpu":
        return partial(train_epoch, model, batches, kind(model.parameters(), lr))
    capturable = {"capturable": True} if settings["optimizer"] == "Adam" else {}
    model.train()
    step = GraphedStep(model, kind(model.parameters(), lr, **capturable), *next(iter(batches)))

    def epoch() -> float:
        model.train()
        return perplexity(gpu_graph.train_epoch(step, batches))

    return epoch


def run(parts, vocab_size, plan, settings, seed) -> dict:
    """One training, until the validation text says that nothing more comes."""
    learn, choose, test = parts
    model, rate = build(vocab_size, plan, seed, settings), settings["lr"]
    batches = TextBatches(learn, 32, 35, rng=random.Random(seed))
    epoch = trainer(model, batches, settings, rate)
    found = {"train": [], "validation": [], "best_epoch": 0, "halved_after": []}
    best, waited, started, weights = math.inf, 0, time.perf_counter(), None
    while waited < plan["patience"] or len(found["halved_after"]) < HALVINGS:
        if waited == plan["patience"]:
            waited = 0
            model.load_state_dict(weights)
            found["halved_after"].append(len(found["train"]))
            rate /= 2
            epoch = trainer(model, batches, settings, rate)
        found["train"].append(round(epoch(), 4))
        found["validation"].append(round(evaluate(model, choose), 4))
        waited += 1
        if found["validation"][-1] < best:
            best, waited, found["best_epoch"] = found["validation"][-1], 0, len(found["train"])
            weights = copy.deepcopy(model.state_dict())
    model.load_state_dict(weights)
    found["test"] = losses(model, test)
    found["seconds"] = round(time.perf_counter() - started)
    return found


def best_of(found: dict) -> float:
    return min(found["validation"])


def contend(name: str, parts, vocab_size, plan) -> dict:
    """Find the contender's rate with the first seed, then train the other seeds at this rate."""
    torch.set_num_threads(1)
    settings = {**BASE, **plan["contenders"][name]}
    rates = {}

    def tried(rate: float) -> float:
        if rate not in rates:
            rates[rate] = run(parts, vocab_size, plan, {**settings, "lr": rate}, SEEDS[0])
        return best_of(rates[rate])

    rate = settings["lr"]
    for factor in (0.5, 2.0):
        while tried(rate * factor) < tried(rate) * (1 - GAIN):
            rate *= factor
    seeds = {str(SEEDS[0]): rates[rate]}
    for seed in SEEDS[1:]:
        seeds[str(seed)] = run(parts, vocab_size, plan, {**settings, "lr": rate}, seed)
    summary = {
        rate: {"best": best_of(found), "epoch": found["best_epoch"]}
        for rate, found in rates.items()
    }
    return {"settings": settings, "rates": summary, "lr": rate, "seeds": seeds}


def report(name: str, entry: dict, num_tokens: int) -> None:
    bits = [sum(found["test"]) / num_tokens / math.log(2) for found in entry["seeds"].values()]
    seconds = sum(found["seconds"] for found in entry["seeds"].values())
    each = " ".join(f"{b:.3f}" for b in bits)
    print(f"{name:34} lr {entry['lr']:<8g} test bits {each}  {seconds} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("plan", choices=PLANS)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    plan = {**PLANS[options.plan], "device": options.device}
    if find_text().name != FILE_NAME:
        raise SystemExit("The Time Machine itself is needed: see data/README.md")
    corpus, vocab = load_corpus()
    ends = [int(end * len(corpus)) if isinstance(end, float) else end for end in plan["ends"]]
    parts = corpus[: ends[0]], corpus[ends[0] : ends[1]], corpus[ends[1] : ends[2]]
    path = ROOT / "data" / "experiments" / f"ablation-{options.plan}.json"
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    missing = [name for name in plan["contenders"] if name not in results]
    context = multiprocessing.get_context("spawn")  # a GPU's state cannot be forked
    with ProcessPoolExecutor(options.processes, context) as pool:
        jobs = {pool.submit(contend, name, parts, len(vocab), plan): name for name in missing}
        for job in as_completed(jobs):
            if job.exception():  # the others go on
                print(jobs[job], "failed:", job.exception(), flush=True)
                continue
            results[jobs[job]] = job.result()
            report(jobs[job], job.result(), len(parts[2]) - 1)
            ordered = {name: results[name] for name in plan["contenders"] if name in results}
            content = json.dumps(ordered, separators=(",", ":")).encode()
            write_atomically(path, lambda file, content=content: file.write(content))


if __name__ == "__main__":
    main()
