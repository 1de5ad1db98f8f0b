"""The pictures that a reader without scripts sees in the place of the live views."""

import io
from pathlib import Path

import torch
from matplotlib import pyplot as plt
from PIL import Image

from live.build.models import read_model
from live.build.reach import TEXT, reach
from live.build.stepper import ONE_WORD, THREE_WORDS, trace, train_weights
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
    """What each network writes, and below it what the last one expects and holds."""
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
        model, vocab, _ = read_model(folder, "gru-whole-book")
        with torch.no_grad():
            logits, state = model(torch.tensor([vocab[list(PREFIX)]]), model.begin_state(1))
        p, order = torch.softmax(logits[-1], dim=0).sort(descending=True)
        names = [token.replace(" ", "␣") for token in vocab.to_tokens(order[:8])]
        axes["next"].barh(names[::-1], p[:8].tolist()[::-1], color=figures.OUTPUT)
        axes["next"].set(xlim=(0, 1), xlabel=f"probability after “{PREFIX}”")
        axes["next"].grid(axis="y", visible=False)
        image = axes["state"].imshow(state.reshape(5, 32), cmap="cividis", vmin=-1, vmax=1)
        axes["state"].set(xticks=[], yticks=[], title="hidden state, 160 units")
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


def draw_block(path: Path) -> None:
    """The output of nn.RNN for three words as sheets, one for each step; the last is framed."""
    *_, (weights, _) = train_weights("rnn", THREE_WORDS, 110)
    steps = trace(weights, "rnn", THREE_WORDS)
    with figures.course_style():
        figure, axes = plt.subplots(figsize=(7, 4.4))
        for t in reversed(range(5)):
            left, top, lit = 1.3 * t, 2.7 * t, t == 4
            extent = (left, left + 8, top, top + 3)
            axes.imshow(
                steps[t]["h"], cmap="PuOr_r", vmin=-1.4, vmax=1.4, extent=extent,
                alpha=1 if lit else 0.35,
            )  # fmt: skip
            colour, width = ("k", 2.5) if lit else (figures.GREY, 0.8)
            axes.add_patch(plt.Rectangle((left, top), 8, 3, fill=False, ec=colour, lw=width))
            axes.text(left + 8.2, top + 2.2, f"step {t}", fontsize=9)
            for row, word in enumerate(THREE_WORDS):
                axes.text(left - 0.3, top + 2.3 - row, word[t], ha="right", fontsize=9)
        axes.set(xlim=(-1, 15), ylim=(-0.4, 14.2), aspect="auto")
        axes.set_title("output, shape (5, 3, 8); framed: output[-1], shape (3, 8)", fontsize=11)
        axes.axis("off")
    save(figure, path)


def draw_reach(path: Path, folder: Path, at: int = 45) -> None:
    """For one character of the same text, the shares of those before it, in two networks."""
    looks = {"rnn-500-epochs": (figures.HIDDEN, ""), "gru-by-heart": (figures.INPUT, "///")}
    with figures.course_style():
        figure, rows = plt.subplots(2, 1, figsize=(7, 4), sharey=True)
        for axes, (name, (colour, hatch)) in zip(rows, looks.items(), strict=True):
            model, vocab, _ = read_model(folder, name)
            (pull,) = reach(model, torch.tensor(vocab[list(TEXT[: at + 1])]), first=at)
            axes.bar(
                range(at), 100 * pull / pull.sum(), color="w" if hatch else colour,
                edgecolor=colour, hatch=hatch,
            )  # fmt: skip
            axes.set_xticks(range(at), [sign.replace(" ", "␣") for sign in TEXT[:at]])
            axes.tick_params(axis="x", labelsize=9, length=0)
            axes.set(ylabel="share in %", xlim=(-1, at))
            kind = name[:3].upper()
            axes.set_title(f"{kind}: the next character is “{TEXT[at]}”", fontsize=11)
            axes.grid(axis="x", visible=False)
    save(figure, path)
