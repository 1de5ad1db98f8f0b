"""Train the three models of chapter 9 and store them with their histories.

    python -m tools.train_character_models                  with the text in data/
    python -m tools.train_character_models --data FOLDER    with the one in FOLDER

The text is found as everywhere in the course: The Time Machine, or else the bundled sample
(name an empty folder, without a network, to get that). The recipe is that of section 8.5 of
*Dive into Deep Learning*: 10,000 characters, 500 epochs. The next 5,000 are only evaluated.
Writes data/checkpoints/{rnn,gru,lstm}-{timemachine,sample}.pt; about three minutes a text.
"""

import argparse
import os
import random
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported, which reads it

import torch

from rnnlib.batches import TextBatches
from rnnlib.models import LAYERS, language_model, save_model
from rnnlib.text import find_text, load_corpus
from rnnlib.training import train
from tools.first_cell import ROOT

NUM_TRAIN, NUM_HELD_OUT, NUM_EPOCHS = 10_000, 5_000, 500


def train_and_save(kind: str, path: Path) -> None:
    corpus, vocab = load_corpus(NUM_TRAIN + NUM_HELD_OUT, path=path)
    torch.manual_seed(0)
    model = language_model(kind, len(vocab), hidden_size=256)
    batches = TextBatches(corpus[:NUM_TRAIN], batch_size=32, num_steps=35, rng=random.Random(0))
    started = time.perf_counter()
    history = train(model, batches, NUM_EPOCHS, held_out=corpus[NUM_TRAIN:], evaluate_every=10)
    seconds = time.perf_counter() - started
    target = ROOT / "data" / "checkpoints" / f"{kind}-{path.stem}.pt"
    save_model(target, model, vocab, history)
    print(
        f"{target.name}: {seconds:.0f} s, perplexity on the training text "
        f"{history['train'][-1]:.2f}, on the next characters {history['held_out'][-1]:.2f}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="FOLDER", help="where to look for the text")
    text = find_text(parser.parse_args().data)
    for kind in LAYERS:
        train_and_save(kind, text)
