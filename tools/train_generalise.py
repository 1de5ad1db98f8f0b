"""Train the models of chapter 10 and store them with their histories.

    python -m tools.train_generalise                  with the text in data/
    python -m tools.train_generalise --data FOLDER    with the one in FOLDER
    python -m tools.train_generalise --only small     or: whole

The text is found as everywhere in the course: The Time Machine, or else the bundled sample
(name an empty folder, without a network, to get that). Two LSTMs are trained: "small" on the
first 9,000 characters, with the next 1,000 to choose by, and "whole" on the first 90% of the
text, with the next 5% to choose by; what is kept is the epoch that did best on those. The
history of "small" also holds the chapter's comparison of single changes, for three seeds.

Writes data/checkpoints/generalise-{small,whole}-{timemachine,sample}.pt, the weights as
16-bit numbers; about five minutes for The Time Machine, two for the sample. A training that
was interrupted goes on from its file `*.partial` when the tool is started again.
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
from rnnlib.text import find_text, load_corpus
from rnnlib.training import evaluate, train, train_epoch
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
CHANGES = {
    "as in chapter 9": {},
    "unit rows": {"unit_rows": True},
    "embedding": {"embedding_size": 128},
    "GRU": {"kind": "gru"},
    "LSTM": {"kind": "lstm"},
    "dropout": {"dropout": 0.5},
    "Adam, one cycle": {"adam": True},
    "more text": {"more_text": True},
}


def one_cycle(optimizer, batches: TextBatches, lr: float, num_epochs: int):
    """The learning rate up to `lr` and down again to nearly zero, over the whole training."""
    num_batches = (len(batches.corpus) - 1) // batches.batch_size // batches.num_steps
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=num_batches * num_epochs)


def train_and_save(name: str, recipe: dict, learn: Tensor, choose: Tensor, vocab, extra=None):
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
    save_model(target, model.half(), vocab, {**past, **(extra or {})})
    partial.unlink()
    return f"{target.name}: best epoch {past['best_epoch']}, bits {math.log2(past['best']):.3f}"


def try_change(
    corpus, vocab_size, seed, kind="rnn", embedding_size=None, dropout=0.0,
    unit_rows=False, adam=False, more_text=False,
) -> dict:  # fmt: skip
    """Chapter 9's recipe with 128 hidden units, stopped early, with one thing changed."""
    learn, choose, page = corpus[:9_000], corpus[9_000:10_000], corpus[10_000:15_000]
    num_epochs = 50
    if more_text:
        learn = torch.cat([learn, corpus[15_000:]])
        num_epochs = max(8, num_epochs * 9_000 // len(learn))  # fewer, since each is longer
    torch.manual_seed(seed)
    model = language_model(kind, vocab_size, 128, 1, embedding_size, dropout)
    if unit_rows:
        nn.init.normal_(model.rnn.weight_ih_l0)
        nn.init.orthogonal_(model.rnn.weight_hh_l0)
    batches = TextBatches(learn, 32, 35, rng=random.Random(seed))
    optimizer = scheduler = None
    if adam:
        optimizer = torch.optim.Adam(model.parameters(), 5e-3)
        scheduler = one_cycle(optimizer, batches, 5e-3, num_epochs)
    best = {"value": math.inf}

    def keep_best(epoch, history):
        if history["held_out"][-1] < best["value"]:
            best.update(value=history["held_out"][-1], epoch=epoch)
            best["weights"] = copy.deepcopy(model.state_dict())

    history = train(
        model, batches, num_epochs, optimizer=optimizer, scheduler=scheduler,
        held_out=choose, on_epoch=keep_best,
    )  # fmt: skip
    history["page_at_the_end"] = evaluate(model, page)
    model.load_state_dict(best["weights"])
    return {**history, "best_epoch": best["epoch"], "page": evaluate(model, page)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="FOLDER", help="where to look for the text")
    parser.add_argument("--only", choices=["small", "whole"], help="train just this one")
    options = parser.parse_args()
    path = find_text(options.data)
    corpus, vocab = load_corpus(path=path)
    started = time.perf_counter()
    if options.only != "small":
        recipe = LARGE if len(corpus) > 100_000 else SMALL
        learn_end, choose_end = int(0.9 * len(corpus)), int(0.95 * len(corpus))
        learn, choose = corpus[:learn_end], corpus[learn_end:choose_end]
        print(train_and_save(f"whole-{path.stem}", recipe, learn, choose, vocab))
        print(f"after {time.perf_counter() - started:.0f} s", flush=True)
    if options.only != "whole":
        changes = {
            name: [try_change(corpus, len(vocab), seed, **change) for seed in range(3)]
            for name, change in CHANGES.items()
        }
        learn, choose = corpus[:9_000], corpus[9_000:10_000]
        extra = {"changes": changes}
        print(train_and_save(f"small-{path.stem}", SMALL, learn, choose, vocab, extra))
        print(f"after {time.perf_counter() - started:.0f} s", flush=True)
