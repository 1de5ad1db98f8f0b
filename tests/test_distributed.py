"""Several processes train as one does, and go on after one of them was killed."""

import contextlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
import torch.distributed as dist

from rnnlib.checkpoints import read_checkpoint
from rnnlib.models import language_model
from rnnlib.resume import FORMAT
from rnnlib.text import load_corpus

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

if sys.platform == "win32" or not (dist.is_available() and dist.is_gloo_available()):
    pytest.skip("training on several processes needs torchrun and gloo", allow_module_level=True)

import train_distributed  # noqa: E402

TEXT = ROOT / "data" / "sample.txt"  # there, without a download, on every machine
NUM_EPOCHS, NUM_TOKENS, BATCH_SIZE, NUM_STEPS, HIDDEN_SIZE = 15, 3000, 6, 10, 20
OPTIONS = [
    "--hidden-size", str(HIDDEN_SIZE), "--batch-size", str(BATCH_SIZE), "--num-steps",
    str(NUM_STEPS), "--num-tokens", str(NUM_TOKENS), "--text", str(TEXT), "--lr", "0.1",
]  # fmt: skip
# Sums of floats in another order differ by about 1e-7 of their size. With this learning rate
# the difference stays so small; with one of 1.0 it grew to a hundredth in 60 epochs.
CLOSE = {"rtol": 1e-4, "atol": 1e-4}
SECONDS = 120


def outputs(folder, kind, num_epochs):
    """The options of a training that keeps all it can in `folder`."""
    names = ("checkpoint", "history", "time")
    files = [part for name in names for part in (f"--{name}", str(folder / name))]
    return [*OPTIONS, "--kind", kind, "--epochs", str(num_epochs), *files]


@contextlib.contextmanager
def torchrun(*options, max_restarts=0):
    """Two processes under torchrun; whatever happens, none of them is left behind."""
    agent = subprocess.Popen(
        [
            # The loopback by its number: some machines cannot look up their own name.
            sys.executable, "-m", "torch.distributed.run", "--standalone",
            "--local-addr=127.0.0.1", "--nproc_per_node=2", f"--max-restarts={max_restarts}",
            ROOT / "tools" / "train_distributed.py", *options,
        ],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        yield agent
    finally:
        left = []
        with contextlib.suppress(psutil.NoSuchProcess):
            left = psutil.Process(agent.pid).children(recursive=True)
        for process in [*left, agent]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        agent.communicate()


def finish(agent):
    """Wait for the end; return what was printed and the exit status."""
    printed, _ = agent.communicate(timeout=SECONDS)
    return printed, agent.returncode


def results(folder):
    history = json.loads((folder / "history").read_text(encoding="utf-8"))
    return history, read_checkpoint(folder / "checkpoint", FORMAT)["model"]


def assert_same_training(folder, other):
    (history, weights), (other_history, other_weights) = results(folder), results(other)
    assert history["epoch"] == other_history["epoch"]
    torch.testing.assert_close(history["train"], other_history["train"], **CLOSE)
    torch.testing.assert_close(weights, other_weights, **CLOSE)


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    """The folder of a training on two processes that nothing disturbed."""
    folder = tmp_path_factory.mktemp("two")
    with torchrun(*outputs(folder, "rnn", NUM_EPOCHS)) as agent:
        printed, status = finish(agent)
    assert status == 0, printed
    return folder


@pytest.fixture
def alone(monkeypatch):
    """The tool in this process, as `python tools/train_distributed.py` runs it."""
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    return train_distributed.main


def test_two_processes_train_as_one(two_processes, alone, tmp_path):
    alone(outputs(tmp_path, "rnn", NUM_EPOCHS))
    assert_same_training(two_processes, tmp_path)
    history, _ = results(two_processes)
    assert history["epoch"] == list(range(1, NUM_EPOCHS + 1))
    assert history["train"][-1] < 0.7 * history["train"][0]


def test_an_lstm_begun_by_one_process_is_finished_by_two(alone, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    two.mkdir()
    alone(outputs(two, "lstm", 1))
    with torchrun(*outputs(two, "lstm", 3)) as agent:
        printed, status = finish(agent)
    assert status == 0, printed
    assert "going on after epoch 1" in printed
    one.mkdir()
    alone(outputs(one, "lstm", 3))
    assert_same_training(two, one)


def test_after_a_killed_process_the_training_goes_on(two_processes, tmp_path):
    with torchrun(*outputs(tmp_path, "rnn", NUM_EPOCHS), max_restarts=3) as agent:
        end = time.monotonic() + SECONDS
        while not (tmp_path / "checkpoint").exists() and agent.poll() is None:
            assert time.monotonic() < end, "waited in vain for a checkpoint"
            time.sleep(0.005)
        workers = psutil.Process(agent.pid).children()
        assert len(workers) == 2
        workers[-1].send_signal(signal.SIGKILL)
        printed, status = finish(agent)
    assert status == 0, printed
    assert "going on after epoch" in printed
    assert_same_training(two_processes, tmp_path)


def test_bytes_and_seconds_are_counted(two_processes):
    report = json.loads((two_processes / "time").read_text(encoding="utf-8"))
    _, vocab = load_corpus(path=TEXT)
    model = language_model("rnn", len(vocab), HIDDEN_SIZE)
    num_bytes = 4 * sum(parameter.numel() for parameter in model.parameters())
    assert report["bytes_per_step"] == num_bytes
    # Around a ring of two, each process sends two halves of the gradient.
    assert report["bytes_sent_per_process"] == num_bytes
    assert report["world_size"] == 2
    # The offset, of up to num_steps tokens, may cost a row its last minibatch.
    most = NUM_TOKENS // BATCH_SIZE // NUM_STEPS * NUM_EPOCHS - 1
    assert most - NUM_EPOCHS <= report["steps_timed"] <= most
    assert 0 < report["seconds_communicating_per_step"] < report["seconds_per_step"]


def test_one_process_sends_nothing(alone, tmp_path):
    alone(outputs(tmp_path, "rnn", 1))
    report = json.loads((tmp_path / "time").read_text(encoding="utf-8"))
    assert report["world_size"] == 1
    assert report["bytes_per_step"] > 0
    assert report["bytes_sent_per_process"] == 0


def test_a_minibatch_that_cannot_be_shared_equally_is_refused():
    with torchrun(*OPTIONS, "--batch-size", "5") as agent:
        printed, status = finish(agent)
    assert status != 0
    assert "--batch-size 5 cannot be shared equally by 2 processes" in printed


def test_a_checkpoint_of_another_training_is_refused(alone, tmp_path):
    alone(outputs(tmp_path, "rnn", 1))
    with pytest.raises(ValueError, match="was made with"):
        alone([*outputs(tmp_path, "rnn", 2), "--seed", "1"])
    other = tmp_path / "other.txt"
    other.write_bytes(TEXT.read_bytes().replace(b"e", b"a", 1))
    with pytest.raises(ValueError, match="was made with"):
        alone([*outputs(tmp_path, "rnn", 2), "--text", str(other)])


def test_a_complete_training_begun_again_changes_nothing(alone, tmp_path):
    names = ("checkpoint", "history", "time")
    alone(outputs(tmp_path, "rnn", 1))
    before = [(tmp_path / name).read_bytes() for name in names]
    alone(outputs(tmp_path, "rnn", 1))
    assert [(tmp_path / name).read_bytes() for name in names] == before
