"""Train the models of chapter 12 and store how each did.

    python -m tools.train_words

The words of The Time Machine, in the three parts of chapter 10: 90% of the text to train on, 5%
to choose by, 5% for the verdict. Each word model follows one recipe: plain SGD, 20 rows of 35
words, gradients clipped to length 5, a learning rate of 1, held for four epochs and then divided
by 1.1 in each. What differs is the factor by which the mean loss is multiplied before its
gradient is taken (35 makes it the sum over the steps), the layer, and the dropout. A training
ends when PATIENCE epochs have brought no new best on the validation text. The letter model reads
the same pages letter by letter, trained as the whole-book LSTM of chapter 10. Three seeds each,
one process for each core, on a GPU if there is one; on the processor alone about twenty minutes of
one core for the words, and as much for the letters.

Writes data/experiments/words.json: for each contender and seed the perplexities by epoch, and,
with the best weights, the test text's loss in nats: of the word models summed over each block of
BLOCK words, of the letter models for each word, spelled with the blank after it. And
data/experiments/words.pt: the small letter model of seed 0, as 16-bit numbers.
"""

import copy
import json
import math
import os
import random
from concurrent.futures import ProcessPoolExecutor

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported, which reads it

import torch
from torch import nn
from torch.nn import functional as F

from rnnlib import text
from rnnlib.batches import TextBatches
from rnnlib.checkpoints import write_atomically
from rnnlib.models import language_model, save_model
from rnnlib.training import evaluate, evaluating, train_epoch
from tools.first_cell import ROOT

PATH = ROOT / "data" / "experiments" / "words.json"
SEEDS = 0, 1, 2
BLOCK = 50  # words
PATIENCE, MOST_EPOCHS = 4, 60
FACTORS = {"lstm": (1, 3.5, 10, 35, 70), "rnn": (0.35, 1, 3.5, 10, 35)}
LETTERS = {
    "letters": {"hidden_size": 128, "embedding_size": 64, "dropout": 0.3},
    "more letters": {"hidden_size": 256, "embedding_size": 256, "dropout": 0.45},
}
LETTER_RATE, LETTER_EPOCHS = 5e-3, 45


def parts_of_the_book() -> list[list[str]]:
    """The words of the training, validation and test lines."""
    lines = text.read_lines()
    length, place, parts = sum(map(len, lines)), 0, ([], [], [])
    for line in lines:
        part = (place >= 0.90 * length) + (place >= 0.95 * length)
        parts[part].extend(line.split())
        place += len(line)
    return parts


def device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


@torch.no_grad()
def losses(model, corpus):
    """The loss in nats of each token but the first, read from the beginning in one go."""
    with evaluating(model):
        logits, _ = model(corpus[None, :-1].to(device()))
    return F.cross_entropy(logits.cpu(), corpus[1:], reduction="none")


def run_words(kind, factor, dropout, seed) -> dict:
    """One training, until the validation text says that nothing more comes."""
    torch.set_num_threads(1)
    parts = parts_of_the_book()
    vocab = text.Vocab(parts[0], min_freq=2)
    learn, choose, test = (torch.tensor(vocab[words]) for words in parts)
    torch.manual_seed(seed)
    model = language_model(kind, len(vocab), 150, embedding_size=150, dropout=dropout)
    model.to(device())
    batches = TextBatches(learn, 20, 35, rng=random.Random(seed))
    # Of a loss that is factor times as large: the same step, and the same limit.
    optimizer = torch.optim.SGD(model.parameters(), lr=float(factor))
    found = {"train": [], "validation": [], "best_epoch": 0}
    for epoch in range(1, MOST_EPOCHS + 1):
        for group in optimizer.param_groups:
            group["lr"] = factor * 1.1 ** -max(0, epoch - 4)
        found["train"].append(round(train_epoch(model, batches, optimizer, 5 / factor), 4))
        found["validation"].append(round(evaluate(model, choose), 4))
        if found["validation"][-1] == min(found["validation"]):
            found["best_epoch"], weights = epoch, copy.deepcopy(model.state_dict())
        if epoch - found["best_epoch"] == PATIENCE:
            break
    model.load_state_dict(weights)
    blocks = losses(model, test).split(BLOCK)
    return {**found, "test": [round(block.sum().item(), 3) for block in blocks]}


def run_letters(seed, hidden_size, embedding_size, dropout) -> dict:
    """The LSTM that reads letters; of the small one the weights of seed 0 are kept."""
    torch.set_num_threads(1)
    spelled = [list("".join(word + " " for word in words)) for words in parts_of_the_book()]
    vocab = text.Vocab(spelled[0])
    learn, choose, test = (torch.tensor(vocab[letters]) for letters in spelled)
    torch.manual_seed(seed)
    model = language_model("lstm", len(vocab), hidden_size, 1, embedding_size, dropout)
    for gate in model.rnn.weight_hh_l0.chunk(4):
        nn.init.orthogonal_(gate.data)
    model.to(device())
    batches = TextBatches(learn, 32, 64, rng=random.Random(seed))
    optimizer = torch.optim.AdamW(model.parameters(), LETTER_RATE, weight_decay=0.02)
    total = (len(learn) - 1) // 32 // 64 * LETTER_EPOCHS
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, LETTER_RATE, total_steps=total)
    found = {"train": [], "validation": [], "best_epoch": 0}
    for epoch in range(1, LETTER_EPOCHS + 1):
        found["train"].append(round(train_epoch(model, batches, optimizer, 1.0, scheduler), 4))
        found["validation"].append(round(evaluate(model, choose), 4))
        if found["validation"][-1] == min(found["validation"]):
            found["best_epoch"], weights = epoch, copy.deepcopy(model.state_dict())
    model.load_state_dict(weights)
    model = model.half().float()
    ends = [place for place, letter in enumerate(spelled[2]) if letter == " "]
    sums = losses(model, test).cumsum(0)[torch.tensor(ends) - 1]  # a loss less than letters
    found["test"] = [round(cost, 3) for cost in sums.diff().tolist()]
    if (seed, hidden_size) == (0, 128):
        save_model(PATH.with_suffix(".pt"), model.half().cpu(), vocab)
    return found


if __name__ == "__main__":
    results = {}
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        for name, settings in LETTERS.items():
            for seed in SEEDS:
                job = pool.submit(run_letters, seed, **settings)
                results.setdefault(name, {})[seed] = job
        for dropout in (0.0, 0.5):
            for kind in ("lstm", "rnn"):
                for factor in FACTORS[kind]:
                    for seed in SEEDS:
                        job = pool.submit(run_words, kind, factor, dropout, seed)
                        results.setdefault(f"{kind} {factor} {dropout}", {})[seed] = job
        for name, jobs in results.items():
            for seed, job in jobs.items():
                found = jobs[seed] = job.result()
                best, test = min(found["validation"]), math.fsum(found["test"])
                print(f"{name:14} {seed}: validation {best:.2f}", end=" ")
                print(f"at {found['best_epoch']} of {len(found['train'])}", end=", ")
                print(f"test {test:.0f} nats", flush=True)
    content = json.dumps(results, separators=(",", ":")) + "\n"
    write_atomically(PATH, lambda file: file.write(content.encode()))
