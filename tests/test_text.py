"""From a file to indices, and where the file comes from when it is not there."""

import concurrent.futures
import logging
import math
import multiprocessing
import os
import re
import socket
import socketserver
import threading
import time

import pytest
import torch

from rnnlib import checks, text

SAMPLE = text.COURSE_FOLDER / "data" / "sample.txt"
LETTERS = "abcdefghijklmnopqrstuvwxyz"


# --- vocabulary ---


def test_vocabulary_counts_and_keeps_ties_in_the_order_first_seen():
    vocab = text.Vocab("bacaxca")
    assert vocab.idx_to_token == ["<unk>", "a", "c", "b", "x"]
    assert vocab.token_to_idx == {"<unk>": 0, "a": 1, "c": 2, "b": 3, "x": 4}
    assert vocab.token_freqs == [("a", 3), ("c", 2), ("b", 1), ("x", 1)]
    assert len(vocab) == 5


def test_lists_of_lists_count_as_one_list():
    nested = text.Vocab([["time", "machine"], [], ["time"]])
    assert nested.idx_to_token == text.Vocab(["time", "machine", "time"]).idx_to_token
    assert nested.idx_to_token == ["<unk>", "time", "machine"]


@pytest.mark.parametrize(
    ("min_freq", "kept"), [(0, "acb"), (1, "acb"), (2, "ac"), (3, "a"), (4, "")]
)
def test_rare_tokens_are_left_out(min_freq, kept):
    vocab = text.Vocab("acabca", min_freq=min_freq)
    assert vocab.idx_to_token == ["<unk>", *kept]
    assert len(vocab.token_freqs) == 3


def test_reserved_tokens_come_after_unk_even_if_the_text_has_them():
    vocab = text.Vocab("aab", reserved_tokens=["<pad>", "b"])
    assert vocab.idx_to_token == ["<unk>", "<pad>", "b", "a"]
    assert [vocab[token] for token in vocab.idx_to_token] == [0, 1, 2, 3]


def test_unk_in_the_text_is_the_unknown_token():
    assert text.Vocab(["<unk>", "<unk>", "a"]).idx_to_token == ["<unk>", "a"]


def test_empty_vocabulary_knows_the_unknown_token_only():
    for vocab in (text.Vocab(), text.Vocab([[], []]), text.Vocab(None, reserved_tokens=None)):
        assert vocab.idx_to_token == ["<unk>"]
        assert vocab["a"] == vocab.unk == 0


def test_lookup_follows_nested_lists_and_gives_zero_for_the_unknown():
    vocab = text.Vocab("aab")
    assert vocab["b"] == 2
    assert vocab["z"] == 0
    assert vocab[["a", "z", "b"]] == [1, 0, 2]
    assert vocab[[["a"], ("b", "z"), []]] == [[1], [2, 0], []]


def test_to_tokens_goes_back_from_an_index_a_list_or_a_tensor():
    vocab = text.Vocab("aab")
    assert vocab.to_tokens(0) == "<unk>"
    assert vocab.to_tokens([1, (2, 0), []]) == ["a", ["b", "<unk>"], []]
    assert vocab.to_tokens(torch.tensor([[1, 2], [0, 1]])) == [["a", "b"], ["<unk>", "a"]]
    assert vocab.to_tokens(torch.tensor(2)) == "b"


def test_every_token_comes_back_from_its_index():
    _, vocab = text.load_corpus(path=SAMPLE)
    indices = list(range(len(vocab)))
    assert vocab[vocab.to_tokens(indices)] == indices


@pytest.mark.parametrize(
    ("indices", "error", "message"),
    [
        (3, ValueError, "indices must be from 0 to 2, got 3"),
        (-1, ValueError, "indices must be from 0 to 2, got -1"),
        ([0, 7], ValueError, "indices must be from 0 to 2, got 7"),
        ("a", TypeError, "indices must be int, got str"),
        ([1.0], TypeError, "indices must be int, got float"),
        (torch.tensor([0.5]), TypeError, "indices must be int, got float"),
        (None, TypeError, "indices must be int, got NoneType"),
    ],
)
def test_indices_without_a_token_are_named(indices, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        text.Vocab("aab").to_tokens(indices)


def test_vocabulary_from_its_list_is_the_same():
    vocab = text.Vocab("the time machine", reserved_tokens=["<pad>"])
    again = text.Vocab.from_list(vocab.idx_to_token)
    assert again.idx_to_token == vocab.idx_to_token
    assert again.token_to_idx == vocab.token_to_idx


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ([], "idx_to_token must begin with '<unk>', got []"),
        (["a", "<unk>"], "idx_to_token must begin with '<unk>', got ['a']"),
        (["<unk>", "a", "a"], "idx_to_token must name each token once"),
        (["<unk>", "a", "<unk>"], "idx_to_token must name each token once"),
    ],
)
def test_list_that_is_no_vocabulary_is_refused(tokens, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        text.Vocab.from_list(tokens)


@pytest.mark.parametrize(
    ("min_freq", "error", "message"),
    [(-1, ValueError, "at least 0, got -1"), (1.5, TypeError, "an int, got float")],
)
def test_min_freq_must_be_a_whole_number(min_freq, error, message):
    with pytest.raises(error, match=f"^min_freq must be {message}$"):
        text.Vocab("ab", min_freq=min_freq)


# --- cleaning and tokens ---


def write(folder, content, name="text.txt"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_cleaning_keeps_letters_in_lower_case_and_one_blank_for_all_else(tmp_path):
    path = write(tmp_path, "\n The Time--Machine, by H. G. Wells [1898]\r\n\n...\ncafé 'I'\n")
    assert text.read_lines(path) == ["", "the time machine by h g wells", "", "", "caf i"]
    assert text.read_lines(str(path)) == text.read_lines(path)


def test_default_text_is_the_one_found(tmp_path, monkeypatch):
    path = write(tmp_path, "found")
    monkeypatch.setattr(text, "find_text", lambda: path)
    assert text.read_lines() == ["found"]
    assert len(text.load_corpus()[0]) == 5


def test_text_in_another_encoding_is_named(tmp_path):
    path = write(tmp_path, "caf\u00e9".encode("latin-1"))
    message = f"^path must name a text in UTF-8, but {re.escape(str(path))} is not"
    with pytest.raises(ValueError, match=message):
        text.read_lines(path)


def test_missing_text_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        text.read_lines(tmp_path / "nowhere.txt")


def test_lines_split_into_characters_or_words():
    lines = ["the time", "", "i"]
    assert text.tokenize(lines) == [list("the time"), [], ["i"]]
    assert text.tokenize(lines, token="word") == [["the", "time"], [], ["i"]]


def test_unknown_kind_of_token_is_named():
    with pytest.raises(ValueError, match=r"^token must be one of 'char', 'word', got 'line'$"):
        text.tokenize(["a"], "line")


def test_one_line_in_the_place_of_lines_is_refused():
    with pytest.raises(TypeError, match=r"^lines must be a list of lines, got one str$"):
        text.tokenize("the time")


def test_corpus_joins_the_lines_with_nothing_between(tmp_path):
    corpus, vocab = text.load_corpus(path=write(tmp_path, "The time\n\nis up\n"))
    assert corpus.dtype == torch.int64
    assert "".join(vocab.to_tokens(corpus)) == "the timeis up"


def test_corpus_of_words_counts_words(tmp_path):
    path = write(tmp_path, "The time\nis the time\n")
    corpus, vocab = text.load_corpus(token="word", path=path)
    assert vocab.idx_to_token == ["<unk>", "the", "time", "is"]
    assert corpus.tolist() == [1, 2, 3, 1, 2]


def test_max_tokens_shortens_the_corpus_but_not_the_vocabulary():
    whole, vocab = text.load_corpus(path=SAMPLE)
    short, vocab_of_short = text.load_corpus(max_tokens=100, path=SAMPLE)
    assert torch.equal(short, whole[:100])
    assert vocab_of_short.idx_to_token == vocab.idx_to_token
    assert len(text.load_corpus(max_tokens=10**9, path=SAMPLE)[0]) == len(whole)


def test_empty_text_is_an_empty_corpus_of_indices(tmp_path):
    corpus, vocab = text.load_corpus(path=write(tmp_path, ""))
    assert corpus.shape == (0,)
    assert corpus.dtype == torch.int64
    assert len(vocab) == 1


@pytest.mark.parametrize(
    ("max_tokens", "error", "message"),
    [
        (0, ValueError, "at least 1, got 0"),
        (-1, ValueError, "at least 1, got -1"),
        (1e4, TypeError, "an int, got float"),
    ],
)
def test_max_tokens_must_be_a_positive_whole_number(max_tokens, error, message):
    with pytest.raises(error, match=f"^max_tokens must be {message}$"):
        text.load_corpus(max_tokens=max_tokens, path=SAMPLE)


# --- the sample and the real text ---


def test_sample_can_stand_in_for_the_time_machine():
    corpus, vocab = text.load_corpus(path=SAMPLE)
    assert len(corpus) >= 12_000
    assert len(vocab) == 28
    assert set(vocab.idx_to_token) == {"<unk>", " ", *LETTERS}
    assert any("the time traveller" in line for line in text.read_lines(SAMPLE))


def test_time_machine_is_the_text_of_the_book():
    path = text.data_folder() / text.FILE_NAME
    if not path.is_file():
        pytest.skip(f"{path} is not there; the course works with its sample")
    content = path.read_bytes()
    assert text.sha1(content) == text.SHA1
    assert text.find_text(urls=()) == path
    lines = text.read_lines(path)
    assert len(lines) == 3221
    assert lines[0] == "the time machine by h g wells"
    corpus, vocab = text.load_corpus(path=path)
    assert len(corpus) == 170_580
    assert len(vocab) == 28
    assert vocab.idx_to_token[:5] == ["<unk>", " ", "e", "t", "a"]


# --- finding and downloading, from a server on this machine only ---

TEXT = b"The Time Machine, by H. G. Wells\n" * 3000
TEXT_SHA1 = text.sha1(TEXT)


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
    "/page": answer(b"<html>Please log in to this network.</html>"),
    "/empty": answer(b""),
    "/missing": answer(b"no such text", status="404 Not Found"),
    "/broken": answer(b"", status="500 Internal Server Error"),
    "/silent": b"",
    "/other-protocol": b"220 mail.example.org ESMTP\r\n",
    # These arrive a byte at a time, for 15 seconds: a text, and headers.
    "/slow-text": answer(TEXT[:1500]),
    "/slow-headers": b"HTTP/1.1 200 OK\r\nX-Padding: " + b"x" * 1500,
}


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        path = self.rfile.readline().split()[1].decode()
        self.server.asked.append(path)
        while self.rfile.readline().strip():
            pass
        content = ANSWERS[path]
        size = 1 if path.startswith("/slow") else 20_000
        try:
            for start in range(0, len(content), size):
                self.wfile.write(content[start : start + size])
                time.sleep(0.01)
                if self.server.ending:
                    return
        except OSError:
            pass  # the other side has given up


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    ending = False


@pytest.fixture(scope="module")
def _server():
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.ending = True
        server.shutdown()
        thread.join()


@pytest.fixture
def server(_server, monkeypatch):
    """Addresses of the server: `server("/good")`; `server.asked` lists the paths asked for."""
    monkeypatch.setenv("no_proxy", "*")
    _server.asked = []

    def address(path):
        return "http://{}:{}".format(*_server.server_address) + path

    address.asked = _server.asked
    return address


@pytest.fixture
def expected_text(monkeypatch):
    """Let `TEXT` be what the course expects, and the log be as in a new process."""
    monkeypatch.setattr(text, "SHA1", TEXT_SHA1)
    text._announce_sample.cache_clear()
    yield
    text._announce_sample.cache_clear()


def refused_address():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}/timemachine.txt"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("path", ["/good", "/without-length", "/moved"])
def test_download_writes_what_was_sent(server, tmp_path, path):
    target = tmp_path / "new" / "a.txt"
    assert text.download(server(path), target, TEXT_SHA1) == target
    assert target.read_bytes() == TEXT
    assert names(target.parent) == ["a.txt"]


BAD_ANSWERS = [
    ("/truncated", ValueError, "sent 5000 bytes with SHA-1 .*: truncated, altered, or another"),
    ("/truncated-chunk", OSError, "broke off or did not speak HTTP: IncompleteRead"),
    ("/altered", ValueError, f"sent {len(TEXT)} bytes .* expected SHA-1 {TEXT_SHA1}"),
    ("/page", ValueError, "sent 43 bytes with SHA-1"),
    ("/empty", ValueError, "sent 0 bytes with SHA-1"),
    ("/missing", OSError, "404"),
    ("/broken", OSError, "500"),
    ("/silent", OSError, "closed connection"),
    ("/other-protocol", OSError, "did not speak HTTP: BadStatusLine"),
]


@pytest.mark.parametrize(("path", "error", "message"), BAD_ANSWERS)
def test_download_of_anything_else_is_an_error_and_leaves_nothing(
    server, tmp_path, path, error, message
):
    with pytest.raises(error, match=message):
        text.download(server(path), tmp_path / "new" / "a.txt", TEXT_SHA1)
    assert names(tmp_path) == []


def test_failed_download_leaves_an_older_file_as_it_was(server, tmp_path):
    path = write(tmp_path, "older")
    with pytest.raises(ValueError, match="altered"):
        text.download(server("/altered"), path, TEXT_SHA1)
    assert path.read_bytes() == b"older"
    assert names(tmp_path) == [path.name]


def test_refused_connection_is_an_oserror(tmp_path):
    with pytest.raises(OSError, match="refused"):
        text.download(refused_address(), tmp_path / "a.txt", TEXT_SHA1)
    assert names(tmp_path) == []


@pytest.mark.parametrize("path", ["/slow-text", "/slow-headers"])
def test_server_that_trickles_is_given_up_in_time(server, tmp_path, path):
    start = time.monotonic()
    with pytest.raises(TimeoutError, match=f"{path} did not send the whole text in time"):
        text.download(server(path), tmp_path / "a.txt", TEXT_SHA1, timeout=0.2)
    assert 0.95 < time.monotonic() - start < 10
    assert names(tmp_path) == []


def test_name_that_nobody_resolves_is_given_up_in_time(tmp_path, monkeypatch):
    ended = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments: ended.wait(15))
    start = time.monotonic()
    with pytest.raises(TimeoutError, match=r"http://course\.example/a did not send"):
        text.download("http://course.example/a", tmp_path / "a.txt", TEXT_SHA1, timeout=0.04)
    assert time.monotonic() - start < 10
    ended.set()


def test_whole_download_may_take_five_times_the_timeout_and_no_longer(tmp_path, monkeypatch):
    waited = []

    def result(future, seconds):
        waited.append(seconds)
        raise TimeoutError

    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments: [])
    monkeypatch.setattr(concurrent.futures.Future, "result", result)
    with pytest.raises(TimeoutError, match="in time"):
        text.download("http://course.example/a", tmp_path / "a.txt", TEXT_SHA1, timeout=2)
    assert waited == [10]


@pytest.mark.parametrize("call", ["replace", "fsync"])
def test_full_disk_is_an_oserror_and_leaves_nothing(server, tmp_path, monkeypatch, call):
    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="No space left"):
        text.download(server("/good"), tmp_path / "a.txt", TEXT_SHA1)
    assert names(tmp_path) == []


def test_file_in_the_place_of_the_folder_is_an_oserror(server, tmp_path):
    folder = write(tmp_path, "a file", name="folder")
    with pytest.raises(OSError, match="folder"):
        text.download(server("/good"), folder / "a.txt", TEXT_SHA1)
    assert names(tmp_path) == ["folder"]


@pytest.mark.usefixtures("expected_text")
class TestFindText:
    def test_verified_file_is_taken_and_nobody_asked(self, server, tmp_path, caplog):
        path = write(tmp_path, TEXT, text.FILE_NAME)
        assert text.find_text(tmp_path, [server("/good")]) == path
        assert server.asked == []
        assert caplog.records == []

    def test_altered_file_is_an_error_that_names_it_and_leaves_it(self, server, tmp_path):
        path = write(tmp_path, TEXT + b"!", text.FILE_NAME)
        message = f"^{re.escape(str(path))} is not The Time Machine.*expected {TEXT_SHA1}"
        with pytest.raises(ValueError, match=message):
            text.find_text(tmp_path, [server("/good")])
        assert path.read_bytes() == TEXT + b"!"
        assert server.asked == []

    def test_missing_file_is_downloaded_once(self, server, tmp_path, caplog):
        for _ in range(3):
            path = text.find_text(tmp_path, [server("/good")])
            assert path == tmp_path / text.FILE_NAME
            assert path.read_bytes() == TEXT
        assert server.asked == ["/good"]
        assert caplog.records == []

    @pytest.mark.parametrize("path", [path for path, *_ in BAD_ANSWERS])
    def test_next_address_is_tried_after_a_bad_answer(self, server, tmp_path, caplog, path):
        urls = [refused_address(), server(path), server("/good"), server("/missing")]
        assert text.find_text(tmp_path, urls).read_bytes() == TEXT
        assert server.asked == [path, "/good"]
        assert names(tmp_path) == [text.FILE_NAME]
        assert caplog.records == []

    def test_sample_is_taken_where_no_address_serves(self, server, tmp_path, caplog):
        urls = [server("/missing"), "no address at all", server("/altered"), refused_address()]
        assert text.find_text(tmp_path, urls) == SAMPLE
        assert names(tmp_path) == []
        (record,) = caplog.records
        assert (record.name, record.levelno) == ("rnnlib.text", logging.WARNING)
        line = record.getMessage()
        assert "\n" not in line
        assert "using the bundled sample" in line
        for reason in ("404", "unknown url type", "altered, or another page", "refused"):
            assert reason in line

    def test_same_reason_is_logged_once(self, server, tmp_path, caplog):
        for _ in range(3):
            assert text.find_text(tmp_path, [server("/missing")] * 2) == SAMPLE
        assert [record.getMessage().count("404") for record in caplog.records] == [1]
        text.find_text(tmp_path, [server("/page")])
        assert len(caplog.records) == 2

    def test_no_addresses_mean_the_sample(self, tmp_path, caplog):
        assert text.find_text(tmp_path, ()) == SAMPLE
        assert "no address to download it from" in caplog.text

    def test_full_disk_means_the_sample(self, server, tmp_path, monkeypatch, caplog):
        def fail(*arguments):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "replace", fail)
        assert text.find_text(tmp_path, [server("/good")]) == SAMPLE
        assert names(tmp_path) == []
        assert "No space left" in caplog.text

    def test_folder_that_cannot_be_made_means_the_sample(self, server, tmp_path, caplog):
        folder = write(tmp_path, "a file", name="folder")
        assert text.find_text(folder, [server("/good")]) == SAMPLE
        assert len(caplog.records) == 1

    def test_folder_named_by_the_environment_is_where_texts_lie(
        self, server, tmp_path, monkeypatch
    ):
        folder = tmp_path / "texts"
        monkeypatch.setenv("RNNLIB_DATA", str(folder))
        assert text.data_folder() == folder
        assert text.find_text(urls=[server("/good")]) == folder / text.FILE_NAME
        assert text.find_text(urls=[]) == folder / text.FILE_NAME

    @pytest.mark.parametrize("value", [None, ""])
    def test_without_it_texts_lie_in_the_folder_data_of_the_course(self, monkeypatch, value):
        if value is None:
            monkeypatch.delenv("RNNLIB_DATA", raising=False)
        else:
            monkeypatch.setenv("RNNLIB_DATA", value)
        assert text.data_folder() == SAMPLE.parent

    def test_threads_at_once_all_end_with_the_verified_file(self, server, tmp_path):
        found = []

        def work():
            path = text.find_text(tmp_path, [server("/good")])
            found.append(text.sha1(path.read_bytes()))

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [TEXT_SHA1] * 6
        assert names(tmp_path) == [text.FILE_NAME]

    @pytest.mark.skipif(
        "fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this system"
    )
    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
    def test_processes_at_once_both_end_with_the_verified_file(self, server, tmp_path):
        def work():
            path = text.find_text(tmp_path, [server("/good")])
            os._exit(0 if path.read_bytes() == TEXT else 1)

        context = multiprocessing.get_context("fork")
        processes = [context.Process(target=work) for _ in range(2)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(30)
        assert [process.exitcode for process in processes] == [0, 0]
        assert len(server.asked) == 2
        assert names(tmp_path) == [text.FILE_NAME]


def test_course_knows_two_addresses_of_its_text():
    assert len(text.URLS) == 2
    assert all(url.endswith("/" + text.FILE_NAME) for url in text.URLS)


@pytest.mark.parametrize("expected", ["0" * 40, "f" * 40])
def test_download_is_refused_whatever_the_order_of_the_fingerprints(server, tmp_path, expected):
    with pytest.raises(ValueError, match=f"expected SHA-1 {expected}"):
        text.download(server("/good"), tmp_path / "a.txt", expected)
    assert names(tmp_path) == []


def test_download_given_up_does_not_keep_the_process_alive(tmp_path, monkeypatch):
    ended, before = threading.Event(), set(threading.enumerate())
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments: ended.wait(15))
    start = time.monotonic()
    with pytest.raises(TimeoutError):
        text.download("http://course.example/a", tmp_path / "a.txt", TEXT_SHA1, timeout=0.04)
    assert time.monotonic() - start < 4
    left = set(threading.enumerate()) - before
    ended.set()
    assert [thread.daemon for thread in left] == [True]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (text.tokenize, "lines must be a list of lines, got int"),
        (text.flatten, "tokens must be a list of tokens, got int"),
        (text.Vocab, "tokens must be a list of tokens, got int"),
        (text.read_lines, "path must be a str or a Path, got int"),
        (text.find_text, "folder must be a str or a Path, got int"),
    ],
)
def test_number_in_the_place_of_a_list_or_a_path_is_named(call, message):
    with pytest.raises(TypeError, match=f"^{message}$"):
        call(3)


def test_pair_of_words_is_one_token_and_a_list_of_them_is_not():
    assert text.flatten([("the", "time"), ["a", ("b", "c")]]) == [
        ("the", "time"),
        "a",
        ("b", "c"),
    ]


@pytest.mark.parametrize("tokens", [[1], ["a", None], [["a", 2.0]], [("a", 1)], [("a", ("b",))]])
def test_token_that_is_no_text_is_refused(tokens):
    with pytest.raises(TypeError, match=r"^tokens must hold str only, got "):
        text.Vocab(tokens)
    with pytest.raises(TypeError, match=r"^idx_to_token must hold str only, got "):
        text.Vocab.from_list(["<unk>", *tokens])


# --- the checks of arguments at their limits ---


def test_whole_number_may_reach_its_limits_and_not_pass_them():
    assert [checks.whole_number("n", value, 2, 3) for value in (2, 3)] == [2, 3]
    with pytest.raises(ValueError, match=r"^n must be at least 2, got 1$"):
        checks.whole_number("n", 1, 2, 3)
    with pytest.raises(ValueError, match=r"^n must be at most 3, got 4$"):
        checks.whole_number("n", 4, 2, 3)


def test_real_number_may_be_any_float_within_its_limits():
    largest = 1.7976931348623157e308
    for value in (-largest, 0.0, largest):
        assert checks.real_number("x", value, least=-math.inf) == value
    assert [checks.real_number("x", value, 2, 3) for value in (2, 3)] == [2.0, 3.0]
    for value in (1.9, 3.1, math.inf, -math.inf, math.nan, 10**400):
        with pytest.raises(ValueError, match=r"^x must be a finite number, from 2 to 3, got "):
            checks.real_number("x", value, 2, 3)


def test_as_many_numbers_as_two_to_the_31st_fit_in_memory_and_no_more():
    checks.affordable("size", 2**31)
    with pytest.raises(ValueError, match=r"^size must fit in memory"):
        checks.affordable("size", 2**31 + 1)


@pytest.mark.parametrize("shape", [(), (2, 2)])
def test_indices_must_have_neither_fewer_nor_more_axes(shape):
    with pytest.raises(ValueError, match=r"^x must have 1 dimensions, got shape "):
        checks.index_tensor("x", torch.zeros(shape, dtype=torch.int64), num_dims=1)


def test_sequences_to_be_paired_must_be_of_one_length():
    checks.same_length("pairs", "ab", [1, 2])
    for first, second in (("a", "bc"), ("ab", "c")):
        with pytest.raises(ValueError, match=r"^pairs must zip to pairs, got "):
            checks.same_length("pairs", first, second)


@pytest.mark.parametrize("expected", ["0" * 40, "f" * 40])
def test_file_is_refused_whatever_the_order_of_the_fingerprints(tmp_path, monkeypatch, expected):
    monkeypatch.setattr(text, "SHA1", expected)
    write(tmp_path, TEXT, text.FILE_NAME)
    with pytest.raises(ValueError, match=f"expected {expected}"):
        text.find_text(tmp_path, ())


def test_list_that_begins_with_a_blank_is_no_vocabulary():
    with pytest.raises(ValueError, match=r"^idx_to_token must begin with '<unk>', got \[' '\]$"):
        text.Vocab.from_list([" ", "<unk>"])


def test_line_that_is_no_text_is_refused():
    for token in ("char", "word"):
        with pytest.raises(TypeError, match=r"^lines must hold str only, got list among them$"):
            text.tokenize(["a line", ["b"]], token)


def test_download_may_take_five_times_the_timeout(tmp_path, monkeypatch):
    left = []

    def fetch(url, timeout, deadline):
        left.append(deadline - time.monotonic())
        return TEXT

    monkeypatch.setattr(text, "_fetch", fetch)
    text.download("http://course.example/a", tmp_path / "a.txt", TEXT_SHA1, timeout=100.0)
    assert left == [pytest.approx(500, abs=20)]
