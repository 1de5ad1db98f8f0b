"""Measure rnnlib against d2l 0.17.0, both in one run, turn and turn about.

    python benchmarks/run.py                 everything: about seven minutes, on a quiet machine
    python benchmarks/run.py --short         under two minutes: fewer pairs, no long trainings
    python benchmarks/run.py --out FOLDER    where results.json and scaling.png go, else to
                                             _build/benchmarks; chapter 13 shows those in
                                             benchmarks/results, so run it again after these

Unless a row says otherwise: one thread and the book's recipe, which is the first 10,000
characters, minibatches of 32 x 35 in sequence, 256 hidden units, SGD with learning rate 1,
gradients clipped to 1.

Each package runs in a process of its own (`worker.py`), and both live all the time. A pair
is one timing of each, one directly after the other, the first of them changing from pair to
pair; a ratio is taken within a pair, so that whatever slows the machine for a while slows both
sides of it. Shown are the median ratio and, as its spread, the lowest and highest pair.
Before anything is timed, both must have computed the same: weights and minibatches to the
bit, the perplexity of an epoch up to rounding, greedy texts letter for letter.
"""

import argparse
import contextlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median

from limit import mflop_per_token

HERE = Path(__file__).resolve().parent
OUT = HERE.parent / "_build" / "benchmarks"
NAMES = ("d2l", "ours")
KINDS = ("rnn", "gru", "lstm")
ROWS = {  # name: what, unit, by what ratio ours is to win at least, and if all goes well
    "train_rnn": ("training, RNN", "s per epoch", 1.6, 2.2),
    "train_rnn_2_threads": ("training, RNN, two threads", "s per epoch", 1.9, 2.5),
    "train_gru": ("training, GRU", "s per epoch", 1.0, 1.3),
    "train_lstm": ("training, LSTM", "s per epoch", 1.0, 1.3),
    "generate_one": ("generation, one text", "s per character", 10, 25),
    "generate_32": ("generation, 32 texts at once", "s per character", 60, 120),
    "to_1.3": ("to perplexity 1.3", "s", 10, 15),
    "to_1.1": ("to 1.1 (d2l: its 500 epochs)", "s", 8, 15),
    "memory": ("peak memory of the process", "MiB", 1.0, 2.0),
}
SHOWN = {
    "s per epoch": (1e3, "ms"),
    "s per character": (1e6, "us"),
    "s": (1, "s"),
    "MiB": (1, "MiB"),
}
SCALING = {  # axis: the argument of the worker's `begin`, and its values
    "characters": ("num_characters", (10_000, 20_000, 40_000, 85_000, 170_580)),
    "hidden size": ("hidden_size", (64, 128, 256, 512, 1024)),
    "steps": ("num_steps", (10, 35, 100, 200)),
    "batch size": ("batch_size", (1, 8, 32, 128, 512)),
}
LENGTHS = (10, 100, 1000, 10_000)  # generated characters


class Worker:
    """A process with one of the packages; `worker(task, ...)` has it do a task and waits."""

    def __init__(self, name: str, threads: int = 1):
        # Linux counts the size of the process that starts another into the other's peak
        # memory. So this one stays small: no torch, and matplotlib only at the end.
        self.process = subprocess.Popen(
            [sys.executable, HERE / "worker.py", name, str(threads)],
            env=os.environ | {"OMP_NUM_THREADS": str(threads), "TQDM_DISABLE": "1"},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __call__(self, task: str, **arguments):
        print(json.dumps([task, arguments]), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"a worker broke down at {task}({arguments}); its error is above")
        return json.loads(answer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()


def both(workers, task, **arguments) -> dict:
    return {name: workers[name](task, **arguments) for name in NAMES}


def alternate(workers, rounds, task, **arguments) -> list[tuple[float, float]]:
    """Seconds of (d2l, ours) in each round, after one that is not counted.

    `arguments` are the same for both, or `d2l={...}, ours={...}`. Short tasks get more
    rounds: as many as fit into a second, at most five times as many.
    """
    pairs, until = [], time.perf_counter() + 1
    while len(pairs) <= rounds or (time.perf_counter() < until and len(pairs) <= 5 * rounds):
        order = NAMES if len(pairs) % 2 else NAMES[::-1]
        own = {name: arguments.get(name, arguments) for name in order}
        seconds = {name: workers[name](task, **own[name])["seconds"] for name in order}
        pairs.append((seconds["d2l"], seconds["ours"]))
    return pairs[1:]


def middle(pairs) -> dict:
    """The medians of what both took, and of the ratios."""
    theirs, ours = zip(*pairs, strict=True)
    ratios = [one / other for one, other in pairs]
    return {"d2l": median(theirs), "ours": median(ours), "ratio": median(ratios)}


def row(name: str, pairs, **more) -> dict:
    """A row of the table, printed as soon as it is known."""
    what, unit, at_least, aim = ROWS[name]
    found, ratios = middle(pairs), [theirs / ours for theirs, ours in pairs]
    scale, short_unit = SHOWN[unit]
    theirs, ours = (f"{found[side] * scale:.1f} {short_unit}" for side in NAMES)
    print(
        f"{what:30}{theirs:>11}{ours:>11}{found['ratio']:8.2f}{min(ratios):8.2f}{max(ratios):8.2f}"
        f"{at_least:7g}{aim:6g}{'   missed' if found['ratio'] < at_least else ''}",
        flush=True,
    )
    return (
        {"name": name, "what": what, "unit": unit, "at_least": at_least, "aim": aim}
        | found
        | {"low": min(ratios), "high": max(ratios)}
        | more
    )


def insist(holds: bool, message: str) -> None:
    if not holds:
        raise SystemExit(f"the two packages do not compute the same: {message}")


def check(workers, weights: str) -> list[str]:
    """Stop unless both compute the same; leave both with the weights written to the file.

    Returns the pieces of the text that were continued.
    """
    for kind in KINDS:
        begun = both(workers, "begin", kind=kind)
        insist(begun["d2l"] == begun["ours"], f"{kind}, weights or minibatches: {begun}")
        values = [answer["perplexity"] for answer in both(workers, "train").values()]
        insist(abs(values[0] / values[1] - 1) < 1e-4, f"{kind}, perplexities: {values}")
    both(workers, "begin")
    # A model that has learnt: its text is more than one letter for ever.
    workers["ours"]("train_by_recipe", target="1.3", weights=weights)
    both(workers, "read_weights", path=weights)
    prefixes = workers["ours"]("prefixes", count=32)
    for some in (prefixes[:1], prefixes):
        answers = both(workers, "continue_texts", prefixes=some, num_characters=100)
        texts = [answers[name]["texts"] for name in NAMES]
        insist(texts[0] == texts[1], f"greedy texts: {texts}")
    print(f"Equal in both: weights, minibatches, perplexities, texts ({texts[0][0][:40]!r}).")
    return prefixes


def measure_long_trainings(workers, seeds) -> list[dict]:
    """To 1.3 and 1.1 by both's best recipes; d2l's 500 epochs count where they do not get there."""
    targets = ("1.3", "1.1")
    pairs, epochs = ({target: [] for target in targets} for _ in range(2))
    for seed in seeds:
        book = workers["d2l"]("train_by_the_book", targets=targets, seed=seed)
        for target in targets:
            ours = workers["ours"]("train_by_recipe", target=target, seed=seed)
            if ours["epochs"] is None:
                print(f"Our recipe for {target} ends at {ours['perplexity']:.3f}, seed {seed}.")
                continue
            number, seconds = book["reached"][target] or (None, book["seconds"])
            pairs[target].append((seconds, ours["seconds"]))
            epochs[target].append((number, ours["epochs"]))
    rows = []
    for target in targets:
        # Without a row rather than with one for the seeds that went well.
        if len(pairs[target]) == len(seeds):
            by_seed = dict(zip(NAMES, zip(*epochs[target], strict=True), strict=True))
            rows.append(row(f"to_{target}", pairs[target], epochs=by_seed))
            print(f"    epochs by seed, None: not within 500: {by_seed}")
    return rows


def measure_memory(rounds: int) -> dict:
    """The peaks of fresh processes that train ten epochs.

    The row is about the whole process, which is what a machine must have room for. Most of
    it is libraries, and d2l imports more of them: what training adds is given beside it.
    """
    peaks = {name: [] for name in NAMES}
    for _ in range(rounds):
        for name in NAMES:
            with Worker(name) as worker:
                peaks[name].append(worker("memory"))
    pairs = zip(*([peak["process"] for peak in peaks[name]] for name in NAMES), strict=True)
    added = {name: median(peak["training"] for peak in peaks[name]) for name in NAMES}
    result = row("memory", list(pairs), added_by_training=added)
    print(f"    added by training: d2l {added['d2l']:.1f} MiB, ours {added['ours']:.1f} MiB")
    return result


def measure_scaling(workers, prefixes, weights, length, short) -> list[dict]:
    """Each axis alone, the rest as in the book; seconds for the same work of so many tokens."""
    points, rounds, thinned = [], 3 if short else 9, slice(None, None, 2 if short else 1)

    def add(pairs, **point):
        points.append(point | middle(pairs))
        ratio = points[-1]["ratio"]
        note = "   d2l is faster" if ratio < 1 else ""
        print(
            f"    {point['kind']:5}{point['axis']:21}{point['value']:7}{ratio:8.2f}{note}",
            flush=True,
        )

    for axis, (argument, values) in SCALING.items():
        kinds = KINDS if axis == "hidden size" and not short else ("rnn",)
        for kind, value in ((kind, value) for kind in kinds for value in values[thinned]):
            sizes = {"batch_size": 32, "num_steps": 35, argument: value}
            if axis != "characters":  # eight minibatches, or as many as the text has
                tokens, once = sizes["batch_size"] * sizes["num_steps"], sizes["num_steps"] + 1
                count = max(1, min(4 if short else 8, (length - once) // tokens))
                sizes["num_characters"] = count * tokens + once
            if sizes["num_characters"] > length:
                print(f"    {axis} {value}: the text is too short")
                continue
            tokens = both(workers, "begin", kind=kind, **sizes)["ours"]["tokens"]
            pairs = alternate(workers, rounds, "train")
            add(pairs, axis=axis, value=value, kind=kind, tokens=tokens)
    both(workers, "begin")
    both(workers, "read_weights", path=weights)
    for number in LENGTHS[:3] if short else LENGTHS:
        task = {"prefixes": prefixes[:1], "num_characters": number}
        pairs = alternate(workers, rounds, "continue_texts", **task)
        pairs = [(theirs * number, ours * number) for theirs, ours in pairs]
        add(pairs, axis="generated characters", value=number, kind="rnn", tokens=number)
    return points


def limit_of(first: dict, second: dict) -> dict:
    """From two measurements of the peaks, since another program may have slowed one."""
    peaks = {name: max(first[name], second[name]) for name in first}
    counted = {kind: mflop_per_token(kind) for kind in KINDS}
    tokens = {kind: 1000 * max(peaks.values()) / count for kind, count in counted.items()}
    return {"gflops": peaks, "mflop_per_token": counted, "tokens_per_second": tokens}


def add_shares(limit: dict, rows: list[dict], tokens: int) -> None:
    """Tell the rows of training on one thread what share of the limit both reach; print it."""
    peaks = ", ".join(f"{name} {value:.0f}" for name, value in limit["gflops"].items())
    print(f"\nThe limit. Matrix products on one thread, GFLOP/s: {peaks}")
    for kind, most in limit["tokens_per_second"].items():
        (found,) = (row for row in rows if row["name"] == f"train_{kind}")
        share = {name: tokens / found[name] / most for name in NAMES}
        found["share_of_limit"] = share
        count = limit["mflop_per_token"][kind]
        print(f"    {kind:5}{count:.3f} MFLOP a token, at most {most:,.0f} tokens/s;", end=" ")
        print(f"d2l reaches {share['d2l']:.0%} of it, ours {share['ours']:.0%}")


def race_other_advice() -> list[dict]:
    command = [sys.executable, HERE / "other_advice.py"]
    found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    print("\nOther advice, times as fast as PyTorch's own layer without it:")
    for race in found:
        print(f"    {race['what']:26}{race['ratio']:8.2f}{race['low']:8.2f}{race['high']:8.2f}")
    return found


def machine() -> dict:
    processor = platform.processor() or platform.machine()
    with contextlib.suppress(OSError, IndexError):
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        processor = re.findall(r"^model name\s*: (.*)", text, re.MULTILINE)[0]
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": version("torch"),
        "numpy": version("numpy"),
        "threads": 1,
    }


def draw(points: list[dict], path: Path) -> None:
    """How the ratio goes as the work grows, a panel for each axis."""
    sys.path.insert(0, str(HERE.parent))
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from rnnlib.figures import course_style

    units = {"characters": "characters of text", "steps": "steps in a minibatch"}
    units |= {"batch size": "sequences in a minibatch", "hidden size": "hidden units"}
    names, kinds = (list(dict.fromkeys(p[key] for p in points)) for key in ("axis", "kind"))
    with course_style():
        figure, grid = plt.subplots(3, 2, figsize=(6.4, 8.4))
        for axes, name in zip(grid.flat, names, strict=False):
            for kind, marker in zip(kinds, "os^", strict=False):
                line = [p for p in points if (p["axis"], p["kind"]) == (name, kind)]
                x, y = ([p[key] for p in line] for key in ("value", "ratio"))
                axes.plot(x, y, marker=marker, label=kind.upper())
            axes.axhline(1, color="black", linestyle="-", linewidth=1, label="equal")
            axes.set(xscale="log", ylim=(0, None), xlabel=units.get(name, name))
        grid.flat[-1].legend(*grid.flat[0].get_legend_handles_labels(), loc="center")
        grid.flat[-1].axis("off")
        figure.supylabel("times as fast as d2l")
        figure.savefig(path)
    plt.close(figure)


def measure(short: bool) -> dict:
    started, rounds, rows = time.perf_counter(), 5 if short else 25, []
    about = machine()
    print(", ".join(f"{key} {value}" for key, value in about.items()))
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5:
        print(f"Other work is running (load {os.getloadavg()[0]:.1f}): the spread will be wide.")
    with (
        Worker("d2l") as d2l, Worker("ours") as ours, tempfile.TemporaryDirectory() as folder
    ):  # fmt: skip
        workers, weights = {"d2l": d2l, "ours": ours}, str(Path(folder) / "weights.pt")
        text, peaks = ours("text"), ours("peaks")
        print(f"Text: {text['name']}, {text['characters']} characters.")
        prefixes = check(workers, weights)
        columns = f"{'d2l':>11}{'ours':>11}{'ratio':>8}{'lowest':>8}{'highest':>8}"
        print(f"\n{'':30}{columns}{'least':>7}{'aim':>6}")
        one = {"prefixes": prefixes[:1], "num_characters": 1000}
        rows.append(row("generate_one", alternate(workers, rounds, "continue_texts", **one)))
        many = {"d2l": one, "ours": one | {"prefixes": prefixes}}
        rows.append(row("generate_32", alternate(workers, rounds, "continue_texts", **many)))
        for kind in KINDS:
            tokens = both(workers, "begin", kind=kind)["ours"]["tokens"]
            pairs = alternate(workers, rounds, "train", num_epochs=2)
            rows.append(row(f"train_{kind}", pairs))
        with Worker("d2l", threads=2) as d2l_2, Worker("ours", threads=2) as ours_2:
            two = {"d2l": d2l_2, "ours": ours_2}
            both(two, "begin")
            pairs = alternate(two, rounds, "train", num_epochs=2)
            rows.append(row("train_rnn_2_threads", pairs))
        rows.append(measure_memory(1 if short else 3))
        if short:
            print("Left out, as d2l's 500 epochs alone take too long: training to 1.3 and 1.1.")
        else:
            rows += measure_long_trainings(workers, seeds=(0, 1, 2))
        print("\nAs the work grows: how many times as fast as d2l")
        points = measure_scaling(workers, prefixes, weights, text["characters"], short)
        limit = limit_of(peaks, ours("peaks"))
    add_shares(limit, rows, tokens)
    return {
        "machine": about,
        "limit": limit,
        "rows": sorted(rows, key=lambda row: list(ROWS).index(row["name"])),
        "scaling": points,
        "other_advice": [] if short else race_other_advice(),
        "tokens_per_epoch": tokens,
        "text": text["name"],
        "mode": "short" if short else "full",
        "seconds": time.perf_counter() - started,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="under two minutes")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FOLDER")
    options = parser.parse_args()
    results = measure(options.short)
    options.out.mkdir(parents=True, exist_ok=True)
    content = json.dumps(results, indent=1) + "\n"
    (options.out / "results.json").write_text(content, encoding="utf-8")
    draw(results["scaling"], options.out / "scaling.png")
    print(f"\n{results['seconds']:.0f} s; results.json and scaling.png are written.")


if __name__ == "__main__":
    main()
