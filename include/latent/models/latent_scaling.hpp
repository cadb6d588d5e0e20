#pragma once

#include "latent/models/autoencoder_kl_config.hpp"
#include "latent/ops/arithmetic.hpp"
#include "latent/ops/channels.hpp"

#include <cstddef>
#include <utility>
#include <vector>

/// Between latents as the autoencoder has them (raw) and as the UNet sees them (scaled: about
/// mean 0 and variance 1). What a pipeline of diffusers does around encode and decode.

namespace latent {

/// raw -> scaled:  (z - shift_factor) scaling_factor, or with latents_mean and latents_std, by
/// channel, (z - mean) scaling_factor / std.
///   z [N, latent_channels, h, w]  ->  of the same shape
template <class Device>
[[nodiscard]] Tensor<Device> scaled_latents(Tensor<Device> z,
                                            const AutoencoderKLConfig& config) {
    if (config.latents_mean && config.latents_std) {
        const auto channels = config.latents_mean->size();
        std::vector<double> shift(channels), factor(channels);
        for (std::size_t c = 0; c < channels; ++c) {
            shift[c] = -(*config.latents_mean)[c];
            factor[c] = config.scaling_factor / (*config.latents_std)[c];
        }
        const std::vector<double> ones(channels, 1), zeros(channels, 0);
        return scale_per_channel(scale_per_channel(std::move(z), ones, shift), factor, zeros);
    }
    return scale(scale(std::move(z), 1, -config.shift_factor.value_or(0)),
                 config.scaling_factor);
}

/// scaled -> raw:  z / scaling_factor + shift_factor, or by channel
/// z std / scaling_factor + mean: what decode takes.
template <class Device>
[[nodiscard]] Tensor<Device> raw_latents(Tensor<Device> z, const AutoencoderKLConfig& config) {
    if (config.latents_mean && config.latents_std) {
        auto factor = *config.latents_std;
        for (auto& value : factor) value /= config.scaling_factor;
        return scale_per_channel(std::move(z), factor, *config.latents_mean);
    }
    return scale(std::move(z), 1 / config.scaling_factor, config.shift_factor.value_or(0));
}

} // namespace latent
