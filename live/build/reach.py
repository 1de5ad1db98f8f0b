"""How much a prediction depends on each character before it."""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnlib.generation import generate
from rnnlib.models import LanguageModel, load_model

PREFIXES, NUM_TOKENS = ("time traveller ", "there is "), 110


def reach(model: LanguageModel, indices: Tensor, first: int = 1) -> list[Tensor]:
    """For each token from number `first` on: the pull of every token before it.

    `indices` `(num_tokens,)` is a text, which a model with one-hot input reads from the start.
    Entry k of the result is about the logit of token first + k at the step where it had to be
    predicted, and has shape (first + k,): the norm of that logit's gradient with respect to
    each one-hot vector. It is a slope at one point: what a small change of an input would do,
    not what another letter in its place would.
    """
    inputs = F.one_hot(indices[:-1], model.vocab_size).to(model.linear.weight.dtype)
    output, _ = model.rnn(inputs.requires_grad_()[:, None])
    logits = model.linear(output[:, 0])
    pulls = []
    for target in range(first, len(indices)):
        logit = logits[target - 1, indices[target]]
        (slope,) = torch.autograd.grad(logit, inputs, retain_graph=True)
        pulls.append(slope[:target].norm(dim=1))
    return pulls


def reach_data(checkpoints: Path) -> dict:
    """What the page shows: for each prefix and network the text that it writes, and ...

    "p": how probable each written character was, in percent; "shares": for each of them the
    shares, in thousandths, of the characters before it, from the nearest back; zeros at the end
    are left out.
    """
    texts = []
    for prefix in PREFIXES:
        models = []
        for kind in ("rnn", "lstm"):
            model, vocab, _ = load_model(checkpoints / f"{kind}.pt")
            text = generate(model, vocab, prefix, NUM_TOKENS)
            indices = torch.tensor(vocab[list(text)])
            with torch.no_grad():
                p = torch.softmax(model(indices[None, :-1])[0], dim=1)
            given = p[torch.arange(len(p)), indices[1:]][len(prefix) - 1 :]
            shares = []
            for pull in reach(model, indices, first=len(prefix)):
                row = (1000 * pull.flip(0) / pull.sum()).round().int().tolist()
                while row[-1] == 0:
                    row.pop()
                shares.append(row)
            percent = (100 * given).round().int().tolist()
            models.append({"kind": kind, "text": text, "p": percent, "shares": shares})
        texts.append({"prefix": prefix, "models": models})
    return {"name": "reach", "texts": texts}
