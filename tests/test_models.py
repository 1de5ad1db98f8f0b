"""The language model: its shapes and numbers, its errors, and its files."""

import io
import os
import pickle
import random
import re

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rnnlib import fast, layers
from rnnlib.models import FORMAT, LAYERS, LanguageModel, language_model, load_model, save_model
from rnnlib.text import Vocab

KINDS = ("rnn", "gru", "lstm")
VOCAB = Vocab("abcdef")
VOCAB_SIZE = len(VOCAB)
HISTORY = {"epoch": [1, 2], "train": [5.5, 1 / 3], "held_out": [None, float("inf")]}
for_all_kinds = pytest.mark.parametrize("kind", KINDS)


def small_model(kind="gru", seed=0, **options):
    torch.manual_seed(seed)
    return language_model(kind, VOCAB_SIZE, 5, **options)


def random_indices(batch_size=3, num_steps=4):
    return torch.randint(VOCAB_SIZE, (batch_size, num_steps))


def parts(state):
    return state if isinstance(state, tuple) else (state,)


# --- forward ---


@for_all_kinds
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_begin_state_is_zeros_of_the_shape_that_the_layer_returns(kind, num_layers, bidirectional):
    model = small_model(kind, num_layers=num_layers, bidirectional=bidirectional)
    state = model.begin_state(3)
    assert isinstance(state, tuple) is model.is_lstm is (kind == "lstm")
    rows = num_layers * (2 if bidirectional else 1)
    for part in parts(state):
        assert part.shape == (rows, 3, 5)
        assert not part.any()
    _, final = model(random_indices(), state)
    assert [part.shape for part in parts(final)] == [part.shape for part in parts(state)]
    assert model.begin_state()[0].shape[-2:] == (1, 5)


def test_begin_state_follows_projection_and_precision():
    model = LanguageModel(nn.LSTM(VOCAB_SIZE, 5, proj_size=2), VOCAB_SIZE).double()
    h, c = model.begin_state(3)
    assert (h.shape, c.shape) == ((1, 3, 2), (1, 3, 5))
    assert h.dtype == c.dtype == torch.float64


@for_all_kinds
def test_no_state_means_the_begin_state(kind):
    model, X = small_model(kind), random_indices()
    assert torch.equal(model(X)[0], model(X, model.begin_state(3))[0])


@for_all_kinds
def test_row_of_step_t_and_sequence_b_is_t_times_batch_size_plus_b(kind):
    model, X = small_model(kind, num_layers=2), random_indices(batch_size=3, num_steps=4)
    logits, _ = model(X)
    assert logits.shape == (12, VOCAB_SIZE)
    for b in range(3):
        alone, _ = model(X[b : b + 1])
        for t in range(4):
            torch.testing.assert_close(logits[t * 3 + b], alone[t])


def test_logits_are_those_of_one_hot_input_layer_and_linear_map():
    model, X = small_model("rnn"), random_indices()
    x = F.one_hot(X.T, VOCAB_SIZE).float()
    output, h = model.layer(x)
    logits, state = model(X)
    torch.testing.assert_close(logits, model.linear(output).reshape(-1, VOCAB_SIZE))
    torch.testing.assert_close(state, h)


@for_all_kinds
def test_embedding_by_the_identity_equals_one_hot(kind):
    one_hot, embedded = small_model(kind), small_model(kind, embedding_size=VOCAB_SIZE)
    embedded.load_state_dict(
        one_hot.state_dict() | {"embedding.weight": torch.eye(VOCAB_SIZE)}, strict=True
    )
    X = random_indices()
    torch.testing.assert_close(embedded(X)[0], one_hot(X)[0])


@for_all_kinds
def test_layers_of_this_course_can_take_the_place_of_those_of_torch(kind):
    model = small_model(kind, num_layers=2)
    ours = {"rnn": layers.RNN, "gru": layers.GRU, "lstm": layers.LSTM}[kind]
    twin = LanguageModel(ours(VOCAB_SIZE, 5, 2), VOCAB_SIZE)
    twin.load_state_dict(model.state_dict())
    assert twin.is_lstm is model.is_lstm
    X = random_indices()
    found, state = twin(X, twin.begin_state(3))
    expected, expected_state = model(X)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(parts(state), parts(expected_state))


@for_all_kinds
def test_state_carried_over_equals_one_long_call(kind):
    model, X = small_model(kind, num_layers=2), random_indices(num_steps=6)
    first, state = model(X[:, :2])
    second, _ = model(X[:, 2:], state)
    torch.testing.assert_close(torch.cat([first, second]), model(X)[0])


@pytest.mark.parametrize("embedding_size", [None, 4])
def test_dropout_acts_in_training_mode_only(embedding_size):
    model, X = small_model(dropout=0.5, embedding_size=embedding_size), random_indices()
    assert not torch.equal(model(X)[0], model(X)[0])
    model.eval()
    assert torch.equal(model(X)[0], model(X)[0])


@pytest.mark.parametrize(("embedding_size", "same"), [(4, True), (None, False)])
def test_dropout_acts_on_the_input_of_the_layer_if_it_is_embedded(embedding_size, same):
    model = small_model(dropout=1.0, embedding_size=embedding_size)
    (_, first), (_, second) = (model(torch.full((1, 4), index)) for index in (1, 2))
    assert torch.equal(first, second) is same


@pytest.mark.parametrize(("num_layers", "between"), [(1, 0.0), (3, 0.25)])
def test_dropout_goes_between_layers_too_where_there_are_several(num_layers, between):
    model = small_model(num_layers=num_layers, dropout=0.25)
    assert (model.dropout.p, model.layer.dropout) == (0.25, between)


def test_models_of_a_kind_are_built_around_the_layer_of_torch():
    assert {kind: type(small_model(kind).layer) for kind in KINDS} == LAYERS
    torchs = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
    assert all(issubclass(LAYERS[kind], torchs[kind]) for kind in KINDS)


# --- errors ---


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"kind": "RNN"}, ValueError, "kind must be one of 'rnn', 'gru', 'lstm', got 'RNN'"),
        ({"vocab_size": 0}, ValueError, "vocab_size must be at least 1, got 0"),
        ({"vocab_size": VOCAB}, TypeError, "vocab_size must be an int, got Vocab"),
        ({"hidden_size": -1}, ValueError, "hidden_size must be at least 1, got -1"),
        ({"hidden_size": 2.0}, TypeError, "hidden_size must be an int, got float"),
        ({"num_layers": 0}, ValueError, "num_layers must be at least 1, got 0"),
        ({"num_layers": True}, TypeError, "num_layers must be an int, got bool"),
        ({"embedding_size": 0}, ValueError, "embedding_size must be at least 1, got 0"),
        ({"embedding_size": "4"}, TypeError, "embedding_size must be an int, got str"),
        ({"dropout": 1.5}, ValueError, "dropout must be a finite number, from 0.0 to 1.0, got"),
        ({"dropout": float("nan")}, ValueError, "dropout must be a finite number, from 0.0 to"),
        ({"dropout": None}, TypeError, "dropout must be a number, got NoneType"),
        ({"bidirectional": 1}, TypeError, "bidirectional must be True or False, got int"),
    ],
)
@pytest.mark.parametrize("num_layers", [1, 2])
def test_arguments_that_do_not_fit_are_named(num_layers, options, error, message):
    usual = {"kind": "gru", "vocab_size": 7, "hidden_size": 5, "num_layers": num_layers}
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        language_model(**usual | options)


@pytest.mark.parametrize(
    ("layer", "options", "error", "message"),
    [
        (nn.Linear(7, 5), {}, TypeError, "layer must be a recurrent layer, got Linear"),
        (nn.GRUCell(7, 5), {}, TypeError, "layer must be a recurrent layer, got GRUCell"),
        (
            nn.GRU(7, 5, batch_first=True),
            {},
            ValueError,
            "layer must be time-first, got one with batch_first=True",
        ),
        (nn.GRU(6, 5), {}, ValueError, "layer must have input_size=7 (vocab_size), got 6"),
        (
            layers.GRU(7, 5),
            {"embedding_size": 4},
            ValueError,
            "layer must have input_size=4 (embedding_size), got 7",
        ),
        (nn.GRU(7, 5), {"dropout": -1}, ValueError, "dropout must be a finite number"),
        (nn.GRU(7, 5), {"dropout": 1.5}, ValueError, "dropout must be a finite number"),
    ],
)
def test_layer_that_does_not_fit_is_named(layer, options, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        LanguageModel(layer, 7, **options)


@pytest.mark.parametrize(
    ("indices", "error", "message"),
    [
        ([[1, 2]], TypeError, "must be a tensor of torch.int64, got list"),
        (torch.zeros(2, 3), TypeError, "must be a tensor of torch.int64, got torch.float32"),
        (torch.zeros(2, 3).int(), TypeError, "must be a tensor of torch.int64, got torch.int32"),
        (torch.arange(3), ValueError, "must have shape (batch_size, num_steps), got (3,)"),
        (
            torch.zeros(2, 3, 7).long(),
            ValueError,
            "must have shape (batch_size, num_steps), got (2, 3, 7)",
        ),
        (
            torch.zeros(2, 0).long(),
            ValueError,
            "must have shape (batch_size, num_steps), got (2, 0)",
        ),
        (torch.tensor([[1, 7]]), ValueError, "must be from 0 to 6, got 1 to 7"),
        (torch.tensor([[-1, 2]]), ValueError, "must be from 0 to 6, got -1 to 2"),
    ],
)
@pytest.mark.parametrize("embedding_size", [None, 4])
def test_indices_that_do_not_fit_are_named(embedding_size, indices, error, message):
    model = small_model(embedding_size=embedding_size)
    with pytest.raises(error, match=f"^{re.escape('indices ' + message)}$"):
        model(indices)


H = torch.zeros(1, 3, 5)
FORGOTTEN_BATCH = torch.zeros(1, 5)


@pytest.mark.parametrize(
    ("kind", "state", "error", "message"),
    [
        ("rnn", (H, H), TypeError, "state must be one tensor, got tuple"),
        ("gru", 0, TypeError, "state must be one tensor, got int"),
        ("gru", H[:, :2], ValueError, "state must have shape (1, 3, 5), got (1, 2, 5)"),
        ("rnn", FORGOTTEN_BATCH, ValueError, "state must have shape (1, 3, 5), got (1, 5)"),
        ("rnn", H.double(), TypeError, "state must be torch.float32, got torch.float64"),
        ("lstm", H, TypeError, "state must be the pair (h, c) of an LSTM, got Tensor"),
        ("lstm", (H,), TypeError, "state must be the pair (h, c) of an LSTM, got tuple"),
        ("lstm", (H, H, H), TypeError, "state must be the pair (h, c) of an LSTM, got tuple"),
        ("lstm", [H, H], TypeError, "state must be the pair (h, c) of an LSTM, got list"),
        ("lstm", (H[..., :4], H), ValueError, "h must have shape (1, 3, 5), got (1, 3, 4)"),
        ("lstm", (H, H[:, :2]), ValueError, "c must have shape (1, 3, 5), got (1, 2, 5)"),
        ("lstm", (H, None), ValueError, "c must have shape (1, 3, 5), got NoneType"),
        ("lstm", (H, H.double()), TypeError, "c must be torch.float32, got torch.float64"),
    ],
)
def test_state_that_does_not_fit_is_named(kind, state, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        small_model(kind)(random_indices(batch_size=3), state)


@pytest.mark.parametrize("batch_size", [0, 2.0, None])
def test_begin_state_needs_a_whole_batch_size(batch_size):
    with pytest.raises((ValueError, TypeError), match=r"^batch_size must be "):
        small_model().begin_state(batch_size)


# --- files ---


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_layers": 2, "dropout": 0.25},
        {"embedding_size": 3, "dropout": 0.5},
        {"bidirectional": True},
    ],
    ids=str,
)
@for_all_kinds
def test_model_comes_back_equal_to_the_last_bit(tmp_path, kind, options):
    model = small_model(kind, **options)
    path = save_model(tmp_path / "model.pt", model, VOCAB, HISTORY)
    again, vocab, history = load_model(path)
    assert list(again.state_dict()) == list(model.state_dict())
    for name, weight in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], weight), name
    assert vocab.idx_to_token == VOCAB.idx_to_token
    assert history == HISTORY
    assert not again.training
    assert repr(again) == repr(model)
    X = random_indices()
    assert torch.equal(again(X)[0], model.eval()(X)[0])


def test_weights_in_double_precision_come_back_so(tmp_path):
    model = small_model().double()
    again, _, _ = load_model(save_model(tmp_path / "model.pt", model, VOCAB))
    assert again.linear.weight.dtype == torch.float64
    assert torch.equal(again.linear.weight, model.linear.weight)


def test_path_may_be_a_str_and_a_missing_folder_is_made(tmp_path):
    path = save_model(str(tmp_path / "new" / "model.pt"), small_model(), VOCAB)
    _, _, history = load_model(str(path))
    assert history is None
    assert names(path.parent) == ["model.pt"]


def test_failing_write_leaves_the_old_model_and_no_other_file(tmp_path, monkeypatch):
    path = save_model(tmp_path / "model.pt", small_model(seed=1), VOCAB)
    old = path.read_bytes()

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        with pytest.raises(OSError, match="No space left"):
            save_model(path, small_model(seed=2), VOCAB)
    with pytest.raises(TypeError, match="pickle"):
        save_model(path, small_model(seed=2), VOCAB, history=(epoch for epoch in ()))
    assert path.read_bytes() == old
    assert names(tmp_path) == ["model.pt"]


def test_vocabulary_of_another_size_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^vocab must hold 7 tokens, got 3$"):
        save_model(tmp_path / "model.pt", small_model(), Vocab("ab"))
    assert names(tmp_path) == []


@for_all_kinds
def test_model_around_a_layer_of_torch_comes_back_as_the_same_function(tmp_path, kind):
    layer_class = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[kind]
    model, X = LanguageModel(layer_class(VOCAB_SIZE, 5), VOCAB_SIZE), random_indices()
    loaded, _, _ = load_model(save_model(tmp_path / "model.pt", model, VOCAB))
    torch.testing.assert_close(loaded(X)[0], model(X)[0])


@pytest.mark.parametrize(
    "layer",
    [
        layers.GRU(VOCAB_SIZE, 5),
        fast.RNN(VOCAB_SIZE, 5, nonlinearity="relu"),
        fast.GRU(VOCAB_SIZE, 5, bias=False),
        nn.LSTM(VOCAB_SIZE, 5, proj_size=2),
        fast.GRU(VOCAB_SIZE, 5, 2, dropout=0.5),
        type("OwnGRU", (fast.GRU,), {})(VOCAB_SIZE, 5),
    ],
    ids=["rnnlib", "relu", "no-bias", "projected", "other-dropout", "subclass"],
)
def test_model_that_loading_could_not_rebuild_is_refused(tmp_path, layer):
    with pytest.raises(ValueError, match=r"^model must be one that language_model\(\) builds"):
        save_model(tmp_path / "model.pt", LanguageModel(layer, VOCAB_SIZE), VOCAB)
    assert names(tmp_path) == []


def test_dropout_between_the_layers_alone_is_refused_too(tmp_path):
    model = LanguageModel(fast.GRU(VOCAB_SIZE, 5, 2), VOCAB_SIZE, dropout=0.5)
    with pytest.raises(ValueError, match=r"^model must be one that language_model\(\) builds"):
        save_model(tmp_path / "model.pt", model, VOCAB)


def test_missing_file_is_not_found(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.pt"):
        load_model(tmp_path / "nowhere.pt")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The bytes of a saved model."""
    path = tmp_path_factory.mktemp("saved") / "model.pt"
    return save_model(path, small_model(), VOCAB, HISTORY).read_bytes()


def test_truncated_file_is_refused_wherever_it_ends(tmp_path, saved):
    path = tmp_path / "model.pt"
    for length in range(0, len(saved), 61):
        path.write_bytes(saved[:length])
        with pytest.raises(ValueError, match=f"^path must name a saved model, but {path} is"):
            load_model(path)


def test_no_flipped_bit_passes_for_another_model(tmp_path, saved):
    path, rng = tmp_path / "model.pt", random.Random(0)
    expected = small_model().state_dict()
    num_refused = 0
    for position in range(0, len(saved), 17):
        altered = bytearray(saved)
        altered[position] ^= 1 << rng.randrange(8)
        path.write_bytes(altered)
        try:
            model, vocab, history = load_model(path)
        except ValueError:
            num_refused += 1
            continue
        # Some bits do not matter, those of padding and of dates, say.
        assert all(map(torch.equal, model.state_dict().values(), expected.values()))
        assert (vocab.idx_to_token, history) == (VOCAB.idx_to_token, HISTORY)
    assert num_refused > len(saved) / 17 / 2


@pytest.mark.parametrize(
    "content",
    [b"", b"not a model", b"<html></html>" * 99, b"PK\x03\x04", pickle.dumps({"format": FORMAT})],
    ids=["empty", "text", "page", "zip-begun", "pickle"],
)
def test_file_of_another_kind_is_refused(tmp_path, content):
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"^path must name a saved model, but .* is damaged or"):
        load_model(path)


@pytest.mark.parametrize(
    "stored", [{"format": "another"}, {}, [1, 2], None, nn.Linear(1, 1).state_dict()]
)
def test_checkpoint_of_something_else_is_refused(tmp_path, stored):
    torch.save(stored, tmp_path / "model.pt")
    message = f"^path must name a saved {FORMAT!r}, but .* is something else$"
    with pytest.raises(ValueError, match=message):
        load_model(tmp_path / "model.pt")


def changed(saved, **changes):
    checkpoint = torch.load(io.BytesIO(saved), weights_only=True)
    checkpoint |= changes
    return {key: value for key, value in checkpoint.items() if value is not ...}


@pytest.mark.parametrize(
    "changes",
    [
        {"tokens": VOCAB.idx_to_token[:-1]},
        {"tokens": ["a", "b"]},
        {"tokens": [*VOCAB.idx_to_token, "z"]},
        {"tokens": ...},
        {"history": ...},
        {"weights": ...},
        {"weights": {}},
        {"weights": small_model("lstm").state_dict()},
        {"recipe": {"kind": "gru"}},
        {"recipe": {"kind": "rnn", "vocab_size": VOCAB_SIZE, "hidden_size": 5}},
        {"recipe": {"kind": "gru", "vocab_size": VOCAB_SIZE, "hidden_size": 6}},
        {"recipe": {"kind": "gru", "vocab_size": VOCAB_SIZE, "hidden_size": 5, "more": 1}},
        {"recipe": None},
    ],
)
def test_checkpoint_whose_parts_do_not_fit_together_is_refused(tmp_path, saved, changes):
    path = tmp_path / "model.pt"
    torch.save(changed(saved, **changes), path)
    with pytest.raises(ValueError, match=f"^the parts of {path} do not fit together: "):
        load_model(path)


class Code:
    """Unpickled carelessly, it makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("where", ["history", "weights", "format"])
def test_code_in_a_checkpoint_is_refused_and_does_not_run(tmp_path, saved, where):
    trap = tmp_path / "trap"
    torch.save(changed(saved, **{where: Code(trap)}), tmp_path / "model.pt")
    with pytest.raises(ValueError, match="is damaged or unsafe"):
        load_model(tmp_path / "model.pt")
    assert not trap.exists()
    torch.load(tmp_path / "model.pt", weights_only=False)
    assert trap.exists()  # so it was a real trap


def test_code_in_a_plain_pickle_is_refused_and_does_not_run(tmp_path):
    trap = tmp_path / "trap"
    (tmp_path / "model.pt").write_bytes(pickle.dumps(Code(trap)))
    with pytest.raises(ValueError, match="is damaged or unsafe"):
        load_model(tmp_path / "model.pt")
    assert not trap.exists()


def test_larger_vocabulary_is_refused_as_a_smaller_one_is(tmp_path):
    with pytest.raises(ValueError, match=r"^vocab must hold 7 tokens, got 9$"):
        save_model(tmp_path / "model.pt", small_model(), Vocab("abcdefgh"))
    assert names(tmp_path) == []


# --- sizes within and beyond any memory, tried on the device meta, which takes none ---

LARGE = {"kind": "lstm", "vocab_size": 1}


@pytest.mark.parametrize(
    ("options", "name", "fits", "too_large"),
    [
        ({}, "hidden_size", 22_500, 23_800),
        ({"num_layers": 3}, "hidden_size", 10_100, 10_650),
        ({"num_layers": 3, "bidirectional": True}, "hidden_size", 6_000, 6_400),
        ({"vocab_size": 10**6, "hidden_size": 1}, "embedding_size", 2_050, 2_250),
        (
            {"vocab_size": 10**6, "embedding_size": 1, "bidirectional": True},
            "hidden_size",
            1_000,
            1_150,
        ),
    ],
)
def test_model_of_more_numbers_than_fit_in_memory_is_refused(options, name, fits, too_large):
    with torch.device("meta"):
        language_model(**LARGE | options | {name: fits})
        with pytest.raises(ValueError, match="must fit in memory"):
            language_model(**LARGE | options | {name: too_large})


def test_state_of_more_numbers_than_fit_in_memory_is_refused():
    model = small_model("lstm", num_layers=3, bidirectional=True).to("meta")
    assert model.begin_state(71_000_000)[0].shape == (6, 71_000_000, 5)
    with pytest.raises(ValueError, match=r"^batch_size must fit in memory"):
        model.begin_state(72_000_000)


def test_vocabulary_of_more_numbers_than_fit_in_memory_is_refused():
    with torch.device("meta"):
        LanguageModel(nn.GRU(2, 2), 530_000_000, embedding_size=2)
        with pytest.raises(ValueError, match=r"^vocab_size must fit in memory"):
            LanguageModel(nn.GRU(2, 2), 540_000_000, embedding_size=2)


@pytest.mark.parametrize(
    ("name", "weight"),
    [
        ("weight", nn.Parameter(torch.zeros(VOCAB_SIZE, 6))),
        ("weight", nn.Parameter(torch.zeros(VOCAB_SIZE, 4))),
        ("bias", None),
        ("more", nn.Parameter(torch.zeros(1))),
        ("weight", nn.Parameter(torch.zeros(VOCAB_SIZE, 5, dtype=torch.float64))),
        ("weight", nn.Parameter(torch.zeros(1, 1).expand(VOCAB_SIZE, 5))),
        ("weight", nn.Parameter(torch.zeros(VOCAB_SIZE, 5, device="meta"))),
    ],
)
def test_model_with_other_weights_than_its_recipe_has_is_not_saved(tmp_path, name, weight):
    model = small_model()
    setattr(model.linear, name, weight)
    with pytest.raises(ValueError, match=r"^model must have weights that can be saved, but its "):
        save_model(tmp_path / "model.pt", model, VOCAB)
    assert names(tmp_path) == []


def test_weights_that_are_a_part_of_more_numbers_are_saved(tmp_path):
    model = small_model()
    model.linear.weight = nn.Parameter(torch.randn(2 * VOCAB_SIZE, 5)[:VOCAB_SIZE])
    again, _, _ = load_model(save_model(tmp_path / "model.pt", model, VOCAB))
    assert torch.equal(again.linear.weight, model.linear.weight)


@pytest.mark.parametrize("token", ["a", 3])
def test_vocabulary_that_could_not_be_loaded_is_not_saved(tmp_path, token):
    vocab = Vocab("abcdef")
    vocab.idx_to_token[-1] = token
    with pytest.raises(ValueError, match=r"^vocab must be one that can be loaded, but "):
        save_model(tmp_path / "model.pt", small_model(), vocab)
    assert names(tmp_path) == []
