"""Texts, vocabularies, and downloads from a server on this machine only."""

import hashlib
import os
import socketserver
import threading
import time

import pytest
import torch

from rnnlib import text
from rnnlib.text import Vocab


def test_vocabulary_counts_and_keeps_ties_in_the_order_first_seen():
    vocab = Vocab([["b", "a"], ["c", "a"]])
    assert vocab.idx_to_token == ["<unk>", "a", "b", "c"]
    assert vocab.token_freqs == [("a", 2), ("b", 1), ("c", 1)]
    assert len(vocab) == 4
    assert Vocab(["b", "a", "c", "a"]).idx_to_token == vocab.idx_to_token
    assert Vocab([("a", "b"), ("a", "b")]).idx_to_token == ["<unk>", ("a", "b")]


def test_rare_tokens_are_left_out_and_reserved_ones_come_first():
    vocab = Vocab(list("aabbc"), min_freq=2, reserved_tokens=["<pad>", "b"])
    assert vocab.idx_to_token == ["<unk>", "<pad>", "b", "a"]


def test_lookup_goes_there_and_back():
    vocab = Vocab(list("abc"))
    assert vocab[["a", ("b", "x")]] == [1, [2, 0]]
    assert vocab.to_tokens(torch.tensor([[1, 2], [0, 3]])) == [["a", "b"], ["<unk>", "c"]]
    assert vocab.to_tokens(vocab[list("cab")]) == list("cab")
    with pytest.raises(IndexError):
        vocab.to_tokens(-1)
    with pytest.raises(IndexError):
        vocab.to_tokens([0, 4])


def test_a_vocabulary_comes_back_from_its_list():
    vocab = Vocab(list("abc"), reserved_tokens=["<pad>"])
    assert Vocab.from_list(vocab.idx_to_token).token_to_idx == vocab.token_to_idx
    for wrong in (["a", "b"], ["<unk>", "a", "a"], []):
        with pytest.raises(ValueError, match="<unk>"):
            Vocab.from_list(wrong)


def write(folder, content):
    path = folder / "a.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_cleaning_keeps_letters_in_lower_case_and_one_blank_for_all_else(tmp_path):
    path = write(tmp_path, "The Time--Machine, 1895\r\n\n  by\x0cH. G. Wells\u2028!\n")
    assert text.read_lines(path) == ["the time machine", "", "by h g wells"]


@pytest.mark.parametrize(("content", "keep", "lines"), [
    ("时间机器。\n", r"\w", ["时间机器"]), ("Машина времени, 1895", r"\w", ["машина времени 1895"]),
    ("Grüße, Zeit!", "A-Za-zÄÖÜäöüß", ["grüße zeit"]), ("Gru\u0308ße!", r"\w!", ["grüße!"]),
])  # fmt: skip
def test_what_cleaning_keeps_is_a_choice(tmp_path, content, keep, lines):
    path = write(tmp_path, content)
    assert text.read_lines(path, keep) == lines
    corpus, vocab = text.load_corpus(path=path, keep=keep)
    assert "".join(vocab.to_tokens(corpus)) == "".join(lines)


@pytest.mark.parametrize("content", ["时间机器", "", "\n\n", "1895"])
def test_a_text_of_which_nothing_is_left_is_an_error(tmp_path, content):
    with pytest.raises(ValueError, match="keep"):
        text.load_corpus(path=write(tmp_path, content))


def test_another_encoding_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="utf-8"):
        text.read_lines(write(tmp_path, "Grüße".encode("latin-1")))


def test_a_corpus_joins_the_lines_and_counts_all_of_the_text(tmp_path):
    path = write(tmp_path, "ab b\nb c\n")
    corpus, vocab = text.load_corpus(max_tokens=5, path=path)
    assert vocab.to_tokens(corpus) == list("ab bb")
    assert "c" in vocab.token_to_idx
    words, vocab = text.load_corpus(token="word", path=path)
    assert vocab.to_tokens(words) == ["ab", "b", "b", "c"]
    assert words.dtype == torch.int64


def test_the_sample_can_take_the_texts_place():
    corpus, vocab = text.load_corpus(path=text.COURSE_FOLDER / "data" / "sample.txt")
    assert len(corpus) > 15_000
    assert len(vocab) == 28


def test_the_time_machine_is_the_text_of_the_book():
    path = text.data_folder() / text.FILE_NAME
    if not path.is_file():
        pytest.skip("The Time Machine is not here")
    lines = text.read_lines(path)
    assert len(lines) == 3221
    assert lines[0] == "the time machine by h g wells"
    corpus, vocab = text.load_corpus(path=path)
    assert (len(corpus), len(vocab)) == (170_580, 28)
    assert vocab.idx_to_token[:5] == ["<unk>", " ", "e", "t", "a"]
    assert hashlib.sha1(path.read_bytes()).hexdigest() == text.SHA1


TEXT = b"The Time Machine, by H. G. Wells\n" * 3000
SHA1 = hashlib.sha1(TEXT).hexdigest()


def answer(content, status="200 OK", length=None):
    length = len(content) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n".encode() + content


ANSWERS = {
    "/good": answer(TEXT),
    "/without-length": b"HTTP/1.0 200 OK\r\n\r\n" + TEXT,
    "/moved": b"HTTP/1.1 302 Found\r\nLocation: /good\r\nContent-Length: 0\r\n\r\n",
    "/truncated": answer(TEXT[:5000], length=len(TEXT)),
    "/truncated-chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nThe Time",
    "/altered": answer(TEXT.replace(b"Wells", b"Welts", 1)),
    "/page-of-the-network": answer(b"<html>Please log in to this network.</html>"),
    "/missing": answer(b"no such text", status="404 Not Found"),
    "/closed": b"",
    "/other-protocol": b"220 mail.example.org ESMTP\r\n",
    "/endless": b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 2**20,
}


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        path = self.rfile.readline().split()[1].decode()
        self.server.asked.append(path)
        while self.rfile.readline().strip():
            pass
        try:
            while not self.server.ending.is_set():
                if path == "/silent":
                    self.server.ending.wait(0.05)
                    continue
                self.wfile.write(ANSWERS[path])
                if path != "/endless":
                    break
        except OSError:
            pass  # the other side has given up


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __call__(self, path):
        return "http://{}:{}".format(*self.server_address) + path


@pytest.fixture
def server(monkeypatch):
    """Addresses of a server: `server("/good")`; `server.asked` lists the paths asked for."""
    monkeypatch.setenv("no_proxy", "*")
    with Server(("127.0.0.1", 0), Handler) as running:
        running.asked, running.ending = [], threading.Event()
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.ending.set()
        running.shutdown()
        thread.join()


@pytest.mark.parametrize("path", ["/good", "/without-length", "/moved"])
def test_a_download_writes_what_was_sent(server, tmp_path, path):
    target = tmp_path / "new" / "a.txt"
    assert text.download(server(path), target, SHA1, 60.0) == target
    assert target.read_bytes() == TEXT


FINE = {"/good", "/without-length", "/moved", "/endless"}


@pytest.mark.parametrize("path", [path for path in ANSWERS if path not in FINE])
def test_a_download_of_anything_else_is_an_error_and_leaves_nothing(server, tmp_path, path):
    older = write(tmp_path, "older")
    with pytest.raises((OSError, ValueError)):
        text.download(server(path), older, SHA1, 60.0)
    assert older.read_bytes() == b"older"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_silent_server_is_given_up(server, tmp_path):
    with pytest.raises(OSError, match="/silent"):
        text.download(server("/silent"), tmp_path / "a.txt", SHA1, 0.3)
    assert not list(tmp_path.iterdir())


def test_an_endless_answer_is_cut_off_by_its_size(server, tmp_path, monkeypatch):
    monkeypatch.setattr(text, "MOST_BYTES", 2**20)
    with pytest.raises(ValueError, match=f"{2**20} bytes"):
        text.download(server("/endless"), tmp_path / "a.txt", SHA1, 60.0)


@pytest.fixture
def wanted(monkeypatch):
    """Let `TEXT` be the text of the course."""
    monkeypatch.setattr(text, "SHA1", SHA1)
    monkeypatch.setattr(text, "SHA256", hashlib.sha256(TEXT).hexdigest())
    monkeypatch.setattr(text, "SECONDS", 60.0)


def test_the_text_is_taken_from_the_folder_and_no_other_is(server, tmp_path, monkeypatch, wanted):
    monkeypatch.setenv("RNNLIB_DATA", str(tmp_path))
    (tmp_path / text.FILE_NAME).write_bytes(TEXT)
    assert text.find_text() == tmp_path / text.FILE_NAME
    assert server.asked == []
    (tmp_path / text.FILE_NAME).write_bytes(TEXT + b"\n")
    with pytest.raises(ValueError, match="delete it"):
        text.find_text()


def test_the_text_is_downloaded_once_from_the_first_address_that_has_it(server, tmp_path, wanted):
    urls = [server("/altered"), server("/good")]
    for _ in range(2):
        assert text.find_text(tmp_path, urls).read_bytes() == TEXT
    assert server.asked == ["/altered", "/good"]


def test_once_all_addresses_have_failed_nobody_waits_again_for_a_while(server, tmp_path, wanted):
    urls = [server("/missing"), server("/closed")]
    for _ in range(3):
        assert text.find_text(tmp_path, urls).name == "sample.txt"
    assert server.asked == ["/missing", "/closed"]
    long_ago = time.time() - 2 * text.PAUSE
    os.utime(tmp_path / ".not-reached", (long_ago, long_ago))
    assert text.find_text(tmp_path, [server("/good")]).read_bytes() == TEXT


def test_a_folder_that_cannot_be_written_to_leaves_the_sample(server, tmp_path, wanted):
    (tmp_path / "file").write_bytes(b"")
    assert text.find_text(tmp_path / "file", [server("/good")]).name == "sample.txt"
