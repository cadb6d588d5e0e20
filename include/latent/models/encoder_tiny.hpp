#pragma once

#include "latent/blocks/autoencoder_tiny_block.hpp"
#include "latent/models/autoencoder_tiny_config.hpp"
#include "latent/models/receptive_field.hpp"
#include "latent/ops/arithmetic.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace latent {

/// Image to latents. A convolution, then stages: from the second on, each begins with a
/// convolution of stride 2 that halves the image; then come its blocks. A last convolution
/// makes the latents.
///   x [N, in_channels, H, W] in [-1, 1]  ->  [N, latent_channels, ceil(H / f), ceil(W / f)],
///   f = config.encoder_factor() = 8 for TAESD
/// Keys: encoder.layers.N, numbered through as in the taesd project.
/// Parity: diffusers EncoderTiny.
template <class Device>
struct EncoderTiny {
    static constexpr std::string_view class_name = "EncoderTiny";

    struct Stage {
        std::optional<Conv2d<Device>> down;
        std::vector<AutoencoderTinyBlock<Device>> blocks;
    };

    std::string path;
    std::vector<Conv2d<Device>> stem; ///< convolution and relu in turn; empty for most networks
    std::optional<Conv2d<Device>> conv_in;
    std::vector<Stage> stages;
    std::optional<Conv2d<Device>> conv_out;

    EncoderTiny(const Weights& w, const AutoencoderTinyConfig& config) : path(w.path()) {
        check(config);
        const auto layers = w["layers"];
        const auto channels = config.encoder_block_out_channels.front();
        const auto act = activation_named(config.act_fn);
        std::size_t index = 0;
        auto in = config.in_channels;
        for (const auto out : config.encoder_stem_channels) {
            stem.emplace_back(
                layers[index],
                Conv2dConfig{.in_channels = in, .out_channels = out, .stride = 2});
            index += 2; // the relu has a number too
            in = out;
        }
        if (stem.empty()) conv_in.emplace(layers[index++], Conv2dConfig{in, channels});
        for (std::size_t i = 0; i < config.num_encoder_blocks.size(); ++i) {
            auto& stage = stages.emplace_back();
            if (i > 0) {
                stage.down.emplace(layers[index++], Conv2dConfig{.in_channels = channels,
                                                                 .out_channels = channels,
                                                                 .stride = 2,
                                                                 .bias = false});
            }
            const bool lowest = i + 1 == config.num_encoder_blocks.size();
            for (std::int64_t block = 0; block < config.num_encoder_blocks[i]; ++block) {
                stage.blocks.emplace_back(
                    layers[index++],
                    AutoencoderTinyBlockConfig{channels, channels, act,
                                               lowest && config.use_midblock_gn});
            }
        }
        conv_out.emplace(layers[index], Conv2dConfig{channels, config.latent_channels});
    }

    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> forward(const Tensor<Device>& x,
                                         const Trace& trace = {}) const {
        // The network was trained on [0, 1].
        auto h = scaled(enter(trace, *this, x), 0.5, 0.5);
        for (const auto& conv : stem) h = conv_activation(conv, h, Activation::relu, trace);
        if (conv_in) h = conv_in->forward(h, trace);
        for (const auto& stage : stages) {
            if (stage.down) h = stage.down->forward(h, trace);
            for (const auto& block : stage.blocks) h = block.forward(std::move(h), trace);
        }
        auto latents = conv_out->forward(h, trace);
        trace(path, latents);
        return latents;
    }

    /// What a latent sees of the image: 291 x 291 pixels for TAESD. Throws Error for TAEF2,
    /// each of whose latents sees the whole image.
    [[nodiscard]] ReceptiveField receptive_field() const {
        ReceptiveField field;
        for (const auto& conv : stem) append(field, conv);
        if (conv_in) append(field, *conv_in);
        for (const auto& stage : stages) {
            if (stage.down) append(field, *stage.down);
            for (const auto& block : stage.blocks) append(field, block);
        }
        append(field, *conv_out);
        return field;
    }
};

} // namespace latent
