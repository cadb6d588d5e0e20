#pragma once

#include "latent/models/latent_colours.hpp"
#include "latent/tensor/devices.hpp"
#include "latent/tensor/trace.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// What latents look like, long before a decoder is worth its time. Three methods, one call:
///     preview(z, LinearPreview{})      // h x w: four numbers a pixel, times a table
///     preview(z, vae_approx)           // 2h x 2w: models/vae_approx.hpp
///     preview(z, tiny.decoder)         // 8h x 8w: models/decoder_tiny.hpp
/// Latents are scaled, as the UNet sees them: (raw - shift_factor) scaling_factor.
/// Parity: modules/sd_samplers_common.py of stable-diffusion-webui, its modes 2, 1 and 3.

namespace latent {

/// cheap_approximation() in the form of a network, for preview().
struct LinearPreview {
    LatentColours colours = latent_colours_sd;

    template <class Device, Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> forward(const Tensor<Device>& z, const Trace& = {}) const {
        return cheap_approximation(z, colours);
    }
};

/// 8-bit RGB, row after row from the top, three bytes a pixel.
struct PreviewImage {
    std::int64_t width = 0, height = 0;
    std::vector<std::uint8_t> pixels;
};

/// Image n of a batch [N, 3, H, W] for the eye: clamp(x / 2 + 1/2, 0, 1) times 255, cut off to
/// a whole number, where rgb_from_image() rounds; so only 1 itself is 255. NaN becomes 0.
template <class Device>
requires Device::on_host [[nodiscard]] PreviewImage
truncated_rgb_from_image(const Tensor<Device>& image, std::int64_t n = 0) {
    using Scalar = typename Device::scalar;
    const auto [N, C, H, W] = nchw(image, "preview");
    if (C != 3 || n < 0 || n >= N) {
        fail("preview", "image " + std::to_string(n) + " of " + to_string(image.shape()),
             "one of a batch [N, 3, H, W]");
    }
    const auto area = static_cast<std::size_t>(H * W);
    const auto* const values = image.data() + n * 3 * H * W;
    PreviewImage result{W, H, std::vector<std::uint8_t>(3 * area)};
    for (std::size_t c = 0; c < 3; ++c) {
        for (std::size_t i = 0; i < area; ++i) {
            const auto value = values[c * area + i] * Scalar{0.5} + Scalar{0.5};
            // Written so that NaN fails the comparison.
            const auto limited = value > 0 ? std::min(value, Scalar{1}) : Scalar{0};
            result.pixels[3 * i + c] = static_cast<std::uint8_t>(limited * 255);
        }
    }
    return result;
}

/// Previews of a batch of latents, one for each: whatever `method.forward(z, trace)` makes of
/// them, a LinearPreview, a VAEApprox, a DecoderTiny, or a decoder of full size.
///   z [N, C, h, w], scaled  ->  N images; linear and VAEApprox need C = 4
template <class Device, class Method, Observer<Device> Trace = NoTrace>
requires Device::on_host [[nodiscard]] std::vector<PreviewImage>
preview(const Tensor<Device>& z, const Method& method, const Trace& trace = {}) {
    (void)nchw(z, "preview");
    const RunScope run;
    const auto images = method.forward(z, trace);
    std::vector<PreviewImage> previews;
    for (std::int64_t n = 0; n < images.dim(0); ++n) {
        previews.push_back(truncated_rgb_from_image(images, n));
    }
    return previews;
}

} // namespace latent
