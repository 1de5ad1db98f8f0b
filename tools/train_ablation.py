"""Train the networks of chapter 11 and store how each did.

    python -m tools.train_ablation pages      on the first pages of The Time Machine
    python -m tools.train_ablation book       on 90% of it

Each contender is trained until the perplexity on the validation text no longer improves: after
PATIENCE epochs without a new best, the training goes back to its best weights and halves its
learning rate, and after HALVINGS of these it ends. The rate that it begins with is the contender's
own: with seed 0, it is halved or doubled as long as the best validation perplexity falls by more
than GAIN. Then two more seeds are trained. The best weights are asked for the test text, once. One
core needs about half an hour for the pages and two for the book; trainings that are stored already
are not repeated.

Writes data/experiments/ablation-{pages,book}.json: for each contender its settings, the rates
tried, and for each seed the perplexities by epoch, and the test text's loss, in nats and summed
over each block of BLOCK characters.
"""

import argparse
import copy
import json
import math
import os
import random
import time

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported, which reads it

import torch
from torch import nn
from torch.nn import functional as F

from rnnlib.batches import TextBatches
from rnnlib.checkpoints import write_atomically
from rnnlib.models import language_model
from rnnlib.text import load_corpus
from rnnlib.training import evaluate, evaluating, train_epoch
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
BOOK = {
    "chapter 9's recipe": {},
    "Adam": {"optimizer": "Adam", "lr": 2e-3},
    "GRU, Adam": {**GRU, "lr": 2e-3},
    "LSTM, Adam": {**LSTM, "lr": 2e-3},
    "LSTM, Adam, embedding": {**LSTM, "lr": 2e-3, **EMBEDDING},
    "LSTM, Adam, embedding, dropout": {**LSTM, "lr": 2e-3, **EMBEDDING, "dropout": 0.5},
}
PLANS = {
    "pages": {"contenders": PAGES, "hidden_size": 128, "patience": 10, "ends": (9_000, 10_000, 15_000)},
    "book": {"contenders": BOOK, "hidden_size": 256, "patience": 1, "ends": (0.9, 0.95, 1.0)},
}  # fmt: skip


@torch.no_grad()
def losses(model, corpus) -> list[float]:
    """The loss in nats, summed over each block of `corpus`, read from its beginning in one go."""
    with evaluating(model):
        logits, _ = model(corpus[None, :-1])
    each = F.cross_entropy(logits, corpus[1:], reduction="none")
    return [round(block.sum().item(), 3) for block in each.split(BLOCK)]


def build(vocab_size, hidden_size, seed, settings):
    torch.manual_seed(seed)
    model = language_model(
        settings["kind"], vocab_size, hidden_size, settings.get("num_layers", 1),
        settings.get("embedding_size"), settings.get("dropout", 0.0),
    )  # fmt: skip
    if settings.get("loud"):
        nn.init.normal_(model.rnn.weight_ih_l0)
    if settings.get("orthogonal"):
        nn.init.orthogonal_(model.rnn.weight_hh_l0)
    return model, getattr(torch.optim, settings["optimizer"])(model.parameters(), settings["lr"])


def run(parts, vocab_size, plan, settings, seed) -> dict:
    """One training, until the validation text says that nothing more comes."""
    learn, choose, test = parts
    model, optimizer = build(vocab_size, plan["hidden_size"], seed, settings)
    batches = TextBatches(learn, 32, 35, rng=random.Random(seed))
    found = {"train": [], "validation": [], "best_epoch": 0, "halved_after": []}
    best, waited, started, weights = math.inf, 0, time.process_time(), None
    while waited < plan["patience"] or len(found["halved_after"]) < HALVINGS:
        if waited == plan["patience"]:
            waited = 0
            model.load_state_dict(weights)
            found["halved_after"].append(len(found["train"]))
            for group in optimizer.param_groups:
                group["lr"] /= 2
        found["train"].append(round(train_epoch(model, batches, optimizer), 4))
        found["validation"].append(round(evaluate(model, choose), 4))
        waited += 1
        if found["validation"][-1] < best:
            best, waited, found["best_epoch"] = found["validation"][-1], 0, len(found["train"])
            weights = copy.deepcopy(model.state_dict())
    model.load_state_dict(weights)
    found["test"] = losses(model, test)
    found["cpu_seconds"] = round(time.process_time() - started)
    return found


def best_of(found: dict) -> float:
    return min(found["validation"])


def contend(name: str, added: dict, parts, vocab_size, plan, results, save) -> None:
    """Find the contender's rate with the first seed, then train the other seeds at this rate."""
    settings = {**BASE, **added}
    if len(results.get(name, {}).get("seeds", ())) == len(SEEDS):
        return
    entry = results.setdefault(name, {"settings": settings, "rates": {}, "lr": None, "seeds": {}})
    rates = {float(rate): found for rate, found in entry["rates"].items()}

    def tried(rate: float) -> float:
        if rate not in rates:
            rates[rate] = run(parts, vocab_size, plan, {**settings, "lr": rate}, SEEDS[0])
            entry["rates"][str(rate)] = rates[rate]
            save()
        return best_of(rates[rate])

    rate = settings["lr"]
    for factor in (0.5, 2.0):
        while tried(rate * factor) < tried(rate) * (1 - GAIN):
            rate *= factor
    entry["lr"], entry["seeds"][str(SEEDS[0])] = rate, rates[rate]
    for seed in SEEDS[1:]:
        if str(seed) not in entry["seeds"]:
            found = run(parts, vocab_size, plan, {**settings, "lr": rate}, seed)
            entry["seeds"][str(seed)] = found
            save()
    entry["rates"] = {
        rate: {"best": best_of(found), "epoch": found["best_epoch"]}
        for rate, found in rates.items()
    }
    save()
    each = (len(parts[2]) - 1) * math.log(2)
    bits = [sum(found["test"]) / each for found in entry["seeds"].values()]
    print(f"{name:34} lr {rate:<8g} test bits", *(f"{b:.3f}" for b in bits), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("plan", choices=PLANS)
    name = parser.parse_args().plan
    plan = PLANS[name]
    corpus, vocab = load_corpus()
    ends = [int(end * len(corpus)) if isinstance(end, float) else end for end in plan["ends"]]
    parts = corpus[: ends[0]], corpus[ends[0] : ends[1]], corpus[ends[1] : ends[2]]
    path = ROOT / "data" / "experiments" / f"ablation-{name}.json"
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def save() -> None:
        text = json.dumps(results, indent=None, separators=(",", ":"))
        write_atomically(path, lambda file: file.write((text + "\n").encode()))

    for contender, added in plan["contenders"].items():
        contend(contender, added, parts, len(vocab), plan, results, save)
