"""The tiny networks of chapters 1 and 2, trained on words -> their weights, for the page.

The page computes every number of every step from the weights. `trace` does the same here, by
the formulas of chapters 1 and 6, for the training, a picture and the tests.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from live.build.scripts import encode

LETTERS = "oelh"
HIDDEN_SIZE = 8
# Word -> the answers to its letters: those of chapter 1 and of chapter 2.
ONE_WORD = {"hello": "ohlol"}
THREE_WORDS = {"hello": "ohlol", "hollo": "olleh", "olleh": "lolho"}
CELLS = {"rnn": nn.RNNCell, "lstm": nn.LSTMCell}
UPDATES = (0, 5, 110)  # the ages at which the page shows a network


def index_columns(words) -> Tensor:
    """Words of equal length as indices `(num_steps, num_words)`: each word is a column."""
    rows = zip(*words, strict=True)
    return torch.tensor([[LETTERS.index(letter) for letter in row] for row in rows])


def start_weights(kind: str, num_words: int) -> dict[str, Tensor]:
    """The weights that the chapters begin with, in PyTorch's layout and under its names.

    One word and no gates: the three linear layers of chapter 1. Else a cell of PyTorch and a
    linear layer, as in chapter 2.
    """
    torch.manual_seed(0)
    if kind == "rnn" and num_words == 1:
        ih, hh = nn.Linear(len(LETTERS), HIDDEN_SIZE), nn.Linear(HIDDEN_SIZE, HIDDEN_SIZE)
        weights = {"weight_ih": ih.weight, "bias_ih": ih.bias}
        weights |= {"weight_hh": hh.weight, "bias_hh": hh.bias}
    else:
        weights = dict(CELLS[kind](len(LETTERS), HIDDEN_SIZE).named_parameters())
    linear = nn.Linear(HIDDEN_SIZE, len(LETTERS))
    weights |= {"weight_hq": linear.weight, "bias_hq": linear.bias}
    return {name: weight.detach() for name, weight in weights.items()}


def trace(weights: dict[str, Tensor], kind: str, words: dict[str, str]) -> list[dict]:
    """For each step what is computed in it: a dict of tensors, a row for each word.

    Keys: x (one-hot), h_before, z (the sum), h, logits, p (softmax), loss (of this step); for
    an LSTM also c_before, i, f, g, o (the gates; z holds their four sums side by side), c.
    """
    inputs = F.one_hot(index_columns(words), len(LETTERS)).float()
    targets = index_columns(words.values())
    h = c = torch.zeros(len(words), HIDDEN_SIZE)
    steps = []
    for x, target in zip(inputs, targets, strict=True):
        step = {"x": x, "h_before": h}
        from_input = x @ weights["weight_ih"].T + weights["bias_ih"]
        from_state = h @ weights["weight_hh"].T + weights["bias_hh"]
        step["z"] = z = from_input + from_state
        if kind == "rnn":
            h = torch.tanh(z)
        else:
            i, f, g, o = z.chunk(4, dim=1)
            i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
            step |= {"c_before": c, "i": i, "f": f, "g": g, "o": o}
            step["c"] = c = f * c + i * g
            h = o * torch.tanh(c)
        step["h"] = h
        step["logits"] = logits = h @ weights["weight_hq"].T + weights["bias_hq"]
        step["p"] = torch.softmax(logits, dim=1)
        step["loss"] = F.cross_entropy(logits, target, reduction="none")
        steps.append(step)
    return steps


def train_weights(
    kind: str, words: dict[str, str], num_updates: int
) -> Iterator[tuple[dict[str, Tensor], float]]:
    """Train as chapters 1 and 2 do; yield the weights and the loss after 0, 1, 2, ... updates.

    Adam on the mean loss of all letters, with a fresh Adam after ten updates.
    """
    weights = start_weights(kind, len(words))
    for weight in weights.values():
        weight.requires_grad_()
    for update in range(num_updates + 1):
        loss = torch.stack([step["loss"] for step in trace(weights, kind, words)]).mean()
        yield {name: weight.detach().clone() for name, weight in weights.items()}, loss.item()
        if update in (0, 10):
            optimizer = torch.optim.Adam(weights.values(), lr=0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def stepper_data() -> dict:
    """The weights of all networks, an entry under "runs" for each kind, set of words and age.

    They are 32-bit floats as they are, in base64; nothing is rounded.
    """
    runs = []
    for kind in CELLS:
        for words in (ONE_WORD, THREE_WORDS):
            for updates, (weights, _) in enumerate(train_weights(kind, words, max(UPDATES))):
                if updates in UPDATES:
                    run = {"kind": kind, "words": list(words), "targets": list(words.values())}
                    encoded = {name: encode(weight) for name, weight in weights.items()}
                    runs.append({**run, "updates": updates, "weights": encoded})
    return {"name": "stepper", "letters": LETTERS, "hidden_size": HIDDEN_SIZE, "runs": runs}
