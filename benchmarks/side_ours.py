"""rnnlib, as a reader of the course uses it. `side_d2l.py` has the same functions for d2l."""

from rnnlib import text, training
from rnnlib.batches import TextBatches
from rnnlib.generation import generate, generate_batch
from rnnlib.models import language_model

corpus, vocab = text.load_corpus()


def model(kind: str, hidden_size: int):
    return language_model(kind, len(vocab), hidden_size)


def minibatches(num_characters: int, batch_size: int, num_steps: int):
    return TextBatches(corpus[:num_characters], batch_size, num_steps)


def epoch(net, batches, optimizer) -> float:
    return training.train_epoch(net, batches, optimizer)


def continue_texts(net, prefixes: list[str], num_characters: int) -> list[str]:
    if len(prefixes) == 1:
        return [generate(net, vocab, prefixes[0], num_characters)]
    return generate_batch(net, vocab, prefixes, num_characters)
