"""Train RNN, LSTM and GRU to remember one letter over a gap, and store how it went (chapter 6).

    python -m tools.train_gaps              all of it: about twenty minutes of one core
    python -m tools.train_gaps --only GRU   the contenders whose names begin so

The task: one letter of a sequence is marked; at the end the network is asked for it. The mark
stands at the first step, so that all the other letters, `gap` of them, lie between letter and
question. A contender is a layer of 16 units and a way to start it; five starts (seeds 0 to 4)
are trained at each gap, with Adam, 32 new sequences an update, gradients clipped to length 1.
A training ends when at two evaluations in a row, 50 updates apart, 99% of 400 new sequences are
answered right; else after 3,000 updates. PyTorch's own starts are also trained at length 41 with
the mark at a step drawn anew for each sequence ("anywhere"), and still evaluated with the mark
at the first step.

Each contender has its own learning rate for each gap, chosen by three other starts (seeds 100 to
102) and at most 2,000 updates: the one with which most of them solve the task, then the one that
needs fewest updates, or if none solves it, the one with the most right answers in the end. Tried
are 0.003, 0.01 and 0.03, and 0.001 where 0.003 was the best or none solved the task. Where all of
them only guess (under 25% right), this gap and longer ones get the rate of the gap before.

All starts of a contender are trained at the same time: their weights have one axis more in
front, so each step is one batched product for all. The cells are those of the chapter, which
loads the weights into nn.RNN, nn.LSTM and nn.GRU and evaluates them once more.

Writes data/experiments/gaps.json (a history for each training) and gaps.pt (the weights at
gap 40). What is there already is not trained again: delete the files to begin anew.
"""

import argparse
import json
import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported, which reads it

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tools.first_cell import ROOT

FOLDER = ROOT / "data" / "experiments"
NUM_LETTERS, HIDDEN_SIZE, BATCH_SIZE = 6, 16, 32
GAPS, SEEDS, CHOOSING_SEEDS = (10, 20, 40), range(5), range(100, 103)
RATES, LOWEST_RATE = (0.003, 0.01, 0.03), 0.001
BUDGET, CHOOSING_BUDGET, EVERY = 3000, 2000, 50
CONTENDERS = {
    "RNN": (nn.RNN, None),
    "RNN, orthogonal": (nn.RNN, "orthogonal"),
    "LSTM": (nn.LSTM, None),
    "LSTM, forget bias 1": (nn.LSTM, 1.0),
    "LSTM, forget bias 4": (nn.LSTM, 4.0),
    "GRU": (nn.GRU, None),
    "GRU, update bias 4": (nn.GRU, 4.0),
}


def start(contender: str, seed: int) -> list[Tensor]:
    """The six weights of a fresh network: four of the layer, two of the answer."""
    kind, change = CONTENDERS[contender]
    torch.manual_seed(seed)
    layer = kind(NUM_LETTERS + 1, HIDDEN_SIZE)
    answer = nn.Linear(HIDDEN_SIZE, NUM_LETTERS)
    if change == "orthogonal":
        nn.init.orthogonal_(layer.weight_hh_l0)
    elif change is not None:  # the gate that keeps is the second block of rows in both layers
        layer.bias_ih_l0.data[HIDDEN_SIZE : 2 * HIDDEN_SIZE] = change
    return [weight.detach() for weight in (*layer.parameters(), *answer.parameters())]


def draw(gap: int, number: int, generator, anywhere=False) -> tuple[Tensor, Tensor]:
    """Sequences (gap + 1, number, letters + 1), the last column the mark; the marked letters."""
    letters = torch.randint(NUM_LETTERS, (gap + 1, number), generator=generator)
    steps = torch.zeros(number, dtype=torch.long)
    if anywhere:
        steps = torch.randint(gap + 1, (number,), generator=generator)
    mark = torch.zeros(gap + 1, number, 1)
    mark[steps, torch.arange(number)] = 1
    x = torch.cat([F.one_hot(letters, NUM_LETTERS), mark], dim=2)
    return x, letters[steps, torch.arange(number)]


def lstm_step(from_x: Tensor, from_h: Tensor, h: Tensor, c: Tensor):
    i, f, g, o = (from_x + from_h).chunk(4, dim=2)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def gru_step(from_x: Tensor, from_h: Tensor, h: Tensor, c: Tensor):
    x_r, x_z, x_n = from_x.chunk(3, dim=2)
    h_r, h_z, h_n = from_h.chunk(3, dim=2)
    n = torch.tanh(x_n + torch.sigmoid(x_r + h_r) * h_n)
    return torch.lerp(n, h, torch.sigmoid(x_z + h_z)), c


def rnn_step(from_x: Tensor, from_h: Tensor, h: Tensor, c: Tensor):
    return torch.tanh(from_x + from_h), c


STEPS = {nn.RNN: rnn_step, nn.LSTM: lstm_step, nn.GRU: gru_step}


def run(kind: type, weights: list[Tensor], x: Tensor) -> Tensor:
    """Logits (networks, batch, letters) after the last step; x has the batches side by side."""
    W_ih, W_hh, b_ih, b_hh, W_answer, b_answer = weights
    networks, num_steps = len(W_ih), len(x)
    x = x.view(num_steps, networks, -1, x.shape[2]).transpose(0, 1)
    from_x = torch.baddbmm(b_ih[:, None], x.flatten(1, 2), W_ih.transpose(1, 2))
    from_x = from_x.view(networks, num_steps, -1, W_ih.shape[1])
    h = c = x.new_zeros(networks, x.shape[2], HIDDEN_SIZE)
    for from_x_t in from_x.unbind(1):
        from_h = torch.baddbmm(b_hh[:, None], h, W_hh.transpose(1, 2))
        h, c = STEPS[kind](from_x_t, from_h, h, c)
    return torch.baddbmm(b_answer[:, None], h, W_answer.transpose(1, 2))


def clip(gradients: list[Tensor]) -> list[Tensor]:
    """Each network's gradients to a length of at most 1, as nn.utils.clip_grad_norm_ does."""
    length = sum(g.flatten(1).square().sum(1) for g in gradients).sqrt()
    factor = (1 / (length + 1e-6)).clamp(max=1)
    return [g * factor.view(-1, *[1] * (g.dim() - 1)) for g in gradients]


class Adam:
    """torch.optim.Adam with a learning rate for each network; networks can be taken out."""

    def __init__(self, weights: list[Tensor], rates: list[float]):
        self.means = [torch.zeros_like(w) for w in weights]
        self.squares = [torch.zeros_like(w) for w in weights]
        self.rates, self.updates = torch.tensor(rates), 0

    def step(self, weights: list[Tensor], gradients: list[Tensor]) -> None:
        self.updates += 1
        for w, g, mean, square in zip(weights, gradients, self.means, self.squares, strict=True):
            mean.lerp_(g, 0.1)
            square.mul_(0.999).addcmul_(g, g, value=0.001)
            size = (square / (1 - 0.999**self.updates)).sqrt() + 1e-8
            rate = self.rates.view(-1, *[1] * (w.dim() - 1)) / (1 - 0.9**self.updates)
            w -= rate * mean / size

    def keep(self, rows: list[int]) -> None:
        self.means = [m[rows] for m in self.means]
        self.squares = [s[rows] for s in self.squares]
        self.rates = self.rates[rows]


def train(contender: str, gap: int, jobs: list[tuple], budget: int, anywhere=False) -> list[dict]:
    """Train a network for each job (seed, rate); their histories, and their last weights."""
    kind = CONTENDERS[contender][0]
    runs = [{"seed": s, "rate": r, "solved": None, "right": []} for s, r in jobs]
    weights = [torch.stack(w) for w in zip(*(start(contender, s) for s, _ in jobs), strict=True)]
    optimizer = Adam(weights, [rate for _, rate in jobs])
    generator, alive = torch.Generator().manual_seed(gap), list(runs)
    for update in range(1, budget + 1):
        x, target = draw(gap, BATCH_SIZE * len(alive), generator, anywhere)
        weights = [w.requires_grad_() for w in weights]
        logits = run(kind, weights, x).flatten(0, 1)
        loss = F.cross_entropy(logits, target, reduction="sum") / BATCH_SIZE
        gradients = clip(torch.autograd.grad(loss, weights))
        weights = [w.detach() for w in weights]
        optimizer.step(weights, gradients)
        if update % EVERY:
            continue
        with torch.no_grad():
            x, target = draw(gap, 400 * len(alive), generator)
            right = (run(kind, weights, x).argmax(2) == target.view(len(alive), -1)).sum(1)
        for k, entry in enumerate(alive):
            entry["right"].append(right[k].item())
            entry["weights"] = [w[k].clone() for w in weights]
            if update > EVERY and min(entry["right"][-2:]) >= 396:
                entry["solved"] = update
        rows = [k for k, entry in enumerate(alive) if entry["solved"] is None]
        alive, weights = [alive[k] for k in rows], [w[rows] for w in weights]
        optimizer.keep(rows)
        if not alive:
            break
    return runs


def choose_rate(contender: str, gap: int) -> tuple[float, bool, list[dict]]:
    """The best learning rate at this gap, whether anything was learned with it, the trainings."""
    trials = []

    def share(run):
        return sum(run["right"][-10:]) / len(run["right"][-10:]) / 400

    def cost(rate):  # few unsolved first, then few updates, then many right in the end
        runs = [r for r in trials if r["rate"] == rate]
        updates = sum(r["solved"] or CHOOSING_BUDGET for r in runs)
        return sum(r["solved"] is None for r in runs), updates, -sum(map(share, runs))

    for rates in (RATES, (LOWEST_RATE,)):
        jobs = [(seed, rate) for rate in rates for seed in CHOOSING_SEEDS]
        trials += train(contender, gap, jobs, CHOOSING_BUDGET)
        best = min({r["rate"] for r in trials}, key=cost)
        if best > RATES[0] and cost(best)[0] < len(CHOOSING_SEEDS):
            break
    entries = [{"gap": gap, **{k: r[k] for k in ("rate", "seed", "solved")}} for r in trials]
    return best, -cost(best)[2] / len(CHOOSING_SEEDS) > 0.25, entries


def choose_rates(contender: str) -> tuple[dict[str, float], list[dict]]:
    """The learning rate for each gap, and the trainings that say so."""
    rates, trainings, learned = {}, [], True
    for gap in GAPS:
        if learned:
            rate, learned, entries = choose_rate(contender, gap)
            trainings += entries
        rates[str(gap)] = rate if learned or not rates else rates[str(GAPS[GAPS.index(gap) - 1])]
    return rates, trainings


def state_dict(contender: str, runs: list[dict]) -> dict[str, Tensor]:
    """The weights of these networks, by PyTorch's names, the networks along the first axis."""
    names = [f"layer.{name}" for name, _ in CONTENDERS[contender][0](1, 1).named_parameters()]
    names += ["answer.weight", "answer.bias"]
    weights = zip(*(r["weights"] for r in runs), strict=True)
    return {name: torch.stack(w) for name, w in zip(names, weights, strict=True)}


def write(name: str, save, content) -> None:
    """Write to a file beside it first, so that an interruption leaves the old one whole."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    partial = FOLDER / f"{name}.partial"
    save(content, partial)
    partial.replace(FOLDER / name)


def save_json(content: dict, path) -> None:
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="the contenders whose names begin so")
    only = parser.parse_args().only
    torch.set_num_threads(1)
    stored = {
        "every": EVERY,
        "budget": BUDGET,
        "choosing": {},
        "rates": {},
        "runs": [],
    }
    networks = {}
    if (FOLDER / "gaps.json").exists():
        stored = json.loads((FOLDER / "gaps.json").read_text(encoding="utf-8"))
        networks = torch.load(FOLDER / "gaps.pt", weights_only=True)
    for contender in (name for name in CONTENDERS if name.startswith(only)):
        if contender not in stored["rates"]:
            stored["rates"][contender], stored["choosing"][contender] = choose_rates(contender)
        done = {(r["gap"], r["anywhere"]) for r in stored["runs"] if r["contender"] == contender}
        trials = [(gap, False) for gap in GAPS] + [(40, True)] * (CONTENDERS[contender][1] is None)
        for gap, anywhere in (trial for trial in trials if trial not in done):
            rate = stored["rates"][contender][str(gap)]
            runs = train(contender, gap, [(seed, rate) for seed in SEEDS], BUDGET, anywhere)
            if (gap, anywhere) == (40, False):
                networks[contender] = state_dict(contender, runs)
            about = {"contender": contender, "gap": gap, "anywhere": anywhere}
            for r in runs:
                stored["runs"].append(about | {k: v for k, v in r.items() if k != "weights"})
            write("gaps.json", save_json, stored)
            write("gaps.pt", torch.save, networks)
            where = "anywhere" if anywhere else "first"
            print(contender, rate, gap, where, [r["solved"] for r in runs], flush=True)


if __name__ == "__main__":
    main()
