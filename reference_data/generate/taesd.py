"""The networks of the taesd project that diffusers has no class for: TAEF2's group-norm pool
and TAESANA's two extra halvings. Layers are numbered as diffusers numbers AutoencoderTiny's:
the decoder's soft limit stands in forward and has no number, so its layers count one less than
in the taesd project's own files. Images are in [-1, 1].
"""

import torch
from torch import nn


def conv(inputs, outputs, **options):
    return nn.Conv2d(inputs, outputs, 3, padding=1, **options)


class Block(nn.Module):
    def __init__(self, inputs, outputs, use_midblock_gn=False):
        super().__init__()
        self.conv = nn.Sequential(
            conv(inputs, outputs),
            nn.ReLU(),
            conv(outputs, outputs),
            nn.ReLU(),
            conv(outputs, outputs),
        )
        self.skip = (
            nn.Conv2d(inputs, outputs, 1, bias=False) if inputs != outputs else nn.Identity()
        )
        self.fuse = nn.ReLU()
        self.pool = None
        if use_midblock_gn:
            self.pool = nn.Sequential(
                nn.Conv2d(inputs, 4 * inputs, 1, bias=False),
                nn.GroupNorm(4, 4 * inputs),
                nn.ReLU(),
                nn.Conv2d(4 * inputs, inputs, 1, bias=False),
            )

    def forward(self, x):
        if self.pool is not None:
            x = x + self.pool(x)
        return self.fuse(self.conv(x) + self.skip(x))


class Encoder(nn.Module):
    def __init__(self, latent_channels, stem=(), use_midblock_gn=False):
        super().__init__()
        layers, inputs = [], 3
        for channels in stem:
            layers += [conv(inputs, channels, stride=2), nn.ReLU()]
            inputs = channels
        if not stem:
            layers.append(conv(3, 64))
        for stage, blocks in enumerate((1, 3, 3, 3)):
            if stage > 0:
                layers.append(conv(64, 64, stride=2, bias=False))
            pooled = use_midblock_gn and stage == 3
            layers += [Block(64, 64, pooled) for _ in range(blocks)]
        layers.append(conv(64, latent_channels))
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers((x + 1) / 2)


class Decoder(nn.Module):
    def __init__(self, latent_channels, channels, blocks, use_midblock_gn=False):
        super().__init__()
        layers = [conv(latent_channels, channels[0]), nn.ReLU()]
        for stage, count in enumerate(blocks):
            pooled = use_midblock_gn and stage == 0
            layers += [Block(channels[stage], channels[stage], pooled) for _ in range(count)]
            if stage + 1 < len(blocks):
                layers += [nn.Upsample(scale_factor=2)]
                layers += [conv(channels[stage], channels[stage + 1], bias=False)]
        layers.append(conv(channels[-1], 3))
        self.layers = nn.Sequential(*layers)

    def forward(self, z):
        return self.layers(torch.tanh(z / 3) * 3) * 2 - 1


class Autoencoder(nn.Module):
    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder(), decoder()


def taef2():
    return Autoencoder(
        lambda: Encoder(32, use_midblock_gn=True),
        lambda: Decoder(32, (64, 64, 64, 64), (3, 3, 3, 1), use_midblock_gn=True),
    )


def taesana():
    return Autoencoder(
        lambda: Encoder(32, stem=(32, 64)),
        lambda: Decoder(32, (256, 128, 64, 64, 64, 64), (3, 3, 3, 3, 3, 1)),
    )


def load(module, state, shift):
    """Weights of a taesd file, whose layers count `shift` more than ours."""
    renamed = {}
    for name, value in state.items():
        index, rest = name.split(".", 1)
        renamed[f"layers.{int(index) - shift}.{rest}"] = value.float()
    module.load_state_dict(renamed)


def load_taef2(folder):
    network = taef2()
    for part, shift in (("encoder", 0), ("decoder", 1)):
        state = torch.load(folder / f"taef2_{part}.pth", map_location="cpu", weights_only=True)
        load(getattr(network, part), state, shift)
    return network
