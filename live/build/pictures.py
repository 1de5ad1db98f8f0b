"""The pictures that a reader without scripts sees in the place of the page's three views."""

import io
from pathlib import Path

import torch
from matplotlib import pyplot as plt
from PIL import Image

from live.build.models import read_model
from live.build.stepper import ONE_WORD, trace, train_weights
from rnnlib import figures
from rnnlib.generation import generate

PREFIX = "time traveller"


def save(figure, path: Path) -> None:
    with io.BytesIO() as file:
        figure.savefig(file, dpi=110)
        # Few colours make a small file; these pictures have few.
        Image.open(file).convert("RGB").quantize(64).save(path, optimize=True)
    plt.close(figure)


def draw_playground(path: Path, folder: Path, titles: dict[str, str]) -> None:
    """What each network writes, and below it what the RNN of 500 epochs expects and holds."""
    with figures.course_style():
        figure, axes = plt.subplot_mosaic(
            [["text", "text"], ["next", "state"]], figsize=(7, 5), height_ratios=[2.2, 1.6]
        )
        axes["text"].axis("off")
        for row, (name, title) in enumerate(titles.items()):
            model, vocab, _ = read_model(folder, name)
            generator = torch.Generator().manual_seed(1)
            text = generate(model, vocab, PREFIX, 120, temperature=0.5, generator=generator)
            y = 0.97 - 0.2 * row
            axes["text"].text(0, y, title, weight="bold", va="top", fontsize=9)
            lines = [text[start : start + 67] for start in (0, 67)]
            axes["text"].text(0.24, y, "\n".join(lines), family="monospace", va="top", fontsize=8)
        model, vocab, _ = read_model(folder, "rnn-500-epochs")
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
    save(figure, path)


def draw_table(axes, values, rows, low: float) -> None:
    """Numbers on their colours: a row for each unit or letter, a column for each step."""
    axes.imshow(values, cmap="cividis", aspect="auto", vmin=low, vmax=1)
    for i, row in enumerate(values.tolist()):
        for j, value in enumerate(row):
            colour = "w" if (value - low) / (1 - low) < 0.55 else "k"
            axes.text(j, i, f"{value:.4f}", ha="center", va="center", color=colour, fontsize=9)
    axes.set_xticks(range(5), [f"{t}: “{letter}”" for t, letter in enumerate("hello", start=1)])
    axes.set_yticks(range(len(rows)), rows)
    axes.grid(False)
    axes.tick_params(length=0)


def draw_stepper(path: Path) -> None:
    """The hidden state and the probabilities at each step of "hello", trained."""
    *_, (weights, _) = train_weights("rnn", ONE_WORD, 110)
    steps = trace(weights, "rnn", ONE_WORD)
    with figures.course_style():
        figure, (upper, lower) = plt.subplots(2, 1, figsize=(7, 5.4), height_ratios=[8, 4])
        draw_table(upper, torch.cat([step["h"] for step in steps]).T, range(8), low=-1)
        draw_table(lower, torch.cat([step["p"] for step in steps]).T, "oelh", low=0)
        upper.set(ylabel="hidden state, unit", xticks=[])
        lower.set(ylabel="answer", xlabel="step and letter")
    save(figure, path)


def draw_reach(path: Path, text: dict, number: int = 30) -> None:
    """For one character of each network's text, the shares of those before it."""
    at = len(text["prefix"]) + number - 1
    looks = ((figures.HIDDEN, ""), (figures.INPUT, "///"))
    with figures.course_style():
        figure, rows = plt.subplots(2, 1, figsize=(7, 4), sharey=True)
        for axes, model, (colour, hatch) in zip(rows, text["models"], looks, strict=True):
            shares = (model["shares"][number - 1] + [0] * at)[:at][::-1]
            axes.bar(
                range(at), [share / 10 for share in shares], color="w" if hatch else colour,
                edgecolor=colour, hatch=hatch,
            )  # fmt: skip
            axes.set_xticks(range(at), [sign.replace(" ", "␣") for sign in model["text"][:at]])
            axes.tick_params(axis="x", labelsize=9, length=0)
            axes.set(ylabel="share in %", xlim=(-1, at))
            title = f"{model['kind'].upper()}: the next character is “{model['text'][at]}”"
            axes.set_title(title, fontsize=11)
            axes.grid(axis="x", visible=False)
    save(figure, path)
