"""Train the models of chapter 10 and store them with their histories.

    python -m tools.train_generalise                  both
    python -m tools.train_generalise --only small     or: whole

Two LSTMs are trained on The Time Machine: "small" on the first 9,000 characters, with the next
1,000 as validation text, and "whole" on the first 90% of the book, with the next 5% as validation
text. What is kept is the epoch that did best on the validation text.

Writes data/checkpoints/generalise-{small,whole}.pt, the weights as 16-bit numbers; about five
minutes. A training that was interrupted goes on from its file `*.partial` when the tool is started
again.
"""

import argparse
import copy
import math
import os
import random
import time

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported, which reads it

import torch
from torch import Tensor, nn

from examples.resume import load_training, save_training
from rnnlib.batches import TextBatches
from rnnlib.models import language_model, save_model
from rnnlib.text import FILE_NAME, find_text, load_corpus
from rnnlib.training import evaluate, train_epoch
from tools.first_cell import ROOT

CHECKPOINTS = ROOT / "data" / "checkpoints"
SMALL = {
    "size": 192, "dropout": 0.75, "lr": 4e-3, "weight_decay": 0.1,
    "batch_size": 8, "num_steps": 35, "num_epochs": 100, "evaluate_every": 1,
}  # fmt: skip
LARGE = {
    "size": 256, "dropout": 0.45, "lr": 5e-3, "weight_decay": 0.02,
    "batch_size": 32, "num_steps": 64, "num_epochs": 45, "evaluate_every": 3,
}  # fmt: skip


def one_cycle(optimizer, batches: TextBatches, lr: float, num_epochs: int):
    """The learning rate up to `lr` and down again to nearly zero, over the whole training."""
    num_batches = (len(batches.corpus) - 1) // batches.batch_size // batches.num_steps
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=num_batches * num_epochs)


def train_and_save(name: str, recipe: dict, learn: Tensor, choose: Tensor, vocab):
    """Train an LSTM on `learn`, keep its best epoch on `choose`, write it to file `name`."""
    target = CHECKPOINTS / f"generalise-{name}.pt"
    partial = target.with_suffix(".partial")
    size, num_epochs = recipe["size"], recipe["num_epochs"]
    torch.manual_seed(0)
    model = language_model("lstm", len(vocab), size, 1, size, recipe["dropout"])
    for gate in model.rnn.weight_hh_l0.chunk(4):
        nn.init.orthogonal_(gate.data)
    rng = random.Random(0)
    batches = TextBatches(learn, recipe["batch_size"], recipe["num_steps"], rng=rng)
    optimizer = torch.optim.AdamW(
        model.parameters(), recipe["lr"], weight_decay=recipe["weight_decay"]
    )
    scheduler = one_cycle(optimizer, batches, recipe["lr"], num_epochs)
    parts = model, optimizer, scheduler, rng
    past = {"epoch": [], "train": [], "held_out": [], "best_epoch": 0, "best": math.inf}
    progress = {"history": past, "weights": None}
    if partial.exists():
        progress = load_training(partial, *parts)
        past = progress["history"]
    for epoch in range(len(past["epoch"]) + 1, num_epochs + 1):
        past["epoch"].append(epoch)
        past["train"].append(train_epoch(model, batches, optimizer, scheduler=scheduler))
        due = epoch == 1 or epoch % recipe["evaluate_every"] == 0 or epoch == num_epochs
        past["held_out"].append(evaluate(model, choose) if due else None)
        if due and past["held_out"][-1] < past["best"]:
            past.update(best=past["held_out"][-1], best_epoch=epoch)
            progress["weights"] = copy.deepcopy(model.state_dict())
        save_training(partial, *parts, progress)
    model.load_state_dict(progress["weights"])
    save_model(target, model.half(), vocab, past)
    partial.unlink()
    return f"{target.name}: best epoch {past['best_epoch']}, bits {math.log2(past['best']):.3f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=["small", "whole"], help="train just this one")
    only = parser.parse_args().only
    if find_text().name != FILE_NAME:
        raise SystemExit("The Time Machine itself is needed: see data/README.md")
    corpus, vocab = load_corpus()
    started = time.perf_counter()
    plans = {
        "whole": (LARGE, int(0.9 * len(corpus)), int(0.95 * len(corpus))),
        "small": (SMALL, 9_000, 10_000),
    }
    for name, (recipe, end, validation_end) in plans.items():
        if only in (None, name):
            learn, choose = corpus[:end], corpus[end:validation_end]
            print(train_and_save(name, recipe, learn, choose, vocab))
            print(f"after {time.perf_counter() - started:.0f} s", flush=True)
