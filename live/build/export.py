"""Write the data files and pictures of the live views from trained networks.

    python -m live.build.export

Needs The Time Machine and, in data/checkpoints/, rnn.pt (chapter 9) and the two of
`python -m live.build.train`; trains the young networks of chapter 9 itself. Writes into live/:
models/*.js (the weights), data/stepper.js (the tiny networks), data/pages.js and data/book.js
(filters of what the networks have read, to mark what is copied), networks.md (a table), and the
pictures *.png for readers without scripts. About a minute. Tests say when the data is no longer
what this would write.
"""

import random
import sys
from pathlib import Path
from typing import NamedTuple

import matplotlib
import torch

from live.build import pictures
from live.build.models import export_model, read_model
from live.build.scripts import text_filter, write_script
from live.build.stepper import stepper_data
from rnnlib.batches import TextBatches
from rnnlib.models import language_model, load_model
from rnnlib.text import FILE_NAME, find_text, load_corpus
from rnnlib.training import evaluate, train

LIVE = Path(__file__).resolve().parent.parent
CHECKPOINTS = LIVE.parent / "data" / "checkpoints"
NUM_PAGES = 10_000  # the first pages, in characters: what chapter 9 trains on


class Page(NamedTuple):
    """A network as the page shows it."""

    title: str
    read: str  # what it has read
    text: str | None  # the filter of what it has read
    source: str  # where its weights come from
    parts: int  # its scripts: one byte for a weight where greedy text stays the same, else two


NETWORKS = {
    "rnn-untrained": Page("RNN, untrained", "nothing", None, "chapter 9, before training", 1),
    "rnn-20-epochs": Page(
        "RNN, 20 epochs", "the first pages, 20 times", "pages", "chapter 9, trained again", 1
    ),
    "rnn-500-epochs": Page(
        "RNN, 500 epochs", "the first pages, 500 times", "pages", "chapter 9, the stored RNN", 2
    ),
    "gru-by-heart": Page(
        "GRU, 500 epochs", "the first pages, 500 times", "pages",
        "trained for this page by the recipe of chapter 9", 2,
    ),
    "gru-whole-book": Page(
        "GRU, whole book", "nine tenths of the book, 45 times", "book", "trained for this page", 2
    ),
}  # fmt: skip
# The networks that are stored; the others are trained here.
FILES = {
    "rnn-500-epochs": "rnn.pt",
    "gru-by-heart": "live-gru-by-heart.pt",
    "gru-whole-book": "live-gru-whole-book.pt",
}


def original(name: str, corpus, vocab):
    """The network `name` before it is rounded, as float32."""
    if name in FILES:
        return load_model(CHECKPOINTS / FILES[name])[0].float()
    # The RNN of chapter 9 (same seed, same recipe) after its first epochs.
    torch.manual_seed(0)
    model = language_model("rnn", len(vocab), hidden_size=256)
    batches = TextBatches(corpus[:NUM_PAGES], batch_size=32, num_steps=35, rng=random.Random(0))
    train(model, batches, num_epochs={"rnn-untrained": 0, "rnn-20-epochs": 20}[name])
    return model


def export_networks(corpus, vocab) -> None:
    """The scripts of all networks, and a table of them; perplexities are those of the scripts."""
    rows = [
        "| Network | Has read | Its weights come from | Bits per weight | Perplexity on the first pages | on the last pages |"
    ]
    rows.append("|---|---|---|---|---|---|")
    for name, page in NETWORKS.items():
        model, bits = original(name, corpus, vocab), 8 * page.parts
        about = {"read": page.read, "text": page.text, "source": page.source, "bits": bits}
        export_model(LIVE / "models", name, model, vocab, about, page.parts)
        rounded, _, _ = read_model(LIVE / "models", name)
        first = round(evaluate(rounded, corpus[:NUM_PAGES]), 1)
        last = round(evaluate(rounded, corpus[int(0.95 * len(corpus)) :]), 1)
        about["perplexity"] = {"pages": first, "end": last}
        export_model(LIVE / "models", name, model, vocab, about, page.parts)
        rows.append(f"| {page.title} | {page.read} | {page.source} | {bits} | {first} | {last} |")
        print(rows[-1], flush=True)
    (LIVE / "networks.md").write_text("\n".join(rows) + "\n", encoding="utf-8")


def export_filters(corpus, vocab) -> None:
    """What has been read: the first pages, or the first nine tenths of the book."""
    for name, end, size in (("pages", NUM_PAGES, 2**14), ("book", int(0.9 * len(corpus)), 2**17)):
        text = "".join(vocab.to_tokens(corpus[:end]))
        write_script(LIVE / "data" / f"{name}.js", {"name": name, **text_filter(text, size)})


def main() -> None:
    if find_text().name != FILE_NAME:  # the sample would give other networks
        sys.exit("The page's networks have read The Time Machine, which is not here.")
    torch.set_num_threads(1)
    matplotlib.use("Agg")
    corpus, vocab = load_corpus()
    export_networks(corpus, vocab)
    export_filters(corpus, vocab)
    write_script(LIVE / "data" / "stepper.js", stepper_data())
    titles = {name: page.title for name, page in NETWORKS.items()}
    pictures.draw_playground(LIVE / "playground.png", LIVE / "models", titles)
    pictures.draw_stepper(LIVE / "stepper.png")
    pictures.draw_block(LIVE / "block.png")
    pictures.draw_reach(LIVE / "reach.png", LIVE / "models")


if __name__ == "__main__":
    main()
