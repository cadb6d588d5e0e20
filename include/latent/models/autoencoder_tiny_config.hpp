#pragma once

#include "latent/ops/activation.hpp"
#include "latent/ops/interpolate.hpp"
#include "latent/tensor/error.hpp"

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

namespace latent {

/// config.json of diffusers' AutoencoderTiny, with its defaults (those of TAESD), and behind
/// them the two fields that the taesd project's other networks need and diffusers has no name
/// for.
struct AutoencoderTinyConfig {
    std::int64_t in_channels = 3;
    std::int64_t out_channels = 3;
    std::vector<std::int64_t> encoder_block_out_channels{64, 64, 64, 64};
    std::vector<std::int64_t> decoder_block_out_channels{64, 64, 64, 64};
    std::string act_fn = "relu";
    std::string upsample_fn = "nearest";
    std::int64_t latent_channels = 4;
    std::int64_t upsampling_scaling_factor = 2;
    std::vector<std::int64_t> num_encoder_blocks{1, 3, 3, 3};
    std::vector<std::int64_t> num_decoder_blocks{3, 3, 3, 1};
    double latent_magnitude = 3; ///< latents lie within +-latent_magnitude, roughly
    double latent_shift = 0.5;
    bool force_upcast = false;
    double scaling_factor = 1.0; ///< latents need no scaling: they are as the UNet sees them
    double shift_factor = 0.0;
    std::vector<std::int64_t> block_out_channels{64, 64, 64, 64}; ///< the decoder's, once more

    bool use_midblock_gn = false; ///< TAEF2: a MidblockPool in the lowest-resolution blocks
    /// TAESANA: convolutions with stride 2 and relu in place of the encoder's first one.
    std::vector<std::int64_t> encoder_stem_channels{};

    /// Pixels of the image for one latent, each way.
    [[nodiscard]] std::int64_t encoder_factor() const {
        return std::int64_t{1} << (encoder_block_out_channels.size() - 1 +
                                   encoder_stem_channels.size());
    }
    [[nodiscard]] std::int64_t decoder_factor() const {
        std::int64_t factor = 1;
        for (std::size_t i = 1; i < decoder_block_out_channels.size(); ++i) {
            factor *= upsampling_scaling_factor;
        }
        return factor;
    }
};

/// Calls f("name", field) for every field of config.json, in its order.
template <class Config, class F>
    requires std::same_as<std::remove_const_t<Config>, AutoencoderTinyConfig>
void fields(Config& config, F&& f) {
    f("in_channels", config.in_channels);
    f("out_channels", config.out_channels);
    f("encoder_block_out_channels", config.encoder_block_out_channels);
    f("decoder_block_out_channels", config.decoder_block_out_channels);
    f("act_fn", config.act_fn);
    f("upsample_fn", config.upsample_fn);
    f("latent_channels", config.latent_channels);
    f("upsampling_scaling_factor", config.upsampling_scaling_factor);
    f("num_encoder_blocks", config.num_encoder_blocks);
    f("num_decoder_blocks", config.num_decoder_blocks);
    f("latent_magnitude", config.latent_magnitude);
    f("latent_shift", config.latent_shift);
    f("force_upcast", config.force_upcast);
    f("scaling_factor", config.scaling_factor);
    f("shift_factor", config.shift_factor);
    f("block_out_channels", config.block_out_channels);
    f("use_midblock_gn", config.use_midblock_gn);
    f("encoder_stem_channels", config.encoder_stem_channels);
}

/// Throws Error naming the first field that no network can be built from.
inline void check(const AutoencoderTinyConfig& config) {
    const auto positive = [](const char* name, std::int64_t value, std::int64_t most) {
        if (value >= 1 && value <= most) return;
        fail(name, std::to_string(value), "1 to " + std::to_string(most));
    };
    const auto stages = [&](const std::string& side, const std::vector<std::int64_t>& channels,
                            const std::vector<std::int64_t>& blocks) {
        if (channels.size() != blocks.size() || channels.empty() || channels.size() > 12) {
            fail(side + "_block_out_channels", std::to_string(channels.size()) + " stages",
                 "1 to 12, as many as num_" + side + "_blocks (" +
                     std::to_string(blocks.size()) + ")");
        }
        for (const auto count : channels) {
            positive((side + "_block_out_channels").c_str(), count, 65536);
        }
        for (const auto count : blocks) {
            if (count != 0) positive(("num_" + side + "_blocks").c_str(), count, 1024);
        }
    };
    positive("in_channels", config.in_channels, 65536);
    positive("out_channels", config.out_channels, 65536);
    positive("latent_channels", config.latent_channels, 65536);
    positive("upsampling_scaling_factor", config.upsampling_scaling_factor, 64);
    stages("encoder", config.encoder_block_out_channels, config.num_encoder_blocks);
    stages("decoder", config.decoder_block_out_channels, config.num_decoder_blocks);
    const auto& encoder = config.encoder_block_out_channels;
    if (!std::ranges::all_of(encoder, [&](auto count) { return count == encoder.front(); })) {
        fail("encoder_block_out_channels", "different numbers of channels", "equal ones",
             "the encoder's convolutions between stages keep the number of channels");
    }
    (void)activation_named(config.act_fn);
    (void)interpolation_named(config.upsample_fn);
    if (config.encoder_stem_channels.size() > 8) {
        fail("encoder_stem_channels", std::to_string(config.encoder_stem_channels.size()),
             "at most 8");
    }
    for (const auto count : config.encoder_stem_channels) {
        positive("encoder_stem_channels", count, 65536);
    }
    double factor = 1; // in double, where nothing overflows
    for (std::size_t i = 1; i < config.decoder_block_out_channels.size(); ++i) {
        factor *= static_cast<double>(config.upsampling_scaling_factor);
    }
    if (factor > 65536) {
        fail("upsampling_scaling_factor",
             std::to_string(config.upsampling_scaling_factor) + " at each of " +
                 std::to_string(config.decoder_block_out_channels.size() - 1) + " upsamplings",
             "an image at most 65536 times as wide as its latents");
    }
    if (!(config.latent_magnitude > 0)) {
        fail("latent_magnitude", std::to_string(config.latent_magnitude), "more than 0");
    }
}

} // namespace latent
