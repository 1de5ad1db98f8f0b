"""Minibatches: which tokens they hold, what goes on from what, and that both show it."""

import itertools
import random

import pytest
import torch

from rnnlib.batches import TextBatches, random_batches, sequential_batches

CORPUS = torch.arange(200)
both = pytest.mark.parametrize("cut", [sequential_batches, random_batches])


@both
@pytest.mark.parametrize("seed", range(4))
def test_targets_are_the_inputs_moved_on_by_one(cut, seed):
    for X, Y in cut(CORPUS, 3, 7, random.Random(seed)):
        assert X.shape == Y.shape == (3, 7)
        assert torch.equal(Y, X + 1)
        assert torch.equal(X, X[:, :1] + torch.arange(7))


def test_rows_of_sequential_batches_go_on():
    batches = list(sequential_batches(CORPUS, 4, 6, random.Random(0)))
    assert len(batches) == 8
    for before, after in itertools.pairwise(batches):
        assert torch.equal(after.X[:, 0], before.X[:, -1] + 1)
        assert after.carries_state


def test_random_batches_deal_each_window_once():
    starts = [int(row[0]) for X, _ in random_batches(CORPUS, 4, 6, random.Random(0)) for row in X]
    assert sorted(starts) == list(range(min(starts), max(starts) + 1, 6))
    assert starts != sorted(starts)


@both
def test_the_offset_changes_from_epoch_to_epoch(cut):
    rng = random.Random(0)
    firsts = {min(int(X.min()) for X, _ in cut(CORPUS, 3, 7, rng)) for _ in range(30)}
    assert firsts >= set(range(7))


@both
def test_changing_inputs_in_place_changes_nothing_else(cut):
    for X, Y in cut(CORPUS, 3, 7, random.Random(0)):
        X.zero_()
        assert (Y > 0).all()
    assert torch.equal(CORPUS, torch.arange(200))


@both
def test_a_corpus_too_short_for_one_minibatch_is_an_error(cut):
    with pytest.raises(ValueError, match="too few"):
        list(cut(torch.arange(20), 3, 7, random.Random(0)))
    assert len(list(cut(torch.arange(29), 3, 7, random.Random(0)))) == 1


@pytest.mark.parametrize("shuffle", [False, True])
def test_text_batches_cut_anew_in_each_loop_and_a_list_of_them_still_knows(shuffle):
    batches = TextBatches(CORPUS, 3, 7, shuffle, random.Random(0))
    first, offsets = list(batches), {int(next(iter(batches)).X[0, 0]) for _ in range(9)}
    assert len(offsets) > 1
    assert batches.carries_state is not shuffle
    assert {minibatch.carries_state for minibatch in first} == {not shuffle}


@both
def test_any_type_of_index_is_kept(cut):
    X, _ = next(iter(cut(CORPUS.to(torch.uint8), 3, 7, random.Random(0))))
    assert X.dtype == torch.uint8
