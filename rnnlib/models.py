"""A recurrent layer and an output layer = a language model; saving and loading it."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnlib import fast, layers
from rnnlib.checkpoints import read_checkpoint, write_checkpoint
from rnnlib.checks import (
    MOST_LAYERS,
    MOST_NUMBERS,
    affordable,
    flag,
    one_of,
    real_number,
    whole_number,
)
from rnnlib.text import Vocab

LAYERS = {"rnn": fast.RNN, "gru": fast.GRU, "lstm": nn.LSTM}
FORMAT = "rnnlib language model, version 1"


class LanguageModel(nn.Module):
    """Indices -> one-hot or embedded tokens -> recurrent layer -> a logit for each token.

    `layer` is a time-first recurrent layer of `torch.nn` or `rnnlib.layers`. Its input is
    one-hot (`layer.input_size == vocab_size`), unless `embedding_size` is given: then each
    token is looked up in an `nn.Embedding` (`layer.input_size == embedding_size`).
    `dropout` acts on the layer's input if embedded, and on its output. Follows the class
    RNNModel of *Dive into Deep Learning*, section 8.6.
    """

    def __init__(
        self,
        layer: nn.Module,
        vocab_size: int,
        embedding_size: int | None = None,
        dropout: float = 0.0,
    ):
        super().__init__()
        if not isinstance(layer, nn.RNNBase | layers.RecurrentLayer):
            raise TypeError(f"layer must be a recurrent layer, got {type(layer).__name__}")
        if layer.batch_first:
            raise ValueError("layer must be time-first, got one with batch_first=True")
        self.vocab_size = whole_number("vocab_size", vocab_size)
        name, width = "vocab_size", vocab_size
        if embedding_size is not None:
            name, width = "embedding_size", whole_number("embedding_size", embedding_size)
        if layer.input_size != width:
            raise ValueError(f"layer must have input_size={width} ({name}), got {layer.input_size}")
        affordable("vocab_size", vocab_size * (layer.hidden_size + width))
        self.embedding = None if embedding_size is None else nn.Embedding(vocab_size, width)
        self.layer = layer
        self.dropout = nn.Dropout(real_number("dropout", dropout, most=1.0))
        num_directions = 2 if layer.bidirectional else 1
        self.linear = fast.Linear(
            (layer.proj_size or layer.hidden_size) * num_directions, vocab_size
        )

    @property
    def is_lstm(self) -> bool:
        """Whether the state is the pair `(h, c)`."""
        return isinstance(self.layer, nn.LSTM | layers.LSTM)

    def begin_state(self, batch_size: int = 1):
        """Zeros: `(directions * num_layers, batch_size, hidden_size)`, for an LSTM a pair."""
        whole_number("batch_size", batch_size)
        layer, weight = self.layer, next(self.layer.parameters())
        rows = layer.num_layers * (2 if layer.bidirectional else 1)
        affordable("batch_size", rows * batch_size * layer.hidden_size)
        h = weight.new_zeros(rows, batch_size, layer.proj_size or layer.hidden_size)
        return (h, weight.new_zeros(rows, batch_size, layer.hidden_size)) if self.is_lstm else h

    def forward(self, indices: Tensor, state=None):
        """Indices `(batch_size, num_steps)`, int64 -> logits and the state after the last step.

        Logits have shape `(num_steps * batch_size, vocab_size)`, time first: the row of step
        t and sequence b is `t * batch_size + b`, so that targets are `Y.T.flatten()`.
        Raises `TypeError`/`ValueError` for other input or a state that does not fit.
        """
        self._check(indices, state)
        if self.embedding is None:
            x = F.one_hot(indices.T, self.vocab_size).to(next(self.layer.parameters()).dtype)
        else:
            x = self.dropout(self.embedding(indices.T))
        output, state = self.layer(x, state)
        return self.linear(self.dropout(output.flatten(0, 1))), state

    def _check(self, indices, state) -> None:
        if not isinstance(indices, Tensor) or indices.dtype != torch.int64:
            found = indices.dtype if isinstance(indices, Tensor) else type(indices).__name__
            raise TypeError(f"indices must be a tensor of torch.int64, got {found}")
        if indices.dim() != 2 or indices.numel() == 0:
            raise ValueError(
                f"indices must have shape (batch_size, num_steps), got {tuple(indices.shape)}"
            )
        device = next(self.layer.parameters()).device
        if indices.device != device or indices.is_meta:
            raise ValueError(
                f"indices must be on the device of the model ({device}) and hold values, "
                f"got a tensor on {indices.device}"
            )
        low, high = indices.aminmax()
        if low < 0 or high >= self.vocab_size:
            raise ValueError(
                f"indices must be from 0 to {self.vocab_size - 1}, got {int(low)} to {int(high)}"
            )
        if state is None:
            return
        # torch.nn would answer a wrong state with an error about its insides.
        pair = isinstance(state, tuple) and len(state) == 2
        if self.is_lstm and not pair:
            raise TypeError(f"state must be the pair (h, c) of an LSTM, got {type(state).__name__}")
        if not self.is_lstm and not isinstance(state, Tensor):
            raise TypeError(f"state must be one tensor, got {type(state).__name__}")
        expected = self.begin_state(batch_size=len(indices))
        parts = zip("hc", state, expected, strict=True) if pair else [("state", state, expected)]
        for name, part, wanted in parts:
            if not isinstance(part, Tensor) or part.shape != wanted.shape:
                found = tuple(part.shape) if isinstance(part, Tensor) else type(part).__name__
                raise ValueError(f"{name} must have shape {tuple(wanted.shape)}, got {found}")
            if part.dtype != wanted.dtype:
                raise TypeError(f"{name} must be {wanted.dtype}, got {part.dtype}")
            if part.device != wanted.device:
                raise ValueError(f"{name} must be on {wanted.device}, got one on {part.device}")


def language_model(
    kind: str,
    vocab_size: int,
    hidden_size: int,
    num_layers: int = 1,
    embedding_size: int | None = None,
    dropout: float = 0.0,
    bidirectional: bool = False,
) -> LanguageModel:
    """A `LanguageModel` around `nn.RNN`, `nn.GRU` or `nn.LSTM` (`kind` "rnn", "gru", "lstm").

    The first two are `rnnlib.fast`'s, which compute the same sooner.
    """
    one_of("kind", kind, tuple(LAYERS))
    # torch.nn would accept some of these when wrong, or name another argument.
    for name, value in {
        "vocab_size": vocab_size,
        "hidden_size": hidden_size,
        "num_layers": num_layers,
        "embedding_size": 1 if embedding_size is None else embedding_size,
    }.items():
        whole_number(name, value, most=MOST_LAYERS if name == "num_layers" else MOST_NUMBERS)
    real_number("dropout", dropout, most=1.0)
    flag("bidirectional", bidirectional)
    directions, width = 2 if bidirectional else 1, embedding_size or vocab_size
    columns = width + hidden_size + (num_layers - 1) * (directions + 1) * hidden_size
    numbers = directions * 4 * hidden_size * columns + vocab_size * (2 * hidden_size + width)
    affordable("vocab_size, hidden_size, num_layers and embedding_size", numbers)
    layer = LAYERS[kind](
        vocab_size if embedding_size is None else embedding_size,
        hidden_size,
        num_layers,
        dropout=dropout if num_layers > 1 else 0.0,
        bidirectional=bidirectional,
    )
    return LanguageModel(layer, vocab_size, embedding_size, dropout)


def _recipe(model: LanguageModel) -> dict:
    """The arguments of `language_model` that build a model of this shape."""
    layer = model.layer
    # The layers of torch.nn compute the same as those that language_model() builds.
    classes = {kind: (built, getattr(nn, kind.upper())) for kind, built in LAYERS.items()}
    kinds = [kind for kind, either in classes.items() if type(layer) in either]
    usual = getattr(layer, "nonlinearity", "tanh") == "tanh" and layer.bias and not layer.proj_size
    dropout = model.dropout.p if layer.num_layers > 1 else 0.0
    if not kinds or not usual or layer.dropout != dropout:
        raise ValueError(f"model must be one that language_model() builds, got {model}")
    return {
        "kind": kinds[0],
        "vocab_size": model.vocab_size,
        "hidden_size": layer.hidden_size,
        "num_layers": layer.num_layers,
        "embedding_size": model.embedding and model.embedding.embedding_dim,
        "dropout": model.dropout.p,
        "bidirectional": layer.bidirectional,
    }


def _check_weights(recipe: dict, weights: dict) -> None:
    """Raise if `weights` are not those of a model of this `recipe`; costs no memory."""
    with torch.device("meta"):
        expected = language_model(**recipe).state_dict()
    if set(weights) != set(expected):
        raise ValueError(f"weights should be {', '.join(expected)}, got {', '.join(weights)}")
    dtype = weights["linear.weight"].dtype
    for name, weight in weights.items():
        if weight.shape != expected[name].shape:
            wanted = tuple(expected[name].shape)
            raise ValueError(f"{name} should have shape {wanted}, got {tuple(weight.shape)}")
        if weight.dtype != dtype or not dtype.is_floating_point:
            raise ValueError(f"{name} should hold floats as linear.weight, got {weight.dtype}")
        # A weight may claim any shape if its numbers are one number repeated.
        if weight.is_meta or weight.nbytes > weight.untyped_storage().nbytes():
            raise ValueError(f"{name} should hold each of its {weight.numel()} numbers")


def save_model(path: str | Path, model: LanguageModel, vocab: Vocab, history=None) -> Path:
    """Write model, vocabulary and history to `path`, atomically; `load_model` reads them.

    `model` is one that `language_model` built. `history` may be any plain data. Raises
    `ValueError` or `TypeError` if `load_model` could not read the file; then none is written.
    """
    if not isinstance(model, LanguageModel):
        raise TypeError(f"model must be a LanguageModel, got {type(model).__name__}")
    if not isinstance(vocab, Vocab):
        raise TypeError(f"vocab must be a Vocab, got {type(vocab).__name__}")
    if len(vocab) != model.vocab_size:
        raise ValueError(f"vocab must hold {model.vocab_size} tokens, got {len(vocab)}")
    try:
        Vocab.from_list(vocab.idx_to_token)
    except (TypeError, ValueError) as error:
        raise ValueError(f"vocab must be one that can be loaded, but {error}") from error
    recipe, weights = _recipe(model), model.state_dict()
    try:
        _check_weights(recipe, weights)
    except ValueError as error:
        raise ValueError(f"model must have weights that can be saved, but its {error}") from error
    checkpoint = {
        "format": FORMAT,
        "recipe": recipe,
        "weights": weights,
        "tokens": vocab.idx_to_token,
        "history": history,
    }
    return write_checkpoint(path, checkpoint)


def load_model(path: str | Path):
    """Read what `save_model` wrote: `(model, vocab, history)`, the model in evaluation mode.

    Only data is read, never code (`weights_only=True`). Raises `FileNotFoundError`, or
    `ValueError` if the file is damaged or is the checkpoint of something else.
    """
    checkpoint = read_checkpoint(path, FORMAT)
    try:
        _check_weights(checkpoint["recipe"], checkpoint["weights"])
        model = language_model(**checkpoint["recipe"])
        model.to(checkpoint["weights"]["linear.weight"].dtype)
        model.load_state_dict(checkpoint["weights"])
        vocab, history = Vocab.from_list(checkpoint["tokens"]), checkpoint["history"]
        if len(vocab) != model.vocab_size:
            raise ValueError(f"{len(vocab)} tokens for a model of {model.vocab_size}")
    except (KeyError, TypeError, AttributeError, RuntimeError, ValueError) as error:
        raise ValueError(f"the parts of {path} do not fit together: {error}") from error
    return model.eval(), vocab, history
