"""The loop that every network here is trained by. It goes on where it stopped: what a step does
depends on the seed, the step and the weights alone.
"""

import math
import os
import sys
import time

import torch


def learning_rate(step, steps, highest):
    """Up in 200 steps, level, and in the last four tenths along half a cosine down to 2 %."""
    warm = min(1, (step + 1) / 200)
    done = max(0, (step / steps - 0.6) / 0.4)
    return highest * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))


def orthogonal(g):
    """The nearest matrix whose singular values are all 1, or nearly so: five steps of Newton and
    Schulz. The rows of a convolution's weight are its output channels.
    """
    x = g.flatten(1).bfloat16()
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return (x.T if tall else x).float().reshape(g.shape)


class Muon(torch.optim.Optimizer):
    """Momentum that goes the same way in all directions of a matrix. As large as Adam's steps:
    0.2 a weight, in the square mean. (Jordan et al. 2024; Liu et al. 2025, arXiv:2502.16982.)
    """

    def __init__(self, weights):
        super().__init__(weights, dict(lr=1e-3, momentum=0.95, weight_decay=0.01))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for weight in group["params"]:
                state = self.state[weight]
                if not state:
                    state["momentum"] = torch.zeros_like(weight)
                state["momentum"].lerp_(weight.grad, 1 - group["momentum"])
                ahead = weight.grad.lerp(state["momentum"], group["momentum"])
                size = 0.2 * math.sqrt(max(weight.flatten(1).shape))
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(orthogonal(ahead), alpha=-group["lr"] * size)


def save(path, state):
    """All of it, or what was there before."""
    torch.save(state, path.with_suffix(".new"))
    os.replace(path.with_suffix(".new"), path)


def decibels(square):
    """Of a mean square between images in [-1, 1]."""
    return 10 * math.log10(4 / square)


def run(task, crops, folder, steps, seed, minutes=math.inf):
    """Trains task.model; folder/checkpoint.pt has its state, folder/curve.tsv its figures. Ends
    the program where the checkpoint is of another seed or another teacher.
    """
    folder.mkdir(parents=True, exist_ok=True)
    of = dict(seed=seed, **task.of)
    torch.set_num_threads(os.cpu_count())
    model = task.model.to(memory_format=torch.channels_last)
    optimizers = {
        "matrices": Muon([p for p in model.parameters() if p.ndim > 1]),
        "vectors": torch.optim.AdamW([p for p in model.parameters() if p.ndim == 1],
                                     betas=(0.9, 0.99), weight_decay=0.01),
    }
    average = {name: value.clone() for name, value in model.state_dict().items()}
    first, checkpoint = 0, folder / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        if state.get("of", of) != of:
            sys.exit(f"{checkpoint}: got a run of {state['of']}, expected one of {of}")
        model.load_state_dict(state["model"])
        for name, optimizer in optimizers.items():
            optimizer.load_state_dict(state[name])
        average, first = state["average"], state["step"]
    begin, figures = time.time(), []
    for step in range(first, steps):
        for optimizer in optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, steps, task.rate)
        count, size = task.crops(step / steps)
        x = crops.batch(seed, step, count, size).to(memory_format=torch.channels_last)
        rng = torch.Generator().manual_seed(seed * 7_000_003 + step)
        with torch.autocast("cpu", torch.bfloat16):
            loss, told = task.loss(model, x, rng)
        if not math.isfinite(loss.item()):
            sys.exit(f"{checkpoint}: got a loss of {loss.item()} in step {step}")
        model.zero_grad(set_to_none=True)
        loss.backward()
        for optimizer in optimizers.values():
            optimizer.step()
        decay = min(0.999, (step + 1) / (step + 10))
        for name, value in model.state_dict().items():
            average[name].lerp_(value, 1 - decay)
        figures.append([value.item() for value in told])
        stop = (time.time() - begin) / 60 > minutes
        if (step + 1) % 100 == 0 or step + 1 == steps or stop:
            means = [sum(column) / len(column) for column in zip(*figures)]
            line = f"{step + 1}\t{decibels(means[0]):.2f}" + "".join(f"\t{m:.5f}" for m in means[1:])
            save(checkpoint, dict(model=model.state_dict(), average=average, step=step + 1, of=of,
                                  **{name: o.state_dict() for name, o in optimizers.items()}))
            with open(folder / "curve.tsv", "a") as curve:
                curve.write(line + "\n")
            print(line, f"{(time.time() - begin) / (step + 1 - first):.2f} s/step", flush=True)
            figures = []
        if stop:
            break
