"""Files are whole or not there, and an interrupted training goes on as if it had not been."""

import random

import pytest
import torch

from rnnlib.batches import TextBatches
from rnnlib.checkpoints import (
    load_training,
    read_checkpoint,
    save_training,
    write_atomically,
    write_checkpoint,
)
from rnnlib.models import language_model
from rnnlib.training import train_epoch

CONTENT = {"format": "a test", "numbers": [1, 2.5, None], "tensor": torch.arange(3)}


def test_a_checkpoint_is_read_as_it_was_written(tmp_path):
    path = write_checkpoint(tmp_path / "new" / "file.pt", CONTENT)
    found = read_checkpoint(path, "a test")
    assert str(found) == str(CONTENT)
    assert [p.name for p in path.parent.iterdir()] == ["file.pt"]
    with pytest.raises(ValueError, match="another test"):
        read_checkpoint(path, "another test")


def test_what_needs_code_to_be_read_is_not_written(tmp_path):
    path = write_checkpoint(tmp_path / "file.pt", CONTENT)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="plain data"):
        write_checkpoint(path, {**CONTENT, "model": torch.nn.Linear(2, 3)})
    assert path.read_bytes() == before


@pytest.mark.parametrize("position", [0.1, 0.3, 0.5, 0.9])
def test_a_flipped_or_missing_byte_is_noticed(tmp_path, position):
    path = write_checkpoint(tmp_path / "file.pt", {**CONTENT, "weights": torch.randn(3000)})
    data = bytearray(path.read_bytes())
    data[int(position * len(data))] ^= 255
    path.write_bytes(data)
    with pytest.raises(ValueError, match="damaged"):
        read_checkpoint(path, "a test")
    path.write_bytes(data[:-1])
    with pytest.raises(ValueError, match="damaged"):
        read_checkpoint(path, "a test")


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path):
    path = write_atomically(tmp_path / "file", lambda file: file.write(b"first"))

    def fail(file):
        file.write(b"half of the sec")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, fail)
    assert path.read_bytes() == b"first"
    assert len(list(tmp_path.iterdir())) == 1


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
