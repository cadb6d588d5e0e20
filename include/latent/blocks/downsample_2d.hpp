#pragma once

#include "latent/layers/conv2d.hpp"
#include "latent/ops/pad.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace latent {

/// A row of zeros below and a column of zeros on the right, which the convolution of a
/// Downsample2D with padding 0 looks at:
///   x [N, C, H, W]  ->  y [N, C, H + 1, W + 1]
/// Parity: torch.nn.functional.pad(x, (0, 1, 0, 1)).
struct Pad {
    static constexpr Padding padding{.left = 0, .right = 1, .top = 0, .bottom = 1};

    template <class Device>
    [[nodiscard]] Tensor<Device> forward(const Tensor<Device>& x) const {
        return pad(x, padding);
    }
};

struct Downsample2DConfig {
    std::int64_t channels = 0;
    std::int64_t out_channels = 0;
    std::int64_t padding = 1; ///< 0 in autoencoders: Pad in place of zeros all around
};

/// Half the size, by a 3x3 convolution with stride 2.
///   x [N, channels, H, W]  ->  y [N, out_channels, H', W']
/// With padding 1, H' = ceil(H / 2); with padding 0, where Pad comes first, floor(H / 2).
/// Key: conv. Parity: diffusers Downsample2D(use_conv=True).
template <class Device>
struct Downsample2D {
    static constexpr std::string_view class_name = "Downsample2D";

    std::string path;
    Conv2d<Device> conv;

    Downsample2D(const Weights& w, const Downsample2DConfig& config)
        : path(w.path()),
          conv(w["conv"],
               {.in_channels = config.channels,
                .out_channels = config.out_channels,
                .stride = 2,
                .padding = config.padding == 0 ? Pad::padding : Padding::all(config.padding)}) {
    }

    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> forward(const Tensor<Device>& x,
                                         const Trace& trace = {}) const {
        auto y = conv.forward(enter(trace, *this, x), trace);
        trace(path, y);
        return y;
    }
};

} // namespace latent
