#pragma once

#include "resnet.hpp"

/// The notebook's Atten, under its names: self-attention over the pixels of an image.

namespace notebook {

using Linear = latent::Linear<Device>;

struct Atten {
    GroupNorm norm;
    Linear q, k, v, out;

    explicit Atten(const Weights& w)
        : norm(w["norm"], {.num_groups = 32, .num_channels = 512, .eps = 1e-6}),
          q(w["q"], {512, 512}),
          k(w["k"], {512, 512}),
          v(w["v"], {512, 512}),
          out(w["out"], {512, 512}) {}

    /// x [N, 512, H, W] -> of the same shape
    Image forward(const Image& res) const {
        const auto N = res.dim(0), C = res.dim(1), H = res.dim(2), W = res.dim(3);
        auto x = norm.forward(res);
        // [1, 512, 64, 64] -> [1, 512, 4096] -> [1, 4096, 512]: a token for each pixel
        x = transpose(std::move(x).reshaped({N, C, H * W}));
        // softmax(q k^T / sqrt(512)) v. The notebook makes the matrix q k^T, [1, 4096, 4096];
        // here a block of it is looked at at a time.
        auto atten = scaled_dot_product_attention(q.forward(x), k.forward(x), v.forward(x), 1);
        atten = out.forward(atten);
        // [1, 4096, 512] -> [1, 512, 4096] -> [1, 512, 64, 64]
        atten = transpose(atten).reshaped({N, C, H, W});
        return add(std::move(atten), res);
    }
};

/// The weights of diffusers' block at `param` into the model. In old checkpoints they are named
/// query, key, value and proj_attn, and may be 1x1 convolutions: the library's reader gives
/// them today's names and shapes (io/autoencoder_kl_keys.hpp).
inline void load_atten(Atten& model, const Weights& param) {
    model.norm = GroupNorm(param["group_norm"], model.norm.config);
    model.q = Linear(param["to_q"], {512, 512});
    model.k = Linear(param["to_k"], {512, 512});
    model.v = Linear(param["to_v"], {512, 512});
    model.out = Linear(param["to_out"][0], {512, 512});
}

} // namespace notebook
