"""reference_data/models/own_*: Latent's own networks (models/small, tiny and approx), layer by
layer, on a part of a picture of ours."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from golden import Golden, run_hooked
from networks import image_of, latents_of

import numpy
import torch
from diffusers import AutoencoderKL, AutoencoderTiny
from PIL import Image
from safetensors.torch import load_file
from vae_approx import VAEApprox

STORED = Path(__file__).resolve().parent.parent
MODELS = STORED / "models"


def picture():
    """still_life.png, x = 200 .. 239, y = 240 .. 287, as pixel / 127.5 - 1 in float32."""
    pixels = numpy.array(Image.open(STORED / "pictures" / "still_life.png"))[240:288, 200:240]
    image = torch.from_numpy(pixels).permute(2, 0, 1).unsqueeze(0).float()
    return (image / 127.5 - 1).contiguous()


def make_small():
    """Latents are the mean of the posterior, times scaling_factor."""
    file = Golden("models/own_small", "Latent's small AutoencoderKL on a picture")
    vae = AutoencoderKL.from_pretrained(MODELS / "small").float()
    encode = lambda vae, x: vae.encode(x).latent_dist.parameters
    file.outputs(run_hooked(vae, encode, picture()), whole=("encoder", "quant_conv"))
    mean = vae.encode(picture()).latent_dist.mode()
    decode = lambda vae, z: vae.decode(z).sample
    file.outputs(run_hooked(vae, decode, mean), whole=("decoder",))
    return file, mean * vae.config.scaling_factor


def make_tiny(latents):
    what = "Latent's tiny AutoencoderTiny on a picture, and of small's latents"
    file = Golden("models/own_tiny", what)
    vae = AutoencoderTiny.from_pretrained(MODELS / "tiny").float()
    file.outputs(run_hooked(vae, latents_of, picture()), whole=("encoder",))
    file.outputs(run_hooked(vae, image_of, latents), whole=("decoder",))
    return file


def make_approx(latents):
    file = Golden("models/own_approx", "Latent's VAEApprox of small's latents")
    network = VAEApprox()
    weights = load_file(MODELS / "approx" / "diffusion_pytorch_model.safetensors")
    network.load_state_dict(weights)
    call = lambda network, z: network(z)
    file.outputs(run_hooked(network.float(), call, latents, prefix="vae_approx"),
                 whole=("vae_approx",))
    file.tensor("latents.float32", latents)
    return file


def weights(folder):
    """The networks themselves, which ../train makes and nothing here: as they are stored."""
    for file in sorted(path for name in ("small", "tiny", "approx")
                       for path in (MODELS / name).iterdir()):
        copy = folder / file.relative_to(STORED)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if copy != file:
            shutil.copyfile(file, copy)
        count = len(load_file(file)) if file.suffix == ".safetensors" else None
        yield copy.relative_to(folder).as_posix(), "trained by train/", count


def compare(command):
    """What the built command makes of both folders and the picture, beside diffusers with weights
    and arithmetic in half precision. Returns how many differ by more than 1e-3 in the square
    mean: images are in [-1, 1], latents of unit variance."""
    problems = 0
    with tempfile.TemporaryDirectory() as folder:
        photo, latents, image = (f"{folder}/{name}" for name in ("x.png", "z.npy", "y.npy"))
        Image.open(STORED / "pictures" / "still_life.png").crop((200, 240, 264, 304)).save(photo)
        x = numpy.array(Image.open(photo).convert("RGB"))
        x = torch.from_numpy(x).permute(2, 0, 1)[None].half() / 127.5 - 1
        for name, kind in (("small", AutoencoderKL), ("tiny", AutoencoderTiny)):
            vae = kind.from_pretrained(MODELS / name, torch_dtype=torch.float16)
            run = lambda *arguments: subprocess.run(
                [command, *arguments, "-m", MODELS / name, "--quiet"], check=True)
            run("encode", photo, "-o", latents)
            z = torch.from_numpy(numpy.load(latents))
            run("decode", latents, "-o", image)
            encoded = vae.encode(x)
            theirs = encoded.latents if name == "tiny" else encoded.latent_dist.mode()
            pairs = (("latents", z, theirs),
                     ("image", torch.from_numpy(numpy.load(image)), vae.decode(z.half()).sample))
            for what, ours, theirs in pairs:
                error = (ours - theirs.float()).square().mean().sqrt().item()
                print(f"{name}: {what} differ by {error:.1e}")
                problems += not error <= 1e-3
    return problems


def files():
    small, latents = make_small()
    yield from (small, make_tiny(latents), make_approx(latents))
