"""Checkpoints hold plain data, and none is written that could not be read back."""

import collections
import io
import re
import zipfile

import numpy as np
import pytest
import torch

from rnnlib.checkpoints import read_checkpoint, write_checkpoint

FORMAT = "rnnlib test, version 1"


class Own:
    pass


def test_content_comes_back_as_it_was(tmp_path):
    content = {
        "format": FORMAT,
        "numbers": [1, 2.5, None, True, 10**30, float("inf"), 1 + 2j],
        "texts": ("a", "\u05d0\U0001f600e\u0301", "\0", b"bytes"),
        3: {"nested": [{}, (), []], ("a", 1): {1, 2}},
        "counted": collections.Counter("abba"),
    }
    path = write_checkpoint(tmp_path / "new" / "a", content)
    assert path == tmp_path / "new" / "a"
    assert read_checkpoint(str(path), FORMAT) == content
    write_checkpoint(path, {"format": FORMAT, "w": torch.arange(6).reshape(2, 3).T})
    assert read_checkpoint(path, FORMAT)["w"].tolist() == [[0, 3], [1, 4], [2, 5]]


@pytest.mark.parametrize(
    "value",
    [np.float64(1.5), np.zeros(2), np.str_("a"), Own(), Own, print, lambda: 0, range(3)],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("nest", [lambda x: x, lambda x: {"a": [1, (x,)]}], ids=["bare", "nested"])
def test_entry_that_is_not_plain_data_is_named_and_the_old_file_stays(tmp_path, value, nest):
    path = write_checkpoint(tmp_path / "a", {"format": FORMAT})
    with pytest.raises(TypeError, match=r"^second must be plain data .*running code: "):
        write_checkpoint(path, {"format": FORMAT, "first": 1, "second": nest(value)})
    assert read_checkpoint(path, FORMAT) == {"format": FORMAT}
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_content_that_contains_itself_or_never_ends_is_refused(tmp_path):
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(TypeError, match=r"^deep must be plain data"):
        write_checkpoint(tmp_path / "a", {"deep": deep})
    while deep:  # else its end would be a recursion as deep
        deep = deep.pop()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [None, 3, "a", [("a", 1)], torch.zeros(2)])
def test_only_a_dict_is_written(tmp_path, content):
    message = f"^content must be a dict, got {type(content).__name__}$"
    with pytest.raises(TypeError, match=message):
        write_checkpoint(tmp_path / "a", content)
    assert list(tmp_path.iterdir()) == []
    torch.save(content, tmp_path / "a")
    with pytest.raises(ValueError, match="is something else"):
        read_checkpoint(tmp_path / "a", FORMAT)


def test_format_that_says_nothing_is_named(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(TypeError, match=r"^format must be a str, got NoneType$"):
        read_checkpoint(tmp_path / "a", None)
    for format in ("", " , version 1"):
        with pytest.raises(ValueError, match=r"^format must say what is saved, got "):
            read_checkpoint(tmp_path / "a", format)


def test_error_says_what_the_file_should_be(tmp_path):
    path = tmp_path / "a"
    for content in ({"format": "rnnlib a, version 1"}, {"format": "rnnlib z, version 1"}, {}):
        write_checkpoint(path, content)
        message = f"path must name a saved {FORMAT!r}, but {path} is something else"
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            read_checkpoint(path, FORMAT)
    path.write_bytes(b"")
    for format, kind in ((FORMAT, "test"), ("rnnlib small test of all, version 1", "all")):
        message = f"path must name a saved {kind}, but {path} is damaged or unsafe"
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            read_checkpoint(path, format)


def test_compressed_part_is_refused_before_it_is_unpacked(tmp_path):
    path = write_checkpoint(tmp_path / "a", {"format": FORMAT, "w": torch.zeros(1_000_000)})
    packed = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            new.writestr(part.filename, old.read(part))
    path.write_bytes(packed.getvalue())
    assert len(packed.getvalue()) < 100_000
    with pytest.raises(ValueError, match="damaged or unsafe"):
        read_checkpoint(path, FORMAT)
