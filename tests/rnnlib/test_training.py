"""Training and evaluation against loops written out by hand."""

import copy
import math
import random

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rnnlib.batches import TextBatches
from rnnlib.models import language_model
from rnnlib.training import detach, evaluate, evaluating, perplexity, train, train_epoch

each_kind = pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])


def small_model(kind="gru", **options):
    torch.manual_seed(0)
    return language_model(kind, 7, 6, **options)


def corpus(num_tokens=120):
    return torch.randint(7, (num_tokens,), generator=torch.Generator().manual_seed(0))


def batches(shuffle=False):
    return TextBatches(corpus(), 3, 5, shuffle, rng=random.Random(0))


def epoch_by_hand(model, batches, carry, lr, max_norm):
    """SGD with clipping from first principles; returns the perplexity."""
    state, losses = None, []
    for X, Y in batches:
        state = model.begin_state(len(X)) if state is None or not carry else detach(state)
        logits, state = model(X, state)
        log_probabilities = logits.log_softmax(dim=1)
        losses.append(-log_probabilities[range(Y.numel()), Y.T.reshape(-1)].mean())
        gradients = torch.autograd.grad(losses[-1], list(model.parameters()))
        norm = float(torch.cat([part.flatten() for part in gradients]).norm())
        with torch.no_grad():
            for weight, gradient in zip(model.parameters(), gradients, strict=True):
                weight -= lr * gradient * min(1.0, max_norm / norm)
    return math.exp(float(torch.stack(losses).detach().mean()))


def weights(model):
    return list(model.state_dict().values())


@each_kind
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("max_norm", [0.1, 100.0])
@pytest.mark.parametrize("as_list", [False, True])
def test_an_epoch_equals_the_loop_written_by_hand(kind, shuffle, max_norm, as_list):
    ours, other = small_model(kind), small_model(kind)
    given = list(batches(shuffle)) if as_list else batches(shuffle)
    found = train_epoch(ours, given, torch.optim.SGD(ours.parameters(), 0.5), max_norm)
    expected = epoch_by_hand(other, batches(shuffle), not shuffle, 0.5, max_norm)
    assert found == pytest.approx(expected, rel=1e-5)
    torch.testing.assert_close(weights(ours), weights(other), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("carry_state", [False, True])
def test_minibatches_of_any_kind_serve_and_one_can_say_whether_they_go_on(carry_state):
    pairs = [tuple(pair) for pair in batches()]
    ours, other = small_model(), small_model()
    optimizer = torch.optim.SGD(ours.parameters(), 0.5)
    train_epoch(ours, iter(pairs), optimizer, carry_state=carry_state)
    epoch_by_hand(other, pairs, carry_state, 0.5, 1.0)
    torch.testing.assert_close(weights(ours), weights(other), rtol=1e-4, atol=1e-6)


def test_small_types_of_index_and_ignored_targets_are_accepted():
    ours, other = small_model(), small_model()
    pairs = [(X.to(torch.uint8), Y.int()) for X, Y in batches()]
    found = train_epoch(ours, pairs, torch.optim.SGD(ours.parameters(), 0.5), carry_state=True)
    expected = train_epoch(other, batches(), torch.optim.SGD(other.parameters(), 0.5))
    assert found == expected
    X, Y = next(iter(batches()))
    Y[0] = -100
    assert train_epoch(ours, [(X, Y)], torch.optim.SGD(ours.parameters(), 0.5)) < 8


def test_targets_turned_round_are_not_taken():
    X, Y = next(iter(batches()))
    model = small_model()
    with pytest.raises(ValueError, match="shape"):
        train_epoch(model, [(X, Y.T)], torch.optim.SGD(model.parameters(), 0.5))


def test_a_generator_that_is_used_up_is_noticed():
    model, once = small_model(), iter(batches())
    with pytest.raises(ValueError, match="no minibatch"):
        train(model, once, 2)


def test_a_scheduler_steps_after_each_minibatch_and_dropout_is_on():
    model = small_model(embedding_size=4, dropout=0.5)
    optimizer = torch.optim.Adam(model.parameters(), 0.1)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    seen = []
    model.dropout.register_forward_hook(lambda module, given, result: seen.append(module.training))
    train_epoch(model.eval(), batches(), optimizer, scheduler=scheduler)
    number = len(list(batches()))
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1 * 0.5**number)
    assert seen
    assert all(seen)


@each_kind
@pytest.mark.parametrize("num_steps", [1, 7, 500])
def test_evaluation_is_the_mean_over_all_tokens_but_the_first(kind, num_steps):
    model, text = small_model(kind, embedding_size=4, dropout=0.5), corpus()
    found = evaluate(model, text.int(), num_steps)
    assert model.training
    assert all(p.grad is None for p in model.parameters())
    model.eval()
    losses = F.cross_entropy(model(text[None, :-1])[0], text[1:])
    assert found == pytest.approx(losses.exp().item(), rel=1e-5)


def test_each_part_gets_its_own_mode_back_after_an_error_too():
    model = small_model(dropout=0.5).train()
    model.linear.eval()

    def fail():
        with evaluating(model):
            assert not model.dropout.training
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert model.training
    assert not model.linear.training


def test_history_has_every_epoch_and_none_where_nothing_was_evaluated():
    model, calls = small_model(), []
    history = train(
        model, batches(), 7, held_out=corpus(), evaluate_every=3,
        on_epoch=lambda epoch, history: calls.append((epoch, len(history["train"]))),
    )  # fmt: skip
    assert history["epoch"] == [1, 2, 3, 4, 5, 6, 7]
    assert [value is None for value in history["held_out"]] == [0, 1, 0, 1, 1, 0, 0]
    assert history["held_out"][-1] == evaluate(model, corpus())
    assert calls == [(n, n) for n in range(1, 8)]


def test_training_is_plain_sgd_of_rate_one_unless_an_optimizer_is_given():
    ours, other, third = small_model(), small_model(), small_model()
    given, same = batches(), batches()
    found = train(ours, given, 2)["train"]
    optimizer = torch.optim.SGD(other.parameters(), 1.0)
    assert found == [train_epoch(other, same, optimizer) for _ in range(2)]
    optimizer = torch.optim.Adam(third.parameters())
    assert train(third, batches(), 2, optimizer=optimizer)["train"] != found


@each_kind
def test_training_learns_a_text_that_repeats_itself(kind):
    model = small_model(kind)
    repeated = TextBatches(torch.arange(150) % 7, 3, 7, rng=random.Random(0))
    optimizer = torch.optim.Adam(model.parameters(), 0.03)
    assert train(model, repeated, 40, optimizer=optimizer)["train"][-1] < 1.3


def test_training_prints_nothing_where_no_one_watches(capfd):
    train(small_model(), batches(), 3)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("loss", "expected"), [(0.0, 1.0), (2.0, math.exp(2)), (1e9, math.inf)])
def test_perplexity_is_the_exponential_of_the_loss(loss, expected):
    assert perplexity(loss) == pytest.approx(expected)


def test_perplexity_of_a_diverged_training_is_no_number():
    assert math.isnan(perplexity(float("nan")))


class OwnModel(nn.Module):
    """A model of a reader's own, with a state of any kind."""

    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.zeros(7, 7))

    def begin_state(self, batch_size=1):
        return None

    def forward(self, X, state):
        return self.table[X.T.flatten()], [None, (torch.zeros(1), X)]


def test_a_model_of_ones_own_is_trained_and_evaluated():
    model = OwnModel()
    before = copy.deepcopy(weights(model))
    train(model, batches(), 2)
    assert not torch.equal(weights(model)[0], before[0])
    assert evaluate(model, corpus()) < 7
