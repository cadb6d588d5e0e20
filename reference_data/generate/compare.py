"""Compares regenerated reference files with the stored ones, by tolerance: another processor
rounds otherwise. float64 values must agree to 1e-10 and float32 ones to 1e-5 (relative L2
norm); whole numbers, special values and text exactly. torch's own errors may differ by a factor
of 2."""

import hashlib
from dataclasses import dataclass

import checkpoints
import torch
from safetensors.torch import load_file

TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5}
ERROR_FACTOR = 2.0


@dataclass
class Difference:
    good: bool
    text: str


def integrity(folder, listed):
    """How many stored files are not what MANIFEST.json says; each gets a line."""
    problems = 0
    for name, entry in sorted(listed.items()):
        path = folder / name
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "no file"
        if digest != entry["sha256"]:
            print(f"CHANGED  {name}: {digest}, MANIFEST.json has {entry['sha256']}")
            problems += 1
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*.safetensors")}
    for name in sorted(there - listed.keys()):
        print(f"UNKNOWN  {name}: MANIFEST.json does not list it")
        problems += 1
    return problems


def distance(new, old):
    """The relative L2 norm of the difference; infinite where special values differ."""
    new, old = new.double().flatten(), old.double().flatten()
    finite = torch.isfinite(old)
    same = (new == old) | (torch.isnan(new) & torch.isnan(old))
    if not same[~finite].all() or not torch.isfinite(new[finite]).all():
        return float("inf")
    new, old = new[finite], old[finite]
    norm = old.norm().item()
    difference = (new - old).norm().item()
    return difference / norm if norm else difference


def tensors(name, new, old):
    """What is wrong, or None; and the distance."""
    if new.dtype != old.dtype or new.shape != old.shape:
        return f"{name}: {new.dtype} {[*new.shape]}, stored {old.dtype} {[*old.shape]}", 0.0
    if name.endswith(".error"):
        ratio = (new / old).nan_to_num(1.0)
        good = ((ratio < ERROR_FACTOR) & (ratio > 1 / ERROR_FACTOR)).all()
        return (None if good else f"{name} is {new.tolist()}, stored {old.tolist()}"), 0.0
    if new.dtype not in TOLERANCE:
        return (None if torch.equal(new, old) else f"{name} differs"), 0.0
    apart = distance(new, old)
    good = apart <= TOLERANCE[new.dtype]
    return (None if good else f"{name} is {apart:.2e} away"), apart


def files(new, old):
    if not old.exists():
        return Difference(False, "no stored file")
    if new.parent.name == "checkpoints" and new.read_bytes() != old.read_bytes():
        # Another Python or numpy may pickle otherwise.
        same = checkpoints.loaded(new) == checkpoints.loaded(old)
        return Difference(same, "other bytes" + (", the same tensors" if same else ""))
    if new.suffix != ".safetensors" or new.parent.name == "checkpoints":
        return Difference(new.read_bytes() == old.read_bytes(), "compared byte by byte")
    new, old = load_file(new), load_file(old)
    if new.keys() != old.keys():
        return Difference(False, f"other names: {sorted(new.keys() ^ old.keys())[:5]}")
    largest = 0.0
    for name in new:
        wrong, apart = tensors(name, new[name], old[name])
        if wrong:
            return Difference(False, wrong)
        largest = max(largest, apart)
    return Difference(True, f"{len(new)} tensors, largest difference {largest:.1e}")
