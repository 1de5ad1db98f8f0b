"""The tiny networks of chapters 1 and 2, trained on words -> every number of every step.

Nothing is left to a layer of PyTorch here: `trace` computes each step from the weights, by
the formulas of chapters 1 and 6, and hands out what it computes on the way.
"""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnlib.checks import each_of, one_of, real_number, whole_number

LETTERS = "oelh"
HIDDEN_SIZE = 8
# Word -> the answers to its letters: those of chapter 1 and of chapter 2.
ONE_WORD = {"hello": "ohlol"}
THREE_WORDS = {"hello": "ohlol", "hollo": "olleh", "olleh": "lolho"}
CELLS = {"rnn": nn.RNNCell, "lstm": nn.LSTMCell}
GATES = "ifgo"
MOST_UPDATES = 10_000  # of a trace; all that is to be seen happens within a few hundred


def index_columns(words: Sequence[str]) -> Tensor:
    """Words of equal length as indices `(num_steps, num_words)`: each word is a column.

    Raises `ValueError` or `TypeError` if they are not words of the letters o, e, l and h.
    """
    words = list(each_of("words", words, "a sequence of words"))
    for word in words:
        if not isinstance(word, str):
            raise TypeError(f"words must be str, got {type(word).__name__} among them")
        if not word or not set(word) <= set(LETTERS):
            raise ValueError(f"words must consist of the letters {LETTERS!r}, got {word!r}")
    if len(set(map(len, words))) != 1:
        raise ValueError(f"words must be at least one, all of equal length, got {words}")
    rows = zip(*words, strict=True)
    return torch.tensor([[LETTERS.index(letter) for letter in row] for row in rows])


def _columns(words) -> tuple[Tensor, Tensor]:
    """Words and their answers, as `index_columns` gives them."""
    if not isinstance(words, Mapping):
        raise TypeError(f"words must be a dict, word to answer, got {type(words).__name__}")
    inputs, targets = index_columns(list(words)), index_columns(list(words.values()))
    if inputs.shape != targets.shape:
        raise ValueError(f"words must have answers as long as they are, got {dict(words)}")
    return inputs, targets


def _check_weights(weights, kind: str) -> None:
    if not isinstance(weights, Mapping):
        raise TypeError(f"weights must be a dict of tensors, got {type(weights).__name__}")
    sums, num_letters = HIDDEN_SIZE * (1 if kind == "rnn" else len(GATES)), len(LETTERS)
    shapes = {
        "weight_ih": (sums, num_letters), "weight_hh": (sums, HIDDEN_SIZE),
        "weight_hq": (num_letters, HIDDEN_SIZE),
        "bias_ih": (sums,), "bias_hh": (sums,), "bias_hq": (num_letters,),
    }  # fmt: skip
    for name, shape in shapes.items():
        weight = weights.get(name)
        if not isinstance(weight, Tensor) or weight.dtype != torch.float32:
            found = weight.dtype if isinstance(weight, Tensor) else type(weight).__name__
            raise TypeError(f"weights[{name!r}] must be a tensor of torch.float32, got {found}")
        if weight.shape != shape:
            raise ValueError(
                f"weights[{name!r}] must have shape {shape}, got {tuple(weight.shape)}"
            )


def start_weights(kind: str, num_words: int, seed: int = 0) -> dict[str, Tensor]:
    """The weights that the chapters begin with, in PyTorch's layout and under its names.

    One word and no gates: the three linear layers of chapter 1. Else a cell of PyTorch and a
    linear layer, as in chapter 2. The same seed gives the same numbers as there.
    """
    one_of("kind", kind, tuple(CELLS))
    whole_number("num_words", num_words)
    whole_number("seed", seed, least=0, most=2**64 - 1)
    num_letters = len(LETTERS)
    torch.manual_seed(seed)
    if kind == "rnn" and num_words == 1:
        layers = {
            "ih": nn.Linear(num_letters, HIDDEN_SIZE),
            "hh": nn.Linear(HIDDEN_SIZE, HIDDEN_SIZE),
            "hq": nn.Linear(HIDDEN_SIZE, num_letters),
        }
        weights = {f"weight_{name}": layer.weight for name, layer in layers.items()}
        weights |= {f"bias_{name}": layer.bias for name, layer in layers.items()}
    else:
        weights = dict(CELLS[kind](num_letters, HIDDEN_SIZE).named_parameters())
        linear = nn.Linear(HIDDEN_SIZE, num_letters)
        weights |= {"weight_hq": linear.weight, "bias_hq": linear.bias}
    return {name: weight.detach() for name, weight in weights.items()}


def trace(weights: Mapping[str, Tensor], kind: str, words: Mapping[str, str]) -> list[dict]:
    """For each step what is computed in it: a dict of tensors, a row for each word.

    Keys: x (one-hot), h_before, z (the sum), h, logits, p (softmax), loss (of this step); for
    an LSTM also c_before, i, f, g, o (the gates; z holds their four sums side by side), c.
    Raises `TypeError` or `ValueError` if weights or words do not fit these networks.
    """
    one_of("kind", kind, tuple(CELLS))
    _check_weights(weights, kind)
    inputs, targets = _columns(words)
    inputs = F.one_hot(inputs, len(LETTERS)).float()
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
    kind: str, words: Mapping[str, str], num_updates: int, seed: int = 0, lr: float = 0.05
) -> Iterator[tuple[dict[str, Tensor], float]]:
    """Train as chapters 1 and 2 do; yield the weights and the loss after 0, 1, 2, ... updates.

    Adam on the mean loss of all letters. Like the chapters, which first watch ten epochs and
    then train on, it begins with a fresh Adam after ten updates.
    """
    whole_number("num_updates", num_updates, least=0)
    real_number("lr", lr)
    _columns(words)
    weights = start_weights(kind, len(words), seed)
    for weight in weights.values():
        weight.requires_grad_()
    for update in range(num_updates + 1):
        loss = torch.stack([step["loss"] for step in trace(weights, kind, words)]).mean()
        yield {name: weight.detach().clone() for name, weight in weights.items()}, loss.item()
        if update in (0, 10):
            optimizer = torch.optim.Adam(weights.values(), lr=lr)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def stepper_data(ages: Sequence[int] = (0, 5, 110), digits: int = 4) -> dict:
    """What the page shows step by step: the traces of all networks, as plain rounded numbers.

    `ages` are numbers of updates, up to 10,000, `digits` how many (0 to 15) are kept behind the
    point. "runs" holds one entry for each kind, set of words and age.
    What a step takes over from the last one (h_before, c_before) and the one-hot letter are
    left out, since the page has them already.
    """
    ages = list(each_of("ages", ages, "a sequence of numbers of updates"))
    for age in ages:
        whole_number("ages", age, least=0, most=MOST_UPDATES)
    if not ages:
        raise ValueError("ages must hold at least one number of updates, got none")
    whole_number("digits", digits, least=0, most=15)
    runs = []
    for kind in CELLS:
        for words in (ONE_WORD, THREE_WORDS):
            for updates, (weights, loss) in enumerate(train_weights(kind, words, max(ages))):
                if updates not in ages:
                    continue
                steps = [
                    {
                        name: _rounded(value, digits)
                        for name, value in step.items()
                        if name not in ("x", "h_before", "c_before")
                    }
                    for step in trace(weights, kind, words)
                ]
                run = {"kind": kind, "words": list(words), "targets": list(words.values())}
                runs.append(
                    {**run, "updates": updates, "loss": round(loss, digits), "steps": steps}
                )
    return {"name": "stepper", "letters": LETTERS, "hidden_size": HIDDEN_SIZE, "runs": runs}


def _rounded(tensor: Tensor, digits: int) -> list:
    if tensor.dim() > 1:
        return [_rounded(row, digits) for row in tensor]
    return [round(value, digits) + 0.0 for value in tensor.tolist()]  # + 0.0 turns -0.0 into 0.0
