"""The Stable Diffusion autoencoder: its blocks (reference_data/blocks/), small and full-size
networks layer by layer, tiles, and its posterior (reference_data/models/)."""

import copy
import zlib

from golden import Golden, generator, run_hooked, uniform
from networks import seeded, seeded_inputs

import torch
from diffusers import AutoencoderKL
from diffusers.models.attention_processor import Attention, FusedAttnProcessor2_0
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from diffusers.models.downsampling import Downsample2D
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.unets.unet_2d_blocks import (
    AttnDownEncoderBlock2D,
    AttnUpDecoderBlock2D,
    DownEncoderBlock2D,
    UNetMidBlock2D,
    UpDecoderBlock2D,
)
from diffusers.models.upsampling import Upsample2D

# --- Blocks: weights of seed 1, input uniform() of seed 2 -----------------------------------


def run(file, name, module, *shape, temb=None):
    """A block on its own under the path `name`; `temb` is the size of a time embedding, which
    is drawn after the input."""
    random = generator(2)
    inputs = [uniform(random, *shape)]
    if temb:
        inputs.append(uniform(random, shape[0], temb))
    elif isinstance(module, (ResnetBlock2D, UNetMidBlock2D)):
        return file.outputs(run_hooked(module, lambda m, x: m(x, None), *inputs, prefix=name))
    return file.outputs(run_hooked(module, lambda m, *x: m(*x), *inputs, prefix=name))


def resnet(channels, out_channels, groups, temb=None, **options):
    return seeded(
        1, ResnetBlock2D, in_channels=channels, out_channels=out_channels, groups=groups,
        temb_channels=temb, **options,
    )


def make_resnet_block_2d():
    file = Golden("blocks/resnet_block_2d", "ResnetBlock2D, with seed 1")
    run(file, "equal", resnet(16, 16, 4), 2, 16, 5, 7)
    run(file, "shortcut", resnet(12, 20, 4), 1, 12, 6, 5)
    run(file, "mish", resnet(8, 8, 2, non_linearity="mish"), 1, 8, 7, 4)
    run(file, "gelu", resnet(6, 9, 3, non_linearity="gelu"), 1, 6, 4, 5)
    run(file, "a_group_a_channel", resnet(10, 10, 10), 1, 10, 3, 6)
    run(file, "one_pixel", resnet(8, 8, 2), 1, 8, 1, 1)
    run(file, "32_groups", resnet(64, 32, 32), 1, 64, 9, 8)
    run(file, "chosen_shortcut", resnet(8, 8, 4, use_in_shortcut=True), 1, 8, 5, 3)
    run(file, "temb", resnet(16, 16, 4, temb=24), 2, 16, 4, 5, temb=24)
    run(file, "temb_mish", resnet(8, 12, 4, temb=10, non_linearity="mish"), 1, 8, 5, 5, temb=10)
    return file


def attention(channels, heads, groups):
    """As the autoencoder's blocks make theirs."""
    return seeded(
        1, Attention, channels, heads=heads, dim_head=channels // heads, eps=1e-6,
        norm_num_groups=groups, residual_connection=True, bias=True, upcast_softmax=True,
        _from_deprecated_attn_block=True,
    )


def make_attention():
    """`fused` has had its three projections joined by fuse_projections."""
    file = Golden("blocks/attention", "Attention over pixels, with seed 1")
    run(file, "one_head", attention(32, 1, 8), 1, 32, 5, 7)
    run(file, "four_heads", attention(32, 4, 8), 2, 32, 3, 5)
    run(file, "a_head_a_channel", attention(12, 12, 3), 1, 12, 4, 4)
    run(file, "one_pixel", attention(16, 2, 4), 1, 16, 1, 1)
    run(file, "long", attention(16, 2, 2), 1, 16, 21, 13)
    run(file, "wide", attention(64, 1, 32), 1, 64, 9, 11)
    fused = attention(32, 2, 8)
    fused.fuse_projections()
    fused.set_processor(FusedAttnProcessor2_0())
    run(file, "fused", fused, 2, 32, 3, 4)
    return file


def make_downsample_2d():
    def downsample(channels, out_channels, padding):
        return seeded(
            1, Downsample2D, channels, use_conv=True, out_channels=out_channels,
            padding=padding, name="op",
        )

    file = Golden("blocks/downsample_2d", "Downsample2D with a convolution, with seed 1")
    run(file, "right_bottom", downsample(6, 6, 0), 2, 6, 9, 8)
    run(file, "right_bottom_odd", downsample(5, 5, 0), 1, 5, 7, 7)
    run(file, "right_bottom_small", downsample(4, 4, 0), 1, 4, 2, 3)
    run(file, "right_bottom_fewer", downsample(8, 5, 0), 1, 8, 4, 6)
    run(file, "around", downsample(6, 6, 1), 1, 6, 9, 8)
    run(file, "around_one_pixel", downsample(4, 7, 1), 2, 4, 1, 1)
    return file


def make_upsample_2d():
    def upsample(channels, **options):
        return seeded(1, Upsample2D, channels, **options)

    file = Golden("blocks/upsample_2d", "Upsample2D, with seed 1")
    run(file, "conv", upsample(6, use_conv=True), 2, 6, 5, 7)
    run(file, "more", upsample(5, use_conv=True, out_channels=9), 1, 5, 3, 4)
    run(file, "one_pixel", upsample(4, use_conv=True), 1, 4, 1, 1)
    run(file, "plain", upsample(3), 1, 3, 4, 5)
    return file


def make_down_encoder_block_2d():
    def block(kind, channels, out_channels, layers, **options):
        return seeded(
            1, kind, channels, out_channels, num_layers=layers, resnet_groups=4, **options
        )

    plain, attending = DownEncoderBlock2D, AttnDownEncoderBlock2D
    file = Golden("blocks/down_encoder_block_2d", "(Attn)DownEncoderBlock2D, with seed 1")
    run(file, "plain", block(plain, 8, 12, 2, downsample_padding=0), 2, 8, 7, 6)
    run(file, "last", block(plain, 12, 12, 1, add_downsample=False), 1, 12, 5, 6)
    run(file, "mish", block(plain, 8, 8, 1, resnet_act_fn="mish"), 1, 8, 5, 7)
    one = block(attending, 8, 16, 2, attention_head_dim=16, downsample_padding=0)
    run(file, "attention", one, 1, 8, 7, 5)
    four = block(attending, 12, 12, 1, attention_head_dim=3, add_downsample=False)
    run(file, "four_heads", four, 2, 12, 4, 3)
    return file


def make_up_decoder_block_2d():
    def block(kind, channels, out_channels, layers, **options):
        return seeded(
            1, kind, channels, out_channels, num_layers=layers, resnet_groups=4, **options
        )

    plain, attending = UpDecoderBlock2D, AttnUpDecoderBlock2D
    file = Golden("blocks/up_decoder_block_2d", "(Attn)UpDecoderBlock2D, with seed 1")
    run(file, "plain", block(plain, 12, 8, 2), 2, 12, 3, 4)
    run(file, "last", block(plain, 12, 12, 1, add_upsample=False), 1, 12, 5, 6)
    run(file, "attention", block(attending, 16, 8, 2, attention_head_dim=8), 1, 16, 3, 5)
    four = block(attending, 12, 12, 1, attention_head_dim=3, add_upsample=False)
    run(file, "four_heads", four, 2, 12, 4, 3)
    return file


def make_unet_mid_block_2d():
    def block(channels, temb=None, **options):
        return seeded(1, UNetMidBlock2D, channels, temb, resnet_groups=4, **options)

    file = Golden("blocks/unet_mid_block_2d", "UNetMidBlock2D, with seed 1")
    run(file, "attention", block(16, attention_head_dim=16), 1, 16, 5, 7)
    run(file, "four_heads", block(8, attention_head_dim=2), 2, 8, 3, 4)
    run(file, "without", block(12, add_attention=False), 1, 12, 2, 3)
    run(file, "two_layers", block(8, num_layers=2, attention_head_dim=4), 1, 8, 9, 11)
    run(file, "temb", block(8, 24, attention_head_dim=1), 2, 8, 3, 3, temb=24)
    return file


# --- Networks -------------------------------------------------------------------------------


def encode(vae, x):
    return vae.encode(x).latent_dist.parameters


def decode(vae, z):
    return vae.decode(z).sample


def stable_diffusion(latent_channels=4, quant=True):
    """The config of SD1, SD2 and SDXL; with 16 latent channels and no convolutions beside the
    latents that of SD3 and FLUX.1."""
    return dict(
        block_out_channels=(128, 256, 512, 512), layers_per_block=2, sample_size=512,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=latent_channels, use_quant_conv=quant, use_post_quant_conv=quant,
    )


# Name: the seed of the weights (the image has the next one, the latents the one after), the
# shapes of image and latents, and the config.
NETWORKS = {
    "kl_small": (20, (2, 3, 21, 18), (2, 4, 5, 3), dict(
        block_out_channels=(32, 64), down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
    )),
    # No number is a usual one.
    "kl_uneven": (30, (2, 1, 13, 22), (2, 3, 3, 4), dict(
        in_channels=1, out_channels=4, latent_channels=3, block_out_channels=(24, 36, 48),
        down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
        layers_per_block=2, norm_num_groups=12, act_fn="mish", shift_factor=0.1,
        use_quant_conv=False, use_post_quant_conv=False,
    )),
    "kl_attention": (40, (1, 3, 15, 12), (2, 4, 3, 5), dict(
        block_out_channels=(16, 24), down_block_types=("AttnDownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D", "AttnUpDecoderBlock2D"), norm_num_groups=8,
        mid_block_add_attention=False, use_post_quant_conv=False,
    )),
    "sd1": (0, (1, 3, 64, 64), (1, 4, 8, 8), stable_diffusion()),
    "sd3": (3, (1, 3, 64, 64), (1, 16, 8, 8), stable_diffusion(16, quant=False)),
}


def make_networks():
    """Besides the layers of kl_small what forward() gives, from the mode."""
    for name, (seed, image, latents, config) in NETWORKS.items():
        file = Golden(f"models/{name}", f"an AutoencoderKL, weights of seed {seed}")
        vae = seeded(seed, AutoencoderKL, **config)
        x, z = seeded_inputs(image, latents, seed + 1)
        file.outputs(run_hooked(vae, encode, x), whole=("encoder", "quant_conv"))
        file.outputs(run_hooked(vae, decode, z), whole=("decoder",))
        if name == "kl_small":
            double = copy.deepcopy(vae).double()
            file.output("forward", vae(x).sample, double(x.double()).sample)
            # float32 noise for both.
            posterior = double.encode(x.double()).latent_dist
            noise = torch.randn(posterior.mean.shape, generator=generator(7)).double()
            single = vae(x, sample_posterior=True, generator=generator(7)).sample
            truth = double.decode(posterior.mean + posterior.std * noise).sample
            file.output("forward_sample", single, truth)
        yield file


# Tiles in pixels, the overlap in thousandths, the batch, the image's and the latents' sides.
TILED = {
    "quarter": (64, 250, 2, (107, 131), (11, 13)),
    "eighth": (128, 125, 1, (136, 245), (17, 30)),
    "half": (64, 500, 1, (73, 64), (9, 8)),
}


def make_tiling():
    """Inputs as in seeded_inputs. Each tile is blended into what the one above it and the one
    to its left have already become."""
    file = Golden("models/kl_tiling", "tiles of a small AutoencoderKL, weights of seed 50")
    vae = seeded(
        50, AutoencoderKL, block_out_channels=(4, 8, 8, 8), norm_num_groups=4, sample_size=64,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    )
    vae.enable_tiling()
    for name, (tile, overlap, batch, image, latents) in TILED.items():
        file.numbers(f"{name}.case", [tile, overlap, batch, *image, *latents])
        vae.tile_sample_min_size = tile
        vae.tile_latent_min_size = tile // 8
        vae.tile_overlap_factor = overlap / 1000
        double = copy.deepcopy(vae).double()
        x, z = seeded_inputs((batch, 3, *image), (batch, 4, *latents), seed=51)
        file.output(f"{name}.encode", encode(vae, x), encode(double, x.double()))
        file.output(f"{name}.decode", decode(vae, z), decode(double, z.double()))
    return file


def make_posterior():
    """Parameters are uniform() of seed 1 times NAME.case, those of the other distribution of
    seed 2, the sample for nll uniform() of seed 3; sample() draws from seed 7. `unclamped` is a
    sample with the square root of exp(logvar), whatever logvar is."""
    file = Golden("models/diagonal_gaussian_distribution", "DiagonalGaussianDistribution")
    shape = (2, 8, 3, 5)
    noise = torch.randn((2, 4, 3, 5), generator=generator(7))

    def distributions(spread, dtype):
        return [
            DiagonalGaussianDistribution((uniform(generator(seed), *shape) * spread).to(dtype))
            for seed in (1, 2)
        ]

    for name, spread in (("narrow", 3), ("clamped", 40)):
        file.numbers(f"{name}.case", [spread])
        single, other = distributions(spread, torch.float32)
        truth, true_other = distributions(spread, torch.float64)
        at = uniform(generator(3), 2, 4, 3, 5)
        file.output(f"{name}.mode", single.mode(), truth.mode())
        file.output(f"{name}.std", single.std, truth.std)
        file.output(f"{name}.var", single.var, truth.var)
        true_sample = truth.mean + truth.std * noise.double()
        file.output(f"{name}.sample", single.sample(generator(7)), true_sample)
        file.output(f"{name}.kl", single.kl(), truth.kl())
        file.output(f"{name}.kl_other", single.kl(other), truth.kl(true_other))
        file.output(f"{name}.nll", single.nll(at), truth.nll(at.double()))
        both = []
        for parameters in (single.parameters, truth.parameters):
            mean, logvar = parameters.chunk(2, dim=1)
            both.append(mean + torch.exp(logvar).sqrt() * noise.to(mean.dtype))
        file.output(f"{name}.unclamped", *both)
    return file


def files():
    yield make_resnet_block_2d()
    yield make_attention()
    yield make_downsample_2d()
    yield make_upsample_2d()
    yield make_down_encoder_block_2d()
    yield make_up_decoder_block_2d()
    yield make_unet_mid_block_2d()
    yield make_posterior()
    yield from make_networks()
    yield make_tiling()


def parameters(folder):
    """Writes models/NAME_parameters.tsv of the full-size networks: each tensor of the state
    dictionary, its shape, and the CRC-32 of its float32 bytes. Yields the file's name, what it
    is, and the number of tensors."""
    for name in ("sd1", "sd3"):
        seed, _, _, config = NETWORKS[name]
        vae = seeded(seed, AutoencoderKL, **config)
        tensors = vae.state_dict()
        lines = [
            "\t".join([
                key, ",".join(map(str, value.shape)), f"{zlib.crc32(value.numpy().data):08x}"
            ])
            for key, value in tensors.items()
        ]
        total = sum(value.numel() for value in tensors.values())
        path = folder / "models" / f"{name}_parameters.tsv"
        head = [f"# AutoencoderKL, weights of seed {seed}: {total} parameters"]
        head += ["# name\tshape\tCRC-32"]
        path.write_text("\n".join(head + lines) + "\n")
        yield f"models/{name}_parameters.tsv", f"hashes of {name}'s parameters", len(lines)
