"""reference_data/parity/: small autoencoders of diffusers while they run, recorded by record.py
with inputs, every module's output and parameters, as a user's recording would be."""

from golden import generator, uniform
from record import record

import torch
from diffusers import AutoencoderKL, AutoencoderTiny
from safetensors import safe_open


def stirred(kind, seed, **config):
    """A network whose norms are not all ones and zeros, as after training."""
    torch.manual_seed(seed)
    network = kind(**config).eval()
    for name, value in network.named_parameters():
        if "norm" in name:
            value.add_(torch.rand(value.shape) - 0.5)
    return network


def autoencoder_kl():
    return stirred(
        AutoencoderKL, 60, block_out_channels=(4, 8), layers_per_block=1, norm_num_groups=2,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    )


def autoencoder_tiny():
    return stirred(
        AutoencoderTiny, 61, encoder_block_out_channels=(6, 6), num_encoder_blocks=(1, 1),
        decoder_block_out_channels=(6, 6), num_decoder_blocks=(1, 1),
    )


def runs():
    """Name, what it is, the network, its method and the input."""
    kl = autoencoder_kl()
    latents = torch.randn((1, 4, 3, 5), generator=generator(62))
    yield "kl_decode", "a small AutoencoderKL decoding", kl, kl.decode, latents
    image = uniform(generator(63), 1, 3, 6, 10)
    yield "kl_encode", "a small AutoencoderKL encoding", kl, kl.encode, image
    tiny = autoencoder_tiny()
    latents = torch.randn((1, 4, 4, 3), generator=generator(64))
    yield "tiny_decode", "a small AutoencoderTiny decoding", tiny, tiny.decode, latents


def stored(folder):
    """Writes parity/NAME.safetensors; yields each file's name, what it is, and its number of
    tensors."""
    here = folder / "parity"
    here.mkdir(parents=True, exist_ok=True)
    for name, what, network, call, x in runs():
        path = here / f"{name}.safetensors"
        with record(network, path) as recorder:
            # What any other machine would say, too.
            kept = ("model", "torch", "diffusers")
            recorder.versions = {key: recorder.versions[key].split("+")[0] for key in kept}
            call(x)
        path.chmod(0o644)
        with safe_open(path, "pt") as file:
            count = len(file.keys())
        yield f"parity/{name}.safetensors", f"{what}, recorded", count
