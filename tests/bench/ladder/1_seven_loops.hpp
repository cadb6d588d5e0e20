#pragma once

#include "layer.hpp"

/// Rung 1: seven loops, as the formula reads.
///   y[n, k, i, j] = sum_{c, u, v} weight[k, c, u, v] x[n, c, i + u - 1, j + v - 1]

namespace ladder {

[[nodiscard]] inline Image seven_loops(const Image& x, const Image& weight) {
    const auto [N, C, H, W] = nchw(x, "seven_loops");
    const auto K = weight.dim(0);
    Image y = output_of(x, weight);
    const auto in = view(x), factor = view(weight);
    const auto out = view(y);
    for (std::int64_t n = 0; n < N; ++n) {
        for (std::int64_t k = 0; k < K; ++k) {
            for (std::int64_t i = 0; i < H; ++i) {
                for (std::int64_t j = 0; j < W; ++j) {
                    float sum = 0;
                    for (std::int64_t c = 0; c < C; ++c) {
                        for (std::int64_t u = 0; u < 3; ++u) {
                            for (std::int64_t v = 0; v < 3; ++v) {
                                const auto row = i + u - 1, column = j + v - 1;
                                if (row < 0 || row >= H || column < 0 || column >= W) continue;
                                sum += factor(k, c, u, v) * in(n, c, row, column);
                            }
                        }
                    }
                    out(n, k, i, j) = sum;
                }
            }
        }
    }
    return y;
}

} // namespace ladder
