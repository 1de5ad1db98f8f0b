"""The benchmarks begin, count operations rightly, and stored results are whole. No timing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"
sys.path.insert(0, str(FOLDER))

import limit  # noqa: E402
import run  # noqa: E402

RESULTS = FOLDER / "results" / "results.json"


def test_help_says_how_to_run_the_benchmarks():
    command = [sys.executable, FOLDER / "run.py", "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "python benchmarks/run.py --short" in text
    assert "--out FOLDER" in text


def test_operations_are_those_counted_by_hand():
    # One token, 3 hidden units, 5 tokens in the vocabulary. Forward: 9 products for the state
    # and 15 for the logits, an addition each. Backward: as much for each of both factors.
    assert limit.mflop_per_token("rnn", 3, 5) == pytest.approx((9 + 15) * 2 * 3 / 1e6)
    assert limit.mflop_per_token("gru", 3, 5) == pytest.approx((3 * 9 + 15) * 2 * 3 / 1e6)
    assert limit.mflop_per_token("lstm", 3, 5) == pytest.approx((4 * 9 + 15) * 2 * 3 / 1e6)


def test_a_row_is_the_medians_and_the_spread_of_its_pairs(capsys):
    found = run.row("train_gru", [(2.0, 1.0), (3.0, 2.0), (8.0, 2.0)])
    assert (found["d2l"], found["ours"]) == (3, 2)
    assert (found["low"], found["ratio"], found["high"]) == (1.5, 2, 4)
    assert "missed" not in capsys.readouterr().out


@pytest.mark.skipif(not RESULTS.exists(), reason="the benchmarks have not been run")
def test_stored_results_have_their_schema():
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    parts = "machine limit rows scaling tokens_per_epoch text mode seconds"
    assert set(parts.split()) <= set(results)
    about = "processor cores system python torch numpy threads"
    assert set(about.split()) == set(results["machine"])
    assert set(results["limit"]) == {"gflops", "mflop_per_token", "tokens_per_second"}
    assert set(results["limit"]["tokens_per_second"]) == set(run.KINDS)
    names = [row["name"] for row in results["rows"]]
    assert names == [name for name in run.ROWS if name in names]
    for row in results["rows"]:
        what, unit, at_least, aim = run.ROWS[row["name"]]
        found = [row[key] for key in ("what", "unit", "at_least", "aim")]
        assert found == [what, unit, at_least, aim]
        assert 0 < row["low"] <= row["ratio"] <= row["high"]
        assert row["d2l"] > 0 < row["ours"]
    for point in results["scaling"]:
        assert point["axis"] in {*run.SCALING, "generated characters"}
        assert point["kind"] in run.KINDS
        assert min(point[key] for key in ("value", "d2l", "ours", "ratio", "tokens")) > 0
