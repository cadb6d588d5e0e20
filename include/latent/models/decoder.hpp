#pragma once

#include "latent/blocks/unet_mid_block_2d.hpp"
#include "latent/blocks/up_decoder_block_2d.hpp"
#include "latent/models/autoencoder_kl_config.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace latent {

/// Latents to image. A convolution, a block at the lowest resolution, then a block for each
/// resolution, of which all but the last double the image, and a norm, SiLU and convolution.
///   z [N, latent_channels, h, w]  ->  [N, out_channels, h f, w f], about [-1, 1], not clamped;
///   f = config.factor()
/// Throws Error for a config that makes no network.
/// Parity: diffusers Decoder; its last activation is SiLU whatever act_fn says.
template <class Device>
struct Decoder {
    static constexpr std::string_view class_name = "Decoder";

    std::string path;
    Conv2d<Device> conv_in;
    UNetMidBlock2D<Device> mid_block;
    std::vector<UpDecoderBlock2D<Device>> up_blocks;
    GroupNorm<Device> conv_norm_out;
    Conv2d<Device> conv_out;

    Decoder(const Weights& w, const AutoencoderKLConfig& config)
        : path((check(config), w.path())),
          conv_in(w["conv_in"], {config.latent_channels, config.block_out_channels.back()}),
          mid_block(w["mid_block"], mid_block_config(config)),
          up_blocks(blocks(w["up_blocks"], config)),
          conv_norm_out(w["conv_norm_out"],
                        {config.norm_num_groups, config.block_out_channels.front(), 1e-6}),
          conv_out(w["conv_out"], {config.block_out_channels.front(), config.out_channels}) {}

    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> forward(const Tensor<Device>& z,
                                         const Trace& trace = {}) const {
        auto h = conv_in.forward(enter(trace, *this, z), trace);
        h = mid_block.forward(std::move(h), trace);
        for (const auto& block : up_blocks) h = block.forward(std::move(h), trace);
        auto y = norm_conv(conv_norm_out, Activation::silu, conv_out, h, trace);
        trace(path, y);
        return y;
    }

private:
    static std::vector<UpDecoderBlock2D<Device>> blocks(const Weights& w,
                                                        const AutoencoderKLConfig& config) {
        std::vector<UpDecoderBlock2D<Device>> blocks;
        const auto count = config.block_out_channels.size();
        auto channels = config.block_out_channels.back();
        for (std::size_t i = 0; i < count; ++i) {
            const auto in = std::exchange(channels, config.block_out_channels[count - 1 - i]);
            const bool attends = config.up_block_types[i].starts_with("Attn");
            blocks.emplace_back(
                w[i], UpDecoderBlock2DConfig{.in_channels = in,
                                             .out_channels = channels,
                                             .num_layers = config.layers_per_block + 1,
                                             .resnet_groups = config.norm_num_groups,
                                             .resnet_act_fn = activation_named(config.act_fn),
                                             .add_upsample = i + 1 < count,
                                             .attention_head_dim = attends ? channels : 0});
        }
        return blocks;
    }
};

} // namespace latent
