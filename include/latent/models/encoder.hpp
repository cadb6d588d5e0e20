#pragma once

#include "latent/blocks/down_encoder_block_2d.hpp"
#include "latent/blocks/unet_mid_block_2d.hpp"
#include "latent/models/autoencoder_kl_config.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace latent {

/// Image to the moments of its latents, mean and log-variance side by side. A convolution, then
/// a block for each resolution, of which all but the last halve the image, a block at the
/// lowest one, and a norm, SiLU and convolution.
///   x [N, in_channels, H, W]  ->  [N, 2 latent_channels, H / f, W / f], f = config.factor();
///   a side that is no multiple of f loses its rest
/// Throws Error for a config that makes no network (autoencoder_kl_config.hpp).
/// Parity: diffusers Encoder(double_z=True); its last activation is SiLU whatever act_fn says.
template <class Device>
struct Encoder {
    static constexpr std::string_view class_name = "Encoder";

    std::string path;
    Conv2d<Device> conv_in;
    std::vector<DownEncoderBlock2D<Device>> down_blocks;
    UNetMidBlock2D<Device> mid_block;
    GroupNorm<Device> conv_norm_out;
    Conv2d<Device> conv_out;

    Encoder(const Weights& w, const AutoencoderKLConfig& config)
        : path((check(config), w.path())),
          conv_in(w["conv_in"], {config.in_channels, config.block_out_channels.front()}),
          down_blocks(blocks(w["down_blocks"], config)),
          mid_block(w["mid_block"], mid_block_config(config)),
          conv_norm_out(w["conv_norm_out"],
                        {config.norm_num_groups, config.block_out_channels.back(), 1e-6}),
          conv_out(w["conv_out"],
                   {config.block_out_channels.back(), 2 * config.latent_channels}) {}

    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> forward(const Tensor<Device>& x,
                                         const Trace& trace = {}) const {
        auto h = conv_in.forward(enter(trace, *this, x), trace);
        for (const auto& block : down_blocks) h = block.forward(std::move(h), trace);
        h = mid_block.forward(std::move(h), trace);
        auto y = norm_conv(conv_norm_out, Activation::silu, conv_out, h, trace);
        trace(path, y);
        return y;
    }

private:
    static std::vector<DownEncoderBlock2D<Device>> blocks(const Weights& w,
                                                          const AutoencoderKLConfig& config) {
        std::vector<DownEncoderBlock2D<Device>> blocks;
        auto channels = config.block_out_channels.front();
        for (std::size_t i = 0; i < config.block_out_channels.size(); ++i) {
            const auto in = std::exchange(channels, config.block_out_channels[i]);
            const bool attends = config.down_block_types[i].starts_with("Attn");
            blocks.emplace_back(w[i],
                                DownEncoderBlock2DConfig{
                                    .in_channels = in,
                                    .out_channels = channels,
                                    .num_layers = config.layers_per_block,
                                    .resnet_groups = config.norm_num_groups,
                                    .resnet_act_fn = activation_named(config.act_fn),
                                    .add_downsample = i + 1 < config.block_out_channels.size(),
                                    .downsample_padding = 0,
                                    .attention_head_dim = attends ? channels : 0});
        }
        return blocks;
    }
};

} // namespace latent
