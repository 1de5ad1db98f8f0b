"""An interrupted training goes on bit for bit as if it had not been interrupted."""

import copy
import random

import pytest
import torch
from torch.optim import lr_scheduler as schedulers

from rnnlib.batches import TextBatches
from rnnlib.checkpoints import read_checkpoint, write_checkpoint
from rnnlib.models import language_model, save_model
from rnnlib.resume import FORMAT, load_training, save_training
from rnnlib.text import Vocab
from rnnlib.training import train_epoch

CORPUS = torch.arange(400) ** 2 % 7


class Run:
    """A small training with dropout, a schedule and random minibatches, from a seed."""

    def __init__(self, seed=0, kind="rnn", hidden_size=6, optimizer=torch.optim.Adam, cycle=True):
        torch.manual_seed(seed)
        self.rng = random.Random(seed)
        self.model = language_model(kind, 7, hidden_size, embedding_size=5, dropout=0.4)
        self.optimizer = optimizer(self.model.parameters(), lr=0.01)
        self.scheduler = None
        if cycle:
            self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, 20, gamma=0.5)
        self.batches = TextBatches(CORPUS, 4, 8, shuffle=True, rng=self.rng)

    def epochs(self, number):
        return [
            train_epoch(self.model, self.batches, self.optimizer, scheduler=self.scheduler)
            for _ in range(number)
        ]

    def save(self, path, progress=None):
        return save_training(path, self.model, self.optimizer, self.scheduler, self.rng, progress)

    def load(self, path):
        return load_training(path, self.model, self.optimizer, self.scheduler, self.rng)

    def everything(self):
        parts = [self.model.state_dict(), self.optimizer.state_dict()]
        parts += [self.scheduler and self.scheduler.state_dict()]
        return copy.deepcopy([*parts, self.rng.getstate(), torch.get_rng_state()])


def equal(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))
    return a == b


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.SGD])
@pytest.mark.parametrize("cycle", [True, False])
def test_three_epochs_and_three_more_equal_six(tmp_path, kind, optimizer, cycle):
    straight = Run(kind=kind, optimizer=optimizer, cycle=cycle)
    expected, in_the_end = straight.epochs(6), straight.everything()
    first = Run(kind=kind, optimizer=optimizer, cycle=cycle)
    begun = first.epochs(3)
    first.save(tmp_path / "a", progress=begun)
    second = Run(seed=9, kind=kind, optimizer=optimizer, cycle=cycle)
    begun = second.load(tmp_path / "a")
    assert begun + second.epochs(3) == expected
    assert equal(second.everything(), in_the_end)


def test_one_cycle_resumes(tmp_path):
    def with_cycle(seed):
        run = Run(seed, cycle=False)
        run.scheduler = torch.optim.lr_scheduler.OneCycleLR(run.optimizer, 0.05, total_steps=100)
        return run

    straight = with_cycle(0)
    expected = straight.epochs(4)
    first = with_cycle(0)
    first.epochs(2)
    first.save(tmp_path / "a")
    second = with_cycle(5)
    second.load(tmp_path / "a")
    assert second.epochs(2) == expected[2:]
    assert equal(second.model.state_dict(), straight.model.state_dict())


def test_the_random_state_of_the_module_is_the_default(tmp_path):
    run = Run()
    random.seed(3)
    save_training(tmp_path / "a", run.model, run.optimizer, run.scheduler)
    expected = [random.random() for _ in range(5)]
    load_training(tmp_path / "a", run.model, run.optimizer, run.scheduler)
    assert [random.random() for _ in range(5)] == expected


def test_saving_changes_nothing(tmp_path):
    run = Run()
    run.epochs(1)
    before = run.everything()
    run.save(tmp_path / "a")
    assert equal(run.everything(), before)


def test_progress_comes_back_with_tensors_in_it(tmp_path):
    progress = {"history": {"train": [3.5, None]}, "weights": {"w": torch.ones(2, 3)}}
    run = Run()
    assert run.save(tmp_path / "a", progress) == tmp_path / "a"
    assert equal(run.load(tmp_path / "a"), progress)
    run.save(tmp_path / "b")
    assert run.load(tmp_path / "b") is None


def test_parts_unlike_the_saved_ones_are_refused_and_left_alone(tmp_path):
    saved = Run()
    saved.epochs(1)
    saved.save(tmp_path / "a")
    others = {
        "optimizer must be Adam": Run(optimizer=torch.optim.SGD),
        "scheduler must be StepLR": Run(cycle=False),
        "model must have the same parameters": Run(hidden_size=8),
    }
    half = Run()
    half.optimizer = torch.optim.Adam(list(half.model.parameters())[:2])
    half.scheduler = torch.optim.lr_scheduler.StepLR(half.optimizer, 20)
    others["optimizer must have the same parameters"] = half
    for message, run in others.items():
        before = run.everything()
        with pytest.raises(ValueError, match=message):
            run.load(tmp_path / "a")
        assert equal(run.everything(), before)


def test_a_scheduler_where_none_was_saved_is_refused(tmp_path):
    Run(cycle=False).save(tmp_path / "a")
    with pytest.raises(ValueError, match="scheduler must be None"):
        Run().load(tmp_path / "a")


def test_an_optimizer_of_more_parameters_is_refused(tmp_path):
    run = Run()
    saved = torch.optim.Adam(list(run.model.parameters())[:2])
    save_training(tmp_path / "a", run.model, saved)
    with pytest.raises(ValueError, match=r"^optimizer must have the same parameters"):
        load_training(tmp_path / "a", run.model, run.optimizer)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": None}, "model must be one of PyTorch's, got NoneType"),
        ({"optimizer": None}, "optimizer must be one of PyTorch's, got NoneType"),
        ({"scheduler": 0.1}, "scheduler must be one of PyTorch's, got float"),
        ({"rng": 3}, "rng must be a random.Random or the module random, got int"),
    ],
)
def test_what_is_no_part_of_a_training_is_named_and_nothing_is_written(change, message, tmp_path):
    run = Run()
    parts = {"model": run.model, "optimizer": run.optimizer, "scheduler": run.scheduler, **change}
    for call in (save_training, load_training):
        with pytest.raises(TypeError, match=f"^{message}$"):
            call(tmp_path / "a", **parts)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "change",
    [
        {"kinds": ["Adam", "StepLR", "SGD"]},
        {"kinds": ["Adam"]},
        {"model": [1]},
        {"scheduler": 3},
        {"optimizer": {"param_groups": [{}]}},
        {"torch random state": torch.zeros(3)},
        {"rng state": (3, (1, 2), None)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_parts_that_do_not_fit_together_are_refused_and_change_nothing(change, tmp_path):
    content = read_checkpoint(Run().save(tmp_path / "a"), FORMAT)
    path = write_checkpoint(tmp_path / "b", content | change)
    run = Run(seed=1)
    before = run.everything()
    with pytest.raises(ValueError, match=r"^the parts of .* do not fit together: "):
        run.load(path)
    assert equal(run.everything(), before)


def test_optimizer_that_cannot_be_set_is_refused_before_anything_is(tmp_path):
    content = read_checkpoint(Run().save(tmp_path / "a"), FORMAT)
    del content["optimizer"]["state"]
    path = write_checkpoint(tmp_path / "b", content)
    run = Run(seed=1)
    before = run.everything()
    with pytest.raises(ValueError, match=r"^the parts of .* do not fit together: "):
        run.load(path)
    assert equal(run.everything(), before)


def refused(run, path, message):
    before = run.everything()
    with pytest.raises(ValueError, match=message):
        run.load(path)
    assert equal(run.everything(), before)


def sequential(number, seed=0):
    run = Run(seed, cycle=False)
    steps = [schedulers.StepLR(run.optimizer, 5) for _ in range(number)]
    run.scheduler = schedulers.SequentialLR(run.optimizer, steps, list(range(3, 2 + number)))
    return run


@pytest.mark.parametrize(("saved", "found"), [(3, 2), (2, 3)])
def test_schedulers_of_another_number_are_refused_and_change_nothing(tmp_path, saved, found):
    run = sequential(saved)
    run.epochs(1)
    message = rf"^the parts of .* fit together: scheduler's _schedulers must be {found} in number"
    refused(sequential(found, seed=1), run.save(tmp_path / "a"), message)


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda optimizer: schedulers.StepLR(optimizer, 5), "last_epoch"),
        (lambda optimizer: schedulers.LambdaLR(optimizer, lambda epoch: 1.0), "lr_lambdas"),
        (
            lambda optimizer: schedulers.SequentialLR(
                optimizer, [schedulers.ExponentialLR(optimizer, 0.9) for _ in "ab"], [3]
            ),
            "_schedulers",
        ),
    ],
    ids=["step", "lambda", "sequential"],
)
def test_scheduler_without_a_part_of_its_state_is_refused_and_changes_nothing(tmp_path, make, key):
    saved, run = Run(cycle=False), Run(seed=1, cycle=False)
    saved.scheduler, run.scheduler = make(saved.optimizer), make(run.optimizer)
    saved.epochs(1)
    content = read_checkpoint(saved.save(tmp_path / "a"), FORMAT)
    del content["scheduler"][key]
    write_checkpoint(tmp_path / "a", content)
    refused(run, tmp_path / "a", rf"^the parts of .* do not fit together: .*{key}")


@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.Adafactor])
def test_optimizer_of_parameters_in_another_order_is_refused_and_changes_nothing(
    tmp_path, optimizer
):
    run = Run(optimizer=optimizer, cycle=False)
    run.epochs(1)
    path = run.save(tmp_path / "a")
    run.optimizer = optimizer(list(run.model.parameters())[::-1], lr=0.01)
    refused(run, path, r"^the parts of .*: optimizer must have the same parameters in the same ord")


@pytest.mark.parametrize(
    ("where", "change"),
    [
        ("optimizer", {"lr": "x"}), ("optimizer", {"lr": None}), ("optimizer", {"lr": True}),
        ("optimizer", {"lr": torch.tensor(0.1)}), ("optimizer", {"betas": (0.9, "x")}),
        ("optimizer", {"betas": (0.9,)}), ("optimizer", {"betas": 0.9}),
        ("optimizer", {"amsgrad": "x"}), ("scheduler", {"last_epoch": "x"}),
        ("scheduler", {"base_lrs": ["x"]}), ("scheduler", {"base_lrs": 3}),
    ],
)  # fmt: skip
def test_number_that_is_none_is_refused_and_changes_nothing(tmp_path, where, change):
    content = read_checkpoint(Run().save(tmp_path / "a"), FORMAT)
    part = content[where]
    (part if where == "scheduler" else part["param_groups"][0]).update(change)
    write_checkpoint(tmp_path / "a", content)
    message = rf"^the parts of .* do not fit together: {where}'s {next(iter(change))} must be "
    refused(Run(seed=1), tmp_path / "a", message)


def test_rate_that_is_missing_is_refused(tmp_path):
    content = read_checkpoint(Run().save(tmp_path / "a"), FORMAT)
    del content["optimizer"]["param_groups"][0]["lr"]
    write_checkpoint(tmp_path / "a", content)
    refused(Run(seed=1), tmp_path / "a", r"optimizer must have lr, but there is none$")


def test_rate_that_is_a_tensor_comes_back_and_none_else_in_its_place(tmp_path):
    def with_tensor(seed):
        return Run(seed, optimizer=lambda weights, lr: torch.optim.Adam(weights, torch.tensor(lr)))

    run, other = with_tensor(0), with_tensor(1)
    run.epochs(2)
    run.save(tmp_path / "a")
    other.load(tmp_path / "a")
    assert equal(other.everything(), run.everything())
    refused(Run(), tmp_path / "a", r"optimizer's lr must be a number, got Tensor$")
    Run().save(tmp_path / "a")
    refused(other, tmp_path / "a", r"optimizer's lr must be a tensor of shape \(\), got 0.01$")


@pytest.mark.parametrize("key", ["exp_avg", "exp_avg_sq"])
def test_state_of_an_optimizer_that_is_no_tensor_is_refused(tmp_path, key):
    run = Run()
    run.epochs(1)
    content = read_checkpoint(run.save(tmp_path / "a"), FORMAT)
    content["optimizer"]["state"][2][key] = "x"
    write_checkpoint(tmp_path / "a", content)
    refused(Run(seed=1), tmp_path / "a", rf"optimizer's {key} is of type str$")


def test_weight_without_values_is_refused_after_others_were_set(tmp_path):
    content = read_checkpoint(Run().save(tmp_path / "a"), FORMAT)
    content["model"]["linear.bias"] = torch.empty(7, device="meta")
    torch.save(content, tmp_path / "a")
    try:
        read_checkpoint(tmp_path / "a", FORMAT)
    except ValueError:
        pytest.skip("PyTorch reads no such tensor")
    refused(Run(seed=1), tmp_path / "a", "linear.bias")


def test_random_numbers_that_cannot_be_set_are_refused_and_change_nothing(tmp_path):
    class Stubborn(random.Random):
        def setstate(self, state):
            if state != self.getstate():
                raise RuntimeError("no other state")

    Run().save(tmp_path / "a")
    run = Run(seed=1)
    run.rng = Stubborn(3)
    refused(run, tmp_path / "a", r"^the parts of .* do not fit together: no other state$")
    content = read_checkpoint(tmp_path / "a", FORMAT)
    version, numbers, _ = content["rng state"]
    write_checkpoint(tmp_path / "a", content | {"rng state": (version, numbers, "x")})
    refused(Run(seed=1), tmp_path / "a", r"^the parts of .* do not fit together: ")


OPTIMIZERS = {
    name: optimizer
    for name, optimizer in vars(torch.optim).items()
    if isinstance(optimizer, type)
    and issubclass(optimizer, torch.optim.Optimizer)
    # One takes no dense gradients, one matrices only.
    and name not in ("Optimizer", "SparseAdam", "Muon")
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_of_pytorch_resumes(tmp_path, name):
    def start(seed):
        run = Run(seed, optimizer=OPTIMIZERS[name], cycle=False)
        # The last parameter is a bias: LBFGS keeps all it knows under the first.
        run.optimizer = OPTIMIZERS[name](list(run.model.parameters())[::-1], lr=0.01)
        return run

    def step(run):
        def loss():
            run.optimizer.zero_grad()
            value = sum((weight**2).sum() for weight in run.model.parameters())
            value.backward()
            return value

        run.optimizer.step(loss)

    run, other = start(0), start(1)
    step(run)
    run.save(tmp_path / "a")
    other.load(tmp_path / "a")
    for one in (run, other):
        step(one)
    assert equal(run.everything(), other.everything())


SCHEDULERS = {
    "multi": lambda o: schedulers.MultiStepLR(o, [3, 60]),
    "lambda": lambda o: schedulers.LambdaLR(o, lambda epoch: 0.9**epoch),
    "linear": schedulers.LinearLR,
    "cosine": lambda o: schedulers.CosineAnnealingLR(o, 50),
    "restarts": lambda o: schedulers.CosineAnnealingWarmRestarts(o, 7),
    "polynomial": schedulers.PolynomialLR,
    "cyclic": lambda o: schedulers.CyclicLR(o, 0.1, 0.2, cycle_momentum=False),
    "one cycle": lambda o: schedulers.OneCycleLR(o, 0.1, total_steps=500),
    "sequential": lambda o: schedulers.SequentialLR(
        o, [schedulers.ConstantLR(o), schedulers.ExponentialLR(o, 0.9)], [9]
    ),
    "chained": lambda o: schedulers.ChainedScheduler(
        [schedulers.ConstantLR(o), schedulers.ExponentialLR(o, 0.9)]
    ),
}


@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_scheduler_of_pytorch_resumes(tmp_path, name):
    def start(seed):
        run = Run(seed, cycle=False)
        run.scheduler = SCHEDULERS[name](run.optimizer)
        return run

    straight = start(0)
    expected, in_the_end = straight.epochs(3), straight.everything()
    first = start(0)
    first.epochs(1)
    first.save(tmp_path / "a")
    second = start(5)
    second.load(tmp_path / "a")
    assert second.epochs(2) == expected[1:]
    assert equal(second.everything(), in_the_end)


def test_plateau_resumes(tmp_path):
    runs = Run(cycle=False), Run(5, cycle=False)
    for run in runs:
        run.scheduler = schedulers.ReduceLROnPlateau(run.optimizer, patience=1)
    for value in (3.0, 4.0, 5.0):
        runs[0].scheduler.step(value)
    runs[0].save(tmp_path / "a")
    runs[1].load(tmp_path / "a")
    assert equal(runs[0].everything(), runs[1].everything())


def test_random_numbers_without_a_state_are_refused(tmp_path):
    run = Run()
    run.save(tmp_path / "a")
    run.rng = random.SystemRandom()
    for call in (run.save, run.load):
        with pytest.raises(
            TypeError, match=r"^rng must have a state, which a SystemRandom has not"
        ):
            call(tmp_path / "a")


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        Run().load(tmp_path / "a")


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped"])
def test_damaged_file_is_refused(tmp_path, damage):
    run = Run()
    path = run.save(tmp_path / "a")
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[content.index(run.model.linear.weight.detach().numpy().tobytes())] ^= 1
    path.write_bytes({"empty": b"", "cut": content[:-50], "flipped": content}[damage])
    with pytest.raises(ValueError, match="damaged or unsafe"):
        Run().load(path)


def test_code_in_a_file_is_not_run(tmp_path):
    torch.save({"format": print}, tmp_path / "a")
    with pytest.raises(ValueError, match="damaged or unsafe"):
        Run().load(tmp_path / "a")


def test_a_saved_model_is_not_a_saved_training(tmp_path):
    model = language_model("rnn", 3, 4)
    save_model(tmp_path / "a", model, Vocab.from_list(["<unk>", "a", "b"]))
    with pytest.raises(ValueError, match="is something else"):
        Run().load(tmp_path / "a")


def test_an_interrupted_save_leaves_the_last_one(tmp_path, monkeypatch):
    run = Run()
    run.save(tmp_path / "a", progress=1)
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        run.save(tmp_path / "a", progress=2)
    assert run.load(tmp_path / "a") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
