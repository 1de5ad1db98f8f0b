"""The traces of the tiny networks: the chapters' own trainings, and PyTorch's own numbers."""

import json
import re
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rnnlib.export import read_script, script
from rnnlib.traces import (
    LETTERS,
    ONE_WORD,
    THREE_WORDS,
    index_columns,
    start_weights,
    stepper_data,
    trace,
    train_weights,
)

ROOT = Path(__file__).resolve().parent.parent
LAYERS = {"rnn": nn.RNN, "lstm": nn.LSTM}
for_all_networks = pytest.mark.parametrize("kind", LAYERS)
for_all_words = pytest.mark.parametrize("words", [ONE_WORD, THREE_WORDS], ids=["one", "three"])
close = torch.testing.assert_close


@pytest.fixture(scope="module")
def data():
    return stepper_data()


def printed_losses(chapter: str) -> list[str]:
    """The losses of the first ten epochs, as the chapter's stored output shows them."""
    notebook = json.loads((ROOT / "chapters" / chapter).read_text(encoding="utf-8"))
    outputs = [out for cell in notebook["cells"] for out in cell.get("outputs", [])]
    texts = ["".join(out.get("text", [])) for out in outputs]
    text = next(text for text in texts if text.startswith("epoch  1"))
    return re.findall(r"^epoch +\d+  loss ([\d.]+) ", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("chapter", "words"),
    [("01-basic-code.ipynb", ONE_WORD), ("02-rnncell.ipynb", THREE_WORDS)],
)
def test_training_is_the_one_that_the_chapter_shows(chapter, words):
    losses = [f"{loss:.4f}" for _, loss in train_weights("rnn", words, 9)]
    assert losses == printed_losses(chapter)


@for_all_networks
@for_all_words
@pytest.mark.parametrize("num_updates", [0, 3])
def test_every_number_is_that_of_the_layer_of_pytorch(kind, words, num_updates):
    *_, (weights, _) = train_weights(kind, words, num_updates)
    steps = trace(weights, kind, words)
    layer, linear = LAYERS[kind](4, 8), nn.Linear(8, 4)
    layer.load_state_dict({f"{n}_l0": w for n, w in weights.items() if n.endswith(("ih", "hh"))})
    linear.load_state_dict({"weight": weights["weight_hq"], "bias": weights["bias_hq"]})
    inputs = F.one_hot(index_columns(list(words)), 4).float()
    targets = index_columns(list(words.values()))
    h = c = torch.zeros(1, len(words), 8)
    for t, step in enumerate(steps):
        assert step["x"].tolist() == inputs[t].tolist()
        close(step["h_before"], h[0])
        if kind == "lstm":
            close(step["c_before"], c[0])
            output, (h, c) = layer(inputs[t : t + 1], (h, c))
            close(step["c"], c[0])
            close(step["h"], step["o"] * torch.tanh(step["c"]))
            close(step["z"][:, 8:16], torch.logit(step["f"]), rtol=1e-3, atol=1e-4)
        else:
            output, h = layer(inputs[t : t + 1], h)
            close(step["h"], torch.tanh(step["z"]))
        close(step["h"], output[0])
        close(step["logits"], linear(output[0]))
        close(step["p"], linear(output[0]).softmax(dim=1))
        close(step["loss"], F.cross_entropy(linear(output[0]), targets[t], reduction="none"))


def test_one_word_starts_as_the_network_of_chapter_1():
    torch.manual_seed(0)
    layers = [nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 4)]
    weights = start_weights("rnn", 1)
    for name, layer in zip(("ih", "hh", "hq"), layers, strict=True):
        assert torch.equal(weights[f"weight_{name}"], layer.weight)
        assert torch.equal(weights[f"bias_{name}"], layer.bias)


@for_all_networks
def test_training_goes_on_with_a_fresh_adam_after_ten_updates(kind):
    weights = start_weights(kind, 3)
    for weight in weights.values():
        weight.requires_grad_()
    for num_updates in (10, 2):
        optimizer = torch.optim.Adam(weights.values(), lr=0.05)
        for _ in range(num_updates):
            losses = [step["loss"] for step in trace(weights, kind, THREE_WORDS)]
            optimizer.zero_grad()
            torch.stack(losses).mean().backward()
            optimizer.step()
    *_, (trained, _) = train_weights(kind, THREE_WORDS, 12)
    close(trained, {name: weight.detach() for name, weight in weights.items()})


def test_data_holds_the_traces_rounded_for_every_choice_on_the_page(data):
    choices = {(r["kind"], len(r["words"]), r["updates"]) for r in data["runs"]}
    assert choices == {(k, n, u) for k in LAYERS for n in (1, 3) for u in (0, 5, 110)}
    for run in data["runs"]:
        words = dict(zip(run["words"], run["targets"], strict=True))
        *_, (weights, loss) = train_weights(run["kind"], words, run["updates"])
        assert run["loss"] == round(loss, 4)
        for step, stored in zip(trace(weights, run["kind"], words), run["steps"], strict=True):
            for name in stored:
                close(torch.tensor(stored[name]), step[name], rtol=0, atol=5.1e-5)


def test_trained_networks_give_the_right_answers_and_untrained_ones_do_not(data):
    for run in data["runs"]:
        answers = [
            "".join(LETTERS[max(range(4), key=step["p"][b].__getitem__)] for step in run["steps"])
            for b in range(len(run["words"]))
        ]
        assert (answers == run["targets"]) == (
            run["updates"] == 110 or (run["kind"], run["updates"], len(answers)) == ("rnn", 5, 1)
        )


def test_data_makes_a_small_script(data, tmp_path):
    path = tmp_path / "stepper.js"
    path.write_bytes(script(data))
    assert len(path.read_bytes()) < 80_000
    assert not re.findall(rb"-0\.0[],]", path.read_bytes())
    assert read_script(path) == data


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: start_weights("gru", 1),
            ValueError,
            "kind must be one of 'rnn', 'lstm', got 'gru'",
        ),
        (lambda: start_weights("rnn", 0), ValueError, "num_words must be at least 1, got 0"),
        (lambda: trace({}, "tanh", ONE_WORD), ValueError, "kind must be one of"),
        (lambda: index_columns(["hello", "oh"]), ValueError, "words must be at least one"),
        (lambda: index_columns([]), ValueError, "words must be at least one, all of equal length"),
        (lambda: index_columns(None), TypeError, "words must be a sequence of words, got NoneType"),
        (lambda: index_columns([1]), TypeError, "words must be str, got int among them"),
        (lambda: index_columns(["hi"]), ValueError, "words must consist of the letters 'oelh'"),
        (lambda: start_weights("rnn", 1, "0"), TypeError, "seed must be an int, got str"),
        (lambda: trace(None, "rnn", ONE_WORD), TypeError, "weights must be a dict of tensors"),
        (lambda: trace({}, "rnn", ONE_WORD), TypeError, r"weights\['weight_ih'\] must be a tensor"),
        (
            lambda: trace(start_weights("lstm", 1), "rnn", ONE_WORD),
            ValueError,
            r"weights\['weight_ih'\] must have shape \(8, 4\), got \(32, 4\)",
        ),
        (
            lambda: trace(start_weights("rnn", 1), "rnn", ["hello"]),
            TypeError,
            "words must be a dict, word to answer, got list",
        ),
        (lambda: next(train_weights("rnn", None, 1)), TypeError, "words must be a dict"),
        (lambda: next(train_weights("rnn", ONE_WORD, 1, lr="1")), TypeError, "lr must be a number"),
        (lambda: stepper_data(3), TypeError, "ages must be a sequence of numbers of updates"),
        (lambda: stepper_data([]), ValueError, "ages must hold at least one number of updates"),
        (lambda: stepper_data([10**9]), ValueError, "ages must be at most 10000, got 1000000000"),
        (lambda: stepper_data([0], None), TypeError, "digits must be an int, got NoneType"),
        (
            lambda: trace(start_weights("rnn", 1), "rnn", {"hello": "oh"}),
            ValueError,
            "words must have answers",
        ),
        (
            lambda: list(train_weights("rnn", ONE_WORD, -1)),
            ValueError,
            "num_updates must be at least 0, got -1",
        ),
    ],
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error, match=f"^{message}"):
        call()
