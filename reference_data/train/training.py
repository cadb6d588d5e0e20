"""The loop that every network here is trained by. It goes on where it stopped: what a step does
depends on the seed, the step and the weights alone.
"""

import math
import os
import time

import torch


def learning_rate(step, steps, highest):
    """Up in 200 steps, and down along half a cosine."""
    warm = min(1, (step + 1) / 200)
    return highest * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def save(path, state):
    """All of it, or what was there before."""
    torch.save(state, path.with_suffix(".new"))
    os.replace(path.with_suffix(".new"), path)


def decibels(square):
    """Of a mean square between images in [-1, 1]."""
    return 10 * math.log10(4 / square)


def run(task, crops, folder, steps, seed, minutes=math.inf):
    """Trains task.model; folder/checkpoint.pt has its state, folder/curve.tsv its figures."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(os.cpu_count())
    model = task.model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.99),
                                  weight_decay=1e-4)
    average = {name: value.clone() for name, value in model.state_dict().items()}
    first, checkpoint = 0, folder / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        average, first = state["average"], state["step"]
    begin, figures = time.time(), []
    for step in range(first, steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps, task.rate)
        count, size = task.crops(step / steps)
        x = crops.batch(seed, step, count, size).to(memory_format=torch.channels_last)
        rng = torch.Generator().manual_seed(seed * 7_000_003 + step)
        with torch.autocast("cpu", torch.bfloat16):
            loss, told = task.loss(model, x, rng)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        decay = min(0.999, (step + 1) / (step + 10))
        for name, value in model.state_dict().items():
            average[name].lerp_(value, 1 - decay)
        figures.append([value.item() for value in told])
        stop = (time.time() - begin) / 60 > minutes
        if (step + 1) % 100 == 0 or step + 1 == steps or stop:
            means = [sum(column) / len(column) for column in zip(*figures)]
            line = f"{step + 1}\t{decibels(means[0]):.2f}" + "".join(f"\t{m:.5f}" for m in means[1:])
            with open(folder / "curve.tsv", "a") as curve:
                curve.write(line + "\n")
            print(line, f"{(time.time() - begin) / (step + 1 - first):.2f} s/step", flush=True)
            figures = []
            save(checkpoint, dict(model=model.state_dict(), optimizer=optimizer.state_dict(),
                                  average=average, step=step + 1))
        if stop:
            break
