#pragma once

#include "latent/layers/group_norm.hpp"
#include "latent/layers/linear.hpp"
#include "latent/ops/arithmetic.hpp"
#include "latent/ops/attention.hpp"
#include "latent/ops/concat.hpp"
#include "latent/ops/transpose.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace latent {

struct AttentionConfig {
    std::int64_t query_dim = 0; ///< channels of the image
    std::int64_t heads = 1;
    std::int64_t norm_num_groups = 32;
    double eps = 1e-6;
};

/// Self-attention over the pixels of an image, plus a skip connection:
///   t = tokens of norm(x);  y = x + image of to_out(attention(to_q(t), to_k(t), to_v(t)))
///   x [N, query_dim, H, W]  ->  y of the same shape; tokens are [N, H W, query_dim]
/// Every pixel looks at every other one, without a matrix of all pairs (ops/attention.hpp).
/// Source: Vaswani et al. 2017, arXiv:1706.03762; parity: diffusers Attention with
/// residual_connection, as the autoencoder's blocks make it.
template <class Device>
struct Attention {
    static constexpr std::string_view class_name = "Attention";

    std::string path;
    std::int64_t heads;
    GroupNorm<Device> group_norm;
    Linear<Device> to_q, to_k, to_v, to_out;
    std::optional<Linear<Device>> to_qkv; ///< all three in one; see fuse_projections

    Attention(const Weights& w, const AttentionConfig& config)
        : path(w.path()),
          heads(config.heads),
          group_norm(w["group_norm"], {config.norm_num_groups, config.query_dim, config.eps}),
          to_q(w["to_q"], {config.query_dim, config.query_dim}),
          to_k(w["to_k"], {config.query_dim, config.query_dim}),
          to_v(w["to_v"], {config.query_dim, config.query_dim}),
          to_out(w["to_out"][0], {config.query_dim, config.query_dim}) {
        if (heads < 1 || config.query_dim % heads != 0) {
            fail(path,
                 std::to_string(heads) + " heads for " + std::to_string(config.query_dim) +
                     " channels",
                 "a number of heads that divides the channels");
        }
    }

    /// One product with weights [3 query_dim, query_dim] in place of three, until it is undone.
    /// Parity: fuse_qkv_projections and unfuse_qkv_projections.
    void fuse_projections() {
        to_qkv.emplace(path + ".to_qkv", cat(cat(to_q.weight, to_k.weight, 0), to_v.weight, 0),
                       cat(cat(to_q.bias, to_k.bias, 0), to_v.bias, 0));
    }
    void unfuse_projections() { to_qkv.reset(); }

    template <Observer<Device> Trace = NoTrace>
    [[nodiscard]] Tensor<Device> forward(const Tensor<Device>& x,
                                         const Trace& trace = {}) const {
        const auto& in = enter(trace, *this, x);
        const auto [N, C, H, W] = nchw(in, path);
        // As torch's hooks see them, with the pixels in one axis.
        auto h = group_norm.forward(enter(trace, group_norm, in)).reshaped({N, C, H * W});
        trace(group_norm.path, h);
        h = to_out.forward(attend(transpose(h), trace), trace);
        auto y = add(transpose(h).reshaped({N, C, H, W}), in);
        trace(path, y);
        return y;
    }

private:
    template <class Trace>
    [[nodiscard]] Tensor<Device> attend(const Tensor<Device>& tokens,
                                        const Trace& trace) const {
        if (to_qkv) {
            const auto parts = chunk(to_qkv->forward(tokens, trace), 3, 2);
            return scaled_dot_product_attention(parts[0], parts[1], parts[2], heads);
        }
        const auto q = to_q.forward(tokens, trace);
        const auto k = to_k.forward(tokens, trace);
        const auto v = to_v.forward(tokens, trace);
        return scaled_dot_product_attention(q, k, v, heads);
    }
};

} // namespace latent
