#pragma once

#include "latent/blocks/downsample_2d.hpp"
#include "latent/blocks/resnet_sequence.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace latent {

struct DownEncoderBlock2DConfig {
    std::int64_t in_channels = 0;
    std::int64_t out_channels = 0;
    std::int64_t num_layers = 1;
    std::int64_t resnet_groups = 32;
    Activation resnet_act_fn = Activation::silu;
    bool add_downsample = true;
    std::int64_t downsample_padding = 1; ///< the autoencoder takes 0
    /// Channels of a head, of the Attention behind each resnet; 0 for no attention.
    std::int64_t attention_head_dim = 0;
};

/// One resolution of the encoder: resnets, each with an attention behind it or without, and
/// the way down to the next resolution.
///   x [N, in_channels, H, W]  ->  y [N, out_channels, H / 2, W / 2], of x's size without the
///   downsampling
/// Keys: resnets.N, attentions.N, downsamplers.0. Parity: diffusers DownEncoderBlock2D, and
/// AttnDownEncoderBlock2D.
template <class Device>
struct DownEncoderBlock2D {
    static constexpr std::string_view class_name = "DownEncoderBlock2D";

    std::string path;
    std::vector<ResnetBlock2D<Device>> resnets;
    std::vector<Attention<Device>> attentions; ///< none, or as many as resnets
    std::optional<Downsample2D<Device>> downsampler;

    DownEncoderBlock2D(const Weights& w, const DownEncoderBlock2DConfig& config)
        : path(w.path()) {
        add_resnets(w, config, resnets, attentions);
        if (config.add_downsample) {
            downsampler.emplace(w["downsamplers"][0],
                                Downsample2DConfig{config.out_channels, config.out_channels,
                                                   config.downsample_padding});
        }
    }

    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> forward(Tensor<Device> x, const Trace& trace = {}) const {
        (void)enter(trace, *this, x); // its layers say what they work on
        x = run_resnets(resnets, attentions, std::move(x), trace);
        if (downsampler) x = downsampler->forward(x, trace);
        trace(path, x);
        return x;
    }
};

} // namespace latent
