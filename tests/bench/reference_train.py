#!/usr/bin/env python3
"""The training steps of bench_train.c in PyTorch, on one thread: the peer that it is compared with.

Prints the same JSON lines (train.mlp, train.2nn, train.cnn; value in steps a second). A step is
what a PyTorch user writes: index a batch, zero_grad, forward, loss, backward, step. Each is timed by
itself and the median counts, so that a processor shared with others does not tell against PyTorch, whose
epochs are longer than ours. Needs torch; says so and ends with 77 where it is missing.
"""
import json
import statistics
import sys
import time

try:
    import torch
    from torch import nn
except ImportError:
    print("reference_train.py: PyTorch is not installed", file=sys.stderr)
    sys.exit(77)

EXAMPLES, EPOCHS = 1000, 15


class ChannelsLast(nn.Module):
    """[batch, 300] to [batch, 6, 50]: PyTorch's convolution wants the channels first."""

    def forward(self, x):
        return x.view(-1, 50, 6).transpose(1, 2)


def mlp():
    return nn.Sequential(nn.Linear(42, 64), nn.ReLU(), nn.Linear(64, 5))


def two_nn():
    return nn.Sequential(
        nn.Linear(784, 200), nn.ReLU(), nn.Linear(200, 200), nn.ReLU(), nn.Linear(200, 10)
    )


def cnn():
    return nn.Sequential(
        ChannelsLast(),
        nn.Conv1d(6, 64, 10),
        nn.MaxPool1d(5),
        nn.Flatten(),
        nn.Linear(512, 256),
        nn.ReLU(),
        nn.Linear(256, 5),
    )


def epoch(model, optimiser, loss_of, inputs, labels, batch):
    """The seconds of each step."""
    order = torch.randperm(len(inputs))
    times = []
    for at in range(0, len(inputs), batch):
        start = time.perf_counter()
        chosen = order[at : at + batch]
        optimiser.zero_grad()
        loss = loss_of(model(inputs[chosen]), labels[chosen])
        loss.backward()
        optimiser.step()
        times.append(time.perf_counter() - start)
    return times


def measure(name, model, inputs, classes, batch, momentum):
    torch.manual_seed(1)
    x = torch.randn(EXAMPLES, inputs)
    labels = torch.randint(0, classes, (EXAMPLES,))
    optimiser = torch.optim.SGD(model.parameters(), lr=0.001, momentum=momentum)
    loss_of = nn.CrossEntropyLoss()
    times = []
    for _ in range(EPOCHS):
        times += epoch(model, optimiser, loss_of, x, labels, batch)
    print(json.dumps({"name": name, "value": round(1 / statistics.median(times), 1), "unit": "steps/s"}))


def main():
    torch.set_num_threads(1)
    measure("train.mlp", mlp(), 42, 5, 20, 0.9)
    measure("train.2nn", two_nn(), 784, 10, 10, 0.0)
    measure("train.cnn", cnn(), 300, 5, 20, 0.9)


if __name__ == "__main__":
    main()
