"""Train the three models of chapter 9 and store them with their histories.

    python -m tools.train_character_models

The recipe is that of section 8.5 of release 0.17 of *Dive into Deep Learning*: the first 10,000
characters of The Time Machine, 500 epochs. The next 5,000 are only evaluated. Writes
data/checkpoints/{rnn,gru,lstm}.pt; about three minutes.
"""

import os
import random
import time

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported, which reads it

import torch

from rnnlib.batches import TextBatches
from rnnlib.models import LAYERS, language_model, save_model
from rnnlib.text import FILE_NAME, find_text, load_corpus
from rnnlib.training import train
from tools.first_cell import ROOT

NUM_TRAIN, NUM_HELD_OUT, NUM_EPOCHS = 10_000, 5_000, 500


def train_and_save(kind: str) -> None:
    corpus, vocab = load_corpus(NUM_TRAIN + NUM_HELD_OUT)
    torch.manual_seed(0)
    model = language_model(kind, len(vocab), hidden_size=256)
    batches = TextBatches(corpus[:NUM_TRAIN], batch_size=32, num_steps=35, rng=random.Random(0))
    started = time.perf_counter()
    history = train(model, batches, NUM_EPOCHS, held_out=corpus[NUM_TRAIN:], evaluate_every=10)
    seconds = time.perf_counter() - started
    target = save_model(ROOT / "data" / "checkpoints" / f"{kind}.pt", model, vocab, history)
    print(
        f"{target.name}: {seconds:.0f} s, perplexity on the training text "
        f"{history['train'][-1]:.2f}, on the next characters {history['held_out'][-1]:.2f}"
    )


if __name__ == "__main__":
    if find_text().name != FILE_NAME:
        raise SystemExit("The Time Machine itself is needed: see data/README.md")
    for kind in LAYERS:
        train_and_save(kind)
