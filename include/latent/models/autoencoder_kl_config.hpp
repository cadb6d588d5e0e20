#pragma once

#include "latent/blocks/unet_mid_block_2d.hpp"
#include "latent/ops/activation.hpp"
#include "latent/tensor/error.hpp"

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace latent {

/// config.json of diffusers' AutoencoderKL, with its defaults.
struct AutoencoderKLConfig {
    std::int64_t in_channels = 3;
    std::int64_t out_channels = 3;
    /// DownEncoderBlock2D or, with an attention behind each resnet, AttnDownEncoderBlock2D.
    std::vector<std::string> down_block_types{"DownEncoderBlock2D"};
    /// UpDecoderBlock2D or AttnUpDecoderBlock2D.
    std::vector<std::string> up_block_types{"UpDecoderBlock2D"};
    std::vector<std::int64_t> block_out_channels{64}; ///< from the image inwards
    std::int64_t layers_per_block = 1;                ///< resnets; the decoder has one more
    std::string act_fn = "silu";
    std::int64_t latent_channels = 4;
    std::int64_t norm_num_groups = 32;
    std::int64_t sample_size = 32;   ///< pixels of a training image's side; tiles have its size
    double scaling_factor = 0.18215; ///< see scaled_latents
    std::optional<double> shift_factor;                           ///< SD3, FLUX.1
    std::optional<std::vector<double>> latents_mean, latents_std; ///< Playground 2.5: a channel
    bool force_upcast = true; ///< whether half precision overflows; the CPU computes in float
    bool use_quant_conv = true;
    bool use_post_quant_conv = true;
    bool mid_block_add_attention = true;

    /// Pixels of the image for one latent, each way: 8 for Stable Diffusion.
    [[nodiscard]] std::int64_t factor() const {
        return std::int64_t{1} << (block_out_channels.size() - 1);
    }
    [[nodiscard]] std::int64_t encoder_factor() const { return factor(); }
    [[nodiscard]] std::int64_t decoder_factor() const { return factor(); }
};

/// Calls f("name", field) for every field of config.json, in its order.
template <class Config, class F>
    requires std::same_as<std::remove_const_t<Config>, AutoencoderKLConfig>
void fields(Config& config, F&& f) {
    f("in_channels", config.in_channels);
    f("out_channels", config.out_channels);
    f("down_block_types", config.down_block_types);
    f("up_block_types", config.up_block_types);
    f("block_out_channels", config.block_out_channels);
    f("layers_per_block", config.layers_per_block);
    f("act_fn", config.act_fn);
    f("latent_channels", config.latent_channels);
    f("norm_num_groups", config.norm_num_groups);
    f("sample_size", config.sample_size);
    f("scaling_factor", config.scaling_factor);
    f("shift_factor", config.shift_factor);
    f("latents_mean", config.latents_mean);
    f("latents_std", config.latents_std);
    f("force_upcast", config.force_upcast);
    f("use_quant_conv", config.use_quant_conv);
    f("use_post_quant_conv", config.use_post_quant_conv);
    f("mid_block_add_attention", config.mid_block_add_attention);
}

/// Throws Error naming the first field that no network can be built from.
inline void check(const AutoencoderKLConfig& config) {
    const auto within = [](const char* name, std::int64_t value, std::int64_t most) {
        if (value >= 1 && value <= most) return;
        fail(name, std::to_string(value), "1 to " + std::to_string(most));
    };
    const auto& channels = config.block_out_channels;
    const auto types = [&](const char* name, const std::vector<std::string>& list,
                           std::string_view plain) {
        if (list.size() != channels.size()) {
            fail(name, std::to_string(list.size()) + " blocks",
                 "as many as block_out_channels (" + std::to_string(channels.size()) + ")");
        }
        for (const auto& type : list) {
            if (type == plain || type == "Attn" + std::string(plain)) continue;
            fail(name, "'" + type + "'", std::string(plain) + " or Attn" + std::string(plain));
        }
    };
    within("in_channels", config.in_channels, 65536);
    within("out_channels", config.out_channels, 65536);
    within("latent_channels", config.latent_channels, 65536);
    within("layers_per_block", config.layers_per_block, 1024);
    within("norm_num_groups", config.norm_num_groups, 65536);
    within("sample_size", config.sample_size, 65536);
    if (channels.empty() || channels.size() > 12) {
        fail("block_out_channels", std::to_string(channels.size()) + " blocks", "1 to 12");
    }
    for (const auto count : channels) {
        within("block_out_channels", count, 65536);
        if (count % config.norm_num_groups == 0) continue;
        fail("block_out_channels", std::to_string(count),
             "multiples of norm_num_groups (" + std::to_string(config.norm_num_groups) + ")");
    }
    types("down_block_types", config.down_block_types, "DownEncoderBlock2D");
    types("up_block_types", config.up_block_types, "UpDecoderBlock2D");
    (void)activation_named(config.act_fn);
    if (!(config.scaling_factor >= 1e-6 && config.scaling_factor <= 1e6)) {
        fail("scaling_factor", std::to_string(config.scaling_factor), "0.000001 to 1000000");
    }
    const auto per_channel = [&](const char* name,
                                 const std::optional<std::vector<double>>& list) {
        if (!list || std::ssize(*list) == config.latent_channels) return;
        fail(name, std::to_string(list->size()) + " numbers",
             "one for each of the " + std::to_string(config.latent_channels) +
                 " latent channels");
    };
    per_channel("latents_mean", config.latents_mean);
    per_channel("latents_std", config.latents_std);
    if (config.latents_mean.has_value() != config.latents_std.has_value()) {
        fail("latents_mean, latents_std", "one of them", "both or none");
    }
    if (config.latents_std && std::ranges::count(*config.latents_std, 0.0) > 0) {
        fail("latents_std", "0", "any other number for each channel");
    }
}

/// The block at the lowest resolution, which encoder and decoder have alike: one head.
[[nodiscard]] inline UNetMidBlock2DConfig mid_block_config(const AutoencoderKLConfig& config) {
    return {.in_channels = config.block_out_channels.back(),
            .resnet_groups = config.norm_num_groups,
            .resnet_act_fn = activation_named(config.act_fn),
            .add_attention = config.mid_block_add_attention,
            .attention_head_dim = config.block_out_channels.back()};
}

} // namespace latent
