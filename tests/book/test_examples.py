"""Several processes train as one does, and go on after one of them was killed."""

import json
import os
import random
import signal
import subprocess
import sys

import psutil
import pytest
import torch
import torch.distributed as dist

from examples import gpu_graph
from examples.gpu_graph import GraphedStep
from examples.resume import TRAINING, load_training, save_training
from rnnlib.batches import TextBatches
from rnnlib.checkpoints import read_checkpoint
from rnnlib.models import language_model
from rnnlib.text import COURSE_FOLDER
from rnnlib.training import perplexity, train_epoch

several_processes = pytest.mark.skipif(
    sys.platform == "win32" or not (dist.is_available() and dist.is_gloo_available()),
    reason="training on several processes needs torchrun and gloo",
)

SECONDS = 900


def run(folder, kind, num_processes, num_epochs=2, restarts=0, on_line=None):
    """Train on the bundled sample; return the history and the weights that `folder` then holds."""
    script = COURSE_FOLDER / "examples" / "distributed.py"
    options = ["--text", COURSE_FOLDER / "data" / "sample.txt", "--num-tokens", 3000, "--lr", 0.1,
               "--hidden-size", 20, "--batch-size", 6, "--num-steps", 10, "--kind", kind,
               "--epochs", num_epochs, "--history", folder / "history.json",
               "--checkpoint", folder / "run.pt"]  # fmt: skip
    # The loopback by its number: some machines cannot look up their own name.
    several = ["-m", "torch.distributed.run", "--standalone", "--local-addr=127.0.0.1",
               f"--nproc_per_node={num_processes}", f"--max-restarts={restarts}"]  # fmt: skip
    command = [sys.executable, *(several if num_processes > 1 else []), script, *options]
    environment = {**os.environ, "PYTHONPATH": str(COURSE_FOLDER)}
    agent = subprocess.Popen(list(map(str, command)), env=environment, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
    printed = []
    try:
        for line in agent.stdout:
            printed.append(line)
            if on_line:
                on_line(line, agent)
        assert agent.wait(SECONDS) == 0, "".join(printed)
    finally:
        if agent.poll() is None:
            for process in [*psutil.Process(agent.pid).children(recursive=True), agent]:
                process.kill()
    history = json.loads((folder / "history.json").read_text(encoding="utf-8"))
    return history["train"], read_checkpoint(folder / "run.pt", TRAINING)["model"], printed


@several_processes
def test_two_processes_train_as_one_does_and_go_on_when_one_of_them_is_killed(tmp_path):
    killed = []

    def kill_one(line, agent):
        if line.startswith("epoch 4:") and not killed:
            workers = psutil.Process(agent.pid).children()
            killed.append(workers[-1].pid)
            os.kill(workers[-1].pid, signal.SIGKILL)

    train, weights, printed = run(tmp_path / "two", "gru", 2, 12, 1, kill_one)
    assert killed
    assert any(line.startswith("going on after epoch") for line in printed)
    expected, expected_weights, _ = run(tmp_path / "one", "gru", 1, 12)
    torch.testing.assert_close((train, weights), (expected, expected_weights), rtol=1e-3, atol=1e-3)


def test_a_step_for_a_graph_trains_as_train_epoch_does():
    losses, models = [], []
    for graphed in (False, True):
        torch.manual_seed(0)
        model = language_model("lstm", 10, 8)
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        batches = list(TextBatches(torch.arange(300) % 10, 4, 6, rng=random.Random(0)))
        step = GraphedStep(model, optimizer, *batches[0])
        for _ in range(2):
            if graphed:
                losses.append(perplexity(gpu_graph.train_epoch(step, batches)))
            else:
                losses.append(train_epoch(model, batches, optimizer))
        models.append(model.state_dict())
    torch.testing.assert_close(losses[:2], losses[2:], rtol=1e-4, atol=0)
    torch.testing.assert_close(*models, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU's times would be measured")
def test_the_race_on_a_gpu_is_tried_on_the_cpu_and_leaves_its_file_alone():
    stored = COURSE_FOLDER / "data" / "experiments" / "gpu.json"
    before = stored.read_bytes()
    command = [sys.executable, "-m", "benchmarks.gpu"]
    done = subprocess.run(
        command, cwd=COURSE_FOLDER, capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 0, done.stderr
    assert "no GPU here" in done.stdout
    assert "train LSTM" in done.stdout
    assert stored.read_bytes() == before


def parts():
    torch.manual_seed(0)
    rng = random.Random(0)
    model = language_model("gru", 10, 8, embedding_size=5, dropout=0.3)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 7)
    batches = TextBatches(torch.arange(300) % 10, 4, 6, shuffle=True, rng=rng)
    return model, optimizer, scheduler, rng, batches


def test_an_interrupted_training_ends_where_the_other_ends(tmp_path):
    def epochs(model, optimizer, scheduler, rng, batches, number):
        return [train_epoch(model, batches, optimizer, scheduler=scheduler) for _ in range(number)]

    whole = parts()
    expected = epochs(*whole, 4)
    first = parts()
    found = epochs(*first, 2)
    save_training(tmp_path / "training.pt", *first[:4], progress={"values": found})
    second = parts()
    torch.rand(5), second[3].random()
    assert load_training(tmp_path / "training.pt", *second[:4]) == {"values": found}
    assert found + epochs(*second, 2) == expected
    torch.testing.assert_close(second[0].state_dict(), whole[0].state_dict(), rtol=0, atol=0)


def test_a_scheduler_is_not_forgotten(tmp_path):
    model, optimizer, scheduler, rng, _ = parts()
    save_training(tmp_path / "training.pt", model, optimizer, scheduler, rng)
    with pytest.raises(ValueError, match="scheduler"):
        load_training(tmp_path / "training.pt", model, optimizer, None, rng)
