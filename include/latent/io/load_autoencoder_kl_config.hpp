#pragma once

#include "latent/io/autoencoder_kl_keys.hpp"
#include "latent/io/checkpoint.hpp"
#include "latent/io/config.hpp"
#include "latent/io/load.hpp"
#include "latent/io/tensor_info.hpp"
#include "latent/io/text.hpp"
#include "latent/models/autoencoder_kl_config.hpp"
#include "latent/tensor/error.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// The config of an AutoencoderKL: read from config.json, or, where there is none, off the
/// names and shapes of its tensors and off what stands beside it in a whole checkpoint.

namespace latent {

/// The config that names and shapes tell: channels, blocks and where attention stands, the
/// quantising convolutions. A half that is not there is taken to be like the other. Groups are
/// not seen in shapes: they are diffusers' 32, and an Error asks for config.json where 32
/// cannot be. Scaling and sample_size are those of Stable Diffusion 1. `where` begins an Error.
[[nodiscard]] inline AutoencoderKLConfig
infer_autoencoder_kl_config(std::span<const TensorInfo> tensors, const AutoencoderKLKeys& keys,
                            const std::string& where = "checkpoint") {
    const auto ours = autoencoder_kl_tensors(tensors, keys);
    /// The size of a parameter along an axis, 0 where it has none.
    const auto size = [&](const std::string& name, std::size_t axis) -> std::int64_t {
        const auto found = ours.find(name);
        if (found == ours.end() || found->second->shape.rank() <= axis) return 0;
        return found->second->shape[axis];
    };
    const auto resnet = [](const std::string& block, std::int64_t i) {
        return block + ".resnets." + std::to_string(i) + ".conv1.weight";
    };

    AutoencoderKLConfig config;
    config.down_block_types.clear();
    config.up_block_types.clear();
    config.block_out_channels.clear();
    config.sample_size = 512;
    config.mid_block_add_attention = false;
    std::int64_t layers = 0;

    // The blocks of a half, from the image inwards.
    const auto read_blocks = [&](const std::string& place, const std::string& type,
                                 std::vector<std::string>& types) {
        std::vector<std::int64_t> channels;
        layers = 0;
        for (std::int64_t i = 0;; ++i) {
            const auto block = place + "." + std::to_string(i);
            const auto count = size(resnet(block, 0), 0);
            if (count == 0) break;
            channels.push_back(count);
            types.push_back((size(block + ".attentions.0.to_q.weight", 0) > 0 ? "Attn" : "") +
                            type);
        }
        while (size(resnet(place + ".0", layers), 0) > 0) ++layers;
        return channels;
    };
    if (keys.decoder) {
        config.block_out_channels =
            read_blocks("decoder.up_blocks", "UpDecoderBlock2D", config.up_block_types);
        std::ranges::reverse(config.block_out_channels);
        config.layers_per_block = layers - 1;
        config.latent_channels = size("decoder.conv_in.weight", 1);
        config.out_channels = config.in_channels = size("decoder.conv_out.weight", 0);
    }
    if (keys.encoder) {
        config.block_out_channels =
            read_blocks("encoder.down_blocks", "DownEncoderBlock2D", config.down_block_types);
        config.layers_per_block = layers;
        config.latent_channels = size("encoder.conv_out.weight", 0) / 2;
        config.in_channels = size("encoder.conv_in.weight", 1);
        if (!keys.decoder) config.out_channels = config.in_channels;
    }
    const auto count = config.block_out_channels.size();
    if (count == 0) fail(where, "no resnets in its first block", "an AutoencoderKL");
    if (!keys.encoder) config.down_block_types.assign(count, "DownEncoderBlock2D");
    if (!keys.decoder) config.up_block_types.assign(count, "UpDecoderBlock2D");
    for (const std::string half : {"encoder", "decoder"}) {
        if (size(half + ".mid_block.attentions.0.to_q.weight", 0) > 0)
            config.mid_block_add_attention = true;
    }
    const bool quant = size("quant_conv.weight", 0) > 0;
    const bool post_quant = size("post_quant_conv.weight", 0) > 0;
    config.use_quant_conv = keys.encoder ? quant : post_quant;
    config.use_post_quant_conv = keys.decoder ? post_quant : quant;

    for (const auto channels : config.block_out_channels) {
        if (channels % config.norm_num_groups == 0) continue;
        fail(where, std::to_string(channels) + " channels, and no config.json",
             "multiples of 32, the usual number of groups",
             "config.json tells another number; give the folder that holds both");
    }
    detail::check_config(where, config);
    return config;
}

namespace detail {

/// What stands in a whole checkpoint beside an autoencoder, and what that says about it.
struct AutoencoderKLFamily {
    std::string_view name;
    std::int64_t latent_channels;
    double scaling_factor;
    std::optional<double> shift_factor;
    std::int64_t sample_size;
};
inline constexpr std::array autoencoder_kl_families{
    AutoencoderKLFamily{"conditioner.embedders.", 4, 0.13025, std::nullopt, 1024},
    AutoencoderKLFamily{"model.diffusion_model.label_emb.", 4, 0.13025, std::nullopt, 1024},
    AutoencoderKLFamily{"cond_stage_model.", 4, 0.18215, std::nullopt, 512},
    AutoencoderKLFamily{"model.diffusion_model.joint_blocks.", 16, 1.5305, 0.0609, 1024},
    AutoencoderKLFamily{"model.diffusion_model.double_blocks.", 16, 0.3611, 0.1159, 1024},
    AutoencoderKLFamily{"double_blocks.", 16, 0.3611, 0.1159, 1024},
};

/// The numbers of a small tensor, or nothing where the file has none of that name and size.
[[nodiscard]] inline std::optional<std::vector<double>>
read_numbers(const Checkpoint& file, std::string_view name, std::int64_t count) {
    const auto* const tensor = file.find(name);
    if (tensor == nullptr || tensor->shape.numel() != count) return std::nullopt;
    std::vector<double> values(static_cast<std::size_t>(count));
    file.read(*tensor, std::span<double>(values));
    for (const auto value : values) {
        if (!std::isfinite(value)) fail(file.path(), in_quotes(name), "finite numbers");
    }
    return values;
}

} // namespace detail

/// Fills in scaling_factor, shift_factor, latents_mean, latents_std and sample_size from what
/// stands beside the autoencoder: SD1 or SD2, SDXL, Playground 2.5, SD3 or FLUX.1. Returns
/// whether anything told: in a file of its own nothing does.
inline bool infer_autoencoder_kl_scaling(const Checkpoint& file, AutoencoderKLConfig& config) {
    bool known = false;
    for (const auto& family : detail::autoencoder_kl_families) {
        if (known || family.latent_channels != config.latent_channels) continue;
        known = std::ranges::any_of(file.tensors(), [&](const TensorInfo& tensor) {
            return tensor.name.starts_with(family.name);
        });
        if (!known) continue;
        config.scaling_factor = family.scaling_factor;
        config.shift_factor = family.shift_factor;
        config.sample_size = family.sample_size;
    }
    auto mean = detail::read_numbers(file, "edm_mean", config.latent_channels);
    auto deviation = detail::read_numbers(file, "edm_std", config.latent_channels);
    if (mean && deviation) {
        config.latents_mean = std::move(mean);
        config.latents_std = std::move(deviation);
        config.scaling_factor = 0.5;
        known = true;
        detail::check_config(file.path(), config);
    }
    return known;
}

/// Reads and checks config.json of diffusers' AutoencoderKL. Missing fields have diffusers'
/// defaults; of a sample_size [height, width], as some files have it, the first counts.
[[nodiscard]] inline ReadConfig<AutoencoderKLConfig>
load_autoencoder_kl_config(const std::filesystem::path& path) {
    auto json = load_config_json(path);
    if (json.is_object()) {
        const auto size = json.find("sample_size");
        if (size != json.end() && size->is_array() && !size->empty()) {
            auto first = size->front();
            *size = std::move(first);
        }
    }
    auto read = read_config<AutoencoderKLConfig>(json, display(path), "AutoencoderKL");
    detail::check_config(display(path), read.config);
    return read;
}

} // namespace latent
