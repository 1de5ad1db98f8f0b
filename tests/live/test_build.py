"""What builds the live page: models to scripts and back, the stepper, the reach; and its files."""

import json
import random
import re
import string

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from live.build import stepper
from live.build.export import CHECKPOINTS, FILES, LIVE, NETWORKS
from live.build.models import MATRICES, export_model, read_matrix, read_model, round_matrix
from live.build.reach import reach
from live.build.scripts import decode, is_copied, read_script, text_filter, write_script
from live.build.stepper import ONE_WORD, THREE_WORDS, stepper_data, trace, train_weights
from rnnlib.generation import generate
from rnnlib.models import LanguageModel, language_model, load_model
from rnnlib.text import FILE_NAME, Vocab, find_text, load_corpus
from rnnlib.training import evaluate

CHAPTERS = LIVE.parent / "chapters"
VOCAB = Vocab("the tim raveler")
PREFIXES = ("time traveller", "the machine", "traveller", "filby", "we")
ONE_UNIT = 1.5e-4  # of the last of four digits, which may differ from processor to processor
HAVE_TEXT = find_text().name == FILE_NAME
close = torch.testing.assert_close


def small_model(kind="gru", **options):
    torch.manual_seed(0)
    return language_model(kind, len(VOCAB), 12, **options)


@pytest.mark.parametrize(("parts", "levels"), [(1, 254), (2, 254**2)])
def test_rounding_moves_a_weight_by_no_more_than_half_a_level(parts, levels):
    torch.manual_seed(0)
    weight = torch.randn(20, 30) * torch.logspace(-6, 6, 20)[:, None]
    weight[3] = 0
    error = (read_matrix(round_matrix(weight, parts)) - weight).abs().amax(dim=1)
    largest = weight.abs().amax(dim=1)
    # The second term is what 32-bit floats themselves lose.
    assert (error <= 1.01 * largest / levels + 1e-7 * largest).all()


@pytest.mark.parametrize("kind", ["rnn", "gru"])
@pytest.mark.parametrize("parts", [1, 2])
def test_model_comes_back_as_its_scripts_have_it(kind, parts, tmp_path):
    model, about = small_model(kind), {"note": "a </script> é", "numbers": [1, 2.5]}
    export_model(tmp_path, "a", model, VOCAB, about, parts)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-2.js", "a.js"][-parts:]
    read, vocab, read_about = read_model(tmp_path, "a")
    assert (vocab.idx_to_token, read_about) == (VOCAB.idx_to_token, about)
    for name, weight in model.state_dict().items():
        expected = read_matrix(round_matrix(weight, parts)) if weight.dim() == 2 else weight
        assert torch.equal(read.state_dict()[name], expected)


@pytest.mark.parametrize(
    "model",
    [
        small_model("lstm"), small_model(num_layers=2), small_model(bidirectional=True),
        small_model(embedding_size=4), LanguageModel(nn.RNN(11, 12, nonlinearity="relu"), 11),
        language_model("gru", 12, 12),  # of another vocabulary
    ],
)  # fmt: skip
def test_what_the_page_would_compute_wrongly_is_refused(model, tmp_path):
    with pytest.raises(ValueError, match=r"no arithmetic|must hold"):
        export_model(tmp_path, "a", model, VOCAB, {})


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    model = small_model()
    model.rnn.weight_hh_l0.data[0, 0] = torch.nan
    with pytest.raises(ValueError, match="must be finite"):
        export_model(tmp_path, "a", model, VOCAB, {})
    with pytest.raises(ValueError, match="Out of range"):
        write_script(tmp_path / "a.js", {"x": float("nan")})


def test_filter_knows_every_stretch_of_its_text_and_hardly_another():
    rng = random.Random(0)
    letters = string.ascii_lowercase + "     "
    text = "".join(rng.choices(letters, k=10_000))
    data = text_filter(text, 10_000 * 7 // 8)
    assert data["least"] == 20
    assert all(is_copied(text[i : i + 20], data) for i in range(0, 9981, 20))
    assert not is_copied(text[:19], data)
    others = ("".join(rng.choices(letters, k=20)) for _ in range(4_000))
    assert sum(is_copied(other, data) for other in others) <= 2


def test_filters_are_of_what_the_networks_have_read():
    if not HAVE_TEXT:
        pytest.skip("needs The Time Machine")
    corpus, vocab = load_corpus()
    text = "".join(vocab.to_tokens(corpus))
    for name, end in (("pages", 10_000), ("book", int(0.9 * len(text)))):
        data = read_script(LIVE / "data" / f"{name}.js")
        inside = [text[i : i + 20] for i in range(0, end - 20, 997)]
        assert all(is_copied(stretch, data) for stretch in inside)
        later = [text[i : i + 20] for i in range(end, len(text) - 20, 331)]
        wrong = [s for s in later if is_copied(s, data) and s not in text[:end]]
        assert len(wrong) <= 0.02 * len(later)


@pytest.mark.parametrize("kind", ["rnn", "lstm"])
@pytest.mark.parametrize("words", [ONE_WORD, THREE_WORDS], ids=["one", "three"])
def test_every_number_is_that_of_the_layer_of_pytorch(kind, words):
    *_, (weights, _) = train_weights(kind, words, 3)
    layer, linear = {"rnn": nn.RNN, "lstm": nn.LSTM}[kind](4, 8), nn.Linear(8, 4)
    layer.load_state_dict({f"{n}_l0": w for n, w in weights.items() if n.endswith(("ih", "hh"))})
    linear.load_state_dict({"weight": weights["weight_hq"], "bias": weights["bias_hq"]})
    inputs = F.one_hot(stepper.index_columns(words), 4).float()
    targets = stepper.index_columns(words.values())
    h = c = torch.zeros(1, len(words), 8)
    for t, step in enumerate(trace(weights, kind, words)):
        assert step["x"].tolist() == inputs[t].tolist()
        close(step["h_before"], h[0])
        if kind == "lstm":
            close(step["c_before"], c[0])
            output, (h, c) = layer(inputs[t : t + 1], (h, c))
            close(step["c"], c[0])
            close(step["h"], step["o"] * torch.tanh(step["c"]))
            gates = torch.sigmoid(step["z"]).chunk(4, dim=1)
            for name, gate in zip("ifo", (gates[0], gates[1], gates[3]), strict=True):
                close(step[name], gate)
            close(step["g"], torch.tanh(step["z"][:, 16:24]))
        else:
            output, h = layer(inputs[t : t + 1], h)
            close(step["h"], torch.tanh(step["z"]))
        close(step["h"], output[0])
        close(step["logits"], linear(output[0]))
        close(step["p"], linear(output[0]).softmax(dim=1))
        close(step["loss"], F.cross_entropy(linear(output[0]), targets[t], reduction="none"))


@pytest.mark.parametrize(
    ("chapter", "words"), [("01-basic-code", ONE_WORD), ("02-rnncell", THREE_WORDS)]
)
def test_training_is_the_one_that_the_chapter_shows(chapter, words):
    notebook = json.loads((CHAPTERS / f"{chapter}.ipynb").read_text(encoding="utf-8"))
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    printed = "".join("".join(output.get("text", [])) for output in outputs)
    losses = [loss for _, loss in train_weights("rnn", words, 9)]
    for loss in (losses[0], losses[9]):
        assert f"{loss:.4f}" in printed


def test_stored_data_of_the_stepper_is_what_would_be_written_today():
    stored, fresh = read_script(LIVE / "data" / "stepper.js"), stepper_data()
    stored_runs, fresh_runs = stored.pop("runs"), fresh.pop("runs")
    assert stored == fresh
    for ours, theirs in zip(stored_runs, fresh_runs, strict=True):
        our, their = ours.pop("weights"), theirs.pop("weights")
        assert ours == theirs
        for name in their:
            close(decode(our[name]), decode(their[name]), rtol=0, atol=ONE_UNIT)


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_pulls_are_the_slopes_that_small_changes_of_an_input_show(kind):
    torch.manual_seed(0)
    model = language_model(kind, 7, 5).double()
    text = torch.tensor([3, 1, 4, 1, 5, 2, 6, 5])
    inputs = F.one_hot(text, 7).double()

    @torch.no_grad()
    def logit(x, at):
        output, _ = model.rnn(x[:at, None])
        return model.linear(output[-1, 0])[text[at]]

    for at, pulls in enumerate(reach(model, text, first=3), start=3):
        assert len(pulls) == at
        for place in range(at):
            moves = [inputs.clone() for _ in range(7)]
            for column, moved in enumerate(moves):
                moved[place, column] += 1e-6
            slopes = [(logit(moved, at) - logit(inputs, at)) / 1e-6 for moved in moves]
            close(pulls[place], torch.stack(slopes).norm(), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", NETWORKS)
def test_page_holds_the_course_s_own_weights(name):
    model, vocab, about = read_model(LIVE / "models", name)
    if name == "rnn-20-epochs":  # retrained in seconds, but not to the same bits on every machine
        assert about["perplexity"]["pages"] < 12
        return
    if name == "rnn-untrained":
        torch.manual_seed(0)
        original = language_model("rnn", len(vocab), 256)
    else:
        original, original_vocab, _ = load_model(CHECKPOINTS / FILES[name])
        original = original.float()
        assert vocab.idx_to_token == original_vocab.idx_to_token
        for prefix in PREFIXES:
            assert generate(model, vocab, prefix, 200) == generate(original, vocab, prefix, 200)
    tolerance = 1.01 / 254 ** NETWORKS[name].parts
    for full in MATRICES.values():
        ours, theirs = model.state_dict()[full], original.state_dict()[full]
        limit = tolerance * theirs.abs().amax(dim=1, keepdim=True)
        assert ((ours - theirs).abs() <= limit + 1e-6).all()


def test_table_and_files_say_what_is_measured_with_the_rounded_weights():
    about = {name: read_model(LIVE / "models", name)[2] for name in NETWORKS}
    rows = (LIVE / "networks.md").read_text(encoding="utf-8").splitlines()[2:]
    for row, (name, page) in zip(rows, NETWORKS.items(), strict=True):
        said, found = about[name], [cell.strip() for cell in row.strip("|").split("|")]
        perplexity = [str(said["perplexity"][part]) for part in ("pages", "end")]
        assert found == [page.title, page.read, page.source, str(8 * page.parts), *perplexity]
        assert (said["read"], said["source"], said["bits"]) == (
            page.read, page.source, 8 * page.parts,
        )  # fmt: skip
        if HAVE_TEXT:
            model, vocab, _ = read_model(LIVE / "models", name)
            corpus, book = load_corpus()
            assert book.idx_to_token == vocab.idx_to_token
            assert perplexity == [
                str(round(evaluate(model, part), 1))
                for part in (corpus[:10_000], corpus[int(0.95 * len(corpus)) :])
            ]
    history = load_model(CHECKPOINTS / FILES["gru-whole-book"])[2]
    assert f"{history['best_epoch']} times" in rows[-1]
    for name in ("rnn-500-epochs", "gru-by-heart"):  # reciting is worse than knowing nothing
        untrained = about["rnn-untrained"]["perplexity"]["end"]
        assert about[name]["perplexity"]["end"] > untrained


def numbers(colour: str) -> list[int]:
    return [int(colour[k : k + 2], 16) for k in (1, 3, 5)]


def luminance(colour: list[float]) -> float:
    parts = [part / 255 for part in colour]
    red, green, blue = (c / 12.92 if c <= 0.04 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


THEMES = [(0, "#222832", "#f3f4f5"), (1, "#ced6dd", "#29313d")]


@pytest.mark.parametrize(("theme", "text", "paper"), THEMES, ids=["light", "dark"])
def test_numbers_keep_their_contrast_on_the_strongest_tint(theme, text, paper):
    """The pinned axe-core cannot see it: it does not know `color-mix`."""
    style = (LIVE / "live.css").read_text(encoding="utf-8")
    rules = re.findall(r"\.bd-article \{\n(.*?)\n\}", style, re.DOTALL)[theme]
    share = float(re.search(r"--live-strength: ([\d.]+)", rules)[1])
    share *= int(re.search(r"\((\d+) \* Math", (LIVE / "live.js").read_text("utf-8"))[1]) / 100
    colours = re.findall(r"--live-(?:input|state|output|weight|below): (#\w{6})", rules)
    assert len(colours) == 5
    for colour in colours:
        ends = zip(numbers(paper), numbers(colour), strict=True)
        mixed = [a + share * (b - a) for a, b in ends]
        dark, light = sorted([luminance(numbers(text)), luminance(mixed)])
        assert (light + 0.05) / (dark + 0.05) >= 4.5, colour
