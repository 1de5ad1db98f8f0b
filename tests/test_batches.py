"""How a corpus is cut into minibatches: properties that hold for every corpus that fits."""

import itertools
import random
import re

import pytest
import torch

from rnnlib.batches import TextBatches, random_batches, sequential_batches

SAMPLERS = [sequential_batches, random_batches]
for_both_samplers = pytest.mark.parametrize("sampler", SAMPLERS, ids=["sequential", "random"])
# batch_size, num_steps, tokens more than the shortest corpus has, and another seed for each
SIZES = [
    (*sizes, seed)
    for seed, sizes in enumerate(itertools.product((1, 2, 5), (1, 3, 6), (0, 1, 7, 40)))
]
for_many_sizes = pytest.mark.parametrize(("batch_size", "num_steps", "spare", "seed"), SIZES)


def shortest(sampler, batch_size, num_steps):
    return batch_size * num_steps + num_steps + (sampler is sequential_batches)


def cut(sampler, batch_size, num_steps, spare, seed):
    """A corpus whose token at position i is i, and its minibatches."""
    corpus = torch.arange(shortest(sampler, batch_size, num_steps) + spare)
    return corpus, list(sampler(corpus, batch_size, num_steps, random.Random(seed)))


class FixedOffset:
    """Stands in for `random`: every offset is the one given, and nothing is shuffled."""

    def __init__(self, offset):
        self.offset = offset

    def randint(self, low, high):
        assert low <= self.offset <= high
        return self.offset

    def shuffle(self, values):
        pass


@for_both_samplers
@for_many_sizes
def test_targets_are_the_inputs_moved_on_by_one(sampler, batch_size, num_steps, spare, seed):
    _, minibatches = cut(sampler, batch_size, num_steps, spare, seed)
    assert minibatches
    for X, Y in minibatches:
        assert X.shape == Y.shape == (batch_size, num_steps)
        assert X.dtype == Y.dtype == torch.int64
        assert torch.equal(Y, X + 1)
        assert torch.equal(X, X[:, :1] + torch.arange(num_steps))


@for_both_samplers
@for_many_sizes
def test_no_token_is_an_input_twice_in_an_epoch(sampler, batch_size, num_steps, spare, seed):
    corpus, minibatches = cut(sampler, batch_size, num_steps, spare, seed)
    used = torch.cat([X.flatten() for X, _ in minibatches])
    assert len(used) == len(used.unique())
    assert used.min() >= 0
    assert used.max() + 1 < len(corpus)


@for_many_sizes
def test_rows_of_sequential_minibatches_go_on_where_the_last_ones_ended(
    batch_size, num_steps, spare, seed
):
    _, minibatches = cut(sequential_batches, batch_size, num_steps, spare, seed)
    for (_, Y), (X, _) in itertools.pairwise(minibatches):
        assert torch.equal(X[:, 0], Y[:, -1])


@for_many_sizes
def test_number_of_minibatches_follows_from_the_sizes(batch_size, num_steps, spare, seed):
    corpus, minibatches = cut(sequential_batches, batch_size, num_steps, spare, seed)
    offset = random.Random(seed).randint(0, num_steps)
    assert len(minibatches) == (len(corpus) - offset - 1) // batch_size // num_steps
    assert minibatches[0][0][0, 0] == offset
    corpus, minibatches = cut(random_batches, batch_size, num_steps, spare, seed)
    offset = random.Random(seed).randint(0, num_steps - 1)
    assert len(minibatches) == (len(corpus) - offset - 1) // num_steps // batch_size
    assert all(torch.equal(X[:, 0] % num_steps, X[:, 0] * 0 + offset) for X, _ in minibatches)


@pytest.mark.parametrize(("batch_size", "num_steps"), [(1, 1), (1, 4), (3, 1), (2, 5)])
def test_shortest_corpus_gives_a_minibatch_at_every_offset(batch_size, num_steps):
    for sampler, last in ((sequential_batches, num_steps), (random_batches, num_steps - 1)):
        corpus = torch.arange(shortest(sampler, batch_size, num_steps))
        for offset in range(last + 1):
            minibatches = list(sampler(corpus, batch_size, num_steps, FixedOffset(offset)))
            assert minibatches[0][0].min() == offset
            assert all(X.shape == (batch_size, num_steps) for X, _ in minibatches)


@for_both_samplers
@pytest.mark.parametrize(("batch_size", "num_steps"), [(1, 1), (1, 4), (3, 1), (2, 5), (4, 10)])
def test_shortest_corpus_does_for_every_seed_and_one_token_less_is_refused(
    sampler, batch_size, num_steps
):
    needed = shortest(sampler, batch_size, num_steps)
    shuffle = sampler is random_batches
    for seed in range(200):
        arguments = torch.arange(needed), batch_size, num_steps
        for batches in (
            sampler(*arguments, random.Random(seed)),
            TextBatches(*arguments, shuffle=shuffle, rng=random.Random(seed)),
        ):
            shapes = {X.shape for X, _ in batches}
            assert shapes == {(batch_size, num_steps)}
    arguments = torch.arange(needed - 1), batch_size, num_steps
    message = f"^corpus must hold at least {needed} tokens .* at any offset, got {needed - 1}$"
    with pytest.raises(ValueError, match=message):
        next(sampler(*arguments))
    with pytest.raises(ValueError, match=message):
        TextBatches(*arguments, shuffle=shuffle)


def test_sequential_rows_are_the_corpus_cut_into_equal_parts():
    X, Y = next(sequential_batches(torch.arange(10, 30), 2, 4, FixedOffset(1)))
    assert X.tolist() == [[11, 12, 13, 14], [20, 21, 22, 23]]
    assert Y.tolist() == [[12, 13, 14, 15], [21, 22, 23, 24]]


def test_random_windows_come_in_another_order_for_another_seed():
    orders = [
        [int(X[0, 0]) // 5 for X, _ in random_batches(torch.arange(500), 1, 5, random.Random(seed))]
        for seed in range(3)
    ]
    assert orders[0] != orders[1] != orders[2] != orders[0]
    assert orders[0] != sorted(orders[0])


@for_both_samplers
def test_same_seed_gives_the_same_minibatches(sampler):
    first, second = (cut(sampler, 3, 5, 100, seed=7)[1] for _ in range(2))
    assert torch.equal(torch.stack([X for X, _ in first]), torch.stack([X for X, _ in second]))


@for_both_samplers
def test_default_random_numbers_are_those_of_the_module_random(sampler):
    corpus = torch.arange(100)
    random.seed(3)
    found = [X for X, _ in sampler(corpus, 2, 5)]
    expected = [X for X, _ in sampler(corpus, 2, 5, random.Random(3))]
    assert torch.equal(torch.stack(found), torch.stack(expected))


@for_both_samplers
def test_corpus_is_left_as_it_was(sampler):
    corpus, minibatches = cut(sampler, 2, 3, 20, seed=0)
    assert minibatches
    assert torch.equal(corpus, torch.arange(len(corpus)))


@for_both_samplers
def test_inputs_changed_in_place_change_neither_targets_nor_corpus(sampler):
    corpus, before = torch.arange(60), []
    for X, Y in sampler(corpus, 2, 5, random.Random(0)):
        before.append(Y.clone())
        X.zero_()
        assert torch.equal(Y, before[-1])
    assert len(before) > 1
    assert torch.equal(corpus, torch.arange(60))


@pytest.mark.parametrize(
    ("shuffle", "sampler"), [(False, sequential_batches), (True, random_batches)]
)
def test_text_batches_are_those_of_the_sampler_epoch_after_epoch(shuffle, sampler):
    corpus = torch.arange(200)
    batches = TextBatches(corpus, 3, 5, shuffle=shuffle, rng=random.Random(1))
    assert batches.carries_state is not shuffle
    rng = random.Random(1)
    epochs = []
    for _ in range(4):
        found = torch.stack([torch.stack(pair) for pair in batches])
        expected = torch.stack([torch.stack(pair) for pair in sampler(corpus, 3, 5, rng)])
        assert torch.equal(found, expected)
        epochs.append(found.flatten().tolist())
    assert any(epoch != epochs[0] for epoch in epochs)


def test_text_batches_are_sequential_unless_told_otherwise():
    assert TextBatches(torch.arange(100), 2, 5).carries_state is True


BAD_ARGUMENTS = [
    ((list(range(99)), 2, 5), TypeError, "corpus must be a tensor of indices, got list"),
    ((torch.zeros(99), 2, 5), TypeError, "corpus must hold indices (torch.int64), got"),
    (
        (torch.zeros(9, 9).long(), 2, 5),
        ValueError,
        "corpus must have 1 dimensions, got shape (9, 9)",
    ),
    ((torch.arange(99), 0, 5), ValueError, "batch_size must be at least 1, got 0"),
    ((torch.arange(99), 2.0, 5), TypeError, "batch_size must be an int, got float"),
    ((torch.arange(99), 2, -1), ValueError, "num_steps must be at least 1, got -1"),
    ((torch.arange(99), 2, True), TypeError, "num_steps must be an int, got bool"),
    (
        (torch.arange(14), 2, 5),
        ValueError,
        "corpus must hold at least {needed} tokens for one minibatch of batch_size=2 and "
        "num_steps=5 at any offset, got 14",
    ),
]


@pytest.mark.parametrize(("arguments", "error", "message"), BAD_ARGUMENTS)
def test_arguments_that_do_not_fit_are_named(arguments, error, message):
    for sampler, needed in ((sequential_batches, 16), (random_batches, 15)):
        match = f"^{re.escape(message.replace('{needed}', str(needed)))}"
        with pytest.raises(error, match=match):
            next(sampler(*arguments))
        with pytest.raises(error, match=match):
            TextBatches(*arguments, shuffle=sampler is random_batches)


def test_shuffle_must_be_true_or_false():
    with pytest.raises(TypeError, match=r"^shuffle must be True or False, got str$"):
        TextBatches(torch.arange(99), 2, 5, shuffle="no")
