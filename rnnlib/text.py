"""A text file -> cleaned lines -> tokens -> `Vocab` -> one tensor of indices.

Cleaning, tokens and vocabulary follow section 8.2 of *Dive into Deep Learning*
(Zhang et al., 2023), so that indices agree with the book's.
"""

import collections
import concurrent.futures
import functools
import hashlib
import http.client
import logging
import os
import re
import threading
import time
import urllib.request
from collections.abc import Iterable, Sequence
from numbers import Integral
from pathlib import Path

import torch

from rnnlib.checks import each_of, file_path, one_of, real_number, whole_number
from rnnlib.files import write_atomically

COURSE_FOLDER = Path(__file__).resolve().parent.parent
FILE_NAME = "timemachine.txt"
SHA1 = "090b5e7e70c295757f55df93cb0a180b9691891a"
URLS = (
    "http://d2l-data.s3-accelerate.amazonaws.com/timemachine.txt",
    "https://raw.githubusercontent.com/d2l-ai/d2l-zh/"
    "592fbef84a684e752393edbf267c07dbc53e082b/data/timemachine.txt",
)
log = logging.getLogger(__name__)


def sha1(content: bytes) -> str:
    """The SHA-1 of `content` in hexadecimal: a fingerprint, not a protection."""
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


def _fetch(url: str, timeout: float, deadline: float) -> bytes:
    content = b""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as response:
            # read1 returns what has arrived, so a server that trickles cannot outlast us.
            while piece := response.read1(65536):
                content += piece
                if time.monotonic() > deadline:
                    raise TimeoutError
    except http.client.HTTPException as error:
        raise OSError(f"{url} broke off or did not speak HTTP: {error!r}") from error
    return content


def download(url: str, path: str | Path, expected_sha1: str, timeout: float = 4.0) -> Path:
    """Fetch `url`, verify it, and only then write it to `path`, atomically.

    `timeout` is in seconds; the whole download may take five times as long, no longer.
    Raises `OSError` if the address does not answer (in time) or the file cannot be written,
    and `ValueError` if what came is not the text with the SHA-1 `expected_sha1`.
    """
    if not isinstance(url, str):
        raise TypeError(f"url must be a str, got {type(url).__name__}")
    path, timeout = file_path("path", path), real_number("timeout", timeout, most=1e6)
    answer = concurrent.futures.Future()

    def work() -> None:
        try:
            answer.set_result(_fetch(url, timeout, time.monotonic() + 5 * timeout))
        except Exception as error:
            answer.set_exception(error)

    # In a thread, since looking up the name, trying each of its addresses and reading the
    # headers may each take a timeout or more, and nothing there knows of a deadline.
    threading.Thread(target=work, daemon=True).start()
    try:
        content = answer.result(5 * timeout)
    except TimeoutError as error:
        raise TimeoutError(f"{url} did not send the whole text in time") from error
    if sha1(content) != expected_sha1:
        raise ValueError(
            f"{url} sent {len(content)} bytes with SHA-1 {sha1(content)}, "
            f"expected SHA-1 {expected_sha1}: truncated, altered, or another page"
        )
    return write_atomically(path, lambda file: file.write(content))


def data_folder() -> Path:
    """Where texts lie: the folder named by `RNNLIB_DATA`, else the course's `data/`."""
    return Path(os.environ.get("RNNLIB_DATA") or COURSE_FOLDER / "data")


@functools.cache
def _announce_sample(reasons: str) -> None:
    # Cached, so the line appears once in a process and not at every call.
    log.warning("The Time Machine is not at hand (%s): using the bundled sample.", reasons)


def find_text(folder: str | Path | None = None, urls: Sequence[str] = URLS) -> Path:
    """Return the path of the text to read: *The Time Machine*, or else the bundled sample.

    Tried in this order: `timemachine.txt` in `folder` (default `data_folder()`), a download
    from each of `urls` into `folder`, `data/sample.txt` of the course, with one line of log.
    Raises `ValueError` if a `timemachine.txt` is there but is not the expected text.
    """
    folder = data_folder() if folder is None else file_path("folder", folder)
    path = folder / FILE_NAME
    if path.is_file():
        found = sha1(path.read_bytes())
        if found != SHA1:
            raise ValueError(
                f"{path} is not The Time Machine as the course expects it: SHA-1 {found}, "
                f"expected {SHA1}. Move or delete it, and it will be downloaded again."
            )
        return path
    if isinstance(urls, str):
        raise TypeError("urls must be a list of addresses, got one str")
    reasons = []
    for url in each_of("urls", urls, "a list of addresses"):
        try:
            return download(url, path, SHA1)
        except (OSError, ValueError) as error:
            reasons.append(str(error))
    _announce_sample("; ".join(dict.fromkeys(reasons)) or "no address to download it from")
    return COURSE_FOLDER / "data" / "sample.txt"


def read_lines(path: str | Path | None = None) -> list[str]:
    """Read a text and keep only its letters: lower case, all else turned into one blank.

    One cleaned line for each line of the file, empty ones included. `path` defaults to
    `find_text()`. Raises `ValueError` if the file is not UTF-8 or holds NUL.
    """
    path = find_text() if path is None else file_path("path", path)
    try:
        # Not splitlines(), which would end a line at a form feed or at U+2028, too.
        with open(path, encoding="utf-8") as file:
            lines = file.readlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"path must name a text in UTF-8, but {path} is not: {error}") from error
    # UTF-16 without a mark at its start is UTF-8 too, if one takes NUL for a character.
    if any("\0" in line for line in lines):
        raise ValueError(f"path must name a text in UTF-8, but {path} is not: it holds NUL")
    return [re.sub("[^A-Za-z]+", " ", line).strip().lower() for line in lines]


def tokenize(lines: Sequence[str], token: str = "char") -> list[list[str]]:
    """Split each line into characters (`token="char"`) or words (`token="word"`)."""
    one_of("token", token, ("char", "word"))
    if isinstance(lines, str):
        raise TypeError("lines must be a list of lines, got one str")
    lines = list(each_of("lines", lines, "a list of lines"))
    for line in lines:
        if not isinstance(line, str):
            raise TypeError(f"lines must hold str only, got {type(line).__name__} among them")
    return [list(line) if token == "char" else line.split() for line in lines]


def flatten(tokens: Iterable) -> list[str]:
    """One list of tokens out of a list of tokens or a list of lists of tokens.

    A token is a str, or a tuple of them (a pair of words, say).
    """
    flat = []
    for part in each_of("tokens", tokens, "a list of tokens"):
        flat.extend(part if isinstance(part, list) else [part])
    _check_tokens("tokens", flat)
    return flat


def _check_tokens(name: str, tokens: Iterable) -> None:
    for token in tokens:
        if not all(isinstance(part, str) for part in (token if type(token) is tuple else [token])):
            raise TypeError(f"{name} must hold str only, got {type(token).__name__} among them")


class Vocab:
    """Tokens numbered: `<unk>` is 0, then `reserved_tokens`, then the most frequent first.

    Equally frequent tokens keep the order in which the text first shows them, so the same
    text always gives the same numbers. `vocab["a"]` and `vocab[["a", "b"]]` look up indices
    (0 for an unknown token); `to_tokens` goes back. `tokens` is a list of tokens or a list
    of lists; those seen fewer than `min_freq` times are left out.
    """

    def __init__(self, tokens: Iterable | None = None, min_freq: int = 0, reserved_tokens=None):
        whole_number("min_freq", min_freq, least=0)
        if isinstance(reserved_tokens, str):
            raise TypeError("reserved_tokens must be a list of tokens, got one str")
        reserved_tokens = flatten(() if reserved_tokens is None else reserved_tokens)
        counts = collections.Counter(flatten(() if tokens is None else tokens))
        self.token_freqs = counts.most_common()
        kept = [token for token, count in self.token_freqs if count >= min_freq]
        self.idx_to_token = list(dict.fromkeys(["<unk>", *reserved_tokens, *kept]))
        self.token_to_idx = {token: index for index, token in enumerate(self.idx_to_token)}

    @classmethod
    def from_list(cls, idx_to_token: Sequence[str]) -> "Vocab":
        """The vocabulary whose token number i is `idx_to_token[i]` (as stored in a file)."""
        if not isinstance(idx_to_token, list | tuple):
            found = type(idx_to_token).__name__
            raise TypeError(f"idx_to_token must be a list of tokens, got {found}")
        _check_tokens("idx_to_token", idx_to_token)
        if not idx_to_token or idx_to_token[0] != "<unk>":
            raise ValueError(f"idx_to_token must begin with '<unk>', got {idx_to_token[:1]!r}")
        if len(set(idx_to_token)) != len(idx_to_token):
            raise ValueError("idx_to_token must name each token once")
        return cls(reserved_tokens=idx_to_token[1:])

    def __len__(self) -> int:
        return len(self.idx_to_token)

    def __getitem__(self, tokens):
        if isinstance(tokens, list | tuple):
            return [self[token] for token in tokens]
        if not isinstance(tokens, str):
            raise TypeError(f"tokens must be str or lists of str, got {type(tokens).__name__}")
        return self.token_to_idx.get(tokens, self.unk)

    def to_tokens(self, indices):
        """The token for an index, or the list of tokens for a list or tensor of indices."""
        if isinstance(indices, torch.Tensor):
            if indices.is_meta:
                raise ValueError("indices must hold values, got a tensor on the device meta")
            indices = indices.tolist()
        if isinstance(indices, list | tuple):
            if set(map(type, indices)) == {int} and 0 <= min(indices) <= max(indices) < len(self):
                return [self.idx_to_token[index] for index in indices]  # many at once, soon done
            return [self.to_tokens(index) for index in indices]
        if isinstance(indices, bool) or not isinstance(indices, Integral):
            raise TypeError(f"indices must be int, got {type(indices).__name__}")
        if not 0 <= indices < len(self):
            raise ValueError(f"indices must be from 0 to {len(self) - 1}, got {indices}")
        return self.idx_to_token[indices]

    @property
    def unk(self) -> int:
        """The index of the unknown token."""
        return 0


def load_corpus(
    max_tokens: int | None = None, token: str = "char", path: str | Path | None = None
) -> tuple[torch.Tensor, Vocab]:
    """The whole text as indices `(num_tokens,)`, int64, and the vocabulary they refer to.

    The vocabulary counts the whole text; `max_tokens` then keeps the first so many indices.
    Lines are joined with nothing between them, as in d2l.
    """
    if max_tokens is not None:
        whole_number("max_tokens", max_tokens)
    tokens = flatten(tokenize(read_lines(path), token))
    vocab = Vocab(tokens)
    return torch.tensor(vocab[tokens[:max_tokens]], dtype=torch.int64), vocab
