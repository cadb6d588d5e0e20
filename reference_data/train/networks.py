"""The networks that are trained, by the fields of their config.json."""

import pathlib
import sys

import torch
from diffusers import AutoencoderKL, AutoencoderTiny

sys.path.append(str(pathlib.Path(__file__).parents[1] / "generate"))
from vae_approx import VAEApprox  # noqa: E402

SMALL = dict(
    in_channels=3,
    out_channels=3,
    down_block_types=("DownEncoderBlock2D",) * 4,
    up_block_types=("UpDecoderBlock2D",) * 4,
    block_out_channels=(32, 64, 128, 128),
    layers_per_block=1,
    act_fn="silu",
    latent_channels=4,
    norm_num_groups=8,
    sample_size=256,
)
TINY = dict(
    encoder_block_out_channels=(32, 32, 32, 32),
    decoder_block_out_channels=(40, 40, 40, 40),
    num_encoder_blocks=(1, 2, 2, 3),
    num_decoder_blocks=(3, 3, 2, 1),
    latent_channels=4,
)


def small(seed):
    torch.manual_seed(seed)
    return AutoencoderKL(**SMALL)


def tiny(seed):
    torch.manual_seed(seed)
    return AutoencoderTiny(**TINY)


def approx(seed):
    torch.manual_seed(seed)
    return VAEApprox()


def trained(model, run):
    """With the averaged weights of a run. Ends the program where there is none."""
    if not (run / "checkpoint.pt").exists():
        sys.exit(f"{run}: got no checkpoint.pt, expected a run; train.py {run.name} makes it")
    state = torch.load(run / "checkpoint.pt", weights_only=True)
    model.load_state_dict(state["average"])
    return model.eval().requires_grad_(False), state


class Teacher:
    """small, and what its latents are scaled by; `of` says which small it is."""

    def __init__(self, run, crops):
        self.small, state = trained(small(0), run)
        self.scaling_factor = round(scaling_factor(self.small, crops), 4)
        self.of = dict(small=state["step"])


@torch.no_grad()
def scaling_factor(small, crops):
    """What makes latents of unit variance: 1 / their deviation over crops of the training's."""
    from tasks import latents_of

    z = torch.cat([latents_of(small, crops.batch(99, step, 8, 192))[0] for step in range(8)])
    return 1 / z.std().item()
