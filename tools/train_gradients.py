"""Count how many updates recall takes, for chapter 5, and store the counts.

    python -m tools.train_gradients                   half a minute to a few minutes
    python -m tools.train_gradients --out FILE

The task: two words, `a` or `b` and then dashes; say at the end which letter it was. A network
has learned it when the mean loss of the two words is below 0.1. Two experiments:

"functions"  ten letters, Adam: tanh and sigmoid networks whose W_hh starts orthogonal times a
             gain; "centred" also shifts the bias so that a state of 1/2 counts as zero.
"clipping"   twenty letters, SGD, tanh with gain 3, without clipping and with the norm of the
             gradient cut to 1.

Each setting is tried with several learning rates and the same ten starts. The networks of one
experiment with one function are trained side by side, stacked along a first axis; no network's
update depends on another's. Writes data/experiments/gradients.json: for each setting and
learning rate one number a start, the updates until the task was learned, or null.
"""

import argparse
import json
import os
import sys
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported, which reads it

import torch
from torch import Tensor, nn
from torch.nn import functional as F

ROOT = Path(__file__).resolve().parent.parent
SEEDS = range(10)
MOST = 3000
HIDDEN_SIZE = 8
FUNCTIONS = {
    "tanh, gain 1": (torch.tanh, 1, False),
    "tanh, gain 1/4": (torch.tanh, 1 / 4, False),
    "sigmoid, gain 1": (torch.sigmoid, 1, False),
    "sigmoid, gain 4": (torch.sigmoid, 4, False),
    "sigmoid, gain 4, centred": (torch.sigmoid, 4, True),
}
FUNCTION_RATES = (0.003, 0.01, 0.03, 0.1, 0.3)
CLIPPING_RATES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


def recall_words(num_steps: int) -> tuple[Tensor, Tensor]:
    """The words `a---` and `b---`: inputs (num_steps, 2, 3) and the two answers."""
    ids = torch.full((num_steps, 2), 2)
    ids[0] = torch.tensor([0, 1])
    return F.one_hot(ids, 3).float(), ids[0]


def start(seed: int, gain: float, centred: bool = False) -> list[Tensor]:
    """The parameters that a RecurrentNetwork(3, 8, 2) of the chapter starts with."""
    torch.manual_seed(seed)
    into = nn.Linear(3, HIDDEN_SIZE)
    across = nn.Linear(HIDDEN_SIZE, HIDDEN_SIZE)
    out = nn.Linear(HIDDEN_SIZE, 2)
    nn.init.orthogonal_(across.weight, gain)
    if centred:
        with torch.no_grad():
            across.bias.sub_(across.weight.sum(dim=1) / 2)
    return [p.detach() for layer in (into, across, out) for p in layer.parameters()]


def stacked(starts: list[list[Tensor]]) -> list[Tensor]:
    return [torch.stack(tensors).requires_grad_() for tensors in zip(*starts, strict=True)]


def losses(f, params: list[Tensor], inputs: Tensor, targets: Tensor) -> Tensor:
    """The loss of each network, shape (num_networks)."""
    W_xh, b_xh, W_hh, b_hh, W_hq, b_hq = params
    h = torch.zeros(len(W_xh), 1, HIDDEN_SIZE)
    for x in inputs:
        z = x @ W_xh.mT + b_xh[:, None] + h @ W_hh.mT + b_hh[:, None]
        h = f(z)
    logits = h @ W_hq.mT + b_hq[:, None]
    answers = targets.repeat(len(W_xh))
    return F.cross_entropy(logits.flatten(0, 1), answers, reduction="none").view(-1, 2).mean(dim=1)


def norms(params: list[Tensor]) -> Tensor:
    """The norm of each network's whole gradient, shape (num_networks)."""
    return torch.cat([p.grad.flatten(1) for p in params], dim=1).norm(dim=1)


def count_updates(f, params, rates: Tensor, num_steps: int, adam: bool, max_norms=None):
    """Train all networks; return for each the updates until it had learned, or None."""
    inputs, targets = recall_words(num_steps)
    counts: list[int | None] = [None] * len(rates)
    mean = [torch.zeros_like(p) for p in params]
    square = [torch.zeros_like(p) for p in params]
    for update in range(MOST):
        now = losses(f, params, inputs, targets)
        for i in (now < 0.1).nonzero().flatten().tolist():
            counts[i] = update if counts[i] is None else counts[i]
        if None not in counts:
            break
        for p in params:
            p.grad = None
        now.sum().backward()
        scale = rates
        if max_norms is not None:
            scale = rates * (max_norms / (norms(params) + 1e-6)).clamp(max=1)
        with torch.no_grad():
            for p, m, v in zip(params, mean, square, strict=True):
                step = p.grad
                if adam:
                    m.lerp_(p.grad, 0.1)
                    v.lerp_(p.grad**2, 0.001)
                    m_hat, v_hat = m / (1 - 0.9 ** (update + 1)), v / (1 - 0.999 ** (update + 1))
                    step = m_hat / (v_hat.sqrt() + 1e-8)
                p.sub_(scale.view(-1, *[1] * (p.dim() - 1)) * step)
    return counts


def functions() -> dict:
    results = {}
    for name, (f, gain, centred) in FUNCTIONS.items():
        params = stacked([start(seed, gain, centred) for _ in FUNCTION_RATES for seed in SEEDS])
        rates = torch.tensor(FUNCTION_RATES).repeat_interleave(len(SEEDS))
        counts = count_updates(f, params, rates, 10, adam=True)
        results[name] = by_rate(FUNCTION_RATES, counts)
        print(name, results[name], flush=True)
    return results


def clipping() -> dict:
    names = {"without clipping": float("inf"), "with clipping": 1.0}
    each = [(norm, lr, seed) for norm in names.values() for lr in CLIPPING_RATES for seed in SEEDS]
    params = stacked([start(seed, 3) for _, _, seed in each])
    rates = torch.tensor([lr for _, lr, _ in each])
    max_norms = torch.tensor([norm for norm, _, _ in each])
    counts = count_updates(torch.tanh, params, rates, 20, adam=False, max_norms=max_norms)
    half = len(counts) // 2
    results = {
        name: by_rate(CLIPPING_RATES, part)
        for name, part in zip(names, (counts[:half], counts[half:]), strict=True)
    }
    print(results)
    return results


def by_rate(rates, counts) -> dict:
    n = len(SEEDS)
    return {str(lr): counts[i * n : (i + 1) * n] for i, lr in enumerate(rates)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "data/experiments/gradients.json")
    out = parser.parse_args().out
    torch.set_num_threads(1)
    content = {"most": MOST, "functions": functions(), "clipping": clipping()}
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    partial.replace(out)


if __name__ == "__main__":
    sys.exit(main())
