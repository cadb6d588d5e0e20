"""The networks that `./dev bench` runs, as PyTorch has them, and what goes into them.

A case is a network and its side. Weights come from seed 0, which both sides of the comparison
know how to draw; those of taef2-* are trained, from the folder that LATENT_DATA names.
"""

import os
import pathlib
import sys

import torch
from diffusers import AutoencoderKL, AutoencoderTiny

from shapes import input_shape

ROOT = pathlib.Path(__file__).resolve().parents[2]


def stable_diffusion():
    return AutoencoderKL(
        block_out_channels=(128, 256, 512, 512), layers_per_block=2, sample_size=512,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4)


def trained_taef2():
    """TAEF2 with its trained weights: diffusers has no class for it, our reference data has."""
    sys.path.append(str(ROOT / "reference_data" / "generate"))
    import taesd

    return taesd.load_taef2(pathlib.Path(os.environ["LATENT_DATA"]) / "weights")


class Side(torch.nn.Module):
    """One side of an autoencoder as a function of one tensor: the encoder gives its moments."""

    def __init__(self, case):
        super().__init__()
        model, self.side = case.split("-")
        torch.manual_seed(0)
        makers = {"sd1": stable_diffusion, "tiny": AutoencoderTiny, "taef2": trained_taef2}
        vae = makers[model]().eval().requires_grad_(False)
        self.network = vae.encoder if self.side == "encode" else vae.decoder
        # A 1x1 convolution between the latents and the rest, which AutoencoderKL alone has.
        name = "quant_conv" if self.side == "encode" else "post_quant_conv"
        self.quantiser = getattr(vae, name, None)

    def forward(self, x):
        if self.quantiser is None:
            return self.network(x)
        if self.side == "encode":
            return self.quantiser(self.network(x))
        return self.network(self.quantiser(x))


def seeded_input(case, size):
    """Latents of a normal distribution, or an image of noise in [-1, 1]: from seed 1."""
    random = torch.Generator().manual_seed(1)
    if case.endswith("decode"):
        return torch.randn(input_shape(case, size), generator=random)
    return torch.rand(input_shape(case, size), generator=random) * 2 - 1


def photo(size):
    """The astronaut, in [-1, 1]: the middle of the photo, which is 512 x 512."""
    import numpy
    from PIL import Image

    image = Image.open(pathlib.Path(os.environ["LATENT_DATA"]) / "photos" / "astronaut.png")
    start = (512 - size) // 2
    pixels = numpy.array(image.convert("RGB"))[start:start + size, start:start + size]
    return (torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1).contiguous()


@torch.inference_mode()
def example(case, size):
    """What the case works on: trained networks get a photo, or the latents of one."""
    if not case.startswith("taef2"):
        return seeded_input(case, size)
    image = photo(size)
    return image if case.endswith("encode") else Side("taef2-encode")(image).contiguous()

