"""How well a network gives photos back, beside the floor: four numbers for each 8 x 8 patch, by
the principal components of the photo itself. And how its latents spread, channel by channel.

    python3 measure.py PHOTOS [MODEL_FOLDER...]     (PHOTOS: a folder; held-out ones)
"""

import math
import pathlib
import sys

import numpy as np
import torch
from PIL import Image


def read(path):
    """[1, 3, H, W] in [-1, 1], cut to multiples of 8."""
    x = torch.from_numpy(np.asarray(Image.open(path).convert("RGB")).copy())
    x = x.permute(2, 0, 1).float() / 127.5 - 1
    return x[None, :, : x.shape[1] // 8 * 8, : x.shape[2] // 8 * 8]


def psnr(x, y):
    """Decibels, of bytes."""
    as_bytes = lambda t: ((t.clamp(-1, 1) + 1) * 127.5).round()
    return 10 * math.log10(255**2 / (as_bytes(x) - as_bytes(y)).square().mean().item())


def floor(x, components=4):
    """What principal components of 8 x 8 x 3 patches give back."""
    _, c, h, w = x.shape
    patches = x.view(c, h // 8, 8, w // 8, 8).permute(1, 3, 0, 2, 4).reshape(-1, c * 64).double()
    mean = patches.mean(0)
    _, _, v = torch.linalg.svd(patches - mean, full_matrices=False)
    v = v[:components]
    y = (patches - mean) @ v.T @ v + mean
    return y.float().view(h // 8, w // 8, c, 8, 8).permute(2, 0, 3, 1, 4).reshape(x.shape)


@torch.no_grad()
def encoded(model, x):
    """Raw latents, and what scales them to unit variance."""
    result = model.encode(x)
    if hasattr(result, "latent_dist"):
        return result.latent_dist.mode(), model.config.scaling_factor
    return result.latents, 1


@torch.no_grad()
def there_and_back(model, x):
    return model.decode(encoded(model, x)[0]).sample


def main():
    from export import load

    if len(sys.argv) < 2:
        sys.exit(__doc__)
    models = {folder: load(folder) for folder in sys.argv[2:]}
    print("photo", "floor", *models, sep="\t")
    rows, latents = [], {folder: [] for folder in models}
    for path in sorted(p for p in pathlib.Path(sys.argv[1]).iterdir() if p.is_file()):
        x = read(path)
        rows.append([psnr(x, floor(x))] + [psnr(x, there_and_back(m, x)) for m in models.values()])
        print(path.name, *(f"{value:.2f}" for value in rows[-1]), sep="\t")
        for folder, model in models.items():
            z, factor = encoded(model, x)
            latents[folder].append((z * factor)[0].flatten(1))
    print("mean", *(f"{sum(column) / len(column):.2f}" for column in zip(*rows)), sep="\t")
    for folder, parts in latents.items():
        z = torch.cat(parts, 1)
        deviations = [f"{value:.2f}" for value in z.std(1).tolist()]
        print(f"{folder}: latents deviate by {z.std():.2f}, channel by channel", *deviations)


if __name__ == "__main__":
    main()
