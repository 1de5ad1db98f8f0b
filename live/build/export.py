"""Write the data files and pictures of the page "The network, live" from trained networks.

    python -m live.build.export

Needs The Time Machine and, in data/checkpoints/, rnn.pt and lstm.pt (chapter 9) and the two
of `python -m live.build.train`; trains the young networks of chapter 9 itself. Writes into
live/: models/*.js (the weights), data/stepper.js (the tiny networks, step by step),
data/pages.js (a filter of the first pages, to mark what is copied), data/reach.js (what
predictions depend on), networks.md (a table), and the pictures *.png for readers without
scripts. About a minute. Tests say when the data is no longer what this would write.
"""

import random
import sys
from pathlib import Path

import matplotlib
import torch

from live.build import pictures
from live.build.models import export_model
from live.build.reach import reach_data
from live.build.scripts import text_filter, write_script
from live.build.stepper import stepper_data
from rnnlib.batches import TextBatches
from rnnlib.models import language_model, load_model
from rnnlib.text import FILE_NAME, find_text, load_corpus
from rnnlib.training import evaluate, train

LIVE = Path(__file__).resolve().parent.parent
CHECKPOINTS = LIVE.parent / "data" / "checkpoints"
NUM_PAGES = 10_000  # the first pages, in characters: what chapter 9 trains on
# Name -> title, what it has read, and how many scripts it needs: one byte for a weight where
# that leaves the greedy text as it is, else two.
NETWORKS = {
    "rnn-untrained": ("RNN, untrained", "nothing", 1),
    "rnn-20-epochs": ("RNN, 20 epochs", "the first pages, 20 times", 1),
    "rnn-500-epochs": ("RNN, 500 epochs", "the first pages, 500 times", 2),
    "gru-by-heart": ("GRU, by heart", "the first pages, 500 times", 2),
    "gru-whole-book": ("GRU, whole book", "nine tenths of the book, 45 times", 2),
}
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
    """The scripts of all networks, and a table of them that the page includes."""
    rows = ["| Network | Has read | Perplexity on the first pages | on the last pages |"]
    rows.append("|---|---|---|---|")
    for name, (title, has_read, parts) in NETWORKS.items():
        model = original(name, corpus, vocab)
        pages = round(evaluate(model, corpus[:NUM_PAGES]), 1)
        end = round(evaluate(model, corpus[int(0.95 * len(corpus)) :]), 1)
        about = {"perplexity": {"pages": pages, "end": end}}
        export_model(LIVE / "models", name, model, vocab, about, parts)
        rows.append(f"| {title} | {has_read} | {pages:.1f} | {end:.1f} |")
        print(rows[-1], flush=True)
    (LIVE / "networks.md").write_text("\n".join(rows) + "\n", encoding="utf-8")


def main() -> None:
    if find_text().name != FILE_NAME:  # the sample would give other networks
        sys.exit("The page's networks have read The Time Machine, which is not here.")
    torch.set_num_threads(1)
    matplotlib.use("Agg")
    corpus, vocab = load_corpus()
    export_networks(corpus, vocab)
    pages = "".join(vocab.to_tokens(corpus[:NUM_PAGES]))
    write_script(LIVE / "data" / "pages.js", {"name": "pages", **text_filter(pages)})
    write_script(LIVE / "data" / "stepper.js", stepper_data())
    reaches = reach_data(CHECKPOINTS)
    write_script(LIVE / "data" / "reach.js", reaches)
    titles = {name: title for name, (title, _, _) in NETWORKS.items()}
    pictures.draw_playground(LIVE / "playground.png", LIVE / "models", titles)
    pictures.draw_stepper(LIVE / "stepper.png")
    pictures.draw_reach(LIVE / "reach.png", reaches["texts"][0])


if __name__ == "__main__":
    main()
