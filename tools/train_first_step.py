"""Train the networks of chapter 4's last section, where only the first step of a walk counts.

    python -m tools.train_first_step

An nn.RNN of 16 units reads a walk in the plane and names the village, one of three, to which
the first step points. It is taught walks of twenty steps in two ways, with three learning rates
and from three seeds each, with Adam, new walks in every update and gradients clipped at norm 1:

    "at once"      6,000 updates on walks of twenty steps
    "short first"  2,000 updates on walks of ten steps, then 4,000 on walks of twenty

All trainings of one way run at the same time: their weights have one axis more in front. The
chapter loads the weights into its own networks and evaluates them once more.

Writes data/experiments/first_step.json (for each training its accuracy, every 250 updates, on
1,000 other walks of twenty steps) and first_step.pt (the weights at the end). It takes some
minutes on one core.
"""

import json
import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported, which reads it

import torch
from torch import nn
from torch.nn import functional as F

from tools.first_cell import ROOT

FOLDER = ROOT / "data" / "experiments"
WAYS = {"at once": [(10, 0), (20, 6000)], "short first": [(10, 2000), (20, 4000)]}
RUNS = [(lr, seed) for lr in (0.001, 0.003, 0.01) for seed in range(3)]
EVERY, BATCH_SIZE = 250, 64
NAMES = [f"rnn.{name}_l0" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
NAMES += ["hidden_to_output.weight", "hidden_to_output.bias"]


def start(seed):
    """The weights of a fresh network with the names of chapter 4's classifier."""
    torch.manual_seed(seed)
    layers = nn.ModuleDict(
        {"rnn": nn.RNN(2, 16, batch_first=True), "hidden_to_output": nn.Linear(16, 3)}
    )
    weights = layers.state_dict()
    return [weights[name] for name in NAMES]


def logits(weights, x):
    """(runs, batch_size, classes), from x of shape (runs, num_steps, batch_size, 2)."""
    W_xh, W_hh, b_xh, b_hh, W_hq, b_q = weights
    from_input = x @ W_xh.mT.unsqueeze(1) + (b_xh + b_hh)[:, None, None]
    h = torch.zeros_like(from_input[:, 0])
    for step in from_input.unbind(1):
        h = torch.tanh(torch.baddbmm(step, h, W_hh.mT))
    return torch.baddbmm(b_q.unsqueeze(1), h, W_hq.mT)


def first_step(x):
    """The village, all equally far away, to which the first step points."""
    angles = torch.tensor([90.0, 210.0, 330.0]).deg2rad()
    villages = torch.stack([angles.cos(), angles.sin()])
    return (x[:, 0] @ villages).argmax(dim=-1)


@torch.no_grad()
def accuracies(weights):
    x = torch.randn(1, 20, 1000, 2, generator=torch.Generator().manual_seed(99))
    x = x.expand(len(RUNS), -1, -1, -1)
    return (logits(weights, x).argmax(dim=-1) == first_step(x)).float().mean(dim=1).tolist()


def clip(weights):
    """Shorten the gradient of each run to norm 1 where it is longer."""
    squares = sum(weight.grad.flatten(1).pow(2).sum(dim=1) for weight in weights)
    factors = (1 / squares.sqrt()).clamp(max=1)
    for weight in weights:
        weight.grad *= factors.view(-1, *[1] * (weight.dim() - 1))


def train(stages):
    """The weights at the end, and a list of accuracies for each run."""
    weights = [torch.stack(same) for same in zip(*(start(seed) for _, seed in RUNS), strict=True)]
    weights = [weight.requires_grad_() for weight in weights]
    rates = torch.tensor([lr for lr, _ in RUNS])
    optimizer = torch.optim.Adam(weights, lr=1.0)
    torch.manual_seed(0)
    measured, updates = [accuracies(weights)], 0
    for num_steps, num_updates in stages:
        for _ in range(num_updates):
            x = torch.randn(len(RUNS), num_steps, BATCH_SIZE, 2)
            loss = F.cross_entropy(
                logits(weights, x).flatten(0, 1), first_step(x).flatten(), reduction="sum"
            )
            optimizer.zero_grad()
            (loss / BATCH_SIZE).backward()
            clip(weights)
            before = [weight.detach().clone() for weight in weights]
            optimizer.step()
            with torch.no_grad():  # a step of Adam is proportional to its rate: each run its own
                for weight, old in zip(weights, before, strict=True):
                    rate = rates.view(-1, *[1] * (weight.dim() - 1))
                    weight.copy_(old + rate * (weight - old))
            updates += 1
            if updates % EVERY == 0:
                measured.append(accuracies(weights))
                print(updates, [round(share, 2) for share in measured[-1]], flush=True)
    return weights, [[round(share, 4) for share in run] for run in zip(*measured, strict=True)]


def main():
    torch.set_num_threads(1)
    histories, stored = [], {}
    for way, stages in WAYS.items():
        weights, measured = train(stages)
        for run, (lr, seed) in enumerate(RUNS):
            histories.append({"way": way, "lr": lr, "seed": seed, "accuracy": measured[run]})
            name = f"{way}, {lr}, {seed}"
            stored[name] = {
                key: weight[run].detach().clone()
                for key, weight in zip(NAMES, weights, strict=True)
            }
    FOLDER.mkdir(exist_ok=True)
    content = {"every": EVERY, "trainings": histories}
    (FOLDER / "first_step.json").write_text(json.dumps(content) + "\n", encoding="utf-8")
    torch.save(stored, FOLDER / "first_step.pt")


if __name__ == "__main__":
    main()
