"""A text file -> cleaned lines -> tokens -> `Vocab` -> one tensor of indices.

As in *Dive into Deep Learning* (Zhang et al., 2023), section 8.2: indices agree with the book's.
"""

import collections
import contextlib
import hashlib
import logging
import os
import re
import threading
import time
import unicodedata
import urllib.request
from pathlib import Path

import torch

from rnnlib.checkpoints import write_atomically

COURSE_FOLDER = Path(__file__).resolve().parent.parent
FILE_NAME = "timemachine.txt"
SHA1 = "090b5e7e70c295757f55df93cb0a180b9691891a"
SHA256 = "8424dbd9532ac81f7e5f0b6add90e6952baea29158309d7d1bf3884f4e12c516"
URLS = (
    "https://d2l-data.s3-accelerate.amazonaws.com/timemachine.txt",
    "https://raw.githubusercontent.com/d2l-ai/d2l-zh/"
    "592fbef84a684e752393edbf267c07dbc53e082b/data/timemachine.txt",
)
SECONDS, MOST_BYTES = 8.0, 2**26  # for all addresses together; for one download
PAUSE = 3600.0  # seconds in which no address is tried again, once all have failed
log = logging.getLogger(__name__)


def download(url: str, path: str | Path, sha1: str, seconds: float = SECONDS) -> Path:
    """Fetch `url`, verify it, and only then write it to `path`, atomically.

    Raises `OSError` if it is not there within `seconds`, `ValueError` if it has another SHA-1.
    """
    content, problems = bytearray(), []

    def fetch() -> None:
        try:
            with urllib.request.urlopen(url, timeout=seconds) as response:
                content.extend(response.read(MOST_BYTES))
        except Exception as error:  # of HTTP, TLS, DNS: there are many
            problems.append(error)

    # In a thread: looking up a name, shaking hands and a trickling server know of no deadline.
    worker = threading.Thread(target=fetch, daemon=True)
    worker.start()
    worker.join(seconds)
    if worker.is_alive() or problems:
        raise OSError(f"{url}: {problems[0] if problems else f'no answer in {seconds:.0f} s'}")
    if hashlib.sha1(content, usedforsecurity=False).hexdigest() != sha1:
        raise ValueError(f"{url} sent {len(content)} bytes that are not the text")
    return write_atomically(path, lambda file: file.write(content))


def data_folder() -> Path:
    """Where texts lie: the folder named by `RNNLIB_DATA`, else the course's `data/`."""
    return Path(os.environ.get("RNNLIB_DATA") or COURSE_FOLDER / "data")


def find_text(folder: str | Path | None = None, urls=URLS) -> Path:
    """The path of *The Time Machine*, or of the bundled sample if the text cannot be had.

    It is `timemachine.txt` in `folder` (default `data_folder()`), or comes from one of `urls`,
    within seconds; once all have failed, they are not tried again for an hour. Raises
    `ValueError` if the file is another text.
    """
    folder = data_folder() if folder is None else Path(folder)
    path, given_up = folder / FILE_NAME, folder / ".not-reached"
    paused = given_up.is_file() and time.time() - given_up.stat().st_mtime < PAUSE
    if not path.is_file() and not paused:
        log.warning("Looking for The Time Machine, for %.0f seconds at most ...", SECONDS)
        for url in urls:
            try:
                download(url, path, SHA1, SECONDS / len(urls))
                break
            except (OSError, ValueError) as error:
                log.info("%s", error)
        else:
            with contextlib.suppress(OSError):  # a folder that nobody may write to
                write_atomically(given_up, lambda file: None)
    if not path.is_file():
        log.warning("The Time Machine is not at hand: reading the bundled sample instead.")
        return COURSE_FOLDER / "data" / "sample.txt"
    # Another edition, or one that an editor saved anew, would give other numbers on every page.
    if hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
        raise ValueError(f"{path} is not the course's text: delete it to download that anew")
    return path


def read_lines(path: str | Path | None = None, keep: str = "A-Za-z") -> list[str]:
    r"""The lines of a text (default `find_text()`), cleaned and in lower case.

    All but `keep`, the inside of a regular expression's [...], becomes one blank. `r"\w"` keeps
    any script. Raises `ValueError` if the file is not UTF-8, or if nothing is left of it.
    """
    path = find_text() if path is None else Path(path)
    # NFC: a letter with an accent may come as one character or as two.
    content = unicodedata.normalize("NFC", path.read_text(encoding="utf-8"))
    lines = content.removesuffix("\n").split("\n")  # splitlines() ends one at a form feed, too
    lines = [re.sub(f"[^{keep}]+", " ", line).strip().lower() for line in lines]
    if not any(lines):  # a corpus of nothing would train nothing, and say nothing
        raise ValueError(rf'{path} has none of [{keep}]: choose what to keep, as in keep=r"\w"')
    return lines


def tokenize(lines: list[str], token: str = "char") -> list[list[str]]:
    """Split each line into characters (`token="char"`) or words (`token="word"`)."""
    return list(map({"char": list, "word": str.split}[token], lines))


def flatten(tokens) -> list:
    """One list of tokens out of a list of tokens, or of lists of them."""
    return [t for part in tokens for t in (part if isinstance(part, list) else [part])]


class Vocab:
    """Tokens numbered: `<unk>` is 0, then `reserved_tokens`, then the most frequent first.

    Equally frequent ones keep the order of the text; those seen fewer than `min_freq` times are
    left out. `vocab["a"]` or `vocab[["a", "b"]]` looks up indices, 0 for an unknown token.
    """

    unk = 0

    def __init__(self, tokens=None, min_freq=0, reserved_tokens=None):
        self.token_freqs = collections.Counter(flatten(tokens or ())).most_common()
        kept = [token for token, count in self.token_freqs if count >= min_freq]
        self.idx_to_token = list(dict.fromkeys(["<unk>", *(reserved_tokens or ()), *kept]))
        self.token_to_idx = {token: index for index, token in enumerate(self.idx_to_token)}

    @classmethod
    def from_list(cls, idx_to_token) -> "Vocab":
        """The vocabulary whose token number i is `idx_to_token[i]`; number 0 is `<unk>`."""
        vocab = cls(reserved_tokens=idx_to_token[1:])
        if vocab.idx_to_token != list(idx_to_token):  # numbers would mean other tokens
            raise ValueError("idx_to_token must begin with <unk> and name each token once")
        return vocab

    def __len__(self) -> int:
        return len(self.idx_to_token)

    def __getitem__(self, tokens):
        if isinstance(tokens, list | tuple):
            return [self[token] for token in tokens]
        return self.token_to_idx.get(tokens, self.unk)

    def to_tokens(self, indices):
        """The token for an index, or the list of tokens for a list or tensor of indices."""
        indices = indices.tolist() if isinstance(indices, torch.Tensor) else indices
        if isinstance(indices, list | tuple):
            return [self.to_tokens(index) for index in indices]
        if indices < 0:  # Python would count from the end
            raise IndexError(f"indices must not be negative, got {indices}")
        return self.idx_to_token[indices]


def load_corpus(max_tokens=None, token="char", path=None, keep="A-Za-z"):
    """The whole text as indices `(num_tokens,)`, int64, and the vocabulary they refer to.

    Lines are joined with nothing between them, as in d2l; of the indices, `max_tokens` are kept.
    """
    tokens = flatten(tokenize(read_lines(path, keep), token))
    vocab = Vocab(tokens)
    return torch.tensor(vocab[tokens[:max_tokens]], dtype=torch.int64), vocab
