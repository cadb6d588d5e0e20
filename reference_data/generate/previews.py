"""reference_data/models/vae_approx*, reference_data/pipelines/: previews of latents, as
stable-diffusion-webui makes them. Its network (vae_approx.py) and its tables are stated anew here,
with their names and numbers."""

import copy

from golden import Golden, generator, run_hooked
from vae_approx import VAEApprox

import torch
from diffusers import AutoencoderTiny
from torch import nn

# [latent channel][red, green, blue]
SD = torch.tensor([[0.298, 0.207, 0.208], [0.187, 0.286, 0.173], [-0.158, 0.189, 0.264],
                   [-0.184, -0.271, -0.473]])
SDXL = torch.tensor([[0.3448, 0.4168, 0.4395], [-0.1953, -0.0290, 0.0250],
                     [0.1074, 0.0886, -0.0163], [-0.3730, -0.2499, -0.2088]])


def normal(seed, *shape):
    return torch.randn(shape, generator=generator(seed))


def seeded_vae_approx():
    torch.manual_seed(17)
    return VAEApprox()


def small_decoder():
    torch.manual_seed(13)
    return AutoencoderTiny(
        encoder_block_out_channels=(8, 8, 8, 8), decoder_block_out_channels=(8, 8, 8, 8),
        num_encoder_blocks=(1, 1, 1, 1), num_decoder_blocks=(1, 1, 1, 1),
    ).decoder


def in_both(network, z):
    """The network's output in float32 and in float64."""
    return network(z), copy.deepcopy(network).double()(z.double())


def make_vae_approx():
    """Weights of seed 17, latents normal of seed 18. The path of the network is vae_approx."""
    file = Golden("models/vae_approx", "VAEApprox of stable-diffusion-webui, weights of seed 17")
    network = seeded_vae_approx()
    assert sum(p.numel() for p in network.parameters()) == 52395
    z = normal(18, 2, 4, 8, 7)
    both = run_hooked(network, lambda network, z: network(z), z, prefix="vae_approx")
    file.outputs(both, whole=("vae_approx",))
    return file


def load_vae_approx(data):
    network = VAEApprox()
    path = data / "weights" / "vae_approx_sd.pt"  # saved on a GPU
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return network


def make_vae_approx_trained(data):
    """Latents normal of seed 19 and of seed 20, where the output is `large`."""
    file = Golden("models/vae_approx_trained", "VAEApprox with its trained weights")
    network = load_vae_approx(data)
    for name, shape, seed in (("small", (2, 4, 8, 7), 19), ("large", (1, 4, 64, 64), 20)):
        file.output(name, *in_both(network, normal(seed, *shape)), whole=name == "small")
    return file


def pixels(image):
    """[N, 3, H, W] to bytes [N, H, W, 3], cut off and not rounded."""
    return ((image * 0.5 + 0.5).clamp(0, 1) * 255).to(torch.uint8).permute(0, 2, 3, 1)


def away_from_steps(image):
    """Whether every sum of a few roundings more or less gives the same bytes."""
    value = (image * 0.5 + 0.5).clamp(0, 1) * 255
    inside = (value > 0) & (value < 255)
    return bool(((value - value.round()).abs()[inside] > 1e-3).all())


class Linear(nn.Module):
    """cheap_approximation of the same file."""

    def __init__(self, colours):
        super().__init__()
        self.register_buffer("colours", colours)

    def forward(self, z):
        return torch.einsum("...lxy,lr->...rxy", z, self.colours)


def make_preview():
    """Each method's bytes. NAME.case: N, C, H, W of the latents, and the seed of their normal
    numbers, times 2: the first one for which no value is so close to a step that roundings
    decide about its byte. `approx` has the weights of vae_approx, `tiny` those of tiling."""
    file = Golden("pipelines/preview", "bytes of the previews of stable-diffusion-webui")
    methods = {
        "linear_sd": (Linear(SD), (2, 4, 5, 7)), "linear_sdxl": (Linear(SDXL), (2, 4, 5, 7)),
        "approx": (seeded_vae_approx(), (1, 4, 5, 7)), "tiny": (small_decoder(), (1, 4, 2, 3)),
    }
    for name, (method, shape) in methods.items():
        for seed in range(1000):
            single, truth = in_both(method, normal(seed, *shape) * 2)
            if away_from_steps(truth):
                break
        assert torch.equal(pixels(single), pixels(truth)), name
        file.numbers(f"{name}.case", [*shape, seed])
        if name.startswith("linear"):
            file.output(name, single, truth)
        file.tensor(f"{name}.bytes", pixels(single))
    return file


def files(data):
    """`data`: the folder with weights/ and photos/, or None."""
    yield make_vae_approx()
    if data:
        yield make_vae_approx_trained(data)
    yield make_preview()
