"""One operation in PyTorch: the other side of ops.cpp, with the same numbers from seeds.

usage: ops.py OPERATION THREADS RUNS OUT
"""

import math
import sys
import time

import torch
from torch.nn import functional as F

from yardsticks import report


def noise(seed, shape, bound):
    values = torch.rand(shape, generator=torch.Generator().manual_seed(seed))
    return values * (2 * bound) - bound


def convolution(kind, inputs, outputs, size):
    side = 1 if kind == "conv1x1" else 3
    bound = 1 / math.sqrt(inputs * side * side)
    weight, bias = noise(2, (outputs, inputs, side, side), bound), noise(3, (outputs,), bound)
    x = noise(1, (1, inputs, size, size), 1)
    scale, shift = noise(4, (inputs,), 1), noise(5, (inputs,), 1)
    return {
        "conv1x1": lambda: F.conv2d(x, weight, bias),
        "conv3x3": lambda: F.conv2d(x, weight, bias, padding=1),
        "norm_conv3x3": lambda: F.conv2d(
            F.silu(F.group_norm(x, 32, scale, shift, 1e-6)), weight, bias, padding=1),
        "stride2": lambda: F.conv2d(F.pad(x, (0, 1, 0, 1)), weight, bias, stride=2),
        "upsampled3x3": lambda: F.conv2d(
            F.interpolate(x, scale_factor=2.0, mode="nearest"), weight, bias, padding=1),
    }[kind]


def norm_silu(channels, size):
    x = noise(1, (1, channels, size, size), 1)
    weight, bias = noise(2, (channels,), 1), noise(3, (channels,), 1)
    return lambda: F.silu(F.group_norm(x, 32, weight, bias, 1e-6))


def attention(channels, size):
    q, k, v = (noise(seed, (1, 1, size * size, channels), 1) for seed in (1, 2, 3))
    return lambda: F.scaled_dot_product_attention(q, k, v)


def main():
    name, threads, runs, out = sys.argv[1:]
    kind, rest = name.split("-")
    channels, size = rest.split("@")
    inputs, outputs = map(int, channels.split("x"))
    torch.set_num_threads(int(threads))
    if kind == "norm_silu":
        call = norm_silu(inputs, int(size))
    elif kind == "attention":
        call = attention(inputs, int(size))
    else:
        call = convolution(kind, inputs, outputs, int(size))

    def run():
        with torch.inference_mode():
            return call()

    report(run, int(runs)).contiguous().numpy().tofile(out)


if __name__ == "__main__":
    main()
