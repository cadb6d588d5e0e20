"""Regenerates the reference data, and compares it with the stored files or replaces them.

    sh reference_data/generate/regenerate.sh            compare (also: ./dev reference)
    sh reference_data/generate/regenerate.sh --update   write in place

LATENT_DATA names the folder with weights/ and photos/; without it, what needs trained weights
is left as it is. `--into FOLDER` is where new files go before they are compared.
"""

import argparse
import hashlib
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import autoencoder_kl
import checkpoints
import compare
import networks
import ops
import own_models
import parity
import previews
import random_autoencoders
import schedulers
import tile_blending

import diffusers
import safetensors
import torch

HERE = Path(__file__).resolve().parent
STORED = HERE.parent
COMMAND = STORED.parent / "build" / "latent"
TEXT = {"tensor/random.tsv": "tensor_random.py", "tensor/print.txt": "tensor_print.py"}


def plain(version):
    return version.split("+")[0]


def manifest(made, folder):
    """What MANIFEST.json says about files that were made just now."""
    entries = {}
    for name, what, tensors in made:
        data = (folder / name).read_bytes()
        entries[name] = {"what": what, "bytes": len(data)}
        if tensors is not None:
            entries[name]["tensors"] = tensors
        entries[name]["sha256"] = hashlib.sha256(data).hexdigest()
    return entries


def settings():
    return {
        "torch": plain(torch.__version__),
        "diffusers": diffusers.__version__,
        "safetensors": safetensors.__version__,
        "ATEN_CPU_CAPABILITY": os.environ["ATEN_CPU_CAPABILITY"],
        "ONEDNN_MAX_CPU_ISA": os.environ["ONEDNN_MAX_CPU_ISA"],
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
    }


def write_manifest(path, about, files):
    lines = [f"  {json.dumps(name)}: {json.dumps(files[name])}" for name in sorted(files)]
    head = json.dumps({"made_with": about}, indent=1)[:-2]
    path.write_text(head + ',\n "files": {\n' + ",\n".join(lines) + "\n }\n}\n")


def generate(folder, data):
    """Makes every file; yields its name, what it is, and its number of tensors."""
    makers = [ops.files(), networks.files(data), autoencoder_kl.files(), own_models.files(),
              previews.files(data)]
    for file in itertools.chain(*makers, [tile_blending.make_tile_blending()]):
        path = file.save(folder)
        yield path.relative_to(folder).as_posix(), file.what, len(file.tensors)
    for name, script in TEXT.items():
        subprocess.run([sys.executable, HERE / script, "--out", folder], check=True)
        yield name, f"text of {script}", None
    yield from autoencoder_kl.parameters(folder)
    yield from own_models.weights(folder)
    yield from random_autoencoders.stored(folder)
    yield from parity.stored(folder)
    yield from schedulers.stored(folder)
    yield from checkpoints.stored(folder)


def compare_command():
    """What the built command reads in random checkpoints, beside what torch reads; and what it
    encodes and decodes with random autoencoders, beside what diffusers gives."""
    if not COMMAND.exists():
        print("skipped: build/latent is not built, so it reads no random checkpoints")
        return 0
    print("random checkpoints, read by build/latent and by torch, safetensors and numpy")
    problems = checkpoints.compare(COMMAND)
    print("random autoencoders, saved by diffusers, run by build/latent and by diffusers")
    problems += random_autoencoders.compare(COMMAND)
    print("our own networks, run by build/latent and by diffusers in half precision")
    return problems + own_models.compare(COMMAND)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--update", action="store_true", help="replace the stored files")
    parser.add_argument("--into", type=Path, default=STORED.parent / "build" / "reference")
    arguments = parser.parse_args()
    folder = STORED if arguments.update else arguments.into
    data = Path(os.environ["LATENT_DATA"]) if os.environ.get("LATENT_DATA") else None
    if data is None:
        print("skipped: LATENT_DATA is not set, so the files of trained weights stay")

    stored = STORED / "MANIFEST.json"
    known = {"files": {}, "made_with": {}}
    if stored.exists():
        known = json.loads(stored.read_text())
    made = list(generate(folder, data))
    entries = manifest(made, folder)
    if arguments.update:
        there = {name for name in known["files"] if (STORED / name).exists()}
        kept = {name: known["files"][name] for name in there}
        write_manifest(stored, settings(), {**kept, **entries})
        print(f"wrote {len(entries)} files into {folder}")
        return 0

    for key, value in settings().items():
        if known["made_with"].get(key) != value:
            print(f"note: {key} is {value}, stored with {known['made_with'].get(key)}")
    problems = compare.integrity(STORED, known["files"])
    for name in sorted({*entries, *known["files"]}):
        if name not in entries:
            print(f"skipped  {name}")
            continue
        difference = compare.files(folder / name, STORED / name)
        print(f"{'ok' if difference.good else 'DIFFERS':8} {name}: {difference.text}")
        problems += not difference.good
    problems += compare_command()
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
