"""Generated texts against one token at a time, and draws against the probabilities they follow."""

import pytest
import torch
from torch import nn

from rnnlib.generation import generate, generate_batch, next_token
from rnnlib.models import LanguageModel, language_model
from rnnlib.text import Vocab

VOCAB = Vocab(list("abcdefghi"))
LOGITS = torch.tensor([0.5, 2.0, -1.0, 2.0, 1.0])
MODELS = {
    "rnn": {}, "gru": {}, "lstm": {},
    "gru, two layers": {"num_layers": 2}, "lstm, embedded": {"embedding_size": 3, "dropout": 0.5},
}  # fmt: skip
each_model = pytest.mark.parametrize("name", MODELS)


def make(name):
    torch.manual_seed(1)
    model = language_model(name.split(",")[0], 10, 8, **MODELS[name])
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(4)
    return model


def one_token_at_a_time(model, prefix, num_tokens):
    model.eval()
    indices = VOCAB[list(prefix)]
    for _ in range(num_tokens):
        logits, _ = model(torch.tensor([indices]))
        indices.append(int(logits[-1].argmax()))
    return VOCAB.to_tokens(indices)


def test_greedy_takes_the_largest_and_of_equal_ones_the_first():
    assert next_token(LOGITS) == 1
    assert next_token(LOGITS.numpy()) == 1
    assert next_token(torch.stack([LOGITS, LOGITS.flip(0)])) == [1, 1]
    for options in ({"top_k": 1}, {"top_p": 0.0}, {"top_p": 0.3}):
        assert {next_token(LOGITS, 1.0, **options) for _ in range(50)} == {1}


@pytest.mark.parametrize(("options", "kept"), [
    ({}, [0, 1, 2, 3, 4]), ({"top_k": 3}, [1, 3, 4]), ({"top_k": 9}, [0, 1, 2, 3, 4]),
    ({"top_p": 0.6}, [1, 3]), ({"top_p": 0.9}, None), ({"top_p": 1.0}, [0, 1, 2, 3, 4]),
    ({"top_k": 2, "top_p": 0.9}, [1, 3]),
])  # fmt: skip
@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_tokens_are_drawn_as_often_as_their_softmax_says(options, kept, temperature):
    if options.get("top_p", 1) < 1:
        kept = None
    torch.manual_seed(0)
    many = torch.tensor(next_token(LOGITS.repeat(20_000, 1), temperature, **options))
    shares = torch.bincount(many, minlength=5) / 20_000
    if kept is None:  # which stay depends on the temperature, how often they come does not
        kept = shares.nonzero().flatten().tolist()
    expected = torch.zeros(5)
    expected[kept] = torch.softmax(LOGITS[kept] / temperature, 0)
    torch.testing.assert_close(shares, expected, rtol=0, atol=0.015)


def test_as_few_tokens_stay_as_have_the_probability_together():
    probabilities = torch.tensor([0.1, 0.4, 0.3, 0.2])
    for top_p, kept in ((0.35, {1}), (0.45, {1, 2}), (0.75, {1, 2, 3}), (0.95, {0, 1, 2, 3})):
        drawn = next_token(probabilities.log().repeat(2000, 1), 1.0, top_p=top_p)
        assert set(drawn) == kept


def test_draws_come_from_the_generator():
    drawn = [[next_token(LOGITS, 1.0, generator=torch.Generator().manual_seed(seed))
              for seed in range(30)] for _ in range(2)]  # fmt: skip
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) > 2


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_logits_that_are_no_numbers_are_an_error(temperature):
    with pytest.raises(ValueError, match="NaN"):
        next_token(torch.tensor([0.0, float("nan")]), temperature)


def test_a_tiny_temperature_does_not_overflow():
    assert next_token(torch.tensor([1e4, 1e4 - 1, -1e4]), 1e-30) == 0


@each_model
@pytest.mark.parametrize("prefix", ["a", "badge?"])
def test_the_default_is_the_greedy_text(name, prefix):
    model = make(name).train()
    found = generate(model, VOCAB, prefix, 12)
    assert model.training
    expected = one_token_at_a_time(model, prefix, 12)
    assert found == "".join(expected)
    assert generate(model, VOCAB, list(prefix), 12) == expected
    assert generate(model, VOCAB, prefix, 0) == "".join(expected[: len(prefix)])


@each_model
@pytest.mark.parametrize("num_tokens", [0, 1, 9])
def test_texts_of_a_batch_are_those_of_each_prefix_alone(name, num_tokens):
    model = make(name)
    prefixes = ["abc", "i", ["h", "a"], "abc", "fedcba"]
    found = generate_batch(model, VOCAB, prefixes, num_tokens)
    assert found == [generate(model, VOCAB, prefix, num_tokens) for prefix in prefixes]
    assert generate_batch(model, VOCAB, ["badge"], num_tokens) == [
        generate(model, VOCAB, "badge", num_tokens)
    ]


@each_model
def test_equal_seeds_give_equal_texts(name):
    model = make(name)
    texts = [
        generate(model, VOCAB, "a", 40, 1.5, generator=torch.Generator().manual_seed(seed))
        for seed in (0, 0, 1)
    ]
    assert texts[0] == texts[1] != texts[2]
    drawn = generate_batch(model, VOCAB, ["a", "a", "b"], 40, 1.5, top_k=8, top_p=0.95)
    assert len(set(drawn)) == 3


def test_an_empty_prefix_of_a_batch_is_not_taken_for_unk():
    with pytest.raises(ValueError, match="at least one token"):
        generate_batch(make("rnn"), VOCAB, ["a", ""], 3)


class OwnModel(nn.Module):
    """The next letter is always the one after this one; the state counts the steps."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.eye(10).roll(1, 1))

    def begin_state(self, batch_size=1):
        return torch.zeros(batch_size)

    def forward(self, X, state):
        return self.weight[X.T.flatten()], state + 1


def test_a_model_of_ones_own_writes():
    assert generate(OwnModel(), VOCAB, "a", 5) == "abcdef"
    assert generate_batch(OwnModel(), VOCAB, ["a", "cd"], 3) == ["abcd", "cdefg"]


def test_generation_builds_no_graph():
    model = LanguageModel(nn.GRU(10, 8, 2), 10)
    generate(model, VOCAB, "a", 3)
    assert all(p.grad is None for p in model.parameters())
