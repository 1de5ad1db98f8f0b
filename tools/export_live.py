"""Make the data files and pictures of the page "The network, live" from trained networks.

    python tools/export_live.py

Needs The Time Machine and data/checkpoints/ (rnn-, lstm-timemachine of chapter 9 and the two
of tools/train_live.py); trains the young networks of chapter 9 itself. Writes into live/:
models/*.js, data/pages.js (a filter of the first pages, to mark what is copied),
data/reach.js (what predictions depend on), networks.md (a table) and the pictures *.png that
stand in for the views where there are no scripts. About a minute.
"""

import io
import os
import random
import sys

os.environ.update(OMP_NUM_THREADS="1", TQDM_DISABLE="1")  # before torch is imported

import matplotlib
import torch
from first_cell import ROOT

sys.path.insert(0, str(ROOT))
matplotlib.use("Agg")

from matplotlib import pyplot as plt
from PIL import Image

from rnnlib import export, figures
from rnnlib.batches import TextBatches
from rnnlib.files import write_atomically
from rnnlib.generation import generate
from rnnlib.models import language_model, load_model
from rnnlib.reach import reach
from rnnlib.text import SHA1, find_text, load_corpus, sha1
from rnnlib.traces import ONE_WORD, trace, train_weights
from rnnlib.training import evaluate, train

LIVE, CHECKPOINTS = ROOT / "live", ROOT / "data" / "checkpoints"
NUM_PAGES = 10_000  # the first pages: what chapter 9 trains on
PREFIX = "time traveller"
REACH_PREFIXES, REACH_TOKENS = ("time traveller ", "there is "), 110
# Name -> title, what it has read, and how many scripts it needs: one byte for a weight where
# that leaves the greedy text as it is, else two.
NETWORKS = {
    "rnn-untrained": ("RNN, untrained", "nothing", 1),
    "rnn-20-epochs": ("RNN, 20 epochs", "the first pages, 20 times", 1),
    "rnn-500-epochs": ("RNN, 500 epochs", "the first pages, 500 times", 2),
    "gru-by-heart": ("GRU, by heart", "the first pages, 500 times", 2),
    "gru-whole-book": ("GRU, whole book", "nine tenths of the book, 45 times", 2),
}


def young_network(num_epochs: int, corpus, vocab):
    """The RNN of chapter 9 (same seed, same recipe) after its first `num_epochs` epochs."""
    torch.manual_seed(0)
    model = language_model("rnn", len(vocab), hidden_size=256)
    batches = TextBatches(corpus[:NUM_PAGES], batch_size=32, num_steps=35, rng=random.Random(0))
    train(model, batches, num_epochs)
    return model


def original(name: str, corpus, vocab):
    """The network `name` before it is rounded, as float32."""
    if name == "rnn-untrained":
        return young_network(0, corpus, vocab)
    if name == "rnn-20-epochs":
        return young_network(20, corpus, vocab)
    file = "rnn-timemachine" if name == "rnn-500-epochs" else f"live-{name}"
    return load_model(CHECKPOINTS / f"{file}.pt")[0].float()


def export_networks(corpus, vocab) -> None:
    for name, (_, _, parts) in NETWORKS.items():
        model = original(name, corpus, vocab)
        end = int(0.95 * len(corpus))
        perplexity = {
            "pages": round(evaluate(model, corpus[:NUM_PAGES]), 1),
            "end": round(evaluate(model, corpus[end:]), 1),
        }
        paths = export.export_model(
            LIVE / "models", name, model, vocab, {"perplexity": perplexity}, parts
        )
        print(*(f"{path.name} {path.stat().st_size} bytes" for path in paths), perplexity)


def write_table() -> None:
    """The networks and their measures, as the page includes them."""
    lines = [
        "| Network | Has read | Perplexity on the first pages | on the last pages |",
        "|---|---|---|---|",
    ]
    for name, (title, has_read, _) in NETWORKS.items():
        _, _, about = export.read_model(LIVE / "models", name)
        values = [f"{about['perplexity'][part]:.1f}" for part in ("pages", "end")]
        lines.append(f"| {title} | {has_read} | {values[0]} | {values[1]} |")
    (LIVE / "networks.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_data(name: str, data: dict) -> None:
    content = export.script({"name": name, **data})
    path = write_atomically(LIVE / "data" / f"{name}.js", lambda file: file.write(content))
    print(f"{path.name} {len(content)} bytes")


def reach_data() -> dict:
    """For each prefix and network: the text, and for each character of it the shares, in
    thousandths, of the characters before it, from the nearest back; zeros at the end left out."""
    texts = []
    for prefix in REACH_PREFIXES:
        models = []
        for kind in ("rnn", "lstm"):
            model, vocab, _ = load_model(CHECKPOINTS / f"{kind}-timemachine.pt")
            text = generate(model, vocab, prefix, REACH_TOKENS)
            indices = torch.tensor(vocab[list(text)])
            with torch.no_grad():
                p = torch.softmax(model(indices[None, :-1])[0], dim=1)
            given = p[torch.arange(len(p)), indices[1:]][len(prefix) - 1 :]
            shares = []
            for pull in reach(model, indices, first=len(prefix)):
                row = (1000 * pull.flip(0) / pull.sum()).round().int().tolist()
                while row[-1] == 0:
                    row.pop()
                shares.append(row)
            percent = (100 * given).round().int().tolist()
            models.append({"kind": kind, "text": text, "p": percent, "shares": shares})
        texts.append({"prefix": prefix, "models": models})
    return {"texts": texts}


# --- the pictures for readers without scripts ---


def save(figure, name: str) -> None:
    path = LIVE / f"{name}.png"
    with io.BytesIO() as file:
        figure.savefig(file, dpi=110)
        # Few colours make a small file; these pictures have few.
        Image.open(file).convert("RGB").quantize(64).save(path, optimize=True)
    plt.close(figure)
    print(f"{path.name} {path.stat().st_size} bytes")


def draw_playground() -> None:
    """What each network writes, and below it what the RNN of 500 epochs expects and holds."""
    with figures.course_style():
        figure, axes = plt.subplot_mosaic(
            [["text", "text"], ["next", "state"]], figsize=(7, 5), height_ratios=[2.2, 1.6]
        )
        axes["text"].axis("off")
        for row, (name, (title, _, _)) in enumerate(NETWORKS.items()):
            model, vocab, _ = export.read_model(LIVE / "models", name)
            generator = torch.Generator().manual_seed(1)
            text = generate(model, vocab, PREFIX, 120, temperature=0.5, generator=generator)
            y = 0.97 - 0.2 * row
            axes["text"].text(0, y, title, weight="bold", va="top", fontsize=9)
            lines = [text[start : start + 67] for start in (0, 67)]
            axes["text"].text(0.24, y, "\n".join(lines), family="monospace", va="top", fontsize=8)
        model, vocab, _ = export.read_model(LIVE / "models", "rnn-500-epochs")
        with torch.no_grad():
            logits, state = model(torch.tensor([vocab[list(PREFIX)]]), model.begin_state(1))
        p, order = torch.softmax(logits[-1], dim=0).sort(descending=True)
        names = [token.replace(" ", "␣") for token in vocab.to_tokens(order[:8])]
        axes["next"].barh(names[::-1], p[:8].tolist()[::-1], color=figures.OUTPUT)
        axes["next"].set(xlim=(0, 1), xlabel=f"probability after “{PREFIX}”")
        axes["next"].grid(axis="y", visible=False)
        image = axes["state"].imshow(state.reshape(8, 32), cmap="cividis", vmin=-1, vmax=1)
        axes["state"].set(xticks=[], yticks=[], title="hidden state, 256 units")
        axes["state"].title.set_fontsize(11)
        figure.colorbar(image, ax=axes["state"], orientation="horizontal", shrink=0.7)
    save(figure, "playground")


def draw_stepper() -> None:
    """The hidden state and the probabilities at each step of "hello", trained."""
    *_, (weights, _) = train_weights("rnn", ONE_WORD, 110)
    steps = trace(weights, "rnn", ONE_WORD)
    with figures.course_style():
        figure, (upper, lower) = plt.subplots(2, 1, figsize=(7, 5.4), height_ratios=[8, 4])
        columns = [f"{t}: “{letter}”" for t, letter in enumerate("hello", start=1)]
        for axes, values, rows, low in (
            (upper, torch.cat([step["h"] for step in steps]).T, range(8), -1),
            (lower, torch.cat([step["p"] for step in steps]).T, "oelh", 0),
        ):
            axes.imshow(values, cmap="cividis", aspect="auto", vmin=low, vmax=1)
            for (i, j), value in [
                ((i, j), values[i, j]) for i in range(len(rows)) for j in range(5)
            ]:
                colour = "w" if (value - low) / (1 - low) < 0.55 else "k"
                axes.text(j, i, f"{value:.4f}", ha="center", va="center", color=colour, fontsize=9)
            axes.set_xticks(range(5), columns)
            axes.set_yticks(range(len(rows)), rows)
            axes.grid(False)
            axes.tick_params(length=0)
        upper.set(ylabel="hidden state, unit", xticks=[])
        lower.set(ylabel="answer", xlabel="step and letter")
    save(figure, "stepper")


def draw_reach(data: dict) -> None:
    """For one character of each network's text, the shares of those before it."""
    with figures.course_style():
        figure, rows = plt.subplots(2, 1, figsize=(7, 4), sharey=True)
        for axes, model, colour, hatch in zip(
            rows,
            data["texts"][0]["models"],
            (figures.HIDDEN, figures.INPUT),
            ("", "///"),
            strict=True,
        ):
            number = 30
            at = len(REACH_PREFIXES[0]) + number - 1
            shares = (model["shares"][number - 1] + [0] * at)[:at][::-1]
            axes.bar(
                range(at), [share / 10 for share in shares], color="w" if hatch else colour,
                edgecolor=colour, hatch=hatch,
            )  # fmt: skip
            axes.set_xticks(range(at), [sign.replace(" ", "␣") for sign in model["text"][:at]])
            axes.tick_params(axis="x", labelsize=9, length=0)
            axes.set(ylabel="share in %", xlim=(-1, at))
            axes.set_title(
                f"{model['kind'].upper()}: the next character is “{model['text'][at]}”", fontsize=11
            )
            axes.grid(axis="x", visible=False)
    save(figure, "reach")


if __name__ == "__main__":
    path = find_text()
    if sha1(path.read_bytes()) != SHA1:
        raise SystemExit("the page's networks have read The Time Machine, which is not here")
    corpus, vocab = load_corpus(path=path)
    export_networks(corpus, vocab)
    write_table()
    write_data("pages", export.text_filter("".join(vocab.to_tokens(corpus[:NUM_PAGES]))))
    reaches = reach_data()
    write_data("reach", reaches)
    draw_playground()
    draw_stepper()
    draw_reach(reaches)
