"""Train the two GRUs of the page "The network, live" and store them with their histories.

    python -m live.build.train

Both have 160 units and one-hot input, small enough to be sent with a web page. "by-heart"
learns from the first 10,000 characters of The Time Machine by the recipe of chapter 9, 500
times over. "whole-book" learns from the first 90% of the book; the epoch that does best on
the next 5% is kept, and the last 5% is not touched. Writes
data/checkpoints/live-gru-{by-heart,whole-book}.pt, the weights as 16-bit numbers; about two
minutes each. `python -m live.build.export` makes the page's files from them.
"""

import copy
import math
import random
import sys

import torch
from torch import Tensor, nn

from live.build.export import CHECKPOINTS
from rnnlib.batches import TextBatches
from rnnlib.models import language_model, save_model
from rnnlib.text import FILE_NAME, find_text, load_corpus
from rnnlib.training import train

HIDDEN_SIZE = 160


def train_by_heart(corpus: Tensor, vocab) -> tuple:
    torch.manual_seed(0)
    model = language_model("gru", len(vocab), HIDDEN_SIZE)
    batches = TextBatches(corpus[:10_000], batch_size=32, num_steps=35, rng=random.Random(0))
    return model, train(model, batches, num_epochs=500)


def train_whole_book(corpus: Tensor, vocab) -> tuple:
    learn_end, choose_end = int(0.9 * len(corpus)), int(0.95 * len(corpus))
    learn, choose = corpus[:learn_end], corpus[learn_end:choose_end]
    batch_size, num_steps, num_epochs, lr = 32, 50, 50, 8e-3
    torch.manual_seed(0)
    model = language_model("gru", len(vocab), HIDDEN_SIZE, dropout=0.5)
    nn.init.normal_(model.rnn.weight_ih_l0)
    for gate in model.rnn.weight_hh_l0.chunk(3):
        nn.init.orthogonal_(gate.data)
    batches = TextBatches(learn, batch_size, num_steps, rng=random.Random(0))
    optimizer = torch.optim.AdamW(model.parameters(), lr, weight_decay=0.03)
    num_updates = num_epochs * (len(learn) // batch_size // num_steps)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=num_updates)
    best = {"value": math.inf}

    def keep_best(epoch, history):
        value = history["held_out"][-1]
        if value is not None and value < best["value"]:
            best.update(value=value, epoch=epoch, weights=copy.deepcopy(model.state_dict()))

    history = train(
        model, batches, num_epochs, optimizer=optimizer, scheduler=scheduler,
        held_out=choose, evaluate_every=5, on_epoch=keep_best,
    )  # fmt: skip
    model.load_state_dict(best["weights"])
    return model, {**history, "best_epoch": best["epoch"], "best": best["value"]}


def main() -> None:
    if find_text().name != FILE_NAME:  # the sample would give other networks
        sys.exit("The page's networks are trained on The Time Machine, which is not here.")
    torch.set_num_threads(1)
    corpus, vocab = load_corpus()
    for name, run in {"by-heart": train_by_heart, "whole-book": train_whole_book}.items():
        model, history = run(corpus, vocab)
        path = CHECKPOINTS / f"live-gru-{name}.pt"
        save_model(path, model.half(), vocab, history)
        print(f"{path.name}: training perplexity {history['train'][-1]:.3f}", flush=True)


if __name__ == "__main__":
    main()
