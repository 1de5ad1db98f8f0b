"""A model and its minibatches -> a trained model and a history of its perplexity."""

import sys
import time
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@contextmanager
def evaluating(model: nn.Module):
    """A context in which `model` is in evaluation mode; then each part has its own mode again."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield model.eval()
    finally:
        for module, mode in modes:
            module.training = mode


def detach(state):
    """The same state, a tensor or several of them, cut off from the computation that made it."""
    if isinstance(state, tuple | list):
        return tuple(detach(part) for part in state)
    return None if state is None else state.detach()


def train_epoch(
    model, batches, optimizer, max_norm=1.0, scheduler=None, loss=F.cross_entropy, carry_state=None
) -> float:
    """Train over all minibatches once; return the perplexity over the epoch's tokens.

    `batches` yields `X, Y`, each `(batch_size, num_steps)`. The state is carried from one to the
    next, detached, if `carry_state`; by default if minibatches say that they go on, as those of
    `rnnlib.batches` do. Gradients are clipped to the norm `max_norm`; `scheduler` steps after
    each minibatch; `loss(logits, targets)` is a mean over tokens, in nats. Follows
    `train_epoch_ch8` of *Dive into Deep Learning*.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    device, state, total_loss, num_tokens = parameters[0].device, None, 0.0, 0
    model.train()
    for batch in batches:
        X, Y = batch
        if X.shape != Y.shape:  # targets turned round would fit as well, and mean nonsense
            raise ValueError(f"X and Y differ in shape: {tuple(X.shape)}, {tuple(Y.shape)}")
        carries = getattr(batch, "carries_state", False) if carry_state is None else carry_state
        state = model.begin_state(len(X)) if state is None or not carries else detach(state)
        logits, state = model(X.to(device), state)
        mean_loss = loss(logits, Y.T.flatten().long().to(device))
        optimizer.zero_grad()
        mean_loss.backward()
        nn.utils.clip_grad_norm_(parameters, max_norm)
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
        total_loss += mean_loss.detach() * Y.numel()
        num_tokens += Y.numel()
    if not num_tokens:  # a generator that is used up yields nothing in its second epoch
        raise ValueError("batches yielded no minibatch: a generator can be read once only")
    return perplexity(float(total_loss) / num_tokens)


def perplexity(mean_loss: float) -> float:
    """exp of the mean cross-entropy (in nats); infinite where that overflows."""
    return torch.tensor(mean_loss, dtype=torch.float64).exp().item()


@torch.no_grad()
def evaluate(model: nn.Module, corpus: Tensor, num_steps: int = 500) -> float:
    """Perplexity on `corpus` `(num_tokens,)`, each token but the first predicted from all before.

    `num_steps` only sets how many go through the model in one call.
    """
    corpus = corpus.to(next(model.parameters()).device).long()
    with evaluating(model):
        state, total_loss = model.begin_state(1), 0.0
        for start in range(0, len(corpus) - 1, num_steps):
            targets = corpus[start + 1 : start + 1 + num_steps]
            logits, state = model(corpus[None, start : start + len(targets)], state)
            total_loss += F.cross_entropy(logits, targets, reduction="sum").double()
    return perplexity(float(total_loss) / (len(corpus) - 1))


def train(
    model, batches, num_epochs, lr=1.0, max_norm=1.0, optimizer=None, scheduler=None,
    held_out=None, evaluate_every=1, on_epoch=None,
) -> dict[str, list]:  # fmt: skip
    """Train for `num_epochs` and return `{"epoch": [...], "train": [...], "held_out": [...]}`.

    These are perplexities: `train_epoch`'s, and `evaluate`'s on the corpus `held_out` after
    epoch 1, every `evaluate_every` epochs and the last, else `None`. Plain SGD with `lr` unless
    an `optimizer` is given. `on_epoch(epoch, history)` is called after each epoch.
    """
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr)
    history = {"epoch": [], "train": [], "held_out": []}
    with progress_bar(num_epochs) as show:
        for epoch in range(1, num_epochs + 1):
            value = train_epoch(model, batches, optimizer, max_norm, scheduler)
            due = epoch in (1, num_epochs) or epoch % evaluate_every == 0
            held = evaluate(model, held_out) if held_out is not None and due else None
            for name, number in zip(history, (epoch, value, held), strict=True):
                history[name].append(number)
            show(epoch, f"perplexity {value:.2f}")
            if on_epoch is not None:
                on_epoch(epoch, history)
    return history


@contextmanager
def progress_bar(total: int):
    """A context whose `show(done, note)` draws a bar in notebook or terminal; then it is gone."""
    shell = "IPython" in sys.modules and sys.modules["IPython"].get_ipython()
    display, drawn = None, time.monotonic()
    if getattr(shell, "kernel", None):  # one display, which is empty again at the end
        display = sys.modules["IPython"].display.display({}, raw=True, display_id=True)

    def draw(bar: str) -> None:
        if display:
            display.update({"text/plain": bar} if bar else {}, raw=True)
        elif sys.stderr.isatty():
            print(f"\r{bar:70}\r", end="", file=sys.stderr, flush=True)

    def show(done: int, note: str) -> None:
        nonlocal drawn
        if time.monotonic() - drawn > 0.5:
            drawn = time.monotonic()
            draw(f"{'█' * (20 * done // total):░<20} {done} of {total}, {note}")

    try:
        yield show
    finally:
        draw("")
