#pragma once

#include "latent/ops/activation.hpp"
#include "latent/tensor/devices.hpp"
#include "latent/tensor/parallel.hpp"

#include <Eigen/Core>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace latent {

namespace detail {

/// Throws Error for shapes that do not fit; the result's shape is that of q.
template <class Device>
void check_attention(const Tensor<Device>& q, const Tensor<Device>& k, const Tensor<Device>& v,
                     std::int64_t heads) {
    const auto &a = q.shape(), &b = k.shape();
    if (a.rank() != 3 || b.rank() != 3 || a[0] != b[0] || a[2] != b[2] || v.shape() != b ||
        b[1] < 1) {
        fail("scaled_dot_product_attention",
             to_string(a) + ", " + to_string(b) + " and " + to_string(v.shape()),
             "q [N, L, C], k [N, S, C] and v [N, S, C]");
    }
    if (heads < 1 || a[2] % heads != 0 || a[2] == 0) {
        fail("scaled_dot_product_attention",
             std::to_string(a[2]) + " channels in " + std::to_string(heads) + " heads",
             "a number of channels divisible by the number of heads");
    }
}

} // namespace detail

namespace reference {

/// The definition, for each image and head, D = C / heads:
///   score[l, s] = sum_d q[l, d] k[s, d] / sqrt(D)
///   y[l] = sum_s exp(score[l, s]) v[s] / sum_s exp(score[l, s])
template <class S>
[[nodiscard]] Tensor<Cpu<S>>
scaled_dot_product_attention(const Tensor<Cpu<S>>& q, const Tensor<Cpu<S>>& k,
                             const Tensor<Cpu<S>>& v, std::int64_t heads) {
    detail::check_attention(q, k, v, heads);
    const auto N = q.dim(0), L = q.dim(1), C = q.dim(2), keys = k.dim(1), D = C / heads;
    Tensor<Cpu<S>> y(q.shape());
    const auto at = [&](const Tensor<Cpu<S>>& x, std::int64_t n, std::int64_t row,
                        std::int64_t c) {
        return static_cast<double>(x.data()[(n * x.dim(1) + row) * C + c]);
    };
    std::vector<double> weights(static_cast<std::size_t>(keys));
    for (std::int64_t item = 0; item < N * heads * L; ++item) {
        const auto n = item / (heads * L), first = item / L % heads * D, l = item % L;
        for (std::size_t s = 0; s < weights.size(); ++s) {
            const auto row = static_cast<std::int64_t>(s);
            weights[s] = 0;
            for (std::int64_t c = first; c < first + D; ++c)
                weights[s] += at(q, n, l, c) * at(k, n, row, c);
            weights[s] /= std::sqrt(static_cast<double>(D));
        }
        const auto largest = std::ranges::max(weights);
        double total = 0;
        for (auto& weight : weights) total += weight = std::exp(weight - largest);
        for (std::int64_t c = first; c < first + D; ++c) {
            double sum = 0;
            for (std::int64_t row = 0; row < keys; ++row)
                sum += weights[static_cast<std::size_t>(row)] * at(v, n, row, c);
            y.data()[(n * L + l) * C + c] = static_cast<S>(sum / total);
        }
    }
    return y;
}

} // namespace reference

namespace detail {

/// Attention without its matrix of L x S scores: the keys come in blocks, and of what was seen
/// so far each query remembers the largest score, the sum of the exponentials, and the sum of
/// the values under them. A larger score scales both sums down. (Milakov and Gimelshein 2018,
/// arXiv:1805.02867; Rabe and Staats 2021, arXiv:2112.05682.)
template <class S>
struct BlockedAttention {
    using Matrix = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    using Rows = Eigen::Map<const Matrix, 0, Eigen::OuterStride<>>;
    using Block = Eigen::Map<Matrix>;
    static constexpr std::int64_t queries = 64; // of a block
    static constexpr std::int64_t keys = 128;
    static constexpr std::int64_t chain = 128; // rounding errors grow with a sum's length

    const S *q, *k, *v;
    S* y;
    std::int64_t L, K, C, heads;

    [[nodiscard]] std::int64_t head_dim() const { return C / heads; }
    [[nodiscard]] std::int64_t blocks() const { return (L + queries - 1) / queries; }
    // A worker's memory: the scores of a block, and a maximum and a sum for each query.
    [[nodiscard]] static std::int64_t scratch_size() { return queries * (keys + 2); }

    /// scores = in keys^T, in short chains of additions.
    void multiply(const Rows& in, const Rows& some, Block& scores) const {
        scores.setZero();
        for (std::int64_t c = 0; c < head_dim(); c += chain) {
            const auto depth = std::min(chain, head_dim() - c);
            scores.noalias() += in.middleCols(c, depth) * some.middleCols(c, depth).transpose();
        }
    }

    /// One block of queries of one head.
    void run(std::int64_t n, std::int64_t head, std::int64_t block, S* scratch) const {
        const auto D = head_dim();
        const auto first = block * queries, count = std::min(queries, L - first);
        const auto scale = static_cast<S>(1 / std::sqrt(static_cast<double>(D)));
        const auto rows_of = [&](const S* x, std::int64_t length, std::int64_t row,
                                 std::int64_t rows) {
            return Rows(x + (n * length + row) * C + head * D, rows, D,
                        Eigen::OuterStride<>(C));
        };
        const auto in = rows_of(q, L, first, count);
        S* largest = scratch + queries * keys;
        S* total = largest + queries;
        std::fill_n(largest, count, -std::numeric_limits<S>::infinity());
        std::fill_n(total, count, S{0});
        Eigen::Map<Matrix, 0, Eigen::OuterStride<>> out(y + (n * L + first) * C + head * D,
                                                        count, D, Eigen::OuterStride<>(C));
        out.setZero();
        for (std::int64_t key = 0; key < K; key += keys) {
            const auto some = std::min(keys, K - key);
            Block scores(scratch, count, some);
            multiply(in, rows_of(k, K, key, some), scores);
            for (std::int64_t l = 0; l < count; ++l) {
                auto row = as_array(scratch + l * some, some);
                const auto before = largest[l];
                largest[l] = std::max(before, row.maxCoeff());
                // Zero, or NaN where a score is not finite: Eigen's exp would hide that.
                const auto broken = (row * S{0}).sum();
                row = ((row - largest[l]) * scale).exp();
                const auto shrink = std::exp((before - largest[l]) * scale);
                total[l] = total[l] * shrink + row.sum() + broken;
                out.row(l) *= shrink;
            }
            out.noalias() += scores * rows_of(v, K, key, some);
        }
        for (std::int64_t l = 0; l < count; ++l) out.row(l) /= total[l];
    }
};

} // namespace detail

/// Each query's mean of the values, weighted by how well its keys fit:
///   softmax(q k^T / sqrt(D)) v, head by head; a head is D = C / heads neighbouring channels.
///   q [N, L, C], k [N, S, C], v [N, S, C]  ->  y [N, L, C]
/// Extra memory does not grow with L or S; no L x S matrix is made. The result has the same
/// bits for any number of threads. Throws Error for shapes that do not fit.
/// Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2; parity:
/// torch.nn.functional.scaled_dot_product_attention, with heads side by side.
template <class S>
[[nodiscard]] Tensor<Cpu<S>>
scaled_dot_product_attention(const Tensor<Cpu<S>>& q, const Tensor<Cpu<S>>& k,
                             const Tensor<Cpu<S>>& v, std::int64_t heads) {
    detail::check_attention(q, k, v, heads);
    Tensor<Cpu<S>> y(q.shape());
    const detail::BlockedAttention<S> attention{q.data(), k.data(), v.data(), y.data(),
                                                q.dim(1), k.dim(1), q.dim(2), heads};
    const auto blocks = attention.blocks(), items = q.dim(0) * heads * blocks;
    Scratch<S> scratch(worker_count(items), attention.scratch_size());
    parallel_for(items, [&](std::int64_t item, int worker) {
        attention.run(item / (heads * blocks), item / blocks % heads, item % blocks,
                      scratch.of(worker));
    });
    return y;
}
[[nodiscard]] inline Tensor<Meta> scaled_dot_product_attention(const Tensor<Meta>& q,
                                                               const Tensor<Meta>& k,
                                                               const Tensor<Meta>& v,
                                                               std::int64_t heads) {
    detail::check_attention(q, k, v, heads);
    if (auto* run = Workspace::current()) {
        run->report().multiply_adds += 2 * q.numel() * k.dim(1);
    }
    return Tensor<Meta>(q.shape());
}

} // namespace latent
