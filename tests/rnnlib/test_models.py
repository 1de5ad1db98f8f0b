"""Language models: what is passed in is what is used; files give back what was saved."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rnnlib import layers
from rnnlib.models import FORMAT, LAYERS, LanguageModel, language_model, load_model, save_model
from rnnlib.text import COURSE_FOLDER, Vocab

VOCAB = Vocab(list("abcdefghi"))
each_kind = pytest.mark.parametrize("kind", LAYERS)


@each_kind
def test_a_model_holds_plain_layers_under_the_books_names(kind):
    model = language_model(kind, 10, 4)
    assert type(model.rnn) is LAYERS[kind]
    assert type(model.linear) is nn.Linear
    names = [f"rnn.{name}" for name, _ in model.rnn.named_parameters()]
    assert list(model.state_dict()) == [*names, "linear.weight", "linear.bias"]


@each_kind
@pytest.mark.parametrize("options", [
    {}, {"num_layers": 2, "dropout": 0.5}, {"embedding_size": 3}, {"bidirectional": True},
])  # fmt: skip
def test_logits_are_those_of_the_parts_one_after_another(kind, options):
    model = language_model(kind, 10, 4, **options).eval()
    indices = torch.randint(0, 10, (2, 5))
    x = F.one_hot(indices.T, 10).float() if "embedding_size" not in options else None
    x = model.embedding(indices.T) if x is None else x
    output, state = model.rnn(x)
    logits, found = model(indices)
    torch.testing.assert_close(logits, model.linear(output.flatten(0, 1)))
    torch.testing.assert_close(found, state)
    torch.testing.assert_close(model(indices.int(), model.begin_state(2)), (logits, found))


def test_a_layer_of_ones_own_serves_too():
    torch.manual_seed(0)
    plain = LanguageModel(nn.LSTM(10, 8, proj_size=3), 10)
    ours = LanguageModel(layers.LSTM(10, 8, proj_size=3), 10)
    ours.load_state_dict(plain.state_dict())
    indices = torch.randint(0, 10, (2, 5))
    torch.testing.assert_close(ours(indices), plain(indices))


def test_batch_first_would_take_words_for_steps():
    with pytest.raises(ValueError, match="batch_first"):
        LanguageModel(nn.RNN(10, 4, batch_first=True), 10)


@each_kind
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "dropout": 0.5}, {"embedding_size": 3}])
def test_what_was_saved_is_loaded(tmp_path, kind, options):
    model = language_model(kind, 10, 4, **options).half()
    save_model(tmp_path / "a" / "model.pt", model, VOCAB, {"train": [2.5]})
    loaded, vocab, history = load_model(tmp_path / "a" / "model.pt")
    assert not loaded.training
    assert repr(loaded) == repr(model)
    torch.testing.assert_close(loaded.state_dict(), model.state_dict())
    assert vocab.idx_to_token == VOCAB.idx_to_token
    assert history == {"train": [2.5]}


@pytest.mark.parametrize("model", [
    LanguageModel(nn.RNN(10, 4, nonlinearity="relu"), 10), language_model("rnn", 11, 4),
    LanguageModel(nn.GRU(10, 4, 2, dropout=0.5), 10), LanguageModel(nn.GRU(10, 4, bias=False), 10),
])  # fmt: skip
def test_a_model_that_would_come_back_as_another_is_not_saved(tmp_path, model):
    with pytest.raises((ValueError, RuntimeError)):
        save_model(tmp_path / "model.pt", model, VOCAB)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", sorted(COURSE_FOLDER.glob("data/checkpoints/*.pt")), ids=str)
def test_the_courses_checkpoints_load(path):
    model, vocab, history = load_model(path)
    assert model.vocab_size == len(vocab) == 28
    assert history["train"][-1] < 12
    assert FORMAT.encode() in path.read_bytes()
