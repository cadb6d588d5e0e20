"""reference_data/models/tile_blending: the tiles of diffusers' AutoencoderKL around functions
without weights, which see the whole of a tile, so that tiles disagree where they overlap."""

from golden import Golden, generator, uniform

from diffusers import AutoencoderKL
from torch import nn


class EncodeTile(nn.Module):
    """The means of 8x8 pixels, less the tile's own mean."""

    def forward(self, x):
        return nn.functional.avg_pool2d(x, 8) - x.mean(dim=(2, 3), keepdim=True)


class DecodeTile(nn.Module):
    """Each latent as 8x8 pixels, less the tile's own mean."""

    def forward(self, z):
        centred = z - z.mean(dim=(2, 3), keepdim=True)
        return nn.functional.interpolate(centred, scale_factor=8, mode="nearest")


# sample_size, the overlap in thousandths, the batch, the image's and the latents' sides. The
# decoder's tiles do not fit together where sample_size is no multiple of 8.
CASES = {
    "quarter": (64, 250, 2, (107, 160), (13, 20)),
    "wide": (64, 375, 1, (136, 88), (17, 11)),
    "one_row": (64, 250, 1, (40, 160), (5, 20)),
    "odd": (65, 250, 1, (104, 112), None),
}


def tiled(sample_size, overlap):
    """Four blocks, so a latent has 8 pixels."""
    vae = AutoencoderKL(
        block_out_channels=(8,) * 4, norm_num_groups=4, sample_size=sample_size,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        use_quant_conv=False, use_post_quant_conv=False,
    )
    vae.encoder, vae.decoder = EncodeTile(), DecodeTile()
    vae.tile_overlap_factor = overlap / 1000
    return vae


def make_tile_blending():
    """Images are uniform() of seed 1 with 3 channels, latents of seed 2 with 4."""
    file = Golden("models/tile_blending", "AutoencoderKL's tiles, of functions without weights")
    for name, (sample_size, overlap, batch, image, latents) in CASES.items():
        vae = tiled(sample_size, overlap)
        tile = vae.tile_latent_min_size
        file.numbers(f"{name}.case",
                     [sample_size, tile, overlap, batch, *image, *(latents or (0, 0))])
        x = uniform(generator(1), batch, 3, *image)
        file.output(f"{name}.encode", vae._tiled_encode(x), vae._tiled_encode(x.double()))
        if latents:
            z = uniform(generator(2), batch, 4, *latents)
            single, truth = (vae.tiled_decode(like).sample for like in (z, z.double()))
            file.output(f"{name}.decode", single, truth)
    return file
