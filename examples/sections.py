from d2l import torch as d2l  # the line that a reader changes

# ruff: noqa
import random

import torch
from torch import nn
from torch.nn import functional as F

device = d2l.try_gpu()
devices = [d2l.try_gpu(99), *d2l.try_all_gpus()]
torch.manual_seed(1)
random.seed(1)

# 8.1 Sequence models: a noisy wave, a small network, one step ahead and many.
count, reach = 240, 4
when = d2l.arange(count, dtype=d2l.float32)
wave = d2l.sin(when / 15) + d2l.normal(0, 0.1, (count,))
windows = d2l.stack([wave[i : count - reach + i] for i in range(reach)], dim=1)
answers = d2l.reshape(wave[reach:], (-1, 1))
predictor = nn.Sequential(nn.Linear(reach, 8), nn.ReLU(), nn.Linear(8, 1))
for layer in predictor:
    if type(layer) == nn.Linear:
        nn.init.xavier_uniform_(layer.weight)
rule, adam = nn.MSELoss(reduction="none"), torch.optim.Adam(predictor.parameters(), 0.01)
losses, timer, sums = [], d2l.Timer(), d2l.Accumulator(2)
for _ in range(4):
    for past, future in d2l.load_array((windows[:150], answers[:150]), 16):
        adam.zero_grad()
        rule(predictor(past), future).sum().backward()
        adam.step()
    in_order = d2l.load_array((windows[150:], wave[reach + 150 :]), 16, is_train=False)
    losses.append(d2l.evaluate_loss(predictor, in_order, rule))
    sums.add(1, losses[-1])
    timer.stop()
totals = [sums[0], sums.data, len(timer.times), sums.reset(), sums[1]]
ahead = d2l.numpy(predictor(windows))[:, 0]
lines_drawn, axes = [], d2l.plt.figure().add_subplot()
for X, Y in ([when, when[reach:]], [d2l.numpy(wave), ahead]), (when, wave), ([1, 2], [[3, 4], [5, 6]]), (
    d2l.tensor([[1, 2, 3], [4, 5, 6]]), None), ([3, 4, 5], None):  # fmt: skip
    d2l.plot(X, Y, "t", "x", legend=["wave", "predicted"], xlim=[1, 300], xscale="log", axes=axes)
    lines_drawn.append([(line.get_xydata().tolist(), line.get_color()) for line in axes.lines])
labels = [axes.get_xlabel(), axes.get_ylabel(), axes.get_xlim(), axes.get_xscale()]
d2l.set_axes(axes, "a", "b", [0, 4], [0, 30], "linear", "linear", [])
d2l.set_figsize((4, 2))
d2l.use_svg_display()
labels += [axes.get_ylabel(), axes.get_ylim(), d2l.plt.rcParams["figure.figsize"]]

# 8.2 and 8.3 Text: words, pairs and triples of them; corpora and minibatches.
content = list(open(d2l.download("time_machine")))
address = [d2l.DATA_URL, d2l.DATA_HUB["time_machine"][0]]
lines = d2l.read_time_machine()
words = [word for line in d2l.tokenize(lines) for word in line]
frequent, pairs = d2l.Vocab(words, 3, ["<pad>"]), d2l.Vocab(list(zip(words, words[1:])))
commonest = [frequent.idx_to_token, pairs.token_freqs[:20], d2l.count_corpus(words).most_common(5)]
corpora = [d2l.load_corpus_time_machine(limit)[0] for limit in (-1, 0, 1, 10000)]
corpus, vocab = d2l.load_corpus_time_machine()
vocabulary = vocab.idx_to_token
looked_up = [len(vocab), vocab.unk, vocab[["t", "Z"]], vocab.to_tokens([0, 1]), vocab.to_tokens(2)]
cuts = [list(map(list, cut(list(range(35)), batch_size=2, num_steps=5)))
        for cut in (d2l.seq_data_iter_random, d2l.seq_data_iter_sequential)]  # fmt: skip
loader = d2l.SeqDataLoader(32, 35, use_random_iter=True, max_tokens=5000)
epochs = [part for epoch in (loader, loader) for batch in epoch for part in batch]

# 8.5 and 9.1 A network from scratch; its state is a list, which may be a tuple as well.
train_iter, vocab = d2l.load_data_time_machine(16, 20, max_tokens=4000)
X, Y = next(iter(train_iter))


def begin(batch_size, num_hiddens, device):
    return [d2l.zeros((batch_size, num_hiddens), device=device)]


def parameters(num_inputs, num_hiddens, device):
    shapes = 2 * [(num_inputs, num_hiddens), (num_hiddens, num_hiddens), (num_hiddens,)]
    shapes += [(num_hiddens, num_inputs), (num_inputs,)]
    return [(0.1 * torch.randn(shape, device=device)).requires_grad_() for shape in shapes]


def gated_steps(inputs, state, params):
    (h,), logits = state, []
    for x in inputs:
        z = torch.sigmoid(d2l.matmul(x, params[0]) + h @ params[1] + params[2])
        h = z * h + (1 - z) * d2l.tanh(x @ params[3] + h @ params[4] + params[5])
        logits.append(h @ params[6] + params[7])
    return d2l.concat(logits, 0), [h]


net = d2l.RNNModelScratch(len(vocab), 48, device, parameters, begin, gated_steps)
results = [*net(X.to(device), net.begin_state(X.shape[0], device))]
loss, trained = nn.CrossEntropyLoss(), [net.params]
d2l.train_ch8(net, train_iter, vocab, 1, 10, device)
d2l.train_ch8(net, train_iter, vocab, 1, 2, device, use_random_iter=True)
board = d2l.plt.gcf().axes[0]
labels += [board.get_xlabel(), board.get_ylabel(), board.get_xlim()]
d2l.train_epoch_ch8(net, train_iter, loss, lambda batch_size: d2l.sgd(net.params, 1, batch_size),
                    device, False)  # fmt: skip

# 8.6 and 9.1 to 9.4 The same with PyTorch's layers, one and more, one way and both.
for layer in (nn.RNN(len(vocab), 64), nn.GRU(len(vocab), 64), nn.LSTM(len(vocab), 64),
              nn.LSTM(len(vocab), 32, 2), nn.LSTM(len(vocab), 32, 2, bidirectional=True)):  # fmt: skip
    net = d2l.RNNModel(layer, vocab_size=len(vocab))
    net = net.to(device)
    logits, state = net(X.to(device), net.begin_state(batch_size=16, device=device))
    loss(9 * logits, F.one_hot(Y.T, 28).reshape(-1, 28).float()).backward()
    d2l.grad_clipping(net, 1)
    results += [logits, state, *(weight.grad.clone() for weight in net.parameters())]
    print(d2l.predict_ch8("time traveller", 10, net, vocab, device))
    d2l.train_ch8(net, train_iter, vocab, 1, 5, device)
    trained.append(list(net.parameters()))

# Plots that grow; and the plain names.
double, single = d2l.Animator(legend=["a", "b"], xlim=[0, 2], nrows=2), d2l.Animator()
for board, x, y in (double, 1, [3, None]), (double, 2, [2.5, 7]), (single, [1], 2.0):
    board.add(x, y)
grown = [(b.X, b.Y, [line.get_color() for line in b.axes[0].lines]) for b in (double, single)]
square = d2l.reshape(d2l.arange(9, dtype=d2l.float32), (3, 3))
tensors = [f(square) for f in (d2l.sinh, d2l.cos, d2l.cosh, d2l.exp, d2l.abs, d2l.transpose)]
tensors += [d2l.log(square + 1), d2l.eye(3), d2l.ones(2), d2l.rand(2), d2l.linspace(0, 1, 4)]
tensors += [d2l.to(square, device), d2l.astype(square, d2l.int32), d2l.argmax(square, dim=1)]
tensors += [d2l.reduce_sum(square, dim=0), *d2l.meshgrid(square[0], square[1], indexing="ij")]
tensors.append(d2l.size(square))
