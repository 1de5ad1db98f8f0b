"""The package d2l 0.17.0, as its book uses it: its loop, its loader, its model, its text.

Only `train_ch8` is not called, but the function that it calls for each epoch: it would also
draw a figure, and write two texts every ten epochs.
"""

import os
import tempfile
from pathlib import Path

import torch
from real_d2l import d2l
from torch import nn

from rnnlib import text

LAYERS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
CPU = torch.device("cpu")

# d2l reads the text from `../data`, checks it, and would download it if it did not agree.
folder = tempfile.TemporaryDirectory()
for name in ("data", "chapters"):
    (Path(folder.name) / name).mkdir()
content = text.find_text().read_bytes()
(Path(folder.name) / "data" / text.FILE_NAME).write_bytes(content)
d2l.DATA_HUB["time_machine"] = (d2l.DATA_HUB["time_machine"][0], text.sha1(content))
os.chdir(Path(folder.name) / "chapters")
corpus, vocab = d2l.load_corpus_time_machine()


def model(kind: str, hidden_size: int):
    return d2l.RNNModel(LAYERS[kind](len(vocab), hidden_size), len(vocab))


def minibatches(num_characters: int, batch_size: int, num_steps: int):
    return d2l.SeqDataLoader(batch_size, num_steps, False, num_characters)


def epoch(net, batches, optimizer) -> float:
    loss = nn.CrossEntropyLoss()
    return d2l.train_epoch_ch8(net, batches, loss, optimizer, CPU, use_random_iter=False)[0]


def continue_texts(net, prefixes: list[str], num_characters: int) -> list[str]:
    return [d2l.predict_ch8(prefix, num_characters, net, vocab, CPU) for prefix in prefixes]


def renamed(weights: dict) -> dict:
    """The weights of an rnnlib model under d2l's names."""
    return {name.replace("layer.", "rnn."): weight for name, weight in weights.items()}
