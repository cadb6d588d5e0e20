#pragma once

#include "latent/blocks/autoencoder_tiny_block.hpp"
#include "latent/models/autoencoder_tiny_config.hpp"
#include "latent/models/receptive_field.hpp"
#include "latent/ops/arithmetic.hpp"
#include "latent/ops/interpolate.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace latent {

/// Latents to image. Latents are softly limited to +-3, a convolution and an activation follow,
/// then stages: each has its blocks, and all but the last end in an upsampling and a
/// convolution.
/// A last convolution makes the image.
///   z [N, latent_channels, h, w]  ->  [N, out_channels, h f, w f], about [-1, 1], not clamped;
///   f = config.decoder_factor() = 8 for TAESD
/// Keys: decoder.layers.N; the taesd project's own files count one more, for the limiter.
/// Parity: diffusers DecoderTiny.
template <class Device>
struct DecoderTiny {
    static constexpr std::string_view class_name = "DecoderTiny";

    struct Stage {
        std::vector<AutoencoderTinyBlock<Device>> blocks;
        std::optional<Conv2d<Device>> up;
    };

    std::string path;
    Activation act_fn;
    Interpolation upsample_fn;
    std::int64_t upsampling_scaling_factor;
    Conv2d<Device> conv_in;
    std::vector<Stage> stages;
    std::optional<Conv2d<Device>> conv_out;

    DecoderTiny(const Weights& w, const AutoencoderTinyConfig& config)
        : path(w.path()),
          act_fn((check(config), activation_named(config.act_fn))),
          upsample_fn(interpolation_named(config.upsample_fn)),
          upsampling_scaling_factor(config.upsampling_scaling_factor),
          conv_in(w["layers"][0],
                  {config.latent_channels, config.decoder_block_out_channels.front()}) {
        const auto layers = w["layers"];
        std::size_t index = 2; // the activation has a number too
        for (std::size_t i = 0; i < config.num_decoder_blocks.size(); ++i) {
            auto& stage = stages.emplace_back();
            const auto channels = config.decoder_block_out_channels[i];
            for (std::int64_t block = 0; block < config.num_decoder_blocks[i]; ++block) {
                stage.blocks.emplace_back(
                    layers[index++],
                    AutoencoderTinyBlockConfig{channels, channels, act_fn,
                                               i == 0 && config.use_midblock_gn});
            }
            if (i + 1 < config.num_decoder_blocks.size()) {
                ++index; // and so has the upsampling
                stage.up.emplace(
                    layers[index++],
                    Conv2dConfig{.in_channels = channels,
                                 .out_channels = config.decoder_block_out_channels[i + 1],
                                 .bias = false,
                                 .upsampled = upsample_fn == Interpolation::nearest &&
                                              upsampling_scaling_factor == 2});
            }
        }
        conv_out.emplace(layers[index], Conv2dConfig{config.decoder_block_out_channels.back(),
                                                     config.out_channels});
    }

    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> forward(const Tensor<Device>& z,
                                         const Trace& trace = {}) const {
        auto h = scale(tanh(scaled(enter(trace, *this, z), 1.0 / 3)), 3);
        h = conv_activation(conv_in, h, act_fn, trace);
        for (const auto& stage : stages) {
            for (const auto& block : stage.blocks) h = block.forward(std::move(h), trace);
            if (stage.up) h = upsampled(*stage.up, h, trace);
        }
        // From the [0, 1] that the network was trained on.
        auto image = scale(conv_out->forward(h, trace), 2, -1);
        trace(path, image);
        return image;
    }

    /// What a pixel sees of the latents: 38 x 38 of them at most for TAESD. Throws Error for
    /// TAEF2, each of whose pixels sees all latents.
    [[nodiscard]] ReceptiveField receptive_field() const {
        ReceptiveField field;
        append(field, conv_in);
        for (const auto& stage : stages) {
            for (const auto& block : stage.blocks) append(field, block);
            if (stage.up) append(field, *stage.up, upsampling_scaling_factor, upsample_fn);
        }
        append(field, *conv_out);
        return field;
    }

private:
    template <Observer<Device> Trace>
    [[nodiscard]] Tensor<Device> upsampled(const Conv2d<Device>& conv, const Tensor<Device>& x,
                                           const Trace& trace) const {
        const auto factor = upsampling_scaling_factor;
        if (upsample_fn == Interpolation::nearest) return upsample_conv(factor, conv, x, trace);
        return conv.forward(interpolate(x, factor, upsample_fn), trace);
    }
};

} // namespace latent
