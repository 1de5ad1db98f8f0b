"""A model and a prefix -> text that goes on from it."""

import numpy as np
import torch
from torch import Tensor, nn

from rnnlib import fast
from rnnlib.training import evaluating


def next_token(logits, temperature=0.0, top_k=None, generator=None, top_p=None):
    """Choose an index from `logits` `(vocab_size,)`, or a list of them, one for each row.

    `temperature` 0 takes the largest logit, the first of several equal ones. Above 0, an index
    is drawn from softmax(logits / temperature): from the `top_k` most probable only, and from
    as few as have the probability `top_p` together (Holtzman et al., 2020).
    """
    if temperature == 0 and isinstance(logits, np.ndarray):  # from `fast.writer`: finite
        return logits.argmax(-1).tolist()
    logits = torch.as_tensor(logits)
    if logits.isnan().any():  # argmax would take one of them for the largest
        raise ValueError("the logits are not numbers (NaN): has the training diverged?")
    if temperature == 0:
        return logits.argmax(-1).tolist()
    # Sorted, since a threshold lets more than top_k through where logits are equal; stable, so
    # that of equal ones the first is kept. Without the maximum a low temperature overflows.
    sort = top_k is not None or top_p is not None
    logits, indices = logits.sort(descending=True, stable=True) if sort else (logits, None)
    logits = logits[..., :top_k]
    logits = (logits.double() - logits.amax(-1, keepdim=True)) / temperature
    probabilities = torch.softmax(logits, dim=-1)
    if top_p is not None:
        before = probabilities.cumsum(-1) - probabilities  # 0 for the first: one always stays
        probabilities = probabilities.where((before < top_p) | (before == 0), 0.0)
    choice = torch.multinomial(probabilities, 1, generator=generator)
    choice = indices.gather(-1, choice) if sort else choice
    return choice.squeeze(-1).tolist()


def generate(
    model, vocab, prefix, num_tokens, temperature=0.0, top_k=None, generator=None, top_p=None
):
    """`prefix` and `num_tokens` tokens more, as the model goes on from it.

    The last four arguments are `next_token`'s; the default is greedy and gives the text of
    `predict_ch8` of *Dive into Deep Learning*. A `str` prefix is taken character by character
    and a `str` returned; a list of tokens (words, say) gives a list.
    """
    choice = temperature, top_k, generator, top_p
    return generate_batch(model, vocab, [prefix], num_tokens, *choice)[0]


@torch.no_grad()
def generate_batch(
    model, vocab, prefixes, num_tokens, temperature=0.0, top_k=None, generator=None, top_p=None
):
    """`generate` for several prefixes at once, of any lengths; the texts in the same order."""
    given = [vocab[list(prefix)] for prefix in prefixes]
    lengths, many = np.array([len(indices) for indices in given]), len(given) > 1
    if not all(lengths):  # the others would hide that an empty one begins with <unk>
        raise ValueError("a prefix must hold at least one token")
    table = np.zeros((lengths.max() + num_tokens, len(given)), dtype=np.int64)
    for column, indices in zip(table.T, given, strict=True):
        column[: len(indices)] = indices
    with evaluating(model):
        step = fast.writer(model, model.begin_state(len(given))) or _steps(model, len(given))
        for t in range(1, len(table)):
            logits = step(table[t - 1] if many else table[t - 1, 0])
            if t >= lengths.min():
                chosen = next_token(logits, temperature, top_k, generator, top_p)
                # A text whose prefix goes on takes its next token from there.
                np.copyto(table[t], chosen, where=t >= lengths if many else True)
    texts = []
    for prefix, column, length in zip(prefixes, table.T, lengths, strict=True):
        tokens = vocab.to_tokens(column[: length + num_tokens].tolist())
        texts.append("".join(tokens) if isinstance(prefix, str) else tokens)
    return texts


def _steps(model: nn.Module, batch_size: int):
    """What `fast.writer` gives, for any model: a call of it for each token."""
    state, device = model.begin_state(batch_size), next(model.parameters()).device

    def step(tokens) -> Tensor:
        nonlocal state
        logits, state = model(torch.as_tensor(tokens, device=device).reshape(-1, 1), state)
        return logits if np.ndim(tokens) else logits[0]

    return step
