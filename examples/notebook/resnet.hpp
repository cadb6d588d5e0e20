#pragma once

#include <latent/latent.hpp>

#include <iostream>
#include <memory>
#include <optional>
#include <utility>

/// The notebook's Resnet, under its names. What a Sequential numbers is a member with that
/// number: s0 is s[0]; an activation has no parameters, so s1 and s4 are missing.

namespace notebook {

using Device = latent::Cpu<float>;
using Image = latent::Tensor<Device>; // [N, C, H, W]; after flatten(2): [N, tokens, C]
using Conv2d = latent::Conv2d<Device>;
using GroupNorm = latent::GroupNorm<Device>;
using latent::Weights;

struct Resnet {
    GroupNorm s0;
    Conv2d s2;
    GroupNorm s3;
    Conv2d s5;
    std::optional<Conv2d> res;

    /// Each layer draws its first weights, as torch's do.
    Resnet(const Weights& w, std::int64_t dim_in, std::int64_t dim_out)
        : s0(w["s"][0], {.num_groups = 32, .num_channels = dim_in, .eps = 1e-6}),
          s2(w["s"][2], {dim_in, dim_out}), // 3x3, padding 1
          s3(w["s"][3], {.num_groups = 32, .num_channels = dim_out, .eps = 1e-6}),
          s5(w["s"][5], {dim_out, dim_out}) {
        if (dim_in != dim_out) res.emplace(w["res"], conv1x1(dim_in, dim_out));
    }

    static latent::Conv2dConfig conv1x1(std::int64_t dim_in, std::int64_t dim_out) {
        return {
            .in_channels = dim_in, .out_channels = dim_out, .kernel_size = 1, .padding = {}};
    }

    /// x [N, dim_in, H, W] -> [N, dim_out, H, W]
    Image forward(const Image& x) const {
        auto s = s2.forward(silu(s0.forward(x)));
        s = s5.forward(silu(s3.forward(s)));
        return res ? add(std::move(s), res->forward(x)) : add(std::move(s), x);
    }
};

/// The weights of diffusers' block at `param` into the model. There a layer is loaded where a
/// dictionary is copied; here it is made anew from its place in the checkpoint.
inline void load_res(Resnet& model, const Weights& param) {
    const auto dim_in = model.s0.config.num_channels, dim_out = model.s3.config.num_channels;
    model.s0 = GroupNorm(param["norm1"], model.s0.config);
    model.s2 = Conv2d(param["conv1"], {dim_in, dim_out});
    model.s3 = GroupNorm(param["norm2"], model.s3.config);
    model.s5 = Conv2d(param["conv2"], {dim_out, dim_out});
    if (model.res) {
        model.res.emplace(param["conv_shortcut"], Resnet::conv1x1(dim_in, dim_out));
    }
}

/// (a == b).all(), as torch prints it.
inline bool show_all_equal(const Image& a, const Image& b) {
    const bool equal = std::ranges::equal(a.values(), b.values());
    std::cout << "tensor(" << (equal ? "True" : "False") << ")\n";
    return equal;
}

inline void show_size(const Image& x) {
    std::cout << "torch.Size(" << to_string(x.shape()) << ")\n";
}

} // namespace notebook
