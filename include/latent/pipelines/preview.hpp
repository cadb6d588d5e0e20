#pragma once

#include "latent/tensor/devices.hpp"
#include "latent/tensor/trace.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

/// What latents look like, long before a decoder is worth its time. Three methods, one call:
///     preview(z, LinearPreview{})      // h x w: four numbers a pixel, times a table
///     preview(z, vae_approx)           // 2h x 2w: models/vae_approx.hpp
///     preview(z, tiny.decoder)         // 8h x 8w: models/decoder_tiny.hpp
/// Latents are scaled, as the UNet sees them: (raw - shift_factor) scaling_factor.
/// Parity: modules/sd_samplers_common.py of stable-diffusion-webui, its modes 2, 1 and 3.

namespace latent {

/// [latent channel][red, green, blue]
using LatentColours = std::array<std::array<float, 3>, 4>;

/// The colour that a latent of Stable Diffusion 1 and 2 stands for, in [-1, 1].
inline constexpr LatentColours latent_colours_sd{{
    {0.298F, 0.207F, 0.208F},
    {0.187F, 0.286F, 0.173F},
    {-0.158F, 0.189F, 0.264F},
    {-0.184F, -0.271F, -0.473F},
}};
/// The same of SDXL.
inline constexpr LatentColours latent_colours_sdxl{{
    {0.3448F, 0.4168F, 0.4395F},
    {-0.1953F, -0.0290F, 0.0250F},
    {0.1074F, 0.0886F, -0.0163F},
    {-0.3730F, -0.2499F, -0.2088F},
}};

/// Each pixel on its own: red, green and blue are sums of its four latents.
///   y[..., r, i, j] = sum_l z[..., l, i, j] colours[l][r]
///   z [..., 4, h, w]  ->  [..., 3, h, w], about [-1, 1]; no bias, nothing is clamped
/// Sums are made in double and rounded once. Throws Error for another number of channels.
/// Parity: cheap_approximation of stable-diffusion-webui (modules/sd_vae_approx.py).
template <class Device>
requires Device::on_host [[nodiscard]] Tensor<Device>
cheap_approximation(const Tensor<Device>& z, bool is_sdxl) {
    const auto rank = z.shape().rank();
    if (rank < 3 || z.dim(rank - 3) != 4) {
        fail("cheap_approximation", to_string(z.shape()), "latents [..., 4, h, w]",
             "its tables are those of Stable Diffusion 1, 2 and XL");
    }
    std::vector<std::int64_t> dims(z.shape().dims().begin(), z.shape().dims().end());
    dims[rank - 3] = 3;
    Tensor<Device> y(Shape(std::move(dims)));
    const auto& colours = is_sdxl ? latent_colours_sdxl : latent_colours_sd;
    const auto area = z.dim(rank - 2) * z.dim(rank - 1);
    const auto images = area == 0 ? 0 : z.numel() / (4 * area);
    for (std::int64_t n = 0; n < images; ++n) {
        for (std::int64_t i = 0; i < area; ++i) {
            for (std::size_t r = 0; r < 3; ++r) {
                double sum = 0;
                for (std::size_t l = 0; l < 4; ++l) {
                    const auto at = (4 * n + static_cast<std::int64_t>(l)) * area + i;
                    sum +=
                        static_cast<double>(z.data()[at]) * static_cast<double>(colours[l][r]);
                }
                const auto at = (3 * n + static_cast<std::int64_t>(r)) * area + i;
                y.data()[at] = static_cast<typename Device::scalar>(sum);
            }
        }
    }
    return y;
}

/// cheap_approximation() in the form of a network, for preview().
struct LinearPreview {
    bool is_sdxl = false;

    template <class Device, Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> forward(const Tensor<Device>& z, const Trace& = {}) const {
        return cheap_approximation(z, is_sdxl);
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
