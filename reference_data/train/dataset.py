"""Crops of photos. What a step is shown depends on the seed and the step alone, so that a
training that was interrupted goes on as if it had not been.
"""

import os
import pathlib

import numpy as np
import torch
from PIL import Image, ImageOps

import photos

SHORT_SIDE = 960  # to which larger photos are reduced when they are read


def read(path):
    """uint8 [H, W, 3]; what was reduced is kept beside the photo."""
    kept = path.with_suffix(f".{SHORT_SIDE}.npy")
    if not kept.exists():
        image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
        ratio = SHORT_SIDE / min(image.size)
        if ratio < 1:
            size = [round(side * ratio) for side in image.size]
            image = image.resize(size, Image.LANCZOS)
        np.save(kept.with_suffix(".new.npy"), np.asarray(image))
        os.replace(kept.with_suffix(".new.npy"), kept)
    return np.load(kept, mmap_mode="r")


class Crops:
    def __init__(self, folder):
        """Of what photos.py fetched there."""
        self.images, packages = [], []
        for package, photo in photos.photos():
            self.images.append(read(pathlib.Path(folder) / photos.stored_as(photo)))
            packages.append(package)
        # By area, but for one package of landscapes, which has more than all others.
        sizes = np.array([min(i.shape[0] * i.shape[1], 800_000) for i in self.images], float)
        sizes *= [0.4 if p.startswith("endless-sky") else 1 for p in packages]
        self.weights = torch.from_numpy(sizes / sizes.sum())

    def batch(self, seed, step, count, size):
        """[count, 3, size, size] in [-1, 1]."""
        rng = torch.Generator().manual_seed(seed * 1_000_003 + step)
        picks = torch.multinomial(self.weights, count, True, generator=rng).tolist()
        crops = [self.detailed(self.images[i], size, rng) for i in picks]
        return torch.stack(crops) * 2 - 1

    def detailed(self, image, size, rng):
        """The better of two: skies are soon learned."""
        two = [self.crop(image, size, rng) for _ in range(2)]
        return max(two, key=lambda x: (x[:, :, 1:] - x[:, :, :-1]).abs().mean().item())

    def crop(self, image, size, rng):
        def uniform(low, high):
            return low + (high - low) * torch.rand((), generator=rng).item()

        height, width = image.shape[:2]
        # 1. A square of the photo, reduced to `size`.
        side = min(round(size * uniform(1, 2.5)), height, width)
        top = int(uniform(0, height - side + 1))
        left = int(uniform(0, width - side + 1))
        square = Image.fromarray(image[top : top + side, left : left + side])
        if side != size:
            square = square.resize((size, size), Image.LANCZOS if side > size else Image.BICUBIC)
        x = torch.from_numpy(np.asarray(square).copy()).permute(2, 0, 1).float() / 255
        # 2. Turned over, and in other colours.
        if uniform(0, 1) < 0.5:
            x = x.flip(2)
        if uniform(0, 1) < 0.1:
            x = x.flip(1)
        if uniform(0, 1) < 0.5:
            grey = x.mean(0, keepdim=True)
            x = grey + (x - grey) * uniform(0.6, 1.5)
            gains = torch.tensor([uniform(0.85, 1.15) for _ in range(3)]).view(3, 1, 1)
            middle = x.mean()
            x = ((x - middle) * uniform(0.75, 1.3) + middle + uniform(-0.1, 0.1)) * gains
        return x.clamp(0, 1)
