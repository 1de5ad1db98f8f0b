"""Files are written whole or not at all."""

import os
import stat
import threading

import pytest

from rnnlib.files import write_atomically


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_file_holds_what_was_written_and_its_path_is_returned(tmp_path):
    path = write_atomically(tmp_path / "a.bin", lambda file: file.write(b"new"))
    assert path == tmp_path / "a.bin"
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["a.bin"]


def test_path_may_be_a_str(tmp_path):
    assert write_atomically(str(tmp_path / "a"), lambda file: None).read_bytes() == b""


@pytest.mark.skipif(os.name != "posix", reason="255 bytes are the limit there")
@pytest.mark.parametrize("letter", ["a", "\u00e9", "\u05d0", "\U0001f600"])
def test_name_may_be_as_long_as_the_folder_takes(tmp_path, letter):
    name = letter * (255 // len(letter.encode()))
    (tmp_path / name).write_bytes(b"old")
    assert write_atomically(tmp_path / name, lambda file: file.write(b"new")).read_bytes() == b"new"
    assert names(tmp_path) == [name]
    with pytest.raises(OSError, match="too long"):
        write_atomically(tmp_path / ("a" * 256), lambda file: None)
    assert names(tmp_path) == [name]


@pytest.mark.skipif(os.name != "posix", reason="other systems can write this")
def test_name_that_cannot_be_encoded_is_a_value_error_that_says_so(tmp_path):
    for path in ("\ud800", tmp_path / "\ud800" / "a"):
        with pytest.raises(ValueError, match=r"^path must be a name that can be encoded, got '"):
            write_atomically(path, lambda file: None)
    assert names(tmp_path) == []


def test_missing_folders_are_made(tmp_path):
    path = write_atomically(tmp_path / "b" / "c" / "a", lambda file: file.write(b"new"))
    assert path.read_bytes() == b"new"


def test_old_file_is_replaced(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"a much longer old content")
    write_atomically(path, lambda file: file.write(b"new"))
    assert path.read_bytes() == b"new"


def test_old_file_stays_whole_until_the_new_one_is(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def write(file):
        file.write(b"half")
        file.flush()
        assert path.read_bytes() == b"old"

    write_atomically(path, write)
    assert path.read_bytes() == b"half"


@pytest.mark.parametrize("error", [OSError("disk full"), ValueError("no"), KeyboardInterrupt()])
def test_failing_write_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def write(file):
        file.write(b"half")
        raise error

    with pytest.raises(type(error)) as caught:
        write_atomically(path, write)
    assert caught.value is error
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_full_disk_is_an_oserror_that_leaves_the_old_file_and_nothing_else(
    tmp_path, monkeypatch, call
):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, lambda file: file.write(b"new"))
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_folder_in_the_place_of_the_file_is_an_oserror(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(OSError, match="a"):
        write_atomically(tmp_path / "a", lambda file: file.write(b"new"))
    assert names(tmp_path) == ["a"]


def test_file_in_the_place_of_the_folder_is_an_oserror(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(OSError, match="a"):
        write_atomically(tmp_path / "a" / "b", lambda file: file.write(b"new"))
    assert names(tmp_path) == ["a"]


@pytest.mark.skipif(os.name != "posix", reason="rights of this kind are POSIX's")
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_new_file_has_the_rights_that_the_umask_allows(tmp_path, mask):
    old_mask = os.umask(mask)
    try:
        path = write_atomically(tmp_path / "a", lambda file: file.write(b"new"))
    finally:
        assert os.umask(old_mask) == mask
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def test_many_writers_at_once_leave_one_whole_file(tmp_path):
    contents = [bytes([65 + writer]) * 20000 for writer in range(8)]
    barrier = threading.Barrier(len(contents))

    def work(content):
        def write(file):
            for start in range(0, len(content), 1000):
                file.write(content[start : start + 1000])
            barrier.wait(10)

        write_atomically(tmp_path / "a", write)

    threads = [threading.Thread(target=work, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "a").read_bytes() in contents
    assert names(tmp_path) == ["a"]


@pytest.mark.skipif(os.name != "posix", reason="rights of this kind are POSIX's")
def test_umask_of_the_process_is_never_touched(tmp_path, monkeypatch):
    # It belongs to all threads, so a change for a moment shows in their files.
    monkeypatch.setattr(os, "umask", lambda mask: pytest.fail("umask was changed"))
    write_atomically(tmp_path / "a", lambda file: file.write(b"new"))
