#pragma once

#include "latent/models/autoencoder_tiny_config.hpp"
#include "latent/ops/arithmetic.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

/// Latents in 8 bits: a quarter of their size, and hardly any worse. Latents within
/// +-latent_magnitude move by at most latent_magnitude / 255, others are clamped.
/// Parity: scale_latents and unscale_latents of diffusers' AutoencoderTiny, and the bytes in
/// its forward().

namespace latent {

/// Latents to [0, 1]: clamp(z / (2 latent_magnitude) + latent_shift).
template <class Device>
[[nodiscard]] Tensor<Device> scale_latents(const Tensor<Device>& z,
                                           const AutoencoderTinyConfig& config) {
    return clamp(scaled(z, 1 / (2 * config.latent_magnitude), config.latent_shift), 0, 1);
}

/// [0, 1] to latents.
template <class Device>
[[nodiscard]] Tensor<Device> unscale_latents(const Tensor<Device>& z,
                                             const AutoencoderTinyConfig& config) {
    // In torch's order, for torch's bits: the shift first.
    return scale(scaled(z, 1, -config.latent_shift), 2 * config.latent_magnitude);
}

/// [0, 1] to 0 .. 255, halves rounded to even. NaN becomes 0.
template <class Device>
requires Device::on_host [[nodiscard]] std::vector<std::uint8_t>
to_uint8(const Tensor<Device>& z) {
    using Scalar = typename Device::scalar;
    std::vector<std::uint8_t> bytes;
    bytes.reserve(z.values().size());
    for (const auto value : z.values()) {
        // Written so that NaN fails the comparison.
        const auto limited = value > 0 ? std::min(value, Scalar{1}) : Scalar{0};
        bytes.push_back(static_cast<std::uint8_t>(std::nearbyint(limited * 255)));
    }
    return bytes;
}

/// 0 .. 255 to [0, 1]. Throws Error unless there is a byte for each element of the shape.
template <class Device>
requires Device::on_host [[nodiscard]] Tensor<Device>
from_uint8(std::span<const std::uint8_t> bytes, Shape shape) {
    if (static_cast<std::int64_t>(bytes.size()) != shape.numel()) {
        fail("from_uint8", std::to_string(bytes.size()) + " bytes",
             std::to_string(shape.numel()) + " for " + to_string(shape));
    }
    Tensor<Device> z(std::move(shape));
    std::ranges::transform(bytes, z.data(), [](std::uint8_t byte) {
        return static_cast<typename Device::scalar>(byte) / 255;
    });
    return z;
}

} // namespace latent
