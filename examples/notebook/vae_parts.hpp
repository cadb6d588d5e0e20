#pragma once

#include "atten.hpp"
#include "pad.hpp"

#include <vector>

/// What the notebook's VAE repeats, from its Resnet, Atten and Pad.

namespace notebook {

/// conv_norm_out, SiLU and conv_out: the end of either side.
struct Out {
    GroupNorm norm;
    Conv2d conv;
    Out(const Weights& w, std::int64_t in, std::int64_t out)
        : norm(w[0], {.num_groups = 32, .num_channels = in, .eps = 1e-6}),
          conv(w[2], {in, out}) {}
    Image forward(const Image& x) const { return conv.forward(silu(norm.forward(x))); }
};

/// Resnets, and behind them Pad and Conv2d with stride 2, or Upsample and Conv2d, or nothing.
struct Level {
    std::vector<Resnet> res;
    std::optional<Conv2d> down, up;
    Level(const Weights& w, std::size_t count, std::int64_t in, std::int64_t out) {
        for (std::size_t i = 0; i < count; ++i) res.emplace_back(w[i], i == 0 ? in : out, out);
    }
    void add_down(const Weights& w) {
        const auto C = res.back().s3.config.num_channels;
        down.emplace(w, latent::Conv2dConfig{
                            .in_channels = C, .out_channels = C, .stride = 2, .padding = {}});
    }
    void add_up(const Weights& w) {
        const auto C = res.back().s3.config.num_channels;
        up.emplace(w, latent::Conv2dConfig{C, C});
    }

    Image forward(Image x) const {
        for (const auto& block : res) x = block.forward(x);
        if (down) x = down->forward(Pad().forward(x));
        // One step, so that the large image is not made: it is rounded less than two steps are.
        if (up) x = upsample_conv(2, *up, x, latent::NoTrace());
        return x;
    }
};

/// Resnet, Atten, Resnet.
struct Mid {
    Resnet res0, res2;
    Atten atten;
    explicit Mid(const Weights& w) : res0(w[0], 512, 512), res2(w[2], 512, 512), atten(w[1]) {}
    Image forward(const Image& x) const { return res2.forward(atten.forward(res0.forward(x))); }
};

} // namespace notebook
