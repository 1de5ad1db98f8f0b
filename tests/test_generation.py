"""Choosing the next token, and going on from a prefix token by token."""

import contextlib
import math
import re

import pytest
import torch
from torch import nn

from rnnlib import generation, layers
from rnnlib.generation import generate, generate_batch, next_token
from rnnlib.models import LanguageModel, language_model
from rnnlib.text import Vocab

VOCAB = Vocab("the tim raveler")
KINDS = ("rnn", "gru", "lstm")
MODELS = [(kind, options) for kind in KINDS for options in ({}, {"num_layers": 3})]
for_all_models = pytest.mark.parametrize(("kind", "options"), MODELS)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def small_model(kind="gru", **options):
    """A model whose greedy text is varied and whose two largest logits are never close."""
    torch.manual_seed(20)
    model = language_model(kind, len(VOCAB), 12, **options)
    for name, weight in model.named_parameters():
        if "bias" in name:
            nn.init.zeros_(weight)
        elif "weight_hh" in name:
            for gate in weight.data.split(12):
                nn.init.orthogonal_(gate)
        else:
            nn.init.normal_(weight)
    return model


# --- one token ---


def test_temperature_zero_takes_the_largest_and_of_equal_ones_the_first():
    assert next_token(torch.tensor([0.1, 3.0, -9.0])) == 1
    assert next_token(torch.tensor([0.0, 2.0, 2.0, 2.0])) == 1
    assert isinstance(next_token(torch.zeros(3)), int)


@pytest.mark.parametrize("size", [2, 5, 28, 100])
@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0, 1e6])
def test_top_one_is_greedy_with_equal_logits_too(size, temperature):
    for logits in (
        torch.randn(size, generator=seeded()),
        torch.zeros(size),
        torch.arange(size) % 2,
    ):
        greedy = next_token(logits.float())
        assert next_token(logits.float(), temperature, top_k=1) == greedy


@pytest.mark.parametrize("temperature", [1e-6, 1e-30, 5e-324])
@pytest.mark.parametrize("scale", [1.0, 1e30])
def test_tiny_temperature_is_greedy(temperature, scale):
    for seed in range(5):
        logits = torch.randn(28, generator=seeded(seed)) * scale
        assert next_token(logits, temperature) == next_token(logits)


def frequencies(num_draws=4000, **options):
    """How often each index is drawn from these five logits."""
    generator = seeded(3)
    logits = torch.tensor([0.5, -1.0, 2.0, 0.0, 1.0])
    drawn = [next_token(logits, generator=generator, **options) for _ in range(num_draws)]
    return torch.tensor(drawn).bincount(minlength=5) / num_draws


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0, 1e9])
def test_tokens_are_drawn_as_often_as_the_softmax_says(temperature):
    weights = [math.exp(logit / temperature) for logit in (0.5, -1.0, 2.0, 0.0, 1.0)]
    expected = [weight / sum(weights) for weight in weights]
    # Four standard deviations of a frequency are at most 0.032.
    assert frequencies(temperature=temperature).tolist() == pytest.approx(expected, abs=0.032)


@pytest.mark.parametrize(("top_k", "kept"), [(2, [2, 4]), (3, [0, 2, 4]), (4, [0, 2, 3, 4])])
def test_top_k_draws_among_the_k_largest_as_often_as_their_softmax_says(top_k, kept):
    found = frequencies(temperature=1.0, top_k=top_k)
    logits = {0: 0.5, 1: -1.0, 2: 2.0, 3: 0.0, 4: 1.0}
    total = sum(math.exp(logits[index]) for index in kept)
    expected = [math.exp(logits[index]) / total if index in kept else 0.0 for index in range(5)]
    assert found.tolist() == pytest.approx(expected, abs=0.032)
    assert found.nonzero().flatten().tolist() == kept


@pytest.mark.parametrize("top_k", [5, 6, 1000])
def test_top_k_of_the_vocabulary_or_more_restricts_nothing(top_k):
    assert frequencies(500, temperature=5.0, top_k=top_k).count_nonzero() == 5


@pytest.mark.parametrize("top_k", [1, 2, 3])
def test_top_k_lets_no_more_than_k_through_where_logits_are_equal(top_k):
    generator, logits = seeded(), torch.tensor([1.0, 2.0, 2.0, 2.0, 2.0])
    drawn = {next_token(logits, 1.0, top_k, generator) for _ in range(200)}
    assert drawn == {1, 2, 3, 4} - set(range(1 + top_k, 5))


def test_draws_come_from_the_generator_or_else_from_that_of_torch():
    logits = torch.zeros(1000)
    first, second = (
        [next_token(logits, 1.0, generator=generator) for _ in range(5)]
        for generator in (seeded(5), seeded(5))
    )
    assert first == second
    torch.manual_seed(5)
    assert [next_token(logits, 1.0) for _ in range(5)] == first
    assert [next_token(logits, 1.0) for _ in range(5)] != first


def test_logits_are_left_as_they_were():
    logits = torch.randn(9, generator=seeded())
    before = logits.clone()
    next_token(logits, 0.5, 3)
    assert torch.equal(logits, before)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_logits_that_are_not_finite_are_an_error(bad, temperature):
    message = r"^logits must be finite and of shape \(vocab_size,\), got .*\(3,\) with 1 not finite"
    with pytest.raises(ValueError, match=message):
        next_token(torch.tensor([0.0, bad, 1.0]), temperature)


def test_logits_of_several_tokens_are_an_error():
    with pytest.raises(ValueError, match=r"^logits must be finite .* got shape \(2, 3\) with 0"):
        next_token(torch.zeros(2, 3))


BAD_CHOICES = [
    ({"temperature": -0.5}, ValueError, "temperature must be a finite number, at least 0.0, got -"),
    ({"temperature": math.nan}, ValueError, "temperature must be a finite number, at least 0.0"),
    ({"temperature": math.inf}, ValueError, "temperature must be a finite number, at least 0.0"),
    ({"temperature": True}, TypeError, "temperature must be a number, got bool"),
    ({"temperature": "1"}, TypeError, "temperature must be a number, got str"),
    ({"temperature": None}, TypeError, "temperature must be a number, got NoneType"),
    ({"top_k": 0}, ValueError, "top_k must be at least 1, got 0"),
    ({"top_k": -2}, ValueError, "top_k must be at least 1, got -2"),
    ({"top_k": 2.0}, TypeError, "top_k must be an int, got float"),
    ({"top_k": True}, TypeError, "top_k must be an int, got bool"),
]


@pytest.mark.parametrize(("options", "error", "message"), BAD_CHOICES)
def test_wrong_temperature_or_top_k_is_named(options, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        next_token(torch.zeros(3), **options)
    for num_tokens in (0, 3):
        with pytest.raises(error, match=f"^{re.escape(message)}"):
            generate(small_model(), VOCAB, "the", num_tokens, **options)
        with pytest.raises(error, match=f"^{re.escape(message)}"):
            generate_batch(small_model(), VOCAB, ["the", "t"], num_tokens, **options)


# --- a text ---


@torch.no_grad()
def one_at_a_time(model, prefix, num_tokens):
    """Greedy generation by one token a call, warm-up included, as in d2l's `predict_ch8`."""
    state = model.begin_state(1)
    outputs = [VOCAB[prefix[0]]]
    for character in prefix[1:]:
        _, state = model(torch.tensor([[outputs[-1]]]), state)
        outputs.append(VOCAB[character])
    for _ in range(num_tokens):
        logits, state = model(torch.tensor([[outputs[-1]]]), state)
        outputs.append(int(logits.argmax(dim=1)))
    return "".join(VOCAB.idx_to_token[index] for index in outputs)


@for_all_models
@pytest.mark.parametrize("prefix", ["t", "the time traveler"])
def test_default_is_the_greedy_text_of_one_token_at_a_time(kind, options, prefix):
    model = small_model(kind, **options)
    found = generate(model, VOCAB, prefix, 40)
    assert found == one_at_a_time(model, prefix, 40)
    assert found.startswith(prefix)
    assert len(set(found[len(prefix) :])) > 2  # else the model would not be worth a test


def test_embedded_model_and_layers_of_this_course_generate_the_same_way():
    embedded = small_model("gru", embedding_size=5)
    assert generate(embedded, VOCAB, "the", 30) == one_at_a_time(embedded, "the", 30)
    model = small_model("lstm")
    twin = LanguageModel(layers.LSTM(len(VOCAB), 12), len(VOCAB))
    twin.load_state_dict(model.state_dict())
    assert generate(twin, VOCAB, "the", 30) == generate(model, VOCAB, "the", 30)


@for_all_models
def test_top_one_and_tiny_temperature_give_the_greedy_text(kind, options):
    model = small_model(kind, **options)
    greedy = generate(model, VOCAB, "the time", 30)
    assert generate(model, VOCAB, "the time", 30, temperature=1.0, top_k=1) == greedy
    assert generate(model, VOCAB, "the time", 30, temperature=1e-9) == greedy


def test_equal_seeds_give_equal_texts_and_others_another():
    model = small_model()
    first, again, other = (
        generate(model, VOCAB, "the ", 60, temperature=2.0, generator=seeded(seed))
        for seed in (1, 1, 2)
    )
    assert first == again != other


def test_greedy_text_draws_no_random_numbers():
    torch.manual_seed(0)
    generate(small_model(), VOCAB, "the", 5)
    model = small_model()
    state = torch.get_rng_state()
    generate(model, VOCAB, "the", 5)
    assert torch.equal(torch.get_rng_state(), state)


@for_all_models
def test_each_token_is_drawn_from_the_logits_after_those_before(kind, options):
    model = small_model(kind, **options)
    found = generate(model, VOCAB, list("the"), 20, 1.0, top_k=4, generator=seeded(7))
    generator = seeded(7)
    for length in range(3, 23):
        with torch.no_grad():
            logits, _ = model(torch.tensor([VOCAB[found[:length]]]))
        assert VOCAB.to_tokens(next_token(logits[-1], 1.0, 4, generator)) == found[length]


@pytest.mark.parametrize("prefix", ["t", "the time"])
def test_no_tokens_more_leave_the_prefix(prefix):
    assert generate(small_model(), VOCAB, prefix, 0) == prefix
    assert generate(small_model(), VOCAB, list(prefix), 0) == list(prefix)


def test_unknown_characters_become_unk():
    model = small_model()
    found = generate(model, VOCAB, "t?e", 5)
    assert found.startswith("t<unk>e")
    assert found == generate(model, VOCAB, "tZe", 5)


def test_list_of_tokens_gives_a_list():
    model = small_model()
    found = generate(model, VOCAB, ["t", "h", "e"], 10)
    assert found == list(generate(model, VOCAB, "the", 10))
    vocab = Vocab(["time", "machine", "traveller"])
    words = generate(language_model("gru", 4, 3), vocab, ["time", "lord"], 3)
    assert words[:2] == ["time", "<unk>"]
    assert len(words) == 5
    assert set(words) <= set(vocab.idx_to_token)


def test_given_list_is_left_as_it_was():
    prefix = ["t", "h"]
    generate(small_model(), VOCAB, prefix, 3)
    assert prefix == ["t", "h"]


@pytest.mark.parametrize("training", [True, False])
def test_generation_is_without_dropout_and_leaves_mode_and_gradients_alone(training):
    model = small_model(dropout=0.5, num_layers=2).train(training)
    assert generate(model, VOCAB, "the", 30) == generate(model, VOCAB, "the", 30)
    assert model.training is model.layer.training is training
    assert all(weight.grad is None for weight in model.parameters())


@pytest.mark.parametrize("bad", [False, True])
def test_each_part_of_the_model_gets_its_own_mode_back(bad):
    model = small_model(dropout=0.5).train()
    model.layer.eval()
    model.dropout.eval()
    if bad:
        nn.init.constant_(model.linear.bias, math.nan)
    for call, prefix in ((generate, "t"), (generate_batch, ["t", "h"])):
        with pytest.raises(ValueError, match="logits") if bad else contextlib.nullcontext():
            call(model, VOCAB, prefix, 2)
        modes = [part.training for part in (model, model.layer, model.dropout, model.linear)]
        assert modes == [True, False, False, True]


@pytest.mark.parametrize("num_tokens", [2**31, 10**18, 10**30])
def test_more_tokens_than_fit_in_memory_are_refused_for_one_text_as_for_several(num_tokens):
    message = "and num_tokens must fit in memory, but need more than 2147483648 numbers$"
    with pytest.raises(ValueError, match=f"^prefix {message}"):
        generate(small_model(), VOCAB, "t", num_tokens)
    with pytest.raises(ValueError, match=f"^prefixes {message}"):
        generate_batch(small_model(), VOCAB, ["t"], num_tokens)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_weights_that_are_nan_are_an_error_and_the_mode_is_restored(temperature):
    model = small_model()
    nn.init.constant_(model.linear.bias, math.nan)
    with pytest.raises(ValueError, match=r"^logits must be finite"):
        generate(model, VOCAB, "the", 3, temperature=temperature)
    assert model.training


@pytest.mark.parametrize(
    ("prefix", "num_tokens", "error", "message"),
    [
        ("", 5, ValueError, "prefix must hold at least one token, got none"),
        ([], 5, ValueError, "prefix must hold at least one token, got none"),
        (None, 5, TypeError, "prefix must be a str or a list of str, got NoneType"),
        (("t", "h"), 5, TypeError, "prefix must be a str or a list of str, got tuple"),
        ([1, 2], 5, TypeError, "prefix must hold str only, got int among them"),
        ("the", -1, ValueError, "num_tokens must be at least 0, got -1"),
        ("the", 2.0, TypeError, "num_tokens must be an int, got float"),
        ("the", True, TypeError, "num_tokens must be an int, got bool"),
    ],
)
def test_generation_names_what_does_not_fit(prefix, num_tokens, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        generate(small_model(), VOCAB, prefix, num_tokens)


def test_vocabulary_of_another_size_is_an_error():
    model = small_model()
    with pytest.raises(ValueError, match=r"^vocab must have at most the model's \d+ tokens"):
        generate(model, Vocab("abcdefghijklmnopqrstuvwxyz"), "zzz", 3)
    one_more = Vocab([*VOCAB.idx_to_token[1:], "z"])
    with pytest.raises(ValueError, match=rf"^vocab must have .* got index {len(VOCAB)}$"):
        generate(model, one_more, "z", 3)
    with pytest.raises(ValueError, match=r"^indices must be from 0 to "):
        generate(model, Vocab("ab"), "ab", 40)


def test_generation_builds_no_graph_for_gradients():
    model, enabled = small_model(), []
    model.register_forward_hook(lambda *_: enabled.append(torch.is_grad_enabled()))
    generate(model, VOCAB, "the", 2)
    assert enabled == [False, False]
    generate_batch(model, VOCAB, ["t", "h"], 2)
    assert enabled == [False] * 4
    assert torch.is_grad_enabled()


def test_no_more_logits_than_torch_draws_from(monkeypatch):
    for draw in (lambda logits: torch.multinomial(logits, 1), lambda x: next_token(x, 1.0)):
        with pytest.raises((RuntimeError, ValueError), match=r"2\^24|at most 16777216"):
            draw(torch.ones(1).expand(generation.MOST_LOGITS + 1))
    monkeypatch.setattr(generation, "MOST_LOGITS", 4)
    assert next_token(torch.ones(5)) == 0
    assert 0 <= next_token(torch.ones(4), 1.0) < 4
    with pytest.raises(ValueError, match=r"^logits must hold at most 4 to draw from, got 5$"):
        next_token(torch.ones(5), 1.0)


def test_logits_without_an_axis_are_an_error():
    with pytest.raises(ValueError, match=r"^logits must be finite and of shape .* got shape \(\)"):
        next_token(torch.tensor(1.0))


@pytest.mark.parametrize(
    ("logits", "error", "message"),
    [
        ([1.0, 2.0], TypeError, "be a tensor of real numbers, got list"),
        (torch.tensor([True]), TypeError, "be a tensor of real numbers, got torch.bool"),
        (torch.ones(2).cfloat(), TypeError, "be a tensor of real numbers, got torch.complex64"),
        (torch.ones(2).to(torch.uint16), TypeError, "be a tensor .* got torch.uint16"),
        (torch.ones(2).to(torch.uint32), TypeError, "be a tensor .* got torch.uint32"),
        (torch.ones(2).to(torch.uint64), TypeError, "be a tensor .* got torch.uint64"),
        (torch.ones(2).to(torch.float8_e5m2), TypeError, "be a tensor .* got torch.float8_e5m2"),
        (torch.ones(2).to_sparse(), TypeError, "be a dense tensor, got torch.sparse_coo"),
        (torch.zeros(0), ValueError, "hold values, got tensor"),
        (torch.zeros(2, device="meta"), ValueError, "hold values, got tensor"),
    ],
)
def test_logits_of_another_kind_are_named(logits, error, message):
    with pytest.raises(error, match=f"^logits must {message}"):
        next_token(logits)


# --- several texts at once ---

PREFIXES = ["t", "the time traveler", "il", "mm h", "the time traveler the time traveler e"]
MANY = [prefix[start:] for prefix in PREFIXES for start in range(min(len(prefix), 9))]


@for_all_models
@pytest.mark.parametrize("prefixes", [PREFIXES, PREFIXES[1:2], PREFIXES[:1], MANY], ids=len)
def test_texts_of_a_batch_are_those_of_each_prefix_alone(kind, options, prefixes):
    model = small_model(kind, **options)
    found = generate_batch(model, VOCAB, prefixes, 30)
    assert found == [one_at_a_time(model, prefix, 30) for prefix in prefixes]
    assert found == [generate(model, VOCAB, prefix, 30) for prefix in prefixes]


@for_all_models
@pytest.mark.parametrize("num_tokens", [0, 1, 2])
def test_batch_of_few_tokens(kind, options, num_tokens):
    model = small_model(kind, **options)
    found = generate_batch(model, VOCAB, PREFIXES, num_tokens)
    assert found == [generate(model, VOCAB, prefix, num_tokens) for prefix in PREFIXES]
    assert generate_batch(model, VOCAB, ["t", "h"], num_tokens) == [
        generate(model, VOCAB, prefix, num_tokens) for prefix in "th"
    ]


def test_batch_of_other_models_is_that_of_each_alone():
    embedded = small_model("gru", embedding_size=5)
    model = small_model("lstm")
    twin = LanguageModel(layers.LSTM(len(VOCAB), 12), len(VOCAB))
    twin.load_state_dict(model.state_dict())
    for each in (embedded, model, twin, small_model("rnn").double()):
        found = generate_batch(each, VOCAB, MANY, 20)
        assert found == [one_at_a_time(each, prefix, 20) for prefix in MANY]


def test_batch_of_words_and_of_both():
    vocab = Vocab(["time", "machine", "traveller"])
    torch.manual_seed(3)
    model = language_model("gru", 4, 6)
    for weight in model.parameters():
        nn.init.normal_(weight)
    prefixes = [["time", "lord"], ["traveller"], "ab", ["machine", "time", "machine"]]
    before = [list(prefix) for prefix in prefixes]
    found = generate_batch(model, vocab, prefixes, 5)
    assert found == [generate(model, vocab, prefix, 5) for prefix in prefixes]
    assert [type(text) for text in found] == [list, list, str, list]
    assert found[0][:2] == ["time", "<unk>"]
    assert [list(prefix) for prefix in prefixes] == before


def test_unknown_characters_of_a_batch_become_unk():
    found = generate_batch(small_model(), VOCAB, ["t?e", "é", "t"], 5)
    assert found[0].startswith("t<unk>e")
    assert found[1].startswith("<unk>")
    assert found == [generate(small_model(), VOCAB, prefix, 5) for prefix in ("t?e", "é", "t")]


@for_all_models
def test_top_one_and_tiny_temperature_give_the_greedy_texts(kind, options):
    model = small_model(kind, **options)
    greedy = generate_batch(model, VOCAB, PREFIXES, 20)
    assert generate_batch(model, VOCAB, PREFIXES, 20, temperature=1.0, top_k=1) == greedy
    assert generate_batch(model, VOCAB, PREFIXES, 20, temperature=1e-9) == greedy


@for_all_models
def test_tokens_of_a_batch_are_drawn_in_the_order_of_the_texts(kind, options):
    model, prefixes = small_model(kind, **options), [list("the"), list("mel"), list("e t")]
    found = generate_batch(model, VOCAB, prefixes, 12, 1.5, top_k=4, generator=seeded(7))
    generator, texts = seeded(7), list(prefixes)
    for _ in range(12):
        with torch.no_grad():
            logits, _ = model(torch.tensor([VOCAB[text] for text in texts]))
        rows = logits[-len(texts) :]
        drawn = [next_token(row, 1.5, 4, generator) for row in rows]
        texts = [[*text, VOCAB.to_tokens(index)] for text, index in zip(texts, drawn, strict=True)]
    assert found == texts


def test_batch_of_one_draws_what_generate_draws():
    model = small_model()
    options = {"temperature": 1.3, "top_k": 5}
    expected = generate(model, VOCAB, "t", 30, generator=seeded(4), **options)
    assert generate_batch(model, VOCAB, ["t"], 30, generator=seeded(4), **options) == [expected]


def test_batches_of_equal_seeds_are_equal_and_their_texts_differ():
    model, prefixes = small_model(), ["the ", "t", "the "]
    first, again, other = (
        generate_batch(model, VOCAB, prefixes, 40, temperature=2.0, generator=seeded(seed))
        for seed in (1, 1, 2)
    )
    assert first == again != other
    assert first[0] != first[2]
    torch.manual_seed(1)
    assert generate_batch(model, VOCAB, prefixes, 40, temperature=2.0) == first


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("num_tokens", [0, 3])
def test_batch_leaves_mode_gradients_and_random_numbers_alone(training, num_layers, num_tokens):
    model = small_model(dropout=0.5, num_layers=num_layers).train(training)
    state = torch.get_rng_state()
    found = generate_batch(model, VOCAB, PREFIXES, num_tokens)
    assert found == generate_batch(model, VOCAB, PREFIXES, num_tokens)
    assert torch.equal(torch.get_rng_state(), state)
    assert model.training is model.layer.training is training
    assert all(weight.grad is None for weight in model.parameters())
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("training", [True, False])
def test_batch_with_weights_that_are_not_finite_is_an_error_and_the_mode_restored(
    bad, temperature, training
):
    model = small_model().train(training)
    nn.init.constant_(model.linear.bias, bad)
    with pytest.raises(ValueError, match=r"^logits must be finite"):
        generate_batch(model, VOCAB, PREFIXES, 3, temperature=temperature)
    assert model.training is training


@pytest.mark.parametrize(
    ("prefixes", "num_tokens", "error", "message"),
    [
        ("the", 5, TypeError, "prefixes must be a list, got str"),
        (("a", "b"), 5, TypeError, "prefixes must be a list, got tuple"),
        (None, 5, TypeError, "prefixes must be a list, got NoneType"),
        ([], 5, ValueError, "prefixes must hold at least one prefix, got none"),
        (["t", ""], 5, ValueError, "prefixes[1] must hold at least one token, got none"),
        ([[], "t"], 5, ValueError, "prefixes[0] must hold at least one token, got none"),
        (["t", 3], 5, TypeError, "prefixes[1] must be a str or a list of str, got int"),
        (["t", "h", ["e", 1]], 5, TypeError, "prefixes[2] must hold str only, got int among them"),
        (["t"], -1, ValueError, "num_tokens must be at least 0, got -1"),
        (["t"], 2.0, TypeError, "num_tokens must be an int, got float"),
        (["t"], True, TypeError, "num_tokens must be an int, got bool"),
        (["t"], None, TypeError, "num_tokens must be an int, got NoneType"),
    ],
)
def test_batch_names_what_does_not_fit(prefixes, num_tokens, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        generate_batch(small_model(), VOCAB, prefixes, num_tokens)


@pytest.mark.parametrize("num_tokens", [2**30, 2**31, 2**62, 2**63 - 1, 2**63, 10**30])
def test_batch_of_more_tokens_than_fit_in_memory_is_refused(num_tokens):
    with pytest.raises(ValueError, match=r"^prefixes and num_tokens must fit in memory"):
        generate_batch(small_model(), VOCAB, ["t", "the"], num_tokens)


def test_batch_for_a_model_that_does_not_fit_is_an_error():
    model = small_model()
    with pytest.raises(ValueError, match=r"^vocab must have at most the model's \d+ tokens"):
        generate_batch(model, Vocab("abcdefghijklmnopqrstuvwxyz"), ["a", "zzz"], 3)
    with pytest.raises(ValueError, match=r"^model must read in one direction, got a bidirec"):
        generate_batch(small_model(bidirectional=True), VOCAB, ["t"], 3)
    with pytest.raises(TypeError, match=r"^model must be a language model, got GRU"):
        generate_batch(nn.GRU(2, 3), VOCAB, ["t"], 3)
    with pytest.raises(TypeError, match=r"^vocab must be a Vocab, got list"):
        generate_batch(model, ["t"], ["t"], 3)


def test_batch_works_for_a_model_without_layers_and_vocab_size():
    """Anything with the methods of a language model will do."""

    class Counter(nn.Module):
        def begin_state(self, batch_size):
            return torch.zeros(1, batch_size, 1)

        def forward(self, indices, state):
            wanted = (indices[:, -1:] + 1) % len(VOCAB)
            return (wanted == torch.arange(len(VOCAB))).float(), state

    letters = "".join(VOCAB.idx_to_token[1:])
    assert generate(Counter(), VOCAB, letters[0], 3) == letters[:4]
    assert generate_batch(Counter(), VOCAB, [letters[1], letters[0]], 3) == [
        letters[1:5],
        letters[:4],
    ]
