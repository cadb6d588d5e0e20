#pragma once

#include "latent/blocks/resnet_sequence.hpp"
#include "latent/blocks/upsample_2d.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace latent {

struct UpDecoderBlock2DConfig {
    std::int64_t in_channels = 0;
    std::int64_t out_channels = 0;
    std::int64_t num_layers = 1;
    std::int64_t resnet_groups = 32;
    Activation resnet_act_fn = Activation::silu;
    bool add_upsample = true;
    /// Channels of a head, of the Attention behind each resnet; 0 for no attention.
    std::int64_t attention_head_dim = 0;
};

/// One resolution of the decoder: resnets, each with an attention behind it or without, and
/// the way up to the next resolution.
///   x [N, in_channels, H, W]  ->  y [N, out_channels, 2 H, 2 W], of x's size without the
///   upsampling
/// Keys: resnets.N, attentions.N, upsamplers.0. Parity: diffusers UpDecoderBlock2D, and
/// AttnUpDecoderBlock2D.
template <class Device>
struct UpDecoderBlock2D {
    static constexpr std::string_view class_name = "UpDecoderBlock2D";

    std::string path;
    std::vector<ResnetBlock2D<Device>> resnets;
    std::vector<Attention<Device>> attentions; ///< none, or as many as resnets
    std::optional<Upsample2D<Device>> upsampler;

    UpDecoderBlock2D(const Weights& w, const UpDecoderBlock2DConfig& config) : path(w.path()) {
        add_resnets(w, config, resnets, attentions);
        if (config.add_upsample) {
            upsampler.emplace(w["upsamplers"][0],
                              Upsample2DConfig{config.out_channels, config.out_channels});
        }
    }

    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> forward(Tensor<Device> x, const Trace& trace = {}) const {
        (void)enter(trace, *this, x); // its layers say what they work on
        x = run_resnets(resnets, attentions, std::move(x), trace);
        if (upsampler) x = upsampler->forward(x, trace);
        trace(path, x);
        return x;
    }
};

} // namespace latent
