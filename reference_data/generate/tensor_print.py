"""Writes tensor/print.txt: what Python prints for tensors, for tests/tensor/print_test.cpp.

    python reference_data/generate/tensor_print.py [--out FOLDER]

Needs torch and numpy. A case is a line `@ DTYPE [SHAPE] VALUES` and the printed text. VALUES:
    bits WORD...         the elements' bits, hexadecimal
    arange               0, 1, 2 ...
    randn SEED SCALE     torch.randn(..., dtype=float32) of that seed, times a power of two
"""

import argparse
import os
import random
from pathlib import Path

os.environ["ATEN_CPU_CAPABILITY"] = "avx2"  # before torch: randn's bits depend on it

import torch

NAN, INF = float("nan"), float("inf")
DTYPES = {"float32": torch.float32, "float64": torch.float64}

SCALARS = [1.5, 3.0, 0.0, -0.0, NAN, INF, -INF, 1e-5, 123456.789, 1e9, -2.0]
VECTORS = [
    [1, 2, 3], [-1, 2], [1.5, 2], [0, 0], [-0.0, 1], [NAN], [INF, 1], [NAN, 1.5, -INF],
    [NAN, INF, 0], [1e-5, 1], [1000.5, 1], [1000, 1], [1001, 1], [1000.5, 1.0004], [1e8],
    [1.1e8], [99999, 0.5], [1e-4], [1.01e-4], [0.99e-4], [1e20, 1], [1e-38, -1e-38],
    [1e-42, 0], [3.4e38], [-3.4e38, NAN, 0.25], [0.00005, 0.05], [0.12345, 0.00015],
    [9.99995, 99.99995], [999999.5, 1000], [2.5, 0.5, -0.5], [12345678, 2],
    [16777217, 16777216], [-100, 5, 0], [0.1, 0.2, 0.3], [1 / 3, -2 / 3], [-0.0, 0.5],
    [-0.0, 1e-9], [NAN, NAN, 1e12, -1], [0.00049999, 0.00005001],
]
ARANGES = [[30], [100], [2, 3], [25, 4], [1000], [1001], [10, 101], [2] * 6, [40, 30, 2]]
RANDNS = [
    [1], [9], [10], [11], [20], [100], [1001], [1001, 1], [1, 1001], [3, 400], [400, 3],
    [7, 2, 7, 20], [8, 8, 20], [1, 3, 64, 64], [2000, 6], [6, 2000], [7, 200], [2, 3],
    [2, 2, 3], [2, 1, 2, 2], [1, 1, 1, 1], [3, 1, 2, 1, 2], [2, 2, 2, 30], [1, 4, 8, 8],
    [2, 11], [1, 1, 10], [2, 2, 9],
]
SCALES = [1.0, 0.0009765625, 4096.0]
EMPTY = [[0], [0, 3], [3, 0], [2, 0, 3], [0, 0]]


def bits(tensor):
    words = tensor.flatten().numpy().view("uint64" if tensor.itemsize == 8 else "uint32")
    return "bits" + "".join(f" {int(word):x}" for word in words)


def cases():
    for scalar in SCALARS:
        for dtype in DTYPES:
            tensor = torch.tensor(scalar, dtype=DTYPES[dtype])
            yield tensor, bits(tensor)
    for vector in VECTORS:
        for dtype in DTYPES:
            tensor = torch.tensor(vector, dtype=DTYPES[dtype])
            yield tensor, bits(tensor)
    for shape in EMPTY:
        for dtype in DTYPES:
            yield torch.empty(shape, dtype=DTYPES[dtype]), "bits"
    for shape in ARANGES:
        count = torch.Size(shape).numel()
        for dtype in DTYPES:
            yield torch.arange(count, dtype=DTYPES[dtype]).reshape(shape), "arange"
    for number, shape in enumerate(RANDNS):
        dtype = list(DTYPES)[number % len(DTYPES)]
        scale = SCALES[number % len(SCALES)]
        values = torch.randn(shape, generator=torch.Generator().manual_seed(number))
        yield values.to(DTYPES[dtype]) * scale, f"randn {number} {scale}"
    # A seeded crowd: numbers of few digits, so that rounding meets ties, over all magnitudes.
    crowd = random.Random(2013)
    for _ in range(120):
        shape = [crowd.randint(1, 5) for _ in range(crowd.randint(1, 3))]
        shape.append(crowd.randint(1, 9))
        lowest = crowd.randint(-6, 6)
        highest = lowest + crowd.randint(0, 4)

        def number():
            eighths = crowd.choice([-1, 1, 1]) * crowd.randint(0, 40)
            return eighths * 0.125 * 10.0 ** crowd.randint(lowest, highest)

        values = [number() for _ in range(torch.Size(shape).numel())]
        if crowd.random() < 0.2:
            values[crowd.randrange(len(values))] = crowd.choice([NAN, INF, -INF])
        tensor = torch.tensor(values, dtype=DTYPES[crowd.choice(list(DTYPES))]).reshape(shape)
        yield tensor, bits(tensor)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent.parent)
    path = parser.parse_args().out / "tensor" / "print.txt"

    version = torch.__version__.split("+")[0]
    capability = torch.backends.cpu.get_cpu_capability().lower()
    lines = [f"# torch {version}, ATEN_CPU_CAPABILITY={capability}"]
    for tensor, values in cases():
        dtype = str(tensor.dtype).removeprefix("torch.")
        lines += [f"@ {dtype} [{','.join(map(str, tensor.shape))}] {values}", str(tensor)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
