#pragma once

#include "latent/blocks/resnet_sequence.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace latent {

struct UNetMidBlock2DConfig {
    std::int64_t in_channels = 0;
    std::int64_t temb_channels = 0;
    std::int64_t num_layers = 1;
    std::int64_t resnet_groups = 32;
    Activation resnet_act_fn = Activation::silu;
    bool add_attention = true;
    /// Channels of a head. The autoencoder takes all in_channels: a single head.
    std::int64_t attention_head_dim = 1;
};

/// The lowest resolution of an autoencoder: a resnet, then pairs of an attention and a resnet.
///   x [N, in_channels, H, W]  ->  y of the same shape
/// Keys: resnets.N, attentions.N. Parity: diffusers UNetMidBlock2D.
template <class Device>
struct UNetMidBlock2D {
    static constexpr std::string_view class_name = "UNetMidBlock2D";

    std::string path;
    std::vector<ResnetBlock2D<Device>> resnets;
    std::vector<Attention<Device>> attentions; ///< none, or one fewer than resnets

    UNetMidBlock2D(const Weights& w, const UNetMidBlock2DConfig& config) : path(w.path()) {
        require_layers(path, config.num_layers, 0);
        const auto channels = config.in_channels;
        for (std::int64_t i = 0; i <= config.num_layers; ++i) {
            if (i > 0 && config.add_attention) {
                attentions.emplace_back(
                    w["attentions"][static_cast<std::size_t>(i - 1)],
                    AttentionConfig{.query_dim = channels,
                                    .heads =
                                        heads_of(path, channels, config.attention_head_dim),
                                    .norm_num_groups = config.resnet_groups});
            }
            resnets.emplace_back(w["resnets"][static_cast<std::size_t>(i)],
                                 ResnetBlock2DConfig{.in_channels = channels,
                                                     .out_channels = channels,
                                                     .groups = config.resnet_groups,
                                                     .act_fn = config.resnet_act_fn,
                                                     .temb_channels = config.temb_channels});
        }
    }

    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> forward(Tensor<Device> x, const Trace& trace = {}) const {
        return run(std::move(x), trace,
                   [&](const ResnetBlock2D<Device>& resnet, Tensor<Device> h) {
                       return resnet.forward(std::move(h), trace);
                   });
    }

    /// With a time embedding [N, temb_channels].
    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> forward(Tensor<Device> x, const Tensor<Device>& temb,
                                         const Trace& trace = {}) const {
        return run(std::move(x), trace,
                   [&](const ResnetBlock2D<Device>& resnet, Tensor<Device> h) {
                       return resnet.forward(std::move(h), temb, trace);
                   });
    }

private:
    template <class Trace, class Step>
    [[nodiscard]] Tensor<Device> run(Tensor<Device> x, const Trace& trace,
                                     const Step& step) const {
        (void)enter(trace, *this, x); // its layers say what they work on
        x = step(resnets.front(), std::move(x));
        for (std::size_t i = 1; i < resnets.size(); ++i) {
            if (!attentions.empty()) x = attentions[i - 1].forward(x, trace);
            x = step(resnets[i], std::move(x));
        }
        trace(path, x);
        return x;
    }
};

} // namespace latent
