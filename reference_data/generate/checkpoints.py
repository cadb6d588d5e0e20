"""Compares what latent reads in random checkpoints with what torch.load, safetensors' own
loader and numpy.load find in them: names, dtypes, shapes and every bit.

    python checkpoints.py COMMAND [COUNT] [FIRST]

COMMAND is the built latent. For each of COUNT seeds (480), from FIRST (0) on, `COMMAND convert`
must write what those loaders give; and with --dtype each element's one nearest neighbour.
regenerate.py does the same where build/latent stands, and stores the first seeds, small, in
io/checkpoints/, with what they hold in io/checkpoints.tsv.
"""

import argparse
import collections
import json
import math
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

import numpy
import safetensors
import safetensors.torch
import torch

import random_checkpoints
import rounding
from random_checkpoints import KINDS, NAMES, NUMPY, TORCH, raw, tensors_in
from tensor_random import fnv1a

COUNT = 480
STORED = 64
NOT_REAL = {"C64", "F4", "F6_E2M3", "F6_E3M2"}


# --- What others find -----------------------------------------------------------------------


def of_torch(tensor):
    return NAMES[tensor.dtype], [*tensor.shape], raw(tensor)


def loaded(path):
    """{name: (dtype, shape, bytes)}, read by torch, safetensors or numpy."""
    if path.suffix == ".json":
        tensors = {}
        weight_map = json.loads(path.read_bytes())["weight_map"]
        for name in sorted(set(weight_map.values())):
            tensors |= loaded(path.parent / name)
        assert tensors.keys() == weight_map.keys()
        return tensors
    data = path.read_bytes()
    if path.suffix == ".npy":
        array = numpy.load(path)
        if array.dtype.byteorder == ">":
            array = array.byteswap().view(array.dtype.newbyteorder("<"))
        dtype = next(name for name, code in NUMPY.items() if code == array.dtype.str[1:])
        return {"tensor": (dtype, [*array.shape], array.tobytes("C"))}
    if data[8:9] != b"{":
        saved = torch.load(path, weights_only=False)
        return {name: of_torch(tensor) for name, tensor in tensors_in(saved)}
    tensors = {
        name: (entry["dtype"], entry["shape"], bytes(entry["data"]))
        for name, entry in safetensors.deserialize(data)
    }
    if {dtype for dtype, _, _ in tensors.values()} <= safetensors.torch._TYPES.keys():
        for name, tensor in safetensors.torch.load(data).items():
            assert tensors[name] == of_torch(tensor), path
    return tensors


# --- latent against them --------------------------------------------------------------------


def difference(name, ours, theirs):
    """A line about two tensors, or None."""
    if ours[:2] != theirs[:2]:
        return f"{name!r} is {ours[0]} {ours[1]}, expected {theirs[0]} {theirs[1]}"
    if ours[2] == theirs[2]:
        return None
    got, expected = (data[:16].hex() for data in (ours[2], theirs[2]))
    return f"{name!r} of {ours[0]} {ours[1]} has the bytes {got}..., expected {expected}..."


def converted(command, path, out, *options):
    """The tensors of the file that the command writes, its metadata, and its messages."""
    run = subprocess.run([command, "convert", path, out, *options], capture_output=True)
    text = run.stderr.decode(errors="replace").strip()
    if run.returncode != 0:
        return None, None, f"exit code {run.returncode}: {text}"
    data = out.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return loaded(out), header.get("__metadata__", {}), text


def check_copy(command, made, path, theirs):
    """What differs without --dtype, a line each."""
    ours, metadata, text = converted(command, path, path.parent / "out.safetensors")
    if ours is None:
        return [text]
    problems = [f"says {text}"] if text else []
    if ours.keys() != theirs.keys():
        problems.append(f"other names: {sorted(ours.keys() ^ theirs.keys())}")
    if metadata != {"format": "pt", **made.metadata}:
        problems.append(f"other metadata: {metadata}")
    both = [difference(name, ours[name], theirs[name]) for name in ours.keys() & theirs.keys()]
    return problems + [problem for problem in both if problem]


def check_rounding(command, path, theirs, to):
    """What differs with --dtype, a line each."""
    out = path.parent / "rounded.safetensors"
    ours, _, text = converted(command, path, out, "--dtype", to.lower())
    if any(dtype in NOT_REAL for dtype, _, _ in theirs.values()):
        refused = ours is None and "real numbers" in text and "\n" not in text
        return [] if refused else [f"--dtype {to} of what has no nearest {to}: {text}"]
    if ours is None:
        return [f"--dtype {to}: {text}"]
    problems, overflows = [], 0
    for name, (dtype, shape, data) in theirs.items():
        expected, overflow = rounding.rounded(dtype, TORCH.get(dtype), data, to)
        overflows += overflow
        got = ours[name][2] if dtype == to else rounding.with_one_nan(ours[name][2], to)
        wrong = difference(name, (*ours[name][:2], got), (to, shape, expected))
        problems += [f"--dtype {to}, from {dtype}: {wrong}"] if wrong else []
    if text.count("became infinite") != overflows:
        problems.append(f"--dtype {to}: {overflows} overflows, but it says {text!r}")
    return problems


def table(title, counts):
    """Rows by what is counted, columns by the kind of checkpoint."""
    kinds = [kind.__name__ for kind in KINDS]
    print(f"\n{title:12}" + "".join(f"{kind.split('_')[0]:>12}" for kind in kinds))
    print(" " * 12 + "".join(f"{kind.partition('_')[2]:>12}" for kind in kinds))
    for row in sorted({row for counter in counts.values() for row in counter}):
        print(f"{row:12}" + "".join(f"{counts[kind][row] or '':>12}" for kind in kinds))


def compare(command, count=COUNT, first=0):
    """Prints what differs, tables, and a verdict; returns how many checkpoints differ."""
    dtypes = collections.defaultdict(collections.Counter)
    patterns = collections.defaultdict(collections.Counter)
    tensors = elements = wrong = 0
    kept = pathlib.Path(tempfile.mkdtemp(prefix="latent-checkpoints-"))
    for seed in range(first, first + count):
        made = random_checkpoints.make(seed)
        dtypes[made.kind].update(made.dtypes)
        patterns[made.kind].update(made.patterns)
        folder = kept / f"{seed}"
        folder.mkdir()
        path = made.write(folder)
        theirs = loaded(path)
        tensors += len(theirs)
        elements += sum(math.prod(shape) for _, shape, _ in theirs.values())
        to = random.Random(-seed).choice(["F32", "F16", "BF16"])
        found = check_copy(command, made, path, theirs)
        found += check_rounding(command, path, theirs, to)
        for problem in found:
            print(f"DIFFERS  {path}: {problem}")
        wrong += bool(found)
        if not found:
            shutil.rmtree(folder)
    table("by dtype", dtypes)
    table("by pattern", patterns)
    verdict = f"{wrong} checkpoints differ, kept in {kept}" if wrong else "all equal"
    if not wrong:
        kept.rmdir()
    print(f"\n{count} checkpoints, {tensors} tensors, {elements} elements: {verdict}")
    return wrong


# --- What is stored -------------------------------------------------------------------------


def short(data):
    """Up to 64 bytes whole, more as a hash."""
    return f"hex:{data.hex()}" if len(data) <= 64 else f"fnv1a:{fnv1a(data):016x}"


def stored(folder):
    """Writes small checkpoints and checkpoints.tsv into folder/io; yields each file's name,
    what it is, and its number of tensors."""
    here = folder / "io" / "checkpoints"
    shutil.rmtree(here, ignore_errors=True)
    here.mkdir(parents=True)
    rows = []
    for seed in range(STORED):
        kind = KINDS[seed % len(KINDS)].__name__
        made = random_checkpoints.make(seed, small=True, stem=f"{seed:02}_{kind}")
        tensors = loaded(made.write(here))
        for name, (dtype, shape, data) in sorted(tensors.items()):
            rows.append([made.main, json.dumps(name), dtype, json.dumps(shape), short(data)])
        for name in sorted(made.files):
            tensors_of_it = len(tensors) if len(made.files) == 1 else None
            yield f"io/checkpoints/{name}", f"random checkpoint {seed}", tensors_of_it
    lines = ["file\ttensor\tdtype\tshape\tbytes", *("\t".join(row) for row in rows)]
    (folder / "io" / "checkpoints.tsv").write_text("\n".join(lines) + "\n")
    yield "io/checkpoints.tsv", "the tensors in io/checkpoints/", len(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", type=pathlib.Path, nargs="?", default="build/latent")
    parser.add_argument("count", type=int, nargs="?", default=COUNT)
    parser.add_argument("first", type=int, nargs="?", default=0)
    arguments = parser.parse_args()
    return 1 if compare(arguments.command.resolve(), arguments.count, arguments.first) else 0


if __name__ == "__main__":
    sys.exit(main())
