"""What each network is to learn. A task has a model, a rate, `of`: what taught it, crops(done) ->
(count, size) for the share of the training that is done, and loss(model, x, rng) -> (loss,
figures), the first of which is the mean square that is left of the image.
"""

import torch
import torch.nn.functional as F

import networks


def latents_of(small, x):
    """Mean and logarithm of the variance, as AutoencoderKL.encode has them."""
    mean, log_variance = small.quant_conv(small.encoder(x)).float().chunk(2, 1)
    return mean, log_variance.clamp(-30, 20)


class Small:
    """To give back what it is shown, from latents that are nearly normal."""

    rate = 2e-3
    of = {}

    def __init__(self, seed):
        self.model = networks.small(seed)

    def crops(self, done):
        """Small ones first, since two cores are slow; large ones last."""
        return (8, 96) if done < 0.6 else (6, 128) if done < 0.9 else (3, 192)

    def loss(self, model, x, rng):
        mean, log_variance = latents_of(model, x)
        noise = torch.randn(mean.shape, generator=rng)
        z = mean + noise * (0.5 * log_variance).exp()
        y = model.decoder(model.post_quant_conv(z)).float()
        square = F.mse_loss(y, x)
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
        # Mostly the squares that PSNR measures; a part of |error|, which keeps edges.
        loss = square + 0.05 * F.l1_loss(y, x) + 5e-5 * kl
        return loss, (square, kl)


class Taught:
    """What a teacher's small shows."""

    rate = 2e-3

    def __init__(self, model, teacher):
        self.model, self.of = model, teacher.of
        self.small, self.scaling_factor = teacher.small, teacher.scaling_factor

    @torch.no_grad()
    def latents(self, x):
        return latents_of(self.small, x)[0] * self.scaling_factor


class Tiny(Taught):
    """To do what `small` does: its latents from an image, and the image from its latents."""

    def __init__(self, seed, teacher):
        super().__init__(networks.tiny(seed), teacher)

    def crops(self, done):
        return (8, 96) if done < 0.7 else (6, 128)

    def loss(self, model, x, rng):
        z = self.latents(x)
        own = model.encoder(x).float()
        # From either's latents: a decoder serves both.
        given, back = model.decoder(torch.cat([z, own])).float().chunk(2)
        square = F.mse_loss(back, x)
        apart = F.mse_loss(own, z)
        loss = square + F.mse_loss(given, x) + 0.05 * F.l1_loss(given, x) + 0.3 * apart
        return loss, (square, apart)


class Approx(Taught):
    """To show `small`'s latents at a quarter of the image's sides."""

    def __init__(self, seed, teacher):
        super().__init__(networks.approx(seed), teacher)

    def crops(self, done):
        return 8, 128

    def loss(self, model, x, rng):
        z = self.latents(x)
        square = F.mse_loss(model(z).float(), F.avg_pool2d(x, 4))
        return square, (square,)
