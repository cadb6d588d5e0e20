#pragma once

#include "latent/tensor/devices.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

/// What colour a latent stands for: a picture without a network.

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
/// Tables for other latents are stored as latent_rgb_factors (io/load_vae_approx.hpp).
/// Parity: cheap_approximation of stable-diffusion-webui (modules/sd_vae_approx.py).
template <class Device>
requires Device::on_host [[nodiscard]] Tensor<Device>
cheap_approximation(const Tensor<Device>& z, const LatentColours& colours = latent_colours_sd) {
    const auto rank = z.shape().rank();
    if (rank < 3 || z.dim(rank - 3) != 4) {
        fail("cheap_approximation", to_string(z.shape()), "latents [..., 4, h, w]",
             "its tables have a row for each of four channels");
    }
    std::vector<std::int64_t> dims(z.shape().dims().begin(), z.shape().dims().end());
    dims[rank - 3] = 3;
    Tensor<Device> y(Shape(std::move(dims)));
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

} // namespace latent
