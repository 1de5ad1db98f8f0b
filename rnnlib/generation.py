"""A model and a prefix -> text that goes on from it."""

import torch
from torch import Tensor, nn

from rnnlib.checks import has_methods, real_number, whole_number
from rnnlib.text import Vocab

MOST_LOGITS = 2**24  # as many as torch.multinomial takes


def next_token(
    logits: Tensor,
    temperature: float = 0.0,
    top_k: int | None = None,
    generator: torch.Generator | None = None,
) -> int:
    """Choose an index from `logits` `(vocab_size,)`.

    `temperature` 0 takes the largest logit (greedy; the first of several equal ones). Above
    0, an index is drawn from softmax(logits / temperature), among the `top_k` largest only
    if that is given, with the random numbers of `generator` (default: torch's own).
    Raises `ValueError` if a logit is not finite.
    """
    _check_choice(temperature, top_k, generator)
    if not isinstance(logits, Tensor) or logits.dtype == torch.bool or logits.is_complex():
        found = logits.dtype if isinstance(logits, Tensor) else type(logits).__name__
        raise TypeError(f"logits must be a tensor of real numbers, got {found}")
    if logits.is_meta or not logits.numel():
        raise ValueError(f"logits must hold values, got {logits}")
    if logits.dim() != 1 or not torch.isfinite(logits).all():
        raise ValueError(
            f"logits must be finite and of shape (vocab_size,), got shape {tuple(logits.shape)} "
            f"with {int((~torch.isfinite(logits)).sum())} not finite"
        )
    if temperature == 0:
        return int(logits.argmax())
    if logits.numel() > MOST_LOGITS:
        raise ValueError(f"logits must hold at most {MOST_LOGITS} to draw from, got {len(logits)}")
    if top_k is not None:
        # Sorted, not cut at a threshold, which would let more than top_k through where logits
        # are equal; stable, so that of equal ones the first is kept, as the greedy choice does.
        logits, indices = logits.sort(descending=True, stable=True)
        logits = logits[:top_k]
    # Subtracting the maximum first keeps a tiny temperature from overflowing.
    probabilities = torch.softmax((logits.double() - logits.max()) / float(temperature), dim=0)
    choice = int(torch.multinomial(probabilities, 1, generator=generator))
    return choice if top_k is None else int(indices[choice])


def _check_choice(temperature, top_k, generator) -> None:
    real_number("temperature", temperature)
    if top_k is not None:
        whole_number("top_k", top_k)
    if generator is not None and not isinstance(generator, torch.Generator):
        raise TypeError(f"generator must be a torch.Generator, got {type(generator).__name__}")


@torch.no_grad()
def generate(
    model: nn.Module,
    vocab: Vocab,
    prefix: str | list[str],
    num_tokens: int,
    temperature: float = 0.0,
    top_k: int | None = None,
    generator: torch.Generator | None = None,
) -> str | list[str]:
    """`prefix` and `num_tokens` tokens more, as the model goes on from it.

    First the prefix runs through the model, only to build up its state (warm-up); then each
    predicted token is the next input. The defaults are greedy and give the text of
    `predict_ch8` of *Dive into Deep Learning* (for a bidirectional model another one: there
    the prefix is read whole, future included). The other arguments are `next_token`'s.
    A `str` prefix is taken character by character and a `str` returned; a list of tokens
    (words, say) gives a list. Unknown tokens of the prefix become `<unk>`.
    """
    if not isinstance(prefix, str | list):
        raise TypeError(f"prefix must be a str or a list of str, got {type(prefix).__name__}")
    for token in prefix:
        if not isinstance(token, str):
            raise TypeError(f"prefix must hold str only, got {type(token).__name__} among them")
    if not prefix:
        raise ValueError("prefix must hold at least one token, got none")
    whole_number("num_tokens", num_tokens, least=0)
    _check_choice(temperature, top_k, generator)
    has_methods("model", model, "begin_state eval train", "a language model")
    has_methods("vocab", vocab, "__getitem__ to_tokens", "a Vocab")
    was_training = model.training
    model.eval()
    indices = vocab[list(prefix)]
    state, inputs = model.begin_state(1), indices
    try:
        for _ in range(num_tokens):
            logits, state = model(torch.tensor([inputs]), state)
            indices.append(next_token(logits[-1], temperature, top_k, generator))
            inputs = indices[-1:]
    finally:
        model.train(was_training)
    tokens = vocab.to_tokens(indices)
    return "".join(tokens) if isinstance(prefix, str) else tokens
