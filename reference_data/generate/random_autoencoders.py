"""Compares what latent encodes and decodes with random AutoencoderKLs, saved by diffusers
itself, with what diffusers gives: its own loader reads the same folders.

    python random_autoencoders.py COMMAND [COUNT] [FIRST]

COMMAND is the built latent; each of COUNT seeds (48), from FIRST (0) on, is a config, a way to
save it, and images and latents of any size. regenerate.py does the same where build/latent
stands, and stores some small ones, with their moments and images, in models/saved/.
"""

import argparse
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

from golden import generator, uniform

import torch
from diffusers import AutoencoderKL
from diffusers.utils import logging
from safetensors.torch import load_file, save_file
from torch.nn import functional

COUNT = 48
STORED = ["fp16", "pickle", "shards", "whole", "fp16"]  # how each seed's is saved
# The relative L2 error of a float32 result: at most this, or FACTOR times that of diffusers,
# whose roundings are others.
CLOSE = 3e-7
FACTOR = 1.5

logging.set_verbosity_error()
logging.disable_progress_bar()


class Choice:
    """What a seed stands for. `small` ones have few channels, to be stored."""

    def __init__(self, seed, small=False):
        pick = random.Random(seed)
        blocks = pick.randint(1, 2 if small else 4)
        groups = pick.choice([1, 2] if small else [1, 2, 3, 4, 8, 32])
        most = max(1, (6 if small else 48) // groups)
        widths = [groups * pick.randint(1, most) for _ in range(blocks)]
        kinds = [pick.choice(["", "", "Attn"]) for _ in range(2 * blocks)]
        self.pick, self.small = pick, small
        self.config = dict(
            in_channels=3, out_channels=3,
            down_block_types=[f"{kind}DownEncoderBlock2D" for kind in kinds[:blocks]],
            up_block_types=[f"{kind}UpDecoderBlock2D" for kind in kinds[blocks:]],
            block_out_channels=widths, layers_per_block=1 if small else pick.randint(1, 3),
            act_fn=pick.choice(["silu", "silu", "swish", "mish", "gelu", "relu"]),
            latent_channels=pick.choice([1, 3, 4, 4, 16]), norm_num_groups=groups,
            sample_size=pick.choice([32, 64, 512]),
            scaling_factor=pick.choice([0.18215, 0.13025, 1.5305]),
            shift_factor=pick.choice([None, 0.0609]),
            use_quant_conv=pick.random() < 0.7, use_post_quant_conv=pick.random() < 0.7,
            mid_block_add_attention=pick.random() < 0.8,
        )
        if pick.random() < 0.2:
            channels = self.config["latent_channels"]
            self.config["latents_mean"] = [pick.uniform(-2, 2) for _ in range(channels)]
            self.config["latents_std"] = [pick.uniform(1, 9) for _ in range(channels)]
        self.factor = 2 ** (blocks - 1)
        torch.manual_seed(seed)
        vae = AutoencoderKL(**self.config)
        # Norms that are trained, and no longer all ones and zeros.
        for name, value in vae.named_parameters():
            if "norm" in name:
                value.add_(torch.rand(value.shape) - 0.5)
        self.vae = vae.eval()
        # Norms over a few pixels blow rounding errors up, each time others.
        least, most = (1, 5) if small else (4, 60)
        batch = pick.choice([1, 2] if small else [1, 1, 2, 3])
        low = least * self.factor
        sides = [pick.randint(low, low + most) for _ in range(2)]
        self.image = uniform(generator(seed + 1), batch, 3, *sides)
        sides = [pick.randint(least, least + most // self.factor) for _ in range(2)]
        shape = (batch, self.config["latent_channels"], *sides)
        self.latents = torch.randn(shape, generator=generator(seed + 2))

    def save(self, folder, how=None):
        """As diffusers saves it: whole or in shards, perhaps in half precision, perhaps with
        torch.save. Returns how, in a word."""
        how = how or self.pick.choice(["whole", "shards", "fp16", "pickle"])
        kept = self.vae.half() if how == "fp16" else self.vae
        kept.save_pretrained(
            folder, variant="fp16" if how == "fp16" else None,
            safe_serialization=how != "pickle",
            max_shard_size=("1KB" if self.small else "200KB") if how == "shards" else "10GB",
        )
        return how


def results(folder, how, image, latents, dtype=torch.float64):
    """Moments and image by diffusers, with the stored weights."""
    vae = AutoencoderKL.from_pretrained(
        folder, variant="fp16" if how == "fp16" else None, use_safetensors=how != "pickle",
    ).to(dtype).eval()
    moments = vae.encode(image.to(dtype)).latent_dist.parameters
    return moments.clone(), vae.decode(latents.to(dtype)).sample.clone()


# --- latent against it ----------------------------------------------------------------------


def distance(ours, theirs):
    if ours.shape != theirs.shape:
        return float("inf")
    return ((ours.double() - theirs).norm() / theirs.norm()).item()


def by_command(command, subcommand, model, inputs, folder, key):
    """The tensor `key` of what the command writes, and its messages."""
    save_file({"x": inputs.contiguous()}, folder / "in.safetensors")
    out = folder / "out.safetensors"
    call = [command, subcommand, folder / "in.safetensors", "-m", model, "-o", out, "--quiet"]
    ran = subprocess.run(call, capture_output=True, text=True)
    if ran.returncode != 0:
        return None, ran.stderr.strip()
    return load_file(out)[key], ran.stderr.strip()


def problems(command, seed, folder):
    """What differs for a seed, a line each; how it was saved; and the largest ratio of the
    errors that are not small, ours and diffusers'."""
    choice = Choice(seed)
    model = folder / "model"
    how = choice.save(model)
    # The command repeats the image's edge until its sides are multiples of the factor.
    height, width = choice.image.shape[2:]
    pad = (0, -width % choice.factor, 0, -height % choice.factor)
    padded = functional.pad(choice.image, pad, mode="replicate")
    truths = results(model, how, padded, choice.latents)
    singles = results(model, how, padded, choice.latents, torch.float32)
    calls = (("encode", choice.image, "parameters"), ("decode", choice.latents, "sample"))
    wrong, largest = [], 0.0
    for (subcommand, inputs, key), truth, single in zip(calls, truths, singles):
        ours, text = by_command(command, subcommand, model, inputs, folder, key)
        if ours is None or text:
            wrong.append(f"{subcommand} says {text}")
        error = distance(ours, truth) if ours is not None else float("inf")
        theirs = distance(single, truth)
        if not error <= CLOSE:
            largest = max(largest, error / theirs)
        if not error <= max(CLOSE, FACTOR * theirs):
            wrong.append(f"{subcommand}: error {error:.2e}, that of diffusers {theirs:.2e}")
    return wrong, how, largest


def compare(command, count=COUNT, first=0):
    """Prints what differs, and a verdict; returns how many autoencoders differ."""
    kept = pathlib.Path(tempfile.mkdtemp(prefix="latent-autoencoders-"))
    differ, ways, largest = 0, {}, 0.0
    for seed in range(first, first + count):
        folder = kept / f"{seed}"
        folder.mkdir()
        wrong, how, ratio = problems(command, seed, folder)
        largest = max(largest, ratio)
        ways[how] = ways.get(how, 0) + 1
        for problem in wrong:
            print(f"DIFFERS  {folder}: {problem}")
        differ += bool(wrong)
        if not wrong:
            shutil.rmtree(folder)
    verdict = f"{differ} differ, kept in {kept}" if differ else "all agree"
    verdict += f"; at most {largest:.2f} times the error of diffusers"
    if not differ:
        kept.rmdir()
    told = ", ".join(f"{number} {how}" for how, number in sorted(ways.items()))
    print(f"{count} random autoencoders ({told}): {verdict}")
    return differ


# --- What is stored -------------------------------------------------------------------------


def stored(folder):
    """Writes models/saved/SEED/, as saved, and SEED.safetensors beside it: image, moments,
    latents, decoded. Yields each file's name, what it is, and its number of tensors."""
    here = folder / "models" / "saved"
    shutil.rmtree(here, ignore_errors=True)
    here.mkdir(parents=True)
    for seed, how in enumerate(STORED):
        choice = Choice(seed, small=True)
        model = here / f"{seed}"
        choice.save(model, how)
        moments, decoded = results(model, how, choice.image, choice.latents)
        tensors = {
            "image": choice.image, "moments.float64": moments,
            "latents": choice.latents, "decoded.float64": decoded,
        }
        beside = here / f"{seed}.safetensors"
        save_file({name: value.contiguous() for name, value in tensors.items()}, beside)
        for path in [beside, *sorted(model.iterdir())]:
            path.chmod(0o644)
            name = path.relative_to(folder).as_posix()
            if path == beside:
                yield name, f"what random autoencoder {seed} gives", len(tensors)
            else:
                yield name, f"random autoencoder {seed}, saved by diffusers ({how})", None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", type=pathlib.Path, nargs="?", default="build/latent")
    parser.add_argument("count", type=int, nargs="?", default=COUNT)
    parser.add_argument("first", type=int, nargs="?", default=0)
    arguments = parser.parse_args()
    return 1 if compare(arguments.command.resolve(), arguments.count, arguments.first) else 0


if __name__ == "__main__":
    sys.exit(main())
