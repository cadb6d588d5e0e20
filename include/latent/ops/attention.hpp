#pragma once

#include "latent/ops/linear.hpp"
#include "latent/tensor/devices.hpp"
#include "latent/tensor/parallel.hpp"

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
/// Queries are columns throughout, so that no score is ever moved.
template <class S>
struct BlockedAttention {
    static constexpr std::int64_t queries = 2 * tile_columns; // of a block
    static constexpr std::int64_t keys = 256;

    const S *q, *k, *v;
    S* y;
    std::int64_t L, K, C, heads;
    S* packed; ///< of each image and head: keys, and values, as panels

    [[nodiscard]] std::int64_t D() const { return C / heads; }
    [[nodiscard]] std::int64_t blocks() const { return (L + queries - 1) / queries; }
    [[nodiscard]] std::int64_t value_panels() const {
        return (D() + panel_rows - 1) / panel_rows;
    }
    [[nodiscard]] std::int64_t padded_keys() const {
        return (K + panel_rows - 1) / panel_rows * panel_rows;
    }
    // A head's keys [K / 8][D][8]; its values, block by block of keys, [D / 8][keys][8].
    [[nodiscard]] std::int64_t keys_size() const { return padded_keys() * D(); }
    [[nodiscard]] std::int64_t packed_size() const {
        return keys_size() + value_panels() * panel_rows * K;
    }
    // A worker's memory: queries, their sums of values, scores, and three numbers for each.
    [[nodiscard]] std::int64_t scratch_size() const {
        return queries * (D() + value_panels() * panel_rows + keys + 3);
    }

    void pack(std::int64_t n, std::int64_t head) const {
        S* to = packed + (n * heads + head) * packed_size();
        pack_rows(k + n * K * C + head * D(), K, C, D(), to);
        to += keys_size();
        for (std::int64_t first = 0; first < K; first += keys) {
            const auto some = std::min(keys, K - first);
            const S* from = v + (n * K + first) * C + head * D();
            for (std::int64_t d = 0; d < value_panels() * panel_rows; ++d) {
                S* column = to + d / panel_rows * some * panel_rows + d % panel_rows;
                for (std::int64_t key = 0; key < some; ++key)
                    column[key * panel_rows] = d < D() ? from[key * C + d] : S{0};
            }
            to += value_panels() * panel_rows * some;
        }
    }

    /// One block of queries of one head.
    void run(const Kernels<S>& simd, std::int64_t n, std::int64_t head, std::int64_t block,
             S* scratch) const {
        const auto first = block * queries, count = std::min(queries, L - first);
        const auto scale = static_cast<S>(1 / std::sqrt(static_cast<double>(D())));
        S* in = scratch;
        S* out = in + D() * queries;
        S* scores = out + value_panels() * panel_rows * queries;
        S* largest = scores + keys * queries;
        S* total = largest + queries;
        S* shrink = total + queries;
        transpose_rows(q + (n * L + first) * C + head * D(), count, C, D(), in, queries);
        std::fill_n(largest, queries, std::numeric_limits<S>::lowest());
        std::fill_n(total, queries, S{0});
        const S* key_panels = packed + (n * heads + head) * packed_size();
        const S* values = key_panels + keys_size();
        for (std::int64_t key = 0; key < K; key += keys) {
            const auto some = std::min(keys, K - key);
            simd.multiply_panels(key_panels + key * D(), (some + panel_rows - 1) / panel_rows,
                                 in, queries, D(), scores, queries, queries, false);
            simd.softmax_block(scores, some, queries, scale, largest, total, shrink);
            if (key > 0) simd.scale_columns(out, D(), queries, shrink);
            simd.multiply_panels(values, value_panels(), scores, queries, some, out, queries,
                                 queries, key > 0);
            values += value_panels() * panel_rows * some;
        }
        for (std::int64_t row = 0; row < count; ++row) {
            S* to = y + (n * L + first + row) * C + head * D();
            for (std::int64_t d = 0; d < D(); ++d) to[d] = out[d * queries + row] / total[row];
        }
    }
};

} // namespace detail

/// Each query's mean of the values, weighted by how well its keys fit:
///   softmax(q k^T / sqrt(D)) v, head by head; a head is D = C / heads neighbouring channels.
///   q [N, L, C], k [N, S, C], v [N, S, C]  ->  y [N, L, C]
/// No L x S matrix is made: beside a copy of k and v, memory does not grow with L or S. The
/// result has the same bits for any number of threads. Throws Error for shapes that do not fit.
/// Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2; parity:
/// torch.nn.functional.scaled_dot_product_attention, with heads side by side.
template <class S>
[[nodiscard]] Tensor<Cpu<S>>
scaled_dot_product_attention(const Tensor<Cpu<S>>& q, const Tensor<Cpu<S>>& k,
                             const Tensor<Cpu<S>>& v, std::int64_t heads) {
    detail::check_attention(q, k, v, heads);
    Tensor<Cpu<S>> y(q.shape());
    detail::BlockedAttention<S> attention{q.data(), k.data(), v.data(), y.data(), q.dim(1),
                                          k.dim(1), q.dim(2), heads,    nullptr};
    const auto N = q.dim(0), blocks = attention.blocks(), items = N * heads * blocks;
    Scratch<S> packed(1, N * heads * attention.packed_size());
    attention.packed = packed.of(0);
    parallel_for(N * heads,
                 [&](std::int64_t item, int) { attention.pack(item / heads, item % heads); });
    const auto& simd = detail::kernels<S>();
    Scratch<S> scratch(worker_count(items), attention.scratch_size());
    parallel_for(items, [&](std::int64_t item, int worker) {
        attention.run(simd, item / (heads * blocks), item / blocks % heads, item % blocks,
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
