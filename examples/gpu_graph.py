"""A whole training step as one CUDA graph: on a GPU, a step of a small network is mostly launches.

A step of the recipe of chapter 9 is some hundred small operations, and launching one takes longer
than running it. A graph is captured once and then launched as a whole. For that, everything must
stay in its place: X, Y and the state are copied into fixed tensors, the optimizer makes no
decision on the CPU (plain SGD, or Adam with `capturable=True`), and no number is read in between.
"""

import torch
from torch import nn
from torch.nn import functional as F


class GraphedStep:
    """`loss = step(X, Y)`: forward, backward, clipping and update, the state carried on.

    `model` is a `rnnlib.models.LanguageModel` or one with the same call. X and Y are
    `(batch_size, num_steps)` of the shape given first. The loss is a tensor on the device that the
    next call overwrites. On the CPU the same step runs without a graph.
    """

    def __init__(self, model, optimizer, X, Y, max_norm=1.0):
        self.model, self.optimizer, self.max_norm = model, optimizer, max_norm
        device = next(model.parameters()).device
        self.X, self.Y, self.graph = X.to(device).clone(), Y.to(device).clone(), None
        state = model.begin_state(len(X))
        self.state = state if isinstance(state, tuple) else (state,)
        if device.type == "cuda":
            self._capture()

    def _capture(self) -> None:
        kept = [p.detach().clone() for p in self.model.parameters()]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):  # what is set up at the first calls must not be captured
            for _ in range(3):
                self._run()
        torch.cuda.current_stream().wait_stream(side)
        self.optimizer.zero_grad(set_to_none=True)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.loss = self._run()
        with torch.no_grad():  # the first calls trained: back to the beginning
            for parameter, value in zip(self.model.parameters(), kept, strict=True):
                parameter.copy_(value)
        for values in self.optimizer.state.values():
            for value in values.values():
                value.zero_()
        self.reset()

    def _run(self):
        self.optimizer.zero_grad(set_to_none=True)
        logits, state = self.model(self.X, self.state if len(self.state) > 1 else self.state[0])
        loss = F.cross_entropy(logits, self.Y.T.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.max_norm, foreach=True)
        self.optimizer.step()
        for kept, new in zip(self.state, state if len(self.state) > 1 else (state,), strict=True):
            kept.copy_(new.detach())
        return loss.detach()

    def reset(self) -> None:
        """Begin an epoch: the state is zero again."""
        for part in self.state:
            part.zero_()

    def __call__(self, X, Y):
        self.X.copy_(X)
        self.Y.copy_(Y)
        if self.graph is None:
            return self._run()
        self.graph.replay()
        return self.loss


def train_epoch(step: GraphedStep, batches) -> float:
    """The mean loss in nats over all minibatches of the captured shape."""
    step.reset()
    losses = [step(X, Y).clone() for X, Y in batches]
    return torch.stack(losses).mean().item()
