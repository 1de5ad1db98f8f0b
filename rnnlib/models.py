"""A recurrent layer and an output layer = a language model; saving and loading it."""

from pathlib import Path

import torch
from torch import Tensor, nn

from rnnlib import fast, layers
from rnnlib.checkpoints import read_checkpoint, write_checkpoint
from rnnlib.text import Vocab

LAYERS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
FORMAT = "rnnlib language model, version 2"


class LanguageModel(nn.Module):
    """Indices -> one-hot or embedded tokens -> recurrent layer -> a logit for each token.

    `rnn` is a recurrent layer of `torch.nn` or `rnnlib.layers`, time first. Its input is
    one-hot (`rnn.input_size == vocab_size`) unless `embedding_size` is given: then each token
    is looked up in an `nn.Embedding`. `dropout` acts on embedded input and on the layer's
    output. Follows the class RNNModel of *Dive into Deep Learning*, section 8.6, and has the
    same names of weights.
    """

    def __init__(self, rnn: nn.Module, vocab_size: int, embedding_size=None, dropout=0.0):
        super().__init__()
        # It would take the words of a batch for steps, and train.
        if rnn.batch_first:
            raise ValueError("the layer must be time-first, but has batch_first=True")
        self.vocab_size = vocab_size
        self.embedding = nn.Embedding(vocab_size, embedding_size) if embedding_size else None
        self.rnn = rnn
        self.dropout = nn.Dropout(dropout)
        width = (rnn.proj_size or rnn.hidden_size) * (2 if rnn.bidirectional else 1)
        self.linear = nn.Linear(width, vocab_size)

    def begin_state(self, batch_size: int = 1):
        """Zeros `(directions * num_layers, batch_size, hidden_size)`; for an LSTM a pair (h, c)."""
        rnn, weight = self.rnn, next(self.rnn.parameters())
        rows = rnn.num_layers * (2 if rnn.bidirectional else 1)
        h = weight.new_zeros(rows, batch_size, rnn.proj_size or rnn.hidden_size)
        pair = isinstance(rnn, nn.LSTM | layers.LSTM)
        return (h, weight.new_zeros(rows, batch_size, rnn.hidden_size)) if pair else h

    @fast.writable
    def forward(self, indices: Tensor, state=None):
        """Indices `(batch_size, num_steps)` -> logits, and the state after the last step.

        Logits have shape `(num_steps * batch_size, vocab_size)`, time first: the row of step
        t and sequence b is `t * batch_size + b`, so that targets are `Y.T.flatten()`.
        """
        if state is None:
            state = self.begin_state(len(indices))
        x = indices.T.long()
        if self.embedding is not None:
            x = self.dropout(self.embedding(x))
        output, state = fast.run(self.rnn, x, state)
        return self.linear(self.dropout(output.flatten(0, 1))), state


def language_model(
    kind, vocab_size, hidden_size, num_layers=1, embedding_size=None, dropout=0.0,
    bidirectional=False,
) -> LanguageModel:  # fmt: skip
    """A `LanguageModel` around `nn.RNN`, `nn.GRU` or `nn.LSTM` (`kind` "rnn", "gru", "lstm")."""
    layer = LAYERS[kind](
        embedding_size or vocab_size, hidden_size, num_layers,
        dropout=dropout if num_layers > 1 else 0.0, bidirectional=bidirectional,
    )  # fmt: skip
    return LanguageModel(layer, vocab_size, embedding_size, dropout)


def save_model(path: str | Path, model: LanguageModel, vocab: Vocab, history=None) -> Path:
    """Write model, vocabulary and history to `path`, atomically; `load_model` reads them.

    `model` is of a kind that `language_model` builds; `history` is any plain data. Raises
    `ValueError` or `RuntimeError` if another model would come back; then nothing is written.
    """
    rnn, weights = model.rnn, model.state_dict()
    recipe = {
        "kind": type(rnn).__name__.lower(),
        "vocab_size": model.vocab_size,
        "hidden_size": rnn.hidden_size,
        "num_layers": rnn.num_layers,
        "embedding_size": model.embedding and model.embedding.embedding_dim,
        "dropout": model.dropout.p,
        "bidirectional": rnn.bidirectional,
    }
    with torch.device("meta"):
        twin = language_model(**recipe)
    twin.load_state_dict(weights, assign=True)  # raises if names or shapes differ
    # These do not show in the weights: relu would come back as tanh, dropout as none.
    for name in ("nonlinearity", "dropout"):
        if getattr(rnn, name, None) != getattr(twin.rnn, name, None):
            raise ValueError(f"a layer with {name}={getattr(rnn, name)!r} cannot be saved")
    if len(vocab) != model.vocab_size:  # its texts would be of other letters
        raise ValueError(f"vocab must hold {model.vocab_size} tokens, got {len(vocab)}")
    content = {"recipe": recipe, "weights": weights, "tokens": vocab.idx_to_token}
    return write_checkpoint(path, {"format": FORMAT, **content, "history": history})


def load_model(path: str | Path):
    """Read what `save_model` wrote: `(model, vocab, history)`, the model in evaluation mode.

    Only data is read, never code. Raises `OSError`, or `ValueError` for a damaged file.
    """
    saved = read_checkpoint(path, FORMAT)
    model = language_model(**saved["recipe"]).to(saved["weights"]["linear.weight"].dtype)
    model.load_state_dict(saved["weights"])
    return model.eval(), Vocab.from_list(saved["tokens"]), saved["history"]
