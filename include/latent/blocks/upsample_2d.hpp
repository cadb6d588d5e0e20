#pragma once

#include "latent/layers/conv2d.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace latent {

struct Upsample2DConfig {
    std::int64_t channels = 0;
    std::int64_t out_channels = 0;
    bool use_conv = true;
};

/// Twice the size: each pixel becomes a square of four, and a 3x3 convolution smooths them.
///   x [N, channels, H, W]  ->  y [N, out_channels, 2 H, 2 W]
/// Key: conv. Parity: diffusers Upsample2D.
template <class Device>
struct Upsample2D {
    static constexpr std::string_view class_name = "Upsample2D";

    std::string path;
    std::optional<Conv2d<Device>> conv;

    Upsample2D(const Weights& w, const Upsample2DConfig& config) : path(w.path()) {
        if (config.use_conv) {
            conv.emplace(w["conv"], Conv2dConfig{.in_channels = config.channels,
                                                 .out_channels = config.out_channels,
                                                 .upsampled = true});
        }
    }

    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> forward(const Tensor<Device>& x,
                                         const Trace& trace = {}) const {
        const auto& in = enter(trace, *this, x);
        auto y = conv ? upsample_conv(2, *conv, in, trace) : upsample_nearest(in, 2);
        trace(path, y);
        return y;
    }
};

} // namespace latent
