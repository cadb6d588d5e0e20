"""The network of stable-diffusion-webui's previews, VAEApprox, stated anew with its names."""

import torch.nn as nn
from torch.nn import functional

SIZES = [(4, 8, 7), (8, 16, 5), (16, 32, 3), (32, 64, 3), (64, 32, 3), (32, 16, 3), (16, 8, 3),
         (8, 3, 3)]


class VAEApprox(nn.Module):
    """conv1 ... conv8; parity: modules/sd_vae_approx.py."""

    def __init__(self):
        super().__init__()
        for number, (inputs, outputs, kernel) in enumerate(SIZES, 1):
            setattr(self, f"conv{number}", nn.Conv2d(inputs, outputs, kernel))

    def forward(self, z):
        h = functional.interpolate(z, (z.shape[2] * 2, z.shape[3] * 2))
        h = functional.pad(h, (11, 11, 11, 11))
        for convolution in self.children():
            h = functional.leaky_relu(convolution(h), 0.1)
        return h
