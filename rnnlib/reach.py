"""How much a prediction depends on each character before it."""

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnlib.checks import index_tensor, whole_number
from rnnlib.models import LanguageModel
from rnnlib.training import evaluating


def reach(model: LanguageModel, indices: Tensor, first: int = 1) -> list[Tensor]:
    """For each token from number `first` on: the pull of every token before it.

    `indices` `(num_tokens,)` is a text. The model reads it from the start; entry k of the
    result is about the logit of token first + k at the step where it had to be predicted, and
    has shape (first + k,): the norm of that logit's gradient with respect to each input (its
    one-hot vector, or its embedding). It is a slope at one point: what a small change of
    an input would do, not what another letter in its place would.

    Gradients are computed under `torch.no_grad()` too, and no weight is given one. Raises
    `TypeError` or `ValueError` if the model is not a `LanguageModel` or an index no token of it.
    """
    if not isinstance(model, LanguageModel):
        raise TypeError(f"model must be a LanguageModel, got {type(model).__name__}")
    index_tensor("indices", indices, num_dims=1)
    whole_number("first", first)
    if first >= len(indices):
        raise ValueError(f"first must be below the number of tokens {len(indices)}, got {first}")
    weight = model.linear.weight
    if indices.device != weight.device:
        raise ValueError(f"indices must be on {weight.device}, as the model, got {indices.device}")
    low, high = map(int, indices.aminmax())
    if low < 0 or high >= model.vocab_size:
        raise ValueError(f"indices must be from 0 to {model.vocab_size - 1}, got {low} to {high}")
    with evaluating(model), torch.inference_mode(False), torch.enable_grad():
        indices = indices.clone()  # one made in inference mode could not be kept for gradients
        if model.embedding is None:
            inputs = F.one_hot(indices[:-1], model.vocab_size).to(weight.dtype)
        else:
            inputs = model.embedding(indices[:-1]).detach()
        inputs.requires_grad_()
        output, _ = model.layer(inputs[:, None])
        logits = model.linear(output[:, 0])
        pulls = []
        for target in range(first, len(indices)):
            logit = logits[target - 1, indices[target]]
            (slope,) = torch.autograd.grad(logit, inputs, retain_graph=True)
            pulls.append(slope[:target].norm(dim=1))
        return pulls
