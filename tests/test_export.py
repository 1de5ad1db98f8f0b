"""Models become scripts for the page and come back; what the page's own files hold."""

import base64
import json
import random
import re
import string
from pathlib import Path

import pytest
import torch
from torch import nn

from rnnlib import export, layers
from rnnlib.export import dequantise, export_model, quantise, read_model, read_script, text_filter
from rnnlib.generation import generate
from rnnlib.models import LanguageModel, language_model, load_model
from rnnlib.text import Vocab

ROOT = Path(__file__).resolve().parent.parent
LIVE, CHECKPOINTS = ROOT / "live", ROOT / "data" / "checkpoints"
VOCAB = Vocab("the tim raveler")
NETWORKS = {
    "rnn-untrained": None,
    "rnn-20-epochs": None,
    "rnn-500-epochs": "rnn-timemachine.pt",
    "gru-by-heart": "live-gru-by-heart.pt",
    "gru-whole-book": "live-gru-whole-book.pt",
}
PREFIXES = (
    "time traveller", "traveller", "the machine", "there was", "once upon a time", "filby",
    "the medical man", "yesterday", "we", "how",
)  # fmt: skip
for_all_networks = pytest.mark.parametrize("name", NETWORKS)
for_all_kinds = pytest.mark.parametrize("kind", ["rnn", "gru"])


def small_model(kind="gru"):
    torch.manual_seed(0)
    return language_model(kind, len(VOCAB), 12)


# --- rounding ---


@pytest.mark.parametrize(("parts", "levels"), [(1, 254), (2, 254**2), (3, 254**3)])
def test_rounding_moves_a_weight_by_no_more_than_half_a_level(parts, levels):
    torch.manual_seed(0)
    weight = torch.randn(20, 30) * torch.logspace(-6, 6, 20)[:, None]
    error = (dequantise(quantise(weight, parts)) - weight).abs().amax(dim=1)
    largest = weight.abs().amax(dim=1)
    # The second term is what 32-bit floats themselves lose.
    assert (error <= 1.01 * largest / levels + 1e-7 * largest).all()


def test_bytes_fill_their_range_and_rows_have_scales_of_their_own():
    weight = torch.tensor([[1.0, -2.0, 0.5], [1000.0, 0.0, 300.0]])
    ((values, scales),) = quantise(weight)
    assert values.dtype == torch.int8
    assert values.tolist() == [[64, -127, 32], [127, 0, 38]]
    torch.testing.assert_close(scales, torch.tensor([2 / 127, 1000 / 127]))


def test_zeros_stay_zeros():
    for parts in (1, 2):
        pairs = quantise(torch.tensor([[0.0, 0.0], [3.0, 0.0]]), parts)
        assert dequantise(pairs).tolist() == [[0, 0], [3, 0]]
        assert all((torch.isfinite(scales) & (scales > 0)).all() for _, scales in pairs)


def test_smallest_floats_of_all_keep_their_sign():
    smallest = 2.0**-149  # 190 of them want a scale of 1.5, which becomes 1
    ((values, _),) = quantise(torch.tensor([[190 * smallest, -190 * smallest]]))
    assert values.tolist() == [[127, -127]]


@pytest.mark.parametrize(
    ("weight", "parts", "error", "message"),
    [
        (torch.ones(3), 1, ValueError, r"weight must be a tensor of shape \(rows, columns\)"),
        (torch.ones(1, 1, 1), 1, ValueError, r"weight must be a tensor .* got \(1, 1, 1\)$"),
        ([[1.0]], 1, ValueError, "weight must be a tensor .* got list"),
        (torch.tensor([[torch.inf]]), 1, ValueError, "weight must be finite"),
        (torch.tensor([[torch.nan]]), 1, ValueError, "weight must be finite"),
        (torch.ones(1, 1), 0, ValueError, "parts must be at least 1, got 0"),
        (torch.ones(1, 1), "2", TypeError, "parts must be an int, got str"),
        (torch.ones(1, 1), 2**31, ValueError, "parts must be at most 4, got 2147483648"),
        (torch.zeros(3, 0), 1, ValueError, "weight must hold values, got tensor"),
        (torch.zeros(0, 3), 1, ValueError, "weight must hold values, got tensor"),
        (torch.zeros(2, 3, device="meta"), 1, ValueError, "weight must hold values, got tensor"),
        (torch.zeros(2, 3).cfloat(), 1, TypeError, "weight must be a tensor of real numbers"),
        (torch.tensor([[1e300]]).double(), 1, ValueError, "weight must be finite"),
    ],
)
def test_rounding_names_what_does_not_fit(weight, parts, error, message):
    with pytest.raises(error, match=f"^{message}"):
        quantise(weight, parts)


BYTES, SCALES = torch.ones(2, 3, dtype=torch.int8), torch.ones(2)


@pytest.mark.parametrize(
    ("pairs", "error", "message"),
    [
        ([], ValueError, "hold at least one pair, got none"),
        (None, TypeError, "be the pairs of quantise.*, got NoneType"),
        ([BYTES], TypeError, "hold pairs of tensors, got Tensor"),
        ([(BYTES, None)], TypeError, "be a tensor of real numbers, got NoneType"),
        ([(BYTES, SCALES[:1])], ValueError, r"have shapes .*, got \(2, 3\) and \(1,\)"),
        ([(BYTES[0], SCALES)], ValueError, r"have shapes .*, got \(3,\) and \(2,\)"),
        ([(BYTES, SCALES), (BYTES[:1], SCALES[:1])], ValueError, r"have shapes .*, got \(1, 3\)"),
    ],
)
def test_what_is_no_rounded_weight_is_named(pairs, error, message):
    with pytest.raises(error, match=f"^pairs must {message}"):
        dequantise(pairs)


# --- a model, there and back ---


@for_all_kinds
@pytest.mark.parametrize("parts", [1, 2])
def test_model_comes_back_as_its_scripts_have_it(kind, parts, tmp_path):
    model, about = small_model(kind), {"note": "a </script> é", "numbers": [1, 2.5]}
    paths = export_model(tmp_path, "a-1", model, VOCAB, about, parts)
    assert [path.name for path in paths] == ["a-1.js", "a-1-2.js"][:parts]
    read, vocab, read_about = read_model(tmp_path, "a-1")
    assert vocab.idx_to_token == VOCAB.idx_to_token
    assert read_about == about
    assert not read.training
    for name, weight in model.state_dict().items():
        expected = dequantise(quantise(weight, parts)) if weight.dim() == 2 else weight
        assert torch.equal(read.state_dict()[name], expected)


def test_first_of_two_scripts_holds_the_coarse_weights(tmp_path):
    coarse, both = tmp_path / "coarse", tmp_path / "both"
    (alone,) = export_model(coarse, "a", small_model(), VOCAB)
    first, second = export_model(both, "a", small_model(), VOCAB, parts=2)
    assert read_script(first)["matrices"] == read_script(alone)["matrices"]
    assert read_script(second)["matrices"] != read_script(alone)["matrices"]


@for_all_kinds
def test_half_precision_is_exported_as_well(kind, tmp_path):
    model = small_model(kind).half()
    export_model(tmp_path, "a", model, VOCAB)
    read, _, about = read_model(tmp_path, "a")
    assert about == {}
    assert torch.equal(read.layer.bias_hh_l0, model.layer.bias_hh_l0.float())


def test_script_is_one_line_of_ascii_with_the_keys_that_the_format_names(tmp_path):
    first, second = export_model(tmp_path, "a", small_model(), VOCAB, parts=2)
    text = first.read_bytes().decode("ascii")
    assert text.count("\n") == 1
    assert re.fullmatch(r"Live\.register\(\{.*\}\);\n", text)
    data, rest = read_script(first), read_script(second)
    keys = re.findall(r"^    (\w+)  +\S", export.__doc__, re.MULTILINE)
    assert set(data) == set(keys)
    assert set(rest) == {"format", "name", "parts", "part", "matrices"}
    assert [data["part"], rest["part"]] == [1, 2]
    assert data["matrices"]["weight_hh"]["shape"] == [36, 12]
    assert set(data["biases"]) == {"bias_ih", "bias_hh", "linear.bias"}


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"name": "A b"}, ValueError, "name must be small letters"),
        ({"name": "../a"}, ValueError, "name must be small letters"),
        ({"name": None}, ValueError, "name must be small letters"),
        ({"parts": 3}, ValueError, "parts must be 1 or 2, got 3"),
        ({"parts": True}, TypeError, "parts must be an int, got bool"),
        ({"vocab": Vocab("ab")}, ValueError, "vocab must hold 11 tokens, got 3"),
        ({"vocab": Vocab("abcdefghijk")}, ValueError, "vocab must hold 11 tokens, got 12"),
        ({"model": nn.RNN(11, 12)}, TypeError, "model must be a LanguageModel, got RNN"),
        ({"model": language_model("lstm", 11, 12)}, ValueError, "model must be a language model"),
        ({"model": language_model("rnn", 11, 12, 2)}, ValueError, "model must be a language model"),
        (
            {"model": language_model("rnn", 11, 12, embedding_size=4)},
            ValueError,
            "model must be a language model of kind 'rnn' or 'gru' with one layer",
        ),
        (
            {"model": language_model("gru", 11, 12, bidirectional=True)},
            ValueError,
            "model must be a language model",
        ),
        (
            {"model": LanguageModel(nn.RNN(11, 12, nonlinearity="relu"), 11)},
            ValueError,
            "model must be a language model",
        ),
        (
            {"model": LanguageModel(layers.GRU(11, 12), 11)},
            ValueError,
            "model must be a language model",
        ),
        ({"about": {"x": float("nan")}}, ValueError, "about must be plain data .*: Out of range"),
        ({"about": {"x": VOCAB}}, TypeError, "about must be plain data .*: Object of type"),
        ({"about": 0}, TypeError, "about must be a dict, got int"),
        ({"vocab": None}, TypeError, "vocab must be a Vocab, got NoneType"),
        ({"vocab": list("abcdefghijk")}, TypeError, "vocab must be a Vocab, got list"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_written(change, error, message, tmp_path):
    arguments = {"name": "a", "model": small_model(), "vocab": VOCAB, **change}
    assert len(VOCAB) == 11
    with pytest.raises(error, match=f"^{message}"):
        export_model(tmp_path, **arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["linear.bias", "layer.bias_hh_l0", "linear.weight"])
def test_weights_that_are_not_finite_are_an_error(name, tmp_path):
    model = small_model()
    with torch.no_grad():
        model.get_parameter(name).view(-1)[0] = torch.inf
    with pytest.raises(ValueError, match="must be finite"):
        export_model(tmp_path, "a", model, VOCAB)


def test_missing_script_is_an_error_that_names_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="a\\.js"):
        read_model(tmp_path, "a")
    _, second = export_model(tmp_path, "a", small_model(), VOCAB, parts=2)
    second.unlink()
    with pytest.raises(FileNotFoundError, match="a-2\\.js"):
        read_model(tmp_path, "a")


def damage(data):
    """Ways to spoil the data of a script, by name."""
    matrix = data["matrices"]["weight_hh"]
    yield "format", lambda: data.update(format="another")
    yield "name", lambda: data.update(name="b")
    yield "kind", lambda: data.update(kind="lstm")
    yield "kind missing", lambda: data.pop("kind")
    yield "parts", lambda: data.update(parts="1")
    yield "size", lambda: data.update(hidden_size=11)
    yield "tokens", lambda: data.update(tokens=["<unk>", "a", "a"])
    yield "bias", lambda: data["biases"].update(bias_hh="????")
    yield "values", lambda: matrix.update(values=matrix["values"][:-4])
    yield "scales", lambda: matrix.update(scales=matrix["scales"][:-8])
    yield "shape", lambda: matrix.update(shape=[12, 36])
    yield "matrix", lambda: data["matrices"].pop("weight_ih")
    yield "list", lambda: data.update(matrices=[])
    yield "not base64", lambda: matrix.update(values="?" + matrix["values"])


@pytest.mark.parametrize("way", range(14))
def test_damaged_data_is_a_value_error(way, tmp_path):
    (path,) = export_model(tmp_path, "a", small_model(), VOCAB)
    data = read_script(path)
    _, spoil = list(damage(data))[way]
    spoil()
    path.write_bytes(export.script(data))
    with pytest.raises(ValueError, match="path must name a 'rnnlib page model"):
        read_model(tmp_path, "a")


@pytest.mark.parametrize(
    "content",
    [b"", b"Live.register(", b"Live.register([1]);\n", b"Live.register({);\n", b"\xff\x00"],
)
def test_other_files_are_a_value_error(content, tmp_path):
    (tmp_path / "a.js").write_bytes(content)
    with pytest.raises(ValueError, match="path must name a script of this format"):
        read_model(tmp_path, "a")


# --- the filter of a text ---


def in_filter(stretch, data):
    field = int.from_bytes(base64.b64decode(data["bits"]), "little")
    num_bits = 8 * len(base64.b64decode(data["bits"]))
    return all(field >> bit & 1 for bit in export.filter_bits(stretch, data["hashes"], num_bits))


def test_filter_knows_every_stretch_of_its_text_and_hardly_another():
    rng = random.Random(0)
    letters = string.ascii_lowercase + "     "
    text = "".join(rng.choices(letters, k=10_000))
    data = json.loads(json.dumps(text_filter(text)))
    assert (data["length"], data["hashes"]) == (20, 8)
    assert len(base64.b64decode(data["bits"])) == 2**15
    assert all(in_filter(text[i : i + 20], data) for i in range(0, 9981, 20))
    others = ("".join(rng.choices(letters, k=20)) for _ in range(4_000))
    assert sum(in_filter(other, data) for other in others) <= 1


def test_filter_holds_the_stretches_of_its_text_and_nothing_else():
    for text in ("there", "therefore"):  # the shorter one is a single stretch
        data = text_filter(text, 5, num_bytes=1000, num_hashes=3)
        field = int.from_bytes(base64.b64decode(data["bits"]), "little")
        stretches = [text[i : i + 5] for i in range(len(text) - 4)]
        bits = {bit for part in stretches for bit in export.filter_bits(part, 3, 8000)}
        assert {bit for bit in range(8000) if field >> bit & 1} == bits


@pytest.mark.parametrize(
    ("stretch", "num_bits", "bits"),
    [
        ("foobar", 1000, [793, 776, 759, 742]),
        ("the", 1000, [729, 386, 747, 404]),
        ("a", 2**18, [123188, 28639, 196234, 101685]),
    ],
)
def test_bits_of_a_stretch_are_those_that_the_page_computes(stretch, num_bits, bits):
    assert export.filter_bits(stretch, 4, num_bits) == bits  # from network.js, run by node


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("short",), "text must hold at least 20 characters, got 5"),
        (("text" * 9, 0), "length must be at least 1, got 0"),
        (("text" * 9, 5, 0), "num_bytes must be at least 1, got 0"),
        (("text" * 9, 5, 8, 0), "num_hashes must be at least 1, got 0"),
        (("text" * 9, 5, 8, 65), "num_hashes must be at most 64, got 65"),
        (("text" * 9, 5, 2**40), "num_bytes must fit in memory"),
    ],
)
def test_filter_names_what_does_not_fit(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        text_filter(*arguments)


# --- the files of the page ---


def test_every_file_of_the_page_is_small():
    for path in LIVE.rglob("*.*"):
        limit = 60_000 if path.suffix == ".png" else 150_000
        assert path.stat().st_size < limit, path.name
    for path in LIVE.glob("*.js"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 275, path.name


@for_all_networks
def test_page_holds_the_course_s_own_weights(name):
    model, vocab, about = read_model(LIVE / "models", name)
    if NETWORKS[name]:
        original, original_vocab, _ = load_model(CHECKPOINTS / NETWORKS[name])
        assert vocab.idx_to_token == original_vocab.idx_to_token
        tolerance = 1 / 254**2
    elif name == "rnn-untrained":
        torch.manual_seed(0)
        original, tolerance = language_model("rnn", len(vocab), 256), 1 / 254
    else:  # retrained in seconds, but not to the same bits on every machine
        assert about["perplexity"]["pages"] < 12
        return
    for full in export.MATRICES.values():
        ours, theirs = model.state_dict()[full], original.state_dict()[full].float()
        limit = 1.01 * tolerance * theirs.abs().amax(dim=1, keepdim=True)
        assert ((ours - theirs).abs() <= limit + 1e-6).all()


@pytest.mark.parametrize("name", [name for name, file in NETWORKS.items() if file])
def test_greedy_text_is_that_of_the_weights_before_rounding(name):
    model, vocab, _ = read_model(LIVE / "models", name)
    original = load_model(CHECKPOINTS / NETWORKS[name])[0].float()
    for prefix in PREFIXES:
        assert generate(model, vocab, prefix, 200) == generate(original, vocab, prefix, 200)


def test_one_byte_a_weight_would_change_the_greedy_text():
    # The reason for the second scripts; without it they should go.
    model, vocab, _ = load_model(CHECKPOINTS / NETWORKS["rnn-500-epochs"])
    rounded = language_model("rnn", len(vocab), 256).eval()
    weights = model.state_dict()
    for full in export.MATRICES.values():
        weights[full] = dequantise(quantise(weights[full]))
    rounded.load_state_dict(weights)
    texts = [[generate(m, vocab, p, 200) for p in PREFIXES] for m in (model, rounded)]
    assert texts[0] != texts[1]


def test_table_says_what_the_files_say_and_the_page_what_the_table_says():
    perplexity = {name: read_model(LIVE / "models", name)[2]["perplexity"] for name in NETWORKS}
    rows = (LIVE / "networks.md").read_text(encoding="utf-8").splitlines()[2:]
    for row, name in zip(rows, NETWORKS, strict=True):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        values = [f"{perplexity[name][part]:.1f}" for part in ("pages", "end")]
        assert cells[2:] == values
    ages = load_model(CHECKPOINTS / NETWORKS["gru-whole-book"])[2]
    assert f"{ages['best_epoch']} times" in rows[-1]
    # "the networks that recite are the best by far ... worse than one that has learned nothing"
    reciting = [perplexity[name] for name in ("rnn-500-epochs", "gru-by-heart")]
    assert all(2 * p["pages"] < perplexity["gru-whole-book"]["pages"] for p in reciting)
    assert all(p["end"] > perplexity["rnn-untrained"]["end"] for p in reciting)
    assert all(p["end"] > 10 * perplexity["gru-whole-book"]["end"] for p in reciting)


def test_page_is_right_that_greed_goes_round_in_circles_and_chance_does_not():
    model, vocab, _ = read_model(LIVE / "models", "gru-whole-book")

    def repeats(text):
        return text[-40:] in text[:-1]

    assert repeats(generate(model, vocab, "time traveller", 300))
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        options = {"temperature": 0.5, "generator": generator}
        assert not repeats(generate(model, vocab, "time traveller", 300, **options))


def test_page_is_right_that_both_look_far_back_and_about_as_far():
    def half(shares):
        return next(d for d in range(len(shares)) if 2 * sum(shares[: d + 1]) >= sum(shares)) + 1

    for text in read_script(LIVE / "data" / "reach.js")["texts"]:
        rnn, lstm = [sorted(map(half, model["shares"])) for model in text["models"]]
        for halves in (rnn, lstm):
            assert halves[len(halves) // 2] >= 8
            assert halves[-10] > 1.3 * halves[10]
        assert 0.7 < lstm[len(lstm) // 2] / rnn[len(rnn) // 2] < 1.4


def test_texts_whose_reach_is_shown_are_the_models_own():
    for text in read_script(LIVE / "data" / "reach.js")["texts"]:
        for shown in text["models"]:
            model, vocab, _ = load_model(CHECKPOINTS / f"{shown['kind']}-timemachine.pt")
            count = len(shown["shares"])
            assert shown["text"] == generate(model, vocab, text["prefix"], count)
            assert len(shown["p"]) == count
            for number, shares in enumerate(shown["shares"]):
                assert 0 < len(shares) <= len(text["prefix"]) + number
                assert abs(sum(shares) - 1000) < 60


def test_tool_names_the_same_networks():
    source = (ROOT / "tools" / "export_live.py").read_text(encoding="utf-8")
    assert re.findall(r'^    "([a-z0-9-]+)": \(', source, re.MULTILINE) == list(NETWORKS)
    page = (LIVE / "playground.js").read_text(encoding="utf-8")
    assert re.findall(r'^    \["([a-z0-9-]+)", "', page, re.MULTILINE) == list(NETWORKS)
