"""Training and evaluation against loops written out by hand."""

import copy
import itertools
import math
import random

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rnnlib.batches import TextBatches
from rnnlib.models import language_model
from rnnlib.training import detach, evaluate, perplexity, train, train_epoch

VOCAB_SIZE = 7
KINDS = ("rnn", "gru", "lstm")
for_all_kinds = pytest.mark.parametrize("kind", KINDS)


def small_model(kind="gru", **options):
    torch.manual_seed(0)
    return language_model(kind, VOCAB_SIZE, 6, **options)


def small_corpus(num_tokens=120, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(VOCAB_SIZE, (num_tokens,), generator=generator)


def small_batches(shuffle=False, num_tokens=120):
    return TextBatches(small_corpus(num_tokens), 3, 5, shuffle, rng=random.Random(0))


def weights(model):
    return list(model.state_dict().values())


def parts(state):
    return state if isinstance(state, tuple) else (state,)


# --- one epoch ---


def epoch_by_hand(model, batches, carry, lr, max_norm):
    """SGD with clipping from first principles; returns the perplexity and the norms met."""
    state, losses, norms = None, [], []
    for X, Y in batches:
        if state is None or not carry:
            state = model.begin_state(len(X))
        cut = tuple(part.detach() for part in parts(state))
        logits, state = model(X, cut if model.is_lstm else cut[0])
        log_probabilities = logits.log_softmax(dim=1)
        losses.append(-log_probabilities[range(Y.numel()), Y.T.reshape(-1)].mean())
        gradients = torch.autograd.grad(losses[-1], list(model.parameters()))
        norms.append(float(torch.cat([part.flatten() for part in gradients]).norm()))
        with torch.no_grad():
            for weight, gradient in zip(model.parameters(), gradients, strict=True):
                weight -= lr * gradient * min(1.0, max_norm / norms[-1])
    return math.exp(sum(loss.item() for loss in losses) / len(losses)), norms


@for_all_kinds
@pytest.mark.parametrize("shuffle", [False, True], ids=["sequential", "random"])
@pytest.mark.parametrize("max_norm", [0.05, 100.0], ids=["clipped", "free"])
def test_epoch_equals_the_loop_written_by_hand(kind, shuffle, max_norm):
    model = small_model(kind, num_layers=2)
    by_hand = copy.deepcopy(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    found = train_epoch(model, small_batches(shuffle), optimizer, max_norm)
    expected, norms = epoch_by_hand(by_hand, small_batches(shuffle), not shuffle, 0.5, max_norm)
    assert all((norm > max_norm) == (max_norm < 1) for norm in norms)
    assert found == pytest.approx(expected, rel=1e-5)
    torch.testing.assert_close(weights(model), weights(by_hand), rtol=1e-4, atol=1e-5)


class Spy(nn.Module):
    """A model that notes the states it is given."""

    def __init__(self, model):
        super().__init__()
        self.model, self.given, self.returned = model, [], []
        self.begin_state = model.begin_state

    def forward(self, indices, state):
        logits, final = self.model(indices, state)
        self.given.append(parts(state))
        self.returned.append(parts(final))
        return logits, final


@for_all_kinds
@pytest.mark.parametrize("carries_state", [True, False, None])
def test_state_is_carried_detached_if_and_only_if_the_batches_say_so(kind, carries_state):
    spy, batches = Spy(small_model(kind)), small_batches()
    if carries_state is not None:
        batches = type("Batches", (list,), {"carries_state": carries_state})(batches)
    else:
        batches = list(batches)
    train_epoch(spy, batches, torch.optim.SGD(spy.parameters(), lr=0.1))
    assert len(spy.given) > 2
    assert not any(part.any() for part in spy.given[0])
    assert not any(part.requires_grad for given in spy.given for part in given)
    for returned, given in zip(spy.returned[:-1], spy.given[1:], strict=True):
        if carries_state:
            assert all(map(torch.equal, given, returned))
        else:
            assert not any(part.any() for part in given)


@pytest.mark.parametrize(("max_norm", "moved"), [(0.0, 0.0), (0.01, 0.01), (1e9, None)])
def test_clipping_bounds_the_step(max_norm, moved):
    model = small_model()
    before = [weight.clone() for weight in weights(model)]
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    train_epoch(model, [next(iter(small_batches()))], optimizer, max_norm)
    step = torch.cat([(a - b).flatten() for a, b in zip(weights(model), before, strict=True)])
    if moved is None:
        assert step.norm() > 0.02
    else:
        assert float(step.norm()) == pytest.approx(moved, rel=1e-3, abs=1e-9)


def test_epoch_switches_dropout_on():
    model = small_model(dropout=0.5).eval()
    train_epoch(model, small_batches(), torch.optim.SGD(model.parameters(), lr=0.1))
    assert model.training


def test_any_optimizer_and_scheduler_can_be_used():
    model, batches = small_model(), list(small_batches())
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    train_epoch(model, batches, optimizer, scheduler=scheduler)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1 * 0.5 ** len(batches))
    assert all(int(moments["step"]) == len(batches) for moments in optimizer.state.values())


def test_gradients_left_from_before_do_not_count():
    fresh, stale = small_model(), small_model()
    for weight in stale.parameters():
        weight.grad = torch.full_like(weight, 5.0)
    for model in (fresh, stale):
        train_epoch(model, small_batches(), torch.optim.SGD(model.parameters(), lr=0.5))
    torch.testing.assert_close(weights(fresh), weights(stale))


def test_perplexity_of_an_epoch_counts_tokens_and_not_minibatches():
    model, corpus = small_model(), small_corpus()
    batches = [(corpus[None, :90], corpus[None, 1:91]), (corpus[None, 90:93], corpus[None, 91:94])]
    losses = [F.cross_entropy(model(X)[0], Y[0], reduction="sum").item() for X, Y in batches]
    found = train_epoch(model, batches, torch.optim.SGD(model.parameters(), lr=0.0))
    assert found == pytest.approx(math.exp(sum(losses) / 93), rel=1e-5)


def test_epoch_without_a_minibatch_is_an_error():
    model = small_model()
    with pytest.raises(ValueError, match=r"^batches must yield at least one minibatch, got none$"):
        train_epoch(model, [], torch.optim.SGD(model.parameters(), lr=0.1))


def test_detach_cuts_a_tensor_or_a_pair_off_and_keeps_the_numbers():
    h = torch.ones(2, requires_grad=True) * 3
    assert torch.equal(detach(h), h)
    assert not detach(h).requires_grad
    pair = detach((h, 2 * h))
    assert isinstance(pair, tuple)
    assert [part.tolist() for part in pair] == [[3, 3], [6, 6]]
    assert not any(part.requires_grad for part in pair)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [(0.0, 1.0), (math.log(28), 28.0), (1000.0, math.inf), (math.inf, math.inf)],
)
def test_perplexity_is_the_exponential_and_infinite_where_that_overflows(loss, expected):
    assert perplexity(loss) == pytest.approx(expected)


# --- evaluation ---


@for_all_kinds
def test_evaluation_equals_the_mean_over_all_tokens_but_the_first(kind):
    model, corpus = small_model(kind, num_layers=2), small_corpus(60)
    state, total = model.begin_state(1), 0.0
    for token, target in itertools.pairwise(corpus):
        logits, state = model(token.reshape(1, 1), state)
        total -= logits[0].log_softmax(dim=0)[target].item()
    assert evaluate(model, corpus) == pytest.approx(math.exp(total / 59), rel=1e-5)


@for_all_kinds
@pytest.mark.parametrize("num_steps", [1, 7, 59, 60, 1000])
def test_evaluation_does_not_depend_on_how_many_steps_go_at_once(kind, num_steps):
    model, corpus = small_model(kind), small_corpus(60)
    assert evaluate(model, corpus, num_steps) == pytest.approx(evaluate(model, corpus), rel=1e-5)


def test_model_that_knows_nothing_has_the_perplexity_of_the_vocabulary_size():
    model = small_model()
    nn.init.zeros_(model.linear.weight)
    nn.init.zeros_(model.linear.bias)
    assert evaluate(model, small_corpus()) == pytest.approx(VOCAB_SIZE, rel=1e-5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    assert train_epoch(model, small_batches(), optimizer) == pytest.approx(VOCAB_SIZE, rel=1e-5)


def test_model_that_is_always_wrong_has_infinite_perplexity():
    model = small_model()
    with torch.no_grad():
        model.linear.bias[0] = 1e5
    assert evaluate(model, torch.ones(20, dtype=torch.int64)) == math.inf


@pytest.mark.parametrize("training", [True, False])
def test_evaluation_is_without_dropout_and_leaves_mode_and_gradients_alone(training):
    model, corpus = small_model(dropout=0.5).train(training), small_corpus()
    assert evaluate(model, corpus) == evaluate(model, corpus)
    assert model.training is training
    assert model.dropout.training is training
    assert all(weight.grad is None for weight in model.parameters())


def test_mode_is_restored_after_an_error_too():
    model = small_model().train()
    with pytest.raises(ValueError, match=r"^indices must be from 0 to 6"):
        evaluate(model, torch.tensor([1, 2, VOCAB_SIZE, 0]))
    assert model.training


def test_each_part_of_the_model_gets_its_own_mode_back():
    model = small_model(dropout=0.5).train()
    model.dropout.eval()
    evaluate(model, small_corpus())
    assert [module.training for module in (model, model.layer, model.dropout)] == [
        True,
        True,
        False,
    ]
    model.eval()
    model.layer.train()
    model.begin_state = lambda batch_size: 1 / 0
    with pytest.raises(ZeroDivisionError):
        evaluate(model, small_corpus())
    assert [module.training for module in (model, model.layer, model.dropout)] == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("corpus", "num_steps", "error", "message"),
    [
        ([1, 2, 3], 5, TypeError, "corpus must be a tensor of indices, got list"),
        (torch.zeros(9), 5, TypeError, r"corpus must hold indices \(torch.int64\), got torch"),
        (torch.zeros(3, 3).long(), 5, ValueError, r"corpus must have 1 dim.*shape \(3, 3\)"),
        (torch.arange(1), 5, ValueError, "corpus must hold at least 2 tokens, got 1"),
        (torch.arange(5), 0, ValueError, "num_steps must be at least 1, got 0"),
        (torch.arange(5), 2.5, TypeError, "num_steps must be an int, got float"),
    ],
)
def test_evaluation_names_what_does_not_fit(corpus, num_steps, error, message):
    with pytest.raises(error, match=f"^{message}"):
        evaluate(small_model(), corpus, num_steps)


# --- a whole training ---


def test_history_has_every_epoch_and_none_where_nothing_was_evaluated():
    held_out = small_corpus(30, seed=1)
    history = train(small_model(), small_batches(), 7, held_out=held_out, evaluate_every=3)
    assert list(history) == ["epoch", "train", "held_out"]
    assert history["epoch"] == [1, 2, 3, 4, 5, 6, 7]
    assert all(isinstance(value, float) and value > 1 for value in history["train"])
    due = [value is not None for value in history["held_out"]]
    assert due == [True, False, True, False, False, True, True]


def test_last_value_on_the_held_out_corpus_is_that_of_the_returned_model():
    model, held_out = small_model(), small_corpus(30, seed=1)
    history = train(model, small_batches(), 2, held_out=held_out)
    assert None not in history["held_out"]
    assert history["held_out"][-1] == evaluate(model, held_out)


def test_without_a_held_out_corpus_nothing_is_evaluated():
    history = train(small_model(), small_batches(), 3)
    assert history["held_out"] == [None, None, None]


def test_no_epochs_leave_the_model_as_it_was():
    model = small_model()
    before = copy.deepcopy(weights(model))
    history = train(model, small_batches(), 0, held_out=small_corpus())
    assert history == {"epoch": [], "train": [], "held_out": []}
    assert all(map(torch.equal, weights(model), before))


@for_all_kinds
def test_training_is_plain_sgd_epoch_after_epoch(kind):
    model, batches = small_model(kind), small_batches()
    by_hand, same_batches = copy.deepcopy(model), small_batches()
    history = train(model, batches, 3, lr=0.5, max_norm=0.1)
    optimizer = torch.optim.SGD(by_hand.parameters(), lr=0.5)
    expected = [train_epoch(by_hand, same_batches, optimizer, max_norm=0.1) for _ in range(3)]
    assert history["train"] == pytest.approx(expected)
    torch.testing.assert_close(weights(model), weights(by_hand))


def test_given_optimizer_and_scheduler_take_the_place_of_sgd():
    model, batches = small_model(), list(small_batches())
    optimizer = torch.optim.Adam(model.parameters(), lr=0.25)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.25, 2 * len(batches))
    by_hand = copy.deepcopy(model)
    train(model, batches, 2, lr=99.0, optimizer=optimizer, scheduler=scheduler)
    assert scheduler.last_epoch == 2 * len(batches)
    optimizer = torch.optim.Adam(by_hand.parameters(), lr=0.25)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.25, 2 * len(batches))
    for _ in range(2):
        train_epoch(by_hand, batches, optimizer, scheduler=scheduler)
    torch.testing.assert_close(weights(model), weights(by_hand))


@for_all_kinds
def test_training_learns_a_corpus_that_repeats_itself(kind):
    corpus = torch.arange(VOCAB_SIZE).repeat(30)
    batches = TextBatches(corpus, 4, 6, rng=random.Random(0))
    model = small_model(kind)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    history = train(model, batches, 15, optimizer=optimizer, held_out=corpus, evaluate_every=15)
    assert history["train"][0] > 4
    assert history["train"][-1] < 2
    assert history["held_out"][-1] < 2


def test_on_epoch_is_called_after_each_epoch_with_the_history_so_far():
    seen = []

    def note(epoch, history):
        seen.append((epoch, [len(values) for values in history.values()], history["held_out"][-1]))

    history = train(
        small_model(),
        small_batches(),
        3,
        held_out=small_corpus(30),
        evaluate_every=2,
        on_epoch=note,
    )
    assert [epoch for epoch, *_ in seen] == [1, 2, 3]
    assert [lengths for _, lengths, _ in seen] == [[1] * 3, [2] * 3, [3] * 3]
    assert [value for *_, value in seen] == history["held_out"]


def test_training_prints_nothing(capfd):
    train(small_model(), small_batches(), 3, held_out=small_corpus(), on_epoch=lambda *_: None)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"num_epochs": -1}, ValueError, "num_epochs must be at least 0, got -1"),
        ({"num_epochs": 2.0}, TypeError, "num_epochs must be an int, got float"),
        ({"evaluate_every": 0}, ValueError, "evaluate_every must be at least 1, got 0"),
        ({"evaluate_every": None}, TypeError, "evaluate_every must be an int, got NoneType"),
        ({"lr": -0.1}, ValueError, "lr must be a finite number, at least 0.0, got -0.1"),
        ({"lr": float("nan")}, ValueError, "lr must be a finite number, at least 0.0, got nan"),
        ({"lr": "1"}, TypeError, "lr must be a number, got str"),
        ({"max_norm": -1}, ValueError, "max_norm must be a finite number, at least 0.0, got -1"),
        ({"max_norm": True}, TypeError, "max_norm must be a number, got bool"),
        ({"held_out": [1, 2]}, TypeError, "held_out must be a tensor of indices, got list"),
        ({"held_out": torch.zeros(9)}, TypeError, r"held_out must hold indices \(torch.int64\)"),
        (
            {"held_out": torch.zeros(2, 9).long()},
            ValueError,
            r"held_out must have 1 dimensions, got shape \(2, 9\)",
        ),
        ({"batches": []}, ValueError, "batches must yield at least one minibatch, got none"),
    ],
)
def test_training_names_what_does_not_fit_before_it_changes_anything(arguments, error, message):
    model = small_model()
    before = copy.deepcopy(weights(model))
    with pytest.raises(error, match=f"^{message}"):
        train(**{"model": model, "batches": small_batches(), "num_epochs": 2} | arguments)
    assert all(map(torch.equal, weights(model), before))


# --- what holds unless told otherwise, and the shortest input ---


def test_step_without_arguments_has_a_rate_and_a_largest_norm_of_one():
    for call in ("train", "train_epoch"):
        model = small_model()
        nn.init.normal_(model.linear.weight, std=30.0)  # so that the gradient is clipped
        before, batch = copy.deepcopy(weights(model)), [next(iter(small_batches()))]
        if call == "train":
            train(model, batch, 1)
        else:
            train_epoch(model, batch, torch.optim.SGD(model.parameters(), lr=1.0))
        step = torch.cat([(a - b).flatten() for a, b in zip(weights(model), before, strict=True)])
        assert float(step.norm()) == pytest.approx(1.0, rel=1e-3), call


def test_held_out_corpus_is_evaluated_after_every_epoch_unless_told_otherwise():
    history = train(small_model(), small_batches(), 4, held_out=small_corpus(30))
    assert None not in history["held_out"]


def test_two_tokens_are_enough_to_evaluate_and_one_is_not():
    model, corpus = small_model(), small_corpus(2)
    expected = 1 / model(corpus[None, :1])[0].softmax(dim=1)[0, corpus[1]].item()
    assert evaluate(model, corpus) == pytest.approx(expected, rel=1e-5)
    assert train(model, small_batches(), 1, held_out=corpus)["held_out"] != [None]
    before = copy.deepcopy(weights(model))
    with pytest.raises(ValueError, match=r"^held_out must hold at least 2 tokens, got 1$"):
        train(model, small_batches(), 1, held_out=corpus[:1])
    assert all(map(torch.equal, weights(model), before))


def test_evaluation_builds_no_graph_for_gradients():
    spy = Spy(small_model())
    evaluate(spy, small_corpus(30), num_steps=5)
    assert len(spy.returned) > 2
    assert not any(part.requires_grad for returned in spy.returned for part in returned)
    assert torch.is_grad_enabled()


X = torch.arange(6).reshape(2, 3)


@pytest.mark.parametrize(
    ("pair", "error", "message"),
    [
        ((X,), TypeError, "batches must yield pairs of tensors, got tuple"),
        ([X, X, X], TypeError, "batches must yield pairs of tensors, got list"),
        ((X, X.tolist()), TypeError, "batches must yield pairs of tensors, got tuple"),
        (torch.stack([X, X]), TypeError, "batches must yield pairs of tensors, got Tensor"),
        ((X, X[:, :2]), ValueError, r"batches must .* of one shape, got \(2, 3\) and \(2, 2\)"),
        ((X[:, :2], X), ValueError, r"batches must .* of one shape, got \(2, 2\) and \(2, 3\)"),
        ((X, X.int()), TypeError, r"batches must hold indices \(torch.int64\), got targets"),
        ((X, X - 1), ValueError, "batches must hold targets from 0 to 6, got -1 to 4"),
        ((X, X - 100), ValueError, "batches must hold targets from 0 to 6, got -100 to -95"),
        ((X, X + 2), ValueError, "batches must hold targets from 0 to 6, got 2 to 7"),
    ],
)
def test_minibatch_that_does_not_fit_is_named_before_it_changes_anything(pair, error, message):
    model = small_model()
    before = copy.deepcopy(weights(model))
    with pytest.raises(error, match=f"^{message}"):
        train_epoch(model, [pair], torch.optim.SGD(model.parameters(), lr=0.1))
    assert all(map(torch.equal, weights(model), before))


def test_perplexity_is_zero_where_the_loss_is_below_all_floats():
    assert perplexity(-(10**400)) == 0.0
    assert perplexity(10**400) == math.inf


@pytest.mark.parametrize("loss", [None, "1", torch.zeros(2), [1.0], 1j])
def test_loss_that_is_no_number_is_named(loss):
    found = type(loss).__name__
    with pytest.raises(TypeError, match=f"^mean_loss must be a number, got {found}$"):
        perplexity(loss)


@pytest.mark.parametrize("state", [None, [torch.zeros(2)], (torch.zeros(2), None)])
def test_state_that_is_no_tensor_cannot_be_detached(state):
    with pytest.raises(TypeError, match=r"^state must be a tensor or tuple of them, got "):
        detach(state)
