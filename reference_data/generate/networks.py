"""reference_data/layers/, blocks/ and models/: whole modules, every one of them hooked.
Weights are those of torch.manual_seed(seed) and the constructor, or TAEF2's trained ones."""

import copy

from golden import Golden, generator, run_hooked, uniform

import numpy
import torch
from diffusers import AutoencoderTiny
from diffusers.models.unets.unet_2d_blocks import AutoencoderTinyBlock
from PIL import Image
from torch import nn

import taesd


def seeded(seed, constructor, *arguments, **options):
    torch.manual_seed(seed)
    return constructor(*arguments, **options)


def run(file, name, module, *shape, seed):
    """A module on its own under the path `name`; its input is uniform() of `seed`."""
    x = uniform(generator(seed), *shape)
    both = run_hooked(module, lambda network, x: network(x), x, prefix=name)
    file.outputs(both)


def make_layers():
    """Weights from seed 1, input uniform() of seed 2."""
    file = Golden("layers/conv2d", "torch.nn.Conv2d, freshly initialised with seed 1")
    run(file, "plain", seeded(1, nn.Conv2d, 5, 7, 3, padding=1), 2, 5, 9, 8, seed=2)
    run(file, "down", seeded(1, nn.Conv2d, 12, 8, 3, stride=2, padding=1, bias=False),
        1, 12, 9, 8, seed=2)
    run(file, "pixel", seeded(1, nn.Conv2d, 20, 9, 1, bias=False), 1, 20, 6, 7, seed=2)
    run(file, "patch", seeded(1, nn.Conv2d, 3, 10, 4, stride=4), 1, 3, 16, 12, seed=2)
    yield file

    file = Golden("layers/group_norm", "torch.nn.GroupNorm, freshly initialised")
    run(file, "norm", seeded(1, nn.GroupNorm, 4, 24), 2, 24, 5, 7, seed=2)
    run(file, "coarse", seeded(1, nn.GroupNorm, 2, 8, eps=1e-2), 1, 8, 6, 5, seed=2)
    yield file

    file = Golden("layers/linear", "torch.nn.Linear, freshly initialised with seed 1")
    run(file, "linear", seeded(1, nn.Linear, 40, 24), 3, 11, 40, seed=2)
    run(file, "no_bias", seeded(1, nn.Linear, 9, 5, bias=False), 4, 9, seed=2)
    yield file


def make_blocks(trained):
    """Weights from seed 1, input uniform() of seed 2."""
    file = Golden("blocks/autoencoder_tiny_block", "AutoencoderTinyBlock, with seed 1")
    run(file, "equal", seeded(1, AutoencoderTinyBlock, 8, 8, "relu"), 2, 8, 9, 7, seed=2)
    run(file, "unequal", seeded(1, AutoencoderTinyBlock, 5, 12, "relu"), 1, 5, 7, 10, seed=2)
    run(file, "silu", seeded(1, AutoencoderTinyBlock, 10, 6, "silu"), 1, 10, 8, 8, seed=2)
    run(file, "gelu", seeded(1, AutoencoderTinyBlock, 4, 4, "gelu"), 1, 4, 1, 1, seed=2)
    run(file, "pooled", seeded(1, taesd.Block, 16, 16, True), 2, 16, 6, 9, seed=2)
    run(file, "pooled_unequal", seeded(1, taesd.Block, 8, 12, True), 1, 8, 5, 7, seed=2)
    yield file
    if trained:
        name = "blocks/autoencoder_tiny_block_trained"
        file = Golden(name, "blocks of TAEF2's trained encoder")
        run(file, "layers.1", trained.encoder.layers[1], 1, 64, 9, 8, seed=2)
        run(file, "layers.11", trained.encoder.layers[11], 1, 64, 9, 8, seed=2)
        yield file


def latents_of(vae, x):
    return vae.encode(x).latents if isinstance(vae, AutoencoderTiny) else vae.encoder(x)


def image_of(vae, z):
    return vae.decode(z).sample if isinstance(vae, AutoencoderTiny) else vae.decoder(z)


def both_ways(file, vae, image, latents):
    """Encodes an image and decodes latents, each layer by layer, the results whole."""
    file.outputs(run_hooked(vae, latents_of, image), whole=("encoder",))
    file.outputs(run_hooked(vae, image_of, latents), whole=("decoder",))


def seeded_inputs(image, latents, seed):
    """An image from `seed` in [-1, 1), and normal latents from the seed after it."""
    z = torch.randn(latents, generator=generator(seed + 1))
    return uniform(generator(seed), *image), z


def make_taesd():
    """Besides the two ways, the round trip through 8-bit latents."""
    file = Golden("models/taesd", "AutoencoderTiny() of diffusers, weights of seed 0")
    vae = seeded(0, AutoencoderTiny)
    image, latents = seeded_inputs((1, 3, 72, 64), (1, 4, 9, 8), seed=1)
    both_ways(file, vae, image, latents)

    z = latents * 2  # some beyond what 8 bits hold
    scaled = vae.scale_latents(z)
    file.tensor("scale_latents.float32", scaled)
    file.tensor("bytes", scaled.mul(255).round().byte())
    file.tensor("unscale_latents.float32", vae.unscale_latents(scaled.mul(255).round() / 255.0))
    double = seeded(0, AutoencoderTiny).double()
    small = image[:, :, :40, :24].contiguous()
    code = vae.scale_latents(vae.encode(small).latents).mul(255)
    exact = double.scale_latents(double.encode(small.double()).latents).mul(255)
    # Far enough from a tie that every precision rounds to the same bytes.
    assert ((exact - exact.floor() - 0.5).abs() > 1e-3).all()
    assert (code - exact).abs().max() < 1e-3
    # The float64 truth of diffusers' forward(), which itself would go on in float32.
    z = double.unscale_latents(exact.round() / 255)
    file.output("forward", vae(small).sample, double.decode(z).sample, whole=True)
    return file


def make_taesd3():
    file = Golden("models/taesd3", "AutoencoderTiny(latent_channels=16), weights of seed 3")
    vae = seeded(3, AutoencoderTiny, latent_channels=16)
    both_ways(file, vae, *seeded_inputs((1, 3, 24, 16), (1, 16, 3, 2), seed=4))
    return file


def make_uneven():
    """A config in which no two numbers are the usual ones; sizes that are no multiple of 8."""
    file = Golden("models/uneven", "an AutoencoderTiny of uncommon sizes, weights of seed 5")
    vae = seeded(
        5, AutoencoderTiny, in_channels=1, out_channels=4, latent_channels=5, act_fn="silu",
        encoder_block_out_channels=(24, 24, 24), decoder_block_out_channels=(20, 20, 20),
        num_encoder_blocks=(2, 1, 0), num_decoder_blocks=(1, 0, 2), upsampling_scaling_factor=3,
    )
    both_ways(file, vae, *seeded_inputs((2, 1, 19, 13), (2, 5, 3, 4), seed=6))
    return file


def make_bicubic():
    """The last option that the others leave out: upsample_fn."""
    file = Golden("models/bicubic", "a small AutoencoderTiny with bicubic enlargement, seed 11")
    vae = seeded(
        11, AutoencoderTiny, act_fn="mish", upsample_fn="bicubic",
        encoder_block_out_channels=(16, 16), decoder_block_out_channels=(16, 16),
        num_encoder_blocks=(1, 1), num_decoder_blocks=(1, 1),
    )
    both_ways(file, vae, *seeded_inputs((1, 3, 10, 6), (1, 4, 3, 5), seed=12))
    return file


def make_taef2():
    file = Golden("models/taef2", "the taesd project's TAEF2, weights of seed 7")
    vae = seeded(7, taesd.taef2)
    both_ways(file, vae, *seeded_inputs((1, 3, 72, 72), (1, 32, 9, 9), seed=8))
    return file


def make_taesana():
    file = Golden("models/taesana", "the taesd project's TAESANA, weights of seed 9")
    vae = seeded(9, taesd.taesana)
    both_ways(file, vae, *seeded_inputs((1, 3, 128, 160), (1, 32, 4, 5), seed=10))
    return file


# Tiles in pixels, the overlap in thousandths, the batch, the image's and the latents' sides.
# 45 pixels from one ragged tile to the next are no whole number of latents.
TILED = {
    "quarter": (64, 250, 2, (104, 136), (11, 13)),
    "eighth": (128, 125, 1, (136, 240), (17, 30)),
    "ragged": (64, 300, 1, (152, 96), (19, 12)),
}


def make_tiling():
    """diffusers' tiles with their masks, encoded and decoded; inputs as in seeded_inputs. The
    truth makes its masks in float64, too: what diffusers makes follows the default dtype."""
    file = Golden("models/tiling", "tiles of a small AutoencoderTiny, weights of seed 13")
    vae = seeded(
        13, AutoencoderTiny,
        encoder_block_out_channels=(8, 8, 8, 8), decoder_block_out_channels=(8, 8, 8, 8),
        num_encoder_blocks=(1, 1, 1, 1), num_decoder_blocks=(1, 1, 1, 1),
    )
    vae.use_tiling = True
    for name, (tile, overlap, batch, image, latents) in TILED.items():
        file.numbers(f"{name}.case", [tile, overlap, batch, *image, *latents])
        vae.tile_sample_min_size = tile
        vae.tile_latent_min_size = tile // vae.spatial_scale_factor
        vae.tile_overlap_factor = overlap / 1000
        inputs = seeded_inputs((batch, 3, *image), (batch, 4, *latents), seed=14)
        for side, call, x in zip(("encode", "decode"), (latents_of, image_of), inputs):
            single = call(vae, x)
            torch.set_default_dtype(torch.float64)
            truth = call(copy.deepcopy(vae).double(), x.double())
            torch.set_default_dtype(torch.float32)
            file.output(f"{name}.{side}", single, truth)
    return file


def make_trained(trained, photos):
    """The astronaut's face, x = 160 .. 287, y = 64 .. 191, as pixel / 127.5 - 1 in float32;
    what is decoded are TAEF2's float32 latents of it, as stored."""
    file = Golden("models/taef2_trained", "TAEF2 with its trained weights on a photo")
    pixels = numpy.array(Image.open(photos / "astronaut.png").convert("RGB"))[64:192, 160:288]
    image = torch.from_numpy(pixels).permute(2, 0, 1).unsqueeze(0).float()
    image = (image / 127.5 - 1).contiguous()
    both_ways(file, trained, image, latents_of(trained, image))
    return file


def files(data):
    """`data`: the folder with weights/ and photos/, or None."""
    trained = taesd.load_taef2(data / "weights") if data else None
    yield from make_layers()
    yield from make_blocks(trained)
    yield make_taesd()
    yield make_taesd3()
    yield make_uneven()
    yield make_bicubic()
    yield make_taef2()
    yield make_taesana()
    yield make_tiling()
    if trained:
        yield make_trained(trained, data / "photos")
