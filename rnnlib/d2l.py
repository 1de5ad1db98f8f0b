"""Names, arguments and results of d2l 0.17, for code from *Dive into Deep Learning*, ch. 8 and 9.

from rnnlib import d2l          # in place of: from d2l import torch as d2l
"""

import collections
import hashlib
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from rnnlib import batches, fast, text, training
from rnnlib.d2l_names import *  # noqa: F403
from rnnlib.d2l_names import Animator, Timer, __getattr__, sgd  # noqa: F401
from rnnlib.text import Vocab

DATA_URL = "http://d2l-data.s3-accelerate.amazonaws.com/"
DATA_HUB = {"time_machine": (DATA_URL + text.FILE_NAME, text.SHA1)}


def download(name, cache_dir=None):
    """The path of the file `DATA_HUB[name]`, (address, SHA-1), which is fetched if need be."""
    url, sha1 = DATA_HUB[name]
    if sha1 == text.SHA1:  # without a network, the bundled sample
        return str(text.find_text(cache_dir, (url, *text.URLS)))
    path = Path(cache_dir or text.data_folder(), url.rpartition("/")[2])
    if not path.is_file() or hashlib.sha1(path.read_bytes()).hexdigest() != sha1:
        text.download(url, path, sha1, seconds=300)
    return str(path)


def read_time_machine():
    """The lines of the text, cleaned."""
    return text.read_lines(download("time_machine"))


def tokenize(lines, token="word"):
    """Each line as a list of words, or of characters."""
    return text.tokenize(lines, token)


def count_corpus(tokens):
    """How often each token occurs."""
    return collections.Counter(text.flatten(tokens))


def load_corpus_time_machine(max_tokens=-1):
    """The text as a list of indices, and the vocabulary of its characters."""
    characters = tokenize(read_time_machine(), "char")
    vocab = Vocab(characters)
    corpus = vocab[text.flatten(characters)]
    return corpus[: max_tokens if max_tokens > 0 else None], vocab


def seq_data_iter_random(corpus, batch_size, num_steps):
    """Minibatches of windows in random order."""
    return batches.random_batches(torch.as_tensor(corpus), batch_size, num_steps)


def seq_data_iter_sequential(corpus, batch_size, num_steps):
    """Minibatches whose rows go on where those of the one before ended."""
    return batches.sequential_batches(torch.as_tensor(corpus), batch_size, num_steps)


class SeqDataLoader:
    """The minibatches of the text, for many epochs."""

    def __init__(self, batch_size, num_steps, use_random_iter, max_tokens):
        self.data_iter_fn = seq_data_iter_random if use_random_iter else seq_data_iter_sequential
        self.corpus, self.vocab = load_corpus_time_machine(max_tokens)
        self.batch_size, self.num_steps = batch_size, num_steps

    def __iter__(self):
        return self.data_iter_fn(self.corpus, self.batch_size, self.num_steps)


def load_data_time_machine(batch_size, num_steps, use_random_iter=False, max_tokens=10000):
    """The minibatches of the text, and its vocabulary."""
    loader = SeqDataLoader(batch_size, num_steps, use_random_iter, max_tokens)
    return loader, loader.vocab


class RNNModelScratch:
    """A language model out of parameters and functions."""

    def __init__(self, vocab_size, num_hiddens, device, get_params, init_state, forward_fn):
        self.vocab_size, self.num_hiddens = sizes = vocab_size, num_hiddens
        self.params = get_params(*sizes, device)
        self.forward_fn, self.init_state = forward_fn, init_state

    def __call__(self, X, state):
        one_hot = nn.functional.one_hot(X.T.long(), self.vocab_size).float()
        return self.forward_fn(one_hot, state, self.params)

    def begin_state(self, batch_size, device):
        return self.init_state(batch_size, self.num_hiddens, device)


class RNNModel(nn.Module):
    """A language model around a recurrent layer, `rnn`, with an output layer, `linear`."""

    def __init__(self, rnn_layer, vocab_size, **kwargs):
        super().__init__(**kwargs)
        self.rnn = rnn_layer
        self.vocab_size, self.num_hiddens = vocab_size, rnn_layer.hidden_size
        self.num_directions = 2 if rnn_layer.bidirectional else 1
        self.linear = nn.Linear(self.num_directions * self.num_hiddens, vocab_size)

    @fast.writable
    def forward(self, inputs, state):
        """Logits `(num_steps * batch_size, vocab_size)`, time first, and the last state."""
        # A minibatch with as many rows as steps would go through, its texts mixed up.
        if getattr(self.rnn, "batch_first", False):
            raise ValueError("rnn_layer must be time-first, got one with batch_first=True")
        x = inputs.T.long()  # indices; fast.run takes them for one-hot rows
        if getattr(self.rnn, "input_size", None) != self.vocab_size:
            x = nn.functional.one_hot(x, self.vocab_size).float()
        output, state = fast.run(self.rnn, x, state)
        return self.linear(output.flatten(0, 1)), state

    def begin_state(self, device=None, batch_size=None):
        """Zeros, for an LSTM a pair of them, on `device` or else where the weights are."""
        if batch_size is None:  # rnnlib's own functions give no more than that
            device, batch_size = (None, device) if isinstance(device, int) else (device, 1)
        like = next(self.rnn.parameters(), torch.empty(0))
        shape = self.num_directions * self.rnn.num_layers, batch_size, self.num_hiddens
        h, c = (like.new_zeros(shape, device=device) for _ in "hc")
        return (h, c) if type(self.rnn).__name__ == "LSTM" or isinstance(self.rnn, nn.LSTM) else h


def grad_clipping(net, theta):
    """Scale all gradients together so that their norm does not exceed `theta`."""
    weights = net.parameters() if isinstance(net, nn.Module) else net.params
    grads = [weight.grad for weight in weights if weight.grad is not None]
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in grads]))
    if not norm.is_cpu or norm > theta:  # a GPU would have to finish all its work to say so
        scale = torch.where(norm > theta, theta / norm, 1.0)
        for grad in grads:
            grad.mul_(scale)


def train_epoch_ch8(net, train_iter, loss, updater, device, use_random_iter):
    """Perplexity of the epoch, and tokens per second."""
    timer, state, losses, num_tokens = Timer(), None, [], 0
    if isinstance(updater, torch.optim.Optimizer):
        clear, step = updater.zero_grad, updater.step
    else:  # a function, which clears the gradients after its step
        clear, step = bool, partial(updater, batch_size=1)
    for X, Y in train_iter:
        if use_random_iter or state is None:
            state = net.begin_state(batch_size=len(X), device=device)
        else:
            for part in [state] if isinstance(state, Tensor) else state:
                part.detach_()
        logits, state = net(X.to(device), state)
        mean_loss = loss(logits, Y.T.flatten().to(device).long()).mean()
        clear()
        mean_loss.backward()
        grad_clipping(net, 1)
        step()
        losses.append(mean_loss.detach() * Y.numel())
        num_tokens += Y.numel()
    total = sum(torch.stack(losses).tolist())  # a GPU hands over its numbers only now
    return training.perplexity(total / num_tokens), num_tokens / timer.stop()


@torch.no_grad()
def predict_ch8(prefix, num_preds, net, vocab, device):
    """The prefix and `num_preds` tokens more, each time the most probable one."""
    indices = [vocab[prefix[0]], *(vocab[token] for token in prefix[1:])]
    with training.evaluating(net if isinstance(net, nn.Module) else nn.Module()):
        state = net.begin_state(batch_size=1, device=device)
        write = fast.writer(net, state) if isinstance(net, RNNModel) else None
        for position in range(len(indices) + num_preds - 1):
            index = indices[position]
            if write:
                logits = write(int(index))
            else:
                logits, state = net(torch.tensor([[index]], device=device), state)
            if position == len(indices) - 1:
                indices.append(int(logits.argmax()))
    return "".join(vocab.idx_to_token[index] for index in indices)


def train_ch8(net, train_iter, vocab, lr, num_epochs, device, use_random_iter=False):
    """Train, drawing the perplexity and printing text as the book does."""
    board = Animator(xlabel="epoch", ylabel="perplexity", legend=["train"], xlim=[10, num_epochs])
    module = isinstance(net, nn.Module)
    updater = torch.optim.SGD(net.parameters(), lr) if module else partial(sgd, net.params, lr)
    loss = nn.CrossEntropyLoss()
    rest = 50, net, vocab, device
    for epoch in range(1, num_epochs + 1):
        result = train_epoch_ch8(net, train_iter, loss, updater, device, use_random_iter)
        if epoch % 10 == 0:
            print(predict_ch8("time traveller", *rest))
            board.add(epoch, [result[0]])
    print("perplexity {:.1f}, {:.1f} tokens/sec on {!s}".format(*result, device))
    print(predict_ch8("time traveller", *rest), predict_ch8("traveller", *rest), sep="\n")
