"""Files are whole or not there, and an interrupted training goes on as if it had not been."""

import pytest
import torch

from rnnlib.checkpoints import read_checkpoint, write_atomically, write_checkpoint

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
