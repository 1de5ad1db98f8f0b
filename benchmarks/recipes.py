"""The quickest ways found to a low training perplexity, on the 10,000 characters of the book.

The network is the book's (one-hot input, `nn.RNN`'s function, 256 hidden units), and so is the
measure, the perplexity that one epoch of training reports. What differs is the start and the
optimizer:

- The input is one-hot, so a single row of the input weights acts at a time. Drawn with a
  standard deviation of 1, it moves the state as much as the state itself does; PyTorch's
  +-1/16 hardly does. Orthogonal recurrent weights keep the state's length.
- Adam instead of plain SGD, its learning rate rising for a tenth of the training and falling
  for the rest (`OneCycleLR`). Its averages are short, as are the trainings.

Found by trying learning rates, epochs, Adam's averages, clipping, batch sizes and numbers of
steps with seeds 0 to 2, counting processor time. With the book's minibatches of 32 x 35, 1.3
is reached after about 22 epochs and 1.1 after about 37; smaller or larger ones took longer,
and fewer epochs end above the target.
"""

import random
import time

import torch
from torch import nn

from rnnlib.batches import TextBatches
from rnnlib.models import language_model
from rnnlib.training import train

RECIPES = {
    "1.3": {"num_epochs": 27, "lr": 0.013},
    "1.1": {"num_epochs": 44, "lr": 0.01},
}
BATCH_SIZE, NUM_STEPS, BETAS = 32, 35, (0.8, 0.9)


def train_to(target: str, corpus: torch.Tensor, vocab_size: int, seed: int):
    """Train by the recipe for the perplexity `target`; the model, and what it took.

    That is a dict: the epochs and seconds until the target was reached (None if it was
    not), building the model included, and the perplexity of the last epoch.
    """
    started = time.perf_counter()
    recipe, rng = RECIPES[target], random.Random(seed)
    torch.manual_seed(seed)
    model = language_model("rnn", vocab_size, hidden_size=256)
    nn.init.normal_(model.layer.weight_ih_l0)
    nn.init.orthogonal_(model.layer.weight_hh_l0)
    batches = TextBatches(corpus, BATCH_SIZE, NUM_STEPS, rng=rng)
    optimizer = torch.optim.Adam(model.parameters(), recipe["lr"], betas=BETAS)
    most_minibatches = (len(corpus) - 1) // BATCH_SIZE // NUM_STEPS
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        recipe["lr"],
        total_steps=recipe["num_epochs"] * most_minibatches + 1,
        pct_start=0.1,
        cycle_momentum=False,
    )
    reached = {"epochs": None, "seconds": None}

    def look(epoch, history):
        if reached["epochs"] is None and history["train"][-1] <= float(target):
            reached.update(epochs=epoch, seconds=time.perf_counter() - started)

    history = train(
        model,
        batches,
        recipe["num_epochs"],
        optimizer=optimizer,
        scheduler=scheduler,
        on_epoch=look,
    )
    return model, reached | {"perplexity": history["train"][-1]}
