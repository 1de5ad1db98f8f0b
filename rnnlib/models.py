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

    `rnn` is a time-first layer of `torch.nn` or `rnnlib.layers`. Its input is one-hot, or with
    `embedding_size` a row of an `nn.Embedding`. `dropout` acts on embedded input and on the
    layer's output. After RNNModel of *Dive into Deep Learning*, 8.6; same names of weights.
    """

    def __init__(self, rnn: nn.Module, vocab_size: int, embedding_size=None, dropout=0.0):
        super().__init__()
        if rnn.batch_first:  # it would take the words of a batch for steps, and train
            raise ValueError("the layer must be time-first, but has batch_first=True")
        self.vocab_size = vocab_size
        self.embedding = nn.Embedding(vocab_size, embedding_size) if embedding_size else None
        self.rnn = rnn
        self.dropout = nn.Dropout(dropout)
        self.width = rnn.proj_size or rnn.hidden_size
        self.linear = nn.Linear(self.width * (1 + rnn.bidirectional), vocab_size)

    def begin_state(self, batch_size: int = 1):
        """Zeros `(directions * num_layers, batch_size, hidden_size)`; for an LSTM a pair (h, c)."""
        rnn, weight = self.rnn, next(self.rnn.parameters())
        rows, sizes = rnn.num_layers * (1 + rnn.bidirectional), (self.width, rnn.hidden_size)
        h, c = (weight.new_zeros(rows, batch_size, size) for size in sizes)
        return (h, c) if isinstance(rnn, nn.LSTM | layers.LSTM) else h

    @fast.writable
    def forward(self, indices: Tensor, state=None):
        """Indices `(batch_size, num_steps)` -> logits, and the state after the last step.

        Logits are `(num_steps * batch_size, vocab_size)`, time first: targets are `Y.T.flatten()`.
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
    options = {"dropout": dropout if num_layers > 1 else 0.0, "bidirectional": bidirectional}
    layer = LAYERS[kind](embedding_size or vocab_size, hidden_size, num_layers, **options)
    return LanguageModel(layer, vocab_size, embedding_size, dropout)


def save_model(path: str | Path, model: LanguageModel, vocab: Vocab, history=None) -> Path:
    """Write model, vocabulary and history to `path`, atomically; `load_model` reads them.

    `model` is of a kind that `language_model` builds; `history` is any plain data. Raises
    `ValueError` or `RuntimeError` if another model would come back; then nothing is written.
    """
    rnn, embedding, weights = model.rnn, model.embedding, model.state_dict()
    recipe = {
        "kind": type(rnn).__name__.lower(), "vocab_size": model.vocab_size,
        "hidden_size": rnn.hidden_size, "num_layers": rnn.num_layers,
        "embedding_size": embedding and embedding.embedding_dim, "dropout": model.dropout.p,
        "bidirectional": rnn.bidirectional,
    }  # fmt: skip
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
    """`(model, vocab, history)`, in evaluation mode; the same errors as `read_checkpoint`."""
    saved = read_checkpoint(path, FORMAT)
    model = language_model(**saved["recipe"]).to(saved["weights"]["linear.weight"].dtype)
    model.load_state_dict(saved["weights"])
    return model.eval(), Vocab.from_list(saved["tokens"]), saved["history"]
