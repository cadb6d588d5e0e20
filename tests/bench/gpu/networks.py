"""The decoders of the benchmark on a GPU as PyTorch has them, for machines without diffusers.

Modules are constructed in diffusers' order, which is that of the random numbers they draw, so
that torch.manual_seed(0) gives the weights that Latent draws.
"""

import torch
from torch import nn
from torch.nn import functional as F


def conv(channels, out, bias=True):
    return nn.Conv2d(channels, out, 3, padding=1, bias=bias)


class Resnet(nn.Module):
    def __init__(self, channels, out):
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(32, channels, 1e-6), conv(channels, out)
        self.norm2, self.conv2 = nn.GroupNorm(32, out, 1e-6), conv(out, out)
        self.shortcut = nn.Conv2d(channels, out, 1) if channels != out else nn.Identity()

    def forward(self, x):
        h = self.conv1(F.silu(self.norm1(x)))
        return self.shortcut(x) + self.conv2(F.silu(self.norm2(h)))


class Attention(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm = nn.GroupNorm(32, channels, 1e-6)
        self.q, self.k = nn.Linear(channels, channels), nn.Linear(channels, channels)
        self.v, self.out = nn.Linear(channels, channels), nn.Linear(channels, channels)

    def forward(self, x):
        h = self.norm(x).flatten(2).transpose(1, 2)
        h = F.scaled_dot_product_attention(self.q(h)[:, None], self.k(h)[:, None],
                                           self.v(h)[:, None])[:, 0]
        return x + self.out(h).transpose(1, 2).reshape(x.shape)


class Decoder(nn.Module):
    """diffusers' Decoder of an AutoencoderKL."""

    def __init__(self, channels, layers):
        super().__init__()
        first = channels[-1]
        self.conv_in = conv(4, first)
        resnet = Resnet(first, first)
        self.mid = nn.Sequential(resnet, Attention(first), Resnet(first, first))
        steps = []
        for i, out in enumerate(reversed(channels)):
            for _ in range(layers + 1):
                steps.append(Resnet(first, out))
                first = out
            if i + 1 < len(channels):
                steps += [nn.Upsample(scale_factor=2), conv(out, out)]
        self.up = nn.Sequential(*steps)
        self.norm, self.conv_out = nn.GroupNorm(32, first, 1e-6), conv(first, 3)

    def forward(self, z):
        return self.conv_out(F.silu(self.norm(self.up(self.mid(self.conv_in(z))))))


class TinyBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Sequential(conv(channels, channels), nn.ReLU(), conv(channels, channels),
                                  nn.ReLU(), conv(channels, channels))

    def forward(self, x):
        return F.relu(self.conv(x) + x)


class DecoderTiny(nn.Module):
    """diffusers' DecoderTiny."""

    def __init__(self, channels, blocks):
        super().__init__()
        steps = [conv(4, channels), nn.ReLU()]
        for count in blocks[:-1]:
            steps += [TinyBlock(channels) for _ in range(count)]
            steps += [nn.Upsample(scale_factor=2), conv(channels, channels, bias=False)]
        steps += [TinyBlock(channels) for _ in range(blocks[-1])]
        self.layers = nn.Sequential(*steps, conv(channels, 3))

    def forward(self, z):
        return self.layers(torch.tanh(z / 3) * 3) * 2 - 1  # from [0, 1] to [-1, 1]


def network(kind):
    torch.manual_seed(0)
    return {"kl": lambda: Decoder((128, 256, 512, 512), 2),
            "small_kl": lambda: Decoder((32, 32, 64), 1),
            "tiny": lambda: DecoderTiny(64, (3, 3, 3, 1)),
            "small_tiny": lambda: DecoderTiny(8, (1, 1, 1, 1))}[kind]()
