"""How much a prediction depends on each character before it."""

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnlib.models import LanguageModel

# What both networks read first: the beginning of the book.
TEXT = (
    "the time traveller for so it will be convenient to speak of him was expounding a recondite "
    "matter to us"
)


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
