"""A model and its minibatches -> a trained model and a history of its perplexity."""

import math
import os
from collections.abc import Callable, Iterable
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm.auto import tqdm

from rnnlib.checks import each_of, has_methods, index_tensor, real_number, whole_number
from rnnlib.fast import keep_freed_memory


@contextmanager
def evaluating(model: nn.Module):
    """Within this context `model` is in evaluation mode; then each part is in its own mode again."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        yield
    finally:
        model.train(modes[0][1])  # a train() of the model's own may do more than set the mode
        for module, mode in modes:
            module.training = mode


def detach(state):
    """The same state, cut off from the computation that made it: a tensor or a tuple of them."""
    for part in state if isinstance(state, tuple) else (state,):
        if not isinstance(part, Tensor):
            raise TypeError(f"state must be a tensor or tuple of them, got {type(part).__name__}")
    return tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()


def train_epoch(
    model: nn.Module,
    batches: Iterable,
    optimizer: torch.optim.Optimizer,
    max_norm: float = 1.0,
    scheduler=None,
    loss: Callable = F.cross_entropy,
) -> float:
    """Train over all minibatches once; return the perplexity over the epoch's tokens.

    `batches` yields `X, Y` of shape `(batch_size, num_steps)`. The state is carried from one
    minibatch to the next, detached, if `batches.carries_state`, and begins anew otherwise.
    Gradients are scaled to the norm `max_norm` where they exceed it. `scheduler`, if any,
    steps after each minibatch. `loss(logits, targets)` is a mean over tokens, in nats.
    Follows `train_epoch_ch8` of *Dive into Deep Learning*.
    """
    real_number("max_norm", max_norm)
    _check_parts(model, batches, optimizer, scheduler)
    has_methods("loss", loss, "__call__", "a function of logits and targets")
    carries_state = getattr(batches, "carries_state", False)
    parameters = list(model.parameters())
    keep_freed_memory()
    model.train()
    state, total_loss, num_tokens = None, 0.0, 0
    for X, Y in pairs(batches):
        if state is None or not carries_state:
            state = model.begin_state(len(X))
        logits, state = model(X, detach(state))
        _check_targets("batches", Y, logits)
        mean_loss = loss(logits, Y.T.flatten())
        optimizer.zero_grad()
        mean_loss.backward()
        nn.utils.clip_grad_norm_(parameters, max_norm)
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
        total_loss += mean_loss.detach() * Y.numel()
        num_tokens += Y.numel()
    if not num_tokens:
        raise ValueError("batches must yield at least one minibatch, got none")
    return perplexity(float(total_loss) / num_tokens)


def _check_parts(model, batches, optimizer, scheduler) -> None:
    wanted = "a language model, which has begin_state"
    has_methods("model", model, "begin_state parameters train", wanted)
    has_methods("optimizer", optimizer, "zero_grad step", "an optimizer")
    if scheduler is not None:
        has_methods("scheduler", scheduler, "step", "a scheduler")


def pairs(batches: Iterable):
    """The minibatches, each of them two tensors of one shape."""
    for pair in each_of("batches", batches, "an iterable of minibatches"):
        tensors = isinstance(pair, tuple | list) and all(isinstance(x, Tensor) for x in pair)
        if not tensors or len(pair) != 2:
            raise TypeError(f"batches must yield pairs of tensors, got {type(pair).__name__}")
        if pair[0].shape != pair[1].shape:
            shapes = " and ".join(str(tuple(x.shape)) for x in pair)
            raise ValueError(f"batches must yield X and Y of one shape, got {shapes}")
        yield pair


def _check_targets(name: str, targets: Tensor, logits: Tensor) -> None:
    # cross_entropy would leave out every target of -100 without a word.
    if targets.dtype != torch.int64:
        raise TypeError(f"{name} must hold indices (torch.int64), got targets {targets.dtype}")
    low, high = targets.aminmax()
    if low < 0 or high >= logits.shape[-1]:
        raise ValueError(
            f"{name} must hold targets from 0 to {logits.shape[-1] - 1}, "
            f"got {int(low)} to {int(high)}"
        )


def perplexity(mean_loss: float) -> float:
    """exp of the mean cross-entropy (in nats); infinite where that overflows.

    Raises `TypeError` if `mean_loss` is not one real number.
    """
    try:
        return math.exp(mean_loss)
    except OverflowError:
        return math.inf if mean_loss > 0 else 0.0
    except (TypeError, ValueError, RuntimeError) as error:  # of a tensor: which one depends on it
        raise TypeError(f"mean_loss must be a number, got {type(mean_loss).__name__}") from error


@torch.no_grad()
def evaluate(model: nn.Module, corpus: Tensor, num_steps: int = 500) -> float:
    """Perplexity of `model` on `corpus` `(num_tokens,)`, read once from its start to its end.

    One sequence, the state carried all the way: every token but the first is predicted
    from all before it. `num_steps` only sets how many go through the model in one call.
    """
    index_tensor("corpus", corpus, num_dims=1)
    whole_number("num_steps", num_steps)
    if len(corpus) < 2:
        raise ValueError(f"corpus must hold at least 2 tokens, got {len(corpus)}")
    wanted = "a language model, which has begin_state"
    has_methods("model", model, "begin_state eval train modules", wanted)
    num_steps = min(num_steps, len(corpus))
    with evaluating(model):
        state, total_loss = model.begin_state(1), 0.0
        for inputs, targets in zip(
            corpus[:-1].split(num_steps), corpus[1:].split(num_steps), strict=True
        ):
            logits, state = model(inputs[None], state)
            _check_targets("corpus", targets, logits)
            total_loss += float(F.cross_entropy(logits, targets, reduction="sum"))
    return perplexity(total_loss / (len(corpus) - 1))


def train(
    model: nn.Module,
    batches: Iterable,
    num_epochs: int,
    lr: float = 1.0,
    max_norm: float = 1.0,
    optimizer: torch.optim.Optimizer | None = None,
    scheduler=None,
    held_out: Tensor | None = None,
    evaluate_every: int = 1,
    on_epoch: Callable[[int, dict], None] | None = None,
) -> dict[str, list]:
    """Train for `num_epochs` and return `{"epoch": [...], "train": [...], "held_out": [...]}`.

    All perplexities; "train" is `train_epoch`'s, for every epoch. With a corpus `held_out`
    the model is evaluated on it after epoch 1, every `evaluate_every` epochs and the last;
    "held_out" holds `None` for the others. Plain SGD with `lr` unless an `optimizer` is
    given. `on_epoch(epoch, history)` is called after each epoch. Prints nothing; work of
    over two seconds shows a progress bar (tqdm; `TQDM_DISABLE=1` keeps it silent).
    """
    whole_number("num_epochs", num_epochs, least=0)
    whole_number("evaluate_every", evaluate_every)
    real_number("max_norm", max_norm)
    if held_out is not None:
        index_tensor("held_out", held_out, num_dims=1)
        if len(held_out) < 2:
            raise ValueError(f"held_out must hold at least 2 tokens, got {len(held_out)}")
    if on_epoch is not None:
        has_methods("on_epoch", on_epoch, "__call__", "a function of epoch and history")
    has_methods("model", model, "begin_state parameters", "a language model, which has begin_state")
    if optimizer is None:
        optimizer = torch.optim.SGD(model.parameters(), lr=real_number("lr", lr))
    _check_parts(model, batches, optimizer, scheduler)
    history = {"epoch": [], "train": [], "held_out": []}
    # tqdm reads TQDM_DISABLE itself, but its notebook bar (with ipywidgets) overrides it.
    silent = bool(os.environ.get("TQDM_DISABLE"))
    progress = tqdm(
        range(1, num_epochs + 1),
        desc="training", unit="epoch", delay=2, leave=False, disable=silent,
    )  # fmt: skip
    for epoch in progress:
        value = train_epoch(model, batches, optimizer, max_norm, scheduler)
        due = epoch == 1 or epoch % evaluate_every == 0 or epoch == num_epochs
        history["epoch"].append(epoch)
        history["train"].append(value)
        history["held_out"].append(
            evaluate(model, held_out) if held_out is not None and due else None
        )
        progress.set_postfix(perplexity=f"{value:.2f}", refresh=False)
        if on_epoch is not None:
            on_epoch(epoch, history)
    return history
