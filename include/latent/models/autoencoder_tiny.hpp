#pragma once

#include "latent/models/decoder_tiny.hpp"
#include "latent/models/encoder_tiny.hpp"
#include "latent/tensor/workspace.hpp"

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

namespace latent {

/// The tiny autoencoder: images to latents and back with about 2.4 million parameters, a
/// preview of what the full AutoencoderKL would give for an eighteenth of its multiply-adds.
/// It covers TAESD and TAESDXL (4 latent channels), TAESD3 and TAEF1 (16), TAEF2 (32) and
/// TAESANA (32, factor 32); see AutoencoderTinyConfig. Latents are as the UNet sees them:
/// scaling factor 1.
/// Source: the taesd project; parity: diffusers AutoencoderTiny.
///
///     const AutoencoderTiny<Cpu<float>> vae(weights, config);
///     auto latents = vae.encode(image);     // [N, 3, H, W] in [-1, 1] -> [N, 4, H / 8, W / 8]
///     auto decoded = vae.decode(latents);   // -> [N, 3, H, W], not clamped
template <class Device>
struct AutoencoderTiny {
    AutoencoderTinyConfig config;
    EncoderTiny<Device> encoder;
    DecoderTiny<Device> decoder;

    explicit AutoencoderTiny(const Weights& w, const AutoencoderTinyConfig& chosen = {})
        : config(chosen), encoder(w["encoder"], chosen), decoder(w["decoder"], chosen) {}

    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> encode(const Tensor<Device>& x,
                                        const Trace& trace = {}) const {
        const RunScope run;
        return encoder.forward(x, trace);
    }

    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> decode(const Tensor<Device>& z,
                                        const Trace& trace = {}) const {
        const RunScope run;
        return decoder.forward(z, trace);
    }

    /// Latents to [0, 1], so that they can be stored as an image, and back.
    [[nodiscard]] Tensor<Device> scale_latents(const Tensor<Device>& z) const {
        return clamp(scaled(z, 1 / (2 * config.latent_magnitude), config.latent_shift), 0, 1);
    }
    [[nodiscard]] Tensor<Device> unscale_latents(const Tensor<Device>& z) const {
        // In torch's order, for torch's bits: the shift first.
        return scale(scaled(z, 1, -config.latent_shift), 2 * config.latent_magnitude);
    }

    /// Encode, round the latents to 8 bits, decode. Latents within +-latent_magnitude move by
    /// at most latent_magnitude / 255. Parity: AutoencoderTiny.forward.
    [[nodiscard]] Tensor<Device>
    forward(const Tensor<Device>& x) const requires Device::on_host {
        const RunScope run;
        const auto latents = encode(x);
        return decode(
            unscale_latents(from_uint8(to_uint8(scale_latents(latents)), latents.shape())));
    }

    /// [0, 1] to 0 .. 255, rounding halves to even, and back.
    [[nodiscard]] static std::vector<std::uint8_t>
    to_uint8(const Tensor<Device>& z) requires Device::on_host {
        std::vector<std::uint8_t> bytes;
        bytes.reserve(z.values().size());
        for (const auto value : z.values()) {
            bytes.push_back(static_cast<std::uint8_t>(std::nearbyint(value * 255)));
        }
        return bytes;
    }
    [[nodiscard]] static Tensor<Device> from_uint8(std::span<const std::uint8_t> bytes,
                                                   Shape shape) requires Device::on_host {
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
};

} // namespace latent
