"""A model and a prefix -> text that goes on from it."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from rnnlib.checks import affordable, has_methods, real_number, real_tensor, whole_number
from rnnlib.fast import keep_freed_memory
from rnnlib.steps import steps_of
from rnnlib.text import Vocab
from rnnlib.training import evaluating

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
    Raises `ValueError` if a logit is not finite, `TypeError` if they are not a dense tensor of
    floats or integers.
    """
    _check_choice(temperature, top_k, generator)
    real_tensor("logits", logits)
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
    _check_prefix("prefix", prefix)
    indices = _indices(model, vocab, [prefix])[0]
    choose = _chooser(num_tokens, temperature, top_k, generator)
    _whole_length("prefix", [indices], num_tokens)
    with evaluating(model):
        state = model.begin_state(1)
        step = steps_of(model, state)
        if step:
            for index in indices:
                logits = step(index)
        else:
            # The prefix whole: a bidirectional model reads it so.
            logits, state = model(torch.tensor([indices], device=_device(state)), state)
            logits, step = logits[-1], _ModuleSteps(model, state)
        for count in range(num_tokens):
            if count:
                logits = step(indices[-1])
            indices.append(int(choose(logits)))
    return _as_given(prefix, vocab.to_tokens(indices))


@torch.no_grad()
def generate_batch(
    model: nn.Module,
    vocab: Vocab,
    prefixes: list[str | list[str]],
    num_tokens: int,
    temperature: float = 0.0,
    top_k: int | None = None,
    generator: torch.Generator | None = None,
) -> list[str | list[str]]:
    """`generate` for several prefixes at once, of any lengths; the texts in the same order.

    A step for a batch of texts takes little longer than a step for one. Greedy texts are
    those of `generate`, unless two logits are equal but for rounding; drawn ones differ, as
    all texts share the generator's random numbers. The model must read in one direction.
    """
    if not isinstance(prefixes, list):
        raise TypeError(f"prefixes must be a list, got {type(prefixes).__name__}")
    if not prefixes:
        raise ValueError("prefixes must hold at least one prefix, got none")
    for number, prefix in enumerate(prefixes):
        _check_prefix(f"prefixes[{number}]", prefix)
    given = _indices(model, vocab, prefixes)
    choose = _chooser(num_tokens, temperature, top_k, generator)
    if getattr(getattr(model, "layer", None), "bidirectional", False):
        raise ValueError("model must read in one direction, got a bidirectional one")
    lengths = np.array([len(indices) for indices in given])
    total = _whole_length("prefixes", given, num_tokens)
    indices = np.zeros((total, len(given)), dtype=np.int64)
    for column, row in zip(indices.T, given, strict=True):
        column[: len(row)] = row
    keep_freed_memory()
    with evaluating(model):
        state = model.begin_state(len(given))
        step = steps_of(model, state) or _ModuleSteps(model, state)
        for t in range(1, total if num_tokens else 0):
            logits = step(indices[t - 1] if len(given) > 1 else indices[t - 1, 0])
            if t >= lengths.min():
                # A text whose prefix goes on takes its next token from there.
                np.copyto(indices[t], choose(logits), where=t >= lengths)
    texts = [
        column[: length + num_tokens] for column, length in zip(indices.T, lengths, strict=True)
    ]
    return [
        _as_given(prefix, vocab.to_tokens(text.tolist()))
        for prefix, text in zip(prefixes, texts, strict=True)
    ]


def _check_prefix(name: str, prefix) -> None:
    if not isinstance(prefix, str | list):
        raise TypeError(f"{name} must be a str or a list of str, got {type(prefix).__name__}")
    for token in prefix:
        if not isinstance(token, str):
            raise TypeError(f"{name} must hold str only, got {type(token).__name__} among them")
    if not prefix:
        raise ValueError(f"{name} must hold at least one token, got none")


def _indices(model, vocab, prefixes) -> list[list[int]]:
    has_methods("model", model, "begin_state eval train modules", "a language model")
    has_methods("vocab", vocab, "__getitem__ to_tokens", "a Vocab")
    indices = [vocab[list(prefix)] for prefix in prefixes]
    size, highest = getattr(model, "vocab_size", None), max(map(max, indices))
    if size is not None and highest >= size:
        raise ValueError(f"vocab must have at most the model's {size} tokens, got index {highest}")
    return indices


def _whole_length(name: str, prefixes, num_tokens: int) -> int:
    """The number of tokens of the longest text that is asked for, if all of them fit in memory."""
    length = max(map(len, prefixes)) + num_tokens
    affordable(f"{name} and num_tokens", length * len(prefixes))
    return length


def _chooser(num_tokens, temperature, top_k, generator) -> Callable:
    """A function: logits of one text or several -> an index, or one for each."""
    whole_number("num_tokens", num_tokens, least=0)
    _check_choice(temperature, top_k, generator)

    greedy = temperature == 0

    def choose(logits):
        if isinstance(logits, np.ndarray):  # from `Steps`, so they are finite
            if greedy:
                return logits.argmax(-1)
            logits = torch.from_numpy(logits)
        if logits.dim() == 1:
            return next_token(logits, temperature, top_k, generator)
        return [next_token(row, temperature, top_k, generator) for row in logits]

    return choose


class _ModuleSteps:
    """`Steps` for any model: one call of it for each step."""

    def __init__(self, model, state):
        self.model, self.state = model, state

    def __call__(self, indices) -> Tensor:
        batch = torch.as_tensor(indices, device=_device(self.state)).reshape(-1, 1)
        logits, self.state = self.model(batch, self.state)
        return logits if np.ndim(indices) else logits[0]


def _device(state) -> torch.device:
    return (state[0] if isinstance(state, tuple) else state).device


def _as_given(prefix, tokens: list[str]):
    return "".join(tokens) if isinstance(prefix, str) else tokens
