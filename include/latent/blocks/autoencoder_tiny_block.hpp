#pragma once

#include "latent/layers/conv2d.hpp"
#include "latent/layers/group_norm.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace latent {

/// What FLUX.2's tiny autoencoder puts in front of its lowest-resolution blocks, so that every
/// pixel sees the whole image (through the statistics of the group norm; there is no spatial
/// pooling):
///   y = x + conv2(relu(norm(conv1(x))))
///   x [N, channels, H, W]  ->  y of the same shape; inside, 4 channels for one, in 4 groups
/// Parity: the member `pool` of Block in the taesd project (use_midblock_gn).
template <class Device>
struct MidblockPool {
    static constexpr std::string_view class_name = "Sequential";

    std::string path;
    Conv2d<Device> conv1;
    GroupNorm<Device> norm;
    Conv2d<Device> conv2;

    MidblockPool(const Weights& w, std::int64_t channels)
        : path(w.path()),
          conv1(w[0], {.in_channels = channels,
                       .out_channels = 4 * channels,
                       .kernel_size = 1,
                       .padding = {},
                       .bias = false}),
          norm(w[1], {.num_groups = 4, .num_channels = 4 * channels}),
          conv2(w[3], {.in_channels = 4 * channels,
                       .out_channels = channels,
                       .kernel_size = 1,
                       .padding = {},
                       .bias = false}) {}

    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> forward(const Tensor<Device>& x,
                                         const Trace& trace = {}) const {
        const auto& in = enter(trace, *this, x);
        auto h = norm_activation(norm, conv1.forward(in, trace), Activation::relu, trace);
        auto y = conv_add_activation(conv2, h, &in, Activation::none, trace);
        // As a hook on torch's `pool` sees it: before x is added.
        if constexpr (is_traced<Trace>) trace(path, conv2.forward(h));
        return y;
    }
};

struct AutoencoderTinyBlockConfig {
    std::int64_t in_channels = 64;
    std::int64_t out_channels = 64;
    Activation act_fn = Activation::relu;
    bool use_midblock_gn = false; ///< TAEF2: a MidblockPool first
};

/// Three 3x3 convolutions and a skip connection:
///   y = relu(conv3(act(conv2(act(conv1(x))))) + skip(x))
///   x [N, in_channels, H, W]  ->  y [N, out_channels, H, W]
/// The skip is a 1x1 convolution without bias when the channel counts differ, else the
/// identity.
/// Parity: diffusers AutoencoderTinyBlock; the convolutions' keys are conv.0, conv.2 and
/// conv.4.
template <class Device>
struct AutoencoderTinyBlock {
    static constexpr std::string_view class_name = "AutoencoderTinyBlock";

    std::string path;
    Activation act_fn;
    Conv2d<Device> conv1, conv2, conv3;
    std::optional<Conv2d<Device>> skip;
    std::optional<MidblockPool<Device>> pool;

    AutoencoderTinyBlock(const Weights& w, const AutoencoderTinyBlockConfig& config)
        : path(w.path()),
          act_fn(config.act_fn),
          conv1(w["conv"][0], {config.in_channels, config.out_channels}),
          conv2(w["conv"][2], {config.out_channels, config.out_channels}),
          conv3(w["conv"][4], {config.out_channels, config.out_channels}) {
        if (config.in_channels != config.out_channels) {
            skip.emplace(w["skip"], Conv2dConfig{.in_channels = config.in_channels,
                                                 .out_channels = config.out_channels,
                                                 .kernel_size = 1,
                                                 .padding = {},
                                                 .bias = false});
        }
        if (config.use_midblock_gn) pool.emplace(w["pool"], config.in_channels);
    }

    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> forward(Tensor<Device> x, const Trace& trace = {}) const {
        const auto* in = &enter(trace, *this, x);
        if (pool) in = &(x = pool->forward(*in, trace));
        auto h = conv_activation(conv1, *in, act_fn, trace);
        h = conv_activation(conv2, h, act_fn, trace);
        if (skip) {
            x = skip->forward(*in, trace);
        } else if (in != &x) {
            x = in->clone(); // a trace's own
        }
        x = conv_onto(std::move(x), conv3, h, Activation::relu, trace);
        trace(path, x);
        return x;
    }
};

} // namespace latent
