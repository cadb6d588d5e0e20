"""From runs to diffusers' folders, in half precision: small, tiny and approx.

    python3 export.py PHOTOS RUNS MODELS
"""

import json
import pathlib
import sys

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, AutoencoderTiny
from safetensors.torch import save_file

import dataset
import networks
from tasks import latents_of

DIFFUSERS = {"AutoencoderKL": AutoencoderKL, "AutoencoderTiny": AutoencoderTiny}


def load(folder):
    """A model of diffusers', whose weights are computed with in float32."""
    config = json.loads((pathlib.Path(folder) / "config.json").read_text())
    return DIFFUSERS[config["_class_name"]].from_pretrained(folder).float().eval()


def latent_rgb_factors(small, scaling_factor, crops):
    """The table [4][3] that is nearest to the photo's colours, by least squares: no offset."""
    rows, colours = [], []
    with torch.no_grad():
        for step in range(40):
            x = crops.batch(77, step, 8, 128)
            z = latents_of(small, x)[0] * scaling_factor
            rows.append(z.permute(0, 2, 3, 1).reshape(-1, 4))
            colours.append(F.avg_pool2d(x, 8).permute(0, 2, 3, 1).reshape(-1, 3))
    table = torch.linalg.lstsq(torch.cat(rows).double(), torch.cat(colours).double()).solution
    return [[round(value, 4) for value in row] for row in table.tolist()]


def write_config(folder, config):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def taught(model, run, teacher):
    """A run's network in half precision. Ends the program where another small taught it."""
    model, state = networks.trained(model, run)
    if {key: state["of"][key] for key in teacher.of} != teacher.of:
        sys.exit(f"{run}: got a run of {state['of']}, expected one of {teacher.of}")
    return model.half()


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    photos, runs, models = map(pathlib.Path, sys.argv[1:])
    crops = dataset.Crops(photos)
    teacher = networks.Teacher(runs / "small", crops)
    teacher.small.register_to_config(scaling_factor=teacher.scaling_factor)
    teacher.small.half().save_pretrained(models / "small")
    taught(networks.tiny(0), runs / "tiny", teacher).save_pretrained(models / "tiny")
    approx = taught(networks.approx(0), runs / "approx", teacher)
    table = latent_rgb_factors(load(models / "small"), teacher.scaling_factor, crops)
    write_config(models / "approx", dict(_class_name="VAEApprox", latent_rgb_factors=table))
    save_file({k: v.contiguous() for k, v in approx.state_dict().items()},
              models / "approx" / "diffusion_pytorch_model.safetensors")
    for name in ("small", "tiny", "approx"):
        file = models / name / "diffusion_pytorch_model.safetensors"
        file.chmod(0o644)
        print(file, file.stat().st_size)


if __name__ == "__main__":
    main()
