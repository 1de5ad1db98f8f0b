"""How much a prediction depends on each character before it."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rnnlib.models import LanguageModel, language_model
from rnnlib.reach import reach

TEXT = torch.tensor([3, 1, 4, 1, 5, 2, 6, 5])


def seeded_model(kind="rnn", **options):
    torch.manual_seed(0)
    return language_model(kind, 7, 5, **options)


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_pulls_are_the_slopes_that_small_changes_of_an_input_show(kind):
    model = seeded_model(kind).double()
    inputs = F.one_hot(TEXT, 7).double()

    @torch.no_grad()
    def logit(x, at):
        output, _ = model.layer(x[:at, None])
        return model.linear(output[-1, 0])[TEXT[at]]

    for k, pulls in enumerate(reach(model, TEXT, first=3)):
        at = 3 + k
        for place in range(at):
            slopes = []
            for column in range(7):
                moved = inputs.clone()
                moved[place, column] += 1e-6
                slopes.append((logit(moved, at) - logit(inputs, at)) / 1e-6)
            expected = torch.stack(slopes).norm()
            torch.testing.assert_close(pulls[place], expected, rtol=1e-4, atol=1e-7)


def test_there_is_one_entry_for_each_character_from_the_first_on():
    assert [len(pulls) for pulls in reach(seeded_model(), TEXT)] == [1, 2, 3, 4, 5, 6, 7]
    assert [len(pulls) for pulls in reach(seeded_model(), TEXT, first=6)] == [6, 7]


def test_network_without_a_memory_depends_on_the_last_character_only():
    model = seeded_model()
    nn.init.zeros_(model.layer.weight_hh_l0)
    for pulls in reach(model, TEXT):
        assert pulls[:-1].count_nonzero() == 0
        assert pulls[-1] > 0


def test_embedded_tokens_have_a_reach_too():
    pulls = reach(seeded_model("lstm", embedding_size=3), TEXT)
    assert all((pull > 0).all() for pull in pulls)


def test_model_is_left_as_it_was():
    model = LanguageModel(nn.RNN(7, 5), 7, dropout=0.5).train()
    first, second = reach(model, TEXT), reach(model, TEXT)
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one, other)  # no dropout
    assert model.training
    assert all(weight.grad is None for weight in model.parameters())


@pytest.mark.parametrize("embedding_size", [None, 3])
@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_gradients_are_not_needed_outside(context, embedding_size):
    model = seeded_model(embedding_size=embedding_size)
    expected = reach(model, TEXT)
    with context():
        pulls = reach(model, TEXT.clone())
    for one, other in zip(pulls, expected, strict=True):
        assert torch.equal(one, other)


def test_each_part_of_the_model_gets_its_own_mode_back():
    model = seeded_model(dropout=0.5).train()
    model.layer.eval()
    reach(model, TEXT)
    assert [part.training for part in (model, model.layer, model.dropout)] == [True, False, True]


@pytest.mark.parametrize("model", [None, nn.RNN(7, 5), LanguageModel])
def test_another_model_is_named(model):
    with pytest.raises(TypeError, match=r"^model must be a LanguageModel, got "):
        reach(model, TEXT)


def test_model_on_another_device_is_named():
    with pytest.raises(ValueError, match=r"^indices must be on meta, as the model, got cpu$"):
        reach(seeded_model().to("meta"), TEXT)


@pytest.mark.parametrize(
    ("indices", "first", "error", "message"),
    [
        ([1, 2], 1, TypeError, "indices must be a tensor of indices, got list"),
        (TEXT[None], 1, ValueError, "indices must have 1 dimensions"),
        (torch.tensor([1, -1, 2]), 1, ValueError, "indices must be from 0 to 6, got -1 to 2"),
        (torch.tensor([1, 99]), 1, ValueError, "indices must be from 0 to 6, got 1 to 99"),
        (TEXT, 0, ValueError, "first must be at least 1, got 0"),
        (TEXT, 8, ValueError, "first must be below the number of tokens 8, got 8"),
    ],
)
def test_wrong_arguments_are_named(indices, first, error, message):
    with pytest.raises(error, match=f"^{message}"):
        reach(seeded_model(), indices, first)
