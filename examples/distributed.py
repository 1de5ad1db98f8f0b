"""Train the language model of chapter 9 with several processes that share each minibatch.

    python examples/distributed.py                                        one process
    torchrun --standalone --nproc_per_node=2 examples/distributed.py      two processes
    torchrun --standalone --nproc_per_node=2 --max-restarts=3 \\
        examples/distributed.py --checkpoint run.pt     ... that survive the death of one

Every process holds the whole model and takes its share of the rows of each minibatch. The
gradients are averaged over the processes before each step, so that all take the same step:
the one that a single process would take. A run that finds the file of `--checkpoint` goes on
from there, with any number of processes; on several machines, the file must lie where all of
them can read it. If torchrun complains about the name of this machine, give it
`--local-addr=localhost`. `pip install -e .` makes `rnnlib` importable.
"""

import argparse
import hashlib
import json
import math
import os
import random
import statistics
import time
from pathlib import Path

import torch
import torch.distributed as dist
from resume import load_training, save_training
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

from rnnlib.batches import TextBatches
from rnnlib.models import LAYERS, language_model
from rnnlib.text import find_text, load_corpus
from rnnlib.training import perplexity, train_epoch

RECIPE = {
    "kind": "rnn", "hidden_size": 256, "batch_size": 32, "num_steps": 35, "num_tokens": 10_000,
    "lr": 1.0, "max_norm": 1.0, "seed": 0,
}  # fmt: skip


class Share:
    """One process's rows of each minibatch, always the same."""

    def __init__(self, batches: TextBatches, rank: int, world_size: int):
        self.batches, self.rows = batches, slice(rank, None, world_size)

    def __iter__(self):
        for X, Y in self.batches:
            yield X[self.rows], Y[self.rows]


class Replica(DistributedDataParallel):
    """Its gradients are the mean over all processes."""

    def begin_state(self, batch_size: int):
        return self.module.begin_state(batch_size)


class Stopwatch:
    """Times each step and, within it, the exchange of the gradients, and counts their bytes.

    Here the process does nothing else during the exchange. So its seconds include the wait
    for the slowest process, and none are hidden behind `backward`. (One part of a gradient
    can be on its way while the next is computed, but only in a model of over a megabyte.)
    """

    def __init__(self, model: Replica, optimizer: torch.optim.Optimizer):
        self.ends, self.seconds, self.bytes = [], [0.0], [0]
        model.register_comm_hook(None, self.exchange)
        optimizer.register_step_post_hook(self.end_step)

    def exchange(self, _, bucket: dist.GradBucket) -> torch.futures.Future[torch.Tensor]:
        gradients = bucket.buffer()
        started = time.perf_counter()
        dist.all_reduce(gradients)
        self.seconds[-1] += time.perf_counter() - started
        self.bytes[-1] += gradients.nbytes
        done = torch.futures.Future()
        done.set_result(gradients / dist.get_world_size())
        return done

    def end_step(self, *_) -> None:
        self.ends.append(time.perf_counter())
        self.seconds.append(0.0)
        self.bytes.append(0)

    def report(self) -> dict:
        """Medians over the steps, the first left out: what is slow only once is in there."""
        steps = [after - before for before, after in zip(self.ends, self.ends[1:], strict=False)]
        num_bytes, world_size = self.bytes[-2], dist.get_world_size()
        return {
            "world_size": world_size,
            "steps_timed": len(steps),
            "seconds_per_step": statistics.median(steps),
            "seconds_communicating_per_step": statistics.median(self.seconds[1:-1]),
            "bytes_per_step": num_bytes,
            # In a ring, every part goes around twice: to be added up, and to be handed out.
            "bytes_sent_per_process": num_bytes * 2 * (world_size - 1) // world_size,
        }


def train(options: argparse.Namespace) -> None:
    rank, world_size = dist.get_rank(), dist.get_world_size()
    # One process looks for the text, so that all train on the same one.
    text = [str(options.text or find_text()) if rank == 0 else None]
    dist.broadcast_object_list(text)
    corpus, vocab = load_corpus(options.num_tokens, path=text[0])
    # The same seeds everywhere: the same first weights, and the same minibatches to share.
    torch.manual_seed(options.seed)
    rng = random.Random(options.seed)
    model = language_model(options.kind, len(vocab), options.hidden_size)
    optimizer = torch.optim.SGD(model.parameters(), lr=options.lr)
    batches = TextBatches(corpus, options.batch_size, options.num_steps, rng=rng)
    settings = {name: value for name, value in vars(options).items() if name in RECIPE}
    settings["text"] = hashlib.sha1(Path(text[0]).read_bytes()).hexdigest()
    history = {"epoch": [], "train": []}
    if options.checkpoint and options.checkpoint.exists():
        # Every process reads the file, and so has the weights and the random state in it.
        progress = load_training(options.checkpoint, model, optimizer, rng=rng)
        if progress["settings"] != settings:
            raise ValueError(f"{options.checkpoint} was made with {progress['settings']}")
        history = progress["history"]
        if rank == 0:
            print(f"going on after epoch {len(history['epoch'])}", flush=True)
    replica, share = Replica(model), Share(batches, rank, world_size)
    stopwatch = Stopwatch(replica, optimizer) if options.time else None
    for epoch in range(len(history["epoch"]) + 1, options.epochs + 1):
        own = train_epoch(replica, share, optimizer, options.max_norm, carry_state=True)
        # Equal shares: the mean of the processes' mean losses is the mean over all tokens.
        loss = torch.tensor(math.log(own), dtype=torch.float64) / world_size
        dist.all_reduce(loss)
        history["epoch"].append(epoch)
        history["train"].append(perplexity(float(loss)))
        if rank == 0:
            print(f"epoch {epoch}: perplexity {history['train'][-1]:.2f}", flush=True)
            if options.checkpoint:
                # The others wait for process 0 where they next need its gradients. It saves
                # the model, not the replica, which would put "module." before every name.
                progress = {"settings": settings, "history": history}
                save_training(options.checkpoint, model, optimizer, rng=rng, progress=progress)
    if rank == 0 and options.history:
        options.history.write_text(json.dumps(history), encoding="utf-8")
    # A run that was complete already, as a restart may find it, has nothing to tell.
    if rank == 0 and options.time and len(stopwatch.ends) > 1:
        options.time.write_text(json.dumps(stopwatch.report()), encoding="utf-8")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, value in RECIPE.items():
        choices = tuple(LAYERS) if name == "kind" else None
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=type(value), default=value, choices=choices
        )
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--text", type=Path, help="a text, instead of The Time Machine")
    parser.add_argument("--checkpoint", type=Path, help="written after each epoch, read at start")
    parser.add_argument("--history", type=Path, help="where to write the perplexities, as JSON")
    parser.add_argument("--time", type=Path, help="where to write seconds and bytes, as JSON")
    options = parser.parse_args(arguments)
    world_size = int(os.environ.get("WORLD_SIZE", "1"))  # torchrun says so to each process
    if options.batch_size % world_size:
        parser.error(
            f"--batch-size {options.batch_size} cannot be shared equally by {world_size} processes"
        )
    torch.set_num_threads(1)  # as many threads as cores, in each process, would be in the way
    store, rank = dist.HashStore(), 0
    if "WORLD_SIZE" in os.environ:
        # The store where the processes leave their addresses outlives a restart, so each
        # attempt needs a corner of its own, or it may call at the address of a dead process.
        store, rank, world_size = next(rendezvous("env://"))
        store = dist.PrefixStore(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"), store)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=world_size)
    try:
        train(options)
    finally:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
