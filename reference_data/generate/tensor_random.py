"""Writes tensor/random.tsv: hashes of PyTorch's random numbers, which random_test.cpp and
init_test.cpp in tests/tensor/ compare with ours.

    python reference_data/generate/tensor_random.py [--out FOLDER]

Needs torch and numpy. A row is: name, seed, number of values, FNV-1a (64 bits) of the values'
bytes in memory order, and the bits of the first values, for a first look at a difference.
(The script is not called random.py: that would hide Python's own module of this name.)
"""

import argparse
import os
from pathlib import Path

os.environ["ATEN_CPU_CAPABILITY"] = "avx2"  # before torch: its bits depend on it

import torch
from torch import nn

SEEDS = [0, 42, 1432216924, 2**32 + 5]
SIZES = [1, 5, 15, 16, 17, 20, 100, 768, 16384]
LAYERS = [
    "Conv2d(64,64,3)", "Conv2d(4,8,7)", "Conv2d(3,64,3)", "Conv2d(64,4,1)", "Conv2d(5,3,2)",
    "Linear(320,64)", "Linear(7,3)", "Linear(1,1)",
]
DTYPES = {"float32": torch.float32, "float64": torch.float64}


def fnv1a(data: bytes) -> int:
    digest = 0xCBF29CE484222325
    for byte in data:
        digest = ((digest ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return digest


def row(name, seed, tensors):
    """One line of the table; several tensors count as one after the other."""
    data = b"".join(tensor.detach().numpy().tobytes() for tensor in tensors)
    count = sum(tensor.numel() for tensor in tensors)
    first = tensors[0].detach().flatten()[:4].numpy()
    bits = first.view("uint64" if first.itemsize == 8 else "uint32")
    columns = [name, str(seed), str(count), f"{fnv1a(data):016x}"]
    return "\t".join(columns + [f"{int(word):0{2 * first.itemsize}x}" for word in bits])


def draws(seed, count, dtype):
    """The four distributions, each from a fresh generator."""

    def fresh():
        return torch.Generator().manual_seed(seed)

    new = torch.empty(count, dtype=dtype)
    yield "rand", torch.rand(count, generator=fresh(), dtype=dtype)
    yield "randn", torch.randn(count, generator=fresh(), dtype=dtype)
    yield "uniform_(-0.3,1.5)", new.clone().uniform_(-0.3, 1.5, generator=fresh())
    yield "normal_(0.7,1.3)", new.clone().normal_(0.7, 1.3, generator=fresh())


def interleaved(seed):
    """One generator through all of its paths. The spare normal of an odd small randn outlives
    rand, uniform_ and large randn, serves either dtype, and is forgotten by manual_seed."""
    generator = torch.Generator().manual_seed(seed)

    def randn(count, dtype=torch.float32):
        return torch.randn(count, generator=generator, dtype=dtype)

    def rand(count):
        return torch.rand(count, generator=generator)

    parts = [randn(5), rand(3), randn(16), randn(1), randn(20), randn(7)]
    parts += [torch.empty(9).uniform_(-0.25, 0.75, generator=generator)]
    parts += [randn(2, torch.float64), randn(33, torch.float64), randn(3), rand(100)]
    parts += [randn(1, torch.float64), randn(15), randn(768)]
    generator.manual_seed(seed + 1)
    return parts + [randn(4), randn(17)]


def layer(name, seed):
    """A freshly constructed layer: its weight, then its bias."""
    torch.manual_seed(seed)
    kind, size = name.rstrip(")").split("(")
    module = getattr(nn, kind)(*map(int, size.split(",")))
    return [module.weight, module.bias]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent.parent)
    path = parser.parse_args().out / "tensor" / "random.tsv"

    version = torch.__version__.split("+")[0]
    capability = torch.backends.cpu.get_cpu_capability().lower()
    lines = [
        f"# torch {version}, ATEN_CPU_CAPABILITY={capability}",
        "# name\tseed\tcount\tFNV-1a of the bytes\tbits of the first values",
    ]
    for seed in SEEDS:
        for dtype_name, dtype in DTYPES.items():
            for count in SIZES:
                for name, values in draws(seed, count, dtype):
                    lines.append(row(f"{name}.{dtype_name}", seed, [values]))
        lines.append(row("interleaved", seed, interleaved(seed)))
        lines += [row(name, seed, layer(name, seed)) for name in LAYERS]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
